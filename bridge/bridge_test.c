/* The way of a message, and what stops it: the loop by hand. */
#include "bridge_fixture.h"
#include "event/reader.h"

static const fake_event_t *last_event(void)
{
    assert_true(fake_broker.count > 0);
    return &fake_broker.events[fake_broker.count - 1];
}

/* -- the way of a message ------------------------------------------------------------------ */

static void bridge_publishes_each_message_and_then_deletes_it(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_put_many(f->q, 40);
    fixture_run(f, 100);
    assert_int_equal(fake_broker.count, 40);
    assert_string_equal(fake_broker.events[0].topic, "Job.OnJobFailed");
    assert_int_equal(f->q->deleted, 40);
    assert_int_equal(f->q->deletes, 3); /* batches of 16, 16 and 8 */
    assert_int_equal(fixture_metric(f, "received_total{source=\"q\"}"), 40);
    assert_int_equal(fixture_metric(f, "acked_total{source=\"q\"}"), 40);
    assert_int_equal(fixture_metric(f, "deleted_total{source=\"q\"}"), 40);
    assert_int_equal(fixture_metric(f, "undeleted{source=\"q\"}"), 0);
}

static void bridge_deletes_nothing_that_is_not_acknowledged(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    fixture_start(f);
    fixture_put_many(f->q, 40);
    fixture_run(f, 3 * VISIBILITY_MS);
    assert_true(fake_broker.count >= 40);
    assert_int_equal(f->q->deletes, 0);
}

static void bridge_waits_for_the_broker_before_it_receives(void **state)
{
    fixture_t *f = *state;
    fake_broker.away = true;
    fixture_start(f);
    fixture_put_many(f->q, 1);
    fixture_run(f, 1000);
    assert_int_equal(f->q->receives, 0);
    fake_broker.away = false;
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_probes_a_source_and_then_waits_with_one_long_poll(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    bridge_turn(f->bridge, 0);
    bridge_turn(f->bridge, 0);
    assert_int_equal(f->q->polls, 1);
    assert_int_equal(f->q->last_wait_s, 0);
    fixture_run(f, 50);
    assert_int_equal(f->q->polls, 1);
    assert_int_equal(f->q->last_wait_s, 30);
    fixture_run(f, 10000);
    assert_int_equal(f->q->receives, 2); /* long polls are long */
    assert_int_equal(fixture_metric(f, "polls_in_flight{source=\"q\"}"), 1);
}

static void bridge_polls_more_while_replies_are_full_and_one_by_one_again_when_idle(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls = 8;
    fixture_start(f);
    fixture_run(f, 100);
    fixture_put_many(f->q, 2000);
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 2000);
    assert_int_equal(f->q->polls_most, 8);
    fixture_run(f, 31000); /* those that wait to their end are not sent again */
    assert_int_equal(f->q->polls, 1);
    assert_int_equal(fixture_metric(f, "polls_wanted{source=\"q\"}"), 1);
    uint64_t receives = f->q->receives;
    fixture_put_many(f->q, 1);
    fixture_run(f, STEP_MS);
    assert_int_equal(f->q->deleted, 2001);
    assert_int_equal(f->q->receives, receives + 1);
}

static void bridge_never_polls_less_than_it_is_told(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls_min = 3;
    fixture_start(f);
    fixture_run(f, 100);
    assert_int_equal(f->q->polls, 3);
    fixture_run(f, 60000);
    assert_int_equal(f->q->polls, 3);
}

static void bridge_does_not_hammer_a_service_that_does_not_wait(void **state)
{
    fixture_t *f = *state;
    f->sources[0].wait_s = 0;
    fixture_start(f);
    fixture_run(f, 10000);
    assert_in_range(f->q->receives, 20, 4 * 10000 / 100 + 5);
}

