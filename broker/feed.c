#include "feed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    RETRY_NS_MIN = 40 * 1000,
    RETRY_NS_MAX = 500 * 1000,
    RETRY_PART = 8, /* of the time waited already */
    SAMPLE_NS = 1000 * 1000,
    LOOK_NS = 20 * 1000 * 1000, /* shorter, and a healthy I/O thread may look idle */
    IDLE_PERCENT = 5,
    SHORTER = 4,                 /* looks and patience right after somebody was found stuck */
    STALE_NS = 20 * 1000 * 1000, /* a batch held longer hangs at a slow subscriber … */
    LOAD_NS = 2 * 1000 * 1000,   /* looked at for so long */
    LOAD_NS_MAX = 100 * 1000 * 1000,
    LOADED_PERCENT = 25, /* … unless there is so much to send that all have to wait */
    UPSTREAM_MAX = 512,
    TAIL_OVERHEAD = 3 + 9, /* str16 head, uint64 */
};

static const uint64_t stuck_for_ns = UINT64_C(5) * 1000 * 1000 * 1000;

void feed_init(feed_t *f, const feed_options_t *options, uint64_t now_ns)
{
    memset(f, 0, sizeof *f);
    f->o = *options;
    f->next = options->next != 0 ? options->next : 1;
    f->time_ns = options->time_ns;
    f->tick_ns = now_ns;
}

static void close_frames(feed_t *f)
{
    for (int i = 0; f->framed && i < BATCH_FRAMES; i++)
        zmq_msg_close(&f->frames[i]);
    f->framed = false;
}

void feed_fini(feed_t *f)
{
    batch_t *b;
    close_frames(f);
    while ((b = batch_list_pop(&f->queue)) != NULL)
        batch_drop(b);
    for (int i = 0; i < FEED_RECENT; i++)
        if (f->recent[i] != NULL)
            batch_drop(f->recent[i]);
    memset(f, 0, sizeof *f);
}

static inline void count(feed_t *f, int counter, uint64_t n)
{
    counter_add(&f->o.counters[counter], n);
}

void feed_push(feed_t *f, batch_t *b)
{
    b->topic->fed = b->first + b->count - 1;
    f->next = b->first + b->count;
    f->time_ns = b->time_ns;
    if (f->covered_ns == 0)
        f->covered_ns = f->now_ns;
    batch_list_push(&f->queue, b);
}

/* -- sending --------------------------------------------------------------------------------- */

