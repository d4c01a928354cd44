/* Receive and peek, single and in batches, and the long polls that wait for what is not there yet.
 */
#include "ops.h"
#include "xml_out.h"

#include <stdlib.h>

enum { WAIT_MAX_S = 30 };

/* How much a caller takes, and in which form. */
typedef struct wish {
    uint64_t count;
    bool batch, peek; /* batch: the root is Messages, also for one */
} wish_t;

/* A parked receive. */
typedef struct poll {
    parked_t parked;
    waiter_t waiter;
    local_t *local;
    http_request_t *request;
    wish_t wish;
} poll_t;

static void write_message(sl_buf_t *out, const message_t *m, bool peek)
{
    sl_buf_append(out, m->xml, m->xml_len);
    if (!peek) {
        char receipt[RECEIPT_LEN + 1];
        message_receipt(m, receipt);
        XML_LIT(out, "<ReceiptHandle>");
        sl_buf_append(out, receipt, RECEIPT_LEN);
        XML_LIT(out, "</ReceiptHandle>");
    }
    XML_LIT(out, "<EnqueueTime>");
    xml_decimal(out, m->enqueue_ms);
    XML_LIT(out, "</EnqueueTime><FirstDequeueTime>");
    xml_decimal(out, m->first_dequeue_ms);
    XML_LIT(out, "</FirstDequeueTime>");
    if (!peek) {
        XML_LIT(out, "<NextVisibleTime>");
        xml_decimal(out, m->next_visible_ms);
        XML_LIT(out, "</NextVisibleTime>");
    }
    XML_LIT(out, "<DequeueCount>");
    xml_decimal(out, m->dequeue_count);
    XML_LIT(out, "</DequeueCount><Priority>");
    xml_decimal(out, m->priority);
    XML_LIT(out, "</Priority>");
}

static void reply_messages(local_t *local, http_request_t *request, const wish_t *wish,
                           message_t *const *messages, size_t count)
{
    enum { AROUND = 512 }; /* bytes beside m->xml, enough for any message: one allocation */
    sl_buf_t out = SL_BUF_INIT;
    size_t bytes = AROUND;
    for (size_t i = 0; i < count; i++)
        bytes += messages[i]->xml_len + AROUND;
    sl_buf_reserve(&out, bytes);
    if (wish->batch)
        xml_root(&out, "Messages");
    for (size_t i = 0; i < count; i++) {
        if (wish->batch)
            XML_LIT(&out, "<Message>");
        else
            xml_root(&out, "Message");
        write_message(&out, messages[i], wish->peek);
        XML_LIT(&out, "</Message>");
    }
    if (wish->batch)
        XML_LIT(&out, "</Messages>");
    call_reply(local, request, 200, NULL, &out);
}

static void shuffle(faults_t *faults, message_t **messages, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        size_t other = faults_random(faults, (uint32_t)left);
        message_t *moved = messages[left - 1];
        messages[left - 1] = messages[other];
        messages[other] = moved;
    }
}

static size_t take(local_t *local, const http_request_t *request, queue_t *q, const wish_t *wish,
                   message_t **messages)
{
    if (wish->peek)
        return queue_peek(q, messages, wish->count);
    bool reorder = call_fault(local, request, FAULT_REORDER) != NULL;
    if (reorder)
        queue_rotate(q);
    size_t count = queue_receive(q, messages, wish->count);
    if (reorder)
        shuffle(&local->faults, messages, count);
    local_count(local, LOCAL_COUNT_RECEIVED, count);
    return count;
}

/* Gives what is there now, or refuses.  @return false: nothing is there. */
static bool give(local_t *local, http_request_t *request, queue_t *q, const wish_t *wish)
{
    if (local->options.throttle && !wish->peek && queue_over_limit(q)) {
        local_count(local, LOCAL_COUNT_THROTTLED, 1);
        call_fail(local, request, LOCAL_QpsLimitExceeded, NULL);
        return true;
    }
    message_t *messages[BATCH_MAX];
    bool twice = call_fault(local, request, FAULT_TWICE) != NULL;
    size_t count = take(local, request, q, wish, messages);
    if (count == 0)
        return false;
    reply_messages(local, request, wish, messages, count);
    while (twice && count > 0)
        queue_show(messages[--count]);
    return true;
}

/* -- long polls ---------------------------------------------------------------------------- */

static void on_wait_end(waiter_t *waiter, wait_end_t why)
{
    poll_t *poll = (poll_t *)(void *)((char *)waiter - offsetof(poll_t, waiter));
    http_request_set_user(poll->request, NULL);
    if (why == WAIT_GONE)
        call_fail(poll->local, poll->request, LOCAL_QueueNotExist, NULL);
    else if (why == WAIT_TIMEOUT)
        call_fail(poll->local, poll->request, LOCAL_MessageNotExist, NULL);
    else if (!http_request_hung_up(poll->request)) /* the dead must not consume; on_gone follows */
        give(poll->local, poll->request, waiter->queue, &poll->wish);
    free(poll);
}

static void on_gone(parked_t *parked)
{
    poll_t *poll = (poll_t *)parked;
    queue_unwait(&poll->waiter);
    free(poll);
}

static local_err park(call_t *call, queue_t *q, const wish_t *wish, uint64_t wait_s)
{
    poll_t *poll = calloc(1, sizeof *poll);
    if (poll == NULL)
        return LOCAL_InternalError;
    poll->parked.on_gone = on_gone;
    poll->waiter.on_end = on_wait_end;
    poll->local = call->local;
    poll->request = call->request;
    poll->wish = *wish;
    if (queue_wait(q, &poll->waiter, wait_s * 1000) != SL_OK) {
        free(poll);
        return LOCAL_InternalError;
    }
    http_request_set_user(call->request, poll);
    return LOCAL_OK;
}

local_err op_receive(call_t *call)
{
    queue_t *q = queue_find(&call->local->queues, call_name(call, 1));
    if (q == NULL)
        return LOCAL_QueueNotExist;
    wish_t wish = {.count = 1, .peek = call_flag(call, "peekonly")};
    uint64_t wait_s = q->attributes.polling_wait_s;
    const char *count = target_param(&call->target, "numOfMessages");
    const char *wait = target_param(&call->target, "waitseconds");
    wish.batch = count != NULL;
    if (count != NULL && !read_number(count, 1, BATCH_MAX, &wish.count))
        return LOCAL_InvalidArgument;
    if (wait != NULL && !read_number(wait, 0, WAIT_MAX_S, &wait_s))
        return LOCAL_InvalidArgument;
    if (give(call->local, call->request, q, &wish))
        return LOCAL_OK;
    if (wish.peek || wait_s == 0)
        return LOCAL_MessageNotExist;
    return park(call, q, &wish, wait_s);
}
