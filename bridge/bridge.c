#include "bridge.h"

#include "base/log.h"
#include "publish.h"
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    PUBLISH_MOST = 1024, /**< messages of one source a turn */
    WAIT_MOST_MS = 1000, /**< gauges and /readyz are never older */
    OBSERVE_EVERY_MS = 100,
    STOP_QUIET_MS = 100, /**< answers to polls that were on their way at a stop come within this */
    SILENT_MOST_MS = 10000, /**< a broker that owes answers for longer is not ready */
};

struct bridge {
    const bridge_options_t *options;
    const sl_clock_t *clock;
    counter_registry_t *registry;
    source_shared_t shared;
    publish_t publish;
    source_t **sources;
    size_t source_count;
    size_t first; /**< which source publishes first */
    int epoll_fd;
    bool draining;
    uint64_t stopped_ms, drain_until_ms;
    uint64_t observe_at_ms;
    _Atomic(const char *) not_ready; /**< NULL: ready; else why not; a text that stays */
    counter_t counters[BRIDGE_COUNTER_COUNT];
    counter_set_t set;
};

/* -- making and ending --------------------------------------------------------------------- */

static sl_err watch(bridge_t *b, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return fd < 0 || epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? SL_OK : SL_EIO;
}

static sl_err create_sources(bridge_t *b, const char **failed)
{
    const source_options_t *options = b->options->sources.items;
    b->sources = calloc(b->options->sources.count, sizeof(source_t *));
    if (b->sources == NULL)
        return SL_ENOMEM;
    for (size_t i = 0; i < b->options->sources.count; i++) {
        sl_err err = source_create(&b->sources[i], &options[i], &b->shared, failed);
        if (err != SL_OK)
            return err;
        b->source_count++;
        source_register(b->sources[i], b->registry);
        if (watch(b, b->sources[i]->fds[0]) != SL_OK || watch(b, b->sources[i]->fds[1]) != SL_OK)
            return SL_EIO;
    }
    return SL_OK;
}

sl_err bridge_create(bridge_t **out, const bridge_options_t *options, const sl_clock_t *clock,
                     counter_registry_t *registry, int wake_fd, const char **failed)
{
    sl_err err = SL_ENOMEM;
    bridge_t *b = calloc(1, sizeof *b);
    *failed = options->broker;
    if (b == NULL)
        return SL_ENOMEM;
    b->options = options;
    b->clock = clock;
    b->registry = registry;
    b->not_ready = "the broker has not answered yet";
    b->shared.clock = clock;
    b->shared.registry = registry;
    b->shared.now_ms = sl_clock_mono_ms(clock);
    b->shared.random = sl_clock_wall_ns(clock);
    b->shared.delete_linger_ms = options->delete_linger_ms;
    b->set = (counter_set_t){bridge_counter_defs, b->counters, BRIDGE_COUNTER_COUNT, NULL, NULL};
    counter_registry_add(registry, &b->set);
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll_fd < 0) {
        err = SL_EIO;
        goto fail;
    }
    err = publish_init(&b->publish, options, &b->shared);
    if (err != SL_OK)
        goto fail;
    err = create_sources(b, failed);
    if (err != SL_OK)
        goto fail;
    err = SL_EIO;
    if (watch(b, wake_fd) != SL_OK || watch(b, sluice_pub_fd(b->publish.pub)) != SL_OK)
        goto fail;
    *out = b;
    return SL_OK;
fail:
    bridge_destroy(&b);
    return err;
}

void bridge_destroy(bridge_t **bridge)
{
    bridge_t *b = *bridge;
    if (b == NULL)
        return;
    int saved = errno;
    for (size_t i = 0; i < b->source_count; i++) {
        source_unregister(b->sources[i], b->registry);
        source_destroy(&b->sources[i]);
    }
    publish_fini(&b->publish);
    counter_registry_remove(b->registry, &b->set);
    slot_pool_fini(&b->shared.slots);
    free(b->sources);
    if (b->epoll_fd >= 0)
        close(b->epoll_fd);
    free(b);
    *bridge = NULL;
    errno = saved;
}

/* -- waiting ------------------------------------------------------------------------------- */

/* When a stopped bridge may take it that no poll under way brings anything any more.  What a poll
 * brings later than that stays hidden in MNS until its visibility ends. */
static uint64_t quiet_ms(const bridge_t *b)
{
    uint64_t last_ms =
        b->shared.received_ms > b->stopped_ms ? b->shared.received_ms : b->stopped_ms;
    return last_ms + STOP_QUIET_MS;
}

static uint64_t due_ms(const bridge_t *b)
{
    uint64_t now_ms = b->shared.now_ms;
    uint64_t due = now_ms + (b->shared.broker_up ? WAIT_MOST_MS : OBSERVE_EVERY_MS);
    for (size_t i = 0; i < b->source_count; i++) {
        const source_t *s = b->sources[i];
        uint64_t source_due = s->ops->due_ms(s);
        if (s->waiting.count > 0 && !b->publish.full)
            return now_ms;
        due = source_due < due ? source_due : due;
    }
    if (b->draining && b->drain_until_ms < due)
        due = b->drain_until_ms;
    return b->draining && quiet_ms(b) > now_ms && quiet_ms(b) < due ? quiet_ms(b) : due;
}

