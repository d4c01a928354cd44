/* pub.c - the publisher's handle: events come in, a batch per topic forms, time and window decide
 * when it leaves. */
#include "pub_impl.h"

#include "wire/feed.h"
#include "wire/intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_BYTES_DEFAULT = 60 * 1024, /* three of them, with their ends, fit in one feed message */
    BATCH_EVENTS_DEFAULT = 512,
    PENDING_BYTES_DEFAULT = 16 * 1024 * 1024,
    ACK_TIMEOUT_MS_DEFAULT = 5000,
    TOPICS_MAX = 4 * WIRE_TOPICS_PER_STREAM, /* the broker refuses more; this bounds our table */
    DEAD_TOPICS_MAX = 64, /* beside them: there is always room for a dead letter */
    EVENT_BYTES_MAX = 1 << 30,
    ERROR_RETRY_MS = 100,
};

/* -- batches -------------------------------------------------------------------------- */

/* Its time has come: it stands in line.  Until it is sent it still takes events. */
static void queue(sluice_pub_t *pub, pub_batch_t *batch)
{
    *(batch->prev != NULL ? &batch->prev->next : &pub->forming) = batch->next;
    *(batch->next != NULL ? &batch->next->prev : &pub->forming_end) = batch->prev;
    batch->queued = true;
    pub_window_push(&pub->window, batch);
}

/* Queues what has waited for long enough.  @return how many. */
static unsigned queue_due(sluice_pub_t *pub, uint64_t now)
{
    unsigned queued = 0;
    bool gather = pub->linger_ns == 0 && pub->window.in_flight >= PUB_GATHER_REQUESTS;
    uint64_t wait_ns = gather ? PUB_GATHER_NS : pub->linger_ns;
    for (; pub->forming != NULL && now >= pub->forming->started_ns + wait_ns; queued++)
        queue(pub, pub->forming);
    pub->gathers = gather && pub->forming != NULL;
    return queued;
}

static void queue_all(sluice_pub_t *pub)
{
    while (pub->forming != NULL)
        queue(pub, pub->forming);
}

static pub_topic_t *find_topic(sluice_pub_t *pub, const char *name, size_t len, sluice_err *err)
{
    uint32_t hash = topic_hash(name, len);
    pub_topic_t *topic = (pub_topic_t *)topic_map_find(&pub->topics, hash, name, len);
    if (topic != NULL)
        return topic;
    *err = SLUICE_EINVAL;
    if (!wire_topic_valid(name, len))
        return NULL;
    *err = SLUICE_EREFUSED;
    if (pub->topics.count >= TOPICS_MAX + (name[0] == '$' ? DEAD_TOPICS_MAX : 0))
        return NULL;
    *err = SLUICE_ENOMEM;
    topic = calloc(1, sizeof *topic);
    if (topic == NULL || topic_map_insert(&pub->topics, &topic->key, hash, name, len) != SL_OK) {
        free(topic);
        return NULL;
    }
    return topic;
}

static sluice_err begin_batch(sluice_pub_t *pub, pub_topic_t *topic, size_t len)
{
    size_t bytes = topic->last_bytes > len ? topic->last_bytes : len;
    pub_batch_t *batch = pub_batch_create(&pub->spare, &topic->key, bytes, topic->last_events);
    if (batch == NULL)
        return SLUICE_ENOMEM;
    batch->started_ns = link_now_ns();
    batch->prev = pub->forming_end;
    *(batch->prev != NULL ? &batch->prev->next : &pub->forming) = batch;
    pub->forming_end = topic->open = batch;
    if (pub->stats.pending_events == 0)
        pub->acked_ns = batch->started_ns;
    if (pub->linger_ns > 0)
        link_wake_at(&pub->link, pub->forming->started_ns + pub->linger_ns);
    return SLUICE_OK;
}

/* An id of our own: no two are the same, in this handle or another. */
static void make_id(sluice_pub_t *pub, uint8_t id[WIRE_ID_BYTES])
{
    uint64_t words[2] = {pub->id_base[0], pub->id_base[1] + pub->id_count++};
    memcpy(id, words, WIRE_ID_BYTES);
}

/* May the open batch take this event too, and stay within what it should be? */
static bool fits_open(const sluice_pub_t *pub, const pub_batch_t *batch, size_t len)
{
    uint64_t bytes = (uint64_t)batch->len + len;
    return bytes <= pub->batch_bytes && bytes <= pub->max_bytes && batch->count < pub->max_events;
}

