#include "event/catalogue.h"

#include <string.h>

#define NAME(field) #field,
#define LIST(object)               \
    (const char *const[])          \
    {                              \
        object##_FIELDS(NAME) NULL \
    }
#define X(category, event, object, state) \
    [EVENT_##category##_##event] = {#category, #event, state, LIST(object)},
const event_row_t event_catalogue[EVENT_KIND_COUNT] = {EVENT_CATALOGUE(X)};
#undef X

/* The names' lengths, apart from the rows: most rows fall by them, and they fill one cache line. */
typedef struct name_lens {
    uint8_t category, event;
} name_lens_t;

#define X(category, event, object, state) {sizeof #category - 1, sizeof #event - 1},
static const name_lens_t row_lens[EVENT_KIND_COUNT] = {EVENT_CATALOGUE(X)};
#undef X

event_kind_t event_catalogue_find(const char *category, size_t category_len, const char *event,
                                  size_t event_len)
{
    unsigned kind = 0;
    for (; kind < EVENT_KIND_COUNT; kind++) {
        const event_row_t *row = &event_catalogue[kind];
        if (row_lens[kind].event == event_len && row_lens[kind].category == category_len &&
            memcmp(row->event, event, event_len) == 0 &&
            memcmp(row->category, category, category_len) == 0)
            break;
    }
    return (event_kind_t)kind;
}

static inline bool ends_in_time(const char *name, size_t len)
{
    return len >= 4 && memcmp(name + len - 4, "Time", 4) == 0;
}

#define IS(name, literal) (memcmp((name), (literal), sizeof(literal) - 1) == 0)

field_type_t event_field_type(const char *name, size_t len)
{
    bool is_int = false;
    switch (len) {
    case 2:
        is_int = IS(name, "To");
        break;
    case 4:
        is_int = IS(name, "From");
        break;
    case 8:
        is_int = IS(name, "Progress") || IS(name, "ExitCode");
        break;
    case 10:
        is_int = IS(name, "RetryCount");
        break;
    default:
        break;
    }
    if (is_int)
        return FIELD_INT;
    return ends_in_time(name, len) ? FIELD_TIME : FIELD_VERBATIM;
}
