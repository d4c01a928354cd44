/* endpoint.h - where does a subscription deliver?  One table of kinds, in endpoint.c.
 *
 *     acs:mns:{region}:{account}:queues/{queue}      into a queue
 *     http://host[:port][/path][?query]              pushed over HTTP
 *     https://…                                      pushed over HTTPS
 *     mail:directmail:{address}                      a mail
 *     sms:directsms:{phone}, sms:directsms:anonymous a short message */
#ifndef LOCAL_ENDPOINT_H
#define LOCAL_ENDPOINT_H

#include "base/buf.h"

enum { ENDPOINT_MAX = 512 };

#define ENDPOINT_KINDS(X) X(QUEUE) X(HTTP) X(HTTPS) X(MAIL) X(SMS)

#define X(name) ENDPOINT_##name,
typedef enum { ENDPOINT_KINDS(X) ENDPOINT_KIND_COUNT } endpoint_kind_t;
#undef X

typedef struct endpoint {
    endpoint_kind_t kind;
    uint16_t rest_at; /**< see endpoint_rest */
    char text[ENDPOINT_MAX + 1];
} endpoint_t;

/** Judges an endpoint.
 *  @param why  receives, when it is refused, what is wrong; static.
 *  @return false: it is none, or longer than ENDPOINT_MAX. */
bool endpoint_read(endpoint_t *out, const char *text, const char **why);

/** The part that says who: the queue's name, the mail address, the phone number (or "anonymous");
 *  of HTTP the path and query, perhaps "". */
static inline const char *endpoint_rest(const endpoint_t *endpoint)
{
    return endpoint->text + endpoint->rest_at;
}

/** Of SMS: the receivers are named by each message. */
bool endpoint_anonymous(const endpoint_t *endpoint);

/** Of HTTP: appends the target of a push, path and query; the service's own path when there is
 *  none. */
void endpoint_target(const endpoint_t *endpoint, sl_buf_t *out);

#endif
