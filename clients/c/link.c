#include "link.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000 };

static bool epoll_add(const link_t *link, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

sluice_err link_init(link_t *link, void *shared_context)
{
    *link = (link_t){.context = shared_context,
                     .own_context = shared_context == NULL,
                     .epoll_fd = -1,
                     .timer_fd = -1,
                     .armed_ns = UINT64_MAX};
    if (link->own_context)
        link->context = zmq_ctx_new();
    link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (link->context != NULL && link->epoll_fd >= 0 && link->timer_fd >= 0 &&
        epoll_add(link, link->timer_fd))
        return SLUICE_OK;
    link_fini(link);
    return SLUICE_EIO;
}

void link_close(link_t *link, link_socket_t *s)
{
    if (s->watched)
        epoll_ctl(link->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    if (s->socket != NULL)
        zmq_close(s->socket);
    *s = (link_socket_t){0};
}

void link_fini(link_t *link)
{
    if (link->own_context && link->context != NULL)
        while (zmq_ctx_term(link->context) != 0 && errno == EINTR)
            continue;
    if (link->timer_fd >= 0)
        close(link->timer_fd);
    if (link->epoll_fd >= 0)
        close(link->epoll_fd);
    *link = (link_t){.epoll_fd = -1, .timer_fd = -1};
}

bool link_set(link_socket_t *s, int option, int value)
{
    return zmq_setsockopt(s->socket, option, &value, sizeof value) == 0;
}

sluice_err link_open(link_t *link, link_socket_t *s, int type)
{
    link_close(link, s);
    s->socket = zmq_socket(link->context, type);
    if (s->socket == NULL)
        return SLUICE_EIO;
    int64_t largest = LINK_MESSAGE_BYTES_MAX;
    size_t fd_size = sizeof s->fd;
    /* SNDHWM 0: a SUB's subscriptions past the mark would vanish; a DEALER's requests have a window
     * of their own. */
    bool set = link_set(s, ZMQ_LINGER, 0) && link_set(s, ZMQ_SNDHWM, 0) &&
               link_set(s, ZMQ_HEARTBEAT_IVL, LINK_HEARTBEAT_MS) &&
               link_set(s, ZMQ_HEARTBEAT_TIMEOUT, LINK_HEARTBEAT_TIMEOUT_MS) &&
               link_set(s, ZMQ_RECONNECT_IVL, LINK_RECONNECT_MS) &&
               link_set(s, ZMQ_RECONNECT_IVL_MAX, LINK_RECONNECT_MAX_MS) &&
               link_set(s, ZMQ_CONNECT_TIMEOUT, LINK_CONNECT_TIMEOUT_MS) &&
               link_set(s, ZMQ_HANDSHAKE_IVL, LINK_HANDSHAKE_MS) &&
               zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
               zmq_getsockopt(s->socket, ZMQ_FD, &s->fd, &fd_size) == 0 && epoll_add(link, s->fd);
    s->watched = set;
    return set ? SLUICE_OK : SLUICE_EIO;
}

sluice_err link_connect(link_t *link, link_socket_t *s, const char *endpoint)
{
    if (zmq_connect(s->socket, endpoint) != 0)
        return errno == EINVAL || errno == EPROTONOSUPPORT || errno == ENOCOMPATPROTO
                   ? SLUICE_EINVAL
                   : SLUICE_EIO;
    link_wake_at(link, 0);
    return SLUICE_OK;
}

bool link_endpoint_valid(const char *endpoint)
{
    static const char *const transports[] = {"tcp://", "ipc://", "inproc://"};
    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        size_t len = strlen(transports[i]);
        if (strncmp(endpoint, transports[i], len) == 0)
            return endpoint[len] != '\0' && (i > 0 || strchr(endpoint + len, ':') != NULL);
    }
    return false;
}

void link_settle(link_socket_t *s)
{
    int events;
    size_t size = sizeof events;
    if (s->socket != NULL)
        zmq_getsockopt(s->socket, ZMQ_EVENTS, &events, &size);
}

void link_wake_at(link_t *link, uint64_t mono_ns)
{
    if (mono_ns == 0)
        mono_ns = 1; /* 0 would disarm; any time gone by fires at once */
    if (mono_ns >= link->armed_ns)
        return;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(mono_ns / 1000000000u),
                                           .tv_nsec = (long)(mono_ns % 1000000000u)}};
    if (timerfd_settime(link->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        link->armed_ns = mono_ns;
}

void link_timer_taken(link_t *link, uint64_t now_ns)
{
    uint64_t fired;
    if (now_ns < link->armed_ns)
        return;
    if (read(link->timer_fd, &fired, sizeof fired) == sizeof fired)
        link->armed_ns = UINT64_MAX;
}

int link_wait(const link_t *link, uint64_t timeout_ns)
{
    struct epoll_event ev;
    uint64_t ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0); /* never a spin */
    int timeout_ms = timeout_ns == UINT64_MAX ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
    return epoll_wait(link->epoll_fd, &ev, 1, timeout_ms);
}

uint64_t link_now_ns(void)
{
    return sl_clock_mono_ns(&sl_clock_system);
}

void link_random(void *out, size_t len)
{
    uint8_t *at = out;
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom(at + done, len - done, 0);
        if (got > 0)
            done += (size_t)got;
    }
}

bool options_copy(void *ours, size_t our_size, const void *theirs, size_t their_size)
{
    const uint8_t *bytes = theirs;
    if (their_size < sizeof(size_t))
        return false;
    for (size_t i = our_size; i < their_size; i++)
        if (bytes[i] != 0)
            return false;
    memcpy(ours, theirs, their_size < our_size ? their_size : our_size);
    return true;
}

void stats_copy(void *theirs, const void *ours, size_t our_size)
{
    size_t their_size;
    memcpy(&their_size, theirs, sizeof their_size);
    if (their_size > our_size) /* members of a later version: nothing to tell */
        memset((uint8_t *)theirs + our_size, 0, their_size - our_size);
    size_t shared = their_size < our_size ? their_size : our_size;
    if (shared > sizeof their_size)
        memcpy((uint8_t *)theirs + sizeof their_size, (const uint8_t *)ours + sizeof their_size,
               shared - sizeof their_size);
}
