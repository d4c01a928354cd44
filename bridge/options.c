#include "options.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SOURCE(member) offsetof(source_options_t, member)

static const config_opt_t source_opts[] = {
    {.key = "type",
     .kind = CONFIG_CHOICE,
     .offset = SOURCE(type),
     .def = "queue",
     .choices = "queue",
     .help = "how messages come: pulled from a queue"},
    {.key = "queue",
     .kind = CONFIG_STR,
     .offset = SOURCE(queue),
     .arg = "NAME",
     .help = "the MNS queue to pull from",
     .flags = CONFIG_REQUIRED},
    {.key = "name",
     .kind = CONFIG_STR,
     .offset = SOURCE(name),
     .arg = "NAME",
     .help = "what counters and logs call the source (default: the queue's name)"},
    {.key = "endpoint",
     .kind = CONFIG_STR,
     .offset = SOURCE(endpoint),
     .arg = "URL",
     .help = "MNS endpoint, http(s)://host[:port] (default: the Notification's)"},
    {.key = "region",
     .kind = CONFIG_STR,
     .offset = SOURCE(region),
     .arg = "REGION",
     .help = "region, where the endpoint's host does not say it"},
    {.key = "account",
     .kind = CONFIG_STR,
     .offset = SOURCE(account),
     .arg = "ID",
     .help = "account id, where the endpoint's host does not say it"},
    {.key = "polls",
     .kind = CONFIG_U64,
     .offset = SOURCE(polls),
     .def = "16",
     .min = 1,
     .max = 64,
     .arg = "N",
     .help = "parallel polls at most, each of up to 16 messages; as many as the backlog calls for"},
    {.key = "polls-min",
     .kind = CONFIG_U64,
     .offset = SOURCE(polls_min),
     .def = "1",
     .min = 1,
     .max = 64,
     .arg = "N",
     .help = "long polls at least"},
    {.key = "wait",
     .kind = CONFIG_U64,
     .offset = SOURCE(wait_s),
     .def = "30",
     .min = 0,
     .max = 30,
     .arg = "SECONDS",
     .help = "how many seconds a long poll waits for messages"},
    {.key = "undeleted",
     .kind = CONFIG_U64,
     .offset = SOURCE(undeleted),
     .def = "2000",
     .min = 16,
     .max = 4500,
     .arg = "N",
     .help = "messages received and not deleted, at most; MNS throttles at 5,000"},
    {.key = "margin",
     .kind = CONFIG_MS,
     .offset = SOURCE(margin_ms),
     .def = "2s",
     .max = 3600000,
     .arg = "TIME",
     .help = "a message is not published this close to the end of its visibility"},
    {.key = "extend",
     .kind = CONFIG_BOOL,
     .offset = SOURCE(extend),
     .def = "true",
     .help = "extend the visibility of messages that the broker is slow to take"},
    {.key = "watch",
     .kind = CONFIG_MS,
     .offset = SOURCE(watch_ms),
     .def = "10s",
     .max = 3600000,
     .arg = "TIME",
     .help = "how often the queue's attributes are looked at; 0: never"},
    {.key = "Notification.Topic.Name",
     .kind = CONFIG_STR,
     .offset = SOURCE(topic_name),
     .arg = "TOPIC",
     .help = "the topic that feeds the queue"},
    {.key = "Notification.Topic.Endpoint",
     .kind = CONFIG_STR,
     .offset = SOURCE(topic_endpoint),
     .arg = "URL",
     .help = "MNS endpoint, where `endpoint` is not given"},
    {.key = "Notification.Topic.Events",
     .kind = CONFIG_STR_LIST,
     .offset = SOURCE(events),
     .arg = "EVENT",
     .help = "events to publish; others are deleted from the queue"},
};

static const config_table_t source_table = {
    .opts = source_opts,
    .count = sizeof source_opts / sizeof *source_opts,
    .size = sizeof(source_options_t),
};

#define BRIDGE(member) offsetof(bridge_options_t, member)

