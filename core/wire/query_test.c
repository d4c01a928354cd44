#include "wire/query.h"

#include "base/mp.h"
#include "testing.h"

#define STREAM UINT64_C(0xfedcba9876543210)

static wire_texts_t two_texts(void)
{
    static const uint8_t bytes[] = "\xa4Job.\xa6$dead.";
    return (wire_texts_t){bytes, sizeof bytes - 1, 2};
}

static void assert_two_texts(wire_texts_t texts)
{
    const char *text;
    uint32_t len;
    assert_int_equal(texts.count, 2);
    assert_true(wire_texts_next(&texts, &text, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(text, "Job.", 4);
    assert_true(wire_texts_next(&texts, &text, &len));
    assert_int_equal(len, 6);
    assert_memory_equal(text, "$dead.", 6);
    assert_false(wire_texts_next(&texts, &text, &len));
}

/* -- one row a message: what writes it, and what reads it back and looks at what it got ---------
 */

static void put_tick(sl_buf_t *out)
{
    wire_put_query(out, WIRE_QUERY_TICK, 300, 0);
}

static sl_err check_nothing(const wire_query_t *msg)
{
    (void)msg;
    return SL_OK;
}

static void put_find(sl_buf_t *out)
{
    wire_put_find(out, 300, &(wire_find_t){1780315200123456789});
}

static sl_err check_find(const wire_query_t *msg)
{
    wire_find_t find;
    sl_err err = wire_find_decode(&find, msg);
    if (err == SL_OK)
        assert_int_equal(find.since_ns, 1780315200123456789);
    return err;
}

static void put_found(sl_buf_t *out)
{
    wire_put_found(out, 300, &(wire_found_t){STREAM, 41, 70000, 40});
}

static sl_err check_found(const wire_query_t *msg)
{
    wire_found_t found;
    sl_err err = wire_found_decode(&found, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(found.stream, STREAM);
    assert_int_equal(found.after, 41);
    assert_int_equal(found.next, 70000);
    assert_int_equal(found.taken, msg->rest_count > 3 ? 40 : 0);
    return err;
}

static void put_replay(sl_buf_t *out)
{
    wire_put_replay(out, 300, &(wire_replay_t){STREAM, 41, 70000, two_texts(), 1 << 20});
}

static sl_err check_replay(const wire_query_t *msg)
{
    wire_replay_t replay;
    sl_err err = wire_replay_decode(&replay, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(replay.stream, STREAM);
    assert_int_equal(replay.after, 41);
    assert_int_equal(replay.until, 70000);
    assert_two_texts(replay.prefixes);
    assert_int_equal(replay.credit_bytes, 1 << 20);
    return err;
}

static void put_lost(sl_buf_t *out)
{
    wire_put_lost(out, 300, &(wire_lost_t){42, 70000, WIRE_LOST_DAMAGE});
}

static sl_err check_lost(const wire_query_t *msg)
{
    wire_lost_t lost;
    sl_err err = wire_lost_decode(&lost, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(lost.from, 42);
    assert_int_equal(lost.to, 70000);
    assert_int_equal(lost.reason, WIRE_LOST_DAMAGE);
    return err;
}

static void put_done(sl_buf_t *out)
{
    wire_put_done(out, 300, &(wire_done_t){70000});
}

static sl_err check_done(const wire_query_t *msg)
{
    wire_done_t done;
    sl_err err = wire_done_decode(&done, msg);
    if (err == SL_OK)
        assert_int_equal(done.upto, 70000);
    return err;
}

static void put_wrong_stream(sl_buf_t *out)
{
    wire_put_wrong_stream(out, 300, &(wire_wrong_stream_t){STREAM, 7, 70000, 2, {{3, 4}, {5, 6}}});
}

static sl_err check_wrong_stream(const wire_query_t *msg)
{
    wire_wrong_stream_t wrong;
    sl_err err = wire_wrong_stream_decode(&wrong, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(wrong.stream, STREAM);
    assert_int_equal(wrong.oldest, 7);
    assert_int_equal(wrong.next, 70000);
    assert_int_equal(wrong.parent_count, 2);
    assert_int_equal(wrong.parents[0].stream, 3);
    assert_int_equal(wrong.parents[0].last, 4);
    assert_int_equal(wrong.parents[1].stream, 5);
    assert_int_equal(wrong.parents[1].last, 6);
    return err;
}

static void put_credit(sl_buf_t *out)
{
    wire_put_credit(out, 300, &(wire_credit_t){1 << 20});
}

static sl_err check_credit(const wire_query_t *msg)
{
    wire_credit_t credit;
    sl_err err = wire_credit_decode(&credit, msg);
    if (err == SL_OK)
        assert_int_equal(credit.bytes, 1 << 20);
    return err;
}

static void put_open(sl_buf_t *out)
{
    wire_put_cursor_open(out, 300, &(wire_cursor_open_t){"me:1", 4, false, two_texts()});
}

static sl_err check_open(const wire_query_t *msg)
{
    wire_cursor_open_t open;
    sl_err err = wire_cursor_open_decode(&open, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(open.name_len, 4);
    assert_memory_equal(open.name, "me:1", 4);
    assert_false(open.keep);
    assert_two_texts(open.patterns);
    return err;
}

static void put_open_to_keep(sl_buf_t *out)
{
    wire_put_cursor_open(out, 300,
                         &(wire_cursor_open_t){.name = "me:1", .name_len = 4, .keep = true});
}

static sl_err check_open_to_keep(const wire_query_t *msg)
{
    wire_cursor_open_t open;
    sl_err err = wire_cursor_open_decode(&open, msg);
    if (err == SL_OK)
        assert_true(open.keep && open.patterns.count == 0);
    return err;
}

static void put_opened(sl_buf_t *out)
{
    wire_put_cursor_opened(out, 300,
                           &(wire_cursor_opened_t){9, true, STREAM, 70000, true, two_texts()});
}

static sl_err check_opened(const wire_query_t *msg)
{
    wire_cursor_opened_t opened;
    sl_err err = wire_cursor_opened_decode(&opened, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(opened.generation, 9);
    assert_true(opened.placed && opened.known);
    assert_int_equal(opened.stream, STREAM);
    assert_int_equal(opened.number, 70000);
    assert_two_texts(opened.patterns);
    return err;
}

static void put_opened_anew(sl_buf_t *out)
{
    wire_put_cursor_opened(out, 300, &(wire_cursor_opened_t){.generation = 1});
}

static sl_err check_opened_anew(const wire_query_t *msg)
{
    wire_cursor_opened_t opened;
    sl_err err = wire_cursor_opened_decode(&opened, msg);
    if (err == SL_OK)
        assert_true(opened.generation == 1 && !opened.placed && !opened.known);
    return err;
}

static void put_commit(sl_buf_t *out)
{
    wire_put_cursor_place(out, WIRE_QUERY_CURSOR_COMMIT, 300,
                          &(wire_cursor_place_t){"me:1", 4, 9, STREAM, 70000});
}

static void put_reset(sl_buf_t *out)
{
    wire_put_cursor_place(out, WIRE_QUERY_CURSOR_RESET, 300,
                          &(wire_cursor_place_t){"me:1", 4, 9, STREAM, 70000});
}

static sl_err check_place(const wire_query_t *msg)
{
    wire_cursor_place_t place;
    sl_err err = wire_cursor_place_decode(&place, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(place.name_len, 4);
    assert_memory_equal(place.name, "me:1", 4);
    assert_int_equal(place.generation, 9);
    assert_int_equal(place.stream, STREAM);
    assert_int_equal(place.number, 70000);
    return err;
}

static void put_placed(sl_buf_t *out)
{
    wire_put_cursor_placed(out, WIRE_QUERY_CURSOR_RESET, 300, &(wire_cursor_placed_t){70000});
}

static sl_err check_placed(const wire_query_t *msg)
{
    wire_cursor_placed_t placed;
    sl_err err = wire_cursor_placed_decode(&placed, msg);
    if (err == SL_OK)
        assert_int_equal(placed.number, 70000);
    return err;
}

static void put_drop(sl_buf_t *out)
{
    wire_put_cursor_drop(out, 300, &(wire_cursor_drop_t){"me:1", 4});
}

static sl_err check_drop(const wire_query_t *msg)
{
    wire_cursor_drop_t drop;
    sl_err err = wire_cursor_drop_decode(&drop, msg);
    if (err == SL_OK)
        assert_memory_equal(drop.name, "me:1", drop.name_len);
    return err;
}

static void put_error(sl_buf_t *out)
{
    wire_put_query_error(out, 300, WIRE_CODE_FENCED, "too late");
}

static sl_err check_error(const wire_query_t *msg)
{
    wire_query_error_t error;
    sl_err err = wire_query_error_decode(&error, msg);
    if (err != SL_OK)
        return err;
    assert_int_equal(error.code, WIRE_CODE_FENCED);
    assert_int_equal(error.text_len, 8);
    assert_memory_equal(error.text, "too late", 8);
    return err;
}

static const struct {
    wire_query_type_t type;
    void (*put)(sl_buf_t *out);
    sl_err (*check)(const wire_query_t *msg);
    uint32_t elements; /* behind the third */
} rows[] = {
    {WIRE_QUERY_TICK, put_tick, check_nothing, 0},
    {WIRE_QUERY_FIND, put_find, check_find, 1},
    {WIRE_QUERY_FIND, put_found, check_found, 3},
    {WIRE_QUERY_REPLAY, put_replay, check_replay, 5},
    {WIRE_QUERY_LOST, put_lost, check_lost, 3},
    {WIRE_QUERY_DONE, put_done, check_done, 1},
    {WIRE_QUERY_WRONG_STREAM, put_wrong_stream, check_wrong_stream, 4},
    {WIRE_QUERY_CREDIT, put_credit, check_credit, 1},
    {WIRE_QUERY_CURSOR_OPEN, put_open, check_open, 2},
    {WIRE_QUERY_CURSOR_OPEN, put_open_to_keep, check_open_to_keep, 2},
    {WIRE_QUERY_CURSOR_OPEN, put_opened, check_opened, 4},
    {WIRE_QUERY_CURSOR_OPEN, put_opened_anew, check_opened_anew, 4},
    {WIRE_QUERY_CURSOR_COMMIT, put_commit, check_place, 4},
    {WIRE_QUERY_CURSOR_RESET, put_reset, check_place, 4},
    {WIRE_QUERY_CURSOR_RESET, put_placed, check_placed, 1},
    {WIRE_QUERY_CURSOR_DROP, put_drop, check_drop, 1},
    {WIRE_QUERY_ERROR, put_error, check_error, 2},
};

static sl_err read_back(size_t row, const sl_buf_t *frame)
{
    wire_query_t msg;
    sl_err err = wire_query_decode(&msg, frame->data, frame->len);
    if (err != SL_OK)
        return err;
    assert_int_equal(msg.type, rows[row].type);
    assert_int_equal(msg.request, 300);
    return rows[row].check(&msg);
}

static void every_message_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        assert_false(out.failed);
        assert_int_equal(read_back(i, &out), SL_OK);
        sl_buf_fini(&out);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        for (size_t cut = 0; cut < out.len; cut++) {
            uint8_t *frame = test_copy(out.data, cut);
            wire_query_t msg;
            assert_int_equal(wire_query_decode(&msg, frame, cut), SL_EPROTO);
            free(frame);
        }
        sl_buf_append_byte(&out, 0xc0);
        assert_int_equal(read_back(i, &out), SL_EPROTO);
        sl_buf_fini(&out);
    }
}

/* The frame's first 3 + count elements as a frame of their own. */
static sl_buf_t first_elements(const sl_buf_t *frame, uint32_t count)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_cursor_t in = mp_cursor(frame->data + 1, frame->len - 1); /* behind a fixarray's head */
    for (uint32_t i = 0; i < 3 + count; i++)
        assert_true(mp_skip(&in));
    mp_put_array(&out, 3 + count);
    sl_buf_append(&out, frame->data + 1, (size_t)(in.at - frame->data - 1));
    return out;
}

static void an_element_too_few_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        for (uint32_t count = 0; count < rows[i].elements; count++) {
            sl_buf_t shorter = first_elements(&out, count);
            assert_int_equal(read_back(i, &shorter), SL_EPROTO);
            sl_buf_fini(&shorter);
        }
        sl_buf_fini(&out);
    }
}

static void answer_of_a_broker_that_does_not_say_what_was_taken_is_taken(void **state)
{
    (void)state;
    wire_query_t msg;
    sl_buf_t out = SL_BUF_INIT;
    put_found(&out);
    sl_buf_t older = first_elements(&out, 3);
    assert_int_equal(wire_query_decode(&msg, older.data, older.len), SL_OK);
    assert_int_equal(check_found(&msg), SL_OK);
    sl_buf_fini(&older);
    sl_buf_fini(&out);
}

static void elements_that_grew_are_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        out.data[0]++; /* a fixarray of one more */
        mp_put_map(&out, 1);
        mp_put_lit(&out, "later");
        mp_put_nil(&out);
        assert_int_equal(read_back(i, &out), SL_OK);
        sl_buf_fini(&out);
    }
}

/* Every element but the first three in turn becomes `false`, which no message has. */
static void an_element_of_another_type_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        for (uint32_t bent = 0; bent < rows[i].elements; bent++) {
            sl_buf_t frame = first_elements(&out, bent);
            mp_cursor_t in = mp_cursor(out.data + frame.len, out.len - frame.len);
            assert_true(mp_skip(&in));
            frame.data[0] = out.data[0];
            mp_put_bool(&frame, false);
            sl_buf_append(&frame, in.at, (size_t)(in.end - in.at));
            assert_int_equal(read_back(i, &frame), SL_EPROTO);
            sl_buf_fini(&frame);
        }
        sl_buf_fini(&out);
    }
}

