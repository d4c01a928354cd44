/* The bridge's loop by hand: a queue and a broker that do as they are told, and the test's clock.
 */
#include "bridge.h"

#include "backoff.h"
#include "base/log.h"
#include "event/reader.h"
#include "fake_mns.h"
#include "fake_pub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENT(job) \
    "{\"Category\":\"Job\",\"JobId\":\"" job "\",\"Event\":\"OnJobFailed\",\"State\":\"Failed\"}"
#define SOURCE_Q "acs:mns:cn-hangzhou:123456789012:/queues/q"

enum { NS_PER_MS = 1000000, VISIBILITY_MS = 30000, STEP_MS = 10 };

typedef struct fixture {
    sl_clock_manual_t clock;
    counter_registry_t registry;
    source_options_t sources[2];
    bridge_options_t options;
    fake_queue_t *q, *other;
    bridge_t *bridge;
} fixture_t;

static void no_log(const char *line, size_t len, void *ctx)
{
    (void)line, (void)len, (void)ctx;
}

static source_options_t source_named(const char *queue)
{
    return (source_options_t){.queue = queue,
                              .endpoint = "http://127.0.0.1:1",
                              .region = "cn-hangzhou",
                              .account = "123456789012",
                              .polls = 4,
                              .wait_s = 30,
                              .undeleted = 2000,
                              .margin_ms = 2000};
}

/* Nothing may be deleted that the broker does not have. */
static void on_delete(void *ctx, const fake_message_t *message)
{
    const fake_queue_t *queue = ctx;
    char source[128];
    snprintf(source, sizeof source, "acs:mns:cn-hangzhou:123456789012:/queues/%s", queue->name);
    if (!fake_broker_has(source, message->id))
        fail_msg("%s was deleted before the broker had it", message->id);
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    log_set_sink(no_log, NULL);
    sl_clock_manual_init(&f->clock, (uint64_t)5000 * NS_PER_MS,
                         (uint64_t)1780315200000 * NS_PER_MS);
    fake_broker_reset();
    f->q = fake_queue_create("q", &f->clock);
    f->other = fake_queue_create("other", &f->clock);
    f->q->on_delete = f->other->on_delete = on_delete;
    f->q->ctx = f->q;
    f->other->ctx = f->other;
    f->sources[0] = source_named("q");
    f->sources[1] = source_named("other");
    f->options = (bridge_options_t){.broker = "tcp://127.0.0.1:5550",
                                    .name = "test",
                                    .delete_linger_ms = 5,
                                    .drain_ms = 10000,
                                    .sources = {f->sources, 1}};
    f->registry = COUNTER_REGISTRY_INIT;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    bridge_destroy(&f->bridge);
    fake_queues_destroy();
    fake_broker_reset();
    log_set_sink(NULL, NULL);
    free(f);
    return 0;
}

static void start(fixture_t *f)
{
    const char *failed;
    assert_int_equal(
        bridge_create(&f->bridge, &f->options, &f->clock.clock, &f->registry, -1, &failed), SL_OK);
}

/* Turns as long as there is work, then moves time; so often. */
static void run(fixture_t *f, uint64_t ms)
{
    for (uint64_t passed = 0; passed <= ms; passed += STEP_MS) {
        for (int turns = 0; turns < 100; turns++) {
            int work = bridge_turn(f->bridge, 0);
            assert_true(work >= 0);
            if (work == 0)
                break;
        }
        if (passed < ms)
            sl_clock_manual_advance(&f->clock, (uint64_t)STEP_MS * NS_PER_MS);
    }
}

static void put_many(fake_queue_t *q, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fake_queue_put(q, EVENT("job-1"));
}

/* A line of /metrics; -1: there is none such. */
static long metric(fixture_t *f, const char *name)
{
    sl_buf_t text = SL_BUF_INIT;
    char line[160];
    snprintf(line, sizeof line, "\nsluice_bridge_%s ", name);
    counter_render(&f->registry, &text);
    sl_buf_append_byte(&text, '\0');
    const char *at = strstr((const char *)text.data, line);
    long value = at != NULL ? strtol(at + strlen(line), NULL, 10) : -1;
    sl_buf_fini(&text);
    return value;
}

