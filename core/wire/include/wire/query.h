/* query.h - questions to the broker beside the feed: ticks, replays, cursors.
 *
 *     question                                                  answers
 *     TICK    []                                                TICK [], and a tick's three frames
 *     STATUS  []                                                STATUS [map]
 *     FIND    [since_ns]                                        FIND [stream,after,next,taken]
 *     REPLAY  [stream,after,until,prefixes,credit_bytes]        BATCH [], and a batch's three
 * frames; LOST [from,to,reason]; in the end DONE [upto] or WRONG_STREAM [stream,oldest,next,
 *                                                               parents]
 *     CREDIT  [bytes]                                           -
 *     CANCEL  []                                                -
 *     CURSOR.OPEN   [name,patterns]                             CURSOR.OPEN [generation,stream,
 *                                                               number,patterns]
 *     CURSOR.COMMIT [name,generation,stream,number]             CURSOR.COMMIT [number]
 *     CURSOR.RESET  [name,generation,stream,number]             CURSOR.RESET [number]
 *     CURSOR.DROP   [name]                                      CURSOR.DROP []
 *     anything                                                  perhaps ERROR [code,text]
 *
 * What stands in brackets follows [1,"<type>",request.  A frame is read in two steps:
 * wire_query_decode says of which type it is and that it is well formed; the type's own function
 * reads what follows.  A question and its answer may share a type, so who reads must know which of
 * the two it has.  Authoritative text: docs/protocol.md. */
#ifndef WIRE_QUERY_H
#define WIRE_QUERY_H

#include "base/buf.h"
#include "wire/feed.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_CURSOR_NAME_MAX = 128,
    WIRE_PREFIXES_MAX = 1024,                 /**< of a REPLAY; each at most WIRE_PATTERN_MAX */
    WIRE_PREFIXES_BYTES_MAX = 48 * 1024,      /**< all together, as encoded */
    WIRE_CURSOR_PATTERNS_MAX = 16 * 1024,     /**< bytes of a cursor's patterns, as encoded */
    WIRE_REPLAY_CREDIT_MAX = 8 * 1024 * 1024, /**< more than that is not kept */
};

#define WIRE_QUERY_MAP(X)             \
    X(TICK, "TICK")                   \
    X(STATUS, "STATUS")               \
    X(FIND, "FIND")                   \
    X(REPLAY, "REPLAY")               \
    X(BATCH, "BATCH")                 \
    X(LOST, "LOST")                   \
    X(DONE, "DONE")                   \
    X(WRONG_STREAM, "WRONG_STREAM")   \
    X(CREDIT, "CREDIT")               \
    X(CANCEL, "CANCEL")               \
    X(CURSOR_OPEN, "CURSOR.OPEN")     \
    X(CURSOR_COMMIT, "CURSOR.COMMIT") \
    X(CURSOR_RESET, "CURSOR.RESET")   \
    X(CURSOR_DROP, "CURSOR.DROP")     \
    X(ERROR, "ERROR")

#define X(name, text) WIRE_QUERY_##name,
typedef enum { WIRE_QUERY_MAP(X) WIRE_QUERY_TYPES } wire_query_type_t;
#undef X

/** Why a question was not answered; and whether the same question may be asked again later. */
#define WIRE_CODE_MAP(X)                                                            \
    X(VERSION, false, "a protocol version this broker does not speak")              \
    X(TYPE, false, "no such question")                                              \
    X(FRAME, false, "elements or frames do not fit the question")                   \
    X(BUSY, true, "too many replays at once; ask again later")                      \
    X(FENCED, false, "another holder opened the cursor since")                      \
    X(BACKWARDS, false, "the cursor stands further on; only a RESET moves it back") \
    X(NAME, false, "no such cursor, or no name for one")                            \
    X(LIMIT, false, "too many or too long: cursors, prefixes, patterns")            \
    X(DISK, true, "the broker's disk failed; what was asked for did not happen")    \
    X(AHEAD, false, "the stream has no such number yet")

#define X(name, again, text) WIRE_CODE_##name,
typedef enum { WIRE_CODE_MAP(X) WIRE_CODE_UNKNOWN } wire_code_t;
#undef X

