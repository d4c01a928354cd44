#include "decode/redrive.h"

#include "base/mp.h"
#include "event/reader.h"
#include "wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TOPIC_SOURCE "acs:mns:cn-hangzhou:123456789012:/topics/batch"
#define QUEUE_SOURCE "acs:mns:cn-hangzhou:555:/queues/q"

static const char plain[] = "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"JobId\":\"j\"}";
static const decode_place_t at_queue = {.region = "cn-hangzhou", .account = "555", .queue = "q"};

typedef struct fixture {
    decoder_t *decoder, *again;
    sl_buf_t body, dead; /**< kept: results point into them */
} fixture_t;

static int setup(void **state)
{
    static fixture_t f;
    f = (fixture_t){0};
    *state = &f;
    return decoder_create(&f.decoder) == SL_OK && decoder_create(&f.again) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    decoder_destroy(&f->decoder);
    decoder_destroy(&f->again);
    sl_buf_fini(&f->body);
    sl_buf_fini(&f->dead);
    return 0;
}

static decode_message_t message_of(const fixture_t *f)
{
    return (decode_message_t){.body = (const char *)f->body.data,
                              .body_len = f->body.len,
                              .id = "QUEUE-ID",
                              .id_len = 8,
                              .enqueue_time_ms = 1780315200999,
                              .attempt = 3};
}

/* The dead letter that the bridge makes of f->body, refused by the broker though it is an event. */
static dead_letter_t refuse(fixture_t *f, const decode_place_t *place)
{
    decode_message_t message = message_of(f);
    decode_result_t result;
    dead_letter_t letter;
    assert_int_equal(
        decoder_run_refused(f->decoder, place, &message, EVENT_REASON_TOO_LARGE, "SIZE", &result),
        SL_OK);
    sl_buf_clear(&f->dead);
    sl_buf_append(&f->dead, result.event, result.event_len);
    assert_int_equal(dead_letter_read(&letter, f->dead.data, f->dead.len), SL_OK);
    return letter;
}

static void assert_slice(const char *data, size_t len, const char *expected)
{
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(data, expected, len);
}

static void dead_letter_read_finds_all_that_the_bridge_put_there(void **state)
{
    fixture_t *f = *state;
    wrap_body(&f->body, WRAP_JSON, &wrap_usual, plain, strlen(plain));
    dead_letter_t letter = refuse(f, &at_queue);
    assert_slice(letter.reason, letter.reason_len, "TooLarge");
    assert_slice(letter.id, letter.id_len, wrap_usual.id);
    assert_slice(letter.source, letter.source_len, TOPIC_SOURCE);
    assert_non_null(memmem(letter.detail, letter.detail_len, "SIZE", 4));
    assert_int_equal(letter.body_len, f->body.len);
    assert_memory_equal(letter.body, f->body.data, f->body.len);
    assert_int_equal(letter.time_s, 1780315200);
    assert_int_equal(letter.time_nsec, 123000000);
    assert_int_equal(letter.attempt, 3);
}

static void dead_letter_read_refuses_what_is_none(void **state)
{
    fixture_t *f = *state;
    wrap_body(&f->body, WRAP_BARE, &wrap_usual, plain, strlen(plain));
    refuse(f, &at_queue);
    dead_letter_t letter;
    for (size_t len = 0; len < f->dead.len; len++)
        assert_int_equal(dead_letter_read(&letter, f->dead.data, len), SL_EPROTO);
    decode_message_t message = message_of(f);
    decode_result_t event;
    assert_int_equal(decoder_run(f->decoder, &at_queue, &message, &event), SL_OK);
    assert_int_equal(dead_letter_read(&letter, event.event, event.event_len), SL_EPROTO);
}

