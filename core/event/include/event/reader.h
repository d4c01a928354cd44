/* reader.h - a field by name from an event's bytes: no copy, no allocation.
 *
 * Costs one walk over the event's keys.  Values are base/mp.h's. */
#ifndef EVENT_READER_H
#define EVENT_READER_H

#include "base/mp.h"

/** Finds a top-level field.  @param raw receives the value's bytes as a cursor; may be NULL.
 *  @return false when the event has no such field or its bytes are malformed. */
bool event_find(const void *event, size_t len, const char *name, size_t name_len, mp_value_t *value,
                mp_cursor_t *raw);

/** Walks the fields in order.  Start with event_fields, then call until it returns false.
 *  `*bad` tells a malformed event from the end of a good one. */
typedef struct event_iter {
    mp_cursor_t in;
    uint32_t left;
    bool bad;
} event_iter_t;

event_iter_t event_fields(const void *event, size_t len);
bool event_next_field(event_iter_t *iter, const char **name, uint32_t *name_len, mp_cursor_t *raw);

#endif
