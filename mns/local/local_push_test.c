/* Pushes over real HTTP to a little receiver in the same thread; time is the test's. */
#include "local_fixture.h"
#include "mns/push.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

enum { HEADERS_MAX = 32, PARKED_MAX = 128 };

/* -- the receiver -------------------------------------------------------------------------- */

/* A request as it came. */
typedef struct pushed {
    char *method, *target, *body;
    size_t body_len;
    char *names[HEADERS_MAX], *values[HEADERS_MAX];
    size_t header_count;
} pushed_t;

typedef struct world {
    fixture_t *f;
    http_server_t *receiver;
    const char *url;
    pushed_t *got;
    size_t count, cap;
    unsigned failing; /* so many more at /flaky get 503 */
    http_request_t *parked[PARKED_MAX];
    size_t parked_count, gone;
} world_t;

static void keep_header(void *ctx, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    pushed_t *p = ctx;
    assert_true(p->header_count < HEADERS_MAX);
    p->names[p->header_count] = strndup(name, name_len);
    p->values[p->header_count++] = strndup(value, value_len);
}

static void keep(world_t *w, http_request_t *request)
{
    if (w->count == w->cap) {
        w->cap = w->cap * 2 + 16;
        w->got = realloc(w->got, w->cap * sizeof *w->got);
        assert_non_null(w->got);
    }
    pushed_t *p = &w->got[w->count++];
    *p = (pushed_t){.method = strdup(http_request_method(request)),
                    .target = strdup(http_request_target(request))};
    const char *body = (const char *)http_request_body(request, &p->body_len);
    p->body = strndup(body, p->body_len);
    http_request_headers(request, keep_header, p);
}

static bool is(const http_request_t *request, const char *path)
{
    return strncmp(http_request_target(request), path, strlen(path)) == 0;
}

/* What is answered is told by the path. */
static void on_request(void *ctx, http_request_t *request)
{
    world_t *w = ctx;
    char location[128];
    snprintf(location, sizeof location, "%s/redirected", w->url);
    const http_header_t headers[] = {{"Location", location}};
    http_reply_t reply = {.status = 204};
    keep(w, request);
    if (is(request, "/hang")) {
        assert_true(w->parked_count < PARKED_MAX);
        w->parked[w->parked_count++] = request;
        return;
    }
    if (is(request, "/reset")) {
        http_request_break(request, NULL);
        return;
    }
    if (is(request, "/status/"))
        reply.status = (unsigned)atoi(http_request_target(request) + strlen("/status/"));
    if (is(request, "/flaky") && w->failing > 0) {
        w->failing--;
        reply.status = 503;
    }
    if (reply.status >= 300 && reply.status < 400) {
        reply.headers = headers;
        reply.header_count = 1;
    }
    http_request_reply(request, &reply);
}

static void on_gone(void *ctx, http_request_t *request)
{
    world_t *w = ctx;
    for (size_t i = 0; i < w->parked_count; i++)
        if (w->parked[i] == request) {
            w->parked[i] = w->parked[--w->parked_count];
            w->gone++;
            return;
        }
}

static void forget(world_t *w)
{
    for (size_t i = 0; i < w->count; i++) {
        pushed_t *p = &w->got[i];
        for (size_t h = 0; h < p->header_count; h++) {
            free(p->names[h]);
            free(p->values[h]);
        }
        free(p->method);
        free(p->target);
        free(p->body);
    }
    w->count = 0;
}

static const char *got_header(const pushed_t *p, const char *name)
{
    const char *found = "";
    for (size_t i = 0; i < p->header_count; i++)
        if (strcasecmp(p->names[i], name) == 0) {
            assert_string_equal(found, ""); /* once */
            found = p->values[i];
        }
    return found;
}

/* How many came to a path that begins so. */
static size_t came(const world_t *w, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += strncmp(w->got[i].target, path, strlen(path)) == 0;
    return n;
}

/* -- the world ----------------------------------------------------------------------------- */

