/* mns_notification.h - what a file says about topics, and the queues that they feed.
 *
 *     {"Notification": {"Topic": {"Name": …, "Endpoint": …, "Events": […]}}}     one source
 *         … alone, or anywhere within the description of a job or cluster
 *     {"broker": …, "sources": [{"queue": …, "Notification": …}, …]}             the bridge's file
 *
 * JSON, with comments if need be.  Whatever else the file holds is passed over: it is not ours. */
#ifndef CLI_MNS_NOTIFICATION_H
#define CLI_MNS_NOTIFICATION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum { NOTIFICATION_WHY_BYTES = 256 };

/** A queue and the topic that feeds it.  What was not said is NULL; all borrowed from the tree. */
typedef struct mns_source {
    const char *type, *queue, *endpoint, *account, *region;
    const char *topic, *topic_endpoint;
    const char *path;    /**< of a push source */
    const cJSON *events; /**< an array of strings */
} mns_source_t;

typedef struct notification {
    cJSON *tree;
    mns_source_t *sources;
    size_t count;
    bool is_bridge; /**< it is a bridge's file */
} notification_t;

/** Reads a file, or standard input if path is "-".
 *  @param why  receives what is wrong, without the file's name.
 *  @return false: it cannot be read, is no JSON, or holds neither of the two. */
bool notification_read(notification_t *out, const char *path, char why[NOTIFICATION_WHY_BYTES]);
/** The same from text, which is written over. */
bool notification_parse(notification_t *out, char *text, char why[NOTIFICATION_WHY_BYTES]);
void notification_fini(notification_t *notification);

#endif
