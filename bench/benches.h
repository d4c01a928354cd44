/* benches.h - the benches: one row each, a name, what it answers, and the function that runs it. */
#ifndef BENCH_BENCHES_H
#define BENCH_BENCHES_H

#define BENCHES(X) \
    X(fanout, "deliveries per second from one broker to many subscribers, beside bare loopback")

#define X(name, help) int bench_##name(int argc, char **argv, char **environment);
BENCHES(X)
#undef X

#endif
