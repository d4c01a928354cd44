/* mns_cert_url.h - may a certificate be fetched from there?
 *
 * The address comes from whoever sent the request, so nothing about it is believed:
 *
 *     https://host[:port]/path       and that is all the grammar there is
 *
 * No user, query or fragment, no percent, no dot segment, no byte outside of printable ASCII; and
 * host and port, as they are written, must be one on the list.  What passes is read once more by
 * libcurl, which must see the same host, port and path: nothing can mean one thing to the judge and
 * another to the one who connects. */
#ifndef MNS_CERT_URL_H
#define MNS_CERT_URL_H

#include "mns/push.h"

enum {
    MNS_CERT_URL_MAX = sizeof((mns_push_info_t *)NULL)->cert_url, /**< with its NUL */
    MNS_CERT_HOST_MAX = 253,                                      /**< without */
};

/** Where certificates may come from. */
typedef struct mns_cert_hosts {
    char **names; /**< "host:port" in lower case; NULL: the service's own */
    size_t count;
    bool loopback; /**< all of them are this machine */
} mns_cert_hosts_t;

/** @param hosts  as mns_push_options_t has them.
 *  @return MNS_OK, MNS_EINVAL (one is malformed, or there is none in the list), MNS_ENOMEM. */
mns_err mns_cert_hosts_init(mns_cert_hosts_t *out, const char *const *hosts);
void mns_cert_hosts_fini(mns_cert_hosts_t *hosts);

/** Judges an address.
 *  @param out  receives it in the one form all spellings of it share; only when it is GENUINE.
 *  @return MNS_PUSH_GENUINE, BAD_CERT_URL, FOREIGN_CERT_URL or NO_MEMORY. */
mns_push_verdict mns_cert_url_judge(const mns_cert_hosts_t *hosts, const char *text, size_t len,
                                    char out[MNS_CERT_URL_MAX]);

#endif
