/* Visibility that is extended while the broker is slow, and what is known of the backlog. */
#include "bridge_fixture.h"

#define METRIC(f, name) fixture_metric(f, name "{source=\"q\"}")

/* -- extending ----------------------------------------------------------------------------- */

/* A broker that answers but takes nothing for now. */
static void slow_broker(fixture_t *f)
{
    f->sources[0].extend = true;
    fake_broker.stalled = true;
    fake_broker.silent_ms = 5000;
    fixture_start(f);
    fixture_run(f, 100);
}

static void queue_extends_what_a_slow_broker_has_not_taken(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    fake_broker.room = 30; /* so that some are sent and some wait */
    fixture_put_many(f->q, 40);
    fixture_run(f, 5 * VISIBILITY_MS);
    assert_int_equal(METRIC(f, "lapsed_total"), 0);
    assert_int_equal(METRIC(f, "received_total"), 40);
    assert_true(METRIC(f, "extended_total") >= 4 * 40);
    assert_in_range(f->q->extends, 4 * 40, 9 * 40); /* each about every two thirds */
    fake_broker.stalled = false;
    fake_broker.room = SIZE_MAX;
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 40);
    assert_int_equal(fake_broker.count, 40);
    assert_int_equal(METRIC(f, "deleted_total"), 40); /* by the new handles */
}

static void queue_extends_nothing_while_the_broker_is_quick_dead_or_it_may_not(void **state)
{
    fixture_t *f = *state;
    f->sources[0].extend = true;
    fixture_start(f);
    fixture_put_many(f->q, 500);
    fixture_run(f, VISIBILITY_MS);
    assert_int_equal(f->q->extends, 0);
    fake_broker.stalled = true; /* for a minute, it says */
    fixture_put_many(f->q, 50);
    fixture_run(f, 2 * VISIBILITY_MS);
    assert_int_equal(f->q->extends, 0);
    fake_broker.silent_ms = 5000;
    f->sources[0].extend = false;
    fixture_run(f, 2 * VISIBILITY_MS);
    assert_int_equal(f->q->extends, 0);
}

static void queue_deletes_with_the_new_handle_what_is_acknowledged_meanwhile(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    fixture_put_many(f->q, 10);
    f->q->hold[FAKE_EXTEND] = true;
    fixture_run(f, VISIBILITY_MS - 5000);
    assert_int_equal(f->q->extends, 10);
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_int_equal(METRIC(f, "acked_total"), 10);
    assert_int_equal(f->q->deletes, 0); /* the old handles may be dead */
    f->q->hold[FAKE_EXTEND] = false;
    fixture_run(f, 100);
    assert_int_equal(METRIC(f, "deleted_total"), 10);
}

static void queue_keeps_a_message_whose_extension_is_granted_late(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    fake_broker.room = 0;
    fixture_put_many(f->q, 10);
    f->q->hold[FAKE_EXTEND] = true;
    fixture_run(f, VISIBILITY_MS - 1000); /* past the margin: looked at, and put aside */
    assert_int_equal(METRIC(f, "waiting"), 0);
    assert_int_equal(METRIC(f, "undeleted"), 10);
    fake_broker.room = SIZE_MAX;
    fixture_run(f, STEP_MS);
    assert_int_equal(fake_broker.count, 0);
    f->q->hold[FAKE_EXTEND] = false;
    fake_broker.stalled = false;
    fixture_run(f, 100);
    assert_int_equal(f->q->deleted, 10);
    assert_int_equal(METRIC(f, "lapsed_total"), 0);
}

static void queue_lets_a_message_lapse_whose_extension_is_refused(void **state)
{
    fixture_t *f = *state;
    const fake_fault_t faults[] = {
        {.err = MNS_ECLIENT, .http_status = 400, .code = "ReceiptHandleError"},
        {.err = MNS_ECLIENT, .http_status = 403, .code = "AccessDenied"},
    };
    slow_broker(f);
    fake_broker.room = 0;
    for (size_t i = 0; i < 2; i++) {
        f->q->fault[FAKE_EXTEND] = faults[i];
        f->q->fault[FAKE_EXTEND].times = UINT32_MAX;
        fixture_put_many(f->q, 10);
        uint64_t extends = f->q->extends;
        fixture_run(f, VISIBILITY_MS);
        assert_in_range(f->q->extends - extends, 1, 16); /* no use asking on and on */
        fake_broker.room = SIZE_MAX;
        fixture_run(f, 50);
        fake_broker.room = 0;
        assert_true(METRIC(f, "lapsed_total") >= 10);
    }
}

static void queue_tries_a_failed_extension_again(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    fixture_put_many(f->q, 10);
    f->q->fault[FAKE_EXTEND] = (fake_fault_t){.err = MNS_ESERVER, .http_status = 500, .times = 15};
    fixture_run(f, VISIBILITY_MS + 5000);
    assert_int_equal(METRIC(f, "extend_errors_total"), 15);
    assert_int_equal(METRIC(f, "extended_total"), 10);
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_int_equal(METRIC(f, "deleted_total"), 10);
}

static void queue_extends_the_others_while_the_extensions_of_some_fail(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    f->q->unextendable = 30; /* more than are asked for at once */
    fixture_put_many(f->q, 200);
    fixture_run(f, VISIBILITY_MS - 2500);
    assert_int_equal(METRIC(f, "extended_total"), 170);
    assert_true(METRIC(f, "extend_errors_total") >= 2 * 30);
}

