/* pub_impl.h - the publisher's two halves and what they share.
 *
 *     pub.c         events come in, batches form; the handle that the user holds
 *     pub_intake.c  the conversation with the broker: HELLO, requests, answers, receipts
 *
 *     send()  ->  open batch of the topic  --full, due, flushed-->  window  --PUB-->  broker
 *                                           receipts  <--  ACK, or a NAK that is final
 *
 * A batch that stands in line because the window is full goes on taking events: under load batches
 * are large, in quiet times nothing waits. */
#ifndef CLIENT_PUB_IMPL_H
#define CLIENT_PUB_IMPL_H

#include "link.h"
#include "pub_window.h"

enum {
    PUB_NS_PER_MS = 1000000,

    /* Without a linger time.  A broker that answers within 0.4 ms has so many to answer from 16 /
     * 0.4 ms = 40,000 requests a second on; one that takes 5 ms from 3,200 on. */
    PUB_GATHER_REQUESTS = 16, /* from so many unanswered ones on batches form */
    PUB_GATHER_NS = 500000,   /* each for so long at most */
};

/** A topic, and the batch of it that takes events: it forms, or stands in line unsent. */
typedef struct pub_topic {
    topic_key_t key; /**< first: the map's */
    pub_batch_t *open;
    size_t last_bytes; /**< of its last batch: room to begin the next one with */
    uint32_t last_events;
} pub_topic_t;

typedef enum {
    PUB_LOST,     /**< a new connection is due at reopen_ns; answers are ignored */
    PUB_GREETING, /**< HELLO is said; without WELCOME by reopen_ns, a new connection */
    PUB_READY,    /**< requests flow */
} pub_phase_t;

struct sluice_pub {
    link_t link;
    link_socket_t socket;
    char *intake, *name;
    sluice_receipt_fn on_receipt;
    void *ctx;
    uint32_t batch_bytes, batch_events, pending_max;
    uint64_t linger_ns, ack_timeout_ns;

    topic_map_t topics;
    pub_topic_t *recent; /**< the topic of the last event: most often of the next one too */
    pub_batch_t *forming, *forming_end; /**< not in line yet, in the order in which they began */
    pub_window_t window;
    pub_spare_t spare;
    sl_buf_t scratch; /**< a request's header in the making */

    pub_phase_t phase;
    uint32_t max_bytes, max_events; /**< of one request; from WELCOME */
    uint64_t opened_ns, reopen_ns;
    uint64_t retry_ns;    /**< nothing is sent before; 0: now */
    uint64_t progress_ns; /**< the last answer, or the first request after none was in flight */
    uint64_t acked_ns;    /**< the last ACK, or the first event after none was pending */
    bool in_receipts, closing;
    bool gathers; /**< a process passed the forming batches over: they leave by time */

    uint64_t id_base[2], id_count;
    sluice_pub_stats_t stats;
};

/** Makes a new connection and says HELLO.  @return SLUICE_OK, SLUICE_EINVAL, SLUICE_EIO. */
sluice_err pub_reopen(sluice_pub_t *pub, uint64_t now);

/** Takes what has come and looks at the clocks of the conversation, but sends nothing yet.
 *  @param work  is counted up by what was done. */
sluice_err pub_receive(sluice_pub_t *pub, uint64_t now, unsigned *work);

/** Sends as far as the window allows, and takes the answers that are there by then.  Sets the timer
 * for what is due next. */
sluice_err pub_push(sluice_pub_t *pub, unsigned *work);

/** It takes no more events: it is about to be sent, or full. */
void pub_close_batch(pub_batch_t *batch);

/** The batch has its final answer: tells its owner, and is done with. */
void pub_settle(sluice_pub_t *pub, pub_batch_t *batch, sluice_err err, const char *code);

#endif
