#include "figures.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 16 << 20, READ_BYTES = 1 << 16 };

/* -- reading -------------------------------------------------------------------------------- */

/* @return the object in the file; NULL when it holds none. */
static cJSON *read_object(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return NULL;
    sl_buf_t text = SL_BUF_INIT;
    size_t got = 1;
    while (got > 0 && text.len < FILE_BYTES_MAX && sl_buf_reserve(&text, READ_BYTES) == SL_OK) {
        got = fread(text.data + text.len, 1, READ_BYTES, file);
        text.len += got;
    }
    bool whole = got == 0 && ferror(file) == 0;
    fclose(file);
    cJSON *json = whole ? cJSON_ParseWithLength((const char *)text.data, text.len) : NULL;
    sl_buf_fini(&text);
    if (json != NULL && !cJSON_IsObject(json)) {
        cJSON_Delete(json);
        json = NULL;
    }
    return json;
}

static sl_err add(figures_t *figures, const char *dir, const char *file, size_t name_len)
{
    figures_source_t *items =
        realloc(figures->items, (figures->count + 1) * sizeof *figures->items);
    if (items == NULL)
        return SL_ENOMEM;
    figures->items = items;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    figures_source_t *source = &items[figures->count++];
    snprintf(source->name, sizeof source->name, "%.*s", (int)name_len, file);
    source->json = read_object(path);
    return SL_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const figures_source_t *)a)->name, ((const figures_source_t *)b)->name);
}

sl_err figures_read(figures_t *out, const char *dir)
{
    figures_t figures = {0};
    DIR *folder = opendir(dir);
    if (folder == NULL)
        return errno == ENOENT ? SL_ENOENT : SL_EIO;
    sl_err err = SL_OK;
    for (const struct dirent *entry; err == SL_OK && (entry = readdir(folder)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        size_t len = dot == NULL ? 0 : (size_t)(dot - entry->d_name);
        if (len == 0 || len >= FIGURES_NAME_MAX || strcmp(dot, ".json") != 0 ||
            strcmp(entry->d_name, FIGURES_REPORT ".json") == 0)
            continue;
        err = add(&figures, dir, entry->d_name, len);
    }
    closedir(folder);
    if (err != SL_OK) {
        figures_fini(&figures);
        return err;
    }
    if (figures.count > 0)
        qsort(figures.items, figures.count, sizeof *figures.items, by_name);
    *out = figures;
    return SL_OK;
}

void figures_fini(figures_t *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        cJSON_Delete(figures->items[i].json);
    free(figures->items);
    *figures = (figures_t){0};
}

/* -- asking --------------------------------------------------------------------------------- */

const figures_source_t *figures_find(const figures_t *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++)
        if (strcmp(figures->items[i].name, name) == 0)
            return figures->items[i].json == NULL ? NULL : &figures->items[i];
    return NULL;
}

const char *figures_bench(const figures_source_t *source)
{
    return figures_text(source, "bench");
}

double figures_number(const figures_source_t *source, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(source->json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

const char *figures_text(const figures_source_t *source, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(source->json, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

figures_spread_t figures_spread(const figures_source_t *source, const char *name)
{
    char min[FIGURES_NAME_MAX + 8], max[FIGURES_NAME_MAX + 8];
    snprintf(min, sizeof min, "%s_min", name);
    snprintf(max, sizeof max, "%s_max", name);
    figures_spread_t spread = {figures_number(source, name), figures_number(source, min),
                               figures_number(source, max)};
    if (isnan(spread.median) || isnan(spread.min) || isnan(spread.max))
        return (figures_spread_t){NAN, NAN, NAN};
    return spread;
}

double figures_runs(const figures_source_t *source, const char *name)
{
    char each[FIGURES_NAME_MAX + 8];
    snprintf(each, sizeof each, "%s_runs", name);
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(source->json, each), *run;
    if (!cJSON_IsArray(runs))
        return figures_number(source, "runs");
    double count = 0;
    cJSON_ArrayForEach(run, runs)
    {
        count += cJSON_IsNumber(run);
    }
    return count;
}

bool figures_is_figure(const figures_source_t *source, const cJSON *member)
{
    return cJSON_IsNumber(member) && strlen(member->string) < FIGURES_NAME_MAX &&
           !isnan(figures_spread(source, member->string).median);
}

size_t figures_prefixes(const figures_source_t *source, const char *suffix,
                        char (*out)[FIGURES_NAME_MAX], size_t max)
{
    size_t count = 0, suffix_len = strlen(suffix);
    for (const cJSON *member = source->json->child; member != NULL && count < max;
         member = member->next) {
        size_t len = strlen(member->string);
        if (len <= suffix_len || strcmp(member->string + len - suffix_len, suffix) != 0 ||
            !figures_is_figure(source, member))
            continue;
        snprintf(out[count++], FIGURES_NAME_MAX, "%.*s", (int)(len - suffix_len), member->string);
    }
    return count;
}
