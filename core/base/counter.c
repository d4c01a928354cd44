#include "base/counter.h"

#include <inttypes.h>
#include <stdbool.h>

void counter_registry_add(counter_registry_t *registry, counter_set_t *set)
{
    pthread_mutex_lock(&registry->lock);
    counter_set_t **at = &registry->sets;
    while (*at != NULL)
        at = &(*at)->next;
    set->next = NULL;
    *at = set;
    pthread_mutex_unlock(&registry->lock);
}

void counter_registry_remove(counter_registry_t *registry, counter_set_t *set)
{
    pthread_mutex_lock(&registry->lock);
    for (counter_set_t **at = &registry->sets; *at != NULL; at = &(*at)->next)
        if (*at == set) {
            *at = set->next;
            break;
        }
    pthread_mutex_unlock(&registry->lock);
}

static const char *suffix(const counter_def_t *def)
{
    return def->kind == COUNTER_TOTAL ? "_total" : "";
}

static void render_metric(const counter_set_t *first, size_t row, sl_buf_t *out)
{
    const counter_def_t *def = &first->defs[row];
    sl_buf_printf(out, "# HELP sluice_%s%s %s\n", def->name, suffix(def), def->help);
    sl_buf_printf(out, "# TYPE sluice_%s%s %s\n", def->name, suffix(def),
                  def->kind == COUNTER_TOTAL ? "counter" : "gauge");
    for (const counter_set_t *set = first; set != NULL; set = set->next) {
        if (set->defs != first->defs)
            continue;
        sl_buf_printf(out, "sluice_%s%s", def->name, suffix(def));
        if (set->labels != NULL)
            sl_buf_printf(out, "{%s}", set->labels);
        sl_buf_printf(out, " %" PRIu64 "\n", counter_get(&set->values[row]));
    }
}

static bool table_rendered_before(const counter_registry_t *registry, const counter_set_t *set)
{
    for (const counter_set_t *at = registry->sets; at != set; at = at->next)
        if (at->defs == set->defs)
            return true;
    return false;
}

void counter_render(counter_registry_t *registry, sl_buf_t *out)
{
    pthread_mutex_lock(&registry->lock);
    for (const counter_set_t *set = registry->sets; set != NULL; set = set->next)
        if (!table_rendered_before(registry, set))
            for (size_t row = 0; row < set->count; row++)
                render_metric(set, row, out);
    pthread_mutex_unlock(&registry->lock);
}
