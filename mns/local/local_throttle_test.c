/* The service's rule on consumers that receive and do not delete. */
#include "local_fixture.h"
#include "pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES "/queues/q/messages"
#define RECEIVE  MESSAGES "?numOfMessages=16"

static int start(void **state, bool throttle)
{
    int err = fixture_setup_with(state, (local_options_t){.throttle = throttle});
    const char *body = "<Queue><VisibilityTimeout>43200</VisibilityTimeout></Queue>";
    return err != 0 || call(*state, "PUT", "/queues/q", body).status != 201 ? -1 : 0;
}

static int setup(void **state)
{
    return start(state, true);
}

static int setup_unthrottled(void **state)
{
    return start(state, false);
}

static void send_batches(fixture_t *f, size_t count)
{
    char body[2048] = "<Messages>";
    for (size_t i = 0; i < 16; i++)
        strcat(body, "<Message><MessageBody>x</MessageBody></Message>");
    strcat(body, "</Messages>");
    for (size_t i = 0; i < count; i++)
        assert_status(call(f, "POST", MESSAGES, body), 201);
}

static void receive_batches(fixture_t *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        raw_reply_t reply = call(f, "GET", RECEIVE, NULL);
        assert_status(reply, 200);
        assert_int_equal(count_elements(reply, "Message"), 16);
    }
}

static void delete_all(fixture_t *f, raw_reply_t received)
{
    char body[2048] = "<ReceiptHandles>";
    for (size_t i = 0; i < 16; i++) {
        strcat(body, "<ReceiptHandle>");
        strcat(body, element(received, "ReceiptHandle", i));
        strcat(body, "</ReceiptHandle>");
    }
    strcat(body, "</ReceiptHandles>");
    assert_status(call(f, "DELETE", MESSAGES, body), 204);
}

/* -- pace ---------------------------------------------------------------------------------- */

static void a_pace_forgets_what_is_a_second_old(void **state)
{
    (void)state;
    pace_t pace = {0};
    pace_add(&pace, 1000000, 5);
    pace_add(&pace, 1000500, 7);
    assert_int_equal(pace_sum(&pace, 1000999), 12);
    assert_int_equal(pace_sum(&pace, 1001000), 7);
    pace_add(&pace, 1001000, -3);
    assert_int_equal(pace_sum(&pace, 1001499), 4);
    assert_int_equal(pace_sum(&pace, 1001500), -3);
    assert_int_equal(pace_sum(&pace, 9999999), 0);
}

static void a_pace_is_the_sum_of_its_steps(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static struct {
        uint64_t ms;
        int32_t change;
    } log[COUNT];
    pace_t pace = {0};
    uint64_t now = 123456789;
    srand(7);
    for (size_t i = 0; i < COUNT; i++) {
        now += (uint64_t)(rand() % 40) * (rand() % 100 == 0 ? 100 : 1);
        log[i].ms = now;
        log[i].change = rand() % 33 - 16;
        pace_add(&pace, now, log[i].change);
        int64_t sum = 0;
        for (size_t back = i + 1; back-- > 0;)
            if (now / PACE_STEP_MS - log[back].ms / PACE_STEP_MS < PACE_STEPS)
                sum += log[back].change;
            else
                break;
        assert_int_equal(pace_sum(&pace, now), sum);
    }
}

/* -- the rule ------------------------------------------------------------------------------ */

static void five_thousand_undeleted_messages_are_too_many(void **state)
{
    fixture_t *f = *state;
    send_batches(f, 314);
    raw_reply_t reply = call(f, "GET", RECEIVE, NULL);
    char kept[64];
    snprintf(kept, sizeof kept, "%s", element(reply, "ReceiptHandle", 0));
    for (size_t round = 0; round < 6; round++) {
        receive_batches(f, 51);
        fixture_pass_ms(f, 1000);
    }
    receive_batches(f, 5); /* 312 × 16 = 4,992 */
    for (size_t i = 0; i < 8; i++)
        assert_status(call(f, "GET", MESSAGES, NULL), 200);
    reply = call(f, "GET", RECEIVE, NULL);
    assert_error(reply, 429, "QpsLimitExceeded");
    assert_string_equal(header(reply, "Retry-After"), "1");
    assert_error(call(f, "GET", MESSAGES "?waitseconds=10", NULL), 429, "QpsLimitExceeded");
    assert_status(call(f, "GET", MESSAGES "?peekonly=true", NULL), 200);
    fixture_pass_ms(f, 60000); /* time alone does not help */
    assert_error(call(f, "GET", RECEIVE, NULL), 429, "QpsLimitExceeded");
    char target[128];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s", kept);
    assert_status(call(f, "DELETE", target, NULL), 204);
    assert_status(call(f, "GET", MESSAGES, NULL), 200);
    assert_int_equal(counted(f, "mns_local_throttled_total"), 3);
    assert_int_equal(counted(f, "mns_local_undeleted_peak"), 5000);
}

