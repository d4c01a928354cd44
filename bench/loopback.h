/* loopback.h - what the machine itself can move: the yardstick beside every fan-out.
 *
 *     one sender process --- 32-KiB writes, one connection after the other ---> N receiver
 * processes
 *
 * Plain TCP sockets over 127.0.0.1, nothing in between.  Figures of a broker are ratios to this
 * one, taken minutes apart on the same machine, because absolutes drift. */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include "base/err.h"

#include <stddef.h>

enum { LOOPBACK_WRITE_BYTES = 32 * 1024, LOOPBACK_READ_BYTES = 64 * 1024 };

/** @param dir      for the processes' logs.
 *  @param seconds  measured, after a quarter of a second of warm-up.
 *  @param bytes_per_s  receives the sum over all receivers.
 *  @return SL_OK; SL_EIO, told on stderr; SL_ENOMEM; SL_ECLOSED when interrupted. */
sl_err loopback_measure(const char *dir, size_t receivers, double seconds, double *bytes_per_s);

#endif
