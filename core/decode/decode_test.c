#include "decode/decode.h"

#include "event/reader.h"
#include "samples.h"
#include "wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ENVELOPE_ID  "6F2B7E1D0C9A4B35A8D1E2F300000001"
#define TOPIC_SOURCE "acs:mns:cn-hangzhou:123456789012:/topics/batch"
#define QUEUE_SOURCE "acs:mns:cn-hangzhou:555:/queues/q"

enum { ENVELOPE_MS = 1, ENQUEUE_MS = 2 };
static const int64_t times_ms[] = {0, 1780315200123, 1780315200999};

static const decode_place_t place = {.region = "cn-hangzhou", .account = "555", .queue = "q"};

static decoder_t *decoder;
static sl_buf_t wrapped; /* kept: results may point into it */

static int setup(void **state)
{
    (void)state;
    return decoder_create(&decoder) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    decoder_destroy(&decoder);
    sl_buf_fini(&wrapped);
    return 0;
}

static decode_message_t message_of(const void *body, size_t len)
{
    return (decode_message_t){.body = body,
                              .body_len = len,
                              .id = "QUEUE-ID",
                              .id_len = 8,
                              .enqueue_time_ms = times_ms[ENQUEUE_MS],
                              .attempt = 3};
}

static decode_result_t decode_at(const decode_place_t *where, const void *body, size_t len)
{
    decode_message_t message = message_of(body, len);
    decode_result_t result;
    assert_int_equal(decoder_run(decoder, where, &message, &result), SL_OK);
    return result;
}

static decode_result_t decode(const char *body)
{
    return decode_at(&place, body, strlen(body));
}

static decode_result_t decode_buf(const sl_buf_t *body)
{
    return decode_at(&place, body->data, body->len);
}

static decode_result_t decode_wrapped(wrap_form_t form, const wrap_envelope_t *envelope,
                                      const char *body)
{
    sl_buf_clear(&wrapped);
    wrap_body(&wrapped, form, envelope, body, strlen(body));
    return decode_buf(&wrapped);
}

#define assert_slice(data, len, expected)                        \
    do {                                                         \
        assert_int_equal(len, strlen(expected));                 \
        assert_memory_equal(data, (expected), strlen(expected)); \
    } while (0)

static void assert_from(const decode_result_t *result, const char *source, const char *id)
{
    assert_slice(result->source, result->source_len, source);
    assert_slice(result->id, result->id_len, id);
}

/* The event that the normaliser makes of a body that came from there. */
static void assert_event(const decode_result_t *result, const char *json, const char *source,
                         const char *id, int64_t time_ms)
{
    sl_buf_t expected = SL_BUF_INIT;
    event_info_t info;
    event_origin_t origin = {.id = id,
                             .id_len = strlen(id),
                             .source = source,
                             .source_len = strlen(source),
                             .time_ms = time_ms};
    assert_int_equal(event_normalise(&expected, &origin, json, strlen(json), &info),
                     EVENT_REASON_NONE);
    assert_int_equal(result->reason, EVENT_REASON_NONE);
    assert_slice(result->topic, result->topic_len, info.topic);
    assert_from(result, source, id);
    assert_int_equal(result->event_len, expected.len);
    assert_memory_equal(result->event, expected.data, expected.len);
    sl_buf_fini(&expected);
}

static mp_value_t field(const decode_result_t *result, const char *name)
{
    mp_value_t value = {0};
    if (!event_find(result->event, result->event_len, name, strlen(name), &value, NULL))
        fail_msg("no field %s", name);
    return value;
}

static void assert_dead(const decode_result_t *result, event_reason_t reason, const void *body,
                        size_t len)
{
    char topic[64];
    if (result->reason != reason)
        fail_msg("%.60s: %s, not %s", (const char *)body, event_reason_name(result->reason),
                 event_reason_name(reason));
    snprintf(topic, sizeof topic, "$dead.%s", event_reason_name(reason));
    assert_slice(result->topic, result->topic_len, topic);
    mp_value_t raw = field(result, "Body");
    assert_int_equal(raw.type, MP_BIN);
    assert_int_equal(raw.bytes.len, len);
    if (len > 0)
        assert_memory_equal(raw.bytes.data, body, len);
}

