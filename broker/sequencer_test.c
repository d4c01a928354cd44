#include "sequencer.h"
#include "testing.h"

#include <stdio.h>

enum { MS = 1000000, STREAM = 5, SETTLED_MAX = 256 };

/* What the sequencer told. */
typedef struct heard {
    batch_t *committed[SETTLED_MAX];
    size_t committed_count;
    request_t settled[SETTLED_MAX]; /* copies, in order */
    size_t settled_count;
} heard_t;

static sequencer_t s;
static journal_scripted_t journal;
static counter_t counters[BROKER_COUNTER_COUNT];
static heard_t heard;

static void on_committed(void *ctx, batch_t *b)
{
    heard_t *h = ctx;
    assert_true(h->committed_count < SETTLED_MAX);
    h->committed[h->committed_count++] = b;
}

static void on_settled(void *ctx, request_t *r)
{
    heard_t *h = ctx;
    assert_true(h->settled_count < SETTLED_MAX);
    h->settled[h->settled_count++] = *r;
    sequencer_release(&s, r);
}

static int open_sequencer(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof heard);
    memset(counters, 0, sizeof counters);
    journal_scripted_init(&journal);
    sequencer_options_t options = {.stream = STREAM,
                                   .topics_max = 4,
                                   .dedup_count = 10000,
                                   .dedup_age_ms = 3600000,
                                   .journal = &journal.base,
                                   .counters = counters,
                                   .committed = on_committed,
                                   .settled = on_settled,
                                   .ctx = &heard};
    assert_int_equal(sequencer_init(&s, &options), SL_OK);
    s.now_ns = 1000 * MS;
    s.wall_ns = 5000ull * MS;
    return 0;
}

static int close_sequencer(void **state)
{
    (void)state;
    for (size_t i = 0; i < heard.committed_count; i++)
        batch_drop(heard.committed[i]);
    heard.committed_count = heard.settled_count = 0;
    sequencer_abandon(&s);
    sequencer_fini(&s); /* asserts that no batch is held any more */
    return 0;
}

/* Takes a PUB of `count` events of `len` bytes each, with the ids from `id` on; id 0: none. */
static sl_err take(uint64_t number, const char *topic, uint32_t count, size_t len, uint64_t id)
{
    static uint8_t ends[4 * WIRE_BATCH_EVENTS_MAX], ids[WIRE_ID_BYTES * WIRE_BATCH_EVENTS_MAX];
    zmq_msg_t events;
    zmq_msg_init_size(&events, count * len);
    memset(zmq_msg_data(&events), 0x80, count * len);
    for (uint32_t i = 0; i < count; i++) {
        wire_put_end(ends + 4 * (size_t)i, (uint32_t)((i + 1) * len));
        test_id(ids + WIRE_ID_BYTES * (size_t)i, id + i);
    }
    request_t *r = sequencer_request(&s);
    r->number = number;
    take_t pub = {topic, strlen(topic), count, ends, id != 0 ? ids : NULL, &events};
    sl_err err = sequencer_take(&s, r, &pub);
    if (err == SL_OK)
        sequencer_unhold(&s, r);
    else
        sequencer_release(&s, r);
    zmq_msg_close(&events);
    return err;
}

/* Seals everything and lets the journal complete it. */
static void commit(void)
{
    sequencer_seal(&s, 0);
    journal.due = JOURNAL_IN_FLIGHT_MAX;
    sequencer_poll(&s);
}

static void break_journal(void)
{
    journal.failing = true;
    sequencer_poll(&s);
}

static const request_t *last_settled(void)
{
    assert_true(heard.settled_count > 0);
    return &heard.settled[heard.settled_count - 1];
}

static void assert_ack(const request_t *r, uint64_t first, uint64_t last, uint32_t accepted,
                       uint32_t duplicates)
{
    assert_false(r->refused);
    assert_int_equal(r->first, first);
    assert_int_equal(r->last, last);
    assert_int_equal(r->accepted, accepted);
    assert_int_equal(r->duplicates, duplicates);
}

static void assert_batch(const batch_t *b, uint64_t prev, uint64_t first, uint32_t count)
{
    assert_int_equal(b->prev, prev);
    assert_int_equal(b->first, first);
    assert_int_equal(b->count, count);
}

/* -- numbers --------------------------------------------------------------------------------- */

