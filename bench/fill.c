#include "fill.h"

#include "mns/mns.h"

#include <stdio.h>

enum { START_TIMEOUT_MS = 15000, FLOOR_PER_S = 5000, VISIBILITY_S = 300 };

typedef struct queue_order {
    const char *endpoint, *queue;
} queue_order_t;

/* A worker, so that the bench itself stays free of libcurl. */
static int create_queue(void *ctx, size_t index)
{
    (void)index;
    const queue_order_t *order = ctx;
    mns_client_t *client = NULL;
    mns_reply_t *reply = NULL;
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.visibility_timeout = VISIBILITY_S;
    mns_err err =
        mns_client_create(&client, &(mns_client_options_t){.size = sizeof(mns_client_options_t),
                                                           .endpoint = order->endpoint});
    if (err == MNS_OK)
        err = mns_call(client,
                       &(mns_request_t){.op = MNS_CREATE_QUEUE,
                                        .queue = order->queue,
                                        .queue_attributes = &attributes},
                       &reply);
    if (err != MNS_OK)
        fprintf(stderr, "sluice-bench: cannot create the queue: %s %s\n", mns_err_text(err),
                reply != NULL ? reply->code : "");
    mns_reply_free(&reply);
    mns_client_destroy(&client);
    return err == MNS_OK ? 0 : 1;
}

static bool queue_created(void *set)
{
    return proc_role_left(set, "fill-queue");
}

static bool filled(void *set)
{
    return proc_role_left(set, "batch-sim");
}

static sl_err start_sim(proc_set_t *set, const bench_place_t *place, const queue_order_t *order,
                        size_t index, uint64_t messages, uint64_t seed)
{
    char name[PROC_NAME_MAX], program[600], count[32], seed_text[32];
    bench_program(place, "batch-sim", program, sizeof program);
    snprintf(name, sizeof name, "batch-sim-%zu", index);
    snprintf(count, sizeof count, "%llu", (unsigned long long)messages);
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    const char *argv[] = {
        program,     "--endpoint",    order->endpoint, "--queue", order->queue, "--format", "json",
        "--account", DAEMONS_ACCOUNT, "--count",       count,     "--seed",     seed_text,  NULL};
    return proc_start_program(set, NULL, name, argv);
}

sl_err fill_queue(proc_set_t *set, const bench_place_t *place, const mns_daemon_t *mns,
                  const char *queue, uint64_t messages, uint64_t seed)
{
    queue_order_t order = {.endpoint = mns->endpoint, .queue = queue};
    sl_err err = proc_start_worker(set, NULL, "fill-queue", create_queue, &order, 0);
    if (err == SL_OK)
        err = proc_await(set, queue_created, set, START_TIMEOUT_MS, "the queue was created");
    for (size_t i = 0; i < FILL_SIMS && err == SL_OK; i++) {
        uint64_t share = messages / FILL_SIMS + (i < messages % FILL_SIMS);
        err = start_sim(set, place, &order, i, share, seed * FILL_SIMS + i);
    }
    int timeout_ms = START_TIMEOUT_MS + (int)(messages * 1000 / FLOOR_PER_S);
    if (err == SL_OK)
        err = proc_await(set, filled, set, timeout_ms, "the queue was filled");
    return err;
}