const char *wire_code_name(wire_code_t code); /**< "BUSY": the code as it stands on the wire */
const char *wire_code_text(wire_code_t code);
/** May the same question be asked again later?  Of a code this version does not know: no. */
bool wire_code_again(wire_code_t code);

/** Why numbers are not there any more. */
#define WIRE_LOST_MAP(X)                             \
    X(RETENTION, "the journal no longer keeps them") \
    X(DAMAGE, "the journal found them damaged or missing")

#define X(name, text) WIRE_LOST_##name,
typedef enum { WIRE_LOST_MAP(X) WIRE_LOST_UNKNOWN } wire_lost_reason_t;
#undef X

const char *wire_lost_name(wire_lost_reason_t reason); /**< "RETENTION" */

/* -- any message ------------------------------------------------------------------------------- */

typedef struct wire_query {
    wire_query_type_t type;
    uint64_t request;
    const uint8_t *rest; /**< what follows the third element; STATUS's map begins here */
    uint32_t rest_len;
    uint32_t rest_count; /**< elements in it */
} wire_query_t;

/** [1, "<type>", request], and room for `more` further elements, which the caller appends. */
void wire_put_query(sl_buf_t *out, wire_query_type_t type, uint64_t request, uint32_t more);

/** @return SL_OK; SL_EVERSION; SL_ENOENT (well formed, of a type this version does not know);
 * SL_EPROTO.  msg->request is set where it could be read, otherwise 0. */
sl_err wire_query_decode(wire_query_t *msg, const void *frame, size_t len);

const char *wire_query_name(wire_query_type_t type); /**< "CURSOR.OPEN" */

/* -- texts: prefixes and patterns, as the elements of an array -----------------------------------
 */

/** Encoded strings in a row.  Borrowed. */
typedef struct wire_texts {
    const uint8_t *data;
    uint32_t len;   /**< bytes */
    uint32_t count; /**< strings in them */
} wire_texts_t;

/** Appends one; `count` of them are wire_texts(buf, count). */
void wire_texts_put(sl_buf_t *out, const char *text, size_t len);

static inline wire_texts_t wire_texts(const sl_buf_t *buf, uint32_t count)
{
    return (wire_texts_t){buf->data, (uint32_t)buf->len, count};
}

/** Takes the first one off.  @return false: there is none. */
bool wire_texts_next(wire_texts_t *texts, const char **text, uint32_t *len);

/** Does one of these native prefixes match the topic?  None that does not begin with $ matches a
 * topic that does, and none at all one that begins with ~. */
bool wire_prefixes_match(wire_texts_t prefixes, const char *topic, size_t len);

/* -- each message: one struct, one function that writes, one that reads.  The readers return SL_OK,
 * or SL_EPROTO when elements lack or are of another type; pointers are borrowed from the frame. --
 */

typedef struct wire_find {
    uint64_t since_ns; /**< Unix ns; 0 (nil on the wire): the beginning */
} wire_find_t;
void wire_put_find(sl_buf_t *out, uint64_t request, const wire_find_t *find);
sl_err wire_find_decode(wire_find_t *find, const wire_query_t *msg);

typedef struct wire_found {
    uint64_t stream;
    uint64_t after; /**< replay what is behind it */
    uint64_t next;  /**< number that the next event will have */
    /** Numbers up to there are not kept any more, and what was asked for may have been among them;
     * 0: it was not.  (An older broker does not say: 0.) */
    uint64_t taken;
} wire_found_t;
void wire_put_found(sl_buf_t *out, uint64_t request, const wire_found_t *found);
sl_err wire_found_decode(wire_found_t *found, const wire_query_t *msg);

#define WIRE_HEAD UINT64_MAX /**< REPLAY's `until`: whatever is the last number now */

typedef struct wire_replay {
    uint64_t stream;
    uint64_t after; /**< exclusive */
    uint64_t until; /**< inclusive; WIRE_HEAD (nil on the wire) */
    wire_texts_t prefixes;
    uint64_t credit_bytes;
} wire_replay_t;
void wire_put_replay(sl_buf_t *out, uint64_t request, const wire_replay_t *replay);
sl_err wire_replay_decode(wire_replay_t *replay, const wire_query_t *msg);

typedef struct wire_lost {
    uint64_t from, to; /**< inclusive */
    wire_lost_reason_t reason;
} wire_lost_t;
void wire_put_lost(sl_buf_t *out, uint64_t request, const wire_lost_t *lost);
sl_err wire_lost_decode(wire_lost_t *lost, const wire_query_t *msg);

