/* counters.h - what the broker counts: one row each, served on /metrics and in STATUS.
 *
 * Written by the sequencer's thread, but for the rows of the door (door.h), of the journal's
 * commits (journal_lmdb.h), and of questions, replays and cursors (query_service.h), which are
 * written by theirs. */
#ifndef BROKER_COUNTERS_H
#define BROKER_COUNTERS_H

#include "base/counter.h"
#include "wire/intake.h"

/* The NAK rows stand in the order of WIRE_NAK_MAP: see broker_nak_counter. */
#define BROKER_COUNTERS(X)                                                                         \
    X(INTAKE_MESSAGES, TOTAL, "broker_intake_messages", "Messages read from publishers")           \
    X(INTAKE_EVENTS, TOTAL, "broker_intake_events", "Events taken, without duplicates")            \
    X(INTAKE_BYTES, TOTAL, "broker_intake_bytes", "Bytes of the events taken")                     \
    X(INTAKE_DUPLICATES, TOTAL, "broker_intake_duplicates", "Events known by their id, not taken") \
    X(INTAKE_ACKS, TOTAL, "broker_intake_acks", "Requests acknowledged")                           \
    X(INTAKE_JUNK, TOTAL, "broker_intake_junk",                                                    \
      "Messages without a readable request number, dropped without an answer")                     \
    X(INTAKE_UNANSWERED, TOTAL, "broker_intake_unanswered",                                        \
      "Answers dropped because the publisher is gone or does not read")                            \
    X(INTAKE_STOPS, TOTAL, "broker_intake_stops",                                                  \
      "Times that reading stopped because journal or feed were behind")                            \
    X(NAK_BUSY, TOTAL, "broker_nak_busy", "Requests refused: intake full or journal failing")      \
    X(NAK_ORDER, TOTAL, "broker_nak_order", "Requests refused: an earlier one is due first")       \
    X(NAK_HELLO, TOTAL, "broker_nak_hello", "Requests refused: no HELLO")                          \
    X(NAK_DRAINING, TOTAL, "broker_nak_draining", "Requests refused: shutting down")               \
    X(NAK_VERSION, TOTAL, "broker_nak_version", "Requests refused: unknown protocol version")      \
    X(NAK_SIZE, TOTAL, "broker_nak_size", "Requests refused: too large")                           \
    X(NAK_FRAME, TOTAL, "broker_nak_frame", "Requests refused: parts do not fit together")         \
    X(NAK_TOPIC, TOTAL, "broker_nak_topic", "Requests refused: no topic for publishers")           \
    X(NAK_TOPICS, TOTAL, "broker_nak_topics", "Requests refused: too many topics")                 \
    X(NAK_FORBIDDEN, TOTAL, "broker_nak_forbidden", "Requests refused: not allowed")               \
    X(PUBLISHERS, GAUGE, "broker_publishers", "Publishers that said HELLO and are remembered")     \
    X(PUBLISHERS_FORGOTTEN, TOTAL, "broker_publishers_forgotten",                                  \
      "Publishers forgotten: gone, flooding, or idle when another came")                           \
    X(TOPICS, GAUGE, "broker_topics", "Topics in the stream")                                      \
    X(NEXT, GAUGE, "broker_next_number", "Number that the next event will have")                   \
    X(BATCHES, TOTAL, "broker_batches", "Batches sealed")                                          \
    X(BATCHES_FORWARDED, TOTAL, "broker_batches_forwarded",                                        \
      "Batches that are a publisher's message as it came")                                         \
    X(BATCH_MEMORY, GAUGE, "broker_batch_memory_bytes", "Memory of the batches' buffers")          \
    X(DEDUP_ENTRIES, GAUGE, "broker_dedup_entries", "Ids in the dedup window")                     \
    X(DEDUP_REACH_MS, GAUGE, "broker_dedup_reach_ms", "Age of the oldest id in the window")        \
    X(DEDUP_WINDOW_EVENTS, GAUGE, "broker_dedup_window_events",                                    \
      "Newest events whose repetition is recognised, across a restart too, at most")               \
    X(DEDUP_WINDOW_MS, GAUGE, "broker_dedup_window_ms",                                            \
      "Age up to which a repetition is recognised, across a restart too")                          \
    X(DEDUP_MEMORY, GAUGE, "broker_dedup_memory_bytes", "Memory of the dedup window")              \
    X(JOURNAL_IN_FLIGHT, GAUGE, "broker_journal_in_flight", "Batches the journal has not done")    \
    X(JOURNAL_OLDEST, GAUGE, "broker_journal_oldest", "Oldest number that the journal keeps")      \
    X(JOURNAL_FAILED, TOTAL, "broker_journal_failed_batches", "Batches the journal refused")       \
    X(JOURNAL_RECORDS, GAUGE, "broker_journal_records", "Batches that the journal keeps")          \
    X(JOURNAL_BYTES, GAUGE, "broker_journal_bytes", "Bytes of the batches that it keeps")          \
    X(JOURNAL_FILE_BYTES, GAUGE, "broker_journal_file_bytes", "Size of the journal's file")        \
    X(JOURNAL_QUARANTINED, GAUGE, "broker_journal_quarantined", "Damaged records put aside")       \
    X(JOURNAL_COMMITS, TOTAL, "broker_journal_commits", "Groups committed")                        \
    X(JOURNAL_COMMITTED, TOTAL, "broker_journal_committed_batches", "Batches in those groups")     \
    X(JOURNAL_COMMIT_US, TOTAL, "broker_journal_commit_us", "Microseconds that commits took")      \
    X(JOURNAL_COMMIT_P50_US, GAUGE, "broker_journal_commit_p50_us",                                \
      "Half of the commits of the last minute took no longer")                                     \
    X(JOURNAL_COMMIT_P99_US, GAUGE, "broker_journal_commit_p99_us",                                \
      "99 of 100 commits of the last minute took no longer")                                       \
    X(JOURNAL_COMMIT_MAX_US, GAUGE, "broker_journal_commit_max_us", "The slowest commit so far")   \
    X(JOURNAL_FAILED_COMMITS, TOTAL, "broker_journal_failed_commits", "Groups that failed")        \
    X(JOURNAL_ERRNO, GAUGE, "broker_journal_errno", "errno of the last failure; 0: it works")      \
    X(JOURNAL_CLOSED_MS, GAUGE, "broker_journal_closed_ms",                                        \
      "How long intake is closed after the last failure; 0: it is open")                           \
    X(JOURNAL_QUARANTINE_BYTES, GAUGE, "broker_journal_quarantine_bytes",                          \
      "What was damaged and is kept aside; it stays until somebody removes it")                    \
    X(ROLLBACKS, TOTAL, "broker_rollbacks", "Times that numbers were taken back")                  \
    X(FEED_BATCHES, TOTAL, "broker_feed_batches", "Batches handed to the feed")                    \
    X(FEED_EVENTS, TOTAL, "broker_feed_events", "Events handed to the feed")                       \
    X(FEED_BYTES, TOTAL, "broker_feed_bytes", "Bytes handed to the feed, once for all")            \
    X(FEED_QUEUE, GAUGE, "broker_feed_queue", "Batches that wait for the feed")                    \
    X(FEED_TICKS, TOTAL, "broker_feed_ticks", "Ticks sent")                                        \
    X(FEED_SYNCS, TOTAL, "broker_feed_syncs", "Sync topics answered")                              \
    X(FEED_WAITS, TOTAL, "broker_feed_waits", "Times the feed waited for a full subscriber")       \
    X(FEED_WAIT_US, TOTAL, "broker_feed_wait_us", "Microseconds waited for full subscribers")      \
    X(FEED_LOSSY, TOTAL, "broker_feed_lossy_sends",                                                \
      "Messages sent past full subscribers, who lost them")                                        \
    X(FEED_JUNK, TOTAL, "broker_feed_junk", "Messages from subscribers that are no subscription")  \
    X(QUERY_REQUESTS, TOTAL, "broker_query_requests", "Questions answered")                        \
    X(QUERY_ERRORS, TOTAL, "broker_query_errors", "Questions answered with ERROR")                 \
    X(QUERY_JUNK, TOTAL, "broker_query_junk", "Messages that are no question, dropped")            \
    X(QUERY_UNANSWERED, TOTAL, "broker_query_unanswered",                                          \
      "Answers dropped because the asker is gone or does not read")                                \
    X(REPLAYS, GAUGE, "broker_replays", "Replays that run")                                        \
    X(REPLAYS_BEGUN, TOTAL, "broker_replays_begun", "Replays asked for and begun")                 \
    X(REPLAYS_DROPPED, TOTAL, "broker_replays_dropped",                                            \
      "Replays dropped because the reader is gone or fell silent")                                 \
    X(REPLAY_BATCHES, TOTAL, "broker_replay_batches", "Batches sent by replays")                   \
    X(REPLAY_EVENTS, TOTAL, "broker_replay_events", "Events in those batches")                     \
    X(REPLAY_BYTES, TOTAL, "broker_replay_bytes", "Bytes of those batches, all three frames")      \
    X(REPLAY_LOST, TOTAL, "broker_replay_lost_ranges",                                             \
      "Ranges of numbers that replays reported as lost")                                           \
    X(CURSORS, GAUGE, "broker_cursors", "Cursors that are kept")                                   \
    X(CURSOR_OPENS, TOTAL, "broker_cursor_opens", "Cursors opened")                                \
    X(CURSOR_COMMITS, TOTAL, "broker_cursor_commits",                                              \
      "Commits and resets of cursors that were kept")                                              \
    X(CURSOR_FENCED, TOTAL, "broker_cursor_fenced",                                                \
      "Commits and resets refused: a newer holder opened the cursor")                              \
    X(CURSOR_FAILED, TOTAL, "broker_cursor_failed",                                                \
      "Changes of cursors undone because the disk failed")                                         \
    X(SUBSCRIBERS, GAUGE, "broker_feed_connections", "Connections to the feed")                    \
    X(PUBLISHER_CONNECTIONS, GAUGE, "broker_intake_connections", "Connections to the intake")      \
    X(QUERY_CONNECTIONS, GAUGE, "broker_query_connections", "Connections to the query endpoint")   \
    X(CONNECTIONS_ACCEPTED, TOTAL, "broker_connections_accepted", "Connections accepted")          \
    X(HANDSHAKES, TOTAL, "broker_handshakes",                                                      \
      "Accepted connections that turned out to speak ZMTP 3")                                      \
    X(CONNECTIONS_REFUSED, TOTAL, "broker_connections_refused", "Connections past the limit")      \
    X(ACCEPTS_FAILED, TOTAL, "broker_accepts_failed", "Connections that could not be accepted")

#define X(name, kind, metric, help) BROKER_##name,
enum { BROKER_COUNTERS(X) BROKER_COUNTER_COUNT };
#undef X

extern const counter_def_t broker_counter_defs[BROKER_COUNTER_COUNT];

static inline int broker_nak_counter(wire_nak_t code)
{
    return BROKER_NAK_BUSY + (int)code;
}

#define X(name, again, text)                                                              \
    _Static_assert((int)BROKER_NAK_##name == (int)BROKER_NAK_BUSY + (int)WIRE_NAK_##name, \
                   "a row each");
WIRE_NAK_MAP(X)
#undef X

#endif
