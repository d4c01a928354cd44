#include "local_fixture.h"

#include "base/buf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_ID "test-key"
#define SECRET "test-secret"

static void turn(void *ctx)
{
    local_turn(((fixture_t *)ctx)->local, 2);
}

void fixture_connect(fixture_t *f, raw_client_t *client)
{
    raw_open(client, local_url(f->local), turn, f);
}

int fixture_setup_with(void **state, local_options_t options)
{
    fixture_t *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    *state = f;
    sl_clock_manual_init(&f->clock, 1000000000, (uint64_t)TEST_DATE_S * 1000000000);
    options.listen = "127.0.0.1:0";
    options.account = "123456789012";
    options.region = "cn-hangzhou";
    options.key_id = KEY_ID;
    options.key_secret = SECRET;
    if (options.memory_bytes == 0)
        options.memory_bytes = 64 << 20;
    options.clock = &f->clock.clock;
    f->options = options;
    char sentence[LOCAL_SENTENCE_MAX];
    if (local_create(&f->local, &options, sentence) != SL_OK)
        return -1;
    fixture_connect(f, &f->client);
    return 0;
}

int fixture_setup(void **state)
{
    return fixture_setup_with(state, (local_options_t){.listen = NULL});
}

int fixture_teardown(void **state)
{
    fixture_t *f = *state;
    raw_close(&f->client);
    local_destroy(&f->local);
    free(f);
    return 0;
}

void fixture_restart(fixture_t *f)
{
    char sentence[LOCAL_SENTENCE_MAX];
    const raw_client_t before = f->client;
    raw_close(&f->client);
    local_destroy(&f->local);
    if (local_create(&f->local, &f->options, sentence) != SL_OK)
        fail_msg("%s", sentence);
    raw_open(&f->client, local_url(f->local), before.turn, before.ctx);
}

void fixture_pass_ms(fixture_t *f, uint64_t ms)
{
    sl_clock_manual_advance(&f->clock, ms * 1000000);
}

/* -- asking -------------------------------------------------------------------------------- */

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/* The date that is signed: x-mns-date if it is among the headers. */
static void put_date(sl_buf_t *out, const asking_t *a)
{
    const char *date = strstr(or_else(a->mns_headers, ""), "x-mns-date:");
    if (date == NULL)
        sl_buf_append_str(out, or_else(a->date, TEST_DATE));
    else
        sl_buf_append(out, date + 11, strcspn(date + 11, "\n"));
}

/* The x-mns- headers as they are signed: the version takes its place among the others. */
static void put_signed(sl_buf_t *out, const asking_t *a)
{
    const char *version = or_else(a->version, "2015-06-06");
    bool due = version[0] != '\0';
    for (const char *line = or_else(a->mns_headers, ""); *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        if (due && strncmp(line, "x-mns-version", len) > 0) {
            sl_buf_printf(out, "x-mns-version:%s\n", version);
            due = false;
        }
        sl_buf_append(out, line, len);
        line += len;
    }
    if (due)
        sl_buf_printf(out, "x-mns-version:%s\n", version);
}

static void sign(const asking_t *a, char signature[29])
{
    sl_buf_t text = SL_BUF_INIT;
    unsigned char mac[20];
    const char *secret = or_else(a->secret, SECRET);
    sl_buf_printf(&text, "%s\n%s\n%s\n", a->verb, or_else(a->content_md5, ""),
                  or_else(a->content_type, ""));
    put_date(&text, a);
    sl_buf_append_byte(&text, '\n');
    put_signed(&text, a);
    sl_buf_append_str(&text, or_else(a->signed_target, a->target));
    HMAC(EVP_sha1(), secret, (int)strlen(secret), text.data, text.len, mac, NULL);
    EVP_EncodeBlock((unsigned char *)signature, mac, sizeof mac);
    sl_buf_fini(&text);
}

static void put_header(sl_buf_t *out, const char *name, const char *value)
{
    if (value[0] != '\0')
        sl_buf_printf(out, "%s: %s\r\n", name, value);
}

static void put_body(sl_buf_t *out, const asking_t *a)
{
    size_t len = strlen(a->body);
    if (!a->chunked) {
        sl_buf_printf(out, "Content-Length: %zu\r\n\r\n%s", len, a->body);
        return;
    }
    size_t half = len / 2;
    sl_buf_printf(out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n%zx\r\n%s\r\n0\r\n\r\n",
                  half, (int)half, a->body, len - half, a->body + half);
}

