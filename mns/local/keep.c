#include "keep.h"

#include "base/mp.h"

#include <stdio.h>
#include <string.h>

/* -- pushes -------------------------------------------------------------------------------- */

static void put_text(sl_buf_t *out, const char *text)
{
    mp_put_str(out, text, strlen(text));
}

void keep_push(void *ctx, const subscription_t *s, const push_view_t *push)
{
    local_t *l = ctx;
    sl_buf_t *out = &l->kept;
    if (l->disk == NULL)
        return;
    sl_buf_clear(out);
    mp_put_array(out, 8);
    put_text(out, s->topic->name);
    put_text(out, s->name);
    put_text(out, push->message_id);
    put_text(out, push->tag);
    mp_put_uint(out, push->publish_ms);
    mp_put_uint(out, push->failures);
    mp_put_uint(out, push->due_ms);
    mp_put_bin(out, push->body, push->body_len);
    disk_keep(l->disk, KEPT_PUSHES, push->number, out->failed ? NULL : out->data, out->len);
}

void keep_push_gone(void *ctx, const subscription_t *s, const push_view_t *push)
{
    const local_t *l = ctx;
    (void)s;
    if (l->disk != NULL)
        disk_forget(l->disk, KEPT_PUSHES, push->number);
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

static sl_err restore_push(void *ctx, uint64_t number, const uint8_t *bytes, size_t len)
{
    local_t *l = ctx;
    char topic[TOPIC_NAME_MAX + 1], name[SUBSCRIPTION_NAME_MAX + 1];
    char id[MESSAGE_ID_LEN + 1], tag[FILTER_TAG_MAX * 4 + 1];
    push_view_t push = {.number = number, .message_id = id, .tag = tag};
    mp_cursor_t in = mp_cursor(bytes, len);
    const uint8_t *body;
    uint32_t count, body_len;
    uint64_t failures;
    bool good = mp_get_array(&in, &count) && get_text(&in, topic, sizeof topic) &&
                get_text(&in, name, sizeof name) && get_text(&in, id, sizeof id) &&
                get_text(&in, tag, sizeof tag) && mp_get_uint(&in, &push.publish_ms) &&
                mp_get_uint(&in, &failures) && failures <= UINT32_MAX &&
                mp_get_uint(&in, &push.due_ms) && mp_get_bin(&in, &body, &body_len);
    if (!good)
        return SL_EPROTO;
    push.failures = (uint32_t)failures;
    push.body = body;
    push.body_len = body_len;
    topic_t *t = topic_find(l->topics, topic);
    subscription_t *s = t != NULL ? subscription_find(t, name) : NULL;
    return s != NULL ? pushes_add(l->pushes, s, &push) : SL_EPROTO;
}

/* -- boxes --------------------------------------------------------------------------------- */

/* Which records hold which box. */
static kept_t kind_of(const local_t *l, const box_t *box)
{
    return box == &l->mails ? KEPT_MAILS : box == &l->sms ? KEPT_SMS : KEPT_DEAD;
}

static uint64_t on_add(void *ctx, const box_t *box, const char *text, size_t len)
{
    local_t *l = ctx;
    if (l->disk == NULL)
        return 0;
    uint64_t number = ++l->queues.number;
    disk_keep(l->disk, kind_of(l, box), number, text, len);
    return number;
}

static void on_remove(void *ctx, const box_t *box, uint64_t number)
{
    const local_t *l = ctx;
    if (l->disk != NULL)
        disk_forget(l->disk, kind_of(l, box), number);
}

static sl_err restore_entry(void *ctx, uint64_t number, const uint8_t *bytes, size_t len)
{
    return box_restore(ctx, number, (const char *)bytes, len);
}

/* -- start --------------------------------------------------------------------------------- */

static sl_err read_all(local_t *l, char why[DISK_SENTENCE_MAX])
{
    box_t *const boxes[] = {&l->mails, &l->sms, pushes_dead(l->pushes)};
    sl_err err = disk_read_kept(l->disk, KEPT_PUSHES, restore_push, l, why);
    for (size_t i = 0; i < sizeof boxes / sizeof boxes[0] && err == SL_OK; i++) {
        err = disk_read_kept(l->disk, kind_of(l, boxes[i]), restore_entry, boxes[i], why);
        box_keep(boxes[i], &(box_keeper_t){.on_add = on_add, .on_remove = on_remove, .ctx = l});
    }
    return err;
}

sl_err keep_start(local_t *l, char sentence[LOCAL_SENTENCE_MAX])
{
    char why[DISK_SENTENCE_MAX];
    if (l->disk == NULL)
        return SL_OK;
    sl_err err = read_all(l, why);
    if (err != SL_OK)
        snprintf(sentence, LOCAL_SENTENCE_MAX, "%s: %s", l->options.data, why);
    return err;
}
