/* heap.h - what is due next?
 *
 * A binary heap of nodes that live inside their owners, so that one may be moved or taken out from
 * the middle in O(log n) without a search.  Keys are times in ms. */
#ifndef LOCAL_HEAP_H
#define LOCAL_HEAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heap_node {
    uint64_t key;
    size_t at; /**< 1 + place in the heap; 0: in none */
} heap_node_t;

typedef struct heap {
    heap_node_t **nodes;
    size_t count, cap;
} heap_t;

/** The struct that a node lives in. */
#define HEAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/** Makes room for `count` nodes in all.  @return SL_OK, SL_ENOMEM. */
sl_err heap_reserve(heap_t *heap, size_t count);

/** Adds a node, or moves one that is in.  Room must have been reserved for a new one. */
void heap_put(heap_t *heap, heap_node_t *node, uint64_t key);

/** Takes a node out.  One that is not in is fine. */
void heap_remove(heap_t *heap, heap_node_t *node);

/** The node with the smallest key; NULL when empty. */
static inline heap_node_t *heap_first(const heap_t *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

/** Frees the table; the nodes are their owners'. */
void heap_fini(heap_t *heap);

#endif