/* An unsigned integer in `width` bytes, or its own form when it needs more. */
static void put_wide(sl_buf_t *out, uint64_t value, size_t width, bool is_signed)
{
    static const uint8_t heads[] = {0, 0xcc, 0xcd, 0, 0xce, 0, 0, 0, 0xcf};
    unsigned bits = (unsigned)(8 * width - is_signed);
    if (bits < 64 && value >> bits != 0) {
        mp_put_uint(out, value);
        return;
    }
    sl_buf_append_byte(out, (uint8_t)(heads[width] + (is_signed ? 4 : 0)));
    for (size_t i = width; i-- > 0;)
        sl_buf_append_byte(out, (uint8_t)(value >> (8 * i)));
}

/* The same values, with every integer, also the nested ones, so wide. */
static sl_buf_t widened(const sl_buf_t *frame, size_t width, bool is_signed)
{
    sl_buf_t out = SL_BUF_INIT;
    mp_cursor_t in = mp_cursor(frame->data, frame->len);
    while (in.at < in.end) {
        const uint8_t *at = in.at;
        mp_value_t value;
        assert_true(mp_next(&in, &value));
        if (value.type == MP_UINT)
            put_wide(&out, value.u64, width, is_signed);
        else
            sl_buf_append(&out, at, (size_t)(in.at - at));
    }
    return out;
}

