/* mns_retry_test.c - what is sent again, when, and what is not; and the pace of it all. */
#include "mns_client.h"
#include "mns_fake.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ANSWER(status, headers, body) \
    "HTTP/1.1 " status "\r\nConnection: keep-alive\r\n" headers body
#define NO_CONTENT ANSWER("204 No Content", "", "\r\n")
#define NOTHING    "Content-Length: 0\r\n\r\n"
#define SENT                  \
    ANSWER("201 Created", "", \
           "Content-Length: 48\r\n\r\n<Message><MessageId>AAAA</MessageId>  </Message>")
#define BUSY     ANSWER("503 Service Unavailable", "", NOTHING)
#define TOO_MANY ANSWER("429 Too Many Requests", "", NOTHING)
#define BROKEN   ANSWER("500 Internal Server Error", "", NOTHING)

static fake_t *fake;
static mns_client_t *client;
static mns_client_options_t options;

static int begin(void **state)
{
    (void)state;
    options = (mns_client_options_t){.size = sizeof options,
                                     .access_key_id = "id",
                                     .access_key_secret = "secret",
                                     .backoff_ms = 2,
                                     .timeout_ms = 10000};
    return 0;
}

static int end(void **state)
{
    (void)state;
    mns_client_destroy(&client);
    if (fake != NULL)
        fake_destroy(&fake);
    return 0;
}

static void start(const fake_answer_t *script, size_t count)
{
    fake = fake_create(script, count);
    options.endpoint = fake_endpoint(fake);
    assert_int_equal(mns_client_create(&client, &options), MNS_OK);
}
#define START(...)                                        \
    static const fake_answer_t script_[] = {__VA_ARGS__}; \
    start(script_, sizeof script_ / sizeof *script_)

static const mns_outgoing_t hello = {.body = "hello", .body_len = 5};
static const mns_request_t delete_queue = {.op = MNS_DELETE_QUEUE, .queue = "q"};
static const mns_request_t send_hello = {.op = MNS_SEND_MESSAGE, .queue = "q", .outgoing = &hello};

/* What a call came to. */
typedef struct outcome {
    mns_err err;
    mns_code code;
    bool transient;
    uint32_t attempts, retry_after_ms;
    uint64_t took_us;
} outcome_t;

static void note(void *user, const mns_reply_t *reply)
{
    *(outcome_t *)user = (outcome_t){reply->err,      reply->code_id,        reply->transient,
                                     reply->attempts, reply->retry_after_ms, reply->took_us};
}

static outcome_t run(const mns_request_t *request)
{
    mns_reply_t *reply;
    outcome_t outcome;
    mns_call(client, request, &reply);
    assert_non_null(reply);
    note(&outcome, reply);
    mns_reply_free(&reply);
    return outcome;
}

static const char *refusal(const char *status, const char *code, const char *headers)
{
    static char bytes[16][512];
    static unsigned turn;
    char body[256], *out = bytes[turn++ % 16];
    snprintf(body, sizeof body,
             "<Error><Code>%s</Code><Message>m</Message><RequestId>r</RequestId>"
             "<HostId>h</HostId></Error>",
             code);
    snprintf(out, sizeof bytes[0], "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
             headers, strlen(body), body);
    return out;
}

/* -- what is sent again ---------------------------------------------------------------------- */

static void a_fault_that_passes_is_tried_again(void **state)
{
    (void)state;
    START({BROKEN, FAKE_KEEP}, {BUSY, FAKE_KEEP}, {NO_CONTENT, FAKE_KEEP});
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 3);
    assert_int_equal(fake_requests(fake), 3);
}

static void a_fault_that_does_not_pass_ends_after_all_attempts(void **state)
{
    (void)state;
    options.attempts = 4;
    START({BUSY, FAKE_KEEP});
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.err, MNS_ESERVER);
    assert_true(outcome.transient);
    assert_int_equal(outcome.attempts, 4);
    assert_int_equal(fake_requests(fake), 4);
}

