/* sub.c - the subscriber: a SUB socket under sub_state.h.
 *
 *     next()   notices left?  ->  LOST, STREAM
 *              events left?   ->  EVENT, pointing into the libzmq message they came in
 *              else receive one message, let the state judge it, and begin again
 *
 * A connection that stays silent, or whose sync is never answered, is made anew after watchdog_ms:
 * what was missed meanwhile the next tick shows. */
#include "link.h"
#include "sub_state.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WATCHDOG_MS_DEFAULT = 3500,
    RECEIVE_HWM_DEFAULT = 1000,
    FRAMES = 3,
    TURN_MESSAGES_MAX = 256, /* looked at between two looks at the clock */
    NS_PER_MS = 1000000,
};

struct sluice_sub {
    link_t link;
    sub_state_t state;
    char *feed;
    uint32_t watchdog_ms, receive_hwm;
    char sync_topic[WIRE_SYNC_TOPIC_LEN + 1];

    zmq_msg_t frames[FRAMES]; /* the message in hand: topic, header, events */
    sub_topic_t *topic;       /* of the batch in hand */
    wire_feed_header_t header;
    uint32_t at;        /* its next event */
    uint32_t body_at;   /* where that one begins */
    sl_buf_t rest_ends; /* ends of what is left of a batch, counted from there */
    bool version_told;  /* SLUICE_EVERSION was returned on this connection */
    bool heard;         /* a message came since quiet_ns was set */
    uint64_t quiet_ns;  /* since when nothing has come */
    uint64_t opened_ns; /* when this connection was begun */
    uint64_t reopened;  /* connections made anew by the watchdog */
    uint64_t events, batches, bytes, malformed, unknown_version;
};

/* -- connecting ------------------------------------------------------------------------------ */

static bool subscribe(sluice_sub_t *sub, const char *prefix, size_t len)
{
    return zmq_setsockopt(sub->link.socket, ZMQ_SUBSCRIBE, prefix, len) == 0;
}

/* All of it before connecting: libzmq sends the subscriptions in byte order when the connection
 * stands, and the sync topic sorts last. */
static bool subscribe_all(sluice_sub_t *sub)
{
    size_t at = 0, len;
    const char *prefix;
    uint64_t name;
    link_random(&name, sizeof name);
    snprintf(sub->sync_topic, sizeof sub->sync_topic, WIRE_SYNC_PREFIX "%016llx",
             (unsigned long long)name);
    while ((prefix = patterns_next_prefix(&sub->state.patterns, &at, &len)) != NULL)
        if (!subscribe(sub, prefix, len))
            return false;
    return subscribe(sub, WIRE_TICK_TOPIC, sizeof WIRE_TICK_TOPIC - 1) &&
           subscribe(sub, sub->sync_topic, WIRE_SYNC_TOPIC_LEN);
}

static sluice_err open_feed(sluice_sub_t *sub)
{
    sluice_err err = link_open(&sub->link, ZMQ_SUB);
    if (err != SLUICE_OK)
        return err;
    sub->opened_ns = sub->quiet_ns = link_now_ns();
    sub->heard = sub->version_told = false;
    if (!link_set(&sub->link, ZMQ_RCVHWM, (int)sub->receive_hwm) || !subscribe_all(sub))
        return SLUICE_EIO;
    return link_connect(&sub->link, sub->feed);
}

static void drop_message(sluice_sub_t *sub)
{
    for (int i = 0; i < FRAMES; i++) {
        zmq_msg_close(&sub->frames[i]);
        zmq_msg_init(&sub->frames[i]);
    }
    sub->header.count = sub->at = 0;
}

