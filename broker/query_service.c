#include "query_service.h"

#include "base/mp.h"
#include "late.h"
#include "query.h"
#include "replay.h"
#include "wire/topic.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    QUESTIONS_A_TURN = 64,
    ANSWERS_A_TURN = 64,
    FORWARDED_MAX = 64, /* questions the sequencer has not answered */
    LATE_RETRY_NS = 1000 * 1000,
    TRIM_BYTES = 16 << 20,
    MS = 1000 * 1000, /* ns */
};

static const uint64_t trim_after_ns = UINT64_C(1) * 1000 * MS;

static const uint64_t silent_ns = UINT64_C(60) * 1000 * MS;

/* An answer that waits until the cursors' change is kept. */
typedef struct pending {
    route_t peer;
    uint64_t request;
    size_t from, to; /* in `answers` */
} pending_t;

struct query_service {
    query_service_options_t o;
    wire_parent_t parents[WIRE_PARENTS_MAX];
    replays_t replays;
    uint64_t now_ns;
    int forwarded;
    route_t peer; /* who asked the question at hand */
    zmq_msg_t question;
    sl_buf_t answer;
    pending_t pending[QUESTIONS_A_TURN];
    int pending_count;
    sl_buf_t answers;
    uint64_t seen_bytes, trimmed_bytes; /* sent by replays: until now; when memory was given back */
    uint32_t seen_count;
    uint64_t quiet_ns; /* since when those stand */
    bool untrimmed;
    late_t late;
    bool stopping;
    bool running;
    pthread_t thread;
};

static inline void count(query_service_t *s, int counter)
{
    counter_add(&s->o.counters[counter], 1);
}

/* -- answers --------------------------------------------------------------------------------- */

static void send_to(query_service_t *s, const route_t *peer, const uint8_t *frame, size_t len)
{
    route_result_t result =
        late_has(&s->late, peer) ? ROUTE_FULL : route_send(s->o.router, peer, frame, len);
    if (result == ROUTE_GONE || (result == ROUTE_FULL && !late_keep(&s->late, peer, frame, len)))
        count(s, BROKER_QUERY_UNANSWERED);
}

/* Sends what was put into s->answer. */
static void answer(query_service_t *s)
{
    if (!s->answer.failed)
        send_to(s, &s->peer, s->answer.data, s->answer.len);
    else
        count(s, BROKER_QUERY_UNANSWERED);
}

static void answer_error(query_service_t *s, uint64_t request, wire_code_t code)
{
    count(s, BROKER_QUERY_ERRORS);
    wire_put_query_error(&s->answer, request, code, NULL);
    answer(s);
}

/* -- what the sequencer knows ---------------------------------------------------------------- */

static void on_forwarded(query_service_t *s, const wire_query_t *msg)
{
    (void)msg;
    if (zmq_send(s->o.pair, s->peer.bytes, s->peer.len, ZMQ_SNDMORE) < 0) {
        count(s, BROKER_QUERY_UNANSWERED); /* no memory */
        return;
    }
    s->forwarded++;
    if (zmq_msg_send(&s->question, s->o.pair, 0) < 0)
        zmq_send(s->o.pair, "", 0, 0); /* what was begun must be finished */
}

static uint64_t oldest_of(const journal_stat_t *stat)
{
    return stat->oldest != 0 ? stat->oldest : stat->next;
}

static void put_rest_of_status(query_service_t *s)
{
    journal_stat_t stat;
    journal_stat(s->o.journal, &stat);
    mp_put_lit(&s->answer, "replays");
    mp_put_uint(&s->answer, s->replays.count);
    mp_put_lit(&s->answer, "cursors");
    cursors_put_status(s->o.cursors, &s->answer,
                       &(cursors_line_t){.stream = s->o.stream,
                                         .next = stat.next,
                                         .parents = s->parents,
                                         .parent_count = s->o.parent_count});
}

