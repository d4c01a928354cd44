/* pub_intake.c - the publisher's conversation with the broker.
 *
 * A HELLO always goes out on a new socket.  Numbers begin at 1 again after it, so an answer to the
 * old numbering must not be taken for one to the new: on a new socket it cannot arrive. */
#include "pub_impl.h"

#include "base/buf.h"
#include "wire/intake.h"

#include <errno.h>
#include <string.h>

enum {
    RETRY_MS_MIN = 1,
    RETRY_MS_MAX = 10000, /* whatever the broker says */
    REOPEN_MS_MIN = 100,  /* between two connections */
    TURN_ANSWERS_MAX = 1024,
    RECEIPTS_CHUNK = 64,
};

static uint64_t in_ms(uint64_t now, uint64_t ms)
{
    return now + ms * PUB_NS_PER_MS;
}

/* -- receipts -------------------------------------------------------------------------------- */

void pub_settle(sluice_pub_t *pub, pub_batch_t *batch, sluice_err err, const char *code)
{
    sluice_receipt_t receipts[RECEIPTS_CHUNK];
    pub->stats.pending_events -= batch->count;
    pub->stats.pending_bytes -= batch->len;
    if (err == SLUICE_OK)
        pub->stats.acked_events += batch->count;
    else if (err == SLUICE_EREFUSED)
        pub->stats.refused_events += batch->count;
    bool nested = pub->in_receipts;
    pub->in_receipts = true;
    for (uint32_t at = 0; at < batch->count && pub->on_receipt != NULL;) {
        uint32_t n = 0;
        for (; n < RECEIPTS_CHUNK && at < batch->count; n++, at++)
            receipts[n] = (sluice_receipt_t){batch->users[at], err, code};
        pub->on_receipt(pub->ctx, receipts, n);
    }
    pub->in_receipts = nested;
    pub_batch_release(&pub->spare, batch);
}

/* -- connecting ------------------------------------------------------------------------------ */

static sluice_err say_hello(sluice_pub_t *pub)
{
    sl_buf_t hello = SL_BUF_INIT;
    wire_put_hello(&hello, pub->name, strlen(pub->name));
    bool sent =
        !hello.failed && zmq_send(pub->socket.socket, hello.data, hello.len, ZMQ_DONTWAIT) >= 0;
    sl_buf_fini(&hello);
    pub->stats.hellos += sent;
    return sent ? SLUICE_OK : SLUICE_EIO;
}

sluice_err pub_reopen(sluice_pub_t *pub, uint64_t now)
{
    pub->phase = PUB_LOST;
    pub->opened_ns = now;
    pub->reopen_ns = in_ms(now, REOPEN_MS_MIN);
    pub->retry_ns = 0;
    pub_window_restart(&pub->window, 0);
    sluice_err err = link_open(&pub->link, &pub->socket, ZMQ_DEALER);
    if (err == SLUICE_OK)
        err = link_connect(&pub->link, &pub->socket, pub->intake);
    if (err == SLUICE_OK)
        err = say_hello(pub);
    if (err != SLUICE_OK)
        return err;
    pub->phase = PUB_GREETING;
    pub->reopen_ns = now + pub->ack_timeout_ns;
    return SLUICE_OK;
}

/* This connection's numbers mean nothing any more.  The next one, soon, but not in a spin. */
static void lose_connection(sluice_pub_t *pub)
{
    pub->phase = PUB_LOST;
    pub->reopen_ns = in_ms(pub->opened_ns, REOPEN_MS_MIN);
    pub_window_restart(&pub->window, 0);
}

/* -- sending --------------------------------------------------------------------------------- */

void pub_close_batch(pub_batch_t *batch)
{
    pub_topic_t *topic = (pub_topic_t *)batch->topic; /* its first member is the key */
    if (topic->open != batch)
        return;
    topic->open = NULL;
    topic->last_bytes = batch->len;
    topic->last_events = batch->count;
}

typedef enum {
    FIT_YES,
    FIT_CHANGED,   /* another batch is next now: look again */
    FIT_WAIT,      /* it will be refused, but those before it must have their answers first */
    FIT_NO_MEMORY, /* to cut it */
} fit_t;

/* Makes the next batch fit what the broker takes at once.  A single event that does not is refused
 * here: on the wire it would cost the connection. */
