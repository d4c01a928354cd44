/* publishers.h - who publishes, which request comes next from each, and which answers are due.
 *
 *     requests  | 5 ACK | 6 waits | 7 NAK |    answered from the head, so answers keep the order
 *                                          next 8
 *
 * A ROUTER does not tell who left, so a publisher is forgotten when an answer finds nobody, when it
 * floods, or when the table is full and it was silent for longest; if it lives after all, the next
 * PUB is answered NAK HELLO.  Threads: the sequencer owns it. */
#ifndef BROKER_PUBLISHERS_H
#define BROKER_PUBLISHERS_H

#include "sequencer.h"

#define HASH_NONFATAL_OOM 1 /* an add without memory leaves hh.tbl NULL */
#include <uthash.h>

enum { PUBLISHER_ROUTE_MAX = 255 };

typedef struct publisher {
    UT_hash_handle hh;
    uint8_t route[PUBLISHER_ROUTE_MAX]; /**< ROUTER's name for the connection */
    uint8_t route_len;
    char name[WIRE_NAME_MAX + 1];
    bool fresh;    /**< no PUB since HELLO: any number may come first */
    uint64_t next; /**< the number that is due; a refused one stays due until it is taken */
    uint64_t heard_ns;
    uint64_t events, duplicates, naks;
    request_t *head, *tail; /**< not answered yet */
    uint32_t due;           /**< how many */
    bool dirty;             /**< in the list of those whose head may be ready */
    struct publisher *next_dirty;
} publisher_t;

typedef struct publishers {
    publisher_t *table;
    uint32_t count, max;
    publisher_t *dirty;
} publishers_t;

publisher_t *publishers_find(publishers_t *all, const void *route, size_t len);

/** Adds one.  @return SL_OK; SL_ELIMIT: there are too many; SL_ENOMEM. */
sl_err publishers_add(publishers_t *all, publisher_t **out, const void *route, size_t len);

/** The one silent for longest with nothing due; NULL: there is none. */
publisher_t *publishers_idlest(const publishers_t *all);

/** Leaves its requests to themselves and frees it. */
void publishers_forget(publishers_t *all, publisher_t *p, sequencer_t *s);
void publishers_fini(publishers_t *all, sequencer_t *s);

/** Nobody waits for its answers any more. */
void publisher_orphan(publisher_t *p, sequencer_t *s);

void publisher_push(publisher_t *p, request_t *r);
request_t *publisher_pop(publisher_t *p);

/** Its head may be ready to be answered. */
void publishers_touch(publishers_t *all, publisher_t *p);

#endif
