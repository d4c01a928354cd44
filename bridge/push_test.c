/* The way of a push, and what is none. */
#include "event/reader.h"
#include "push_fixture.h"

/* -- genuine ------------------------------------------------------------------------------- */

static void push_is_published_and_answered_when_the_broker_has_it(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_stall_broker();
    push_start(f);
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    for (int i = 0; i < 20; i++)
        raw_turn(&c);
    assert_int_equal(c.len, 0); /* no answer yet */
    fake_broker.stalled = false;
    assert_int_equal(raw_hear(&c).status, 204);
    assert_string_equal(push_last_event()->topic, "Job.OnJobFailed");
    assert_true(fake_broker_has(SOURCE_T, ID));
    push_say_event(&c); /* MNS's own retry, on the same connection */
    assert_int_equal(raw_hear(&c).status, 204);
    assert_int_equal(fake_broker.count, 2); /* the broker drops it */
    fixture_run(f, 0);
    assert_int_equal(fixture_metric(f, M("push_answered_total")), 2);
    assert_int_equal(fixture_metric(f, M("acked_total")), 2);
    assert_int_equal(fixture_metric(f, M("push_in_hand")), 0);
    push_assert_books_balance(f);
    raw_close(&c);
}

static void push_shows_the_verifier_the_request_as_it_came(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    assert_int_equal(push_one(f, "X-Mns-Message-Id:  7 \r\nDate: d\r\n", EVENT("job-1")), 204);
    assert_string_equal(fake_verifier.target, PATH);
    assert_int_equal(fake_verifier.header_count, 4);
    assert_int_equal(fake_verifier.body_len, strlen(EVENT("job-1")));
}

static void push_without_an_envelope_is_told_by_its_head(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    assert_int_equal(
        push_one(f,
                 "x-mns-message-id: " ID "\r\nx-mns-topic-name: other\r\n"
                 "x-mns-topic-owner: 123456789012\r\nx-mns-publish-time: 1780315200123\r\n",
                 EVENT("job-1")),
        204);
    push_assert_member("id", ID);
    push_assert_member("source", "acs:mns:cn-hangzhou:123456789012:/topics/other");
    mp_value_t time;
    assert_true(
        event_find(push_last_event()->data, push_last_event()->len, "time", 4, &time, NULL));
    assert_int_equal(time.time.sec, 1780315200);
    assert_int_equal(time.time.nsec, 123000000);
    assert_int_equal(push_one(f, "x-mns-request-id: R1\r\n", EVENT("job-1")), 204);
    push_assert_member("id", "R1");
    push_assert_member("source", SOURCE_T);
}

static void push_with_an_envelope_is_told_by_that(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    assert_int_equal(
        push_one(
            f, "x-mns-message-id: M0\r\n",
            "{\"TopicOwner\":\"123456789012\",\"TopicName\":\"inside\",\"SubscriptionName\":\"s\","
            "\"MessageId\":\"M1\",\"PublishTime\":\"1780315200000\",\"Message\":"
            "\"{\\\"Category\\\":\\\"Job\\\",\\\"Event\\\":\\\"OnJobFailed\\\"}\"}"),
        204);
    push_assert_member("id", "M1");
    push_assert_member("source", "acs:mns:cn-hangzhou:123456789012:/topics/inside");
    assert_int_equal(fixture_metric(f, M("json_envelopes_total")), 1);
}

static void push_that_the_filter_does_not_list_is_answered_unpublished(void **state)
{
    fixture_t *f = *state;
    const char *events[] = {"OnJobFinished"};
    f->sources[0].events = (config_list_t){events, 1};
    push_start(f);
    assert_int_equal(push_one_event(f), 204);
    assert_int_equal(fake_broker.count, 0);
    assert_int_equal(fixture_metric(f, M("filtered_total")), 1);
    push_assert_books_balance(f);
}

static void push_that_is_no_event_becomes_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    assert_int_equal(push_one(f, "x-mns-message-id: " ID "\r\n", "no event"), 204);
    assert_string_equal(push_last_event()->topic, "$dead.NotANotification");
    push_assert_member("Body", "no event");
}

/* -- not genuine --------------------------------------------------------------------------- */

static void push_is_refused_with_the_verdicts_status(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    for (int verdict = 0; verdict < MNS_PUSH_COUNT; verdict++) {
        int status = mns_push_status((mns_push_verdict)verdict);
        if (status != 403)
            continue;
        char metric[96];
        fake_verifier.verdict = (mns_push_verdict)verdict;
        assert_int_equal(push_one_event(f), 403);
        snprintf(metric, sizeof metric, "forged_total{source=\"p\",verdict=\"%s\"}",
                 mns_push_name((mns_push_verdict)verdict));
        assert_int_equal(fixture_metric(f, metric), 1);
    }
    assert_int_equal(fake_broker.count, 0);
    push_assert_books_balance(f);
}

static void push_of_another_accounts_topic_is_refused(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    assert_int_equal(
        push_one(f, "x-mns-message-id: " ID "\r\nx-mns-topic-owner: 666\r\n", EVENT("job-1")), 403);
    /* The envelope that MNS made says who; what was published in it may say what it likes. */
    assert_int_equal(
        push_one(
            f, "x-mns-message-id: " ID "\r\n",
            "{\"TopicOwner\":\"666\",\"TopicName\":\"t\",\"SubscriptionName\":\"s\","
            "\"Message\":\"{\\\"TopicOwner\\\":\\\"123456789012\\\",\\\"TopicName\\\":\\\"t\\\","
            "\\\"MessageId\\\":\\\"1\\\",\\\"Message\\\":\\\"{}\\\"}\"}"),
        403);
    assert_int_equal(
        push_one(f, "x-mns-message-id: " ID "\r\nx-mns-topic-owner: 666\r\n",
                 "{\"TopicOwner\":\"123456789012\",\"TopicName\":\"t\",\"SubscriptionName\":\"s\","
                 "\"Message\":\"{}\"}"),
        403);
    assert_int_equal(fake_broker.count, 0);
    assert_int_equal(fixture_metric(f, "forged_total{source=\"p\",verdict=\"foreign_owner\"}"), 3);
    push_assert_books_balance(f);
}