/* The frames of a tick go on as they are. */
static void pass_on(query_service_t *s, zmq_msg_t *frame)
{
    route_result_t result =
        zmq_msg_size(frame) > 0 ? route_begin(s->o.router, &s->peer) : ROUTE_GONE;
    for (bool more = true; more;) {
        more = zmq_msg_more(frame);
        if (result != ROUTE_OK ||
            zmq_msg_send(frame, s->o.router, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0)
            zmq_msg_close(frame);
        zmq_msg_init(frame);
        if (more && zmq_msg_recv(frame, s->o.pair, 0) < 0)
            break;
    }
    if (result != ROUTE_OK)
        count(s, BROKER_QUERY_UNANSWERED);
}

/* One answer of the sequencer, or its word to end: a frame alone. */
static bool take_answer(query_service_t *s)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, s->o.pair, ZMQ_DONTWAIT) < 0)
        return false;
    if (!zmq_msg_more(&frame)) {
        s->stopping = true;
        zmq_msg_close(&frame);
        return true;
    }
    s->forwarded--;
    route_set(&s->peer, zmq_msg_data(&frame), zmq_msg_size(&frame));
    if (zmq_msg_recv(&frame, s->o.pair, 0) < 0) {
        zmq_msg_close(&frame);
        return true;
    }
    if (zmq_msg_more(&frame) || zmq_msg_size(&frame) == 0) {
        pass_on(s, &frame);
    } else { /* STATUS, but for the last pairs */
        sl_buf_clear(&s->answer);
        sl_buf_append(&s->answer, zmq_msg_data(&frame), zmq_msg_size(&frame));
        put_rest_of_status(s);
        answer(s);
    }
    zmq_msg_close(&frame);
    return true;
}

/* -- what the journal knows ------------------------------------------------------------------ */

/* Up to which number retention took what may have been sealed at `since_ns` or later: only the
 * times of what is kept are known.  Batches of one turn have one time. */
static uint64_t taken_since(const query_service_t *s, const journal_stat_t *stat, uint64_t since_ns)
{
    if (stat->oldest != 0)
        return since_ns <= stat->oldest_time_ns ? stat->oldest - 1 : 0;
    uint64_t wall_ns = sl_clock_wall_ns(s->o.clock), age_ns = stat->retain_age_ms * MS;
    bool too_young = stat->retain_age_ms != 0 && age_ns < wall_ns && since_ns > wall_ns - age_ns;
    return too_young ? 0 : stat->next - 1; /* nothing is kept: age took all there was */
}

static void on_find(query_service_t *s, const wire_query_t *msg)
{
    wire_find_t find;
    wire_found_t found = {.stream = s->o.stream};
    journal_stat_t stat;
    if (wire_find_decode(&find, msg) != SL_OK) {
        answer_error(s, msg->request, WIRE_CODE_FRAME);
        return;
    }
    if (journal_find(s->o.journal, find.since_ns, &found.after) != SL_OK) {
        answer_error(s, msg->request, WIRE_CODE_DISK);
        return;
    }
    /* After the search: `next` must not lie before what it found. */
    journal_stat(s->o.journal, &stat);
    found.next = stat.next;
    found.taken = taken_since(s, &stat, find.since_ns);
    wire_put_found(&s->answer, msg->request, &found);
    answer(s);
}

static bool prefixes_fit(wire_texts_t prefixes)
{
    const char *text;
    uint32_t len;
    if (prefixes.count > WIRE_PREFIXES_MAX || prefixes.len > WIRE_PREFIXES_BYTES_MAX)
        return false;
    while (wire_texts_next(&prefixes, &text, &len))
        if (len > WIRE_PATTERN_MAX)
            return false;
    return true;
}

static void answer_wrong_stream(query_service_t *s, uint64_t request, const journal_stat_t *stat)
{
    wire_wrong_stream_t wrong = {.stream = s->o.stream,
                                 .oldest = oldest_of(stat),
                                 .next = stat->next,
                                 .parent_count = s->o.parent_count};
    memcpy(wrong.parents, s->parents, sizeof wrong.parents);
    wire_put_wrong_stream(&s->answer, request, &wrong);
    answer(s);
}