static void turn(void *ctx)
{
    world_t *w = ctx;
    local_turn(w->f->local, 1);
    http_server_run(w->receiver, 0);
}

static char key_file[] = "/tmp/sluice-push-test-XXXXXX";

/* One key for all tests, and a small one: making them takes long. */
static int make_key(void **state)
{
    (void)state;
    int fd = mkstemp(key_file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    EVP_PKEY *pkey = EVP_RSA_gen(1024);
    bool good = file != NULL && pkey != NULL &&
                PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(pkey);
    return file != NULL && fclose(file) == 0 && good ? 0 : -1;
}

static int remove_key(void **state)
{
    (void)state;
    return unlink(key_file);
}

static int setup_with(void **state, local_options_t options)
{
    world_t *w = calloc(1, sizeof *w);
    void *fixture;
    options.push_key = key_file;
    if (w == NULL || fixture_setup_with(&fixture, options) != 0)
        return -1;
    *state = w;
    w->f = fixture;
    http_server_options_t receiver = {.listen = "127.0.0.1:0",
                                      .on_request = on_request,
                                      .on_gone = on_gone,
                                      .ctx = w,
                                      .max_body = 1 << 20};
    if (http_server_create(&w->receiver, &receiver) != SL_OK)
        return -1;
    w->url = http_server_url(w->receiver);
    w->f->client.turn = turn;
    w->f->client.ctx = w;
    return call(w->f, "PUT", "/topics/t", NULL).status == 201 ? 0 : -1;
}

static int setup(void **state)
{
    return setup_with(state, (local_options_t){.time_scale = 1});
}

static int setup_fast(void **state)
{
    return setup_with(state, (local_options_t){.time_scale = 1000});
}

static int setup_impatient(void **state)
{
    return setup_with(state, (local_options_t){.push_answer_ms = 50, .push_connections = 4});
}

static int setup_narrow(void **state)
{
    return setup_with(state, (local_options_t){.push_connections = 4});
}

static int setup_small(void **state)
{
    return setup_with(state, (local_options_t){.memory_bytes = 100000});
}

static int setup_named(void **state)
{
    return setup_with(state, (local_options_t){.cert_url = "https://example.com/certificate.pem"});
}

static int teardown(void **state)
{
    world_t *w = *state;
    void *fixture = w->f;
    forget(w);
    free(w->got);
    fixture_teardown(&fixture);
    http_server_destroy(&w->receiver);
    free(w);
    return 0;
}

static void subscribe_url(world_t *w, const char *name, const char *url, const char *children)
{
    char target[64], body[512];
    snprintf(target, sizeof target, "/topics/t/subscriptions/%s", name);
    snprintf(body, sizeof body, "<Subscription><Endpoint>%s</Endpoint>%s</Subscription>", url,
             children);
    assert_status(call(w->f, "PUT", target, body), 201);
}

static void subscribe(world_t *w, const char *name, const char *path, const char *children)
{
    char url[256];
    snprintf(url, sizeof url, "%s%s", w->url, path);
    subscribe_url(w, name, url, children);
}

static raw_reply_t publish(world_t *w, const char *body, const char *children)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    raw_reply_t reply = call(w->f, "POST", "/topics/t/messages", text);
    assert_status(reply, 201);
    return reply;
}

#define WAIT(condition) RAW_WAIT(&w->f->client, condition)
#define PLAIN           "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>"
#define DECAY           "<NotifyStrategy>EXPONENTIAL_DECAY_RETRY</NotifyStrategy>"

static uint64_t tries_failed(world_t *w)
{
    return counted(w->f, "mns_local_push_failures_total");
}

static uint64_t delivered(world_t *w)
{
    return counted(w->f, "mns_local_pushes_total");
}

static uint64_t pending(world_t *w)
{
    return counted(w->f, "mns_local_pending_pushes");
}

