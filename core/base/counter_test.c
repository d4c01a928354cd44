#include "base/counter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define QUEUE_COUNTERS(X)                               \
    X(EVENTS, TOTAL, "queue_events", "Events received") \
    X(DEPTH, GAUGE, "queue_depth", "Messages waiting")
#define X(name, kind, metric, help) QUEUE_##name,
enum { QUEUE_COUNTERS(X) QUEUE_COUNTER_COUNT };
#undef X
static const counter_def_t queue_defs[] = {QUEUE_COUNTERS(COUNTER_DEF)};

static const counter_def_t other_defs[] = {{"other", "Others", COUNTER_GAUGE}};

static void assert_renders(counter_registry_t *registry, const char *expected)
{
    sl_buf_t out = SL_BUF_INIT;
    counter_render(registry, &out);
    sl_buf_append_byte(&out, '\0');
    assert_string_equal((const char *)out.data, expected);
    sl_buf_fini(&out);
}

static void a_set_renders_as_prometheus_text(void **state)
{
    (void)state;
    counter_t values[QUEUE_COUNTER_COUNT] = {0};
    counter_set_t set = {.defs = queue_defs, .values = values, .count = QUEUE_COUNTER_COUNT};
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    counter_registry_add(&registry, &set);
    counter_add(&values[QUEUE_EVENTS], 2);
    counter_add_shared(&values[QUEUE_EVENTS], 40);
    counter_set(&values[QUEUE_DEPTH], UINT64_MAX);
    assert_renders(&registry, "# HELP sluice_queue_events_total Events received\n"
                              "# TYPE sluice_queue_events_total counter\n"
                              "sluice_queue_events_total 42\n"
                              "# HELP sluice_queue_depth Messages waiting\n"
                              "# TYPE sluice_queue_depth gauge\n"
                              "sluice_queue_depth 18446744073709551615\n");
}

static void sets_of_one_table_share_help_and_type(void **state)
{
    (void)state;
    counter_t a_values[QUEUE_COUNTER_COUNT] = {1, 2}, b_values[QUEUE_COUNTER_COUNT] = {3, 4};
    counter_t other_values[1] = {5};
    counter_set_t a = {queue_defs, a_values, QUEUE_COUNTER_COUNT, "queue=\"a\"", NULL};
    counter_set_t other = {other_defs, other_values, 1, NULL, NULL};
    counter_set_t b = {queue_defs, b_values, QUEUE_COUNTER_COUNT, "queue=\"b\"", NULL};
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    counter_registry_add(&registry, &a);
    counter_registry_add(&registry, &other);
    counter_registry_add(&registry, &b);
    assert_renders(&registry, "# HELP sluice_queue_events_total Events received\n"
                              "# TYPE sluice_queue_events_total counter\n"
                              "sluice_queue_events_total{queue=\"a\"} 1\n"
                              "sluice_queue_events_total{queue=\"b\"} 3\n"
                              "# HELP sluice_queue_depth Messages waiting\n"
                              "# TYPE sluice_queue_depth gauge\n"
                              "sluice_queue_depth{queue=\"a\"} 2\n"
                              "sluice_queue_depth{queue=\"b\"} 4\n"
                              "# HELP sluice_other Others\n"
                              "# TYPE sluice_other gauge\n"
                              "sluice_other 5\n");
}

static void a_removed_set_is_gone_and_removing_twice_is_fine(void **state)
{
    (void)state;
    counter_t a_values[1] = {1}, b_values[1] = {2};
    counter_set_t a = {other_defs, a_values, 1, "n=\"a\"", NULL};
    counter_set_t b = {other_defs, b_values, 1, "n=\"b\"", NULL};
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    counter_registry_add(&registry, &a);
    counter_registry_add(&registry, &b);
    counter_registry_remove(&registry, &a);
    counter_registry_remove(&registry, &a);
    assert_renders(&registry, "# HELP sluice_other Others\n# TYPE sluice_other gauge\n"
                              "sluice_other{n=\"b\"} 2\n");
    counter_registry_remove(&registry, &b);
    assert_renders(&registry, "");
}

/* -- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, ADDS = 20000 };

typedef struct shared {
    counter_registry_t registry;
    counter_t total;
} shared_t;

static void *add_and_come_and_go(void *arg)
{
    shared_t *shared = arg;
    counter_t own[1] = {0};
    counter_set_t set = {other_defs, own, 1, NULL, NULL};
    counter_registry_add(&shared->registry, &set);
    for (int i = 0; i < ADDS; i++) {
        counter_add(&own[0], 1);
        counter_add_shared(&shared->total, 1);
    }
    counter_registry_remove(&shared->registry, &set);
    return NULL;
}

static void threads_count_and_register_while_another_renders(void **state)
{
    (void)state;
    shared_t shared = {.registry = COUNTER_REGISTRY_INIT};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_and_come_and_go, &shared), 0);
    sl_buf_t out = SL_BUF_INIT;
    for (int i = 0; i < 50; i++) {
        sl_buf_clear(&out);
        counter_render(&shared.registry, &out);
    }
    sl_buf_fini(&out);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter_get(&shared.total), THREADS * ADDS);
    assert_renders(&shared.registry, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_renders_as_prometheus_text),
        cmocka_unit_test(sets_of_one_table_share_help_and_type),
        cmocka_unit_test(a_removed_set_is_gone_and_removing_twice_is_fine),
        cmocka_unit_test(threads_count_and_register_while_another_renders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