static void one_attempt_is_no_retry(void **state)
{
    (void)state;
    options.attempts = 1;
    START({BUSY, FAKE_KEEP});
    assert_int_equal(run(&delete_queue).attempts, 1);
    assert_int_equal(fake_requests(fake), 1);
}

static void a_network_fault_is_tried_again_where_twice_is_as_good_as_once(void **state)
{
    (void)state;
    START({"", FAKE_RESET}, {"HTTP/1.1 204 No", FAKE_CLOSE}, {NO_CONTENT, FAKE_KEEP});
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 3);
}

static void silence_is_tried_again_where_twice_is_as_good_as_once(void **state)
{
    (void)state;
    START({"", FAKE_HANG}, {NO_CONTENT, FAKE_KEEP});
    mns_request_t request = delete_queue;
    request.timeout_ms = 200;
    outcome_t outcome = run(&request);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 2);
}

static void a_send_is_repeated_when_nothing_was_done(void **state)
{
    (void)state;
    fake_answer_t script[] = {{TOO_MANY, FAKE_KEEP},
                              {BUSY, FAKE_KEEP},
                              {refusal("400 Bad Request", "QpsLimitExceeded", ""), FAKE_KEEP},
                              {SENT, FAKE_KEEP}};
    options.attempts = 4;
    start(script, 4);
    outcome_t outcome = run(&send_hello);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 4);
    assert_non_null(strstr(fake_body(fake), "<MessageBody>hello</MessageBody>"));
}

static void a_send_that_never_left_is_repeated(void **state)
{
    (void)state;
    options.endpoint = "http://127.0.0.1:1";
    assert_int_equal(mns_client_create(&client, &options), MNS_OK);
    outcome_t outcome = run(&send_hello);
    assert_int_equal(outcome.err, MNS_EIO);
    assert_true(outcome.transient);
    assert_int_equal(outcome.attempts, 3);
}

static void a_send_of_unknown_fate_is_not_repeated(void **state)
{
    (void)state;
    static const fake_answer_t fates[] = {{BROKEN, FAKE_KEEP},
                                          {"", FAKE_RESET},
                                          {"", FAKE_CLOSE},
                                          {"HTTP/1.1 201 Cr", FAKE_CLOSE},
                                          {"", FAKE_HANG}};
    static const mns_err errs[] = {MNS_ESERVER, MNS_EIO, MNS_EIO, MNS_EIO, MNS_ETIMEDOUT};
    mns_request_t request = send_hello;
    request.timeout_ms = 200;
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        start(&fates[i], 1);
        outcome_t outcome = run(&request);
        assert_int_equal(outcome.err, errs[i]);
        assert_true(outcome.transient);
        assert_int_equal(outcome.attempts, 1);
        assert_int_equal(fake_requests(fake), 1);
        end(NULL);
    }
}

/* curl would repeat it by itself: a kept connection that ends without a byte looks stale. */
static void a_send_on_a_kept_connection_that_dies_is_not_repeated_either(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP}, {"", FAKE_CLOSE}, {SENT, FAKE_KEEP});
    assert_int_equal(run(&send_hello).err, MNS_OK);
    outcome_t outcome = run(&send_hello);
    assert_int_equal(outcome.err, MNS_EIO);
    assert_int_equal(fake_requests(fake), 2);
}

static void what_may_be_repeated_is_on_a_kept_connection_that_dies(void **state)
{
    (void)state;
    options.attempts = 1;
    START({NO_CONTENT, FAKE_KEEP}, {"", FAKE_CLOSE}, {NO_CONTENT, FAKE_KEEP});
    assert_int_equal(run(&delete_queue).err, MNS_OK);
    assert_int_equal(run(&delete_queue).err, MNS_OK);
    assert_int_equal(fake_requests(fake), 3);
}

