#include "loopback.h"

#include "base/clock.h"
#include "bench.h"
#include "proc.h"
#include "share.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WARMUP_MS = 250 };

typedef struct loopback {
    share_t *share; /* a slot a receiver */
    int listener;
    struct sockaddr_in addr;
} loopback_t;

static int receive(void *ctx, size_t index)
{
    loopback_t *l = ctx;
    share_slot_t *slot = &l->share->slots[index];
    char *buf = malloc(LOOPBACK_READ_BYTES);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (buf == NULL || fd < 0 || connect(fd, (struct sockaddr *)&l->addr, sizeof l->addr) != 0)
        return 1;
    ssize_t got;
    while ((got = recv(fd, buf, LOOPBACK_READ_BYTES, 0)) > 0)
        share_add(&slot->bytes, (uint64_t)got);
    return share_stopped(l->share) ? 0 : 1;
}

static int accept_one(int listener)
{
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static bool send_whole(int fd, const char *buf, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, buf, len, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        buf += sent;
        len -= (size_t)sent;
    }
    return true;
}

static int send_to_all(void *ctx, size_t index)
{
    (void)index;
    loopback_t *l = ctx;
    size_t count = l->share->count;
    char *buf = malloc(LOOPBACK_WRITE_BYTES);
    int *fds = calloc(count, sizeof *fds);
    if (buf == NULL || fds == NULL)
        return 1;
    memset(buf, 'x', LOOPBACK_WRITE_BYTES);
    for (size_t i = 0; i < count; i++)
        if ((fds[i] = accept_one(l->listener)) < 0)
            return 1;
    while (!share_stopped(l->share))
        for (size_t i = 0; i < count; i++)
            if (!send_whole(fds[i], buf, LOOPBACK_WRITE_BYTES))
                return 1;
    return 0;
}

static sl_err listen_any(loopback_t *l, size_t backlog)
{
    socklen_t len = sizeof l->addr;
    l->addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    l->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (l->listener < 0 || bind(l->listener, (struct sockaddr *)&l->addr, len) != 0 ||
        listen(l->listener, (int)backlog) != 0 ||
        getsockname(l->listener, (struct sockaddr *)&l->addr, &len) != 0)
        return SL_EIO;
    return SL_OK;
}

static uint64_t received(const share_t *share)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < share->count; i++)
        sum += share_get(&share->slots[i].bytes);
    return sum;
}

/* The receivers' rate between two looks at the clock. */
static sl_err watch(loopback_t *l, proc_set_t *set, double seconds, double *bytes_per_s)
{
    if (!bench_sleep_ms(WARMUP_MS))
        return SL_ECLOSED;
    uint64_t begin_bytes = received(l->share), begin_ns = bench_now_ns();
    if (!bench_sleep_ms((uint64_t)(seconds * 1000)))
        return SL_ECLOSED;
    uint64_t bytes = received(l->share) - begin_bytes, took_ns = bench_now_ns() - begin_ns;
    *bytes_per_s = (double)bytes * 1e9 / (double)took_ns;
    return proc_all_well(set) ? SL_OK : SL_EIO;
}

static sl_err start_all(loopback_t *l, proc_set_t *set)
{
    sl_err err = proc_start_role(set, "loop-recv", receive, l, l->share->count);
    return err == SL_OK ? proc_start_worker(set, NULL, "loop-send", send_to_all, l, 0) : err;
}

sl_err loopback_measure(const char *dir, size_t receivers, double seconds, double *bytes_per_s)
{
    loopback_t l = {.listener = -1};
    proc_set_t set = {0};
    sl_err err = share_create(&l.share, receivers);
    if (err == SL_OK)
        err = proc_set_init(&set, receivers + 1, dir);
    if (err == SL_OK)
        err = listen_any(&l, receivers);
    if (err == SL_OK)
        err = start_all(&l, &set);
    if (err == SL_OK)
        err = watch(&l, &set, seconds, bytes_per_s);
    if (err == SL_EIO)
        fprintf(stderr, "sluice-bench: bare loopback failed: %s\n", strerror(errno));
    if (l.share != NULL)
        atomic_store(&l.share->stop, 1);
    proc_set_fini(&set);
    if (l.listener >= 0)
        close(l.listener);
    share_destroy(&l.share);
    return err;
}