static void push_to_another_path_is_not_even_read(void **state)
{
    fixture_t *f = *state;
    static const char *const targets[] = {"/", "/notifications", "/notifications/5f2d?x=1",
                                          PATH "1", "/notifications/5f2c"};
    raw_client_t c;
    char text[256];
    push_start(f);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        push_client_open(&c, f);
        snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n",
                 targets[i]);
        raw_say(&c, text);
        assert_int_equal(raw_hear(&c).status, 404);
        raw_close(&c);
    }
    assert_int_equal(fake_verifier.asked, 0);
    assert_int_equal(fixture_metric(f, M("push_other_path_total")), 5);
}

static void push_is_a_post(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_start(f);
    push_client_open(&c, f);
    raw_say(&c, "GET " PATH " HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_reply_t reply = raw_hear(&c);
    assert_int_equal(reply.status, 405);
    assert_non_null(strstr(reply.head, "Allow: POST"));
    assert_int_equal(fake_verifier.asked, 0);
    raw_close(&c);
}

static void push_without_an_id_or_with_too_many_headers_is_malformed(void **state)
{
    fixture_t *f = *state;
    char head[2048] = "x-mns-message-id: 1\r\n";
    push_start(f);
    assert_int_equal(push_one(f, "", EVENT("job-1")), 400);
    for (int i = 0; i < 130; i++)
        strcat(head, "a: b\r\n");
    assert_int_equal(push_one(f, head, EVENT("job-1")), 400);
    assert_int_equal(fixture_metric(f, M("push_malformed_total")), 2);
    push_assert_books_balance(f);
}

static void push_past_the_bound_of_bodies_is_413(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_start(f);
    push_client_open(&c, f);
    raw_say(&c, "POST " PATH " HTTP/1.1\r\nHost: h\r\nContent-Length: 524289\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 413);
    raw_close(&c);
}

/* -- beside a queue, and without what it needs --------------------------------------------- */

static void push_and_queue_stand_beside_each_other(void **state)
{
    fixture_t *f = *state;
    f->options.sources.count = 2;
    push_start(f);
    fixture_put_many(f->other, 20);
    assert_int_equal(push_one_event(f), 204);
    fixture_run(f, 100);
    assert_int_equal(f->other->deleted, 20);
    assert_int_equal(fake_broker.count, 21);
    assert_non_null(bridge_source_url(f->bridge, 0));
    assert_null(bridge_source_url(f->bridge, 1));
}

static void push_source_names_what_it_cannot_use(void **state)
{
    fixture_t *f = *state;
    const char *failed;
    const char *hosts[] = {"localhost:1", "b"};
    struct {
        const char **text;
        const char *value;
        mns_err verifier;
        sl_err err;
    } rows[] = {
        {&f->sources[0].listen, "192.0.2.1:1", MNS_OK, SL_EIO},
        {&f->sources[0].ca_file, "/nowhere/ca.pem", MNS_OK, SL_EIO},
        {&f->sources[0].tls_key, "/nowhere/key.pem", MNS_OK, SL_EIO},
        {&f->sources[0].certificate, "/dev/null", MNS_EINVAL, SL_EINVAL},
        {&f->sources[0].tls_certificate, "/dev/null", MNS_OK, SL_EINVAL},
    };
    f->sources[0].certificate_hosts = (config_list_t){hosts, 2};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *before = *rows[i].text, *key = f->sources[0].tls_key;
        *rows[i].text = rows[i].value;
        if (f->sources[0].tls_certificate != NULL)
            f->sources[0].tls_key = "/dev/null";
        fake_verifier_reset();
        fake_verifier.create_err = rows[i].verifier;
        assert_int_equal(
            bridge_create(&f->bridge, &f->options, &f->clock.clock, &f->registry, -1, &failed),
            rows[i].err);
        assert_string_equal(failed, rows[i].value);
        assert_null(f->bridge);
        f->sources[0].tls_key = key;
        *rows[i].text = before;
    }
    assert_int_equal(fake_verifier.host_count, 2);
    assert_string_equal(fake_verifier.last_host, "b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, push_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(push_is_published_and_answered_when_the_broker_has_it),
        TEST(push_shows_the_verifier_the_request_as_it_came),
        TEST(push_without_an_envelope_is_told_by_its_head),
        TEST(push_with_an_envelope_is_told_by_that),
        TEST(push_that_the_filter_does_not_list_is_answered_unpublished),
        TEST(push_that_is_no_event_becomes_a_dead_letter),
        TEST(push_is_refused_with_the_verdicts_status),
        TEST(push_of_another_accounts_topic_is_refused),
        TEST(push_to_another_path_is_not_even_read),
        TEST(push_is_a_post),
        TEST(push_without_an_id_or_with_too_many_headers_is_malformed),
        TEST(push_past_the_bound_of_bodies_is_413),
        TEST(push_and_queue_stand_beside_each_other),
        TEST(push_source_names_what_it_cannot_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
