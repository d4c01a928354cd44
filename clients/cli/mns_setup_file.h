/* mns_setup_file.h - the bridge's file for what `sluice mns setup` has made.
 *
 * Says what sluice-bridge needs and nothing that it finds out by itself (docs/bridge.md). */
#ifndef CLI_MNS_SETUP_FILE_H
#define CLI_MNS_SETUP_FILE_H

#include "mns_place.h"

#include "base/buf.h"

#include <cjson/cJSON.h>

typedef struct setup_file {
    const char *broker;
    const char *endpoint;               /**< ours; NULL: the Notification's is good */
    place_t place;                      /**< of the endpoint */
    const char *topic, *topic_endpoint; /**< endpoint: NULL if it has none */
    const cJSON *events;                /**< NULL: all */
    const char *queue;                  /**< NULL: no queue source */
    const char *push, *listen;          /**< push: NULL: no push source */
} setup_file_t;

/** Takes the endpoint of a push apart: the port for "0.0.0.0:port", and path with query, which is
 *  "/notifications" where the URL has none, as MNS has it.
 *  @return NULL, or what is wrong with it. */
const char *setup_file_parse_push(const char *push, char listen[16], const char **path);

/** Appends the file.  @return SL_OK, SL_ENOMEM. */
sl_err setup_file_write(sl_buf_t *out, const setup_file_t *file);

#endif
