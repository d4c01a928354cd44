/* A queue's messages as the service counts them, whatever goes wrong; and throttling. */
#include "bridge_fixture.h"

enum { UNDELETED = 128, MANY = 2000 };

#define METRIC(f, name) fixture_metric(f, name "{source=\"q\"}")

/* A small bound, so that whatever is not counted breaks it. */
static void start_small(fixture_t *f)
{
    f->sources[0].undeleted = UNDELETED;
    f->sources[0].polls = 8;
    fixture_start(f);
    fixture_run(f, 100);
}

/* Never more undeleted than allowed, by the service's own count; and it all ends well. */
static void expect_bound_and_end(fixture_t *f, uint64_t within_ms)
{
    fixture_run(f, within_ms);
    assert_in_range(f->q->hidden_most, 1, f->sources[0].undeleted);
    assert_int_equal(f->q->deleted, f->q->count);
    assert_int_equal(METRIC(f, "undeleted"), 0);
    assert_int_equal(METRIC(f, "received_total"),
                     METRIC(f, "deleted_total") + METRIC(f, "deleted_late_total") +
                         METRIC(f, "delete_given_up_total") + METRIC(f, "lapsed_total") +
                         METRIC(f, "left_total"));
}

/* -- undeleted ----------------------------------------------------------------------------- */

static void queue_counts_what_lost_polls_may_have_taken(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .performed = true, .times = 100};
    fixture_put_many(f->q, MANY);
    fixture_run(f, 5000);
    assert_true(fake_queue_hidden(f->q) > 0); /* it took some, and we never saw them */
    assert_true(METRIC(f, "undeleted_unseen") >= (long)fake_queue_hidden(f->q));
    f->q->fault[FAKE_RECEIVE].times = 0;
    expect_bound_and_end(f, 3 * VISIBILITY_MS);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 0);
}

static void queue_counts_lost_polls_that_wait_on_at_the_service(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls_min = 4;
    start_small(f);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .lingers = true, .times = 4};
    fixture_run(f, 25000);
    fake_broker.stalled = true;
    fixture_put_many(f->q, MANY); /* they are there first */
    fixture_run(f, 25000);
    fake_broker.stalled = false;
    expect_bound_and_end(f, 3 * VISIBILITY_MS);
}

static void queue_counts_what_failed_polls_may_have_taken(void **state)
{
    fixture_t *f = *state;
    const fake_fault_t faults[] = {
        {.err = MNS_ESERVER, .http_status = 500, .code = "InternalError", .performed = true},
        {.err = MNS_EPROTO, .http_status = 200, .performed = true},
    };
    start_small(f);
    for (size_t i = 0; i < 2; i++) {
        f->q->fault[FAKE_RECEIVE] = faults[i];
        f->q->fault[FAKE_RECEIVE].times = 7;
        fixture_put_many(f->q, 500);
        expect_bound_and_end(f, 3 * VISIBILITY_MS);
    }
}

static void queue_counts_nothing_for_a_poll_that_was_refused(void **state)
{
    fixture_t *f = *state;
    const fake_fault_t faults[] = {
        {.err = MNS_ECLIENT, .http_status = 403, .code = "AccessDenied"},
        {.err = MNS_ESERVER, .http_status = 503, .code = "ServiceUnavailable"},
        {.err = MNS_ESERVER, .http_status = 408, .code = "TimeExpired"},
        {.err = MNS_ESERVER, .http_status = 400, .code = "QpsLimitExceeded"},
    };
    start_small(f);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        f->q->fault[FAKE_RECEIVE] = faults[i];
        f->q->fault[FAKE_RECEIVE].times = 1;
        fixture_run(f, 31000);
        assert_int_equal(f->q->fault[FAKE_RECEIVE].times, 0);
        assert_int_equal(METRIC(f, "undeleted_unseen"), 0);
    }
}

static void queue_counts_polls_that_hang(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls_min = 6;
    start_small(f);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.hangs = true, .performed = true, .times = 6};
    fixture_put_many(f->q, MANY);
    fixture_run(f, FAKE_PATIENCE_MS / 2);
    assert_true(METRIC(f, "polls_in_flight") > 0);
    expect_bound_and_end(f, 4 * VISIBILITY_MS);
}

