#include "query.h"

#include "base/mp.h"
#include "wire/query.h"

#include <string.h>

enum { STATUS_PUBLISHERS_MAX = 256 };

void query_init(query_t *q, const query_options_t *options)
{
    memset(q, 0, sizeof *q);
    q->o = *options;
    zmq_msg_init(&q->route);
    zmq_msg_init(&q->question);
}

void query_fini(query_t *q)
{
    sl_buf_fini(&q->answer);
    zmq_msg_close(&q->route);
    zmq_msg_close(&q->question);
}

/* -- STATUS ---------------------------------------------------------------------------------- */

static void put_text(sl_buf_t *out, const char *text)
{
    mp_put_str(out, text, strlen(text));
}

static void put_pair(sl_buf_t *out, const char *key, uint64_t value)
{
    put_text(out, key);
    mp_put_uint(out, value);
}

static void put_topics(sl_buf_t *out, const topics_t *topics)
{
    uint32_t fed = 0;
    for (uint32_t i = 0; i < topics->count; i++)
        fed += topics->list[i].fed != 0;
    put_text(out, "topics");
    mp_put_map(out, fed);
    for (uint32_t i = 0; i < topics->count; i++) {
        if (topics->list[i].fed == 0)
            continue;
        mp_put_str(out, topics->list[i].name, topics->list[i].len);
        mp_put_uint(out, topics->list[i].fed);
    }
}

static void put_dedup(sl_buf_t *out, const query_t *q)
{
    const dedup_t *d = &q->o.sequencer->dedup;
    put_text(out, "dedup");
    mp_put_map(out, 7);
    put_pair(out, "window_events", counter_get(&q->o.counters[BROKER_DEDUP_WINDOW_EVENTS]));
    put_pair(out, "window_ms", counter_get(&q->o.counters[BROKER_DEDUP_WINDOW_MS]));
    put_pair(out, "entries", d->live);
    put_pair(out, "entries_max", d->count_max);
    put_pair(out, "reach_ms", dedup_reach_ms(d));
    put_pair(out, "age_max_ms", q->o.dedup_age_ms);
    put_pair(out, "memory_bytes", dedup_bytes(d));
}

static void put_parents(sl_buf_t *out, const feed_options_t *o)
{
    put_text(out, "parents");
    mp_put_array(out, o->parent_count);
    for (uint32_t i = 0; i < o->parent_count; i++) {
        mp_put_array(out, 2);
        mp_put_uint(out, o->parents[i].stream);
        mp_put_uint(out, o->parents[i].last);
    }
}

static void put_journal(sl_buf_t *out, journal_t *j)
{
    journal_stat_t stat;
    journal_stat(j, &stat);
    const struct {
        const char *key;
        uint64_t value;
    } pairs[] = {{"oldest", stat.oldest},
                 {"next", stat.next},
                 {"records", stat.records},
                 {"bytes", stat.bytes},
                 {"oldest_time_ns", stat.oldest_time_ns},
                 {"newest_time_ns", stat.newest_time_ns},
                 {"retain_bytes", stat.retain_bytes},
                 {"retain_age_ms", stat.retain_age_ms},
                 {"map_bytes", stat.map_bytes},
                 {"used_bytes", stat.used_bytes},
                 {"file_bytes", stat.file_bytes},
                 {"quarantined", stat.quarantined},
                 {"commits", stat.commits},
                 {"failed_commits", stat.failed_commits}};
    enum { PAIRS = sizeof pairs / sizeof *pairs };
    put_text(out, "journal");
    mp_put_map(out, PAIRS + 1);
    put_text(out, "backend");
    put_text(out, stat.backend);
    for (size_t i = 0; i < PAIRS; i++)
        put_pair(out, pairs[i].key, pairs[i].value);
}

static void put_publishers(sl_buf_t *out, const query_t *q)
{
    const publishers_t *all = &q->o.intake->publishers;
    uint32_t left = all->count < STATUS_PUBLISHERS_MAX ? all->count : STATUS_PUBLISHERS_MAX;
    put_text(out, "publishers");
    mp_put_array(out, left);
    for (publisher_t *p = all->table; p != NULL && left > 0; p = p->hh.next, left--) {
        mp_put_map(out, 6);
        put_text(out, "name");
        put_text(out, p->name);
        put_pair(out, "events", p->events);
        put_pair(out, "duplicates", p->duplicates);
        put_pair(out, "naks", p->naks);
        put_pair(out, "unanswered", p->due);
        put_pair(out, "idle_ms", (q->o.sequencer->now_ns - p->heard_ns) / 1000000u);
    }
}

