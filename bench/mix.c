#include "mix.h"

#include "base/buf.h"
#include "event/normalise.h"
#include "event/reader.h"
#include "sim.h"
#include "sluice.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID_DIGITS = 32,
    COUNTER_DIGITS = 16, /* the last of them; the first are the publisher */
    FILL_ROUNDS = 4,
    WHOLE_MIN = 320, /* from here on the events are whole notifications */
    SIM_SAMPLES = 1000,
    SIM_PASSED_OVER = 2000, /* its beginning, when little runs yet */
    SUFFIX_BYTES = 8,
};

#define SOURCE       "acs:mns:cn-hangzhou:123456789012:/topics/batch-events"
#define SHORT_SOURCE "acs:mns:r:1:/topics/t"

/* The documentation's samples; % is where the filler goes, in a field of free text, ~ where a name
 * may get one more letter, # where an event's name may get a number. */
static const char *const whole_bodies[MIX_TOPICS] = {
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"JobName\":"
    "\"render~\","
    "\"Event\":\"OnJobRunning#\",\"State\":\"Running\",\"CreationTime\":\"2016-11-01T15:25:02."
    "837728Z\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"\",\"Message\":\"%\"}",
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"Task\":\"Echo~\","
    "\"InstanceId\":\"0\",\"Event\":\"OnInstanceFinished#\",\"State\":\"Finished\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"2016-11-01T15:45:02.837728Z\","
    "\"RetryCount\":\"0\",\"Progress\":\"100\",\"ExitCode\":\"0\",\"Detail\":\"%\"}",
    "{\"Category\":\"Cluster\",\"ClusterId\":\"cls-hr2rbl6qt5gki7392b8001\",\"Group\":\"group1~\","
    "\"InstanceId\":\"i-wz9c51g2s6zsrtnqi4fa\",\"InnerIpAddress\":\"10.45.168.26\",\"Hints\":\"%"
    "s\","
    "\"State\":\"Running\",\"CreationTime\":\"2016-11-01T15:25:02.837728Z\","
    "\"Event\":\"OnInstanceActive#\"}",
    "{\"Category\":\"Job\",\"JobId\":\"job-0000000058524720000077E900007257\",\"JobName\":"
    "\"render~\","
    "\"Event\":\"OnJobFinished#\",\"State\":\"Finished\",\"CreationTime\":\"2016-11-01T15:25:02."
    "837728Z\","
    "\"StartTime\":\"2016-11-01T15:35:02.837728Z\",\"EndTime\":\"2016-11-01T15:45:02.837728Z\","
    "\"Message\":\"%\"}",
};

/* What fits in MIX_EVENT_MIN beside the five context members. */
static const char *const short_bodies[MIX_TOPICS] = {
    "{\"Category\":\"Job\",\"Event\":\"OnJobRunning#\",\"Task\":\"~\",\"Detail\":\"%\"}",
    "{\"Category\":\"Job\",\"Event\":\"OnJobStopped#\",\"Task\":\"~\",\"Detail\":\"%\"}",
    "{\"Category\":\"Job\",\"Event\":\"OnTaskFailed#\",\"Task\":\"~\",\"Detail\":\"%\"}",
    "{\"Category\":\"Job\",\"Event\":\"OnJobFailed#\",\"Task\":\"~\",\"Detail\":\"%\"}",
};

typedef struct sample {
    sl_buf_t event;
    uint8_t *id; /* its digits, inside the event */
    const char *source;
    size_t source_len;
    char topic[EVENT_TOPIC_MAX + 1];
    size_t topic_len;
} sample_t;

struct mix {
    sample_t *samples;
    size_t count, at;
    size_t in_a_row, left_in_row;
    size_t event_bytes;
    uint32_t publisher;
    uint64_t counter;
};

/* -- samples -------------------------------------------------------------------------------- */

static void set_source(sample_t *sample, const char *source)
{
    sample->source = source;
    sample->source_len = strlen(source);
}

/* @return SL_OK, SL_EINVAL, SL_ENOMEM. */
static sl_err normalise(sample_t *sample, const void *json, size_t len)
{
    static const char zeros[ID_DIGITS + 1] = "00000000000000000000000000000000";
    event_origin_t origin = {.id = zeros,
                             .id_len = ID_DIGITS,
                             .source = sample->source,
                             .source_len = sample->source_len,
                             .time_ms = 1780315200123};
    sl_buf_clear(&sample->event);
    event_info_t info;
    event_reason_t reason = event_normalise(&sample->event, &origin, json, len, &info);
    if (sample->event.failed)
        return SL_ENOMEM;
    if (reason != EVENT_REASON_NONE)
        return SL_EINVAL;
    memcpy(sample->topic, info.topic, sizeof sample->topic);
    sample->topic_len = info.topic_len;
    return SL_OK;
}