sluice_err sluice_sub_create(sluice_sub_t **out, const sluice_sub_options_t *options)
{
    sluice_sub_options_t opt = {0};
    if (options == NULL || !options_copy(&opt, sizeof opt, options, options->size))
        return SLUICE_EINVAL;
    if (opt.watchdog_ms > INT32_MAX || opt.receive_hwm > INT32_MAX)
        return SLUICE_EINVAL;
    sluice_sub_t *sub = calloc(1, sizeof *sub);
    if (sub == NULL)
        return SLUICE_ENOMEM;
    for (int i = 0; i < FRAMES; i++)
        zmq_msg_init(&sub->frames[i]);
    sub->watchdog_ms = opt.watchdog_ms != 0 ? opt.watchdog_ms : WATCHDOG_MS_DEFAULT;
    sub->receive_hwm = opt.receive_hwm != 0 ? opt.receive_hwm : RECEIVE_HWM_DEFAULT;
    sub->feed = strdup(opt.feed != NULL ? opt.feed : "tcp://127.0.0.1:5551");
    sluice_err err = link_init(&sub->link, opt.zmq_context);
    if (err == SLUICE_OK)
        err = (sluice_err)sub_state_init(&sub->state, opt.patterns);
    if (err == SLUICE_OK)
        err = sub->feed != NULL ? open_feed(sub) : SLUICE_ENOMEM;
    if (err != SLUICE_OK) {
        sluice_sub_destroy(&sub);
        return err;
    }
    *out = sub;
    return SLUICE_OK;
}

void sluice_sub_destroy(sluice_sub_t **sub)
{
    if (*sub == NULL)
        return;
    drop_message(*sub);
    link_fini(&(*sub)->link);
    sub_state_fini(&(*sub)->state);
    sl_buf_fini(&(*sub)->rest_ends);
    free((*sub)->feed);
    free(*sub);
    *sub = NULL;
}

/* -- receiving ------------------------------------------------------------------------------- */

/* One whole message into sub->frames.  The frames of a message arrive together: only the first can
 * be missing.  @return SLUICE_EPROTO: it had another number of frames, and is gone. */
static sluice_err receive(sluice_sub_t *sub)
{
    int got = 0;
    bool more = true;
    for (; more && got < FRAMES; got++) {
        if (zmq_msg_recv(&sub->frames[got], sub->link.socket, ZMQ_DONTWAIT) < 0)
            return errno == EAGAIN || errno == EINTR ? SLUICE_EAGAIN
                   : errno == ETERM                  ? SLUICE_ECLOSED
                                                     : SLUICE_EIO;
        more = zmq_msg_more(&sub->frames[got]);
    }
    bool whole = got == FRAMES && !more;
    while (more && zmq_msg_recv(&sub->frames[0], sub->link.socket, ZMQ_DONTWAIT) >= 0)
        more = zmq_msg_more(&sub->frames[0]);
    return whole ? SLUICE_OK : SLUICE_EPROTO;
}

static sl_err decode(sluice_sub_t *sub, wire_feed_header_t *header)
{
    zmq_msg_t *f = sub->frames;
    return wire_feed_decode(header, zmq_msg_data(&f[1]), zmq_msg_size(&f[1]), zmq_msg_data(&f[0]),
                            zmq_msg_size(&f[0]), zmq_msg_data(&f[2]), zmq_msg_size(&f[2]));
}

static sl_err take_tick(sluice_sub_t *sub, bool sync)
{
    wire_feed_header_t header;
    sl_err err = decode(sub, &header);
    if (err != SL_OK)
        return err;
    if (header.count != 0)
        return SL_EPROTO;
    return sub_state_tick(&sub->state, &header, zmq_msg_data(&sub->frames[2]),
                          zmq_msg_size(&sub->frames[2]), sync);
}

static sl_err take_batch(sluice_sub_t *sub, const char *name, size_t len)
{
    sl_err err;
    wire_feed_header_t header;
    uint32_t skip;
    sub_topic_t *topic = sub_state_topic(&sub->state, name, len, &err);
    if (topic == NULL || !topic->mine) /* what a wide prefix brings along is not even decoded */
        return err;
    err = decode(sub, &header);
    if (err == SL_OK && header.count == 0)
        err = SL_EPROTO;
    if (err == SL_OK)
        err = sub_state_batch(&sub->state, topic, &header, &skip);
    if (err != SL_OK || skip == header.count)
        return err;
    sub->topic = topic;
    sub->header = header;
    sub->at = skip;
    sub->body_at = skip > 0 ? wire_end(header.ends, skip - 1) : 0;
    sub->batches++;
    return SL_OK;
}

