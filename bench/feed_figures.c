#include "feed_figures.h"

#include "numbers.h"
#include "roster.h"

#include <string.h>

enum { NAME_BYTES = 96 };

#define EVENTS "_events_per_batch"
#define BYTES  "_batch_bytes"

static void put(result_t *result, const carrier_ops_t *ops, figure_def_t def, double value)
{
    char key[ROSTER_KEY_MAX], name[NAME_BYTES];
    roster_key(ops, key);
    snprintf(name, sizeof name, "%s%s", key, def.name);
    def.name = name;
    result_put_named(result, &def, value);
}

void feed_figures_put(result_t *result, const carrier_ops_t *ops, const feed_batch_t *batch)
{
    if (batch->events == 0)
        return;
    put(result, ops, (figure_def_t){EVENTS, "", "events of a batch on the feed, mean", 1},
        batch->events);
    put(result, ops, (figure_def_t){BYTES, "B", "its bytes, with its header, mean", 0},
        batch->bytes);
}

void feed_figures_print(const result_t *result, FILE *out)
{
    for (size_t i = 0; i < result->count; i++) {
        const char *name = result->defs[i].name;
        size_t len = strlen(name), key = len - (sizeof EVENTS - 1);
        char bytes_name[NAME_BYTES], events[NUMBERS_TEXT_MAX], bytes[NUMBERS_TEXT_MAX];
        if (len < sizeof EVENTS || strcmp(name + key, EVENTS) != 0)
            continue;
        snprintf(bytes_name, sizeof bytes_name, "%.*s" BYTES, (int)key, name);
        numbers_grouped(events, sizeof events, result_median(result, i), 1);
        numbers_grouped(bytes, sizeof bytes, result_median(result, result_find(result, bytes_name)),
                        0);
        fprintf(out, "  - %.*s: %s events, %s bytes a batch on the feed\n", (int)key, name, events,
                bytes);
    }
}