static void sequencer_numbers_run_over_all_topics_and_prev_over_one(void **state)
{
    (void)state;
    take(1, "A.x", 3, 10, 0);
    sequencer_seal(&s, 0);
    take(2, "B.x", 2, 10, 0);
    sequencer_seal(&s, 0);
    take(3, "A.x", 1, 10, 0);
    commit();
    assert_int_equal(heard.committed_count, 3);
    assert_batch(heard.committed[0], 0, 1, 3);
    assert_batch(heard.committed[1], 0, 4, 2);
    assert_batch(heard.committed[2], 3, 6, 1);
    assert_ack(&heard.settled[0], 1, 3, 3, 0);
    assert_ack(&heard.settled[1], 4, 5, 2, 0);
    assert_ack(&heard.settled[2], 6, 6, 1, 0);
}

static void sequencer_small_requests_share_a_batch_and_know_their_numbers(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 4; n++)
        take(n, "A.x", 5, 10, 0);
    commit();
    assert_int_equal(heard.committed_count, 1);
    assert_batch(heard.committed[0], 0, 1, 20);
    assert_int_equal(heard.settled_count, 4);
    for (size_t i = 0; i < 4; i++) {
        uint64_t number = heard.settled[i].number;
        assert_ack(&heard.settled[i], 5 * number - 4, 5 * number, 5, 0);
    }
}

static void sequencer_seals_what_is_older_than_asked(void **state)
{
    (void)state;
    take(1, "A.x", 1, 10, 0);
    s.now_ns += MS / 2;
    take(2, "B.x", 1, 10, 0);
    sequencer_seal(&s, MS);
    assert_int_equal(s.in_flight.count, 0);
    s.now_ns += MS / 2;
    sequencer_seal(&s, MS);
    assert_int_equal(s.in_flight.count, 1);
    assert_int_equal(sequencer_oldest_ns(&s), s.now_ns - MS / 2);
    sequencer_seal(&s, 0);
    assert_int_equal(s.in_flight.count, 2);
    assert_int_equal(sequencer_oldest_ns(&s), UINT64_MAX);
}

static void sequencer_never_cuts_a_small_request_in_two(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 40; n++)
        take(n, "A.x", 10, 1500, 0);
    commit();
    assert_true(heard.committed_count > 2);
    for (size_t i = 0; i < heard.committed_count; i++) {
        assert_int_equal(heard.committed[i]->count % 10, 0);
        assert_false(heard.committed[i]->joined);
        assert_true(heard.committed[i]->name_len + batch_bytes(heard.committed[i]) <=
                    WIRE_BATCH_BYTES_MAX);
    }
}

static void sequencer_forwards_a_large_request_and_keeps_order_on_its_topic(void **state)
{
    (void)state;
    take(1, "A.x", 2, 10, 0);
    take(2, "A.x", 100, 320, 0);
    take(3, "A.x", 2, 10, 0);
    commit();
    assert_int_equal(heard.committed_count, 3);
    assert_true(heard.committed[1]->forwarded);
    assert_batch(heard.committed[1], 2, 3, 100);
    assert_batch(heard.committed[2], 102, 103, 2);
}

static void sequencer_gathers_large_requests_while_told_to(void **state)
{
    (void)state;
    s.gathering = true;
    take(1, "A.x", 100, 320, 1);
    take(2, "A.x", 100, 320, 51); /* half of them duplicates */
    take(3, "A.x", 2, 10, 0);
    take(4, "A.x", 400, 320, 1000); /* more than half a batch: no use in copying it */
    s.gathering = false;
    take(5, "A.x", 100, 320, 2000);
    commit();
    assert_int_equal(heard.committed_count, 3);
    assert_false(heard.committed[0]->forwarded);
    assert_batch(heard.committed[0], 0, 1, 152);
    assert_true(heard.committed[1]->forwarded);
    assert_batch(heard.committed[1], 152, 153, 400);
    assert_true(heard.committed[2]->forwarded);
    assert_int_equal(heard.settled_count, 5);
    assert_ack(&heard.settled[1], 101, 150, 50, 50);
}