/* The n-th entry of a page's list; delete *json. */
static const cJSON *entry(world_t *w, const char *path, const char *list, int n, cJSON **json)
{
    *json = cJSON_Parse(ask_page(w->f, "GET", path).body);
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(*json, list), n);
    assert_non_null(item);
    return item;
}

static const char *text_of(const cJSON *item, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, member);
    assert_true(cJSON_IsString(value));
    return value->valuestring;
}

static uint64_t number_of(const cJSON *item, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, member);
    assert_true(cJSON_IsNumber(value));
    return (uint64_t)value->valuedouble;
}

/* ms from the clock to the next try of the only subscription with pushes. */
static uint64_t next_try_ms(world_t *w)
{
    cJSON *json;
    uint64_t next =
        number_of(entry(w, "/local/pushes", "subscriptions", 0, &json), "next_attempt_ms");
    cJSON_Delete(json);
    return next - w->f->clock.wall_ns / 1000000;
}

/* -- what is sent -------------------------------------------------------------------------- */

static int64_t clock_s(void *ctx)
{
    return (int64_t)(((world_t *)ctx)->f->clock.wall_ns / 1000000000);
}

/* What libmns, which has the service's own rules, thinks of a push. */
static mns_push_verdict judge(world_t *w, const pushed_t *p)
{
    char path[] = "/tmp/sluice-push-cert-XXXXXX";
    int fd = mkstemp(path);
    raw_reply_t reply = ask_page(w->f, "GET", "/local/certificate.pem");
    assert_status(reply, 200);
    assert_int_equal(write(fd, reply.body, reply.body_len), reply.body_len);
    close(fd);
    mns_push_verifier_t *verifier;
    mns_push_options_t options = {
        .size = sizeof options, .certificate_file = path, .now_s = clock_s, .now_ctx = w};
    assert_int_equal(mns_push_create(&verifier, &options), MNS_OK);
    unlink(path);
    mns_push_header_t headers[HEADERS_MAX];
    for (size_t i = 0; i < p->header_count; i++)
        headers[i] = (mns_push_header_t){.name = p->names[i],
                                         .name_len = strlen(p->names[i]),
                                         .value = p->values[i],
                                         .value_len = strlen(p->values[i])};
    mns_push_request_t request = {.method = p->method,
                                  .target = p->target,
                                  .headers = headers,
                                  .header_count = p->header_count,
                                  .body = p->body,
                                  .body_len = p->body_len};
    mns_push_verdict verdict = mns_push_verify(verifier, &request, NULL);
    mns_push_destroy(&verifier);
    return verdict;
}

static void a_push_is_what_the_service_sends(void **state)
{
    world_t *w = *state;
    static const struct {
        const char *format, *type, *body;
    } cases[] = {
        {"XML", "text/xml;charset=utf-8", "<?xml version=\"1.0\" ?>\n<Notification"},
        {"JSON", "text/plain;charset=utf-8", "{\"TopicOwner\":\"123456789012\","},
        {"SIMPLIFIED", "text/plain;charset=utf-8", "a < \xe4\xb8\xad"},
    };
    for (size_t i = 0; i < 3; i++) {
        char children[128], id[40];
        snprintf(children, sizeof children, "<NotifyContentFormat>%s</NotifyContentFormat>",
                 cases[i].format);
        subscribe(w, "s-1", "/ok/%41?a=1&amp;b=/", children);
        raw_reply_t reply =
            publish(w, "a &lt; \xe4\xb8\xad", "<MessageTag> tag \xe4\xb8\xad </MessageTag>");
        snprintf(id, sizeof id, "%s", element(reply, "MessageId", 0));
        WAIT(w->count == 1);
        const pushed_t *p = &w->got[0];
        const char *const wanted[][2] = {
            {"Content-Type", cases[i].type},
            {"User-Agent", "Aliyun Notification Service Agent"},
            {"Date", TEST_DATE},
            {"x-mns-version", "2015-06-06"},
            {"x-mns-message-id", id},
            {"x-mns-message-tag", "tag \xe4\xb8\xad"},
            {"x-mns-topic-owner", "123456789012"},
            {"x-mns-topic-name", "t"},
            {"x-mns-subscriber", "123456789012"},
            {"x-mns-subscription-name", "s-1"},
            {"x-mns-publish-time", "1780315200000"},
            {"Accept", ""},
        };
        for (size_t h = 0; h < sizeof wanted / sizeof wanted[0]; h++)
            assert_string_equal(got_header(p, wanted[h][0]), wanted[h][1]);
        assert_string_equal(p->method, "POST");
        assert_string_equal(p->target, "/ok/%41?a=1&b=/");
        assert_int_equal(strncmp(p->body, cases[i].body, strlen(cases[i].body)), 0);
        assert_int_equal(strlen(got_header(p, "x-mns-request-id")), 24);
        assert_int_equal(strlen(got_header(p, "Content-MD5")), i == 0 ? 44 : 32);
        assert_int_equal(judge(w, p), MNS_PUSH_GENUINE);
        w->got[0].body[0]++;
        assert_int_equal(judge(w, p), MNS_PUSH_BAD_DIGEST);
        w->got[0].body[0]--;
        w->got[0].target[1]++;
        assert_int_equal(judge(w, p), MNS_PUSH_FORGED);
        forget(w);
        assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/s-1", NULL), 204);
    }
    assert_int_equal(delivered(w), 3);
    assert_int_equal(pending(w), 0);
}