static const fake_event_t *last_event(void)
{
    assert_true(fake_broker.count > 0);
    return &fake_broker.events[fake_broker.count - 1];
}

/* -- the way of a message ------------------------------------------------------------------ */

static void bridge_publishes_each_message_and_then_deletes_it(void **state)
{
    fixture_t *f = *state;
    start(f);
    put_many(f->q, 40);
    run(f, 100);
    assert_int_equal(fake_broker.count, 40);
    assert_string_equal(fake_broker.events[0].topic, "Job.OnJobFailed");
    assert_int_equal(f->q->deleted, 40);
    assert_int_equal(f->q->deletes, 3); /* batches of 16, 16 and 8 */
    assert_int_equal(metric(f, "received_total{source=\"q\"}"), 40);
    assert_int_equal(metric(f, "acked_total{source=\"q\"}"), 40);
    assert_int_equal(metric(f, "deleted_total{source=\"q\"}"), 40);
    assert_int_equal(metric(f, "undeleted{source=\"q\"}"), 0);
}

static void bridge_deletes_nothing_that_is_not_acknowledged(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    start(f);
    put_many(f->q, 40);
    run(f, 3 * VISIBILITY_MS);
    assert_true(fake_broker.count >= 40);
    assert_int_equal(f->q->deletes, 0);
}

static void bridge_waits_for_the_broker_before_it_receives(void **state)
{
    fixture_t *f = *state;
    fake_broker.away = true;
    start(f);
    put_many(f->q, 1);
    run(f, 1000);
    assert_int_equal(f->q->receives, 0);
    fake_broker.away = false;
    run(f, 1000);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_probes_a_source_and_then_polls_in_parallel(void **state)
{
    fixture_t *f = *state;
    start(f);
    bridge_turn(f->bridge, 0);
    bridge_turn(f->bridge, 0);
    assert_int_equal(f->q->polls, 1);
    assert_int_equal(f->q->last_wait_s, 0);
    run(f, 50);
    assert_int_equal(f->q->polls, 4);
    assert_int_equal(f->q->last_wait_s, 30);
    run(f, 10000);
    assert_int_equal(f->q->receives, 5); /* long polls are long */
    assert_int_equal(metric(f, "polls_in_flight{source=\"q\"}"), 4);
}

static void bridge_does_not_hammer_a_service_that_does_not_wait(void **state)
{
    fixture_t *f = *state;
    f->sources[0].wait_s = 0;
    start(f);
    run(f, 10000);
    assert_in_range(f->q->receives, 20, 4 * 10000 / 100 + 5);
}

static void bridge_deletes_what_the_filter_does_not_list_without_publishing_it(void **state)
{
    fixture_t *f = *state;
    const char *events[] = {"OnJobFinished"};
    f->sources[0].events = (config_list_t){events, 1};
    f->q->on_delete = NULL;
    start(f);
    put_many(f->q, 3);
    fake_queue_put(f->q, "{\"Category\":\"Job\",\"Event\":\"OnJobFinished\"}");
    fake_queue_put(f->q, "no event: is a dead letter whatever the list says");
    run(f, 100);
    assert_int_equal(fake_broker.count, 2);
    assert_int_equal(f->q->deleted, 5);
    assert_int_equal(metric(f, "filtered_total{source=\"q\"}"), 3);
}

static void bridge_publishes_what_is_no_event_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    start(f);
    fake_queue_put(f->q, "{\"Category\":\"Job\"");
    run(f, 100);
    assert_string_equal(last_event()->topic, "$dead.BrokenJson");
    assert_int_equal(f->q->deleted, 1);
    assert_int_equal(metric(f, "dead_letters_total{source=\"q\",reason=\"BrokenJson\"}"), 1);
}

