#include "replay.h"

#include "cli.h"

#include "base/clock.h"
#include "event/reader.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    CREDIT_BYTES = 4 * 1024 * 1024,
    CREDIT_STEP_BYTES = CREDIT_BYTES / 4, /* given back in such portions */
    BUSY_WAIT_MS = 200,
};

typedef struct run {
    ask_t *ask;
    const replay_t *replay;
    uint64_t stream;
    uint64_t after, until; /**< what is left to be shown: after moves on */
    uint64_t owed_bytes;   /**< used up and not given back */
    uint64_t taken;        /**< by retention, of what was named by its time; 0: nothing */
    uint64_t asked_ms;     /**< when the replay was asked for */
    bool stopped;          /**< by on_event */
} run_t;

typedef enum { GOES_ON, ENDED, FAILED, BUSY, RESTARTED } step_t;

/* -- asking -------------------------------------------------------------------------------- */

/* The stretch, in numbers of the current stream. */
static bool find(run_t *run)
{
    ask_t *ask = run->ask;
    wire_found_t found;
    uint64_t request = ask_begin(ask);
    wire_put_find(&ask->question, request, &(wire_find_t){.since_ns = run->replay->since_ns});
    if (!ask_for(ask, WIRE_QUERY_FIND))
        return false;
    if (wire_found_decode(&found, &ask->answer) != SL_OK) {
        ask_tell(ask, "%s", sl_err_text(SL_EPROTO));
        return false;
    }
    run->stream = found.stream;
    bool by_number = run->replay->until != 0;
    run->after = by_number ? run->replay->after : found.after;
    run->until = by_number ? run->replay->until : found.next - 1;
    run->taken = by_number || run->replay->since_ns == 0 ? 0 : found.taken;
    return true;
}

static bool ask_for_replay(run_t *run)
{
    ask_t *ask = run->ask;
    sl_buf_t prefixes = SL_BUF_INIT;
    wire_texts_put(&prefixes, run->replay->prefix, strlen(run->replay->prefix));
    uint64_t request = ask_begin(ask);
    wire_put_replay(&ask->question, request,
                    &(wire_replay_t){.stream = run->stream,
                                     .after = run->after,
                                     .until = run->until,
                                     .prefixes = wire_texts(&prefixes, 1),
                                     .credit_bytes = CREDIT_BYTES});
    ask->question.failed = ask->question.failed || prefixes.failed;
    sl_buf_fini(&prefixes);
    run->owed_bytes = 0;
    run->asked_ms = sl_clock_mono_ms(&sl_clock_system);
    return ask_send(ask);
}

static bool give_credit(run_t *run)
{
    sl_buf_t frame = SL_BUF_INIT;
    if (run->owed_bytes < CREDIT_STEP_BYTES)
        return true;
    wire_put_credit(&frame, run->ask->request, &(wire_credit_t){.bytes = run->owed_bytes});
    bool sent = !frame.failed &&
                zmq_send(run->ask->socket, frame.data, frame.len, ZMQ_DONTWAIT) == (int)frame.len;
    sl_buf_fini(&frame);
    run->owed_bytes = 0;
    if (!sent)
        ask_tell(run->ask, "the broker takes no more questions");
    return sent;
}

static void cancel(run_t *run)
{
    sl_buf_t frame = SL_BUF_INIT;
    wire_put_query(&frame, WIRE_QUERY_CANCEL, run->ask->request, 0);
    if (!frame.failed)
        zmq_send(run->ask->socket, frame.data, frame.len, ZMQ_DONTWAIT);
    sl_buf_fini(&frame);
}

/* -- what comes ---------------------------------------------------------------------------- */

/* Batches come whole: of the first and the last one only a part may be wanted. */
static void show_events(run_t *run, const wire_feed_header_t *header)
{
    zmq_msg_t *topic = &run->ask->frames[1], *body = &run->ask->frames[3];
    const uint8_t *bytes = zmq_msg_data(body);
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)zmq_msg_size(topic),
             (const char *)zmq_msg_data(topic));
    sluice_item_t item = {.kind = SLUICE_ITEM_EVENT,
                          .topic = name,
                          .topic_len = strlen(name),
                          .stream = header->stream,
                          .prev = header->prev,
                          .time_ns = header->time_ns,
                          .count = 1};
    uint32_t begin = 0;
    for (uint32_t i = 0; i < header->count && !run->stopped; i++) {
        uint32_t end = wire_end(header->ends, i);
        item.number = header->first + i;
        item.data = bytes + begin;
        item.len = end - begin;
        begin = end;
        if (item.number > run->after && item.number <= run->until)
            run->stopped = !run->replay->on_event(run->replay->ctx, &item);
    }
}

