/* path_normalise.c - a notification's text becomes an event.
 *
 *     normalise   BatchCompute's own JSON to msgpack
 *     decode      the same out of MNS's JSON envelope, its digest checked
 *
 * The bodies are the samples of BatchCompute's documentation, in turn. */
#include "guard.h"

#include "decode/decode.h"
#include "envelope.h"

#include <stdio.h>
#include <stdlib.h>

#define ID     "5F1AE3A7B5A3C0D84E1B2F9C6D7E8F90"
#define SOURCE "acs:mns:cn-hangzhou:123456789012:/topics/batch-events"

enum { BODY_MAX = 4096, TIME_MS_BASE = 1780315200 };

static const char *const names[] = {
    "cluster_deleted", "cluster_instance", "instance", "job", "priority_change", "task"};
enum { SAMPLES = sizeof names / sizeof *names };

typedef struct bodies {
    sl_buf_t plain[SAMPLES], wrapped[SAMPLES];
    sl_buf_t event;
    decoder_t *decoder;
} bodies_t;

static const event_origin_t origin = {.id = ID,
                                      .id_len = sizeof ID - 1,
                                      .source = SOURCE,
                                      .source_len = sizeof SOURCE - 1,
                                      .time_ms = (int64_t)TIME_MS_BASE * 1000 + 123};

static void read_sample(sl_buf_t *out, const char *name)
{
    char path[BODY_MAX];
    snprintf(path, sizeof path, SLUICE_SOURCE_DIR "/tests/samples/%s.json", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL || sl_buf_reserve(out, BODY_MAX) != SL_OK)
        guard_fail("a sample cannot be read");
    out->len = fread(out->data, 1, BODY_MAX, file);
    fclose(file);
}

static void *open_bodies(const guard_load_t *load)
{
    bodies_t *b = calloc(1, sizeof *b);
    if (b == NULL || decoder_create(&b->decoder) != SL_OK ||
        load->requests * load->events != SAMPLES)
        guard_fail("no memory, or a step that is not one of each sample");
    for (size_t i = 0; i < SAMPLES; i++) {
        read_sample(&b->plain[i], names[i]);
        envelope_t envelope = {.account = "123456789012",
                               .topic = "batch-events",
                               .subscription = "to-sluice",
                               .message_id = ID,
                               .message = (const char *)b->plain[i].data,
                               .message_len = b->plain[i].len,
                               .publish_time_ms = (uint64_t)origin.time_ms};
        envelope_write(&b->wrapped[i], ENVELOPE_JSON, &envelope);
    }
    return b;
}

static void close_bodies(void *ctx)
{
    bodies_t *b = ctx;
    for (size_t i = 0; i < SAMPLES; i++) {
        sl_buf_fini(&b->plain[i]);
        sl_buf_fini(&b->wrapped[i]);
    }
    sl_buf_fini(&b->event);
    decoder_destroy(&b->decoder);
    free(b);
}

static void step_normalise(void *ctx)
{
    bodies_t *b = ctx;
    for (size_t i = 0; i < SAMPLES; i++) {
        event_info_t info;
        sl_buf_clear(&b->event);
        if (event_normalise(&b->event, &origin, b->plain[i].data, b->plain[i].len, &info) !=
                EVENT_REASON_NONE ||
            info.kind == EVENT_KIND_COUNT)
            guard_fail("a sample is no event");
    }
}

static void step_decode(void *ctx)
{
    static const decode_place_t place = {
        .region = "cn-hangzhou", .account = "123456789012", .queue = "q"};
    bodies_t *b = ctx;
    for (size_t i = 0; i < SAMPLES; i++) {
        decode_message_t message = {.body = (const char *)b->wrapped[i].data,
                                    .body_len = b->wrapped[i].len,
                                    .id = ID,
                                    .id_len = sizeof ID - 1,
                                    .enqueue_time_ms = origin.time_ms,
                                    .attempt = 1};
        decode_result_t result;
        if (decoder_run(b->decoder, &place, &message, &result) != SL_OK ||
            result.reason != EVENT_REASON_NONE || result.json_envelopes != 1)
            guard_fail("an envelope has no event in it");
    }
}

const guard_ops_t guard_normalise = {
    .open = open_bodies, .step = step_normalise, .close = close_bodies};
const guard_ops_t guard_decode = {.open = open_bodies, .step = step_decode, .close = close_bodies};
