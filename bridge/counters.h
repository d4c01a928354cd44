/* counters.h - what the bridge counts: a table of every source, one of each kind of source, one of
 * the whole, and families with a label of their own. */
#ifndef BRIDGE_COUNTERS_H
#define BRIDGE_COUNTERS_H

#include "base/counter.h"
#include "event/normalise.h"

/* Of every source, labelled source="<name>". */
#define SOURCE_COUNTERS(X)                                                                        \
    X(RECEIVED, TOTAL, "bridge_received", "Messages received from MNS")                           \
    X(JSON, TOTAL, "bridge_json_envelopes", "JSON envelopes taken off")                           \
    X(XML, TOTAL, "bridge_xml_envelopes", "XML envelopes taken off")                              \
    X(BASE64, TOTAL, "bridge_base64_layers", "Base64 layers taken off")                           \
    X(BARE, TOTAL, "bridge_bare_events", "Events that came without an envelope or Base64")        \
    X(EVENTS, TOTAL, "bridge_normalised", "Messages that are events")                             \
    X(UNKNOWN, TOTAL, "bridge_unknown_events", "Events that the catalogue does not know")         \
    X(UNTYPED, TOTAL, "bridge_untyped_fields", "Typed fields that did not parse and stayed text") \
    X(REPEATED, TOTAL, "bridge_repeated_members", "Members that came twice; the last one won")    \
    X(RENAMED, TOTAL, "bridge_renamed_members", "Members renamed to body:<name>")                 \
    X(INEXACT, TOTAL, "bridge_inexact_integers", "Integers past 64 bits that became text")        \
    X(FILTERED, TOTAL, "bridge_filtered",                                                         \
      "Events that the source's Events do not list: done without being published")                \
    X(LAPSED, TOTAL, "bridge_lapsed",                                                             \
      "Messages discarded before publishing: no longer ours, or no room; they come again")        \
    X(PUBLISHED, TOTAL, "bridge_published", "Events and dead letters given to the broker")        \
    X(ACKED, TOTAL, "bridge_acked", "Events and dead letters that the broker has")                \
    X(REFUSED, TOTAL, "bridge_refused", "Events that the broker refused for good")                \
    X(LEFT, TOTAL, "bridge_left",                                                                 \
      "Messages left in MNS because even their dead letter was refused")                          \
    X(WAITING, GAUGE, "bridge_waiting", "Messages waiting for room at the publisher")             \
    X(UP, GAUGE, "bridge_source_up", "1 while receiving works")

/* Of a queue, beside these. */
#define QUEUE_COUNTERS(X)                                                                          \
    X(EMPTY, TOTAL, "bridge_empty_polls", "Long polls that ended without a message")               \
    X(RECEIVE_ERRORS, TOTAL, "bridge_receive_errors", "Receive requests that failed")              \
    X(THROTTLED, TOTAL, "bridge_throttled", "Requests that the service refused as too many")       \
    X(DIGEST_ERRORS, TOTAL, "bridge_body_digest_mismatches",                                       \
      "Messages whose MessageBodyMD5 is not that of the body; they are decoded all the same")      \
    X(DELETED, TOTAL, "bridge_deleted", "Messages deleted from MNS")                               \
    X(DELETED_LATE, TOTAL, "bridge_deleted_late",                                                  \
      "Messages whose handle had expired when they were deleted; the broker drops the repeat")     \
    X(DELETE_REQUESTS, TOTAL, "bridge_delete_requests", "Batch deletes sent")                      \
    X(DELETE_ERRORS, TOTAL, "bridge_delete_errors", "Batch deletes that failed, wholly or partly") \
    X(DELETE_GIVEN_UP, TOTAL, "bridge_delete_given_up",                                            \
      "Acknowledged messages that could not be deleted while their handle was good")               \
    X(EXTENDED, TOTAL, "bridge_extended", "Visibilities made longer while the broker was slow")    \
    X(EXTEND_ERRORS, TOTAL, "bridge_extend_errors", "Requests for that which failed")              \
    X(AGES_MS, TOTAL, "bridge_receipt_age_ms",                                                     \
      "Ages of all messages at their receipt, since EnqueueTime, added up")                        \
    X(LOOK_ERRORS, TOTAL, "bridge_queue_look_errors", "Failed looks at the queue's attributes")    \
    X(UNDELETED, GAUGE, "bridge_undeleted", "Messages in hand: received, not deleted")             \
    X(UNSEEN, GAUGE, "bridge_undeleted_unseen",                                                    \
      "Messages that MNS may count as undeleted besides: given up, or taken by lost polls")        \
    X(POLLS, GAUGE, "bridge_polls_in_flight", "Receive requests under way")                        \
    X(POLLS_WANTED, GAUGE, "bridge_polls_wanted", "As many as the backlog calls for")              \
    X(BACKOFF_MS, GAUGE, "bridge_backoff_ms", "How long receiving still pauses after errors")      \
    X(BACKLOG_AGE_MS, GAUGE, "bridge_backlog_age_ms",                                              \
      "Age of the oldest message that the last poll brought, since EnqueueTime; 0: none")          \
    X(OLDEST_MS, GAUGE, "bridge_oldest_in_hand_ms",                                                \
      "Age of the oldest message in hand that the broker does not have, since EnqueueTime")        \
    X(KNOWN, GAUGE, "bridge_queue_known", "1 while the service tells the queue's length")          \
    X(ACTIVE, GAUGE, "bridge_queue_active_messages", "Messages in the queue that can be received") \
    X(INACTIVE, GAUGE, "bridge_queue_inactive_messages",                                           \
      "Messages received by anybody and neither deleted nor visible again")                        \
    X(DELAYED, GAUGE, "bridge_queue_delayed_messages", "Messages in the queue still delayed")