typedef struct wire_done {
    uint64_t upto; /**< complete up to there, for the prefixes asked for */
} wire_done_t;
void wire_put_done(sl_buf_t *out, uint64_t request, const wire_done_t *done);
sl_err wire_done_decode(wire_done_t *done, const wire_query_t *msg);

typedef struct wire_wrong_stream {
    uint64_t stream; /**< the current one */
    uint64_t oldest; /**< number that is still kept */
    uint64_t next;
    uint32_t parent_count;
    wire_parent_t parents[WIRE_PARENTS_MAX]; /**< newest first */
} wire_wrong_stream_t;
void wire_put_wrong_stream(sl_buf_t *out, uint64_t request, const wire_wrong_stream_t *wrong);
sl_err wire_wrong_stream_decode(wire_wrong_stream_t *wrong, const wire_query_t *msg);

typedef struct wire_credit {
    uint64_t bytes; /**< more that may be sent */
} wire_credit_t;
void wire_put_credit(sl_buf_t *out, uint64_t request, const wire_credit_t *credit);
sl_err wire_credit_decode(wire_credit_t *credit, const wire_query_t *msg);

/** 1 to 128 bytes of [A-Za-z0-9._:-]. */
bool wire_cursor_name_valid(const char *name, size_t len);

/** CURSOR.OPEN, the question. */
typedef struct wire_cursor_open {
    const char *name;
    uint32_t name_len;
    bool keep; /**< the patterns that it has (nil on the wire): for who only moves or looks */
    wire_texts_t patterns;
} wire_cursor_open_t;
void wire_put_cursor_open(sl_buf_t *out, uint64_t request, const wire_cursor_open_t *open);
sl_err wire_cursor_open_decode(wire_cursor_open_t *open, const wire_query_t *msg);

/** CURSOR.OPEN, the answer. */
typedef struct wire_cursor_opened {
    uint64_t generation;
    bool placed; /**< it was committed before: at `number` of `stream`; false: both nil */
    uint64_t stream, number;
    bool known;            /**< it was opened before: with `patterns`; false: nil */
    wire_texts_t patterns; /**< of that time */
} wire_cursor_opened_t;
void wire_put_cursor_opened(sl_buf_t *out, uint64_t request, const wire_cursor_opened_t *opened);
sl_err wire_cursor_opened_decode(wire_cursor_opened_t *opened, const wire_query_t *msg);

/** CURSOR.COMMIT and CURSOR.RESET, the questions. */
typedef struct wire_cursor_place {
    const char *name;
    uint32_t name_len;
    uint64_t generation, stream, number;
} wire_cursor_place_t;
void wire_put_cursor_place(sl_buf_t *out, wire_query_type_t type, uint64_t request,
                           const wire_cursor_place_t *place);
sl_err wire_cursor_place_decode(wire_cursor_place_t *place, const wire_query_t *msg);

/** CURSOR.COMMIT and CURSOR.RESET, the answers. */
typedef struct wire_cursor_placed {
    uint64_t number;
} wire_cursor_placed_t;
void wire_put_cursor_placed(sl_buf_t *out, wire_query_type_t type, uint64_t request,
                            const wire_cursor_placed_t *placed);
sl_err wire_cursor_placed_decode(wire_cursor_placed_t *placed, const wire_query_t *msg);

/** CURSOR.DROP, the question. */
typedef struct wire_cursor_drop {
    const char *name;
    uint32_t name_len;
} wire_cursor_drop_t;
void wire_put_cursor_drop(sl_buf_t *out, uint64_t request, const wire_cursor_drop_t *drop);
sl_err wire_cursor_drop_decode(wire_cursor_drop_t *drop, const wire_query_t *msg);

typedef struct wire_query_error {
    wire_code_t code; /**< WIRE_CODE_UNKNOWN: one of a later version */
    const char *text; /**< for people; not terminated when decoded */
    uint32_t text_len;
} wire_query_error_t;
/** @param text  NULL: the code's own. */
void wire_put_query_error(sl_buf_t *out, uint64_t request, wire_code_t code, const char *text);
sl_err wire_query_error_decode(wire_query_error_t *error, const wire_query_t *msg);

#endif
