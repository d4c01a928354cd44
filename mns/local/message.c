/* A store's messages, apart from the queue that each is in: slots, ids and handles, and the part of
 * an answer that is written once. */
#include "disk.h"
#include "queue.h"
#include "xml_out.h"

#include <stdlib.h>
#include <string.h>

/* -- slots --------------------------------------------------------------------------------- */

static sl_err grow_slots(queue_store_t *s, size_t least)
{
    size_t cap = s->slot_cap > 0 ? s->slot_cap * 2 : 1024;
    cap = cap < least ? least : cap;
    if (cap > UINT32_MAX)
        return SL_ELIMIT;
    message_t **slots = realloc(s->slots, cap * sizeof *slots);
    if (slots == NULL)
        return SL_ENOMEM;
    s->slots = slots;
    uint32_t *free_slots = realloc(s->free_slots, cap * sizeof *free_slots);
    if (free_slots == NULL)
        return SL_ENOMEM;
    s->free_slots = free_slots;
    s->slot_cap = cap;
    return SL_OK;
}

static sl_err take_slot(queue_store_t *s, message_t *m)
{
    if (s->free_count > 0) {
        m->slot = s->free_slots[--s->free_count];
    } else {
        sl_err err = s->slot_count == s->slot_cap ? grow_slots(s, 0) : SL_OK;
        if (err != SL_OK)
            return err;
        m->slot = (uint32_t)s->slot_count++;
    }
    s->slots[m->slot] = m;
    return SL_OK;
}

sl_err queue_store_reserve_slots(queue_store_t *s, size_t count)
{
    sl_err err = count > s->slot_cap ? grow_slots(s, count) : SL_OK;
    if (err != SL_OK)
        return err;
    for (; s->slot_count < count; s->slot_count++)
        s->slots[s->slot_count] = NULL;
    return SL_OK;
}

/* -- ids ----------------------------------------------------------------------------------- */

/* A number as upper-case hex digits, as many as `len` says. */
static void put_hex(char *out, uint64_t value, size_t len)
{
    for (size_t i = len; i-- > 0; value >>= 4)
        out[i] = "0123456789ABCDEF"[value & 15];
}

static void put_id(const queue_store_t *s, uint64_t number, char out[MESSAGE_ID_LEN + 1])
{
    put_hex(out, s->boot, 16);
    put_hex(out + 16, number, 16);
    out[MESSAGE_ID_LEN] = '\0';
}

void queue_store_new_id(queue_store_t *s, char out[MESSAGE_ID_LEN + 1])
{
    put_id(s, ++s->number, out);
}

/* -- coming and going ---------------------------------------------------------------------- */

/* Writes the repeated part into the store's scratch buffer, so that what is kept has just its size.
 */
static sl_err write_xml(queue_store_t *s, const message_t *head, const char *body, size_t len,
                        const sl_buf_t *beside)
{
    sl_buf_t *out = &s->scratch;
    sl_buf_clear(out);
    xml_text(out, "MessageId", head->id);
    xml_text(out, "MessageBodyMD5", head->md5);
    xml_open(out, "MessageBody");
    xml_escape(out, body, len);
    xml_close(out, "MessageBody");
    if (beside != NULL)
        sl_buf_append(out, beside->data, beside->len);
    return out->failed ? SL_ENOMEM : SL_OK;
}

static message_t *copy_message(const message_t *head, const sl_buf_t *xml)
{
    message_t *m = malloc(sizeof *m + xml->len);
    if (m == NULL)
        return NULL;
    *m = *head;
    m->xml_len = xml->len;
    memcpy(m->xml, xml->data, xml->len);
    return m;
}

bool queue_store_full(const queue_store_t *s)
{
    return s->bytes >= s->bytes_max || (s->disk != NULL && disk_is_short(s->disk));
}

