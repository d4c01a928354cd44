#include "mns_fake.h"
#include "mns_sign.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID     "sluice-ak"
#define SECRET "sluice-secret"

#define NO_CONTENT "HTTP/1.1 204 No Content\r\nx-mns-request-id: 0123456789ABCDEF01234567\r\n\r\n"
#define SENT                                                                   \
    "HTTP/1.1 201 Created\r\nContent-Type: text/xml;charset=utf-8\r\n"         \
    "Content-Length: 56\r\nx-mns-request-id: 0123456789ABCDEF01234567\r\n\r\n" \
    "<Message xmlns='u'><MessageId>AA</MessageId>  </Message>"
#define EMPTY                                                                  \
    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"             \
    "33\r\n<Error><Code>MessageNotExist</Code><Message>Message\r\n"            \
    "42\r\n not exist.</Message><RequestId>6</RequestId><HostId>h</HostId></E" \
    "\r\n5\r\nrror>\r\n0\r\n\r\n"

static fake_t *fake;
static mns_client_t *client;

static mns_client_options_t options(void)
{
    return (mns_client_options_t){.size = sizeof(mns_client_options_t),
                                  .endpoint =
                                      fake == NULL ? "http://127.0.0.1:1" : fake_endpoint(fake),
                                  .access_key_id = ID,
                                  .access_key_secret = SECRET,
                                  .backoff_ms = 1};
}

static void start(const fake_answer_t *script, size_t count)
{
    fake = fake_create(script, count);
    mns_client_options_t given = options();
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
}
#define START(...)                                        \
    static const fake_answer_t script_[] = {__VA_ARGS__}; \
    start(script_, sizeof script_ / sizeof *script_)

static int stop(void **state)
{
    (void)state;
    mns_client_destroy(&client);
    if (fake != NULL)
        fake_destroy(&fake);
    return 0;
}

static const mns_request_t delete_queue = {.op = MNS_DELETE_QUEUE, .queue = "q"};
static const mns_outgoing_t hello = {.body = "hello", .body_len = 5};
static const mns_request_t send_hello = {.op = MNS_SEND_MESSAGE, .queue = "q", .outgoing = &hello};
static const mns_request_t receive = {.op = MNS_RECEIVE_MESSAGE, .queue = "q", .wait_seconds = 1};

/* Runs one request and keeps only its verdict and text. */
static char said[512];
static mns_err verdict(const mns_request_t *request)
{
    mns_reply_t *reply;
    mns_err err = mns_call(client, request, &reply);
    snprintf(said, sizeof said, "%s", reply == NULL ? "" : reply->message);
    mns_reply_free(&reply);
    assert_null(reply);
    return err;
}

/* -- requests -------------------------------------------------------------------------------- */

