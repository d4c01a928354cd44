/* Lapsed visibility, failing deletes, a failing service, and all of it in any order. */
#include "bridge_fixture.h"

/* -- visibility ---------------------------------------------------------------------------- */

static void bridge_discards_a_message_whose_visibility_lapsed_while_it_waited(void **state)
{
    fixture_t *f = *state;
    f->q->skew_ms = -777777; /* whatever the service's clock says */
    fake_broker.room = 0;
    fixture_start(f);
    fake_queue_put(f->q, EVENT("job-1"));
    fixture_run(f, VISIBILITY_MS - 2000 - STEP_MS);
    assert_int_equal(fixture_metric(f, "lapsed_total{source=\"q\"}"), 0);
    fixture_run(f, 2 * STEP_MS);
    assert_int_equal(fixture_metric(f, "lapsed_total{source=\"q\"}"), 1);
    assert_int_equal(fake_broker.count, 0);
    fake_broker.room = SIZE_MAX;
    fixture_run(f, 2 * VISIBILITY_MS);
    assert_int_equal(fake_broker.count, 1);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_keeps_a_margin_that_leaves_something_of_a_short_visibility(void **state)
{
    fixture_t *f = *state;
    f->sources[0].margin_ms = 60000;
    fixture_start(f);
    fixture_put_many(f->q, 10);
    fixture_run(f, 100);
    assert_int_equal(f->q->deleted, 10);
}

/* -- deletes ------------------------------------------------------------------------------- */

static void bridge_tries_a_failed_delete_again(void **state)
{
    fixture_t *f = *state;
    f->q->fault[FAKE_DELETE] = (fake_fault_t){.err = MNS_EIO, .times = 3};
    fixture_start(f);
    fixture_put_many(f->q, 20);
    fixture_run(f, 5000);
    assert_int_equal(f->q->deleted, 20);
    assert_int_equal(fixture_metric(f, "delete_errors_total{source=\"q\"}"), 3);
    assert_int_equal(fake_broker.count, 20);
}

static void bridge_gives_a_delete_up_when_the_handle_is_no_longer_good(void **state)
{
    fixture_t *f = *state;
    f->q->fault[FAKE_DELETE] = (fake_fault_t){.err = MNS_ESERVER, .times = UINT32_MAX};
    fixture_start(f);
    fixture_put_many(f->q, 5);
    fixture_run(f, VISIBILITY_MS - STEP_MS);
    assert_int_equal(fixture_metric(f, "delete_given_up_total{source=\"q\"}"), 5);
    assert_in_range(f->q->deletes, 5, 40);
    f->q->fault[FAKE_DELETE].times = 0;
    fixture_run(f, VISIBILITY_MS); /* they came again */
    assert_int_equal(f->q->deleted, 5);
    assert_int_equal(fake_broker.count, 10);
}

static void bridge_takes_an_expired_handle_as_deleted(void **state)
{
    fixture_t *f = *state;
    f->q->refuse_handle_code = "ReceiptHandleError";
    fixture_start(f);
    fixture_put_many(f->q, 16);
    fixture_run(f, 1000);
    assert_int_equal(fixture_metric(f, "deleted_late_total{source=\"q\"}"), 1);
    assert_int_equal(fixture_metric(f, "deleted_total{source=\"q\"}"), 15);
    assert_int_equal(fixture_metric(f, "undeleted{source=\"q\"}"), 0);
}

static void bridge_tries_the_failed_part_of_a_delete_again(void **state)
{
    fixture_t *f = *state;
    f->q->refuse_handle_code = "InternalError";
    fixture_start(f);
    fixture_put_many(f->q, 16);
    fixture_run(f, 50);
    assert_int_equal(f->q->deleted, 15);
    f->q->refuse_handle_code = NULL;
    fixture_run(f, 1000);
    assert_int_equal(f->q->deleted, 16);
}

/* -- faults of the service ----------------------------------------------------------------- */

static void bridge_backs_off_after_receive_errors_and_recovers(void **state)
{
    fixture_t *f = *state;
    f->options.sources.count = 2;
    fixture_start(f);
    fixture_run(f, 100);
    f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_EIO, .times = UINT32_MAX};
    uint64_t receives = f->q->receives;
    fixture_run(f, 60000);
    assert_in_range(f->q->receives - receives, 4, 20);
    const char *reason;
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "source q: receiving fails");
    fixture_put_many(f->other, 100);
    fixture_run(f, 100);
    assert_int_equal(f->other->deleted, 100); /* the other one knows nothing of it */
    f->q->fault[FAKE_RECEIVE].times = 0;
    fixture_put_many(f->q, 100);
    fixture_run(f, 20000);
    assert_int_equal(f->q->deleted, 100);
    assert_true(bridge_ready(f->bridge, &reason));
}

