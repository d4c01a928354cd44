#include "options.h"

#include "envelope.h"
#include "sim.h"

#include <string.h>

#define AT(member) offsetof(batch_options_t, member)

static const config_opt_t opts[] = {
    {.key = "endpoint",
     .kind = CONFIG_STR,
     .offset = AT(endpoint),
     .arg = "URL",
     .help = "MNS endpoint, http(s)://host[:port]"},
    {.key = "topic",
     .kind = CONFIG_STR,
     .offset = AT(topic),
     .arg = "NAME",
     .help = "MNS topic to publish to; with --queue the topic named in the envelopes"},
    {.key = "events",
     .kind = CONFIG_STR_LIST,
     .offset = AT(events),
     .arg = "EVENT,…",
     .help = "publish only these, e.g. OnJobFailed,OnJobFinished (default: all 19)"},
    {.key = "notification",
     .kind = CONFIG_STR,
     .offset = AT(notification),
     .arg = "FILE",
     .help = "take topic, endpoint and events from a BatchCompute Notification block (JSON)"},
    {.key = "queue",
     .kind = CONFIG_STR,
     .offset = AT(queue),
     .arg = "NAME",
     .help = "send straight into this queue, 16 at a time, as a topic would feed it"},
    {.key = "format",
     .kind = CONFIG_CHOICE,
     .offset = AT(format),
     .def = "json",
     .choices = "simplified|json|xml",
     .help = "with --queue: the subscription's NotifyContentFormat"},
    {.key = "base64",
     .kind = CONFIG_BOOL,
     .offset = AT(base64),
     .help = "publish the notifications as Base64"},
    {.key = "account",
     .kind = CONFIG_STR,
     .offset = AT(account),
     .arg = "ID",
     .help = "with --queue: the account in the envelopes (default: the endpoint's)"},
    {.key = "subscription",
     .kind = CONFIG_STR,
     .offset = AT(subscription),
     .def = "batch-sim",
     .arg = "NAME",
     .help = "with --queue: the subscription in the envelopes"},
    {.key = "print",
     .kind = CONFIG_BOOL,
     .offset = AT(print),
     .help = "write the notifications to stdout, one JSON line each, and use no MNS"},
    {.key = "rate",
     .kind = CONFIG_U64,
     .offset = AT(rate),
     .def = "0",
     .arg = "N",
     .max = 10000000,
     .help = "notifications a second; 0: flat out"},
    {.key = "count",
     .kind = CONFIG_U64,
     .offset = AT(count),
     .def = "0",
     .arg = "N",
     .help = "end after so many notifications; 0: never"},
    {.key = "seconds",
     .kind = CONFIG_U64,
     .offset = AT(seconds),
     .def = "0",
     .arg = "N",
     .max = 31536000,
     .help = "end after so many seconds; 0: never"},
    {.key = "seed",
     .kind = CONFIG_U64,
     .offset = AT(seed),
     .def = "1",
     .arg = "N",
     .help = "the workload's seed; the same seed gives the same notifications, byte by byte"},
    {.key = "jobs",
     .kind = CONFIG_U64,
     .offset = AT(jobs),
     .def = "24",
     .arg = "N",
     .min = 1,
     .max = SIM_SLOTS_MAX,
     .help = "jobs alive at a time"},
    {.key = "clusters",
     .kind = CONFIG_U64,
     .offset = AT(clusters),
     .def = "4",
     .arg = "N",
     .min = 1,
     .max = SIM_SLOTS_MAX,
     .help = "clusters alive at a time"},
    {.key = "in-flight",
     .kind = CONFIG_U64,
     .offset = AT(in_flight),
     .def = "16",
     .arg = "N",
     .min = 1,
     .max = 256,
     .help = "requests to MNS at a time"},
    {.key = "give-up-after",
     .kind = CONFIG_MS,
     .offset = AT(give_up_ms),
     .def = "30s",
     .arg = "TIME",
     .help = "failed publishes are repeated; end when all have failed for so long"},
    {.key = "ledger",
     .kind = CONFIG_STR,
     .offset = AT(ledger),
     .arg = "FILE",
     .help = "write a JSON line for each message that MNS confirmed"},
    {.key = "ledger-bodies",
     .kind = CONFIG_BOOL,
     .offset = AT(ledger_bodies),
     .help = "with the notification itself in each line"},
    {.key = "access-key-id",
     .kind = CONFIG_STR,
     .offset = AT(key_id),
     .help = "the MNS account's key id",
     .env = "ALIBABA_CLOUD_ACCESS_KEY_ID",
     .flags = CONFIG_SECRET},
    {.key = "access-key-secret",
     .kind = CONFIG_STR,
     .offset = AT(key_secret),
     .help = "the key's secret",
     .env = "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
     .flags = CONFIG_SECRET},
    {.key = "security-token",
     .kind = CONFIG_STR,
     .offset = AT(token),
     .help = "the token that goes with temporary keys",
     .env = "ALIBABA_CLOUD_SECURITY_TOKEN",
     .flags = CONFIG_SECRET},
};