static void queue_replaces_a_poll_that_hangs_before_it_is_given_up(void **state)
{
    fixture_t *f = *state;
    f->sources[0].wait_s = 5;
    fixture_start(f);
    fixture_run(f, 100);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.hangs = true, .times = 1};
    fixture_run(f, 5000);
    fixture_put_many(f->q, 10);
    fixture_run(f, 800);
    assert_int_equal(f->q->deleted, 0);
    assert_int_equal(f->q->polls, 1);
    fixture_run(f, 400);
    assert_int_equal(f->q->deleted, 10); /* by another, a second after it should have ended */
    assert_int_equal(f->q->polls, 2);
    assert_int_equal(METRIC(f, "receive_errors_total"), 0);
    fixture_run(f, FAKE_PATIENCE_MS);
    assert_int_equal(f->q->polls, 1);
}

static void queue_polls_on_while_all_that_may_be_under_way_hangs(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls = f->sources[0].polls_min = 4;
    f->sources[0].wait_s = 1;
    f->sources[0].extend = true;
    fake_broker.stalled = true;
    fake_broker.silent_ms = 5000;
    fixture_start(f);
    fixture_put_many(f->q, 20);
    f->q->hold[FAKE_EXTEND] = f->q->hold[FAKE_DELETE] = true;
    fixture_run(f, VISIBILITY_MS - 10000);
    assert_int_equal(f->q->extends, 16);
    fake_broker.stalled = false;
    fixture_put_many(f->q, 600);
    fixture_run(f, 1500);
    assert_int_equal(f->q->deletes, 32);
    f->q->hold[FAKE_RECEIVE] = true;
    fixture_run(f, 3500); /* each is overdue, and another takes its place */
    assert_int_equal(METRIC(f, "polls_in_flight"), 2 * 4);
    assert_int_equal(METRIC(f, "receive_errors_total"), 0);
    const char *reason;
    assert_true(bridge_ready(f->bridge, &reason));
}

static void queue_counts_what_a_service_takes_when_it_goes_on_after_a_standstill(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls_min = 6;
    start_small(f);
    f->q->stopped = true;
    fixture_put_many(f->q, MANY);
    fixture_run(f, 5 * VISIBILITY_MS); /* long after the polls were given up */
    assert_in_range(f->q->orphans, 6 * 16, UNDELETED);
    f->q->stopped = false;
    expect_bound_and_end(f, 3 * VISIBILITY_MS);
}

static void queue_asks_for_a_sign_of_life_when_lost_polls_leave_no_room(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .times = UINT32_MAX};
    f->q->fault[FAKE_LOOK] = (fake_fault_t){.err = MNS_EIO, .times = UINT32_MAX};
    fixture_put_many(f->q, MANY);
    fixture_run(f, 800000);
    f->sources[0].undeleted = 64; /* as if there had been ten times as many */
    uint64_t receives = f->q->receives;
    fixture_run(f, 20000);
    assert_int_equal(f->q->receives, receives);
    assert_true(f->q->looks > 0);
    memset(f->q->fault, 0, sizeof f->q->fault);
    fixture_run(f, 5000 + VISIBILITY_MS); /* the look was answered, and the visibility ended */
    assert_true(f->q->deleted > 0);
}

static void queue_counts_messages_whose_deletes_fail_until_they_show_again(void **state)
{
    fixture_t *f = *state;
    f->sources[0].margin_ms = 7500;
    start_small(f);
    f->q->fault[FAKE_DELETE] =
        (fake_fault_t){.err = MNS_ESERVER, .http_status = 500, .times = UINT32_MAX};
    fixture_put_many(f->q, MANY);
    fixture_run(f, VISIBILITY_MS - 1000); /* within the margin: given up, and hidden still */
    assert_true(METRIC(f, "delete_given_up_total") > 0);
    assert_true(METRIC(f, "undeleted") + METRIC(f, "undeleted_unseen") >=
                (long)fake_queue_hidden(f->q));
    f->q->fault[FAKE_DELETE].times = 0;
    expect_bound_and_end(f, 4 * VISIBILITY_MS);
}

