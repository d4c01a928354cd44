#include "dedup.h"
#include "testing.h"

enum { HOUR_MS = 3600 * 1000, EVERYTHING = 1 << 30 };

static dedup_t d;

static bool put(uint64_t n)
{
    uint8_t id[WIRE_ID_BYTES];
    uint32_t original;
    test_id(id, n);
    assert_int_equal(dedup_reserve(&d, 1), SL_OK);
    bool is_new = dedup_put(&d, id, (uint32_t)n, &original);
    dedup_settle(&d, is_new);
    return is_new;
}

/* As an event that is not durable yet. */
static bool try(uint64_t n)
{
    uint8_t id[WIRE_ID_BYTES];
    uint32_t original;
    test_id(id, n);
    assert_int_equal(dedup_reserve(&d, 1), SL_OK);
    return dedup_put(&d, id, (uint32_t)n, &original);
}

static void forget(uint64_t n)
{
    uint8_t id[WIRE_ID_BYTES];
    test_id(id, n);
    dedup_forget(&d, id);
}

static void open_window(uint32_t count, uint64_t age_ms)
{
    assert_int_equal(dedup_init(&d, count, age_ms), SL_OK);
    dedup_expire(&d, 1000, EVERYTHING);
}

static int close_window(void **state)
{
    (void)state;
    dedup_fini(&d);
    return 0;
}

static void dedup_recognises_an_id_and_names_its_original(void **state)
{
    (void)state;
    open_window(100, HOUR_MS);
    assert_true(put(7));
    uint8_t id[WIRE_ID_BYTES];
    uint32_t original = 0;
    test_id(id, 7);
    assert_false(dedup_put(&d, id, 99, &original));
    assert_int_equal(original, 7);
}

