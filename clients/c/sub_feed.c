/* sub_feed.c - the feed: a SUB socket whose subscriptions are known to be in force.
 *
 * A connection that stays silent, or whose sync is never answered, is made anew after watchdog_ms:
 * what was missed meanwhile the next tick shows. */
#include "sub_impl.h"

#include <stdio.h>

static bool subscribe(sluice_sub_t *sub, const char *prefix, size_t len)
{
    return zmq_setsockopt(sub->feed.socket, ZMQ_SUBSCRIBE, prefix, len) == 0;
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

sluice_err sub_feed_open(sluice_sub_t *sub)
{
    sluice_err err = link_open(&sub->link, &sub->feed, ZMQ_SUB);
    if (err != SLUICE_OK)
        return err;
    sub->opened_ns = sub->quiet_ns = link_now_ns();
    sub->heard = sub->version_told = false;
    if (!link_set(&sub->feed, ZMQ_RCVHWM, (int)sub->receive_hwm) || !subscribe_all(sub))
        return SLUICE_EIO;
    return link_connect(&sub->link, &sub->feed, sub->feed_endpoint);
}

sluice_err sub_feed_look(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns)
{
    uint64_t patience = (uint64_t)sub->watchdog_ms * SUB_NS_PER_MS;
    if (sub->phase != SUB_STARTED)
        return SLUICE_OK; /* not yet */
    if (sub->heard)
        sub->quiet_ns = now;
    sub->heard = false;
    uint64_t since = sub->state.joined ? sub->quiet_ns : sub->opened_ns;
    if (sub->feed.socket == NULL || now - since >= patience) {
        sub->reopened++;
        sub_state_reconnected(&sub->state);
        sluice_err err = sub_feed_open(sub);
        if (err != SLUICE_OK)
            return err;
        if (sub->state.placed)
            sub_query_reopen(sub, now);
        since = now;
    }
    sub_lower(next_ns, since + patience);
    return SLUICE_OK;
}

/* -- messages -------------------------------------------------------------------------------- */

static sl_err take_tick(sluice_sub_t *sub, sub_message_t *m, bool sync)
{
    wire_feed_header_t header;
    wire_parent_t parents[WIRE_PARENTS_MAX];
    bool new_connection = sync && sub->state.placed;
    sl_err err = sub_message_decode(m, &header);
    if (err == SL_OK && header.count != 0)
        err = SL_EPROTO;
    if (err == SL_OK)
        err = wire_feed_parents(zmq_msg_data(&m->frames[1]), zmq_msg_size(&m->frames[1]), parents,
                                &header.parent_count);
    if (err != SL_OK)
        return err;
    header.parents = parents;
    err = sub_state_tick(&sub->state, &header, zmq_msg_data(&m->frames[2]),
                         zmq_msg_size(&m->frames[2]), sync);
    if (err == SL_OK && new_connection && !sub->query_is_new)
        sub_query_renew(sub);
    if (err == SL_OK && sync)
        sub->query_is_new = false;
    return err;
}

static sl_err take_batch(sluice_sub_t *sub, sub_message_t *m, const char *name, size_t len,
                         sub_verdict_t *verdict)
{
    sl_err err;
    m->batch.topic = sub_state_topic(&sub->state, name, len, &err);
    if (m->batch.topic == NULL || !m->batch.topic->mine)
        return err; /* what a wide prefix brings along is not even decoded */
    err = sub_message_decode(m, &m->batch.header);
    if (err == SL_OK && m->batch.header.count == 0)
        err = SL_EPROTO;
    if (err != SL_OK)
        return err;
    m->batch.bytes = sub_message_bytes(m) + sizeof *m;
    return sub_state_batch(&sub->state, &m->batch, verdict);
}

/* A topic of the feed's own that we do not know is not ours. */
static sl_err take_message(sluice_sub_t *sub, sub_message_t *m, sub_verdict_t *verdict)
{
    const char *name = zmq_msg_data(&m->frames[0]);
    size_t len = zmq_msg_size(&m->frames[0]);
    if (len == WIRE_SYNC_TOPIC_LEN && memcmp(name, sub->sync_topic, len) == 0)
        return take_tick(sub, m, true);
    if (len == sizeof WIRE_TICK_TOPIC - 1 && memcmp(name, WIRE_TICK_TOPIC, len) == 0)
        return take_tick(sub, m, false);
    if (len > 0 && (name[0] == '~' || (name[0] == '$' && !wire_topic_valid(name, len))))
        return SL_OK;
    return take_batch(sub, m, name, len, verdict);
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

sluice_err sub_feed_take(sluice_sub_t *sub)
{
    if (sub->feed.socket == NULL)
        return SLUICE_EAGAIN;
    sub_verdict_t verdict = SUB_DROP;
    sub_message_t *m = sub_message_take(sub);
    if (m == NULL)
        return SLUICE_ENOMEM;
    sluice_err err = sub_receive_frames(sub->feed.socket, m->frames, SUB_FRAMES);
    if (err == SLUICE_OK || err == SLUICE_EPROTO) {
        sub->heard = true;
        err = count_failure(sub, err == SLUICE_OK ? take_message(sub, m, &verdict) : SL_EPROTO);
    }
    sub_message_judged(sub, m, verdict);
    sub->fed = verdict == SUB_DELIVER;
    return err;
}
