#include "mns_setup_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_file(const setup_file_t *file, const char *expected)
{
    sl_buf_t out = SL_BUF_INIT;
    assert_int_equal(setup_file_write(&out, file), SL_OK);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    sl_buf_fini(&out);
}

static void a_known_host_says_account_and_region(void **state)
{
    (void)state;
    cJSON *events = cJSON_Parse("[\"OnJobFailed\", \"On\\tTab\"]");
    setup_file_t file = {.broker = "tcp://b:1",
                         .place = place_of_host("12.mns.cn-hangzhou.aliyuncs.com"),
                         .topic = "t",
                         .topic_endpoint = "http://12.mns.cn-hangzhou.aliyuncs.com/",
                         .events = events,
                         .queue = "q"};
    assert_file(&file, "{\n"
                       "  \"broker\": \"tcp://b:1\",\n"
                       "  \"sources\": [{\n"
                       "      \"type\": \"queue\",\n"
                       "      \"queue\": \"q\",\n"
                       "      \"Notification\": {\n"
                       "        \"Topic\": {\n"
                       "          \"Name\": \"t\",\n"
                       "          \"Endpoint\": \"http://12.mns.cn-hangzhou.aliyuncs.com/\",\n"
                       "          \"Events\": [\"OnJobFailed\", \"On\\tTab\"]\n"
                       "        }\n"
                       "      }\n"
                       "    }]\n"
                       "}\n");
    cJSON_Delete(events);
}

static void another_host_needs_them_and_a_push_has_a_source_of_its_own(void **state)
{
    (void)state;
    setup_file_t file = {.broker = "b",
                         .endpoint = "http://127.0.0.1:8700",
                         .place = {.account = "12", .region = "r"},
                         .topic = "t",
                         .push = "https://h:8443/in?x=1"};
    assert_file(&file, "{\n"
                       "  \"broker\": \"b\",\n"
                       "  \"sources\": [{\n"
                       "      \"type\": \"push\",\n"
                       "      \"name\": \"t-push\",\n"
                       "      \"listen\": \"0.0.0.0:8443\",\n"
                       "      \"path\": \"/in?x=1\",\n"
                       "      \"endpoint\": \"http://127.0.0.1:8700\",\n"
                       "      \"account\": \"12\",\n"
                       "      \"region\": \"r\",\n"
                       "      \"Notification\": {\n"
                       "        \"Topic\": {\n"
                       "          \"Name\": \"t\"\n"
                       "        }\n"
                       "      }\n"
                       "    }]\n"
                       "}\n");
}

static void a_push_endpoint_is_port_and_path(void **state)
{
    (void)state;
    static const struct {
        const char *push, *listen, *path;
    } rows[] = {
        {"http://h/a/b?c=d", "0.0.0.0:80", "/a/b?c=d"},
        {"https://h:8443/", "0.0.0.0:8443", "/"},
        {"https://h", "0.0.0.0:443", "/notifications"},
        {"http://[::1]:9/x", "0.0.0.0:9", "/x"},
    };
    char listen[16];
    const char *path;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_null(setup_file_parse_push(rows[i].push, listen, &path));
        assert_string_equal(listen, rows[i].listen);
        assert_string_equal(path, rows[i].path);
    }
}

static void what_is_no_push_endpoint_is_told_why(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",           "h/a",          "ftp://h/a",    "http:///a",  "http://h:x/",
        "http://h?q", "http://h/a b", "http://h/a#b", "http://u@h/"};
    char listen[16], long_one[400];
    const char *path;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (setup_file_parse_push(rows[i], listen, &path) == NULL)
            fail_msg("%s is taken", rows[i]);
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    memcpy(long_one, "http://", 7);
    assert_non_null(setup_file_parse_push(long_one, listen, &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_host_says_account_and_region),
        cmocka_unit_test(another_host_needs_them_and_a_push_has_a_source_of_its_own),
        cmocka_unit_test(a_push_endpoint_is_port_and_path),
        cmocka_unit_test(what_is_no_push_endpoint_is_told_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
