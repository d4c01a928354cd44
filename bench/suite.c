#include "suite.h"

#include "bench.h"
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = 1024,
    ARGS_MAX = 64,
    LOOK_MS = 250,
    /* A row that takes so much longer than it should hangs: its own limits did not end it. */
    HANG_FACTOR = 5,
    HANG_SECONDS = 60,
};

typedef struct suite_options {
    const char *out;
    config_list_t only;
    bool list;
    int suite;     /* of `report`: index into suites */
    bool markdown; /* likewise */
} suite_options_t;

static const suite_t *const suites[] = {&suite_all, &suite_quick};
#define SUITE_CHOICES "all|quick"

#define OPT(name, what, member, ...)                                            \
    {                                                                           \
        .key = name, .kind = what, .offset = offsetof(suite_options_t, member), \
        .flags = CONFIG_FLAG_ONLY, __VA_ARGS__                                  \
    }
static const config_opt_t suite_table[] = {
    OPT("out", CONFIG_STR, out, .arg = "DIR",
        .help = "where figures, logs and report go; default: build/bench, for quick "
                "build/bench/quick"),
    OPT("only", CONFIG_STR_LIST, only, .arg = "NAMES",
        .help = "these rows alone; the report takes the others as they are"),
    OPT("list", CONFIG_BOOL, list, .help = "show the rows: name, seconds, arguments"),
};
static const config_opt_t report_table[] = {
    OPT("out", CONFIG_STR, out, .arg = "DIR",
        .help = "where the figures are and the report goes; default: as the suite's"),
    OPT("suite", CONFIG_CHOICE, suite, .choices = SUITE_CHOICES, .def = "all",
        .help = "whose rows are looked for"),
    OPT("markdown", CONFIG_BOOL, markdown,
        .help = "print the figures as tables for GitHub's markdown, and write no page"),
};

/* -- the report ----------------------------------------------------------------------------- */

/* @param markdown  printed, in place of the page. */
static int make_report(const suite_t *suite, const char *out, bool markdown)
{
    report_row_t *rows = calloc(suite->count, sizeof *rows);
    sl_err err = rows == NULL ? SL_ENOMEM : SL_OK;
    for (size_t i = 0; err == SL_OK && i < suite->count; i++)
        rows[i] = (report_row_t){suite->rows[i].name, suite->rows[i].args};
    const report_plan_t plan = {
        .suite = suite->name, .remark = suite->remark, .rows = rows, .count = suite->count};
    if (err == SL_OK)
        err = markdown ? report_markdown(out, &plan, stdout) : report_write(out, &plan);
    free(rows);
    if (err != SL_OK) {
        fprintf(stderr, "sluice-bench: cannot make the report of %s: %s\n", out,
                err == SL_ENOMEM ? sl_err_text(err) : strerror(errno));
        return BENCH_FAILED;
    }
    if (!markdown)
        printf("report: %s/" REPORT_HTML "\n", out);
    return BENCH_OK;
}

/* -- a row ---------------------------------------------------------------------------------- */

typedef struct suite_run {
    const suite_t *suite;
    const char *out;
    const config_list_t *only;
    char program[PATH_BYTES];
    bench_meter_t meter;
    uint32_t left_s; /* of the rows behind this one */
    size_t row, wanted;
} suite_run_t;

static bool is_wanted(const config_list_t *only, const char *name)
{
    for (size_t i = 0; i < only->count; i++)
        if (strcmp(((const char *const *)only->items)[i], name) == 0)
            return true;
    return only->count == 0;
}

static void show_progress(suite_run_t *run, const suite_row_t *row, uint64_t begin_ns)
{
    uint64_t row_end_ns = begin_ns + row->seconds * 1000000000ull, now_ns = bench_now_ns();
    run->meter.end_ns = (row_end_ns > now_ns ? row_end_ns : now_ns) + run->left_s * 1000000000ull;
    bench_meter_show(&run->meter, "%s: %zu/%zu %s", run->suite->name, run->row, run->wanted,
                     row->name);
}

/* Waits until the bench has left.  @return SL_OK: with 0. */
static sl_err watch(suite_run_t *run, const suite_row_t *row, proc_set_t *set, proc_t *proc)
{
    uint64_t begin_ns = bench_now_ns();
    uint64_t limit_ns = (row->seconds * HANG_FACTOR + HANG_SECONDS) * 1000000000ull;
    while (proc_wait(proc, LOOK_MS) != SL_OK) {
        if (proc_interrupted())
            return SL_ECLOSED;
        if (bench_now_ns() - begin_ns > limit_ns) {
            bench_meter_clear(&run->meter);
            fprintf(stderr, "sluice-bench: %s hangs: ended after %llu s\n", row->name,
                    (unsigned long long)(limit_ns / 1000000000u));
            return SL_ETIMEDOUT;
        }
        show_progress(run, row, begin_ns);
    }
    bench_meter_clear(&run->meter);
    return proc_all_well(set) ? SL_OK : SL_EIO; /* tells the end of its log */
}

/* What an earlier run left must not pass for this one's. */
static void remove_old(const suite_run_t *run, const char *name)
{
    static const char *const endings[] = {"json", "log"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s.%s", run->out, name, endings[i]);
        unlink(path);
    }
}

