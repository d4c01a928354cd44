#include "backoff.h"
#include "slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static slot_t *take(slot_pool_t *pool, const char *body, size_t len)
{
    char owner[] = "123";
    decode_message_t message = {
        .body = body, .body_len = len, .id = "id", .id_len = 2, .owner = owner, .owner_len = 3};
    slot_t *slot = slot_take(pool, NULL, &message, "handle");
    assert_non_null(slot);
    return slot;
}

static void slot_holds_copies_of_its_own(void **state)
{
    (void)state;
    slot_pool_t pool = {0};
    char body[] = "body";
    slot_t *slot = take(&pool, body, 4);
    memset(body, 'x', 4);
    assert_memory_equal(slot->message.body, "body", 4);
    assert_string_equal(slot->message.id, "id");
    assert_string_equal(slot->message.owner, "123");
    assert_int_equal(slot->message.topic_len, 0);
    assert_string_equal(slot->handle, "handle");
    assert_int_equal(slot->state, SLOT_WAITING);
    slot_pool_fini(&pool);
}

static void slot_given_back_is_used_again_with_its_memory(void **state)
{
    (void)state;
    slot_pool_t pool = {0};
    slot_t *slot = take(&pool, "first", 5);
    const uint8_t *memory = slot->bytes.data;
    slot_give(&pool, slot);
    assert_ptr_equal(take(&pool, "again", 5), slot);
    assert_ptr_equal(slot->bytes.data, memory);
    slot_pool_fini(&pool);
}

static void slot_does_not_keep_the_memory_of_a_large_body(void **state)
{
    (void)state;
    slot_pool_t pool = {0};
    char *large = calloc(1, 65536);
    slot_t *slot = take(&pool, large, 65536);
    slot_give(&pool, slot);
    assert_true(slot->bytes.cap <= 4096);
    free(large);
    slot_pool_fini(&pool);
}

static void slot_takes_another_handle_and_keeps_the_rest(void **state)
{
    (void)state;
    slot_pool_t pool = {0};
    slot_t *slot = take(&pool, "body", 4);
    char handle[3000];
    const size_t lens[] = {1, 6, 2999, 0, 40};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        memset(handle, 'a' + (int)i, lens[i]);
        handle[lens[i]] = '\0';
        assert_true(slot_set_handle(slot, handle));
        assert_string_equal(slot->handle, handle);
        assert_string_equal(slot->message.body, "body");
        assert_string_equal(slot->message.id, "id");
    }
    slot_give(&pool, slot);
    slot_pool_fini(&pool);
}

static void slot_list_keeps_order_from_both_ends(void **state)
{
    (void)state;
    slot_t slots[4] = {0};
    slot_list_t list = {0};
    assert_null(slot_list_pop(&list));
    slot_list_push_front(&list, &slots[1]);
    slot_list_push(&list, &slots[2]);
    slot_list_push_front(&list, &slots[0]);
    slot_list_push(&list, &slots[3]);
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_ptr_equal(slot_list_pop(&list), &slots[i]);
    assert_null(slot_list_pop(&list));
    slot_list_push(&list, &slots[0]);
    assert_ptr_equal(slot_list_pop(&list), &slots[0]);
}

static void slot_ring_lets_go_of_any_and_keeps_the_order_of_the_rest(void **state)
{
    (void)state;
    slot_t slots[5] = {0};
    slot_ring_t ring = {0};
    slot_ring_remove(&slots[0]); /* is in none */
    slot_ring_push(&ring, &slots[1]);
    slot_ring_push(&ring, &slots[3]);
    slot_ring_insert(&ring, &slots[0], ring.head);
    slot_ring_insert(&ring, &slots[2], &slots[3]);
    slot_ring_insert(&ring, &slots[4], NULL);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(slots[i].after, &slots[i + 1]);
    slot_ring_remove(&slots[2]);
    slot_ring_remove(&slots[0]);
    slot_ring_remove(&slots[4]);
    assert_int_equal(ring.count, 2);
    assert_ptr_equal(ring.head, &slots[1]);
    assert_ptr_equal(ring.head->after, &slots[3]);
    assert_ptr_equal(ring.tail, &slots[3]);
    slot_ring_remove(&slots[3]);
    slot_ring_remove(&slots[1]);
    assert_int_equal(ring.count, 0);
    assert_null(ring.head);
    assert_null(ring.tail);
    slot_ring_push(&ring, &slots[2]);
    assert_ptr_equal(ring.head, ring.tail);
}

static void backoff_doubles_up_to_its_bound_and_spreads(void **state)
{
    (void)state;
    backoff_t backoff = {0};
    uint64_t random = 1;
    assert_false(backoff_waits(&backoff, 0));
    for (uint32_t failures = 0; failures < 100; failures++) {
        uint64_t full = failures < 7 ? 100u << failures : 10000;
        backoff_fail(&backoff, 5000, 100, 10000, &random);
        assert_in_range(backoff.until_ms, 5000 + full / 2, 5000 + full);
        assert_true(backoff_waits(&backoff, backoff.until_ms - 1));
        assert_false(backoff_waits(&backoff, backoff.until_ms));
    }
    backoff_reset(&backoff);
    assert_false(backoff_waits(&backoff, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_holds_copies_of_its_own),
        cmocka_unit_test(slot_given_back_is_used_again_with_its_memory),
        cmocka_unit_test(slot_does_not_keep_the_memory_of_a_large_body),
        cmocka_unit_test(slot_takes_another_handle_and_keeps_the_rest),
        cmocka_unit_test(slot_list_keeps_order_from_both_ends),
        cmocka_unit_test(slot_ring_lets_go_of_any_and_keeps_the_order_of_the_rest),
        cmocka_unit_test(backoff_doubles_up_to_its_bound_and_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
