/* call.h - one API call: what its operation sees of the request, and how it answers. */
#ifndef LOCAL_CALL_H
#define LOCAL_CALL_H

#include "answer.h"
#include "base/buf.h"
#include "box.h"
#include "disk.h"
#include "local.h"
#include "push.h"
#include "target.h"

struct local {
    local_options_t options;
    http_server_t *http;
    digest_t *digest;
    auth_t auth;
    queue_store_t queues;
    topic_t *topics;
    disk_t *disk; /**< NULL: all is in memory alone */
    xml_doc_t *xml;
    sl_buf_t target_memory, scratch, kept;
    faults_t faults;
    answers_t answers;
    box_t mails, sms;
    pushes_t *pushes;
    char cert_url[LOCAL_URL_MAX];
    char *key_kept; /**< where the push key is kept; NULL: nowhere */
    uint64_t boot, request_number;
    counter_registry_t registry;
    counter_t counters[LOCAL_COUNTER_COUNT];
    counter_set_t counter_set;
};

typedef struct call {
    local_t *local;
    http_request_t *request;
    target_t target;
    const char *detail; /**< says more than the error's own text; static */
} call_t;

/** An operation answers with call_reply, or parks the request, and returns LOCAL_OK; or it leaves
 *  the request alone and returns the error to answer with. */
typedef local_err op_fn(call_t *call);

/* -- asking -------------------------------------------------------------------------------- */

/** The n-th part of the path: the queue's or topic's name is 1, the subscription's 3. */
static inline const char *call_name(const call_t *call, size_t n)
{
    return call->target.segments[n];
}

/** Parses the body.  @param root  receives the root element, called `name`.
 *  @return LOCAL_OK, InvalidContentType, MalformedXML, InternalError. */
local_err call_xml(call_t *call, const char *name, const xml_node_t **root);

/** Like call_xml, but an empty body is fine: *root is NULL then. */
local_err call_xml_or_none(call_t *call, const char *name, const xml_node_t **root);

/** Is the parameter there, and true? */
bool call_flag(const call_t *call, const char *param);

/** A decimal number within least … most, blanks round it allowed. */
bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value);
bool read_bool(const char *text, bool *value);

/** The number in a child element, if there; @return false: it is malformed or out of range. */
bool child_number(const xml_node_t *node, const char *name, uint64_t least, uint64_t most,
                  uint64_t *value);

/** Judges the name of something to be created: 1 to `max` letters, digits, hyphens, no hyphen
 *  first.  @return LOCAL_OK, `length` or `invalid`. */
local_err check_name(const char *name, size_t max, local_err length, local_err invalid);

/** Is there room on disk for something to be created?  @return LOCAL_OK, InternalError. */
local_err call_has_room(call_t *call);

/* -- answering ----------------------------------------------------------------------------- */

/** Answers, now or later.  @param body  XML, or NULL; emptied.  @param location  or NULL. */
void call_reply(local_t *local, http_request_t *request, unsigned status, const char *location,
                sl_buf_t *body);
/** Answers with an error.  @param detail  or NULL: the error's own text. */
void call_fail(local_t *local, http_request_t *request, local_err err, const char *detail);
/** The same with an error that need not be of the table. */
void call_fail_with(local_t *local, http_request_t *request, const local_error_t *error,
                    const char *detail);

/** Sends the answers that waited for the disk; not saved: errors in their place. */
void call_settle(local_t *local, bool saved);

/** Appends the host by which the client calls us, "127.0.0.1:8700", for URLs that work for it. */
void append_host(sl_buf_t *out, const call_t *call);

/** Answers 201 or 204 with the URL of the resource that the path names.
 *  @param scheme  "http://", or "" as the service does for subscriptions. */
local_err reply_located(call_t *call, unsigned status, const char *scheme);

/* -- listing ------------------------------------------------------------------------------- */

/** Names of a list call, filtered by its x-mns-prefix and x-mns-marker. */
typedef struct listing {
    const char *prefix, *marker;
    const char **names;
    size_t count, cap, limit;
    bool with_meta, failed;
} listing_t;

local_err listing_start(listing_t *listing, const call_t *call);
void listing_add(listing_t *listing, const char *name);

/** Writes one entry; with_meta: x-mns-with-meta asks for all attributes. */
typedef void entry_fn(sl_buf_t *out, const call_t *call, const char *name, bool with_meta);

/** Sorts, cuts to x-mns-ret-number, answers, and frees the listing.
 *  @return LOCAL_OK, InternalError (no memory). */
local_err listing_reply(listing_t *listing, const call_t *call, const char *root,
                        entry_fn *write_entry);

/** Is this to befall the call that the request is?  What exactly, or NULL.  See fault.h. */
static inline const fault_t *call_fault(const local_t *local, const http_request_t *request,
                                        fault_action_t action)
{
    return answers_planned(&local->answers, request, action);
}

/** A topic or its subscriptions changed: what survives the process must, too. */
static inline void call_note_topic(local_t *local, const char *name)
{
    if (local->disk != NULL)
        disk_topic(local->disk, name);
}

static inline void local_count(local_t *local, int counter, uint64_t n)
{
    counter_add(&local->counters[counter], n);
}

#endif
