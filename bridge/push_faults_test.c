/* What may come between a push and its answer: the certificate, the broker, the client, a stop. */
#include "push_fixture.h"

#include <unistd.h>

/* -- the certificate ----------------------------------------------------------------------- */

static void push_waits_for_the_certificate_and_is_judged_again(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    push_start(f);
    fake_verifier.verdict = MNS_PUSH_WAIT;
    push_client_open(&c, f);
    push_client_open(&other, f);
    push_say_event(&c);
    push_say_event(&other);
    RAW_WAIT(&c, fake_verifier.asked == 2);
    raw_turn(&c);
    assert_int_equal(fake_verifier.asked, 2); /* not before a fetch ended */
    fake_verifier.ended = 1;                  /* another one's */
    RAW_WAIT(&c, fake_verifier.asked == 4);
    assert_int_equal(fixture_metric(f, M("push_certificate_waits_total")), 2);
    fake_verifier.verdict = MNS_PUSH_GENUINE;
    fake_verifier.ended = 1;
    assert_int_equal(raw_hear(&c).status, 204);
    assert_int_equal(raw_hear(&other).status, 204);
    push_assert_books_balance(f);
    raw_close(&c);
    raw_close(&other);
}

static void push_is_unavailable_while_the_certificate_cannot_be_had(void **state)
{
    fixture_t *f = *state;
    const char *reason;
    push_start(f);
    fake_verifier.verdict = MNS_PUSH_UNAVAILABLE;
    assert_int_equal(push_one_event(f), 503);
    fixture_run(f, 200);
    assert_false(bridge_ready(f->bridge, &reason));
    assert_string_equal(reason, "source p: the certificate of pushes cannot be had");
    assert_int_equal(fixture_metric(f, M("source_up")), 0);
    fake_verifier.verdict = MNS_PUSH_GENUINE;
    assert_int_equal(push_one_event(f), 204);
    fixture_run(f, 200);
    assert_true(bridge_ready(f->bridge, &reason));
    assert_int_equal(fixture_metric(f, M("push_certificate_fetches_total")), 7);
    push_assert_books_balance(f);
}

static void push_without_its_certificate_makes_the_source_unready_for_a_while_only(void **state)
{
    fixture_t *f = *state;
    const char *reason;
    push_start(f);
    fake_verifier.verdict = MNS_PUSH_UNAVAILABLE; /* a stranger's: no genuine one follows */
    assert_int_equal(push_one_event(f), 503);
    fixture_run(f, 20000);
    assert_int_equal(push_one_event(f), 503);
    fixture_run(f, 29000);
    assert_false(bridge_ready(f->bridge, &reason));
    fixture_run(f, 2000);
    assert_true(bridge_ready(f->bridge, &reason));
    assert_int_equal(fixture_metric(f, M("source_up")), 1);
}

static void push_source_is_ready_again_once_a_certificate_is_had(void **state)
{
    fixture_t *f = *state;
    const char *reason;
    push_start(f);
    fixture_run(f, 200);
    fake_verifier.verdict = MNS_PUSH_UNAVAILABLE;
    assert_int_equal(push_one_event(f), 503);
    fake_verifier.certificates--; /* one grew old */
    fixture_run(f, 200);
    assert_false(bridge_ready(f->bridge, &reason));
    fake_verifier.certificates++;
    fixture_run(f, 200);
    assert_true(bridge_ready(f->bridge, &reason));
}

static void push_does_not_wait_for_the_certificate_for_ever(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_start(f);
    fake_verifier.verdict = MNS_PUSH_WAIT;
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_verifier.asked == 1);
    push_advance_ms(f, ANSWER_WITHIN_MS);
    assert_int_equal(raw_hear(&c).status, 503);
    assert_int_equal(fixture_metric(f, M("push_unavailable_total")), 1);
    push_assert_books_balance(f);
    raw_close(&c);
}

/* -- the broker ---------------------------------------------------------------------------- */

