/* sluice-bench - measures Sluice with its real programs, each in a process of its own. */
#include "base/heap.h"
#include "benches.h"
#include "proc.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct bench {
    const char *name, *help;
    const bench_spec_t *spec;
} bench_t;

#define X(name, help) {#name, help, &bench_##name},
static const bench_t benches[] = {BENCHES(X)};
#undef X

/* What is no bench: those in a row, and their page. */
#define X(name, help) {#name, help, NULL},
static const bench_t commands[] = {SUITE_COMMANDS(X)};
#undef X

static void print_usage(FILE *out)
{
    fprintf(out, "usage: sluice-bench BENCH [OPTION…]\n\n");
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++)
        fprintf(out, "  %-8s %s\n", benches[i].name, benches[i].help);
    fprintf(out, "\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out,
            "\nsluice-bench BENCH --help tells a bench's options.  Status: 0 measured, 1 something "
            "was lost or\nbroke, 2 wrong options, 3 a bound was missed (with --enforce).\n"
            "docs/performance.md says how each figure is taken.\n");
}

int main(int argc, char **argv)
{
    sl_heap_keep_freed(); /* publishers and subscribers of every system are forked from here */
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0) {
        puts("sluice-bench " SLUICE_VERSION);
        return BENCH_OK;
    }
    if (strcmp(name, "--help") == 0) {
        print_usage(stdout);
        return BENCH_OK;
    }
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (strcmp(name, benches[i].name) != 0)
            continue;
        proc_catch_signals();
        proc_raise_descriptors();
        return bench_main(benches[i].spec, name, argc - 1, argv + 1, environ);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        proc_catch_signals();
        proc_raise_descriptors();
        return suite_main(name, argc - 1, argv + 1, environ);
    }
    if (name[0] != '\0')
        fprintf(stderr, "sluice-bench: there is no bench \"%s\"\n\n", name);
    print_usage(stderr);
    return BENCH_USAGE;
}