static void queue_counts_messages_whose_deletes_were_lost(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->fault[FAKE_DELETE] = (fake_fault_t){.err = MNS_EIO, .performed = true, .times = 20};
    fixture_put_many(f->q, MANY);
    expect_bound_and_end(f, 2 * VISIBILITY_MS);
    assert_true(METRIC(f, "deleted_late_total") > 0); /* tried again: they were gone */
}

static void queue_counts_the_failed_part_of_a_delete(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->refuse_handle_code = "InternalError";
    fixture_put_many(f->q, MANY);
    fixture_run(f, 5000);
    assert_true(METRIC(f, "undeleted") > 0);
    f->q->refuse_handle_code = NULL;
    expect_bound_and_end(f, 2 * VISIBILITY_MS);
    assert_int_equal(fake_broker.count, MANY);
}

static void queue_deletes_all_again_when_a_reply_does_not_tell_which_failed(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->fault[FAKE_DELETE] =
        (fake_fault_t){.err = MNS_EPARTIAL, .http_status = 404, .performed = true, .times = 1};
    fixture_put_many(f->q, 16);
    expect_bound_and_end(f, 5000);
    assert_int_equal(METRIC(f, "deleted_late_total"), 16);
}

static void queue_deletes_all_again_when_one_error_calls_all_their_handles_dead(void **state)
{
    fixture_t *f = *state;
    const char *const codes[] = {"MessageNotExist", "ReceiptHandleError"};
    start_small(f);
    for (size_t i = 0; i < 2; i++) {
        f->q->fault[FAKE_DELETE] =
            (fake_fault_t){.err = MNS_ECLIENT, .http_status = 404, .code = codes[i], .times = 3};
        fixture_put_many(f->q, 16);
        expect_bound_and_end(f, 5000);
        assert_int_equal(f->q->fault[FAKE_DELETE].times, 0);
        assert_int_equal(METRIC(f, "deleted_late_total"), 0);
    }
}

static void queue_believes_an_error_that_calls_a_single_handle_dead(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->fault[FAKE_DELETE] = (fake_fault_t){
        .err = MNS_ECLIENT, .http_status = 404, .code = "MessageNotExist", .times = 1};
    fixture_put_many(f->q, 1);
    fixture_run(f, 1000);
    assert_int_equal(METRIC(f, "deleted_late_total"), 1);
    assert_int_equal(f->q->deletes, 1);
}

static void queue_counts_messages_that_lapse_while_they_wait(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    fake_broker.room = 0;
    fixture_put_many(f->q, MANY);
    fixture_run(f, VISIBILITY_MS - 1000); /* within the margin */
    assert_true(METRIC(f, "lapsed_total") > 0);
    assert_true(METRIC(f, "undeleted") + METRIC(f, "undeleted_unseen") >=
                (long)fake_queue_hidden(f->q));
    fake_broker.room = SIZE_MAX;
    expect_bound_and_end(f, 4 * VISIBILITY_MS);
}

static void queue_counts_messages_left_until_they_show_again(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    fake_broker.refusals = 300;
    fake_broker.refuse_code = "FORBIDDEN";
    fixture_put_many(f->q, MANY);
    fixture_run(f, VISIBILITY_MS - 1000);
    assert_true(METRIC(f, "left_total") > 0);
    expect_bound_and_end(f, 5 * VISIBILITY_MS);
}

static void queue_takes_messages_that_come_twice(void **state)
{
    fixture_t *f = *state;
    start_small(f);
    f->q->twice = 50;
    fixture_put_many(f->q, MANY);
    expect_bound_and_end(f, 2 * VISIBILITY_MS);
}

