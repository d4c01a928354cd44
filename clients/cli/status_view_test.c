#include "status_view.h"

#include "table.h"

#include "base/mp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void put_text(sl_buf_t *out, const char *name, const char *text)
{
    mp_put_str(out, name, strlen(name));
    mp_put_str(out, text, strlen(text));
}

static void put_number(sl_buf_t *out, const char *name, uint64_t number)
{
    mp_put_str(out, name, strlen(name));
    mp_put_uint(out, number);
}

static void put_journal(sl_buf_t *out)
{
    mp_put_lit(out, "journal");
    mp_put_map(out, 10);
    put_text(out, "backend", "lmdb");
    put_number(out, "oldest", 121);
    put_number(out, "next", 5241);
    put_number(out, "records", 412);
    put_number(out, "bytes", 12897484);
    put_number(out, "oldest_time_ns", UINT64_C(1780315200000000000));
    put_number(out, "newest_time_ns", UINT64_C(1780326720000000000));
    put_number(out, "retain_bytes", UINT64_C(4) << 30);
    put_number(out, "retain_age_ms", 7 * UINT64_C(86400000));
    put_number(out, "commits", 99);
}

static void put_cursor(sl_buf_t *out, const char *name, bool placed)
{
    mp_put_map(out, 7);
    put_text(out, "name", name);
    put_number(out, "stream", 77);
    mp_put_lit(out, "number");
    if (placed)
        mp_put_uint(out, 5000);
    else
        mp_put_nil(out);
    put_number(out, "lag", 240);
    put_number(out, "generation", 3);
    put_number(out, "idle_ms", 1500);
    mp_put_lit(out, "patterns");
    mp_put_array(out, 1);
    mp_put_lit(out, "Job.");
}

/* As a broker with a journal answers. */
static void put_status(sl_buf_t *out)
{
    mp_put_map(out, 12);
    put_text(out, "name", "b");
    put_text(out, "version", "0.1.0");
    put_text(out, "durability", "disk");
    put_number(out, "stream", 77);
    put_number(out, "next", 5241);
    put_number(out, "uptime_ms", 11520000);
    mp_put_lit(out, "parents");
    mp_put_array(out, 1);
    mp_put_array(out, 2);
    mp_put_uint(out, 66);
    mp_put_uint(out, 1200);
    put_journal(out);
    mp_put_lit(out, "cursors");
    mp_put_array(out, 2);
    put_cursor(out, "slow", true);
    put_cursor(out, "new", false);
    mp_put_lit(out, "topics");
    mp_put_map(out, 1);
    put_number(out, "Job.OnJobFailed", 5240);
    put_number(out, "replays", 2);
    mp_put_lit(out, "counters");
    mp_put_map(out, 1);
    put_number(out, "broker_events", 1);
}

static void assert_shown(const sl_buf_t *status, bool counters, const char *expected)
{
    sl_buf_t view = SL_BUF_INIT, text = SL_BUF_INIT;
    assert_int_equal(status_view(&view, status->data, status->len, counters), SL_OK);
    assert_int_equal(table_write(&text, view.data, view.len), SL_OK);
    sl_buf_append_byte(&text, '\0');
    assert_string_equal((const char *)text.data, expected);
    sl_buf_fini(&view);
    sl_buf_fini(&text);
}

#define SHOWN                                                                  \
    "broker   b 0.1.0, durability disk, up 3 h 12 min\n"                       \
    "stream   77\n"                                                            \
    "next     5241\n"                                                          \
    "parents\n"                                                                \
    "  stream  last\n"                                                         \
    "  66      1200\n"                                                         \
    "journal\n"                                                                \
    "  kept in    lmdb\n"                                                      \
    "  numbers    121 to 5,240 (5,120 events in 412 batches)\n"                \
    "  sealed     2026-06-01T12:00:00Z to 2026-06-01T15:12:00Z (3 h 12 min)\n" \
    "  size       12.3 MiB\n"                                                  \
    "  retention  4.00 GiB or 7 d\n"                                           \
    "  commits    99\n"                                                        \
    "cursors\n"                                                                \
    "  name  lag  number  idle   patterns\n"                                   \
    "  slow  240  5000    1.5 s  [\"Job.\"]\n"                                 \
    "  new   240          1.5 s  [\"Job.\"]\n"                                 \
    "topics\n"                                                                 \
    "  topic            last\n"                                                \
    "  Job.OnJobFailed  5240\n"                                                \
    "replays  2\n"

static void a_broker_with_a_journal_is_arranged_for_eyes(void **state)
{
    (void)state;
    sl_buf_t status = SL_BUF_INIT;
    put_status(&status);
    assert_shown(&status, false, SHOWN);
    assert_shown(&status, true, SHOWN "counters\n  broker_events  1\n");
    sl_buf_fini(&status);
}

/* An older broker tells less; a newer one more, and its answer may have grown. */
static void what_is_not_told_is_not_shown(void **state)
{
    (void)state;
    sl_buf_t status = SL_BUF_INIT;
    mp_put_map(&status, 2);
    put_number(&status, "stream", 77);
    put_text(&status, "weather", "fair");
    mp_put_uint(&status, 1); /* an element behind the map */
    assert_shown(&status, false, "stream   77\nnext     0\nweather  fair\n");
    sl_buf_fini(&status);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    sl_buf_t status = SL_BUF_INIT, view = SL_BUF_INIT;
    put_status(&status);
    for (size_t len = 0; len < status.len; len++) {
        sl_buf_clear(&view);
        assert_int_equal(status_view(&view, status.data, len, true), SL_EPROTO);
    }
    sl_buf_fini(&status);
    sl_buf_fini(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broker_with_a_journal_is_arranged_for_eyes),
        cmocka_unit_test(what_is_not_told_is_not_shown),
        cmocka_unit_test(every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
