/* The byte examples of docs/protocol.md.  testdata/golden.hex holds them, one a line; these tests
 * make each from its meaning and hold the two against each other.  With WIRE_GOLDEN_PRINT set, a
 * run prints what it made instead. */
#include "base/mp.h"
#include "testing.h"
#include "wire/feed.h"
#include "wire/intake.h"
#include "wire/query.h"

#include <stdio.h>

static const char topic[] = "Job.OnJobFailed";
static const char source[] = "acs:mns:cn-hangzhou:123456789012:/topics/batch";
static const char id[] = "5F290C926D472878-2-14D9529A8FA-200000001";
static const uint64_t stream = 0x1122334455667788;
static const uint64_t sealed_ns = 1780315200123456789; /* 2026-06-01T12:00:00.123456789Z */

static void check(const char *name, const void *bytes, size_t len)
{
    char line[2048], want[2048];
    int at = snprintf(want, sizeof want, "%s ", name);
    for (size_t i = 0; i < len; i++)
        at += snprintf(want + at, sizeof want - (size_t)at, "%02x", ((const uint8_t *)bytes)[i]);
    if (getenv("WIRE_GOLDEN_PRINT") != NULL) {
        printf("%s\n", want);
        return;
    }
    FILE *file = fopen(WIRE_TESTDATA "/golden.hex", "r");
    assert_non_null(file);
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, want) == 0;
    }
    fclose(file);
    if (!found)
        fail_msg("golden.hex has no line \"%s\"", want);
}

/* {"Category":"Job","Event":"OnJobFailed"} */
static sl_buf_t event(void)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_put_map(&out, 2);
    mp_put_lit(&out, "Category");
    mp_put_lit(&out, "Job");
    mp_put_lit(&out, "Event");
    mp_put_lit(&out, "OnJobFailed");
    return out;
}

static void feed_example_is_byte_exact(void **state)
{
    (void)state;
    sl_buf_t body = event(), out = SL_BUF_INIT;
    uint8_t end[4];
    wire_put_end(end, (uint32_t)body.len);
    wire_feed_header_t h = {
        .stream = stream, .prev = 40, .first = 42, .count = 1, .time_ns = sealed_ns, .ends = end};
    wire_feed_encode(&out, &h, topic, sizeof topic - 1, body.data, body.len);
    check("feed.topic", topic, sizeof topic - 1);
    check("feed.header", out.data, out.len);
    check("feed.body", body.data, body.len);
    sl_buf_fini(&body);
    sl_buf_fini(&out);
}

static void tick_example_is_byte_exact(void **state)
{
    (void)state;
    sl_buf_t body = SL_BUF_INIT, out = SL_BUF_INIT;
    wire_tails_begin(&body, 1);
    wire_tails_put(&body, topic, sizeof topic - 1, 42);
    wire_feed_header_t h = {.stream = stream, .first = 43, .time_ns = sealed_ns};
    wire_feed_encode(&out, &h, "$tick", 5, body.data, body.len);
    check("tick.header", out.data, out.len);
    check("tick.body", body.data, body.len);
    sl_buf_fini(&body);
    sl_buf_fini(&out);
}

static void intake_examples_are_byte_exact(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_put_hello(&out, "demo", 4);
    check("intake.hello", out.data, out.len);
    sl_buf_clear(&out);
    wire_put_welcome(&out, stream, 64, 1048576, 4096);
    check("intake.welcome", out.data, out.len);
    sl_buf_clear(&out);
    uint8_t end[4], event_id[WIRE_ID_BYTES];
    wire_put_end(end, 32);
    wire_event_id(event_id, source, sizeof source - 1, id, sizeof id - 1);
    wire_put_pub(&out, 1, 1, end, event_id);
    check("intake.pub", out.data, out.len);
    sl_buf_clear(&out);
    wire_put_ack(&out, 1, 42, 42, 1, 0);
    check("intake.ack", out.data, out.len);
    sl_buf_clear(&out);
    wire_put_nak(&out, 2, WIRE_NAK_BUSY, "try again", 100);
    check("intake.nak", out.data, out.len);
    sl_buf_fini(&out);
}

static void query_example_is_byte_exact(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_put_query(&out, WIRE_QUERY_STATUS, 1, 0);
    check("query.status", out.data, out.len);
    sl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_example_is_byte_exact),
        cmocka_unit_test(tick_example_is_byte_exact),
        cmocka_unit_test(intake_examples_are_byte_exact),
        cmocka_unit_test(query_example_is_byte_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