static void assert_dead_text(event_reason_t reason, const char *body)
{
    decode_result_t result = decode(body);
    assert_dead(&result, reason, body, strlen(body));
}

static const char plain[] = "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"JobId\":\"j\"}";

/* -- every form ---------------------------------------------------------------------------- */

static void decode_gives_the_samples_in_every_form_their_normal_form(void **state)
{
    (void)state;
    for (int sample = 0; sample < SAMPLE_COUNT; sample++)
        for (int form = 0; form < WRAP_FORM_COUNT; form++)
            for (int encoded = 0; encoded < 4; encoded++) { /* bit 0: the body, bit 1: the whole */
                sl_buf_t body = SL_BUF_INIT, inner = SL_BUF_INIT, whole = SL_BUF_INIT;
                if (encoded & 1)
                    wrap_base64(&inner, samples[sample], strlen(samples[sample]));
                else
                    sl_buf_append_str(&inner, samples[sample]);
                wrap_body(&whole, (wrap_form_t)form, &wrap_usual, inner.data, inner.len);
                if (encoded & 2)
                    wrap_base64(&body, whole.data, whole.len);
                else
                    sl_buf_append(&body, whole.data, whole.len);
                decode_result_t result = decode_buf(&body);
                if (form == WRAP_BARE && encoded == 3) /* Base64 of Base64 is Base64 of nothing */
                    assert_dead(&result, EVENT_REASON_NOT_A_NOTIFICATION, body.data, body.len);
                else if (form == WRAP_BARE)
                    assert_event(&result, samples[sample], QUEUE_SOURCE, "QUEUE-ID",
                                 times_ms[ENQUEUE_MS]);
                else
                    assert_event(&result, samples[sample], TOPIC_SOURCE, ENVELOPE_ID,
                                 times_ms[ENVELOPE_MS]);
                sl_buf_fini(&body);
                sl_buf_fini(&inner);
                sl_buf_fini(&whole);
            }
}

static void decode_counts_the_layers_it_takes_off(void **state)
{
    (void)state;
    sl_buf_t inner = SL_BUF_INIT, whole = SL_BUF_INIT;
    wrap_base64(&inner, plain, strlen(plain));
    wrap_body(&whole, WRAP_XML, &wrap_usual, inner.data, inner.len);
    decode_result_t result = decode_buf(&whole);
    assert_int_equal(result.xml_envelopes, 1);
    assert_int_equal(result.base64, 1);
    assert_int_equal(result.json_envelopes, 0);
    result = decode_wrapped(WRAP_JSON, &wrap_usual, plain);
    assert_int_equal(result.json_envelopes, 1);
    assert_int_equal(result.xml_envelopes + result.base64, 0);
    sl_buf_fini(&inner);
    sl_buf_fini(&whole);
}

static void decode_drops_a_byte_order_mark_and_blanks_round_each_layer(void **state)
{
    (void)state;
    decode_result_t result = decode("\xef\xbb\xbf \r\n\t{\"Category\":\"Job\",\"Event\":\"X\"}\n ");
    assert_slice(result.topic, result.topic_len, "Job.X");
    result = decode_wrapped(WRAP_JSON, &wrap_usual,
                            "\xef\xbb\xbf\n {\"Category\":\"Job\","
                            "\"Event\":\"Y\"} \n");
    assert_slice(result.topic, result.topic_len, "Job.Y");
    result = decode_wrapped(WRAP_XML, &wrap_usual,
                            "\n eyJDYXRlZ29yeSI6IkpvYiIs\r\nIkV2ZW50IjoiWiJ9\r\n");
    assert_slice(result.topic, result.topic_len, "Job.Z");
}

static void decode_takes_what_has_category_and_event_as_an_event_first(void **state)
{
    (void)state;
    const char *body = "{\"Message\":\"{}\",\"TopicName\":\"t\",\"MessageId\":\"m\","
                       "\"Event\":\"OnJobFailed\",\"Category\":\"Job\"}";
    decode_result_t result = decode(body);
    assert_event(&result, body, QUEUE_SOURCE, "QUEUE-ID", times_ms[ENQUEUE_MS]);
}