static void put_limits(sl_buf_t *out, const intake_options_t *o)
{
    put_text(out, "limits");
    mp_put_map(out, 4);
    put_pair(out, "window", o->window);
    put_pair(out, "max_bytes", o->max_bytes);
    put_pair(out, "max_events", o->max_events);
    put_pair(out, "publishers", o->publishers_max);
}

static void put_counters(sl_buf_t *out, const query_t *q)
{
    put_text(out, "counters");
    mp_put_map(out, BROKER_COUNTER_COUNT);
    for (int i = 0; i < BROKER_COUNTER_COUNT; i++)
        put_pair(out, broker_counter_defs[i].name, counter_get(&q->o.counters[i]));
}

static void answer_status(query_t *q, uint64_t request)
{
    sl_buf_t *out = &q->answer;
    const sequencer_t *s = q->o.sequencer;
    wire_put_query(out, WIRE_QUERY_STATUS, request, 1);
    mp_put_map(out, 14 + QUERY_STATUS_MORE);
    put_text(out, "name");
    put_text(out, q->o.name);
    put_text(out, "version");
    put_text(out, SLUICE_VERSION);
    put_text(out, "durability");
    put_text(out, q->o.durability);
    put_pair(out, "stream", s->o.stream);
    put_pair(out, "next", q->o.feed->next);
    put_pair(out, "oldest", s->o.journal->oldest);
    put_pair(out, "uptime_ms", (s->now_ns - q->o.started_ns) / 1000000u);
    put_parents(out, &q->o.feed->o);
    put_journal(out, q->o.journal);
    put_topics(out, &s->topics);
    put_dedup(out, q);
    put_publishers(out, q);
    put_limits(out, &q->o.intake->o);
    put_counters(out, q);
}

/* -- answers --------------------------------------------------------------------------------- */

/* The service asks no more than it has room to be answered; without memory it gets an empty frame.
 */
static void send_answer(query_t *q, int flags)
{
    zmq_msg_send(&q->route, q->o.socket, ZMQ_SNDMORE);
    if (q->answer.failed || zmq_send(q->o.socket, q->answer.data, q->answer.len, flags) < 0)
        zmq_send(q->o.socket, "", 0, flags); /* what was begun must be finished */
}

static void answer_tick(query_t *q, uint64_t request)
{
    zmq_msg_t frames[BATCH_FRAMES];
    batch_t *b = feed_make_tick(q->o.feed, WIRE_TICK_TOPIC, sizeof WIRE_TICK_TOPIC - 1);
    sl_err err = b != NULL ? batch_frames(b, frames) : SL_ENOMEM;
    if (b != NULL)
        batch_drop(b); /* the frames hold it */
    wire_put_query(&q->answer, WIRE_QUERY_TICK, request, 0);
    q->answer.failed = q->answer.failed || err != SL_OK;
    send_answer(q, err == SL_OK ? ZMQ_SNDMORE : 0);
    for (int i = 0; err == SL_OK && i < BATCH_FRAMES; i++) {
        if (zmq_msg_send(&frames[i], q->o.socket, i < BATCH_FRAMES - 1 ? ZMQ_SNDMORE : 0) < 0)
            zmq_msg_close(&frames[i]);
    }
}

static void on_question(query_t *q)
{
    wire_query_t msg;
    sl_buf_clear(&q->answer);
    if (wire_query_decode(&msg, zmq_msg_data(&q->question), zmq_msg_size(&q->question)) == SL_OK &&
        msg.type == WIRE_QUERY_TICK) {
        answer_tick(q, msg.request);
    } else {
        answer_status(q, msg.request);
        send_answer(q, 0);
    }
}

int query_turn(query_t *q, int most)
{
    int done = 0;
    while (done < most && zmq_msg_recv(&q->route, q->o.socket, ZMQ_DONTWAIT) >= 0 &&
           zmq_msg_recv(&q->question, q->o.socket, 0) >= 0) {
        on_question(q);
        done++;
    }
    return done;
}
