#include "mix.h"

#include "event/normalise.h"
#include "event/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_event_has_exactly_the_size_asked_for(void **state)
{
    (void)state;
    enum { IN_TURN = 600 - MIX_EVENT_MIN }; /* past all changes of heads */
    static const size_t extra[] = {1000, 65000, MIX_EVENT_MAX};
    for (size_t i = 0; i < IN_TURN + 3; i++) {
        size_t size = i < IN_TURN ? MIX_EVENT_MIN + i : extra[i - IN_TURN];
        mix_t *mix;
        assert_int_equal(mix_create(&mix, size, 1), SL_OK);
        for (size_t n = 0; n < 2 * MIX_TOPICS; n++) {
            mix_event_t event;
            mix_next(mix, &event);
            assert_int_equal(event.len, size);
        }
        mix_destroy(&mix);
    }
}

static void check_event(const mix_event_t *event)
{
    mp_cursor_t in = mp_cursor(event->data, event->len);
    assert_true(mp_skip(&in));
    assert_ptr_equal(in.at, in.end);
    const char *dot = memchr(event->topic, '.', event->topic_len);
    assert_non_null(dot);
    size_t category_len = (size_t)(dot - event->topic);
    assert_int_not_equal(event_catalogue_find(event->topic, category_len, dot + 1,
                                              event->topic_len - category_len - 1),
                         EVENT_KIND_COUNT);
}

static void an_event_is_a_whole_msgpack_map_of_the_catalogue(void **state)
{
    (void)state;
    static const size_t sizes[] = {MIX_EVENT_MIN, 320, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mix_t *mix;
        assert_int_equal(mix_create_with(&mix, &(mix_options_t){.event_bytes = sizes[i]}), SL_OK);
        for (size_t n = 0; n < mix_topics(mix); n++) {
            mix_event_t event;
            mix_next(mix, &event);
            check_event(&event);
        }
        mix_destroy(&mix);
    }
}

static void every_event_has_an_id_of_its_own(void **state)
{
    (void)state;
    enum { EVENTS = 50 };
    mix_t *mixes[2];
    uint8_t ids[2 * EVENTS][16];
    for (uint32_t p = 0; p < 2; p++) {
        assert_int_equal(mix_create(&mixes[p], 320, p), SL_OK);
        for (size_t n = 0; n < EVENTS; n++) {
            mix_event_t event;
            mp_value_t id;
            mix_next(mixes[p], &event);
            memcpy(ids[p * EVENTS + n], event.id, 16);
            assert_true(event_find(event.data, event.len, "id", 2, &id, NULL));
            assert_int_equal(id.bytes.len, 32);
        }
        mix_destroy(&mixes[p]);
    }
    for (size_t a = 0; a < 2 * EVENTS; a++)
        for (size_t b = a + 1; b < 2 * EVENTS; b++)
            assert_memory_not_equal(ids[a], ids[b], 16);
}

static void an_event_tells_which_one_it_is_and_whose(void **state)
{
    (void)state;
    static const uint32_t publishers[] = {0, 7, 0xabcdef01};
    for (size_t p = 0; p < sizeof publishers / sizeof publishers[0]; p++) {
        mix_t *mix;
        mix_origin_t origin;
        assert_int_equal(mix_create(&mix, 320, publishers[p]), SL_OK);
        for (uint64_t n = 0; n < 300; n++) {
            mix_event_t event;
            mix_next_on(mix, n % MIX_TOPICS, &event);
            assert_string_equal(event.topic, mix_topic(mix, n % MIX_TOPICS));
            assert_true(mix_origin_of(event.data, event.len, &origin));
            assert_int_equal(origin.publisher, publishers[p]);
            assert_int_equal(origin.counter, n);
        }
        mix_destroy(&mix);
    }
}

static void what_is_no_event_of_a_mix_tells_nothing(void **state)
{
    (void)state;
    mix_t *mix;
    mix_event_t event;
    mix_origin_t origin;
    assert_false(mix_origin_of("", 0, &origin));
    assert_false(mix_origin_of("\x80", 1, &origin)); /* an empty map */
    assert_int_equal(mix_create(&mix, 320, 7), SL_OK);
    mix_next(mix, &event);
    size_t needed = 0;
    while (!mix_origin_of(event.data, needed, &origin)) /* every cut before the last digit */
        needed++;
    assert_memory_equal(event.data + needed, "\xa6source", 7); /* what stands behind the id */
    mix_destroy(&mix);
}

static void as_many_topics_as_asked_for_take_turns(void **state)
{
    (void)state;
    enum { IN_A_ROW = 3 };
    mix_t *mix;
    assert_int_equal(mix_create_with(&mix, &(mix_options_t){.event_bytes = 320,
                                                            .topics = MIX_TOPICS_MAX,
                                                            .in_a_row = IN_A_ROW}),
                     SL_OK);
    assert_int_equal(mix_topics(mix), MIX_TOPICS_MAX);
    for (size_t a = 0; a < MIX_TOPICS_MAX; a++)
        for (size_t b = a + 1; b < MIX_TOPICS_MAX; b++)
            assert_string_not_equal(mix_topic(mix, a), mix_topic(mix, b));
    for (size_t n = 0; n < 2 * MIX_TOPICS_MAX * IN_A_ROW; n++) {
        mix_event_t event;
        mix_next(mix, &event);
        assert_string_equal(event.topic, mix_topic(mix, n / IN_A_ROW % MIX_TOPICS_MAX));
        assert_int_equal(event.len, 320);
    }
    mix_destroy(&mix);
    assert_int_equal(
        mix_create_with(&mix, &(mix_options_t){.event_bytes = 320, .topics = MIX_TOPICS_MAX + 1}),
        SL_EINVAL);
}