static void bridge_is_not_ready_without_the_queue_and_finds_it_when_it_is_made(void **state)
{
    fixture_t *f = *state;
    f->q->fault[FAKE_RECEIVE] =
        (fake_fault_t){.err = MNS_ECLIENT, .code = "QueueNotExist", .times = UINT32_MAX};
    fixture_start(f);
    fixture_run(f, 60000);
    const char *reason;
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "source q: the queue does not exist");
    assert_in_range(f->q->receives, 3, 20);
    f->q->fault[FAKE_RECEIVE].times = 0;
    fixture_run(f, 20000);
    assert_true(bridge_ready(f->bridge, &reason));
}

static void bridge_is_ready_when_broker_and_queues_have_answered(void **state)
{
    fixture_t *f = *state;
    const char *reason;
    fake_broker.away = true;
    fixture_start(f);
    fixture_run(f, 500);
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "the broker has not answered yet");
    fake_broker.away = false;
    fixture_run(f, 500);
    assert_true(bridge_ready(f->bridge, &reason));
    fake_broker.stalled = true;
    fixture_run(f, 500);
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "the broker does not acknowledge");
}

/* -- whatever happens ---------------------------------------------------------------------- */

static uint64_t pick(uint64_t *random, uint64_t below)
{
    return backoff_random(random) % below;
}

/* One thing goes wrong, or right again. */
static void disturb(fixture_t *f, uint64_t *random)
{
    switch (pick(random, 15)) {
    case 0:
        fake_broker.stalled = !fake_broker.stalled;
        break;
    case 1:
        fake_broker.room = pick(random, 2) == 0 ? SIZE_MAX : pick(random, 100);
        break;
    case 2:
        fake_broker.refusals = (uint32_t)pick(random, 5);
        fake_broker.refuse_code = pick(random, 2) == 0 ? "SIZE" : "TOPIC";
        break;
    case 3:
        f->q->fault[FAKE_RECEIVE] =
            (fake_fault_t){.err = pick(random, 2) == 0 ? MNS_EIO : MNS_EPROTO,
                           .times = (uint32_t)pick(random, 10)};
        break;
    case 4:
        f->q->fault[FAKE_DELETE] =
            (fake_fault_t){.err = pick(random, 2) == 0 ? MNS_ETIMEDOUT : MNS_ECLIENT,
                           .times = (uint32_t)pick(random, 10)};
        break;
    case 5:
        f->q->hold[FAKE_DELETE] = !f->q->hold[FAKE_DELETE];
        break;
    case 6:
        f->q->refuse_handle_code = pick(random, 2) == 0 ? NULL : "InternalError";
        break;
    case 7:
        f->q->answer_one_in = (uint32_t)pick(random, 5);
        fake_broker.answer_one_in = (uint32_t)pick(random, 5);
        break;
    case 9:
    case 10: { /* answers are lost, of requests that were performed or not */
        fake_op_t op = (fake_op_t)pick(random, FAKE_OPS);
        f->q->fault[op] = (fake_fault_t){.err = MNS_EIO,
                                         .performed = pick(random, 3) > 0,
                                         .hangs = op == FAKE_RECEIVE && pick(random, 3) == 0,
                                         .lingers = op == FAKE_RECEIVE && pick(random, 3) == 0,
                                         .times = (uint32_t)pick(random, 10)};
        break;
    }
    case 11:
        f->q->fault[FAKE_RECEIVE] = (fake_fault_t){.err = MNS_ESERVER,
                                                   .http_status = 429,
                                                   .retry_after_ms = (uint32_t)pick(random, 3000),
                                                   .times = (uint32_t)pick(random, 3)};
        break;
    case 12:
        f->q->twice = (uint32_t)pick(random, 5);
        f->q->hold[FAKE_EXTEND] = pick(random, 3) == 0;
        break;
    case 13:
        f->q->stopped = !f->q->stopped;
        break;
    case 8: /* the process stood still */
        sl_clock_manual_advance(&f->clock, pick(random, 40000) * NS_PER_MS);
        break;
    default:
        fixture_put_many(f->q, pick(random, 40));
    }
}