static void push_is_busy_before_the_broker_answers(void **state)
{
    fixture_t *f = *state;
    fake_broker.away = true;
    push_start(f);
    assert_int_equal(push_one_event(f), 503);
    assert_int_equal(fake_verifier.asked, 0);
    fake_broker.away = false;
    fixture_run(f, 200);
    assert_int_equal(push_one_event(f), 204);
    assert_int_equal(fixture_metric(f, M("push_busy_total")), 1);
    push_assert_books_balance(f);
}

static void push_is_busy_when_the_broker_looks_dead(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    push_stall_broker();
    fake_broker.silent_ms = 60000;
    fixture_run(f, 200);
    assert_int_equal(push_one_event(f), 503);
    assert_int_equal(fake_broker.count, 0);
    fake_broker.stalled = false;
    fixture_run(f, 200);
    assert_int_equal(push_one_event(f), 204);
    push_assert_books_balance(f);
}

static void push_that_is_not_acknowledged_in_time_is_told_so(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_start(f);
    push_stall_broker();
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    push_advance_ms(f, ANSWER_WITHIN_MS - 1);
    for (int i = 0; i < 10; i++)
        raw_turn(&c);
    assert_int_equal(c.len, 0);
    push_advance_ms(f, 1);
    assert_int_equal(raw_hear(&c).status, 503);
    assert_int_equal(fixture_metric(f, M("push_timeouts_total")), 1);
    fixture_run(f, 0);
    assert_int_equal(fixture_metric(f, M("push_in_hand")), 1); /* until the receipt */
    fake_broker.stalled = false;
    fixture_run(f, 10);
    assert_int_equal(fixture_metric(f, M("push_acked_late_total")), 1);
    assert_int_equal(fixture_metric(f, M("push_in_hand")), 0);
    push_assert_books_balance(f);
    raw_close(&c);
}

static void push_waits_for_room_and_lapses_when_there_is_none_in_time(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, late;
    push_start(f);
    push_stall_broker();
    fake_broker.room = 1;
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    push_advance_ms(f, 1000);
    push_client_open(&late, f);
    push_say_event(&late);
    RAW_WAIT(&late, fake_verifier.asked == 2);
    push_advance_ms(f, ANSWER_WITHIN_MS - 1000);
    assert_int_equal(raw_hear(&c).status, 503);
    push_advance_ms(f, 1000);
    assert_int_equal(raw_hear(&late).status, 503);
    fake_broker.stalled = false;
    fixture_run(f, 10);
    assert_int_equal(fake_broker.count, 1);
    assert_int_equal(fixture_metric(f, M("lapsed_total")), 1);
    assert_int_equal(fixture_metric(f, M("push_in_hand")), 0);
    assert_int_equal(push_one_event(f), 204); /* MNS tries again */
    push_assert_books_balance(f);
    raw_close(&c);
    raw_close(&late);
}

static void push_past_what_may_be_in_hand_is_busy(void **state)
{
    fixture_t *f = *state;
    raw_client_t c[3];
    f->sources[0].in_hand = 2;
    push_start(f);
    push_stall_broker();
    for (int i = 0; i < 3; i++) {
        push_client_open(&c[i], f);
        push_say_event(&c[i]);
        raw_turn(&c[i]);
    }
    assert_int_equal(raw_hear(&c[2]).status, 503);
    fake_broker.stalled = false;
    assert_int_equal(raw_hear(&c[0]).status, 204);
    assert_int_equal(raw_hear(&c[1]).status, 204);
    assert_int_equal(fixture_metric(f, M("push_busy_total")), 1);
    push_assert_books_balance(f);
    for (int i = 0; i < 3; i++)
        raw_close(&c[i]);
}

static void push_that_the_broker_refuses_becomes_a_dead_letter(void **state)
{
    fixture_t *f = *state;
    push_start(f);
    fake_broker.refusals = 1;
    fake_broker.refuse_code = "SIZE";
    assert_int_equal(push_one_event(f), 204);
    assert_string_equal(push_last_event()->topic, "$dead.TooLarge");
    fake_broker.refusals = 2;
    assert_int_equal(push_one_event(f), 503); /* even that; MNS keeps it */
    assert_int_equal(fixture_metric(f, M("left_total")), 1);
    assert_int_equal(fixture_metric(f, M("push_refused_total")), 1);
    assert_int_equal(push_one_event(f), 204);
    push_assert_books_balance(f);
}