static void on_replay(query_service_t *s, const wire_query_t *msg)
{
    wire_replay_t replay;
    journal_stat_t stat;
    if (wire_replay_decode(&replay, msg) != SL_OK) {
        answer_error(s, msg->request, WIRE_CODE_FRAME);
        return;
    }
    if (!prefixes_fit(replay.prefixes)) {
        answer_error(s, msg->request, WIRE_CODE_LIMIT);
        return;
    }
    journal_stat(s->o.journal, &stat);
    if (replay.stream != s->o.stream) {
        answer_wrong_stream(s, msg->request, &stat);
        return;
    }
    if (replay.until > stat.next - 1)
        replay.until = stat.next - 1;
    if (replays_add(&s->replays, &s->peer, msg->request, &replay) != SL_OK)
        answer_error(s, msg->request, WIRE_CODE_BUSY);
}

static void on_credit(query_service_t *s, const wire_query_t *msg)
{
    wire_credit_t credit;
    if (wire_credit_decode(&credit, msg) == SL_OK)
        replays_credit(&s->replays, &s->peer, msg->request, credit.bytes);
    else
        answer_error(s, msg->request, WIRE_CODE_FRAME);
}

static void on_cancel(query_service_t *s, const wire_query_t *msg)
{
    replays_cancel(&s->replays, &s->peer, msg->request);
}

/* -- cursors --------------------------------------------------------------------------------- */

/* What was put into s->answer is sent once the change is kept. */
static void answer_when_kept(query_service_t *s, uint64_t request)
{
    pending_t *p = &s->pending[s->pending_count++];
    *p = (pending_t){.peer = s->peer, .request = request, .from = s->answers.len};
    sl_buf_append(&s->answers, s->answer.data, s->answer.failed ? 0 : s->answer.len);
    p->to = s->answers.len;
}

static void on_cursor_open(query_service_t *s, const wire_query_t *msg)
{
    wire_cursor_open_t open;
    wire_cursor_opened_t opened;
    wire_code_t why = WIRE_CODE_FRAME;
    if (wire_cursor_open_decode(&open, msg) != SL_OK ||
        !cursors_open(s->o.cursors, &open, &opened, &why)) {
        answer_error(s, msg->request, why);
        return;
    }
    count(s, BROKER_CURSOR_OPENS);
    wire_put_cursor_opened(&s->answer, msg->request, &opened);
    answer_when_kept(s, msg->request);
}

/* A number that is given out later would be taken for dealt with. */
static bool is_ahead(query_service_t *s, const wire_cursor_place_t *place, wire_code_t *why)
{
    journal_stat_t stat;
    if (place->stream != s->o.stream)
        return false;
    journal_stat(s->o.journal, &stat);
    if (place->number < stat.next)
        return false;
    *why = WIRE_CODE_AHEAD;
    return true;
}

static void on_cursor_place(query_service_t *s, const wire_query_t *msg)
{
    wire_cursor_place_t place;
    wire_code_t why = WIRE_CODE_FRAME;
    if (wire_cursor_place_decode(&place, msg) != SL_OK || is_ahead(s, &place, &why) ||
        !cursors_place(s->o.cursors, &place, msg->type == WIRE_QUERY_CURSOR_RESET, &why)) {
        if (why == WIRE_CODE_FENCED)
            count(s, BROKER_CURSOR_FENCED);
        answer_error(s, msg->request, why);
        return;
    }
    count(s, BROKER_CURSOR_COMMITS);
    wire_put_cursor_placed(&s->answer, msg->type, msg->request,
                           &(wire_cursor_placed_t){place.number});
    answer_when_kept(s, msg->request);
}

static void on_cursor_drop(query_service_t *s, const wire_query_t *msg)
{
    wire_cursor_drop_t drop;
    wire_code_t why = WIRE_CODE_FRAME;
    if (wire_cursor_drop_decode(&drop, msg) != SL_OK || !cursors_drop(s->o.cursors, &drop, &why)) {
        answer_error(s, msg->request, why);
        return;
    }
    wire_put_query(&s->answer, WIRE_QUERY_CURSOR_DROP, msg->request, 0);
    answer_when_kept(s, msg->request);
}

