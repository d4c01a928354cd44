/* bench.h - the frame that every bench stands in.
 *
 * A bench is a bench_spec_t: options, figures, and a function that does one run.  The frame reads
 * the options, makes a temporary folder, does the runs, prints the medians, writes the JSON and
 * decides the exit status.  A new bench is one file and one row in benches.h. */
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

/** Options that every bench has; the first member of its own options. */
typedef struct bench_common {
    const char *json;    /**< NULL: none */
    const char *bin_dir; /**< NULL: the folder of sluice-bench itself */
    uint64_t runs;
    bool keep;    /**< keep the temporary folder with the daemons' logs */
    bool enforce; /**< a missed bound is a failure */
} bench_common_t;

#define BENCH_COMMON_OPTIONS(default_runs) \
    BENCH_COMMON_OPTIONS_OF("runs", default_runs, "runs; the figures are medians")

/** Where a run is called something else. */
#define BENCH_COMMON_OPTIONS_OF(runs_key, default_runs, runs_help)                          \
    {.key = runs_key,                                                                       \
     .kind = CONFIG_U64,                                                                    \
     .offset = offsetof(bench_common_t, runs),                                              \
     .def = default_runs,                                                                   \
     .arg = "N",                                                                            \
     .help = runs_help,                                                                     \
     .min = 1,                                                                              \
     .max = RESULT_RUNS_MAX},                                                               \
        {.key = "json",                                                                     \
         .kind = CONFIG_STR,                                                                \
         .offset = offsetof(bench_common_t, json),                                          \
         .arg = "FILE",                                                                     \
         .help = "also write the figures there, as one JSON object: of each the "           \
                 "median, _min, _max and _runs; and what it was measured on"},              \
        {.key = "bin-dir",                                                                  \
         .kind = CONFIG_STR,                                                                \
         .offset = offsetof(bench_common_t, bin_dir),                                       \
         .arg = "DIR",                                                                      \
         .help = "where the daemons are; default: beside sluice-bench"},                    \
        {.key = "keep",                                                                     \
         .kind = CONFIG_BOOL,                                                               \
         .offset = offsetof(bench_common_t, keep),                                          \
         .help = "keep the temporary folder with the daemons' logs"},                       \
    {                                                                                       \
        .key = "enforce", .kind = CONFIG_BOOL, .offset = offsetof(bench_common_t, enforce), \
        .help = "leave with status 3 when a floor or ceiling is missed"                     \
    }

/** Where a bench works and where the programs are. */
typedef struct bench_place {
    char dir[256]; /**< temporary, removed at the end */
    char bin[512];
    bool keep;
} bench_place_t;

/** "<bin>/<name>" into out. */
void bench_program(const bench_place_t *place, const char *name, char *out, size_t size);

/** Empties the bench's folder between phases that fill disks; with --keep it does nothing. */
void bench_clear(const bench_place_t *place);

uint64_t bench_now_ns(void);
/** @return false when a signal asked the bench to end. */
bool bench_sleep_ms(uint64_t ms);

/** One line on the terminal that tells what is going on and how long it will take yet; nothing
 * where stderr is no terminal. */
typedef struct bench_meter {
    uint64_t end_ns;
    bool shown;
} bench_meter_t;

void bench_meter_show(bench_meter_t *meter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Wipes the line, so that what is printed next stands alone. */
void bench_meter_clear(bench_meter_t *meter);

/** What one run is given. */
typedef struct bench_run {
    const void *options;
    const bench_place_t *place;
    bench_meter_t *meter;
    const char *title; /**< "run 2/3" */
    result_t *result;  /**< put the figures there */
} bench_run_t;

typedef struct bench_spec {
    config_program_t program;    /**< its options begin with a bench_common_t */
    const figure_def_t *figures; /**< those that are known beforehand */
    size_t figure_count;
    /** Puts the options that the figures depend on, and says whether the bounds are meant for
     * them. */
    void (*put_facts)(const void *options, result_t *result);
    /** About how long one run takes, in seconds. */
    double (*run_seconds)(const void *options);
    /** Does one run.  @return SL_OK; an error, told on stderr: nothing of it counts. */
    sl_err (*run)(const bench_run_t *run);
    /** Prints the result for people; NULL: result_print, a line a figure. */
    void (*print)(const result_t *result, FILE *out);
} bench_spec_t;

/** Runs a bench with the arguments given.  @param name what the JSON calls it.
 *  @return the exit status. */
int bench_main(const bench_spec_t *spec, const char *name, int argc, char **argv,
               char **environment);

#endif
