/* What somebody who keeps pushes beyond the process is told, and how pushes come back. */
#include "push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1780315200 };

/* The last that was told, and how often. */
typedef struct told {
    size_t changes, gone;
    push_view_t last;
    char text[64]; /* last's id, tag and body */
} told_t;

typedef struct world {
    sl_clock_manual_t clock;
    digest_t *digest;
    queue_store_t store;
    counter_registry_t registry;
    faults_t faults;
    topic_t *topics, *topic;
    subscription_t *subscription;
    pushes_t *pushes;
    told_t told;
} world_t;

static void hear(told_t *told, const push_view_t *push)
{
    told->last = *push;
    snprintf(told->text, sizeof told->text, "%s %s %.*s", push->message_id, push->tag,
             (int)push->body_len, (const char *)push->body);
}

static void on_change(void *ctx, const subscription_t *s, const push_view_t *push)
{
    world_t *w = ctx;
    assert_ptr_equal(s, w->subscription);
    w->told.changes++;
    hear(&w->told, push);
}

static void on_gone(void *ctx, const subscription_t *s, const push_view_t *push)
{
    world_t *w = ctx;
    assert_ptr_equal(s, w->subscription);
    w->told.gone++;
    hear(&w->told, push);
}

static int setup(void **state)
{
    world_t *w = calloc(1, sizeof *w);
    *state = w;
    sl_clock_manual_init(&w->clock, 1000000000, (uint64_t)START_MS * 1000000);
    w->registry = COUNTER_REGISTRY_INIT;
    faults_init(&w->faults, &w->registry);
    if (digest_create(&w->digest, "secret") != SL_OK)
        return -1;
    queue_store_init(&w->store, &w->clock.clock, w->digest, 7, 1 << 20);
    const char *why;
    subscription_spec_t spec = {.strategy = NOTIFY_BACKOFF_RETRY};
    const pushes_options_t options = {
        .courier = {.owner = "1", .cert_url = "http://c", .slots = 4, .boot = 7},
        .store = &w->store,
        .faults = &w->faults,
        .clock = &w->clock.clock,
        .time_scale = 1,
        .on_change = on_change,
        .on_gone = on_gone,
        .ctx = w};
    if (!endpoint_read(&spec.endpoint, "http://127.0.0.1:1/p", &why) ||
        topic_create(&w->topics, "t", &(topic_attributes_t){.body_max = BODY_MAX}, 0, &w->topic) !=
            SL_OK ||
        subscription_create(w->topic, "s", &spec, 0, &w->subscription) != SL_OK)
        return -1;
    return pushes_create(&w->pushes, &options) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    world_t *w = *state;
    pushes_destroy(&w->pushes);
    topic_destroy_all(&w->topics);
    queue_store_fini(&w->store);
    digest_destroy(&w->digest);
    faults_fini(&w->faults);
    free(w);
    return 0;
}

static void add(world_t *w, uint64_t number, uint32_t failures, uint64_t due_ms)
{
    const push_view_t push = {.number = number,
                              .message_id = "id",
                              .tag = "tag",
                              .publish_ms = 5,
                              .body = "body",
                              .body_len = 4,
                              .failures = failures,
                              .due_ms = due_ms};
    assert_int_equal(pushes_add(w->pushes, w->subscription, &push), SL_OK);
}

static void fail_next(world_t *w, int status)
{
    fault_rule_t rule = {.operation = OPERATION_Push, .left = 1};
    rule.fault = (fault_t){.action = FAULT_ERROR, .status = (unsigned)status};
    assert_int_equal(faults_append(&w->faults, &rule, 1), SL_OK);
}

static void what_is_added_and_fails_is_told(void **state)
{
    world_t *w = *state;
    add(w, 0, 0, 0);
    assert_int_equal(w->told.changes, 1);
    assert_string_equal(w->told.text, "id tag body");
    assert_int_equal(w->told.last.publish_ms, 5);
    assert_int_equal(w->told.last.due_ms, 0);
    uint64_t number = w->told.last.number;
    assert_int_not_equal(number, 0);
    fail_next(w, 500);
    pushes_turn(w->pushes);
    assert_int_equal(w->told.changes, 2);
    assert_int_equal(w->told.last.number, number);
    assert_int_equal(w->told.last.failures, 1);
    assert_true(w->told.last.due_ms >= START_MS + 10000 && w->told.last.due_ms <= START_MS + 20000);
    assert_int_equal(w->told.gone, 0);
}

static void what_is_given_up_or_cancelled_is_gone(void **state)
{
    world_t *w = *state;
    add(w, 0, 3, 0);
    fail_next(w, 500);
    pushes_turn(w->pushes);
    assert_int_equal(w->told.gone, 1);
    assert_int_equal(w->told.last.failures, 4);
    add(w, 0, 0, 0);
    pushes_cancel(w->pushes, w->subscription);
    assert_int_equal(w->told.gone, 2);
}

static void the_end_of_the_process_is_no_end_of_a_push(void **state)
{
    world_t *w = *state;
    add(w, 0, 0, 0);
    pushes_destroy(&w->pushes);
    assert_int_equal(w->told.gone, 0);
    assert_int_equal(w->store.bytes, 0);
}

static void count_one(void *ctx, const subscription_t *s, const push_view_t *push)
{
    (void)s;
    told_t *told = ctx;
    told->changes++;
    if (push->due_ms > 0)
        hear(told, push);
}

static void what_comes_back_is_as_it_was_and_not_told(void **state)
{
    world_t *w = *state;
    told_t seen = {0};
    add(w, 41, 2, START_MS + 700);
    add(w, 42, 0, 0);
    add(w, 43, 0, START_MS - 700);
    assert_int_equal(w->told.changes, 0);
    pushes_walk(w->pushes, count_one, &seen);
    assert_int_equal(seen.changes, 3);
    assert_int_equal(seen.last.number, 41);
    assert_int_equal(seen.last.failures, 2);
    assert_int_equal(seen.last.due_ms, START_MS + 700);
    assert_int_equal(pushes_next_ms(w->pushes), 0); /* 42 and 43 may go */
    fail_next(w, 500);
    fail_next(w, 500);
    pushes_turn(w->pushes);
    assert_int_equal(pushes_next_ms(w->pushes), 700);
}

static void the_memory_of_pushes_is_bounded(void **state)
{
    world_t *w = *state;
    static char body[1000];
    const push_view_t push = {.message_id = "id", .tag = "", .body = body, .body_len = sizeof body};
    size_t added = 0;
    while (pushes_add(w->pushes, w->subscription, &push) == SL_OK)
        added++;
    assert_true(added > 700 && added < 1048);
    assert_int_equal(pushes_add(w->pushes, w->subscription, &push), SL_ELIMIT);
    pushes_cancel(w->pushes, w->subscription);
    assert_int_equal(w->store.bytes, 0);
}

int main(void)
{
#define MADE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        MADE(what_is_added_and_fails_is_told),
        MADE(what_is_given_up_or_cancelled_is_gone),
        MADE(the_end_of_the_process_is_no_end_of_a_push),
        MADE(what_comes_back_is_as_it_was_and_not_told),
        MADE(the_memory_of_pushes_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
