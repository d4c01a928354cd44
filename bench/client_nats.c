#include "client_nats.h"

#include "carrier_servers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { IO_BYTES = 256 * 1024, SUBJECT_BYTES = 160, ID_DIGITS = 32 };

bool client_nats_sound(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return true;
    fprintf(stderr, "sluice-bench: nats: %s: %s\n", what, natsStatus_GetText(status));
    return false;
}

/* -- JetStream ------------------------------------------------------------------------------ */

bool client_nats_make_stream(jsCtx *js)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = CLIENT_NATS_STREAM;
    config.Subjects = (const char *[]){CLIENT_NATS_SUBJECTS};
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    return client_nats_sound(js_AddStream(NULL, js, &config, NULL, NULL), "making the stream");
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

bool client_nats_publish(jsCtx *js, const mix_event_t *event, bool with_id)
{
    char subject[SUBJECT_BYTES], id[ID_DIGITS + 1];
    jsPubOptions options;
    jsPubOptions_Init(&options);
    if (with_id) {
        put_hex(id, event->id);
        options.MsgId = id;
    }
    snprintf(subject, sizeof subject, "events.%s", event->topic);
    return client_nats_sound(
        js_PublishAsync(js, subject, event->data, (int)event->len, with_id ? &options : NULL),
        "publishing");
}

void client_nats_version(char *out, size_t size)
{
    snprintf(out, size, "libnats %s", nats_GetVersion());
}

/* -- connections of carriers ---------------------------------------------------------------- */

void client_nats_add_version(carrier_server_t *server)
{
    char version[CLIENT_NATS_VERSION_MAX];
    client_nats_version(version, sizeof version);
    carrier_add_version(server, "%s", version);
}

static bool make_options(natsOptions **options, const carrier_plan_t *plan)
{
    return client_nats_sound(natsOptions_Create(options), "options") &&
           client_nats_sound(natsOptions_SetURL(*options, plan->url), "options") &&
           client_nats_sound(natsOptions_SetAllowReconnect(*options, false), "options") &&
           client_nats_sound(natsOptions_SetIOBufSize(*options, IO_BYTES), "options");
}

natsConnection *client_nats_connect_pub(const carrier_plan_t *plan)
{
    natsOptions *options = NULL;
    natsConnection *nats = NULL;
    bool good = make_options(&options, plan) &&
                client_nats_sound(natsOptions_SetSendAsap(options, !plan->held), "options") &&
                client_nats_sound(natsConnection_Connect(&nats, options), "connecting");
    natsOptions_Destroy(options);
    return good ? nats : NULL;
}

/* -- subscribers ---------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static void owe(client_nats_sub_t *sub, int more)
{
    pthread_mutex_lock(&lock);
    sub->owed += (unsigned)more;
    pthread_cond_broadcast(&ended);
    pthread_mutex_unlock(&lock);
}

static void on_closed(natsConnection *nats, void *ctx)
{
    client_nats_sub_t *sub = ctx;
    (void)nats;
    atomic_store(&sub->closed, true);
    eventfd_write(sub->fd, 1);
    owe(sub, -1);
}

static void on_complete(void *ctx)
{
    owe(ctx, -1);
}

/* Of a subscription: before there is one there is no sink either. */
static void on_error(natsConnection *nats, natsSubscription *all, natsStatus status, void *ctx)
{
    client_nats_sub_t *sub = ctx;
    (void)nats;
    if (all != NULL && sub->way->loses(status))
        sub->sink.fault(sub->sink.ctx);
}

static void on_message(natsConnection *nats, natsSubscription *all, natsMsg *msg, void *ctx)
{
    client_nats_sub_t *sub = ctx;
    (void)nats, (void)all;
    if (!sub->held)
        pthread_mutex_lock(&lock);
    sub->sink.event(sub->sink.ctx, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
    if (!sub->held)
        pthread_mutex_unlock(&lock);
    natsMsg_Destroy(msg);
}

static bool connect_sub(client_nats_sub_t *sub, const carrier_plan_t *plan)
{
    natsOptions *options = NULL;
    bool good = make_options(&options, plan) &&
                client_nats_sound(natsOptions_SetClosedCB(options, on_closed, sub), "options") &&
                client_nats_sound(natsOptions_SetErrorHandler(options, on_error, sub), "options") &&
                client_nats_sound(natsConnection_Connect(&sub->nats, options), "connecting");
    natsOptions_Destroy(options);
    if (good)
        owe(sub, 1);
    return good;
}

/* Without limits of the library's own, where the window is one.  When the server has answered the
 * flush, the subscription is in force. */
static bool subscribe(client_nats_sub_t *sub)
{
    if (!sub->way->subscribe(sub, on_message) ||
        !client_nats_sound(natsSubscription_SetOnCompleteCB(sub->all, on_complete, sub),
                           "subscribing"))
        return false;
    owe(sub, 1);
    return (!sub->held ||
            client_nats_sound(natsSubscription_SetPendingLimits(sub->all, -1, -1), "limits")) &&
           client_nats_sound(natsConnection_FlushTimeout(sub->nats, CLIENT_NATS_TIMEOUT_MS),
                             "subscribing");
}

/* Its callbacks may still run when destroy returns; the last of them are waited for. */
void client_nats_sub_close(void *ctx)
{
    client_nats_sub_t *sub = ctx;
    natsSubscription_Destroy(sub->all);
    jsCtx_Destroy(sub->js);
    natsConnection_Destroy(sub->nats);
    pthread_mutex_lock(&lock);
    while (sub->owed > 0)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    close(sub->fd);
    free(sub);
}

void *client_nats_sub_open(const carrier_plan_t *plan, int *fd)
{
    client_nats_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return NULL;
    sub->way = plan->ops->detail;
    sub->held = plan->held;
    *fd = sub->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sub->fd >= 0 && connect_sub(sub, plan))
        return sub;
    client_nats_sub_close(sub);
    return NULL;
}

bool client_nats_sub_ready(const void *ctx)
{
    return ((const client_nats_sub_t *)ctx)->ready;
}

bool client_nats_sub_drain(void *ctx, const carrier_sink_t *sink)
{
    client_nats_sub_t *sub = ctx;
    eventfd_t news;
    eventfd_read(sub->fd, &news);
    if (sub->all == NULL) {
        sub->sink = *sink;
        sub->ready = subscribe(sub);
    }
    return sub->ready && !atomic_load(&sub->closed);
}
