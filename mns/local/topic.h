/* topic.h - topics and who subscribed to them.
 *
 * A topic keeps no messages: what is published goes to the subscriptions that pass the filter, at
 * once; where to, endpoint.h says. */
#ifndef LOCAL_TOPIC_H
#define LOCAL_TOPIC_H

#include "endpoint.h"
#include "queue.h"

enum {
    TOPIC_NAME_MAX = 120,
    TOPICS_MAX = 1000,
    SUBSCRIPTION_NAME_MAX = 255,
    SUBSCRIPTIONS_MAX = 100,
    FILTER_TAG_MAX = 16,
    TOPIC_RETENTION_S = 86400,
};

/** Value of NotifyContentFormat; the first is the default. */
#define NOTIFY_FORMATS(X)    X(XML) X(JSON) X(SIMPLIFIED)
#define NOTIFY_STRATEGIES(X) X(BACKOFF_RETRY) X(EXPONENTIAL_DECAY_RETRY)

#define X(name) NOTIFY_##name,
typedef enum { NOTIFY_FORMATS(X) NOTIFY_FORMAT_COUNT } notify_format_t;
typedef enum { NOTIFY_STRATEGIES(X) NOTIFY_STRATEGY_COUNT } notify_strategy_t;
#undef X

extern const char *const notify_format_names[NOTIFY_FORMAT_COUNT];
extern const char *const notify_strategy_names[NOTIFY_STRATEGY_COUNT];

/** What a subscriber asks for. */
typedef struct subscription_spec {
    endpoint_t endpoint;
    char filter_tag[FILTER_TAG_MAX * 4 + 1]; /**< characters of UTF-8; "": everything */
    notify_format_t format;
    notify_strategy_t strategy;
} subscription_spec_t;

typedef struct subscription {
    char name[SUBSCRIPTION_NAME_MAX + 1];
    subscription_spec_t spec;
    struct topic *topic;
    struct push_lane *lane; /**< push.c's; NULL: nothing was ever pushed */
    uint64_t create_ms, modify_ms;
    UT_hash_handle hh;
} subscription_t;

typedef struct topic_attributes {
    uint32_t body_max;
    bool logging;
} topic_attributes_t;

typedef struct topic {
    char name[TOPIC_NAME_MAX + 1];
    topic_attributes_t attributes;
    uint64_t create_ms, modify_ms;
    subscription_t *subscriptions; /**< hash by name */
    UT_hash_handle hh;
} topic_t;

/** A store is a hash by name; NULL is an empty one. */
topic_t *topic_find(topic_t *store, const char *name);
/** A name that is free.  @return SL_OK, SL_ENOMEM, SL_ELIMIT. */
sl_err topic_create(topic_t **store, const char *name, const topic_attributes_t *attributes,
                    uint64_t now_ms, topic_t **out);
/** Its subscriptions go too. */
void topic_destroy(topic_t **store, topic_t *topic);
void topic_destroy_all(topic_t **store);

subscription_t *subscription_find(topic_t *topic, const char *name);
/** A name that is free.  @return SL_OK, SL_ENOMEM, SL_ELIMIT. */
sl_err subscription_create(topic_t *topic, const char *name, const subscription_spec_t *spec,
                           uint64_t now_ms, subscription_t **out);
void subscription_destroy(topic_t *topic, subscription_t *subscription);

/** Has it at most FILTER_TAG_MAX characters?  Characters of UTF-8, not bytes. */
bool tag_fits(const char *tag);

/** Does a message with this tag ("": none) pass? */
bool subscription_wants(const subscription_t *subscription, const char *tag);

#endif