static void heal(fixture_t *f)
{
    fake_broker.stalled = false;
    fake_broker.room = SIZE_MAX;
    fake_broker.refusals = 0;
    memset(f->q->fault, 0, sizeof f->q->fault);
    memset(f->q->hold, 0, sizeof f->q->hold);
    f->q->refuse_handle_code = NULL;
    f->q->twice = 0;
    f->q->stopped = false;
    f->q->answer_one_in = fake_broker.answer_one_in = 0;
}

static void any_schedule(fixture_t *f, uint64_t seed)
{
    uint64_t random = seed;
    f->q->random = fake_broker.random = seed;
    f->q->visibility_ms = 1000 * (1 + pick(&random, 60));
    f->sources[0].undeleted = 64 + pick(&random, 200);
    f->sources[0].polls = 1 + pick(&random, 6);
    f->sources[0].polls_min = 1 + pick(&random, f->sources[0].polls);
    f->sources[0].extend = pick(&random, 2) == 0;
    f->sources[0].watch_ms = 10000;
    fake_broker.silent_ms = pick(&random, 2) == 0 ? 5000 : 60000;
    fixture_start(f);
    fixture_put_many(f->q, 100);
    for (int step = 0; step < 300; step++) {
        disturb(f, &random);
        for (uint64_t turns = pick(&random, 6); turns > 0; turns--)
            assert_true(bridge_turn(f->bridge, 0) >= 0);
        sl_clock_manual_advance(&f->clock, pick(&random, 200) * NS_PER_MS);
        assert_in_range(f->q->hidden_most, 0, f->sources[0].undeleted);
    }
    heal(f);
    fixture_run(f, 4 * f->q->visibility_ms + 60000);
    assert_in_range(f->q->hidden_most, 1, f->sources[0].undeleted);
    for (size_t i = 0; i < f->q->count; i++) {
        const fake_message_t *message = &f->q->messages[i];
        if (!fake_broker_has(SOURCE_Q, message->id))
            fail_msg("seed %llu: %s never reached the broker", (unsigned long long)seed,
                     message->id);
        if (!message->deleted)
            fail_msg("seed %llu: %s is still there", (unsigned long long)seed, message->id);
    }
    assert_int_equal(bridge_in_hand(f->bridge), 0);
}

static void bridge_loses_nothing_and_deletes_nothing_early_in_any_schedule(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        any_schedule(*state, seed);
        fixture_teardown(state);
        fixture_setup(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bridge_discards_a_message_whose_visibility_lapsed_while_it_waited),
        TEST(bridge_keeps_a_margin_that_leaves_something_of_a_short_visibility),
        TEST(bridge_tries_a_failed_delete_again),
        TEST(bridge_gives_a_delete_up_when_the_handle_is_no_longer_good),
        TEST(bridge_takes_an_expired_handle_as_deleted),
        TEST(bridge_tries_the_failed_part_of_a_delete_again),
        TEST(bridge_backs_off_after_receive_errors_and_recovers),
        TEST(bridge_is_not_ready_without_the_queue_and_finds_it_when_it_is_made),
        TEST(bridge_is_ready_when_broker_and_queues_have_answered),
        TEST(bridge_loses_nothing_and_deletes_nothing_early_in_any_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
