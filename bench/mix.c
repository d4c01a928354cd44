#include "mix.h"

#include "base/buf.h"
#include "event/normalise.h"
#include "event/reader.h"
#include "sluice.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 32, FILL_ROUNDS = 4 };

#define SOURCE "acs:mns:cn-hangzhou:123456789012:/topics/batch-events"

/* The documentation's samples; % is where the filler goes, in a field of free text, ~ where a name
 * may get one more letter. */
static const char *const bodies[MIX_TOPICS] = {
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"JobName\":"
    "\"render~\","
    "\"Event\":\"OnJobRunning\",\"State\":\"Running\",\"CreationTime\":\"2016-11-01T15:25:02."
    "837728Z\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"\",\"Message\":\"%\"}",
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"Task\":\"Echo~\","
    "\"InstanceId\":\"0\",\"Event\":\"OnInstanceFinished\",\"State\":\"Finished\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"2016-11-01T15:45:02.837728Z\","
    "\"RetryCount\":\"0\",\"Progress\":\"100\",\"ExitCode\":\"0\",\"Detail\":\"%\"}",
    "{\"Category\":\"Cluster\",\"ClusterId\":\"cls-hr2rbl6qt5gki7392b8001\",\"Group\":\"group1~\","
    "\"InstanceId\":\"i-wz9c51g2s6zsrtnqi4fa\",\"InnerIpAddress\":\"10.45.168.26\",\"Hints\":\"%"
    "s\","
    "\"State\":\"Running\",\"CreationTime\":\"2016-11-01T15:25:02.837728Z\","
    "\"Event\":\"OnInstanceActive\"}",
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"JobName\":"
    "\"render~\","
    "\"Event\":\"OnJobFinished\",\"State\":\"Finished\",\"CreationTime\":\"2016-11-01T15:25:02."
    "837728Z\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"2016-11-01T15:45:02.837728Z\","
    "\"Message\":\"%\"}",
};

typedef struct sample {
    sl_buf_t event;
    uint8_t *id; /* its digits, inside the event */
    char topic[EVENT_TOPIC_MAX + 1];
    size_t topic_len;
} sample_t;

struct mix {
    sample_t samples[MIX_TOPICS];
    size_t event_bytes;
    uint32_t publisher;
    uint64_t counter;
};

static void put_body(sl_buf_t *json, const char *body, size_t fill, bool letter)
{
    const char *name = strchr(body, '~'), *text = strchr(body, '%');
    const char *first = name < text ? name : text, *second = name < text ? text : name;
    sl_buf_append(json, body, (size_t)(first - body));
    for (const char *gap = first; gap != NULL; gap = gap == first ? second : NULL) {
        if (gap == name && letter)
            sl_buf_append_byte(json, 'x');
        for (size_t i = 0; gap == text && i < fill; i++)
            sl_buf_append_byte(json, (uint8_t)('a' + i % 26));
        const char *end = gap == first ? second : body + strlen(body);
        sl_buf_append(json, gap + 1, (size_t)(end - gap - 1));
    }
}

/* @return SL_OK, SL_EINVAL, SL_ENOMEM. */
static sl_err normalise(sample_t *sample, const char *body, size_t fill, bool letter)
{
    static const char zeros[ID_DIGITS + 1] = "00000000000000000000000000000000";
    event_origin_t origin = {.id = zeros,
                             .id_len = ID_DIGITS,
                             .source = SOURCE,
                             .source_len = sizeof SOURCE - 1,
                             .time_ms = 1780315200123};
    sl_buf_t json = SL_BUF_INIT;
    put_body(&json, body, fill, letter);
    sl_buf_clear(&sample->event);
    event_info_t info;
    event_reason_t reason = EVENT_REASON_NONE;
    if (!json.failed)
        reason = event_normalise(&sample->event, &origin, json.data, json.len, &info);
    bool failed = json.failed || sample->event.failed;
    sl_buf_fini(&json);
    if (failed || reason != EVENT_REASON_NONE)
        return failed ? SL_ENOMEM : SL_EINVAL;
    memcpy(sample->topic, info.topic, sizeof sample->topic);
    sample->topic_len = info.topic_len;
    return SL_OK;
}

/* Fills up to the size.  A longer text needs a longer msgpack head, so some sizes are passed over:
 * for those the name gets a letter more. */
static sl_err fill_up(sample_t *sample, const char *body, size_t event_bytes, bool letter)
{
    size_t fill = 0;
    for (int round = 0; round < FILL_ROUNDS; round++) {
        sl_err err = normalise(sample, body, fill, letter);
        if (err != SL_OK || sample->event.len == event_bytes)
            return err;
        if (fill + event_bytes < sample->event.len)
            return SL_EINVAL;
        fill = fill + event_bytes - sample->event.len;
    }
    return SL_EINVAL;
}