/* -- when the broker does not take it ------------------------------------------------------ */

static void
bridge_stops_receiving_when_acknowledgements_stop_and_goes_on_when_they_come(void **state)
{
    fixture_t *f = *state;
    f->q->visibility_ms = 3600000;
    fake_broker.stalled = true;
    start(f);
    put_many(f->q, 4000);
    run(f, 1000);
    size_t hidden = fake_queue_hidden(f->q);
    assert_in_range(hidden, 2000 - 16 * 4, 2000);
    uint64_t receives = f->q->receives;
    run(f, 5000);
    assert_int_equal(f->q->receives, receives);
    assert_int_equal(f->q->polls, 0);
    fake_broker.stalled = false;
    run(f, 1000);
    assert_int_equal(f->q->deleted, 4000);
    assert_int_equal(fake_broker.count, 4000);
}

static void bridge_stops_receiving_while_messages_wait_for_room(void **state)
{
    fixture_t *f = *state;
    f->q->visibility_ms = 3600000;
    fake_broker.stalled = true;
    fake_broker.room = 10;
    start(f);
    put_many(f->q, 4000);
    run(f, 1000);
    assert_int_equal(fake_broker.count, 10);
    assert_true(fake_queue_hidden(f->q) <= 16 * 5);
    assert_true(metric(f, "waiting{source=\"q\"}") > 0);
    fake_broker.stalled = false;
    run(f, 2000);
    assert_int_equal(f->q->deleted, 4000);
    assert_int_equal(fake_broker.count, 4000);
}

static void bridge_counts_polls_under_way_as_full(void **state)
{
    fixture_t *f = *state;
    f->sources[0].undeleted = 40;
    start(f);
    run(f, 100);
    assert_int_equal(f->q->polls, 2); /* a third might bring the 33rd to 48th */
}

static void bridge_publishes_a_refused_event_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    const struct {
        const char *code, *topic;
    } rows[] = {{"TOPIC", "$dead.Refused"}, {"SIZE", "$dead.TooLarge"}};
    start(f);
    for (size_t i = 0; i < 2; i++) {
        fake_broker.refusals = 1;
        fake_broker.refuse_code = rows[i].code;
        fake_queue_put(f->q, EVENT("job-refused"));
        run(f, 100);
        assert_string_equal(last_event()->topic, rows[i].topic);
        mp_value_t body;
        assert_true(event_find(last_event()->data, last_event()->len, "Body", 4, &body, NULL));
        assert_int_equal(body.type, MP_BIN);
        assert_int_equal(body.bytes.len, strlen(EVENT("job-refused")));
        assert_memory_equal(body.bytes.data, EVENT("job-refused"), body.bytes.len);
        assert_int_equal(f->q->deleted, i + 1);
    }
    assert_int_equal(metric(f, "refused_total{source=\"q\"}"), 2);
}

static void bridge_publishes_an_event_past_the_brokers_size_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    start(f);
    run(f, 50);
    fake_broker.largest = 10; /* the dead letter is larger still */
    fake_queue_put(f->q, EVENT("job-large"));
    run(f, 100);
    assert_int_equal(fake_broker.count, 0);
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(metric(f, "left_total{source=\"q\"}"), 1);
    fake_broker.largest = SIZE_MAX;
    run(f, VISIBILITY_MS + 1000);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_leaves_in_mns_what_is_refused_even_as_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    fake_broker.refusals = 2;
    fake_broker.refuse_code = "FORBIDDEN";
    start(f);
    fake_queue_put(f->q, EVENT("job-1"));
    run(f, 1000);
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(metric(f, "left_total{source=\"q\"}"), 1);
    assert_int_equal(metric(f, "undeleted{source=\"q\"}"), 1);
    run(f, VISIBILITY_MS); /* it came again, and was taken */
    assert_int_equal(f->q->deleted, 1);
    assert_int_equal(metric(f, "undeleted{source=\"q\"}"), 0);
}

/* -- visibility ---------------------------------------------------------------------------- */

