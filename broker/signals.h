/* signals.h - how is the broker told to end?
 *
 * SIGTERM and SIGINT are blocked in all threads and read from a descriptor, between two turns.  A
 * start has no turns, and may take long: it reads the journal.  Until it is over, a thread that
 * does nothing else has them unblocked, so that they end the process at once, as they do by
 * default.  That is safe: so is any death.
 *
 * Threads: the one that starts all others. */
#ifndef BROKER_SIGNALS_H
#define BROKER_SIGNALS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

typedef struct signals {
    int fd; /**< readable when one came; -1: there is none */
    bool starting;
    sem_t started;
    pthread_t mortal;
} signals_t;

/** Before any other thread is made.  From now on they end the process. */
void signals_open(signals_t *s);

/** The start is over.  From now on they are told by the descriptor. */
void signals_started(signals_t *s);

/** Takes one.  @return did one come? */
bool signals_take(signals_t *s);

void signals_close(signals_t *s);

#endif
