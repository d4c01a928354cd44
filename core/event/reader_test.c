#include "event/reader.h"

#include "testing.h"

static void put_sample(sl_buf_t *out)
{
    mp_put_map(out, 4);
    mp_put_lit(out, "Category");
    mp_put_lit(out, "Job");
    mp_put_lit(out, "n");
    mp_put_int(out, -7);
    mp_put_lit(out, "list");
    mp_put_array(out, 2);
    mp_put_uint(out, 1);
    mp_put_map(out, 1);
    mp_put_lit(out, "n");
    mp_put_uint(out, 9);
    mp_put_lit(out, "");
    mp_put_nil(out);
}

static bool find(const sl_buf_t *event, const char *name, mp_value_t *value)
{
    return event_find(event->data, event->len, name, strlen(name), value, NULL);
}

static void a_field_is_found_by_its_name(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT;
    mp_value_t value;
    put_sample(&event);
    assert_true(find(&event, "Category", &value));
    assert_int_equal(value.type, MP_STR);
    assert_memory_equal(value.bytes.data, "Job", 3);
    assert_true(find(&event, "n", &value)); /* not the n inside the list */
    assert_int_equal(value.i64, -7);
    assert_true(find(&event, "", &value));
    assert_int_equal(value.type, MP_NIL);
    sl_buf_fini(&event);
}

static void a_field_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT;
    mp_value_t value;
    put_sample(&event);
    assert_false(find(&event, "Categor", &value));
    assert_false(find(&event, "Category2", &value));
    assert_false(find(&event, "N", &value));
    sl_buf_fini(&event);
}

static void the_raw_value_spans_all_of_it(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT;
    mp_value_t value;
    mp_cursor_t raw;
    put_sample(&event);
    assert_true(event_find(event.data, event.len, "list", 4, &value, &raw));
    assert_int_equal(value.type, MP_ARRAY);
    char *text = event_to_text(raw.at, (size_t)(raw.end - raw.at));
    assert_string_equal(text, "[1, {n=9}]");
    free(text);
    sl_buf_fini(&event);
}

static void a_walk_meets_every_field_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"Category", "n", "list", ""};
    sl_buf_t event = SL_BUF_INIT;
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    put_sample(&event);
    event_iter_t iter = event_fields(event.data, event.len);
    for (size_t i = 0; i < 4; i++) {
        assert_true(event_next_field(&iter, &name, &name_len, &raw));
        assert_int_equal(name_len, strlen(names[i]));
        assert_memory_equal(name, names[i], name_len);
    }
    assert_false(event_next_field(&iter, &name, &name_len, &raw));
    assert_false(iter.bad);
    sl_buf_fini(&event);
}

/* Walks a copy of exactly that size.  @return whether it was good. */
static bool walk(const void *bytes, size_t len)
{
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    void *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    event_iter_t iter = event_fields(copy, len);
    while (event_next_field(&iter, &name, &name_len, &raw))
        continue;
    free(copy);
    return !iter.bad;
}

static void every_truncation_is_told_from_a_good_end(void **state)
{
    (void)state;
    sl_buf_t event = SL_BUF_INIT;
    put_sample(&event);
    for (size_t cut = 0; cut < event.len; cut++)
        assert_false(walk(event.data, cut));
    assert_true(walk(event.data, event.len));
    sl_buf_append_byte(&event, 0xc0);
    assert_false(walk(event.data, event.len)); /* nor may anything follow */
    sl_buf_fini(&event);
}

static void what_is_no_event_is_bad(void **state)
{
    (void)state;
    assert_false(walk("\x93\1\2\3", 4));
    assert_false(walk("\x81\1\2", 3));             /* a key that is no str */
    assert_false(walk("\xdf\xff\xff\xff\xff", 5)); /* a count that lies */
    assert_false(walk("\x81\xa1k\xc1", 4));
    assert_true(walk("\x80", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_by_its_name),
        cmocka_unit_test(a_field_that_is_not_there_is_not_found),
        cmocka_unit_test(the_raw_value_spans_all_of_it),
        cmocka_unit_test(a_walk_meets_every_field_in_order),
        cmocka_unit_test(every_truncation_is_told_from_a_good_end),
        cmocka_unit_test(what_is_no_event_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
