/* What the options must be together, and which source could not work. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- the host ------------------------------------------------------------------------------ */

static const char digits[] = "0123456789";
static const char host_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
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

/* @return do region and account stand in the endpoint's host? */
static bool check_endpoint(config_t *config, const char *key, const source_options_t *source,
                           char account[OPTIONS_ACCOUNT_MAX + 1],
                           char region[OPTIONS_REGION_MAX + 1])
{
    const char *endpoint = options_source_endpoint(source);
    bool both = source->account != NULL && source->region != NULL;
    if (endpoint == NULL) {
        if (source->type == OPTIONS_QUEUE)
            config_complain(config, key,
                            "neither endpoint nor Notification.Topic.Endpoint is given");
        else if (!both)
            config_complain(config, key,
                            "region and account are not known: give both here, or the topic's "
                            "endpoint, whose host says them");
        return false;
    }
    if (strncasecmp(endpoint, "http://", 7) != 0 && strncasecmp(endpoint, "https://", 8) != 0)
        config_complain(config, key, "the endpoint %s begins with neither http:// nor https://",
                        endpoint);
    bool in_host = options_parse_host(endpoint, account, region);
    if (!in_host && !both)
        config_complain(config, key,
                        "the endpoint %s does not say region and account as "
                        "<account>.mns.<region>.aliyuncs.com does; give both here",
                        endpoint);
    return in_host;
}

static void check_place(config_t *config, size_t i, const source_options_t *source)
{
    char key[64], account[OPTIONS_ACCOUNT_MAX + 1] = "", region[OPTIONS_REGION_MAX + 1] = "";
    snprintf(key, sizeof key, "sources[%zu]", i);
    bool in_host = check_endpoint(config, key, source, account, region);
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
    const char *name = options_source_name(&sources[i]);
    snprintf(key, sizeof key, "sources[%zu].name", i);
    if (name == NULL)
        return; /* told already */
    if (sources[i].name != NULL && !made_of(name, name_chars, OPTIONS_NAME_MAX))
        config_complain(config, key, "\"%s\" is no name: letters, digits and hyphens are", name);
    for (size_t before = 0; before < i; before++) {
        const char *other = options_source_name(&sources[before]);
        if (other != NULL && strcmp(other, name) == 0)
            config_complain(config, key, "sources[%zu] is called %s too; give one another name",
                            before, name);
    }
}

static void check_queue(config_t *config, size_t i, const source_options_t *source)
{
    char key[64];
    snprintf(key, sizeof key, "sources[%zu].queue", i);
    if (source->queue == NULL)
        config_complain(config, key, "is required");
    else if (!made_of(source->queue, name_chars, OPTIONS_NAME_MAX))
        config_complain(config, key, "\"%s\" is no queue name: letters, digits and hyphens are",
                        source->queue);
    snprintf(key, sizeof key, "sources[%zu].polls-min", i);
    if (source->polls_min > source->polls)
        config_complain(config, key, "%llu is more than polls, which is %llu",
                        (unsigned long long)source->polls_min, (unsigned long long)source->polls);
}

static void check_topic(config_t *config, size_t i, const source_options_t *source)
{
    char key[64];
    const char *topic = options_source_topic(source);
    snprintf(key, sizeof key, "sources[%zu].%s", i,
             source->topic != NULL ? "topic" : "Notification.Topic.Name");
    if (topic != NULL && !made_of(topic, name_chars, OPTIONS_TOPIC_MAX))
        config_complain(config, key, "\"%s\" is no topic name: letters, digits and hyphens are",
                        topic);
}

/* -- of an endpoint that is pushed to ------------------------------------------------------ */

/* Options that only one kind of source has: what is given and not used would mislead. */
static void check_kind(config_t *config, size_t i, const source_options_t *source)
{
    const struct {
        const char *name;
        int type;
        bool given;
    } rows[] = {
        {"queue", OPTIONS_QUEUE, source->queue != NULL},
        {"listen", OPTIONS_PUSH, source->listen != NULL},
        {"tls-certificate", OPTIONS_PUSH, source->tls_certificate != NULL},
        {"tls-key", OPTIONS_PUSH, source->tls_key != NULL},
        {"certificate", OPTIONS_PUSH, source->certificate != NULL},
        {"certificate-hosts", OPTIONS_PUSH, source->certificate_hosts.count > 0},
        {"ca-file", OPTIONS_PUSH, source->ca_file != NULL},
    };
    char key[64];
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        snprintf(key, sizeof key, "sources[%zu].%s", i, rows[row].name);
        if (rows[row].given && rows[row].type != source->type)
            config_complain(config, key, "is for sources of type %s",
                            rows[row].type == OPTIONS_PUSH ? "push" : "queue");
    }
}

static bool is_port(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 5 && strspn(text, digits) == len && atoi(text) <= 65535;
}

static void check_hosts(config_t *config, size_t i, const source_options_t *source)
{
    char key[64], host[256];
    const char *const *hosts = source->certificate_hosts.items;
    snprintf(key, sizeof key, "sources[%zu].certificate-hosts", i);
    for (size_t at = 0; at < source->certificate_hosts.count; at++) {
        snprintf(host, sizeof host, "%s", hosts[at]);
        char *colon = strchr(host, ':');
        if (host[0] == '[')
            continue; /* an IPv6 address: libmns reads it */
        bool port_is_one = colon == NULL || is_port(colon + 1);
        if (colon != NULL)
            *colon = '\0';
        if (!port_is_one || strlen(hosts[at]) >= sizeof host || !made_of(host, host_chars, 253))
            config_complain(config, key, "\"%s\" is no host or host:port", hosts[at]);
    }
    if (source->certificate != NULL && source->certificate_hosts.count > 0)
        config_complain(config, key, "nothing is fetched: a certificate is given");
}

static void check_push(config_t *config, size_t i, const source_options_t *source)
{
    char key[64];
    snprintf(key, sizeof key, "sources[%zu].listen", i);
    const char *colon = source->listen != NULL ? strrchr(source->listen, ':') : NULL;
    if (source->listen == NULL)
        config_complain(config, key, "is required: where MNS's requests arrive");
    else if (colon == NULL || colon == source->listen || !is_port(colon + 1))
        config_complain(config, key, "\"%s\" is no ADDR:PORT, such as 0.0.0.0:8443",
                        source->listen);
    snprintf(key, sizeof key, "sources[%zu].path", i);
    if (source->path[0] != '/' || strpbrk(source->path, " \t\r\n#") != NULL)
        config_complain(config, key, "no path: it begins with / and has no blanks and no #");
    snprintf(key, sizeof key, "sources[%zu]", i);
    if (options_source_topic(source) == NULL)
        config_complain(config, key,
                        "the topic is not known: give topic, or the Notification that names it");
    if ((source->tls_certificate == NULL) != (source->tls_key == NULL))
        config_complain(config, key, "tls-certificate and tls-key go together");
    check_hosts(config, i, source);
}

/* ------------------------------------------------------------------------------------------ */

void options_check(config_t *config, const void *options)
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
        check_kind(config, i, &sources[i]);
        if (sources[i].type == OPTIONS_PUSH)
            check_push(config, i, &sources[i]);
        else
            check_queue(config, i, &sources[i]);
    }
}