static void decode_reads_json_envelopes_as_json(void **state)
{
    (void)state;
    const char *const bodies[] = {
        /* any order, members of any type beside, blanks */
        " { \"x\" : [1, {\"Message\": null}], \"MessageId\":\"" ENVELOPE_ID "\" ,"
        "\"TopicName\":\"batch\",\"n\":-1.5e3,\"b\":true,\"TopicOwner\":\"123456789012\","
        "\"PublishTime\":\"1780315200123\","
        "\"Message\":\"{\\\"Category\\\":\\\"Job\\\",\\\"Event\\\":\\\"E\\\"}\" } ",
        /* escapes in names and values */
        "{\"\\u004dessage\":\"{\\u0022Category\\\":\\\"Job\\\",\\\"Event\\\":\\\"E\\\"}\","
        "\"Topic\\u004eame\":\"b\\u0061tch\",\"TopicOwner\":\"123456789012\","
        "\"MessageId\":\"" ENVELOPE_ID "\",\"PublishTime\":\"1780315200123\"}",
        /* the last of repeated members wins */
        "{\"Message\":\"no\",\"TopicName\":7,\"MessageId\":\"no\",\"TopicName\":\"batch\","
        "\"MessageId\":\"" ENVELOPE_ID "\",\"TopicOwner\":\"123456789012\",\"PublishTime\":\"1\","
        "\"PublishTime\":\"1780315200123\","
        "\"Message\":\"{\\\"Category\\\":\\\"Job\\\",\\\"Event\\\":\\\"E\\\"}\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        decode_result_t result = decode(bodies[i]);
        assert_event(&result, "{\"Category\":\"Job\",\"Event\":\"E\"}", TOPIC_SOURCE, ENVELOPE_ID,
                     times_ms[ENVELOPE_MS]);
    }
}

/* -- where it came from -------------------------------------------------------------------- */

static void decode_uses_what_the_envelope_says_and_else_what_the_queue_says(void **state)
{
    (void)state;
    const struct {
        wrap_envelope_t envelope;
        const char *source, *id;
        int64_t time_ms;
    } rows[] = {
        {{NULL, "t", "s", NULL, NULL, NULL},
         "acs:mns:cn-hangzhou:555:/topics/t",
         "QUEUE-ID",
         times_ms[ENQUEUE_MS]},
        {{"777", "t", NULL, "m", "42", NULL}, "acs:mns:cn-hangzhou:777:/topics/t", "m", 42},
        {{"someone", "t", NULL, "m", "soon", NULL},
         "acs:mns:cn-hangzhou:555:/topics/t",
         "m",
         times_ms[ENQUEUE_MS]},
        {{"", "t", "s", "", "", ""},
         "acs:mns:cn-hangzhou:555:/topics/t",
         "QUEUE-ID",
         times_ms[ENQUEUE_MS]},
        {{"777", "t", NULL, "m", "9999999999999999", NULL},
         "acs:mns:cn-hangzhou:777:/topics/t",
         "m",
         times_ms[ENQUEUE_MS]},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int form = WRAP_JSON; form <= WRAP_XML; form++) {
            decode_result_t result = decode_wrapped((wrap_form_t)form, &rows[i].envelope, plain);
            assert_event(&result, plain, rows[i].source, rows[i].id, rows[i].time_ms);
        }
}

static void decode_names_the_topic_that_the_configuration_names(void **state)
{
    (void)state;
    decode_place_t known = place;
    known.topic = "configured";
    decode_result_t result = decode_at(&known, plain, strlen(plain));
    assert_from(&result, "acs:mns:cn-hangzhou:555:/topics/configured", "QUEUE-ID");
    result = decode_at(&place, plain, strlen(plain));
    assert_from(&result, QUEUE_SOURCE, "QUEUE-ID");
    result = decode_wrapped(WRAP_JSON, &wrap_usual, plain);
    assert_from(&result, TOPIC_SOURCE, ENVELOPE_ID);
    result = decode_at(&known, plain, strlen(plain));
    assert_from(&result, "acs:mns:cn-hangzhou:555:/topics/configured", "QUEUE-ID");
}