static void an_untagged_push_has_no_tag(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "<MessageTag>  </MessageTag>");
    publish(w, "x", "");
    WAIT(w->count == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(got_header(&w->got[i], "x-mns-message-tag"), "");
        assert_int_equal(judge(w, &w->got[i]), MNS_PUSH_GENUINE);
    }
}

static void without_a_path_a_push_goes_to_notifications(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    assert_string_equal(w->got[0].target, "/notifications");
    assert_int_equal(judge(w, &w->got[0]), MNS_PUSH_GENUINE);
}

static void a_push_names_the_certificate(void **state)
{
    world_t *w = *state;
    char url[128], wanted[256];
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    snprintf(url, sizeof url, "%s/local/certificate.pem", local_url(w->f->local));
    EVP_EncodeBlock((unsigned char *)wanted, (const unsigned char *)url, (int)strlen(url));
    assert_string_equal(got_header(&w->got[0], "x-mns-signing-cert-url"), wanted);
}

static void the_certificates_address_may_be_another(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    assert_string_equal(got_header(&w->got[0], "x-mns-signing-cert-url"),
                        "aHR0cHM6Ly9leGFtcGxlLmNvbS9jZXJ0aWZpY2F0ZS5wZW0=");
}

static void the_largest_message_is_pushed_whole(void **state)
{
    world_t *w = *state;
    sl_buf_t text = SL_BUF_INIT;
    subscribe(w, "s", "/ok", "");
    sl_buf_append_str(&text, "<Message><MessageBody>");
    for (size_t i = 0; i < 65536; i++)
        sl_buf_append_str(&text, "&lt;");
    sl_buf_append(&text, "</MessageBody></Message>", sizeof "</MessageBody></Message>");
    assert_status(call(w->f, "POST", "/topics/t/messages", (const char *)text.data), 201);
    sl_buf_fini(&text);
    WAIT(w->count == 1);
    assert_true(w->got[0].body_len > 4 * 65536);
    assert_int_equal(judge(w, &w->got[0]), MNS_PUSH_GENUINE);
}

static void only_wanted_tags_are_pushed(void **state)
{
    world_t *w = *state;
    subscribe(w, "all", "/ok/all", PLAIN);
    subscribe(w, "some", "/ok/some", PLAIN "<FilterTag>urgent</FilterTag>");
    publish(w, "1", "");
    publish(w, "2", "<MessageTag>urgent</MessageTag>");
    publish(w, "3", "<MessageTag>urgently</MessageTag>");
    WAIT(came(w, "/ok/all") == 3 && came(w, "/ok/some") == 1 && pending(w) == 0);
}

