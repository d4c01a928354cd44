#include "members.h"

#include "testing.h"

/* What merge sort needs at most: n times the logarithm to base two, rounded up. */
static size_t most_comparisons(size_t count)
{
    size_t rounds = 0;
    while (((size_t)1 << rounds) < count)
        rounds++;
    return count * rounds;
}

typedef struct tally {
    size_t comparisons;
    const uint32_t *value;
} tally_t;

static int compare_counted(const void *ctx, uint32_t a, uint32_t b)
{
    tally_t *tally = *(tally_t *const *)ctx;
    tally->comparisons++;
    return tally->value[a] < tally->value[b] ? -1 : tally->value[a] > tally->value[b];
}

/* Sorts the numbers 0 … count-1 by value; checks order, stability and the count of comparisons. */
static void check_sort(const uint32_t *value, size_t count)
{
    tally_t tally = {.value = value}, *ctx = &tally;
    uint32_t *at = malloc((count + 1) * sizeof *at), *spare = malloc((count + 1) * sizeof *spare);
    assert_non_null(at);
    assert_non_null(spare);
    for (uint32_t i = 0; i < count; i++)
        at[i] = i;
    members_sort(at, spare, count, compare_counted, &ctx);
    for (size_t i = 1; i < count; i++) {
        assert_true(value[at[i - 1]] <= value[at[i]]);
        if (value[at[i - 1]] == value[at[i]])
            assert_true(at[i - 1] < at[i]);
    }
    assert_true(tally.comparisons <= most_comparisons(count));
    free(at);
    free(spare);
}

static void sorting_is_stable_and_takes_n_log_n_comparisons_of_any_input(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 33, 1000, 13107, 65536};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        size_t count = counts[c];
        uint32_t *value = malloc((count + 1) * sizeof *value);
        assert_non_null(value);
        for (int shape = 0; shape < 5; shape++) {
            for (uint32_t i = 0; i < count; i++)
                value[i] = shape == 0   ? i
                           : shape == 1 ? (uint32_t)count - i
                           : shape == 2 ? 7
                           : shape == 3 ? i % 3
                                        : i * 2654435761u;
            check_sort(value, count);
        }
        free(value);
    }
}

/* Writes an object of `count` members, name by name as `name_of` says, and closes it. */
static uint32_t close_object(sl_buf_t *out, uint32_t count, uint32_t (*name_of)(uint32_t),
                             uint32_t *left)
{
    members_t m;
    members_init(&m);
    sl_buf_reserve(out, 64u * count + 64);
    sl_buf_append_str(out, "###"); /* the object does not begin where the buffer does */
    size_t first = out->len;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *key = out->data + out->len;
        char name[32];
        size_t len = (size_t)snprintf(name, sizeof name, "name-%u", name_of(i));
        mp_put_str(out, name, len);
        members_add(&m, out->data + first, key, key + 1, len + 1);
        mp_put_uint(out, i);
    }
    size_t end = out->len;
    uint32_t dropped = members_close(&m, out, first, &end);
    out->len = end;
    *left = m.count;
    return dropped;
}

static uint32_t every_name_once(uint32_t i)
{
    return i;
}

static uint32_t one_name(uint32_t i)
{
    (void)i;
    return 0;
}

static uint32_t seven_names(uint32_t i)
{
    return i % 7;
}

/* The members that are left are the last of each name, in order, and none else. */
static void the_last_of_each_name_is_left_at_every_count(void **state)
{
    (void)state;
    static const struct {
        uint32_t (*name_of)(uint32_t);
        uint32_t names;
    } shapes[] = {{every_name_once, UINT32_MAX}, {one_name, 1}, {seven_names, 7}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (uint32_t count = 0; count < 100; count++) {
            sl_buf_t out = SL_BUF_INIT;
            uint32_t left, names = count < shapes[s].names ? count : shapes[s].names;
            assert_int_equal(close_object(&out, count, shapes[s].name_of, &left), count - names);
            assert_int_equal(left, names);
            mp_cursor_t in = mp_cursor(out.data + 3, out.len - 3);
            for (uint32_t i = count - names; i < count; i++) {
                char name[32];
                const char *key;
                uint32_t key_len;
                uint64_t value;
                snprintf(name, sizeof name, "name-%u", shapes[s].name_of(i));
                assert_true(mp_get_str(&in, &key, &key_len));
                assert_int_equal(key_len, strlen(name));
                assert_memory_equal(key, name, key_len);
                assert_true(mp_get_uint(&in, &value));
                assert_int_equal(value, i);
            }
            assert_ptr_equal(in.at, in.end);
            sl_buf_fini(&out);
        }
}

static void without_memory_nothing_is_dropped(void **state)
{
    (void)state;
    members_t m = {.count = UINT32_MAX};
    sl_buf_t out = {.len = SIZE_MAX - 1000};
    size_t end = SIZE_MAX - 100;
    assert_int_equal(members_close(&m, &out, 0, &end), 0);
    assert_true(out.failed);
    assert_int_equal(out.len, SIZE_MAX - 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_is_stable_and_takes_n_log_n_comparisons_of_any_input),
        cmocka_unit_test(the_last_of_each_name_is_left_at_every_count),
        cmocka_unit_test(without_memory_nothing_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
