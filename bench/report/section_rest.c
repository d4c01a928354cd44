/* section_rest.c - benches with a table of figures of their own, and files that nobody knows. */
#include "page.h"
#include "systems.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *bench, *id, *title, *intro;
    const char *suffix, *plot, *x_label; /* bars of the figures that end so; NULL: none */
} sections[] = {
    {"fanout", "fanout", "Fan-out, ours alone",
     "Each subscriber a process of its own, beside bare loopback TCP.", NULL, NULL, NULL},
    {"journal", "journal", "Durable intake, and replay",
     "Events kept, by the acknowledgements the publishers have; and events that one reader gets "
     "back. Beside redis streams and NATS JetStream.",
     "_per_s", "Events a second", "events/s"},
    {"ingest", "ingest", "A full MNS queue through bridge and broker",
     "Received, verified, normalised, published, acknowledged, deleted.", NULL, NULL, NULL},
    {"slow", "slow", "Stopped subscribers",
     "What they cost the live ones and the broker, and what they lose.", NULL, NULL, NULL},
};

/* Those that a section of its own shows. */
static const char *const elsewhere[] = {"peers", "latency", "scale"};

static void put_source(page_t *page, size_t section, const figures_source_t *source)
{
    page_source_title(page, source);
    if (sections[section].suffix != NULL)
        page_bars_of(page, source,
                     &(page_bars_t){.suffix = sections[section].suffix,
                                    .title = sections[section].plot,
                                    .x_label = sections[section].x_label,
                                    .other_hue = SYSTEMS_HUE_OURS});
    page_figures(page, source);
    page_notes(page, source);
}

static bool is_known(const char *bench)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (strcmp(bench, sections[i].bench) == 0)
            return true;
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strcmp(bench, elsewhere[i]) == 0)
            return true;
    return false;
}

/* What somebody put into the folder, or a bench that is younger than this page. */
static void put_others(page_t *page)
{
    bool any = false;
    for (size_t i = 0; i < page->figures->count; i++) {
        const figures_source_t *source = &page->figures->items[i];
        if (source->json != NULL && is_known(figures_bench(source)))
            continue;
        if (!any)
            page_section(page, "others", "Other files", NULL);
        any = true;
        page_element(page, "h3", source->name);
        if (source->json == NULL)
            page_element(page, "p", "This file holds no JSON object.");
        else
            page_figures(page, source);
    }
    if (any)
        page_end_section(page);
}

void section_rest(page_t *page)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const figures_source_t *sources[SOURCES_MAX];
        page_section(page, sections[i].id, sections[i].title, sections[i].intro);
        size_t count = page_sources(page, sections[i].bench, sources);
        for (size_t j = 0; j < count; j++)
            put_source(page, i, sources[j]);
        page_end_section(page);
    }
    put_others(page);
}
