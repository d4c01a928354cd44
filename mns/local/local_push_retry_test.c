/* Pushes that fail, wait, end, or meet faults; and how subscriptions share the connections. */
#include "push_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup_fast(void **state)
{
    return world_setup_with(state, (local_options_t){.time_scale = 1000});
}

static int setup_impatient(void **state)
{
    return world_setup_with(state, (local_options_t){.push_answer_ms = 50, .push_connections = 4});
}

static int setup_narrow(void **state)
{
    return world_setup_with(state, (local_options_t){.push_connections = 4});
}

static int setup_small(void **state)
{
    return world_setup_with(state, (local_options_t){.memory_bytes = 100000});
}

/* -- trying again -------------------------------------------------------------------------- */

static void backoff_tries_four_times_and_gives_up(void **state)
{
    world_t *w = *state;
    cJSON *json;
    subscribe(w, "s", "/status/500", PLAIN);
    publish(w, "hello", "<MessageTag>x</MessageTag>");
    for (uint64_t tries = 1; tries <= 3; tries++) {
        WAIT(tries_failed(w) == tries);
        uint64_t wait_ms = next_try_ms(w);
        assert_true(wait_ms >= 10000 && wait_ms <= 20000);
        fixture_pass_ms(w->f, wait_ms - 1);
        for (int i = 0; i < 5; i++)
            world_turn(w);
        assert_int_equal(w->count, tries); /* not earlier */
        fixture_pass_ms(w->f, 1);
    }
    WAIT(counted(w->f, "mns_local_dead_pushes_total") == 1);
    assert_int_equal(w->count, 4);
    assert_int_equal(pending(w), 0);
    const cJSON *dead = page_entry(w, "/local/dead", "pushes", 0, &json);
    assert_string_equal(text_of(dead, "topic"), "t");
    assert_string_equal(text_of(dead, "subscription"), "s");
    assert_non_null(strstr(text_of(dead, "endpoint"), "/status/500"));
    assert_string_equal(text_of(dead, "message_id"), got_header(&w->got[0], "x-mns-message-id"));
    assert_string_equal(text_of(dead, "message_tag"), "x");
    assert_string_equal(text_of(dead, "format"), "SIMPLIFIED");
    assert_string_equal(text_of(dead, "body"), "hello");
    assert_int_equal(number_of(dead, "publish_time_ms"), 1780315200000);
    assert_int_equal(number_of(dead, "attempts"), 4);
    assert_int_equal(number_of(dead, "last_status"), 500);
    cJSON_Delete(json);
    assert_string_equal(ask_page(w->f, "DELETE", "/local/dead").body, "{\"pushes\":[]}\n");
}

static void each_try_is_signed_anew(void **state)
{
    world_t *w = *state;
    w->failing = 1;
    subscribe(w, "s", "/flaky", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
    assert_int_equal(w->count, 2);
    assert_string_equal(got_header(&w->got[0], "x-mns-message-id"),
                        got_header(&w->got[1], "x-mns-message-id"));
    assert_string_not_equal(got_header(&w->got[0], "x-mns-request-id"),
                            got_header(&w->got[1], "x-mns-request-id"));
    assert_string_equal(got_header(&w->got[1], "Date"), "Mon, 01 Jun 2026 12:00:20 GMT");
    assert_int_equal(judge(w, &w->got[1]), MNS_PUSH_GENUINE);
}

static void decay_tries_177_times_in_scaled_time(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/status/500", DECAY);
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_int_equal(next_try_ms(w), 1);
    while (w->count < 177) {
        size_t before = w->count;
        fixture_pass_ms(w->f, 512);
        WAIT(w->count > before && counted(w->f, "mns_local_pushes_under_way") == 0);
    }
    WAIT(counted(w->f, "mns_local_dead_pushes_total") == 1);
    fixture_pass_ms(w->f, 100000);
    for (int i = 0; i < 10; i++)
        world_turn(w);
    assert_int_equal(w->count, 177);
}

static void a_changed_strategy_holds_for_what_is_pending(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/status/500", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_status(call(w->f, "PUT", "/topics/t/subscriptions/s?metaoverride=true",
                       "<Subscription>" DECAY "</Subscription>"),
                  204);
    fixture_pass_ms(w->f, 20000);
    WAIT(tries_failed(w) == 2);
    assert_int_equal(next_try_ms(w), 2000);
}

/* -- side by side -------------------------------------------------------------------------- */