static void a_tag_that_would_end_a_header_is_refused(void **state)
{
    world_t *w = *state;
    assert_error(call(w->f, "POST", "/topics/t/messages",
                      "<Message><MessageBody>x</MessageBody><MessageTag>a&#10;b</MessageTag>"
                      "</Message>"),
                 400, "InvalidArgument");
}

static void no_proxy_is_asked(void **state)
{
    world_t *w = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(delivered(w) == 1);
    unsetenv("http_proxy");
}

/* -- what is an answer --------------------------------------------------------------------- */

static void any_2xx_is_delivered_and_nothing_else(void **state)
{
    world_t *w = *state;
    static const struct {
        int status;
        bool good;
    } cases[] = {{200, true},  {201, true},  {204, true},  {299, true},  {301, false},
                 {302, false}, {304, false}, {307, false}, {400, false}, {403, false},
                 {404, false}, {429, false}, {500, false}, {503, false}, {599, false}};
    uint64_t good = 0, bad = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "/status/%d", cases[i].status);
        subscribe(w, "s", path, "");
        publish(w, "x", "");
        *(cases[i].good ? &good : &bad) += 1;
        WAIT(delivered(w) == good && tries_failed(w) == bad);
        assert_int_equal(pending(w), !cases[i].good);
        if (!cases[i].good) {
            cJSON *json;
            const cJSON *lane = entry(w, "/local/pushes", "subscriptions", 0, &json);
            assert_int_equal(number_of(lane, "last_status"), cases[i].status);
            cJSON_Delete(json);
        }
        assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/s", NULL), 204);
    }
    assert_int_equal(came(w, "/redirected"), 0);
}

static void an_answer_may_take_a_while(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", "");
    publish(w, "x", "");
    WAIT(w->parked_count == 1);
    for (int i = 0; i < 20; i++) /* others are served meanwhile */
        assert_int_equal(counted(w->f, "mns_local_pushes_under_way"), 1);
    assert_int_equal(pending(w), 1);
    http_request_reply(w->parked[--w->parked_count], &(http_reply_t){.status = 200});
    WAIT(delivered(w) == 1 && pending(w) == 0);
    assert_int_equal(w->count, 1);
}