/* Judges the message in sub->frames.  A topic of the feed's own that we do not know is not ours. */
static sl_err take_message(sluice_sub_t *sub)
{
    const char *name = zmq_msg_data(&sub->frames[0]);
    size_t len = zmq_msg_size(&sub->frames[0]);
    if (len == WIRE_SYNC_TOPIC_LEN && memcmp(name, sub->sync_topic, len) == 0)
        return take_tick(sub, true);
    if (len == sizeof WIRE_TICK_TOPIC - 1 && memcmp(name, WIRE_TICK_TOPIC, len) == 0)
        return take_tick(sub, false);
    if (len > 0 && (name[0] == '~' || (name[0] == '$' && !wire_topic_valid(name, len))))
        return SL_OK;
    return take_batch(sub, name, len);
}

static sluice_err count_failure(sluice_sub_t *sub, sl_err err)
{
    sub->malformed += err == SL_EPROTO;
    sub->unknown_version += err == SL_EVERSION;
    if (err == SL_EVERSION && sub->version_told)
        return SLUICE_OK; /* told once, then only counted */
    sub->version_told |= err == SL_EVERSION;
    return (sluice_err)err;
}

static bool has_item(const sluice_sub_t *sub)
{
    return sub->at < sub->header.count || sub_state_has_notice(&sub->state);
}

/* Receives until there is an item.  @return SLUICE_OK without an item: much came, none of it ours;
 * SLUICE_EAGAIN: nothing is left. */
static sluice_err receive_item(sluice_sub_t *sub)
{
    for (int i = 0; i < TURN_MESSAGES_MAX && !has_item(sub); i++) {
        sluice_err err = receive(sub);
        if (err != SLUICE_OK && err != SLUICE_EPROTO)
            return err;
        sub->heard = true;
        err = count_failure(sub, err == SLUICE_OK ? take_message(sub) : SL_EPROTO);
        if (err != SLUICE_OK)
            return err;
    }
    return SLUICE_OK;
}

/* Nothing is left to receive.  Sets the time of the next look, and sees whether this connection is
 * worth keeping.  @return *idle_ns: how long one may sleep. */
static sluice_err look_after(sluice_sub_t *sub, uint64_t *idle_ns)
{
    uint64_t now = link_now_ns(), patience = (uint64_t)sub->watchdog_ms * NS_PER_MS;
    link_timer_taken(&sub->link, now);
    if (sub->heard)
        sub->quiet_ns = now;
    sub->heard = false;
    uint64_t since = sub->state.joined ? sub->quiet_ns : sub->opened_ns;
    if (now - since >= patience) {
        sub->reopened++;
        sub_state_reconnected(&sub->state);
        sluice_err err = open_feed(sub);
        if (err != SLUICE_OK)
            return err;
        since = now;
    }
    *idle_ns = since + patience - now;
    link_wake_at(&sub->link, since + patience);
    return SLUICE_OK;
}

/* Brings an item, waiting as long as told. */
static sluice_err await_item(sluice_sub_t *sub, int timeout_ms)
{
    uint64_t idle_ns, left_ns = UINT64_MAX;
    uint64_t deadline = timeout_ms > 0 ? link_now_ns() + (uint64_t)timeout_ms * NS_PER_MS : 0;
    drop_message(sub);
    for (;;) {
        sluice_err err = receive_item(sub);
        if (has_item(sub) || (err != SLUICE_OK && err != SLUICE_EAGAIN))
            return has_item(sub) ? SLUICE_OK : err;
        if (timeout_ms >= 0) {
            uint64_t now = timeout_ms > 0 ? link_now_ns() : 0;
            left_ns = now < deadline ? deadline - now : 0;
        }
        if (err == SLUICE_OK) { /* there is more: no sleep, and the descriptor must fire again */
            if (left_ns > 0)
                continue;
            link_wake_at(&sub->link, 0);
            return SLUICE_EAGAIN;
        }
        err = look_after(sub, &idle_ns);
        if (err != SLUICE_OK)
            return err;
        if (left_ns == 0)
            return SLUICE_EAGAIN;
        if (link_wait(&sub->link, left_ns < idle_ns ? left_ns : idle_ns) < 0)
            return SLUICE_EAGAIN;
    }
}