static void queue_leaves_no_more_a_second_than_the_service_bears(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls = 64;
    f->q->visibility_ms = 3600000;
    fake_broker.stalled = true;
    fixture_start(f);
    fixture_put_many(f->q, 4000);
    fixture_run(f, 1000);
    size_t first = fake_queue_hidden(f->q);
    fixture_run(f, 1000);
    size_t second = fake_queue_hidden(f->q) - first;
    assert_in_range(first, 800, 1000);
    assert_in_range(second, 800, 1000);
}

static void queue_counts_what_earlier_bridges_left_hidden(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 10000;
    f->sources[0].undeleted = 4400; /* leaves little room for others */
    fake_broker.stalled = true;
    f->q->visibility_ms = 60000;
    fixture_put_many(f->q, 4000);
    for (int run = 0; run < 3; run++) { /* killed again and again */
        fixture_start(f);
        fixture_run(f, 3000);
        if (run < 2)
            bridge_destroy(&f->bridge);
    }
    assert_true(METRIC(f, "undeleted_unseen") > 0);
    assert_in_range(f->q->hidden_most, 1, 4500);
}

static void queue_counts_what_was_hidden_though_the_first_look_fails(void **state)
{
    fixture_t *f = *state;
    f->sources[0].watch_ms = 60000;
    f->sources[0].undeleted = 4400; /* leaves 100 for others */
    fake_broker.stalled = true;
    f->q->visibility_ms = 60000;
    fixture_put_many(f->q, 3000);
    fixture_start(f);
    fixture_run(f, 2000);
    bridge_destroy(&f->bridge);
    long hidden = (long)fake_queue_hidden(f->q);
    f->q->fault[FAKE_LOOK] = (fake_fault_t){.err = MNS_ESERVER, .http_status = 500, .times = 1};
    fixture_start(f);
    fixture_run(f, 800); /* it receives already */
    assert_true(METRIC(f, "undeleted") > 100);
    assert_int_equal(METRIC(f, "undeleted_unseen"), 0);
    fixture_run(f, 700);
    assert_in_range(METRIC(f, "undeleted_unseen"), hidden - 100, hidden); /* not its own */
    fixture_run(f, 3000);
    assert_in_range(METRIC(f, "undeleted_unseen"), hidden - 100, hidden); /* once */
}

/* -- throttling ---------------------------------------------------------------------------- */

static void queue_pauses_as_long_as_the_service_asks_and_comes_back_with_one_poll(void **state)
{
    fixture_t *f = *state;
    f->sources[0].polls = 8;
    fixture_start(f);
    fixture_put_many(f->q, 200);
    fixture_run(f, 10);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_ESERVER,
                                               .http_status = 429,
                                               .code = "QpsLimitExceeded",
                                               .retry_after_ms = 5000,
                                               .times = 1};
    fixture_put_many(f->q, 200);
    fixture_run(f, 100);
    assert_int_equal(METRIC(f, "throttled_total"), 1);
    assert_int_equal(METRIC(f, "receive_errors_total"), 0);
    assert_int_equal(METRIC(f, "polls_wanted"), 1);
    assert_true(METRIC(f, "backoff_ms") > 4000);
    uint64_t receives = f->q->receives;
    fixture_run(f, 4800);
    assert_int_equal(f->q->receives, receives);
    f->q->polls_most = 0;
    fixture_run(f, 800);
    assert_int_equal(f->q->deleted, 400);
    const char *reason;
    assert_true(bridge_ready(f->bridge, &reason));
}

static void queue_pauses_longer_and_longer_when_the_service_names_no_time(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_run(f, 100);
    f->q->fault[FAKE_RECEIVE] =
        (fake_fault_t){.err = MNS_ESERVER, .code = "QpsLimitExceeded", .times = UINT32_MAX};
    uint64_t receives = f->q->receives;
    fixture_run(f, 180000);
    assert_in_range(f->q->receives - receives, 7, 20); /* 1, 2, 4 … 30 s, each at least the half */
    f->q->fault[FAKE_RECEIVE].times = 0;
    fixture_put_many(f->q, 100);
    fixture_run(f, 31000);
    assert_int_equal(f->q->deleted, 100);
}

