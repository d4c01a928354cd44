#include "intake.h"

#include "route.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    FRAMES_KEPT = 3,
    FRAMES_MANY = 4,   /* more than any message has */
    FLOOD_WINDOWS = 4, /* so many windows of unanswered requests: it does not keep to the rules */
};

void intake_init(intake_t *in, const intake_options_t *options)
{
    memset(in, 0, sizeof *in);
    in->o = *options;
    in->retry_ms = options->retry_ms;
    in->publishers.max = options->publishers_max;
    zmq_msg_init(&in->route);
    for (int i = 0; i < FRAMES_KEPT; i++)
        zmq_msg_init(&in->frames[i]);
}

void intake_fini(intake_t *in)
{
    publishers_fini(&in->publishers, in->o.sequencer);
    sl_buf_fini(&in->answer);
    zmq_msg_close(&in->route);
    for (int i = 0; i < FRAMES_KEPT; i++)
        zmq_msg_close(&in->frames[i]);
}

static inline void count(intake_t *in, int counter)
{
    counter_add(&in->o.counters[counter], 1);
}

/* -- answers --------------------------------------------------------------------------------- */

/* Sends in->answer.  With ROUTER_MANDATORY a publisher that left, or does not read, is an error. */
static bool send_answer(intake_t *in, const void *route, size_t route_len)
{
    bool sent = !in->answer.failed && route_send_named(in->o.socket, route, route_len,
                                                       in->answer.data, in->answer.len) == ROUTE_OK;
    if (!sent)
        count(in, BROKER_INTAKE_UNANSWERED);
    return sent;
}

static void put_nak(intake_t *in, uint64_t number, wire_nak_t code)
{
    sl_buf_clear(&in->answer);
    wire_put_nak(&in->answer, number, code, wire_nak_text(code),
                 wire_nak_again(code) ? in->retry_ms : 0);
    count(in, broker_nak_counter(code));
}

/* To a peer that is no publisher yet: at once. */
static void nak_stranger(intake_t *in, uint64_t number, wire_nak_t code)
{
    put_nak(in, number, code);
    send_answer(in, zmq_msg_data(&in->route), zmq_msg_size(&in->route));
}

static void forget(intake_t *in, publisher_t *p)
{
    if (in->recent == p)
        in->recent = NULL;
    publishers_forget(&in->publishers, p, in->o.sequencer);
    count(in, BROKER_PUBLISHERS_FORGOTTEN);
}

static bool answer(intake_t *in, publisher_t *p, request_t *r)
{
    /* One before it was undone, and this one, whose events were all durable already, was not: it is
     * not its turn. */
    if (!r->refused && r->number >= p->next) {
        r->refused = true;
        r->nak = WIRE_NAK_ORDER;
    }
    if (r->refused) {
        p->naks++;
        put_nak(in, r->number, r->nak);
    } else {
        p->events += r->accepted;
        p->duplicates += r->duplicates;
        sl_buf_clear(&in->answer);
        wire_put_ack(&in->answer, r->number, r->first, r->last, r->accepted, r->duplicates);
        count(in, BROKER_INTAKE_ACKS);
    }
    return send_answer(in, p->route, p->route_len);
}

void intake_flush(intake_t *in)
{
    publisher_t *p;
    while ((p = in->publishers.dirty) != NULL) {
        in->publishers.dirty = p->next_dirty;
        p->dirty = false;
        bool reached = true;
        while (reached && p->head != NULL && p->head->waits == 0) {
            request_t *r = publisher_pop(p);
            reached = answer(in, p, r);
            sequencer_release(in->o.sequencer, r);
        }
        if (!reached)
            forget(in, p);
    }
}

void intake_settled(intake_t *in, request_t *r)
{
    publisher_t *p = r->publisher;
    if (p == NULL) {
        sequencer_release(in->o.sequencer, r);
        return;
    }
    if (r->refused && r->number < p->next) /* taken, but undone: it is due again */
        p->next = r->number;
    publishers_touch(&in->publishers, p);
}

/* -- HELLO ----------------------------------------------------------------------------------- */

