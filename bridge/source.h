/* source.h - where messages come from: what every source has, and where sources differ.
 *
 *             take                    (publish.c)                       settle
 *     MNS -----------> waiting ------------------> sent --> done -----------------> gone from MNS
 *
 * A source is a queue that is polled (queue_source.h) or an endpoint that MNS pushes to
 * (push_source.h).  Each holds its messages in slots, hands them to the publisher one by one, and
 * is told of each slot's end: it is done, left to MNS, or lapsed before it was published.  What
 * each makes of that, and how messages come in the first place, is in its table of operations.  A
 * source knows nothing of others.
 *
 * Threads: the bridge's loop owns it; counters are read by the HTTP thread. */
#ifndef BRIDGE_SOURCE_H
#define BRIDGE_SOURCE_H

#include "base/clock.h"
#include "counters.h"
#include "options.h"
#include "slots.h"

/** What all sources of a bridge share. */
typedef struct source_shared {
    slot_pool_t slots;
    const sl_clock_t *clock;
    counter_registry_t *registry;
    uint64_t now_ms; /**< monotonic; read once a turn */
    uint64_t random;
    uint64_t delete_linger_ms;
    uint64_t received_ms; /**< when messages came last */
    bool broker_up;       /**< it answers; before, a message could only grow old in our hands */
    bool broker_acks;     /**< and owes no acknowledgement for so long that it looks dead */
    bool stopping;        /**< nothing is received any more */
    bool backlog;         /**< this turn brought a full reply: there is more where it came from */
} source_shared_t;

typedef struct source source_t;

/** What a kind of source does its own way. */
typedef struct source_ops {
    void (*destroy)(source_t *source);

    /* duties of a turn; the first two return the work they did */
    size_t (*take)(source_t *source);   /**< what came, to `waiting` */
    size_t (*settle)(source_t *source); /**< tells MNS what is done, and asks it for more */
    void (*tend)(source_t *source);     /**< what is over by time; gauges */

    /** When it next wants a turn though nothing happens; UINT64_MAX: never. */
    uint64_t (*due_ms)(const source_t *source);
    /** Is anything in hand that a stop should wait for? */
    bool (*busy)(const source_t *source);
    /** May a request under way still bring something after a stop? */
    bool (*expecting)(const source_t *source);
    /** @return NULL, or what /readyz says; lives as long as the source. */
    const char *(*why_not_ready)(const source_t *source);

    /* a slot's end; it is in no list, and the source's to give back */
    void (*done)(slot_t *slot); /**< the broker has it, or nobody wants it */
    void (*left)(slot_t *slot); /**< the broker refused it even as a dead letter */
    /** Its time was up before it was published: it comes again, and is counted as lapsed. */
    void (*lapsed)(slot_t *slot);
    /** MNS says that its topic is another account's.  NULL: that does not matter. */
    void (*foreign)(slot_t *slot);
} source_ops_t;

/** The head of every source. */
struct source {
    const source_ops_t *ops;
    const source_options_t *options;
    source_shared_t *shared;
    const char *name;
    char account[OPTIONS_ACCOUNT_MAX + 1], region[OPTIONS_REGION_MAX + 1];
    decode_place_t place;
    const char *url;     /**< where MNS may push to; NULL: it is asked instead */
    int fds[2];          /**< readable when `take` has something to do; -1: none */
    size_t in_hand;      /**< all slots of this source, whatever their state */
    slot_list_t waiting; /**< to be published, in order */

    counter_t counters[SOURCE_COUNTER_COUNT];
    counter_t dead_letters[EVENT_REASON_COUNT];
    counter_set_t set, own_set, dead_letter_sets[EVENT_REASON_COUNT];
    counter_set_t *more_sets; /**< a kind's family with a label of its own; may be NULL */
    size_t more_count;
    sl_buf_t labels[EVENT_REASON_COUNT]; /**< of NONE: the source alone */
};

/** For a kind's own create: fills in the head of a zeroed source.
 *  @param own  the kind's own counters; they get the source's label.
 *  @return SL_OK, SL_ENOMEM.  Call source_fini either way. */
sl_err source_init(source_t *source, const source_ops_t *ops, const source_options_t *options,
                   source_shared_t *shared, counter_set_t own);
void source_fini(source_t *source);

/** Makes the source that the options describe.
 *  @param failed  on error receives which of the options' texts could not be used.
 *  @return SL_OK, SL_EINVAL (an endpoint that none can be, no keys, a file with something else in
 *          it), SL_ENOMEM, SL_EIO (cannot listen, cannot read a file; errno). */
sl_err source_create(source_t **out, const source_options_t *options, source_shared_t *shared,
                     const char **failed);
/** Its slots are gone with the pool of `shared`.  A pointer to NULL is fine. */
void source_destroy(source_t **source);

void source_register(source_t *source, counter_registry_t *registry);
void source_unregister(source_t *source, counter_registry_t *registry);

/* -- for the kinds ------------------------------------------------------------------------- */

/** Puts a message in `waiting`.  @return its slot, or NULL without memory. */
slot_t *source_take_message(source_t *source, const decode_message_t *message, const char *handle);
/** A slot's memory is free for the next message. */
void source_give(slot_t *slot);

/* -- for the publisher --------------------------------------------------------------------- */

/** The next message to publish; those whose time is up are discarded on the way. */
slot_t *source_next_waiting(source_t *source);
/** Puts it back as the next. */
void source_wait_again(slot_t *slot);
void source_sent(slot_t *slot);
/** The broker has it, or nobody wants it: MNS may forget it. */
void source_done(slot_t *slot);
/** The broker refused it even as a dead letter: MNS keeps it. */
void source_leave(slot_t *slot);

static inline void source_count(source_t *source, int counter, uint64_t n)
{
    counter_add(&source->counters[counter], n);
}

#endif
