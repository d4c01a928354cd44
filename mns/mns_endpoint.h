/* mns_endpoint.h - where the service is: "http(s)://host[:port]", perhaps with a final slash. */
#ifndef MNS_ENDPOINT_H
#define MNS_ENDPOINT_H

#include "mns/mns.h"

typedef struct mns_endpoint {
    char *base;    /**< without the slash; free() it */
    bool loopback; /**< this machine: a proxy makes no sense */
} mns_endpoint_t;

/** @return MNS_OK; MNS_EINVAL: another scheme, a user, a path, a query; MNS_ENOMEM. */
mns_err mns_endpoint_parse(mns_endpoint_t *out, const char *text);

#endif