static void sequencer_splits_what_is_larger_than_a_feed_message_and_joins_the_parts(void **state)
{
    (void)state;
    take(1, "A.x", 1000, 1000, 1);
    commit();
    size_t parts = heard.committed_count;
    assert_int_equal(parts, 6);
    uint64_t next = 1;
    for (size_t i = 0; i < parts; i++) {
        assert_int_equal(heard.committed[i]->first, next);
        assert_int_equal(heard.committed[i]->joined, i + 1 < parts);
        next += heard.committed[i]->count;
    }
    assert_int_equal(heard.settled_count, 1);
    assert_ack(last_settled(), 1, 1000, 1000, 0);
}

static void sequencer_sends_one_giant_event_alone(void **state)
{
    (void)state;
    assert_int_equal(take(1, "A.x", 1, 1000000, 1), SL_OK);
    assert_int_equal(take(2, "A.x", 3, 300000, 10), SL_OK);
    commit();
    assert_int_equal(heard.committed_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(heard.committed[i]->count, 1);
}

static void sequencer_refuses_a_topic_too_many_and_takes_nothing(void **state)
{
    (void)state;
    char topic[] = "A.0";
    for (uint64_t n = 1; n <= 4; n++, topic[2]++)
        assert_int_equal(take(n, topic, 1, 10, n), SL_OK);
    assert_int_equal(take(5, topic, 1, 10, 5), SL_ELIMIT);
    assert_int_equal(take(6, "A.0", 1, 10, 5), SL_OK);
    commit();
    assert_int_equal(s.next, 6);
    assert_ack(last_settled(), 5, 5, 1, 0);
}

static void sequencer_times_never_go_back(void **state)
{
    (void)state;
    take(1, "A.x", 1, 10, 0);
    commit();
    s.wall_ns -= 100 * MS;
    take(2, "A.x", 1, 10, 0);
    commit();
    assert_int_equal(heard.committed[1]->time_ns, heard.committed[0]->time_ns);
}

/* -- duplicates ------------------------------------------------------------------------------ */

static void sequencer_drops_duplicates_within_a_request_and_against_the_window(void **state)
{
    (void)state;
    take(1, "A.x", 3, 10, 1); /* ids 1 2 3 */
    commit();
    take(2, "B.x", 4, 10, 2); /* ids 2 3 4 5 */
    commit();
    assert_ack(last_settled(), 4, 5, 2, 2);
    assert_batch(heard.committed[1], 0, 4, 2);

    uint8_t ends[8], ids[2 * WIRE_ID_BYTES];
    zmq_msg_t events;
    zmq_msg_init_size(&events, 2);
    memset(zmq_msg_data(&events), 0x80, 2);
    for (uint32_t i = 0; i < 2; i++) {
        wire_put_end(ends + 4 * (size_t)i, i + 1);
        test_id(ids + WIRE_ID_BYTES * (size_t)i, 99); /* the same twice */
    }
    request_t *r = sequencer_request(&s);
    take_t pub = {"A.x", 3, 2, ends, ids, &events};
    assert_int_equal(sequencer_take(&s, r, &pub), SL_OK);
    sequencer_unhold(&s, r);
    zmq_msg_close(&events);
    commit();
    assert_ack(last_settled(), 6, 6, 1, 1);
}

static void sequencer_compacts_a_large_request_with_duplicates(void **state)
{
    (void)state;
    take(1, "A.x", 50, 320, 1);
    take(2, "A.x", 100, 320, 1);
    commit();
    assert_ack(last_settled(), 51, 100, 50, 50);
    const batch_t *b = heard.committed[1];
    assert_false(b->forwarded);
    assert_batch(b, 50, 51, 50);
    assert_int_equal(b->body_len, 50 * 320);
}

static void sequencer_takes_events_without_ids_every_time(void **state)
{
    (void)state;
    take(1, "A.x", 3, 10, 0);
    take(2, "A.x", 3, 10, 0);
    commit();
    assert_int_equal(s.next, 7);
}

static void sequencer_settles_a_duplicate_only_when_its_original_is_durable(void **state)
{
    (void)state;
    take(1, "A.x", 2, 10, 1);
    take(2, "B.x", 2, 10, 1); /* the original is still forming */
    assert_int_equal(heard.settled_count, 0);
    sequencer_seal(&s, 0);
    take(3, "B.x", 100, 320, 1); /* it is in flight; 98 are new */
    take(4, "A.x", 2, 10, 1);
    assert_int_equal(heard.settled_count, 0);
    journal.due = 1;
    sequencer_poll(&s);
    assert_int_equal(heard.settled_count, 3);
    commit();
    assert_int_equal(heard.settled_count, 4);
    assert_ack(last_settled(), 3, 100, 98, 2);
    take(5, "A.x", 2, 10, 1); /* durable: at once */
    assert_int_equal(heard.settled_count, 5);
    assert_ack(last_settled(), 0, 0, 0, 2);
}

static void sequencer_request_of_several_parts_settles_with_its_last(void **state)
{
    (void)state;
    take(1, "A.x", 1000, 1000, 1);
    for (int part = 1; part <= 6; part++) {
        assert_int_equal(heard.settled_count, 0);
        journal.due = 1;
        sequencer_poll(&s);
    }
    assert_int_equal(heard.settled_count, 1);
}

/* -- rollback -------------------------------------------------------------------------------- */

static void sequencer_failed_group_takes_back_numbers_tails_and_ids(void **state)
{
    (void)state;
    take(1, "A.x", 3, 10, 1);
    commit();
    take(2, "A.x", 2, 10, 11);
    sequencer_seal(&s, 0);
    take(3, "B.x", 2, 10, 21);
    sequencer_seal(&s, 0);
    take(4, "A.x", 2, 10, 31);
    sequencer_seal(&s, 0);
    take(5, "B.x", 2, 10, 41); /* still forming */
    break_journal();
    assert_int_equal(s.next, 4);
    assert_int_equal(topics_find(&s.topics, "A.x", 3)->last, 3);
    assert_int_equal(topics_find(&s.topics, "B.x", 3)->last, 0);
    assert_int_equal(heard.settled_count, 5);
    for (size_t i = 1; i < 5; i++) {
        assert_true(heard.settled[i].refused);
        assert_int_equal(heard.settled[i].nak, WIRE_NAK_BUSY);
    }
    assert_int_equal(heard.committed_count, 1);
    assert_int_equal(journal.resumed, 1);
    assert_int_equal(counter_get(&counters[BROKER_ROLLBACKS]), 1);

    take(2, "A.x", 2, 10, 11); /* sent again: new, under the same numbers */
    commit();
    assert_ack(last_settled(), 4, 5, 2, 0);
    assert_batch(heard.committed[1], 3, 4, 2);
    take(6, "A.x", 3, 10, 1); /* what was committed before is still known */
    assert_ack(last_settled(), 0, 0, 0, 3);
}

static void sequencer_failure_in_the_middle_keeps_what_was_committed_before_it(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        take(n, "A.x", 2, 10, 10 * n);
        sequencer_seal(&s, 0);
    }
    journal.due = 1;
    sequencer_poll(&s);
    break_journal();
    assert_int_equal(heard.committed_count, 1);
    assert_ack(&heard.settled[0], 1, 2, 2, 0);
    assert_true(heard.settled[1].refused && heard.settled[2].refused);
    assert_int_equal(s.next, 3);
    assert_int_equal(topics_find(&s.topics, "A.x", 3)->last, 2);
}

