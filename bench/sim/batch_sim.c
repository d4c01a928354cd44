/* batch-sim - tells an MNS topic of BatchCompute clusters and jobs that live only here.
 *
 * One loop: take from the workload what the rate allows and there is room for, send it, take the
 * answers, write the ledger.  SIGTERM and SIGINT end the workload; what is under way is finished.
 */
#include "options.h"
#include "publish.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern char **environ;

enum {
    EXIT_USAGE = 2,
    TURN_MS = 100,    /* how long a signal, or a line of the ledger, may go unnoticed */
    DRAIN_MS = 10000, /* for what is under way at the end */
    PRINT_BUFFER = 65536,
    OWN_ACCOUNT_BYTES = 32,
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One run: the workload, how far it is, and how far it may be by now. */
typedef struct run {
    const batch_options_t *options;
    event_set_t events;
    sim_t *sim;
    uint64_t began_ns, n;
    bool broken; /* the workload found no memory */
} run_t;

static bool run_over(const run_t *run, uint64_t now)
{
    return stopped || run->broken || (run->options->count > 0 && run->n >= run->options->count) ||
           (run->options->seconds > 0 &&
            now - run->began_ns >= run->options->seconds * 1000000000u);
}

/* How many notifications may have been taken by now. */
static uint64_t run_allowed(const run_t *run, uint64_t now)
{
    uint64_t allowed = UINT64_MAX;
    if (run->options->rate > 0) {
        uint64_t ns = now - run->began_ns, rate = run->options->rate;
        allowed = 1 + ns / 1000000000u * rate + ns % 1000000000u * rate / 1000000000u;
    }
    if (run->options->count > 0 && run->options->count < allowed)
        allowed = run->options->count;
    return allowed;
}

/* Until the rate allows the next one, at most TURN_MS. */
static int run_wait_ms(const run_t *run, uint64_t now)
{
    if (run->options->rate == 0)
        return TURN_MS;
    uint64_t due_ns = run->began_ns + run->n / run->options->rate * 1000000000u +
                      run->n % run->options->rate * 1000000000u / run->options->rate;
    uint64_t wait_ms = due_ns <= now ? 0 : (due_ns - now + 999999) / 1000000;
    return wait_ms < TURN_MS ? (int)wait_ms : TURN_MS;
}

/* The next notification that is wanted. */
static bool run_next(run_t *run, sim_event_t *event)
{
    do {
        if (sim_next(run->sim, event) != SL_OK) {
            run->broken = true;
            return false;
        }
    } while ((run->events >> event->kind & 1) == 0);
    run->n++;
    return true;
}

/* -- to stdout -------------------------------------------------------------------------------- */

static int print_all(run_t *run)
{
    sim_event_t event;
    setvbuf(stdout, NULL, _IOFBF, PRINT_BUFFER);
    for (uint64_t now; now = now_ns(), !run_over(run, now);) {
        uint64_t allowed = run_allowed(run, now), burst = 0;
        while (run->n < allowed && burst++ < 1000 && run_next(run, &event))
            if (fwrite(event.body, 1, event.body_len, stdout) != event.body_len ||
                putc('\n', stdout) == EOF)
                return errno == EPIPE ? EXIT_SUCCESS : EXIT_FAILURE; /* `| head` has enough */
        int wait_ms = run->options->rate == 0 ? 0 : run_wait_ms(run, now_ns());
        if (wait_ms > 0) {
            fflush(stdout);
            nanosleep(&(struct timespec){.tv_nsec = wait_ms * 1000000L}, NULL);
        }
    }
    return fflush(stdout) == 0 || errno == EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* -- to MNS ----------------------------------------------------------------------------------- */

static void publish_all(run_t *run, publisher_t *publisher, ledger_t *ledger)
{
    sim_event_t event;
    uint64_t flushed_ns = 0, now;
    while (now = now_ns(), !run_over(run, now) && publisher_trouble(publisher) == NULL) {
        uint64_t allowed = run_allowed(run, now);
        while (run->n < allowed && publisher_has_room(publisher) && run_next(run, &event))
            publisher_add(publisher, run->n, &event);
        publisher_flush(publisher);
        publisher_turn(publisher, publisher_has_room(publisher) ? run_wait_ms(run, now) : TURN_MS);
        if (now - flushed_ns >= TURN_MS * 1000000u) { /* others may be reading it */
            ledger_flush(ledger);
            flushed_ns = now;
        }
    }
    uint64_t until_ns = now_ns() + DRAIN_MS * 1000000ull;
    while (!publisher_idle(publisher) && publisher_trouble(publisher) == NULL &&
           now_ns() < until_ns)
        publisher_turn(publisher, TURN_MS);
}

static void summary(const run_t *run, const publisher_stats_t *stats)
{
    static const char *const topics[EVENT_KIND_COUNT] = {
#define X(category, event, object, state) #category "." #event,
        EVENT_CATALOGUE(X)
#undef X
    };
    double seconds = (double)(now_ns() - run->began_ns) / 1e9;
    fprintf(stderr,
            "published=%llu seconds=%.3f rate=%.0f/s requests=%llu failed_attempts=%llu "
            "unanswered=%llu\n",
            (unsigned long long)stats->published, seconds, (double)stats->published / seconds,
            (unsigned long long)stats->requests, (unsigned long long)stats->failed_attempts,
            (unsigned long long)stats->unanswered);
    for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (stats->of[kind] > 0)
            fprintf(stderr, "%12llu %s\n", (unsigned long long)stats->of[kind], topics[kind]);
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "batch-sim: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static int publish_to(run_t *run, mns_client_t **client, ledger_t *ledger)
{
    const batch_options_t *options = run->options;
    char account[OWN_ACCOUNT_BYTES];
    publisher_t *publisher = NULL;
    sl_err err = publisher_create(
        &publisher,
        &(publisher_options_t){.client = *client,
                               .ledger = ledger,
                               .topic = options->topic == NULL ? "batch" : options->topic,
                               .queue = options->queue,
                               .account = options->account != NULL
                                              ? options->account
                                              : batch_account(options->endpoint, "123456789012",
                                                              account, sizeof account),
                               .subscription = options->subscription,
                               .format = (envelope_format_t)options->format,
                               .base64 = options->base64,
                               .in_flight = (uint32_t)options->in_flight,
                               .give_up_ms = options->give_up_ms});
    if (err != SL_OK)
        return complain("start", sl_err_text(err));
    publish_all(run, publisher, ledger);
    int code = EXIT_SUCCESS;
    summary(run, publisher_stats(publisher));
    if (publisher_trouble(publisher) != NULL)
        code = complain(options->endpoint, publisher_trouble(publisher));
    else if (!publisher_idle(publisher))
        code = complain(options->endpoint, "not all of what was under way was confirmed");
    else if (run->broken)
        code = complain("workload", sl_err_text(SL_ENOMEM));
    mns_client_destroy(client); /* first: its last replies go to the publisher */
    publisher_destroy(&publisher);
    return code;
}

static int publish(run_t *run)
{
    const batch_options_t *options = run->options;
    ledger_t ledger;
    mns_client_t *client = NULL;
    mns_err err =
        mns_client_create(&client, &(mns_client_options_t){.size = sizeof(mns_client_options_t),
                                                           .endpoint = options->endpoint,
                                                           .access_key_id = options->key_id,
                                                           .access_key_secret = options->key_secret,
                                                           .security_token = options->token,
                                                           .attempts = 1});
    if (err != MNS_OK)
        return complain("endpoint and keys", mns_err_text(err));
    if (ledger_open(&ledger, options->ledger, options->ledger_bodies) != SL_OK) {
        mns_client_destroy(&client);
        return complain(options->ledger, strerror(errno));
    }
    int code = publish_to(run, &client, &ledger);
    mns_client_destroy(&client);
    if (ledger_close(&ledger) != SL_OK)
        code = complain(options->ledger, strerror(errno));
    return code;
}

static int start(batch_options_t *options)
{
    char why[NOTIFICATION_WHY_MAX];
    notification_t block = {0};
    run_t run = {.options = options, .began_ns = now_ns()};
    int code = EXIT_FAILURE;
    if (batch_options_resolve(options, &block, &run.events, why) != SL_OK) {
        complain("notification", why);
        return code;
    }
    sl_err err = sim_create(&run.sim, &(sim_options_t){.seed = options->seed,
                                                       .clusters = (uint32_t)options->clusters,
                                                       .jobs = (uint32_t)options->jobs});
    if (err != SL_OK)
        complain("workload", sl_err_text(err));
    else
        code = options->print ? print_all(&run) : publish(&run);
    sim_destroy(&run.sim);
    notification_fini(&block);
    return code;
}

int main(int argc, char **argv)
{
    config_t *config = NULL;
    batch_options_t options = {0};
    int code = EXIT_SUCCESS;
    catch_signals();
    switch (config_read(&config, &batch_program, &options, argc, argv, environ, stdout, stderr)) {
    case CONFIG_RUN:
        code = start(&options);
        break;
    case CONFIG_DONE:
        break;
    case CONFIG_BAD:
        code = EXIT_USAGE;
        break;
    }
    config_free(&config);
    return code;
}
