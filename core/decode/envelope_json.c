#include "envelope.h"

#include "event/json.h"

typedef struct reading {
    envelope_t *envelope;
    json_str_t message;
    bool category, event;
} reading_t;

/* A short member: a string, or a number as it is written. */
static void read_text(json_scan_t *in, envelope_text_t *text)
{
    json_str_t str;
    json_num_t num;
    text->len = 0; /* one that comes again replaces what came before */
    uint8_t first = json_peek(in);
    if (first == '"') {
        if (!json_string(in, &str) || str.len > ENVELOPE_TEXT_MAX)
            return;
        json_str_copy(&str, (uint8_t *)text->data);
        text->len = str.len;
    } else if (first >= '0' && first <= '9') {
        if (!json_number(in, &num) || num.raw_len > ENVELOPE_TEXT_MAX)
            return;
        memcpy(text->data, num.raw, num.raw_len);
        text->len = num.raw_len;
    } else {
        json_skip(in);
    }
}

static void read_member(reading_t *reading, json_scan_t *in, const json_str_t *key)
{
#define X(name, field)                                             \
    if (key->len == sizeof #name - 1 && json_str_is(key, #name)) { \
        read_text(in, &reading->envelope->field);                  \
        return;                                                    \
    }
    ENVELOPE_MEMBER_MAP(X)
#undef X
    if (json_str_is(key, "Message")) {
        reading->envelope->has_message = json_peek(in) == '"';
        if (reading->envelope->has_message) {
            json_string(in, &reading->message);
            return;
        }
    } else if (json_str_is(key, "Category")) {
        reading->category = true;
    } else if (json_str_is(key, "Event")) {
        reading->event = true;
    }
    json_skip(in);
}

envelope_verdict_t envelope_read_json(envelope_t *envelope, sl_buf_t *message, const char *text,
                                      size_t len)
{
    reading_t reading = {.envelope = envelope};
    json_scan_t in = json_scan(text, len);
    json_str_t key;
    envelope_clear(envelope);
    sl_buf_clear(message);
    if (json_enter(&in, '{'))
        while (json_next_member(&in, &key)) {
            read_member(&reading, &in, &key);
            if (reading.category && reading.event)
                return ENVELOPE_NOT; /* an event; the normaliser reads the rest */
        }
    if (!json_end(&in))
        return ENVELOPE_BROKEN;
    if (envelope_complete(envelope)) {
        json_str_append(message, &reading.message);
        return ENVELOPE_FOUND;
    }
    /* With a message it would be one: an event, or some other object, names no topic and id. */
    envelope->has_message = true;
    return envelope_complete(envelope) ? ENVELOPE_LACKING : ENVELOPE_NOT;
}