static const config_opt_t bridge_opts[] = {
    {.key = "broker",
     .kind = CONFIG_STR,
     .offset = BRIDGE(broker),
     .def = "tcp://127.0.0.1:5550",
     .arg = "ENDPOINT",
     .help = "the broker's intake"},
    {.key = "name",
     .kind = CONFIG_STR,
     .offset = BRIDGE(name),
     .def = "sluice-bridge",
     .arg = "NAME",
     .help = "what the broker's status calls this bridge"},
    {.key = "http",
     .kind = CONFIG_STR,
     .offset = BRIDGE(http),
     .def = "127.0.0.1:5581",
     .arg = "ADDR:PORT",
     .help = "where /metrics, /healthz and /readyz are served"},
    {.key = "batch-bytes",
     .kind = CONFIG_BYTES,
     .offset = BRIDGE(batch_bytes),
     .def = "60k",
     .min = 1024,
     .max = 4194304,
     .arg = "BYTES",
     .help = "a batch is sent when it has this many"},
    {.key = "batch-events",
     .kind = CONFIG_U64,
     .offset = BRIDGE(batch_events),
     .def = "512",
     .min = 1,
     .max = 4096,
     .arg = "N",
     .help = "or this many events"},
    {.key = "linger",
     .kind = CONFIG_MS,
     .offset = BRIDGE(linger_ms),
     .def = "5ms",
     .max = 1000,
     .arg = "TIME",
     .help = "or waited this long while others are unacknowledged"},
    {.key = "pending-bytes",
     .kind = CONFIG_BYTES,
     .offset = BRIDGE(pending_bytes),
     .def = "16M",
     .min = 65536,
     .max = (uint64_t)1 << 30,
     .arg = "BYTES",
     .help = "events given to the broker and not acknowledged, at most"},
    {.key = "ack-timeout",
     .kind = CONFIG_MS,
     .offset = BRIDGE(ack_timeout_ms),
     .def = "5s",
     .min = 100,
     .max = 600000,
     .arg = "TIME",
     .help = "without an answer for this long, everything is sent again"},
    {.key = "delete-linger",
     .kind = CONFIG_MS,
     .offset = BRIDGE(delete_linger_ms),
     .def = "5ms",
     .max = 1000,
     .arg = "TIME",
     .help = "how long acknowledged messages wait to be 16"},
    {.key = "drain",
     .kind = CONFIG_MS,
     .offset = BRIDGE(drain_ms),
     .def = "10s",
     .max = 600000,
     .arg = "TIME",
     .help = "how long SIGTERM waits for what is in hand"},
    {.key = "sources",
     .kind = CONFIG_OBJECTS,
     .offset = BRIDGE(sources),
     .sub = &source_table,
     .help = "the queues to pull from",
     .flags = CONFIG_REQUIRED | CONFIG_FILE_ONLY},
};

const char *options_source_name(const source_options_t *source)
{
    return source->name != NULL ? source->name : source->queue;
}

const char *options_source_endpoint(const source_options_t *source)
{
    return source->endpoint != NULL ? source->endpoint : source->topic_endpoint;
}

bool options_source_wants(const source_options_t *source, const char *event, size_t len)
{
    const char *const *names = source->events.items;
    for (size_t i = 0; i < source->events.count; i++)
        if (strlen(names[i]) == len && memcmp(names[i], event, len) == 0)
            return true;
    return source->events.count == 0;
}

/* -- the host ------------------------------------------------------------------------------ */

static const char digits[] = "0123456789";
static const char name_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

static bool made_of(const char *text, const char *chars, size_t most)
{
    size_t len = strlen(text);
    return len > 0 && len <= most && strspn(text, chars) == len;
}

static bool drop_suffix(char *text, const char *suffix)
{
    size_t len = strlen(text), cut = strlen(suffix);
    if (len <= cut || strcasecmp(text + len - cut, suffix) != 0)
        return false;
    text[len - cut] = '\0';
    return true;
}

bool options_parse_host(const char *endpoint, char account[OPTIONS_ACCOUNT_MAX + 1],
                        char region[OPTIONS_REGION_MAX + 1])
{
    char host[256];
    const char *at = strstr(endpoint, "://");
    at = at != NULL ? at + 3 : endpoint;
    size_t len = strcspn(at, ":/?#");
    if (len >= sizeof host)
        return false;
    memcpy(host, at, len);
    host[len] = '\0';
    char *rest = strchr(host, '.');
    if (rest == NULL || !drop_suffix(rest, ".aliyuncs.com") || strncasecmp(rest, ".mns.", 5) != 0)
        return false;
    *rest = '\0';
    char *where = rest + 5;
    if (!drop_suffix(where, "-internal-vpc"))
        drop_suffix(where, "-internal");
    if (!made_of(host, digits, OPTIONS_ACCOUNT_MAX) ||
        !made_of(where, name_chars, OPTIONS_REGION_MAX))
        return false;
    strcpy(account, host);
    strcpy(region, where);
    return true;
}

/* -- rules that span options --------------------------------------------------------------- */