/* What goes into a body's places. */
typedef struct filling {
    size_t fill; /* bytes of text */
    bool letter;
    char suffix[SUFFIX_BYTES]; /* of the event's name */
} filling_t;

static void put_body(sl_buf_t *json, const char *body, const filling_t *filling)
{
    for (const char *at = body; *at != '\0'; at++)
        if (*at == '%')
            for (size_t i = 0; i < filling->fill; i++)
                sl_buf_append_byte(json, (uint8_t)('a' + i % 26));
        else if (*at == '#')
            sl_buf_append(json, filling->suffix, strlen(filling->suffix));
        else if (*at != '~')
            sl_buf_append_byte(json, (uint8_t)*at);
        else if (filling->letter)
            sl_buf_append_byte(json, 'x');
}

static sl_err make_filled(sample_t *sample, const char *body, const filling_t *filling)
{
    sl_buf_t json = SL_BUF_INIT;
    put_body(&json, body, filling);
    sl_err err = json.failed ? SL_ENOMEM : normalise(sample, json.data, json.len);
    sl_buf_fini(&json);
    return err;
}

/* Fills up to the size.  A longer text needs a longer msgpack head, so some sizes are passed over:
 * for those the name gets a letter more. */
static sl_err fill_up(sample_t *sample, const char *body, size_t event_bytes, filling_t *filling)
{
    filling->fill = 0;
    for (int round = 0; round < FILL_ROUNDS; round++) {
        sl_err err = make_filled(sample, body, filling);
        if (err != SL_OK || sample->event.len == event_bytes)
            return err;
        if (filling->fill + event_bytes < sample->event.len)
            return SL_EINVAL;
        filling->fill = filling->fill + event_bytes - sample->event.len;
    }
    return SL_EINVAL;
}

static void put_hex(uint8_t *at, uint64_t value, size_t digits)
{
    for (size_t i = digits; i > 0; i--, value >>= 4)
        at[i - 1] = (uint8_t) "0123456789ABCDEF"[value & 15];
}

/* Where the id stands in the event; it begins with the publisher. */
static sl_err prepare_id(const mix_t *mix, sample_t *sample)
{
    mp_value_t id;
    if (!event_find(sample->event.data, sample->event.len, "id", 2, &id, NULL))
        return SL_EINVAL;
    sample->id = sample->event.data + (id.bytes.data - sample->event.data);
    put_hex(sample->id, mix->publisher, ID_DIGITS - COUNTER_DIGITS);
    return SL_OK;
}

static sl_err make_sample(const mix_t *mix, size_t topic)
{
    sample_t *sample = &mix->samples[topic];
    size_t event_bytes = mix->event_bytes;
    bool whole = event_bytes >= WHOLE_MIN;
    const char *body = (whole ? whole_bodies : short_bodies)[topic % MIX_TOPICS];
    filling_t filling = {0};
    if (topic >= MIX_TOPICS)
        snprintf(filling.suffix, sizeof filling.suffix, "-%03u", (unsigned)topic % 1000);
    set_source(sample, whole ? SOURCE : SHORT_SOURCE);
    sl_err err = fill_up(sample, body, event_bytes, &filling);
    if (err == SL_EINVAL) {
        filling.letter = true;
        err = fill_up(sample, body, event_bytes, &filling);
    }
    return err == SL_OK ? prepare_id(mix, sample) : err;
}

static sl_err make_samples(mix_t *mix)
{
    sl_err err = SL_OK;
    for (size_t i = 0; i < mix->count && err == SL_OK; i++)
        err = make_sample(mix, i);
    return err;
}

static int by_topic(const void *a, const void *b)
{
    return strcmp(((const sample_t *)a)->topic, ((const sample_t *)b)->topic);
}

