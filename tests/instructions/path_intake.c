/* path_intake.c - PUBs in, batches out: all that the broker's own thread does for an event. */
#include "chain.h"

static void *open_chain(const guard_load_t *load)
{
    return chain_open(load);
}

static void close_chain(void *ctx)
{
    chain_close(ctx);
}

static void bring(void *ctx)
{
    chain_publish(ctx);
}

static void step(void *ctx)
{
    chain_turn(ctx);
}

static void clear(void *ctx)
{
    chain_t *c = ctx;
    chain_take_acks(c);
    if (chain_read(c) != (uint64_t)c->load.requests * c->load.events)
        guard_fail("events went in that did not come out");
}

const guard_ops_t guard_intake = {
    .open = open_chain, .bring = bring, .step = step, .clear = clear, .close = close_chain};