static fit_t fit(sluice_pub_t *pub, pub_batch_t *batch)
{
    pub_close_batch(batch);
    if (batch->len <= pub->max_bytes && batch->count <= pub->max_events)
        return FIT_YES;
    if (batch->count > 1) {
        pub_batch_t *rest = pub_batch_split(&pub->spare, batch);
        if (rest == NULL)
            return FIT_NO_MEMORY;
        pub_window_insert_after_next(&pub->window, rest);
        return FIT_CHANGED;
    }
    if (pub->window.in_flight > 0)
        return FIT_WAIT;
    pub_settle(pub, pub_window_pop(&pub->window), SLUICE_EREFUSED, wire_nak_name(WIRE_NAK_SIZE));
    return FIT_CHANGED;
}

static sl_err send_next(sluice_pub_t *pub, pub_batch_t *batch, uint64_t request)
{
    bool again = batch->sends > 0;
    sl_err err = pub_batch_send(batch, pub->socket.socket, request, &pub->scratch);
    if (err != SL_OK)
        return err;
    if (pub->window.in_flight == 0)
        pub->progress_ns = link_now_ns();
    pub_window_sent(&pub->window);
    pub->stats.requests++;
    pub->stats.resends += again;
    return SL_OK;
}

/* Sends as far as the window allows.  @return SL_OK, SL_EIO, SL_ENOMEM, SL_ECLOSED. */
static sl_err pump(sluice_pub_t *pub)
{
    sl_err err = SL_OK;
    while (err == SL_OK && pub->phase == PUB_READY && pub->retry_ns == 0) {
        uint64_t request;
        pub_batch_t *batch = pub_window_next(&pub->window, &request);
        fit_t verdict = batch != NULL ? fit(pub, batch) : FIT_WAIT;
        if (verdict == FIT_WAIT)
            break;
        if (verdict == FIT_YES)
            err = send_next(pub, batch, request);
        else if (verdict == FIT_NO_MEMORY)
            err = SL_ENOMEM;
    }
    if (err != SL_OK)
        pub->retry_ns = in_ms(link_now_ns(), REOPEN_MS_MIN);
    return err == SL_EAGAIN ? SL_OK : err;
}

/* -- answers --------------------------------------------------------------------------------- */

static void on_welcome(sluice_pub_t *pub, const wire_intake_t *msg)
{
    if (pub->phase != PUB_GREETING)
        return;
    pub->phase = PUB_READY;
    pub->stats.stream = msg->welcome.stream;
    pub->max_bytes = msg->welcome.max_bytes;
    pub->max_events = msg->welcome.max_events > 0 ? msg->welcome.max_events : 1;
    pub_window_restart(&pub->window, msg->welcome.window > 0 ? msg->welcome.window : 1);
}

static void on_ack(sluice_pub_t *pub, const wire_intake_t *msg, uint64_t now)
{
    if (msg->request != pub->window.head_request || !pub_window_has(&pub->window, msg->request)) {
        lose_connection(pub); /* answers come in order: this is no peer of ours, or we are not */
        return;
    }
    pub->acked_ns = pub->progress_ns = now;
    pub->stats.duplicate_events += msg->ack.duplicates;
    pub_settle(pub, pub_window_pop(&pub->window), SLUICE_OK, "");
}

static uint64_t retry_at(uint64_t now, uint32_t retry_ms)
{
    if (retry_ms < RETRY_MS_MIN)
        retry_ms = RETRY_MS_MIN;
    if (retry_ms > RETRY_MS_MAX)
        retry_ms = RETRY_MS_MAX;
    return in_ms(now, retry_ms);
}

/* The head is refused for good as it is.  Where its size or its form may be at fault, half of it
 * may pass; where it is the topic or the version, each event would get the same answer. */
static void on_final_nak(sluice_pub_t *pub, wire_nak_t code, uint64_t now)
{
    pub_batch_t *head = pub->window.head;
    if (head->count == 1 || (code != WIRE_NAK_SIZE && code != WIRE_NAK_FRAME)) {
        pub_settle(pub, pub_window_pop(&pub->window), SLUICE_EREFUSED, wire_nak_name(code));
        return;
    }
    pub_batch_t *rest = pub_batch_split(&pub->spare, head);
    if (rest != NULL)
        pub_window_insert_after_next(&pub->window, rest);
    else
        pub->retry_ns = retry_at(now, REOPEN_MS_MIN); /* the same again: there may be memory then */
}