static void batch_sims_events_come_in_their_own_sizes(void **state)
{
    (void)state;
    enum { EVENTS = 3000 };
    mix_t *mix;
    size_t least = SIZE_MAX, most = 0, sum = 0;
    assert_int_equal(mix_create_with(&mix, &(mix_options_t){.publisher = 3}), SL_OK);
    for (uint64_t n = 0; n < EVENTS; n++) {
        mix_event_t event;
        mix_origin_t origin;
        mix_next(mix, &event);
        assert_true(mix_origin_of(event.data, event.len, &origin));
        assert_int_equal(origin.publisher, 3);
        assert_int_equal(origin.counter, n);
        least = event.len < least ? event.len : least;
        most = event.len > most ? event.len : most;
        sum += event.len;
    }
    assert_true(least < most);
    assert_in_range(mix_event_bytes(mix), sum / EVENTS, sum / EVENTS + 1);
    mix_destroy(&mix);
}

static void batch_sims_events_in_a_row_are_the_same_ones(void **state)
{
    (void)state;
    enum { EVENTS = 1000 };
    mix_t *mixes[2];
    size_t bytes[2] = {0}, changes[2] = {0};
    for (size_t m = 0; m < 2; m++) {
        char last[256] = "";
        assert_int_equal(mix_create_with(&mixes[m], &(mix_options_t){.in_a_row = m == 0 ? 1 : 16}),
                         SL_OK);
        assert_int_equal(mix_topics(mixes[m]), EVENTS);
        for (size_t n = 0; n < EVENTS; n++) {
            mix_event_t event;
            mix_next(mixes[m], &event);
            bytes[m] += event.len;
            changes[m] += strcmp(event.topic, last) != 0;
            snprintf(last, sizeof last, "%s", event.topic);
        }
        mix_destroy(&mixes[m]);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_true(changes[1] * 10 < changes[0]);
}

/* How many of a mix's events, each once, are no larger. */
static size_t not_above(mix_t *mix, size_t size)
{
    size_t count = 0;
    for (size_t n = 0; n < mix_topics(mix); n++) {
        mix_event_t event;
        mix_next(mix, &event);
        count += event.len <= size;
    }
    return count;
}

static void batch_sims_sizes_are_told_by_rank(void **state)
{
    (void)state;
    mix_t *mix;
    mix_sizes_t sizes;
    assert_int_equal(mix_create_with(&mix, &(mix_options_t){.in_a_row = 16}), SL_OK);
    mix_sizes(mix, &sizes);
    assert_int_equal(mix_topics(mix), 1000);
    assert_int_equal(not_above(mix, sizes.least - 1), 0);
    assert_true(not_above(mix, sizes.least) > 0);
    assert_true(not_above(mix, sizes.median) >= 500 && not_above(mix, sizes.median - 1) < 500);
    assert_true(not_above(mix, sizes.p99) >= 990 && not_above(mix, sizes.p99 - 1) < 990);
    assert_int_equal(not_above(mix, sizes.most), 1000);
    assert_true(not_above(mix, sizes.most - 1) < 1000);
    mix_destroy(&mix);
}

static void events_of_a_given_size_are_all_of_that_size(void **state)
{
    (void)state;
    static const size_t topics[] = {1, MIX_TOPICS, MIX_TOPICS_MAX};
    for (size_t i = 0; i < 3; i++) {
        mix_t *mix;
        mix_sizes_t sizes;
        assert_int_equal(
            mix_create_with(&mix, &(mix_options_t){.event_bytes = 320, .topics = topics[i]}),
            SL_OK);
        mix_sizes(mix, &sizes);
        assert_int_equal(sizes.least, 320);
        assert_int_equal(sizes.median, 320);
        assert_int_equal(sizes.p99, 320);
        assert_int_equal(sizes.most, 320);
        mix_destroy(&mix);
    }
}

static void a_size_below_the_samples_own_is_refused(void **state)
{
    (void)state;
    mix_t *mix = NULL;
    assert_int_equal(mix_create(&mix, MIX_EVENT_MIN - 1, 1), SL_EINVAL);
    assert_int_equal(mix_create(&mix, 0, 1), SL_EINVAL);
    assert_null(mix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_exactly_the_size_asked_for),
        cmocka_unit_test(an_event_is_a_whole_msgpack_map_of_the_catalogue),
        cmocka_unit_test(every_event_has_an_id_of_its_own),
        cmocka_unit_test(an_event_tells_which_one_it_is_and_whose),
        cmocka_unit_test(what_is_no_event_of_a_mix_tells_nothing),
        cmocka_unit_test(as_many_topics_as_asked_for_take_turns),
        cmocka_unit_test(batch_sims_events_come_in_their_own_sizes),
        cmocka_unit_test(batch_sims_events_in_a_row_are_the_same_ones),
        cmocka_unit_test(batch_sims_sizes_are_told_by_rank),
        cmocka_unit_test(events_of_a_given_size_are_all_of_that_size),
        cmocka_unit_test(a_size_below_the_samples_own_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