static void every_width_of_integer_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sl_buf_t out = SL_BUF_INIT;
        rows[i].put(&out);
        for (size_t width = 1; width <= 8; width *= 2) {
            for (int is_signed = 0; is_signed <= 1; is_signed++) {
                sl_buf_t wide = widened(&out, width, is_signed);
                assert_true(wide.len > out.len || width < 8);
                assert_int_equal(read_back(i, &wide), SL_OK);
                sl_buf_fini(&wide);
            }
        }
        sl_buf_fini(&out);
    }
}

/* -- what is particular --------------------------------------------------------------------------
 */

static void nil_is_the_beginning_and_the_head(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_find_t find = {7};
    wire_put_find(&out, 1, &(wire_find_t){0});
    assert_memory_equal(out.data,
                        "\x94\x01\xa4"
                        "FIND\x01\xc0",
                        out.len);
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(wire_find_decode(&find, &msg), SL_OK);
    assert_int_equal(find.since_ns, 0);

    wire_replay_t replay;
    sl_buf_clear(&out);
    wire_put_replay(&out, 1, &(wire_replay_t){.until = WIRE_HEAD});
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(wire_replay_decode(&replay, &msg), SL_OK);
    assert_int_equal(replay.until, WIRE_HEAD);
    assert_int_equal(replay.prefixes.count, 0);
    assert_non_null(memchr(out.data, 0xc0, out.len));
    sl_buf_fini(&out);
}

