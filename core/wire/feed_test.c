#include "wire/feed.h"

#include "base/mp.h"
#include "testing.h"
#include "wire/topic.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* One message of the feed, as a peer would have sent it. */
typedef struct sample {
    const char *topic;
    sl_buf_t body, ends, header;
} sample_t;

static void add_event(sample_t *s, size_t padding)
{
    static const char spaces[1024];
    mp_put_map(&s->body, 1);
    mp_put_lit(&s->body, "k");
    mp_put_bin(&s->body, spaces, padding);
    uint8_t end[4];
    wire_put_end(end, (uint32_t)s->body.len);
    sl_buf_append(&s->ends, end, sizeof end);
}

static void seal(sample_t *s, uint64_t prev, uint64_t first)
{
    wire_feed_header_t h = {.stream = 0x1122334455667788,
                            .prev = prev,
                            .first = first,
                            .count = (uint32_t)(s->ends.len / 4),
                            .time_ns = 1780315200123456789,
                            .ends = s->ends.data};
    sl_buf_clear(&s->header);
    wire_feed_encode(&s->header, &h, s->topic, strlen(s->topic), s->body.data, s->body.len);
    assert_false(s->header.failed);
}

static sample_t sample_of(uint32_t count)
{
    sample_t s = {.topic = "Job.OnJobFailed"};
    for (uint32_t i = 0; i < count; i++)
        add_event(&s, i % 50);
    seal(&s, 40, 42);
    return s;
}

static void sample_fini(sample_t *s)
{
    sl_buf_fini(&s->body);
    sl_buf_fini(&s->ends);
    sl_buf_fini(&s->header);
}

static sl_err decode(const sample_t *s, wire_feed_header_t *h)
{
    return wire_feed_decode(h, s->header.data, s->header.len, s->topic, strlen(s->topic),
                            s->body.data, s->body.len);
}

/* A header written by hand, so that a test can bend one element; its sum is right. */
typedef struct bent {
    uint64_t version, prev, first, count;
    const char *encoding;
    uint32_t ends_count, extra;
} bent_t;

static void seal_bent(sample_t *s, const bent_t *b)
{
    sl_buf_t *out = &s->header;
    sl_buf_clear(out);
    mp_put_array(out, 10 + b->extra);
    size_t start = out->len;
    mp_put_uint(out, b->version);
    mp_put_uint(out, 5);
    mp_put_uint(out, b->prev);
    mp_put_uint(out, b->first);
    mp_put_uint(out, b->count);
    mp_put_uint(out, 1);
    if (b->encoding == NULL)
        mp_put_nil(out);
    else
        mp_put_str(out, b->encoding, strlen(b->encoding));
    mp_put_bin(out, s->ends.data, 4 * (size_t)b->ends_count);
    sl_buf_t whole = SL_BUF_INIT;
    sl_buf_append_str(&whole, s->topic);
    sl_buf_append(&whole, out->data + start, out->len - start);
    sl_buf_append(&whole, s->body.data, s->body.len);
    mp_put_uint(out, XXH3_64bits(whole.data, whole.len));
    sl_buf_fini(&whole);
    mp_put_map(out, 0);
    for (uint32_t i = 0; i < b->extra; i++)
        mp_put_lit(out, "later");
}

static sl_err decode_bent(bent_t b)
{
    sample_t s = sample_of(2);
    wire_feed_header_t h;
    seal_bent(&s, &b);
    sl_err err = decode(&s, &h);
    sample_fini(&s);
    return err;
}

static void header_comes_back_as_it_was_encoded(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= WIRE_BATCH_EVENTS_MAX; count = count * 3 + 1) {
        sample_t s = sample_of(count);
        wire_feed_header_t h;
        assert_int_equal(decode(&s, &h), SL_OK);
        assert_int_equal(h.stream, 0x1122334455667788);
        assert_int_equal(h.prev, 40);
        assert_int_equal(h.first, 42);
        assert_int_equal(h.count, count);
        assert_int_equal(h.time_ns, 1780315200123456789);
        assert_memory_equal(h.ends, s.ends.data, s.ends.len);
        assert_true(wire_body_valid(h.ends, h.count, s.body.data));
        sample_fini(&s);
    }
}

static void sum_is_xxh3_of_topic_elements_and_body_in_one_string(void **state)
{
    (void)state;
    assert_int_equal(decode_bent((bent_t){1, 40, 42, 2, NULL, 2, 0}), SL_OK);
}

