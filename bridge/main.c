/* sluice-bridge - BatchCompute notifications out of MNS, into a Sluice broker.
 *
 * Reads the options, serves /metrics, says `ready`, and turns until SIGTERM or SIGINT; then what is
 * in hand is published and deleted, and the program ends.  A second signal ends it at once. */
#include "base/log.h"
#include "bridge.h"
#include "http/observe.h"
#include "options.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern char **environ;

/* Batches and replies come and go in large pieces: keep their memory instead of mapping, clearing
 * and unmapping it for each. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
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
    fprintf(stderr, "sluice-bridge: %s: %s%s%s\n", what, sl_err_text(err),
            err == SL_EIO ? ": " : "", err == SL_EIO ? strerror(errno) : "");
    return 1;
}

static int run(const bridge_options_t *options)
{
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    bridge_t *bridge = NULL;
    observe_t *observe = NULL;
    int status = 1;
    int signals = open_signals();
    if (signals < 0)
        return complain("cannot watch signals", SL_EIO);
    sl_err err = bridge_create(&bridge, options, &sl_clock_system, &registry, signals);
    if (err != SL_OK) {
        complain("cannot start (are ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET set, and the endpoints "
                 "well formed?)",
                 err);
        goto end;
    }
    err = observe_create(&observe, &(observe_options_t){.listen = options->http,
                                                        .registry = &registry,
                                                        .ready = bridge_ready,
                                                        .ctx = bridge});
    if (err != SL_OK) {
        complain(options->http, err);
        goto end;
    }
    printf("ready sources=%zu http=%s\n", options->sources.count, observe_url(observe));
    fflush(stdout);
    status = serve(bridge, signals);
end:
    observe_destroy(&observe);
    bridge_destroy(&bridge);
    close(signals);
    return status;
}

int main(int argc, char **argv)
{
    config_t *config;
    bridge_options_t options = {0};
    keep_memory();
    config_outcome_t outcome =
        config_read(&config, &options_program, &options, argc, argv, environ, stdout, stderr);
    int status = outcome == CONFIG_RUN ? run(&options) : outcome == CONFIG_DONE ? 0 : 2;
    config_free(&config);
    return status;
}
