#include "publish.h"

#include "rng.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    BATCH = 16,
    BATCH_BYTES = 64 * 1024, /* MNS's limit on the bodies of a batch, as carried */
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 5000,
    TROUBLE_BYTES = 512,
};

typedef struct item {
    uint64_t n;
    event_kind_t kind;
    const char *topic;
    size_t body_at, body_len;       /* the notification, in the slot's text */
    size_t carried_at, carried_len; /* what MNS gets, likewise */
    char id[MESSAGE_ID_LEN + 1];    /* the envelope's, in a queue */
    uint64_t time_ms;
    bool confirmed;
} item_t;

typedef enum { SLOT_FREE, SLOT_FILLING, SLOT_IN_FLIGHT, SLOT_PAUSED } slot_state_t;

typedef struct slot {
    publisher_t *publisher;
    slot_state_t state;
    item_t items[BATCH];
    uint32_t count;
    uint32_t sent[BATCH], sent_count; /* which of them the request in flight names */
    size_t carried_bytes;
    sl_buf_t text;
    uint32_t failures;
    uint64_t due_ms;
} slot_t;

struct publisher {
    publisher_options_t options;
    publisher_stats_t stats;
    slot_t *slots, *filling;
    uint32_t used; /* slots that are not free */
    rng_t rng;     /* of pauses and message ids: no part of the workload */
    uint64_t id_high, id_low;
    uint64_t failing_since_ms; /* 0: the last answer was a good one */
    char trouble[TROUBLE_BYTES];
};

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

sl_err publisher_create(publisher_t **out, const publisher_options_t *options)
{
    publisher_t *p = calloc(1, sizeof *p);
    if (p == NULL)
        return SL_ENOMEM;
    p->options = *options;
    if (p->options.first_pause_ms == 0)
        p->options.first_pause_ms = FIRST_PAUSE_MS;
    p->slots = calloc(options->in_flight, sizeof *p->slots);
    if (p->slots == NULL) {
        free(p);
        return SL_ENOMEM;
    }
    for (uint32_t i = 0; i < options->in_flight; i++)
        p->slots[i].publisher = p;
    uint64_t seed = now_ms(CLOCK_REALTIME);
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed ^= (uint64_t)(uintptr_t)p;
    rng_seed(&p->rng, seed);
    p->id_high = rng_next(&p->rng);
    p->id_low = rng_next(&p->rng);
    *out = p;
    return SL_OK;
}

void publisher_destroy(publisher_t **publisher)
{
    publisher_t *p = *publisher;
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->options.in_flight; i++)
        sl_buf_fini(&p->slots[i].text);
    free(p->slots);
    free(p);
    *publisher = NULL;
}

/* The first trouble is the one that is told; `code` and `detail` may be "". */
static void give_up(publisher_t *p, const char *what, const char *code, const char *detail)
{
    if (p->trouble[0] != '\0')
        return;
    snprintf(p->trouble, sizeof p->trouble, "%s %s: %s%s%s%s%s",
             p->options.queue ? "queue" : "topic",
             p->options.queue ? p->options.queue : p->options.topic, what, *code ? ": " : "", code,
             *detail ? ": " : "", detail);
}

/* -- filling ---------------------------------------------------------------------------------- */

static slot_t *free_slot(publisher_t *p)
{
    for (uint32_t i = 0; i < p->options.in_flight; i++)
        if (p->slots[i].state == SLOT_FREE)
            return &p->slots[i];
    return NULL;
}

static slot_t *open_slot(publisher_t *p)
{
    slot_t *slot = free_slot(p);
    assert(slot != NULL);
    slot->state = SLOT_FILLING;
    slot->count = slot->failures = 0;
    slot->carried_bytes = 0;
    sl_buf_clear(&slot->text);
    p->used++;
    return slot;
}

static void close_slot(slot_t *slot)
{
    slot->state = SLOT_FREE;
    slot->publisher->used--;
}

