/* The store, with a clock that the test moves. */
#include "queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1780315200, MEMORY = 1 << 20 };
static const uint64_t start_wall_ns = (uint64_t)START_MS * 1000 * 1000000;

typedef struct fixture {
    sl_clock_manual_t clock;
    digest_t *digest;
    queue_store_t store;
    queue_t *q;
} fixture_t;

static const queue_attributes_t attributes = {
    .body_max = 65536, .retention_s = 1000, .visibility_s = 30};

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    *state = f;
    sl_clock_manual_init(&f->clock, 5000000000, start_wall_ns);
    if (digest_create(&f->digest, "secret") != SL_OK)
        return -1;
    queue_store_init(&f->store, &f->clock.clock, f->digest, 0x1122334455667788, MEMORY);
    return queue_create(&f->store, "q", &attributes, &f->q) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    queue_store_fini(&f->store);
    digest_destroy(&f->digest);
    free(f);
    return 0;
}

static void pass_ms(fixture_t *f, uint64_t ms)
{
    sl_clock_manual_advance(&f->clock, ms * 1000000);
    queue_store_turn(&f->store);
}

static message_t *send(queue_t *q, const char *body, uint32_t priority, uint32_t delay_s)
{
    message_t *m;
    assert_int_equal(queue_reserve(q, 1), SL_OK);
    assert_int_equal(message_create(q->store, body, strlen(body), NULL, &m), SL_OK);
    queue_put(q, m, priority, delay_s);
    queue_serve(q);
    return m;
}

static message_t *receive(queue_t *q)
{
    message_t *m;
    return queue_receive(q, &m, 1) == 1 ? m : NULL;
}

/* Takes the handle of a message that was just received. */
static void take_receipt(const message_t *m, char receipt[RECEIPT_LEN + 1])
{
    message_receipt(m, receipt);
    assert_int_equal(strlen(receipt), RECEIPT_LEN);
    assert_int_equal(strspn(receipt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_"),
                     RECEIPT_LEN);
}

/* -- receive ------------------------------------------------------------------------------- */

static void a_received_message_is_hidden_and_comes_back(void **state)
{
    fixture_t *f = *state;
    message_t *m = send(f->q, "hello", PRIORITY_DEFAULT, 0);
    assert_ptr_equal(receive(f->q), m);
    assert_null(receive(f->q));
    assert_int_equal(f->q->inactive_count, 1);
    pass_ms(f, 29999);
    assert_null(receive(f->q));
    pass_ms(f, 1);
    assert_int_equal(f->q->active_count, 1);
    assert_ptr_equal(receive(f->q), m);
    assert_int_equal(m->dequeue_count, 2);
}

static void times_are_unix_milliseconds(void **state)
{
    fixture_t *f = *state;
    message_t *m = send(f->q, "hello", PRIORITY_DEFAULT, 0);
    pass_ms(f, 250);
    receive(f->q);
    assert_int_equal(m->enqueue_ms, (uint64_t)START_MS * 1000);
    assert_int_equal(m->first_dequeue_ms, (uint64_t)START_MS * 1000 + 250);
    assert_int_equal(m->next_visible_ms, (uint64_t)START_MS * 1000 + 30250);
    pass_ms(f, 40000);
    receive(f->q);
    assert_int_equal(m->first_dequeue_ms, (uint64_t)START_MS * 1000 + 250);
}

static void lower_numbers_go_first_then_age(void **state)
{
    fixture_t *f = *state;
    const char *const bodies[] = {"8a", "16", "1", "8b"};
    const uint32_t priorities[] = {8, 16, 1, 8};
    const message_t *sent[4];
    message_t *got[16];
    for (size_t i = 0; i < 4; i++)
        sent[i] = send(f->q, bodies[i], priorities[i], 0);
    assert_int_equal(queue_receive(f->q, got, 16), 4);
    assert_ptr_equal(got[0], sent[2]);
    assert_ptr_equal(got[1], sent[0]);
    assert_ptr_equal(got[2], sent[3]);
    assert_ptr_equal(got[3], sent[1]);
}

static void a_delayed_message_shows_when_its_time_has_come(void **state)
{
    fixture_t *f = *state;
    message_t *m = send(f->q, "later", PRIORITY_DEFAULT, 5);
    assert_int_equal(f->q->delayed_count, 1);
    assert_null(receive(f->q));
    assert_int_equal(queue_store_next_ms(&f->store), 5000);
    pass_ms(f, 5000);
    assert_int_equal(f->q->delayed_count, 0);
    assert_ptr_equal(receive(f->q), m);
}

static void a_peek_changes_nothing(void **state)
{
    fixture_t *f = *state;
    message_t *m = send(f->q, "hello", PRIORITY_DEFAULT, 0), *seen;
    assert_int_equal(queue_peek(f->q, &seen, 1), 1);
    assert_ptr_equal(seen, m);
    assert_int_equal(m->dequeue_count, 0);
    assert_int_equal(m->first_dequeue_ms, 0);
    assert_ptr_equal(receive(f->q), m);
    assert_int_equal(queue_peek(f->q, &seen, 1), 0);
}

static void retention_ends_every_state(void **state)
{
    fixture_t *f = *state;
    send(f->q, "received", PRIORITY_DEFAULT, 0);
    message_t *hidden = receive(f->q);
    queue_hide(hidden, 43200);
    send(f->q, "active", PRIORITY_DEFAULT, 0);
    send(f->q, "delayed", PRIORITY_DEFAULT, 604800);
    pass_ms(f, 999999);
    assert_int_equal(f->store.message_count, 3);
    pass_ms(f, 1);
    assert_int_equal(f->store.message_count, 0);
    assert_int_equal(f->store.bytes, 0);
    assert_int_equal(f->store.expired, 3);
}

static void shorter_retention_holds_for_what_is_there(void **state)
{
    fixture_t *f = *state;
    send(f->q, "old", PRIORITY_DEFAULT, 0);
    pass_ms(f, 70000);
    send(f->q, "young", PRIORITY_DEFAULT, 0);
    queue_attributes_t shorter = attributes;
    shorter.retention_s = 60;
    queue_set_attributes(f->q, &shorter);
    assert_int_equal(f->q->active_count, 1);
}

/* -- receipt handles ----------------------------------------------------------------------- */

static void a_handle_is_good_until_its_time_is_over(void **state)
{
    fixture_t *f = *state;
    char receipt[RECEIPT_LEN + 1];
    message_t *m = send(f->q, "hello", PRIORITY_DEFAULT, 0), *found;
    take_receipt(receive(f->q), receipt);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_OK);
    assert_ptr_equal(found, m);
    pass_ms(f, 30000);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_EINVAL);
}