static void on_nak(sluice_pub_t *pub, const wire_intake_t *msg, uint64_t now)
{
    wire_nak_t code = msg->nak.code;
    pub->stats.naks++;
    if (pub->phase == PUB_GREETING) { /* no to our HELLO */
        uint64_t soonest = in_ms(now, REOPEN_MS_MIN), told = retry_at(now, msg->nak.retry_ms);
        pub->reopen_ns = told > soonest ? told : soonest;
        return;
    }
    pub->progress_ns = now;
    if (code == WIRE_NAK_HELLO) {
        lose_connection(pub);
        return;
    }
    if (pub_window_stale_nak(&pub->window))
        return;
    if (code == WIRE_NAK_ORDER) { /* it misses a request of which we know no refusal */
        lose_connection(pub);
        return;
    }
    if (!pub_window_has(&pub->window, msg->request))
        return;
    bool head = msg->request == pub->window.head_request;
    pub_window_rewind(&pub->window, msg->request);
    if (wire_nak_again(code) || !head)
        pub->retry_ns = retry_at(now, msg->nak.retry_ms);
    else
        on_final_nak(pub, code, now);
}

static void take_answer(sluice_pub_t *pub, const void *frame, size_t len, uint64_t now)
{
    wire_intake_t msg;
    if (pub->phase == PUB_LOST || wire_intake_decode(&msg, frame, len) != SL_OK)
        return;
    if (msg.type == WIRE_WELCOME)
        on_welcome(pub, &msg);
    else if (msg.type == WIRE_ACK && pub->phase == PUB_READY)
        on_ack(pub, &msg, now);
    else if (msg.type == WIRE_NAK)
        on_nak(pub, &msg, now);
}

/* Takes answers until none is left, so that the descriptor tells of the next.  @param got is
 * counted up. */
static sl_err take_answers(sluice_pub_t *pub, unsigned *got)
{
    zmq_msg_t msg;
    uint64_t now = link_now_ns();
    if (pub->socket.socket == NULL) /* it could not be made; reopen_ns says when to try again */
        return SL_OK;
    zmq_msg_init(&msg);
    for (unsigned i = 0; i < TURN_ANSWERS_MAX; i++) {
        if (zmq_msg_recv(&msg, pub->socket.socket, ZMQ_DONTWAIT) < 0) {
            int why = errno;
            zmq_msg_close(&msg);
            return why == EAGAIN || why == EINTR ? SL_OK : why == ETERM ? SL_ECLOSED : SL_EIO;
        }
        take_answer(pub, zmq_msg_data(&msg), zmq_msg_size(&msg), now);
        ++*got;
    }
    zmq_msg_close(&msg);
    link_wake_at(&pub->link, 0);
    return SL_OK;
}

/* -- a turn ---------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When there will be something to do although nobody says a word. */
static uint64_t next_due(const sluice_pub_t *pub)
{
    uint64_t due = UINT64_MAX;
    if (pub->phase != PUB_READY)
        due = pub->reopen_ns;
    else if (pub->retry_ns != 0)
        due = pub->retry_ns;
    if (pub->window.in_flight > 0)
        due = earlier(due, pub->progress_ns + pub->ack_timeout_ns);
    if (pub->forming != NULL && pub->linger_ns > 0)
        due = earlier(due, pub->forming->started_ns + pub->linger_ns);
    else if (pub->forming != NULL && pub->gathers)
        due = earlier(due, pub->forming->started_ns + PUB_GATHER_NS);
    return due;
}

/* A send may take the news of an answer from the descriptor, so whoever sends also receives. Within
 * a receipt the turn outside does that. */
sluice_err pub_push(sluice_pub_t *pub, unsigned *work)
{
    sl_err err;
    unsigned got;
    do {
        uint64_t before = pub->stats.requests;
        got = 0;
        err = pump(pub);
        uint64_t sent = pub->stats.requests - before;
        if (err == SL_OK && sent > 0 && !pub->in_receipts)
            err = take_answers(pub, &got);
        *work += got + (unsigned)sent;
    } while (err == SL_OK && got > 0);
    link_wake_at(&pub->link, next_due(pub));
    return (sluice_err)err;
}

sluice_err pub_receive(sluice_pub_t *pub, uint64_t now, unsigned *work)
{
    sl_err err = take_answers(pub, work);
    if (err != SL_OK)
        return (sluice_err)err;
    if (pub->window.in_flight > 0 && now >= pub->progress_ns + pub->ack_timeout_ns)
        lose_connection(pub);
    if (pub->retry_ns != 0 && now >= pub->retry_ns)
        pub->retry_ns = 0;
    if (pub->phase == PUB_READY || now < pub->reopen_ns)
        return SLUICE_OK;
    ++*work;
    return pub_reopen(pub, now);
}