static void check_place(config_t *config, size_t i, const source_options_t *source)
{
    char key[64], account[OPTIONS_ACCOUNT_MAX + 1] = "", region[OPTIONS_REGION_MAX + 1] = "";
    const char *endpoint = options_source_endpoint(source);
    snprintf(key, sizeof key, "sources[%zu]", i);
    if (endpoint == NULL) {
        config_complain(config, key, "neither endpoint nor Notification.Topic.Endpoint is given");
        return;
    }
    if (strncasecmp(endpoint, "http://", 7) != 0 && strncasecmp(endpoint, "https://", 8) != 0)
        config_complain(config, key, "the endpoint %s begins with neither http:// nor https://",
                        endpoint);
    bool in_host = options_parse_host(endpoint, account, region);
    if (!in_host && (source->account == NULL || source->region == NULL))
        config_complain(config, key,
                        "the endpoint %s does not say region and account as "
                        "<account>.mns.<region>.aliyuncs.com does; give both here",
                        endpoint);
    snprintf(key, sizeof key, "sources[%zu].account", i);
    if (source->account != NULL && !made_of(source->account, digits, OPTIONS_ACCOUNT_MAX))
        config_complain(config, key, "\"%s\" is no account id: digits are", source->account);
    else if (in_host && source->account != NULL && strcmp(source->account, account) != 0)
        config_complain(config, key, "%s contradicts the endpoint, which says %s", source->account,
                        account);
    snprintf(key, sizeof key, "sources[%zu].region", i);
    if (source->region != NULL && !made_of(source->region, name_chars, OPTIONS_REGION_MAX))
        config_complain(config, key, "\"%s\" is no region, such as cn-hangzhou", source->region);
    else if (in_host && source->region != NULL && strcasecmp(source->region, region) != 0)
        config_complain(config, key, "%s contradicts the endpoint, which says %s", source->region,
                        region);
}

static void check_names(config_t *config, size_t i, const source_options_t *sources)
{
    char key[64];
    snprintf(key, sizeof key, "sources[%zu].queue", i);
    if (sources[i].queue == NULL)
        return; /* told already */
    if (!made_of(sources[i].queue, name_chars, OPTIONS_NAME_MAX))
        config_complain(config, key, "\"%s\" is no queue name: letters, digits and hyphens are",
                        sources[i].queue);
    snprintf(key, sizeof key, "sources[%zu].name", i);
    const char *name = options_source_name(&sources[i]);
    if (sources[i].name != NULL && !made_of(name, name_chars, OPTIONS_NAME_MAX))
        config_complain(config, key, "\"%s\" is no name: letters, digits and hyphens are", name);
    for (size_t before = 0; before < i; before++)
        if (sources[before].queue != NULL &&
            strcmp(options_source_name(&sources[before]), name) == 0)
            config_complain(config, key, "sources[%zu] is called %s too; give one another name",
                            before, name);
}

static void check_polls(config_t *config, size_t i, const source_options_t *source)
{
    char key[64];
    snprintf(key, sizeof key, "sources[%zu].polls-min", i);
    if (source->polls_min > source->polls)
        config_complain(config, key, "%llu is more than polls, which is %llu",
                        (unsigned long long)source->polls_min, (unsigned long long)source->polls);
}

static void check_topic(config_t *config, size_t i, const source_options_t *source)
{
    char key[64];
    snprintf(key, sizeof key, "sources[%zu].Notification.Topic.Name", i);
    if (source->topic_name != NULL && !made_of(source->topic_name, name_chars, OPTIONS_TOPIC_MAX))
        config_complain(config, key, "\"%s\" is no topic name: letters, digits and hyphens are",
                        source->topic_name);
}

static void check(config_t *config, const void *options)
{
    const bridge_options_t *bridge = options;
    const source_options_t *sources = bridge->sources.items;
    if (bridge->broker != NULL && strstr(bridge->broker, "://") == NULL)
        config_complain(config, "broker", "\"%s\" is no endpoint, such as tcp://127.0.0.1:5550",
                        bridge->broker);
    if (sources == NULL)
        return; /* told already */
    if (bridge->sources.count == 0)
        config_complain(config, "sources", "give at least one source");
    for (size_t i = 0; i < bridge->sources.count; i++) {
        check_names(config, i, sources);
        check_place(config, i, &sources[i]);
        check_topic(config, i, &sources[i]);
        check_polls(config, i, &sources[i]);
    }
}

const config_program_t options_program = {
    .name = "sluice-bridge",
    .summary = "Pulls BatchCompute notifications out of MNS queues, normalises them and publishes "
               "them to a Sluice broker.",
    .epilog = "Keys come from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and "
              "ALIBABA_CLOUD_SECURITY_TOKEN.",
    .table = {bridge_opts, sizeof bridge_opts / sizeof *bridge_opts, sizeof(bridge_options_t)},
    .check = check,
};
