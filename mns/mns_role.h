/* mns_role.h - the keys of an ECS instance's role.
 *
 * The metadata service of the instance gives keys that live for some hours.  They are asked for
 * when a request first needs them, and again, beside the requests, before they end:
 *
 *     PUT /latest/api/token              a token for what follows, where that is offered
 *     GET …/security-credentials/        the role's name, when it was not given
 *     GET …/security-credentials/<role>  JSON: keys, token, when they end
 *
 *     |-- fetched -------- good ---------|-- good, fetching new ones --|-- ended: requests wait
 *                                     renew_ns                       end_ns
 *
 * How long keys live is reckoned by the service's own clock (its Date) and counted on ours that
 * never jumps.  Fetches are exchanges of the client's set, one at a time; one thread owns all. */
#ifndef MNS_ROLE_H
#define MNS_ROLE_H

#include "mns_http.h"
#include "mns_keys.h"
#include "mns_pace.h"

#define MNS_ROLE_METADATA "http://100.100.100.200" /* where ECS has it, in every region */

typedef struct mns_role mns_role_t;

typedef struct mns_role_options {
    const char *name; /**< "*": whichever the instance has; copied */
    const char *base; /**< "http://host:port" of the metadata service; copied */
    uint32_t timeout_ms;
    mns_backoff_t *backoff; /**< pauses after failures; borrowed */
} mns_role_options_t;

/** @return MNS_OK, MNS_ENOMEM. */
mns_err mns_role_create(mns_role_t **out, mns_http_t *http, const mns_role_options_t *options);
void mns_role_destroy(mns_role_t **role);

/** Are there keys to sign with?  Begins to fetch some when there are none or they end soon, unless
 *  the last fetch failed a moment ago. */
bool mns_role_ready(mns_role_t *role, int64_t now_ns);

/** When a fetch may be tried again; INT64_MAX: one is under way, or nothing failed. */
int64_t mns_role_due_ns(const mns_role_t *role);

typedef enum {
    MNS_ROLE_ON,     /**< the fetch goes on */
    MNS_ROLE_NEW,    /**< there are new keys */
    MNS_ROLE_FAILED, /**< it failed: see mns_role_trouble */
} mns_role_event_t;

/** Is this exchange the role's?  Then give it to mns_role_step. */
bool mns_role_owns(const mns_role_t *role, const mns_exchange_t *exchange);
mns_role_event_t mns_role_step(mns_role_t *role, int64_t now_ns);

/** The newest keys, and how many fetches brought some before: which of them was it? */
const mns_keys_t *mns_role_keys(const mns_role_t *role);
uint64_t mns_role_generation(const mns_role_t *role);
/** The service says that the keys of that generation are good no more. */
void mns_role_expire(mns_role_t *role, uint64_t generation);

/** How many fetches failed in a row, and why the last one did; "" when none. */
uint32_t mns_role_failures(const mns_role_t *role);
const char *mns_role_trouble(const mns_role_t *role);

/* -- for its tests --------------------------------------------------------------------------- */

/** What the metadata service says about a role.  @return MNS_OK; MNS_EINVAL and a text: it is no
 *  answer with keys; MNS_ENOMEM. */
mns_err mns_role_parse(const char *json, size_t len, mns_keys_t *keys, int64_t *end_s,
                       const char **why);

#endif