/* The value of a header in a request's head, copied into one of a few buffers. */
static const char *header(const char *head, const char *name)
{
    static char values[4][512];
    static unsigned turn;
    char key[64], *value = values[turn++ % 4];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(head, key);
    if (at == NULL)
        return "";
    at += strlen(key);
    snprintf(value, sizeof values[0], "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* Signs what arrived, as a server would, and compares. */
static void assert_signed(fake_t *by, const char *secret)
{
    const char *head = fake_head(by);
    char verb[16], target[512], expected[MNS_SIGNATURE_LEN + 1];
    assert_int_equal(sscanf(head, "%15s %511s", verb, target), 2);
    mns_header_t version = {"x-mns-version", header(head, "x-mns-version")};
    mns_signed_t what = {verb,
                         header(head, "Content-MD5"),
                         header(head, "Content-Type"),
                         header(head, "Date"),
                         &version,
                         1,
                         target};
    sl_buf_t text = SL_BUF_INIT;
    mns_signer_t *signer = NULL;
    mns_string_to_sign(&text, &what);
    assert_int_equal(mns_signer_create(&signer, secret), MNS_OK);
    assert_true(mns_signer_sign(signer, text.data, text.len, expected));
    mns_signer_destroy(&signer);
    sl_buf_fini(&text);
    const char *authorization = header(head, "Authorization");
    assert_memory_equal(authorization, "MNS " ID ":", strlen("MNS " ID ":"));
    assert_string_equal(authorization + strlen("MNS " ID ":"), expected);
}

static void what_is_sent_is_what_was_signed(void **state)
{
    (void)state;
    START({NO_CONTENT, FAKE_KEEP}, {NO_CONTENT, FAKE_KEEP}, {SENT, FAKE_KEEP});
    const char *handle = "1-ODU4/OTk+z==";
    mns_request_t delete_message = {
        .op = MNS_DELETE_MESSAGE, .queue = "q", .receipt_handles = &handle};
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_signed(fake, SECRET);
    assert_int_equal(verdict(&delete_message), MNS_OK);
    assert_non_null(strstr(fake_head(fake), "?ReceiptHandle=1-ODU4%2FOTk%2Bz%3D%3D "));
    assert_signed(fake, SECRET);
    assert_int_equal(verdict(&send_hello), MNS_OK);
    assert_signed(fake, SECRET);
    assert_string_equal(header(fake_head(fake), "Content-Type"), "text/xml");
    assert_string_equal(header(fake_head(fake), "Expect"), "");
    assert_non_null(strstr(fake_body(fake), "<MessageBody>hello</MessageBody>"));
}

static void a_put_without_a_body_has_neither_content_type_nor_digest(void **state)
{
    (void)state;
    START({"HTTP/1.1 200 OK\r\nContent-Length: 72\r\n\r\n"
           "<ChangeVisibility><ReceiptHandle>1-new</ReceiptHandle></ChangeVisibility>",
           FAKE_CLOSE});
    const char *handle = "1-x";
    mns_request_t request = {.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                             .queue = "q",
                             .receipt_handles = &handle,
                             .visibility_timeout = 60};
    mns_reply_t *reply;
    mns_call(client, &request, &reply);
    assert_string_equal(header(fake_head(fake), "Content-Type"), "");
    assert_string_equal(header(fake_head(fake), "Content-MD5"), "");
    assert_string_equal(header(fake_head(fake), "Content-Length"), "0");
    assert_signed(fake, SECRET);
    mns_reply_free(&reply);
}

static void a_token_is_sent_along(void **state)
{
    (void)state;
    START({NO_CONTENT, FAKE_KEEP});
    mns_client_destroy(&client);
    mns_client_options_t given = options();
    given.security_token = "sts-token";
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_string_equal(header(fake_head(fake), "security-token"), "sts-token");
    assert_signed(fake, SECRET);
}

static void keys_come_from_the_environment_unless_given(void **state)
{
    (void)state;
    START({NO_CONTENT, FAKE_KEEP});
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", ID, 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "from-environment", 1);
    setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "environments-token", 1);
    mns_client_destroy(&client);
    mns_client_options_t given = options();
    given.access_key_id = given.access_key_secret = NULL;
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_signed(fake, "from-environment");
    assert_string_equal(header(fake_head(fake), "security-token"), "environments-token");

    mns_client_destroy(&client); /* the environment's token belongs to the environment's key */
    given = options();
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_string_equal(header(fake_head(fake), "security-token"), "");
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_ID");
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    unsetenv("ALIBABA_CLOUD_SECURITY_TOKEN");
}

static void a_client_without_keys_or_endpoint_is_refused(void **state)
{
    (void)state;
    mns_client_options_t given = options();
    given.access_key_id = NULL;
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    given = options();
    given.access_key_id = given.access_key_secret = NULL;
    assert_int_equal(mns_client_create(&client, &given), MNS_ENOKEYS);
    given = options();
    given.access_key_secret = "";
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    given = options();
    given.access_key_id = "a b";
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    given = options();
    given.security_token = "a\r\nb";
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    given = options();
    given.endpoint = NULL;
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    given = options();
    given.size = 0;
    assert_int_equal(mns_client_create(&client, &given), MNS_EINVAL);
    assert_null(client);
}

static void a_malformed_request_is_never_sent(void **state)
{
    (void)state;
    START({NO_CONTENT, FAKE_KEEP});
    mns_reply_t *reply;
    mns_request_t bad = {.op = MNS_DELETE_QUEUE, .queue = "a/b"};
    assert_int_equal(mns_call(client, &bad, &reply), MNS_EINVAL);
    assert_null(reply);
    mns_outgoing_t control = {.body = "\x01", .body_len = 1};
    bad = (mns_request_t){.op = MNS_SEND_MESSAGE, .queue = "q", .outgoing = &control};
    assert_int_equal(mns_call(client, &bad, &reply), MNS_EINVAL);
    assert_int_equal(verdict(&delete_queue), MNS_OK); /* the client is none the worse */
    assert_int_equal(fake_requests(fake), 1);
}

/* -- answers --------------------------------------------------------------------------------- */

static void an_answer_brings_its_headers(void **state)
{
    (void)state;
    START({"HTTP/1.1 100 Continue\r\nx-mns-request-id: early\r\n\r\n"
           "HTTP/1.1 201 Created\r\nLOCATION:  http://h/queues/q \r\nX-MNS-Request-Id:77\r\n"
           "Content-Length: 0\r\n\r\n",
           FAKE_KEEP},
          {"HTTP/1.1 204 No Content\r\nLocation: http://h/queues/q\r\n\r\n", FAKE_KEEP});
    mns_reply_t *reply;
    mns_request_t create = {.op = MNS_CREATE_QUEUE, .queue = "q"};
    assert_int_equal(mns_call(client, &create, &reply), MNS_OK);
    assert_string_equal(reply->location, "http://h/queues/q");
    assert_string_equal(reply->request_id, "77");
    assert_int_equal(reply->http_status, 201);
    assert_false(reply->existed);
    mns_reply_free(&reply);
    assert_int_equal(mns_call(client, &create, &reply), MNS_OK);
    assert_true(reply->existed);
    assert_string_equal(reply->request_id, "");
    mns_reply_free(&reply);
}

static void an_empty_queue_is_no_fault(void **state)
{
    (void)state;
    START({EMPTY, FAKE_KEEP});
    assert_int_equal(verdict(&receive), MNS_EMPTY);
    assert_string_equal(said, "Message not exist.");
}

static void replies_of_calls_outlive_the_client(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP});
    mns_reply_t *first, *second;
    assert_int_equal(mns_call(client, &send_hello, &first), MNS_OK);
    assert_int_equal(mns_call(client, &send_hello, &second), MNS_OK);
    mns_client_destroy(&client);
    assert_string_equal(first->messages[0].message_id, "AA");
    assert_string_equal(second->messages[0].message_id, "AA");
    mns_reply_free(&first);
    mns_reply_free(&second);
}

