/* metrics.h - reads a daemon's counters from its /metrics page over loopback. */
#ifndef BENCH_METRICS_H
#define BENCH_METRICS_H

#include "base/buf.h"

/** Fetches `<url>/metrics`; the text is NUL-terminated behind text->len.
 *  @param url  "http://127.0.0.1:5580", an IPv4 address and a port.
 *  @return SL_OK, SL_EINVAL (url), SL_EIO, SL_EPROTO (status other than 200), SL_ENOMEM. */
sl_err metrics_fetch(sl_buf_t *text, const char *url);

/** The sum of a metric's samples over all its labels; 0 where it has none. */
double metrics_sum(const char *text, const char *metric);

#endif
