#include "journal/pages.h"

#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* LMDB's format, by offset (mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node). */
enum {
    HEAD_BYTES = 16,
    AT_PAGE_NUMBER = 0,
    AT_PAGE_FLAGS = 10,
    AT_PAGE_LOWER = 12, /* of an overflow page: how many it is, four bytes */
    AT_PAGE_UPPER = 14,

    AT_META_MAGIC = HEAD_BYTES,
    AT_META_VERSION = AT_META_MAGIC + 4,
    AT_META_MAP_BYTES = AT_META_MAGIC + 16,
    AT_META_FREE = AT_META_MAGIC + 24,
    AT_META_MAIN = AT_META_FREE + 48,
    AT_META_LAST_PAGE = AT_META_MAIN + 48,
    AT_META_TXN = AT_META_LAST_PAGE + 8,

    AT_TREE_PAD = 0, /* of the free tree: the size of a page */
    AT_TREE_FLAGS = 4,
    AT_TREE_DEPTH = 6,
    AT_TREE_BRANCHES = 8,
    AT_TREE_LEAVES = 16,
    AT_TREE_OVERFLOWS = 24,
    AT_TREE_ENTRIES = 32,
    AT_TREE_ROOT = 40,

    NODE_HEAD_BYTES = 8,
    NODE_BIG = 1,

    FLAG_BRANCH = 0x01,
    FLAG_LEAF = 0x02,
    FLAG_OVERFLOW = 0x04,
    FLAG_META = 0x08,

    TREE_INTEGER_KEYS = 0x08,
    ENV_NO_SUBDIR = 0x4000, /* is stored with the free tree's flags, and means nothing there */

    DATA_VERSION = 1,
    FIRST_PAGE = 2,
    KEY_BYTES_MAX = 511,
};
#define META_MAGIC 0xBEEFC0DEu
#define NO_PAGE    UINT64_MAX

typedef struct slice {
    const uint8_t *at; /* NULL: no bound */
    size_t len;
} slice_t;

typedef struct node {
    slice_t key;
    uint64_t child; /* of a branch, or of a value that lies in pages of its own */
    bool big;
    const uint8_t *data;
    uint32_t data_len;
    size_t bytes; /* that it takes in its page */
} node_t;

/* One of the two trees, while it is walked. */
typedef struct climb {
    pages_t *p;
    const pages_tree_t *said;
    pages_tree_t seen;
    page_kind_t branch_kind, leaf_kind, overflow_kind;
    int (*compare)(slice_t a, slice_t b);
    sl_err (*entry)(struct climb *c, slice_t key, slice_t value, size_t room);
    pages_entry_fn *show;
    void *ctx;
} climb_t;

static sl_err fault(pages_t *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static sl_err fault(pages_t *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->fault, sizeof p->fault, format, args);
    va_end(args);
    return SL_EPROTO;
}

/* -- reading ---------------------------------------------------------------------------------- */