static void codes_and_reasons_pass_by_their_names(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    for (int code = 0; code < WIRE_CODE_UNKNOWN; code++) {
        wire_query_error_t error;
        sl_buf_clear(&out);
        wire_put_query_error(&out, 1, (wire_code_t)code, NULL);
        assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
        assert_int_equal(wire_query_error_decode(&error, &msg), SL_OK);
        assert_int_equal(error.code, code);
    }
    for (int reason = 0; reason < WIRE_LOST_UNKNOWN; reason++) {
        wire_lost_t lost;
        sl_buf_clear(&out);
        wire_put_lost(&out, 1, &(wire_lost_t){1, 1, (wire_lost_reason_t)reason});
        assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
        assert_int_equal(wire_lost_decode(&lost, &msg), SL_OK);
        assert_int_equal(lost.reason, reason);
    }
    sl_buf_fini(&out);
    assert_string_equal(wire_query_name(WIRE_QUERY_CURSOR_COMMIT), "CURSOR.COMMIT");
    assert_string_equal(wire_code_name(WIRE_CODE_BACKWARDS), "BACKWARDS");
    assert_string_equal(wire_lost_name(WIRE_LOST_RETENTION), "RETENTION");
    assert_true(wire_code_again(WIRE_CODE_BUSY));
    assert_false(wire_code_again(WIRE_CODE_FENCED));
}

