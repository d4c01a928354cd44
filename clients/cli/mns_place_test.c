#include "mns_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void an_endpoint_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
        bool tls;
    } rows[] = {
        {"http://1.mns.cn-hangzhou.aliyuncs.com", "1.mns.cn-hangzhou.aliyuncs.com", "80", false},
        {"https://mns.example/", "mns.example", "443", true},
        {"HTTP://127.0.0.1:8700", "127.0.0.1", "8700", false},
        {"https://[::1]:65535/", "::1", "65535", true},
        {"http://localhost:1", "localhost", "1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place_url_t url;
        assert_null(place_parse_url(&url, rows[i].text));
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.port, rows[i].port);
        assert_int_equal(url.tls, rows[i].tls);
    }
}

static void what_is_no_endpoint_is_told_why(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "neither http:// nor https://"},
        {"1.mns.cn-hangzhou.aliyuncs.com", "neither http:// nor https://"},
        {"ftp://a", "neither http:// nor https://"},
        {"http://", "names no host"},
        {"http:///queues", "has a path"},
        {"http://a/queues", "has a path"},
        {"http://a?x=1", "has a path or a query"},
        {"http://user@a", "has a user"},
        {"http://a:0", "port"},
        {"http://a:65536", "port"},
        {"http://a:http", "port"},
        {"http://a:", "port"},
        {"http://[::1", "bracket"},
        {"http://a b", "character"},
        {"http://a\"b", "character"},
    };
    char long_host[400];
    place_url_t url;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = place_parse_url(&url, rows[i].text);
        assert_non_null(why);
        if (strstr(why, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, why);
    }
    snprintf(long_host, sizeof long_host, "http://%0300d", 7);
    assert_non_null(place_parse_url(&url, long_host));
}

static void a_host_of_the_service_says_account_region_and_network(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *account, *region;
        place_network_t network;
    } rows[] = {
        {"http://12.mns.cn-hangzhou.aliyuncs.com", "12", "cn-hangzhou", PLACE_PUBLIC},
        {"https://12.mns.cn-hangzhou-internal.aliyuncs.com/", "12", "cn-hangzhou", PLACE_INTRANET},
        {"http://12.MNS.CN-Hangzhou-internal-vpc.AliyunCS.com", "12", "cn-hangzhou", PLACE_VPC},
        {"http://12.mns.cn-hangzhou.aliyuncs.com.evil.example", "", "", PLACE_OTHER},
        {"http://x12.mns.cn-hangzhou.aliyuncs.com", "", "", PLACE_OTHER},
        {"http://mns.cn-hangzhou.aliyuncs.com", "", "", PLACE_OTHER},
        {"http://12.mns..aliyuncs.com", "", "", PLACE_OTHER},
        {"http://12.oss.cn-hangzhou.aliyuncs.com", "", "", PLACE_OTHER},
        {"http://127.0.0.1:8700", "", "", PLACE_OTHER},
        {"nonsense", "", "", PLACE_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place_t place = place_of_endpoint(rows[i].endpoint);
        assert_string_equal(place.account, rows[i].account);
        assert_string_equal(place.region, rows[i].region);
        assert_int_equal(place.network, rows[i].network);
    }
}

static void a_queue_as_an_endpoint_reads_back(void **state)
{
    (void)state;
    place_t place = place_of_host("12.mns.cn-hangzhou.aliyuncs.com"), read;
    char text[PLACE_QUEUE_ENDPOINT_MAX], queue[PLACE_NAME_MAX];
    place_queue_endpoint(text, &place, "jobs");
    assert_string_equal(text, "acs:mns:cn-hangzhou:12:queues/jobs");
    assert_true(place_parse_queue_endpoint(&read, queue, text));
    assert_string_equal(read.account, "12");
    assert_string_equal(read.region, "cn-hangzhou");
    assert_string_equal(queue, "jobs");
    assert_true(place_parse_queue_endpoint(&read, queue, "acs:mns:r:1:/queues/q"));
    assert_string_equal(queue, "q");
}

static void other_endpoints_are_no_queues(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "http://a/b",
        "acs:mns:r:1",
        "acs:mns::1:queues/q",
        "acs:mns:r:1:topics/q",
        "acs:mns:r:1:queues/",
        "acs:mns:r:1:queues/a/b",
        "acs:mns:r:111111111111111111111111111111111111111:queues/q",
        "mail:directmail:a@b",
    };
    place_t place;
    char queue[PLACE_NAME_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(place_parse_queue_endpoint(&place, queue, texts[i]));
}

static void names_are_letters_digits_and_hyphens(void **state)
{
    (void)state;
    char long_name[PLACE_NAME_MAX + 1];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_true(place_is_name("Jobs-1"));
    assert_true(place_is_name(long_name + 1));
    assert_false(place_is_name(long_name));
    assert_false(place_is_name(""));
    assert_false(place_is_name("-a"));
    assert_false(place_is_name("a.b"));
    assert_false(place_is_name("a/b"));
    assert_true(place_is_account("12"));
    assert_false(place_is_account("12a"));
    assert_true(place_is_region("cn-hangzhou"));
    assert_false(place_is_region("cn hangzhou"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_is_taken_apart),
        cmocka_unit_test(what_is_no_endpoint_is_told_why),
        cmocka_unit_test(a_host_of_the_service_says_account_region_and_network),
        cmocka_unit_test(a_queue_as_an_endpoint_reads_back),
        cmocka_unit_test(other_endpoints_are_no_queues),
        cmocka_unit_test(names_are_letters_digits_and_hyphens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
