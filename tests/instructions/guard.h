/* guard.h - a path that an event takes, cut so that its cost can be counted.
 *
 *     bring     what a step will meet: requests sent, batches encoded       not counted
 *     step      the path itself                                             counted
 *     clear     takes away what came of it, and holds it against what must  not counted
 *
 * Everything runs in one thread, and nothing in it depends on time or chance: so a count of
 * instructions or of allocations is the same on every run, however busy the machine. */
#ifndef INSTRUCTIONS_GUARD_H
#define INSTRUCTIONS_GUARD_H

#include <stdint.h>

/** How much a step handles. */
typedef struct guard_load {
    uint32_t requests; /**< PUBs, batches, or bodies */
    uint32_t events;   /**< in each */
} guard_load_t;

/** What a path is.  None of these returns when something is not as it must be: guard_fail. */
typedef struct guard_ops {
    void *(*open)(const guard_load_t *load);
    void (*bring)(void *ctx); /**< NULL: nothing is needed */
    void (*step)(void *ctx);
    void (*clear)(void *ctx); /**< NULL: nothing is left */
    void (*close)(void *ctx);
} guard_ops_t;

extern const guard_ops_t guard_normalise, guard_decode; /* path_normalise.c */
extern const guard_ops_t guard_publish;                 /* path_publish.c */
extern const guard_ops_t guard_intake;                  /* path_intake.c */
extern const guard_ops_t guard_check, guard_next;       /* path_client.c */

/** Ends the program: its figures would mean nothing. */
_Noreturn void guard_fail(const char *what);

/** Where everything counted happens: valgrind is told this name.  @param wasted  how often
 * something useless is done besides. */
void guard_counted(void (*step)(void *ctx), void *ctx, uint64_t wasted);

#endif
