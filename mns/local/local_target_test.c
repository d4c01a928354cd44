#include "target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sl_buf_t memory;

static int free_memory(void **state)
{
    (void)state;
    sl_buf_fini(&memory);
    return 0;
}

static target_t parsed(const char *text)
{
    target_t t;
    assert_int_equal(target_parse(&t, text, &memory), LOCAL_OK);
    return t;
}

static local_err refused(const char *text)
{
    target_t t;
    return target_parse(&t, text, &memory);
}

static void a_path_is_split_and_decoded(void **state)
{
    (void)state;
    target_t t = parsed("/queues/a%2Db/messages");
    assert_int_equal(t.segment_count, 3);
    assert_string_equal(t.segments[0], "queues");
    assert_string_equal(t.segments[1], "a-b");
    assert_string_equal(t.segments[2], "messages");
    assert_int_equal(parsed("/").segment_count, 0);
}

static void a_slash_at_the_end_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(parsed("/queues/").segment_count, 1);
    assert_int_equal(parsed("/queues/q/messages/?peekonly=true").segment_count, 3);
    assert_int_equal(parsed("/queues//messages").segment_count, 3);
}

static void what_is_signed_is_the_origin_form_with_one_slash(void **state)
{
    (void)state;
    assert_string_equal(target_resource("/queues/q?a=%20"), "/queues/q?a=%20");
    assert_string_equal(target_resource("///queues//q"), "/queues//q");
    assert_string_equal(target_resource("http://host:80/queues/q?x"), "/queues/q?x");
    assert_string_equal(target_resource("HTTP://host//queues"), "/queues");
    assert_string_equal(target_resource("https://host/queues"), "/queues");
    assert_string_equal(target_resource("http://host"), "/");
    assert_string_equal(target_resource("http://host?x=/y"), "/");
}

static void parameters_are_found_in_any_case_and_order(void **state)
{
    (void)state;
    target_t t = parsed("/q?receiptHandle=a%3D%3d+b&numofmessages=16&&Flag&peekOnly=");
    assert_string_equal(target_param(&t, "ReceiptHandle"), "a==+b");
    assert_string_equal(target_param(&t, "numOfMessages"), "16");
    assert_string_equal(target_param(&t, "flag"), "");
    assert_string_equal(target_param(&t, "peekonly"), "");
    assert_null(target_param(&t, "waitseconds"));
}

static void broken_escapes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused("/queues/a%"), LOCAL_InvalidRequestURL);
    assert_int_equal(refused("/queues/a%2"), LOCAL_InvalidRequestURL);
    assert_int_equal(refused("/queues/a%zz"), LOCAL_InvalidRequestURL);
    assert_int_equal(refused("/queues/a%00b"), LOCAL_InvalidRequestURL);
    assert_int_equal(refused("/queues?a=%4"), LOCAL_InvalidQueryString);
    assert_int_equal(refused("/queues?%4=a"), LOCAL_InvalidQueryString);
    assert_int_equal(refused("*"), LOCAL_InvalidRequestURL);
    assert_int_equal(refused(""), LOCAL_InvalidRequestURL);
    assert_int_equal(refused("queues"), LOCAL_InvalidRequestURL);
}

static void more_parts_than_any_call_has_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parsed("/1/2/3/4/5").segment_count, 5);
    assert_int_equal(refused("/1/2/3/4/5/6"), LOCAL_InvalidRequestURL);
    assert_int_equal(parsed("/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16").param_count, 16);
    assert_int_equal(refused("/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17"),
                     LOCAL_InvalidQueryString);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_split_and_decoded),
        cmocka_unit_test(a_slash_at_the_end_does_not_count),
        cmocka_unit_test(what_is_signed_is_the_origin_form_with_one_slash),
        cmocka_unit_test(parameters_are_found_in_any_case_and_order),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(more_parts_than_any_call_has_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, free_memory);
}