static void a_thousand_more_within_a_second_are_too_many(void **state)
{
    fixture_t *f = *state;
    send_batches(f, 70);
    receive_batches(f, 62);
    for (size_t i = 0; i < 9; i++) /* 992 and these are 1,001; up to 1,000 are allowed */
        assert_status(call(f, "GET", MESSAGES, NULL), 200);
    assert_error(call(f, "GET", MESSAGES, NULL), 429, "QpsLimitExceeded");
    fixture_pass_ms(f, 999);
    assert_error(call(f, "GET", MESSAGES, NULL), 429, "QpsLimitExceeded");
    fixture_pass_ms(f, 1);
    assert_status(call(f, "GET", MESSAGES, NULL), 200);
    assert_int_equal(counted(f, "mns_local_undeleted_pace_peak"), 1001);
}

static void one_who_deletes_is_never_throttled(void **state)
{
    fixture_t *f = *state;
    send_batches(f, 400);
    for (size_t i = 0; i < 400; i++)
        delete_all(f, call(f, "GET", RECEIVE, NULL));
    assert_int_equal(counted(f, "mns_local_deleted_messages_total"), 6400);
    assert_int_equal(counted(f, "mns_local_throttled_total"), 0);
    assert_int_equal(counted(f, "mns_local_undeleted_peak"), 16);
    assert_int_equal(counted(f, "mns_local_undeleted_pace_peak"), 16);
}

static void messages_that_lapse_are_no_longer_held(void **state)
{
    fixture_t *f = *state;
    const char *short_one = "<Queue><VisibilityTimeout>2</VisibilityTimeout></Queue>";
    assert_status(call(f, "PUT", "/queues/q?metaoverride=true", short_one), 204);
    send_batches(f, 63);
    for (size_t round = 0; round < 8; round++) { /* 8,000 receives, no delete */
        receive_batches(f, 62);
        fixture_pass_ms(f, 2000);
    }
    assert_int_equal(counted(f, "mns_local_undeleted_peak"), 992);
}

static void a_poll_that_waited_is_refused_too(void **state)
{
    fixture_t *f = *state;
    raw_client_t c[2];
    send_batches(f, 62);
    receive_batches(f, 62);
    for (size_t i = 0; i < 8; i++) {
        assert_status(call(f, "POST", MESSAGES, "<Message><MessageBody>x</MessageBody></Message>"),
                      201);
        assert_status(call(f, "GET", MESSAGES, NULL), 200);
    }
    for (size_t i = 0; i < 2; i++) {
        fixture_connect(f, &c[i]);
        ask_raw(&c[i], &(asking_t){.verb = "GET", .target = RECEIVE "&waitseconds=30"});
        RAW_WAIT(&c[i], counted(f, "http_parked") == i + 1);
    }
    send_batches(f, 2);
    assert_status(raw_hear(&c[0]), 200); /* there were 1,000 before */
    assert_error(raw_hear(&c[1]), 429, "QpsLimitExceeded");
    for (size_t i = 0; i < 2; i++)
        raw_close(&c[i]);
    fixture_pass_ms(f, 1000);
    receive_batches(f, 1); /* nothing was taken by who was refused */
}

static void without_the_option_nobody_is_refused(void **state)
{
    fixture_t *f = *state;
    send_batches(f, 400);
    receive_batches(f, 400);
    assert_int_equal(counted(f, "mns_local_throttled_total"), 0);
    assert_int_equal(counted(f, "mns_local_undeleted_peak"), 6400);
}

int main(void)
{
#define WITH_RULE(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pace_forgets_what_is_a_second_old),
        cmocka_unit_test(a_pace_is_the_sum_of_its_steps),
        WITH_RULE(five_thousand_undeleted_messages_are_too_many),
        WITH_RULE(a_thousand_more_within_a_second_are_too_many),
        WITH_RULE(one_who_deletes_is_never_throttled),
        WITH_RULE(messages_that_lapse_are_no_longer_held),
        WITH_RULE(a_poll_that_waited_is_refused_too),
        cmocka_unit_test_setup_teardown(without_the_option_nobody_is_refused, setup_unthrottled,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
