/* pem.h - a PEM file in memory, as libmicrohttpd wants it. */
#ifndef HTTP_PEM_H
#define HTTP_PEM_H

#include "base/err.h"

#include <stddef.h>

typedef struct http_pem {
    char *text; /**< NUL-terminated; NULL: none */
    size_t len;
} http_pem_t;

/** Reads a whole file.  @return SL_OK, SL_EIO (errno; EFBIG: no PEM file is that large), SL_ENOMEM.
 */
sl_err http_pem_read(http_pem_t *pem, const char *path);
/** Wipes it: it may have been a key. */
void http_pem_fini(http_pem_t *pem);

#endif