/* It is as full as it should be.  What was taken stays taken: trouble with sending shows in
 * sluice_pub_process. */
static void finish(sluice_pub_t *pub, pub_topic_t *topic)
{
    unsigned work = 0;
    if (!topic->open->queued)
        queue(pub, topic->open);
    pub_close_batch(topic->open);
    pub_push(pub, &work);
}

sluice_err sluice_pub_send(sluice_pub_t *pub, const char *name, size_t name_len, const void *event,
                           size_t len, const uint8_t id[16], void *user)
{
    sluice_err err = SLUICE_OK;
    uint8_t own_id[WIRE_ID_BYTES];
    if (pub->closing)
        return SLUICE_ECLOSED;
    if (len == 0)
        return SLUICE_EINVAL;
    if (len > EVENT_BYTES_MAX || len > pub->max_bytes)
        return SLUICE_ELIMIT;
    if (pub->stats.pending_bytes + len > pub->pending_max && pub->stats.pending_bytes > 0)
        return SLUICE_EAGAIN;
    pub_topic_t *topic = pub->recent;
    if (topic == NULL || topic->key.len != name_len ||
        memcmp(topic->key.name, name, name_len) != 0) {
        topic = find_topic(pub, name, name_len, &err);
        if (topic == NULL)
            return err;
        pub->recent = topic;
    }
    while (topic->open != NULL && !fits_open(pub, topic->open, len))
        finish(pub, topic); /* a receipt may have begun another one */
    if (topic->open == NULL && (err = begin_batch(pub, topic, len)) != SLUICE_OK)
        return err;
    if (id == NULL) {
        make_id(pub, own_id);
        id = own_id;
    }
    if (pub_batch_add(topic->open, event, len, id, user) != SL_OK)
        return SLUICE_ENOMEM;
    pub->stats.sent_events++;
    pub->stats.pending_events++;
    pub->stats.pending_bytes += len;
    if (topic->open->len >= pub->batch_bytes || topic->open->count >= pub->batch_events)
        finish(pub, topic);
    return SLUICE_OK;
}

/* -- a turn ----------------------------------------------------------------------------------- */

static sluice_err turn(sluice_pub_t *pub, unsigned *work)
{
    uint64_t now = link_now_ns();
    link_timer_taken(&pub->link, now);
    sluice_err err = pub_receive(pub, now, work);
    if (err != SLUICE_OK) {
        link_wake_at(&pub->link, now + ERROR_RETRY_MS * PUB_NS_PER_MS);
        return err;
    }
    *work += queue_due(pub, now);
    return pub_push(pub, work);
}

sluice_err sluice_pub_process(sluice_pub_t *pub, int timeout_ms)
{
    uint64_t deadline = timeout_ms > 0 ? link_now_ns() + (uint64_t)timeout_ms * PUB_NS_PER_MS : 0;
    if (pub->in_receipts)
        return SLUICE_EINVAL; /* the turn outside is still at work */
    for (;;) {
        unsigned work = 0;
        sluice_err err = turn(pub, &work);
        if (err != SLUICE_OK || work > 0)
            return err;
        uint64_t left = UINT64_MAX;
        if (timeout_ms >= 0) {
            uint64_t now = timeout_ms > 0 ? link_now_ns() : 0;
            left = now < deadline ? deadline - now : 0;
        }
        if (left == 0 || link_wait(&pub->link, left) < 0)
            return SLUICE_EAGAIN;
    }
}

sluice_err sluice_pub_flush(sluice_pub_t *pub)
{
    unsigned work = 0;
    queue_all(pub);
    return pub_push(pub, &work);
}

sluice_err sluice_pub_drain(sluice_pub_t *pub, int timeout_ms)
{
    uint64_t deadline = timeout_ms > 0 ? link_now_ns() + (uint64_t)timeout_ms * PUB_NS_PER_MS : 0;
    if (pub->in_receipts)
        return SLUICE_EINVAL;
    sluice_err err = sluice_pub_flush(pub);
    while ((err == SLUICE_OK || err == SLUICE_EAGAIN) && pub->stats.pending_events > 0) {
        uint64_t now = link_now_ns();
        if (timeout_ms >= 0 && now >= deadline)
            return SLUICE_ETIMEDOUT;
        uint64_t left_ms = timeout_ms < 0 ? INT32_MAX : (deadline - now) / PUB_NS_PER_MS + 1;
        err = sluice_pub_process(pub, (int)(left_ms < INT32_MAX ? left_ms : INT32_MAX));
        if (err == SLUICE_OK) /* a receipt may have sent more */
            err = sluice_pub_flush(pub);
    }
    return err == SLUICE_EAGAIN ? SLUICE_OK : err;
}