static void an_answer_that_breaks_off_is_a_network_fault(void **state)
{
    (void)state;
    START({"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n<Message><MessageId>A", FAKE_CLOSE},
          {"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n<Message><Mess",
           FAKE_CLOSE},
          {"HTTP/1.1 201 Created\r\nContent-Len", FAKE_CLOSE},
          {"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n<Message>", FAKE_RESET},
          {"", FAKE_RESET}, {"", FAKE_CLOSE}, {SENT, FAKE_KEEP});
    for (int i = 0; i < 6; i++) {
        assert_int_equal(verdict(&send_hello), MNS_EIO);
        assert_string_not_equal(said, "");
    }
    assert_int_equal(verdict(&send_hello), MNS_OK);
}

static void an_answer_that_is_none_is_a_protocol_fault(void **state)
{
    (void)state;
    START({"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n<Message><Me", FAKE_KEEP},
          {"HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n<html></html>", FAKE_KEEP},
          {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", FAKE_KEEP},
          {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
           FAKE_KEEP},
          {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n", FAKE_CLOSE}, {SENT, FAKE_KEEP});
    for (int i = 0; i < 5; i++) {
        assert_int_equal(verdict(&send_hello), MNS_EPROTO);
        assert_string_not_equal(said, "");
    }
    assert_int_equal(verdict(&send_hello), MNS_OK);
}

static char kilobytes[64 * 1024 + 1];

static void an_endless_body_is_cut_off(void **state)
{
    (void)state;
    memset(kilobytes, 'x', sizeof kilobytes - 1);
    memcpy(kilobytes, "HTTP/1.1 201 Created\r\n\r\n", 24);
    START({kilobytes, FAKE_FLOOD}, {SENT, FAKE_KEEP});
    assert_int_equal(verdict(&send_hello), MNS_EPROTO);
    assert_string_equal(said, "the answer is too large");
    assert_int_equal(verdict(&send_hello), MNS_OK);
}

static void an_endless_head_is_cut_off(void **state)
{
    (void)state;
    START({"HTTP/1.1 201 Created\r\nx-a: 0123456789012345678901234567890123456789\r\n", FAKE_FLOOD},
          {SENT, FAKE_KEEP});
    assert_int_equal(verdict(&send_hello), MNS_EPROTO);
    assert_int_equal(verdict(&send_hello), MNS_OK);
}

static void silence_ends_with_the_timeout(void **state)
{
    (void)state;
    START({"", FAKE_HANG}, {"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n<Mes", FAKE_HANG});
    mns_request_t request = send_hello;
    request.timeout_ms = 100;
    assert_int_equal(verdict(&request), MNS_ETIMEDOUT);
    assert_int_equal(verdict(&request), MNS_ETIMEDOUT);
}

static void an_unreachable_host_is_a_network_fault(void **state)
{
    (void)state;
    mns_client_options_t given = options(); /* port 1 */
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    assert_int_equal(verdict(&send_hello), MNS_EIO);
    assert_true(mns_err_transient(MNS_EIO));
}

/* -- many in flight -------------------------------------------------------------------------- */

typedef struct tally {
    size_t replies;
    mns_err last;
    size_t chain; /* how many more to submit from the callback */
} tally_t;

static void count_reply(void *user, const mns_reply_t *reply)
{
    tally_t *tally = user;
    tally->replies++;
    tally->last = reply->err;
    if (tally->chain > 0) {
        tally->chain--;
        assert_int_equal(mns_submit(client, &send_hello, count_reply, user), MNS_OK);
    }
}

static void run_until(tally_t *tally, size_t replies)
{
    while (tally->replies < replies)
        mns_client_run(client, 10000);
}

static void one_connection_serves_request_after_request(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP}, {NO_CONTENT, FAKE_KEEP}, {EMPTY, FAKE_KEEP}, {SENT, FAKE_KEEP});
    assert_int_equal(verdict(&send_hello), MNS_OK);
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_int_equal(verdict(&receive), MNS_EMPTY);
    for (int i = 0; i < 20; i++)
        assert_int_equal(verdict(&send_hello), MNS_OK);
    assert_int_equal(fake_connections(fake), 1);
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
    (void)state;
    START({NO_CONTENT, FAKE_CLOSE}, {NO_CONTENT, FAKE_CLOSE}, {NO_CONTENT, FAKE_CLOSE});
    for (int i = 0; i < 3; i++)
        assert_int_equal(verdict(&delete_queue), MNS_OK);
    assert_true(fake_connections(fake) >= 3);
}

static void many_requests_are_in_flight_and_each_is_answered_once(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP});
    tally_t tally = {0};
    for (int i = 0; i < 64; i++)
        assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    assert_int_equal(tally.replies, 0); /* never from within mns_submit */
    run_until(&tally, 64);
    assert_int_equal(mns_client_in_flight(client), 0);
    assert_int_equal(mns_client_run(client, 0), 0);
    size_t connections = fake_connections(fake);
    for (int i = 0; i < 64; i++)
        assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    run_until(&tally, 128);
    assert_int_equal(tally.replies, 128);
    assert_int_equal(fake_connections(fake), connections); /* all of them were kept */
}