static void decode_refuses_every_truncation(void **state)
{
    (void)state;
    sample_t s = sample_of(20);
    wire_feed_header_t h;
    for (size_t cut = 0; cut < s.header.len; cut++) {
        uint8_t *frame = test_copy(s.header.data, cut);
        assert_int_equal(
            wire_feed_decode(&h, frame, cut, s.topic, strlen(s.topic), s.body.data, s.body.len),
            SL_EPROTO);
        free(frame);
    }
    sample_fini(&s);
}

static void bytes_behind_the_array_are_refused(void **state)
{
    (void)state;
    sample_t s = sample_of(2);
    wire_feed_header_t h;
    sl_buf_append_byte(&s.header, 0xc0);
    assert_int_equal(decode(&s, &h), SL_EPROTO);
    sample_fini(&s);
}

static void decode_refuses_every_flipped_bit_of_every_frame(void **state)
{
    (void)state;
    sample_t s = sample_of(3);
    wire_feed_header_t h;
    size_t ext = s.header.len - 1; /* nil: the one element that no sum covers */
    for (size_t bit = 0; bit < 8 * ext; bit++) {
        s.header.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sl_err err = decode(&s, &h);
        assert_true(err == SL_EPROTO || err == SL_EVERSION);
        s.header.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * s.body.len; bit++) {
        s.body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(decode(&s, &h), SL_EPROTO);
        s.body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    s.topic = "Job.OnJobFailee";
    assert_int_equal(decode(&s, &h), SL_EPROTO);
    sample_fini(&s);
}

static void another_version_or_encoding_is_told_from_damage(void **state)
{
    (void)state;
    assert_int_equal(decode_bent((bent_t){2, 40, 42, 2, NULL, 2, 0}), SL_EVERSION);
    assert_int_equal(decode_bent((bent_t){0, 40, 42, 2, NULL, 2, 0}), SL_EVERSION);
    assert_int_equal(decode_bent((bent_t){1, 40, 42, 2, "lz4", 2, 0}), SL_EVERSION);
    assert_int_equal(wire_feed_decode(&(wire_feed_header_t){0}, "\x91\x02", 2, "", 0, "", 0),
                     SL_EVERSION);
}

static void elements_after_the_tenth_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(decode_bent((bent_t){1, 40, 42, 2, NULL, 2, 1}), SL_OK);
    assert_int_equal(decode_bent((bent_t){1, 40, 42, 2, NULL, 2, 30}), SL_OK);
}

