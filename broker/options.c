#include "options.h"

#include "journal_lmdb.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(broker_options_t, member)

static const config_opt_t opts[] = {
    {.key = "feed",
     .kind = CONFIG_STR,
     .offset = AT(feed),
     .def = "tcp://127.0.0.1:5551",
     .arg = "ENDPOINT",
     .help = "where subscribers connect: tcp://ADDRESS:PORT (* for a free port) or ipc://PATH"},
    {.key = "intake",
     .kind = CONFIG_STR,
     .offset = AT(intake),
     .def = "tcp://127.0.0.1:5550",
     .arg = "ENDPOINT",
     .help = "where publishers connect"},
    {.key = "query",
     .kind = CONFIG_STR,
     .offset = AT(query),
     .def = "tcp://127.0.0.1:5552",
     .arg = "ENDPOINT",
     .help = "where questions are answered"},
    {.key = "http",
     .kind = CONFIG_STR,
     .offset = AT(http),
     .def = "127.0.0.1:5580",
     .arg = "ADDR:PORT",
     .help = "where /metrics, /healthz and /readyz are served; off: nowhere"},
    {.key = "name",
     .kind = CONFIG_STR,
     .offset = AT(name),
     .def = "sluice",
     .arg = "NAME",
     .help = "what STATUS calls this broker"},
    {.key = "durability",
     .kind = CONFIG_CHOICE,
     .offset = AT(durability),
     .def = "disk",
     .choices = "memory|os|disk",
     .help = "what an acknowledged event survives: nothing, a crash of the broker, or of the "
             "machine"},
    {.key = "data",
     .kind = CONFIG_STR,
     .offset = AT(data),
     .def = "",
     .arg = "DIR",
     .help = "durability os and disk: where the journal is; default: $STATE_DIRECTORY, else "
             "sluice-data in the working directory"},
    {.key = "retain-bytes",
     .kind = CONFIG_BYTES,
     .offset = AT(retain_bytes),
     .def = "4G",
     .arg = "BYTES",
     .min = 1 << 20,
     .max = (uint64_t)1 << 44,
     .help = "durability os and disk: how much of the newest batches is kept"},
    {.key = "retain-age",
     .kind = CONFIG_MS,
     .offset = AT(retain_age_ms),
     .def = "7d",
     .min = 1000,
     .max = (uint64_t)10 * 365 * 24 * 3600 * 1000,
     .arg = "TIME",
     .help = "durability os and disk: how long a batch is kept"},
    {.key = "map-bytes",
     .kind = CONFIG_BYTES,
     .offset = AT(map_bytes),
     .def = "0",
     .arg = "BYTES",
     .max = (uint64_t)1 << 46,
     .help = "durability os and disk: how large the journal's file can get; 0: four times "
             "retain-bytes, or what the largest requests need"},
    {.key = "memory-bytes",
     .kind = CONFIG_BYTES,
     .offset = AT(memory_bytes),
     .def = "16M",
     .arg = "BYTES",
     .max = (uint64_t)64 << 30,
     .help = "durability memory: how much of the newest batches is kept"},
    {.key = "window",
     .kind = CONFIG_U64,
     .offset = AT(window),
     .def = "1024",
     .min = 1,
     .max = 16384,
     .arg = "N",
     .help = "requests that a publisher may have unanswered"},
    {.key = "max-bytes",
     .kind = CONFIG_BYTES,
     .offset = AT(max_bytes),
     .def = "1M",
     .min = 1024,
     .max = 64 << 20,
     .arg = "BYTES",
     .help = "events in one request, and so the largest event"},
    {.key = "max-events",
     .kind = CONFIG_U64,
     .offset = AT(max_events),
     .def = "4096",
     .min = 1,
     .max = 4096,
     .arg = "N",
     .help = "events in one request"},
    {.key = "publishers",
     .kind = CONFIG_U64,
     .offset = AT(publishers),
     .def = "1024",
     .min = 1,
     .max = 65536,
     .arg = "N",
     .help = "publishers that are remembered"},
    {.key = "topics",
     .kind = CONFIG_U64,
     .offset = AT(topics),
     .def = "1024",
     .min = 1,
     .max = 1024,
     .arg = "N",
     .help = "topics in the stream"},
    {.key = "replays",
     .kind = CONFIG_U64,
     .offset = AT(replays),
     .def = "256",
     .min = 1,
     .max = 65536,
     .arg = "N",
     .help = "replays that run at once; beyond, askers are told to come back"},
    {.key = "cursors",
     .kind = CONFIG_U64,
     .offset = AT(cursors),
     .def = "4096",
     .max = 65536,
     .arg = "N",
     .help = "cursors that are kept"},
    {.key = "intake-bytes",
     .kind = CONFIG_BYTES,
     .offset = AT(intake_bytes),
     .def = "64M",
     .min = 1 << 20,
     .max = (uint64_t)16 << 30,
     .arg = "BYTES",
     .help =
         "events taken that wait for journal or feed; beyond, intake stops and then answers BUSY"},
    {.key = "retry",
     .kind = CONFIG_MS,
     .offset = AT(retry_ms),
     .def = "100ms",
     .min = 1,
     .max = 60000,
     .arg = "TIME",
     .help = "when a refused publisher is advised to try again"},
    {.key = "dedup-count",
     .kind = CONFIG_U64,
     .offset = AT(dedup_count),
     .def = "4194304",
     .max = (uint64_t)1 << 28,
     .arg = "N",
     .help = "ids remembered to recognise duplicates, 37 to 54 bytes each; 0: none"},
    {.key = "dedup-age",
     .kind = CONFIG_MS,
     .offset = AT(dedup_age_ms),
     .def = "12h",
     .min = 1,
     .max = (uint64_t)365 * 24 * 3600 * 1000,
     .arg = "TIME",
     .help = "how long an id is remembered"},
    {.key = "hwm",
     .kind = CONFIG_U64,
     .offset = AT(feed_hwm),
     .def = "32",
     .min = 4,
     .max = 100000,
     .arg = "N",
     .help = "batches that libzmq holds for a subscriber that is behind"},
    {.key = "sndbuf",
     .kind = CONFIG_BYTES,
     .offset = AT(sndbuf_bytes),
     .def = "256k",
     .min = 4096,
     .max = 64 << 20,
     .arg = "BYTES",
     .help = "the kernel's buffer for each subscriber"},
    {.key = "patience",
     .kind = CONFIG_MS,
     .offset = AT(patience_ms),
     .def = "100ms",
     .min = 1,
     .max = 10000,
     .arg = "TIME",
     .help = "how long the feed waits for a full subscriber while others still read"},
    {.key = "tick",
     .kind = CONFIG_MS,
     .offset = AT(tick_ms),
     .def = "100ms",
     .min = 1,
     .max = 60000,
     .arg = "TIME",
     .help = "when a tick follows the first batch it covers"},
    {.key = "idle-tick",
     .kind = CONFIG_MS,
     .offset = AT(idle_tick_ms),
     .def = "1s",
     .min = 10,
     .max = 60000,
     .arg = "TIME",
     .help = "when a tick follows a tick"},
    {.key = "linger-us",
     .kind = CONFIG_U64,
     .offset = AT(linger_us),
     .def = "5000",
     .max = 1000000,
     .arg = "MICROSECONDS",
     .help = "how long an event waits for others while the feed is busy"},
    {.key = "connections",
     .kind = CONFIG_U64,
     .offset = AT(connections),
     .def = "4096",
     .min = 1,
     .max = 1000000,
     .arg = "N",
     .help = "connections to each of feed, intake and query"},
    {.key = "backlog",
     .kind = CONFIG_U64,
     .offset = AT(backlog),
     .def = "1024",
     .min = 1,
     .max = 65535,
     .arg = "N",
     .help = "connections that may wait to be accepted"},
    {.key = "drain",
     .kind = CONFIG_MS,
     .offset = AT(drain_ms),
     .def = "3s",
     .max = 600000,
     .arg = "TIME",
     .help = "how long SIGTERM waits for journal and subscribers"},
};

