/* benches.h - the benches: one row each, a name and what it answers. */
#ifndef BENCH_BENCHES_H
#define BENCH_BENCHES_H

#include "bench.h"

#define BENCHES(X)                                                                                \
    X(fanout, "deliveries per second from one broker to many subscribers, beside bare loopback")  \
    X(latency, "how long events take at a steady rate, beside others; or the highest rate")       \
    X(scale, "how throughput, CPU and memory change, one thing at a time: subscribers, batches, " \
             "sizes, topics, …")                                                                  \
    X(journal, "durable intake and replay, beside redis streams and NATS JetStream")              \
    X(slow, "what stopped subscribers cost the others, and what they lose, beside ZeroMQ, redis " \
            "and NATS")                                                                           \
    X(peers, "deliveries per second and CPU of Sluice and of each that stands beside it")         \
    X(ingest, "a full MNS queue through bridge and broker: events per second, CPU per event")

#define X(name, help) extern const bench_spec_t bench_##name;
BENCHES(X)
#undef X

#endif