sl_err batch_options_resolve(batch_options_t *options, notification_t *block, event_set_t *events,
                             char why[NOTIFICATION_WHY_MAX])
{
    *events = ((event_set_t)1 << EVENT_KIND_COUNT) - 1;
    if (options->notification != NULL) {
        sl_err err = notification_read(block, options->notification, why);
        if (err != SL_OK)
            return err;
        *events = block->events;
        if (options->topic == NULL)
            options->topic = block->topic;
        if (options->endpoint == NULL)
            options->endpoint = block->endpoint;
    }
    const char *const *names = options->events.items;
    if (options->events.count > 0)
        *events = 0;
    for (size_t i = 0; i < options->events.count; i++) {
        if (event_set_add(events, names[i]))
            continue;
        snprintf(why, NOTIFICATION_WHY_MAX, "BatchCompute has no event %.64s", names[i]);
        return SL_EPROTO;
    }
    return SL_OK;
}

/* What MNS needs, told for each thing that is missing. */
static void check_mns(config_t *config, const batch_options_t *options)
{
    if (options->endpoint == NULL)
        config_complain(config, "endpoint",
                        "not given; --notification would tell it, --print needs none");
    if (options->topic == NULL && options->queue == NULL)
        config_complain(config, "topic",
                        "not given; --notification would tell it, --queue needs none");
    if (options->key_id == NULL)
        config_complain(config, "access-key-id", "not given");
    if (options->key_secret == NULL)
        config_complain(config, "access-key-secret", "not given");
}

static void check(config_t *config, const void *options)
{
    batch_options_t resolved = *(const batch_options_t *)options;
    notification_t block = {0};
    event_set_t events;
    char why[NOTIFICATION_WHY_MAX];
    const char *const *words;
    if (config_positional(config, &words) > 0)
        config_complain(config, words[0], "batch-sim takes no arguments but its options");
    if (batch_options_resolve(&resolved, &block, &events, why) != SL_OK)
        config_complain(config,
                        block.topic == NULL && resolved.notification ? "notification" : "events",
                        "%s", why);
    else if (!resolved.print)
        check_mns(config, &resolved);
    if (resolved.print && (resolved.queue != NULL || resolved.ledger != NULL))
        config_complain(config, "print", "goes with neither --queue nor --ledger");
    notification_fini(&block);
}

const config_program_t batch_program = {
    .name = "batch-sim",
    .summary = "Tells an MNS topic of BatchCompute clusters and jobs that live only here.",
    .epilog = "  batch-sim --endpoint http://127.0.0.1:8700 --topic batch --rate 1000 "
              "--ledger sent.jsonl\n"
              "  batch-sim --notification job.json --seconds 60\n"
              "  batch-sim --endpoint http://127.0.0.1:8700 --queue batch-events --count 500000\n"
              "  batch-sim --print --seed 7 --count 100\n",
    .table = {opts, sizeof opts / sizeof *opts, sizeof(batch_options_t)},
    .check = check,
};

const char *batch_account(const char *endpoint, const char *fallback, char *out, size_t size)
{
    const char *host = strstr(endpoint, "://");
    host = host == NULL ? endpoint : host + 3;
    size_t digits = strspn(host, "0123456789");
    if (digits == 0 || digits >= size || strncmp(host + digits, ".mns.", 5) != 0)
        return fallback;
    memcpy(out, host, digits);
    out[digits] = '\0';
    return out;
}
