/* sub_state.h - what has this subscriber had, what is missing, and what is to be done about it?
 *
 * No sockets and no time: messages go in; verdicts, notices and wishes come out.  So every case of
 * docs/protocol.md ("How to subscribe and stay complete") is a test of a few lines, and a random
 * test plays a broker against it that loses whatever can be lost.
 *
 *     reached    F: everything of ours up to F was handed out, or was reported lost
 *     last       L[t], one per topic: the last number handed out on it
 *     known      max(L[t], F)
 *     wanted     W: what is of ours in F+1 … W comes by replay
 *     clear      C: the last tick's word: what is of ours up to C was handed out, is held, or is
 *                up to W
 *
 *     0 ......... F ................ W ................... C ......... head of the stream
 *       all had     replay brings it    held, in order        not known yet
 *
 * A batch says in `prev` what came before it on its topic, a tick says it for all topics.  What
 * lies between `known` and that is a hole: W moves there, and a replay from F to W is wished for.
 * The batch behind the hole is held until F has reached W; batches on topics without a hole go on.
 * F moves by what a replay shows, for it shows everything in order; and to C once nothing up to C
 * is wanted or held.  In stream order every live batch is held until a tick has confirmed it.
 *
 * Live batches that are held cost memory.  Past a bound all of them are dropped, and W moves behind
 * them: the replay brings them again, when there is time.
 *
 * A stream goes on where one of its parents ended: what we had up to there stays had.  Without a
 * parent that we know, all that it numbers is ours to miss.  Only a tick names parents, so batches
 * of a stream we do not know wait for its tick.
 *
 * Without repair, a hole is reported as lost at once, and nothing is held: the feed is in number
 * order by itself. */
#ifndef CLIENT_SUB_STATE_H
#define CLIENT_SUB_STATE_H

#include "patterns.h"
#include "topic_map.h"
#include "wire/feed.h"

enum { SUB_TOPICS_MAX = 4096 }; /**< four times what a stream may have; bounds a hostile peer */

typedef struct sub_topic {
    topic_key_t key; /**< first: the map's */
    bool mine;       /**< a pattern matches it */
    uint64_t last;   /**< L[t]; 0: nothing handed out yet */
    uint64_t seen;   /**< the last number held on it */
    uint64_t tail;   /**< the last number that is known to exist on it */
} sub_topic_t;

/** A batch that came.  The owner embeds it in what keeps its bytes: while the state holds a batch,
 * the bytes stay. */
typedef struct sub_batch {
    struct sub_batch *next;
    sub_topic_t *topic;
    wire_feed_header_t header;
    size_t bytes;  /**< what it costs to hold */
    uint32_t skip; /**< out: how many of its first events were handed out before */
} sub_batch_t;

typedef enum {
    SUB_DELIVER, /**< hand its events out, from `skip` on */
    SUB_DROP,    /**< of no use; it is the caller's again */
    SUB_HOLD,    /**< it is the state's until sub_state_next returns it */
} sub_verdict_t;

typedef struct sub_batches {
    sub_batch_t *first, *end;
} sub_batches_t;

typedef enum { SUB_LOST, SUB_STREAM, SUB_PATTERNS } sub_notice_kind_t;

/** What the user must hear before anything that follows. */
typedef struct sub_notice {
    sub_notice_kind_t kind;
    const sub_topic_t *topic; /**< LOST: where; NULL: on any topic of ours */
    uint64_t from, to;        /**< LOST: both inclusive.  PATTERNS: `to` is where we begin */
    const char *reason;       /**< LOST: static */
    uint64_t stream;          /**< the one that holds from here on */
    wire_parent_t parent;     /**< STREAM: where our place in it comes from; zeros: from nowhere */
} sub_notice_t;

/** What to subscribe to, and how. */
typedef struct sub_rules {
    const char *const *patterns;
    bool in_order; /**< across topics too: hand out only what a tick confirmed */
    bool repair;
    size_t hold_bytes; /**< of live batches, while they wait */
} sub_rules_t;

/** Where to begin. */
typedef struct sub_start {
    bool now;        /**< behind what there is when the subscription is in force */
    uint64_t stream; /**< else behind `number` of this stream; 0: of whichever is current */
    uint64_t number;
    uint64_t taken;      /**< retention took what was named, up to there; 0: it did not */
    bool other_patterns; /**< what was had up to there was had with others */
} sub_start_t;

typedef struct sub_state {
    patterns_t patterns;
    bool in_order, repair, repair_wanted;
    size_t hold_bytes;
    sub_start_t start;

    bool placed; /**< stream and numbers mean something: a join was answered once */
    bool joined; /**< the sync of this connection was answered */
    uint64_t stream, reached, wanted, clear;
    uint64_t confirmed; /**< F as the user has it: `reached` when all that was out was taken */

    topic_map_t topics;
    sub_batches_t held;    /**< of this stream, in number order */
    sub_batches_t foreign; /**< of a stream whose tick has not come */
    sub_batches_t spent;   /**< dropped while held, to be given back */
    size_t held_bytes;

    uint64_t replay;       /**< request that is running; 0: none */
    uint64_t replay_until; /**< its end */
    bool unreadable;       /**< behind F it brought something that cannot be read */
    uint64_t cancelled;    /**< request to be cancelled; 0: none */
    bool stalled;          /**< the query side knows another stream: no replay until a tick */

    sub_notice_t *notices; /**< a queue: [notice_at, notice_count) are left */
    size_t notice_at, notice_count, notice_cap;

    uint64_t gaps, repeats, resyncs, streams, ticks, lost_numbers;
} sub_state_t;

