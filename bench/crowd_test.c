#include "crowd.h"

#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* -- a carrier that does as it is told ------------------------------------------------------ */

enum { SCRIPT_MAX = 256, EVENT_BYTES = 320, SUBS_MAX = 8, STALL_NS = 10000000 };

typedef struct line {
    uint8_t data[EVENT_BYTES];
    size_t len;
} line_t;

/* One at a time: the roles run in the test's own process. */
static struct {
    const crowd_plan_t *plan;
    int fds[SUBS_MAX];
    size_t opened, drained;
    line_t script[SCRIPT_MAX]; /* what every subscriber gets */
    size_t lines, faults;
    uint64_t sent, delivered, most_ahead, stop_after; /* of the publisher */
    uint64_t stall_at, flushes_since, sent_after_stall;
    size_t held_for; /* flushes for which nothing is delivered */
    bool early;
} fake;

static void *fake_sub_open(const carrier_plan_t *plan, int *fd)
{
    (void)plan;
    int *own = &fake.fds[fake.opened++];
    *own = *fd = eventfd(1, EFD_CLOEXEC);
    return own;
}

static bool fake_sub_ready(const void *sub)
{
    return sub != NULL;
}

/* Once each, and the last one ends it. */
static bool fake_sub_drain(void *sub, const carrier_sink_t *sink)
{
    (void)sub;
    for (size_t i = 0; i < fake.lines; i++)
        sink->event(sink->ctx, fake.script[i].data, fake.script[i].len);
    for (size_t i = 0; i < fake.faults; i++)
        sink->fault(sink->ctx);
    if (++fake.drained == fake.opened)
        crowd_enter(fake.plan, CROWD_STOP_SUBSCRIBERS);
    return true;
}

static void fake_sub_close(void *sub)
{
    close(*(int *)sub);
}

static void *fake_pub_open(const carrier_plan_t *plan)
{
    (void)plan;
    return &fake;
}

static void spin_until(uint64_t ns)
{
    while (bench_now_ns() < ns)
        continue;
}

static bool fake_pub_send(void *pub, const mix_event_t *event)
{
    (void)pub;
    const crowd_plan_t *plan = fake.plan;
    mix_origin_t origin;
    assert_true(mix_origin_of(event->data, event->len, &origin));
    assert_int_equal(origin.counter, fake.sent);
    fake.sent++;
    uint64_t ahead = fake.sent - fake.delivered;
    fake.most_ahead = ahead > fake.most_ahead ? ahead : fake.most_ahead;
    if (plan->rate > 0) {
        uint64_t due_ns = crowd_due_ns(plan, 0, origin.counter);
        fake.early = fake.early || bench_now_ns() < due_ns;
        if (origin.counter == fake.stall_at)
            spin_until(bench_now_ns() + STALL_NS);
    }
    return true;
}

/* Delivers to all subscribers but the last at once; to that one after some flushes. */
static bool fake_pub_flush(void *pub)
{
    (void)pub;
    const crowd_plan_t *plan = fake.plan;
    uint32_t stage = crowd_stage(plan);
    if (stage == CROWD_WAIT && crowd_pub_slot(plan, 0)->ready == CROWD_READY)
        crowd_go(plan);
    if (stage == CROWD_LOAD && fake.sent >= fake.stop_after)
        crowd_enter(plan, CROWD_STOP_PUBLISHERS);
    if (stage == CROWD_STOP_PUBLISHERS)
        crowd_enter(plan, CROWD_STOP_SUBSCRIBERS);
    if (fake.held_for > 0)
        fake.held_for--;
    for (size_t i = 0; i + (fake.held_for > 0) < plan->subs; i++)
        atomic_store(&crowd_sub_slot(plan, i)->events, fake.sent);
    fake.delivered = crowd_slowest(plan);
    if (fake.sent > fake.stall_at && ++fake.flushes_since == 2) /* the next turn's */
        fake.sent_after_stall = fake.sent;
    return true;
}

static uint64_t fake_pub_close(void *pub)
{
    (void)pub;
    return 0;
}

static const carrier_ops_t fake_ops = {.name = "fake",
                                       .pub_open = fake_pub_open,
                                       .pub_send = fake_pub_send,
                                       .pub_flush = fake_pub_flush,
                                       .pub_close = fake_pub_close,
                                       .sub_open = fake_sub_open,
                                       .sub_ready = fake_sub_ready,
                                       .sub_drain = fake_sub_drain,
                                       .sub_close = fake_sub_close};

