/* keep.h - what outlives the process beside queues and topics: pushes that are under way, and the
 * boxes that people look into (mails, short messages, dead pushes).
 *
 * A bridge: pushes and boxes know of nobody who keeps them, the disk knows not what it keeps. */
#ifndef LOCAL_KEEP_H
#define LOCAL_KEEP_H

#include "call.h"

/** For pushes_options_t; the context is the local_t. */
push_fn keep_push, keep_push_gone;

/** Puts back what was kept, and has everything kept from now on.  Nothing to do without a disk.
 *  @param sentence  as local_create.
 *  @return as disk_open. */
sl_err keep_start(local_t *local, char sentence[LOCAL_SENTENCE_MAX]);

#endif