static void bridge_deletes_what_the_filter_does_not_list_without_publishing_it(void **state)
{
    fixture_t *f = *state;
    const char *events[] = {"OnJobFinished"};
    f->sources[0].events = (config_list_t){events, 1};
    f->q->on_delete = NULL;
    fixture_start(f);
    fixture_put_many(f->q, 3);
    fake_queue_put(f->q, "{\"Category\":\"Job\",\"Event\":\"OnJobFinished\"}");
    fake_queue_put(f->q, "no event: is a dead letter whatever the list says");
    fixture_run(f, 100);
    assert_int_equal(fake_broker.count, 2);
    assert_int_equal(f->q->deleted, 5);
    assert_int_equal(fixture_metric(f, "filtered_total{source=\"q\"}"), 3);
}

static void bridge_publishes_what_is_no_event_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fake_queue_put(f->q, "{\"Category\":\"Job\"");
    fixture_run(f, 100);
    assert_string_equal(last_event()->topic, "$dead.BrokenJson");
    assert_int_equal(f->q->deleted, 1);
    assert_int_equal(fixture_metric(f, "dead_letters_total{source=\"q\",reason=\"BrokenJson\"}"),
                     1);
}

/* -- when the broker does not take it ------------------------------------------------------ */

static void
bridge_stops_receiving_when_acknowledgements_stop_and_goes_on_when_they_come(void **state)
{
    fixture_t *f = *state;
    f->q->visibility_ms = 3600000;
    fake_broker.stalled = true;
    fixture_start(f);
    fixture_put_many(f->q, 4000);
    fixture_run(f, 500);
    assert_in_range(fake_queue_hidden(f->q), 900 - 16, 900); /* no second leaves more */
    fixture_run(f, 4000);
    assert_in_range(fake_queue_hidden(f->q), 2000 - 16, 2000);
    uint64_t receives = f->q->receives;
    fixture_run(f, 5000);
    assert_int_equal(f->q->receives, receives);
    assert_int_equal(f->q->polls, 0);
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 4000);
    assert_int_equal(fake_broker.count, 4000);
}

static void bridge_stops_receiving_while_messages_wait_for_room(void **state)
{
    fixture_t *f = *state;
    f->q->visibility_ms = 3600000;
    fake_broker.stalled = true;
    fake_broker.room = 10;
    fixture_start(f);
    fixture_put_many(f->q, 4000);
    fixture_run(f, 1000);
    assert_int_equal(fake_broker.count, 10);
    assert_true(fake_queue_hidden(f->q) <= 16 * 5);
    assert_true(fixture_metric(f, "waiting{source=\"q\"}") > 0);
    fake_broker.stalled = false;
    fixture_run(f, 2000);
    assert_int_equal(f->q->deleted, 4000);
    assert_int_equal(fake_broker.count, 4000);
}

static void bridge_counts_polls_under_way_as_full(void **state)
{
    fixture_t *f = *state;
    f->sources[0].undeleted = 40;
    f->sources[0].polls_min = 4;
    fixture_start(f);
    fixture_run(f, 100);
    assert_int_equal(f->q->polls, 2); /* a third might bring the 33rd to 48th */
}

static void bridge_publishes_a_refused_event_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    const struct {
        const char *code, *topic;
    } rows[] = {{"TOPIC", "$dead.Refused"}, {"SIZE", "$dead.TooLarge"}};
    fixture_start(f);
    for (size_t i = 0; i < 2; i++) {
        fake_broker.refusals = 1;
        fake_broker.refuse_code = rows[i].code;
        fake_queue_put(f->q, EVENT("job-refused"));
        fixture_run(f, 100);
        assert_string_equal(last_event()->topic, rows[i].topic);
        mp_value_t body;
        assert_true(event_find(last_event()->data, last_event()->len, "Body", 4, &body, NULL));
        assert_int_equal(body.type, MP_BIN);
        assert_int_equal(body.bytes.len, strlen(EVENT("job-refused")));
        assert_memory_equal(body.bytes.data, EVENT("job-refused"), body.bytes.len);
        assert_int_equal(f->q->deleted, i + 1);
    }
    assert_int_equal(fixture_metric(f, "refused_total{source=\"q\"}"), 2);
}

