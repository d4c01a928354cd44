/* mp.h - msgpack as bytes: append to a buffer, walk over borrowed memory.
 *
 * The data path neither builds trees nor allocates, which a msgpack library's objects do; so events
 * and headers are written and read in place.  Format: the MessagePack specification
 * (github.com/msgpack/msgpack, spec.md).  The tests hold every writer and reader against msgpack-c.
 *
 * Writers append to a sl_buf_t, always in the shortest form, and report no memory through
 * buf->failed.  Readers move a cursor; each returns false, and leaves the cursor where it was, when
 * the next value is cut short or of another type.  Borrowed bytes live as long as the input. */
#ifndef BASE_MP_H
#define BASE_MP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- writing ------------------------------------------------------------------------------- */

void mp_put_nil(sl_buf_t *out);
void mp_put_bool(sl_buf_t *out, bool value);
void mp_put_uint(sl_buf_t *out, uint64_t value);
void mp_put_int(sl_buf_t *out, int64_t value);
void mp_put_double(sl_buf_t *out, double value);
void mp_put_str(sl_buf_t *out, const char *text, size_t len);
void mp_put_bin(sl_buf_t *out, const void *bytes, size_t len);
void mp_put_array(sl_buf_t *out, uint32_t count); /**< `count` values follow */
void mp_put_map(sl_buf_t *out, uint32_t count);   /**< `count` pairs follow */
/** Timestamp extension (type -1) in its shortest form.  nsec < 1,000,000,000. */
void mp_put_time(sl_buf_t *out, int64_t sec, uint32_t nsec);

#define mp_put_lit(out, literal) mp_put_str((out), "" literal, sizeof(literal) - 1)

/* -- reading ------------------------------------------------------------------------------- */

typedef enum {
    MP_NIL,
    MP_BOOL,
    MP_UINT, /**< any integer >= 0, whatever its encoding */
    MP_INT,  /**< an integer < 0 */
    MP_DOUBLE,
    MP_STR,
    MP_BIN,
    MP_ARRAY,
    MP_MAP,
    MP_TIME, /**< ext -1, well formed */
    MP_EXT,  /**< any other ext */
} mp_type_t;

/** One value.  Of an array or map only the head: its elements are the next values. */
typedef struct mp_value {
    mp_type_t type;
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double dbl;
        struct {
            const uint8_t *data;
            uint32_t len;
            int8_t ext_type;
        } bytes;        /**< MP_STR, MP_BIN, MP_EXT: borrowed */
        uint32_t count; /**< MP_ARRAY: elements; MP_MAP: pairs */
        struct {
            int64_t sec;
            uint32_t nsec;
        } time;
    };
} mp_value_t;

typedef struct mp_cursor {
    const uint8_t *at, *end;
} mp_cursor_t;

enum { MP_DEPTH_MAX = 64 }; /**< deeper nesting is refused by mp_skip */

static inline mp_cursor_t mp_cursor(const void *bytes, size_t len)
{
    return (mp_cursor_t){(const uint8_t *)bytes, (const uint8_t *)bytes + len};
}

/** Reads one value's head.  False: cut short, the reserved byte 0xc1, or a malformed timestamp. */
bool mp_next(mp_cursor_t *in, mp_value_t *value);

/** Moves over one whole value.  False: cut short, malformed, or nested deeper than MP_DEPTH_MAX.
 *  Costs O(bytes) at most, whatever the counts claim. */
bool mp_skip(mp_cursor_t *in);

bool mp_get_nil(mp_cursor_t *in);
bool mp_get_uint(mp_cursor_t *in, uint64_t *value);
bool mp_get_str(mp_cursor_t *in, const char **text, uint32_t *len);
bool mp_get_bin(mp_cursor_t *in, const uint8_t **bytes, uint32_t *len);
bool mp_get_array(mp_cursor_t *in, uint32_t *count);
bool mp_get_map(mp_cursor_t *in, uint32_t *count);

#endif
