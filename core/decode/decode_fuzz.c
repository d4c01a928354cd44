/* decode_fuzz.c - bodies from anybody.
 *
 * Whatever a body is, something comes out that the broker takes: one well-formed msgpack map on a
 * topic that publishers may use.  A dead letter holds the bytes as they came. */
#include "decode/decode.h"

#include "event/reader.h"

#include <stdlib.h>

static decoder_t *decoder;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool token(const char *text, size_t len)
{
    static const char chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || strchr(chars, text[i]) == NULL)
            return false;
    return len >= 1 && len <= EVENT_TOKEN_MAX;
}

static void check_topic(const decode_result_t *result)
{
    const char *dot = memchr(result->topic, '.', result->topic_len);
    must(dot != NULL);
    size_t category = (size_t)(dot - result->topic);
    must(token(dot + 1, result->topic_len - category - 1));
    if (result->reason == EVENT_REASON_NONE)
        must(token(result->topic, category));
    else
        must(category == 5 && memcmp(result->topic, "$dead", 5) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const decode_place_t place = {.region = "r", .account = "1", .queue = "q"};
    decode_message_t message = {.body = size > 0 ? (const char *)data : "",
                                .body_len = size,
                                .id = "id",
                                .id_len = 2,
                                .enqueue_time_ms = 1,
                                .attempt = 1};
    decode_result_t result;
    mp_value_t value;
    if (decoder == NULL)
        must(decoder_create(&decoder) == SL_OK);
    must(decoder_run(decoder, &place, &message, &result) == SL_OK);
    check_topic(&result);
    must(result.source_len > 0 && result.id_len > 0);
    mp_cursor_t in = mp_cursor(result.event, result.event_len);
    must(mp_skip(&in) && in.at == in.end);
    if (result.reason != EVENT_REASON_NONE) {
        must(event_find(result.event, result.event_len, "Body", 4, &value, NULL));
        must(value.type == MP_BIN && value.bytes.len == size);
        must(size == 0 || memcmp(value.bytes.data, data, size) == 0);
    }
    return 0;
}
