#include "roster.h"

#include "rng.h"
#include <stdio.h>
#include <string.h>

static bool add(roster_t *roster, const carrier_ops_t *ops)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->items[i] == ops)
            return true;
    if (ops == NULL || roster->count == ROSTER_MAX)
        return false;
    roster->items[roster->count++] = ops;
    return true;
}

/* @param plain  neither packed, nor of the others those that keep events. */
static bool add_group(roster_t *roster, bool plain)
{
    bool room = true;
    for (size_t i = 0; carriers[i] != NULL && room; i++) {
        bool ours = carriers[i] == &carrier_sluice;
        if (plain && carriers[i]->keeps && !ours)
            continue;
        room = add(roster, carriers[i]);
        if (!plain && !ours)
            room = room && add(roster, carrier_packed(carriers[i]));
    }
    return room;
}

static bool add_named(roster_t *roster, const char *name)
{
    if (strcmp(name, "all") == 0 || strcmp(name, "plain") == 0)
        return add_group(roster, name[0] == 'p');
    return add(roster, carriers_find(name));
}

bool roster_of(roster_t *roster, const config_list_t *names, const char **wrong)
{
    const char *const *items = names->items;
    roster->count = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (add_named(roster, items[i]))
            continue;
        if (wrong != NULL)
            *wrong = items[i];
        return false;
    }
    return true;
}

/* @return false: told. */
static bool known(config_t *config, const char *key, const char *name)
{
    bool group = strcmp(name, "all") == 0 || strcmp(name, "plain") == 0;
    if (group || carriers_find(name) != NULL)
        return true;
    const char *package = carriers_package(name);
    if (package != NULL)
        config_complain(config, key, "%.40s: this sluice-bench was built without %s", name,
                        package);
    else
        config_complain(config, key, "there is no carrier \"%.40s\"", name);
    return false;
}

void roster_check(config_t *config, const char *key, const config_list_t *names,
                  daemons_transport_t transport)
{
    const char *const *items = names->items;
    roster_t roster = {.count = 0};
    const char *wrong = NULL;
    bool all_known = true;
    if (names->count == 0)
        config_complain(config, key, "none is named");
    for (size_t i = 0; i < names->count; i++) {
        if (!known(config, key, items[i])) {
            all_known = false;
            continue;
        }
        const carrier_ops_t *ops = carriers_find(items[i]); /* not of a group: that is cut down */
        if (transport == DAEMONS_IPC && ops != NULL && !ops->ipc)
            config_complain(config, key, "%s goes over TCP only", ops->name);
    }
    if (all_known && !roster_of(&roster, names, &wrong))
        config_complain(config, key, "more than %d carriers", ROSTER_MAX);
}

void roster_keep(roster_t *roster, bool (*keep)(const carrier_ops_t *ops, const void *ctx),
                 const void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < roster->count; i++)
        if (keep(roster->items[i], ctx))
            roster->items[kept++] = roster->items[i];
    roster->count = kept;
}

static void shuffle(rng_t *rng, size_t count, size_t *order)
{
    for (size_t left = count; left > 1; left--) {
        size_t at = (size_t)rng_below(rng, left), last = order[left - 1];
        order[left - 1] = order[at];
        order[at] = last;
    }
}

void roster_order(size_t count, uint64_t seed, size_t run, size_t order[ROSTER_MAX])
{
    rng_t rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = 0; i <= run; i++)
        shuffle(&rng, count, order);
}

void roster_key(const carrier_ops_t *ops, char out[ROSTER_KEY_MAX])
{
    snprintf(out, ROSTER_KEY_MAX, "%s", ops->name);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : *at;
}
