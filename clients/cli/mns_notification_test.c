#include "mns_notification.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPIC \
    "{\"Topic\": {\"Name\": \"t\", \"Endpoint\": \"http://e/\", \"Events\": [\"A\", \"B\"]}}"

static bool parse(notification_t *out, const char *text, char why[NOTIFICATION_WHY_BYTES])
{
    char *copy = strdup(text); /* it is written over, and what was read must not depend on it */
    assert_non_null(copy);
    bool good = notification_parse(out, copy, why);
    free(copy);
    return good;
}

static void assert_block(const char *text)
{
    notification_t file;
    char why[NOTIFICATION_WHY_BYTES] = "";
    if (!parse(&file, text, why))
        fail_msg("%s: %s", text, why);
    assert_false(file.is_bridge);
    assert_int_equal(file.count, 1);
    assert_string_equal(file.sources[0].topic, "t");
    assert_string_equal(file.sources[0].topic_endpoint, "http://e/");
    assert_int_equal(cJSON_GetArraySize(file.sources[0].events), 2);
    assert_null(file.sources[0].queue);
    notification_fini(&file);
}

static void a_block_is_found_wherever_it_stands(void **state)
{
    (void)state;
    assert_block("{\"Notification\": " TOPIC "}");
    assert_block("{\"Name\": \"job\", \"DAG\": {}, \"Notification\": " TOPIC ", \"Priority\": 1}");
    assert_block("{\"clusters\": [{\"a\": 1}, {\"Notification\": " TOPIC "}]}");
    assert_block("// a comment\n{\"Notification\": /* another */ " TOPIC "}\n");
}

static void a_bridge_file_is_its_sources(void **state)
{
    (void)state;
    notification_t file;
    char why[NOTIFICATION_WHY_BYTES] = "";
    assert_true(parse(&file,
                      "{\"broker\": \"tcp://b\", \"sources\": [{\"queue\": \"q\", \"polls\": 4, "
                      "\"endpoint\": \"http://e\", \"account\": \"1\", \"region\": \"r\"}, "
                      "{\"queue\": \"p\", \"Notification\": " TOPIC "}]}",
                      why));
    assert_true(file.is_bridge);
    assert_int_equal(file.count, 2);
    assert_string_equal(file.sources[0].queue, "q");
    assert_string_equal(file.sources[0].endpoint, "http://e");
    assert_string_equal(file.sources[0].account, "1");
    assert_string_equal(file.sources[0].region, "r");
    assert_null(file.sources[0].topic);
    assert_string_equal(file.sources[1].topic, "t");
    notification_fini(&file);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "no JSON"},
        {"{", "no JSON"},
        {"{\"a\": 1} x", "breaks at: x"},
        {"{\"a\": 1}", "holds no Notification"},
        {"[]", "holds no Notification"},
        {"{\"Notification\": 1}", "no object Topic"},
        {"{\"Notification\": {\"Topic\": {}}}", "Topic.Name is missing"},
        {"{\"Notification\": {\"Topic\": {\"Name\": 1}}}", "Name is no text"},
        {"{\"Notification\": {\"Topic\": {\"Name\": \"t\", \"Endpoint\": \"\"}}}",
         "Endpoint is no text"},
        {"{\"Notification\": {\"Topic\": {\"Name\": \"t\", \"Events\": \"A\"}}}", "array of texts"},
        {"{\"Notification\": {\"Topic\": {\"Name\": \"t\", \"Events\": [1]}}}", "array of texts"},
        {"{\"a\": {\"Notification\": " TOPIC "}, \"b\": {\"Notification\": " TOPIC "}}",
         "2 Notifications"},
        {"{\"sources\": []}", "no sources"},
        {"{\"sources\": [{\"queue\": \"q\"}, {\"queue\": 1}]}", "sources[1]: queue is no text"},
        {"{\"sources\": [{\"Notification\": {}}]}", "sources[0]: Notification holds no object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        notification_t file;
        char why[NOTIFICATION_WHY_BYTES] = "";
        assert_false(parse(&file, rows[i].text, why));
        if (strstr(why, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, why);
    }
}

static void every_truncation_is_an_answer(void **state)
{
    (void)state;
    static const char text[] =
        "{\"sources\": [{\"queue\": \"q\", \"Notification\": " TOPIC "}]} // c";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        notification_t file;
        char part[sizeof text], why[NOTIFICATION_WHY_BYTES] = "";
        memcpy(part, text, cut);
        part[cut] = '\0';
        if (parse(&file, part, why))
            notification_fini(&file);
        else
            assert_true(*why != '\0');
    }
}

static void a_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    notification_t file;
    char why[NOTIFICATION_WHY_BYTES] = "";
    assert_false(notification_read(&file, "/nowhere/at-all.json", why));
    assert_non_null(strstr(why, "cannot be opened"));
    assert_false(notification_read(&file, "/", why));
    assert_non_null(strstr(why, "cannot be read"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_found_wherever_it_stands),
        cmocka_unit_test(a_bridge_file_is_its_sources),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(every_truncation_is_an_answer),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