/* One transaction for all that this turn staged. */
static void keep_cursors(query_service_t *s)
{
    if (s->pending_count == 0)
        return;
    sl_err err = cursors_flush(s->o.cursors);
    for (int i = 0; i < s->pending_count; i++) {
        const pending_t *p = &s->pending[i];
        if (err == SL_OK && p->to > p->from) {
            send_to(s, &p->peer, s->answers.data + p->from, p->to - p->from);
            continue;
        }
        if (err != SL_OK)
            count(s, BROKER_CURSOR_FAILED);
        s->peer = p->peer;
        sl_buf_clear(&s->answer);
        answer_error(s, p->request, WIRE_CODE_DISK);
    }
    s->pending_count = 0;
    sl_buf_clear(&s->answers);
    counter_set(&s->o.counters[BROKER_CURSORS], cursors_count(s->o.cursors));
}

/* -- questions ------------------------------------------------------------------------------- */

typedef void on_question_fn(query_service_t *s, const wire_query_t *msg);

static on_question_fn *const handlers[WIRE_QUERY_TYPES] = {
    [WIRE_QUERY_TICK] = on_forwarded,
    [WIRE_QUERY_STATUS] = on_forwarded,
    [WIRE_QUERY_FIND] = on_find,
    [WIRE_QUERY_REPLAY] = on_replay,
    [WIRE_QUERY_CREDIT] = on_credit,
    [WIRE_QUERY_CANCEL] = on_cancel,
    [WIRE_QUERY_CURSOR_OPEN] = on_cursor_open,
    [WIRE_QUERY_CURSOR_COMMIT] = on_cursor_place,
    [WIRE_QUERY_CURSOR_RESET] = on_cursor_place,
    [WIRE_QUERY_CURSOR_DROP] = on_cursor_drop,
};

static void on_question(query_service_t *s, bool alone)
{
    wire_query_t msg;
    sl_err err = wire_query_decode(&msg, zmq_msg_data(&s->question), zmq_msg_size(&s->question));
    sl_buf_clear(&s->answer);
    if (err == SL_EPROTO || (err == SL_OK && msg.type == WIRE_QUERY_ERROR)) {
        count(s, BROKER_QUERY_JUNK); /* two that answer each other's errors would never end */
    } else if (err == SL_EVERSION) {
        answer_error(s, msg.request, WIRE_CODE_VERSION);
    } else if (err == SL_ENOENT || handlers[msg.type] == NULL) {
        answer_error(s, msg.request, WIRE_CODE_TYPE);
    } else if (!alone) {
        answer_error(s, msg.request, WIRE_CODE_FRAME);
    } else {
        count(s, BROKER_QUERY_REQUESTS);
        handlers[msg.type](s, &msg);
    }
}

/* Reads one message: the route into s->peer, the first frame behind it into s->question.
 * @return frames behind the route, at most 2; 0: there is no message; -1: one without a question.
 */
static int receive(query_service_t *s)
{
    int frames = 0;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, s->o.router, ZMQ_DONTWAIT) < 0)
        return 0;
    bool named = route_set(&s->peer, zmq_msg_data(&frame), zmq_msg_size(&frame));
    for (bool more = zmq_msg_more(&frame); more;) {
        zmq_msg_t *into = frames == 0 ? &s->question : &frame;
        if (zmq_msg_recv(into, s->o.router, 0) < 0)
            break;
        more = zmq_msg_more(into);
        frames += frames < 2;
    }
    zmq_msg_close(&frame);
    return frames == 0 || !named ? -1 : frames;
}

static int read_questions(query_service_t *s)
{
    int done = 0;
    for (; done < QUESTIONS_A_TURN && s->forwarded < FORWARDED_MAX; done++) {
        int frames = receive(s);
        if (frames == 0)
            break;
        if (frames < 0)
            count(s, BROKER_QUERY_JUNK);
        else
            on_question(s, frames == 1);
    }
    return done;
}

/* -- turns ----------------------------------------------------------------------------------- */

static uint64_t replayed_bytes(const query_service_t *s)
{
    return counter_get(&s->o.counters[BROKER_REPLAY_BYTES]);
}

/* What waited in libzmq for readers is freed when they read it or leave, but stays in the arenas of
 * the threads: it is given back when replays have been quiet for a while after much was sent, and
 * again when one of them has ended. */