static void a_hanging_endpoint_does_not_hold_up_others(void **state)
{
    world_t *w = *state; /* four connections */
    subscribe(w, "a", "/hang", "");
    subscribe(w, "b", "/ok", "");
    for (int i = 0; i < 50; i++)
        publish(w, "x", "");
    WAIT(came(w, "/ok") == 50 && pending(w) == 50);
    assert_int_equal(came(w, "/hang"), 3); /* three quarters at most */
}

static void failing_endpoints_share_half_of_the_connections(void **state)
{
    world_t *w = *state; /* four connections, and none waits long for an answer */
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "h%d", i);
        subscribe(w, name, "/hang", DECAY);
    }
    publish(w, "first", "");
    WAIT(tries_failed(w) == 10);
    for (int i = 0; i < 3; i++)
        publish(w, "more", "");
    uint64_t most = 0;
    while (tries_failed(w) < 30) {
        uint64_t now = counted(w->f, "mns_local_pushes_under_way");
        most = now > most ? now : most;
    }
    assert_int_equal(most, 2);
    subscribe(w, "well", "/ok", "");
    publish(w, "x", "");
    WAIT(came(w, "/ok") == 1);
}

static void reply_all(world_t *w, unsigned status)
{
    while (w->parked_count > 0)
        http_request_reply(w->parked[--w->parked_count], &(http_reply_t){.status = status});
}

static void success_earns_connections_and_failure_costs_them(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", "");
    for (int i = 0; i < 40; i++)
        publish(w, "x", "");
    WAIT(w->parked_count == 4); /* at first */
    for (int i = 0; i < 20; i++)
        world_turn(w);
    assert_int_equal(w->count, 4);
    reply_all(w, 200);
    WAIT(w->parked_count == 8);
    reply_all(w, 500);
    WAIT(tries_failed(w) == 8 && w->parked_count == 1);
    assert_int_equal(w->count, 13);
}

static void pushes_of_one_subscription_start_in_order(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", PLAIN);
    for (int i = 0; i < 9; i++) {
        char body[2] = {(char)('1' + i), '\0'};
        publish(w, body, "");
    }
    for (size_t i = 1; i <= 9; i++) {
        WAIT(w->parked_count > 0);
        http_request_reply(w->parked[--w->parked_count], &(http_reply_t){.status = 200});
    }
    WAIT(pending(w) == 0);
    bool seen[10] = {false};
    for (size_t i = 0; i < 9; i++) {
        int digit = w->got[i].body[0] - '0';
        assert_true(digit <= (int)i + 4); /* four at once at first, more later */
        assert_false(seen[digit]);
        seen[digit] = true;
    }
}

/* -- ends ---------------------------------------------------------------------------------- */

static void unsubscribing_cancels_what_is_pending(void **state)
{
    world_t *w = *state;
    subscribe(w, "gone", "/hang", "");
    subscribe(w, "failing", "/status/500", "");
    for (int i = 0; i < 20; i++)
        publish(w, "x", "");
    WAIT(w->parked_count >= 4 && tries_failed(w) == 20);
    uint64_t bytes = counted(w->f, "mns_local_message_bytes");
    assert_true(bytes > 0);
    assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/gone", NULL), 204);
    WAIT(w->parked_count == 0 && w->gone >= 4); /* connections are closed */
    assert_int_equal(pending(w), 20);
    assert_int_equal(counted(w->f, "mns_local_cancelled_pushes_total"), 20);
    assert_true(counted(w->f, "mns_local_message_bytes") < bytes);
    assert_status(call(w->f, "DELETE", "/topics/t", NULL), 204);
    WAIT(pending(w) == 0);
    assert_int_equal(counted(w->f, "mns_local_cancelled_pushes_total"), 40);
    assert_int_equal(counted(w->f, "mns_local_message_bytes"), 0);
    forget(w);
    fixture_pass_ms(w->f, 20000);
    for (int i = 0; i < 10; i++)
        world_turn(w);
    assert_int_equal(w->count, 0);
}

static void the_server_may_end_with_pushes_in_every_state(void **state)
{
    world_t *w = *state; /* its teardown is the test, with a sanitizer looking */
    subscribe(w, "a", "/hang", "");
    subscribe(w, "b", "/status/500", "");
    for (int i = 0; i < 20; i++)
        publish(w, "x", "");
    WAIT(w->parked_count >= 3 && tries_failed(w) >= 1);
    assert_true(pending(w) == 40);
}