static void queue_does_not_try_to_extend_what_is_past_its_deadline(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    f->q->unextendable = 10;
    fixture_put_many(f->q, 10);
    fixture_run(f, VISIBILITY_MS - 2000);
    assert_true(METRIC(f, "extend_errors_total") >= 2 * 10);
    f->q->hold[FAKE_RECEIVE] = true; /* else they come again */
    uint64_t extends = f->q->extends;
    fixture_run(f, VISIBILITY_MS);
    assert_int_equal(f->q->extends, extends);
}

static void queue_counts_what_an_extension_of_unknown_fate_may_hide(void **state)
{
    fixture_t *f = *state;
    slow_broker(f);
    f->q->fault[FAKE_EXTEND] = (fake_fault_t){.err = MNS_EIO, .performed = true, .times = 10};
    fixture_put_many(f->q, 10);
    fixture_run(f, VISIBILITY_MS - 5000); /* extended, and the new handles were lost */
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_int_equal(METRIC(f, "deleted_late_total"), 10);
    assert_int_equal(fake_queue_hidden(f->q), 10);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 10);
    fixture_run(f, 2 * VISIBILITY_MS); /* they came again */
    assert_int_equal(f->q->deleted, 10);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 0);
}

static void queue_extends_at_a_bounded_rate(void **state)
{
    fixture_t *f = *state;
    f->q->visibility_ms = 60000;
    slow_broker(f);
    fixture_put_many(f->q, 2000);
    fixture_run(f, 40000); /* the first are due: a third is left */
    uint64_t extends = f->q->extends;
    fixture_run(f, 1000);
    assert_in_range(f->q->extends - extends, 300, 510);
    fixture_run(f, 20000);
    assert_int_equal(METRIC(f, "lapsed_total"), 0);
    assert_int_equal(METRIC(f, "received_total"), 2000);
}

/* -- watching ------------------------------------------------------------------------------ */

static void queue_shows_its_length_and_its_age(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 10000;
    f->sources[0].undeleted = 16;
    f->q->skew_ms = 98765432; /* whatever the service's clock says */
    fake_broker.stalled = true;
    fixture_put_many(f->q, 1);
    fixture_start(f);
    fixture_run(f, 20000);
    assert_int_equal(METRIC(f, "queue_known"), 1);
    assert_int_equal(METRIC(f, "queue_inactive_messages"), 1);
    assert_in_range(METRIC(f, "oldest_in_hand_ms"), 19800, 20000);
    fake_broker.stalled = false;
    fixture_run(f, 100);
    fixture_put_many(f->q, 5);
    f->q->fault[FAKE_RECEIVE] =
        (fake_fault_t){.err = MNS_ESERVER, .http_status = 429, .retry_after_ms = 8000, .times = 1};
    fixture_run(f, 7000);
    fixture_run(f, 3000);
    assert_in_range(METRIC(f, "backlog_age_ms"), 7900, 9100);
    assert_in_range(METRIC(f, "receipt_age_ms_total"), 5 * 7900, 5 * 9100);
    assert_int_equal(METRIC(f, "oldest_in_hand_ms"), 0);
    fixture_run(f, 31000); /* a long poll was empty: there is no backlog */
    assert_int_equal(METRIC(f, "backlog_age_ms"), 0);
}

static void queue_receives_though_it_may_not_look(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 10000;
    f->q->fault[FAKE_LOOK] = (fake_fault_t){
        .err = MNS_ECLIENT, .http_status = 403, .code = "AccessDenied", .times = UINT32_MAX};
    fixture_start(f);
    fixture_put_many(f->q, 10);
    fixture_run(f, 120000);
    assert_int_equal(f->q->deleted, 10);
    assert_int_equal(f->q->looks, 1); /* it does not ask on and on */
    assert_int_equal(METRIC(f, "queue_known"), 0);
    const char *reason;
    assert_true(bridge_ready(f->bridge, &reason));
}

static void queue_does_not_wait_long_for_the_first_look(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 10000;
    f->q->hold[FAKE_LOOK] = true;
    fixture_start(f);
    fixture_put_many(f->q, 10);
    fixture_run(f, 1900);
    assert_int_equal(f->q->receives, 0);
    fixture_run(f, 200);
    assert_int_equal(f->q->deleted, 10);
}

static void queue_learns_its_timeout_from_the_first_look(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 10000;
    f->q->visibility_ms = 600000;
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .performed = true, .times = 1};
    fixture_put_many(f->q, 16);
    fixture_start(f);
    fixture_run(f, 500000);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 16);
    fixture_run(f, 130000);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queue_extends_what_a_slow_broker_has_not_taken),
        TEST(queue_extends_nothing_while_the_broker_is_quick_dead_or_it_may_not),
        TEST(queue_deletes_with_the_new_handle_what_is_acknowledged_meanwhile),
        TEST(queue_keeps_a_message_whose_extension_is_granted_late),
        TEST(queue_lets_a_message_lapse_whose_extension_is_refused),
        TEST(queue_tries_a_failed_extension_again),
        TEST(queue_extends_the_others_while_the_extensions_of_some_fail),
        TEST(queue_does_not_try_to_extend_what_is_past_its_deadline),
        TEST(queue_counts_what_an_extension_of_unknown_fate_may_hide),
        TEST(queue_extends_at_a_bounded_rate),
        TEST(queue_shows_its_length_and_its_age),
        TEST(queue_receives_though_it_may_not_look),
        TEST(queue_does_not_wait_long_for_the_first_look),
        TEST(queue_learns_its_timeout_from_the_first_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
