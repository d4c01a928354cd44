#include "answer.h"

#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct held {
    parked_t parked;
    answers_t *answers;
    http_request_t *request;
    answer_t answer;
    heap_node_t due; /**< in none: until the client hangs up, or the disk is done */
    bool unsaved;    /**< among those that wait for the disk */
    held_t *prev, *next;
};

struct plan {
    http_request_t *request;
    fault_t fault;
    UT_hash_handle hh;
};

/* -- plans --------------------------------------------------------------------------------- */

static plan_t *find_plan(const answers_t *a, const http_request_t *request)
{
    plan_t *plan = NULL;
    if (a->plans != NULL) /* the usual case costs nothing */
        HASH_FIND_PTR(a->plans, &request, plan);
    return plan;
}

sl_err answers_plan(answers_t *a, http_request_t *request, const fault_t *fault)
{
    plan_t *plan = calloc(1, sizeof *plan);
    if (plan == NULL)
        return SL_ENOMEM;
    plan->request = request;
    plan->fault = *fault;
    HASH_ADD_PTR(a->plans, request, plan);
    if (plan->hh.tbl != NULL)
        return SL_OK;
    free(plan);
    return SL_ENOMEM;
}

const fault_t *answers_planned(const answers_t *a, const http_request_t *request,
                               fault_action_t action)
{
    const plan_t *plan = find_plan(a, request);
    return plan != NULL && plan->fault.action == action ? &plan->fault : NULL;
}

/* Takes the note off.  @return false: there was none. */
static bool take_plan(answers_t *a, const http_request_t *request, fault_t *fault)
{
    plan_t *plan = find_plan(a, request);
    if (plan == NULL || a->plans == NULL)
        return false;
    *fault = plan->fault;
    HASH_DEL(a->plans, plan);
    free(plan);
    return true;
}

/* -- holding ------------------------------------------------------------------------------- */

static void free_held(held_t *h)
{
    heap_remove(&h->answers->due, &h->due);
    if (h->unsaved)
        DL_DELETE(h->answers->unsaved, h);
    free(h->answer.location);
    sl_buf_fini(&h->answer.body);
    free(h);
}

static void on_held_gone(parked_t *parked)
{
    free_held((held_t *)parked);
}

/* NULL: no memory. */
static held_t *hold(answers_t *a, http_request_t *request, answer_t *answer)
{
    held_t *h = calloc(1, sizeof *h);
    if (h == NULL || heap_reserve(&a->due, a->due.count + 1) != SL_OK) {
        free(h);
        return NULL;
    }
    *h = (held_t){.parked.on_gone = on_held_gone, .answers = a, .request = request};
    h->answer = *answer;
    http_request_set_user(request, h);
    return h;
}

/* -- sending ------------------------------------------------------------------------------- */

enum { HEADERS_MAX = 5 };

/* Fills in a reply that takes the body over.  @param memory  for the headers. */
static http_reply_t make_reply(answer_t *answer, http_header_t memory[HEADERS_MAX], char text[16])
{
    size_t count = 0;
    memory[count++] = (http_header_t){"x-mns-request-id", answer->id};
    memory[count++] = (http_header_t){"x-mns-version", "2015-06-06"};
    memory[count++] = (http_header_t){"Server", "AliyunMQS"};
    if (answer->location != NULL)
        memory[count++] = (http_header_t){"Location", answer->location};
    if (answer->retry_after_s > 0) {
        snprintf(text, 16, "%u", answer->retry_after_s);
        memory[count++] = (http_header_t){"Retry-After", text};
    }
    http_reply_t reply = {.status = answer->status,
                          .type = "text/xml;charset=utf-8",
                          .headers = memory,
                          .header_count = count,
                          .ownership = HTTP_BODY_TAKE};
    reply.body = sl_buf_take(&answer->body, &reply.body_len);
    return reply;
}

typedef void send_fn(http_request_t *request, const http_reply_t *reply);