sl_err message_create(queue_store_t *s, const char *body, size_t len, const sl_buf_t *beside,
                      message_t **out)
{
    message_t head = {.body_bytes = len};
    uint8_t md5[MD5_BYTES];
    if (queue_store_full(s))
        return SL_ELIMIT;
    if (!digest_md5(s->digest, body, len, md5))
        return SL_ENOMEM;
    digest_md5_hex(md5, head.md5);
    queue_store_new_id(s, head.id);
    head.number = s->number;
    if (write_xml(s, &head, body, len, beside) != SL_OK)
        return SL_ENOMEM;
    message_t *m = copy_message(&head, &s->scratch);
    sl_err err = m != NULL ? take_slot(s, m) : SL_ENOMEM;
    if (err != SL_OK) {
        free(m);
        return err;
    }
    s->bytes += sizeof *m + m->xml_len;
    s->message_count++;
    *out = m;
    return SL_OK;
}

void message_destroy(queue_store_t *s, message_t *m)
{
    s->slots[m->slot] = NULL;
    s->free_slots[s->free_count++] = m->slot;
    s->bytes -= sizeof *m + m->xml_len;
    s->message_count--;
    if (s->disk == NULL || !disk_message_gone(s->disk, m))
        free(m);
}

sl_err message_restore(queue_store_t *s, const message_image_t *image, message_t **out)
{
    message_t head = {.number = image->number,
                      .slot = image->slot,
                      .generation = image->generation,
                      .priority = image->priority,
                      .dequeue_count = image->dequeue_count,
                      .enqueue_ms = image->enqueue_ms,
                      .first_dequeue_ms = image->first_dequeue_ms,
                      .next_visible_ms = image->next_visible_ms,
                      .body_bytes = image->body_bytes,
                      .note = {.saved = true, .state_saved = image->has_state}};
    if (image->has_state && (image->slot >= s->slot_count || s->slots[image->slot] != NULL))
        return SL_EPROTO;
    put_id(s, image->number, head.id);
    memcpy(head.md5, image->md5, MD5_HEX);
    sl_buf_clear(&s->scratch);
    if (sl_buf_append(&s->scratch, image->xml, image->xml_len) != SL_OK)
        return SL_ENOMEM;
    message_t *m = copy_message(&head, &s->scratch);
    if (m == NULL)
        return SL_ENOMEM;
    sl_err err = SL_OK;
    if (image->has_state)
        s->slots[m->slot] = m;
    else
        err = take_slot(s, m);
    if (err != SL_OK) {
        free(m);
        return err;
    }
    s->bytes += sizeof *m + m->xml_len;
    s->message_count++;
    *out = m;
    return SL_OK;
}

/* -- receipt handles ----------------------------------------------------------------------- */

/* Four numbers in hex, joined by hyphens: slot, message, generation, process. */
static const size_t receipt_digits[4] = {8, 16, 8, 8};

void message_receipt(const message_t *m, char out[RECEIPT_LEN + 1])
{
    const uint64_t parts[4] = {m->slot, m->number, m->generation, (uint32_t)m->queue->store->boot};
    for (size_t i = 0; i < 4; i++) {
        put_hex(out, parts[i], receipt_digits[i]);
        out += receipt_digits[i];
        *out++ = i < 3 ? '-' : '\0';
    }
}

static bool read_hex(const char *text, size_t len, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr("0123456789ABCDEF", text[i], 16);
        if (digit == NULL)
            return false;
        *value = *value << 4 | (uint64_t)(digit - "0123456789ABCDEF");
    }
    return true;
}

static bool read_receipt(const char *text, uint64_t parts[4])
{
    if (strlen(text) != RECEIPT_LEN)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (!read_hex(text, receipt_digits[i], &parts[i]))
            return false;
        text += receipt_digits[i];
        if (i < 3 && *text++ != '-')
            return false;
    }
    return true;
}

sl_err queue_lookup(queue_t *q, const char *receipt, message_t **out)
{
    queue_store_t *s = q->store;
    uint64_t parts[4];
    if (!read_receipt(receipt, parts) || parts[3] != (uint32_t)s->boot ||
        parts[0] >= s->slot_count || parts[1] > s->number)
        return SL_EINVAL;
    message_t *m = s->slots[parts[0]];
    if (m == NULL || m->number != parts[1])
        return SL_ENOENT;
    if (m->queue != q || m->state == MESSAGE_ACTIVE || m->generation != parts[2])
        return SL_EINVAL;
    *out = m;
    return SL_OK;
}