/** Starts at now, until sub_state_start says otherwise.  @return SL_OK, SL_EINVAL, SL_ENOMEM. */
sl_err sub_state_init(sub_state_t *state, const sub_rules_t *rules);
/** Batches still held must have been taken back: sub_state_clear. */
void sub_state_fini(sub_state_t *state);
/** Where to begin.  Before the first sync answer. */
void sub_state_start(sub_state_t *state, const sub_start_t *start);

/** The topic's entry; made when it is new.  It lives as long as the state.
 *  @return NULL with *err SL_ENOMEM, or SL_EPROTO (no topic, or more of them than SUB_TOPICS_MAX).
 */
sub_topic_t *sub_state_topic(sub_state_t *state, const char *name, size_t len, sl_err *err);

/* -- what goes in.  Before anything does, the user has taken all that came out: sub_state_settle.
 */

/** Takes a live batch: topic, header and bytes are filled in.
 *  @return SL_OK, SL_ENOMEM (the batch counts as not received; it is the caller's). */
sl_err sub_state_batch(sub_state_t *state, sub_batch_t *batch, sub_verdict_t *verdict);

/** Takes a tick.  @param header  with the parents that its frame names.
 *  @param sync  it is the answer to our sync.
 *  @return SL_OK, SL_EPROTO (malformed body; nothing has changed), SL_ENOMEM. */
sl_err sub_state_tick(sub_state_t *state, const wire_feed_header_t *header, const void *body,
                      size_t len, bool sync);

/** The feed's connection is a new one: joined no longer, but where we were still holds. */
void sub_state_reconnected(sub_state_t *state);

/** Should a replay of `state->stream` be asked for?  @return false: no, or one is running. */
bool sub_state_wants_replay(const sub_state_t *state, uint64_t *after, uint64_t *until);
/** It was asked for.  @param request  not 0, and none that was used before. */
void sub_state_replay_asked(sub_state_t *state, uint64_t request, uint64_t until);

/** The running replay brought a batch that cannot be read, now or ever: what it held is reported as
 * lost, once what follows shows how far it went.  @return SL_OK, SL_ENOMEM (nothing changed). */
sl_err sub_state_replay_unreadable(sub_state_t *state, uint64_t request);

/* A replay's answers.  Those to a request that is not the running one change nothing. */

/** As sub_state_batch, but never holds. */
sl_err sub_state_replayed(sub_state_t *state, uint64_t request, sub_batch_t *batch,
                          sub_verdict_t *verdict);
/** The numbers from … to are not there any more.  @return SL_OK, SL_ENOMEM (nothing changed). */
sl_err sub_state_replay_lost(sub_state_t *state, uint64_t request, uint64_t from, uint64_t to,
                             const char *reason);
void sub_state_replay_done(sub_state_t *state, uint64_t request, uint64_t upto);
/** It was refused, or its connection is gone: another one is wished for, from where it came to. */
void sub_state_replay_broken(sub_state_t *state, uint64_t request);
/** The broker has another stream: the feed will say which, until then no replay is wished for. */
void sub_state_replay_wrong_stream(sub_state_t *state, uint64_t request);
/** This broker knows no replay: what is missing is lost, until the next join.
 *  @return SL_OK, SL_ENOMEM (nothing changed). */
sl_err sub_state_replay_impossible(sub_state_t *state, uint64_t request);

/* -- what comes out: notices first, then batches. */

/** Takes a batch out of those that are or were held: to be delivered now, or dropped.
 *  @return NULL: none, for now.  Only then may another message go in. */
sub_batch_t *sub_state_next(sub_state_t *state, sub_verdict_t *verdict);

/** Gives every held batch back, one a call; NULL: that was all.  For the end. */
sub_batch_t *sub_state_clear(sub_state_t *state);

/** The user has taken every notice and every event that was handed out. */
static inline void sub_state_settle(sub_state_t *state)
{
    state->confirmed = state->reached;
}

static inline bool sub_state_has_notice(const sub_state_t *state)
{
    return state->notice_at < state->notice_count;
}

/** Takes the next notice off the queue; there must be one. */
sub_notice_t sub_state_take_notice(sub_state_t *state);

/** A request whose answers nobody wants any more; 0: none.  Told once. */
static inline uint64_t sub_state_take_cancelled(sub_state_t *state)
{
    uint64_t request = state->cancelled;
    state->cancelled = 0;
    return request;
}

#endif
