#include "courier.h"

#include "mns_date.h"
#include "mns_http.h"
#include "push_head.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ANSWER_BODY_MAX = 1 << 20, /* nobody reads it */
    NUMBER_MAX = 24,
};

struct courier_slot {
    mns_exchange_t exchange;
    void *user;
    sl_buf_t base, target; /* each with its NUL; the exchange borrows them */
    courier_slot_t *next;  /* free */
};

struct courier {
    courier_options_t options;
    mns_http_t *http;
    push_key_t *key;
    char *cert_url64; /* as it stands in the header */
    uint64_t number;
    sl_buf_t text, signature;
    courier_slot_t *slots, *free;
    size_t free_count;
};

/* -- life ---------------------------------------------------------------------------------- */

static char *base64(const char *text)
{
    size_t len = strlen(text);
    char *out = malloc(4 * ((len + 2) / 3) + 1);
    if (out != NULL)
        EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    return out;
}

static sl_err as_sl(mns_err err)
{
    return err == MNS_OK ? SL_OK : err == MNS_ENOMEM ? SL_ENOMEM : SL_EIO;
}

static sl_err open_slots(courier_t *c)
{
    c->slots = calloc(c->options.slots, sizeof *c->slots);
    if (c->slots == NULL)
        return SL_ENOMEM;
    for (size_t i = c->options.slots; i-- > 0;) {
        c->slots[i].next = c->free;
        c->free = &c->slots[i];
    }
    c->free_count = c->options.slots;
    return SL_OK;
}

/* A key that is there is read at once, so that what is wrong with it shows at start. */
static sl_err open_key(courier_t *c)
{
    const courier_options_t *o = &c->options;
    if (o->key_file != NULL)
        return push_key_read(&c->key, o->key_file);
    if (o->key_kept != NULL && access(o->key_kept, F_OK) == 0)
        return push_key_read(&c->key, o->key_kept);
    return SL_OK;
}

static sl_err need_key(courier_t *c)
{
    if (c->key != NULL)
        return SL_OK;
    return c->options.key_kept != NULL ? push_key_keep(&c->key, c->options.key_kept)
                                       : push_key_make(&c->key);
}

sl_err courier_create(courier_t **out, const courier_options_t *options)
{
    courier_t *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SL_ENOMEM;
    c->options = *options;
    if (c->options.answer_ms == 0)
        c->options.answer_ms = COURIER_ANSWER_MS;
    c->cert_url64 = base64(options->cert_url);
    const mns_http_options_t http = {.base = "",
                                     .ca_file = options->ca_file,
                                     .loopback = true, /* no proxy, as the service has none */
                                     .connect_timeout_ms = c->options.answer_ms,
                                     .connections = 2 * options->slots};
    sl_err err = c->cert_url64 != NULL ? open_slots(c) : SL_ENOMEM;
    if (err == SL_OK)
        err = as_sl(mns_http_create(&c->http, &http));
    if (err == SL_OK)
        err = open_key(c);
    if (err == SL_OK)
        *out = c;
    else
        courier_destroy(&c);
    return err;
}

void courier_destroy(courier_t **courier)
{
    courier_t *c = *courier;
    if (c == NULL)
        return;
    int saved = errno;
    for (size_t i = 0; c->slots != NULL && i < c->options.slots; i++) {
        mns_exchange_fini(c->http, &c->slots[i].exchange);
        sl_buf_fini(&c->slots[i].base);
        sl_buf_fini(&c->slots[i].target);
    }
    mns_http_destroy(&c->http);
    push_key_destroy(&c->key);
    sl_buf_fini(&c->text);
    sl_buf_fini(&c->signature);
    free(c->slots);
    free(c->cert_url64);
    free(c);
    *courier = NULL;
    errno = saved;
}

const char *courier_certificate(courier_t *c)
{
    return need_key(c) == SL_OK ? push_key_certificate(c->key) : NULL;
}

/* -- out ----------------------------------------------------------------------------------- */

static sl_err sign(courier_t *c, const push_head_t *head)
{
    sl_err err = need_key(c);
    sl_buf_clear(&c->text);
    sl_buf_clear(&c->signature);
    push_string_to_sign(&c->text, head);
    if (err == SL_OK && c->text.failed)
        err = SL_ENOMEM;
    if (err == SL_OK)
        err = push_key_sign(c->key, c->text.data, c->text.len, &c->signature);
    if (err == SL_OK)
        err = sl_buf_append_byte(&c->signature, 0);
    return err;
}

static sl_err write_lines(courier_t *c, mns_exchange_t *x, const push_head_t *head)
{
    sl_err err = sign(c, head);
    if (err != SL_OK)
        return err;
    mns_exchange_head(x);
    mns_exchange_line(x, "Authorization", (const char *)c->signature.data);
    mns_exchange_line(x, "Content-MD5", head->content_md5);
    mns_exchange_line(x, "Content-Type", head->content_type);
    mns_exchange_line(x, "Date", head->date);
    mns_exchange_line(x, "User-Agent", "Aliyun Notification Service Agent");
    mns_exchange_line(x, "Accept", NULL);
    for (size_t i = 0; i < PUSH_HEADER_COUNT; i++)
        if (head->values[i] != NULL && head->values[i][0] != '\0')
            mns_exchange_line(x, push_header_names[i], head->values[i]);
    return x->lines.failed ? SL_ENOMEM : SL_OK;
}

