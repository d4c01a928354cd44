/* wire_impl.h - what the messages of intake and query have in common: an array that begins
 * [version, type, request, ...] and may be longer than its reader knows. */
#ifndef WIRE_IMPL_H
#define WIRE_IMPL_H

#include "base/mp.h"
#include "wire/feed.h"
#include "wire/query.h"

/** A message, opened behind its third element. */
typedef struct wire_msg {
    mp_cursor_t in;
    uint32_t left; /**< elements not read yet */
    const char *type;
    uint32_t type_len;
    uint64_t request; /**< 0 unless its element could be read */
} wire_msg_t;

/** @return SL_OK, SL_EVERSION (request is set if it can be read), SL_EPROTO. */
sl_err wire_msg_open(wire_msg_t *msg, const void *frame, size_t len);

/** Moves over the elements that nobody asked for.  @return is the frame used up exactly? */
bool wire_msg_close(wire_msg_t *msg);

bool wire_msg_is(const wire_msg_t *msg, const char *type);

/* One element each; false when there is none left, or it is of another type. */
bool wire_msg_u64(wire_msg_t *msg, uint64_t *value);
bool wire_msg_u32(wire_msg_t *msg, uint32_t *value);
bool wire_msg_str(wire_msg_t *msg, const char **text, uint32_t *len);
bool wire_msg_bin(wire_msg_t *msg, const uint8_t **bytes, uint32_t *len);
/** nil gives *bytes NULL. */
bool wire_msg_bin_or_nil(wire_msg_t *msg, const uint8_t **bytes, uint32_t *len);

/** nil gives `none`. */
bool wire_msg_u64_or_nil(wire_msg_t *msg, uint64_t *value, uint64_t none);

/** Appends the array's head for `elements`, the version, the type and the request. */
void wire_msg_begin(sl_buf_t *out, uint32_t elements, const char *type, uint64_t request);

/** An array of [stream, last]; more than WIRE_PARENTS_MAX of them are read over. */
void wire_put_parents(sl_buf_t *out, const wire_parent_t *parents, uint32_t count);
bool wire_get_parents(mp_cursor_t *in, wire_parent_t out[WIRE_PARENTS_MAX], uint32_t *count);

void wire_put_texts(sl_buf_t *out, wire_texts_t texts);
bool wire_msg_texts(wire_msg_t *msg, wire_texts_t *texts);

/** The elements behind the third, as a message opened there. */
wire_msg_t wire_query_rest(const wire_query_t *msg);

#endif