static void a_newer_receive_kills_the_older_handle(void **state)
{
    fixture_t *f = *state;
    char first[RECEIPT_LEN + 1], second[RECEIPT_LEN + 1];
    message_t *found;
    send(f->q, "hello", PRIORITY_DEFAULT, 0);
    take_receipt(receive(f->q), first);
    pass_ms(f, 30000);
    take_receipt(receive(f->q), second);
    assert_string_not_equal(first, second);
    assert_int_equal(queue_lookup(f->q, first, &found), SL_EINVAL);
    assert_int_equal(queue_lookup(f->q, second, &found), SL_OK);
}

static void changing_visibility_renews_the_handle(void **state)
{
    fixture_t *f = *state;
    char first[RECEIPT_LEN + 1], second[RECEIPT_LEN + 1];
    message_t *m = send(f->q, "hello", PRIORITY_DEFAULT, 0), *found;
    take_receipt(receive(f->q), first);
    queue_hide(m, 100);
    take_receipt(m, second);
    assert_int_equal(queue_lookup(f->q, first, &found), SL_EINVAL);
    pass_ms(f, 99999);
    assert_int_equal(queue_lookup(f->q, second, &found), SL_OK);
    pass_ms(f, 1);
    assert_int_equal(f->q->active_count, 1);
}

static void a_deleted_message_is_told_from_a_bad_handle(void **state)
{
    fixture_t *f = *state;
    char receipt[RECEIPT_LEN + 1];
    message_t *found;
    send(f->q, "hello", PRIORITY_DEFAULT, 0);
    take_receipt(receive(f->q), receipt);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_OK);
    queue_delete(found);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_ENOENT);
    send(f->q, "takes the same slot", PRIORITY_DEFAULT, 0);
    receive(f->q);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_ENOENT);
}

static void a_delayed_message_can_be_taken_back(void **state)
{
    fixture_t *f = *state;
    char receipt[RECEIPT_LEN + 1];
    message_t *m = send(f->q, "later", PRIORITY_DEFAULT, 5), *found;
    take_receipt(m, receipt);
    assert_int_equal(queue_lookup(f->q, receipt, &found), SL_OK);
    queue_delete(found);
    pass_ms(f, 5000);
    assert_null(receive(f->q));
}

