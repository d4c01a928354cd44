/* mns_role_test.c - keys of an instance role, from a stand-in for the metadata service.
 *
 * First the role alone, on a clock of the test's; then a client that lives on it. */
#include "mns_fake.h"
#include "mns_role.h"
#include "mns_sign.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW        "Date: Mon, 01 Jun 2026 12:00:00 GMT\r\n"
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define NOTHING    "Content-Length: 0\r\n\r\n"
#define TOKEN      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nmeta-token"
#define NO_TOKEN   "HTTP/1.1 404 Not Found\r\n" NOTHING
#define BROKEN     "HTTP/1.1 500 Internal Server Error\r\n" NOTHING

static const int64_t S = 1000000000;

static fake_t *metadata, *service;
static mns_http_t *http;
static mns_role_t *role;
static mns_backoff_t backoff;
static mns_client_t *client;

static int end(void **state)
{
    (void)state;
    mns_client_destroy(&client);
    mns_role_destroy(&role);
    mns_http_destroy(&http);
    if (metadata != NULL)
        fake_destroy(&metadata);
    if (service != NULL)
        fake_destroy(&service);
    return 0;
}

/* An answer with keys id-N, secret-N, token-N that end `lives_s` after NOW. */
static const char *keys(int number, int lives_s)
{
    static char answers[16][512];
    static unsigned turn;
    char json[384], *out = answers[turn++ % 16];
    snprintf(json, sizeof json,
             "{\"AccessKeyId\":\"id-%d\",\"AccessKeySecret\":\"secret-%d\","
             "\"SecurityToken\":\"token-%d\",\"Code\":\"Success\","
             "\"LastUpdated\":\"2026-06-01T11:00:00Z\","
             "\"Expiration\":\"2026-06-01T%02d:%02d:%02dZ\"}",
             number, number, number, 12 + lives_s / 3600, lives_s / 60 % 60, lives_s % 60);
    snprintf(out, sizeof answers[0], "HTTP/1.1 200 OK\r\n" NOW "Content-Length: %zu\r\n\r\n%s",
             strlen(json), json);
    return out;
}

/* -- the role alone -------------------------------------------------------------------------- */

static void start_role(const char *name, const fake_answer_t *script, size_t count)
{
    metadata = fake_create(script, count);
    mns_backoff_init(&backoff, 1000, 60000, 1);
    assert_int_equal(mns_http_create(&http, &(mns_http_options_t){.base = "http://127.0.0.1:1",
                                                                  .connect_timeout_ms = 5000,
                                                                  .connections = 4}),
                     MNS_OK);
    assert_int_equal(mns_role_create(&role, http,
                                     &(mns_role_options_t){.name = name,
                                                           .base = fake_endpoint(metadata),
                                                           .timeout_ms = 5000,
                                                           .backoff = &backoff}),
                     MNS_OK);
}
#define SCRIPT(...) ((const fake_answer_t[]){__VA_ARGS__})
#define ROLE(name, ...) \
    start_role(name, SCRIPT(__VA_ARGS__), sizeof SCRIPT(__VA_ARGS__) / sizeof(fake_answer_t))

/* Runs the fetch that is under way to its end. */
static mns_role_event_t fetch(int64_t now_ns)
{
    mns_role_event_t event = MNS_ROLE_ON;
    while (event == MNS_ROLE_ON) {
        mns_exchange_t *done;
        mns_http_turn(http, 5000);
        while ((done = mns_http_take(http)) != NULL) {
            assert_true(mns_role_owns(role, done));
            event = mns_role_step(role, now_ns);
        }
    }
    return event;
}

static void keys_are_fetched_with_the_services_token(void **state)
{
    (void)state;
    ROLE("a-role", {TOKEN, FAKE_KEEP}, {keys(1, 3600), FAKE_KEEP});
    assert_false(mns_role_ready(role, 0));
    assert_int_equal(fetch(0), MNS_ROLE_NEW);
    assert_string_equal(fake_line(metadata, 0), "PUT /latest/api/token HTTP/1.1");
    assert_string_equal(fake_line(metadata, 1),
                        "GET /latest/meta-data/ram/security-credentials/a-role HTTP/1.1");
    assert_non_null(strstr(fake_head(metadata), "\r\nX-aliyun-ecs-metadata-token: meta-token\r\n"));
    assert_true(mns_role_ready(role, 0));
    assert_string_equal(mns_role_keys(role)->id, "id-1");
    assert_string_equal(mns_role_keys(role)->secret, "secret-1");
    assert_string_equal(mns_role_keys(role)->token, "token-1");
    assert_int_equal(fake_requests(metadata), 2);
}

