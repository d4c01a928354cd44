/* mns_http_test.c - what one exchange may have apart from the others of its set. */
#include "mns_fake.h"
#include "mns_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const fake_answer_t ten_bytes[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", FAKE_KEEP}};

static mns_http_t *http_to(const char *base)
{
    mns_http_t *http;
    mns_http_options_t options = {.base = base, .connect_timeout_ms = 2000, .connections = 4};
    assert_int_equal(mns_http_create(&http, &options), MNS_OK);
    return http;
}

/* Runs one exchange that has `apart` apart, and says how it ended. */
static mns_err get(mns_http_t *http, mns_exchange_t apart, size_t *body_len)
{
    mns_exchange_t exchange = apart;
    exchange.verb = "GET";
    exchange.target = "/";
    exchange.timeout_ms = 5000;
    assert_int_equal(mns_exchange_init(http, &exchange), MNS_OK);
    assert_int_equal(mns_http_start(http, &exchange), MNS_OK);
    while (mns_http_take(http) == NULL)
        mns_http_turn(http, -1);
    *body_len = exchange.in.len;
    mns_exchange_fini(http, &exchange);
    return exchange.err;
}

static void an_exchange_with_a_base_of_its_own_goes_there(void **state)
{
    (void)state;
    size_t len;
    fake_t *common = fake_create(ten_bytes, 1), *own = fake_create(ten_bytes, 1);
    mns_http_t *http = http_to(fake_endpoint(common));
    assert_int_equal(get(http, (mns_exchange_t){.base = fake_endpoint(own)}, &len), MNS_OK);
    assert_int_equal(fake_requests(own), 1);
    assert_int_equal(fake_connections(common), 0);
    assert_int_equal(get(http, (mns_exchange_t){0}, &len), MNS_OK);
    assert_int_equal(fake_requests(common), 1);
    mns_http_destroy(&http);
    fake_destroy(&common);
    fake_destroy(&own);
}

static void a_body_over_the_exchange_s_limit_is_refused(void **state)
{
    (void)state;
    size_t len;
    fake_t *fake = fake_create(ten_bytes, 1);
    mns_http_t *http = http_to(fake_endpoint(fake));
    assert_int_equal(get(http, (mns_exchange_t){.body_max = 10}, &len), MNS_OK);
    assert_int_equal(len, 10);
    assert_int_equal(get(http, (mns_exchange_t){.body_max = 9}, &len), MNS_EPROTO);
    assert_true(len <= 9);
    mns_http_destroy(&http);
    fake_destroy(&fake);
}

static void an_exchange_for_https_only_makes_no_plain_connection(void **state)
{
    (void)state;
    size_t len;
    fake_t *fake = fake_create(ten_bytes, 1);
    mns_http_t *http = http_to(fake_endpoint(fake));
    assert_int_not_equal(get(http, (mns_exchange_t){.https_only = true}, &len), MNS_OK);
    assert_int_equal(fake_connections(fake), 0);
    mns_http_destroy(&http);
    fake_destroy(&fake);
}

static void a_direct_exchange_passes_the_proxy_by(void **state)
{
    (void)state;
    size_t len;
    fake_t *fake = fake_create(ten_bytes, 1), *proxy = fake_create(ten_bytes, 1);
    setenv("http_proxy", fake_endpoint(proxy), 1);
    mns_http_t *http = http_to(fake_endpoint(fake));
    assert_int_equal(get(http, (mns_exchange_t){.direct = true}, &len), MNS_OK);
    assert_int_equal(fake_requests(fake), 1);
    assert_int_equal(get(http, (mns_exchange_t){0}, &len), MNS_OK);
    assert_int_equal(fake_requests(proxy), 1);
    unsetenv("http_proxy");
    mns_http_destroy(&http);
    fake_destroy(&fake);
    fake_destroy(&proxy);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    (void)state;
    size_t len;
    char moved[256];
    fake_t *elsewhere = fake_create(ten_bytes, 1);
    snprintf(moved, sizeof moved,
             "HTTP/1.1 302 Found\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n",
             fake_endpoint(elsewhere));
    fake_t *fake = fake_create(&(fake_answer_t){moved, FAKE_KEEP}, 1);
    mns_http_t *http = http_to(fake_endpoint(fake));
    assert_int_equal(get(http, (mns_exchange_t){0}, &len), MNS_OK);
    assert_int_equal(fake_connections(elsewhere), 0);
    mns_http_destroy(&http);
    fake_destroy(&fake);
    fake_destroy(&elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_with_a_base_of_its_own_goes_there),
        cmocka_unit_test(a_body_over_the_exchange_s_limit_is_refused),
        cmocka_unit_test(an_exchange_for_https_only_makes_no_plain_connection),
        cmocka_unit_test(a_direct_exchange_passes_the_proxy_by),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
    };
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