/* -- the handle ------------------------------------------------------------------------------ */

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value != 0 ? value : standard;
}

static sluice_err configure(sluice_pub_t *pub, const sluice_pub_options_t *opt)
{
    pub->on_receipt = opt->on_receipt;
    pub->ctx = opt->ctx;
    pub->batch_bytes = or_default(opt->batch_bytes, BATCH_BYTES_DEFAULT);
    pub->batch_events = or_default(opt->batch_events, BATCH_EVENTS_DEFAULT);
    if (pub->batch_events > WIRE_BATCH_EVENTS_MAX)
        pub->batch_events = WIRE_BATCH_EVENTS_MAX;
    pub->pending_max = or_default(opt->pending_bytes, PENDING_BYTES_DEFAULT);
    pub->linger_ns = (uint64_t)opt->linger_us * 1000;
    pub->ack_timeout_ns =
        (uint64_t)or_default(opt->ack_timeout_ms, ACK_TIMEOUT_MS_DEFAULT) * PUB_NS_PER_MS;
    pub->max_bytes = pub->max_events = UINT32_MAX; /* until WELCOME tells */
    pub_window_init(&pub->window);
    link_random(pub->id_base, sizeof pub->id_base);
    pub->name = strdup(opt->name != NULL ? opt->name : "libsluice");
    pub->intake = strdup(opt->intake != NULL ? opt->intake : "tcp://127.0.0.1:5550");
    return pub->name != NULL && pub->intake != NULL ? SLUICE_OK : SLUICE_ENOMEM;
}

sluice_err sluice_pub_create(sluice_pub_t **out, const sluice_pub_options_t *options)
{
    sluice_pub_options_t opt = {0};
    if (options == NULL || !options_copy(&opt, sizeof opt, options, options->size))
        return SLUICE_EINVAL;
    if (opt.name != NULL && strlen(opt.name) > WIRE_NAME_MAX)
        return SLUICE_EINVAL;
    sluice_pub_t *pub = calloc(1, sizeof *pub);
    if (pub == NULL)
        return SLUICE_ENOMEM;
    sluice_err err = link_init(&pub->link, opt.zmq_context);
    if (err == SLUICE_OK)
        err = configure(pub, &opt);
    if (err == SLUICE_OK)
        err = pub_reopen(pub, link_now_ns());
    if (err != SLUICE_OK) {
        sluice_pub_destroy(&pub);
        return err;
    }
    *out = pub;
    return SLUICE_OK;
}

void sluice_pub_destroy(sluice_pub_t **out)
{
    sluice_pub_t *pub = *out;
    if (pub == NULL)
        return;
    assert(!pub->in_receipts);
    pub->closing = true;
    queue_all(pub);
    pub_window_restart(&pub->window, 0);
    while (pub->window.head != NULL)
        pub_settle(pub, pub_window_pop(&pub->window), SLUICE_ECLOSED, "");
    link_close(&pub->link, &pub->socket);
    link_fini(&pub->link);
    topic_map_fini(&pub->topics);
    pub_spare_fini(&pub->spare);
    sl_buf_fini(&pub->scratch);
    free(pub->intake);
    free(pub->name);
    free(pub);
    *out = NULL;
}

int sluice_pub_fd(const sluice_pub_t *pub)
{
    return pub->link.epoll_fd;
}

void sluice_pub_stats(const sluice_pub_t *pub, sluice_pub_stats_t *stats)
{
    sluice_pub_stats_t ours = pub->stats;
    if (ours.pending_events > 0)
        ours.silent_ms = (link_now_ns() - pub->acked_ns) / PUB_NS_PER_MS;
    stats_copy(stats, &ours, sizeof ours);
}

void sluice_event_id(uint8_t out[16], const char *source, size_t source_len, const char *id,
                     size_t id_len)
{
    wire_event_id(out, source, source_len, id, id_len);
}