static void no_answer_in_time_is_a_failure(void **state)
{
    world_t *w = *state;
    cJSON *json;
    subscribe(w, "s", "/hang", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    const cJSON *lane = entry(w, "/local/pushes", "subscriptions", 0, &json);
    assert_int_equal(number_of(lane, "last_status"), 0);
    assert_string_not_equal(text_of(lane, "last_error"), "");
    assert_int_equal(number_of(lane, "waiting"), 1);
    cJSON_Delete(json);
    WAIT(w->gone == 1); /* and we hung up */
}

static void a_reset_connection_is_a_failure(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/reset", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1 && pending(w) == 1);
}

static void refuse_url(char url[64])
{
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but nobody listens */
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(url, 64, "http://127.0.0.1:%d/p", ntohs(at.sin_port));
    close(fd);
}

static void a_refused_connection_is_a_failure(void **state)
{
    world_t *w = *state;
    char url[64];
    cJSON *json;
    refuse_url(url);
    subscribe_url(w, "s", url, "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    const cJSON *lane = entry(w, "/local/pushes", "subscriptions", 0, &json);
    assert_string_equal(text_of(lane, "endpoint"), url);
    assert_non_null(strcasestr(text_of(lane, "last_error"), "connect"));
    cJSON_Delete(json);
}

/* -- trying again -------------------------------------------------------------------------- */

static void backoff_tries_four_times_and_gives_up(void **state)
{
    world_t *w = *state;
    cJSON *json;
    subscribe(w, "s", "/status/500", PLAIN);
    publish(w, "hello", "<MessageTag>x</MessageTag>");
    for (uint64_t tries = 1; tries <= 3; tries++) {
        WAIT(tries_failed(w) == tries);
        uint64_t wait_ms = next_try_ms(w);
        assert_true(wait_ms >= 10000 && wait_ms <= 20000);
        fixture_pass_ms(w->f, wait_ms - 1);
        for (int i = 0; i < 5; i++)
            turn(w);
        assert_int_equal(w->count, tries); /* not earlier */
        fixture_pass_ms(w->f, 1);
    }
    WAIT(counted(w->f, "mns_local_dead_pushes_total") == 1);
    assert_int_equal(w->count, 4);
    assert_int_equal(pending(w), 0);
    const cJSON *dead = entry(w, "/local/dead", "pushes", 0, &json);
    assert_string_equal(text_of(dead, "topic"), "t");
    assert_string_equal(text_of(dead, "subscription"), "s");
    assert_non_null(strstr(text_of(dead, "endpoint"), "/status/500"));
    assert_string_equal(text_of(dead, "message_id"), got_header(&w->got[0], "x-mns-message-id"));
    assert_string_equal(text_of(dead, "message_tag"), "x");
    assert_string_equal(text_of(dead, "format"), "SIMPLIFIED");
    assert_string_equal(text_of(dead, "body"), "hello");
    assert_int_equal(number_of(dead, "publish_time_ms"), 1780315200000);
    assert_int_equal(number_of(dead, "attempts"), 4);
    assert_int_equal(number_of(dead, "last_status"), 500);
    cJSON_Delete(json);
    assert_string_equal(ask_page(w->f, "DELETE", "/local/dead").body, "{\"pushes\":[]}\n");
}

static void each_try_is_signed_anew(void **state)
{
    world_t *w = *state;
    w->failing = 1;
    subscribe(w, "s", "/flaky", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
    assert_int_equal(w->count, 2);
    assert_string_equal(got_header(&w->got[0], "x-mns-message-id"),
                        got_header(&w->got[1], "x-mns-message-id"));
    assert_string_not_equal(got_header(&w->got[0], "x-mns-request-id"),
                            got_header(&w->got[1], "x-mns-request-id"));
    assert_string_equal(got_header(&w->got[1], "Date"), "Mon, 01 Jun 2026 12:00:20 GMT");
    assert_int_equal(judge(w, &w->got[1]), MNS_PUSH_GENUINE);
}

static void decay_tries_177_times_in_scaled_time(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/status/500", DECAY);
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_int_equal(next_try_ms(w), 1);
    while (w->count < 177) {
        size_t before = w->count;
        fixture_pass_ms(w->f, 512);
        WAIT(w->count > before && counted(w->f, "mns_local_pushes_under_way") == 0);
    }
    WAIT(counted(w->f, "mns_local_dead_pushes_total") == 1);
    fixture_pass_ms(w->f, 100000);
    for (int i = 0; i < 10; i++)
        turn(w);
    assert_int_equal(w->count, 177);
}

static void a_changed_strategy_holds_for_what_is_pending(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/status/500", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_status(call(w->f, "PUT", "/topics/t/subscriptions/s?metaoverride=true",
                       "<Subscription>" DECAY "</Subscription>"),
                  204);
    fixture_pass_ms(w->f, 20000);
    WAIT(tries_failed(w) == 2);
    assert_int_equal(next_try_ms(w), 2000);
}

/* -- side by side -------------------------------------------------------------------------- */

static void a_hanging_endpoint_does_not_hold_up_others(void **state)
{
    world_t *w = *state; /* four connections */
    subscribe(w, "a", "/hang", "");
    subscribe(w, "b", "/ok", "");
    for (int i = 0; i < 50; i++)
        publish(w, "x", "");
    WAIT(came(w, "/ok") == 50 && pending(w) == 50);
    assert_int_equal(came(w, "/hang"), 3); /* three quarters at most */
}

static void failing_endpoints_share_half_of_the_connections(void **state)
{
    world_t *w = *state; /* four connections, and none waits long for an answer */
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "h%d", i);
        subscribe(w, name, "/hang", DECAY);
    }
    publish(w, "first", "");
    WAIT(tries_failed(w) == 10);
    for (int i = 0; i < 5; i++)
        publish(w, "more", "");
    fixture_pass_ms(w->f, 1000);
    WAIT(counted(w->f, "mns_local_pushes_under_way") == 2);
    for (int i = 0; i < 50; i++)
        assert_true(counted(w->f, "mns_local_pushes_under_way") <= 2);
    subscribe(w, "well", "/ok", "");
    publish(w, "x", "");
    WAIT(came(w, "/ok") == 1);
}

