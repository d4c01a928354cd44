#include "model_broker.h"

#include <string.h>

const char *const model_topics[MODEL_TOPICS] = {"Job.A", "Job.B", "Job.C", "Cluster.X"};

void model_init(model_broker_t *b, uint64_t seed)
{
    b->random = seed * 0x9e3779b97f4a7c15u + 1;
    b->stream = 1;
    b->next = 1;
    memset(b->tails, 0, sizeof b->tails);
    b->uids = b->changes = b->parent_count = 0;
    b->count = b->kept_from = b->replay_count = 0;
    b->feed.at = b->feed.count = b->query.at = b->query.count = 0;
}

uint32_t model_random(model_broker_t *b, uint32_t n)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return (uint32_t)((b->random >> 32) % n);
}

bool model_chance(model_broker_t *b, uint32_t percent)
{
    return model_random(b, 100) < percent;
}

/* -- the queues ------------------------------------------------------------------------------- */

static model_message_t *put(model_queue_t *queue, model_kind_t kind, uint64_t request)
{
    static model_message_t nowhere;
    if (queue->at == queue->count)
        queue->at = queue->count = 0;
    model_message_t *m = queue->count < MODEL_QUEUE_MAX ? &queue->items[queue->count++] : &nowhere;
    m->kind = kind;
    m->request = request;
    return m;
}

const model_message_t *model_take(model_queue_t *queue)
{
    return queue->at < queue->count ? &queue->items[queue->at++] : NULL;
}

/* -- the feed --------------------------------------------------------------------------------- */

void model_publish(model_broker_t *b, bool lost)
{
    if (b->count == MODEL_RECORDS_MAX)
        return;
    int topic = (int)model_random(b, MODEL_TOPICS);
    uint64_t last = b->next + model_random(b, MODEL_BATCH_MAX);
    model_record_t r = {b->uids++, topic, b->stream, b->tails[topic], b->next, last, false};
    b->line[b->count++] = r;
    b->tails[topic] = last;
    b->next = last + 1;
    if (!lost)
        put(&b->feed, MODEL_BATCH, 0)->record = r;
}

void model_tick(model_broker_t *b, model_kind_t kind)
{
    model_message_t *m = put(&b->feed, kind, 0);
    m->stream = b->stream;
    m->next = b->next;
    memcpy(m->tails, b->tails, sizeof m->tails);
    memcpy(m->parents, b->parents, sizeof m->parents);
    m->parent_count = b->parent_count;
}

/* -- what happens to the line ----------------------------------------------------------------- */

void model_retain(model_broker_t *b)
{
    if (b->kept_from < b->count)
        b->line[b->kept_from++].gone = true;
}

void model_damage(model_broker_t *b)
{
    if (b->count > 0)
        b->line[model_random(b, (uint32_t)b->count)].gone = true;
}

static void cut_line(model_broker_t *b, size_t count)
{
    b->count = count;
    b->next = count > 0 ? b->line[count - 1].last + 1 : 1;
    if (b->kept_from > count)
        b->kept_from = count;
    memset(b->tails, 0, sizeof b->tails);
    for (size_t i = 0; i < count; i++)
        b->tails[b->line[i].topic] = b->line[i].last;
}

/* The older ones may claim more than there is now: a subscriber must know better. */
static void name_parent(model_broker_t *b)
{
    memmove(b->parents + 1, b->parents, (WIRE_PARENTS_MAX - 1) * sizeof b->parents[0]);
    b->parents[0] = (wire_parent_t){b->stream, b->next - 1};
    if (b->parent_count < WIRE_PARENTS_MAX)
        b->parent_count++;
}

void model_change_stream(model_broker_t *b, model_change_t how)
{
    if (b->changes == MODEL_CHANGES_MAX)
        return;
    b->changes++;
    b->replay_count = 0;
    if (how == MODEL_ANEW)
        cut_line(b, 0);
    if (how == MODEL_CUT && b->count > 0)
        cut_line(b, b->count - model_random(b, b->count < 4 ? (uint32_t)b->count : 4));
    if (how == MODEL_ANEW || how == MODEL_FORGETS)
        b->parent_count = 0;
    else
        name_parent(b);
    b->stream++;
}

/* -- replays ---------------------------------------------------------------------------------- */

void model_ask(model_broker_t *b, uint64_t request, uint64_t stream, uint64_t after, uint64_t until)
{
    if (stream != b->stream)
        put(&b->query, MODEL_WRONG_STREAM, request);
    else if (b->replay_count == MODEL_REPLAYS_MAX)
        put(&b->query, MODEL_BUSY, request);
    else
        b->replays[b->replay_count++] = (model_replay_t){request, after, until};
}

void model_cancel(model_broker_t *b, uint64_t request)
{
    for (size_t i = 0; i < b->replay_count; i++)
        if (b->replays[i].request == request)
            b->replays[i] = b->replays[--b->replay_count];
}

/* The first record behind `at` that the replay has something to say of: ours, or gone. */
static const model_record_t *next_record(const model_broker_t *b, const model_replay_t *replay)
{
    for (size_t i = 0; i < b->count; i++) {
        const model_record_t *r = &b->line[i];
        if (r->last > replay->at && r->first <= replay->until &&
            (r->gone || r->topic != MODEL_TOPICS - 1))
            return r;
    }
    return NULL;
}

/* The hole that begins with this record, to its end, of which the replay may have had a part. */
static void say_lost(model_broker_t *b, model_replay_t *replay, const model_record_t *r)
{
    const model_record_t *end = b->line + b->count;
    model_message_t *m = put(&b->query, MODEL_LOST, replay->request);
    m->from = r->first > replay->at ? r->first : replay->at + 1;
    for (; r < end && r->gone; r++)
        m->to = r->last;
    if (m->to > replay->until && model_chance(b, 50))
        m->to = replay->until;
    replay->at = m->to;
}

void model_replay_step(model_broker_t *b, bool may_stop)
{
    if (b->replay_count == 0)
        return;
    size_t i = model_random(b, (uint32_t)b->replay_count);
    model_replay_t *replay = &b->replays[i];
    const model_record_t *r = next_record(b, replay);
    if (r == NULL || (may_stop && model_chance(b, 10))) {
        put(&b->query, MODEL_DONE, replay->request)->to = r == NULL ? replay->until : replay->at;
        b->replays[i] = b->replays[--b->replay_count];
    } else if (r->gone) {
        say_lost(b, replay, r);
    } else {
        put(&b->query, MODEL_BATCH, replay->request)->record = *r;
        replay->at = r->last;
    }
}
