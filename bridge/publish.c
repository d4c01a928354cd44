#include "publish.h"

#include "base/log.h"

#include <assert.h>

enum { PROCESS_MOST = 64 /**< rounds of sluice_pub_process a turn, so that nothing starves */ };

static void on_receipts(void *ctx, const sluice_receipt_t *receipts, size_t count);

sl_err publish_init(publish_t *p, const bridge_options_t *options, source_shared_t *shared)
{
    p->shared = shared;
    if (decoder_create(&p->decoder) != SL_OK)
        return SL_ENOMEM;
    const sluice_pub_options_t pub = {
        .size = sizeof pub,
        .intake = options->broker,
        .name = options->name,
        .on_receipt = on_receipts,
        .ctx = p,
        .batch_bytes = (uint32_t)options->batch_bytes,
        .batch_events = (uint32_t)options->batch_events,
        .linger_us = (uint32_t)options->linger_ms * 1000,
        .pending_bytes = (uint32_t)options->pending_bytes,
        .ack_timeout_ms = (uint32_t)options->ack_timeout_ms,
    };
    return (sl_err)sluice_pub_create(&p->pub, &pub);
}

void publish_fini(publish_t *p)
{
    sluice_pub_destroy(&p->pub);
    decoder_destroy(&p->decoder);
}

/* -- what a message was -------------------------------------------------------------------- */

static void count_layers(source_t *s, const decode_result_t *result)
{
    source_count(s, SOURCE_JSON, result->json_envelopes);
    source_count(s, SOURCE_XML, result->xml_envelopes);
    source_count(s, SOURCE_BASE64, result->base64);
}

static void count_event(source_t *s, const decode_result_t *result)
{
    const event_info_t *info = &result->info;
    source_count(s, SOURCE_EVENTS, 1);
    source_count(s, SOURCE_BARE,
                 result->json_envelopes + result->xml_envelopes + result->base64 == 0);
    source_count(s, SOURCE_UNKNOWN, info->kind == EVENT_KIND_COUNT);
    source_count(s, SOURCE_UNTYPED, info->untyped);
    source_count(s, SOURCE_REPEATED, info->repeated);
    source_count(s, SOURCE_RENAMED, info->renamed);
    source_count(s, SOURCE_INEXACT, info->inexact);
}

/* When a message leaves `waiting`; for the first time, or as the dead letter of a refused one. */
static void count_result(source_t *s, bool first, const decode_result_t *result)
{
    if (first)
        count_layers(s, result);
    if (result->reason == EVENT_REASON_NONE)
        count_event(s, result);
    else
        counter_add(&s->dead_letters[result->reason], 1);
}

/* -- sending ------------------------------------------------------------------------------- */

/* The broker will never take this as it is. */
static void refuse(slot_t *slot, event_reason_t reason, const char *code)
{
    source_t *s = slot->source;
    source_count(s, SOURCE_REFUSED, 1);
    LOG_WARN("BRIDGE-REFUSED", "source=%s id=%s code=%s; %s", s->name, slot->message.id, code,
             slot->refused == EVENT_REASON_NONE ? "published as a dead letter instead"
                                                : "the dead letter too; left in MNS");
    if (slot->refused != EVENT_REASON_NONE) {
        source_leave(slot);
        return;
    }
    slot->refused = reason;
    slot->refused_code = code;
    source_wait_again(slot);
}

static sl_err decode(publish_t *p, const slot_t *slot, decode_result_t *result)
{
    const decode_place_t *place = &slot->source->place;
    if (slot->refused != EVENT_REASON_NONE)
        return decoder_run_refused(p->decoder, place, &slot->message, slot->refused,
                                   slot->refused_code, result);
    return decoder_run(p->decoder, place, &slot->message, result);
}

static bool wanted(const source_t *s, const decode_result_t *result)
{
    if (result->reason != EVENT_REASON_NONE)
        return true;
    const char *dot = memchr(result->topic, '.', result->topic_len);
    assert(dot != NULL); /* the normaliser makes topics as Category.Event */
    return options_source_wants(s->options, dot + 1,
                                (size_t)(result->topic + result->topic_len - dot - 1));
}

/* @return false: no room; the message waits again. */
static bool send_slot(publish_t *p, slot_t *slot)
{
    source_t *s = slot->source;
    bool first = slot->refused == EVENT_REASON_NONE;
    decode_result_t result;
    if (decode(p, slot, &result) != SL_OK) {
        source_wait_again(slot);
        return false;
    }
    if (result.foreign && s->ops->foreign != NULL) {
        s->ops->foreign(slot);
        return true;
    }
    if (!wanted(s, &result)) {
        count_result(s, first, &result);
        source_count(s, SOURCE_FILTERED, 1);
        source_done(slot);
        return true;
    }
    uint8_t id[16];
    sluice_event_id(id, result.source, result.source_len, result.identity, result.identity_len);
    source_sent(slot); /* before: its receipt may come while it is being sent */
    p->sent++;
    sluice_err err = sluice_pub_send(p->pub, result.topic, result.topic_len, result.event,
                                     result.event_len, id, slot);
    if (err == SLUICE_OK) {
        count_result(s, first, &result);
        source_count(s, SOURCE_PUBLISHED, 1);
        return true;
    }
    p->sent--;
    switch (err) { /* what the publisher refuses, the broker would */
    case SLUICE_ELIMIT:
        refuse(slot, EVENT_REASON_TOO_LARGE, "SIZE");
        return true;
    case SLUICE_EREFUSED:
        refuse(slot, EVENT_REASON_REFUSED, "TOPICS");
        return true;
    case SLUICE_EINVAL:
        refuse(slot, EVENT_REASON_REFUSED, "TOPIC");
        return true;
    default:
        source_wait_again(slot);
        return false;
    }
}

size_t publish_take(publish_t *p, source_t *s, size_t most)
{
    if (p->full && publish_pending(p) > 0)
        return 0; /* room comes with a receipt */
    p->full = false;
    size_t taken = 0;
    slot_t *slot;
    while (taken < most && (slot = source_next_waiting(s)) != NULL) {
        if (!send_slot(p, slot)) {
            p->full = true;
            break;
        }
        taken++;
    }
    return taken;
}

/* -- the broker's answers ------------------------------------------------------------------ */

static void on_receipts(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    publish_t *p = ctx;
    p->receipts += count;
    p->full = false;
    for (size_t i = 0; i < count; i++) {
        slot_t *slot = receipts[i].user;
        assert(slot->state == SLOT_SENT);
        if (receipts[i].err == SLUICE_OK) {
            source_count(slot->source, SOURCE_ACKED, 1);
            source_done(slot);
        } else if (receipts[i].err == SLUICE_EREFUSED) {
            bool size = strcmp(receipts[i].code, "SIZE") == 0;
            refuse(slot, size ? EVENT_REASON_TOO_LARGE : EVENT_REASON_REFUSED, receipts[i].code);
        } /* else the publisher is being destroyed: the message stays in MNS */
    }
}

size_t publish_turn(publish_t *p)
{
    bool quiet = !p->shared->backlog || p->shared->stopping;
    if (p->sent > p->flushed && p->receipts >= p->flushed && quiet) {
        sluice_pub_flush(p->pub);
        p->flushed = p->sent;
    }
    size_t rounds = 0;
    while (rounds < PROCESS_MOST && sluice_pub_process(p->pub, 0) == SLUICE_OK)
        rounds++;
    return rounds;
}