bool publisher_has_room(const publisher_t *p)
{
    return p->filling != NULL || p->used < p->options.in_flight;
}

bool publisher_idle(const publisher_t *p)
{
    return p->used == 0;
}

/* Ids as MNS makes them, and never the same in two runs: the event's id is what duplicates are
 * known by. */
static void new_message_id(publisher_t *p, char out[MESSAGE_ID_LEN + 1])
{
    snprintf(out, MESSAGE_ID_LEN + 1, "%016" PRIX64 "%016" PRIX64, p->id_high, p->id_low++);
}

/* What MNS gets: the notification, encoded or not, in an envelope or not. */
static void write_carried(publisher_t *p, slot_t *slot, item_t *item)
{
    sl_buf_t *text = &slot->text, plain = SL_BUF_INIT;
    if (!p->options.base64 && p->options.queue == NULL) {
        item->carried_at = item->body_at;
        item->carried_len = item->body_len;
        return;
    }
    const char *message = (const char *)text->data + item->body_at;
    if (p->options.base64)
        base64_write(&plain, message, item->body_len);
    else
        sl_buf_append(&plain, message, item->body_len); /* `text` moves while it is written to */
    item->carried_at = text->len;
    if (p->options.queue == NULL) {
        sl_buf_append(text, plain.data, plain.len);
    } else {
        new_message_id(p, item->id);
        envelope_write(text, p->options.format,
                       &(envelope_t){.account = p->options.account,
                                     .topic = p->options.topic,
                                     .subscription = p->options.subscription,
                                     .message_id = item->id,
                                     .message = (const char *)plain.data,
                                     .message_len = plain.len,
                                     .publish_time_ms = item->time_ms});
    }
    item->carried_len = text->len - item->carried_at;
    text->failed = text->failed || plain.failed;
    sl_buf_fini(&plain);
}

static void slot_send(slot_t *slot);

void publisher_add(publisher_t *p, uint64_t n, const sim_event_t *event)
{
    slot_t *slot = p->filling != NULL ? p->filling : open_slot(p);
    item_t *item = &slot->items[slot->count];
    *item = (item_t){.n = n,
                     .kind = event->kind,
                     .topic = event->topic,
                     .body_at = slot->text.len,
                     .body_len = event->body_len,
                     .time_ms = now_ms(CLOCK_REALTIME)};
    sl_buf_append(&slot->text, event->body, event->body_len);
    if (!slot->text.failed)
        write_carried(p, slot, item);
    if (slot->text.failed) {
        give_up(p, sl_err_text(SL_ENOMEM), "", "");
        return;
    }
    slot->count++;
    slot->carried_bytes += item->carried_len;
    p->filling = slot;
    /* Room for one more like the largest so far, or a full batch: off it goes. */
    if (p->options.queue == NULL || slot->count == BATCH ||
        slot->carried_bytes + 2 * slot->carried_bytes / slot->count > BATCH_BYTES)
        publisher_flush(p);
}

void publisher_flush(publisher_t *p)
{
    slot_t *slot = p->filling;
    p->filling = NULL;
    if (slot != NULL)
        slot_send(slot);
}

/* -- sending ---------------------------------------------------------------------------------- */

static void record(publisher_t *p, slot_t *slot, item_t *item, const char *id)
{
    bool own_id = p->options.queue != NULL && p->options.format != ENVELOPE_SIMPLIFIED;
    ledger_entry_t entry = {.n = item->n,
                            .topic = item->topic,
                            .id = own_id ? item->id : id,
                            .body = (const char *)slot->text.data + item->body_at,
                            .body_len = item->body_len,
                            .time_ms = item->time_ms};
    item->confirmed = true;
    p->stats.published++;
    p->stats.of[item->kind]++;
    sl_err err = ledger_add(p->options.ledger, &entry);
    if (err != SL_OK)
        give_up(p, "the ledger cannot be written", "",
                err == SL_EIO ? strerror(errno) : sl_err_text(err));
}

