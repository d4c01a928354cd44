#include "disk_pages.h"

#include "base/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The format, version 1, on a machine of 64 bits that puts the low byte first. */
enum {
    VERSION = 1,
    HEADER_BYTES = 16,
    NODE_BYTES = 8,
    DEPTH_MAX = 32,
    P_BRANCH = 0x01,
    P_LEAF = 0x02,
    P_OVERFLOW = 0x04,
    P_META = 0x08,
    F_BIG = 0x01,   /* the value is on pages of its own */
    F_TABLE = 0x02, /* the value is a table */
    T_INTEGER = 0x08,
    METAS = 2,
};
#define MAGIC   0xBEEFC0DEu
#define NO_PAGE UINT64_MAX

typedef struct page_header {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* together the count of an overflow page's pages */
} page_header_t;

typedef struct table {
    uint32_t pad;
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
} table_t;

typedef struct meta {
    uint32_t magic, version;
    uint64_t address, map_bytes;
    table_t free, main; /* free.pad is the size of a page */
    uint64_t last_page, transaction;
} meta_t;

typedef struct node {
    uint16_t low, high, flags, key_len;
} node_t;

typedef struct walk {
    int fd;
    uint32_t page_bytes;
    uint64_t page_count;
    uint8_t *seen; /* a bit for each page */
    sl_err err;    /* the first thing that was wrong */
} walk_t;

static bool bad(walk_t *w, sl_err err)
{
    if (w->err == SL_OK)
        w->err = err;
    return false;
}

/* -- pages --------------------------------------------------------------------------------- */

static bool read_at(walk_t *w, void *out, size_t len, uint64_t at)
{
    size_t have = 0;
    while (have < len) {
        ssize_t got = pread(w->fd, (char *)out + have, len - have, (off_t)(at + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return bad(w, got < 0 ? SL_EIO : SL_EPROTO);
        have += (size_t)got;
    }
    return true;
}

/* A page is reached, or listed as free, once. */
static bool visit(walk_t *w, uint64_t number)
{
    if (number < METAS || number >= w->page_count || (w->seen[number / 8] & 1u << number % 8) != 0)
        return bad(w, SL_EPROTO);
    w->seen[number / 8] |= (uint8_t)(1u << number % 8);
    return true;
}

static page_header_t header_of(const uint8_t *page)
{
    page_header_t header;
    memcpy(&header, page, sizeof header);
    return header;
}

static size_t key_count(const page_header_t *header)
{
    return (size_t)(header->lower - HEADER_BYTES) / 2;
}

/* Reads a branch or a leaf and judges its header.  NULL: it is bad. */
static uint8_t *read_page(walk_t *w, uint64_t number, uint16_t flags)
{
    if (!visit(w, number))
        return NULL;
    uint8_t *page = malloc(w->page_bytes);
    if (page == NULL) {
        bad(w, SL_ENOMEM);
        return NULL;
    }
    page_header_t header = {0};
    bool good = read_at(w, page, w->page_bytes, number * w->page_bytes);
    if (good)
        header = header_of(page);
    good = good && header.number == number && header.flags == flags &&
           header.lower >= HEADER_BYTES && header.lower % 2 == 0 && header.lower <= header.upper &&
           header.upper <= w->page_bytes && key_count(&header) >= (flags == P_BRANCH ? 2 : 1);
    if (good)
        return page;
    bad(w, SL_EPROTO);
    free(page);
    return NULL;
}

/* The node's parts, all within its page. */
typedef struct entry {
    node_t node;
    const uint8_t *key, *value;
    uint64_t size; /* of a leaf's value */
    uint64_t page; /* a branch's child */
} entry_t;

static bool get_entry(walk_t *w, const uint8_t *page, size_t at, bool leaf, entry_t *e)
{
    page_header_t header = header_of(page);
    uint16_t offset;
    memcpy(&offset, page + HEADER_BYTES + 2 * at, sizeof offset);
    if (offset < header.upper || offset + (uint32_t)NODE_BYTES > w->page_bytes)
        return bad(w, SL_EPROTO);
    memcpy(&e->node, page + offset, sizeof e->node);
    e->key = page + offset + NODE_BYTES;
    e->value = e->key + e->node.key_len;
    e->size = (uint64_t)e->node.high << 16 | e->node.low;
    e->page = e->size | (uint64_t)e->node.flags << 32;
    uint64_t inside = !leaf ? 0 : (e->node.flags & F_BIG) != 0 ? sizeof(uint64_t) : e->size;
    if (offset + NODE_BYTES + e->node.key_len + inside > w->page_bytes)
        return bad(w, SL_EPROTO);
    return !leaf || (e->node.flags & ~(F_BIG | F_TABLE)) == 0 || bad(w, SL_EPROTO);
}

/* -- values -------------------------------------------------------------------------------- */

/* A value on pages of its own.  @param copy  receives it, unless NULL. */
static bool check_big(walk_t *w, const entry_t *e, table_t *counted, sl_buf_t *copy)
{
    uint64_t first;
    page_header_t header;
    uint32_t pages;
    memcpy(&first, e->value, sizeof first);
    if (first >= w->page_count || !read_at(w, &header, sizeof header, first * w->page_bytes))
        return bad(w, SL_EPROTO);
    memcpy(&pages, &header.lower, sizeof pages);
    if (header.number != first || header.flags != P_OVERFLOW ||
        pages < (HEADER_BYTES - 1 + e->size) / w->page_bytes + 1)
        return bad(w, SL_EPROTO);
    for (uint32_t i = 0; i < pages; i++)
        if (!visit(w, first + i))
            return false;
    counted->overflow_pages += pages;
    if (copy == NULL) {
        uint8_t last; /* is the file that long? */
        return read_at(w, &last, 1, first * w->page_bytes + HEADER_BYTES + e->size - 1);
    }
    if (sl_buf_reserve(copy, e->size) != SL_OK)
        return bad(w, SL_ENOMEM);
    copy->len = e->size;
    return read_at(w, copy->data, e->size, first * w->page_bytes + HEADER_BYTES);
}

/* A list of free pages: how many, and then they, falling. */
static bool check_free_list(walk_t *w, const uint8_t *list, size_t len)
{
    uint64_t count, page, before = NO_PAGE;
    if (len < sizeof count)
        return bad(w, SL_EPROTO);
    memcpy(&count, list, sizeof count);
    if (count > len / sizeof page - 1)
        return bad(w, SL_EPROTO);
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&page, list + i * sizeof page, sizeof page);
        if (page >= before)
            return bad(w, SL_EPROTO);
        if (!visit(w, page))
            return false;
        before = page;
    }
    return true;
}

