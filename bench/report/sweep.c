#include "sweep.h"

#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const figures_source_t *a, const figures_source_t *b, const char *fact)
{
    return strcmp(figures_text(a, fact), figures_text(b, fact)) == 0;
}

static bool equal(double x, double y)
{
    return x == y || (isnan(x) && isnan(y));
}

static bool same_number(const figures_source_t *a, const figures_source_t *b, const char *fact)
{
    return equal(figures_number(a, fact), figures_number(b, fact));
}

static bool share_a_line(const figures_source_t *a, const figures_source_t *b)
{
    return same_text(a, b, "transport") && same_text(a, b, "durability") &&
           same_text(a, b, "publishing") && same_text(a, b, "reading") &&
           same_text(a, b, "others") && same_number(a, b, "event_bytes") &&
           same_number(a, b, "publishers") && same_number(a, b, "batch_bytes");
}

static int by_subs(const void *a, const void *b)
{
    double x = figures_number(*(const figures_source_t *const *)a, "subs");
    double y = figures_number(*(const figures_source_t *const *)b, "subs");
    return (x > y) - (x < y);
}

size_t sweep_of(const figures_source_t *const *sources, size_t count, const figures_source_t **out)
{
    size_t best = 0, best_size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        for (size_t j = 0; j < count; j++)
            size += share_a_line(sources[i], sources[j]);
        if (size > best_size) {
            best = i;
            best_size = size;
        }
    }
    size_t kept = 0;
    for (size_t j = 0; j < count; j++)
        if (share_a_line(sources[best], sources[j]))
            out[kept++] = sources[j];
    if (kept > 0)
        qsort(out, kept, sizeof *out, by_subs);
    return kept;
}

/* -- what differs --------------------------------------------------------------------------- */

typedef double value_fn(const figures_source_t *source);

static double runs(const figures_source_t *source)
{
    return figures_number(source, "runs");
}

static double subs_a_process(const figures_source_t *source)
{
    return figures_number(source, "subs") / figures_number(source, "processes");
}

static double window_events(const figures_source_t *source)
{
    return figures_number(source, "window_events");
}

static double seconds(const figures_source_t *source)
{
    return figures_number(source, "seconds");
}

/* Of the systems that are packed, which are few: the others share a line whatever it is. */
static double pack_bytes(const figures_source_t *source)
{
    return figures_number(source, "pack_bytes");
}

static const struct {
    const char *name;
    value_fn *value;
} harness[] = {
    {"subscribers a process", subs_a_process},
    {"events of window", window_events},
    {"seconds measured", seconds},
    {"bytes of a pack (0: 60 KiB)", pack_bytes},
};

static bool differs(const figures_source_t *const *sweep, size_t count, value_fn *value)
{
    for (size_t i = 1; i < count; i++)
        if (!equal(value(sweep[i]), value(sweep[0])))
            return true;
    return false;
}

/* The value at the first point, and at each where it changes. */
static void append_values(const figures_source_t *const *sweep, size_t count, value_fn *value,
                          char *out, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        char number[NUMBERS_TEXT_MAX], subs[NUMBERS_TEXT_MAX];
        size_t len = strlen(out);
        if (i > 0 && equal(value(sweep[i]), value(sweep[i - 1])))
            continue;
        numbers_plain(number, sizeof number, value(sweep[i]));
        numbers_plain(subs, sizeof subs, figures_number(sweep[i], "subs"));
        if (i == 0)
            snprintf(out + len, size - len, "%s", number);
        else
            snprintf(out + len, size - len, ", from %s subscribers on %s", subs, number);
    }
}

void sweep_runs(const figures_source_t *const *sweep, size_t count, char out[SWEEP_TEXT_MAX])
{
    out[0] = '\0';
    append_values(sweep, count, runs, out, SWEEP_TEXT_MAX);
}

void sweep_differences(const figures_source_t *const *sweep, size_t count, char out[SWEEP_TEXT_MAX])
{
    out[0] = '\0';
    for (size_t i = 0; i < sizeof harness / sizeof harness[0]; i++) {
        size_t len = strlen(out);
        if (!differs(sweep, count, harness[i].value))
            continue;
        snprintf(out + len, SWEEP_TEXT_MAX - len, "%s%s ", len > 0 ? "; " : "", harness[i].name);
        append_values(sweep, count, harness[i].value, out, SWEEP_TEXT_MAX);
    }
}
