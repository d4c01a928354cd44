/* suite_table.c - which benches make up a suite, and with which settings.
 *
 * A row's name is that of its JSON file, by which the report knows it: budgets.c says which figures
 * of which rows are held against a floor. */
#include "suite.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The ratios of budgets; and points of a curve. */
#define PEERS      "peers --runs 5 --seconds 2 --warmup 500ms --loopback-seconds 1 "
#define PEERS_ONCE "peers --runs 1 --seconds 2 --warmup 500ms --loopback-seconds 1 "

#define LATENCY "latency --runs 5 --seconds 5 --warmup 500ms "

static const suite_row_t all_rows[] = {
    {"fanout", "fanout --durability os --runs 1 --seconds 3", 10},
    {"peers-64", PEERS "--pack-bytes 160k --carriers plain,nats-lean-packed,redis-lean-packed",
     230},
    {"peers-1", PEERS "--subs 1 --carriers sluice,proxy,nats,nats-lean", 90},
    {"peers-1-memory", PEERS "--subs 1 --durability memory --carriers sluice,nats", 50},
    {"peers-single",
     PEERS "--subs 8 --single --publishers 4 --carriers sluice,proxy,nats,nats-lean", 90},
    {"peers-ipc", PEERS "--transport ipc --carriers sluice,xpub", 50},
    {"peers-8", PEERS_ONCE "--subs 8 --carriers plain --open-rate 150000", 95},
    {"peers-256", PEERS_ONCE "--subs 256 --carriers sluice,proxy,nats,nats-lean,redis-lean", 38},
    {"peers-kept",
     "peers --runs 3 --seconds 2 --warmup 500ms --loopback-seconds 1 --subs 8 "
     "--carriers sluice,jetstream,redis-stream",
     40},
    {"scale", "scale --seconds 1 --warmup 300ms", 260},
    {"latency-os", LATENCY "--carriers sluice,proxy,nats,nats-lean", 130},
    {"latency-memory", LATENCY "--durability memory --carriers sluice,proxy", 65},
    {"latency-20k", LATENCY "--rate 20000 --subs 8 --carriers sluice,proxy,nats-lean", 95},
    {"latency-rate",
     "latency --find-rate --p99 2ms --subs 8 --rate 20000 --seconds 1 --warmup 300ms --runs 1 "
     "--carriers sluice,proxy,nats-lean",
     85},
    {"ingest", "ingest --runs 2 --durability os", 60},
    {"journal", "journal --runs 2 --seconds 3", 150},
    {"slow", "slow --pairs 1 --seconds 60 --ours-alone", 140},
};

const suite_t suite_all = {
    .name = "all", .out = "build/bench", .rows = all_rows, .count = COUNT_OF(all_rows)};

/* Ours and raw ZeroMQ: it runs among the tests, where nobody has installed other servers. */
#define ZMQ  "sluice,xpub,proxy"
#define ONCE "--seconds 1 --warmup 300ms --runs 1"

static const suite_row_t quick_rows[] = {
    {"fanout", "fanout --durability os --subs 8 --loopback-seconds 1 " ONCE, 5},
    {"peers-1", "peers --subs 1 --carriers " ZMQ " --loopback-seconds 1 " ONCE, 8},
    {"peers-8",
     "peers --subs 8 --carriers " ZMQ ",proxy-packed --open-rate 1000 --loopback-seconds 1 " ONCE,
     25},
    {"scale", "scale --quick --runs 1", 25},
    {"latency-os", "latency --carriers sluice,proxy " ONCE, 5},
    {"ingest", "ingest --messages 20000 --runs 1", 5},
    {"journal", "journal --ours-alone --replay-events 50000 " ONCE, 12},
    {"slow", "slow --ours-alone --pairs 1 --seconds 3 --live 4 --stopped 2 --rate 2000", 14},
};

const suite_t suite_quick = {
    .name = "quick",
    .remark =
        "Small settings, ours and raw ZeroMQ alone, to see that all of it works: no figure on "
        "this page is a result.",
    .out = "build/bench/quick",
    .rows = quick_rows,
    .count = COUNT_OF(quick_rows)};

uint32_t suite_seconds(const suite_t *suite)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < suite->count; i++)
        sum += suite->rows[i].seconds;
    return sum;
}