/* -- tables -------------------------------------------------------------------------------- */

typedef enum { TABLE_FREE, TABLE_MAIN, TABLE_NAMED } table_kind_t;

static bool check_table(walk_t *w, const table_t *table, table_kind_t kind);

typedef struct level {
    table_kind_t kind;
    const table_t *table;
    table_t *counted;
    const uint8_t *least, *most; /* keys are at least this and below that; NULL: no bound */
    size_t least_len, most_len;
    unsigned depth;
} level_t;

static int compare(const table_t *table, const uint8_t *a, size_t a_len, const uint8_t *b,
                   size_t b_len)
{
    if ((table->flags & T_INTEGER) != 0 && a_len == sizeof(uint64_t) && b_len == a_len) {
        uint64_t one, other;
        memcpy(&one, a, sizeof one);
        memcpy(&other, b, sizeof other);
        return (one > other) - (one < other);
    }
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static bool check_value(walk_t *w, const level_t *l, const entry_t *e)
{
    sl_buf_t copy = SL_BUF_INIT;
    bool big = (e->node.flags & F_BIG) != 0, table = (e->node.flags & F_TABLE) != 0;
    l->counted->entries++;
    if (table != (l->kind == TABLE_MAIN) || (table && (big || e->size != sizeof(table_t))))
        return bad(w, SL_EPROTO);
    if (table) {
        table_t named;
        memcpy(&named, e->value, sizeof named);
        return check_table(w, &named, TABLE_NAMED);
    }
    bool good = !big || check_big(w, e, l->counted, l->kind == TABLE_FREE ? &copy : NULL);
    if (good && l->kind == TABLE_FREE)
        good =
            big ? check_free_list(w, copy.data, copy.len) : check_free_list(w, e->value, e->size);
    sl_buf_fini(&copy);
    return good;
}

static bool check_key(walk_t *w, const level_t *l, const entry_t *e)
{
    bool sized = (l->table->flags & T_INTEGER) == 0 || e->node.key_len == sizeof(uint64_t);
    bool above =
        l->least == NULL || compare(l->table, e->key, e->node.key_len, l->least, l->least_len) >= 0;
    bool below =
        l->most == NULL || compare(l->table, e->key, e->node.key_len, l->most, l->most_len) < 0;
    return (sized && e->node.key_len > 0 && above && below) || bad(w, SL_EPROTO);
}

static bool check_page(walk_t *w, uint64_t number, const level_t *l);

/* A leaf's entries: each key above the one before. */
static bool check_leaf(walk_t *w, const uint8_t *page, const level_t *l)
{
    page_header_t header = header_of(page);
    entry_t e, before = {.key = NULL};
    l->counted->leaf_pages++;
    for (size_t i = 0; i < key_count(&header); i++, before = e) {
        if (!get_entry(w, page, i, true, &e) || !check_key(w, l, &e) || !check_value(w, l, &e))
            return false;
        if (before.key != NULL &&
            compare(l->table, before.key, before.node.key_len, e.key, e.node.key_len) >= 0)
            return bad(w, SL_EPROTO);
    }
    return true;
}

/* A branch's children: each holds the keys from its own on, and below the next one's.  The first
 * key of a branch says nothing. */
static bool check_branch(walk_t *w, const uint8_t *page, const level_t *l)
{
    page_header_t header = header_of(page);
    size_t count = key_count(&header);
    l->counted->branch_pages++;
    for (size_t i = 0; i < count; i++) {
        entry_t e, next;
        level_t below = *l;
        below.depth++;
        if (!get_entry(w, page, i, false, &e) || (i > 0 && !check_key(w, l, &e)))
            return false;
        if (i > 0) {
            below.least = e.key;
            below.least_len = e.node.key_len;
        }
        if (i + 1 < count) {
            if (!get_entry(w, page, i + 1, false, &next))
                return false;
            below.most = next.key;
            below.most_len = next.node.key_len;
        }
        if (!check_page(w, e.page, &below))
            return false;
    }
    return true;
}

static bool check_page(walk_t *w, uint64_t number, const level_t *l)
{
    bool leaf = l->depth == l->table->depth;
    uint8_t *page = read_page(w, number, leaf ? P_LEAF : P_BRANCH);
    if (page == NULL)
        return false;
    bool good = leaf ? check_leaf(w, page, l) : check_branch(w, page, l);
    free(page);
    return good;
}

static bool check_table(walk_t *w, const table_t *table, table_kind_t kind)
{
    table_t counted = {0};
    level_t l = {.kind = kind, .table = table, .counted = &counted, .depth = 1};
    bool empty = table->root == NO_PAGE;
    if (table->depth > DEPTH_MAX || empty != (table->depth == 0) ||
        (table->flags & ~T_INTEGER) != 0)
        return bad(w, SL_EPROTO);
    if (!empty && !check_page(w, table->root, &l))
        return false;
    return (counted.branch_pages == table->branch_pages &&
            counted.leaf_pages == table->leaf_pages &&
            counted.overflow_pages == table->overflow_pages && counted.entries == table->entries) ||
           bad(w, SL_EPROTO);
}

/* -- the file ------------------------------------------------------------------------------ */

/* Transactions write the two in turn. */
static bool read_metas(walk_t *w, meta_t *newest)
{
    meta_t metas[METAS];
    w->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
    for (uint64_t i = 0; i < METAS; i++) {
        page_header_t header;
        if (!read_at(w, &header, sizeof header, i * w->page_bytes) ||
            !read_at(w, &metas[i], sizeof metas[i], i * w->page_bytes + HEADER_BYTES))
            return false;
        if (header.number != i || header.flags != P_META || metas[i].magic != MAGIC ||
            metas[i].version != VERSION || metas[i].free.pad != w->page_bytes)
            return bad(w, SL_EPROTO);
    }
    uint64_t first = metas[0].transaction, second = metas[1].transaction;
    *newest = first > second ? metas[0] : metas[1];
    bool in_turn = first % 2 == 0 && (first == second + 1 || second == first + 1);
    return in_turn || (first == 0 && second == 0) || bad(w, SL_EPROTO);
}

static bool check_all(walk_t *w, const meta_t *meta)
{
    struct stat file;
    if (fstat(w->fd, &file) != 0)
        return bad(w, SL_EIO);
    /* pages behind the end may be free ones that were never written, but not that many */
    w->page_count = meta->last_page + 1;
    if (w->page_count > 2 * ((uint64_t)file.st_size / w->page_bytes) + (1u << 20))
        return bad(w, SL_EPROTO);
    w->seen = calloc(1, w->page_count / 8 + 1);
    if (w->seen == NULL)
        return bad(w, SL_ENOMEM);
    return check_table(w, &meta->main, TABLE_MAIN) && check_table(w, &meta->free, TABLE_FREE);
}

sl_err disk_pages_check(int fd)
{
    walk_t w = {.fd = fd};
    struct stat file;
    meta_t newest;
    if (fstat(fd, &file) != 0)
        return SL_EIO;
    if (file.st_size == 0)
        return SL_OK;
    if (read_metas(&w, &newest))
        check_all(&w, &newest);
    free(w.seen);
    return w.err;
}
