/* Where a subscription delivers, by its endpoint's text. */
#include "endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void each_kind_is_known_by_its_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        endpoint_kind_t kind;
        const char *rest;
    } cases[] = {
        {"acs:mns:cn-hangzhou:123:queues/q", ENDPOINT_QUEUE, "q"},
        {"acs:mns:cn-hangzhou:127:/queues/q-2", ENDPOINT_QUEUE, "q-2"},
        {"http://127.0.0.1", ENDPOINT_HTTP, ""},
        {"http://127.0.0.1:8080/", ENDPOINT_HTTP, "/"},
        {"http://a-b.example.com:65535/push/%41?x=1&y=/", ENDPOINT_HTTP, "/push/%41?x=1&y=/"},
        {"http://host?x=1", ENDPOINT_HTTP, "?x=1"},
        {"http://[::1]:80/p", ENDPOINT_HTTP, "/p"},
        {"https://[fe80::1]", ENDPOINT_HTTPS, ""},
        {"https://example.com/p", ENDPOINT_HTTPS, "/p"},
        {"mail:directmail:a.b+c@example.com", ENDPOINT_MAIL, "a.b+c@example.com"},
        {"sms:directsms:13800138000", ENDPOINT_SMS, "13800138000"},
        {"sms:directsms:+8613800138000", ENDPOINT_SMS, "+8613800138000"},
        {"sms:directsms:anonymous", ENDPOINT_SMS, "anonymous"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        endpoint_t e;
        const char *why = "";
        assert_true(endpoint_read(&e, cases[i].text, &why));
        assert_null(why);
        assert_int_equal(e.kind, cases[i].kind);
        assert_string_equal(e.text, cases[i].text);
        assert_string_equal(endpoint_rest(&e), cases[i].rest);
    }
}

static void what_is_no_endpoint_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "q",
        "acs:mns:",
        "acs:mns:cn-hangzhou:123",
        "acs:mns:cn:1:queues/",
        "acs:mns:cn:1:queues/a/b",
        "acs:mns:cn:1:queues/-q",
        "acs:mns:cn:1:topics/t",
        "acs:oss:cn:1:queues/q",
        "http://",
        "http:///path",
        "http://:80/",
        "http://host:/",
        "http://host:0/",
        "http://host:65536/",
        "http://host:123456/",
        "http://host:8o/",
        "http://user@host/",
        "http://user:secret@host/",
        "http://[::1",
        "http://[::1]x/",
        "http://[]/",
        "http://ho st/",
        "http://host/a b",
        "http://host/a\tb",
        "http://host/a\r\nX-Evil: 1",
        "http://host/\xe4\xb8\xad",
        "http://host/p#fragment",
        "ftp://host/",
        "HTTP://host/",
        "mail:directmail:",
        "mail:directmail:nobody",
        "mail:directmail:@host",
        "mail:directmail:a@",
        "mail:directmail:a@b@c",
        "mail:directmail:a b@c",
        "mail:a@b",
        "sms:directsms:",
        "sms:directsms:12",
        "sms:directsms:123456789012345678901",
        "sms:directsms:1380x",
        "sms:directsms:anonymous2",
        "sms:dayu:13800138000",
        "push:1234",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        endpoint_t e;
        const char *why = NULL;
        assert_false(endpoint_read(&e, texts[i], &why));
        assert_non_null(why);
    }
}

static void an_endpoint_has_512_characters_at_most(void **state)
{
    (void)state;
    char text[ENDPOINT_MAX + 2] = "http://host/";
    endpoint_t e;
    const char *why;
    memset(text + 12, 'a', sizeof text - 12);
    text[ENDPOINT_MAX] = '\0';
    assert_true(endpoint_read(&e, text, &why));
    text[ENDPOINT_MAX] = 'a';
    text[ENDPOINT_MAX + 1] = '\0';
    assert_false(endpoint_read(&e, text, &why));
}

static void a_push_goes_to_path_and_query(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://host/a/b?c=d", "/a/b?c=d"},
        {"http://host/", "/"},
        {"https://host:1", "/notifications"},
        {"http://host?c=d", "/notifications?c=d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sl_buf_t target = SL_BUF_INIT;
        endpoint_t e;
        const char *why;
        assert_true(endpoint_read(&e, cases[i][0], &why));
        endpoint_target(&e, &target);
        sl_buf_append_byte(&target, 0);
        assert_string_equal((const char *)target.data, cases[i][1]);
        sl_buf_fini(&target);
    }
}

static void only_one_sms_endpoint_is_anonymous(void **state)
{
    (void)state;
    endpoint_t e;
    const char *why;
    assert_true(endpoint_read(&e, "sms:directsms:anonymous", &why));
    assert_true(endpoint_anonymous(&e));
    assert_true(endpoint_read(&e, "sms:directsms:110", &why));
    assert_false(endpoint_anonymous(&e));
    assert_true(endpoint_read(&e, "acs:mns:a:b:queues/anonymous", &why));
    assert_false(endpoint_anonymous(&e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_known_by_its_scheme),
        cmocka_unit_test(what_is_no_endpoint_is_refused_with_a_reason),
        cmocka_unit_test(an_endpoint_has_512_characters_at_most),
        cmocka_unit_test(a_push_goes_to_path_and_query),
        cmocka_unit_test(only_one_sms_endpoint_is_anonymous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
