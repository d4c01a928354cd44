#include "testing.h"

#include "base/mp.h"

/* {"Category":"Job","n":-5,"f":1.5,"b":true,"t":timestamp,"bytes":bin,"list":[1,2],"none":nil} */
static sl_buf_t sample(void)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_put_map(&out, 8);
    mp_put_lit(&out, "Category");
    mp_put_lit(&out, "Job");
    mp_put_lit(&out, "n");
    mp_put_int(&out, -5);
    mp_put_lit(&out, "f");
    mp_put_double(&out, 1.5);
    mp_put_lit(&out, "b");
    mp_put_bool(&out, true);
    mp_put_lit(&out, "t");
    mp_put_time(&out, 1780315200, 5);
    mp_put_lit(&out, "bytes");
    mp_put_bin(&out, "\x00\xff", 2);
    mp_put_lit(&out, "list");
    mp_put_array(&out, 2);
    mp_put_uint(&out, 1);
    mp_put_uint(&out, 2);
    mp_put_lit(&out, "none");
    mp_put_nil(&out);
    return out;
}

static sluice_value_t get(const sl_buf_t *event, const char *field)
{
    sluice_value_t value;
    assert_int_equal(sluice_event_get(event->data, event->len, field, &value), SLUICE_OK);
    return value;
}

static void field_comes_with_its_type_and_value(void **state)
{
    (void)state;
    sl_buf_t event = sample();
    sluice_value_t value = get(&event, "Category");
    assert_int_equal(value.type, SLUICE_STR);
    assert_int_equal(value.str.len, 3);
    assert_memory_equal(value.str.data, "Job", 3);
    assert_int_equal(get(&event, "n").type, SLUICE_INT);
    assert_int_equal(get(&event, "n").i64, -5);
    assert_true(get(&event, "f").f64 == 1.5);
    assert_true(get(&event, "b").boolean);
    assert_int_equal(get(&event, "t").type, SLUICE_TIME);
    assert_int_equal(get(&event, "t").time.sec, 1780315200);
    assert_int_equal(get(&event, "t").time.nsec, 5);
    assert_int_equal(get(&event, "bytes").type, SLUICE_BIN);
    assert_int_equal(get(&event, "none").type, SLUICE_NIL);
    sl_buf_fini(&event);
}

static void array_comes_as_its_bytes(void **state)
{
    (void)state;
    sl_buf_t event = sample();
    sluice_value_t value = get(&event, "list");
    assert_int_equal(value.type, SLUICE_ARRAY);
    assert_int_equal(value.raw_len, 3);
    assert_memory_equal(value.raw, "\x92\x01\x02", 3);
    sl_buf_fini(&event);
}

static void missing_field_is_told_from_a_malformed_event(void **state)
{
    (void)state;
    sl_buf_t event = sample();
    sluice_value_t value;
    assert_int_equal(sluice_event_get(event.data, event.len, "Nope", &value), SLUICE_ENOENT);
    assert_int_equal(sluice_event_get(event.data, event.len - 1, "Nope", &value), SLUICE_EPROTO);
    assert_int_equal(sluice_event_get("\x90", 1, "Nope", &value), SLUICE_EPROTO);
    assert_int_equal(sluice_event_get("", 0, "Nope", &value), SLUICE_EPROTO);
    sl_buf_fini(&event);
}

static void json_is_one_line(void **state)
{
    (void)state;
    char *json = NULL;
    assert_int_equal(sluice_event_json("\x81\xa1k\x07", 4, &json), SLUICE_OK);
    assert_string_equal(json, "{\"k\":7}");
    free(json);
    json = NULL;
    assert_int_equal(sluice_event_json("\x81\xa1k", 3, &json), SLUICE_EPROTO);
    assert_null(json);
}

static void every_error_has_a_text(void **state)
{
    (void)state;
#define X(name, number, text) assert_string_equal(sluice_err_text(SLUICE_##name), text);
    SLUICE_ERR_MAP(X)
#undef X
    assert_string_equal(sluice_err_text((sluice_err)999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_comes_with_its_type_and_value),
        cmocka_unit_test(array_comes_as_its_bytes),
        cmocka_unit_test(missing_field_is_told_from_a_malformed_event),
        cmocka_unit_test(json_is_one_line),
        cmocka_unit_test(every_error_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