static void pushes_share_the_memory_of_messages(void **state)
{
    world_t *w = *state; /* 100,000 bytes */
    subscribe(w, "s", "/hang", "");
    const char *message = "<Message><MessageBody>goes nowhere</MessageBody></Message>";
    size_t published = 0;
    raw_reply_t reply;
    while ((reply = call(w->f, "POST", "/topics/t/messages", message)).status == 201 &&
           published < 300)
        published++;
    assert_error(reply, 500, "InternalError");
    assert_in_range(published, 50, 300);
    assert_int_equal(pending(w), published);
    assert_int_equal(counted(w->f, "mns_local_undeliverable_messages_total"), 0);
    assert_true(counted(w->f, "mns_local_message_bytes") < 102000);
}

/* -- faults on command --------------------------------------------------------------------- */

static void add_fault(world_t *w, const char *members)
{
    char text[512], body[256];
    snprintf(body, sizeof body, "[{\"op\":\"Push\",\"resource\":\"t\",%s}]", members);
    snprintf(text, sizeof text,
             "POST /local/faults HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    raw_say(&w->f->client, text);
    assert_status(raw_hear(&w->f->client), 200);
}

static void a_fault_fails_a_push_without_sending_it(void **state)
{
    world_t *w = *state;
    cJSON *json;
    add_fault(w, "\"next\":1,\"action\":\"error\",\"code\":\"InternalError\",\"status\":507");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_int_equal(
        number_of(page_entry(w, "/local/pushes", "subscriptions", 0, &json), "last_status"), 507);
    cJSON_Delete(json);
    assert_int_equal(w->count, 0);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
}

static void a_fault_delays_a_push(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"delay\",\"ms\":700");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(pending(w) == 1);
    assert_int_equal(next_try_ms(w), 700);
    fixture_pass_ms(w->f, 700);
    WAIT(delivered(w) == 1);
    assert_int_equal(tries_failed(w), 0);
}

static void a_fault_lets_a_push_hang(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"hang\"");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    fixture_pass_ms(w->f, 4999);
    assert_int_equal(tries_failed(w), 0);
    fixture_pass_ms(w->f, 1);
    WAIT(tries_failed(w) == 1);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
    assert_int_equal(w->count, 1);
}

static void a_fault_sends_a_push_twice(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"twice\"");
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    publish(w, "y", "");
    WAIT(w->count == 3 && pending(w) == 0);
    assert_int_equal(delivered(w), 3);
}

static void a_fault_lets_a_push_be_overtaken(void **state)
{
    world_t *w = *state;
    add_fault(w, "\"next\":1,\"action\":\"reorder\"");
    subscribe(w, "s", "/ok", PLAIN);
    publish(w, "1", "");
    publish(w, "2", "");
    WAIT(w->count == 1);
    assert_string_equal(w->got[0].body, "2");
    fixture_pass_ms(w->f, 1000);
    WAIT(w->count == 2 && pending(w) == 0);
    assert_int_equal(tries_failed(w), 0);
}

int main(void)
{
#define IN(setup, test) cmocka_unit_test_setup_teardown(test, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        IN(world_setup, backoff_tries_four_times_and_gives_up),
        IN(world_setup, each_try_is_signed_anew),
        IN(setup_fast, decay_tries_177_times_in_scaled_time),
        IN(world_setup, a_changed_strategy_holds_for_what_is_pending),
        IN(setup_narrow, a_hanging_endpoint_does_not_hold_up_others),
        IN(setup_impatient, failing_endpoints_share_half_of_the_connections),
        IN(world_setup, success_earns_connections_and_failure_costs_them),
        IN(world_setup, pushes_of_one_subscription_start_in_order),
        IN(world_setup, unsubscribing_cancels_what_is_pending),
        IN(world_setup, the_server_may_end_with_pushes_in_every_state),
        IN(setup_small, pushes_share_the_memory_of_messages),
        IN(world_setup, a_fault_fails_a_push_without_sending_it),
        IN(world_setup, a_fault_delays_a_push),
        IN(world_setup, a_fault_lets_a_push_hang),
        IN(world_setup, a_fault_sends_a_push_twice),
        IN(world_setup, a_fault_lets_a_push_be_overtaken),
    };
    return cmocka_run_group_tests(tests, world_make_key, world_remove_key);
}