static void dedup_compares_all_16_bytes(void **state)
{
    (void)state;
    open_window(1000, HOUR_MS);
    uint8_t id[WIRE_ID_BYTES] = {0};
    uint32_t original;
    assert_int_equal(dedup_reserve(&d, 1 + 8 * WIRE_ID_BYTES), SL_OK);
    assert_true(dedup_put(&d, id, 0, &original));
    for (unsigned bit = 0; bit < 8 * WIRE_ID_BYTES; bit++) {
        id[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(dedup_put(&d, id, 0, &original));
        id[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void dedup_remembers_the_newest_ids_only(void **state)
{
    (void)state;
    open_window(1000, HOUR_MS);
    for (uint64_t n = 0; n < 5000; n++)
        assert_true(put(n));
    assert_int_equal(d.live, 1000);
    for (uint64_t n = 4000; n < 5000; n++)
        assert_false(put(n));
    assert_true(put(3999));
}

static void dedup_agrees_with_a_list_under_random_use(void **state)
{
    (void)state;
    enum { COUNT = 700, IDS = 2000, STEPS = 60000 };
    static uint64_t came[IDS];                 /* order of arrival, from 1; 0: not there */
    static uint64_t who[STEPS + 1];            /* came then */
    uint64_t random = 42, order = 0, gone = 0; /* pushed out up to there */
    memset(came, 0, sizeof came);
    open_window(COUNT, HOUR_MS);
    for (int step = 0; step < STEPS; step++) {
        uint64_t n = test_random(&random) % IDS;
        if (test_random(&random) % 8 == 0) {
            forget(n);
            came[n] = 0;
            /* Of the forgotten the newest give their places back; the others count on. */
            while (order > gone && came[who[order]] != order)
                order--;
            continue;
        }
        bool known = came[n] > gone;
        assert_int_equal(put(n), !known);
        if (known)
            continue;
        came[n] = ++order;
        who[order] = n;
        if (order - gone > COUNT)
            gone++;
    }
}

static void dedup_loses_nothing_to_what_is_put_and_forgotten(void **state)
{
    (void)state;
    enum { COUNT = 1000, TRIED = 3000 };
    open_window(COUNT, HOUR_MS);
    for (uint64_t n = 0; n < COUNT; n++)
        put(n);
    for (int attempt = 0; attempt < 20; attempt++) {
        dedup_expire(&d, 1000 + attempt * (HOUR_MS / 40), EVERYTHING);
        for (uint64_t n = 0; n < TRIED; n++)
            assert_true(try(COUNT + n));
        for (uint64_t n = 0; n < TRIED; n++)
            forget(COUNT + n);
        dedup_settle(&d, TRIED);
        assert_int_equal(d.live, COUNT);
        assert_int_equal(d.held, COUNT);
    }
    for (uint64_t n = 0; n < COUNT; n++)
        assert_false(put(n));
    for (uint64_t n = 0; n < TRIED; n++) /* this time they stay */
        assert_true(try(COUNT + n));
    dedup_settle(&d, TRIED);
    for (uint64_t n = 0; n < TRIED; n++)
        assert_true(put(COUNT + TRIED + n));
    assert_int_equal(d.live, COUNT);
    assert_true(put(COUNT + TRIED + TRIED - 1 - COUNT));
    assert_false(put(COUNT + TRIED + TRIED - 1));
    dedup_expire(&d, 1000 + 20 * (HOUR_MS / 40) + HOUR_MS / 2, EVERYTHING);
    assert_true(d.live >= COUNT - 1); /* they came later than what was tried before them */
}

static void dedup_window_is_bounded_though_nothing_settles(void **state)
{
    (void)state;
    open_window(10, HOUR_MS);
    for (uint64_t n = 0; n < 100000; n++)
        assert_true(try(n));
    assert_in_range(d.live, 10, 10000);
    dedup_settle(&d, 100000);
    for (uint64_t n = 100000; n < 110000; n++)
        put(n);
    assert_int_equal(d.live, 10);
}

static void dedup_takes_a_forgotten_id_as_new(void **state)
{
    (void)state;
    open_window(10, HOUR_MS);
    assert_true(put(1));
    forget(1);
    assert_true(put(1));
    assert_false(put(1));
}

static void dedup_forgets_what_is_too_old(void **state)
{
    (void)state;
    open_window(1000, HOUR_MS);
    for (uint64_t n = 0; n < 10; n++)
        put(n);
    dedup_expire(&d, 1000 + HOUR_MS / 2, EVERYTHING);
    for (uint64_t n = 10; n < 20; n++)
        put(n);
    dedup_expire(&d, 1000 + HOUR_MS + HOUR_MS / 100, EVERYTHING);
    assert_int_equal(d.live, 10);
    assert_true(put(5));
    assert_false(put(15));
    dedup_expire(&d, 1000 + 3 * HOUR_MS, EVERYTHING);
    assert_int_equal(d.live, 0);
    assert_int_equal(dedup_reach_ms(&d), 0);
}

static void dedup_keeps_an_id_for_its_whole_age(void **state)
{
    (void)state;
    open_window(1000, HOUR_MS);
    uint64_t now = 1000;
    for (uint64_t n = 0; n < 900; n++) { /* one every 10 s */
        dedup_expire(&d, now, EVERYTHING);
        put(n);
        if (n >= 359)
            assert_false(put(n - 359));
        now += 10000;
    }
    assert_in_range(d.live, 360, 362);
    assert_in_range(dedup_reach_ms(&d), HOUR_MS - 10000, HOUR_MS + 10000);
}

static void dedup_expires_no_more_than_its_budget_at_once(void **state)
{
    (void)state;
    open_window(1000, HOUR_MS);
    for (uint64_t n = 0; n < 100; n++)
        put(n);
    dedup_expire(&d, 1000 + 2 * HOUR_MS, 30);
    assert_int_equal(d.live, 70);
}

static void dedup_that_is_off_knows_nothing(void **state)
{
    (void)state;
    open_window(0, HOUR_MS);
    assert_true(put(1));
    assert_true(put(1));
    forget(1);
    assert_int_equal(dedup_bytes(&d), 0);
}

static void dedup_costs_no_more_than_it_says(void **state)
{
    (void)state;
    enum { COUNT = 1 << 18 };
    open_window(COUNT, HOUR_MS);
    assert_true(dedup_bytes(&d) < 64 * 1024);
    uint8_t id[WIRE_ID_BYTES];
    uint32_t original;
    for (uint64_t n = 0; n < 2 * COUNT; n++) {
        if (n % 4096 == 0)
            assert_int_equal(dedup_reserve(&d, 4096), SL_OK);
        test_id(id, n);
        dedup_prefetch(&d, id, 0);
        dedup_settle(&d, dedup_put(&d, id, 0, &original));
    }
    assert_in_range(dedup_bytes(&d) / COUNT, 36, 54);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(dedup_recognises_an_id_and_names_its_original, close_window),
        cmocka_unit_test_teardown(dedup_compares_all_16_bytes, close_window),
        cmocka_unit_test_teardown(dedup_remembers_the_newest_ids_only, close_window),
        cmocka_unit_test_teardown(dedup_agrees_with_a_list_under_random_use, close_window),
        cmocka_unit_test_teardown(dedup_loses_nothing_to_what_is_put_and_forgotten, close_window),
        cmocka_unit_test_teardown(dedup_window_is_bounded_though_nothing_settles, close_window),
        cmocka_unit_test_teardown(dedup_takes_a_forgotten_id_as_new, close_window),
        cmocka_unit_test_teardown(dedup_forgets_what_is_too_old, close_window),
        cmocka_unit_test_teardown(dedup_keeps_an_id_for_its_whole_age, close_window),
        cmocka_unit_test_teardown(dedup_expires_no_more_than_its_budget_at_once, close_window),
        cmocka_unit_test_teardown(dedup_that_is_off_knows_nothing, close_window),
        cmocka_unit_test_teardown(dedup_costs_no_more_than_it_says, close_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
