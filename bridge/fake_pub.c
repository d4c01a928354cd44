#include "fake_pub.h"

#include "backoff.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct sluice_pub {
    sluice_receipt_fn on_receipt;
    void *ctx;
    int fd;
};

fake_broker_t fake_broker;

void fake_broker_reset(void)
{
    for (size_t i = 0; i < fake_broker.count; i++)
        free(fake_broker.events[i].data);
    free(fake_broker.events);
    fake_broker = (fake_broker_t){.room = SIZE_MAX, .largest = SIZE_MAX, .random = 1};
}

/* FNV-1a twice: any function that tells ids apart will do for a broker of the same test. */
void sluice_event_id(uint8_t out[16], const char *source, size_t source_len, const char *id,
                     size_t id_len)
{
    uint64_t hash[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
    for (size_t i = 0; i < source_len + 1 + id_len; i++) {
        uint8_t byte = i < source_len    ? (uint8_t)source[i]
                       : i == source_len ? 0
                                         : (uint8_t)id[i - source_len - 1];
        hash[0] = (hash[0] ^ byte) * 0x100000001b3u;
        hash[1] = (hash[1] ^ byte) * 0x100000001b3u;
    }
    memcpy(out, hash, 16);
}

static bool refused(const fake_event_t *event)
{
    return fake_broker.refusals > 0 &&
           (fake_broker.refuse_topic == NULL ||
            strncmp(event->topic, fake_broker.refuse_topic, strlen(fake_broker.refuse_topic)) == 0);
}

bool fake_broker_has(const char *source, const char *id)
{
    uint8_t wanted[16], dead[16];
    char dead_id[256];
    int len = snprintf(dead_id, sizeof dead_id, "%s%c$dead", id, '\0');
    sluice_event_id(wanted, source, strlen(source), id, strlen(id));
    sluice_event_id(dead, source, strlen(source), dead_id, (size_t)len);
    for (size_t i = 0; i < fake_broker.count; i++)
        if (fake_broker.events[i].answered && (memcmp(fake_broker.events[i].id, wanted, 16) == 0 ||
                                               memcmp(fake_broker.events[i].id, dead, 16) == 0))
            return true;
    return false;
}

/* -- libsluice ----------------------------------------------------------------------------- */

sluice_err sluice_pub_create(sluice_pub_t **out, const sluice_pub_options_t *options)
{
    sluice_pub_t *pub = calloc(1, sizeof *pub);
    pub->on_receipt = options->on_receipt;
    pub->ctx = options->ctx;
    pub->fd = eventfd(0, EFD_CLOEXEC);
    *out = pub;
    return SLUICE_OK;
}

sluice_err sluice_pub_send(sluice_pub_t *pub, const char *topic, size_t topic_len,
                           const void *event, size_t len, const uint8_t id[16], void *user)
{
    (void)pub;
    fake_broker_t *b = &fake_broker;
    if (len > b->largest)
        return SLUICE_ELIMIT;
    if (b->pending >= b->room)
        return SLUICE_EAGAIN;
    if (b->count == b->cap) {
        b->cap = b->cap > 0 ? 2 * b->cap : 64;
        b->events = realloc(b->events, b->cap * sizeof *b->events);
    }
    fake_event_t *e = &b->events[b->count++];
    *e = (fake_event_t){.len = len, .user = user, .data = malloc(len)};
    snprintf(e->topic, sizeof e->topic, "%.*s", (int)topic_len, topic);
    memcpy(e->id, id, 16);
    memcpy(e->data, event, len);
    b->pending++;
    return SLUICE_OK;
}

sluice_err sluice_pub_flush(sluice_pub_t *pub)
{
    (void)pub;
    fake_broker.flushes++;
    return SLUICE_OK;
}

/* Answers one event, so that receipts come in many pieces. */
sluice_err sluice_pub_process(sluice_pub_t *pub, int timeout_ms)
{
    (void)timeout_ms;
    fake_broker_t *b = &fake_broker;
    if (b->stalled || b->away)
        return SLUICE_EAGAIN;
    if (b->answer_one_in > 1 && backoff_random(&b->random) % b->answer_one_in != 0)
        return SLUICE_EAGAIN;
    for (; b->first < b->count; b->first++) {
        fake_event_t *e = &b->events[b->first];
        if (e->user == NULL)
            continue;
        sluice_receipt_t receipt = {.user = e->user, .code = ""};
        if (refused(e)) {
            b->refusals--;
            receipt.err = SLUICE_EREFUSED;
            receipt.code = b->refuse_code;
        } else {
            e->answered = true;
        }
        e->user = NULL;
        b->pending--;
        pub->on_receipt(pub->ctx, &receipt, 1);
        return SLUICE_OK;
    }
    return SLUICE_EAGAIN;
}

int sluice_pub_fd(const sluice_pub_t *pub)
{
    return pub->fd;
}

void sluice_pub_stats(const sluice_pub_t *pub, sluice_pub_stats_t *stats)
{
    (void)pub;
    *stats = (sluice_pub_stats_t){.size = sizeof *stats,
                                  .pending_events = fake_broker.pending,
                                  .stream = fake_broker.away ? 0 : 1,
                                  .silent_ms = !fake_broker.stalled        ? 0
                                               : fake_broker.silent_ms > 0 ? fake_broker.silent_ms
                                                                           : 60000};
}

void sluice_pub_destroy(sluice_pub_t **pub)
{
    if (*pub == NULL)
        return;
    for (size_t i = 0; i < fake_broker.count; i++) {
        fake_event_t *e = &fake_broker.events[i];
        sluice_receipt_t receipt = {.user = e->user, .err = SLUICE_ECLOSED, .code = ""};
        e->user = NULL;
        if (receipt.user != NULL)
            (*pub)->on_receipt((*pub)->ctx, &receipt, 1);
    }
    close((*pub)->fd);
    free(*pub);
    *pub = NULL;
}