static void decode_follows_three_layers_and_no_more(void **state)
{
    (void)state;
    sl_buf_t text[5] = {0};
    wrap_envelope_t envelope = wrap_usual;
    const char *const topics[] = {"one", "two", "three", "four"};
    sl_buf_append_str(&text[0], plain);
    for (int layers = 1; layers <= 4; layers++) {
        envelope.topic = topics[layers - 1];
        wrap_body(&text[layers], layers & 1 ? WRAP_JSON : WRAP_XML, &envelope,
                  text[layers - 1].data, text[layers - 1].len);
        decode_result_t result = decode_buf(&text[layers]);
        if (layers <= DECODE_NEST_MAX) /* the innermost envelope is the one of the event's topic */
            assert_event(&result, plain, "acs:mns:cn-hangzhou:123456789012:/topics/one",
                         ENVELOPE_ID, times_ms[ENVELOPE_MS]);
        else
            assert_dead(&result, EVENT_REASON_TOO_NESTED, text[layers].data, text[layers].len);
    }
    for (int i = 0; i < 5; i++)
        sl_buf_fini(&text[i]);
}

/* -- digests ------------------------------------------------------------------------------- */

static void decode_checks_the_digest_of_each_envelope(void **state)
{
    (void)state;
    const char *const wrong[] = {"D41D8CD98F00B204E9800998ECF8427E", "short",
                                 "Z41D8CD98F00B204E9800998ECF8427E", "right"};
    for (int form = WRAP_JSON; form <= WRAP_XML; form++) {
        wrap_envelope_t envelope = wrap_usual;
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            envelope.md5 = wrong[i];
            sl_buf_t text = SL_BUF_INIT;
            wrap_body(&text, (wrap_form_t)form, &envelope, plain, strlen(plain));
            decode_result_t result = decode_buf(&text);
            assert_dead(&result, EVENT_REASON_BAD_DIGEST, text.data, text.len);
            assert_from(&result, TOPIC_SOURCE, ENVELOPE_ID);
            sl_buf_fini(&text);
        }
        envelope.md5 = NULL;
        assert_int_equal(decode_wrapped((wrap_form_t)form, &envelope, plain).reason,
                         EVENT_REASON_NONE);
        envelope.md5 = "d41d8cd98f00b204e9800998ecf8427e"; /* of nothing; lower case will do */
        assert_int_equal(decode_wrapped((wrap_form_t)form, &envelope, "").reason,
                         EVENT_REASON_NOT_A_NOTIFICATION);
    }
}

/* -- what is no event ---------------------------------------------------------------------- */