static void queue_deletes_on_while_it_is_throttled(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_run(f, 100);
    fake_broker.stalled = true;
    fixture_put_many(f->q, 16);
    fixture_run(f, 50);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){
        .err = MNS_ESERVER, .http_status = 429, .retry_after_ms = 60000, .times = UINT32_MAX};
    fixture_run(f, 1000);
    fake_broker.stalled = false;
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 16);
}

static void queue_tries_throttled_deletes_again_when_it_was_asked_to(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_run(f, 100);
    f->q->fault[FAKE_DELETE] =
        (fake_fault_t){.err = MNS_ESERVER, .http_status = 429, .retry_after_ms = 3000, .times = 1};
    fixture_put_many(f->q, 5);
    fixture_run(f, 2900);
    assert_int_equal(f->q->deletes, 1);
    assert_int_equal(METRIC(f, "throttled_total"), 1);
    fixture_run(f, 600);
    assert_int_equal(f->q->deleted, 5);
}

/* -- failures ------------------------------------------------------------------------------ */

static void queue_takes_two_failures_in_a_row_as_chance(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    fixture_run(f, 100);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .times = 2};
    fixture_put_many(f->q, 10);
    fixture_run(f, STEP_MS);
    assert_int_equal(f->q->deleted, 10); /* tried again at once */
    assert_int_equal(METRIC(f, "receive_errors_total"), 2);
    const char *reason;
    assert_true(bridge_ready(f->bridge, &reason));
}

static void queue_probes_a_failing_service_for_one_message_only(void **state)
{
    fixture_t *f = *state;
    fixture_start(f);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .times = UINT32_MAX};
    fixture_run(f, 600000);
    assert_int_equal(f->q->last_count, 1);
    assert_int_equal(f->q->last_wait_s, 0);
    assert_in_range(METRIC(f, "undeleted_unseen"), 4 * 16, 4 * 16 + 80);
    f->q->fault[FAKE_RECEIVE].times = 0;
    fixture_put_many(f->q, 100);
    fixture_run(f, 20000);
    assert_int_equal(f->q->last_count, 16);
    assert_int_equal(f->q->deleted, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queue_counts_what_lost_polls_may_have_taken),
        TEST(queue_counts_lost_polls_that_wait_on_at_the_service),
        TEST(queue_counts_what_failed_polls_may_have_taken),
        TEST(queue_counts_nothing_for_a_poll_that_was_refused),
        TEST(queue_counts_polls_that_hang),
        TEST(queue_replaces_a_poll_that_hangs_before_it_is_given_up),
        TEST(queue_polls_on_while_all_that_may_be_under_way_hangs),
        TEST(queue_counts_what_a_service_takes_when_it_goes_on_after_a_standstill),
        TEST(queue_asks_for_a_sign_of_life_when_lost_polls_leave_no_room),
        TEST(queue_counts_messages_whose_deletes_fail_until_they_show_again),
        TEST(queue_counts_messages_whose_deletes_were_lost),
        TEST(queue_counts_the_failed_part_of_a_delete),
        TEST(queue_deletes_all_again_when_a_reply_does_not_tell_which_failed),
        TEST(queue_deletes_all_again_when_one_error_calls_all_their_handles_dead),
        TEST(queue_believes_an_error_that_calls_a_single_handle_dead),
        TEST(queue_counts_messages_that_lapse_while_they_wait),
        TEST(queue_counts_messages_left_until_they_show_again),
        TEST(queue_takes_messages_that_come_twice),
        TEST(queue_leaves_no_more_a_second_than_the_service_bears),
        TEST(queue_counts_what_earlier_bridges_left_hidden),
        TEST(queue_counts_what_was_hidden_though_the_first_look_fails),
        TEST(queue_pauses_as_long_as_the_service_asks_and_comes_back_with_one_poll),
        TEST(queue_pauses_longer_and_longer_when_the_service_names_no_time),
        TEST(queue_deletes_on_while_it_is_throttled),
        TEST(queue_tries_throttled_deletes_again_when_it_was_asked_to),
        TEST(queue_takes_two_failures_in_a_row_as_chance),
        TEST(queue_probes_a_failing_service_for_one_message_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