static void a_handle_is_good_in_its_own_queue_only(void **state)
{
    fixture_t *f = *state;
    char receipt[RECEIPT_LEN + 1];
    queue_t *other;
    message_t *found;
    assert_int_equal(queue_create(&f->store, "other", &attributes, &other), SL_OK);
    send(f->q, "hello", PRIORITY_DEFAULT, 0);
    take_receipt(receive(f->q), receipt);
    assert_int_equal(queue_lookup(other, receipt, &found), SL_EINVAL);
}

static void malformed_handles_are_refused(void **state)
{
    fixture_t *f = *state;
    char receipt[RECEIPT_LEN + 1], wrong[RECEIPT_LEN + 2];
    message_t *found;
    send(f->q, "hello", PRIORITY_DEFAULT, 0);
    take_receipt(receive(f->q), receipt);
    for (size_t i = 0; i < RECEIPT_LEN; i++) {
        strcpy(wrong, receipt);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_int_equal(queue_lookup(f->q, wrong, &found), SL_EINVAL);
        wrong[i] = '\0';
        assert_int_equal(queue_lookup(f->q, wrong, &found), SL_EINVAL);
    }
    snprintf(wrong, sizeof wrong, "%s0", receipt);
    assert_int_equal(queue_lookup(f->q, wrong, &found), SL_EINVAL);
    assert_int_equal(queue_lookup(f->q, "", &found), SL_EINVAL);
}

/* -- waiting ------------------------------------------------------------------------------- */

typedef struct test_waiter {
    waiter_t waiter;
    bool dead; /* takes nothing */
    int ended;
    wait_end_t why;
    message_t *got[BATCH_MAX];
    size_t got_count;
} test_waiter_t;

static void on_end(waiter_t *waiter, wait_end_t why)
{
    test_waiter_t *w = (test_waiter_t *)(void *)waiter;
    w->ended++;
    w->why = why;
    if (why == WAIT_READY && !w->dead)
        w->got_count = queue_receive(waiter->queue, w->got, BATCH_MAX);
}

static void start_wait(queue_t *q, test_waiter_t *w, uint64_t ms)
{
    *w = (test_waiter_t){.waiter.on_end = on_end};
    assert_int_equal(queue_wait(q, &w->waiter, ms), SL_OK);
}

static void the_first_to_wait_is_the_first_served(void **state)
{
    fixture_t *f = *state;
    test_waiter_t a, b;
    start_wait(f->q, &a, 10000);
    start_wait(f->q, &b, 10000);
    const message_t *m = send(f->q, "one", PRIORITY_DEFAULT, 0);
    assert_int_equal(a.got_count, 1);
    assert_ptr_equal(a.got[0], m);
    assert_int_equal(b.ended, 0);
    send(f->q, "two", PRIORITY_DEFAULT, 0);
    assert_int_equal(b.got_count, 1);
    assert_null(f->q->waiters);
}

static void one_who_takes_nothing_leaves_it_to_the_next(void **state)
{
    fixture_t *f = *state;
    test_waiter_t dead, alive;
    start_wait(f->q, &dead, 10000);
    start_wait(f->q, &alive, 10000);
    dead.dead = true;
    message_t *m = send(f->q, "one", PRIORITY_DEFAULT, 0);
    assert_int_equal(dead.ended, 1);
    assert_int_equal(alive.got_count, 1);
    assert_int_equal(m->dequeue_count, 1);
}

static void a_message_that_becomes_visible_wakes_who_waits(void **state)
{
    fixture_t *f = *state;
    test_waiter_t w;
    send(f->q, "one", PRIORITY_DEFAULT, 0);
    receive(f->q);
    pass_ms(f, 10000);
    start_wait(f->q, &w, 30000);
    assert_int_equal(queue_store_next_ms(&f->store), 20000);
    pass_ms(f, 20000);
    assert_int_equal(w.got_count, 1);
    assert_int_equal(w.got[0]->dequeue_count, 2);
}

static void a_wait_ends_in_time(void **state)
{
    fixture_t *f = *state;
    test_waiter_t early, late;
    start_wait(f->q, &late, 2000);
    start_wait(f->q, &early, 1000);
    pass_ms(f, 1000); /* it may have begun late in its first millisecond */
    assert_int_equal(early.ended, 0);
    pass_ms(f, 1);
    assert_int_equal(early.why, WAIT_TIMEOUT);
    assert_int_equal(late.ended, 0);
    pass_ms(f, 1000);
    assert_int_equal(late.ended, 1);
    assert_int_equal(queue_store_next_ms(&f->store), UINT64_MAX);
}