static sl_err run_row(suite_run_t *run, const suite_row_t *row)
{
    char args[PATH_BYTES], json[PATH_BYTES], *rest = args;
    const char *argv[ARGS_MAX + 4] = {run->program};
    size_t count = 1;
    snprintf(args, sizeof args, "%s", row->args);
    snprintf(json, sizeof json, "%s/%s.json", run->out, row->name);
    for (char *word; count < ARGS_MAX && (word = strsep(&rest, " ")) != NULL;)
        argv[count++] = word;
    argv[count++] = "--json";
    argv[count++] = json;
    remove_old(run, row->name);
    proc_set_t set;
    proc_t *proc = NULL;
    sl_err err = proc_set_init(&set, 1, run->out);
    if (err == SL_OK)
        err = proc_start_program(&set, &proc, row->name, argv);
    if (err == SL_OK)
        err = watch(run, row, &set, proc);
    proc_set_fini(&set);
    return err;
}

/* -- all rows ------------------------------------------------------------------------------- */

/* Where there is no terminal a log wants a line a row. */
static void tell_row(const suite_run_t *run, const suite_row_t *row)
{
    if (!isatty(STDERR_FILENO))
        fprintf(stderr, "%s: %zu/%zu %s, about %u s left\n", run->suite->name, run->row,
                run->wanted, row->name, run->left_s + row->seconds);
}

/* @return how many failed. */
static size_t run_rows(suite_run_t *run)
{
    size_t failed = 0;
    for (size_t i = 0; i < run->suite->count; i++) {
        const suite_row_t *row = &run->suite->rows[i];
        if (proc_interrupted() || !is_wanted(run->only, row->name))
            continue;
        run->row++;
        run->left_s -= row->seconds;
        tell_row(run, row);
        uint64_t begin_ns = bench_now_ns();
        sl_err err = run_row(run, row);
        if (err == SL_ECLOSED)
            break;
        printf("%-20s %-6s %5.0f s   %s\n", row->name, err == SL_OK ? "ok" : "FAILED",
               (double)(bench_now_ns() - begin_ns) / 1e9, row->args);
        fflush(stdout);
        failed += err != SL_OK;
    }
    return failed;
}

static sl_err make_folders(const char *path)
{
    char part[PATH_BYTES];
    for (const char *at = path; *at != '\0';) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return SL_EIO;
    }
    return access(path, W_OK | X_OK) == 0 ? SL_OK : SL_EIO;
}

static int run_suite(const suite_t *suite, const suite_options_t *options)
{
    suite_run_t run = {.suite = suite,
                       .only = &options->only,
                       .out = options->out != NULL ? options->out : suite->out};
    ssize_t len = readlink("/proc/self/exe", run.program, sizeof run.program - 1);
    if (len <= 0 || make_folders(run.out) != SL_OK) {
        fprintf(stderr, "sluice-bench: cannot write in %s: %s\n", run.out, strerror(errno));
        return BENCH_FAILED;
    }
    for (size_t i = 0; i < suite->count; i++)
        if (is_wanted(run.only, suite->rows[i].name)) {
            run.left_s += suite->rows[i].seconds;
            run.wanted++;
        }
    size_t failed = run_rows(&run);
    if (proc_interrupted()) {
        fprintf(stderr, "sluice-bench: %s: interrupted; `report` makes a page of what is there\n",
                suite->name);
        return BENCH_FAILED;
    }
    int status = make_report(suite, run.out, false);
    if (failed > 0)
        fprintf(stderr, "sluice-bench: %s: %zu of %zu failed\n", suite->name, failed, run.wanted);
    return failed > 0 ? BENCH_FAILED : status;
}

/* -- commands ------------------------------------------------------------------------------- */

static int list_rows(const suite_t *suite)
{
    for (size_t i = 0; i < suite->count; i++)
        printf("%-20s %5u   %s\n", suite->rows[i].name, suite->rows[i].seconds,
               suite->rows[i].args);
    return BENCH_OK;
}

/* Is every name of --only a row?  Those that are not are told. */
static bool all_known(const suite_t *suite, const config_list_t *only)
{
    bool known = true;
    for (size_t i = 0; i < only->count; i++) {
        const char *name = ((const char *const *)only->items)[i];
        size_t row = 0;
        while (row < suite->count && strcmp(suite->rows[row].name, name) != 0)
            row++;
        if (row < suite->count)
            continue;
        fprintf(stderr, "sluice-bench: only: %s has no row \"%s\"; --list shows them\n",
                suite->name, name);
        known = false;
    }
    return known;
}

static int run_with(const char *name, const suite_options_t *options)
{
    if (strcmp(name, "report") == 0) {
        const suite_t *suite = suites[options->suite];
        return make_report(suite, options->out != NULL ? options->out : suite->out,
                           options->markdown);
    }
    const suite_t *suite = strcmp(name, suite_all.name) == 0 ? &suite_all : &suite_quick;
    if (!all_known(suite, &options->only))
        return BENCH_USAGE;
    return options->list ? list_rows(suite) : run_suite(suite, options);
}

int suite_main(const char *name, int argc, char **argv, char **environment)
{
    bool report = strcmp(name, "report") == 0;
    char title[64];
    snprintf(title, sizeof title, "sluice-bench %s", name);
    const config_program_t program = {
        .name = title,
        .summary = report ? "Makes the page, or tables, of the JSON files that benches wrote."
                          : "Runs a fixed list of benches and makes a page of their figures.",
        .table = {report ? report_table : suite_table,
                  report ? sizeof report_table / sizeof report_table[0]
                         : sizeof suite_table / sizeof suite_table[0],
                  sizeof(suite_options_t)}};
    suite_options_t options = {0};
    config_t *config = NULL;
    int status = BENCH_USAGE;
    switch (config_read(&config, &program, &options, argc, argv, environment, stdout, stderr)) {
    case CONFIG_RUN:
        status = run_with(name, &options);
        break;
    case CONFIG_DONE:
        status = BENCH_OK;
        break;
    case CONFIG_BAD:
        break;
    }
    config_free(&config);
    return status;
}
