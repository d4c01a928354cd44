#include "bench.h"

#include "base/clock.h"
#include "machine.h"
#include "proc.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLEEP_SLICE_MS = 20, REMOVE_FDS = 8, MINUTE_S = 60 };

/* -- place ---------------------------------------------------------------------------------- */

static sl_err own_folder(char *out, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    if (len <= 0)
        return SL_EIO;
    out[len] = '\0';
    *strrchr(out, '/') = '\0'; /* the kernel gives an absolute path */
    return SL_OK;
}

static sl_err place_create(bench_place_t *place, const bench_common_t *common)
{
    *place = (bench_place_t){.keep = common->keep};
    if (common->bin_dir != NULL)
        snprintf(place->bin, sizeof place->bin, "%s", common->bin_dir);
    else if (own_folder(place->bin, sizeof place->bin) != SL_OK)
        return SL_EIO;
    const char *tmp = getenv("TMPDIR");
    snprintf(place->dir, sizeof place->dir, "%s/sluice-bench.XXXXXX",
             tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
    if (mkdtemp(place->dir) == NULL) {
        fprintf(stderr, "sluice-bench: cannot make %s: %s\n", place->dir, strerror(errno));
        place->dir[0] = '\0';
        return SL_EIO;
    }
    return SL_OK;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    remove(path); /* what cannot be removed stays behind; nothing depends on it */
    return 0;
}

static void place_remove(bench_place_t *place)
{
    if (place->dir[0] == '\0')
        return;
    if (place->keep)
        fprintf(stderr, "sluice-bench: kept %s\n", place->dir);
    else
        nftw(place->dir, remove_entry, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
    place->dir[0] = '\0';
}

static int remove_below(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return ftw->level == 0 ? 0 : remove_entry(path, st, kind, ftw);
}

void bench_clear(const bench_place_t *place)
{
    if (!place->keep)
        nftw(place->dir, remove_below, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
}

void bench_program(const bench_place_t *place, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", place->bin, name);
}

/* -- time ----------------------------------------------------------------------------------- */

uint64_t bench_now_ns(void)
{
    return sl_clock_mono_ns(&sl_clock_system);
}

bool bench_sleep_ms(uint64_t ms)
{
    uint64_t end_ns = bench_now_ns() + ms * 1000000u;
    for (;;) {
        uint64_t now_ns = bench_now_ns();
        if (proc_interrupted())
            return false;
        if (now_ns >= end_ns)
            return true;
        uint64_t left_ns = end_ns - now_ns;
        uint64_t slice_ns = SLEEP_SLICE_MS * 1000000u;
        nanosleep(&(struct timespec){.tv_nsec = (long)(left_ns < slice_ns ? left_ns : slice_ns)},
                  NULL);
    }
}

static void meter_begin(bench_meter_t *meter, double seconds)
{
    *meter = (bench_meter_t){.end_ns = bench_now_ns() + (uint64_t)(seconds * 1e9)};
}

void bench_meter_show(bench_meter_t *meter, const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    uint64_t now_ns = bench_now_ns();
    uint64_t left_s = meter->end_ns > now_ns ? (meter->end_ns - now_ns) / 1000000000u + 1 : 0;
    va_list args;
    va_start(args, format);
    fputs("\033[K", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    if (left_s >= 2 * MINUTE_S)
        fprintf(stderr, "   about %llu min left\r", (unsigned long long)(left_s / MINUTE_S));
    else
        fprintf(stderr, "   about %llu s left\r", (unsigned long long)left_s);
    fflush(stderr);
    meter->shown = true;
}

void bench_meter_clear(bench_meter_t *meter)
{
    if (!meter->shown)
        return;
    fputs("\033[K", stderr);
    fflush(stderr);
    meter->shown = false;
}

/* -- end ------------------------------------------------------------------------------------ */

/* Prints and writes the result.  @return the exit status. */
static int finish(const bench_spec_t *spec, const result_t *result, const bench_common_t *common,
                  bool sound)
{
    if (proc_interrupted()) {
        fprintf(stderr, "sluice-bench: %s: interrupted\n", result->bench);
        return BENCH_FAILED;
    }
    if (!sound) {
        fprintf(stderr, "sluice-bench: %s: failed; no figures\n", result->bench);
        return BENCH_FAILED;
    }
    (spec->print != NULL ? spec->print : result_print)(result, stdout);
    if (common->json != NULL && result_write_json(result, common->json) != SL_OK) {
        fprintf(stderr, "sluice-bench: cannot write %s: %s\n", common->json, strerror(errno));
        return BENCH_FAILED;
    }
    return common->enforce && !result_bounds_met(result) ? BENCH_MISSED : BENCH_OK;
}

static sl_err do_runs(const bench_spec_t *spec, const void *options, const bench_place_t *place,
                      result_t *result)
{
    const bench_common_t *common = options;
    bench_meter_t meter;
    meter_begin(&meter, spec->run_seconds(options) * (double)common->runs);
    for (size_t i = 0; i < common->runs; i++) {
        char title[64];
        snprintf(title, sizeof title, "%s, run %zu/%llu", result->bench, i + 1,
                 (unsigned long long)common->runs);
        sl_err err = spec->run(&(bench_run_t){
            .options = options, .place = place, .meter = &meter, .title = title, .result = result});
        bench_meter_clear(&meter);
        if (err != SL_OK)
            return err;
        result_end_run(result);
    }
    return SL_OK;
}

static int run_with(const bench_spec_t *spec, const char *name, const void *options)
{
    const bench_common_t *common = options;
    bench_place_t place;
    result_t result;
    if (place_create(&place, common) != SL_OK)
        return BENCH_FAILED;
    int status = BENCH_FAILED;
    if (result_init(&result, name, spec->figures, spec->figure_count) == SL_OK) {
        machine_put_facts(&result, place.dir);
        spec->put_facts(options, &result);
        machine_times_t begin;
        bool told = machine_times_now(&begin);
        sl_err err = do_runs(spec, options, &place, &result);
        if (told)
            machine_put_stolen(&result, &begin);
        status = finish(spec, &result, common, err == SL_OK);
        result_fini(&result);
    }
    place_remove(&place);
    return status;
}

int bench_main(const bench_spec_t *spec, const char *name, int argc, char **argv,
               char **environment)
{
    void *options = calloc(1, spec->program.table.size);
    if (options == NULL)
        return BENCH_FAILED;
    config_t *config = NULL;
    int status = BENCH_OK;
    switch (
        config_read(&config, &spec->program, options, argc, argv, environment, stdout, stderr)) {
    case CONFIG_RUN:
        status = run_with(spec, name, options);
        break;
    case CONFIG_DONE:
        break;
    case CONFIG_BAD:
        status = BENCH_USAGE;
        break;
    }
    config_free(&config);
    free(options);
    return status;
}
