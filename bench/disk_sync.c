#include "disk_sync.h"

#include "bench.h"
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_BYTES = 4096, PROBES_MAX = 1000 };

sl_err disk_sync_measure(const char *dir, size_t probes, double *median_us)
{
    static const char page[PROBE_BYTES] = {1};
    char path[512];
    double taken_us[PROBES_MAX];
    probes = probes < PROBES_MAX ? probes : PROBES_MAX;
    snprintf(path, sizeof path, "%s/sync-probe", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (size_t i = 0; good && i < probes; i++) {
        uint64_t begin_ns = bench_now_ns();
        good = write(fd, page, sizeof page) == (ssize_t)sizeof page && fdatasync(fd) == 0;
        taken_us[i] = (double)(bench_now_ns() - begin_ns) / 1000;
    }
    if (!good)
        fprintf(stderr, "sluice-bench: cannot sync %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    unlink(path);
    if (!good)
        return SL_EIO;
    *median_us = stats_of(taken_us, probes).median;
    return SL_OK;
}