static void bridge_publishes_an_event_past_the_brokers_size_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_run(f, 50);
    fake_broker.largest = 10; /* the dead letter is larger still */
    fake_queue_put(f->q, EVENT("job-large"));
    fixture_run(f, 100);
    assert_int_equal(fake_broker.count, 0);
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(fixture_metric(f, "left_total{source=\"q\"}"), 1);
    fake_broker.largest = SIZE_MAX;
    fixture_run(f, VISIBILITY_MS + 1000);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_leaves_in_mns_what_is_refused_even_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    fake_broker.refusals = 2;
    fake_broker.refuse_code = "FORBIDDEN";
    fixture_start(f);
    fake_queue_put(f->q, EVENT("job-1"));
    fixture_run(f, 1000);
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(fixture_metric(f, "left_total{source=\"q\"}"), 1);
    assert_int_equal(fixture_metric(f, "undeleted{source=\"q\"}"), 1);
    fixture_run(f, VISIBILITY_MS); /* it came again, and was taken */
    assert_int_equal(f->q->deleted, 1);
    assert_int_equal(fixture_metric(f, "undeleted{source=\"q\"}"), 0);
}

/* -- stopping ------------------------------------------------------------------------------ */

static void bridge_stop_waits_for_what_is_in_hand(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    fixture_start(f);
    fixture_put_many(f->q, 50);
    fixture_run(f, 100);
    bridge_stop(f->bridge);
    uint64_t receives = f->q->receives;
    fixture_run(f, 1000);
    assert_false(bridge_done(f->bridge));
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deleted, 50);
    assert_int_equal(f->q->receives, receives);
}

static void bridge_stop_takes_what_polls_under_way_still_bring(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls_min = 2;
    fixture_start(f);
    fixture_run(f, 100);
    bridge_stop(f->bridge);
    assert_false(bridge_done(f->bridge));
    fixture_put_many(f->q, 10); /* on its way when we stopped */
    fixture_run(f, 90);
    assert_false(bridge_done(f->bridge));
    fixture_run(f, 100);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deleted, 10);
}

static void bridge_stop_ends_in_time_and_leaves_the_rest_in_mns(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    fixture_start(f);
    fixture_put_many(f->q, 50);
    fixture_run(f, 100);
    bridge_stop(f->bridge);
    fixture_run(f, 9900);
    assert_false(bridge_done(f->bridge));
    fixture_run(f, 200);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(bridge_in_hand(f->bridge), 50);
}

static void bridge_stopped_twice_ends_at_once(void **state)
{
    fixture_t *f = *state;
    f->q->hold[FAKE_DELETE] = true;
    fixture_start(f);
    fixture_put_many(f->q, 5);
    fixture_run(f, 100);
    bridge_stop(f->bridge);
    assert_false(bridge_done(f->bridge));
    bridge_stop(f->bridge);
    assert_true(bridge_done(f->bridge));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bridge_publishes_each_message_and_then_deletes_it),
        TEST(bridge_deletes_nothing_that_is_not_acknowledged),
        TEST(bridge_waits_for_the_broker_before_it_receives),
        TEST(bridge_probes_a_source_and_then_waits_with_one_long_poll),
        TEST(bridge_polls_more_while_replies_are_full_and_one_by_one_again_when_idle),
        TEST(bridge_never_polls_less_than_it_is_told),
        TEST(bridge_does_not_hammer_a_service_that_does_not_wait),
        TEST(bridge_deletes_what_the_filter_does_not_list_without_publishing_it),
        TEST(bridge_publishes_what_is_no_event_as_a_dead_letter),
        TEST(bridge_stops_receiving_when_acknowledgements_stop_and_goes_on_when_they_come),
        TEST(bridge_stops_receiving_while_messages_wait_for_room),
        TEST(bridge_counts_polls_under_way_as_full),
        TEST(bridge_publishes_a_refused_event_as_a_dead_letter),
        TEST(bridge_publishes_an_event_past_the_brokers_size_as_a_dead_letter),
        TEST(bridge_leaves_in_mns_what_is_refused_even_as_a_dead_letter),
        TEST(bridge_stop_waits_for_what_is_in_hand),
        TEST(bridge_stop_takes_what_polls_under_way_still_bring),
        TEST(bridge_stop_ends_in_time_and_leaves_the_rest_in_mns),
        TEST(bridge_stopped_twice_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
