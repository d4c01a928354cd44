/* pages.h - is this LMDB file whole?  Answered without LMDB.
 *
 *     | meta 0 | meta 1 | leaf | overflow ......... | branch | free | leaf | ...
 *
 * LMDB trusts every byte it reads: one flipped bit in a meta, branch or leaf page can send it
 * beyond the map, or to an old tree, or make it give out a page that is in use.  This walk follows
 * what LMDB would follow, from both meta pages through the tree and the list of free pages, and
 * believes nothing: each page must say what it is and lie within the file, its nodes must fill it
 * exactly, keys must rise and lie between their parents' separators, every page is used once, and
 * the counts in the meta page must be right.  What passes is safe for LMDB; what is in the entries
 * is for the caller to judge.
 *
 * Format: LMDB 0.9, data version 1, 64 bits, little endian; one unnamed database without
 * duplicates.
 *
 * Cost: reads every page in use once, by pread: a file that cannot be read gives an error, never a
 * signal.  A byte of memory for each page.  Threads: one thread owns a walk. */
#ifndef JOURNAL_PAGES_H
#define JOURNAL_PAGES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_BYTES = 4096, PAGES_DEPTH_MAX = 32, PAGES_FAULT_BYTES = 160 };

/** What a page is used for. */
typedef enum {
    PAGE_UNUSED, /**< nothing leads to it */
    PAGE_META,
    PAGE_BRANCH,
    PAGE_LEAF,
    PAGE_OVERFLOW,
    PAGE_FREE,
    PAGE_FREE_TREE, /**< of the tree that lists the free ones */
} page_kind_t;

typedef struct pages_tree {
    uint64_t branches, leaves, overflows, entries, root;
    uint16_t flags, depth;
} pages_tree_t;

typedef struct pages_meta {
    uint64_t txn, last_page, map_pages;
    pages_tree_t free, main;
} pages_meta_t;

typedef struct pages {
    int fd;
    uint64_t file_pages;
    pages_meta_t meta; /**< the newer one */
    uint64_t count;    /**< pages that have a kind: meta.last_page + 1 */
    uint8_t *kinds;    /**< page_kind_t of each, after the walk */
    char fault[PAGES_FAULT_BYTES];
    bool heads_only; /**< an entry function may set it: of values in pages of their own only the
                          first is read from then on */
    uint8_t *value;  /**< of the entry at hand */
    size_t value_room;
    uint8_t stack[PAGES_DEPTH_MAX][PAGE_BYTES];
} pages_t;

/** Shows an entry of the main tree, in the order of the keys.  Borrowed during the call.
 *  @param room  bytes that are there from `data` on, in its page or pages: what it holds may be
 *               longer than the tree says; less than `len`: its head (heads_only). */
typedef void pages_entry_fn(void *ctx, const void *key, size_t key_len, const void *data,
                            size_t len, size_t room);

/** Reads the meta pages.
 *  @param p  large: not on the stack.  pages_close may follow whatever this returns.
 *  @return SL_OK; SL_EPROTO: p->fault says what is wrong; SL_EIO: it cannot be opened or
 *          read. */
sl_err pages_open(pages_t *p, const char *path);

/** Walks everything.  @return SL_OK; SL_EPROTO: see p->fault; SL_EIO (errno): it cannot be read,
 *  which says nothing about what is in it; SL_ENOMEM. */
sl_err pages_walk(pages_t *p, pages_entry_fn *entry, void *ctx);

void pages_close(pages_t *p);

/** Is this a file that a machine was making when it went down?  Meta pages as LMDB makes them, or
 *  zeros in their place, and nothing but zeros behind them. */
bool pages_never_written(const char *path);

/** Was it made, and never written? */
static inline bool pages_untouched(const pages_t *p)
{
    return p->meta.txn == 0 && p->meta.main.root == UINT64_MAX;
}

#endif
