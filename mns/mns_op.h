/* mns_op.h - the operations of the MNS API, one row each.
 *
 * A row says how an operation is asked (verb, path, query, body) and what answer is good (statuses,
 * root element, members that must be there).  A new operation is a new row. */
#ifndef MNS_OP_H
#define MNS_OP_H

#include "mns_sign.h"
#include "mns_xml.h"

/** Statuses that mean success, as bits. */
enum { MNS_S200 = 1, MNS_S201 = 2, MNS_S204 = 4 };

/** Appends the query, from its '?' on. */
typedef void mns_query_fn(sl_buf_t *target, const mns_request_t *request);

typedef struct mns_op_row {
    const char *verb;
    const char *path;        /**< $q, $t, $s: the names of queue, topic and subscription */
    mns_query_fn *query;     /**< NULL: none */
    mns_xml_writer_fn *body; /**< NULL: none */
    unsigned needs;          /**< which members of the request must be good; see mns_op.c */
    unsigned statuses;       /**< MNS_S… */
    mns_root_t root;         /**< of a good answer; NONE: its body does not matter */
    uint8_t has;             /**< MNS_HAS_… that each of its messages must have */
    mns_root_t failed_parts; /**< root that tells a partial failure; NONE: there is none */
    bool polls;              /**< MessageNotExist is no fault but MNS_EMPTY */
    bool repeats; /**< done twice is as good as done once: may be sent again when its fate is
                     unknown */
} mns_op_row_t;

extern const mns_op_row_t mns_ops[MNS_OP_COUNT];

/** What an answer is held against. */
typedef struct mns_asked {
    const mns_op_row_t *row;
    uint32_t count; /**< how many messages or handles the request named; else 1 */
    bool with_meta, base64;
} mns_asked_t;

/** A request as it will be sent, not yet signed. */
typedef struct mns_outbound {
    mns_asked_t asked;
    sl_buf_t target;                       /**< path and query, NUL-terminated */
    sl_buf_t body;                         /**< empty: none */
    mns_header_t headers[MNS_HEADERS_MAX]; /**< the x-mns- ones, sorted */
    size_t header_count;
    sl_buf_t values; /**< of the headers: a request that waits or is repeated needs them later */
    char list_count[16];
} mns_outbound_t;

/** Checks a request and writes it, whole: nothing is borrowed.  What `out` held before is replaced,
 * its memory kept.
 *  @return MNS_OK, MNS_EINVAL, MNS_ENOMEM. */
mns_err mns_op_write(mns_outbound_t *out, const mns_request_t *request);
void mns_outbound_fini(mns_outbound_t *out);

#endif