/* What the bridge would have published, byte for byte, whichever form it came in. */
static void decoder_run_again_makes_the_event_that_the_bridge_would_make(void **state)
{
    fixture_t *f = *state;
    decode_place_t places[] = {at_queue, at_queue};
    places[1].topic = "configured";
    for (size_t i = 0; i < 2; i++)
        for (int form = 0; form < WRAP_FORM_COUNT; form++) {
            sl_buf_clear(&f->body);
            wrap_body(&f->body, (wrap_form_t)form, &wrap_usual, plain, strlen(plain));
            dead_letter_t letter = refuse(f, &places[i]);
            decode_message_t message = message_of(f);
            decode_result_t first, again;
            assert_int_equal(decoder_run(f->decoder, &places[i], &message, &first), SL_OK);
            assert_int_equal(decoder_run_again(f->again, &letter, &again), SL_OK);
            assert_int_equal(again.reason, EVENT_REASON_NONE);
            assert_slice(again.topic, again.topic_len, "Job.OnJobFailed");
            assert_int_equal(again.event_len, first.event_len);
            assert_memory_equal(again.event, first.event, first.event_len);
            assert_int_equal(again.identity_len, first.identity_len);
            assert_memory_equal(again.identity, first.identity, first.identity_len);
        }
}

static void decoder_run_again_keeps_a_source_that_is_none_of_mns(void **state)
{
    fixture_t *f = *state;
    static const char *const sources[] = {"elsewhere",
                                          "",
                                          "acs:mns:",
                                          "acs:mns:cn-hangzhou",
                                          "acs:mns::555:/topics/t",
                                          "acs:mns:cn-hangzhou:555:/letters/t"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        sl_buf_clear(&f->body);
        wrap_body(&f->body, WRAP_JSON, &wrap_usual, plain, strlen(plain));
        dead_letter_t letter = refuse(f, &at_queue);
        letter.source = sources[i];
        letter.source_len = strlen(sources[i]);
        decode_result_t result;
        assert_int_equal(decoder_run_again(f->again, &letter, &result), SL_OK);
        assert_int_equal(result.reason, EVENT_REASON_NONE);
        assert_slice(result.source, result.source_len, sources[i]);
    }
}

/* Letters from several places through one decoder, which remembers the last source it made. */
static void decoder_run_again_does_not_mix_up_places(void **state)
{
    fixture_t *f = *state;
    decode_place_t places[] = {at_queue, at_queue};
    places[1].account = "1";
    wrap_body(&f->body, WRAP_BARE, NULL, plain, strlen(plain));
    for (int i = 0; i < 4; i++) {
        const decode_place_t *place = &places[i & 1];
        char expected[64];
        snprintf(expected, sizeof expected, "acs:mns:cn-hangzhou:%s:/queues/q", place->account);
        dead_letter_t letter = refuse(f, place);
        decode_result_t result;
        assert_int_equal(decoder_run_again(f->again, &letter, &result), SL_OK);
        assert_slice(result.source, result.source_len, expected);
    }
}

static void what_is_still_dead_says_why(void **state)
{
    fixture_t *f = *state;
    sl_buf_append_str(&f->body, "{\"Category\":");
    dead_letter_t letter = refuse(f, &at_queue);
    decode_result_t result;
    assert_int_equal(decoder_run_again(f->again, &letter, &result), SL_OK);
    assert_int_equal(result.reason, EVENT_REASON_BROKEN_JSON);
    assert_slice(result.topic, result.topic_len, "$dead.BrokenJson");
}

/* So the broker, which knows the dead letter's identity, takes the event that comes of it. */
static void a_dead_letter_is_not_the_event_that_comes_of_it(void **state)
{
    fixture_t *f = *state;
    wrap_body(&f->body, WRAP_BARE, NULL, plain, strlen(plain));
    decode_message_t message = message_of(f);
    decode_result_t event, dead;
    assert_int_equal(decoder_run(f->decoder, &at_queue, &message, &event), SL_OK);
    assert_int_equal(
        decoder_run_refused(f->again, &at_queue, &message, EVENT_REASON_REFUSED, "X", &dead),
        SL_OK);
    assert_slice(event.identity, event.identity_len, "QUEUE-ID");
    assert_slice(dead.id, dead.id_len, "QUEUE-ID");
    assert_int_equal(dead.identity_len, 8 + 6);
    assert_memory_equal(dead.identity, "QUEUE-ID\0$dead", 8 + 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dead_letter_read_finds_all_that_the_bridge_put_there),
        TEST(dead_letter_read_refuses_what_is_none),
        TEST(decoder_run_again_makes_the_event_that_the_bridge_would_make),
        TEST(decoder_run_again_keeps_a_source_that_is_none_of_mns),
        TEST(decoder_run_again_does_not_mix_up_places),
        TEST(what_is_still_dead_says_why),
        TEST(a_dead_letter_is_not_the_event_that_comes_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
