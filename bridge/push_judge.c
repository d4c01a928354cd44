/* From request to slot: is it for us, is it genuine, what does it say? */
#include "push_impl.h"

#include <openssl/crypto.h>
#include <string.h>
#include <utlist.h>

/* -- the head: before the body costs memory ------------------------------------------------ */

static void reply(http_request_t *request, unsigned status, const http_header_t *header,
                  const char *text)
{
    http_request_reply(request, &(http_reply_t){.status = status,
                                                .type = "text/plain",
                                                .headers = header,
                                                .header_count = header != NULL ? 1 : 0,
                                                .body = text,
                                                .body_len = strlen(text),
                                                .ownership = HTTP_BODY_STATIC});
}

/* The path may hold a secret: how far it was right must not show in the time. */
static bool is_ours(const push_source_t *p, const char *target)
{
    const char *path = p->base.options->path;
    size_t len = strlen(path);
    return strlen(target) == len && CRYPTO_memcmp(target, path, len) == 0;
}

void push_on_head(void *ctx, http_request_t *request)
{
    static const http_header_t allow = {"Allow", "POST"};
    push_source_t *p = ctx;
    if (!is_ours(p, http_request_target(request))) {
        push_count(p, PUSH_OTHER_PATH);
        reply(request, 404, NULL, "nothing is pushed to here\n");
    } else if (strcmp(http_request_method(request), "POST") != 0) {
        push_count(p, PUSH_OTHER_METHOD);
        reply(request, 405, &allow, "a push is a POST\n");
    }
}

/* -- what it says -------------------------------------------------------------------------- */

static decode_message_t message_of(const push_t *push, const mns_push_info_t *info)
{
    size_t len;
    const char *body = (const char *)http_request_body(push->request, &len);
    const sl_clock_t *clock = push->source->base.shared->clock;
    /* Older services name no message in the head of a push.  An envelope does; where there is none
     * the request's id keeps apart what must not be taken for repeats of each other. */
    const mns_push_text_view_t *id =
        info->message_id.len > 0 ? &info->message_id : &info->request_id;
    return (decode_message_t){
        .body = body,
        .body_len = len,
        .id = id->at,
        .id_len = id->len,
        .topic = info->topic_name.at,
        .topic_len = info->topic_name.len,
        .owner = info->topic_owner.at,
        .owner_len = info->topic_owner.len,
        .enqueue_time_ms = info->publish_time_ms > 0
                               ? info->publish_time_ms
                               : (int64_t)(sl_clock_wall_ns(clock) / 1000000u),
    };
}

static void take_genuine(push_t *push, const mns_push_info_t *info)
{
    push_source_t *p = push->source;
    p->certificate_down_until_ms = 0;
    decode_message_t message = message_of(push, info);
    if (message.id_len == 0) {
        push_answer(push, 400, PUSH_MALFORMED, "neither x-mns-message-id nor x-mns-request-id\n");
        return;
    }
    slot_t *slot = source_take_message(&p->base, &message, "");
    if (slot == NULL) {
        push_answer(push, 503, PUSH_BUSY, "out of memory\n");
        return;
    }
    source_count(&p->base, SOURCE_RECEIVED, 1);
    slot->deadline_ms = push->deadline_ms;
    slot->push = push;
    push->slot = slot;
    p->without_slot--;
}

/* -- is it genuine? ------------------------------------------------------------------------ */

static void note_header(void *ctx, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    push_source_t *p = ctx;
    if (p->header_count < PUSH_HEADERS_MAX)
        p->headers[p->header_count] = (mns_push_header_t){name, value, name_len, value_len};
    p->header_count++;
}

static void judge(push_t *push)
{
    push_source_t *p = push->source;
    mns_push_info_t info;
    mns_push_request_t request = {.method = http_request_method(push->request),
                                  .target = http_request_target(push->request),
                                  .headers = p->headers};
    request.body = http_request_body(push->request, &request.body_len);
    p->header_count = 0;
    http_request_headers(push->request, note_header, p);
    request.header_count = p->header_count;
    if (p->header_count > PUSH_HEADERS_MAX) {
        push_answer(push, 400, PUSH_MALFORMED, "too many headers\n");
        return;
    }
    mns_push_verdict verdict = mns_push_verify(p->verifier, &request, &info);
    switch (verdict) {
    case MNS_PUSH_GENUINE:
        take_genuine(push, &info);
        break;
    case MNS_PUSH_WAIT:
        counter_add(&p->counters[PUSH_CERTIFICATE_WAITS], !push->counted);
        push->counted = true;
        break;
    case MNS_PUSH_UNAVAILABLE:
        push_certificate_missed(p);
        push_answer(push, 503, PUSH_UNAVAILABLE, mns_push_text(verdict));
        break;
    case MNS_PUSH_NO_MEMORY:
        push_answer(push, 503, PUSH_BUSY, mns_push_text(verdict));
        break;
    default:
        push_refuse(push, (int)verdict, info.cert_url);
    }
}

void push_judge_waiting(push_source_t *p)
{
    push_t *push, *next;
    DL_FOREACH_SAFE(p->open, push, next)
    if (push->slot == NULL)
        judge(push);
}

/* @return NULL, or why a push is not even looked at. */
static const char *why_not_now(const push_source_t *p)
{
    const source_shared_t *shared = p->base.shared;
    if (shared->stopping)
        return "stopping\n";
    if (!shared->broker_up || !shared->broker_acks)
        return "the broker is away\n";
    bool full = p->base.in_hand + p->without_slot >= p->base.options->in_hand;
    return full ? "too much in hand\n" : NULL;
}

void push_on_request(void *ctx, http_request_t *request)
{
    push_source_t *p = ctx;
    p->work++;
    push_count(p, PUSH_REQUESTS);
    const char *why = why_not_now(p);
    push_t *push = why == NULL ? push_open(p, request) : NULL;
    if (push != NULL) {
        judge(push);
        return;
    }
    push_count(p, PUSH_BUSY);
    reply(request, 503, NULL, why != NULL ? why : "out of memory\n");
}
