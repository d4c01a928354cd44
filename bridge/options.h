/* options.h - what sluice-bridge can be told, as tables (core/config), and what follows from it. */
#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include "config/config.h"
#include "decode/decode.h"

enum {
    OPTIONS_REGION_MAX = 64,
    OPTIONS_ACCOUNT_MAX = 32,
    OPTIONS_NAME_MAX = 120,
    OPTIONS_TOPIC_MAX = 255
};

/** How messages come; the order of `type`'s choices. */
enum { OPTIONS_QUEUE, OPTIONS_PUSH };

/** One entry of "sources": a queue to pull from, or an endpoint that MNS pushes to. */
typedef struct source_options {
    int type;
    const char *queue;
    const char *name;     /**< in counters and logs; NULL: the queue's */
    const char *endpoint; /**< NULL: the Notification's */
    const char *region, *account;
    uint64_t polls, polls_min, wait_s, undeleted, margin_ms, watch_ms;
    bool extend;
    /* {"Notification": {"Topic": {"Name", "Endpoint", "Events"}}} of a job or cluster, as it is */
    const char *topic_name, *topic_endpoint;
    config_list_t events;
    /* A push source's: */
    const char *topic; /**< NULL: the Notification's */
    const char *listen, *path, *tls_certificate, *tls_key;
    const char *certificate; /**< whose signatures count, instead of those of fetched ones */
    config_list_t certificate_hosts;
    const char *ca_file;
    uint64_t connections, in_hand, answer_within_ms;
} source_options_t;

typedef struct bridge_options {
    const char *broker, *name, *http;
    uint64_t batch_bytes, batch_events, linger_ms, pending_bytes, ack_timeout_ms;
    uint64_t delete_linger_ms, drain_ms;
    config_list_t sources;
} bridge_options_t;

extern const config_program_t options_program;

/** Its rules: complains of each mistake. */
void options_check(config_t *config, const void *options);

/** What a source is called: its name, or its queue's or topic's. */
const char *options_source_name(const source_options_t *source);

/** Where its requests go, or would; NULL when nothing says so. */
const char *options_source_endpoint(const source_options_t *source);

/** The topic whose messages come, where the configuration says so; or NULL. */
const char *options_source_topic(const source_options_t *source);

/** Region and account as an MNS host says them:
 *  {account}.mns.{region}[-internal|-internal-vpc].aliyuncs.com.  @return false: another host. */
bool options_parse_host(const char *endpoint, char account[OPTIONS_ACCOUNT_MAX + 1],
                        char region[OPTIONS_REGION_MAX + 1]);

/** Is the event one of the source's Events?  Without a list every event is. */
bool options_source_wants(const source_options_t *source, const char *event, size_t len);

#endif
