#include "push.h"

#include "push_lane.h"
#include "push_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum {
    WINDOW_FIRST = 4,
    STARTING_NS = 1000000, /* in one turn: a signature takes most of it, and calls wait meanwhile */
    REORDER_MS = 1000,
    DEAD_MAX = 100000,
    DEAD_BYTES_MAX = 64 << 20,
};

static size_t at_least_1(size_t n)
{
    return n > 0 ? n : 1;
}

static size_t window_most(const pushes_t *p)
{
    return at_least_1(p->options.courier.slots * 3u / 4);
}

/* xorshift64: when to try again needs no better. */
static uint32_t next_random(pushes_t *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (uint32_t)(p->random >> 32);
}

/* -- a lane's place ------------------------------------------------------------------------ */

static void leave_line(push_lane_t *lane)
{
    if (lane->line != NULL)
        DL_DELETE2(*lane->line, lane, line_prev, line_next);
    lane->line = NULL;
}

static void join_line(push_lane_t *lane, push_lane_t **line)
{
    lane->line = line;
    DL_APPEND2(*line, lane, line_prev, line_next);
}

/* Puts the lane where it belongs after a change: into the line for a slot, or into none. */
static void place(push_lane_t *lane)
{
    bool may = lane->ready != NULL && lane->under_way_count < lane->window;
    push_lane_t **line = may ? &lane->pushes->lines[lane->kind] : NULL;
    if (lane->line == line)
        return;
    leave_line(lane);
    if (line != NULL)
        join_line(lane, line);
}

static void set_kind(push_lane_t *lane, lane_kind_t kind)
{
    pushes_t *p = lane->pushes;
    if (lane->kind == kind)
        return;
    lane->kind = kind;
    if (kind == LANE_SICK)
        p->sick_under_way += lane->under_way_count;
    else
        p->sick_under_way -= lane->under_way_count;
}

static void set_wakeup(push_lane_t *lane)
{
    heap_t *wakeups = &lane->pushes->wakeups;
    const heap_node_t *first = heap_first(&lane->waiting);
    if (first == NULL)
        heap_remove(wakeups, &lane->wakeup);
    else if (lane->wakeup.at == 0 || lane->wakeup.key != first->key)
        heap_put(wakeups, &lane->wakeup, first->key);
}

static push_lane_t *lane_create(pushes_t *p, subscription_t *s)
{
    push_lane_t *lane = calloc(1, sizeof *lane);
    if (lane == NULL || heap_reserve(&p->wakeups, p->lane_count + 1) != SL_OK) {
        free(lane);
        return NULL;
    }
    lane->pushes = p;
    lane->subscription = s;
    lane->window = WINDOW_FIRST < window_most(p) ? WINDOW_FIRST : window_most(p);
    DL_APPEND(p->lanes, lane);
    p->lane_count++;
    s->lane = lane;
    return lane;
}

/* -- a push's place ------------------------------------------------------------------------ */

static void make_ready(push_t *push)
{
    push->state = PUSH_READY;
    DL_APPEND(push->lane->ready, push);
    place(push->lane);
}

static void make_wait(push_t *push, uint64_t due_ms)
{
    push->state = PUSH_WAITING;
    heap_put(&push->lane->waiting, &push->due, due_ms);
    set_wakeup(push->lane);
}

static void take_out(push_t *push)
{
    push_lane_t *lane = push->lane;
    if (push->state == PUSH_READY) {
        DL_DELETE(lane->ready, push);
    } else if (push->state == PUSH_WAITING) {
        heap_remove(&lane->waiting, &push->due);
        set_wakeup(lane);
    } else {
        DL_DELETE(lane->under_way, push);
        lane->under_way_count--;
        lane->pushes->stats.under_way--;
        lane->pushes->sick_under_way -= lane->kind == LANE_SICK;
    }
    place(lane);
}