static int wait_for_work(bridge_t *b, int timeout_ms)
{
    uint64_t now_ms = sl_clock_mono_ms(b->clock);
    uint64_t due = due_ms(b);
    uint64_t wait_ms = due > now_ms ? due - now_ms : 0;
    if (timeout_ms >= 0 && (uint64_t)timeout_ms < wait_ms)
        wait_ms = (uint64_t)timeout_ms;
    struct epoll_event events[8]; /* only that there are some: each duty asks for itself */
    int count = epoll_wait(b->epoll_fd, events, 8, (int)wait_ms);
    b->shared.now_ms = sl_clock_mono_ms(b->clock);
    return count < 0 && errno != EINTR ? -1 : 0;
}

/* -- what others may know ------------------------------------------------------------------ */

static const char *why_not_ready(const bridge_t *b, const sluice_pub_stats_t *stats)
{
    if (stats->stream == 0)
        return "the broker has not answered yet";
    if (stats->silent_ms > SILENT_MOST_MS)
        return "the broker does not acknowledge";
    if (b->draining)
        return "stopping";
    const char *why = NULL;
    for (size_t i = 0; i < b->source_count && why == NULL; i++)
        why = b->sources[i]->ops->why_not_ready(b->sources[i]);
    return why;
}

static void observe(bridge_t *b)
{
    for (size_t i = 0; i < b->source_count; i++)
        b->sources[i]->ops->tend(b->sources[i]);
    if (b->shared.now_ms < b->observe_at_ms && b->shared.broker_up)
        return;
    b->observe_at_ms = b->shared.now_ms + OBSERVE_EVERY_MS;
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(b->publish.pub, &stats);
    b->shared.broker_up = stats.stream != 0;
    b->shared.broker_acks = b->shared.broker_up && stats.silent_ms <= SILENT_MOST_MS;
    b->not_ready = why_not_ready(b, &stats);
    counter_set(&b->counters[BRIDGE_DUPLICATES], stats.duplicate_events);
    counter_set(&b->counters[BRIDGE_RESENDS], stats.resends);
    counter_set(&b->counters[BRIDGE_NAKS], stats.naks);
    counter_set(&b->counters[BRIDGE_HELLOS], stats.hellos);
    counter_set(&b->counters[BRIDGE_REQUESTS], stats.requests);
    counter_set(&b->counters[BRIDGE_PENDING], stats.pending_events);
    counter_set(&b->counters[BRIDGE_PENDING_BYTES], stats.pending_bytes);
    counter_set(&b->counters[BRIDGE_SILENT_MS], stats.silent_ms);
    counter_set(&b->counters[BRIDGE_BROKER_UP], b->shared.broker_acks);
}

const char *bridge_source_url(const bridge_t *b, size_t index)
{
    return b->sources[index]->url;
}

bool bridge_ready(void *bridge, const char **reason)
{
    bridge_t *b = bridge;
    *reason = b->not_ready;
    return *reason == NULL;
}

/* -- the turn ------------------------------------------------------------------------------ */

static size_t publish_all(bridge_t *b)
{
    size_t work = 0;
    b->first++; /* each source is first in its turn: when room is short, all get of it */
    for (size_t i = 0; i < b->source_count; i++) {
        source_t *s = b->sources[(b->first + i) % b->source_count];
        work += publish_take(&b->publish, s, PUBLISH_MOST);
    }
    return work + publish_turn(&b->publish);
}

int bridge_turn(bridge_t *b, int timeout_ms)
{
    if (wait_for_work(b, timeout_ms) < 0)
        return -1;
    size_t work = 0;
    b->shared.backlog = false;
    for (size_t i = 0; i < b->source_count; i++)
        work += b->sources[i]->ops->take(b->sources[i]);
    work += publish_all(b);
    for (size_t i = 0; i < b->source_count; i++)
        work += b->sources[i]->ops->settle(b->sources[i]);
    observe(b);
    counter_add(&b->counters[BRIDGE_TURNS], 1);
    return (int)work;
}

/* -- stopping ------------------------------------------------------------------------------ */

void bridge_stop(bridge_t *b)
{
    uint64_t now_ms = sl_clock_mono_ms(b->clock);
    b->drain_until_ms = b->draining ? now_ms : now_ms + b->options->drain_ms;
    b->stopped_ms = now_ms;
    b->draining = b->shared.stopping = true;
}

size_t bridge_in_hand(const bridge_t *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->source_count; i++)
        count += b->sources[i]->in_hand;
    return count;
}

bool bridge_done(const bridge_t *b)
{
    uint64_t now_ms = sl_clock_mono_ms(b->clock);
    if (!b->draining || now_ms >= b->drain_until_ms)
        return b->draining;
    bool busy = false, expecting = false;
    for (size_t i = 0; i < b->source_count; i++) {
        busy |= b->sources[i]->ops->busy(b->sources[i]);
        expecting |= b->sources[i]->ops->expecting(b->sources[i]);
    }
    return !busy && (!expecting || now_ms >= quiet_ms(b));
}
