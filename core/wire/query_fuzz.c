/* query_fuzz.c - any bytes as the first frame of a query message, and as a header with parents.
 *
 * What decodes is written again and must decode to the same. */
#include "wire/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In every build, also without assertions. */
static void must(bool claim)
{
    if (!claim)
        abort();
}

/* What was decoded must lie inside the frame. */
static void touch(const void *bytes, size_t len, const wire_query_t *msg)
{
    const uint8_t *at = bytes;
    must(len == 0 || (at >= msg->rest && at + len <= msg->rest + msg->rest_len));
}

static void walk(wire_texts_t texts, const wire_query_t *msg)
{
    const char *text;
    uint32_t len;
    wire_prefixes_match(texts, "Job.OnJobFailed", 15);
    for (uint32_t left = texts.count; left > 0; left--) {
        must(wire_texts_next(&texts, &text, &len));
        touch(text, len, msg);
    }
    must(texts.len == 0);
}

static wire_query_t again(const sl_buf_t *out)
{
    wire_query_t msg;
    must(!out->failed);
    must(wire_query_decode(&msg, out->data, out->len) == SL_OK);
    return msg;
}

static void try_replay(const wire_query_t *msg, sl_buf_t *out)
{
    wire_replay_t replay, back;
    if (wire_replay_decode(&replay, msg) != SL_OK)
        return;
    walk(replay.prefixes, msg);
    wire_put_replay(out, msg->request, &replay);
    wire_query_t copy = again(out);
    must(wire_replay_decode(&back, &copy) == SL_OK);
    must(back.after == replay.after && back.until == replay.until &&
         back.prefixes.count == replay.prefixes.count && back.credit_bytes == replay.credit_bytes);
}

static void try_wrong_stream(const wire_query_t *msg, sl_buf_t *out)
{
    wire_wrong_stream_t wrong, back;
    if (wire_wrong_stream_decode(&wrong, msg) != SL_OK)
        return;
    must(wrong.parent_count <= WIRE_PARENTS_MAX);
    wire_put_wrong_stream(out, msg->request, &wrong);
    wire_query_t copy = again(out);
    must(wire_wrong_stream_decode(&back, &copy) == SL_OK);
    must(back.parent_count == wrong.parent_count && back.next == wrong.next);
}

static void try_lost(const wire_query_t *msg, sl_buf_t *out)
{
    wire_lost_t lost;
    if (wire_lost_decode(&lost, msg) != SL_OK)
        return;
    must(lost.from <= lost.to);
    wire_put_lost(out, msg->request, &lost);
    again(out);
}

static void try_open(const wire_query_t *msg, sl_buf_t *out)
{
    wire_cursor_open_t open;
    if (wire_cursor_open_decode(&open, msg) != SL_OK)
        return;
    walk(open.patterns, msg);
    touch(open.name, open.name_len, msg);
    wire_cursor_name_valid(open.name, open.name_len);
    wire_put_cursor_open(out, msg->request, &open);
    wire_query_t copy = again(out);
    must(wire_cursor_open_decode(&open, &copy) == SL_OK);
}

static void try_opened(const wire_query_t *msg, sl_buf_t *out)
{
    wire_cursor_opened_t opened, back;
    if (wire_cursor_opened_decode(&opened, msg) != SL_OK)
        return;
    walk(opened.patterns, msg);
    wire_put_cursor_opened(out, msg->request, &opened);
    wire_query_t copy = again(out);
    must(wire_cursor_opened_decode(&back, &copy) == SL_OK);
    must(back.placed == opened.placed && back.known == opened.known);
}

static void try_place(const wire_query_t *msg, sl_buf_t *out)
{
    wire_cursor_place_t place;
    if (wire_cursor_place_decode(&place, msg) != SL_OK)
        return;
    touch(place.name, place.name_len, msg);
    wire_put_cursor_place(out, WIRE_QUERY_CURSOR_RESET, msg->request, &place);
    again(out);
}

static void try_error(const wire_query_t *msg, sl_buf_t *out)
{
    wire_query_error_t error;
    if (wire_query_error_decode(&error, msg) != SL_OK)
        return;
    touch(error.text, error.text_len, msg);
    wire_put_query_error(out, msg->request, error.code, NULL);
    again(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const wire_query_t *msg, sl_buf_t *out) = {
        try_replay, try_wrong_stream, try_lost, try_open, try_opened, try_place, try_error};
    wire_parent_t parents[WIRE_PARENTS_MAX];
    uint32_t count;
    sl_err err = wire_feed_parents(data, size, parents, &count);
    must(err == SL_OK ? count <= WIRE_PARENTS_MAX : count == 0);
    wire_query_t msg;
    if (wire_query_decode(&msg, data, size) != SL_OK)
        return 0;
    touch(msg.rest, msg.rest_len, &msg);
    sl_buf_t out = SL_BUF_INIT;
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        sl_buf_clear(&out);
        tries[i](&msg, &out);
    }
    sl_buf_fini(&out);
    return 0;
}