static size_t size_of(const push_t *push)
{
    return sizeof *push + push->body_len + 1;
}

/* Of a push that is in no place. */
static void push_free(push_t *push)
{
    pushes_t *p = push->lane->pushes;
    push_show(push, p->options.on_gone, p->options.ctx);
    push->lane->pending--;
    p->stats.pending--;
    p->options.store->bytes -= size_of(push);
    free(push);
}

/* -- what comes back ----------------------------------------------------------------------- */

static void bury(push_t *push, const courier_answer_t *answer)
{
    pushes_t *p = push->lane->pushes;
    char *json = push_write_dead(push, answer);
    box_add(&p->dead, json); /* what finds no memory is counted there */
    free(json);
    p->stats.dead++;
    push_free(push);
}

/* A try failed; the push is in no place. */
static void fail(push_t *push, const courier_answer_t *answer)
{
    push_lane_t *lane = push->lane;
    pushes_t *p = lane->pushes;
    p->stats.failures++;
    push->failures++;
    push->asked = push->again = push->hangs = false;
    lane->last_status = answer->status;
    snprintf(lane->last_error, sizeof lane->last_error, "%s", answer->error);
    lane->window = at_least_1(lane->window / 2);
    set_kind(lane, LANE_SICK);
    uint64_t wait_ms =
        push_wait_ms(lane->subscription->spec.strategy, push->failures, next_random(p));
    if (wait_ms == PUSH_GIVE_UP) {
        bury(push, answer);
    } else {
        make_wait(push, p->options.store->now_ms + at_least_1(wait_ms / p->options.time_scale));
        push_show(push, p->options.on_change, p->options.ctx);
    }
    place(lane);
}

static void succeed(push_t *push)
{
    push_lane_t *lane = push->lane;
    lane->pushes->stats.delivered++;
    lane->window += lane->window < window_most(lane->pushes);
    set_kind(lane, LANE_WELL);
    if (push->again) {
        push->again = false;
        make_ready(push);
    } else {
        push_free(push);
    }
    place(lane);
}

static void on_back(void *ctx, void *user, const courier_answer_t *answer)
{
    (void)ctx;
    push_t *push = user;
    take_out(push);
    if (answer->status >= 200 && answer->status <= 299)
        succeed(push);
    else
        fail(push, answer);
}

/* -- what goes out ------------------------------------------------------------------------- */

static void launch(push_t *push)
{
    push_lane_t *lane = push->lane;
    pushes_t *p = lane->pushes;
    const parcel_t parcel = {.subscription = lane->subscription,
                             .message_id = push->message_id,
                             .tag = push->tag,
                             .publish_ms = push->publish_ms,
                             .body = push->body,
                             .body_len = push->body_len,
                             .md5 = push->md5};
    sl_err err = courier_send(p->courier, &parcel, p->options.store->now_ms, push, &push->slot);
    if (err != SL_OK) {
        fail(push,
             &(courier_answer_t){.error = err == SL_EIO ? "no key: it cannot be kept in --data"
                                                        : "out of memory"});
        return;
    }
    push->state = PUSH_UNDER_WAY;
    DL_APPEND(lane->under_way, push);
    lane->under_way_count++;
    p->stats.under_way++;
    p->sick_under_way += lane->kind == LANE_SICK;
}

/* Lets a fault have its way with a push that is in no place. */
static void divert(push_t *push, const fault_t *fault)
{
    pushes_t *p = push->lane->pushes;
    uint64_t now = p->options.store->now_ms;
    push->asked = true;
    switch (fault->action) {
    case FAULT_ERROR:
        fail(push, &(courier_answer_t){.status = (int)fault->status, .error = FAULT_TEXT});
        break;
    case FAULT_DELAY:
        make_wait(push, now + fault->ms);
        break;
    case FAULT_HANG:
        push->hangs = true;
        make_wait(push, now + COURIER_ANSWER_MS);
        break;
    case FAULT_REORDER: /* others overtake it */
        make_wait(push, now + 1 + faults_random(p->options.faults, REORDER_MS));
        break;
    default:
        push->again = fault->action == FAULT_TWICE;
        launch(push);
    }
}