static void a_refusal_is_final(void **state)
{
    (void)state;
    static const struct {
        const char *status, *code;
        mns_code id;
    } rows[] = {{"403 Forbidden", "AccessDenied", MNS_CODE_AccessDenied},
                {"404 Not Found", "QueueNotExist", MNS_CODE_QueueNotExist},
                {"408 Request Timeout", "TimeExpired", MNS_CODE_TimeExpired},
                {"400 Bad Request", "SomethingNew", MNS_CODE_OTHER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fake_answer_t answer = {refusal(rows[i].status, rows[i].code, ""), FAKE_KEEP};
        start(&answer, 1);
        outcome_t outcome = run(&delete_queue);
        assert_int_equal(outcome.attempts, 1);
        assert_int_equal(outcome.code, rows[i].id);
        assert_false(outcome.transient);
        end(NULL);
    }
}

static void a_name_that_is_not_free_yet_is_tried_again(void **state)
{
    (void)state;
    fake_answer_t script[] = {{refusal("400 Bad Request", "QueueDeletedRecently", ""), FAKE_KEEP},
                              {ANSWER("201 Created", "", NOTHING), FAKE_KEEP}};
    start(script, 2);
    assert_int_equal(run(&(mns_request_t){.op = MNS_CREATE_QUEUE, .queue = "q"}).err, MNS_OK);
}

static void a_batch_that_failed_in_part_is_not_repeated(void **state)
{
    (void)state;
    START(
        {ANSWER("500 Internal Server Error", "",
                "Content-Length: 80\r\n\r\n"
                "<Messages><Message><ErrorCode>InternalError</ErrorCode></Message>    </Messages>"),
         FAKE_KEEP});
    mns_request_t batch = {
        .op = MNS_BATCH_SEND_MESSAGE, .queue = "q", .outgoing = &hello, .count = 1};
    outcome_t outcome = run(&batch);
    assert_int_equal(outcome.err, MNS_EPARTIAL);
    assert_int_equal(outcome.attempts, 1);
}

/* What was borrowed for the submit is gone when the request is sent again. */
static void a_repeated_request_is_whole(void **state)
{
    (void)state;
    START({BUSY, FAKE_KEEP},
          {ANSWER("200 OK", "", "Content-Length: 9\r\n\r\n<Queues/>"), FAKE_KEEP});
    char *prefix = strdup("pre"), *marker = strdup("mark");
    outcome_t outcome = {.attempts = 0};
    mns_request_t list = {.op = MNS_LIST_QUEUE, .prefix = prefix, .marker = marker};
    assert_int_equal(mns_submit(client, &list, note, &outcome), MNS_OK);
    memset(prefix, 'x', 3);
    memset(marker, 'x', 4);
    free(prefix);
    free(marker);
    while (outcome.attempts == 0)
        mns_client_run(client, 5000);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 2);
    assert_non_null(strstr(fake_head(fake), "x-mns-prefix: pre\r\n"));
    assert_non_null(strstr(fake_head(fake), "x-mns-marker: mark\r\n"));
}

/* -- when ------------------------------------------------------------------------------------ */

static void retry_after_in_seconds_is_waited_for(void **state)
{
    (void)state;
    START({ANSWER("503 Service Unavailable", "Retry-After: 1\r\n", NOTHING), FAKE_KEEP},
          {NO_CONTENT, FAKE_KEEP});
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.retry_after_ms, 0); /* of the good answer */
    assert_true(outcome.took_us >= 1000000);
}

static void retry_after_as_a_date_is_read_by_the_services_clock(void **state)
{
    (void)state;
    START({ANSWER("429 Too Many Requests",
                  "Date: Mon, 01 Jun 2026 12:00:00 GMT\r\n"
                  "Retry-After: Mon, 01 Jun 2026 12:00:01 GMT\r\n",
                  NOTHING),
           FAKE_KEEP},
          {SENT, FAKE_KEEP});
    outcome_t outcome = run(&send_hello);
    assert_int_equal(outcome.err, MNS_OK);
    assert_true(outcome.took_us >= 1000000);
}

