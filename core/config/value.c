#include "config_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The factors of BYTES, MS and US, largest first: printing takes the first that divides. */
typedef struct unit {
    const char *name;
    uint64_t factor;
} unit_t;

static const unit_t byte_units[] = {{"T", (uint64_t)1 << 40},
                                    {"G", (uint64_t)1 << 30},
                                    {"M", (uint64_t)1 << 20},
                                    {"k", (uint64_t)1 << 10},
                                    {"", 1}};
static const unit_t ms_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const unit_t us_units[] = {
    {"h", 3600000000}, {"m", 60000000}, {"s", 1000000}, {"ms", 1000}, {"us", 1}};
static const unit_t no_units[] = {{"", 1}};

enum { UNITS_MAX = 5 };

static const unit_t *units_of(config_kind_t kind, size_t *count)
{
    *count = kind == CONFIG_U64 ? 1 : UNITS_MAX;
    switch (kind) {
    case CONFIG_BYTES:
        return byte_units;
    case CONFIG_MS:
        return ms_units;
    case CONFIG_US:
        return us_units;
    default:
        return no_units;
    }
}

void value_print_number(config_kind_t kind, uint64_t number, char *out, size_t size)
{
    size_t count;
    const unit_t *unit = units_of(kind, &count);
    while (unit->factor > 1 && (number == 0 || number % unit->factor != 0))
        unit++;
    snprintf(out, size, "%" PRIu64 "%s", number / unit->factor, unit->name);
}

static bool unit_factor(config_kind_t kind, const char *suffix, uint64_t *factor)
{
    size_t count;
    const unit_t *units = units_of(kind, &count);
    *factor = 1; /* a bare number is bytes, milliseconds or microseconds */
    if (*suffix == '\0')
        return true;
    for (size_t i = 0; i < count; i++)
        if (strcmp(suffix, units[i].name) == 0 ||
            (kind == CONFIG_BYTES && strcmp(suffix, "K") == 0 && *units[i].name == 'k')) {
            *factor = units[i].factor;
            return true;
        }
    return false;
}

bool value_set_number(const config_opt_t *opt, char *base, uint64_t number,
                      char why[CONFIG_WHY_BYTES])
{
    char is[32], limit[32];
    value_print_number(opt->kind, number, is, sizeof is);
    if (number < opt->min) {
        value_print_number(opt->kind, opt->min, limit, sizeof limit);
        snprintf(why, CONFIG_WHY_BYTES, "%s is below the limit %s", is, limit);
        return false;
    }
    if (opt->max != 0 && number > opt->max) {
        value_print_number(opt->kind, opt->max, limit, sizeof limit);
        snprintf(why, CONFIG_WHY_BYTES, "%s is above the limit %s", is, limit);
        return false;
    }
    *(uint64_t *)(void *)(base + opt->offset) = number;
    return true;
}

static const char *number_form(config_kind_t kind)
{
    switch (kind) {
    case CONFIG_BYTES:
        return "a number of bytes such as 4096, 64k, 16M or 2G";
    case CONFIG_MS:
        return "a time such as 250ms, 5s, 10m, 2h or 7d";
    case CONFIG_US:
        return "a time such as 250us, 2ms or 5s";
    default:
        return "a whole number";
    }
}

static bool set_number(const config_opt_t *opt, char *base, const char *text, char *why)
{
    uint64_t number = 0, factor;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || !unit_factor(opt->kind, text + digits, &factor)) {
        snprintf(why, CONFIG_WHY_BYTES, "\"%.60s\" is not %s", text, number_form(opt->kind));
        return false;
    }
    bool wide = false;
    for (size_t i = 0; i < digits; i++)
        wide |= __builtin_mul_overflow(number, (uint64_t)10, &number) ||
                __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number);
    if (wide || __builtin_mul_overflow(number, factor, &number)) {
        snprintf(why, CONFIG_WHY_BYTES, "%.60s is too large", text);
        return false;
    }
    return value_set_number(opt, base, number, why);
}

static bool set_bool(const config_opt_t *opt, char *base, const char *text, char *why)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *(bool *)(base + opt->offset) = (i & 1) != 0;
            return true;
        }
    snprintf(why, CONFIG_WHY_BYTES, "\"%.60s\" is neither true nor false", text);
    return false;
}

static bool set_choice(const config_opt_t *opt, char *base, const char *text, char *why)
{
    size_t len = strlen(text);
    int index = 0;
    for (const char *at = opt->choices;; index++) {
        size_t word = strcspn(at, "|");
        if (word == len && memcmp(at, text, len) == 0) {
            *(int *)(void *)(base + opt->offset) = index;
            return true;
        }
        if (at[word] == '\0')
            break;
        at += word + 1;
    }
    snprintf(why, CONFIG_WHY_BYTES, "\"%.60s\" is none of %s", text, opt->choices);
    return false;
}

/* The capacity is the next power of two, so only a full power needs new memory. */
bool value_list_add(config_t *config, config_list_t *list, const char *text, size_t len)
{
    if ((list->count & (list->count - 1)) == 0) {
        size_t cap = list->count == 0 ? 1 : 2 * list->count;
        const char **wider = config_keep(config, cap * sizeof *wider);
        if (wider == NULL)
            return false;
        if (list->count > 0)
            memcpy(wider, list->items, list->count * sizeof *wider);
        list->items = (void *)wider;
    }
    const char *kept = config_keep_text(config, text, len);
    if (kept == NULL)
        return false;
    ((const char **)list->items)[list->count++] = kept;
    return true;
}

static bool set_list(config_t *config, const config_opt_t *opt, char *base, const char *text,
                     bool append)
{
    config_list_t *list = (config_list_t *)(void *)(base + opt->offset);
    if (!append)
        *list = (config_list_t){NULL, 0};
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len > 0 && !value_list_add(config, list, text, len))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

bool value_set_text(config_t *config, const config_opt_t *opt, char *base, const char *text,
                    bool append, char why[CONFIG_WHY_BYTES])
{
    snprintf(why, CONFIG_WHY_BYTES, "out of memory");
    switch (opt->kind) {
    case CONFIG_STR: {
        const char *kept = config_keep_text(config, text, strlen(text));
        *(const char **)(void *)(base + opt->offset) = kept;
        return kept != NULL;
    }
    case CONFIG_U64:
    case CONFIG_BYTES:
    case CONFIG_MS:
    case CONFIG_US:
        return set_number(opt, base, text, why);
    case CONFIG_BOOL:
        return set_bool(opt, base, text, why);
    case CONFIG_CHOICE:
        return set_choice(opt, base, text, why);
    case CONFIG_STR_LIST:
        return set_list(config, opt, base, text, append);
    case CONFIG_OBJECTS:
        break;
    }
    snprintf(why, CONFIG_WHY_BYTES, "can stand in the file only");
    return false;
}

void value_set_defaults(config_t *config, const config_table_t *table, char *base)
{
    for (size_t i = 0; i < table->count; i++) {
        const config_opt_t *opt = &table->opts[i];
        char why[CONFIG_WHY_BYTES];
        if (opt->def != NULL && !value_set_text(config, opt, base, opt->def, false, why))
            config_report(config, &(config_place_t){.name = opt->key}, "the default: %s", why);
    }
}