static sl_err read_pages(pages_t *p, uint64_t page, uint64_t count, uint8_t *to)
{
    if (page >= p->file_pages || count > p->file_pages - page)
        return fault(p, "page %" PRIu64 " lies behind the end of the file", page + count - 1);
    size_t want = (size_t)count * PAGE_BYTES;
    for (size_t have = 0; have < want;) {
        ssize_t n = pread(p->fd, to + have, want - have, (off_t)(page * PAGE_BYTES + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SL_EIO; /* no damage: what is there may be whole */
        if (n == 0)
            return fault(p, "page %" PRIu64 " cannot be read: the file ended",
                         page + have / PAGE_BYTES);
        have += (size_t)n;
    }
    return SL_OK;
}

/* Marks pages as used; each may be used once. */
static sl_err claim(pages_t *p, uint64_t page, uint64_t count, page_kind_t kind)
{
    if (page < FIRST_PAGE || page >= p->count || count > p->count - page)
        return fault(p, "page %" PRIu64 " is none", page);
    for (uint64_t i = page; i < page + count; i++) {
        if (p->kinds[i] != PAGE_UNUSED)
            return fault(p, "page %" PRIu64 " is used twice", i);
        p->kinds[i] = (uint8_t)kind;
    }
    return SL_OK;
}

/* -- meta pages ------------------------------------------------------------------------------- */

static void read_tree(pages_tree_t *tree, const uint8_t *at)
{
    *tree = (pages_tree_t){
        .flags = get_u16(at + AT_TREE_FLAGS),
        .depth = get_u16(at + AT_TREE_DEPTH),
        .branches = get_u64(at + AT_TREE_BRANCHES),
        .leaves = get_u64(at + AT_TREE_LEAVES),
        .overflows = get_u64(at + AT_TREE_OVERFLOWS),
        .entries = get_u64(at + AT_TREE_ENTRIES),
        .root = get_u64(at + AT_TREE_ROOT),
    };
}

static sl_err read_meta(pages_t *p, uint64_t number, pages_meta_t *meta)
{
    uint8_t *at = p->stack[0];
    sl_err err = read_pages(p, number, 1, at);
    if (err != SL_OK)
        return err;
    if (get_u64(at + AT_PAGE_NUMBER) != number || get_u16(at + AT_PAGE_FLAGS) != FLAG_META ||
        get_u32(at + AT_META_MAGIC) != META_MAGIC)
        return fault(p, "page %" PRIu64 " is no meta page", number);
    if (get_u32(at + AT_META_VERSION) != DATA_VERSION ||
        get_u32(at + AT_META_FREE + AT_TREE_PAD) != PAGE_BYTES)
        return fault(p, "meta page %" PRIu64 " has another version or page size", number);
    read_tree(&meta->free, at + AT_META_FREE);
    read_tree(&meta->main, at + AT_META_MAIN);
    meta->map_pages = get_u64(at + AT_META_MAP_BYTES) / PAGE_BYTES;
    meta->last_page = get_u64(at + AT_META_LAST_PAGE);
    meta->txn = get_u64(at + AT_META_TXN);
    if ((meta->free.flags & ~ENV_NO_SUBDIR) != TREE_INTEGER_KEYS || meta->main.flags != 0)
        return fault(p, "meta page %" PRIu64 " has flags that no journal has", number);
    return SL_OK;
}

/* Transactions write the two in turn: one is exactly one behind the other. */
static bool txns_alternate(uint64_t even, uint64_t odd)
{
    return (even == 0 && odd == 0) ||
           (even % 2 == 0 && odd % 2 == 1 && (even == odd + 1 || odd == even + 1));
}

sl_err pages_open(pages_t *p, const char *path)
{
    memset(p, 0, sizeof *p);
    p->fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (p->fd < 0 || fstat(p->fd, &st) != 0)
        return SL_EIO;
    p->file_pages = (uint64_t)st.st_size / PAGE_BYTES;
    posix_fadvise(p->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    pages_meta_t metas[2] = {0};
    for (uint64_t i = 0; i < 2; i++) {
        sl_err err = read_meta(p, i, &metas[i]);
        if (err != SL_OK)
            return err;
    }
    if (!txns_alternate(metas[0].txn, metas[1].txn))
        return fault(p,
                     "transactions %" PRIu64 " and %" PRIu64 " in the meta pages do not alternate",
                     metas[0].txn, metas[1].txn);
    p->meta = metas[metas[1].txn > metas[0].txn];
    p->count = p->meta.last_page + 1;
    /* Not held against the file's size: pages at its end may be free, and never have been written.
     */
    if (p->meta.last_page < FIRST_PAGE - 1 || p->meta.last_page >= p->meta.map_pages)
        return fault(p, "the last page, %" PRIu64 ", is none", p->meta.last_page);
    return SL_OK;
}

/* Zeros, or a meta page as it was made. */
static bool is_new_page(pages_t *p, uint64_t number)
{
    static const uint8_t zeros[PAGE_BYTES];
    pages_meta_t meta = {0};
    ssize_t n = pread(p->fd, p->stack[0], PAGE_BYTES, (off_t)(number * PAGE_BYTES));
    if (n >= 0 && memcmp(p->stack[0], zeros, (size_t)n) == 0)
        return true;
    return number < FIRST_PAGE && read_meta(p, number, &meta) == SL_OK && meta.txn == 0;
}

bool pages_never_written(const char *path)
{
    enum { FIRST_PAGES_MAX = 16 }; /* of a first transaction */
    struct stat st;
    pages_t *p = calloc(1, sizeof *p);
    if (p == NULL)
        return false;
    p->fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_new =
        p->fd >= 0 && fstat(p->fd, &st) == 0 && st.st_size <= FIRST_PAGES_MAX * PAGE_BYTES;
    p->file_pages = is_new ? (uint64_t)st.st_size / PAGE_BYTES : 0;
    for (uint64_t i = 0; is_new && i <= p->file_pages; i++)
        is_new = is_new_page(p, i);
    pages_close(p);
    free(p);
    return is_new;
}

void pages_close(pages_t *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    free(p->kinds);
    free(p->value);
    p->kinds = p->value = NULL;
}

/* -- nodes ------------------------------------------------------------------------------------ */

static int compare_bytes(slice_t a, slice_t b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_numbers(slice_t a, slice_t b)
{
    uint64_t x = get_u64(a.at), y = get_u64(b.at);
    return (x > y) - (x < y);
}

static uint32_t node_count(const uint8_t *page)
{
    return (uint32_t)(get_u16(page + AT_PAGE_LOWER) - HEAD_BYTES) / 2;
}

/* Reads node `i`; false: it does not lie within its page. */
static bool read_node(const uint8_t *page, uint32_t i, bool leaf, node_t *node)
{
    uint16_t upper = get_u16(page + AT_PAGE_UPPER);
    uint16_t offset = get_u16(page + HEAD_BYTES + 2 * i);
    if (offset < upper || offset % 2 != 0 || offset + NODE_HEAD_BYTES > PAGE_BYTES)
        return false;
    const uint8_t *at = page + offset;
    uint32_t low = get_u32(at);
    uint16_t flags = get_u16(at + 4), key_len = get_u16(at + 6);
    size_t inside = 0;
    *node =
        (node_t){.key = {at + NODE_HEAD_BYTES, key_len}, .data = at + NODE_HEAD_BYTES + key_len};
    if (leaf) {
        if ((flags & ~NODE_BIG) != 0)
            return false;
        node->big = flags == NODE_BIG;
        node->data_len = low;
        inside = node->big ? sizeof(uint64_t) : low;
    } else {
        node->child = low | (uint64_t)flags << 32;
    }
    node->bytes = (NODE_HEAD_BYTES + key_len + inside + 1) & ~(size_t)1;
    if (key_len > KEY_BYTES_MAX || offset + node->bytes > PAGE_BYTES)
        return false;
    if (node->big)
        node->child = get_u64(node->data);
    return true;
}

/* Head and nodes of a page of a tree: do they fill it, without overlapping? */
static sl_err check_page(climb_t *c, uint64_t number, const uint8_t *page, bool leaf)
{
    pages_t *p = c->p;
    uint16_t lower = get_u16(page + AT_PAGE_LOWER), upper = get_u16(page + AT_PAGE_UPPER);
    if (get_u64(page + AT_PAGE_NUMBER) != number)
        return fault(p, "page %" PRIu64 " says it is another", number);
    if (get_u16(page + AT_PAGE_FLAGS) != (leaf ? FLAG_LEAF : FLAG_BRANCH))
        return fault(p, "page %" PRIu64 " is no %s", number, leaf ? "leaf" : "branch");
    if (lower <= HEAD_BYTES || lower % 2 != 0 || lower > upper || upper > PAGE_BYTES)
        return fault(p, "page %" PRIu64 " has impossible bounds", number);
    size_t bytes = 0;
    for (uint32_t i = 0; i < node_count(page); i++) {
        node_t node = {0};
        if (!read_node(page, i, leaf, &node))
            return fault(p, "node %" PRIu32 " of page %" PRIu64 " is damaged", i, number);
        if (c->compare == compare_numbers && node.key.len != sizeof(uint64_t) && (leaf || i > 0))
            return fault(p, "page %" PRIu64 " has a key that is no number", number);
        bytes += node.bytes;
    }
    if (bytes != (size_t)(PAGE_BYTES - upper))
        return fault(p, "the nodes of page %" PRIu64 " do not fill it", number);
    return SL_OK;
}

/* Keys rise, from `low` (inclusive) to `high` (exclusive).  A branch's first key is not looked at,
 * by LMDB neither. */
static sl_err check_keys(climb_t *c, uint64_t number, const uint8_t *page, bool leaf, slice_t low,
                         slice_t high)
{
    slice_t before = low;
    bool strict = false;
    for (uint32_t i = leaf ? 0 : 1; i < node_count(page); i++) {
        node_t node = {0};
        read_node(page, i, leaf, &node);
        int order = before.at != NULL ? c->compare(before, node.key) : -1;
        if (order > 0 || (order == 0 && strict) ||
            (high.at != NULL && c->compare(node.key, high) >= 0))
            return fault(c->p, "the keys of page %" PRIu64 " are out of order", number);
        before = node.key;
        strict = true;
    }
    return SL_OK;
}

/* -- values ----------------------------------------------------------------------------------- */

static sl_err read_value(climb_t *c, const node_t *node, slice_t *value, size_t *room)
{
    pages_t *p = c->p;
    if (!node->big) {
        *value = (slice_t){node->data, node->data_len};
        *room = node->bytes - NODE_HEAD_BYTES - node->key.len; /* a node is padded to be even */
        return SL_OK;
    }
    uint64_t count = ((uint64_t)HEAD_BYTES + node->data_len + PAGE_BYTES - 1) / PAGE_BYTES;
    sl_err err = claim(p, node->child, count, c->overflow_kind);
    if (err != SL_OK)
        return err;
    if (count > p->file_pages || node->child > p->file_pages - count) /* LMDB maps it */
        return fault(p, "page %" PRIu64 " claims more than there is", node->child);
    uint64_t wanted = p->heads_only ? 1 : count;
    if (wanted * PAGE_BYTES > p->value_room) {
        uint8_t *grown = realloc(p->value, wanted * PAGE_BYTES);
        if (grown == NULL)
            return SL_ENOMEM;
        p->value = grown;
        p->value_room = wanted * PAGE_BYTES;
    }
    err = read_pages(p, node->child, wanted, p->value);
    if (err != SL_OK)
        return err;
    if (get_u64(p->value + AT_PAGE_NUMBER) != node->child ||
        get_u16(p->value + AT_PAGE_FLAGS) != FLAG_OVERFLOW ||
        get_u32(p->value + AT_PAGE_LOWER) != count)
        return fault(p, "page %" PRIu64 " does not hold the value that it should", node->child);
    c->seen.overflows += count;
    *value = (slice_t){p->value + HEAD_BYTES, node->data_len};
    *room = wanted * PAGE_BYTES - HEAD_BYTES;
    return SL_OK;
}

static sl_err show_entry(climb_t *c, slice_t key, slice_t value, size_t room)
{
    if (c->show != NULL)
        c->show(c->ctx, key.at, key.len, value.at, value.len, room);
    return SL_OK;
}

/* An entry of the free tree: pages that a transaction freed, how many, then falling numbers. */
static sl_err free_entry(climb_t *c, slice_t key, slice_t value, size_t room)
{
    (void)room;
    pages_t *p = c->p;
    const uint8_t *data = value.at;
    uint64_t txn = get_u64(key.at), count = value.len >= 8 ? get_u64(data) : UINT64_MAX;
    if (txn > p->meta.txn || count > value.len / 8 - 1)
        return fault(p, "the list of what transaction %" PRIu64 " freed is damaged", txn);
    uint64_t before = UINT64_MAX;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t page = get_u64(data + 8 * i);
        if (page >= before)
            return fault(p, "the list of what transaction %" PRIu64 " freed does not fall", txn);
        sl_err err = claim(p, page, 1, PAGE_FREE);
        if (err != SL_OK)
            return err;
        before = page;
    }
    return SL_OK;
}

/* -- trees ------------------------------------------------------------------------------------ */

static sl_err climb_leaf(climb_t *c, const uint8_t *page)
{
    for (uint32_t i = 0; i < node_count(page); i++) {
        node_t node = {0};
        slice_t value = {0};
        size_t room = 0;
        read_node(page, i, true, &node);
        sl_err err = read_value(c, &node, &value, &room);
        if (err == SL_OK)
            err = c->entry(c, node.key, value, room);
        if (err != SL_OK)
            return err;
        c->seen.entries++;
    }
    return SL_OK;
}

/* Depth is bounded by the caller (PAGES_DEPTH_MAX), and no page is visited twice (claim). */
static sl_err climb(climb_t *c, uint64_t number, unsigned depth, slice_t low, slice_t high)
{
    uint8_t *page = c->p->stack[depth];
    bool leaf = depth + 1 == c->said->depth;
    sl_err err = claim(c->p, number, 1, leaf ? c->leaf_kind : c->branch_kind);
    if (err == SL_OK)
        err = read_pages(c->p, number, 1, page);
    if (err == SL_OK)
        err = check_page(c, number, page, leaf);
    if (err == SL_OK)
        err = check_keys(c, number, page, leaf, low, high);
    if (err != SL_OK)
        return err;
    if (leaf) {
        c->seen.leaves++;
        return climb_leaf(c, page);
    }
    c->seen.branches++;
    for (uint32_t i = 0; err == SL_OK && i < node_count(page); i++) {
        node_t node = {0}, next = {0};
        read_node(page, i, false, &node);
        bool last = i + 1 == node_count(page);
        if (!last)
            read_node(page, i + 1, false, &next);
        err = climb(c, node.child, depth + 1, i > 0 ? node.key : low, last ? high : next.key);
    }
    return err;
}

static sl_err climb_tree(climb_t *c, const char *name)
{
    const pages_tree_t *said = c->said, *seen = &c->seen;
    const slice_t none = {0};
    if (said->depth > PAGES_DEPTH_MAX || (said->root == NO_PAGE) != (said->depth == 0))
        return fault(c->p, "the %s tree has an impossible depth", name);
    sl_err err = said->depth > 0 ? climb(c, said->root, 0, none, none) : SL_OK;
    if (err != SL_OK)
        return err;
    if (said->branches != seen->branches || said->leaves != seen->leaves ||
        said->overflows != seen->overflows || said->entries != seen->entries)
        return fault(c->p, "the %s tree has other counts than the meta page says", name);
    return SL_OK;
}

sl_err pages_walk(pages_t *p, pages_entry_fn *entry, void *ctx)
{
    p->kinds = calloc(p->count, 1);
    if (p->kinds == NULL)
        return SL_ENOMEM;
    p->kinds[0] = p->kinds[1] = PAGE_META;
    climb_t main = {.p = p,
                    .said = &p->meta.main,
                    .branch_kind = PAGE_BRANCH,
                    .leaf_kind = PAGE_LEAF,
                    .overflow_kind = PAGE_OVERFLOW,
                    .compare = compare_bytes,
                    .entry = show_entry,
                    .show = entry,
                    .ctx = ctx};
    climb_t free = {.p = p,
                    .said = &p->meta.free,
                    .branch_kind = PAGE_FREE_TREE,
                    .leaf_kind = PAGE_FREE_TREE,
                    .overflow_kind = PAGE_FREE_TREE,
                    .compare = compare_numbers,
                    .entry = free_entry};
    sl_err err = climb_tree(&main, "main");
    return err == SL_OK ? climb_tree(&free, "free") : err;
}
