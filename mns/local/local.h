/* local.h - MNS for one machine: an HTTP server before a store.
 *
 *     bytes ─> core/http ─> local.c: auth ─> route.c: one table ─> ops_*.c ─> queue.c, topic.c
 *                              parked long polls: ops_receive.c, woken by queue.c
 *                              publish ─> endpoint.h ─┬─> a queue
 *                                                     ├─> push.c: lanes, retries ─> courier.c ─>
 * HTTP └─> note.c: mail and SMS, to be looked at
 *
 * One thread does everything.  Beside it stand what may go wrong on command (fault.h) and what
 * outlives the process (disk.h); inspect.c shows what goes on inside. */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include "auth.h"
#include "base/clock.h"
#include "base/counter.h"
#include "digest.h"
#include "http/observe.h"
#include "http/server.h"
#include "queue.h"
#include "topic.h"
#include "xml_in.h"

#define LOCAL_COUNTERS(X)                                                                         \
    X(CALLS, TOTAL, "mns_local_calls", "API calls answered, well or not")                         \
    X(REFUSED, TOTAL, "mns_local_refused", "API calls whose signature, date or digest was wrong") \
    X(ERRORS, TOTAL, "mns_local_errors", "API calls answered with an error")                      \
    X(SENT, TOTAL, "mns_local_sent_messages", "Messages sent to queues by clients")               \
    X(PUBLISHED, TOTAL, "mns_local_published_messages", "Messages published to topics")           \
    X(DELIVERED, TOTAL, "mns_local_delivered_messages", "Messages that topics put into queues")   \
    X(UNDELIVERABLE, TOTAL, "mns_local_undeliverable_messages",                                   \
      "Messages whose subscription names a queue that is not there, or nobody who gets them")     \
    X(PUSHES, TOTAL, "mns_local_pushes", "Pushes that an endpoint answered with 2xx")             \
    X(PUSH_FAILURES, TOTAL, "mns_local_push_failures", "Tries to push that failed")               \
    X(PUSHES_DEAD, TOTAL, "mns_local_dead_pushes", "Pushes that exhausted their retries")         \
    X(PUSHES_CANCELLED, TOTAL, "mns_local_cancelled_pushes",                                      \
      "Pushes that were pending when their subscription ended")                                   \
    X(PUSHES_PENDING, GAUGE, "mns_local_pending_pushes", "Pushes not delivered yet")              \
    X(PUSHES_UNDER_WAY, GAUGE, "mns_local_pushes_under_way", "Pushes that wait for an answer")    \
    X(MAILS, TOTAL, "mns_local_mails", "Messages published to mail endpoints")                    \
    X(SMS, TOTAL, "mns_local_sms", "Messages published to SMS endpoints")                         \
    X(NOTES_DROPPED, TOTAL, "mns_local_dropped_notes",                                            \
      "Mails, short messages and dead pushes that are no longer there to read: newer ones came")  \
    X(RECEIVED, TOTAL, "mns_local_received_messages", "Messages handed to receivers")             \
    X(DELETED, TOTAL, "mns_local_deleted_messages", "Messages deleted by receipt handle")         \
    X(THROTTLED, TOTAL, "mns_local_throttled",                                                    \
      "Receives refused because their queue's consumers receive and do not delete")               \
    X(EXPIRED, TOTAL, "mns_local_expired_messages", "Messages that outlived their retention")     \
    X(UNDELETED_PEAK, GAUGE, "mns_local_undeleted_peak",                                          \
      "The most received and undeleted messages that any queue ever had")                         \
    X(UNDELETED_PACE_PEAK, GAUGE, "mns_local_undeleted_pace_peak",                                \
      "The most by which received messages of any queue outran deleted ones within a second")     \
    X(MESSAGES, GAUGE, "mns_local_messages", "Messages in all queues")                            \
    X(BYTES, GAUGE, "mns_local_message_bytes", "Memory that messages and pushes take")            \
    X(QUEUES, GAUGE, "mns_local_queues", "Queues")                                                \
    X(TOPICS, GAUGE, "mns_local_topics", "Topics")
#define X(name, kind, metric, help) LOCAL_COUNT_##name,
enum { LOCAL_COUNTERS(X) LOCAL_COUNTER_COUNT };
#undef X

typedef struct local local_t;

/** Strings are borrowed until destroy. */
typedef struct local_options {
    const char *listen, *account, *region;
    const char *key_id, *key_secret;
    size_t memory_bytes; /**< what messages may take */
    unsigned max_connections;
    bool throttle;      /**< refuse receives as the service does, see queue_over_limit */
    const char *data;   /**< directory of what outlives the process, see disk.h; NULL: nothing */
    const char *faults; /**< file of rules, see fault.h; NULL: none */
    /* Pushes; see courier.h and push.h. */
    const char *push_key;      /**< PEM file; NULL: a key is made when it is needed */
    const char *push_ca;       /**< NULL: the system's */
    const char *cert_url;      /**< NULL: /local/certificate.pem of this server */
    unsigned push_connections; /**< 0: 64 */
    uint32_t push_answer_ms;   /**< 0: 5000; for tests */
    uint64_t time_scale;       /**< 0: 1 */
    const sl_clock_t *clock;
} local_options_t;

enum { LOCAL_SENTENCE_MAX = 512, LOCAL_URL_MAX = 128, LOCAL_PUSH_CONNECTIONS = 64 };

/** @param sentence  says what is wrong with a file; "" when the error is about something else.
 *  @return SL_OK, SL_EINVAL (listen or a file malformed), SL_EIO (cannot bind, or no random
 * numbers; errno), SL_ENOMEM, SL_ELIMIT (more rules than there may be). */
sl_err local_create(local_t **out, const local_options_t *options,
                    char sentence[LOCAL_SENTENCE_MAX]);
void local_destroy(local_t **local);

const char *local_url(const local_t *local);

/** One turn: waits at most timeout_ms (-1: for ever) for requests, answers them, ends waits that
 * are due.  @return SL_OK, SL_EIO. */
sl_err local_turn(local_t *local, int timeout_ms);

/** As http_server_watch. */
sl_err local_watch(local_t *local, int fd, void (*on_ready)(void *ctx), void *ctx);

#endif