static step_t on_batch(run_t *run)
{
    ask_t *ask = run->ask;
    wire_feed_header_t header;
    if (ask->frame_count != ASK_FRAMES_MAX ||
        wire_feed_decode(&header, zmq_msg_data(&ask->frames[2]), zmq_msg_size(&ask->frames[2]),
                         zmq_msg_data(&ask->frames[1]), zmq_msg_size(&ask->frames[1]),
                         zmq_msg_data(&ask->frames[3]), zmq_msg_size(&ask->frames[3])) != SL_OK) {
        ask_tell(ask, "a batch does not decode: %s", sl_err_text(SL_EPROTO));
        return FAILED;
    }
    for (size_t i = 1; i < ASK_FRAMES_MAX; i++)
        run->owed_bytes += zmq_msg_size(&ask->frames[i]);
    show_events(run, &header);
    if (header.first + header.count - 1 > run->after)
        run->after = header.first + header.count - 1;
    if (run->stopped) {
        cancel(run);
        return ENDED;
    }
    return give_credit(run) ? GOES_ON : FAILED;
}

static void tell_lost(const run_t *run, const wire_lost_t *lost)
{
    if (run->replay->on_lost == NULL || !run->replay->on_lost(run->replay->ctx, lost))
        fprintf(stderr, "lost: numbers %" PRIu64 " to %" PRIu64 " of stream %" PRIu64 ": %s\n",
                lost->from, lost->to, run->stream, wire_lost_name(lost->reason));
}

static step_t on_lost(run_t *run)
{
    wire_lost_t lost;
    if (wire_lost_decode(&lost, &run->ask->answer) != SL_OK) {
        ask_tell(run->ask, "%s", sl_err_text(SL_EPROTO));
        return FAILED;
    }
    tell_lost(run, &lost);
    if (lost.to > run->after)
        run->after = lost.to;
    return GOES_ON;
}

static step_t on_error(const run_t *run)
{
    wire_query_error_t error;
    if (wire_query_error_decode(&error, &run->ask->answer) == SL_OK && error.code == WIRE_CODE_BUSY)
        return BUSY;
    ask_tell_answer(run->ask);
    return FAILED;
}

/* A broker that was started after we asked knows nothing of our replay; one that was not is still
 * searching for what is ours. */
static step_t on_probe(const run_t *run)
{
    const wire_query_t *status = &run->ask->answer;
    mp_value_t uptime;
    uint64_t waited_ms = sl_clock_mono_ms(&sl_clock_system) - run->asked_ms;
    bool told = status->type == WIRE_QUERY_STATUS &&
                event_find(status->rest, status->rest_len, "uptime_ms", strlen("uptime_ms"),
                           &uptime, NULL) &&
                uptime.type == MP_UINT;
    return told && uptime.u64 < waited_ms ? RESTARTED : GOES_ON;
}

static step_t on_answer(run_t *run)
{
    if (run->ask->answer.request == ASK_PROBE)
        return on_probe(run);
    switch (run->ask->answer.type) {
    case WIRE_QUERY_BATCH:
        return on_batch(run);
    case WIRE_QUERY_LOST:
        return on_lost(run);
    case WIRE_QUERY_DONE:
        return ENDED;
    case WIRE_QUERY_WRONG_STREAM:
        ask_tell(run->ask, "the broker began a new stream meanwhile; ask again");
        return FAILED;
    default:
        return on_error(run);
    }
}

/* One try. */
static step_t replay_once(run_t *run)
{
    bool probed = false;
    if (!ask_for_replay(run))
        return FAILED;
    for (;;) {
        if (cli_stopping()) {
            ask_tell(run->ask, "interrupted");
            return FAILED;
        }
        ask_wait_t wait = ask_wait(run->ask);
        if (wait == ASK_SILENCE && probed)
            ask_tell(run->ask, "no answer");
        if (wait == ASK_FAILED || (wait == ASK_SILENCE && (probed || !ask_probe(run->ask))))
            return FAILED;
        probed = wait == ASK_SILENCE;
        step_t step = wait == ASK_ANSWER ? on_answer(run) : GOES_ON;
        if (step != GOES_ON)
            return step;
    }
}

bool replay_run(ask_t *ask, const replay_t *replay)
{
    run_t run = {.ask = ask, .replay = replay};
    uint64_t deadline_ms = 0; /* of being refused, one time after another; 0: we are not */
    if (!find(&run))
        return false;
    if (run.taken != 0)
        tell_lost(&run, &(wire_lost_t){1, run.taken, WIRE_LOST_RETENTION});
    if (run.until <= run.after)
        return true; /* nothing there */
    for (;;) {
        uint64_t before = run.after;
        step_t step = replay_once(&run);
        if (step == RESTARTED)
            continue; /* from where it came to */
        if (step != BUSY)
            return step == ENDED;
        uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
        if (deadline_ms == 0 || run.after != before) /* it was ours; another needed it more */
            deadline_ms = now_ms + ask->options->timeout_s * 1000;
        if (cli_stopping() || now_ms >= deadline_ms) {
            ask_tell(ask, "%s", wire_code_text(WIRE_CODE_BUSY));
            return false;
        }
        zmq_poll(NULL, 0, BUSY_WAIT_MS);
    }
}