static void begin(crowd_plan_t *plan)
{
    memset(&fake, 0, sizeof fake);
    plan->ops = &fake_ops;
    plan->event_bytes = EVENT_BYTES;
    assert_int_equal(crowd_plan_init(plan), SL_OK);
    fake.plan = plan;
    fake.stall_at = UINT64_MAX;
}

/* Puts events of one publisher into the script. */
static void script(uint32_t publisher, uint64_t count)
{
    mix_t *mix;
    assert_int_equal(mix_create(&mix, EVENT_BYTES, publisher), SL_OK);
    for (uint64_t i = 0; i < count; i++) {
        mix_event_t event;
        mix_next(mix, &event);
        line_t *line = &fake.script[fake.lines++];
        memcpy(line->data, event.data, event.len);
        line->len = event.len;
    }
    mix_destroy(&mix);
    atomic_store(&crowd_pub_slot(fake.plan, publisher)->events, count);
}

/* -- subscribers ---------------------------------------------------------------------------- */

static crowd_plan_t one_subscriber(void)
{
    return (crowd_plan_t){.publishers = 1, .subs = 1, .processes = 1};
}

static void who_got_every_event_once_is_complete(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 2, .subs = 1, .processes = 1, .decode = true};
    begin(&plan);
    script(0, 50);
    script(1, 70);
    assert_int_equal(crowd_subscribe(&plan, 0), 0);
    assert_int_equal(share_get(&crowd_sub_slot(&plan, 0)->faults), 0);
    assert_int_equal(share_get(&crowd_sub_slot(&plan, 0)->bytes), 120 * EVENT_BYTES);
    assert_false(crowd_ready(&plan)); /* the publishers never came */
    assert_int_equal(crowd_check(&plan), SL_OK);
    crowd_plan_fini(&plan);
}

/* What the check must find: each changes the script of ten events. */
static void lose_one(void)
{
    memmove(&fake.script[4], &fake.script[5], 5 * sizeof(line_t));
    fake.lines--;
}

static void repeat_one(void)
{
    fake.script[fake.lines++] = fake.script[9];
}

static void put_one_in_the_place_of_another(void)
{
    fake.script[5] = fake.script[1]; /* of the same topic: the count is right */
}

static void swap_two_of_a_topic(void)
{
    line_t line = fake.script[2];
    fake.script[2] = fake.script[6];
    fake.script[6] = line;
}

static void cut_one(void)
{
    fake.script[3].len = 40;
}

static void shorten_one(void)
{
    fake.script[3].len -= 1;
}

/* The last digit of its publisher's number: there is no publisher 1. */
static void have_one_of_a_stranger(void)
{
    uint8_t *id = memmem(fake.script[3].data, EVENT_BYTES, "\xa2id\xd9\x20", 5);
    assert_non_null(id);
    id[5 + 15] = '1';
}

static void tell_a_fault(void)
{
    fake.faults = 1;
}

static void any_other_delivery_is_found(void **state)
{
    (void)state;
    static void (*const changes[])(void) = {
        lose_one, repeat_one,  put_one_in_the_place_of_another, swap_two_of_a_topic,
        cut_one,  shorten_one, have_one_of_a_stranger,          tell_a_fault};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        crowd_plan_t plan = one_subscriber();
        begin(&plan);
        script(0, 10);
        changes[i]();
        assert_int_equal(crowd_subscribe(&plan, 0), 0);
        assert_int_equal(crowd_check(&plan), SL_EPROTO);
        crowd_plan_fini(&plan);
    }
}

static void every_process_serves_its_share_and_the_last_those_apart(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 1, .subs = 5, .processes = 2, .apart = 2};
    static const size_t shares[] = {2, 3, 2};
    begin(&plan);
    script(0, 10);
    assert_int_equal(crowd_process_count(&plan), 3);
    for (size_t process = 0, before = 0; process < 3; process++) {
        fake.opened = fake.drained = 0;
        crowd_enter(&plan, CROWD_LOAD);
        assert_int_equal(crowd_subscribe(&plan, process), 0);
        assert_int_equal(fake.opened, shares[process]);
        assert_int_equal(crowd_delivered(&plan, before, shares[process]), 10 * shares[process]);
        before += shares[process];
    }
    assert_int_equal(crowd_check(&plan), SL_OK);
    crowd_plan_fini(&plan);
}

