/* push_source.h - an HTTP(S) endpoint that MNS pushes a topic's messages to.
 *
 *     MNS --POST--> judged --+-- genuine --> waiting --(publish.c)--> sent --ACK--> 204
 *                     ^      +-- the certificate is on its way: parked, judged again
 *                     |      |       `----------------------------------.
 *                     `------|------------------------------------------'
 *                            +-- forged, another account's: 403
 *                            +-- no certificate, no broker, no ACK in time: 503, MNS tries again
 *
 * A request is parked from its arrival until the broker has its event; 204 is said then and at no
 * other time.  Whoever is not answered in time is told 503, but its slot stays until the broker's
 * receipt: MNS pushes again, and the broker drops the repeat.
 *
 * What signature and certificate are worth is told in mns/push.h.  MNS signs for each of its
 * customers, so a genuine push is only taken when the topic's owner, where MNS states one, is the
 * source's account. */
#ifndef BRIDGE_PUSH_SOURCE_H
#define BRIDGE_PUSH_SOURCE_H

#include "source.h"

/** @param failed  as source_create.
 *  @return SL_OK, SL_EINVAL, SL_ENOMEM, SL_EIO (errno). */
sl_err push_source_create(source_t **out, const source_options_t *options, source_shared_t *shared,
                          const char **failed);

#endif
