/* protocol_doc_test.c - the byte examples of docs/protocol.md are what the code writes.
 *
 * Each fenced block "```hex NAME" of the page is held against the message of that name, built here
 * with core/wire.  A mismatch prints the bytes as the page should show them. */
#include "base/mp.h"
#include "wire/feed.h"
#include "wire/intake.h"
#include "wire/query.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char TOPIC[] = "Job.OnJobFailed";
static const char SOURCE[] = "acs:mns:cn-hangzhou:123456789012:/topics/batch";
static const char ID[] = "5F290C926D472878-2-14D9529A8FA-200000001";
#define PARENT  UINT64_C(0x0102030405060708)
#define STREAM  UINT64_C(0x1122334455667788)
#define TIME_NS UINT64_C(1780315200000000000) /* 2026-06-01T12:00:00Z */

static void put_topic(sl_buf_t *out)
{
    sl_buf_append(out, TOPIC, sizeof TOPIC - 1);
}

static void put_event(sl_buf_t *out)
{
    mp_put_map(out, 2);
    mp_put_lit(out, "Category");
    mp_put_lit(out, "Job");
    mp_put_lit(out, "Event");
    mp_put_lit(out, "OnJobFailed");
}

static void put_feed_header(sl_buf_t *out)
{
    sl_buf_t body = SL_BUF_INIT;
    uint8_t ends[4];
    put_event(&body);
    wire_put_end(ends, (uint32_t)body.len);
    wire_feed_header_t header = {
        .stream = STREAM, .prev = 40, .first = 42, .count = 1, .time_ns = TIME_NS, .ends = ends};
    wire_feed_encode(out, &header, TOPIC, sizeof TOPIC - 1, body.data, body.len);
    sl_buf_fini(&body);
}

static void put_tick_body(sl_buf_t *out)
{
    wire_tails_begin(out, 1);
    wire_tails_put(out, TOPIC, sizeof TOPIC - 1, 42);
}

static void put_tick_header(sl_buf_t *out)
{
    sl_buf_t body = SL_BUF_INIT;
    put_tick_body(&body);
    wire_feed_header_t header = {.stream = STREAM, .first = 43, .time_ns = TIME_NS};
    wire_feed_encode(out, &header, "$tick", 5, body.data, body.len);
    sl_buf_fini(&body);
}

static void put_tick_parents(sl_buf_t *out)
{
    static const wire_parent_t parent = {PARENT, 40};
    sl_buf_t body = SL_BUF_INIT;
    put_tick_body(&body);
    wire_feed_header_t header = {
        .stream = STREAM, .first = 43, .time_ns = TIME_NS, .parents = &parent, .parent_count = 1};
    wire_feed_encode(out, &header, "$tick", 5, body.data, body.len);
    sl_buf_fini(&body);
}

static void put_hello(sl_buf_t *out)
{
    wire_put_hello(out, "demo", 4);
}

static void put_welcome(sl_buf_t *out)
{
    wire_put_welcome(out, STREAM, 64, 1048576, 4096);
}

static void put_pub(sl_buf_t *out)
{
    sl_buf_t event = SL_BUF_INIT;
    uint8_t ends[4], id[WIRE_ID_BYTES];
    put_event(&event);
    wire_put_end(ends, (uint32_t)event.len);
    wire_event_id(id, SOURCE, sizeof SOURCE - 1, ID, sizeof ID - 1);
    wire_put_pub(out, 1, 1, ends, id);
    sl_buf_fini(&event);
}

static void put_ack(sl_buf_t *out)
{
    wire_put_ack(out, 1, 42, 42, 1, 0);
}

static void put_nak(sl_buf_t *out)
{
    wire_put_nak(out, 2, WIRE_NAK_BUSY, wire_nak_text(WIRE_NAK_BUSY), 100);
}

static void put_status(sl_buf_t *out)
{
    wire_put_query(out, WIRE_QUERY_STATUS, 7, 0);
}

static void put_find(sl_buf_t *out)
{
    wire_put_find(out, 8, &(wire_find_t){TIME_NS});
}

static void put_found(sl_buf_t *out)
{
    wire_put_found(out, 8, &(wire_found_t){STREAM, 41, 43});
}

static void put_replay(sl_buf_t *out)
{
    sl_buf_t prefixes = SL_BUF_INIT;
    wire_texts_put(&prefixes, "Job.", 4);
    wire_texts_put(&prefixes, "$dead.", 6);
    wire_put_replay(out, 9,
                    &(wire_replay_t){STREAM, 41, WIRE_HEAD, wire_texts(&prefixes, 2), 1 << 20});
    sl_buf_fini(&prefixes);
}

static void put_batch(sl_buf_t *out)
{
    wire_put_query(out, WIRE_QUERY_BATCH, 9, 0);
}

static void put_lost(sl_buf_t *out)
{
    wire_put_lost(out, 9, &(wire_lost_t){12, 30, WIRE_LOST_RETENTION});
}