static void send_by(send_fn *send, http_request_t *request, answer_t *answer)
{
    http_header_t headers[HEADERS_MAX];
    char text[16];
    http_reply_t reply = make_reply(answer, headers, text);
    send(request, &reply);
    free(answer->location);
    answer->location = NULL;
}

static void drop(answer_t *answer)
{
    free(answer->location);
    sl_buf_fini(&answer->body);
}

static void send_later(answers_t *a, http_request_t *request, answer_t *answer,
                       const uint64_t *due_ms)
{
    held_t *h = hold(a, request, answer);
    if (h == NULL)
        send_by(http_request_reply, request, answer); /* without memory for a fault: none */
    else if (due_ms != NULL)
        heap_put(&a->due, &h->due, *due_ms);
}

/* As planned. */
static void emit(answers_t *a, http_request_t *request, answer_t *answer, uint64_t now_ms)
{
    fault_t fault = {.action = FAULT_ACTION_COUNT};
    take_plan(a, request, &fault);
    switch (fault.action) {
    case FAULT_DELAY:
        send_later(a, request, answer, &(uint64_t){now_ms + fault.ms});
        break;
    case FAULT_HANG:
        send_later(a, request, answer, NULL);
        break;
    case FAULT_HALF:
        send_by(http_request_break, request, answer);
        break;
    case FAULT_RESET:
        drop(answer);
        http_request_break(request, NULL);
        break;
    default: /* nothing befell it, or not here */
        send_by(http_request_reply, request, answer);
    }
}

static void send_when_saved(answers_t *a, http_request_t *request, answer_t *answer)
{
    held_t *h = hold(a, request, answer);
    if (h == NULL) { /* it must not go out too early: let nobody believe it */
        drop(answer);
        http_request_break(request, NULL);
        return;
    }
    h->unsaved = true;
    DL_APPEND(a->unsaved, h);
}

void answers_send(answers_t *a, http_request_t *request, answer_t *answer, uint64_t now_ms)
{
    /* "It is there already", or "it is gone", rests on what an earlier call changed: it must be
     * kept */
    bool changes = strcmp(http_request_method(request), "GET") != 0;
    if (a->disk != NULL && (disk_dirty(a->disk) || (changes && disk_retry(a->disk))))
        send_when_saved(a, request, answer);
    else
        emit(a, request, answer, now_ms);
}

void answers_settle(answers_t *a, void (*spoil)(void *ctx, answer_t *answer), void *ctx,
                    uint64_t now_ms)
{
    while (a->unsaved != NULL) {
        held_t *h = a->unsaved;
        answer_t answer = h->answer;
        http_request_t *request = h->request;
        h->answer = (answer_t){.status = 0};
        free_held(h);
        http_request_set_user(request, NULL);
        if (spoil != NULL)
            spoil(ctx, &answer);
        emit(a, request, &answer, now_ms);
    }
}

void answers_hang(answers_t *a, http_request_t *request)
{
    if (hold(a, request, &(answer_t){.status = 0}) == NULL)
        http_request_break(request, NULL); /* the next worst thing */
}

void answers_gone(answers_t *a, http_request_t *request)
{
    fault_t forgotten;
    take_plan(a, request, &forgotten);
    parked_t *parked = http_request_user(request);
    if (parked != NULL)
        parked->on_gone(parked);
}

void answers_turn(answers_t *a, uint64_t now_ms)
{
    for (heap_node_t *first; (first = heap_first(&a->due)) != NULL && first->key <= now_ms;) {
        held_t *h = HEAP_OWNER(first, held_t, due);
        http_request_set_user(h->request, NULL);
        send_by(http_request_reply, h->request, &h->answer);
        free_held(h);
    }
}

uint64_t answers_due_ms(const answers_t *a)
{
    const heap_node_t *first = heap_first(&a->due);
    return first != NULL ? first->key : UINT64_MAX;
}

void answers_fini(answers_t *a)
{
    plan_t *plan, *next;
    HASH_ITER(hh, a->plans, plan, next)
    {
        HASH_DEL(a->plans, plan);
        free(plan);
    }
    heap_fini(&a->due);
}
