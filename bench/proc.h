/* proc.h - the processes of a bench: started, watched, weighed, and ended by their ids.
 *
 *     a daemon   another program: its ready line is read, its stderr kept in <dir>/<name>.log
 *     a worker   a fork of ourselves that runs one function and leaves
 *
 * A worker needs no exec: the bench itself stays single-threaded and holds no socket of libzmq or
 * libcurl, so a fork is a clean process, and shared memory is simply inherited.  Every process
 * stands in a group of its own (Ctrl-C reaches only the bench, which ends the others in order) and
 * dies with the bench whatever happens to it (PR_SET_PDEATHSIG). */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROC_NAME_MAX = 32, PROC_READY_MAX = 1024 };

typedef struct proc {
    pid_t pid;
    char name[PROC_NAME_MAX];
    bool leaves; /**< by itself, with 0: a worker or a program; a daemon must not */
    bool ended;
    int status; /**< of waitpid, once ended */
    int out;    /**< a daemon's stdout, kept open; -1 */
    uint64_t ended_cpu_ns;
    uint64_t most_rss_bytes;    /**< proc_role_weigh's */
    char ready[PROC_READY_MAX]; /**< a daemon's ready line */
} proc_t;

typedef struct proc_set {
    proc_t *items; /**< `capacity` of them: a proc_t keeps its address */
    size_t count, capacity;
    const char *dir; /**< for the daemons' logs; borrowed */
} proc_set_t;

/** Catches SIGINT, SIGTERM and SIGHUP; from then on they only make proc_interrupted true. */
void proc_catch_signals(void);
bool proc_interrupted(void);

/** As many descriptors as we may have, for us and for all we start: a server has a connection for
 * each subscriber, and some do not ask for them themselves. */
void proc_raise_descriptors(void);

sl_err proc_set_init(proc_set_t *set, size_t capacity, const char *dir);

/** Starts a program and waits for its ready line.
 *  @param argv  NULL-terminated; argv[0] is the path.
 *  @return SL_OK; SL_EIO, told on stderr with the last lines of the program's log. */
sl_err proc_start_daemon(proc_set_t *set, proc_t **out, const char *name, const char *const argv[]);

/** Starts a program that serves until it is ended and prints no ready line: somebody else's
 *  daemon.  Its output goes to <dir>/<name>.log.  @return SL_OK, SL_EIO (errno). */
sl_err proc_start_service(proc_set_t *set, proc_t **out, const char *name,
                          const char *const argv[]);

/** The value of `key` in a daemon's ready line; "" where it has none. */
void proc_ready_value(const proc_t *proc, const char *key, char *out, size_t size);

typedef int proc_worker_fn(void *ctx, size_t index);

/** Starts a worker; its exit status is what `run` returns.  @return SL_OK, SL_EIO (errno). */
sl_err proc_start_worker(proc_set_t *set, proc_t **out, const char *name, proc_worker_fn *run,
                         void *ctx, size_t index);

/** Starts `count` workers, called <role>-0, <role>-1, … */
sl_err proc_start_role(proc_set_t *set, const char *role, proc_worker_fn *run, void *ctx,
                       size_t count);

/** Starts a program that is to leave with 0 by itself; its output goes to <dir>/<name>.log.
 *  @return SL_OK, SL_EIO (errno). */
sl_err proc_start_program(proc_set_t *set, proc_t **out, const char *name,
                          const char *const argv[]);

/** Reaps what has ended.  @return false when one left with another status than 0, or a daemon left
 * at all: told on stderr. */
bool proc_all_well(proc_set_t *set);

/** Waits until the process has left.  @return SL_OK (see status), SL_ETIMEDOUT. */
sl_err proc_wait(proc_t *proc, int timeout_ms);

typedef bool proc_condition_fn(void *ctx);

/** Waits for a condition while everybody is well.
 *  @param what  completes "gave up waiting until …".
 *  @return SL_OK; SL_ETIMEDOUT and SL_EIO, told on stderr; SL_ECLOSED when interrupted. */
sl_err proc_await(proc_set_t *set, proc_condition_fn *condition, void *ctx, int timeout_ms,
                  const char *what);

/** Have all processes whose names begin with `role` left? */
bool proc_role_left(const proc_set_t *set, const char *role);

/** CPU time of all the process's threads so far, user and system; of an ended one, its total.
 *  Taken from its CPU clock: exact to the nanosecond, where /proc/<pid>/stat counts 10 ms. */
uint64_t proc_cpu_ns(proc_t *proc);

/** The sum over all processes whose names begin with `role`. */
uint64_t proc_role_cpu_ns(proc_set_t *set, const char *role);

/** Anonymous resident memory (RssAnon); 0 when it cannot be read. */
uint64_t proc_rss_anon_bytes(const proc_t *proc);

/** Weighs all processes whose names begin with `role`; the most that each ever had is kept. */
void proc_role_weigh(proc_set_t *set, const char *role);

/** The median of what they had at most; 0: there are none, or no memory. */
double proc_role_most_rss_bytes(const proc_set_t *set, const char *role);

/** Ends all that still run: SIGTERM (one that is stopped is woken for it), up to 5 s of patience,
 * SIGKILL; and reaps them. */
void proc_end_all(proc_set_t *set);

/** Ends and forgets everything; the set is empty and may be initialised again. */
void proc_set_fini(proc_set_t *set);

#endif