static void a_callback_may_submit_more(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP});
    tally_t tally = {.chain = 200};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    run_until(&tally, 201);
    assert_int_equal(fake_requests(fake), 201);
}

/* A client whose every request fails within the submit: the kernel connects to no broadcast. */
static void start_in_vain(void)
{
    mns_client_options_t given = options();
    given.endpoint = "http://255.255.255.255:1";
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
}

/* Run hands out no more than was in flight. */
static void a_callback_that_fails_and_repeats_does_not_trap_the_caller(void **state)
{
    (void)state;
    start_in_vain();
    tally_t tally = {.chain = 10};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    while (tally.replies < 11)
        assert_in_range(mns_client_run(client, 10000), 0, 1);
    assert_int_equal(tally.last, MNS_EIO);
}

static void more_than_allowed_in_flight_is_refused(void **state)
{
    (void)state;
    START({"", FAKE_HANG});
    mns_client_destroy(&client);
    mns_client_options_t given = options();
    given.max_in_flight = 2;
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    tally_t tally = {0};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_EINVAL);
    mns_client_destroy(&client);
    assert_int_equal(tally.replies, 2);
}

static void a_call_drives_the_others_meanwhile(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP}, {SENT, FAKE_KEEP}, {NO_CONTENT, FAKE_KEEP});
    tally_t tally = {0};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    run_until(&tally, 1);
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    while (fake_requests(fake) < 2)
        ;
    assert_int_equal(verdict(&delete_queue), MNS_OK);
    run_until(&tally, 2);
    assert_int_equal(tally.last, MNS_OK);
}

