/* target_jetstream.c - a JetStream stream in files as a target: asynchronous publishing and an
 * ordered consumer, through libnats.
 *
 * Answers come in a thread of libnats's own, which counts them; the publisher waits for them on a
 * condition.  It is woken when half of what may be outstanding is free again, since a wake-up for
 * each answer costs more than the answer. */
#include "target.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAKE_MS = 5, READ_TIMEOUT_MS = 5000, SUBJECT_BYTES = 160, ID_DIGITS = 32 };

#define STREAM   "EVENTS"
#define SUBJECTS "events.>"

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

static void library_nats(char *out, size_t size)
{
    snprintf(out, size, "libnats %s", nats_GetVersion());
}

static bool sound(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return true;
    fprintf(stderr, "sluice-bench: nats: %s: %s\n", what, natsStatus_GetText(status));
    return false;
}

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

/* Every publisher asks for it: the same stream again is no error. */
static bool make_stream(jsCtx *js)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = STREAM;
    config.Subjects = (const char *[]){SUBJECTS};
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    return sound(js_AddStream(NULL, js, &config, NULL, NULL), "making the stream");
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
    if (sound(natsConnection_ConnectTo(&t->connection, plan->url), "connecting") &&
        sound(natsConnection_JetStream(&t->js, t->connection, &options), "JetStream") &&
        make_stream(t->js))
        return t;
    close_nats(t);
    return NULL;
}

static void put_hex(char *out, const uint8_t id[16])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        out[2 * i] = digits[id[i] >> 4];
        out[2 * i + 1] = digits[id[i] & 15];
    }
    out[ID_DIGITS] = '\0';
}

static bool send_nats(void *target, const mix_event_t *event)
{
    nats_target_t *t = target;
    char subject[SUBJECT_BYTES], id[ID_DIGITS + 1];
    jsPubOptions options;
    jsPubOptions_Init(&options);
    if (t->dedup) {
        put_hex(id, event->id);
        options.MsgId = id;
    }
    snprintf(subject, sizeof subject, "events.%s", event->topic);
    pthread_mutex_lock(&t->lock);
    t->sent++;
    pthread_mutex_unlock(&t->lock);
    return sound(
        js_PublishAsync(t->js, subject, event->data, (int)event->len, t->dedup ? &options : NULL),
        "publishing");
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
    options.Ordered = true;
    bool good = t != NULL &&
                sound(js_SubscribeSync(&sub, t->js, SUBJECTS, NULL, &options, NULL), "subscribing");
    while (good && share_get(&slot->events) < events) {
        natsMsg *msg = NULL;
        good = sound(natsSubscription_NextMsg(&msg, sub, READ_TIMEOUT_MS), "reading");
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
    .library = library_nats,
    .open = open_nats,
    .send = send_nats,
    .flush = flush_nats,
    .take = take_nats,
    .close = close_nats,
    .read_all = read_nats,
};
