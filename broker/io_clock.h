/* io_clock.h - is the feed's I/O thread at work?
 *
 * libzmq has no name for its threads; the kernel has: ZMQbg/IO/n.  A thread's CPU clock has the id
 * (~tid << 3) | 6 on Linux.  On a machine that is too busy the clock stands still although there is
 * work: then the thread's state tells that it waits for a CPU.  Threads: any. */
#ifndef BROKER_IO_CLOCK_H
#define BROKER_IO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct io_clock {
    bool known;
    clockid_t id;
    long tid;
} io_clock_t;

/** Finds I/O thread `index` of the context whose threads were started last in this process. */
io_clock_t io_clock_find(int index);

/** CPU time used so far, ns; 0 when the clock is not known. */
uint64_t io_clock_ns(const io_clock_t *clock);

/** Does the thread run, or wait for a CPU, now?  False when it sleeps or is not known. */
bool io_clock_is_runnable(const io_clock_t *clock);

/** Are there more runnable threads than processors?  Then a peer that does not read may just be
 *  waiting for its turn. */
bool machine_is_busy(void);

#endif