static void sequencer_failed_original_takes_its_duplicates_along(void **state)
{
    (void)state;
    take(1, "A.x", 2, 10, 1);
    take(2, "B.x", 2, 10, 1);
    sequencer_seal(&s, 0);
    break_journal();
    assert_int_equal(heard.settled_count, 2);
    assert_true(heard.settled[0].refused && heard.settled[1].refused);
    take(1, "A.x", 2, 10, 1);
    commit();
    assert_ack(last_settled(), 1, 2, 2, 0);
}

static void sequencer_duplicate_of_one_in_flight_fails_with_it(void **state)
{
    (void)state;
    take(1, "A.x", 2, 10, 1);
    sequencer_seal(&s, 0);
    take(2, "B.x", 2, 10, 1);
    take(3, "B.x", 100, 320, 1); /* large, and two of it known */
    take(4, "B.x", 2, 10, 1);    /* the originals are still those of 1 */
    assert_int_equal(heard.settled_count, 0);
    break_journal();
    assert_int_equal(heard.settled_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(heard.settled[i].refused);
    assert_int_equal(s.dedup.live, 0);
    take(2, "B.x", 2, 10, 1); /* whoever comes first is the original now */
    commit();
    assert_ack(last_settled(), 1, 2, 2, 0);
    take(1, "A.x", 2, 10, 1);
    assert_ack(last_settled(), 0, 0, 0, 2);
}

static void sequencer_duplicate_settles_with_its_original_though_a_later_group_fails(void **state)
{
    (void)state;
    take(1, "A.x", 2, 10, 1);
    sequencer_seal(&s, 0);
    take(2, "B.x", 2, 10, 11);
    sequencer_seal(&s, 0);
    take(3, "C.x", 2, 10, 1);  /* of the first */
    take(4, "C.x", 2, 10, 11); /* of the second */
    take(5, "C.x", 3, 10, 10); /* one is new, two of the second */
    journal.due = 1;
    sequencer_poll(&s);
    assert_int_equal(heard.settled_count, 2);
    assert_false(heard.settled[0].refused || heard.settled[1].refused);
    break_journal();
    assert_int_equal(heard.settled_count, 5);
    for (size_t i = 2; i < 5; i++)
        assert_true(heard.settled[i].refused);
    assert_int_equal(s.dedup.live, 2);
    take(3, "C.x", 2, 10, 1); /* durable: known, and at once */
    assert_int_equal(heard.settled_count, 6);
    assert_ack(last_settled(), 0, 0, 0, 2);
}

/* What is refused again and again takes no place from what is published. */
static void sequencer_failing_journal_costs_the_dedup_window_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 10; n++) { /* as many as the window holds */
        take(1, "A.x", 1000, 10, 1 + 1000 * n);
        commit();
    }
    for (int attempt = 0; attempt < 12; attempt++) {
        take(2, "A.x", 1000, 10, 500000);
        sequencer_seal(&s, 0);
        take(3, "B.x", 1000, 10, 600000); /* still forming */
        break_journal();
        assert_int_equal(s.dedup.live, 10000);
    }
    for (uint64_t n = 0; n < 10; n++) {
        take(4, "A.x", 1000, 10, 1 + 1000 * n);
        assert_ack(last_settled(), 0, 0, 0, 1000);
    }
}