/* -- the client ---------------------------------------------------------------------------- */

static void push_whose_client_left_is_finished_without_it(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    push_start(f);
    push_stall_broker();
    push_client_open(&other, f);
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    raw_close(&c);
    RAW_WAIT(&other, fixture_metric(f, M("push_hung_up_total")) == 1);
    fake_broker.stalled = false;
    fixture_run(f, 10);
    assert_int_equal(fixture_metric(f, M("push_acked_late_total")), 1);
    fake_verifier.verdict = MNS_PUSH_WAIT;
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_verifier.asked == 2);
    raw_close(&c);
    RAW_WAIT(&other, fixture_metric(f, M("push_hung_up_total")) == 2);
    push_assert_books_balance(f);
    raw_close(&other);
}

/* -- stopping ------------------------------------------------------------------------------ */

static void push_in_hand_is_answered_before_the_end_and_new_ones_are_not_taken(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, late;
    push_start(f);
    push_stall_broker();
    push_client_open(&c, f);
    push_client_open(&late, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    bridge_stop(f->bridge);
    push_say_event(&late);
    assert_int_equal(raw_hear(&late).status, 503);
    assert_false(bridge_done(f->bridge));
    fake_broker.stalled = false;
    while (!bridge_done(f->bridge))
        push_turn(f);
    assert_int_equal(fixture_metric(f, M("push_answered_total")), 1);
    bridge_destroy(&f->bridge);
    char answer[256];
    ssize_t got = read(c.fd, answer, sizeof answer - 1); /* it was sent, not only meant */
    assert_true(got > 0);
    assert_memory_equal(answer, "HTTP/1.1 204", 12);
    raw_close(&c);
    raw_close(&late);
}

static void push_not_acknowledged_does_not_hold_up_the_end_once_it_is_answered(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    push_start(f);
    push_stall_broker();
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    bridge_stop(f->bridge);
    push_advance_ms(f, ANSWER_WITHIN_MS);
    assert_int_equal(raw_hear(&c).status, 503);
    while (!bridge_done(f->bridge))
        push_turn(f);
    raw_close(&c);
}

static void push_parked_at_the_end_is_let_go(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, waiting;
    push_start(f);
    push_stall_broker();
    push_client_open(&c, f);
    push_say_event(&c);
    RAW_WAIT(&c, fake_broker.count == 1);
    fake_verifier.verdict = MNS_PUSH_WAIT;
    push_client_open(&waiting, f);
    push_say_event(&waiting);
    RAW_WAIT(&waiting, fake_verifier.asked == 2);
    bridge_destroy(&f->bridge);
    raw_close(&c);
    raw_close(&waiting);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, push_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(push_waits_for_the_certificate_and_is_judged_again),
        TEST(push_is_unavailable_while_the_certificate_cannot_be_had),
        TEST(push_without_its_certificate_makes_the_source_unready_for_a_while_only),
        TEST(push_source_is_ready_again_once_a_certificate_is_had),
        TEST(push_does_not_wait_for_the_certificate_for_ever),
        TEST(push_is_busy_before_the_broker_answers),
        TEST(push_is_busy_when_the_broker_looks_dead),
        TEST(push_that_is_not_acknowledged_in_time_is_told_so),
        TEST(push_waits_for_room_and_lapses_when_there_is_none_in_time),
        TEST(push_past_what_may_be_in_hand_is_busy),
        TEST(push_that_the_broker_refuses_becomes_a_dead_letter),
        TEST(push_whose_client_left_is_finished_without_it),
        TEST(push_in_hand_is_answered_before_the_end_and_new_ones_are_not_taken),
        TEST(push_not_acknowledged_does_not_hold_up_the_end_once_it_is_answered),
        TEST(push_parked_at_the_end_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
