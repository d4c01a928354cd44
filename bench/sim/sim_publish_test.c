#include "publish.h"

#include "mns_fake.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER(status, length, body) \
    "HTTP/1.1 " status "\r\nContent-Length: " length "\r\n\r\n" body
#define SENT(id) ANSWER("201 Created", "46", "<Message><MessageId>" id "</MessageId></Message>  ")
#define BUSY     ANSWER("503 Service Unavailable", "0", "")
/* Says that it ends the connection: else the next request may leave on it before the end is seen.
 */
#define BUSY_LAST \
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define REFUSED                                                                             \
    ANSWER("404 Not Found", "94",                                                           \
           "<Error><Code>TopicNotExist</Code><Message>no</Message><RequestId>1</RequestId>" \
           "<H>1</H></Error>")

static char path[] = "/tmp/batch-sim-publish-XXXXXX";
static fake_t *fake;
static mns_client_t *client;
static publisher_t *publisher;
static ledger_t ledger;
static sim_t *sim;

/* What the next start takes, beside what all have in common. */
static publisher_options_t options;

static void start(const fake_answer_t *script, size_t count)
{
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    fake = fake_create(script, count);
    mns_client_options_t client_options = {.size = sizeof client_options,
                                           .endpoint = fake_endpoint(fake),
                                           .access_key_id = "id",
                                           .access_key_secret = "secret",
                                           .attempts = 1};
    assert_int_equal(mns_client_create(&client, &client_options), MNS_OK);
    assert_int_equal(ledger_open(&ledger, path, true), SL_OK);
    assert_int_equal(sim_create(&sim, &(sim_options_t){.seed = 1}), SL_OK);
    options.client = client;
    options.ledger = &ledger;
    options.topic = "t";
    options.account = "123";
    options.subscription = "s";
    options.first_pause_ms = 1;
    if (options.in_flight == 0)
        options.in_flight = 1;
    if (options.give_up_ms == 0)
        options.give_up_ms = 60000;
    assert_int_equal(publisher_create(&publisher, &options), SL_OK);
}
#define SCRIPT(...) ((const fake_answer_t[]){__VA_ARGS__})
#define START(...)  start(SCRIPT(__VA_ARGS__), sizeof SCRIPT(__VA_ARGS__) / sizeof(fake_answer_t))

static int stop(void **state)
{
    (void)state;
    mns_client_destroy(&client);
    publisher_destroy(&publisher);
    ledger_close(&ledger);
    sim_destroy(&sim);
    fake_destroy(&fake);
    options = (publisher_options_t){0};
    return unlink(path);
}

/* Publishes the next `count` notifications and waits until none is under way, or it gives up. */
static void publish(uint64_t count)
{
    sim_event_t event;
    for (uint64_t n = 1; n <= count;) {
        while (n <= count && publisher_has_room(publisher)) {
            assert_int_equal(sim_next(sim, &event), SL_OK);
            publisher_add(publisher, n++, &event);
        }
        publisher_flush(publisher);
        publisher_turn(publisher, 1000);
        if (publisher_trouble(publisher) != NULL)
            return;
    }
    while (!publisher_idle(publisher) && publisher_trouble(publisher) == NULL)
        publisher_turn(publisher, 1000);
}

/* The ledger's lines as a JSON array. */
static cJSON *lines(void)
{
    static char text[1 << 20];
    cJSON *all = cJSON_CreateArray();
    assert_int_equal(ledger_flush(&ledger), SL_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        cJSON *line = cJSON_Parse(text);
        assert_non_null(line);
        cJSON_AddItemToArray(all, line);
    }
    fclose(file);
    return all;
}

static const char *member(const cJSON *all, int at, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(all, at), name));
}

static void a_confirmed_message_is_in_the_ledger(void **state)
{
    (void)state;
    START({SENT("A1"), FAKE_KEEP}, {SENT("A2"), FAKE_KEEP});
    publish(2);
    cJSON *all = lines();
    assert_int_equal(cJSON_GetArraySize(all), 2);
    assert_string_equal(member(all, 0, "id"), "A1");
    assert_string_equal(member(all, 1, "id"), "A2");
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(all, 1), "n")->valueint, 2);
    assert_string_equal(member(all, 0, "topic"), "Job.OnJobWaiting");
    const char *body = member(all, 1, "body");
    char md5[MD5_HEX_LEN + 1];
    md5_hex(body, strlen(body), md5);
    assert_string_equal(member(all, 1, "md5"), md5);
    assert_non_null(strstr(fake_body(fake), body)); /* nothing in it that XML escapes */
    assert_int_equal(publisher_stats(publisher)->published, 2);
    cJSON_Delete(all);
}

static void a_failure_is_repeated_and_recorded_once(void **state)
{
    (void)state;
    /* The reset comes on a fresh connection: on a kept one libcurl would try again itself. */
    START({BUSY_LAST, FAKE_CLOSE}, {"", FAKE_RESET}, {BUSY, FAKE_KEEP}, {SENT("A1"), FAKE_KEEP});
    publish(1);
    cJSON *all = lines();
    assert_int_equal(cJSON_GetArraySize(all), 1);
    assert_string_equal(member(all, 0, "id"), "A1");
    assert_int_equal(publisher_stats(publisher)->failed_attempts, 3);
    assert_int_equal(publisher_stats(publisher)->unanswered, 1);
    assert_int_equal(fake_requests(fake), 4);
    assert_null(publisher_trouble(publisher));
    cJSON_Delete(all);
}