static void trim(query_service_t *s)
{
    if (replayed_bytes(s) != s->seen_bytes || s->replays.count != s->seen_count) {
        s->seen_bytes = replayed_bytes(s);
        s->seen_count = s->replays.count;
        s->untrimmed = s->seen_bytes - s->trimmed_bytes >= TRIM_BYTES;
        s->quiet_ns = s->now_ns;
    } else if (s->untrimmed && s->now_ns - s->quiet_ns >= trim_after_ns) {
        s->untrimmed = false;
        if (s->replays.count == 0)
            s->trimmed_bytes = s->seen_bytes;
        malloc_trim(0);
    }
}

static void wait_for_work(query_service_t *s, long wait_ms)
{
    zmq_pollitem_t items[] = {{.socket = s->o.pair, .events = ZMQ_POLLIN},
                              {.socket = s->o.router, .events = ZMQ_POLLIN}};
    uint64_t deadline = replays_deadline_ns(&s->replays);
    s->now_ns = sl_clock_mono_ns(s->o.clock);
    if (late_any(&s->late) && s->now_ns + LATE_RETRY_NS < deadline)
        deadline = s->now_ns + LATE_RETRY_NS;
    if (s->untrimmed && s->quiet_ns + trim_after_ns < deadline)
        deadline = s->quiet_ns + trim_after_ns;
    if (deadline != UINT64_MAX) {
        uint64_t left_ns = deadline > s->now_ns ? deadline - s->now_ns : 0;
        uint64_t left_ms = (left_ns + MS - 1) / MS;
        if (wait_ms < 0 || left_ms < (uint64_t)wait_ms)
            wait_ms = (long)left_ms;
    }
    /* While the sequencer owes so many answers no more is asked, and questions wait in TCP. */
    zmq_poll(items, s->forwarded < FORWARDED_MAX ? 2 : 1, wait_ms);
}

bool query_service_turn(query_service_t *s, long wait_ms)
{
    wait_for_work(s, wait_ms);
    s->now_ns = sl_clock_mono_ns(s->o.clock);
    s->replays.now_ns = s->now_ns;
    for (int i = 0; i < ANSWERS_A_TURN && take_answer(s); i++)
        ;
    counter_add(&s->o.counters[BROKER_QUERY_UNANSWERED], late_send(&s->late, s->o.router));
    read_questions(s);
    keep_cursors(s);
    replays_turn(&s->replays, s->now_ns);
    trim(s);
    return !s->stopping;
}

static void *run(void *arg)
{
    query_service_t *s = arg;
    while (query_service_turn(s, -1))
        ;
    return NULL;
}

/* -- life ------------------------------------------------------------------------------------ */

sl_err query_service_create(query_service_t **out, const query_service_options_t *options)
{
    query_service_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SL_ENOMEM;
    s->o = *options;
    late_init(&s->late);
    if (options->parent_count > 0)
        memcpy(s->parents, options->parents, options->parent_count * sizeof *options->parents);
    zmq_msg_init(&s->question);
    replays_options_t replays = {.router = options->router,
                                 .journal = options->journal,
                                 .counters = options->counters,
                                 .max = options->replays_max,
                                 .silent_ns = silent_ns};
    counter_set(&options->counters[BROKER_CURSORS], cursors_count(options->cursors));
    if (replays_init(&s->replays, &replays) != SL_OK) {
        query_service_destroy(&s, NULL);
        return SL_ENOMEM;
    }
    *out = s;
    return SL_OK;
}

sl_err query_service_start(query_service_t *s)
{
    s->running = pthread_create(&s->thread, NULL, run, s) == 0;
    return s->running ? SL_OK : SL_EIO;
}

void query_service_destroy(query_service_t **service, void *pair)
{
    query_service_t *s = *service;
    if (s == NULL)
        return;
    if (s->running) {
        zmq_send(pair, "", 0, 0);
        pthread_join(s->thread, NULL);
    }
    late_fini(&s->late);
    replays_fini(&s->replays);
    sl_buf_fini(&s->answer);
    sl_buf_fini(&s->answers);
    zmq_msg_close(&s->question);
    free(s);
    *service = NULL;
}
