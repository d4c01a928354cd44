/* sluice-bridge - BatchCompute notifications out of MNS, into a Sluice broker.
 *
 * Reads the options, serves /metrics, says `ready`, and turns until SIGTERM or SIGINT; then what is
 * in hand is published and deleted, and the program ends.  A second signal ends it at once. */
#include "base/heap.h"
#include "base/log.h"
#include "bridge.h"
#include "http/observe.h"
#include "options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    DESCRIPTORS_OWN = 64,     /**< of the broker's connection, /metrics, the program itself */
    DESCRIPTORS_A_QUEUE = 32, /**< besides its polls: deletes, extensions, looks */
    DESCRIPTORS_A_PUSH = 64,  /**< besides its connections: those being cut, fetches */
};

extern char **environ;

/* Each connection of an endpoint is a descriptor.  Where the system gives too few, the endpoints
 * share what there is: at its own limit a server makes room, at the system's it could only wait. */
static void fit_descriptors(source_options_t *sources, size_t count)
{
    struct rlimit limit;
    uint64_t own = DESCRIPTORS_OWN, wanted = 0;
    for (size_t i = 0; i < count; i++)
        if (sources[i].type == OPTIONS_PUSH)
            wanted += sources[i].connections + DESCRIPTORS_A_PUSH;
        else
            own += sources[i].polls + DESCRIPTORS_A_QUEUE;
    if (wanted == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < own + wanted) {
        limit.rlim_cur = limit.rlim_max < own + wanted ? limit.rlim_max : own + wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= own + wanted)
        return;
    LOG_WARN("BRIDGE-FILES", "wanted=%llu limit=%llu; fewer connections than asked",
             (unsigned long long)(own + wanted), (unsigned long long)limit.rlim_cur);
    uint64_t left = limit.rlim_cur > own ? limit.rlim_cur - own : 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t share = (sources[i].connections + DESCRIPTORS_A_PUSH) * left / wanted;
        if (sources[i].type == OPTIONS_PUSH)
            sources[i].connections = share > DESCRIPTORS_A_PUSH ? share - DESCRIPTORS_A_PUSH : 1;
    }
}

/* Signals become readable on a descriptor; every thread inherits the mask.  @return it, or -1. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int serve(bridge_t *bridge, int signals)
{
    while (!bridge_done(bridge)) {
        struct signalfd_siginfo info;
        if (bridge_turn(bridge, -1) < 0) {
            LOG_ERROR("BRIDGE-FAILED", "errno=%d; %s", errno, strerror(errno));
            return 1;
        }
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            LOG_INFO("BRIDGE-STOP", "signal=%u in_hand=%zu", info.ssi_signo,
                     bridge_in_hand(bridge));
            bridge_stop(bridge);
        }
    }
    LOG_INFO("BRIDGE-STOPPED", "left_in_mns=%zu", bridge_in_hand(bridge));
    return 0;
}

static int complain(const char *what, sl_err err)
{
    fprintf(stderr, "sluice-bridge: %s: %s\n", what,
            err == SL_EIO && errno != 0 ? strerror(errno) : sl_err_text(err));
    return 1;
}

static void say_ready(const bridge_t *bridge, size_t sources, const char *http)
{
    const char *before = " push=";
    printf("ready sources=%zu http=%s", sources, http);
    for (size_t i = 0; i < sources; i++) {
        const char *url = bridge_source_url(bridge, i);
        if (url == NULL)
            continue;
        printf("%s%s", before, url);
        before = ",";
    }
    putchar('\n');
    fflush(stdout);
}

static int run(bridge_options_t *options)
{
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    bridge_t *bridge = NULL;
    observe_t *observe = NULL;
    const char *failed;
    int status = 1;
    int signals = open_signals();
    if (signals < 0)
        return complain("signals", SL_EIO);
    fit_descriptors(options->sources.items, options->sources.count);
    sl_err err = bridge_create(&bridge, options, &sl_clock_system, &registry, signals, &failed);
    if (err == SL_OK) {
        failed = options->http;
        err = observe_create(&observe, &(observe_options_t){.listen = options->http,
                                                            .registry = &registry,
                                                            .ready = bridge_ready,
                                                            .ctx = bridge});
    }
    if (err != SL_OK) {
        complain(failed, err);
    } else {
        say_ready(bridge, options->sources.count, observe_url(observe));
        status = serve(bridge, signals);
    }
    observe_destroy(&observe); /* first: its thread asks the bridge */
    bridge_destroy(&bridge);
    close(signals);
    return status;
}

int main(int argc, char **argv)
{
    config_t *config;
    bridge_options_t options = {0};
    sl_heap_keep_freed();
    config_outcome_t outcome =
        config_read(&config, &options_program, &options, argc, argv, environ, stdout, stderr);
    int status = outcome == CONFIG_RUN ? run(&options) : outcome == CONFIG_DONE ? 0 : 2;
    config_free(&config);
    return status;
}
