#include "decode/decode.h"

#include "base64.h"
#include "decode_impl.h"
#include "digest.h"
#include "envelope.h"

#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_MAX = 256, SOURCE_MAX = 2 * ENVELOPE_TEXT_MAX + 256 };

struct decoder {
    sl_buf_t event;
    sl_buf_t layers[2]; /**< a layer is read from one and its inside written to the other */
    envelope_t envelope;
    envelope_xml_t *xml;
    digest_t digest;
    /* What the envelopes said so far; the innermost one that says something wins. */
    envelope_text_t topic_name, topic_owner, message_id;
    bool owned, foreign; /**< MNS stated an owner; another than the place's account */
    int64_t time_ms;
    /* The source name that was made last, and what it was made from: it seldom changes. */
    sl_buf_t source;
    const decode_place_t *source_place;
    envelope_text_t source_topic, source_owner;
    sl_buf_t dead_identity;
    char topic[EVENT_TOPIC_MAX + 1];
    char detail[DETAIL_MAX];
};

typedef struct text {
    const char *at;
    size_t len;
} text_t;

sl_err decoder_create(decoder_t **out)
{
    decoder_t *d = calloc(1, sizeof *d);
    if (d == NULL)
        return SL_ENOMEM;
    if (digest_init(&d->digest) != SL_OK || envelope_xml_create(&d->xml) != SL_OK) {
        decoder_destroy(&d);
        return SL_ENOMEM;
    }
    *out = d;
    return SL_OK;
}

void decoder_destroy(decoder_t **decoder)
{
    decoder_t *d = *decoder;
    if (d == NULL)
        return;
    digest_fini(&d->digest);
    envelope_xml_destroy(&d->xml);
    sl_buf_fini(&d->event);
    sl_buf_fini(&d->layers[0]);
    sl_buf_fini(&d->layers[1]);
    sl_buf_fini(&d->source);
    sl_buf_fini(&d->dead_identity);
    free(d);
    *decoder = NULL;
}

/* -- where it came from -------------------------------------------------------------------- */