const char *broker_durability_name(const broker_options_t *o)
{
    static const char *const names[] = {"memory", "os", "disk"};
    return names[o->durability];
}

/* The first of systemd's directories, which it separates by colons. */
static const char *state_dir(void)
{
    static char first[PATH_MAX];
    const char *all = getenv("STATE_DIRECTORY");
    if (all == NULL)
        return "";
    snprintf(first, sizeof first, "%.*s", (int)strcspn(all, ":"), all);
    return first;
}

const char *broker_data_dir(const broker_options_t *o)
{
    if (*o->data != '\0')
        return o->data;
    const char *state = state_dir();
    return *state != '\0' ? state : "sluice-data";
}

/* What is kept, and its successor until it is deleted; a group, and those before it whose pages are
 * not free yet. */
static uint64_t least_map_bytes(const broker_options_t *o)
{
    return 2 * o->retain_bytes + 4 * (o->max_bytes + JOURNAL_GROUP_BYTES);
}

uint64_t broker_map_bytes(const broker_options_t *o)
{
    uint64_t least = least_map_bytes(o), usual = 4 * o->retain_bytes;
    if (o->map_bytes != 0)
        return o->map_bytes;
    if (usual < STORE_MAP_MIN_BYTES)
        usual = STORE_MAP_MIN_BYTES;
    return usual > least ? usual : least;
}

static void check_endpoint(config_t *config, const char *key, const char *endpoint)
{
    if (endpoint == NULL || ((strncmp(endpoint, "tcp://", 6) != 0 || endpoint[6] == '\0') &&
                             (strncmp(endpoint, "ipc://", 6) != 0 || endpoint[6] == '\0')))
        config_complain(config, key, "\"%s\" is no endpoint: tcp://ADDRESS:PORT and ipc://PATH are",
                        endpoint != NULL ? endpoint : "");
}

static void check(config_t *config, const void *options)
{
    const broker_options_t *o = options;
    check_endpoint(config, "feed", o->feed);
    check_endpoint(config, "intake", o->intake);
    check_endpoint(config, "query", o->query);
    if (o->map_bytes != 0 && o->map_bytes < least_map_bytes(o))
        config_complain(config, "map-bytes",
                        "must be 0 or at least 2 x retain-bytes + 4 x max-bytes + 32M");
    if (o->intake_bytes < 2 * o->max_bytes)
        config_complain(config, "intake-bytes", "must be at least twice max-bytes");
    if (o->tick_ms > o->idle_tick_ms)
        config_complain(config, "tick", "must not be longer than idle-tick");
}

const config_program_t broker_program = {
    .name = "sluice-broker",
    .summary = "Takes events from publishers, numbers them and fans them out to subscribers over "
               "ZeroMQ.",
    .epilog = "Prints one line when it serves: ready feed=... intake=... query=... http=...\n"
              "SIGTERM and SIGINT drain and end it with exit code 0.",
    .table = {opts, sizeof opts / sizeof *opts, sizeof(broker_options_t)},
    .check = check,
};