static void a_refusal_ends_it_with_its_reason(void **state)
{
    (void)state;
    START({REFUSED, FAKE_KEEP});
    publish(1);
    assert_string_equal(publisher_trouble(publisher), "topic t: refused: TopicNotExist: no");
    cJSON *all = lines();
    assert_int_equal(cJSON_GetArraySize(all), 0);
    cJSON_Delete(all);
}

static void endless_failure_ends_it(void **state)
{
    (void)state;
    options = (publisher_options_t){.give_up_ms = 20};
    START({BUSY, FAKE_KEEP});
    publish(1);
    assert_non_null(strstr(publisher_trouble(publisher), "nothing was accepted for too long"));
}

#define ITEM   "<Message><MessageId>Q</MessageId></Message>"             /* 43 bytes */
#define FAILED "<Message><ErrorCode>InternalError</ErrorCode></Message>" /* 55 bytes */

static void a_batch_for_a_queue_is_16_envelopes(void **state)
{
    (void)state;
    options = (publisher_options_t){.queue = "q", .format = ENVELOPE_JSON};
    START({ANSWER("201 Created", "709",
                  "<Messages>" ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM ITEM
                      ITEM ITEM "</Messages>"),
           FAKE_KEEP},
          {ANSWER("201 Created", "107", "<Messages>" ITEM ITEM "</Messages>"), FAKE_KEEP});
    publish(18);
    cJSON *all = lines();
    assert_int_equal(cJSON_GetArraySize(all), 18);
    assert_int_equal(fake_requests(fake), 2);
    for (int i = 1; i < 18; i++) { /* the envelopes' ids, each its own */
        assert_int_equal(strlen(member(all, i, "id")), MESSAGE_ID_LEN);
        assert_string_not_equal(member(all, i, "id"), member(all, i - 1, "id"));
    }
    assert_non_null(strstr(fake_body(fake), member(all, 17, "id")));
    assert_non_null(strstr(fake_body(fake), "\"TopicOwner\":\"123\""));
    cJSON_Delete(all);
}

static void of_a_batch_only_what_failed_is_repeated(void **state)
{
    (void)state;
    options = (publisher_options_t){.queue = "q", .format = ENVELOPE_SIMPLIFIED};
    START({ANSWER("500 Internal Server Error", "162", "<Messages>" ITEM FAILED ITEM "</Messages>"),
           FAKE_KEEP},
          {ANSWER("201 Created", "64", "<Messages>" ITEM "</Messages>"), FAKE_KEEP});
    publish(3);
    cJSON *all = lines();
    assert_int_equal(cJSON_GetArraySize(all), 3);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(all, 0), "n")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(all, 1), "n")->valueint, 3);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(all, 2), "n")->valueint, 2);
    assert_string_equal(member(all, 0, "id"), "Q"); /* the queue's: no envelope has one */
    cJSON_Delete(all);
}

static void base64_covers_the_body_and_not_the_envelope(void **state)
{
    (void)state;
    options = (publisher_options_t){.queue = "q", .format = ENVELOPE_JSON, .base64 = true};
    START({ANSWER("201 Created", "64", "<Messages>" ITEM "</Messages>"), FAKE_KEEP});
    publish(1);
    assert_non_null(strstr(fake_body(fake), "\"Message\":\"eyJDYXRlZ29yeSI6"));
    cJSON *all = lines();
    assert_memory_equal(member(all, 0, "body"), "{\"Category\"", 11);
    cJSON_Delete(all);
}

static void many_are_under_way_at_a_time(void **state)
{
    (void)state;
    options = (publisher_options_t){.in_flight = 8};
    START({SENT("AA"), FAKE_KEEP});
    publish(500);
    cJSON *all = lines();
    bool seen[501] = {false};
    assert_int_equal(cJSON_GetArraySize(all), 500);
    for (cJSON *line = all->child; line != NULL; line = line->next) {
        int n = cJSON_GetObjectItem(line, "n")->valueint;
        assert_false(seen[n]);
        seen[n] = true;
    }
    assert_in_range(fake_connections(fake), 1, 8);
    cJSON_Delete(all);
}

static void a_ledger_that_cannot_be_written_ends_it(void **state)
{
    (void)state;
    START({SENT("A1"), FAKE_KEEP});
    ledger_close(&ledger);
    assert_int_equal(ledger_open(&ledger, "/dev/full", true), SL_OK);
    setvbuf(ledger.file, NULL, _IONBF, 0);
    publish(1);
    assert_string_equal(publisher_trouble(publisher),
                        "topic t: the ledger cannot be written: No space left on device");
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_confirmed_message_is_in_the_ledger),
        TEST(a_failure_is_repeated_and_recorded_once),
        TEST(a_refusal_ends_it_with_its_reason),
        TEST(endless_failure_ends_it),
        TEST(a_batch_for_a_queue_is_16_envelopes),
        TEST(of_a_batch_only_what_failed_is_repeated),
        TEST(base64_covers_the_body_and_not_the_envelope),
        TEST(many_are_under_way_at_a_time),
        TEST(a_ledger_that_cannot_be_written_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