static bool same(const envelope_text_t *a, const envelope_text_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void keep(envelope_text_t *to, const envelope_text_t *from)
{
    memcpy(to->data, from->data, from->len);
    to->len = from->len;
}

static bool all_digits(const envelope_text_t *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
    return text->len > 0;
}

/* @return Unix ms, or -1 when it is no time MNS could mean. */
static int64_t parse_ms(const envelope_text_t *text)
{
    if (!all_digits(text) || text->len > 15)
        return -1;
    int64_t ms = 0;
    for (size_t i = 0; i < text->len; i++)
        ms = ms * 10 + (text->data[i] - '0');
    return ms;
}

/* What MNS itself says is outermost; inside is what somebody published, whatever it looks like. */
static void adopt_owner(decoder_t *d, const decode_place_t *place, const envelope_text_t *owner)
{
    if (!all_digits(owner))
        return;
    if (!d->owned)
        d->foreign = owner->len != strlen(place->account) ||
                     memcmp(owner->data, place->account, owner->len) != 0;
    d->owned = true;
    keep(&d->topic_owner, owner);
}

static void adopt(decoder_t *d, const decode_place_t *place)
{
    const envelope_t *envelope = &d->envelope;
    if (envelope->topic_name.len > 0)
        keep(&d->topic_name, &envelope->topic_name);
    adopt_owner(d, place, &envelope->topic_owner);
    if (envelope->message_id.len > 0)
        keep(&d->message_id, &envelope->message_id);
    int64_t ms = parse_ms(&envelope->publish_time);
    if (ms >= 0)
        d->time_ms = ms;
}

static void make_source(decoder_t *d, const decode_place_t *place)
{
    if (d->source_place == place && !d->source.failed && same(&d->source_topic, &d->topic_name) &&
        same(&d->source_owner, &d->topic_owner))
        return;
    sl_buf_t *out = &d->source;
    sl_buf_clear(out);
    d->source_place = place;
    keep(&d->source_topic, &d->topic_name);
    keep(&d->source_owner, &d->topic_owner);
    if (place->source != NULL) {
        sl_buf_append(out, place->source, place->source_len);
        return;
    }
    sl_buf_printf(out, "acs:mns:%s:", place->region);
    if (d->topic_owner.len > 0)
        sl_buf_append(out, d->topic_owner.data, d->topic_owner.len);
    else
        sl_buf_append_str(out, place->account);
    if (d->topic_name.len > 0) {
        sl_buf_append_str(out, ":/topics/");
        sl_buf_append(out, d->topic_name.data, d->topic_name.len);
    } else if (place->topic != NULL) {
        sl_buf_printf(out, ":/topics/%s", place->topic);
    } else {
        sl_buf_printf(out, ":/queues/%s", place->queue);
    }
}

void decoder_forget_place(decoder_t *d)
{
    d->source_place = NULL;
}

static event_origin_t origin_of(decoder_t *d, const decode_place_t *place,
                                const decode_message_t *message)
{
    make_source(d, place);
    bool own = d->message_id.len == 0;
    return (event_origin_t){
        .id = own ? message->id : d->message_id.data,
        .id_len = own ? message->id_len : d->message_id.len,
        .source = (const char *)d->source.data,
        .source_len = d->source.len,
        .time_ms = d->time_ms,
    };
}

/* -- layer by layer ------------------------------------------------------------------------ */

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static text_t trim(text_t text)
{
    if (text.len >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0)
        text = (text_t){text.at + 3, text.len - 3};
    while (text.len > 0 && blank(text.at[0]))
        text = (text_t){text.at + 1, text.len - 1};
    while (text.len > 0 && blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

static text_t text_of(const sl_buf_t *buf)
{
    return (text_t){(const char *)buf->data, buf->len};
}

/* Is it Base64 of something to look into?  Digits and words are Base64 too, of nothing. */
static bool open_base64(const text_t *text, sl_buf_t *inside)
{
    sl_buf_clear(inside);
    if (text->len == 0 || !base64_decode(inside, text->at, text->len))
        return false;
    text_t within = trim(text_of(inside));
    return within.len > 0 && (within.at[0] == '{' || within.at[0] == '<');
}

/* Takes the outermost layer off *text and leaves what was in it.
 * @return NONE, with *bottom set when there was no layer and the text is for the normaliser; else
 *         why it can be no event. */
static event_reason_t peel(decoder_t *d, const decode_place_t *place, text_t *text,
                           sl_buf_t *inside, decode_result_t *result, bool *bottom)
{
    *text = trim(*text);
    char first = text->len > 0 ? text->at[0] : '\0';
    envelope_verdict_t verdict;
    if (first == '{') {
        verdict = envelope_read_json(&d->envelope, inside, text->at, text->len);
        *bottom = verdict == ENVELOPE_NOT || verdict == ENVELOPE_BROKEN;
        result->json_envelopes += verdict == ENVELOPE_FOUND;
    } else if (first == '<') {
        verdict = envelope_read_xml(d->xml, &d->envelope, inside, text->at, text->len);
        if (verdict == ENVELOPE_NOT || verdict == ENVELOPE_BROKEN)
            return verdict == ENVELOPE_NOT ? EVENT_REASON_NOT_A_NOTIFICATION
                                           : EVENT_REASON_BROKEN_XML;
        result->xml_envelopes += verdict == ENVELOPE_FOUND;
    } else {
        *bottom = !open_base64(text, inside);
        result->base64 += !*bottom;
        if (!*bottom)
            *text = text_of(inside);
        return EVENT_REASON_NONE;
    }
    if (*bottom)
        return EVENT_REASON_NONE;
    if (verdict == ENVELOPE_LACKING)
        return EVENT_REASON_BAD_ENVELOPE;
    adopt(d, place);
    const envelope_text_t *md5 = &d->envelope.message_md5;
    *text = text_of(inside);
    if (md5->len > 0 && !digest_matches(&d->digest, text->at, text->len, md5->data, md5->len))
        return EVENT_REASON_BAD_DIGEST;
    return EVENT_REASON_NONE;
}

/* Off with every layer.  @return NONE: *text is for the normaliser. */
static event_reason_t peel_all(decoder_t *d, const decode_place_t *place, text_t *text,
                               decode_result_t *result)
{
    for (unsigned taken = 0;; taken++) {
        bool bottom = false;
        sl_buf_t *inside = &d->layers[taken & 1];
        event_reason_t reason = peel(d, place, text, inside, result, &bottom);
        if (reason != EVENT_REASON_NONE || bottom || inside->failed)
            return reason;
        if (taken == DECODE_NEST_MAX)
            return EVENT_REASON_TOO_NESTED;
    }
}

/* -- what to publish ----------------------------------------------------------------------- */

static void put_dead_letter(decoder_t *d, const event_origin_t *origin,
                            const decode_message_t *message, decode_result_t *result)
{
    sl_buf_clear(&d->event);
    event_dead_letter(&d->event, origin, result->reason, message->body, message->body_len,
                      d->detail, message->attempt);
    int len = snprintf(d->topic, sizeof d->topic, "$dead.%s", event_reason_name(result->reason));
    result->topic_len = (size_t)len;
}

static void put_event(decoder_t *d, const event_origin_t *origin, text_t text,
                      decode_result_t *result)
{
    bool object = text.len > 0 && text.at[0] == '{';
    sl_buf_clear(&d->event);
    event_reason_t reason = event_normalise(&d->event, origin, text.at, text.len, &result->info);
    if (!object && reason != EVENT_REASON_NOT_AN_OBJECT)
        reason = EVENT_REASON_NOT_A_NOTIFICATION;
    result->reason = reason;
    memcpy(d->topic, result->info.topic, sizeof d->topic);
    result->topic_len = result->info.topic_len;
    if (reason != EVENT_REASON_NONE && object)
        snprintf(d->detail, sizeof d->detail, "%s; byte %zu of %zu", event_reason_text(reason),
                 result->info.error_at, text.len);
}

static bool out_of_memory(const decoder_t *d)
{
    return d->event.failed || d->source.failed || d->layers[0].failed || d->layers[1].failed ||
           d->dead_identity.failed;
}

static void keep_said(envelope_text_t *to, const char *text, size_t len)
{
    to->len = len <= sizeof to->data ? len : 0;
    if (to->len > 0)
        memcpy(to->data, text, len);
}

static void begin(decoder_t *d, const decode_place_t *place, const decode_message_t *message,
                  decode_result_t *result)
{
    envelope_text_t owner;
    memset(result, 0, sizeof *result);
    d->topic_owner.len = d->message_id.len = 0;
    d->owned = d->foreign = false;
    keep_said(&d->topic_name, message->topic, message->topic_len);
    keep_said(&owner, message->owner, message->owner_len);
    adopt_owner(d, place, &owner);
    d->time_ms = message->enqueue_time_ms;
    d->detail[0] = '\0';
    sl_buf_clear(&d->event);
    sl_buf_clear(&d->layers[0]);
    sl_buf_clear(&d->layers[1]);
    sl_buf_clear(&d->dead_identity);
}

/* No id holds a zero byte, as long as it is MNS that gives them. */
static void put_identity(decoder_t *d, const event_origin_t *origin, decode_result_t *result)
{
    result->identity = origin->id;
    result->identity_len = origin->id_len;
    if (result->reason == EVENT_REASON_NONE)
        return;
    static const char dead[] = "\0$dead";
    sl_buf_append(&d->dead_identity, origin->id, origin->id_len);
    sl_buf_append(&d->dead_identity, dead, sizeof dead - 1);
    result->identity = (const char *)d->dead_identity.data;
    result->identity_len = d->dead_identity.len;
}

static sl_err finish(decoder_t *d, const event_origin_t *origin, decode_result_t *result)
{
    put_identity(d, origin, result);
    if (out_of_memory(d))
        return SL_ENOMEM;
    result->foreign = d->foreign;
    result->topic = d->topic;
    result->event = d->event.data;
    result->event_len = d->event.len;
    result->source = origin->source;
    result->source_len = origin->source_len;
    result->id = origin->id;
    result->id_len = origin->id_len;
    return SL_OK;
}

sl_err decoder_run(decoder_t *d, const decode_place_t *place, const decode_message_t *message,
                   decode_result_t *result)
{
    begin(d, place, message, result);
    text_t text = {message->body, message->body_len};
    result->reason = peel_all(d, place, &text, result);
    event_origin_t origin = origin_of(d, place, message);
    if (result->reason == EVENT_REASON_NONE)
        put_event(d, &origin, text, result);
    if (out_of_memory(d))
        return SL_ENOMEM;
    if (result->reason != EVENT_REASON_NONE) {
        if (d->detail[0] == '\0')
            snprintf(d->detail, sizeof d->detail, "%s", event_reason_text(result->reason));
        put_dead_letter(d, &origin, message, result);
    }
    return finish(d, &origin, result);
}

sl_err decoder_run_refused(decoder_t *d, const decode_place_t *place,
                           const decode_message_t *message, event_reason_t reason, const char *code,
                           decode_result_t *result)
{
    begin(d, place, message, result);
    text_t text = {message->body, message->body_len};
    /* For the id, the source and the time that its event would have. */
    peel_all(d, place, &text, result);
    event_origin_t origin = origin_of(d, place, message);
    if (out_of_memory(d))
        return SL_ENOMEM;
    result->reason = reason;
    snprintf(d->detail, sizeof d->detail, "%s: %s", event_reason_text(reason), code);
    put_dead_letter(d, &origin, message, result);
    return finish(d, &origin, result);
}