static void bridge_discards_a_message_whose_visibility_lapsed_while_it_waited(void **state)
{
    fixture_t *f = *state;
    f->q->skew_ms = -777777; /* whatever the service's clock says */
    fake_broker.room = 0;
    start(f);
    fake_queue_put(f->q, EVENT("job-1"));
    run(f, VISIBILITY_MS - 2000 - STEP_MS);
    assert_int_equal(metric(f, "lapsed_total{source=\"q\"}"), 0);
    run(f, 2 * STEP_MS);
    assert_int_equal(metric(f, "lapsed_total{source=\"q\"}"), 1);
    assert_int_equal(fake_broker.count, 0);
    fake_broker.room = SIZE_MAX;
    run(f, 2 * VISIBILITY_MS);
    assert_int_equal(fake_broker.count, 1);
    assert_int_equal(f->q->deleted, 1);
}

static void bridge_keeps_a_margin_that_leaves_something_of_a_short_visibility(void **state)
{
    fixture_t *f = *state;
    f->sources[0].margin_ms = 60000;
    start(f);
    put_many(f->q, 10);
    run(f, 100);
    assert_int_equal(f->q->deleted, 10);
}

/* -- deletes ------------------------------------------------------------------------------- */

static void bridge_tries_a_failed_delete_again(void **state)
{
    fixture_t *f = *state;
    f->q->delete_err = MNS_EIO;
    f->q->delete_failures = 3;
    start(f);
    put_many(f->q, 20);
    run(f, 5000);
    assert_int_equal(f->q->deleted, 20);
    assert_int_equal(metric(f, "delete_errors_total{source=\"q\"}"), 3);
    assert_int_equal(fake_broker.count, 20);
}

static void bridge_gives_a_delete_up_when_the_handle_is_no_longer_good(void **state)
{
    fixture_t *f = *state;
    f->q->delete_err = MNS_ESERVER;
    f->q->delete_failures = UINT32_MAX;
    start(f);
    put_many(f->q, 5);
    run(f, VISIBILITY_MS - STEP_MS);
    assert_int_equal(metric(f, "delete_given_up_total{source=\"q\"}"), 5);
    assert_in_range(f->q->deletes, 5, 40);
    f->q->delete_failures = 0;
    run(f, VISIBILITY_MS); /* they came again */
    assert_int_equal(f->q->deleted, 5);
    assert_int_equal(fake_broker.count, 10);
}

static void bridge_takes_an_expired_handle_as_deleted(void **state)
{
    fixture_t *f = *state;
    f->q->refuse_handle_code = "ReceiptHandleError";
    start(f);
    put_many(f->q, 16);
    run(f, 1000);
    assert_int_equal(metric(f, "deleted_late_total{source=\"q\"}"), 1);
    assert_int_equal(metric(f, "deleted_total{source=\"q\"}"), 15);
    assert_int_equal(metric(f, "undeleted{source=\"q\"}"), 0);
}

static void bridge_tries_the_failed_part_of_a_delete_again(void **state)
{
    fixture_t *f = *state;
    f->q->refuse_handle_code = "InternalError";
    start(f);
    put_many(f->q, 16);
    run(f, 50);
    assert_int_equal(f->q->deleted, 15);
    f->q->refuse_handle_code = NULL;
    run(f, 1000);
    assert_int_equal(f->q->deleted, 16);
}

/* -- faults of the service ----------------------------------------------------------------- */

static void bridge_backs_off_after_receive_errors_and_recovers(void **state)
{
    fixture_t *f = *state;
    f->options.sources.count = 2;
    start(f);
    run(f, 100);
    f->q->receive_err = MNS_EIO;
    f->q->receive_failures = UINT32_MAX;
    uint64_t receives = f->q->receives;
    run(f, 60000);
    assert_in_range(f->q->receives - receives, 4, 20);
    const char *reason;
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "source q: receiving fails");
    put_many(f->other, 100);
    run(f, 100);
    assert_int_equal(f->other->deleted, 100); /* the other one knows nothing of it */
    f->q->receive_failures = 0;
    put_many(f->q, 100);
    run(f, 20000);
    assert_int_equal(f->q->deleted, 100);
    assert_true(bridge_ready(f->bridge, &reason));
}