static void without_a_token_it_goes_too(void **state)
{
    (void)state;
    ROLE("a-role", {NO_TOKEN, FAKE_CLOSE}, {keys(1, 3600), FAKE_KEEP});
    mns_role_ready(role, 0);
    assert_int_equal(fetch(0), MNS_ROLE_NEW);
    assert_null(strstr(fake_head(metadata), "X-aliyun-ecs-metadata-token"));
}

static void whichever_role_there_is_can_be_asked_for(void **state)
{
    (void)state;
    ROLE("*", {TOKEN, FAKE_KEEP},
         {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nits-role\r\n\r", FAKE_KEEP},
         {keys(1, 3600), FAKE_KEEP});
    mns_role_ready(role, 0);
    assert_int_equal(fetch(0), MNS_ROLE_NEW);
    assert_string_equal(fake_line(metadata, 1),
                        "GET /latest/meta-data/ram/security-credentials/ HTTP/1.1");
    assert_string_equal(fake_line(metadata, 2),
                        "GET /latest/meta-data/ram/security-credentials/its-role HTTP/1.1");
}

static void keys_are_renewed_ahead_and_the_old_ones_used_meanwhile(void **state)
{
    (void)state;
    ROLE("a-role", {TOKEN, FAKE_KEEP}, {keys(1, 3600), FAKE_KEEP}, {TOKEN, FAKE_KEEP},
         {keys(2, 7200), FAKE_KEEP});
    mns_role_ready(role, 0);
    fetch(0);
    assert_true(mns_role_ready(role, 2699 * S)); /* a quarter of an hour before the end */
    assert_int_equal(fake_requests(metadata), 2);
    assert_true(mns_role_ready(role, 2700 * S)); /* still good, and a fetch begins */
    assert_true(mns_role_ready(role, 2701 * S));
    assert_string_equal(mns_role_keys(role)->id, "id-1");
    assert_int_equal(fetch(2702 * S), MNS_ROLE_NEW);
    assert_string_equal(mns_role_keys(role)->id, "id-2");
    assert_int_equal(mns_role_generation(role), 2);
    assert_int_equal(fake_requests(metadata), 4);
}

static void keys_of_a_short_life_are_not_fetched_all_the_time(void **state)
{
    (void)state;
    ROLE("a-role", {TOKEN, FAKE_KEEP}, {keys(1, 400), FAKE_KEEP});
    mns_role_ready(role, 0);
    fetch(0);
    assert_true(mns_role_ready(role, 299 * S));
    assert_int_equal(fake_requests(metadata), 2);
    assert_true(mns_role_ready(role, 300 * S));
    fetch(300 * S);
    assert_int_equal(fake_requests(metadata), 4);
}

static void old_keys_serve_while_the_service_fails(void **state)
{
    (void)state;
    ROLE("a-role", {TOKEN, FAKE_KEEP}, {keys(1, 3600), FAKE_KEEP}, {TOKEN, FAKE_KEEP},
         {BROKEN, FAKE_KEEP});
    mns_role_ready(role, 0);
    fetch(0);
    assert_true(mns_role_ready(role, 3000 * S));
    assert_int_equal(fetch(3000 * S), MNS_ROLE_FAILED);
    assert_string_equal(mns_role_trouble(role),
                        "instance role: fetching keys: the metadata service answers 500");
    assert_true(mns_role_ready(role, 3000 * S)); /* no new fetch at once */
    assert_int_equal(fake_requests(metadata), 4);
    assert_in_range(mns_role_due_ns(role), 3000 * S + S / 2, 3001 * S);
    assert_true(mns_role_ready(role, 3002 * S));
    assert_int_equal(fetch(3002 * S), MNS_ROLE_FAILED);
    assert_int_equal(mns_role_failures(role), 2);
    assert_false(mns_role_ready(role, 3600 * S)); /* now they have ended */
}

static void keys_that_the_service_refused_are_fetched_anew(void **state)
{
    (void)state;
    ROLE("a-role", {TOKEN, FAKE_KEEP}, {keys(1, 3600), FAKE_KEEP}, {TOKEN, FAKE_KEEP},
         {keys(2, 3600), FAKE_KEEP});
    mns_role_ready(role, 0);
    fetch(0);
    mns_role_expire(role, 0); /* of keys before these */
    assert_true(mns_role_ready(role, S));
    mns_role_expire(role, 1);
    assert_false(mns_role_ready(role, S));
    assert_int_equal(fetch(S), MNS_ROLE_NEW);
    assert_true(mns_role_ready(role, S));
}

static void an_answer_without_keys_is_a_failure_with_a_reason(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{\"Code\":\"Success\"", "no JSON object"},
        {"{}", "Code is not Success"},
        {"{\"Code\":\"Failed\"}", "Code is not Success"},
        {"{\"Code\":\"Success\"}", "Expiration is no date"},
        {"{\"Code\":\"Success\",\"Expiration\":\"soon\"}", "Expiration is no date"},
        {"{\"Code\":\"Success\",\"Expiration\":\"2026-06-01T12:00:00Z\"}", "no SecurityToken"},
        {"{\"Code\":\"Success\",\"Expiration\":\"2026-06-01T12:00:00Z\",\"SecurityToken\":\"t\"}",
         "key is missing or malformed"},
        {"{\"Code\":\"Success\",\"Expiration\":\"2026-06-01T12:00:00Z\",\"SecurityToken\":\"t\","
         "\"AccessKeyId\":\"a b\",\"AccessKeySecret\":\"s\"}",
         "key is missing or malformed"},
        {"{\"Code\":\"Success\",\"Expiration\":\"2026-06-01T12:00:00Z\",\"SecurityToken\":\"t\","
         "\"AccessKeyId\":7,\"AccessKeySecret\":\"s\"}",
         "key is missing or malformed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mns_keys_t parsed;
        int64_t end_s;
        const char *why = "";
        assert_int_equal(mns_role_parse(rows[i][0], strlen(rows[i][0]), &parsed, &end_s, &why),
                         MNS_EINVAL);
        assert_non_null(strstr(why, rows[i][1]));
        assert_null(parsed.id);
    }
}

static void what_the_service_answers_badly_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *why;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\n" NOTHING, "answers 404: no such role"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n" NOTHING, "answers 302"},
        {"HTTP/1.1 200 OK\r\n" NOTHING, "no JSON object"},
        {NULL, "the keys have expired already"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ROLE("a-role", {TOKEN, FAKE_KEEP},
             {rows[i].answer != NULL ? rows[i].answer : keys(1, 0), FAKE_KEEP});
        mns_role_ready(role, 0);
        assert_int_equal(fetch(0), MNS_ROLE_FAILED);
        assert_non_null(strstr(mns_role_trouble(role), rows[i].why));
        end(NULL);
    }
}