static void submit_again(void *user, const mns_reply_t *reply)
{
    tally_t *tally = user;
    tally->replies++;
    tally->last = reply->err;
    assert_int_equal(mns_submit(client, &send_hello, submit_again, user), MNS_ECANCELED);
}

static void destroying_answers_what_is_in_flight(void **state)
{
    (void)state;
    START({"", FAKE_HANG});
    tally_t tally = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(mns_submit(client, &send_hello, submit_again, &tally), MNS_OK);
    mns_client_destroy(&client);
    assert_null(client);
    assert_int_equal(tally.replies, 3);
    assert_int_equal(tally.last, MNS_ECANCELED);
}

/* -- the descriptor -------------------------------------------------------------------------- */

/* A foreign loop: waits on the descriptor alone. */
static void poll_until(tally_t *tally, size_t replies)
{
    struct pollfd set = {.fd = mns_client_fd(client), .events = POLLIN};
    while (tally->replies < replies) {
        assert_int_equal(poll(&set, 1, 10000), 1);
        mns_client_run(client, 0);
    }
}

static void the_descriptor_tells_of_answers(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP});
    tally_t tally = {.chain = 5};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    poll_until(&tally, 6);
    assert_int_equal(tally.last, MNS_OK);
}

static void the_descriptor_tells_of_timeouts(void **state)
{
    (void)state;
    START({"", FAKE_HANG});
    mns_request_t request = send_hello;
    request.timeout_ms = 50;
    tally_t tally = {0};
    assert_int_equal(mns_submit(client, &request, count_reply, &tally), MNS_OK);
    poll_until(&tally, 1);
    assert_int_equal(tally.last, MNS_ETIMEDOUT);
}

static void the_descriptor_tells_of_what_failed_at_once(void **state)
{
    (void)state;
    start_in_vain();
    tally_t tally = {.chain = 3};
    assert_int_equal(mns_submit(client, &send_hello, count_reply, &tally), MNS_OK);
    poll_until(&tally, 4);
    assert_int_equal(tally.last, MNS_EIO);
}

/* -- what is told ---------------------------------------------------------------------------- */

static void keep_line(void *ctx, const char *line)
{
    sl_buf_append_str(ctx, line);
    sl_buf_append_byte(ctx, '\n');
}

