/* The subscriber's rules against a broker that loses whatever can be lost, in random histories.
 *
 * Each history is a seed: a few hundred steps in which batches are published and dropped, ticks
 * lost, records damaged and retired, streams changed, connections cut, replays answered late,
 * short, twice or not at all, and the subscriber killed and started again at what it had stored.
 * Then everything heals, and these must hold:
 *
 *   - on each topic, and in stream order over all of them, numbers only rise;
 *   - nothing comes twice, but what was behind the stored number when the subscriber was killed,
 *     or what a stream repeats that names no parent;
 *   - nothing up to `confirmed` is missing, unless it was reported; nothing is reported that is
 *     still there;
 *   - in the end `confirmed` is the head of the stream.
 *
 *     SUB_RANDOM_SEED=77 sub_random_test      plays one history
 *     SUB_RANDOM_COUNT=1000000 …              plays more of them */
#include "model_broker.h"
#include "sub_testing.h"

#include <stdio.h>

enum { HISTORIES = 12000, STEPS_MAX = 250, HEAL_STEPS_MAX = 5000, UIDS_MAX = STEPS_MAX + 1 };

typedef struct history {
    uint64_t seed;
    model_broker_t broker;
    sub_state_t state;
    bool in_order;
    sub_start_t start;
    uint64_t begin; /* all of ours behind this number is due */
    bool placed;
    uint64_t last_on[MODEL_TOPICS], last; /* handed out */
    uint64_t requests;
    bool had[UIDS_MAX][MODEL_BATCH_MAX], told[UIDS_MAX][MODEL_BATCH_MAX];
    uint64_t events, lost, replays, streams; /* how rich the histories are */
} history_t;

