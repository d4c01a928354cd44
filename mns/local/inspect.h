/* inspect.h - the server's own pages, under /local/: what goes on inside, and how to interfere.
 * Unsigned and JSON, unlike the API. */
#ifndef LOCAL_INSPECT_H
#define LOCAL_INSPECT_H

#include "base/buf.h"
#include "local.h"

/** Answers a request for a page of ours.  @return false: it is for something else. */
bool inspect_reply(local_t *local, http_request_t *request);

/** Answers with what a page made.  @param type  or NULL: JSON.  @param body  emptied. */
void inspect_send(http_request_t *request, unsigned status, const char *type, sl_buf_t *body);

/** Answers 400 with {"error": sentence}. */
void inspect_refuse(http_request_t *request, const char *sentence);

#endif