static void the_trace_tells_what_was_signed_and_no_secret(void **state)
{
    (void)state;
    START({SENT, FAKE_KEEP});
    mns_client_destroy(&client);
    sl_buf_t trace = SL_BUF_INIT;
    mns_client_options_t given = options();
    given.security_token = "sts-token";
    given.trace = keep_line;
    given.trace_ctx = &trace;
    assert_int_equal(mns_client_create(&client, &given), MNS_OK);
    assert_int_equal(verdict(&send_hello), MNS_OK);
    sl_buf_append_byte(&trace, '\0');
    const char *text = (const char *)trace.data;
    const char *signature = header(fake_head(fake), "Authorization") + strlen("MNS " ID ":");
    assert_non_null(strstr(text, "POST|"));
    assert_non_null(strstr(text, "|x-mns-version:2015-06-06|/queues/q/messages"));
    assert_non_null(strstr(text, "status 201"));
    assert_null(strstr(text, SECRET));
    assert_null(strstr(text, "sts-token"));
    assert_null(strstr(text, signature));
    sl_buf_fini(&trace);
}

static void every_error_has_a_text(void **state)
{
    (void)state;
#define X(name, number, text) assert_string_equal(mns_err_text(MNS_##name), text);
    MNS_ERR_MAP(X)
#undef X
    assert_string_equal(mns_err_text((mns_err)99), "unknown error");
}

static void the_worlds_passing_troubles_are_transient(void **state)
{
    (void)state;
    assert_true(mns_err_transient(MNS_EIO));
    assert_true(mns_err_transient(MNS_ETIMEDOUT));
    assert_true(mns_err_transient(MNS_ESERVER));
    assert_false(mns_err_transient(MNS_OK));
    assert_false(mns_err_transient(MNS_EMPTY));
    assert_false(mns_err_transient(MNS_ECLIENT));
    assert_false(mns_err_transient(MNS_EPROTO));
    assert_false(mns_err_transient(MNS_EPARTIAL));
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sent_is_what_was_signed),
        TEST(a_put_without_a_body_has_neither_content_type_nor_digest),
        TEST(a_token_is_sent_along),
        TEST(keys_come_from_the_environment_unless_given),
        TEST(a_client_without_keys_or_endpoint_is_refused),
        TEST(a_malformed_request_is_never_sent),
        TEST(an_answer_brings_its_headers),
        TEST(an_empty_queue_is_no_fault),
        TEST(replies_of_calls_outlive_the_client),
        TEST(an_answer_that_breaks_off_is_a_network_fault),
        TEST(an_answer_that_is_none_is_a_protocol_fault),
        TEST(an_endless_body_is_cut_off),
        TEST(an_endless_head_is_cut_off),
        TEST(silence_ends_with_the_timeout),
        TEST(an_unreachable_host_is_a_network_fault),
        TEST(one_connection_serves_request_after_request),
        TEST(a_kept_connection_that_died_is_replaced),
        TEST(many_requests_are_in_flight_and_each_is_answered_once),
        TEST(a_callback_may_submit_more),
        TEST(a_callback_that_fails_and_repeats_does_not_trap_the_caller),
        TEST(more_than_allowed_in_flight_is_refused),
        TEST(a_call_drives_the_others_meanwhile),
        TEST(destroying_answers_what_is_in_flight),
        TEST(the_descriptor_tells_of_answers),
        TEST(the_descriptor_tells_of_timeouts),
        TEST(the_descriptor_tells_of_what_failed_at_once),
        TEST(the_trace_tells_what_was_signed_and_no_secret),
        TEST(every_error_has_a_text),
        TEST(the_worlds_passing_troubles_are_transient),
    };
    setenv("no_proxy", "*", 1);
    setenv("HOME", "/nowhere", 1); /* no keys of the user's */
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_ID");
    unsetenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    unsetenv("ALIBABA_CLOUD_SECURITY_TOKEN");
    unsetenv("ALIBABA_CLOUD_CREDENTIALS_FILE");
    unsetenv("ALIBABA_CLOUD_PROFILE");
    unsetenv("ALIBABA_CLOUD_ECS_METADATA");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
