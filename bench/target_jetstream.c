/* target_jetstream.c - a JetStream stream in files as a target: asynchronous publishing and an
 * ordered consumer, through libnats.
 *
 * Answers come in a thread of libnats's own, which counts them; the publisher waits for them on a
 * condition.  It is woken when half of what may be outstanding is free again, since a wake-up for
 * each answer costs more than the answer. */
#include "client_nats.h"
#include "target.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TAKE_MS = 5, READ_TIMEOUT_MS = 5000 };

extern const target_ops_t target_jetstream;

typedef struct nats_target {
    natsConnection *connection;
    jsCtx *js;
    bool dedup;
    size_t wake_at;       /* events kept that are worth a wake-up */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t answered;
    size_t kept, sent;
    bool refused;
} nats_target_t;

/* -- publishing ----------------------------------------------------------------------------- */

static void on_answer(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *failed, void *ctx)
{
    nats_target_t *t = ctx;
    (void)js;
    pthread_mutex_lock(&t->lock);
    t->kept++;
    t->refused |= ack == NULL || ack->Duplicate || failed != NULL;
    if (t->kept >= t->wake_at || t->kept == t->sent)
        pthread_cond_signal(&t->answered);
    pthread_mutex_unlock(&t->lock);
    natsMsg_Destroy(msg);
}

static void close_nats(void *target)
{
    nats_target_t *t = target;
    if (t == NULL)
        return;
    jsCtx_Destroy(t->js);
    natsConnection_Destroy(t->connection);
    free(t);
}

static void *open_nats(const target_plan_t *plan)
{
    nats_target_t *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->answered, NULL);
    t->dedup = plan->dedup;
    t->wake_at = plan->outstanding / 2;
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = (int64_t)plan->outstanding;
    options.PublishAsync.StallWait = READ_TIMEOUT_MS;
    options.PublishAsync.AckHandler = on_answer;
    options.PublishAsync.AckHandlerClosure = t;
    if (client_nats_sound(natsConnection_ConnectTo(&t->connection, plan->url), "connecting") &&
        client_nats_sound(natsConnection_JetStream(&t->js, t->connection, &options), "JetStream") &&
        client_nats_make_stream(t->js)) /* every publisher asks for it: again is no error */
        return t;
    close_nats(t);
    return NULL;
}

static bool send_nats(void *target, const mix_event_t *event)
{
    nats_target_t *t = target;
    pthread_mutex_lock(&t->lock);
    t->sent++;
    pthread_mutex_unlock(&t->lock);
    return client_nats_publish(t->js, event, t->dedup);
}

static bool flush_nats(void *target)
{
    (void)target; /* a thread of libnats does */
    return true;
}

static long take_nats(void *target)
{
    nats_target_t *t = target;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TAKE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&t->lock);
    if (t->kept < t->wake_at && t->kept < t->sent)
        pthread_cond_timedwait(&t->answered, &t->lock, &until);
    long kept = t->refused ? -1 : (long)t->kept;
    t->sent -= t->kept;
    t->kept = 0;
    pthread_mutex_unlock(&t->lock);
    return kept;
}

/* -- reading -------------------------------------------------------------------------------- */

static bool read_nats(const target_plan_t *plan, share_slot_t *slot, uint64_t events)
{
    nats_target_t *t = open_nats(plan);
    natsSubscription *sub = NULL;
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = CLIENT_NATS_STREAM;
    options.Ordered = true;
    bool good = t != NULL && client_nats_sound(js_SubscribeSync(&sub, t->js, CLIENT_NATS_ALL, NULL,
                                                                &options, NULL),
                                               "subscribing");
    while (good && share_get(&slot->events) < events) {
        natsMsg *msg = NULL;
        good = client_nats_sound(natsSubscription_NextMsg(&msg, sub, READ_TIMEOUT_MS), "reading");
        if (good) {
            share_add(&slot->bytes, (uint64_t)natsMsg_GetDataLength(msg));
            share_add(&slot->events, 1);
        }
        natsMsg_Destroy(msg);
    }
    natsSubscription_Destroy(sub);
    close_nats(t);
    return good;
}

const target_ops_t target_jetstream = {
    .name = "jetstream",
    .library = client_nats_version,
    .open = open_nats,
    .send = send_nats,
    .flush = flush_nats,
    .take = take_nats,
    .close = close_nats,
    .read_all = read_nats,
};