static void a_delivery_is_timed_from_when_it_was_due(void **state)
{
    (void)state;
    crowd_plan_t plan = one_subscriber();
    plan.rate = 10; /* event n is due n tenths of a second after the first */
    begin(&plan);
    script(0, 3);
    uint64_t begin_ns = bench_now_ns() - 1000000000;
    atomic_store(&plan.clock->begin_ns, begin_ns);
    atomic_store(&plan.clock->measured_from_ns, begin_ns + 100000000); /* not the first */
    assert_int_equal(crowd_subscribe(&plan, 0), 0);
    uint64_t timed = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        timed += plan.clock->latencies[0].counts[i];
    assert_int_equal(timed, 2);
    assert_in_range(histogram_quantile(plan.clock->latencies, 1, 0.5), 790000000, 5000000000);
    assert_in_range(histogram_quantile(plan.clock->latencies, 1, 1), 890000000, 5000000000);
    crowd_plan_fini(&plan);
}

/* -- publishers ----------------------------------------------------------------------------- */

static void a_windowed_publisher_never_leaves_the_slowest_behind(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 1, .subs = 3, .processes = 1, .window = 4096};
    begin(&plan);
    fake.stop_after = 100000;
    fake.held_for = 20; /* the last of the three hangs at first */
    assert_int_equal(crowd_publish(&plan, 0), 0);
    assert_in_range(fake.most_ahead, 2048, 4096);
    assert_true(fake.sent >= fake.stop_after);
    assert_int_equal(crowd_published(&plan), fake.sent);
    assert_true(crowd_published_all(&plan));
    assert_true(share_get(&crowd_pub_slot(&plan, 0)->held_ns) > 0);
    crowd_plan_fini(&plan);
}

static void an_open_loop_sends_when_due_and_what_it_missed_at_once(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 1, .subs = 1, .processes = 1, .rate = 20000};
    begin(&plan);
    fake.stop_after = 1000;
    fake.stall_at = 100; /* meanwhile 200 more become due */
    atomic_store(&plan.clock->measured_from_ns, 0);
    assert_int_equal(crowd_publish(&plan, 0), 0);
    assert_false(fake.early);
    assert_true(fake.sent_after_stall >= 300);
    assert_int_equal(crowd_published(&plan), fake.sent);
    assert_in_range(crowd_late_ns(&plan), STALL_NS - 1000000, 5000000000);
    crowd_plan_fini(&plan);
}

static void lateness_outside_of_the_measured_time_is_not_told(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 1, .subs = 1, .processes = 1, .rate = 20000};
    begin(&plan);
    fake.stop_after = 1000;
    fake.stall_at = 100;
    assert_int_equal(crowd_publish(&plan, 0), 0); /* nothing is measured */
    assert_int_equal(crowd_late_ns(&plan), 0);
    crowd_plan_fini(&plan);
}

static void publishers_of_an_open_loop_take_turns(void **state)
{
    (void)state;
    crowd_plan_t plan = {.publishers = 2, .subs = 1, .processes = 1, .rate = 1000};
    begin(&plan);
    atomic_store(&plan.clock->begin_ns, 5);
    assert_int_equal(crowd_due_ns(&plan, 0, 0), 5);
    assert_int_equal(crowd_due_ns(&plan, 1, 0), 1000005);
    assert_int_equal(crowd_due_ns(&plan, 0, 1), 2000005);
    crowd_plan_fini(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_got_every_event_once_is_complete),
        cmocka_unit_test(any_other_delivery_is_found),
        cmocka_unit_test(every_process_serves_its_share_and_the_last_those_apart),
        cmocka_unit_test(a_delivery_is_timed_from_when_it_was_due),
        cmocka_unit_test(a_windowed_publisher_never_leaves_the_slowest_behind),
        cmocka_unit_test(an_open_loop_sends_when_due_and_what_it_missed_at_once),
        cmocka_unit_test(lateness_outside_of_the_measured_time_is_not_told),
        cmocka_unit_test(publishers_of_an_open_loop_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
