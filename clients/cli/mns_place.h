/* mns_place.h - whose MNS, and where: what URLs and resource names say.
 *
 *     https://123456789012.mns.cn-hangzhou-internal.aliyuncs.com/     an endpoint
 *             account          region      network
 *     acs:mns:cn-hangzhou:123456789012:queues/jobs                    where a subscription delivers
 *
 * Pure functions over text. */
#ifndef CLI_MNS_PLACE_H
#define CLI_MNS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PLACE_ACCOUNT_MAX = 32,
    PLACE_REGION_MAX = 64,
    PLACE_NAME_MAX = 256,
    PLACE_HOST_MAX = 255,
    PLACE_QUEUE_ENDPOINT_MAX = 400,
};

typedef enum { PLACE_OTHER, PLACE_PUBLIC, PLACE_INTRANET, PLACE_VPC } place_network_t;

/** "" where it is not known. */
typedef struct place {
    char account[PLACE_ACCOUNT_MAX + 1];
    char region[PLACE_REGION_MAX + 1];
    place_network_t network; /**< PLACE_OTHER: the host is none of the service's own */
} place_t;

typedef struct place_url {
    bool tls;
    char host[PLACE_HOST_MAX + 1]; /**< without the brackets of an IPv6 address */
    char port[6];
} place_url_t;

/** Takes an endpoint apart.  @return NULL, or what is wrong with it, as the end of a sentence that
 * begins with it. */
const char *place_parse_url(place_url_t *url, const char *text);

/** What the host says, if it is one of the service's own; else all is unknown. */
place_t place_of_host(const char *host);
place_t place_of_endpoint(const char *endpoint);

bool place_is_account(const char *text);
bool place_is_region(const char *text);
/** Can it name a queue, a topic or a subscription?  Letters, digits, hyphens; the first no hyphen.
 */
bool place_is_name(const char *text);

/** "acs:mns:<region>:<account>:queues/<queue>" */
void place_queue_endpoint(char out[PLACE_QUEUE_ENDPOINT_MAX], const place_t *place,
                          const char *queue);
/** The reverse, also of "…:/queues/<queue>".  @return false: it is no queue. */
bool place_parse_queue_endpoint(place_t *place, char queue[PLACE_NAME_MAX], const char *endpoint);

#endif