static void a_pause_longer_than_the_longest_is_left_to_the_user(void **state)
{
    (void)state;
    options.backoff_most_ms = 1000;
    START({ANSWER("503 Service Unavailable", "Retry-After: 3600\r\n", NOTHING), FAKE_KEEP});
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.attempts, 1);
    assert_int_equal(outcome.retry_after_ms, 3600000);
    assert_true(outcome.transient);
}

static void a_pause_is_in_the_descriptor(void **state)
{
    (void)state;
    options.backoff_ms = 50;
    START({BUSY, FAKE_KEEP}, {BUSY, FAKE_KEEP}, {NO_CONTENT, FAKE_KEEP});
    outcome_t outcome = {.attempts = 0};
    assert_int_equal(mns_submit(client, &delete_queue, note, &outcome), MNS_OK);
    struct pollfd set = {.fd = mns_client_fd(client), .events = POLLIN};
    while (outcome.attempts == 0) {
        assert_int_equal(poll(&set, 1, 10000), 1);
        mns_client_run(client, 0);
    }
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 3);
    assert_true(outcome.took_us >= 25000 + 50000);
}

static void others_go_on_while_one_pauses(void **state)
{
    (void)state;
    options.backoff_ms = options.backoff_most_ms = 60000;
    START({BUSY, FAKE_KEEP}, {SENT, FAKE_KEEP});
    outcome_t paused = {.attempts = 0};
    assert_int_equal(mns_submit(client, &delete_queue, note, &paused), MNS_OK);
    while (fake_requests(fake) < 1)
        mns_client_run(client, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(run(&send_hello).err, MNS_OK);
    assert_int_equal(mns_client_in_flight(client), 1);
    mns_client_destroy(&client);
    assert_int_equal(paused.err, MNS_ECANCELED);
    assert_int_equal(paused.attempts, 1);
}

static void many_that_fail_now_and_then_all_arrive(void **state)
{
    (void)state;
    enum { MANY = 200, SCRIPT = 600 };
    static fake_answer_t script[SCRIPT];
    static const fake_answer_t faults[] = {
        {BUSY, FAKE_KEEP}, {"", FAKE_RESET}, {BROKEN, FAKE_CLOSE}, {NO_CONTENT, FAKE_KEEP}};
    uint32_t random = 1;
    for (size_t i = 0; i < SCRIPT; i++) {
        random = random * 1664525 + 1013904223;
        script[i] = faults[random >> 29 < 3 ? random >> 29 : 3];
    }
    script[SCRIPT - 1] = faults[3];
    options.attempts = 20;
    start(script, SCRIPT);
    static outcome_t outcomes[MANY];
    size_t next = 0;
    do {
        while (next < MANY && mns_client_in_flight(client) < 8)
            assert_int_equal(mns_submit(client, &delete_queue, note, &outcomes[next++]), MNS_OK);
        mns_client_run(client, -1);
    } while (mns_client_in_flight(client) > 0 || next < MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].err, MNS_OK);
        assert_true(outcomes[i].attempts >= 1);
    }
}

/* -- the rate -------------------------------------------------------------------------------- */

static void beyond_the_burst_requests_go_at_the_rate(void **state)
{
    (void)state;
    options.rate_limit = 200;
    options.rate_burst = 4;
    START({NO_CONTENT, FAKE_KEEP});
    outcome_t outcomes[14] = {{0}};
    int64_t began_ns = mns_now_ns();
    for (int i = 0; i < 14; i++)
        assert_int_equal(mns_submit(client, &delete_queue, note, &outcomes[i]), MNS_OK);
    assert_int_equal(mns_client_in_flight(client), 14);
    while (mns_client_in_flight(client) > 0)
        mns_client_run(client, -1);
    for (int i = 0; i < 14; i++)
        assert_int_equal(outcomes[i].err, MNS_OK);
    assert_true(mns_now_ns() - began_ns >= 10 * 5000000); /* ten after the burst, 5 ms each */
}

