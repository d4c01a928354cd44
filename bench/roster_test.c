#include "roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* -- a table of carriers for the test ------------------------------------------------------- */

const carrier_ops_t carrier_sluice = {.name = "sluice", .ipc = true, .keeps = true};
static const carrier_ops_t proxy = {.name = "proxy", .ipc = true}, nats = {.name = "nats-lean"},
                           stream = {.name = "redis-stream", .keeps = true};
static const carrier_ops_t proxy_packed = {.name = "proxy-packed", .ipc = true},
                           nats_packed = {.name = "nats-lean-packed"},
                           stream_packed = {.name = "redis-stream-packed", .keeps = true};

const carrier_ops_t *const carriers[] = {&carrier_sluice, &proxy, &nats, &stream, NULL};

const carrier_ops_t *carrier_packed(const carrier_ops_t *inner)
{
    return inner == &proxy    ? &proxy_packed
           : inner == &nats   ? &nats_packed
           : inner == &stream ? &stream_packed
                              : NULL;
}

const carrier_ops_t *carriers_find(const char *name)
{
    static const carrier_ops_t *const known[] = {
        &carrier_sluice, &proxy, &nats, &stream, &proxy_packed, &nats_packed, &stream_packed};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i]->name, name) == 0)
            return known[i];
    return NULL;
}

const char *carriers_package(const char *name)
{
    return strcmp(name, "redis") == 0 ? "libhiredis-dev" : NULL;
}

/* ------------------------------------------------------------------------------------------- */

static config_list_t names_of(const char **items, size_t count)
{
    return (config_list_t){.items = items, .count = count};
}

static void those_named_come_in_their_order_and_once(void **state)
{
    (void)state;
    const char *items[] = {"nats-lean-packed", "sluice", "nats-lean-packed"};
    config_list_t names = names_of(items, 3);
    roster_t roster;
    assert_true(roster_of(&roster, &names, NULL));
    assert_int_equal(roster.count, 2);
    assert_ptr_equal(roster.items[0], &nats_packed);
    assert_ptr_equal(roster.items[1], &carrier_sluice);
}

static void all_are_everybody_and_every_other_packed(void **state)
{
    (void)state;
    const char *items[] = {"all"};
    config_list_t names = names_of(items, 1);
    roster_t roster;
    assert_true(roster_of(&roster, &names, NULL));
    assert_int_equal(roster.count, 7);
}

static bool is_in(const roster_t *roster, const carrier_ops_t *ops)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->items[i] == ops)
            return true;
    return false;
}

static void plain_are_ours_and_who_passes_events_on(void **state)
{
    (void)state;
    const char *items[] = {"plain", "redis-stream"};
    config_list_t names = names_of(items, 1);
    roster_t roster;
    assert_true(roster_of(&roster, &names, NULL));
    assert_int_equal(roster.count, 3);
    assert_true(is_in(&roster, &carrier_sluice)); /* which keeps events, too */
    assert_false(is_in(&roster, &stream));
    names = names_of(items, 2);
    assert_true(roster_of(&roster, &names, NULL));
    assert_int_equal(roster.count, 4);
    assert_true(is_in(&roster, &stream));
}

static void a_name_that_nobody_has_is_told(void **state)
{
    (void)state;
    const char *items[] = {"sluice", "kafka"};
    config_list_t names = names_of(items, 2);
    roster_t roster;
    const char *wrong = NULL;
    assert_false(roster_of(&roster, &names, &wrong));
    assert_string_equal(wrong, "kafka");
}

static bool does_ipc(const carrier_ops_t *ops, const void *ctx)
{
    (void)ctx;
    return ops->ipc;
}

static void who_is_not_kept_is_gone(void **state)
{
    (void)state;
    const char *items[] = {"all"};
    config_list_t names = names_of(items, 1);
    roster_t roster;
    assert_true(roster_of(&roster, &names, NULL));
    roster_keep(&roster, does_ipc, NULL);
    assert_int_equal(roster.count, 3);
    for (size_t i = 0; i < roster.count; i++)
        assert_true(roster.items[i]->ipc);
}

enum { ORDERED = 5, ORDERS = 100 };

static void everybody_has_one_turn_and_comes_first_sometimes(void **state)
{
    (void)state;
    size_t order[ROSTER_MAX], first[ORDERED] = {0}, behind[ORDERED][ORDERED] = {0};
    for (size_t run = 0; run < ORDERS; run++) {
        unsigned seen = 0;
        roster_order(ORDERED, 1, run, order);
        for (size_t i = 0; i < ORDERED; i++) {
            assert_true(order[i] < ORDERED);
            seen |= 1u << order[i];
            if (i > 0)
                behind[order[i]][order[i - 1]]++;
        }
        assert_int_equal(seen, (1u << ORDERED) - 1);
        first[order[0]]++;
    }
    for (size_t i = 0; i < ORDERED; i++) {
        assert_in_range(first[i], ORDERS / ORDERED / 3, 3 * ORDERS / ORDERED);
        for (size_t j = 0; j < ORDERED; j++)
            assert_true((behind[i][j] > 0) == (i != j)); /* each behind each other one */
    }
}

static void a_seed_gives_the_same_orders_again_and_another_one_others(void **state)
{
    (void)state;
    size_t order[ROSTER_MAX], again[ROSTER_MAX], other[ROSTER_MAX], same = 0;
    for (size_t run = 0; run < ORDERS; run++) {
        roster_order(ORDERED, 7, run, order);
        roster_order(ORDERED, 7, run, again);
        roster_order(ORDERED, 8, run, other);
        assert_memory_equal(order, again, ORDERED * sizeof *order);
        same += memcmp(order, other, ORDERED * sizeof *order) == 0;
    }
    assert_true(same < ORDERS / 10); /* one of 120 orders */
}

static void one_alone_comes_first_and_of_none_there_is_no_order(void **state)
{
    (void)state;
    size_t order[ROSTER_MAX] = {9};
    roster_order(0, 1, 3, order);
    assert_int_equal(order[0], 9);
    roster_order(1, 1, 3, order);
    assert_int_equal(order[0], 0);
}

static void a_key_is_a_name_that_figures_can_begin_with(void **state)
{
    (void)state;
    char key[ROSTER_KEY_MAX];
    roster_key(&nats_packed, key);
    assert_string_equal(key, "nats_lean_packed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_named_come_in_their_order_and_once),
        cmocka_unit_test(all_are_everybody_and_every_other_packed),
        cmocka_unit_test(plain_are_ours_and_who_passes_events_on),
        cmocka_unit_test(a_name_that_nobody_has_is_told),
        cmocka_unit_test(who_is_not_kept_is_gone),
        cmocka_unit_test(everybody_has_one_turn_and_comes_first_sometimes),
        cmocka_unit_test(a_seed_gives_the_same_orders_again_and_another_one_others),
        cmocka_unit_test(one_alone_comes_first_and_of_none_there_is_no_order),
        cmocka_unit_test(a_key_is_a_name_that_figures_can_begin_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
