/* guard.c - walks one path again and again, and says how much was counted.
 *
 *     guard PATH [--waste copy|allocation]      or: guard --list
 *
 * Prints one line: steps, events, and allocations by our own code and by the libraries.  Under
 * `valgrind --tool=callgrind --toggle-collect=guard_counted` valgrind counts the instructions of
 * the same steps.  --waste does something useless for each event: whoever counts must see it. */
#include "guard.h"

#include "allocations.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    STEPS_MIN = 100, /* a tenth of a second: a tick is among them */
    EVENTS_MIN = 2048,
    WARM_UPS = 2, /* as many steps before it is counted: windows and rings are full by then */
    EVENT_BYTES = 320,
};

/* name, what it is made of, requests a step, events in each */
#define GUARD_PATHS(X)                      \
    X(normalise, guard_normalise, 6, 1)     \
    X(decode, guard_decode, 6, 1)           \
    X(publish_alone, guard_publish, 64, 1)  \
    X(publish, guard_publish, 4, 192)       \
    X(intake_alone, guard_intake, 1, 1)     \
    X(intake_singles, guard_intake, 64, 1)  \
    X(intake_16, guard_intake, 32, 16)      \
    X(intake_forward, guard_intake, 4, 192) \
    X(check, guard_check, 8, 64)            \
    X(next, guard_next, 16, 16)

typedef struct guard_path {
    const char *name;
    const guard_ops_t *ops;
    guard_load_t load;
} guard_path_t;

#define X(name, ops, requests, events) {#name, &(ops), {requests, events}},
static const guard_path_t paths[] = {GUARD_PATHS(X)};
#undef X

enum { PATHS = sizeof paths / sizeof *paths, WASTE_COPY = 1, WASTE_ALLOCATION = 2 };

static int waste_kind;

_Noreturn void guard_fail(const char *what)
{
    fprintf(stderr, "guard: %s\n", what);
    exit(1);
}

/* The dedup window's secret and the stream's number: any will do, but the same ones each time, else
 * the window's table is as crowded as chance has it. */
__attribute__((visibility("default"))) ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    (void)flags;
    for (size_t i = 0; i < len; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(state >> 56);
    }
    return (ssize_t)len;
}

static void waste(void)
{
    static uint8_t from[EVENT_BYTES], to[EVENT_BYTES];
    void *volatile memory;
    if (waste_kind == WASTE_COPY) {
        memcpy(to, from, sizeof to);
        __asm__ volatile("" ::"r"(to) : "memory"); /* somebody may look: the copy has to be made */
    } else {
        memory = malloc(EVENT_BYTES);
        free(memory);
    }
}

__attribute__((noinline)) void guard_counted(void (*step)(void *ctx), void *ctx, uint64_t wasted)
{
    allocations_begin();
    step(ctx);
    for (uint64_t i = 0; i < wasted; i++)
        waste();
    allocations_end();
}

static uint64_t steps_of(const guard_path_t *path)
{
    uint64_t events = (uint64_t)path->load.requests * path->load.events;
    uint64_t steps = (EVENTS_MIN + events - 1) / events;
    return steps > STEPS_MIN ? steps : STEPS_MIN;
}

static void walk(const guard_path_t *path, void *ctx, uint64_t steps, bool counted)
{
    const guard_ops_t *ops = path->ops;
    uint64_t wasted = waste_kind != 0 ? (uint64_t)path->load.requests * path->load.events : 0;
    for (uint64_t i = 0; i < steps; i++) {
        if (ops->bring != NULL)
            ops->bring(ctx);
        if (counted)
            guard_counted(ops->step, ctx, wasted);
        else
            ops->step(ctx);
        if (ops->clear != NULL)
            ops->clear(ctx);
    }
}

static int run(const guard_path_t *path)
{
    void *ctx = path->ops->open(&path->load);
    uint64_t steps = steps_of(path);
    walk(path, ctx, WARM_UPS * steps, false);
    walk(path, ctx, steps, true);
    path->ops->close(ctx);
    allocations_t allocations = allocations_counted();
    printf("steps=%llu events=%llu ours=%llu libraries=%llu\n", (unsigned long long)steps,
           (unsigned long long)steps * path->load.requests * path->load.events,
           (unsigned long long)allocations.ours, (unsigned long long)allocations.libraries);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: guard PATH [--waste copy|allocation], or guard --list\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < PATHS; i++)
            puts(paths[i].name);
        return 0;
    }
    if (argc == 4 && strcmp(argv[2], "--waste") == 0)
        waste_kind = strcmp(argv[3], "copy") == 0         ? WASTE_COPY
                     : strcmp(argv[3], "allocation") == 0 ? WASTE_ALLOCATION
                                                          : 0;
    if (argc != 2 && waste_kind == 0)
        return usage();
    for (size_t i = 0; i < PATHS; i++)
        if (strcmp(argv[1], paths[i].name) == 0)
            return run(&paths[i]);
    return usage();
}
