#include "disk_record.h"

#include "base/mp.h"

#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

enum { SUM_BYTES = 8, FORMAT_VERSION = 1 };

/* -- sums ---------------------------------------------------------------------------------- */

static void begin(sl_buf_t *out)
{
    const uint8_t room[SUM_BYTES] = {0};
    sl_buf_append(out, room, sizeof room);
}

static void end(sl_buf_t *out)
{
    if (out->failed)
        return;
    uint64_t sum = XXH3_64bits(out->data + SUM_BYTES, out->len - SUM_BYTES);
    memcpy(out->data, &sum, sizeof sum);
}

static bool open_record(const void *bytes, size_t len, mp_cursor_t *in)
{
    uint64_t sum;
    uint32_t count;
    if (len < SUM_BYTES)
        return false;
    memcpy(&sum, bytes, sizeof sum);
    *in = mp_cursor((const uint8_t *)bytes + SUM_BYTES, len - SUM_BYTES);
    return XXH3_64bits(in->at, len - SUM_BYTES) == sum && mp_get_array(in, &count);
}

static bool get_u32(mp_cursor_t *in, uint32_t *value)
{
    uint64_t wide;
    if (!mp_get_uint(in, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

/* Copies a text into an array of `size` bytes, with a NUL. */
static bool get_text(mp_cursor_t *in, char *out, size_t size)
{
    const char *text;
    uint32_t len;
    if (!mp_get_str(in, &text, &len) || len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static void put_text(sl_buf_t *out, const char *text)
{
    mp_put_str(out, text, strlen(text));
}

static bool is_text(mp_cursor_t *in, const char *wanted)
{
    const char *text;
    uint32_t len;
    return mp_get_str(in, &text, &len) && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static bool is_number(mp_cursor_t *in, uint64_t wanted)
{
    uint64_t number;
    return mp_get_uint(in, &number) && number == wanted;
}

/* -- the store ----------------------------------------------------------------------------- */

static const char format_name[] = "mns-local";

void record_meta(sl_buf_t *out, const record_meta_t *meta)
{
    begin(out);
    mp_put_array(out, 4);
    put_text(out, format_name);
    mp_put_uint(out, FORMAT_VERSION);
    mp_put_uint(out, meta->boot);
    mp_put_uint(out, meta->number);
    end(out);
}

sl_err record_read_meta(const void *bytes, size_t len, record_meta_t *meta, uint32_t *version)
{
    mp_cursor_t in;
    if (!open_record(bytes, len, &in) || !is_text(&in, format_name) || !get_u32(&in, version))
        return SL_EPROTO;
    if (*version != FORMAT_VERSION)
        return SL_EVERSION;
    return mp_get_uint(&in, &meta->boot) && mp_get_uint(&in, &meta->number) ? SL_OK : SL_EPROTO;
}

/* -- messages ------------------------------------------------------------------------------ */

void record_message(sl_buf_t *out, const message_t *m)
{
    begin(out);
    mp_put_array(out, 7);
    mp_put_uint(out, m->number);
    mp_put_uint(out, m->queue->number);
    mp_put_uint(out, m->enqueue_ms);
    mp_put_uint(out, m->priority);
    mp_put_uint(out, m->body_bytes);
    mp_put_str(out, m->md5, MD5_HEX);
    mp_put_bin(out, m->xml, m->xml_len);
    end(out);
}

bool record_read_message(const void *bytes, size_t len, message_image_t *image)
{
    mp_cursor_t in;
    uint32_t md5_len, xml_len;
    uint64_t body_bytes;
    bool good = open_record(bytes, len, &in) && is_number(&in, image->number) &&
                mp_get_uint(&in, &image->queue_number) && mp_get_uint(&in, &image->enqueue_ms) &&
                get_u32(&in, &image->priority) && mp_get_uint(&in, &body_bytes) &&
                mp_get_str(&in, &image->md5, &md5_len) && mp_get_bin(&in, &image->xml, &xml_len);
    if (!good)
        return false;
    image->body_bytes = body_bytes;
    image->xml_len = xml_len;
    return md5_len == MD5_HEX && image->priority >= 1 && image->priority <= PRIORITY_MAX;
}

void record_state(sl_buf_t *out, const message_t *m)
{
    begin(out);
    mp_put_array(out, 7);
    mp_put_uint(out, m->number);
    mp_put_uint(out, m->state);
    mp_put_uint(out, m->slot);
    mp_put_uint(out, m->generation);
    mp_put_uint(out, m->dequeue_count);
    mp_put_uint(out, m->first_dequeue_ms);
    mp_put_uint(out, m->next_visible_ms);
    end(out);
}

bool record_read_state(const void *bytes, size_t len, message_image_t *image)
{
    mp_cursor_t in;
    uint32_t state;
    bool good = open_record(bytes, len, &in) && is_number(&in, image->number) &&
                get_u32(&in, &state) && get_u32(&in, &image->slot) &&
                get_u32(&in, &image->generation) && get_u32(&in, &image->dequeue_count) &&
                mp_get_uint(&in, &image->first_dequeue_ms) &&
                mp_get_uint(&in, &image->next_visible_ms);
    if (!good || state > MESSAGE_INACTIVE)
        return false;
    image->has_state = true;
    image->state = (message_state_t)state;
    return true;
}

/* -- other modules' ------------------------------------------------------------------------ */

void record_kept(sl_buf_t *out, uint64_t number, const void *bytes, size_t len)
{
    begin(out);
    mp_put_array(out, 2);
    mp_put_uint(out, number);
    mp_put_bin(out, bytes, len);
    end(out);
}

bool record_read_kept(const void *bytes, size_t len, uint64_t number, const uint8_t **out,
                      uint32_t *out_len)
{
    mp_cursor_t in;
    return open_record(bytes, len, &in) && is_number(&in, number) && mp_get_bin(&in, out, out_len);
}

/* -- queues -------------------------------------------------------------------------------- */

void record_queue(sl_buf_t *out, const queue_t *q)
{
    begin(out);
    mp_put_array(out, 10);
    put_text(out, q->name);
    mp_put_uint(out, q->number);
    mp_put_uint(out, q->create_ms);
    mp_put_uint(out, q->modify_ms);
    mp_put_bool(out, q->attributes.logging);
#define X(name, member, least, most, def) mp_put_uint(out, q->attributes.member);
    QUEUE_ATTRIBUTES(X)
#undef X
    end(out);
}

static bool get_bool(mp_cursor_t *in, bool *value)
{
    mp_value_t any;
    if (!mp_next(in, &any) || any.type != MP_BOOL)
        return false;
    *value = any.boolean;
    return true;
}

sl_err record_read_queue(const void *bytes, size_t len, const char *name, queue_store_t *store)
{
    mp_cursor_t in;
    queue_attributes_t attributes = {0};
    uint64_t number, create_ms, modify_ms;
    bool good = open_record(bytes, len, &in) && is_text(&in, name) && mp_get_uint(&in, &number) &&
                mp_get_uint(&in, &create_ms) && mp_get_uint(&in, &modify_ms) &&
                get_bool(&in, &attributes.logging);
#define X(name, member, least, most, def) good = good && get_u32(&in, &attributes.member);
    QUEUE_ATTRIBUTES(X)
#undef X
    if (!good || queue_find(store, name) != NULL)
        return SL_EPROTO;
    queue_t *q;
    sl_err err = queue_create(store, name, &attributes, &q);
    if (err != SL_OK)
        return err;
    q->number = number;
    q->create_ms = create_ms;
    q->modify_ms = modify_ms;
    return SL_OK;
}

/* -- topics -------------------------------------------------------------------------------- */

static void put_subscription(sl_buf_t *out, const subscription_t *s)
{
    mp_put_array(out, 7);
    put_text(out, s->name);
    put_text(out, s->spec.endpoint.text);
    put_text(out, s->spec.filter_tag);
    put_text(out, notify_format_names[s->spec.format]);
    put_text(out, notify_strategy_names[s->spec.strategy]);
    mp_put_uint(out, s->create_ms);
    mp_put_uint(out, s->modify_ms);
}

void record_topic(sl_buf_t *out, const topic_t *t)
{
    begin(out);
    mp_put_array(out, 6);
    put_text(out, t->name);
    mp_put_uint(out, t->create_ms);
    mp_put_uint(out, t->modify_ms);
    mp_put_uint(out, t->attributes.body_max);
    mp_put_bool(out, t->attributes.logging);
    mp_put_array(out, HASH_COUNT(t->subscriptions));
    for (const subscription_t *s = t->subscriptions; s != NULL; s = s->hh.next)
        put_subscription(out, s);
    end(out);
}

/* A text that is one of a table's names. */
static bool get_choice(mp_cursor_t *in, const char *const *names, size_t count, unsigned *value)
{
    char text[64];
    if (!get_text(in, text, sizeof text))
        return false;
    for (*value = 0; *value < count; ++*value)
        if (strcmp(text, names[*value]) == 0)
            return true;
    return false;
}

static sl_err read_subscription(mp_cursor_t *in, topic_t *t)
{
    char name[SUBSCRIPTION_NAME_MAX + 1], endpoint[ENDPOINT_MAX + 1];
    const char *why;
    subscription_spec_t spec = {.format = NOTIFY_XML};
    unsigned format, strategy;
    uint32_t count;
    uint64_t create_ms, modify_ms;
    mp_cursor_t inside = *in;
    bool good = mp_skip(in) && mp_get_array(&inside, &count) &&
                get_text(&inside, name, sizeof name) &&
                get_text(&inside, endpoint, sizeof endpoint) &&
                get_text(&inside, spec.filter_tag, sizeof spec.filter_tag) &&
                get_choice(&inside, notify_format_names, NOTIFY_FORMAT_COUNT, &format) &&
                get_choice(&inside, notify_strategy_names, NOTIFY_STRATEGY_COUNT, &strategy) &&
                mp_get_uint(&inside, &create_ms) && mp_get_uint(&inside, &modify_ms) &&
                endpoint_read(&spec.endpoint, endpoint, &why);
    if (!good || subscription_find(t, name) != NULL)
        return SL_EPROTO;
    spec.format = (notify_format_t)format;
    spec.strategy = (notify_strategy_t)strategy;
    subscription_t *s;
    sl_err err = subscription_create(t, name, &spec, create_ms, &s);
    if (err == SL_OK)
        s->modify_ms = modify_ms;
    return err;
}

sl_err record_read_topic(const void *bytes, size_t len, const char *name, topic_t **store)
{
    mp_cursor_t in;
    topic_attributes_t attributes = {0};
    uint64_t create_ms, modify_ms;
    uint32_t count;
    bool good = open_record(bytes, len, &in) && is_text(&in, name) &&
                mp_get_uint(&in, &create_ms) && mp_get_uint(&in, &modify_ms) &&
                get_u32(&in, &attributes.body_max) && get_bool(&in, &attributes.logging) &&
                mp_get_array(&in, &count);
    if (!good || topic_find(*store, name) != NULL)
        return SL_EPROTO;
    topic_t *t;
    sl_err err = topic_create(store, name, &attributes, create_ms, &t);
    if (err != SL_OK)
        return err;
    t->modify_ms = modify_ms;
    for (uint32_t i = 0; i < count && err == SL_OK; i++)
        err = read_subscription(&in, t);
    return err;
}