static void pushes_of_one_subscription_start_in_order(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", PLAIN);
    for (int i = 0; i < 9; i++) {
        char body[2] = {(char)('1' + i), '\0'};
        publish(w, body, "");
    }
    for (size_t i = 1; i <= 9; i++) {
        WAIT(w->parked_count > 0);
        http_request_reply(w->parked[--w->parked_count], &(http_reply_t){.status = 200});
    }
    WAIT(pending(w) == 0);
    bool seen[10] = {false};
    for (size_t i = 0; i < 9; i++) {
        int digit = w->got[i].body[0] - '0';
        assert_true(digit <= (int)i + 4); /* four at once at first, more later */
        assert_false(seen[digit]);
        seen[digit] = true;
    }
}

/* -- ends ---------------------------------------------------------------------------------- */

static void unsubscribing_cancels_what_is_pending(void **state)
{
    world_t *w = *state;
    subscribe(w, "gone", "/hang", "");
    subscribe(w, "failing", "/status/500", "");
    for (int i = 0; i < 20; i++)
        publish(w, "x", "");
    WAIT(w->parked_count >= 4 && tries_failed(w) == 20);
    uint64_t bytes = counted(w->f, "mns_local_message_bytes");
    assert_true(bytes > 0);
    assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/gone", NULL), 204);
    WAIT(w->parked_count == 0 && w->gone >= 4); /* connections are closed */
    assert_int_equal(pending(w), 20);
    assert_int_equal(counted(w->f, "mns_local_cancelled_pushes_total"), 20);
    assert_true(counted(w->f, "mns_local_message_bytes") < bytes);
    assert_status(call(w->f, "DELETE", "/topics/t", NULL), 204);
    WAIT(pending(w) == 0);
    assert_int_equal(counted(w->f, "mns_local_cancelled_pushes_total"), 40);
    assert_int_equal(counted(w->f, "mns_local_message_bytes"), 0);
    forget(w);
    fixture_pass_ms(w->f, 20000);
    for (int i = 0; i < 10; i++)
        turn(w);
    assert_int_equal(w->count, 0);
}

static void the_server_may_end_with_pushes_in_every_state(void **state)
{
    world_t *w = *state; /* its teardown is the test, with a sanitizer looking */
    subscribe(w, "a", "/hang", "");
    subscribe(w, "b", "/status/500", "");
    for (int i = 0; i < 20; i++)
        publish(w, "x", "");
    WAIT(w->parked_count >= 3 && tries_failed(w) >= 1);
    assert_true(pending(w) == 40);
}

static void pushes_share_the_memory_of_messages(void **state)
{
    world_t *w = *state; /* 100,000 bytes */
    subscribe(w, "s", "/hang", "");
    for (int i = 0; i < 300; i++)
        publish(w, "some message that goes nowhere", "");
    uint64_t refused = counted(w->f, "mns_local_undeliverable_messages_total");
    assert_true(refused > 0 && refused < 300);
    assert_int_equal(pending(w), 300 - refused);
    assert_true(counted(w->f, "mns_local_message_bytes") < 102000);
}

/* -- faults on command --------------------------------------------------------------------- */

