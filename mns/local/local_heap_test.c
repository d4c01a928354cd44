#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NODES = 300, ROUNDS = 20000 };

static uint64_t least(const heap_node_t *nodes)
{
    uint64_t key = UINT64_MAX;
    for (size_t i = 0; i < NODES; i++)
        if (nodes[i].at != 0 && nodes[i].key < key)
            key = nodes[i].key;
    return key;
}

static void the_first_is_always_the_least(void **state)
{
    (void)state;
    static heap_node_t nodes[NODES];
    heap_t heap = {0};
    uint64_t seed = 42;
    assert_int_equal(heap_reserve(&heap, NODES), SL_OK);
    for (size_t round = 0; round < ROUNDS; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        heap_node_t *node = &nodes[(seed >> 33) % NODES];
        if (seed >> 62 == 0)
            heap_remove(&heap, node);
        else
            heap_put(&heap, node, (seed >> 20) % 1000);
        const heap_node_t *first = heap_first(&heap);
        assert_int_equal(first != NULL ? first->key : UINT64_MAX, least(nodes));
    }
    heap_fini(&heap);
}

static void what_comes_out_is_sorted(void **state)
{
    (void)state;
    static heap_node_t nodes[NODES];
    heap_t heap = {0};
    assert_int_equal(heap_reserve(&heap, NODES), SL_OK);
    for (size_t i = 0; i < NODES; i++)
        heap_put(&heap, &nodes[i], i * 7919 % 101);
    uint64_t before = 0;
    for (size_t i = 0; i < NODES; i++) {
        heap_node_t *first = heap_first(&heap);
        assert_true(first->key >= before);
        before = first->key;
        heap_remove(&heap, first);
        assert_int_equal(first->at, 0);
    }
    assert_null(heap_first(&heap));
    heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_always_the_least),
        cmocka_unit_test(what_comes_out_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
