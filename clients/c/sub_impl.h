/* sub_impl.h - the subscriber's parts and what they share.
 *
 *     sub.c         the handle: options, the loop, items
 *     sub_feed.c    SUB: live batches and ticks
 *     sub_query.c   DEALER: replays, with credit; questions that must be answered
 *     sub_cursor.c  where it begins, and commits: questions too
 *     sub_state.h   the rules, without sockets or time
 *
 *     feed  --SUB----> message --+--> state --> deliver: in hand, its events go out one by one
 *     query --DEALER-> arrived --+          --> hold:    the state's, until its turn
 *                                           --> drop:    spare
 *
 * A batch stays in the message that it was received into, from the socket to the user: nothing is
 * copied, and messages are used again.  What arrives of a replay is bounded by the credit that the
 * broker was given, and credit is given back as batches leave: a user who stops reading stops the
 * replay. */
#ifndef CLIENT_SUB_IMPL_H
#define CLIENT_SUB_IMPL_H

#include "link.h"
#include "sub_state.h"

#include "base/buf.h"
#include "wire/query.h"

enum {
    SUB_FRAMES = 3,
    SUB_NS_PER_MS = 1000000,
    SUB_CREDIT_BYTES = 4 * 1024 * 1024, /* of a replay, on its way or not looked at yet */
    SUB_CREDIT_STEP = 512 * 1024,       /* given back so much at a time */
    SUB_RETRY_MS = 200,                 /* before a replay that was refused is asked for again */
    SUB_START_RETRY_MS = 1000,          /* before a refused start is */
    SUB_UNREAD_MS = 20,                 /* between two tellings of what nobody takes */
    SUB_PATIENCE_DOUBLINGS_MAX = 5,     /* a replay may search long for what is ours */
    SUB_SPARE_MAX = 256,          /* messages kept for use; what was held in bad times goes back */
    SUB_PINNED_BYTES = 16 * 1024, /* a smaller frame lies in a receive buffer that it would keep */
    SUB_ARRIVED_BYTES_MAX = 4 * SUB_CREDIT_BYTES, /* a broker that minds no credit is not read on */
};

/** A message received: a batch, live or replayed, or another answer of a replay. */
typedef struct sub_message {
    sub_batch_t batch; /**< first: the state's; `next` chains spare and arrived ones too */
    zmq_msg_t frames[SUB_FRAMES];
    wire_query_type_t type; /**< of an answer: BATCH, LOST, DONE, WRONG_STREAM, ERROR */
    uint64_t request;       /**< the replay that it belongs to; 0: it came by the feed */
    uint64_t upto;          /**< DONE */
    wire_lost_t lost;
    wire_code_t code; /**< ERROR */
    bool cut;         /**< BATCH: it has not the frames of one */
} sub_message_t;

/** A question that is asked until it is answered. */
typedef struct sub_question {
    uint64_t request; /**< asked; 0: not, or answered */
    uint64_t due_ns;  /**< to be asked then; UINT64_MAX: never */
} sub_question_t;

typedef enum { SUB_START_CURSOR, SUB_START_TIME, SUB_STARTED } sub_phase_t;

typedef struct sub_place {
    uint64_t stream, number;
} sub_place_t;

struct sluice_sub {
    link_t link;
    sub_state_t state;
    uint32_t watchdog_ms, receive_hwm;

    /* the feed */
    link_socket_t feed;
    char *feed_endpoint;
    char sync_topic[WIRE_SYNC_TOPIC_LEN + 1];
    bool version_told;  /* SLUICE_EVERSION was returned on this connection */
    bool heard;         /* a message came since quiet_ns was set */
    bool fed;           /* the last item came from it: the replay's turn */
    uint64_t quiet_ns;  /* since when nothing has come */
    uint64_t opened_ns; /* when this connection was begun */
    uint64_t reopened;  /* connections made anew by the watchdog */

    /* the query side */
    link_socket_t query;
    char *query_endpoint;
    uint64_t requests;     /* numbers given out so far, over all connections */
    sub_batches_t arrived; /* answers of replays, in order; sub_message_t each */
    size_t arrived_bytes;
    size_t credit_owed;      /* taken from it and not given back yet */
    uint64_t replay_due_ns;  /* no replay is asked for before */
    uint64_t query_quiet_ns; /* since when an answer is waited for in vain, on this connection */
    uint64_t query_owed_ns;  /* the same over all connections; 0: none is waited for */
    sub_place_t spoilt;      /* behind there a batch could not be read once; stream 0: no */
    uint32_t doublings;      /* of the patience, without an answer in between */
    bool query_is_new; /* begun along with the feed's connection, whose sync is not answered */
    sl_buf_t prefixes;
    uint32_t prefix_count;
    sl_buf_t scratch; /* a question in the making */

    /* where it begins; the cursor */
    sub_phase_t phase;
    sub_start_t from; /* as the options say */
    bool from_time,
        from_find; /* the broker is asked which number it is: for a time, or the oldest */
    uint64_t from_time_ns;
    char *name;
    sl_buf_t patterns; /* as the cursor keeps them */
    uint32_t pattern_count;
    uint32_t commit_ms;
    uint64_t generation;
    sub_question_t start, commit;
    sub_place_t wanted, sent, kept; /* commits: to be made, under way, answered; stream 0: none */
    uint64_t returned;              /* number of the last event given out */
    uint64_t commit_again_ns;       /* no commit is sent before */
    bool cursor_seen;               /* the broker of this connection has the cursor, or had it */
    uint64_t nameless_ns;           /* since when it says that it has not; 0: it does not say so */
    bool reopen;                    /* the cursor is to be opened again */
    bool fenced;
    bool unread; /* the user called sluice_sub_commit since he asked for an item */