static void a_batch_costs_its_messages(void **state)
{
    (void)state;
    options.rate_limit = 100;
    START({NO_CONTENT, FAKE_KEEP});
    const char *handles[16];
    for (int i = 0; i < 16; i++)
        handles[i] = "h";
    mns_request_t batch = {
        .op = MNS_BATCH_DELETE_MESSAGE, .queue = "q", .receipt_handles = handles, .count = 16};
    int64_t began_ns = mns_now_ns();
    assert_int_equal(run(&batch).err, MNS_OK);
    assert_int_equal(run(&batch).err, MNS_OK);
    assert_true(mns_now_ns() - began_ns >= 160000000);
}

static void keep_queue(void *ctx, const char *line)
{
    const char *at = strstr(line, "|/queues/");
    if (at != NULL)
        strncat(ctx, at + strlen("|/queues/"), 1);
}

static void requests_wait_in_line_in_order(void **state)
{
    (void)state;
    char order[32] = "";
    options.rate_limit = 500;
    options.rate_burst = 1;
    options.trace = keep_queue;
    options.trace_ctx = order;
    START({NO_CONTENT, FAKE_KEEP});
    outcome_t outcomes[8];
    static const char names[][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int i = 0; i < 8; i++)
        assert_int_equal(mns_submit(client,
                                    &(mns_request_t){.op = MNS_DELETE_QUEUE, .queue = names[i]},
                                    note, &outcomes[i]),
                         MNS_OK);
    while (mns_client_in_flight(client) > 0)
        mns_client_run(client, -1);
    assert_string_equal(order, "abcdefgh");
}

static void what_waits_in_line_counts_and_is_cancelled(void **state)
{
    (void)state;
    options.rate_limit = 1;
    options.rate_burst = 1;
    options.max_in_flight = 3;
    START({NO_CONTENT, FAKE_KEEP});
    outcome_t outcomes[4] = {{0}};
    for (int i = 0; i < 3; i++)
        assert_int_equal(mns_submit(client, &delete_queue, note, &outcomes[i]), MNS_OK);
    assert_int_equal(mns_submit(client, &delete_queue, note, &outcomes[3]), MNS_EINVAL);
    mns_client_destroy(&client);
    assert_int_equal(outcomes[2].err, MNS_ECANCELED);
    assert_int_equal(outcomes[2].attempts, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_that_passes_is_tried_again),
        TEST(a_fault_that_does_not_pass_ends_after_all_attempts),
        TEST(one_attempt_is_no_retry),
        TEST(a_network_fault_is_tried_again_where_twice_is_as_good_as_once),
        TEST(silence_is_tried_again_where_twice_is_as_good_as_once),
        TEST(a_send_is_repeated_when_nothing_was_done),
        TEST(a_send_that_never_left_is_repeated),
        TEST(a_send_of_unknown_fate_is_not_repeated),
        TEST(a_send_on_a_kept_connection_that_dies_is_not_repeated_either),
        TEST(what_may_be_repeated_is_on_a_kept_connection_that_dies),
        TEST(a_refusal_is_final),
        TEST(a_name_that_is_not_free_yet_is_tried_again),
        TEST(a_batch_that_failed_in_part_is_not_repeated),
        TEST(a_repeated_request_is_whole),
        TEST(retry_after_in_seconds_is_waited_for),
        TEST(retry_after_as_a_date_is_read_by_the_services_clock),
        TEST(a_pause_longer_than_the_longest_is_left_to_the_user),
        TEST(a_pause_is_in_the_descriptor),
        TEST(others_go_on_while_one_pauses),
        TEST(many_that_fail_now_and_then_all_arrive),
        TEST(beyond_the_burst_requests_go_at_the_rate),
        TEST(a_batch_costs_its_messages),
        TEST(requests_wait_in_line_in_order),
        TEST(what_waits_in_line_counts_and_is_cancelled),
    };
    setenv("no_proxy", "*", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
