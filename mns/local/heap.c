#include "heap.h"

#include <assert.h>
#include <stdlib.h>

sl_err heap_reserve(heap_t *heap, size_t count)
{
    if (count <= heap->cap)
        return SL_OK;
    size_t cap = heap->cap > 0 ? heap->cap * 2 : 16;
    if (cap < count)
        cap = count;
    heap_node_t **nodes = realloc(heap->nodes, cap * sizeof *nodes);
    if (nodes == NULL)
        return SL_ENOMEM;
    heap->nodes = nodes;
    heap->cap = cap;
    return SL_OK;
}

static void place(heap_t *heap, heap_node_t *node, size_t at)
{
    heap->nodes[at] = node;
    node->at = at + 1;
}

static void sift_up(heap_t *heap, heap_node_t *node, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (heap->nodes[parent]->key <= node->key)
            break;
        place(heap, heap->nodes[parent], at);
        at = parent;
    }
    place(heap, node, at);
}

static void sift_down(heap_t *heap, heap_node_t *node, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->nodes[child + 1]->key < heap->nodes[child]->key)
            child++;
        if (node->key <= heap->nodes[child]->key)
            break;
        place(heap, heap->nodes[child], at);
        at = child;
    }
    place(heap, node, at);
}

void heap_put(heap_t *heap, heap_node_t *node, uint64_t key)
{
    if (node->at == 0) {
        assert(heap->count < heap->cap);
        node->key = key;
        sift_up(heap, node, heap->count++);
        return;
    }
    bool earlier = key < node->key;
    node->key = key;
    if (earlier)
        sift_up(heap, node, node->at - 1);
    else
        sift_down(heap, node, node->at - 1);
}

void heap_remove(heap_t *heap, heap_node_t *node)
{
    if (node->at == 0)
        return;
    size_t at = node->at - 1;
    heap_node_t *last = heap->nodes[--heap->count];
    node->at = 0;
    if (last == node)
        return;
    if (last->key < node->key)
        sift_up(heap, last, at);
    else
        sift_down(heap, last, at);
}

void heap_fini(heap_t *heap)
{
    free(heap->nodes);
    *heap = (heap_t){0};
}