/* Every push that starts, starts here. */
static void start(push_t *push)
{
    faults_t *faults = push->lane->pushes->options.faults;
    const char *topic = push->lane->subscription->topic->name;
    fault_t fault;
    take_out(push);
    if (!push->asked && faults->count > 0 && faults_fire(faults, OPERATION_Push, topic, &fault))
        divert(push, &fault);
    else
        launch(push);
}

/* The lane whose turn it is; NULL: none has something to send and may. */
static push_lane_t *next_lane(const pushes_t *p)
{
    size_t sick_most = at_least_1(p->options.courier.slots / 2);
    push_lane_t *sick = p->sick_under_way < sick_most ? p->lines[LANE_SICK] : NULL;
    push_lane_t *well = p->lines[LANE_WELL];
    if (sick == NULL || well == NULL)
        return sick != NULL ? sick : well;
    return p->next_kind == LANE_SICK ? sick : well;
}

/* @return false: nothing can start. */
static bool start_next(pushes_t *p)
{
    push_lane_t *lane = courier_free_slots(p->courier) > 0 ? next_lane(p) : NULL;
    if (lane == NULL)
        return false;
    p->next_kind = lane->kind == LANE_SICK ? LANE_WELL : LANE_SICK;
    leave_line(lane); /* to its end */
    join_line(lane, &p->lines[lane->kind]);
    start(lane->ready);
    place(lane);
    return true;
}

/* -- time ---------------------------------------------------------------------------------- */

/* What is due in one lane. */
static void wake(push_lane_t *lane)
{
    uint64_t now = lane->pushes->options.store->now_ms;
    for (heap_node_t *first; (first = heap_first(&lane->waiting)) != NULL && first->key <= now;) {
        push_t *push = HEAP_OWNER(first, push_t, due);
        take_out(push);
        if (push->hangs)
            fail(push, &(courier_answer_t){.error = FAULT_TEXT " No answer came."});
        else
            make_ready(push);
    }
}

void pushes_turn(pushes_t *p)
{
    for (heap_node_t *first;
         (first = heap_first(&p->wakeups)) != NULL && first->key <= p->options.store->now_ms;)
        wake(HEAP_OWNER(first, push_lane_t, wakeup));
    uint64_t until_ns = sl_clock_mono_ns(p->options.clock) + STARTING_NS;
    while (start_next(p) && sl_clock_mono_ns(p->options.clock) < until_ns)
        ;
}

uint64_t pushes_next_ms(const pushes_t *p)
{
    if (courier_free_slots(p->courier) > 0 && next_lane(p) != NULL)
        return 0;
    const heap_node_t *first = heap_first(&p->wakeups);
    return queue_store_ms_until(p->options.store, first != NULL ? first->key : UINT64_MAX);
}

int pushes_fd(const pushes_t *p)
{
    return courier_fd(p->courier);
}

void pushes_on_ready(void *pushes)
{
    pushes_t *p = pushes;
    queue_store_turn(p->options.store); /* waits count from now, not from before we slept */
    courier_turn(p->courier);
}

/* -- coming and going ---------------------------------------------------------------------- */

/* A header's value has no blanks around it. */
static void copy_trimmed(char *out, const char *text, size_t size)
{
    text += strspn(text, " ");
    size_t len = (size_t)snprintf(out, size, "%s", text);
    len = len < size ? len : size - 1;
    while (len > 0 && out[len - 1] == ' ')
        out[--len] = '\0';
}

