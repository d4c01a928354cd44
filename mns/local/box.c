#include "box.h"

#include <stdlib.h>
#include <utlist.h>

struct box_entry {
    struct box_entry *prev, *next;
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
    free(oldest);
}

void box_clear(box_t *b)
{
    while (b->entries != NULL)
        remove_oldest(b);
}

sl_err box_add(box_t *b, const char *json)
{
    b->added++;
    size_t len = json != NULL ? strlen(json) : 0;
    box_entry_t *entry = json != NULL ? malloc(sizeof *entry + len) : NULL;
    if (entry == NULL) {
        b->dropped++;
        return SL_ENOMEM;
    }
    entry->len = len;
    memcpy(entry->text, json, len);
    DL_APPEND(b->entries, entry);
    b->bytes += size_of(entry);
    b->count++;
    while (b->count > b->count_max || b->bytes > b->bytes_max) {
        remove_oldest(b);
        b->dropped++;
    }
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