static void decode_gives_each_bad_input_its_reason(void **state)
{
    (void)state;
    const struct {
        event_reason_t reason;
        const char *body;
    } rows[] = {
        {EVENT_REASON_NOT_A_NOTIFICATION, ""},
        {EVENT_REASON_NOT_A_NOTIFICATION, " \n"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "\xef\xbb\xbf"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "hello"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "aGVsbG8="},
        {EVENT_REASON_NOT_A_NOTIFICATION, "eyJD=ZZZ"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "NaN"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "[1,2"},
        {EVENT_REASON_NOT_A_NOTIFICATION, "<html></html>"},
        {EVENT_REASON_NOT_AN_OBJECT, "[1,2]"},
        {EVENT_REASON_NOT_AN_OBJECT, "17"},
        {EVENT_REASON_NOT_AN_OBJECT, "\"text\""},
        {EVENT_REASON_NOT_AN_OBJECT, "true"},
        {EVENT_REASON_NOT_AN_OBJECT, "null"},
        {EVENT_REASON_BROKEN_JSON, "{"},
        {EVENT_REASON_BROKEN_JSON, "{\"Category\":\"Job\",\"Event\":\"E\""},
        {EVENT_REASON_BROKEN_JSON, "{\"Category\":\"Job\",\"Event\":\"E\",\"n\":01}"},
        {EVENT_REASON_BROKEN_JSON, "{\"Message\":\"x\",\"TopicName\":\"t\",\"MessageId\":\"m\""},
        {EVENT_REASON_TRAILING_BYTES, "{\"Category\":\"Job\",\"Event\":\"E\"} x"},
        {EVENT_REASON_TRAILING_BYTES,
         "{\"Message\":\"x\",\"TopicName\":\"t\",\"MessageId\":\"m\"}}"},
        {EVENT_REASON_BAD_UTF8, "{\"Category\":\"Job\",\"Event\":\"E\",\"x\":\"\xff\"}"},
        {EVENT_REASON_BAD_UTF8, "{\"Category\":\"Job\",\"Event\":\"E\",\"x\":\"\\ud800\"}"},
        {EVENT_REASON_BAD_UTF8,
         "{\"Message\":\"\xc3\x28\",\"TopicName\":\"t\",\"MessageId\":\"m\"}"},
        {EVENT_REASON_NO_CATEGORY, "{}"},
        {EVENT_REASON_NO_CATEGORY, "{\"Event\":\"E\"}"},
        {EVENT_REASON_NO_CATEGORY, "{\"Category\":7,\"Event\":\"E\"}"},
        {EVENT_REASON_NO_CATEGORY, "{\"Category\":\"a b\",\"Event\":\"E\"}"},
        {EVENT_REASON_NO_EVENT, "{\"Category\":\"Job\"}"},
        {EVENT_REASON_NO_EVENT, "{\"Category\":\"Job\",\"Event\":\"\"}"},
        {EVENT_REASON_NO_CATEGORY, "{\"Message\":\"x\",\"TopicName\":\"t\"}"},
        {EVENT_REASON_NO_CATEGORY, "{\"Message\":\"x\",\"MessageId\":\"m\"}"},
        {EVENT_REASON_BAD_ENVELOPE, "{\"TopicName\":\"t\",\"MessageId\":\"m\"}"},
        {EVENT_REASON_BAD_ENVELOPE, "{\"Message\":{},\"TopicName\":\"t\",\"MessageId\":\"m\"}"},
        {EVENT_REASON_BAD_ENVELOPE, "<Notification><Message>x</Message></Notification>"},
        {EVENT_REASON_BROKEN_XML, "<Notification><Message>x</Message>"},
        {EVENT_REASON_BROKEN_XML, "<"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_dead_text(rows[i].reason, rows[i].body);
}

static void decode_refuses_deep_nesting(void **state)
{
    (void)state;
    char body[400] = "{\"Category\":\"Job\",\"Event\":\"E\",\"x\":";
    size_t len = strlen(body);
    memset(body + len, '[', 100);
    memset(body + len + 100, ']', 100);
    strcpy(body + len + 200, "}");
    assert_dead_text(EVENT_REASON_TOO_DEEP, body);
}

static void decode_turns_every_truncation_into_a_dead_letter(void **state)
{
    (void)state;
    for (int form = 0; form < WRAP_FORM_COUNT; form++)
        for (int encoded = 0; encoded < 2; encoded++) {
            sl_buf_t whole = SL_BUF_INIT, body = SL_BUF_INIT;
            wrap_body(&whole, (wrap_form_t)form, &wrap_usual, plain, strlen(plain));
            if (encoded)
                wrap_base64(&body, whole.data, whole.len);
            else
                sl_buf_append(&body, whole.data, whole.len);
            while (body.len > 0 && body.data[body.len - 1] == '\n')
                body.len--;
            for (size_t len = 0; len < body.len; len++) {
                decode_result_t result = decode_at(&place, body.data, len);
                assert_int_not_equal(result.reason, EVENT_REASON_NONE);
                assert_dead(&result, result.reason, body.data, len);
            }
            decode_result_t result = decode_buf(&body);
            assert_int_equal(result.reason, EVENT_REASON_NONE);
            sl_buf_fini(&whole);
            sl_buf_fini(&body);
        }
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Whatever is in the bytes, something comes out that can be published. */
static void decode_survives_any_change_of_a_few_bytes(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int round = 0; round < 4000; round++) {
        sl_buf_t text = SL_BUF_INIT;
        const char *sample = samples[random_next(&random) % SAMPLE_COUNT];
        wrap_body(&text, (wrap_form_t)(random_next(&random) % WRAP_FORM_COUNT), &wrap_usual, sample,
                  strlen(sample));
        for (uint64_t changes = 1 + random_next(&random) % 3; changes > 0; changes--)
            text.data[random_next(&random) % text.len] =
                (uint8_t) "\"\\{}[],:<>&;= \n\x00\xff\xc3\x80uA0"[random_next(&random) % 23];
        decode_result_t result = decode_buf(&text);
        if (result.reason != EVENT_REASON_NONE)
            assert_dead(&result, result.reason, text.data, text.len);
        assert_true(result.event_len > 0 && result.topic_len > 0 && result.source_len > 0);
        mp_cursor_t in = mp_cursor(result.event, result.event_len);
        assert_true(mp_skip(&in) && in.at == in.end);
        sl_buf_fini(&text);
    }
}

static void decode_says_in_a_dead_letter_where_it_came_from_and_what_was_wrong(void **state)
{
    (void)state;
    decode_result_t result = decode_wrapped(WRAP_JSON, &wrap_usual, "{\"Category\":\"Job\",}");
    assert_int_equal(result.reason, EVENT_REASON_BROKEN_JSON);
    assert_from(&result, TOPIC_SOURCE, ENVELOPE_ID);
    mp_value_t value = field(&result, "Category");
    assert_slice(value.bytes.data, value.bytes.len, "$dead");
    value = field(&result, "Event");
    assert_slice(value.bytes.data, value.bytes.len, "BrokenJson");
    value = field(&result, "source");
    assert_slice(value.bytes.data, value.bytes.len, TOPIC_SOURCE);
    value = field(&result, "id");
    assert_slice(value.bytes.data, value.bytes.len, ENVELOPE_ID);
    value = field(&result, "time");
    assert_int_equal(value.type, MP_TIME);
    assert_int_equal(value.time.sec * 1000 + value.time.nsec / 1000000, times_ms[ENVELOPE_MS]);
    value = field(&result, "Attempt");
    assert_int_equal(value.u64, 3);
    value = field(&result, "Detail");
    assert_int_equal(value.type, MP_STR);
    assert_non_null(memmem(value.bytes.data, value.bytes.len, "byte 18 of 19", 13));
}

static void decode_makes_the_dead_letter_of_what_the_broker_refused(void **state)
{
    (void)state;
    sl_buf_t text = SL_BUF_INIT;
    wrap_body(&text, WRAP_JSON, &wrap_usual, plain, strlen(plain));
    decode_message_t message = message_of(text.data, text.len);
    decode_result_t result;
    assert_int_equal(
        decoder_run_refused(decoder, &place, &message, EVENT_REASON_TOO_LARGE, "SIZE", &result),
        SL_OK);
    assert_dead(&result, EVENT_REASON_TOO_LARGE, text.data, text.len);
    assert_from(&result, TOPIC_SOURCE, ENVELOPE_ID);
    mp_value_t value = field(&result, "Detail");
    assert_non_null(memmem(value.bytes.data, value.bytes.len, "SIZE", 4));
    sl_buf_fini(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(decode_gives_the_samples_in_every_form_their_normal_form),
        TEST(decode_counts_the_layers_it_takes_off),
        TEST(decode_drops_a_byte_order_mark_and_blanks_round_each_layer),
        TEST(decode_takes_what_has_category_and_event_as_an_event_first),
        TEST(decode_reads_json_envelopes_as_json),
        TEST(decode_uses_what_the_envelope_says_and_else_what_the_queue_says),
        TEST(decode_names_the_topic_that_the_configuration_names),
        TEST(decode_follows_three_layers_and_no_more),
        TEST(decode_checks_the_digest_of_each_envelope),
        TEST(decode_gives_each_bad_input_its_reason),
        TEST(decode_refuses_deep_nesting),
        TEST(decode_turns_every_truncation_into_a_dead_letter),
        TEST(decode_survives_any_change_of_a_few_bytes),
        TEST(decode_says_in_a_dead_letter_where_it_came_from_and_what_was_wrong),
        TEST(decode_makes_the_dead_letter_of_what_the_broker_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
