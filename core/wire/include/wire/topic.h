/* topic.h - names of topics, and patterns over them.
 *
 * Topic = Category.Event, each a token of [A-Za-z0-9_-], 1 to 64 bytes.  `$dead.<Reason>` is the
 * one topic of that shape that begins with $; `$tick` and `~sync.<16 hex>` belong to the feed
 * itself.
 *
 * A pattern is one of
 *   ""  or ending in "."     a prefix:         "Job."        every event of the category
 *   with "*"                 a glob; * matches any run of bytes within one segment: "*.On*Failed"
 *   anything else            the whole topic:  "Job.OnJobFailed", and never Job.OnJobFailedTwice
 * No pattern matches a topic that begins with $ unless it begins with $ itself, and none matches
 * one that begins with ~. */
#ifndef WIRE_TOPIC_H
#define WIRE_TOPIC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define WIRE_TICK_TOPIC  "$tick"
#define WIRE_SYNC_PREFIX "~sync."
#define WIRE_DEAD_PREFIX "$dead."

enum {
    WIRE_TOKEN_MAX = 64,
    WIRE_TOPIC_MAX = 2 * WIRE_TOKEN_MAX + 1,
    WIRE_SYNC_TOPIC_LEN = 6 + 16,
    WIRE_TOPICS_PER_STREAM = 1024,
    WIRE_PATTERN_MAX = 256,
};

bool wire_token_valid(const char *token, size_t len);

/** May a publisher publish to it?  token.token, or $dead.token. */
bool wire_topic_valid(const char *topic, size_t len);

/** "~sync." and 16 lower-case hex digits? */
bool wire_is_sync_topic(const void *topic, size_t len);

/** Is it a well-formed pattern?  Empty; or two segments of token characters and * with one dot
 * between them, an optional $ first, the second perhaps empty, at most WIRE_PATTERN_MAX bytes.
 * Without a dot ("Job", "*") it could match no topic, which its writer did not mean: refused. */
bool wire_pattern_valid(const char *pattern, size_t len);

/** The longest prefix that every topic matched by `pattern` has: what to subscribe to on the feed.
 *  @return its length; the bytes are the pattern's own first ones. */
size_t wire_pattern_prefix(const char *pattern, size_t len);

/** Does the pattern match this topic?  Linear in the topic times the stars; never allocates. */
bool wire_pattern_match(const char *pattern, size_t pattern_len, const char *topic,
                        size_t topic_len);

#endif