static void add_fault(world_t *w, const char *members)
{
    char text[512], body[256];
    snprintf(body, sizeof body, "[{\"op\":\"Push\",\"resource\":\"t\",%s}]", members);
    snprintf(text, sizeof text,
             "POST /local/faults HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    raw_say(&w->f->client, text);
    assert_status(raw_hear(&w->f->client), 200);
}

static void a_fault_fails_a_push_without_sending_it(void **state)
{
    world_t *w = *state;
    cJSON *json;
    add_fault(w, "\"next\":1,\"action\":\"error\",\"code\":\"InternalError\",\"status\":507");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_int_equal(number_of(entry(w, "/local/pushes", "subscriptions", 0, &json), "last_status"),
                     507);
    cJSON_Delete(json);
    assert_int_equal(w->count, 0);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
}

static void a_fault_delays_a_push(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"delay\",\"ms\":700");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(pending(w) == 1);
    assert_int_equal(next_try_ms(w), 700);
    fixture_pass_ms(w->f, 700);
    WAIT(delivered(w) == 1);
    assert_int_equal(tries_failed(w), 0);
}

static void a_fault_lets_a_push_hang(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"hang\"");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    fixture_pass_ms(w->f, 4999);
    assert_int_equal(tries_failed(w), 0);
    fixture_pass_ms(w->f, 1);
    WAIT(tries_failed(w) == 1);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
    assert_int_equal(w->count, 1);
}

static void a_fault_sends_a_push_twice(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"twice\"");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    publish(w, "y", "");
    WAIT(w->count == 3 && pending(w) == 0);
    assert_int_equal(delivered(w), 3);
}

static void a_fault_lets_a_push_be_overtaken(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"reorder\"");
    subscribe(w, "s", "/ok", PLAIN);
    publish(w, "1", "");
    publish(w, "2", "");
    WAIT(w->count == 1);
    assert_string_equal(w->got[0].body, "2");
    fixture_pass_ms(w->f, 1000);
    WAIT(w->count == 2 && pending(w) == 0);
    assert_int_equal(tries_failed(w), 0);
}

int main(void)
{
#define IN(setup, test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN(setup, a_push_is_what_the_service_sends),
        IN(setup, an_untagged_push_has_no_tag),
        IN(setup, without_a_path_a_push_goes_to_notifications),
        IN(setup, a_push_names_the_certificate),
        IN(setup_named, the_certificates_address_may_be_another),
        IN(setup, the_largest_message_is_pushed_whole),
        IN(setup, only_wanted_tags_are_pushed),
        IN(setup, a_tag_that_would_end_a_header_is_refused),
        IN(setup, no_proxy_is_asked),
        IN(setup, any_2xx_is_delivered_and_nothing_else),
        IN(setup, an_answer_may_take_a_while),
        IN(setup_impatient, no_answer_in_time_is_a_failure),
        IN(setup, a_reset_connection_is_a_failure),
        IN(setup, a_refused_connection_is_a_failure),
        IN(setup, backoff_tries_four_times_and_gives_up),
        IN(setup, each_try_is_signed_anew),
        IN(setup_fast, decay_tries_177_times_in_scaled_time),
        IN(setup, a_changed_strategy_holds_for_what_is_pending),
        IN(setup_narrow, a_hanging_endpoint_does_not_hold_up_others),
        IN(setup_impatient, failing_endpoints_share_half_of_the_connections),
        IN(setup, pushes_of_one_subscription_start_in_order),
        IN(setup, unsubscribing_cancels_what_is_pending),
        IN(setup, the_server_may_end_with_pushes_in_every_state),
        IN(setup_small, pushes_share_the_memory_of_messages),
        IN(setup, a_fault_fails_a_push_without_sending_it),
        IN(setup, a_fault_delays_a_push),
        IN(setup, a_fault_lets_a_push_hang),
        IN(setup, a_fault_sends_a_push_twice),
        IN(setup, a_fault_lets_a_push_be_overtaken),
    };
    return cmocka_run_group_tests(tests, make_key, remove_key);
}
