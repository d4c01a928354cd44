/* event_bench.c - nanoseconds an event: normalising, beside cJSON's parse alone.
 *
 *     event_bench FOLDER [ROUNDS]      every *.json of the folder, and all of them in turn
 *
 * Each figure is the best of many short runs: what the machine's other work adds is noise. */
#include "base/clock.h"
#include "event/json.h"
#include "event/normalise.h"
#include "event/writer.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES_MAX = 64, RUNS = 200, ROUNDS_DEFAULT = 500 };

typedef struct body {
    char name[256]; /* NAME_MAX */
    char *json;
    size_t len;
    sl_buf_t event;
} body_t;

typedef struct bench {
    body_t bodies[BODIES_MAX];
    size_t count;
    sl_buf_t out;
    unsigned rounds;
} bench_t;

typedef void work_fn(bench_t *bench, const body_t *body);

static const event_origin_t origin = {
    .id = "5F1AE3A7B5A3C0D84E1B2F9C6D7E8F90",
    .id_len = 32,
    .source = "acs:mns:cn-hangzhou:123456789012:/topics/batch-events",
    .source_len = 53,
    .time_ms = 1478013902837,
};

static void normalise(bench_t *bench, const body_t *body)
{
    event_info_t info;
    sl_buf_clear(&bench->out);
    if (event_normalise(&bench->out, &origin, body->json, body->len, &info) != EVENT_REASON_NONE)
        abort();
}

static void scan(bench_t *bench, const body_t *body)
{
    (void)bench;
    json_scan_t in = json_scan(body->json, body->len);
    if (!json_skip(&in))
        abort();
}

static void parse_with_cjson(bench_t *bench, const body_t *body)
{
    (void)bench;
    cJSON *tree = cJSON_ParseWithLength(body->json, body->len);
    if (tree == NULL)
        abort();
    cJSON_Delete(tree);
}

static void write_json(bench_t *bench, const body_t *body)
{
    sl_buf_clear(&bench->out);
    if (event_write_json(&bench->out, body->event.data, body->event.len) != SL_OK)
        abort();
}

/* The best run over bodies `from` to `to`, in ns an event. */
static double measure(bench_t *bench, work_fn *work, size_t from, size_t to)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = sl_clock_mono_ns(&sl_clock_system);
        for (unsigned round = 0; round < bench->rounds; round++)
            for (size_t i = from; i < to; i++)
                work(bench, &bench->bodies[i]);
        double ns = (double)(sl_clock_mono_ns(&sl_clock_system) - start) /
                    ((double)bench->rounds * (double)(to - from));
        best = ns < best ? ns : best;
    }
    return best;
}

static bool load(bench_t *bench, const char *folder, const char *name)
{
    char path[512];
    event_info_t info;
    body_t *body = &bench->bodies[bench->count];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    body->json = malloc(1 << 16);
    if (body->json != NULL)
        body->len = fread(body->json, 1, 1 << 16, file);
    fclose(file);
    snprintf(body->name, sizeof body->name, "%s", name);
    bench->count++;
    return body->json != NULL && event_normalise(&body->event, &origin, body->json, body->len,
                                                 &info) == EVENT_REASON_NONE;
}

static bool load_folder(bench_t *bench, const char *path)
{
    DIR *folder = opendir(path);
    bool ok = folder != NULL;
    if (!ok)
        return false;
    for (struct dirent *entry; ok && bench->count < BODIES_MAX && (entry = readdir(folder));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".json") == 0)
            ok = load(bench, path, entry->d_name);
    }
    closedir(folder);
    return ok;
}

static void report(bench_t *bench, const char *name, size_t from, size_t to)
{
    size_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += bench->bodies[i].len;
    double ours = measure(bench, normalise, from, to);
    double theirs = measure(bench, parse_with_cjson, from, to);
    printf("%-24s %6zu %10.0f %10.0f %7.1f %10.0f %10.0f\n", name, bytes / (to - from), ours,
           theirs, theirs / ours, measure(bench, scan, from, to),
           measure(bench, write_json, from, to));
}

int main(int argc, char **argv)
{
    bench_t bench = {.rounds = argc > 2 ? (unsigned)atoi(argv[2]) : ROUNDS_DEFAULT};
    if (argc < 2 || bench.rounds == 0 || !load_folder(&bench, argv[1]) || bench.count == 0) {
        fprintf(stderr,
                "usage: event_bench FOLDER [ROUNDS]; the folder holds notifications, *.json\n");
        return 2;
    }
    printf("%-24s %6s %10s %10s %7s %10s %10s\n", "ns an event", "bytes", "normalise", "cJSON",
           "times", "json_skip", "to JSON");
    for (size_t i = 0; i < bench.count; i++)
        report(&bench, bench.bodies[i].name, i, i + 1);
    bench.rounds = bench.rounds / (unsigned)bench.count + 1;
    report(&bench, "all in turn", 0, bench.count);
    for (size_t i = 0; i < bench.count; i++) {
        free(bench.bodies[i].json);
        sl_buf_fini(&bench.bodies[i].event);
    }
    sl_buf_fini(&bench.out);
    return 0;
}