static void put_done(sl_buf_t *out)
{
    wire_put_done(out, 9, &(wire_done_t){42});
}

static void put_wrong_stream(sl_buf_t *out)
{
    wire_put_wrong_stream(out, 9, &(wire_wrong_stream_t){STREAM, 31, 43, 1, {{PARENT, 40}}});
}

static void put_credit(sl_buf_t *out)
{
    wire_put_credit(out, 9, &(wire_credit_t){64 << 10});
}

static void put_cancel(sl_buf_t *out)
{
    wire_put_query(out, WIRE_QUERY_CANCEL, 9, 0);
}

static void put_cursor_open(sl_buf_t *out)
{
    sl_buf_t patterns = SL_BUF_INIT;
    wire_texts_put(&patterns, "Job.*", 5);
    wire_put_cursor_open(out, 10,
                         &(wire_cursor_open_t){"audit", 5, false, wire_texts(&patterns, 1)});
    sl_buf_fini(&patterns);
}

static void put_cursor_opened(sl_buf_t *out)
{
    sl_buf_t patterns = SL_BUF_INIT;
    wire_texts_put(&patterns, "Job.*", 5);
    wire_put_cursor_opened(
        out, 10, &(wire_cursor_opened_t){3, true, STREAM, 41, true, wire_texts(&patterns, 1)});
    sl_buf_fini(&patterns);
}

static void put_cursor_commit(sl_buf_t *out)
{
    wire_put_cursor_place(out, WIRE_QUERY_CURSOR_COMMIT, 11,
                          &(wire_cursor_place_t){"audit", 5, 3, STREAM, 42});
}

static void put_cursor_committed(sl_buf_t *out)
{
    wire_put_cursor_placed(out, WIRE_QUERY_CURSOR_COMMIT, 11, &(wire_cursor_placed_t){42});
}

static void put_error(sl_buf_t *out)
{
    wire_put_query_error(out, 12, WIRE_CODE_FENCED, NULL);
}

static const struct {
    const char *name;
    void (*put)(sl_buf_t *out);
} examples[] = {
    {"feed.topic", put_topic},
    {"feed.header", put_feed_header},
    {"feed.body", put_event},
    {"tick.header", put_tick_header},
    {"tick.body", put_tick_body},
    {"intake.hello", put_hello},
    {"intake.welcome", put_welcome},
    {"intake.pub", put_pub},
    {"intake.ack", put_ack},
    {"intake.nak", put_nak},
    {"query.status", put_status},
    {"tick.parents", put_tick_parents},
    {"query.find", put_find},
    {"query.found", put_found},
    {"query.replay", put_replay},
    {"query.batch", put_batch},
    {"query.lost", put_lost},
    {"query.done", put_done},
    {"query.wrong_stream", put_wrong_stream},
    {"query.credit", put_credit},
    {"query.cancel", put_cancel},
    {"query.cursor_open", put_cursor_open},
    {"query.cursor_opened", put_cursor_opened},
    {"query.cursor_commit", put_cursor_commit},
    {"query.cursor_committed", put_cursor_committed},
    {"query.error", put_error},
};

static char *read_page(void)
{
    FILE *file = fopen(SLUICE_SOURCE_DIR "/docs/protocol.md", "rb");
    assert_non_null(file);
    static char page[1 << 16];
    size_t len = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    assert_true(len > 0 && len < sizeof page - 1);
    page[len] = '\0';
    return page;
}

/* The bytes of the fenced block with this name. */
static void read_example(sl_buf_t *out, const char *page, const char *name)
{
    char fence[64];
    snprintf(fence, sizeof fence, "```hex %s\n", name);
    const char *at = strstr(page, fence);
    if (at == NULL)
        fail_msg("the page has no block %s", name);
    at += strlen(fence);
    const char *end = strstr(at, "```");
    while (at < end) {
        unsigned byte;
        if (isspace((unsigned char)*at)) {
            at++;
            continue;
        }
        assert_int_equal(sscanf(at, "%2x", &byte), 1);
        sl_buf_append_byte(out, (uint8_t)byte);
        at += 2;
    }
}

static void print_example(const char *name, const sl_buf_t *bytes)
{
    printf("```hex %s", name);
    for (size_t i = 0; i < bytes->len; i++)
        printf("%s%02x", i % 24 == 0 ? "\n" : " ", bytes->data[i]);
    printf("\n```\n");
}

static void the_page_shows_the_bytes_that_the_code_writes(void **state)
{
    (void)state;
    const char *page = read_page();
    bool same = true;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        sl_buf_t wanted = SL_BUF_INIT, shown = SL_BUF_INIT;
        examples[i].put(&wanted);
        assert_false(wanted.failed);
        read_example(&shown, page, examples[i].name);
        if (wanted.len != shown.len || memcmp(wanted.data, shown.data, wanted.len) != 0) {
            print_example(examples[i].name, &wanted);
            same = false;
        }
        sl_buf_fini(&wanted);
        sl_buf_fini(&shown);
    }
    assert_true(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_the_bytes_that_the_code_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
