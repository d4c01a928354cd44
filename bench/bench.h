/* bench.h - what every bench is given: its place, its clock, its line on the terminal, its end.
 *
 * A bench is one row of the table in main.c and one function: it reads its own options, does its
 * runs, and closes with bench_finish, which prints the figures, writes the JSON and decides the
 * exit status. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "config/config.h"
#include "result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Exit status of a bench. */
enum {
    BENCH_OK = 0,
    BENCH_FAILED = 1, /**< something was lost, repeated or broken: the figures mean nothing */
    BENCH_USAGE = 2,  /**< wrong options */
    BENCH_MISSED = 3, /**< sound figures, but a bound is missed and --enforce was given */
};

/** Options that every bench has. */
typedef struct bench_common {
    const char *json;    /**< NULL: none */
    const char *bin_dir; /**< NULL: the folder of sluice-bench itself */
    uint64_t runs;
    bool keep;    /**< keep the temporary folder with the daemons' logs */
    bool enforce; /**< a missed bound is a failure */
} bench_common_t;

#define BENCH_COMMON_OPTIONS(type, member, default_runs)                                 \
    {.key = "runs",                                                                      \
     .kind = CONFIG_U64,                                                                 \
     .offset = offsetof(type, member.runs),                                              \
     .def = default_runs,                                                                \
     .arg = "N",                                                                         \
     .help = "runs; the figures are medians",                                            \
     .min = 1,                                                                           \
     .max = RESULT_RUNS_MAX},                                                            \
        {.key = "json",                                                                  \
         .kind = CONFIG_STR,                                                             \
         .offset = offsetof(type, member.json),                                          \
         .arg = "FILE",                                                                  \
         .help = "also write the figures there, as one JSON object"},                    \
        {.key = "bin-dir",                                                               \
         .kind = CONFIG_STR,                                                             \
         .offset = offsetof(type, member.bin_dir),                                       \
         .arg = "DIR",                                                                   \
         .help = "where the daemons are; default: beside sluice-bench"},                 \
        {.key = "keep",                                                                  \
         .kind = CONFIG_BOOL,                                                            \
         .offset = offsetof(type, member.keep),                                          \
         .help = "keep the temporary folder with the daemons' logs"},                    \
    {                                                                                    \
        .key = "enforce", .kind = CONFIG_BOOL, .offset = offsetof(type, member.enforce), \
        .help = "leave with status 3 when a floor or ceiling is missed"                  \
    }

/** Where a bench works and where the programs are. */
typedef struct bench_place {
    char dir[256]; /**< temporary, removed at the end */
    char bin[512];
    bool keep;
} bench_place_t;

/** @return SL_OK; SL_EIO, told on stderr. */
sl_err bench_place_create(bench_place_t *place, const bench_common_t *common);
void bench_place_remove(bench_place_t *place);

/** "<bin>/<name>" into out. */
void bench_program(const bench_place_t *place, const char *name, char *out, size_t size);

uint64_t bench_now_ns(void);
/** @return false when a signal asked the bench to end. */
bool bench_sleep_ms(uint64_t ms);

/** One line on the terminal that tells what is going on and how long it will take yet; nothing
 * where stderr is no terminal. */
typedef struct bench_meter {
    uint64_t end_ns;
    bool shown;
} bench_meter_t;

void bench_meter_begin(bench_meter_t *meter, double seconds);
void bench_meter_show(bench_meter_t *meter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Wipes the line, so that what is printed next stands alone. */
void bench_meter_clear(bench_meter_t *meter);

/** Prints and writes the result.  @param sound were all runs complete and without loss?
 *  @return the exit status. */
int bench_finish(const result_t *result, const bench_common_t *common, bool sound);

#endif
