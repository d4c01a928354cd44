/* Real HTTP against a real server on a free port of the loopback interface. */
#include "http/observe.h"

#include <curl/curl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNTERS(X)                                        \
    X(EVENTS, TOTAL, "test_events", "Events of this test") \
    X(QUEUES, GAUGE, "test_queues", "Queues of this test")
#define X(name, kind, metric, help) TEST_##name,
enum { COUNTERS(X) TEST_COUNT };
#undef X
static const counter_def_t defs[] = {COUNTERS(COUNTER_DEF)};

typedef struct fixture {
    counter_registry_t registry;
    counter_t values[TEST_COUNT];
    counter_set_t set;
    observe_t *observe;
    const char *not_ready; /* NULL: ready */
    char body[4096];
    size_t body_len;
    char type[128];
} fixture_t;

static bool is_ready(void *ctx, const char **reason)
{
    fixture_t *f = ctx;
    if (f->not_ready != NULL)
        *reason = f->not_ready;
    return f->not_ready == NULL;
}

static int setup(void **state)
{
    static fixture_t f;
    memset(&f, 0, sizeof f);
    f.registry = COUNTER_REGISTRY_INIT;
    f.set = (counter_set_t){.defs = defs, .values = f.values, .count = TEST_COUNT};
    counter_registry_add(&f.registry, &f.set);
    observe_options_t options = {
        .listen = "127.0.0.1:0", .registry = &f.registry, .ready = is_ready, .ctx = &f};
    *state = &f;
    return observe_create(&f.observe, &options) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    observe_destroy(&f->observe);
    return 0;
}

static size_t keep(char *bytes, size_t size, size_t count, void *ctx)
{
    fixture_t *f = ctx;
    size_t room = sizeof f->body - 1 - f->body_len, len = size * count;
    size_t take = len < room ? len : room;
    memcpy(f->body + f->body_len, bytes, take);
    f->body_len += take;
    f->body[f->body_len] = '\0';
    return len;
}

static long get(fixture_t *f, const char *path, const char *posted)
{
    CURL *curl = curl_easy_init();
    char url[256];
    snprintf(url, sizeof url, "%s%s", observe_url(f->observe), path);
    f->body_len = 0;
    f->body[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
    if (posted != NULL)
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, posted);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    long status = 0;
    char *type = NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    snprintf(f->type, sizeof f->type, "%s", type != NULL ? type : "");
    curl_easy_cleanup(curl);
    return status;
}

static void metrics_shows_the_registry_as_prometheus_text(void **state)
{
    fixture_t *f = *state;
    counter_add(&f->values[TEST_EVENTS], 42);
    assert_int_equal(get(f, "/metrics", NULL), 200);
    assert_non_null(strstr(f->body, "# TYPE sluice_test_events_total counter\n"));
    assert_non_null(strstr(f->body, "\nsluice_test_events_total 42\n"));
    assert_non_null(strstr(f->body, "\nsluice_test_queues 0\n"));
    assert_string_equal(f->type, "text/plain; version=0.0.4; charset=utf-8");
}

static void healthz_says_ok(void **state)
{
    assert_int_equal(get(*state, "/healthz", NULL), 200);
    assert_string_equal(((fixture_t *)*state)->body, "ok\n");
}

static void readyz_follows_the_program(void **state)
{
    fixture_t *f = *state;
    f->not_ready = "the broker does not answer";
    assert_int_equal(get(f, "/readyz", NULL), 503);
    assert_string_equal(f->body, "the broker does not answer\n");
    f->not_ready = NULL;
    assert_int_equal(get(f, "/readyz", NULL), 200);
    assert_string_equal(f->body, "ready\n");
}

static void an_unknown_page_is_404(void **state)
{
    assert_int_equal(get(*state, "/secrets", NULL), 404);
}

static void a_post_is_405(void **state)
{
    assert_int_equal(get(*state, "/metrics", "x=1"), 405);
}

static void a_malformed_address_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",      "127.0.0.1",   ":80",        "127.0.0.1:", "::1:80",       "[::1:80",
        "[]:80", "127.0.0.1:x", "1.2.3.4:-1", "host:80",    "1.2.3.4:65536"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        observe_t *observe = NULL;
        observe_options_t options = {.listen = wrong[i]};
        assert_int_equal(observe_create(&observe, &options), SL_EINVAL);
        assert_null(observe);
    }
}

static void an_address_in_use_is_told(void **state)
{
    fixture_t *f = *state;
    observe_t *second = NULL;
    observe_options_t options = {.listen = observe_url(f->observe) + strlen("http://")};
    assert_int_equal(observe_create(&second, &options), SL_EIO);
    assert_int_equal(errno, EADDRINUSE);
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(metrics_shows_the_registry_as_prometheus_text),
        WITH_SERVER(healthz_says_ok),
        WITH_SERVER(readyz_follows_the_program),
        WITH_SERVER(an_unknown_page_is_404),
        WITH_SERVER(a_post_is_405),
        WITH_SERVER(an_address_in_use_is_told),
        cmocka_unit_test(a_malformed_address_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