static void code_or_reason_of_a_later_version_is_unknown_not_malformed(void **state)
{
    (void)state;
    static const char error_frame[] = "\x95\x01\xa5"
                                      "ERROR\x01\xa5QUOTA\xa0";
    static const char lost_frame[] = "\x96\x01\xa4LOST\x01\x02\x03\xa4MOTH";
    wire_query_t msg;
    wire_query_error_t error;
    wire_lost_t lost;
    assert_int_equal(wire_query_decode(&msg, error_frame, sizeof error_frame - 1), SL_OK);
    assert_int_equal(wire_query_error_decode(&error, &msg), SL_OK);
    assert_int_equal(error.code, WIRE_CODE_UNKNOWN);
    assert_int_equal(wire_query_decode(&msg, lost_frame, sizeof lost_frame - 1), SL_OK);
    assert_int_equal(wire_lost_decode(&lost, &msg), SL_OK);
    assert_int_equal(lost.reason, WIRE_LOST_UNKNOWN);
}

static void a_lost_range_does_not_end_before_it_begins(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_lost_t lost;
    wire_put_lost(&out, 1, &(wire_lost_t){8, 7, WIRE_LOST_RETENTION});
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(wire_lost_decode(&lost, &msg), SL_EPROTO);
    sl_buf_fini(&out);
}

static void unknown_question_is_told_from_a_broken_one(void **state)
{
    (void)state;
    wire_query_t msg;
    assert_int_equal(wire_query_decode(&msg, "\x93\x01\xa6REWIND\x08", 10), SL_ENOENT);
    assert_int_equal(msg.request, 8);
    assert_int_equal(wire_query_decode(&msg, "\x93\x02\xa4TICK\x08", 8), SL_EVERSION);
    assert_int_equal(msg.request, 8);
    assert_int_equal(wire_query_decode(&msg, "\x94\x01\xa4TICK\x08", 8), SL_EPROTO);
}

static void status_hands_over_its_map(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    wire_query_t msg;
    wire_put_query(&out, WIRE_QUERY_STATUS, 1, 1);
    mp_put_map(&out, 1);
    mp_put_lit(&out, "topics");
    mp_put_uint(&out, 3);
    assert_int_equal(wire_query_decode(&msg, out.data, out.len), SL_OK);
    assert_int_equal(msg.type, WIRE_QUERY_STATUS);
    assert_int_equal(msg.rest_len, 9);
    assert_int_equal(msg.rest_count, 1);
    assert_memory_equal(msg.rest, "\x81\xa6topics\x03", 9);
    sl_buf_fini(&out);
}