static void bridge_is_not_ready_without_the_queue_and_finds_it_when_it_is_made(void **state)
{
    fixture_t *f = *state;
    f->q->receive_err = MNS_ECLIENT;
    f->q->receive_code = "QueueNotExist";
    f->q->receive_failures = UINT32_MAX;
    start(f);
    run(f, 60000);
    const char *reason;
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "source q: the queue does not exist");
    assert_in_range(f->q->receives, 3, 20);
    f->q->receive_failures = 0;
    run(f, 20000);
    assert_true(bridge_ready(f->bridge, &reason));
}

static void bridge_is_ready_when_broker_and_queues_have_answered(void **state)
{
    fixture_t *f = *state;
    const char *reason;
    fake_broker.away = true;
    start(f);
    run(f, 500);
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "the broker has not answered yet");
    fake_broker.away = false;
    run(f, 500);
    assert_true(bridge_ready(f->bridge, &reason));
    fake_broker.stalled = true;
    run(f, 500);
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "the broker does not acknowledge");
}

/* -- stopping ------------------------------------------------------------------------------ */

static void bridge_stop_waits_for_what_is_in_hand(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    start(f);
    put_many(f->q, 50);
    run(f, 100);
    bridge_stop(f->bridge);
    uint64_t receives = f->q->receives;
    run(f, 1000);
    assert_false(bridge_done(f->bridge));
    fake_broker.stalled = false;
    run(f, 1000);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deleted, 50);
    assert_int_equal(f->q->receives, receives);
}

static void bridge_stop_takes_what_polls_under_way_still_bring(void **state)
{
    fixture_t *f = *state;
    start(f);
    run(f, 100);
    bridge_stop(f->bridge);
    assert_false(bridge_done(f->bridge));
    put_many(f->q, 10); /* on its way when we stopped */
    run(f, 90);
    assert_false(bridge_done(f->bridge));
    run(f, 100);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deleted, 10);
}

static void bridge_stop_ends_in_time_and_leaves_the_rest_in_mns(void **state)
{
    fixture_t *f = *state;
    fake_broker.stalled = true;
    start(f);
    put_many(f->q, 50);
    run(f, 100);
    bridge_stop(f->bridge);
    run(f, 9900);
    assert_false(bridge_done(f->bridge));
    run(f, 200);
    assert_true(bridge_done(f->bridge));
    assert_int_equal(f->q->deletes, 0);
    assert_int_equal(bridge_in_hand(f->bridge), 50);
}

static void bridge_stopped_twice_ends_at_once(void **state)
{
    fixture_t *f = *state;
    f->q->hold_deletes = true;
    start(f);
    put_many(f->q, 5);
    run(f, 100);
    bridge_stop(f->bridge);
    assert_false(bridge_done(f->bridge));
    bridge_stop(f->bridge);
    assert_true(bridge_done(f->bridge));
}

/* -- whatever happens ---------------------------------------------------------------------- */

static uint64_t pick(uint64_t *random, uint64_t below)
{
    return backoff_random(random) % below;
}

/* One thing goes wrong, or right again. */
static void disturb(fixture_t *f, uint64_t *random)
{
    switch (pick(random, 10)) {
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
        f->q->receive_err = pick(random, 2) == 0 ? MNS_EIO : MNS_EPROTO;
        f->q->receive_failures = (uint32_t)pick(random, 10);
        break;
    case 4:
        f->q->delete_err = pick(random, 2) == 0 ? MNS_ETIMEDOUT : MNS_ECLIENT;
        f->q->delete_failures = (uint32_t)pick(random, 10);
        break;
    case 5:
        f->q->hold_deletes = !f->q->hold_deletes;
        break;
    case 6:
        f->q->refuse_handle_code = pick(random, 2) == 0 ? NULL : "InternalError";
        break;
    case 7:
        f->q->answer_one_in = (uint32_t)pick(random, 5);
        fake_broker.answer_one_in = (uint32_t)pick(random, 5);
        break;
    case 8: /* the process stood still */
        sl_clock_manual_advance(&f->clock, pick(random, 40000) * NS_PER_MS);
        break;
    default:
        put_many(f->q, pick(random, 40));
    }
}

