/* listen.h - "127.0.0.1:8700" becomes a listening socket and the URL it really has. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_URL_MAX = 80 }; /**< "https://[" + IPv6 with scope + "]:65535" and some room */

/** Binds and listens.  `listen` is ADDR:PORT; ADDR is numeric, [numeric IPv6], localhost or *;
 *  port 0 picks a free one.
 *  @param tls  the URL begins with https.
 *  @param fd   receives the socket, non-blocking and close-on-exec; the caller owns it.
 *  @param url  receives "http(s)://ADDR:PORT" with the real port.
 *  @return SL_OK, SL_EINVAL (malformed), SL_EIO (cannot bind; errno). */
sl_err http_listen(const char *listen, bool tls, int *fd, char url[HTTP_URL_MAX]);

#endif
