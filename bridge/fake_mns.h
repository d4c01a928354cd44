/* fake_mns.h - libmns's calls, answered by queues in memory that fail as told.
 *
 * Takes the library's place at link time, so the bridge's own code runs as it is.  Time is the
 * test's clock; nothing happens but in mns_client_run.  Visibility, handles, delivery counts and
 * long polls follow the service: a handle is good until its time is up and while it is the newest.
 *
 *     fake_queue_t *q = fake_queue_create("q", &clock);
 *     fake_queue_put(q, body);
 *     q->delete_err = MNS_EIO, q->delete_failures = 3;      the next three deletes fail
 */
#ifndef BRIDGE_FAKE_MNS_H
#define BRIDGE_FAKE_MNS_H

#include "base/clock.h"

#include <mns/mns.h>

enum { FAKE_BODY_MAX = 512, FAKE_MESSAGES_MAX = 4096 };

typedef struct fake_message {
    char id[40], body[FAKE_BODY_MAX], handle[40];
    uint64_t visible_at_ms; /**< service time */
    int64_t enqueued_ms, first_dequeued_ms;
    uint32_t dequeue_count;
    bool deleted;
} fake_message_t;

typedef struct fake_queue {
    const char *name;
    const sl_clock_manual_t *clock;
    int64_t skew_ms; /**< the service's clock minus the bridge's wall clock */
    uint64_t visibility_ms;
    fake_message_t *messages;
    size_t count;

    /* The script: how many of the next requests fail, and how. */
    mns_err receive_err, delete_err;
    const char *receive_code, *delete_code;
    uint32_t receive_failures, delete_failures;
    const char *refuse_handle_code; /**< every delete is partial: its first handle fails so */
    bool hold_deletes;              /**< deletes are not answered */
    uint32_t answer_one_in;         /**< a request is answered in one of so many runs; 0: in each */
    uint64_t random;

    /* What the test sees. */
    uint64_t receives, deletes, deleted, late;
    uint32_t polls, polls_most; /**< under way now, and at most so far */
    int32_t last_wait_s;
    void (*on_delete)(void *ctx, const fake_message_t *message);
    void *ctx;

    int64_t nothing_until_ms; /**< the fake's own: no message is visible before */
} fake_queue_t;

fake_queue_t *fake_queue_create(const char *name, const sl_clock_manual_t *clock);
const char *fake_queue_put(fake_queue_t *queue, const char *body);
/** Messages received, hidden and not deleted. */
size_t fake_queue_hidden(const fake_queue_t *queue);
void fake_queues_destroy(void);

#endif
