#include "daemons.h"

#include "machine.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 600 };

const char *daemons_durability_name(daemons_durability_t durability)
{
    static const char *const names[] = {"memory", "os", "disk"};
    return names[durability];
}

sl_err daemons_start_broker(proc_set_t *set, const bench_place_t *place,
                            const broker_setup_t *setup, broker_daemon_t *broker)
{
    char program[PATH_BYTES], feed[PATH_BYTES], intake[PATH_BYTES], data[PATH_BYTES];
    bench_program(place, "sluice-broker", program, sizeof program);
    snprintf(data, sizeof data, "%s/%s", place->dir, setup->data != NULL ? setup->data : "data");
    if (setup->transport == DAEMONS_IPC) {
        snprintf(feed, sizeof feed, "ipc://%s/feed", place->dir);
        snprintf(intake, sizeof intake, "ipc://%s/intake", place->dir);
    } else {
        snprintf(feed, sizeof feed, "tcp://127.0.0.1:*");
        snprintf(intake, sizeof intake, "tcp://127.0.0.1:*");
    }
    const char *argv[16 + DAEMONS_EXTRA_ARGS_MAX] = {program,
                                                     "--feed",
                                                     feed,
                                                     "--intake",
                                                     intake,
                                                     "--query",
                                                     "tcp://127.0.0.1:*",
                                                     "--http",
                                                     "127.0.0.1:0",
                                                     "--durability",
                                                     daemons_durability_name(setup->durability)};
    size_t argc = 11;
    if (setup->durability == DAEMONS_DISK)
        machine_warn_of_memory(place->dir);
    if (setup->durability != DAEMONS_MEMORY) {
        argv[argc++] = "--data";
        argv[argc++] = data;
    }
    size_t more = setup->more != NULL ? setup->more->count : 0;
    const char *const *items = more > 0 ? setup->more->items : NULL;
    for (size_t i = 0; i < more && i < DAEMONS_EXTRA_ARGS_MAX; i++)
        argv[argc++] = items[i];
    sl_err err = proc_start_daemon(set, &broker->proc, "sluice-broker", argv);
    if (err != SL_OK)
        return err;
    proc_ready_value(broker->proc, "feed", broker->feed, sizeof broker->feed);
    proc_ready_value(broker->proc, "intake", broker->intake, sizeof broker->intake);
    proc_ready_value(broker->proc, "query", broker->query, sizeof broker->query);
    proc_ready_value(broker->proc, "http", broker->http, sizeof broker->http);
    return SL_OK;
}

double daemons_broker_counter(const broker_daemon_t *broker, const char *metric)
{
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = metrics_fetch(&text, broker->http);
    double value = err == SL_OK ? metrics_sum((const char *)text.data, metric) : -1;
    sl_buf_fini(&text);
    return value;
}

broker_counters_t daemons_counters_of(const char *page)
{
    return (broker_counters_t){
        .feed_events = metrics_sum(page, "sluice_broker_feed_events_total"),
        .feed_batches = metrics_sum(page, "sluice_broker_feed_batches_total"),
        .feed_bytes = metrics_sum(page, "sluice_broker_feed_bytes_total"),
        .dedup_bytes = metrics_sum(page, "sluice_broker_dedup_memory_bytes"),
        .lossy_sends = metrics_sum(page, "sluice_broker_feed_lossy_sends_total")};
}

sl_err daemons_broker_counters(const broker_daemon_t *broker, broker_counters_t *out)
{
    sl_buf_t page = SL_BUF_INIT;
    sl_err err = metrics_fetch(&page, broker->http);
    if (err == SL_OK)
        *out = daemons_counters_of((const char *)page.data);
    sl_buf_fini(&page);
    return err;
}

static double ratio(double value, double of)
{
    return of > 0 ? value / of : 0;
}

feed_batch_t daemons_feed_batch(const broker_counters_t *begin, const broker_counters_t *end)
{
    double events = end->feed_events - begin->feed_events;
    double batches = end->feed_batches - begin->feed_batches;
    double bytes = end->feed_bytes - begin->feed_bytes;
    return (feed_batch_t){.events = ratio(events, batches),
                          .bytes = ratio(bytes, batches),
                          .event_bytes = ratio(bytes, events)};
}

void daemons_set_keys(void)
{
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "bench-key", 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "bench-secret", 1);
    unsetenv("ALIBABA_CLOUD_SECURITY_TOKEN");
}

sl_err daemons_start_mns(proc_set_t *set, const bench_place_t *place, size_t memory_bytes,
                         mns_daemon_t *mns)
{
    char program[PATH_BYTES], memory[32];
    bench_program(place, "mns-local", program, sizeof program);
    snprintf(memory, sizeof memory, "%zu", memory_bytes);
    const char *argv[] = {program,    "--listen",     "127.0.0.1:0", "--account", DAEMONS_ACCOUNT,
                          "--region", DAEMONS_REGION, "--memory",    memory,      NULL};
    sl_err err = proc_start_daemon(set, &mns->proc, "mns-local", argv);
    if (err == SL_OK)
        proc_ready_value(mns->proc, "endpoint", mns->endpoint, sizeof mns->endpoint);
    return err;
}

static sl_err write_bridge_config(const char *path, const broker_daemon_t *broker,
                                  const mns_daemon_t *mns, const char *queue, size_t polls)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return SL_EIO;
    fprintf(file,
            "{ \"broker\": \"%s\", \"http\": \"127.0.0.1:0\",\n"
            "  \"sources\": [ { \"type\": \"queue\", \"endpoint\": \"%s\", \"region\": \"%s\",\n"
            "                 \"account\": \"%s\", \"queue\": \"%s\"",
            broker->intake, mns->endpoint, DAEMONS_REGION, DAEMONS_ACCOUNT, queue);
    if (polls > 0)
        fprintf(file, ", \"polls\": %zu", polls);
    fprintf(file, " } ] }\n");
    return fclose(file) == 0 ? SL_OK : SL_EIO;
}

sl_err daemons_start_bridge(proc_set_t *set, const bench_place_t *place,
                            const broker_daemon_t *broker, const mns_daemon_t *mns,
                            const char *queue, size_t polls, bridge_daemon_t *bridge)
{
    char program[PATH_BYTES], config[PATH_BYTES];
    bench_program(place, "sluice-bridge", program, sizeof program);
    snprintf(config, sizeof config, "%s/bridge.json", place->dir);
    sl_err err = write_bridge_config(config, broker, mns, queue, polls);
    if (err != SL_OK)
        return err;
    const char *argv[] = {program, "--config", config, NULL};
    err = proc_start_daemon(set, &bridge->proc, "sluice-bridge", argv);
    if (err == SL_OK)
        proc_ready_value(bridge->proc, "http", bridge->http, sizeof bridge->http);
    return err;
}