static void who_gives_up_hears_nothing(void **state)
{
    fixture_t *f = *state;
    test_waiter_t w;
    start_wait(f->q, &w, 1000);
    queue_unwait(&w.waiter);
    send(f->q, "one", PRIORITY_DEFAULT, 0);
    pass_ms(f, 1000);
    assert_int_equal(w.ended, 0);
    assert_int_equal(f->q->active_count, 1);
}

static void deleting_the_queue_ends_waits_and_frees_messages(void **state)
{
    fixture_t *f = *state;
    test_waiter_t w;
    send(f->q, "one", PRIORITY_DEFAULT, 0);
    receive(f->q);
    send(f->q, "later", PRIORITY_DEFAULT, 9);
    start_wait(f->q, &w, 1000);
    queue_destroy(f->q);
    assert_int_equal(w.why, WAIT_GONE);
    assert_int_equal(f->store.message_count, 0);
    assert_int_equal(f->store.bytes, 0);
    assert_null(queue_find(&f->store, "q"));
    assert_int_equal(queue_store_next_ms(&f->store), UINT64_MAX);
}

/* -- bounds -------------------------------------------------------------------------------- */

static void memory_is_bounded_and_comes_back(void **state)
{
    fixture_t *f = *state;
    char body[4001];
    message_t *m;
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    assert_int_equal(queue_reserve(f->q, 1000), SL_OK);
    size_t sent = 0;
    while (message_create(&f->store, body, sizeof body - 1, NULL, &m) == SL_OK) {
        queue_put(f->q, m, PRIORITY_DEFAULT, 0);
        sent++;
    }
    assert_in_range(sent, MEMORY / 4500, MEMORY / 4000);
    queue_delete(receive(f->q));
    assert_int_equal(message_create(&f->store, body, sizeof body - 1, NULL, &m), SL_OK);
    message_destroy(&f->store, m);
}

static void the_number_of_queues_is_bounded(void **state)
{
    fixture_t *f = *state;
    queue_t *q;
    char name[16];
    for (int i = 1; i < QUEUES_MAX; i++) {
        snprintf(name, sizeof name, "q%d", i);
        assert_int_equal(queue_create(&f->store, name, &attributes, &q), SL_OK);
    }
    assert_int_equal(queue_create(&f->store, "over", &attributes, &q), SL_ELIMIT);
}

static void every_message_has_its_own_id(void **state)
{
    fixture_t *f = *state;
    const message_t *a = send(f->q, "same", PRIORITY_DEFAULT, 0);
    const message_t *b = send(f->q, "same", PRIORITY_DEFAULT, 0);
    assert_string_not_equal(a->id, b->id);
    assert_string_equal(a->id, "11223344556677880000000000000002"); /* the queue has 1 */
    assert_string_equal(a->md5, b->md5);
}

int main(void)
{
#define ON_A_QUEUE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_QUEUE(a_received_message_is_hidden_and_comes_back),
        ON_A_QUEUE(times_are_unix_milliseconds),
        ON_A_QUEUE(lower_numbers_go_first_then_age),
        ON_A_QUEUE(a_delayed_message_shows_when_its_time_has_come),
        ON_A_QUEUE(a_peek_changes_nothing),
        ON_A_QUEUE(retention_ends_every_state),
        ON_A_QUEUE(shorter_retention_holds_for_what_is_there),
        ON_A_QUEUE(a_handle_is_good_until_its_time_is_over),
        ON_A_QUEUE(a_newer_receive_kills_the_older_handle),
        ON_A_QUEUE(changing_visibility_renews_the_handle),
        ON_A_QUEUE(a_deleted_message_is_told_from_a_bad_handle),
        ON_A_QUEUE(a_delayed_message_can_be_taken_back),
        ON_A_QUEUE(a_handle_is_good_in_its_own_queue_only),
        ON_A_QUEUE(malformed_handles_are_refused),
        ON_A_QUEUE(the_first_to_wait_is_the_first_served),
        ON_A_QUEUE(one_who_takes_nothing_leaves_it_to_the_next),
        ON_A_QUEUE(a_message_that_becomes_visible_wakes_who_waits),
        ON_A_QUEUE(a_wait_ends_in_time),
        ON_A_QUEUE(who_gives_up_hears_nothing),
        ON_A_QUEUE(deleting_the_queue_ends_waits_and_frees_messages),
        ON_A_QUEUE(memory_is_bounded_and_comes_back),
        ON_A_QUEUE(the_number_of_queues_is_bounded),
        ON_A_QUEUE(every_message_has_its_own_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
