/* sockets.h - libzmq's context and sockets, as the broker wants them.
 *
 * Three I/O threads: one has the intake, one the feed, one the query endpoint, so that a flood of
 * one does not wait for the other.  (With intake and query on one, an event published while a
 * replay runs flat out took 0.66 ms instead of 0.51, its p99 was 4.6 ms instead of 2.4; two cores.)
 *
 * Every socket bounds what a peer may send, times handshakes out and gives up peers that no longer
 * answer. */
#ifndef BROKER_SOCKETS_H
#define BROKER_SOCKETS_H

#include "broker.h"

enum { SOCKETS_IO_INTAKE = 0, SOCKETS_IO_FEED = 1, SOCKETS_IO_QUERY = 2, SOCKETS_IO_THREADS = 3 };

/** Creates context, sockets and door, sets every option; nothing is bound yet. */
sl_err sockets_open(broker_t *b, const char **failed);

/** Binds; from then on peers come.  The endpoints get their real ports. */
sl_err sockets_bind(broker_t *b, const char **failed);

/** Closes what is open and joins the door. */
void sockets_close(broker_t *b, int linger_ms);

/** Raises the limit of descriptors as far as it goes.  @return the limit. */
uint64_t sockets_raise_files(void);

#endif
