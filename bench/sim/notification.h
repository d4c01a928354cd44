/* notification.h - the Notification block of a BatchCompute job or cluster, as it is.
 *
 *     {"Notification": {"Topic": {"Name": "…", "Endpoint": "http://…/", "Events": ["OnJobFailed",
 * …]}}}
 *
 * A whole job or cluster description may stand around it. */
#ifndef SIM_NOTIFICATION_H
#define SIM_NOTIFICATION_H

#include "base/err.h"
#include "event/catalogue.h"

#include <stdio.h>

/** Events as a set: bit n is the kind n of the catalogue. */
typedef uint32_t event_set_t;
_Static_assert(EVENT_KIND_COUNT <= 32, "event_set_t has a bit for each event");

enum { NOTIFICATION_WHY_MAX = 256 };

typedef struct notification {
    char *topic, *endpoint;
    event_set_t events;
} notification_t;

/** The event of that name.  @return false: BatchCompute has none such. */
bool event_set_add(event_set_t *set, const char *name);

/** @param why  receives one sentence without a full stop when it is not SL_OK.
 *  @return SL_OK, SL_EIO, SL_EPROTO, SL_ENOMEM. */
sl_err notification_read(notification_t *out, const char *path, char why[NOTIFICATION_WHY_MAX]);
void notification_fini(notification_t *notification);

#endif
