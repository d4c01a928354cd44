#include "event/catalogue.h"

#include "field_type.h"

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

field_type_t event_field_type(const char *name, size_t len)
{
    return field_type(name, len);
}
