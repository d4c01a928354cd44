#include "table.h"

#include "base/mp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* stream, counters {…}, topics [{…}], empty [], tags ["a","b"] */
static void put_status(sl_buf_t *map)
{
    mp_put_map(map, 5);
    mp_put_lit(map, "stream");
    mp_put_uint(map, 1234);
    mp_put_lit(map, "counters");
    mp_put_map(map, 2);
    mp_put_lit(map, "in");
    mp_put_uint(map, 7);
    mp_put_lit(map, "window_full");
    mp_put_bool(map, false);
    mp_put_lit(map, "topics");
    mp_put_array(map, 2);
    mp_put_map(map, 2);
    mp_put_lit(map, "name");
    mp_put_lit(map, "Job.OnJobFailed");
    mp_put_lit(map, "last");
    mp_put_uint(map, 42);
    mp_put_map(map, 2);
    mp_put_lit(map, "name");
    mp_put_lit(map, "é\x1b[2J");
    mp_put_lit(map, "last");
    mp_put_nil(map);
    mp_put_lit(map, "empty");
    mp_put_array(map, 0);
    mp_put_lit(map, "tags");
    mp_put_array(map, 2);
    mp_put_lit(map, "a");
    mp_put_lit(map, "b");
}

static void assert_table(const sl_buf_t *map, const char *expected)
{
    sl_buf_t out = SL_BUF_INIT;
    assert_int_equal(table_write(&out, map->data, map->len), SL_OK);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    sl_buf_fini(&out);
}

static void a_map_becomes_aligned_rows_and_tables(void **state)
{
    (void)state;
    sl_buf_t map = SL_BUF_INIT;
    put_status(&map);
    assert_table(&map, "stream  1234\n"
                       "counters\n"
                       "  in           7\n"
                       "  window_full  false\n"
                       "topics\n"
                       "  name             last\n"
                       "  Job.OnJobFailed  42\n"
                       "  é\\u001b[2J\n"
                       "empty   []\n"
                       "tags    [\"a\",\"b\"]\n");
    sl_buf_fini(&map);
}

static void an_empty_map_is_nothing(void **state)
{
    (void)state;
    sl_buf_t map = SL_BUF_INIT;
    mp_put_map(&map, 0);
    assert_table(&map, "");
    sl_buf_fini(&map);
}

static void an_array_of_maps_is_a_table_of_its_own(void **state)
{
    (void)state;
    sl_buf_t rows = SL_BUF_INIT, out = SL_BUF_INIT;
    mp_put_array(&rows, 2);
    for (unsigned i = 0; i < 2; i++) {
        mp_put_map(&rows, 2);
        mp_put_lit(&rows, "name");
        mp_put_str(&rows, "jobs" + i, 4 - i);
        mp_put_lit(&rows, "n");
        mp_put_uint(&rows, i);
    }
    assert_int_equal(table_write_rows(&out, rows.data, rows.len), SL_OK);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, "name  n\njobs  0\nobs   1\n");
    sl_buf_clear(&out);
    for (size_t cut = 0; cut < rows.len; cut++)
        assert_int_equal(table_write_rows(&out, rows.data, cut), SL_EPROTO);
    sl_buf_clear(&rows);
    sl_buf_clear(&out);
    mp_put_array(&rows, 0);
    assert_int_equal(table_write_rows(&out, rows.data, rows.len), SL_OK);
    assert_int_equal(out.len, 0);
    sl_buf_fini(&rows);
    sl_buf_fini(&out);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    sl_buf_t map = SL_BUF_INIT, out = SL_BUF_INIT;
    put_status(&map);
    for (size_t cut = 0; cut < map.len; cut++) {
        uint8_t *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, map.data, cut);
        assert_int_equal(table_write(&out, exact, cut), SL_EPROTO);
        free(exact);
    }
    sl_buf_fini(&map);
    sl_buf_fini(&out);
}

/* Any byte changed: an answer, never a crash. */
static void damaged_maps_never_crash(void **state)
{
    (void)state;
    sl_buf_t map = SL_BUF_INIT, out = SL_BUF_INIT;
    put_status(&map);
    for (size_t at = 0; at < map.len; at++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t saved = map.data[at];
            map.data[at] = (uint8_t)byte;
            sl_buf_clear(&out);
            table_write(&out, map.data, map.len);
            map.data[at] = saved;
        }
    sl_buf_fini(&map);
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_becomes_aligned_rows_and_tables),
        cmocka_unit_test(an_empty_map_is_nothing),
        cmocka_unit_test(an_array_of_maps_is_a_table_of_its_own),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(damaged_maps_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