/* @return 0, or libzmq's error; EAGAIN: a subscriber is full, nothing was sent. */
static int send_frames(feed_t *f)
{
    if (zmq_msg_send(&f->frames[0], f->o.socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return zmq_errno();
    /* A subscriber that had room for the first frame has room for all. */
    if (zmq_msg_send(&f->frames[1], f->o.socket, ZMQ_SNDMORE) < 0 ||
        zmq_msg_send(&f->frames[2], f->o.socket, 0) < 0)
        return zmq_errno();
    return 0;
}

/* Who stops together fills up one after the other, as the kernel's buffers are of many sizes; the
 * others shall not wait as long for each of them as for the first. */
static bool others_may_stop(const feed_t *f)
{
    return f->stuck_ns != 0 && f->now_ns - f->stuck_ns < stuck_for_ns;
}

static uint64_t patience_of(const feed_t *f, uint64_t ns)
{
    return others_may_stop(f) ? ns / SHORTER : ns;
}

/* Full subscribers miss this message, and the others get it. */
static int send_lossy(feed_t *f)
{
    int off = 0, on = 1;
    if (!others_may_stop(f)) /* only a wait of full length says so */
        f->stuck_ns = f->now_ns;
    zmq_setsockopt(f->o.socket, ZMQ_XPUB_NODROP, &off, sizeof off);
    int err = send_frames(f);
    zmq_setsockopt(f->o.socket, ZMQ_XPUB_NODROP, &on, sizeof on);
    count(f, BROKER_FEED_LOSSY, err == 0);
    return err;
}

/* Credit that came back is seen only when the socket handles its commands, which a send that
 * fails does about once a millisecond. */
static void take_credit(feed_t *f)
{
    int events;
    size_t len = sizeof events;
    zmq_getsockopt(f->o.socket, ZMQ_EVENTS, &events, &len);
}

static void begin_look(feed_t *f)
{
    f->looked_ns = 0;
    f->cpu_ns = io_clock_ns(&f->o.io_clock);
}

static void begin_wait(feed_t *f)
{
    f->waiting = true;
    f->waited_ns = f->sampled_ns = 0;
    f->tried_ns = f->now_ns;
    begin_look(f);
    count(f, BROKER_FEED_WAITS, 1);
}

/* Only time in which we ran is counted: when this thread was off the CPU, so were others. */
static void count_wait(feed_t *f)
{
    uint64_t step_ns = f->now_ns - f->tried_ns;
    step_ns = step_ns < SAMPLE_NS ? step_ns : SAMPLE_NS;
    f->waited_ns += step_ns;
    f->looked_ns += step_ns;
    f->tried_ns = f->now_ns;
}

/* Has nobody been reading since the last look?  An I/O thread that is found runnable once has not
 * been idle, only short of a CPU; and where CPUs are short an idle one proves nothing: healthy
 * subscribers wait for a CPU longer than any look takes. */
static bool nobody_reads(feed_t *f)
{
    if (!f->o.io_clock.known || f->waited_ns - f->sampled_ns < SAMPLE_NS)
        return false;
    f->sampled_ns = f->waited_ns;
    bool runnable = io_clock_is_runnable(&f->o.io_clock);
    if (!runnable && f->looked_ns < patience_of(f, LOOK_NS))
        return false;
    uint64_t used_ns = io_clock_ns(&f->o.io_clock) - f->cpu_ns;
    bool idle = !runnable && used_ns * 100 < f->looked_ns * IDLE_PERCENT;
    begin_look(f);
    return idle && !machine_is_busy();
}

static int send_head(feed_t *f)
{
    if (!f->framed) {
        if (batch_frames(f->queue.head, f->frames) != SL_OK)
            return ENOMEM; /* try again in a while */
        f->framed = true;
    }
    if (f->waiting)
        take_credit(f);
    int err = send_frames(f);
    if (err != EAGAIN)
        return err;
    if (!f->waiting)
        begin_wait(f);
    else
        count_wait(f);
    return f->waited_ns >= patience_of(f, f->o.patience_ns) || nobody_reads(f) ? send_lossy(f)
                                                                               : err;
}

/* The batches sent last are kept, to see whether libzmq is done with them. */
static void remember(feed_t *f, batch_t *b)
{
    batch_t **slot = &f->recent[f->recent_at++ % FEED_RECENT];
    if (*slot != NULL)
        batch_drop(*slot);
    b->opened_ns = f->now_ns;
    *slot = b;
}

static void on_sent(feed_t *f)
{
    f->framed = false; /* libzmq has the messages */
    batch_t *b = batch_list_pop(&f->queue);
    if (f->waiting)
        count(f, BROKER_FEED_WAIT_US, f->waited_ns / 1000);
    f->waiting = false;
    if (b->topic == NULL) {
        batch_drop(b);
        return;
    }
    count(f, BROKER_FEED_BATCHES, 1);
    count(f, BROKER_FEED_EVENTS, b->count);
    count(f, BROKER_FEED_BYTES, b->name_len + batch_bytes(b));
    remember(f, b);
}

/* Soon at first, then the longer the wait has been, the longer the pause: to find the moment to an
 * eighth is enough, and each try takes a turn of the sequencer's thread. */
static uint64_t pause_ns(const feed_t *f)
{
    uint64_t pause = f->waiting ? f->waited_ns / RETRY_PART : 0;
    if (pause < RETRY_NS_MIN)
        return RETRY_NS_MIN;
    return pause < RETRY_NS_MAX ? pause : RETRY_NS_MAX;
}

/* How much does the I/O thread do?  What it did before turns came often tells nothing of now: then
 * the look only begins. */
static void look_at_load(feed_t *f)
{
    uint64_t passed_ns = f->now_ns - f->load_ns;
    if (!f->o.io_clock.known || passed_ns < LOAD_NS)
        return;
    uint64_t cpu_ns = io_clock_ns(&f->o.io_clock);
    f->loaded =
        passed_ns < LOAD_NS_MAX && (cpu_ns - f->load_cpu_ns) * 100 >= passed_ns * LOADED_PERCENT;
    f->load_cpu_ns = cpu_ns;
    f->load_ns = f->now_ns;
}

int feed_turn(feed_t *f, int most)
{
    int sent = 0;
    look_at_load(f);
    while (f->queue.head != NULL && sent < most && f->now_ns >= f->retry_ns) {
        int err = send_head(f);
        if (err != 0) {
            f->retry_ns = f->now_ns + pause_ns(f);
            break;
        }
        on_sent(f);
        sent++;
    }
    return sent;
}

bool feed_is_behind(const feed_t *f)
{
    if (f->queue.head != NULL)
        return true;
    const batch_t *third = f->recent[f->recent_at % FEED_RECENT];
    if (third == NULL || atomic_load_explicit(&third->unsent, memory_order_relaxed) == 0)
        return false;
    return f->loaded || f->now_ns - third->opened_ns < STALE_NS;
}

/* -- ticks ----------------------------------------------------------------------------------- */

batch_t *feed_make_tick(feed_t *f, const char *topic, size_t len)
{
    const topics_t *topics = f->o.topics;
    size_t bytes = 8;
    uint32_t tails = 0;
    for (uint32_t i = 0; i < topics->count; i++) {
        if (topics->list[i].fed == 0)
            continue;
        bytes += topics->list[i].len + TAIL_OVERHEAD;
        tails++;
    }
    sl_buf_t body;
    batch_t *b = batch_open_tick(f->o.pool, topic, len, bytes, &body);
    if (b == NULL)
        return NULL;
    wire_tails_begin(&body, tails);
    for (uint32_t i = 0; i < topics->count; i++) {
        const topic_t *t = &topics->list[i];
        if (t->fed != 0)
            wire_tails_put(&body, t->name, t->len, t->fed);
    }
    if (f->wall_ns > f->time_ns)
        f->time_ns = f->wall_ns;
    wire_feed_header_t header = {.stream = f->o.stream,
                                 .first = f->next,
                                 .time_ns = f->time_ns,
                                 .parents = f->o.parents,
                                 .parent_count = f->o.parent_count};
    batch_seal_tick(b, &body, &header);
    return b;
}

void feed_tick(feed_t *f, const char *topic, size_t len)
{
    batch_t *b = feed_make_tick(f, topic, len);
    if (b != NULL) /* else the next one comes soon */
        batch_list_push(&f->queue, b);
}

static uint64_t tick_due_ns(const feed_t *f)
{
    uint64_t due = f->tick_ns + f->o.idle_tick_ns;
    if (f->covered_ns != 0 && f->covered_ns + f->o.tick_ns < due)
        due = f->covered_ns + f->o.tick_ns;
    return due;
}

void feed_tick_if_due(feed_t *f)
{
    if (f->now_ns < tick_due_ns(f))
        return;
    feed_tick(f, WIRE_TICK_TOPIC, sizeof WIRE_TICK_TOPIC - 1);
    count(f, BROKER_FEED_TICKS, 1);
    f->tick_ns = f->now_ns;
    f->covered_ns = 0;
}

uint64_t feed_deadline_ns(const feed_t *f)
{
    if (f->queue.head != NULL)
        return f->retry_ns;
    return tick_due_ns(f);
}

/* -- subscriptions --------------------------------------------------------------------------- */

/* Byte 1, then the topic: a subscription; byte 0: its end. */
static void on_upstream(feed_t *f, const uint8_t *bytes, size_t len, bool whole)
{
    if (!whole || len == 0 || bytes[0] > 1) {
        count(f, BROKER_FEED_JUNK, 1);
    } else if (bytes[0] == 1 && wire_is_sync_topic(bytes + 1, len - 1)) {
        feed_tick(f, (const char *)bytes + 1, len - 1);
        count(f, BROKER_FEED_SYNCS, 1);
    }
}

int feed_listen(feed_t *f, int most)
{
    int done = 0;
    for (; done < most; done++) {
        uint8_t bytes[UPSTREAM_MAX];
        int len = zmq_recv(f->o.socket, bytes, sizeof bytes, ZMQ_DONTWAIT);
        if (len < 0)
            break;
        int more = 0;
        size_t more_len = sizeof more;
        zmq_getsockopt(f->o.socket, ZMQ_RCVMORE, &more, &more_len);
        on_upstream(f, bytes, (size_t)len < sizeof bytes ? (size_t)len : sizeof bytes,
                    !more && (size_t)len <= sizeof bytes);
    }
    return done;
}