static void counts_and_numbers_that_lie_are_refused(void **state)
{
    (void)state;
    static const bent_t lies[] = {
        {1, 40, 42, 3, NULL, 2, 0},          /* more events than ends */
        {1, 40, 42, 1, NULL, 1, 0},          /* ends stop inside the body */
        {1, 40, 42, 4097, NULL, 2, 0},       /* past the limit */
        {1, 40, 42, 1u << 30, NULL, 0, 0},   /* 4 * count is 2^32 */
        {1, 40, 42, UINT64_MAX, NULL, 2, 0}, /* does not fit */
        {1, 42, 42, 2, NULL, 2, 0},          /* its own predecessor */
        {1, 0, 0, 2, NULL, 2, 0},            /* numbers begin at 1 */
        {1, 40, UINT64_MAX - 1, 2, NULL, 2, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(lies); i++)
        assert_int_equal(decode_bent(lies[i]), SL_EPROTO);
}

static void ends_must_rise_and_stop_at_the_bodys_end(void **state)
{
    (void)state;
    static const struct {
        uint32_t ends[3], count;
        size_t body;
        bool valid;
    } rows[] = {
        {{1, 2, 3}, 3, 3, true},
        {{1, 2, 3}, 3, 4, false},
        {{1, 2, 3}, 3, 2, false},
        {{0, 2, 3}, 3, 3, false},
        {{2, 2, 3}, 3, 3, false},
        {{3, 2, 3}, 3, 3, false},
        {{3}, 1, 3, true},
        {{0}, 1, 0, false},
        {{0}, 0, 0, true},
        {{0}, 0, 1, false},
        {{UINT32_MAX, 1, 3}, 3, 3, false},
        {{UINT32_MAX}, 1, UINT32_MAX, true},
        {{0}, 1, (size_t)1 << 32, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[12];
        for (unsigned e = 0; e < 3; e++)
            wire_put_end(bytes + 4 * e, rows[i].ends[e]);
        uint8_t *ends = test_copy(bytes, 4 * (size_t)rows[i].count);
        assert_int_equal(wire_ends_valid(ends, rows[i].count, rows[i].body), rows[i].valid);
        free(ends);
    }
}

static void one_bad_end_anywhere_among_many_is_found(void **state)
{
    (void)state;
    enum { COUNT = 67 };
    const uint32_t base = 0x7fffffc0; /* crosses the sign bit */
    uint8_t ends[4 * COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        wire_put_end(ends + 4 * i, base + i);
    assert_true(wire_ends_valid(ends, COUNT, base + COUNT - 1));
    for (uint32_t i = 1; i < COUNT; i++) {
        wire_put_end(ends + 4 * i, wire_end(ends, i - 1));
        assert_false(wire_ends_valid(ends, COUNT, base + COUNT - 1));
        wire_put_end(ends + 4 * i, base + i);
    }
}

static void body_of_other_than_whole_maps_is_not_valid(void **state)
{
    (void)state;
    uint8_t end[4];
    static const struct {
        const char *bytes;
        uint32_t len;
        bool valid;
    } rows[] = {{"\x80", 1, true},          {"\x81\xa1k\x01", 4, true},
                {"\x90", 1, false},         {"\x80\x80", 2, false},
                {"\x81\xa1k", 3, false},    {"\xdf\xff\xff\xff\xff", 5, false},
                {"\x81\xa1k\xc1", 4, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        wire_put_end(end, rows[i].len);
        uint8_t *body = test_copy(rows[i].bytes, rows[i].len);
        assert_int_equal(wire_body_valid(end, 1, body), rows[i].valid);
        free(body);
    }
}

static void tick_carries_tails_and_no_events(void **state)
{
    (void)state;
    sample_t s = {.topic = "$tick"};
    wire_tails_begin(&s.body, 2);
    wire_tails_put(&s.body, "Job.OnJobFailed", 15, 42);
    wire_tails_put(&s.body, "Cluster.OnClusterDeleted", 24, UINT64_MAX);
    seal(&s, 0, 43);
    wire_feed_header_t h;
    assert_int_equal(decode(&s, &h), SL_OK);
    assert_int_equal(h.count, 0);
    wire_tails_t tails;
    wire_tail_t tail;
    assert_int_equal(wire_tails_open(&tails, s.body.data, s.body.len), SL_OK);
    assert_int_equal(wire_tails_next(&tails, &tail), SL_OK);
    assert_memory_equal(tail.topic, "Job.OnJobFailed", tail.topic_len);
    assert_int_equal(tail.last, 42);
    assert_int_equal(wire_tails_next(&tails, &tail), SL_OK);
    assert_int_equal(tail.last, UINT64_MAX);
    assert_int_equal(wire_tails_next(&tails, &tail), SL_EAGAIN);
    sample_fini(&s);
}

static sl_buf_t header_with_parents(const wire_parent_t *parents, uint32_t count)
{
    sl_buf_t out = SL_BUF_INIT;
    wire_feed_header_t h = {.stream = 5, .first = 43, .parents = parents, .parent_count = count};
    wire_feed_encode(&out, &h, WIRE_TICK_TOPIC, sizeof WIRE_TICK_TOPIC - 1, "\x80", 1);
    assert_false(out.failed);
    return out;
}

static void tick_names_the_parents_of_its_stream(void **state)
{
    (void)state;
    wire_parent_t parents[WIRE_PARENTS_MAX], back[WIRE_PARENTS_MAX];
    for (uint32_t i = 0; i < WIRE_PARENTS_MAX; i++)
        parents[i] = (wire_parent_t){UINT64_MAX - i, UINT64_MAX - 100 - i};
    for (uint32_t count = 0; count <= WIRE_PARENTS_MAX; count++) {
        sl_buf_t out = header_with_parents(parents, count);
        wire_feed_header_t h;
        uint32_t found = 99;
        assert_true(out.len <= WIRE_HEADER_FIXED_MAX + (count > 0 ? WIRE_PARENTS_BYTES_MAX : 0));
        assert_int_equal(wire_feed_decode(&h, out.data, out.len, WIRE_TICK_TOPIC,
                                          sizeof WIRE_TICK_TOPIC - 1, "\x80", 1),
                         SL_OK);
        assert_int_equal(wire_feed_parents(out.data, out.len, back, &found), SL_OK);
        assert_int_equal(found, count);
        assert_memory_equal(back, parents, count * sizeof *parents);
        sl_buf_fini(&out);
    }
}

static void parents_refuse_every_truncation(void **state)
{
    (void)state;
    const wire_parent_t parents[2] = {{7, 80}, {6, 50}};
    wire_parent_t back[WIRE_PARENTS_MAX];
    uint32_t count = 99;
    sl_buf_t out = header_with_parents(parents, 2);
    for (size_t cut = 0; cut < out.len; cut++) {
        uint8_t *copy = test_copy(out.data, cut);
        assert_int_equal(wire_feed_parents(copy, cut, back, &count), SL_EPROTO);
        assert_int_equal(count, 0);
        free(copy);
    }
    sl_buf_fini(&out);
}

/* The head of a tick, and `ext` as given. */
static sl_err parents_of(const char *ext, size_t len, uint32_t *count)
{
    wire_parent_t back[WIRE_PARENTS_MAX];
    sl_buf_t out = header_with_parents(NULL, 0);
    out.len--; /* nil */
    sl_buf_append(&out, ext, len);
    sl_err err = wire_feed_parents(out.data, out.len, back, count);
    sl_buf_fini(&out);
    return err;
}

static void ext_without_parents_names_none_and_what_grew_is_ignored(void **state)
{
    (void)state;
    static const struct {
        const char *ext;
        size_t len;
        sl_err err;
        uint32_t count;
    } cases[] = {
        {"\xc0", 1, SL_OK, 0},
        {"\xa5later", 6, SL_OK, 0},
        {"\x81\x07\x91\xc0", 4, SL_OK, 0},
        {"\x82\xa1x\x80\xa7parents\x91\x93\x01\x02\xc0", 17, SL_OK, 1},
        {"\x81\xa7parents\x90", 10, SL_OK, 0},
        {"\x81\xa7parents\x9a\x92\1\1\x92\1\1\x92\1\1\x92\1\1\x92\1\1"
         "\x92\1\1\x92\1\1\x92\1\1\x92\1\1\x92\1\1",
         40, SL_OK, WIRE_PARENTS_MAX},
        {"\x81\xa7parents\xc0", 10, SL_EPROTO, 0},
        {"\x81\xa7parents\x91\x91\x01", 12, SL_EPROTO, 0},
        {"\x81\xa7parents\x91\x92\xa0\x01", 13, SL_EPROTO, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t count;
        assert_int_equal(parents_of(cases[i].ext, cases[i].len, &count), cases[i].err);
        assert_int_equal(count, cases[i].count);
    }
}

static void tails_refuse_every_truncation_and_what_follows(void **state)
{
    (void)state;
    sl_buf_t body = SL_BUF_INIT;
    wire_tails_begin(&body, 2);
    wire_tails_put(&body, "a.b", 3, 1000);
    wire_tails_put(&body, "c.d", 3, 70000);
    sl_buf_append_byte(&body, 0xc0);
    for (size_t cut = 0; cut <= body.len; cut++) {
        uint8_t *copy = test_copy(body.data, cut);
        wire_tails_t tails;
        wire_tail_t tail;
        sl_err err = wire_tails_open(&tails, copy, cut);
        while (err == SL_OK)
            err = wire_tails_next(&tails, &tail);
        assert_int_equal(err, cut == body.len - 1 ? SL_EAGAIN : SL_EPROTO);
        free(copy);
    }
    sl_buf_fini(&body);
}

static void random_bytes_never_decode(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[64];
        size_t len = test_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)test_random(&seed);
        if (len > 1 && round % 2 == 0) /* half of them get past the first checks */
            memcpy(bytes, "\x9a\x01", 2);
        uint8_t *frame = test_copy(bytes, len);
        wire_feed_header_t h;
        assert_int_not_equal(wire_feed_decode(&h, frame, len, frame, len, frame, len), SL_OK);
        free(frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_comes_back_as_it_was_encoded),
        cmocka_unit_test(sum_is_xxh3_of_topic_elements_and_body_in_one_string),
        cmocka_unit_test(decode_refuses_every_truncation),
        cmocka_unit_test(bytes_behind_the_array_are_refused),
        cmocka_unit_test(decode_refuses_every_flipped_bit_of_every_frame),
        cmocka_unit_test(another_version_or_encoding_is_told_from_damage),
        cmocka_unit_test(elements_after_the_tenth_are_ignored),
        cmocka_unit_test(counts_and_numbers_that_lie_are_refused),
        cmocka_unit_test(ends_must_rise_and_stop_at_the_bodys_end),
        cmocka_unit_test(one_bad_end_anywhere_among_many_is_found),
        cmocka_unit_test(body_of_other_than_whole_maps_is_not_valid),
        cmocka_unit_test(tick_carries_tails_and_no_events),
        cmocka_unit_test(tick_names_the_parents_of_its_stream),
        cmocka_unit_test(parents_refuse_every_truncation),
        cmocka_unit_test(ext_without_parents_names_none_and_what_grew_is_ignored),
        cmocka_unit_test(tails_refuse_every_truncation_and_what_follows),
        cmocka_unit_test(random_bytes_never_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