#define REQUIRE(h, condition)                                                           \
    do {                                                                                \
        if (!(condition))                                                               \
            fail_msg("SUB_RANDOM_SEED=%llu: not so: %s", (unsigned long long)(h)->seed, \
                     #condition);                                                       \
    } while (0)

static bool is_mine(int topic)
{
    return topic != MODEL_TOPICS - 1;
}

/* -- what is handed out ----------------------------------------------------------------------- */

/* A batch as the state sees it, with the record that it was made from. */
typedef struct carried {
    sub_batch_t batch; /* first */
    model_record_t record;
} carried_t;

static void deliver(history_t *h, const carried_t *c)
{
    const model_record_t *r = &c->record;
    REQUIRE(h, is_mine(r->topic));
    REQUIRE(h, c->batch.skip < c->batch.header.count);
    for (uint64_t n = r->first + c->batch.skip; n <= r->last; n++) {
        REQUIRE(h, n > h->begin);
        REQUIRE(h, n > h->last_on[r->topic]);
        REQUIRE(h, !h->in_order || n > h->last);
        REQUIRE(h, !h->had[r->uid][n - r->first]);
        h->had[r->uid][n - r->first] = true;
        h->last_on[r->topic] = h->last = n;
        h->events++;
    }
}

static void hear_lost(history_t *h, const sub_notice_t *notice)
{
    bool any = false;
    REQUIRE(h, notice->from <= notice->to);
    for (size_t i = 0; i < h->broker.count; i++) {
        const model_record_t *r = &h->broker.line[i];
        for (uint64_t n = r->first; n <= r->last; n++) {
            if (n < notice->from || n > notice->to || r->stream > h->state.stream)
                continue; /* or it took the number of one that is gone with its stream */
            any = true;
            bool of_it = notice->topic == NULL ||
                         strcmp(notice->topic->key.name, model_topics[r->topic]) == 0;
            if (of_it && is_mine(r->topic)) {
                REQUIRE(h, r->gone);
                h->told[r->uid][n - r->first] = true;
            }
        }
    }
    REQUIRE(h, any || h->state.stream != h->broker.stream);
    h->lost++;
}

static void forget_behind(history_t *h, uint64_t number)
{
    for (int t = 0; t < MODEL_TOPICS; t++)
        h->last_on[t] = h->last_on[t] < number ? h->last_on[t] : number;
    h->last = h->last < number ? h->last : number;
    for (size_t i = 0; i < h->broker.count; i++) {
        const model_record_t *r = &h->broker.line[i];
        for (uint64_t n = r->first; n <= r->last; n++)
            if (n > number)
                h->had[r->uid][n - r->first] = false;
    }
}

/* What we had up to the parent's end stays had: only without a parent may anything come again. */
static void hear_stream(history_t *h, const sub_notice_t *notice)
{
    uint64_t last = notice->parent.last;
    if (last == 0)
        forget_behind(h, 0);
    for (int t = 0; t < MODEL_TOPICS; t++)
        h->last_on[t] = h->last_on[t] < last ? h->last_on[t] : last;
    h->last = h->last < last ? h->last : last;
    h->begin = h->begin < last ? h->begin : last;
    h->streams++;
}

/* Everything up to `confirmed` that is still there was had, and what is gone was told. */
static void check_confirmed(history_t *h)
{
    if (!h->state.placed || h->state.stream != h->broker.stream)
        return;
    REQUIRE(h, h->state.confirmed < h->broker.next);
    for (size_t i = 0; i < h->broker.count; i++) {
        const model_record_t *r = &h->broker.line[i];
        for (uint64_t n = r->first; is_mine(r->topic) && n <= r->last; n++)
            if (n > h->begin && n <= h->state.confirmed)
                REQUIRE(h, h->had[r->uid][n - r->first] || h->told[r->uid][n - r->first]);
    }
}

static void take_all(history_t *h)
{
    for (;;) {
        while (sub_state_has_notice(&h->state)) {
            sub_notice_t notice = sub_state_take_notice(&h->state);
            if (notice.kind == SUB_STREAM)
                hear_stream(h, &notice);
            else
                hear_lost(h, &notice);
        }
        sub_verdict_t verdict;
        carried_t *c = (carried_t *)sub_state_next(&h->state, &verdict);
        if (c == NULL)
            break;
        REQUIRE(h, !(verdict == SUB_DELIVER && sub_state_has_notice(&h->state)));
        if (verdict == SUB_DELIVER)
            deliver(h, c);
        free(c);
    }
    sub_state_settle(&h->state);
    check_confirmed(h);
}

/* -- what goes in ----------------------------------------------------------------------------- */

static void put_batch(history_t *h, const model_message_t *m)
{
    sl_err err;
    sub_verdict_t verdict;
    const model_record_t *r = &m->record;
    const char *name = model_topics[r->topic];
    carried_t *c = calloc(1, sizeof *c);
    c->record = *r;
    c->batch.topic = sub_state_topic(&h->state, name, strlen(name), &err);
    c->batch.bytes = 1;
    c->batch.header = (wire_feed_header_t){.stream = r->stream,
                                           .prev = r->prev,
                                           .first = r->first,
                                           .count = (uint32_t)(r->last - r->first + 1)};
    err = m->request == 0 ? sub_state_batch(&h->state, &c->batch, &verdict)
                          : sub_state_replayed(&h->state, m->request, &c->batch, &verdict);
    assert_int_equal(err, SL_OK);
    if (verdict == SUB_DELIVER) {
        REQUIRE(h, !sub_state_has_notice(&h->state));
        deliver(h, c);
    }
    if (verdict != SUB_HOLD)
        free(c);
}

static void put_tick(history_t *h, const model_message_t *m)
{
    sl_buf_t body = SL_BUF_INIT;
    uint32_t count = 0;
    for (int t = 0; t < MODEL_TOPICS; t++)
        count += m->tails[t] > 0;
    wire_tails_begin(&body, count);
    for (int t = 0; t < MODEL_TOPICS; t++)
        if (m->tails[t] > 0)
            wire_tails_put(&body, model_topics[t], strlen(model_topics[t]), m->tails[t]);
    wire_feed_header_t header = {.stream = m->stream,
                                 .first = m->next,
                                 .parents = m->parents,
                                 .parent_count = m->parent_count};
    assert_int_equal(sub_state_tick(&h->state, &header, body.data, body.len, m->kind == MODEL_SYNC),
                     SL_OK);
    sl_buf_fini(&body);
    if (!h->placed && h->state.placed) {
        h->placed = true;
        h->begin = h->start.now ? m->next - 1 : h->start.number;
    }
}

static void put_message(history_t *h, const model_message_t *m)
{
    switch (m->kind) {
    case MODEL_BATCH:
        put_batch(h, m);
        break;
    case MODEL_TICK:
    case MODEL_SYNC:
        put_tick(h, m);
        break;
    case MODEL_LOST:
        assert_int_equal(sub_state_replay_lost(&h->state, m->request, m->from, m->to, "DAMAGE"),
                         SL_OK);
        break;
    case MODEL_DONE:
        sub_state_replay_done(&h->state, m->request, m->to);
        break;
    case MODEL_WRONG_STREAM:
        sub_state_replay_wrong_stream(&h->state, m->request);
        break;
    case MODEL_BUSY:
        sub_state_replay_broken(&h->state, m->request);
        break;
    }
    take_all(h);
}

static void take_from(history_t *h, model_queue_t *queue)
{
    const model_message_t *m = model_take(queue);
    if (m != NULL)
        put_message(h, m);
}

static void ask(history_t *h)
{
    uint64_t after, until, cancelled = sub_state_take_cancelled(&h->state);
    if (cancelled != 0 && model_chance(&h->broker, 50)) /* or its answers go on for a while */
        model_cancel(&h->broker, cancelled);
    if (!sub_state_wants_replay(&h->state, &after, &until))
        return;
    REQUIRE(h, after < until);
    sub_state_replay_asked(&h->state, ++h->requests, until);
    model_ask(&h->broker, h->requests, h->state.stream, after, until);
    h->replays++;
}

/* -- connections and lives -------------------------------------------------------------------- */

/* The feed's connection is made anew, by libzmq (nobody tells us) or by us. */
static void cut_feed(history_t *h)
{
    model_queue_t *feed = &h->broker.feed;
    if (model_chance(&h->broker, 50)) {
        feed->at = feed->count; /* what was under way is gone */
        sub_state_reconnected(&h->state);
    }
    if (model_chance(&h->broker, 20))
        model_publish(&h->broker, false); /* between the subscriptions and the sync */
    model_tick(&h->broker, MODEL_SYNC);
}

static void cut_query(history_t *h)
{
    model_queue_t *query = &h->broker.query;
    if (model_chance(&h->broker, 50))
        query->at = query->count;
    h->broker.replay_count = 0;
    sub_state_replay_broken(&h->state, h->state.replay);
}

static void change_stream(history_t *h)
{
    static const model_change_t ways[] = {MODEL_GOES_ON, MODEL_GOES_ON, MODEL_CUT,
                                          MODEL_CUT,     MODEL_FORGETS, MODEL_ANEW};
    model_change_stream(&h->broker, ways[model_random(&h->broker, ARRAY_LEN(ways))]);
    cut_feed(h);
    if (model_chance(&h->broker, 70))
        cut_query(h); /* or we find out by waiting */
}

static void start_state(history_t *h)
{
    static const char *const mine[] = {"Job.", NULL};
    sub_rules_t rules = {.patterns = mine,
                         .repair = true,
                         .in_order = h->in_order,
                         .hold_bytes = model_chance(&h->broker, 50) ? model_random(&h->broker, 6)
                                                                    : MODEL_RECORDS_MAX};
    assert_int_equal(sub_state_init(&h->state, &rules), SL_OK);
    sub_state_start(&h->state, &h->start);
    h->placed = false;
}

static void end_state(history_t *h)
{
    sub_batch_t *held;
    while ((held = sub_state_clear(&h->state)) != NULL)
        free(held);
    REQUIRE(h, h->state.held_bytes == 0);
    sub_state_fini(&h->state);
}

/* The subscriber is killed and begins again where its own store says: in stream order that is the
 * last number it was handed, otherwise the last one that was confirmed. */
static void kill_subscriber(history_t *h)
{
    if (h->state.placed) {
        uint64_t number = h->state.confirmed;
        if (h->in_order && h->last > number)
            number = h->last;
        h->start = (sub_start_t){.stream = h->state.stream, .number = number};
        if (!h->in_order) /* at least once: these may come again */
            for (int t = 0; t < MODEL_TOPICS; t++)
                h->last_on[t] = h->last_on[t] < number ? h->last_on[t] : number;
        if (!h->in_order)
            forget_behind(h, number);
    }
    end_state(h);
    start_state(h);
    h->broker.feed.at = h->broker.feed.count;
    h->broker.query.at = h->broker.query.count;
    h->broker.replay_count = 0;
    model_tick(&h->broker, MODEL_SYNC);
}

/* -- a history -------------------------------------------------------------------------------- */

static void step(history_t *h)
{
    model_broker_t *b = &h->broker;
    uint32_t dice = model_random(b, 1000);
    if (dice < 250)
        model_publish(b, model_chance(b, 25));
    else if (dice < 330)
        model_tick(b, MODEL_TICK);
    else if (dice < 640)
        take_from(h, &b->feed);
    else if (dice < 780)
        take_from(h, &b->query);
    else if (dice < 940)
        model_replay_step(b, true);
    else if (dice < 950)
        model_retain(b);
    else if (dice < 955)
        model_damage(b);
    else if (dice < 965)
        change_stream(h);
    else if (dice < 980)
        cut_feed(h);
    else if (dice < 990)
        cut_query(h);
    else if (dice < 995)
        kill_subscriber(h);
    if (model_chance(b, 80))
        ask(h);
}

/* Nothing is lost any more: in so many steps the subscriber must be complete. */
static void heal(history_t *h)
{
    model_broker_t *b = &h->broker;
    b->feed.at = b->feed.count;
    cut_query(h);
    model_tick(b, MODEL_SYNC);
    for (int i = 0; i < HEAL_STEPS_MAX; i++) {
        bool silent = b->feed.at == b->feed.count && b->query.at == b->query.count;
        if (silent && b->replay_count == 0 && h->state.confirmed == b->next - 1)
            return;
        if (silent && b->replay_count == 0)
            model_tick(b, MODEL_TICK);
        take_from(h, &b->feed);
        model_replay_step(b, false);
        take_from(h, &b->query);
        ask(h);
    }
    REQUIRE(h, !"complete in the end");
}

static void play(history_t *h, uint64_t seed)
{
    h->seed = seed;
    memset(h->had, 0, sizeof h->had);
    memset(h->told, 0, sizeof h->told);
    memset(h->last_on, 0, sizeof h->last_on);
    h->last = h->requests = h->begin = 0;
    model_init(&h->broker, seed);
    h->in_order = model_chance(&h->broker, 50);
    h->start = (sub_start_t){.now = model_chance(&h->broker, 50)};
    start_state(h);
    model_tick(&h->broker, MODEL_SYNC);
    for (uint32_t left = 1 + model_random(&h->broker, STEPS_MAX); left > 0; left--)
        step(h);
    heal(h);
    check_confirmed(h);
    end_state(h);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void every_history_ends_complete_and_in_order(void **state)
{
    (void)state;
    history_t *h = calloc(1, sizeof *h);
    uint64_t one = from_environment("SUB_RANDOM_SEED", 0);
    uint64_t count = from_environment("SUB_RANDOM_COUNT", HISTORIES);
    for (uint64_t seed = one != 0 ? one : 1; seed <= (one != 0 ? one : count); seed++)
        play(h, seed);
    print_message("%llu events, %llu replays, %llu losses told, %llu streams\n",
                  (unsigned long long)h->events, (unsigned long long)h->replays,
                  (unsigned long long)h->lost, (unsigned long long)h->streams);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_history_ends_complete_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