static sl_err push_create(push_lane_t *lane, const push_view_t *view, push_t **out)
{
    queue_store_t *store = lane->pushes->options.store;
    if (view->number == 0 && queue_store_full(store))
        return SL_ELIMIT;
    push_t *push = calloc(1, sizeof *push + view->body_len + 1);
    if (push == NULL || heap_reserve(&lane->waiting, lane->pending + 1) != SL_OK ||
        !digest_md5(store->digest, view->body, view->body_len, push->md5)) {
        free(push);
        return SL_ENOMEM;
    }
    push->lane = lane;
    push->number = view->number != 0 ? view->number : ++store->number;
    push->failures = view->failures;
    push->publish_ms = view->publish_ms;
    snprintf(push->message_id, sizeof push->message_id, "%s", view->message_id);
    copy_trimmed(push->tag, view->tag, sizeof push->tag);
    push->body_len = view->body_len;
    memcpy(push->body, view->body, view->body_len);
    *out = push;
    return SL_OK;
}

sl_err pushes_add(pushes_t *p, subscription_t *s, const push_view_t *view)
{
    push_t *push;
    push_lane_t *lane = s->lane != NULL ? s->lane : lane_create(p, s);
    sl_err err = lane != NULL ? push_create(lane, view, &push) : SL_ENOMEM;
    if (err != SL_OK)
        return err;
    lane->pending++;
    p->stats.pending++;
    p->options.store->bytes += size_of(push);
    if (view->due_ms > p->options.store->now_ms)
        make_wait(push, view->due_ms);
    else
        make_ready(push);
    if (view->number == 0)
        push_show(push, p->options.on_change, p->options.ctx);
    return SL_OK;
}

static void drop(push_t *push)
{
    take_out(push);
    push_free(push);
}

static void lane_destroy(push_lane_t *lane)
{
    pushes_t *p = lane->pushes;
    while (lane->under_way != NULL) {
        if (p->courier != NULL)
            courier_cut(p->courier, lane->under_way->slot);
        drop(lane->under_way);
    }
    while (lane->ready != NULL)
        drop(lane->ready);
    for (heap_node_t *first; (first = heap_first(&lane->waiting)) != NULL;)
        drop(HEAP_OWNER(first, push_t, due));
    leave_line(lane);
    heap_fini(&lane->waiting);
    DL_DELETE(p->lanes, lane);
    p->lane_count--;
    lane->subscription->lane = NULL;
    free(lane);
}

void pushes_cancel(pushes_t *p, subscription_t *s)
{
    if (s->lane == NULL)
        return;
    courier_collect(p->courier);
    p->stats.cancelled += s->lane->pending;
    lane_destroy(s->lane);
}

sl_err pushes_create(pushes_t **out, const pushes_options_t *options)
{
    pushes_t *p = calloc(1, sizeof *p);
    if (p == NULL)
        return SL_ENOMEM;
    p->options = *options;
    p->options.courier.on_back = on_back;
    p->options.courier.ctx = p;
    p->random = options->courier.boot | 1;
    box_init(&p->dead, DEAD_MAX, DEAD_BYTES_MAX);
    sl_err err = courier_create(&p->courier, &p->options.courier);
    if (err == SL_OK)
        *out = p;
    else
        pushes_destroy(&p);
    return err;
}

void pushes_destroy(pushes_t **pushes)
{
    pushes_t *p = *pushes;
    if (p == NULL)
        return;
    int saved = errno;
    courier_destroy(&p->courier); /* cuts all that is under way */
    p->options.on_gone = NULL;
    while (p->lanes != NULL)
        lane_destroy(p->lanes);
    heap_fini(&p->wakeups);
    box_clear(&p->dead);
    free(p);
    *pushes = NULL;
    errno = saved;
}

const char *pushes_certificate(pushes_t *p)
{
    return courier_certificate(p->courier);
}

void pushes_stats(const pushes_t *p, push_stats_t *stats)
{
    *stats = p->stats;
}

box_t *pushes_dead(pushes_t *p)
{
    return &p->dead;
}