static publisher_t *admit(intake_t *in)
{
    publisher_t *p = NULL;
    if (in->publishers.count >= in->publishers.max) {
        publisher_t *idlest = publishers_idlest(&in->publishers);
        if (idlest == NULL)
            return NULL;
        forget(in, idlest);
    }
    publishers_add(&in->publishers, &p, zmq_msg_data(&in->route), zmq_msg_size(&in->route));
    return p;
}

/* For people: what would upset a terminal, or a reader of UTF-8, becomes a question mark. */
static void set_name(publisher_t *p, const char *name, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        p->name[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    p->name[len] = '\0';
}

static void on_hello(intake_t *in, publisher_t *p, const wire_intake_t *msg)
{
    if (in->draining) {
        nak_stranger(in, 0, WIRE_NAK_DRAINING);
        return;
    }
    if (p == NULL && (p = admit(in)) == NULL) {
        nak_stranger(in, 0, WIRE_NAK_BUSY);
        return;
    }
    /* Answers to what came before would be taken for answers to what comes now. */
    publisher_orphan(p, in->o.sequencer);
    set_name(p, msg->hello.name, msg->hello.name_len);
    p->fresh = true;
    p->heard_ns = in->o.sequencer->now_ns;
    sl_buf_clear(&in->answer);
    wire_put_welcome(&in->answer, in->o.sequencer->o.stream, in->o.window, in->o.max_bytes,
                     in->o.max_events);
    if (!send_answer(in, p->route, p->route_len))
        forget(in, p);
}

/* -- PUB ------------------------------------------------------------------------------------- */

/* In its turn behind the answers that are due. */
static void refuse(intake_t *in, publisher_t *p, request_t *r, wire_nak_t code)
{
    r->refused = true;
    r->nak = code;
    publisher_push(p, r);
    sequencer_unhold(in->o.sequencer, r);
}

/* What is wrong with a PUB whose first frame is good?  WIRE_NAK_UNKNOWN: nothing. */
static wire_nak_t examine(const intake_t *in, const wire_intake_t *msg, int frames)
{
    if (frames != FRAMES_KEPT)
        return WIRE_NAK_FRAME;
    size_t bytes = zmq_msg_size((zmq_msg_t *)&in->frames[2]);
    if (bytes > in->o.max_bytes || msg->pub.count > in->o.max_events)
        return WIRE_NAK_SIZE;
    if (!wire_ends_valid(msg->pub.ends, msg->pub.count, bytes))
        return WIRE_NAK_FRAME;
    zmq_msg_t *topic = (zmq_msg_t *)&in->frames[1];
    if (!wire_topic_valid(zmq_msg_data(topic), zmq_msg_size(topic)))
        return WIRE_NAK_TOPIC;
    return WIRE_NAK_UNKNOWN;
}

static wire_nak_t take(intake_t *in, request_t *r, const wire_intake_t *msg, int frames)
{
    if (in->draining)
        return WIRE_NAK_DRAINING;
    if (in->busy)
        return WIRE_NAK_BUSY;
    wire_nak_t wrong = examine(in, msg, frames);
    if (wrong != WIRE_NAK_UNKNOWN)
        return wrong;
    take_t pub = {.topic = zmq_msg_data(&in->frames[1]),
                  .topic_len = zmq_msg_size(&in->frames[1]),
                  .count = msg->pub.count,
                  .ends = msg->pub.ends,
                  .ids = msg->pub.ids,
                  .events = &in->frames[2]};
    switch (sequencer_take(in->o.sequencer, r, &pub)) {
    case SL_OK:
        return WIRE_NAK_UNKNOWN;
    case SL_ELIMIT:
        return WIRE_NAK_TOPICS;
    default:
        return WIRE_NAK_BUSY;
    }
}

/* @param wrong  what is known to be wrong with it already, or WIRE_NAK_UNKNOWN. */
static void on_pub(intake_t *in, publisher_t *p, const wire_intake_t *msg, int frames,
                   wire_nak_t wrong)
{
    if (p->fresh)
        p->next = msg->request;
    if (msg->request < p->next || p->due >= FLOOD_WINDOWS * in->o.window) {
        /* It lost count, or sends without heeding the window: it has to begin again. */
        forget(in, p);
        nak_stranger(in, msg->request, WIRE_NAK_HELLO);
        return;
    }
    p->fresh = false;
    p->heard_ns = in->o.sequencer->now_ns;
    request_t *r = sequencer_request(in->o.sequencer);
    if (r == NULL) {
        forget(in, p);
        nak_stranger(in, msg->request, WIRE_NAK_BUSY);
        return;
    }
    r->number = msg->request;
    if (msg->request > p->next) {
        refuse(in, p, r, WIRE_NAK_ORDER);
        return;
    }
    if (wrong == WIRE_NAK_UNKNOWN)
        wrong = p->due >= in->o.window ? WIRE_NAK_BUSY : take(in, r, msg, frames);
    if (wrong != WIRE_NAK_UNKNOWN) {
        refuse(in, p, r, wrong);
        return;
    }
    p->next++;
    publisher_push(p, r);
    sequencer_unhold(in->o.sequencer, r);
}

/* -- a message ------------------------------------------------------------------------------- */

static publisher_t *sender(intake_t *in)
{
    const void *route = zmq_msg_data(&in->route);
    size_t len = zmq_msg_size(&in->route);
    publisher_t *p = in->recent;
    if (p == NULL || p->route_len != len || memcmp(p->route, route, len) != 0)
        p = publishers_find(&in->publishers, route, len);
    in->recent = p;
    return p;
}

static void on_message(intake_t *in, int frames)
{
    wire_intake_t msg;
    sl_err err =
        wire_intake_decode(&msg, zmq_msg_data(&in->frames[0]), zmq_msg_size(&in->frames[0]));
    publisher_t *p = sender(in);
    bool numbered = msg.request != 0;
    if (err == SL_OK && msg.type == WIRE_HELLO && frames == 1) {
        on_hello(in, p, &msg);
    } else if (err == SL_OK && (msg.type != WIRE_PUB || !numbered)) {
        count(in, BROKER_INTAKE_JUNK);
    } else if (err == SL_EVERSION && (!numbered || p == NULL)) {
        nak_stranger(in, msg.request, WIRE_NAK_VERSION);
    } else if (!numbered) {
        count(in, BROKER_INTAKE_JUNK);
    } else if (p == NULL) {
        nak_stranger(in, msg.request, WIRE_NAK_HELLO);
    } else {
        on_pub(in, p, &msg, frames,
               err == SL_EVERSION ? WIRE_NAK_VERSION
               : err == SL_EPROTO ? WIRE_NAK_FRAME
                                  : WIRE_NAK_UNKNOWN);
    }
}

/* Reads one message; frames past the third are only counted.
 * @return frames without the route, at most FRAMES_MANY; 0: there is no message. */
static int receive(intake_t *in)
{
    if (zmq_msg_recv(&in->route, in->o.socket, ZMQ_DONTWAIT) < 0)
        return 0;
    int frames = 0;
    bool more = zmq_msg_more(&in->route);
    while (more) {
        zmq_msg_t spare, *msg = &spare;
        if (frames < FRAMES_KEPT)
            msg = &in->frames[frames];
        else
            zmq_msg_init(&spare);
        if (zmq_msg_recv(msg, in->o.socket, 0) < 0)
            return 0; /* the context is being terminated */
        more = zmq_msg_more(msg);
        if (msg == &spare)
            zmq_msg_close(&spare);
        frames += frames < FRAMES_MANY;
    }
    return frames;
}

int intake_turn(intake_t *in, int most, bool (*full)(const void *ctx), const void *ctx)
{
    int done = 0;
    in->empty = false;
    for (; done < most && (in->busy || !full(ctx)); done++) {
        int frames = receive(in);
        if (frames == 0) {
            in->empty = true;
            break;
        }
        count(in, BROKER_INTAKE_MESSAGES);
        on_message(in, frames);
        if (zmq_msg_size(&in->frames[2]) >= BATCH_FORWARD_MIN) {
            zmq_msg_close(&in->frames[2]); /* a large one is not kept until the next comes */
            zmq_msg_init(&in->frames[2]);
        }
    }
    return done;
}