static sl_err take_from_sim(mix_t *mix)
{
    sim_t *sim = NULL;
    size_t bytes = 0;
    sim_event_t event;
    sl_err err = sim_create(&sim, &(sim_options_t){0});
    for (size_t i = 0; i < SIM_PASSED_OVER && err == SL_OK; i++)
        err = sim_next(sim, &event);
    for (size_t i = 0; i < mix->count && err == SL_OK; i++) {
        sample_t *sample = &mix->samples[i];
        set_source(sample, SOURCE);
        err = sim_next(sim, &event);
        if (err == SL_OK)
            err = normalise(sample, event.body, event.body_len);
        bytes += sample->event.len;
    }
    sim_destroy(&sim);
    if (mix->in_a_row > 1) /* batches of one topic, and as many of each topic as there are */
        qsort(mix->samples, mix->count, sizeof *mix->samples, by_topic);
    for (size_t i = 0; i < mix->count && err == SL_OK; i++)
        err = prepare_id(mix, &mix->samples[i]);
    mix->event_bytes = (bytes + SIM_SAMPLES / 2) / SIM_SAMPLES;
    mix->in_a_row = 1; /* each sample in its turn */
    return err;
}

/* -- the mix -------------------------------------------------------------------------------- */

static size_t or_default(size_t value, size_t standard)
{
    return value != 0 ? value : standard;
}

sl_err mix_create_with(mix_t **out, const mix_options_t *options)
{
    bool from_sim = options->event_bytes == 0;
    if (options->topics > MIX_TOPICS_MAX)
        return SL_EINVAL;
    mix_t *mix = calloc(1, sizeof *mix);
    if (mix == NULL)
        return SL_ENOMEM;
    mix->event_bytes = options->event_bytes;
    mix->publisher = options->publisher;
    mix->in_a_row = or_default(options->in_a_row, 1);
    mix->count = from_sim ? SIM_SAMPLES : or_default(options->topics, MIX_TOPICS);
    mix->samples = calloc(mix->count, sizeof *mix->samples);
    sl_err err = SL_ENOMEM;
    if (mix->samples != NULL)
        err = from_sim ? take_from_sim(mix) : make_samples(mix);
    if (err != SL_OK) {
        mix_destroy(&mix);
        return err;
    }
    mix->left_in_row = mix->in_a_row;
    *out = mix;
    return SL_OK;
}

sl_err mix_create(mix_t **out, size_t event_bytes, uint32_t publisher)
{
    if (event_bytes == 0)
        return SL_EINVAL;
    return mix_create_with(out,
                           &(mix_options_t){.event_bytes = event_bytes, .publisher = publisher});
}

void mix_next(mix_t *mix, mix_event_t *event)
{
    if (mix->left_in_row == 0) {
        mix->at = mix->at + 1 < mix->count ? mix->at + 1 : 0;
        mix->left_in_row = mix->in_a_row;
    }
    mix->left_in_row--;
    mix_next_on(mix, mix->at, event);
}

void mix_next_on(mix_t *mix, size_t topic, mix_event_t *event)
{
    sample_t *sample = &mix->samples[topic];
    put_hex(sample->id + ID_DIGITS - COUNTER_DIGITS, mix->counter++, COUNTER_DIGITS);
    sluice_event_id(event->id, sample->source, sample->source_len, (const char *)sample->id,
                    ID_DIGITS);
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

size_t mix_topics(const mix_t *mix)
{
    return mix->count;
}

const char *mix_topic(const mix_t *mix, size_t topic)
{
    return mix->samples[topic].topic;
}

size_t mix_event_bytes(const mix_t *mix)
{
    return mix->event_bytes;
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The least that so many percent are not above. */
static size_t percentile(const size_t *sorted, size_t count, size_t percent)
{
    return sorted[(count * percent + 99) / 100 - 1];
}

void mix_sizes(const mix_t *mix, mix_sizes_t *sizes)
{
    size_t sorted[SIM_SAMPLES];
    _Static_assert((int)SIM_SAMPLES >= (int)MIX_TOPICS_MAX, "there are no more samples");
    for (size_t i = 0; i < mix->count; i++)
        sorted[i] = mix->samples[i].event.len;
    qsort(sorted, mix->count, sizeof *sorted, by_size);
    *sizes = (mix_sizes_t){.least = sorted[0],
                           .median = percentile(sorted, mix->count, 50),
                           .p99 = percentile(sorted, mix->count, 99),
                           .most = sorted[mix->count - 1]};
}

void mix_destroy(mix_t **mix)
{
    if (*mix == NULL)
        return;
    for (size_t i = 0; (*mix)->samples != NULL && i < (*mix)->count; i++)
        sl_buf_fini(&(*mix)->samples[i].event);
    free((*mix)->samples);
    free(*mix);
    *mix = NULL;
}
