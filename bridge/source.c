#include "source.h"

#include "push_source.h"
#include "queue_source.h"

#include <assert.h>
#include <stdio.h>

/* -- making and ending --------------------------------------------------------------------- */

static sl_err make_labels(source_t *s)
{
    bool failed = false;
    for (int i = 0; i < EVENT_REASON_COUNT; i++) {
        sl_buf_t *label = &s->labels[i];
        sl_buf_printf(label, "source=\"%s\"", s->name);
        if (i != EVENT_REASON_NONE)
            sl_buf_printf(label, ",reason=\"%s\"", event_reason_name((event_reason_t)i));
        sl_buf_append_byte(label, '\0');
        failed |= label->failed;
        s->dead_letter_sets[i] = (counter_set_t){&dead_letter_counter_def, &s->dead_letters[i], 1,
                                                 (const char *)label->data, NULL};
    }
    return failed ? SL_ENOMEM : SL_OK;
}

static void make_place(source_t *s)
{
    const source_options_t *options = s->options;
    const char *endpoint = options_source_endpoint(options);
    if (endpoint == NULL || !options_parse_host(endpoint, s->account, s->region)) {
        snprintf(s->account, sizeof s->account, "%s", options->account);
        snprintf(s->region, sizeof s->region, "%s", options->region);
    }
    s->place = (decode_place_t){.region = s->region,
                                .account = s->account,
                                .queue = options->queue,
                                .topic = options_source_topic(options)};
}

sl_err source_init(source_t *s, const source_ops_t *ops, const source_options_t *options,
                   source_shared_t *shared, counter_set_t own)
{
    s->ops = ops;
    s->options = options;
    s->shared = shared;
    s->name = options_source_name(options);
    s->fds[0] = s->fds[1] = -1;
    make_place(s);
    if (make_labels(s) != SL_OK)
        return SL_ENOMEM;
    const char *labels = (const char *)s->labels[EVENT_REASON_NONE].data;
    s->set = (counter_set_t){source_counter_defs, s->counters, SOURCE_COUNTER_COUNT, labels, NULL};
    s->own_set = own;
    s->own_set.labels = labels;
    return SL_OK;
}

void source_fini(source_t *s)
{
    for (int i = 0; i < EVENT_REASON_COUNT; i++)
        sl_buf_fini(&s->labels[i]);
}

sl_err source_create(source_t **out, const source_options_t *options, source_shared_t *shared,
                     const char **failed)
{
    if (options->type == OPTIONS_PUSH)
        return push_source_create(out, options, shared, failed);
    *failed = options_source_endpoint(options);
    return queue_source_create(out, options, shared);
}

void source_destroy(source_t **source)
{
    if (*source != NULL)
        (*source)->ops->destroy(*source);
    *source = NULL;
}

void source_register(source_t *s, counter_registry_t *registry)
{
    counter_registry_add(registry, &s->set);
    counter_registry_add(registry, &s->own_set);
    for (int i = EVENT_REASON_NONE + 1; i < EVENT_REASON_COUNT; i++)
        counter_registry_add(registry, &s->dead_letter_sets[i]);
    for (size_t i = 0; i < s->more_count; i++)
        counter_registry_add(registry, &s->more_sets[i]);
}

void source_unregister(source_t *s, counter_registry_t *registry)
{
    counter_registry_remove(registry, &s->set);
    counter_registry_remove(registry, &s->own_set);
    for (int i = EVENT_REASON_NONE + 1; i < EVENT_REASON_COUNT; i++)
        counter_registry_remove(registry, &s->dead_letter_sets[i]);
    for (size_t i = 0; i < s->more_count; i++)
        counter_registry_remove(registry, &s->more_sets[i]);
}

/* -- a slot's way -------------------------------------------------------------------------- */

slot_t *source_take_message(source_t *s, const decode_message_t *message, const char *handle)
{
    slot_t *slot = slot_take(&s->shared->slots, s, message, handle);
    if (slot == NULL)
        return NULL;
    s->in_hand++;
    slot_list_push(&s->waiting, slot);
    return slot;
}

void source_give(slot_t *slot)
{
    source_t *s = slot->source;
    assert(s->in_hand > 0);
    s->in_hand--;
    slot_give(&s->shared->slots, slot);
}

slot_t *source_next_waiting(source_t *s)
{
    slot_t *slot;
    while ((slot = slot_list_pop(&s->waiting)) != NULL) {
        if (s->shared->now_ms < slot->deadline_ms)
            return slot;
        s->ops->lapsed(slot);
    }
    return NULL;
}

void source_wait_again(slot_t *slot)
{
    slot->state = SLOT_WAITING;
    slot_list_push_front(&slot->source->waiting, slot);
}

void source_sent(slot_t *slot)
{
    assert(slot->state == SLOT_WAITING);
    slot->state = SLOT_SENT;
}

void source_done(slot_t *slot)
{
    assert(slot->state == SLOT_WAITING || slot->state == SLOT_SENT);
    slot->state = SLOT_ACKED;
    slot->source->ops->done(slot);
}

void source_leave(slot_t *slot)
{
    source_count(slot->source, SOURCE_LEFT, 1);
    slot->state = SLOT_LEFT;
    slot->source->ops->left(slot);
}
