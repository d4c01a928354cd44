/* From slot to reply: every push is answered once, whichever of the broker, the clock and the
 * client is first. */
#include "base/log.h"
#include "push_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

push_t *push_open(push_source_t *p, http_request_t *request)
{
    push_t *push = calloc(1, sizeof *push);
    if (push == NULL)
        return NULL;
    push->source = p;
    push->request = request;
    push->deadline_ms = p->base.shared->now_ms + p->base.options->answer_within_ms;
    http_request_set_user(request, push);
    DL_APPEND(p->open, push);
    p->open_count++;
    p->without_slot++;
    return push;
}

static void forget(push_t *push)
{
    push_source_t *p = push->source;
    assert(p->open_count > 0);
    DL_DELETE(p->open, push);
    p->open_count--;
    if (push->slot != NULL)
        push->slot->push = NULL;
    else
        p->without_slot--;
    free(push);
}

void push_answer(push_t *push, unsigned status, int counter, const char *text)
{
    push_count(push->source, counter);
    http_request_reply(push->request, &(http_reply_t){.status = status,
                                                      .type = text[0] != '\0' ? "text/plain" : NULL,
                                                      .body = text,
                                                      .body_len = strlen(text),
                                                      .ownership = HTTP_BODY_STATIC});
    forget(push);
}

const char *push_refusal_name(int refusal)
{
    return refusal == PUSH_FOREIGN_OWNER ? "foreign_owner"
                                         : mns_push_name((mns_push_verdict)refusal);
}

void push_refuse(push_t *push, int refusal, const char *cert_url)
{
    push_source_t *p = push->source;
    counter_add(&p->forged[refusal], 1);
    LOG_WARN("BRIDGE-PUSH-FORGED", "source=%s verdict=%s cert_url=%s", p->base.name,
             push_refusal_name(refusal), strpbrk(cert_url, " \"") == NULL ? cert_url : "odd");
    push_answer(push, 403, PUSH_FORGED,
                refusal == PUSH_FOREIGN_OWNER ? "the topic is another account's"
                                              : mns_push_text((mns_push_verdict)refusal));
}

void push_answer_overdue(push_source_t *p)
{
    while (p->open != NULL && p->open->deadline_ms <= p->base.shared->now_ms) {
        push_t *push = p->open;
        if (push->slot == NULL) {
            push_certificate_missed(p);
            push_answer(push, 503, PUSH_UNAVAILABLE, mns_push_text(MNS_PUSH_UNAVAILABLE));
        } else {
            push_answer(push, 503, PUSH_TIMEOUTS, "the broker did not acknowledge it in time");
        }
    }
}

void push_on_gone(void *ctx, http_request_t *request)
{
    push_source_t *p = ctx;
    push_count(p, PUSH_HUNG_UP);
    forget(http_request_user(request));
}

/* -- a slot's end -------------------------------------------------------------------------- */

void push_done(slot_t *slot)
{
    push_source_t *p = push_source_of(slot->source);
    if (slot->push != NULL)
        push_answer(slot->push, 204, PUSH_ANSWERED, "");
    else
        push_count(p, PUSH_ACKED_LATE);
    source_give(slot);
}

/* MNS keeps what is not answered 2xx, and tries again by the subscription's strategy. */
static void answer_unavailable(slot_t *slot, int counter, const char *text)
{
    if (slot->push != NULL)
        push_answer(slot->push, 503, counter, text);
    source_give(slot);
}

void push_left(slot_t *slot)
{
    answer_unavailable(slot, PUSH_REFUSED, "the broker refuses it, even as a dead letter");
}

void push_lapsed(slot_t *slot)
{
    source_count(slot->source, SOURCE_LAPSED, 1);
    answer_unavailable(slot, PUSH_TIMEOUTS, "the broker had no room for it in time");
}

void push_foreign(slot_t *slot)
{
    if (slot->push != NULL)
        push_refuse(slot->push, PUSH_FOREIGN_OWNER, "");
    source_give(slot);
}