/* Of an endpoint that is pushed to, likewise. */
#define PUSH_COUNTERS(X)                                                                           \
    X(REQUESTS, TOTAL, "bridge_pushes", "Requests for the endpoint's path, genuine or not")        \
    X(ANSWERED, TOTAL, "bridge_push_answered",                                                     \
      "Pushes answered 204: the broker has them, or Events does not list them")                    \
    X(FORGED, TOTAL, "bridge_push_refused_as_forged", "Pushes answered 403, whatever the verdict") \
    X(UNAVAILABLE, TOTAL, "bridge_push_unavailable",                                               \
      "Pushes answered 503: the certificate could not be had")                                     \
    X(TIMEOUTS, TOTAL, "bridge_push_timeouts",                                                     \
      "Pushes answered 503: the broker did not acknowledge them in time")                          \
    X(BUSY, TOTAL, "bridge_push_busy",                                                             \
      "Pushes answered 503 at once: no broker, too much in hand, stopping, no memory")             \
    X(REFUSED, TOTAL, "bridge_push_refused",                                                       \
      "Pushes answered 503: the broker refused even their dead letter")                            \
    X(MALFORMED, TOTAL, "bridge_push_malformed", "Pushes answered 400: too many headers, no id")   \
    X(HUNG_UP, TOTAL, "bridge_push_hung_up", "Pushes whose client left before the answer")         \
    X(OTHER_PATH, TOTAL, "bridge_push_other_path", "Requests answered 404")                        \
    X(OTHER_METHOD, TOTAL, "bridge_push_other_method", "Requests answered 405")                    \
    X(CERTIFICATE_WAITS, TOTAL, "bridge_push_certificate_waits",                                   \
      "Pushes that waited for a certificate")                                                      \
    X(ACKED_LATE, TOTAL, "bridge_push_acked_late",                                                 \
      "Acknowledgements that came after the answer; the broker drops the repeat")                  \
    X(FETCHES, TOTAL, "bridge_push_certificate_fetches", "Fetches of certificates begun")          \
    X(FETCH_FAILURES, TOTAL, "bridge_push_certificate_failures", "Those that brought none")        \
    X(CERTIFICATES, GAUGE, "bridge_push_certificates", "Certificates kept")                        \
    X(OPEN, GAUGE, "bridge_push_open", "Pushes not answered yet")                                  \
    X(IN_HAND, GAUGE, "bridge_push_in_hand",                                                       \
      "Pushes that the broker has not acknowledged, answered or not")

/* Of the whole program. */
#define BRIDGE_COUNTERS(X)                                                                       \
    X(TURNS, TOTAL, "bridge_turns", "Turns of the loop")                                         \
    X(DUPLICATES, TOTAL, "bridge_duplicates", "Events that the broker had already")              \
    X(RESENDS, TOTAL, "bridge_resends", "Publish requests sent again")                           \
    X(NAKS, TOTAL, "bridge_naks", "Publish requests that the broker did not take")               \
    X(HELLOS, TOTAL, "bridge_hellos", "Times the bridge introduced itself to the broker")        \
    X(REQUESTS, TOTAL, "bridge_publish_requests", "Publish requests, each a batch of one topic") \
    X(PENDING, GAUGE, "bridge_pending", "Events given to the publisher, unacknowledged")         \
    X(PENDING_BYTES, GAUGE, "bridge_pending_bytes", "Bytes of these events")                     \
    X(BROKER_UP, GAUGE, "bridge_broker_up", "1 while the broker answers")                        \
    X(SILENT_MS, GAUGE, "bridge_broker_silent_ms",                                               \
      "How long the broker has not acknowledged what is pending")

#define X(name, kind, metric, help) SOURCE_##name,
enum { SOURCE_COUNTERS(X) SOURCE_COUNTER_COUNT };
#undef X
#define X(name, kind, metric, help) QUEUE_##name,
enum { QUEUE_COUNTERS(X) QUEUE_COUNTER_COUNT };
#undef X
#define X(name, kind, metric, help) PUSH_##name,
enum { PUSH_COUNTERS(X) PUSH_COUNTER_COUNT };
#undef X
#define X(name, kind, metric, help) BRIDGE_##name,
enum { BRIDGE_COUNTERS(X) BRIDGE_COUNTER_COUNT };
#undef X

extern const counter_def_t source_counter_defs[SOURCE_COUNTER_COUNT];
extern const counter_def_t queue_counter_defs[QUEUE_COUNTER_COUNT];
extern const counter_def_t push_counter_defs[PUSH_COUNTER_COUNT];
extern const counter_def_t bridge_counter_defs[BRIDGE_COUNTER_COUNT];
/** One row; a set for each source and reason: sluice_bridge_dead_letters_total{source=,reason=}. */
extern const counter_def_t dead_letter_counter_def;
/** Likewise for each verdict: sluice_bridge_forged_total{source=,verdict=}. */
extern const counter_def_t forged_counter_def;

#endif