/* A batch object is used again and again, and after 4,096 times under the same ticket: what was
 * durable long ago must not be waited for in the batch that has come to nothing since. */
static void sequencer_ticket_that_comes_round_keeps_nobody_waiting(void **state)
{
    (void)state;
    static const size_t lens[] = {10, 20, 1000}; /* small, one batch of its own, several */
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        uint64_t id = 1 + 100000 * i;
        take(1, "A.x", 1000, 10, id);
        sequencer_seal(&s, 0);
        uint32_t ticket = s.in_flight.head->ticket, uses = 0;
        do {
            commit();
            while (heard.committed_count > 0)
                batch_drop(heard.committed[--heard.committed_count]);
            batch_pool_collect(&s.pool);
            heard.settled_count = 0;
            if (s.pool.free->ticket == ticket)
                break;
            take(2, "A.x", 1, 10, 0);
        } while (uses++ < 5000);
        assert_int_equal(uses, 4095);
        take(3, "A.x", 1000, lens[i], id);
        assert_int_equal(heard.settled_count, 1);
        assert_ack(last_settled(), 0, 0, 0, 1000);
        assert_int_equal(s.in_flight.count, 0);
        batch_pool_collect(&s.pool);
    }
}

static void sequencer_failed_large_and_split_requests_are_forgotten_whole(void **state)
{
    (void)state;
    take(1, "A.x", 100, 320, 1);
    take(2, "A.x", 1000, 1000, 1001);
    break_journal();
    assert_int_equal(heard.settled_count, 2);
    assert_int_equal(s.dedup.live, 0);
    take(2, "A.x", 1000, 1000, 1001);
    commit();
    assert_ack(last_settled(), 1, 1000, 1000, 0);
}

static void sequencer_begins_where_it_is_told(void **state)
{
    close_sequencer(state);
    sequencer_options_t options = {.stream = STREAM,
                                   .next = 1001,
                                   .time_ns = 9000ull * MS,
                                   .topics_max = 4,
                                   .journal = &journal.base,
                                   .counters = counters,
                                   .committed = on_committed,
                                   .settled = on_settled,
                                   .ctx = &heard};
    assert_int_equal(sequencer_init(&s, &options), SL_OK);
    topics_add(&s.topics, "A.x", 3)->last = 990;
    s.wall_ns = 5000ull * MS;
    take(1, "A.x", 3, 10, 0);
    commit();
    assert_ack(last_settled(), 1001, 1003, 3, 0);
    assert_batch(heard.committed[0], 990, 1001, 3);
    assert_int_equal(heard.committed[0]->time_ns, 9000ull * MS);
    take(2, "A.x", 3, 10, 0);
    sequencer_seal(&s, 0);
    break_journal();
    assert_int_equal(s.next, 1004);
    assert_int_equal(topics_find(&s.topics, "A.x", 3)->last, 1003);
}