static sl_err make_sample(sample_t *sample, const char *body, size_t event_bytes)
{
    sl_err err = fill_up(sample, body, event_bytes, false);
    if (err == SL_EINVAL)
        err = fill_up(sample, body, event_bytes, true);
    mp_value_t id;
    if (err == SL_OK && !event_find(sample->event.data, sample->event.len, "id", 2, &id, NULL))
        err = SL_EINVAL;
    if (err == SL_OK)
        sample->id = sample->event.data + (id.bytes.data - sample->event.data);
    return err;
}

sl_err mix_create(mix_t **out, size_t event_bytes, uint32_t publisher)
{
    mix_t *mix = calloc(1, sizeof *mix);
    if (mix == NULL)
        return SL_ENOMEM;
    mix->event_bytes = event_bytes;
    mix->publisher = publisher;
    for (size_t i = 0; i < MIX_TOPICS; i++) {
        sl_err err = make_sample(&mix->samples[i], bodies[i], event_bytes);
        if (err != SL_OK) {
            mix_destroy(&mix);
            return err;
        }
    }
    *out = mix;
    return SL_OK;
}

static void put_hex(uint8_t *at, uint64_t value, size_t digits)
{
    for (size_t i = digits; i > 0; i--, value >>= 4)
        at[i - 1] = (uint8_t) "0123456789ABCDEF"[value & 15];
}

void mix_next(mix_t *mix, mix_event_t *event)
{
    mix_next_on(mix, mix->counter % MIX_TOPICS, event);
}

void mix_next_on(mix_t *mix, size_t topic, mix_event_t *event)
{
    sample_t *sample = &mix->samples[topic];
    put_hex(sample->id, mix->publisher, ID_DIGITS - 16);
    put_hex(sample->id + ID_DIGITS - 16, mix->counter++, 16);
    sluice_event_id(event->id, SOURCE, sizeof SOURCE - 1, (const char *)sample->id, ID_DIGITS);
    event->topic = sample->topic;
    event->topic_len = sample->topic_len;
    event->data = sample->event.data;
    event->len = sample->event.len;
}

/* -- reading ------------------------------------------------------------------------------- */

/* Behind these bytes; NULL when others stand there. */
static const uint8_t *past(const uint8_t *at, const uint8_t *end, const char *bytes, size_t len)
{
    return at != NULL && (size_t)(end - at) >= len && memcmp(at, bytes, len) == 0 ? at + len : NULL;
}

/* Behind a short msgpack string. */
static const uint8_t *past_name(const uint8_t *at, const uint8_t *end)
{
    if (at == NULL || at == end || (*at & 0xe0) != 0xa0)
        return NULL;
    size_t len = 1 + (*at & 0x1fu);
    return (size_t)(end - at) >= len ? at + len : NULL;
}

/* The digits of the id.  An event begins with Category, Event and id in this order, so nothing need
 * be searched for. */
static const uint8_t *find_digits(const uint8_t *data, size_t len)
{
    static const char category[] = "\xa8"
                                   "Category",
                      event[] = "\xa5"
                                "Event",
                      id[] = "\xa2"
                             "id\xd9\x20";
    const uint8_t *end = data + len;
    size_t head = len > 0 && data[0] == 0xde ? 3 : 1; /* map 16, else a map of less than 16 */
    const uint8_t *at = len > head ? data + head : NULL;
    at = past_name(past(at, end, category, sizeof category - 1), end);
    at = past_name(past(at, end, event, sizeof event - 1), end);
    at = past(at, end, id, sizeof id - 1);
    return at != NULL && end - at >= ID_DIGITS ? at : NULL;
}

/* Eight digits at once: each byte to its nibble, then neighbours together, three times. */
static uint32_t get_hex8(const uint8_t *digits)
{
    uint64_t x;
    memcpy(&x, digits, sizeof x);
    x = be64toh(x);
    x = (x & 0x0f0f0f0f0f0f0f0f) + 9 * (x >> 6 & 0x0101010101010101);
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return (uint32_t)(x | x >> 16);
}

bool mix_origin_of(const void *data, size_t len, mix_origin_t *origin)
{
    const uint8_t *digits = find_digits(data, len);
    if (digits == NULL)
        return false;
    origin->publisher = get_hex8(digits + 8);
    origin->counter = (uint64_t)get_hex8(digits + 16) << 32 | get_hex8(digits + 24);
    return true;
}

/* -- the mix itself ------------------------------------------------------------------------- */

const char *mix_topic(const mix_t *mix, size_t topic)
{
    return mix->samples[topic].topic;
}

size_t mix_event_bytes(const mix_t *mix)
{
    return mix->event_bytes;
}

void mix_destroy(mix_t **mix)
{
    if (*mix == NULL)
        return;
    for (size_t i = 0; i < MIX_TOPICS; i++)
        sl_buf_fini(&(*mix)->samples[i].event);
    free(*mix);
    *mix = NULL;
}