static void put_mns_headers(sl_buf_t *out, const char *lines)
{
    for (const char *line = lines; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        sl_buf_append(out, line, len);
        sl_buf_append_str(out, "\r\n");
        line += len + (line[len] == '\n');
    }
}

void ask_raw(raw_client_t *client, const asking_t *a)
{
    char signature[29];
    sl_buf_t out = SL_BUF_INIT;
    sign(a, signature);
    sl_buf_printf(&out, "%s %s HTTP/1.1\r\nHost: mns.test:8700\r\n", a->verb, a->target);
    if (a->key_id == NULL || a->key_id[0] != '\0')
        sl_buf_printf(&out, "Authorization: MNS %s:%s\r\n", or_else(a->key_id, KEY_ID), signature);
    put_header(&out, "Date", or_else(a->date, TEST_DATE));
    put_header(&out, "X-Mns-Version", or_else(a->version, "2015-06-06"));
    put_header(&out, "Content-Type", or_else(a->content_type, ""));
    put_header(&out, "Content-MD5", or_else(a->content_md5, ""));
    put_mns_headers(&out, or_else(a->mns_headers, ""));
    sl_buf_append_str(&out, or_else(a->headers, ""));
    if (a->body != NULL)
        put_body(&out, a);
    else
        sl_buf_append_str(&out, "\r\n");
    assert_false(out.failed);
    raw_send(client, out.data, out.len);
    sl_buf_fini(&out);
}

raw_reply_t ask(fixture_t *f, const asking_t *asking)
{
    ask_raw(&f->client, asking);
    return raw_hear(&f->client);
}

raw_reply_t call(fixture_t *f, const char *verb, const char *target, const char *body)
{
    return ask(f, &(asking_t){.verb = verb, .target = target, .body = body});
}

raw_reply_t ask_page(fixture_t *f, const char *verb, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\n\r\n", verb, path);
    raw_say(&f->client, text);
    return raw_hear(&f->client);
}

/* -- answers ------------------------------------------------------------------------------- */

static const char *kept(const char *text, size_t len)
{
    static char ring[8][4096];
    static size_t at;
    at = (at + 1) % 8;
    snprintf(ring[at], sizeof ring[at], "%.*s", (int)len, text);
    return ring[at];
}

static const char *find_open(const char *from, const char *name)
{
    char open[64];
    snprintf(open, sizeof open, "<%s>", name);
    const char *found = strstr(from, open);
    return found != NULL ? found + strlen(open) : NULL;
}

const char *element(raw_reply_t reply, const char *name, size_t n)
{
    char close[64];
    snprintf(close, sizeof close, "</%s>", name);
    const char *at = find_open(reply.body, name);
    while (at != NULL && n-- > 0)
        at = find_open(at, name);
    const char *end = at != NULL ? strstr(at, close) : NULL;
    return end != NULL ? kept(at, (size_t)(end - at)) : "";
}

size_t count_elements(raw_reply_t reply, const char *name)
{
    size_t count = 0;
    for (const char *at = reply.body; (at = find_open(at, name)) != NULL;)
        count++;
    return count;
}

const char *header(raw_reply_t reply, const char *name)
{
    char start[64];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *at = strcasestr(reply.head, start);
    if (at == NULL)
        return "";
    at += strlen(start);
    return kept(at, strcspn(at, "\r"));
}

void assert_error(raw_reply_t reply, int status, const char *code)
{
    assert_string_equal(element(reply, "Code", 0), code);
    assert_int_equal(reply.status, status);
    assert_non_null(strstr(reply.body, "<Error xmlns=\"http://mns.aliyuncs.com/doc/v1\">"));
    assert_string_not_equal(element(reply, "Message", 0), "");
    assert_string_equal(element(reply, "RequestId", 0), header(reply, "x-mns-request-id"));
    assert_int_equal(strlen(element(reply, "RequestId", 0)), 24);
    assert_string_equal(element(reply, "HostId", 0),
                        "http://123456789012.mns.cn-hangzhou.aliyuncs.com");
    assert_string_equal(header(reply, "Content-Type"), "text/xml;charset=utf-8");
}

uint64_t counted(fixture_t *f, const char *metric)
{
    char line[128];
    raw_say(&f->client, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_reply_t reply = raw_hear(&f->client);
    snprintf(line, sizeof line, "\nsluice_%s ", metric);
    const char *at = strstr(reply.body, line);
    assert_non_null(at);
    return strtoull(at + strlen(line), NULL, 10);
}