/* -- in random order ------------------------------------------------------------------------- */

/* Whatever the journal does: numbers have no hole, prev chains hold, and what was acknowledged is
 * exactly what was numbered. */
static void sequencer_keeps_its_chains_under_random_failures(void **state)
{
    (void)state;
    enum { STEPS = 3000, IDS = 5000, TOPICS = 4 };
    static const char *const names[TOPICS] = {"A.x", "B.x", "C.x", "D.x"};
    uint64_t random = 7, next = 1, last[TOPICS] = {0}, acknowledged = 0;
    for (uint64_t step = 1; step <= STEPS; step++) {
        uint32_t many = test_random(&random) % 16 == 0 ? 300 : 1 + test_random(&random) % 20;
        uint64_t id = 1 + test_random(&random) % (IDS - 301);
        take(step, names[test_random(&random) % TOPICS], many, 1 + test_random(&random) % 900, id);
        if (test_random(&random) % 4 == 0)
            sequencer_seal(&s, 0);
        journal.due = test_random(&random) % 3;
        journal.failing = test_random(&random) % 10 == 0;
        sequencer_poll(&s);
        for (size_t i = 0; i < heard.committed_count; i++) {
            batch_t *b = heard.committed[i];
            int topic = b->name[0] - 'A';
            assert_int_equal(b->first, next);
            assert_int_equal(b->prev, last[topic]);
            next += b->count;
            last[topic] = next - 1;
            batch_drop(b);
        }
        for (size_t i = 0; i < heard.settled_count; i++)
            acknowledged += heard.settled[i].refused ? 0 : heard.settled[i].accepted;
        heard.committed_count = heard.settled_count = 0;
    }
    assert_true(next > 1000);
    commit();
    for (size_t i = 0; i < heard.settled_count; i++)
        acknowledged += heard.settled[i].accepted;
    assert_int_equal(acknowledged, s.next - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_sequencer, close_sequencer)
    const struct CMUnitTest tests[] = {
        TEST(sequencer_numbers_run_over_all_topics_and_prev_over_one),
        TEST(sequencer_small_requests_share_a_batch_and_know_their_numbers),
        TEST(sequencer_seals_what_is_older_than_asked),
        TEST(sequencer_never_cuts_a_small_request_in_two),
        TEST(sequencer_forwards_a_large_request_and_keeps_order_on_its_topic),
        TEST(sequencer_gathers_large_requests_while_told_to),
        TEST(sequencer_splits_what_is_larger_than_a_feed_message_and_joins_the_parts),
        TEST(sequencer_sends_one_giant_event_alone),
        TEST(sequencer_refuses_a_topic_too_many_and_takes_nothing),
        TEST(sequencer_times_never_go_back),
        TEST(sequencer_drops_duplicates_within_a_request_and_against_the_window),
        TEST(sequencer_compacts_a_large_request_with_duplicates),
        TEST(sequencer_takes_events_without_ids_every_time),
        TEST(sequencer_settles_a_duplicate_only_when_its_original_is_durable),
        TEST(sequencer_request_of_several_parts_settles_with_its_last),
        TEST(sequencer_failed_group_takes_back_numbers_tails_and_ids),
        TEST(sequencer_failure_in_the_middle_keeps_what_was_committed_before_it),
        TEST(sequencer_failed_original_takes_its_duplicates_along),
        TEST(sequencer_duplicate_of_one_in_flight_fails_with_it),
        TEST(sequencer_duplicate_settles_with_its_original_though_a_later_group_fails),
        TEST(sequencer_begins_where_it_is_told),
        TEST(sequencer_failing_journal_costs_the_dedup_window_nothing),
        TEST(sequencer_ticket_that_comes_round_keeps_nobody_waiting),
        TEST(sequencer_failed_large_and_split_requests_are_forgotten_whole),
        TEST(sequencer_keeps_its_chains_under_random_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