static sl_err write_head(courier_t *c, courier_slot_t *slot, const parcel_t *parcel,
                         uint64_t now_ms)
{
    const subscription_t *s = parcel->subscription;
    char md5[PUSH_CONTENT_MD5_MAX + 1], date[MNS_DATE_LEN + 1];
    char request_id[NUMBER_MAX + 1], publish_time[NUMBER_MAX + 1];
    push_content_md5(s->spec.format, parcel->md5, md5);
    mns_date_write(date, (int64_t)(now_ms / 1000));
    snprintf(request_id, sizeof request_id, "%08" PRIX32 "%016" PRIX64, (uint32_t)c->options.boot,
             ++c->number);
    snprintf(publish_time, sizeof publish_time, "%" PRIu64, parcel->publish_ms);
    const push_head_t head = {.content_md5 = md5,
                              .content_type = push_content_type(s->spec.format),
                              .date = date,
                              .target = (const char *)slot->target.data,
                              .values = {[PUSH_MESSAGE_ID] = parcel->message_id,
                                         [PUSH_MESSAGE_TAG] = parcel->tag,
                                         [PUSH_PUBLISH_TIME] = publish_time,
                                         [PUSH_REQUEST_ID] = request_id,
                                         [PUSH_CERT_URL] = c->cert_url64,
                                         [PUSH_SUBSCRIBER] = c->options.owner,
                                         [PUSH_SUBSCRIPTION_NAME] = s->name,
                                         [PUSH_TOPIC_NAME] = s->topic->name,
                                         [PUSH_TOPIC_OWNER] = c->options.owner,
                                         [PUSH_VERSION] = "2015-06-06"}};
    return write_lines(c, &slot->exchange, &head);
}

static sl_err write_address(courier_slot_t *slot, const endpoint_t *endpoint)
{
    sl_buf_clear(&slot->base);
    sl_buf_clear(&slot->target);
    sl_buf_append(&slot->base, endpoint->text, endpoint->rest_at);
    sl_buf_append_byte(&slot->base, 0);
    endpoint_target(endpoint, &slot->target);
    sl_buf_append_byte(&slot->target, 0);
    return slot->base.failed || slot->target.failed ? SL_ENOMEM : SL_OK;
}

static void put_back(courier_t *c, courier_slot_t *slot)
{
    slot->user = NULL;
    slot->next = c->free;
    c->free = slot;
    c->free_count++;
}

static sl_err start(courier_t *c, courier_slot_t *slot, const parcel_t *parcel, uint64_t now_ms)
{
    mns_exchange_t *x = &slot->exchange;
    sl_err err = x->easy == NULL ? as_sl(mns_exchange_init(c->http, x)) : SL_OK;
    if (err == SL_OK)
        err = write_address(slot, &parcel->subscription->spec.endpoint);
    if (err == SL_OK)
        err = write_head(c, slot, parcel, now_ms);
    if (err != SL_OK)
        return err;
    x->verb = "POST";
    x->base = (const char *)slot->base.data;
    x->target = (const char *)slot->target.data;
    x->body = parcel->body;
    x->body_len = parcel->body_len;
    x->body_max = ANSWER_BODY_MAX;
    x->timeout_ms = c->options.answer_ms;
    x->owner = slot;
    return as_sl(mns_http_start(c->http, x));
}

sl_err courier_send(courier_t *c, const parcel_t *parcel, uint64_t now_ms, void *user,
                    courier_slot_t **slot)
{
    courier_slot_t *s = c->free;
    sl_err err = start(c, s, parcel, now_ms);
    if (err != SL_OK)
        return err;
    c->free = s->next;
    c->free_count--;
    s->user = user;
    *slot = s;
    mns_http_settle(c->http);
    return SL_OK;
}

/* -- back ---------------------------------------------------------------------------------- */

void courier_collect(courier_t *c)
{
    mns_exchange_t *x;
    while ((x = mns_http_take(c->http)) != NULL) {
        courier_slot_t *slot = x->owner;
        void *user = slot->user;
        char note[sizeof x->note];
        courier_answer_t answer = {.status = x->err == MNS_OK ? x->status : 0, .error = note};
        snprintf(note, sizeof note, "%s",
                 x->err == MNS_OK     ? ""
                 : x->note[0] != '\0' ? x->note
                                      : mns_err_text(x->err));
        put_back(c, slot); /* first: who hears of it may send the next */
        c->options.on_back(c->options.ctx, user, &answer);
    }
}

void courier_turn(courier_t *c)
{
    mns_http_turn(c->http, 0);
    courier_collect(c);
    mns_http_settle(c->http);
}

void courier_cut(courier_t *c, courier_slot_t *slot)
{
    mns_exchange_fini(c->http, &slot->exchange);
    slot->exchange = (mns_exchange_t){0};
    put_back(c, slot);
}

size_t courier_free_slots(const courier_t *c)
{
    return c->free_count;
}

int courier_fd(const courier_t *c)
{
    return mns_http_fd(c->http);
}