static void a_name_that_is_none_is_not_asked_for(void **state)
{
    (void)state;
    ROLE("*", {TOKEN, FAKE_KEEP},
         {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n../../id", FAKE_KEEP});
    mns_role_ready(role, 0);
    assert_int_equal(fetch(0), MNS_ROLE_FAILED);
    assert_int_equal(fake_requests(metadata), 2);
}

/* -- a client that lives on it --------------------------------------------------------------- */

typedef struct outcome {
    mns_err err;
    bool transient, there;
    uint32_t attempts;
    char message[160];
} outcome_t;

static void note(void *user, const mns_reply_t *reply)
{
    outcome_t *outcome = user;
    *outcome = (outcome_t){.err = reply->err,
                           .transient = reply->transient,
                           .there = true,
                           .attempts = reply->attempts};
    snprintf(outcome->message, sizeof outcome->message, "%s", reply->message);
}

static void start_client(const fake_answer_t *of_metadata, size_t metadata_count,
                         const fake_answer_t *of_service, size_t service_count)
{
    metadata = fake_create(of_metadata, metadata_count);
    service = fake_create(of_service, service_count);
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = fake_endpoint(service),
                                    .ecs_role = "a-role",
                                    .ecs_metadata = fake_endpoint(metadata),
                                    .backoff_ms = 2};
    assert_int_equal(mns_client_create(&client, &options), MNS_OK);
    assert_string_equal(mns_client_credentials(client), "ecs-role");
}
#define COUNT(script) (sizeof(script) / sizeof *(script))

static const mns_request_t delete_queue = {.op = MNS_DELETE_QUEUE, .queue = "q"};

static void submit(const mns_request_t *request, outcome_t *outcome)
{
    outcome->there = false;
    assert_int_equal(mns_submit(client, request, note, outcome), MNS_OK);
}

static void wait_for(const outcome_t *outcome)
{
    struct pollfd set = {.fd = mns_client_fd(client), .events = POLLIN};
    while (!outcome->there) {
        assert_int_equal(poll(&set, 1, 10000), 1);
        mns_client_run(client, 0);
    }
}

static outcome_t run(const mns_request_t *request)
{
    outcome_t outcome;
    submit(request, &outcome);
    wait_for(&outcome);
    return outcome;
}

/* The value of a header of the newest request to the service. */
static const char *header(const char *name)
{
    static char values[4][256];
    static unsigned turn;
    char key[64], *value = values[turn++ % 4];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(fake_head(service), key);
    if (at == NULL)
        return "";
    at += strlen(key);
    snprintf(value, sizeof values[0], "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* The newest request to the service is signed with this key. */
static void assert_key_used(const char *id, const char *secret, const char *token)
{
    char verb[16], target[128], signature[MNS_SIGNATURE_LEN + 1], expected[128];
    assert_int_equal(sscanf(fake_head(service), "%15s %127s", verb, target), 2);
    mns_header_t version = {"x-mns-version", header("x-mns-version")};
    mns_signed_t what = {
        verb, header("Content-MD5"), header("Content-Type"), header("Date"), &version, 1, target};
    sl_buf_t text = SL_BUF_INIT;
    mns_signer_t *signer = NULL;
    mns_string_to_sign(&text, &what);
    assert_int_equal(mns_signer_create(&signer, secret), MNS_OK);
    assert_true(mns_signer_sign(signer, text.data, text.len, signature));
    mns_signer_destroy(&signer);
    sl_buf_fini(&text);
    snprintf(expected, sizeof expected, "MNS %s:%s", id, signature);
    assert_string_equal(header("Authorization"), expected);
    snprintf(expected, sizeof expected, "\r\nsecurity-token: %s\r\n", token);
    assert_non_null(strstr(fake_head(service), expected));
}

static void requests_wait_for_the_first_keys(void **state)
{
    (void)state;
    const fake_answer_t of_metadata[] = {{TOKEN, FAKE_KEEP}, {keys(1, 3600), FAKE_KEEP}};
    start_client(of_metadata, 2, SCRIPT({NO_CONTENT, FAKE_KEEP}), 1);
    assert_int_equal(fake_requests(metadata), 0); /* nothing before it is needed */
    outcome_t outcomes[8];
    for (int i = 0; i < 8; i++)
        submit(&delete_queue, &outcomes[i]);
    assert_int_equal(mns_client_in_flight(client), 8);
    for (int i = 0; i < 8; i++) {
        wait_for(&outcomes[i]);
        assert_int_equal(outcomes[i].err, MNS_OK);
        assert_int_equal(outcomes[i].attempts, 1);
    }
    assert_key_used("id-1", "secret-1", "token-1");
    assert_int_equal(fake_requests(metadata), 2);
}

static void without_keys_requests_end_with_a_reason(void **state)
{
    (void)state;
    start_client(SCRIPT({BROKEN, FAKE_KEEP}), 1, SCRIPT({NO_CONTENT, FAKE_KEEP}), 1);
    outcome_t first, second;
    submit(&delete_queue, &first);
    submit(&delete_queue, &second);
    wait_for(&first);
    wait_for(&second);
    assert_int_equal(first.err, MNS_ENOKEYS);
    assert_int_equal(second.err, MNS_ENOKEYS);
    assert_true(first.transient);
    assert_int_equal(first.attempts, 0);
    assert_string_equal(first.message,
                        "instance role: fetching keys: the metadata service answers 500");
    assert_int_equal(fake_requests(metadata), 6); /* three fetches of two requests */
    assert_int_equal(fake_requests(service), 0);
}

static void a_metadata_service_that_comes_round_loses_nothing(void **state)
{
    (void)state;
    const fake_answer_t of_metadata[] = {{"", FAKE_RESET},
                                         {TOKEN, FAKE_KEEP},
                                         {BROKEN, FAKE_KEEP},
                                         {TOKEN, FAKE_KEEP},
                                         {keys(1, 3600), FAKE_KEEP}};
    start_client(of_metadata, COUNT(of_metadata), SCRIPT({NO_CONTENT, FAKE_KEEP}), 1);
    assert_int_equal(run(&delete_queue).err, MNS_OK);
}

#define EXPIRED                                                                            \
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 110\r\n\r\n"                                \
    "<Error><Code>SecurityTokenExpired</Code><Message>m</Message><RequestId>r</RequestId>" \
    "<HostId>h</HostId></Error>"

static void a_refused_token_is_replaced_once(void **state)
{
    (void)state;
    static const mns_outgoing_t hello = {.body = "hello", .body_len = 5};
    const fake_answer_t of_metadata[] = {{TOKEN, FAKE_KEEP},
                                         {keys(1, 3600), FAKE_KEEP},
                                         {TOKEN, FAKE_KEEP},
                                         {keys(2, 3600), FAKE_KEEP}};
    const fake_answer_t of_service[] = {{EXPIRED, FAKE_KEEP},
                                        {"HTTP/1.1 201 Created\r\nContent-Length: 48\r\n\r\n"
                                         "<Message><MessageId>AAAA</MessageId>  </Message>",
                                         FAKE_KEEP}};
    start_client(of_metadata, COUNT(of_metadata), of_service, COUNT(of_service));
    outcome_t outcome =
        run(&(mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "q", .outgoing = &hello});
    assert_int_equal(outcome.err, MNS_OK);
    assert_int_equal(outcome.attempts, 2);
    assert_key_used("id-2", "secret-2", "token-2");
}

static void a_token_that_is_refused_twice_is_the_answer(void **state)
{
    (void)state;
    const fake_answer_t of_metadata[] = {{TOKEN, FAKE_KEEP},
                                         {keys(1, 3600), FAKE_KEEP},
                                         {TOKEN, FAKE_KEEP},
                                         {keys(2, 3600), FAKE_KEEP}};
    start_client(of_metadata, COUNT(of_metadata), SCRIPT({EXPIRED, FAKE_KEEP}), 1);
    outcome_t outcome = run(&delete_queue);
    assert_int_equal(outcome.err, MNS_ECLIENT);
    assert_int_equal(outcome.attempts, 2);
    assert_int_equal(fake_requests(service), 2);
}

static void what_waits_for_keys_is_cancelled_with_the_client(void **state)
{
    (void)state;
    start_client(SCRIPT({"", FAKE_HANG}), 1, SCRIPT({NO_CONTENT, FAKE_KEEP}), 1);
    outcome_t outcome;
    submit(&delete_queue, &outcome);
    mns_client_destroy(&client);
    assert_int_equal(outcome.err, MNS_ECANCELED);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_fetched_with_the_services_token),
        TEST(without_a_token_it_goes_too),
        TEST(whichever_role_there_is_can_be_asked_for),
        TEST(keys_are_renewed_ahead_and_the_old_ones_used_meanwhile),
        TEST(keys_of_a_short_life_are_not_fetched_all_the_time),
        TEST(old_keys_serve_while_the_service_fails),
        TEST(keys_that_the_service_refused_are_fetched_anew),
        TEST(an_answer_without_keys_is_a_failure_with_a_reason),
        TEST(what_the_service_answers_badly_is_told),
        TEST(a_name_that_is_none_is_not_asked_for),
        TEST(requests_wait_for_the_first_keys),
        TEST(without_keys_requests_end_with_a_reason),
        TEST(a_metadata_service_that_comes_round_loses_nothing),
        TEST(a_refused_token_is_replaced_once),
        TEST(a_token_that_is_refused_twice_is_the_answer),
        TEST(what_waits_for_keys_is_cancelled_with_the_client),
    };
    setenv("no_proxy", "*", 1);
    setenv("HOME", "/nowhere", 1); /* no keys of the user's */
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_ID");
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    unsetenv("ALIBABA_CLOUD_CREDENTIALS_FILE");
    unsetenv("ALIBABA_CLOUD_PROFILE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