/* Something of it is left: once more, after a pause that grows. */
static void slot_pause(slot_t *slot)
{
    publisher_t *p = slot->publisher;
    uint64_t pause_ms = p->options.first_pause_ms << (slot->failures < 10 ? slot->failures : 10);
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    slot->failures++;
    slot->state = SLOT_PAUSED;
    slot->due_ms = now_ms(CLOCK_MONOTONIC) + pause_ms / 2 + rng_below(&p->rng, pause_ms / 2 + 1);
}

static void note_failure(publisher_t *p, const mns_reply_t *reply)
{
    p->stats.failed_attempts++;
    p->stats.unanswered += reply->err == MNS_EIO || reply->err == MNS_ETIMEDOUT;
    if (p->failing_since_ms == 0)
        p->failing_since_ms = now_ms(CLOCK_MONOTONIC);
    if (!mns_err_transient(reply->err) && reply->err != MNS_EPARTIAL)
        give_up(p, *reply->code ? "refused" : mns_err_text(reply->err), reply->code,
                reply->message);
    else if (now_ms(CLOCK_MONOTONIC) - p->failing_since_ms >= p->options.give_up_ms)
        give_up(p, "nothing was accepted for too long", reply->code, reply->message);
}

static void on_reply(void *user, const mns_reply_t *reply)
{
    slot_t *slot = user;
    publisher_t *p = slot->publisher;
    if (reply->err != MNS_OK)
        note_failure(p, reply);
    uint32_t confirmed = 0;
    if (reply->err == MNS_OK || reply->err == MNS_EPARTIAL) {
        for (uint32_t i = 0; i < slot->sent_count && i < reply->message_count; i++) {
            if (*reply->messages[i].code != '\0')
                continue;
            record(p, slot, &slot->items[slot->sent[i]], reply->messages[i].message_id);
            confirmed++;
        }
    }
    if (confirmed > 0)
        p->failing_since_ms = 0;
    if (confirmed == slot->sent_count)
        close_slot(slot);
    else
        slot_pause(slot);
}

static void slot_send(slot_t *slot)
{
    publisher_t *p = slot->publisher;
    mns_outgoing_t outgoing[BATCH];
    slot->sent_count = 0;
    for (uint32_t i = 0; i < slot->count; i++) {
        const item_t *item = &slot->items[i];
        if (item->confirmed)
            continue;
        slot->sent[slot->sent_count] = i;
        outgoing[slot->sent_count++] =
            (mns_outgoing_t){.body = (const char *)slot->text.data + item->carried_at,
                             .body_len = item->carried_len,
                             .delay_seconds = -1};
    }
    mns_request_t request = {.op = p->options.queue == NULL ? MNS_PUBLISH_MESSAGE
                                                            : MNS_BATCH_SEND_MESSAGE,
                             .topic = p->options.topic,
                             .queue = p->options.queue,
                             .outgoing = outgoing,
                             .count = slot->sent_count};
    slot->state = SLOT_IN_FLIGHT;
    p->stats.requests++;
    mns_err err = mns_submit(p->options.client, &request, on_reply, slot);
    if (err != MNS_OK) {
        slot->state = SLOT_PAUSED;
        slot->due_ms = UINT64_MAX;
        give_up(p, mns_err_text(err), "", "");
    }
}

void publisher_turn(publisher_t *p, int timeout_ms)
{
    uint64_t now = now_ms(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < p->options.in_flight; i++) {
        slot_t *slot = &p->slots[i];
        if (slot->state != SLOT_PAUSED)
            continue;
        if (slot->due_ms <= now)
            slot_send(slot);
        else if (slot->due_ms - now < (uint64_t)timeout_ms)
            timeout_ms = (int)(slot->due_ms - now);
    }
    mns_client_run(p->options.client, timeout_ms);
}

const char *publisher_trouble(const publisher_t *p)
{
    return p->trouble[0] == '\0' ? NULL : p->trouble;
}

const publisher_stats_t *publisher_stats(const publisher_t *p)
{
    return &p->stats;
}