    /* what is handed out */
    sub_message_t *in_hand; /* NULL: none */
    uint32_t at;            /* its next event */
    uint32_t body_at;       /* where that one begins */
    sl_buf_t rest_ends;     /* ends of what is left of a batch, counted from there */
    sub_batches_t spare;
    uint32_t spare_count;

    uint64_t events, batches, bytes, malformed, unknown_version;
    uint64_t replays, replayed_batches, commits;
};

/** Everything up to there was returned to the user, who has dealt with the last item too.  Without
 * an item at hand that is `reached`, whether or not he asked for the next one. */
uint64_t sub_returned(const sluice_sub_t *sub);

/* -- messages: sub.c -------------------------------------------------------------------------- */

/** An empty one.  @return NULL: no memory. */
sub_message_t *sub_message_take(sluice_sub_t *sub);
/** It is of no use any more. */
void sub_message_give_back(sluice_sub_t *sub, sub_message_t *m);
/** Carries out what the state said of it. */
void sub_message_judged(sluice_sub_t *sub, sub_message_t *m, sub_verdict_t verdict);

/** Decodes a batch or a tick. */
sl_err sub_message_decode(sub_message_t *m, wire_feed_header_t *header);

static inline size_t sub_message_bytes(const sub_message_t *m)
{
    return zmq_msg_size(&m->frames[0]) + zmq_msg_size(&m->frames[1]) + zmq_msg_size(&m->frames[2]);
}

void sub_list_push(sub_batches_t *list, sub_message_t *m);
sub_message_t *sub_list_pop(sub_batches_t *list); /**< NULL: it is empty */

/** Receives frames m->frames[0] … [count-1], the rest of a message, and throws away what follows.
 *  @return SLUICE_OK; SLUICE_EPROTO: it had another number, and is gone. */
sluice_err sub_receive_frames(void *socket, zmq_msg_t *frames, int count);
/** What a failed call of libzmq means. */
sluice_err sub_zmq_error(void);

/* -- the feed: sub_feed.c --------------------------------------------------------------------- */

sluice_err sub_feed_open(sluice_sub_t *sub);
/** Takes one message.  @return SLUICE_OK; SLUICE_EAGAIN: there is none; or what is wrong with it.
 */
sluice_err sub_feed_take(sluice_sub_t *sub);
/** Makes the connection anew when it was silent too long.
 *  @param next_ns  lowered to when to look again. */
sluice_err sub_feed_look(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns);

/* -- the query side: sub_query.c -------------------------------------------------------------- */

/** Is there something to ask, or to wait for?  If not, the other calls have nothing to do. */
static inline bool sub_query_busy(const sluice_sub_t *sub)
{
    return sub->state.replay != 0 || sub->state.reached < sub->state.wanted ||
           sub->arrived.first != NULL || sub->name != NULL || sub->phase != SUB_STARTED ||
           sub->state.cancelled != 0;
}

/** Sends what is due, and receives what has come: answers of replays into sub->arrived, others are
 * dealt with.
 *  @param drain    receives although no answer is due: before anybody sleeps on the descriptor.
 *  @param next_ns  lowered to when to look again. */
sluice_err sub_query_look(sluice_sub_t *sub, uint64_t now, bool drain, uint64_t *next_ns);
/** Takes one answer of a replay.  @return as sub_feed_take. */
sluice_err sub_query_take(sluice_sub_t *sub);
/** The feed's connection turned out to be a new one: this one is made anew as well, since what cut
 * one cut the other. */
void sub_query_renew(sluice_sub_t *sub);
/** The feed's connection is made anew by us: this one too, at once, so that it stands when the
 * answer to the sync says what to ask for.  Not while a replay flows on it. */
void sub_query_reopen(sluice_sub_t *sub, uint64_t now);
/** A batch of a running replay is done with. */
void sub_query_credit(sluice_sub_t *sub, const sub_message_t *m);

/** A question was sent that must be answered. */
void sub_query_asked(sluice_sub_t *sub, uint64_t now);

/** Sends sub->scratch, which holds a question.  @return SLUICE_OK, SLUICE_ENOMEM, SLUICE_EIO … */
sluice_err sub_query_send(sluice_sub_t *sub);

/* -- the start and the cursor: sub_cursor.c --------------------------------------------------- */

/** Fills in phase and questions from the options.  @return SLUICE_OK, SLUICE_EINVAL, SLUICE_ENOMEM.
 */
sluice_err sub_cursor_init(sluice_sub_t *sub, const sluice_sub_options_t *options);
/** Wants the commit that is made by itself, when it is due.  Only what the user has taken counts:
 * to be called when he said so, by asking for the next item. */
void sub_cursor_by_itself(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns);
/** Asks what is due. */
sluice_err sub_cursor_look(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns);
/** Takes an answer, if it is one to the questions asked here. */
sluice_err sub_cursor_answer(sluice_sub_t *sub, const wire_query_t *answer);
/** What was asked may not have arrived: ask again. */
void sub_cursor_reconnected(sluice_sub_t *sub);
/** sluice_sub_commit, when there is a place to commit. */
sluice_err sub_cursor_commit(sluice_sub_t *sub, uint64_t number);
/** The stream changed: numbers behind the parent's end mean something else now. */
void sub_cursor_stream(sluice_sub_t *sub, wire_parent_t parent);

static inline void sub_lower(uint64_t *next_ns, uint64_t ns)
{
    if (ns < *next_ns)
        *next_ns = ns;
}

#endif
