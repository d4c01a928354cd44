#include "topic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define X(name) #name,
const char *const notify_format_names[] = {NOTIFY_FORMATS(X)};
const char *const notify_strategy_names[] = {NOTIFY_STRATEGIES(X)};
#undef X

topic_t *topic_find(topic_t *store, const char *name)
{
    topic_t *t;
    HASH_FIND_STR(store, name, t);
    return t;
}

sl_err topic_create(topic_t **store, const char *name, const topic_attributes_t *attributes,
                    uint64_t now_ms, topic_t **out)
{
    assert(strlen(name) <= TOPIC_NAME_MAX);
    if (HASH_COUNT(*store) >= TOPICS_MAX)
        return SL_ELIMIT;
    topic_t *t = calloc(1, sizeof *t);
    if (t == NULL)
        return SL_ENOMEM;
    strcpy(t->name, name);
    t->attributes = *attributes;
    t->create_ms = t->modify_ms = now_ms;
    HASH_ADD_STR(*store, name, t);
    if (t->hh.tbl == NULL) {
        free(t);
        return SL_ENOMEM;
    }
    *out = t;
    return SL_OK;
}

void topic_destroy(topic_t **store, topic_t *t)
{
    while (t->subscriptions != NULL)
        subscription_destroy(t, t->subscriptions);
    HASH_DEL(*store, t);
    free(t);
}

void topic_destroy_all(topic_t **store)
{
    while (*store != NULL)
        topic_destroy(store, *store);
}

subscription_t *subscription_find(topic_t *t, const char *name)
{
    subscription_t *s;
    HASH_FIND_STR(t->subscriptions, name, s);
    return s;
}

sl_err subscription_create(topic_t *t, const char *name, const subscription_spec_t *spec,
                           uint64_t now_ms, subscription_t **out)
{
    assert(strlen(name) <= SUBSCRIPTION_NAME_MAX);
    if (HASH_COUNT(t->subscriptions) >= SUBSCRIPTIONS_MAX)
        return SL_ELIMIT;
    subscription_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SL_ENOMEM;
    strcpy(s->name, name);
    s->spec = *spec;
    s->topic = t;
    s->create_ms = s->modify_ms = now_ms;
    HASH_ADD_STR(t->subscriptions, name, s);
    if (s->hh.tbl == NULL) {
        free(s);
        return SL_ENOMEM;
    }
    *out = s;
    return SL_OK;
}

void subscription_destroy(topic_t *t, subscription_t *s)
{
    HASH_DEL(t->subscriptions, s);
    free(s);
}

bool tag_fits(const char *tag)
{
    size_t characters = 0;
    for (; *tag != '\0'; tag++)
        characters += ((unsigned char)*tag & 0xc0) != 0x80; /* continuation bytes do not count */
    return characters <= FILTER_TAG_MAX;
}

bool subscription_wants(const subscription_t *s, const char *tag)
{
    return s->spec.filter_tag[0] == '\0' || strcmp(s->spec.filter_tag, tag) == 0;
}
