#include "mns_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_host_with_or_without_slash_and_port_is_an_endpoint(void **state)
{
    (void)state;
    static const struct {
        const char *text, *base;
        bool loopback;
    } rows[] = {
        {"http://123.mns.cn-hangzhou.aliyuncs.com", "http://123.mns.cn-hangzhou.aliyuncs.com",
         false},
        {"http://123.mns.cn-hangzhou.aliyuncs.com/", "http://123.mns.cn-hangzhou.aliyuncs.com",
         false},
        {"https://123.mns.r.aliyuncs.com:8443/", "https://123.mns.r.aliyuncs.com:8443", false},
        {"http://127.0.0.1:8700", "http://127.0.0.1:8700", true},
        {"http://localhost:8700/", "http://localhost:8700", true},
        {"http://[::1]:8700", "http://[::1]:8700", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mns_endpoint_t endpoint = {0};
        assert_int_equal(mns_endpoint_parse(&endpoint, rows[i].text), MNS_OK);
        assert_string_equal(endpoint.base, rows[i].base);
        assert_int_equal(endpoint.loopback, rows[i].loopback);
        free(endpoint.base);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "123.mns.cn-hangzhou.aliyuncs.com",
        "ftp://host/",
        "file:///etc/passwd",
        "http://",
        "http://host/base",
        "http://host//",
        "http://host/?a=b",
        "http://host/#part",
        "http://user@host/",
        "http://user:secret@host/",
        "http://host:99999/",
        "http://ho st/",
        "http://[Region].aliyuncs.com/",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mns_endpoint_t endpoint = {0};
        if (mns_endpoint_parse(&endpoint, bad[i]) != MNS_EINVAL)
            fail_msg("%s was taken as %s", bad[i], endpoint.base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_with_or_without_slash_and_port_is_an_endpoint),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
