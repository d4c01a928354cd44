/* fake_mns.h - libmns's calls, answered by queues in memory that fail as told.
 *
 * Takes the library's place at link time, so the bridge's own code runs as it is.  Time is the
 * test's clock; nothing happens but in mns_client_run.  Visibility, handles, delivery counts and
 * long polls follow the service: a handle is good until its time is up and while it is the newest.
 *
 *     fake_queue_t *q = fake_queue_create("q", &clock);
 *     fake_queue_put(q, body);
 *     q->fault[FAKE_DELETE] = (fake_fault_t){.err = MNS_EIO, .times = 3};     three deletes fail
 */
#ifndef BRIDGE_FAKE_MNS_H
#define BRIDGE_FAKE_MNS_H

#include "base/clock.h"

#include <mns/mns.h>

enum { FAKE_BODY_MAX = 512, FAKE_MESSAGES_MAX = 4096, FAKE_PATIENCE_MS = 10000 };

typedef struct fake_message {
    char id[40], body[FAKE_BODY_MAX], handle[40];
    uint64_t visible_at_ms; /**< service time */
    int64_t enqueued_ms, first_dequeued_ms;
    uint32_t dequeue_count;
    bool deleted;
} fake_message_t;

typedef enum { FAKE_RECEIVE, FAKE_DELETE, FAKE_EXTEND, FAKE_LOOK, FAKE_OPS } fake_op_t;

/** The next requests of an operation fail. */
typedef struct fake_fault {
    uint32_t times;
    mns_err err;
    const char *code;
    int http_status;
    uint32_t retry_after_ms;
    bool performed; /**< only the answer is lost */
    bool lingers;   /**< the answer is lost at once, and a long poll waits on at the service */
    bool hangs;     /**< the answer is lost when the client's patience is over */
} fake_fault_t;

typedef struct fake_queue {
    const char *name;
    const sl_clock_manual_t *clock;
    int64_t skew_ms; /**< the service's clock minus the bridge's wall clock */
    uint64_t visibility_ms;
    fake_message_t *messages;
    size_t count;

    fake_fault_t fault[FAKE_OPS];
    uint32_t twice;                 /**< so many receives leave what they hand out visible */
    const char *refuse_handle_code; /**< every delete is partial: its first handle fails so */
    size_t unextendable;            /**< the first so many messages: their extensions fail */
    bool hold[FAKE_OPS];            /**< such requests are neither performed nor answered */
    /** Stands still: answers nothing, and when it goes on, performs also the receives that the
     *  client has given up. */
    bool stopped;
    uint32_t answer_one_in; /**< a request is answered in one of so many runs; 0: in each */
    uint64_t random;

    /* What the test sees. */
    uint64_t receives, deletes, extends, looks, deleted, late;
    uint32_t polls, polls_most; /**< under way now, and at most so far */
    size_t hidden_most;         /**< undeleted at once, at most so far */
    int32_t last_wait_s;
    uint32_t last_count;
    void (*on_delete)(void *ctx, const fake_message_t *message);
    void *ctx;

    int64_t nothing_until_ms; /**< the fake's own: no message is visible before */
    uint32_t
        orphans; /**< the fake's own: messages that receives given up by the client will take */
    uint64_t handles; /**< the fake's own: how many it made */
} fake_queue_t;

fake_queue_t *fake_queue_create(const char *name, const sl_clock_manual_t *clock);
const char *fake_queue_put(fake_queue_t *queue, const char *body);
/** Messages received, hidden and not deleted. */
size_t fake_queue_hidden(const fake_queue_t *queue);
void fake_queues_destroy(void);

#endif
