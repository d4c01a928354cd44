#include "sim_impl.h"

#include <string.h>
#include <time.h>

/* Each event's values in the order of its fields, made from the catalogue's rows. */
#define V(field) VALUE_##field,
#define LIST(object)                   \
    (const uint8_t[])                  \
    {                                  \
        object##_FIELDS(V) VALUE_COUNT \
    }
#define X(category, event, object, state) [EVENT_##category##_##event] = LIST(object),
static const uint8_t *const event_values[EVENT_KIND_COUNT] = {EVENT_CATALOGUE(X)};
#undef X

#define X(category, event, object, state) [EVENT_##category##_##event] = {#category, #event, state},
static const struct {
    const char *category, *event, *state;
} event_rows[EVENT_KIND_COUNT] = {EVENT_CATALOGUE(X)};
#undef X

#define X(name) {",\"" #name "\":\"", sizeof(#name) + 4},
static const struct {
    const char *text; /* the comma, the name, up to the value's opening quote */
    size_t len;
} value_heads[VALUE_COUNT] = {SIM_VALUES(X)};
#undef X

static void put_escaped(sl_buf_t *out, const char *text)
{
    const char *from = text;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        sl_buf_append(out, from, (size_t)(text - from));
        from = text + 1;
        if (c >= 0x20)
            sl_buf_append(out, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            sl_buf_append(out, "\\n", 2);
        else
            sl_buf_printf(out, "\\u%04x", c);
    }
    sl_buf_append(out, from, (size_t)(text - from));
}

void sim_emit(sim_t *sim, event_kind_t kind, values_t *values)
{
    sl_buf_t *out = &sim->out;
    emitted_t emitted = {.kind = kind, .time_us = sim->now_us, .at = out->len};
    values->of[VALUE_Category] = event_rows[kind].category;
    values->of[VALUE_Event] = event_rows[kind].event;
    if (*event_rows[kind].state != '\0')
        values->of[VALUE_State] = event_rows[kind].state;
    for (const uint8_t *name = event_values[kind]; *name != VALUE_COUNT; name++) {
        const char *value = values->of[*name];
        bool first = out->len == emitted.at;
        if (first)
            sl_buf_append_byte(out, '{');
        sl_buf_append(out, value_heads[*name].text + first, value_heads[*name].len - first);
        put_escaped(out, value == NULL ? "" : value);
        sl_buf_append_byte(out, '"');
    }
    sl_buf_append(out, "}", 2); /* and the NUL */
    emitted.len = out->len - emitted.at - 1;
    sl_buf_append(&sim->queue, &emitted, sizeof emitted);
}

/* `count` decimal digits. */
static char *put_digits(char *out, unsigned value, int count)
{
    for (int i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

const char *sim_time(int64_t us, char out[TIME_BYTES])
{
    struct tm tm;
    time_t second = us / SECOND_US;
    out[0] = '\0';
    if (us == 0 || gmtime_r(&second, &tm) == NULL)
        return out;
    const struct {
        int value, digits;
        char then;
    } parts[] = {{tm.tm_year + 1900, 4, '-'}, {tm.tm_mon + 1, 2, '-'}, {tm.tm_mday, 2, 'T'},
                 {tm.tm_hour, 2, ':'},        {tm.tm_min, 2, ':'},     {tm.tm_sec, 2, '.'}};
    char *end = out;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        end = put_digits(end, (unsigned)parts[i].value, parts[i].digits);
        *end++ = parts[i].then;
    }
    end = put_digits(end, (unsigned)(us % SECOND_US), 6);
    memcpy(end, "Z", 2);
    return out;
}
