#include "push_fixture.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* -- the receiver -------------------------------------------------------------------------- */

static void keep_header(void *ctx, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    pushed_t *p = ctx;
    assert_true(p->header_count < PUSHED_HEADERS_MAX);
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

void forget(world_t *w)
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

const char *got_header(const pushed_t *p, const char *name)
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
size_t came(const world_t *w, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += strncmp(w->got[i].target, path, strlen(path)) == 0;
    return n;
}

/* -- the world ----------------------------------------------------------------------------- */

void world_turn(world_t *w)
{
    local_turn(w->f->local, 1);
    http_server_run(w->receiver, 0);
}

static void turn(void *ctx)
{
    world_turn(ctx);
}

static char push_key[] = "/tmp/sluice-push-test-XXXXXX";

/* One key for all tests, and a small one: making them takes long. */
int world_make_key(void **state)
{
    (void)state;
    int fd = mkstemp(push_key);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    EVP_PKEY *pkey = EVP_RSA_gen(1024);
    bool good = file != NULL && pkey != NULL &&
                PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(pkey);
    return file != NULL && fclose(file) == 0 && good ? 0 : -1;
}

int world_remove_key(void **state)
{
    (void)state;
    return unlink(push_key);
}

int world_setup_tls(void **state, local_options_t options, const char *certificate_file,
                    const char *key_file)
{
    world_t *w = calloc(1, sizeof *w);
    void *fixture;
    options.push_key = push_key;
    if (w == NULL || fixture_setup_with(&fixture, options) != 0)
        return -1;
    *state = w;
    w->f = fixture;
    http_server_options_t receiver = {.listen = "127.0.0.1:0",
                                      .on_request = on_request,
                                      .on_gone = on_gone,
                                      .ctx = w,
                                      .max_body = 1 << 20,
                                      .certificate_file = certificate_file,
                                      .key_file = key_file};
    if (http_server_create(&w->receiver, &receiver) != SL_OK)
        return -1;
    w->url = http_server_url(w->receiver);
    w->f->client.turn = turn;
    w->f->client.ctx = w;
    return call(w->f, "PUT", "/topics/t", NULL).status == 201 ? 0 : -1;
}

int world_setup_with(void **state, local_options_t options)
{
    return world_setup_tls(state, options, NULL, NULL);
}

int world_setup(void **state)
{
    return world_setup_with(state, (local_options_t){.time_scale = 1});
}

int world_teardown(void **state)
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

void subscribe_url(world_t *w, const char *name, const char *url, const char *children)
{
    char target[64], body[512];
    snprintf(target, sizeof target, "/topics/t/subscriptions/%s", name);
    snprintf(body, sizeof body, "<Subscription><Endpoint>%s</Endpoint>%s</Subscription>", url,
             children);
    assert_status(call(w->f, "PUT", target, body), 201);
}

void subscribe(world_t *w, const char *name, const char *path, const char *children)
{
    char url[256];
    snprintf(url, sizeof url, "%s%s", w->url, path);
    subscribe_url(w, name, url, children);
}

raw_reply_t publish(world_t *w, const char *body, const char *children)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    raw_reply_t reply = call(w->f, "POST", "/topics/t/messages", text);
    assert_status(reply, 201);
    return reply;
}

uint64_t tries_failed(world_t *w)
{
    return counted(w->f, "mns_local_push_failures_total");
}

uint64_t delivered(world_t *w)
{
    return counted(w->f, "mns_local_pushes_total");
}

uint64_t pending(world_t *w)
{
    return counted(w->f, "mns_local_pending_pushes");
}

/* The n-th entry of a page's list; delete *json. */
const cJSON *page_entry(world_t *w, const char *path, const char *list, int n, cJSON **json)
{
    *json = cJSON_Parse(ask_page(w->f, "GET", path).body);
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(*json, list), n);
    assert_non_null(item);
    return item;
}

const char *text_of(const cJSON *item, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, member);
    assert_true(cJSON_IsString(value));
    return value->valuestring;
}

uint64_t number_of(const cJSON *item, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, member);
    assert_true(cJSON_IsNumber(value));
    return (uint64_t)value->valuedouble;
}

/* ms from the clock to the next try of the only subscription with pushes. */
uint64_t next_try_ms(world_t *w)
{
    cJSON *json;
    uint64_t next =
        number_of(page_entry(w, "/local/pushes", "subscriptions", 0, &json), "next_attempt_ms");
    cJSON_Delete(json);
    return next - w->f->clock.wall_ns / 1000000;
}

void write_dead_url(char url[64])
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

static int64_t clock_s(void *ctx)
{
    return (int64_t)(((world_t *)ctx)->f->clock.wall_ns / 1000000000);
}

/* What libmns, which has the service's own rules, thinks of a push. */
mns_push_verdict judge(world_t *w, const pushed_t *p)
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
    mns_push_header_t headers[PUSHED_HEADERS_MAX];
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