static void heal(fixture_t *f)
{
    fake_broker.stalled = false;
    fake_broker.room = SIZE_MAX;
    fake_broker.refusals = 0;
    f->q->receive_failures = f->q->delete_failures = 0;
    f->q->hold_deletes = false;
    f->q->refuse_handle_code = NULL;
    f->q->answer_one_in = fake_broker.answer_one_in = 0;
}

static void any_schedule(fixture_t *f, uint64_t seed)
{
    uint64_t random = seed;
    f->q->random = fake_broker.random = seed;
    f->q->visibility_ms = 1000 + pick(&random, 60000);
    f->sources[0].undeleted = 64 + pick(&random, 200);
    f->sources[0].polls = 1 + pick(&random, 6);
    start(f);
    put_many(f->q, 100);
    for (int step = 0; step < 300; step++) {
        disturb(f, &random);
        for (uint64_t turns = pick(&random, 6); turns > 0; turns--)
            assert_true(bridge_turn(f->bridge, 0) >= 0);
        sl_clock_manual_advance(&f->clock, pick(&random, 200) * NS_PER_MS);
        assert_true(bridge_in_hand(f->bridge) + 16 * f->q->polls <= f->sources[0].undeleted);
    }
    heal(f);
    run(f, 3 * f->q->visibility_ms + 30000);
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
        teardown(state);
        setup(state);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bridge_publishes_each_message_and_then_deletes_it),
        TEST(bridge_deletes_nothing_that_is_not_acknowledged),
        TEST(bridge_waits_for_the_broker_before_it_receives),
        TEST(bridge_probes_a_source_and_then_polls_in_parallel),
        TEST(bridge_does_not_hammer_a_service_that_does_not_wait),
        TEST(bridge_deletes_what_the_filter_does_not_list_without_publishing_it),
        TEST(bridge_publishes_what_is_no_event_as_a_dead_letter),
        TEST(bridge_stops_receiving_when_acknowledgements_stop_and_goes_on_when_they_come),
        TEST(bridge_stops_receiving_while_messages_wait_for_room),
        TEST(bridge_counts_polls_under_way_as_full),
        TEST(bridge_publishes_a_refused_event_as_a_dead_letter),
        TEST(bridge_publishes_an_event_past_the_brokers_size_as_a_dead_letter),
        TEST(bridge_leaves_in_mns_what_is_refused_even_as_a_dead_letter),
        TEST(bridge_discards_a_message_whose_visibility_lapsed_while_it_waited),
        TEST(bridge_keeps_a_margin_that_leaves_something_of_a_short_visibility),
        TEST(bridge_tries_a_failed_delete_again),
        TEST(bridge_gives_a_delete_up_when_the_handle_is_no_longer_good),
        TEST(bridge_takes_an_expired_handle_as_deleted),
        TEST(bridge_tries_the_failed_part_of_a_delete_again),
        TEST(bridge_backs_off_after_receive_errors_and_recovers),
        TEST(bridge_is_not_ready_without_the_queue_and_finds_it_when_it_is_made),
        TEST(bridge_is_ready_when_broker_and_queues_have_answered),
        TEST(bridge_stop_waits_for_what_is_in_hand),
        TEST(bridge_stop_takes_what_polls_under_way_still_bring),
        TEST(bridge_stop_ends_in_time_and_leaves_the_rest_in_mns),
        TEST(bridge_stopped_twice_ends_at_once),
        TEST(bridge_loses_nothing_and_deletes_nothing_early_in_any_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