/* -- items ----------------------------------------------------------------------------------- */

static void put_notice(sluice_sub_t *sub, sluice_item_t *item)
{
    sub_notice_t notice = sub_state_take_notice(&sub->state);
    *item = (sluice_item_t){.kind = SLUICE_ITEM_STREAM, .stream = sub->state.stream};
    if (notice.kind == SUB_STREAM)
        return;
    item->kind = SLUICE_ITEM_LOST;
    item->topic = notice.topic->key.name;
    item->topic_len = notice.topic->key.len;
    item->lost_from = notice.from;
    item->lost_to = notice.to;
}

/* Events sub->at … sub->at+count-1 of the batch in hand, which end at `end`. */
static inline void put_events(sluice_sub_t *sub, sluice_item_t *item, uint32_t count, uint32_t end,
                              const uint8_t *ends)
{
    *item = (sluice_item_t){
        .kind = SLUICE_ITEM_EVENT,
        .topic = sub->topic->key.name,
        .topic_len = sub->topic->key.len,
        .stream = sub->header.stream,
        .number = sub->header.first + sub->at,
        .prev = sub->header.prev,
        .time_ns = sub->header.time_ns,
        .data = (const uint8_t *)zmq_msg_data(&sub->frames[2]) + sub->body_at,
        .len = end - sub->body_at,
        .count = count,
        .ends = ends,
    };
    sub->events += count;
    sub->bytes += item->len;
    sub->at += count;
    sub->body_at = end;
}

sluice_err sluice_sub_next(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms)
{
    if (!has_item(sub)) {
        sluice_err err = await_item(sub, timeout_ms);
        if (err != SLUICE_OK)
            return err;
    }
    if (sub_state_has_notice(&sub->state))
        put_notice(sub, item);
    else
        put_events(sub, item, 1, wire_end(sub->header.ends, sub->at), NULL);
    return SLUICE_OK;
}

/* The ends of what is left, counted from where it begins; the header's own when that is all. */
static const uint8_t *ends_of_rest(sluice_sub_t *sub)
{
    if (sub->at == 0)
        return sub->header.ends;
    sl_buf_clear(&sub->rest_ends);
    for (uint32_t i = sub->at; i < sub->header.count; i++) {
        uint8_t end[4];
        wire_put_end(end, wire_end(sub->header.ends, i) - sub->body_at);
        sl_buf_append(&sub->rest_ends, end, sizeof end);
    }
    return sub->rest_ends.failed ? NULL : sub->rest_ends.data;
}

sluice_err sluice_sub_next_batch(sluice_sub_t *sub, sluice_item_t *item, int timeout_ms)
{
    if (!has_item(sub)) {
        sluice_err err = await_item(sub, timeout_ms);
        if (err != SLUICE_OK)
            return err;
    }
    if (sub_state_has_notice(&sub->state)) {
        put_notice(sub, item);
        return SLUICE_OK;
    }
    const uint8_t *ends = ends_of_rest(sub);
    if (ends == NULL)
        return SLUICE_ENOMEM;
    put_events(sub, item, sub->header.count - sub->at,
               wire_end(sub->header.ends, sub->header.count - 1), ends);
    return SLUICE_OK;
}

/* -- looking at the handle ------------------------------------------------------------------- */

int sluice_sub_fd(const sluice_sub_t *sub)
{
    return sub->link.epoll_fd;
}

bool sluice_sub_joined(const sluice_sub_t *sub)
{
    return sub->state.joined;
}

void sluice_sub_stats(const sluice_sub_t *sub, sluice_sub_stats_t *stats)
{
    const sub_state_t *state = &sub->state;
    sluice_sub_stats_t ours = {
        .events = sub->events,
        .batches = sub->batches,
        .bytes = sub->bytes,
        .gaps = state->gaps,
        .repeats = state->repeats,
        .malformed = sub->malformed,
        .unknown_version = sub->unknown_version,
        .reconnects = sub->reopened + state->resyncs,
        .streams = state->streams,
        .ticks = state->ticks,
        .confirmed = state->confirmed,
    };
    stats_copy(stats, &ours, sizeof ours);
}
