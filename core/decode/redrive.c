#include "decode/redrive.h"

#include "decode_impl.h"
#include "event/reader.h"

#include <stdio.h>

enum { SOURCE_TEXT_MAX = 1024 };
#define YEAR_10000_S INT64_C(253402300800)

/* -- reading ------------------------------------------------------------------------------- */

/* False: there is none of that name and type. */
static bool find(const void *event, size_t len, const char *name, mp_type_t type, mp_value_t *value)
{
    return event_find(event, len, name, strlen(name), value, NULL) && value->type == type;
}

static bool find_text(const void *event, size_t len, const char *name, const char **text,
                      size_t *text_len)
{
    mp_value_t value;
    if (!find(event, len, name, MP_STR, &value))
        return false;
    *text = (const char *)value.bytes.data;
    *text_len = value.bytes.len;
    return true;
}

sl_err dead_letter_read(dead_letter_t *letter, const void *event, size_t len)
{
    const char *category;
    size_t category_len;
    mp_value_t value;
    mp_cursor_t whole = mp_cursor(event, len);
    *letter = (dead_letter_t){.detail = ""};
    if (!mp_skip(&whole) || whole.at != whole.end ||
        !find_text(event, len, "Category", &category, &category_len) ||
        category_len != strlen("$dead") || memcmp(category, "$dead", category_len) != 0 ||
        !find_text(event, len, "Event", &letter->reason, &letter->reason_len) ||
        !find_text(event, len, "id", &letter->id, &letter->id_len) ||
        !find_text(event, len, "source", &letter->source, &letter->source_len))
        return SL_EPROTO;
    if (!find(event, len, "Body", MP_BIN, &value))
        return SL_EPROTO;
    letter->body = value.bytes.data;
    letter->body_len = value.bytes.len;
    if (!find(event, len, "time", MP_TIME, &value) || value.time.sec >= YEAR_10000_S ||
        value.time.sec < -YEAR_10000_S)
        return SL_EPROTO;
    letter->time_s = value.time.sec;
    letter->time_nsec = value.time.nsec;
    find_text(event, len, "Detail", &letter->detail, &letter->detail_len);
    if (find(event, len, "Attempt", MP_UINT, &value) && value.u64 <= UINT32_MAX)
        letter->attempt = (uint32_t)value.u64;
    return SL_OK;
}

/* -- decoding again ------------------------------------------------------------------------ */

/* Cuts *text at the next colon.  @return what was before it, NUL-terminated; NULL: nothing was. */
static const char *next_part(char **text)
{
    char *part = *text, *colon = strchr(part, ':');
    if (colon == NULL || colon == part)
        return NULL;
    *colon = '\0';
    *text = colon + 1;
    return part;
}

/* "acs:mns:<region>:<account>:/topics/<name>", or "…:/queues/<name>".  `text` is cut up. */
static bool parse_source(decode_place_t *place, char *text)
{
    static const char head[] = "acs:mns:", topics[] = "/topics/", queues[] = "/queues/";
    if (strncmp(text, head, sizeof head - 1) != 0)
        return false;
    text += sizeof head - 1;
    place->region = next_part(&text);
    place->account = place->region != NULL ? next_part(&text) : NULL;
    if (place->account == NULL)
        return false;
    if (strncmp(text, topics, sizeof topics - 1) == 0)
        place->topic = text + sizeof topics - 1;
    else if (strncmp(text, queues, sizeof queues - 1) == 0)
        place->queue = text + sizeof queues - 1;
    else
        return false;
    return true;
}

sl_err decoder_run_again(decoder_t *decoder, const dead_letter_t *letter, decode_result_t *result)
{
    char text[SOURCE_TEXT_MAX];
    decode_place_t place = {0};
    snprintf(text, sizeof text, "%.*s",
             (int)(letter->source_len < sizeof text ? letter->source_len : 0), letter->source);
    if (strlen(text) != letter->source_len || !parse_source(&place, text))
        place = (decode_place_t){
            .account = "", .source = letter->source, .source_len = letter->source_len};
    decode_message_t message = {
        .body = (const char *)letter->body,
        .body_len = letter->body_len,
        .id = letter->id,
        .id_len = letter->id_len,
        .enqueue_time_ms = letter->time_s * 1000 + letter->time_nsec / 1000000,
        .attempt = letter->attempt,
    };
    decoder_forget_place(decoder);
    sl_err err = decoder_run(decoder, &place, &message, result);
    decoder_forget_place(decoder); /* `place` ends here */
    return err;
}
