/* mns_hint.h - what to do about an error of MNS: one sentence a code.
 *
 * The rows are the service's codes that a person can do something about, and libmns's own errors.
 */
#ifndef CLI_MNS_HINT_H
#define CLI_MNS_HINT_H

#include <mns/mns.h>

/** @param reply  what came back; NULL when nothing was sent.  @return static, never NULL. */
const char *hint_for(mns_err err, const mns_reply_t *reply);

#endif
