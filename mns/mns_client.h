/* mns_client.h - the inside of a client, shared by mns.c and mns_call.c.
 *
 * A call holds all that one request needs and is used again.  Where it stands:
 *
 *     idle -> line -> flight -> ready -> (reply handed out) -> idle
 *              ^         |
 *              +- pause -+   failed for a reason that passes
 *
 * The line keeps the order of submission; its head waits for keys and for the rate.  What waits in
 * the line or in a pause holds no connection. */
#ifndef MNS_CLIENT_H
#define MNS_CLIENT_H

#include "mns_answer.h"
#include "mns_date.h"
#include "mns_http.h"
#include "mns_pace.h"
#include "mns_role.h"

#include <time.h>

/* Where mns_call waits. */
typedef struct waiting {
    mns_store_t *store;
} waiting_t;

typedef struct call {
    mns_exchange_t http;
    mns_outbound_t out;
    mns_store_t *store;
    mns_reply_fn on_reply; /* or, for mns_call: */
    void *user;
    waiting_t *waiting;
    int64_t started_ns;
    uint32_t attempts;       /* sent so often */
    uint64_t key_generation; /* of the keys that it was signed with last */
    bool active, rekeyed;
    struct call *next; /* among the idle, in the line, or among the ready */
    struct call *next_of_all;
} call_t;

/* First in, first out. */
typedef struct call_list {
    call_t *first, **end;
} call_list_t;

struct mns_client {
    mns_http_t *http;
    mns_judge_t judge;
    mns_keys_source_t source;
    mns_keys_t keys;  /* of the first three sources */
    mns_role_t *role; /* of the fourth, else NULL */
    uint64_t signer_generation;

    uint32_t timeout_ms, max_in_flight, attempts;
    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;
    mns_backoff_t backoff;
    mns_rate_t rate;

    call_t *all, *idle;
    call_list_t line, ready;
    mns_pauses_t pauses;
    int64_t line_due_ns; /* when the line's head may go on; INT64_MAX: somebody will say */
    size_t in_flight;

    sl_buf_t text; /* scratch: the string to sign, then the Authorization header */
    time_t date_second;
    char date[MNS_DATE_LEN + 1];       /* of date_second, as sent */
    char their_date[MNS_DATE_LEN + 1]; /* as received last, and what it says */
    int64_t their_time_s;
    bool closing;
};

int64_t mns_now_ns(void);

/* One line for the user's trace function, whatever is in it. */
void mns_client_trace(const mns_client_t *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void mns_calls_init(call_list_t *list);
void mns_calls_push(call_list_t *list, call_t *call);
call_t *mns_calls_pop(call_list_t *list);

/* -- mns_call.c: one call -------------------------------------------------------------------- */

/* An idle one, or NULL. */
call_t *mns_call_get(mns_client_t *client);
void mns_call_put(mns_client_t *client, call_t *call);
void mns_calls_destroy(mns_client_t *client);

/* Takes a request in; nothing of it is borrowed afterwards. */
mns_err mns_call_write(mns_client_t *client, call_t *call, const mns_request_t *request);
/* Signs it with the keys of now and sends it. */
mns_err mns_call_send(mns_client_t *client, call_t *call);
/* Its exchange is over: makes the reply. */
void mns_call_judge(mns_client_t *client, call_t *call);
/* Makes a reply of our own. */
void mns_call_fail(call_t *call, mns_err err, const char *text);
/* After judging: shall it be sent again, and after what pause?  -1: no. */
int64_t mns_call_pause_ms(mns_client_t *client, call_t *call);
/* Hands the reply out. */
void mns_call_reply(mns_client_t *client, call_t *call);

#endif
