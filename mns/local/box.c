#include "box.h"

#include <stdlib.h>
#include <utlist.h>

struct box_entry {
    struct box_entry *prev, *next;
    uint64_t number; /* by which it is kept */
    size_t len;
    char text[];
};

static size_t size_of(const box_entry_t *entry)
{
    return sizeof *entry + entry->len;
}

void box_init(box_t *b, size_t count_max, size_t bytes_max)
{
    *b = (box_t){.count_max = count_max, .bytes_max = bytes_max};
}

static void remove_oldest(box_t *b)
{
    box_entry_t *oldest = b->entries;
    DL_DELETE(b->entries, oldest);
    b->bytes -= size_of(oldest);
    b->count--;
    if (b->keeper.on_remove != NULL)
        b->keeper.on_remove(b->keeper.ctx, b, oldest->number);
    free(oldest);
}

void box_clear(box_t *b)
{
    while (b->entries != NULL)
        remove_oldest(b);
}

/* NULL: no memory. */
static box_entry_t *append(box_t *b, const char *text, size_t len)
{
    box_entry_t *entry = malloc(sizeof *entry + len);
    if (entry == NULL)
        return NULL;
    entry->number = 0;
    entry->len = len;
    memcpy(entry->text, text, len);
    DL_APPEND(b->entries, entry);
    b->bytes += size_of(entry);
    b->count++;
    return entry;
}

sl_err box_add(box_t *b, const char *json)
{
    b->added++;
    box_entry_t *entry = json != NULL ? append(b, json, strlen(json)) : NULL;
    if (entry == NULL) {
        b->dropped++;
        return SL_ENOMEM;
    }
    if (b->keeper.on_add != NULL)
        entry->number = b->keeper.on_add(b->keeper.ctx, b, entry->text, entry->len);
    while (b->count > b->count_max || b->bytes > b->bytes_max) {
        remove_oldest(b);
        b->dropped++;
    }
    return SL_OK;
}

void box_keep(box_t *b, const box_keeper_t *keeper)
{
    b->keeper = *keeper;
}

sl_err box_restore(box_t *b, uint64_t number, const char *text, size_t len)
{
    box_entry_t *entry = append(b, text, len);
    if (entry == NULL)
        return SL_ENOMEM;
    entry->number = number;
    return SL_OK;
}

void box_write(const box_t *b, const char *name, sl_buf_t *out)
{
    sl_buf_reserve(out, b->bytes);
    sl_buf_printf(out, "{\"%s\":[", name);
    for (const box_entry_t *entry = b->entries; entry != NULL; entry = entry->next) {
        if (entry != b->entries)
            sl_buf_append_byte(out, ',');
        sl_buf_append(out, entry->text, entry->len);
    }
    sl_buf_append_str(out, "]}\n");
}