static void prefixes_match_as_zeromq_does_but_for_other_worlds(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *topic;
        bool match;
    } cases[] = {
        {"", "Job.OnJobFailed", true},
        {"Job.", "Job.OnJobFailed", true},
        {"Job.OnJobFailed", "Job.OnJobFailedTwice", true},
        {"Job.OnJobFailedTwice", "Job.OnJobFailed", false},
        {"Cluster.", "Job.OnJobFailed", false},
        {"", "$dead.BrokenJson", false},
        {"$", "$dead.BrokenJson", true},
        {"$dead.", "$dead.BrokenJson", true},
        {"$dead.", "Job.OnJobFailed", false},
        {"", "~sync.0123456789abcdef", false},
        {"~", "~sync.0123456789abcdef", false},
        {"", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sl_buf_t texts = SL_BUF_INIT;
        wire_texts_put(&texts, "Nothing.", 8);
        wire_texts_put(&texts, cases[i].prefix, strlen(cases[i].prefix));
        assert_int_equal(
            wire_prefixes_match(wire_texts(&texts, 2), cases[i].topic, strlen(cases[i].topic)),
            cases[i].match);
        sl_buf_fini(&texts);
    }
    assert_false(wire_prefixes_match((wire_texts_t){0}, "Job.OnJobFailed", 15));
}

static void cursor_names_are_short_and_plain(void **state)
{
    (void)state;
    char name[129];
    memset(name, 'n', sizeof name);
    assert_true(wire_cursor_name_valid(name, 128));
    assert_false(wire_cursor_name_valid(name, 129));
    assert_false(wire_cursor_name_valid("", 0));
    assert_true(wire_cursor_name_valid("A.z_9:-", 7));
    assert_false(wire_cursor_name_valid("a b", 3));
    assert_false(wire_cursor_name_valid("a\0b", 3));
    assert_false(wire_cursor_name_valid("\xc3\xa9", 2));
}

static void random_bytes_never_crash(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 200000; round++) {
        sl_buf_t out = SL_BUF_INIT;
        size_t row = test_random(&seed) % ARRAY_LEN(rows);
        rows[row].put(&out);
        for (int flips = 0; flips < 3; flips++)
            out.data[test_random(&seed) % out.len] = (uint8_t)test_random(&seed);
        uint8_t *frame = test_copy(out.data, out.len);
        wire_query_t msg;
        wire_wrong_stream_t wrong;
        wire_replay_t replay;
        wire_cursor_opened_t opened;
        if (wire_query_decode(&msg, frame, out.len) == SL_OK) {
            wire_wrong_stream_decode(&wrong, &msg);
            wire_replay_decode(&replay, &msg);
            wire_cursor_opened_decode(&opened, &msg);
        }
        free(frame);
        sl_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(an_element_too_few_is_refused),
        cmocka_unit_test(answer_of_a_broker_that_does_not_say_what_was_taken_is_taken),
        cmocka_unit_test(elements_that_grew_are_ignored),
        cmocka_unit_test(an_element_of_another_type_is_refused),
        cmocka_unit_test(every_width_of_integer_is_accepted),
        cmocka_unit_test(nil_is_the_beginning_and_the_head),
        cmocka_unit_test(codes_and_reasons_pass_by_their_names),
        cmocka_unit_test(code_or_reason_of_a_later_version_is_unknown_not_malformed),
        cmocka_unit_test(a_lost_range_does_not_end_before_it_begins),
        cmocka_unit_test(unknown_question_is_told_from_a_broken_one),
        cmocka_unit_test(status_hands_over_its_map),
        cmocka_unit_test(prefixes_match_as_zeromq_does_but_for_other_worlds),
        cmocka_unit_test(cursor_names_are_short_and_plain),
        cmocka_unit_test(random_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
