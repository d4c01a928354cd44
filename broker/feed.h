/* feed.h - committed batches, and ticks, out to the subscribers.
 *
 * An XPUB that drops at a full subscriber, driven flat out, drops at healthy ones too, because this
 * thread outruns libzmq's.  So the feed waits for full subscribers, but not for ever:
 *
 *     send --full?--> try again in a while --too long?--> one lossy send: the full ones miss it,
 *                                                          and all others go on
 *
 * Too long is when libzmq's I/O thread has slept through 20 ms: then nobody is reading.  A thread
 * that runs has others to send to, and so has one that waits for a CPU; and where CPUs are short, a
 * subscriber may only be waiting for one.  `patience` bounds it all.  For five seconds after one
 * was found stuck both are a quarter as long, since those that stop together fill up one by one;
 * then somebody must be waited for in full again, so that one that is only slow shortens nothing
 * for good.
 *
 * Ticks are queued like batches, so that a tick follows everything it covers.  Threads: the
 * sequencer owns it. */
#ifndef BROKER_FEED_H
#define BROKER_FEED_H

#include "batch.h"
#include "counters.h"
#include "io_clock.h"

enum { FEED_RECENT = 3 };

typedef struct feed_options {
    void *socket; /**< XPUB with NODROP and VERBOSE set, borrowed */
    topics_t *topics;
    batch_pool_t *pool;
    uint64_t stream;
    uint64_t next;                /**< the stream's next number; 0: 1 */
    uint64_t time_ns;             /**< no header may seem older than this */
    const wire_parent_t *parents; /**< the stream's, newest first; borrowed */
    uint32_t parent_count;
    uint64_t patience_ns, tick_ns, idle_tick_ns;
    io_clock_t io_clock;
    counter_t *counters;
} feed_options_t;

typedef struct feed {
    feed_options_t o;
    batch_list_t queue;
    zmq_msg_t frames[BATCH_FRAMES]; /**< of the queue's head, once `framed` */
    bool framed;
    uint64_t next;    /**< the number after the last event that was queued */
    uint64_t time_ns; /**< of the last header, never to be undercut */
    uint64_t now_ns;
    uint64_t wall_ns;             /**< what a tick says; not past what the next batch will say */
    bool waiting;                 /**< for a full subscriber */
    uint64_t waited_ns;           /**< how long already */
    uint64_t tried_ns, retry_ns;  /**< when it tried last, and may again */
    uint64_t sampled_ns;          /**< waited_ns when the I/O thread's state was read */
    uint64_t looked_ns, cpu_ns;   /**< how long it was watched, and its clock before */
    uint64_t load_ns;             /**< when the I/O thread's load was measured last */
    uint64_t load_cpu_ns;         /**< its clock then */
    bool loaded;                  /**< the result */
    uint64_t stuck_ns;            /**< when a wait of full length was for nothing; 0: never */
    uint64_t tick_ns;             /**< when the last tick was queued */
    uint64_t covered_ns;          /**< when the first batch after it was; 0: none */
    batch_t *recent[FEED_RECENT]; /**< sent last */
    unsigned recent_at;
} feed_t;

void feed_init(feed_t *f, const feed_options_t *options, uint64_t now_ns);
/** Drops what is queued. */
void feed_fini(feed_t *f);

/** Takes over a committed batch. */
void feed_push(feed_t *f, batch_t *b);

/** Sends what can be sent, at most `most`.  @return how many. */
int feed_turn(feed_t *f, int most);

/** Reads at most `most` messages of subscribers and answers sync topics.  @return how many. */
int feed_listen(feed_t *f, int most);

/** Queues a tick when one is due. */
void feed_tick_if_due(feed_t *f);
/** Queues a tick on the topic. */
void feed_tick(feed_t *f, const char *topic, size_t len);

/** A full tick, for a query: header and body.  @return NULL: no memory. */
batch_t *feed_make_tick(feed_t *f, const char *topic, size_t len);

/** Does libzmq still hold three of the latest batches?  Then larger ones are better than more.  But
 *  what it holds for over 20 ms hangs at a slow subscriber, for whom the others need not wait;
 * unless its I/O thread has so much to send that all of them do. */
bool feed_is_behind(const feed_t *f);

/** When it next has something to do by itself; UINT64_MAX: never. */
uint64_t feed_deadline_ns(const feed_t *f);

#endif
