/* json.h - strict JSON (RFC 8259), read where it lies.
 *
 * A cursor over borrowed bytes: no tree, no copy, no allocation.  What is passed over is checked as
 * strictly as what is read: grammar, UTF-8, surrogates, depth.  A flat object goes like this:
 *
 *     json_scan_t in = json_scan(text, len);
 *     json_str_t key, message;
 *     if (json_enter(&in, '{'))
 *         while (json_next_member(&in, &key)) {
 *             if (json_str_is(&key, "Message") && json_peek(&in) == '"')
 *                 json_string(&in, &message);
 *             else
 *                 json_skip(&in);
 *         }
 *     if (!json_end(&in))
 *         ... in.err says what broke, in.at where
 *
 * The first error sticks: every later call returns false and changes nothing. */
#ifndef EVENT_JSON_H
#define EVENT_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    JSON_OK,
    JSON_BROKEN,   /**< breaks the grammar, or is cut short */
    JSON_TRAILING, /**< bytes follow the value; only from json_end */
    JSON_BAD_UTF8, /**< a string's bytes are no UTF-8, or it escapes a lone surrogate */
    JSON_DEEP,     /**< more than JSON_DEPTH_MAX objects and arrays within each other */
} json_err_t;

enum { JSON_DEPTH_MAX = 32 };

typedef struct json_scan {
    const uint8_t *at, *end; /**< after an error `at` is the byte that broke the rule */
    json_err_t err;
    uint8_t depth; /**< objects and arrays entered and not left */
    bool fresh;    /**< nothing was read since the last json_enter */
} json_scan_t;

/** A string of the text, checked.  `raw` lies between its quotes, escapes unresolved. */
typedef struct json_str {
    const uint8_t *raw;
    size_t raw_len;
    size_t len; /**< with escapes resolved; equals raw_len exactly when it has none */
} json_str_t;

typedef enum {
    JSON_UINT,   /**< 0 … 2^64-1 */
    JSON_INT,    /**< -2^63 … -1 */
    JSON_DOUBLE, /**< has a fraction or an exponent, or is -0; rounded to nearest */
    JSON_BIG,    /**< an integer or a double beyond these; only raw tells it */
} json_num_type_t;

typedef struct json_num {
    json_num_type_t type;
    union {
        uint64_t u64;
        int64_t i64;
        double dbl;
    };
    const uint8_t *raw;
    size_t raw_len;
} json_num_t;

/** Starts on a text; a byte order mark at its beginning is passed over. */
json_scan_t json_scan(const void *text, size_t len);

/** Passes white space.  @return the byte that follows, 0 at the end or after an error. */
uint8_t json_peek(json_scan_t *in);

/** Takes `open`, '{' or '['. */
bool json_enter(json_scan_t *in, char open);
/** The next member's key; the value is the caller's to read.  False: the object has been left, or
 *  in->err is set. */
bool json_next_member(json_scan_t *in, json_str_t *key);
/** Is there a next element?  Then it is the caller's to read.  False: as above. */
bool json_next_element(json_scan_t *in);

bool json_string(json_scan_t *in, json_str_t *str);
bool json_number(json_scan_t *in, json_num_t *num);
/** Passes one value of any kind. */
bool json_skip(json_scan_t *in);

/** No error so far, and nothing but white space is left. */
bool json_end(json_scan_t *in);

/** Writes str->len bytes, escapes resolved, to `to`. */
void json_str_copy(const json_str_t *str, uint8_t *to);
/** Appends them.  @return SL_OK, SL_ENOMEM. */
sl_err json_str_append(sl_buf_t *out, const json_str_t *str);
/** Compares, escapes resolved. */
bool json_str_is(const json_str_t *str, const char *text);

#endif
