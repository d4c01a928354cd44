/* Queues and their messages over HTTP: every operation, every error. */
#include "local_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES "/queues/q/messages"

static int setup(void **state)
{
    int err = fixture_setup(state);
    return err != 0 || call(*state, "PUT", "/queues/q", "<Queue/>").status != 201 ? -1 : 0;
}

/* Sends one message with these children after its body. */
static raw_reply_t send_with(fixture_t *f, const char *body, const char *children)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    return call(f, "POST", MESSAGES, text);
}

static void send_one(fixture_t *f, const char *body)
{
    assert_status(send_with(f, body, ""), 201);
}

/* Receives one message; its handle. */
static const char *receive_one(fixture_t *f)
{
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_status(reply, 200);
    return element(reply, "ReceiptHandle", 0);
}

static raw_reply_t delete_one(fixture_t *f, const char *receipt)
{
    char target[256];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s", receipt);
    return call(f, "DELETE", target, NULL);
}

static raw_reply_t change(fixture_t *f, const char *receipt, const char *seconds)
{
    char target[256];
    snprintf(target, sizeof target, MESSAGES "?receiptHandle=%s&visibilityTimeout=%s", receipt,
             seconds);
    return call(f, "PUT", target, NULL);
}

/* -- queues -------------------------------------------------------------------------------- */

static void creating_tells_where_and_whether_it_was_there(void **state)
{
    fixture_t *f = *state;
    const char *body = "<Queue><VisibilityTimeout>60</VisibilityTimeout></Queue>";
    raw_reply_t reply = call(f, "PUT", "/queues/new-1", body);
    assert_status(reply, 201);
    assert_string_equal(header(reply, "Location"), "http://mns.test:8700/queues/new-1");
    reply = call(f, "PUT", "/queues/new-1", body);
    assert_status(reply, 204);
    assert_string_equal(header(reply, "Location"), "http://mns.test:8700/queues/new-1");
    assert_error(call(f, "PUT", "/queues/new-1", "<Queue/>"), 409, "QueueAlreadyExist");
    assert_status(call(f, "PUT", "/queues/q",
                       "<Queue><DelaySeconds>0</DelaySeconds><LoggingEnabled>false</LoggingEnabled>"
                       "<VisibilityTimeout> 30 </VisibilityTimeout></Queue>"),
                  204); /* absent is the same as its default */
}

static void queue_names_have_rules(void **state)
{
    fixture_t *f = *state;
    char target[256] = "/queues/";
    memset(target + 8, 'a', 120);
    target[128] = '\0';
    assert_status(call(f, "PUT", target, NULL), 201);
    strcat(target, "a");
    assert_error(call(f, "PUT", target, NULL), 400, "QueueNameLengthError");
    assert_error(call(f, "PUT", "/queues/-a", NULL), 400, "InvalidQueueName");
    assert_error(call(f, "PUT", "/queues/a_b", NULL), 400, "InvalidQueueName");
    assert_error(call(f, "PUT", "/queues/a%20b", NULL), 400, "InvalidQueueName");
    assert_status(call(f, "PUT", "/queues/9lives", NULL), 201);
    assert_status(call(f, "PUT", "/queues/Q", NULL), 201); /* not q */
}

static void attributes_have_ranges(void **state)
{
    fixture_t *f = *state;
    const struct {
        const char *name;
        int64_t least, most;
    } rows[] = {{"DelaySeconds", 0, 604800},
                {"MaximumMessageSize", 1024, 65536},
                {"MessageRetentionPeriod", 60, 604800},
                {"VisibilityTimeout", 1, 43200},
                {"PollingWaitSeconds", 0, 30}};
    for (size_t i = 0; i < 5; i++)
        for (int64_t step = -1; step <= 1; step++) {
            const int64_t values[] = {rows[i].least + step, rows[i].most + step};
            for (int end = 0; end < 2; end++) {
                char body[128];
                bool outside = values[end] < rows[i].least || values[end] > rows[i].most;
                snprintf(body, sizeof body, "<Queue><%s>%lld</%s></Queue>", rows[i].name,
                         (long long)values[end], rows[i].name);
                raw_reply_t reply = call(f, "PUT", "/queues/q?metaoverride=true", body);
                assert_status(reply, outside ? 400 : 204);
            }
        }
    assert_error(call(f, "PUT", "/queues/r", "<Queue><DelaySeconds>soon</DelaySeconds></Queue>"),
                 400, "InvalidArgument");
    assert_error(call(f, "PUT", "/queues/r", "<Queue><LoggingEnabled>si</LoggingEnabled></Queue>"),
                 400, "InvalidArgument");
}

static void setting_changes_only_what_is_named(void **state)
{
    fixture_t *f = *state;
    fixture_pass_ms(f, 5000);
    assert_status(call(f, "PUT", "/queues/q?MetaOverride=true",
                       "<Queue><PollingWaitSeconds>7</PollingWaitSeconds></Queue>"),
                  204);
    raw_reply_t reply = call(f, "GET", "/queues/q", NULL);
    const char *const wanted[][2] = {
        {"QueueName", "q"},
        {"DelaySeconds", "0"},
        {"MaximumMessageSize", "65536"},
        {"MessageRetentionPeriod", "345600"},
        {"VisibilityTimeout", "30"},
        {"CreateTime", "1780315200"},
        {"LastModifyTime", "1780315205"},
        {"PollingWaitSeconds", "7"},
        {"ActiveMessages", "0"},
        {"InactiveMessages", "0"},
        {"DelayMessages", "0"},
        {"LoggingEnabled", "False"},
    };
    const char *at = reply.body;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_string_equal(element(reply, wanted[i][0], 0), wanted[i][1]);
        const char *here = strstr(reply.body, wanted[i][0]);
        assert_true(here > at); /* in this order */
        at = here;
    }
    assert_error(call(f, "PUT", "/queues/none?metaoverride=true", "<Queue/>"), 404,
                 "QueueNotExist");
}

static void listing_pages_by_marker(void **state)
{
    fixture_t *f = *state;
    const char *const names[] = {"b2", "a1", "b1", "b3"};
    for (size_t i = 0; i < 4; i++) {
        char target[32];
        snprintf(target, sizeof target, "/queues/%s", names[i]);
        call(f, "PUT", target, NULL);
    }
    raw_reply_t reply = call(f, "GET", "/queues", NULL);
    assert_int_equal(count_elements(reply, "Queue"), 5);
    assert_int_equal(count_elements(reply, "NextMarker"), 0);
    asking_t page = {
        .verb = "GET", .target = "/queues", .mns_headers = "x-mns-prefix:b\nx-mns-ret-number:2\n"};
    reply = ask(f, &page);
    assert_int_equal(count_elements(reply, "QueueURL"), 2);
    assert_string_equal(element(reply, "QueueURL", 0), "http://mns.test:8700/queues/b1");
    assert_string_equal(element(reply, "QueueName", 1), "b2");
    char headers[128];
    snprintf(headers, sizeof headers, "x-mns-marker:%s\nx-mns-prefix:b\nx-mns-ret-number:2\n",
             element(reply, "NextMarker", 0));
    page.mns_headers = headers;
    reply = ask(f, &page);
    assert_int_equal(count_elements(reply, "QueueURL"), 1);
    assert_string_equal(element(reply, "QueueName", 0), "b3");
    assert_int_equal(count_elements(reply, "NextMarker"), 0);
}

static void listing_can_give_all_attributes(void **state)
{
    fixture_t *f = *state;
    asking_t meta = {.verb = "GET", .target = "/queues", .mns_headers = "x-mns-with-meta:true\n"};
    assert_string_equal(element(ask(f, &meta), "VisibilityTimeout", 0), "30");
    asking_t none = {.verb = "GET", .target = "/queues", .mns_headers = "x-mns-prefix:zz\n"};
    raw_reply_t reply = ask(f, &none);
    assert_status(reply, 200);
    assert_non_null(strstr(reply.body, "<Queues xmlns"));
    asking_t wrong = {.verb = "GET", .target = "/queues", .mns_headers = "x-mns-ret-number:1001\n"};
    assert_error(ask(f, &wrong), 400, "InvalidArgument");
}

static void a_deleted_queue_is_gone_and_may_be_deleted_again(void **state)
{
    fixture_t *f = *state;
    send_one(f, "hello");
    assert_status(call(f, "DELETE", "/queues/q", NULL), 204);
    assert_error(call(f, "GET", "/queues/q", NULL), 404, "QueueNotExist");
    assert_status(call(f, "DELETE", "/queues/q", NULL), 204);
    assert_status(call(f, "PUT", "/queues/q", NULL), 201);
    assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
}

static void without_a_queue_there_are_no_messages(void **state)
{
    fixture_t *f = *state;
    static const struct {
        const char *verb, *target, *body;
    } calls[] = {
        {"POST", "/queues/none/messages", "<Message><MessageBody>x</MessageBody></Message>"},
        {"GET", "/queues/none/messages", NULL},
        {"GET", "/queues/none/messages?numOfMessages=16&waitseconds=30", NULL},
        {"GET", "/queues/none/messages?peekonly=true", NULL},
        {"DELETE", "/queues/none/messages?ReceiptHandle=x", NULL},
        {"DELETE", "/queues/none/messages", "<ReceiptHandles/>"},
        {"PUT", "/queues/none/messages?ReceiptHandle=x&VisibilityTimeout=5", NULL},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        assert_error(call(f, calls[i].verb, calls[i].target, calls[i].body), 404, "QueueNotExist");
}

/* -- send ---------------------------------------------------------------------------------- */

static void a_sent_message_gets_id_and_digest(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply = send_with(f, "{1:\"a\", 2:\"b\"}", "");
    assert_status(reply, 201);
    assert_int_equal(strspn(element(reply, "MessageId", 0), "0123456789ABCDEF"), 32);
    assert_string_equal(element(reply, "MessageBodyMD5", 0), "F1E92841751D795AB325861034B5CB55");
    assert_int_equal(count_elements(reply, "ReceiptHandle"), 0);
}

static void what_is_sent_is_what_is_received(void **state)
{
    fixture_t *f = *state;
    /* CR as a reference: as itself a parser makes it LF */
    const char *escaped = " a &lt;b&gt; &amp;amp; \"'\t\n&#13; \xe4\xb8\xad ]]&gt; ";
    send_one(f, escaped);
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_string_equal(element(reply, "MessageBody", 0), escaped);
    assert_string_equal(element(reply, "MessageBodyMD5", 0), "BCE04C643394BA901CDBCF4488BE02D8");
}

static void a_message_out_of_range_is_refused(void **state)
{
    fixture_t *f = *state;
    assert_error(send_with(f, "", ""), 400, "InvalidArgument");
    assert_error(call(f, "POST", MESSAGES, "<Message/>"), 400, "InvalidArgument");
    assert_error(send_with(f, "x", "<Priority>17</Priority>"), 400, "InvalidArgument");
    assert_error(send_with(f, "x", "<Priority>-1</Priority>"), 400, "InvalidArgument");
    assert_error(send_with(f, "x", "<DelaySeconds>604801</DelaySeconds>"), 400, "InvalidArgument");
    assert_error(send_with(f, "x", "<DelaySeconds>5s</DelaySeconds>"), 400, "InvalidArgument");
    call(f, "PUT", "/queues/q?metaoverride=true",
         "<Queue><MaximumMessageSize>1024</MaximumMessageSize></Queue>");
    char body[1026];
    memset(body, 'x', 1025);
    body[1025] = '\0';
    char text[1200];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody></Message>", body);
    assert_error(call(f, "POST", MESSAGES, text), 400, "InvalidArgument");
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody></Message>", body + 1);
    assert_status(call(f, "POST", MESSAGES, text), 201);
}

static void a_batch_is_answered_in_order(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply = call(f, "POST", MESSAGES,
                             "<Messages><Message><MessageBody>a</MessageBody></Message>"
                             "<Message><MessageBody>b</MessageBody><Priority>0</Priority></Message>"
                             "</Messages>");
    assert_status(reply, 201);
    assert_string_equal(element(reply, "MessageBodyMD5", 0), "0CC175B9C0F1B6A831C399E269772661");
    assert_string_equal(element(reply, "MessageBodyMD5", 1), "92EB5FFEE6AE2FEC3AD71C777531578F");
    char first[40];
    snprintf(first, sizeof first, "%s", element(reply, "MessageId", 0));
    reply = call(f, "GET", MESSAGES "?numOfMessages=16", NULL);
    assert_string_equal(element(reply, "MessageId", 0), first);
    assert_string_equal(element(reply, "MessageBody", 1), "b");
    assert_string_equal(element(reply, "Priority", 1), "8");
}

/* A batch of `count` messages of `bytes` bytes. */
static raw_reply_t send_batch(fixture_t *f, size_t count, size_t bytes)
{
    char *text = malloc(count * (bytes + 64) + 64), *at = text;
    at += sprintf(at, "<Messages>");
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "<Message><MessageBody>");
        memset(at, 'x', bytes);
        at += bytes;
        at += sprintf(at, "</MessageBody></Message>");
    }
    sprintf(at, "</Messages>");
    raw_reply_t reply = call(f, "POST", MESSAGES, text);
    free(text);
    return reply;
}

static void a_batch_has_its_limits_and_is_taken_whole(void **state)
{
    fixture_t *f = *state;
    assert_status(send_batch(f, 16, 4096), 201);
    assert_error(send_batch(f, 17, 10), 400, "InvalidArgument");
    assert_error(send_batch(f, 16, 4097), 400, "InvalidArgument");
    assert_error(send_batch(f, 0, 0), 400, "InvalidArgument");
    assert_error(call(f, "POST", MESSAGES,
                      "<Messages><Message><MessageBody>good</MessageBody></Message>"
                      "<Message><MessageBody>bad</MessageBody><Priority>99</Priority></Message>"
                      "</Messages>"),
                 400, "InvalidArgument");
    assert_string_equal(element(call(f, "GET", "/queues/q", NULL), "ActiveMessages", 0), "16");
}

static void a_delayed_message_comes_with_a_handle_and_later(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply = send_with(f, "later", "<DelaySeconds>10</DelaySeconds>");
    assert_int_equal(count_elements(reply, "ReceiptHandle"), 1);
    assert_string_equal(element(call(f, "GET", "/queues/q", NULL), "DelayMessages", 0), "1");
    assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
    fixture_pass_ms(f, 10000);
    receive_one(f);
    reply = send_with(f, "never", "<DelaySeconds>10</DelaySeconds>");
    assert_status(delete_one(f, element(reply, "ReceiptHandle", 0)), 204);
    call(f, "PUT", "/queues/q?metaoverride=true", "<Queue><DelaySeconds>5</DelaySeconds></Queue>");
    assert_int_equal(count_elements(send_with(f, "by the queue's delay", ""), "ReceiptHandle"), 1);
}

/* -- receive and peek ---------------------------------------------------------------------- */

static void a_received_message_has_all_its_children(void **state)
{
    fixture_t *f = *state;
    assert_status(send_with(f, "hello", "<Priority>3</Priority>"), 201);
    fixture_pass_ms(f, 1500);
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_non_null(strstr(reply.body, "<Message xmlns="));
    const char *const wanted[][2] = {
        {"MessageId", NULL},
        {"MessageBodyMD5", "5D41402ABC4B2A76B9719D911017C592"},
        {"MessageBody", "hello"},
        {"ReceiptHandle", NULL},
        {"EnqueueTime", "1780315200000"},
        {"FirstDequeueTime", "1780315201500"},
        {"NextVisibleTime", "1780315231500"},
        {"DequeueCount", "1"},
        {"Priority", "3"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(count_elements(reply, wanted[i][0]), 1);
        if (wanted[i][1] != NULL)
            assert_string_equal(element(reply, wanted[i][0], 0), wanted[i][1]);
    }
    assert_int_equal(strspn(element(reply, "ReceiptHandle", 0), "0123456789ABCDEF-"), 43);
}

static void a_batch_of_one_is_still_a_batch(void **state)
{
    fixture_t *f = *state;
    send_one(f, "hello");
    raw_reply_t reply = call(f, "GET", MESSAGES "?numOfMessages=1", NULL);
    assert_non_null(strstr(reply.body, "<Messages xmlns="));
    assert_int_equal(count_elements(reply, "Message"), 1);
}

static void a_peek_has_no_handle_and_takes_nothing(void **state)
{
    fixture_t *f = *state;
    send_one(f, "a");
    send_one(f, "b");
    raw_reply_t reply = call(f, "GET", MESSAGES "?peekonly=true", NULL);
    assert_status(reply, 200);
    assert_string_equal(element(reply, "MessageBody", 0), "a");
    assert_string_equal(element(reply, "FirstDequeueTime", 0), "0");
    assert_string_equal(element(reply, "DequeueCount", 0), "0");
    assert_int_equal(count_elements(reply, "ReceiptHandle"), 0);
    assert_int_equal(count_elements(reply, "NextVisibleTime"), 0);
    reply = call(f, "GET", MESSAGES "?numOfMessages=16&peekonly=true", NULL);
    assert_int_equal(count_elements(reply, "Message"), 2);
    assert_int_equal(count_elements(call(f, "GET", MESSAGES "?numOfMessages=16", NULL), "Message"),
                     2);
    assert_error(call(f, "GET", MESSAGES "?peekonly=true", NULL), 404, "MessageNotExist");
}

static void numbers_out_of_range_are_refused(void **state)
{
    fixture_t *f = *state;
    static const char *const queries[] = {
        "numOfMessages=0", "numOfMessages=17", "numOfMessages=", "numOfMessages=x",
        "waitseconds=31",  "waitseconds=-1",   "waitseconds=",
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char target[64];
        snprintf(target, sizeof target, MESSAGES "?%s", queries[i]);
        assert_error(call(f, "GET", target, NULL), 400, "InvalidArgument");
    }
}

/* -- long polls ---------------------------------------------------------------------------- */

static void start_poll(fixture_t *f, raw_client_t *c, const char *query)
{
    char target[64];
    uint64_t parked = counted(f, "http_parked");
    snprintf(target, sizeof target, MESSAGES "?%s", query);
    fixture_connect(f, c);
    ask_raw(c, &(asking_t){.verb = "GET", .target = target});
    RAW_WAIT(c, counted(f, "http_parked") == parked + 1);
}

static void long_polls_are_served_first_come_first(void **state)
{
    fixture_t *f = *state;
    raw_client_t a, b;
    start_poll(f, &a, "waitseconds=30");
    start_poll(f, &b, "waitseconds=30&numOfMessages=16");
    send_one(f, "one");
    assert_string_equal(element(raw_hear(&a), "MessageBody", 0), "one");
    assert_int_equal(b.len, 0);
    assert_status(send_batch(f, 5, 10), 201);
    assert_int_equal(count_elements(raw_hear(&b), "Message"), 5);
    assert_int_equal(counted(f, "http_parked"), 0);
    raw_close(&a);
    raw_close(&b);
}

static void a_long_poll_ends_empty_in_time(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    start_poll(f, &c, "waitseconds=30");
    fixture_pass_ms(f, 30000); /* it may have begun late in its first millisecond */
    raw_turn(&c);
    assert_int_equal(c.len, 0);
    fixture_pass_ms(f, 1);
    assert_error(raw_hear(&c), 404, "MessageNotExist");
    call(f, "PUT", "/queues/q?metaoverride=true",
         "<Queue><PollingWaitSeconds>2</PollingWaitSeconds></Queue>");
    ask_raw(&c, &(asking_t){.verb = "GET", .target = MESSAGES}); /* waits as the queue says */
    RAW_WAIT(&c, counted(f, "http_parked") == 1);
    assert_error(call(f, "GET", MESSAGES "?waitseconds=0", NULL), 404, "MessageNotExist");
    fixture_pass_ms(f, 2001);
    assert_error(raw_hear(&c), 404, "MessageNotExist");
    raw_close(&c);
}

static void who_hangs_up_while_polling_consumes_nothing(void **state)
{
    fixture_t *f = *state;
    raw_client_t gone, going;
    start_poll(f, &gone, "waitseconds=30");
    start_poll(f, &going, "waitseconds=30");
    raw_close(&gone);
    RAW_WAIT(&f->client, counted(f, "http_parked") == 1);
    raw_close(&going); /* and the send is the very next thing that the server sees */
    send_one(f, "hello");
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_string_equal(element(reply, "MessageBody", 0), "hello");
    assert_string_equal(element(reply, "DequeueCount", 0), "1");
}

static void hang_up(void *ctx)
{
    raw_close(ctx);
}

static void who_hangs_up_at_the_last_moment_consumes_nothing(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    int fd = eventfd(1, EFD_NONBLOCK);
    start_poll(f, &c, "waitseconds=30");
    /* in one turn: the server has looked for hang-ups, the client hangs up, the message comes */
    assert_int_equal(local_watch(f->local, fd, hang_up, &c), SL_OK);
    send_one(f, "hello");
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_string_equal(element(reply, "DequeueCount", 0), "1");
    local_destroy(&f->local); /* lets go of the descriptor */
    close(fd);
}

static void a_message_that_comes_back_wakes_a_poll(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    send_one(f, "hello");
    receive_one(f);
    start_poll(f, &c, "waitseconds=30");
    fixture_pass_ms(f, 30000);
    raw_reply_t reply = raw_hear(&c);
    assert_string_equal(element(reply, "DequeueCount", 0), "2");
    raw_close(&c);
}

static void deleting_the_queue_ends_polls(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    start_poll(f, &c, "waitseconds=30");
    assert_status(call(f, "DELETE", "/queues/q", NULL), 204);
    assert_error(raw_hear(&c), 404, "QueueNotExist");
    raw_close(&c);
}

/* -- receipt handles ----------------------------------------------------------------------- */

static void a_handle_deletes_once(void **state)
{
    fixture_t *f = *state;
    char receipt[64];
    send_one(f, "hello");
    snprintf(receipt, sizeof receipt, "%s", receive_one(f));
    assert_status(delete_one(f, receipt), 204);
    assert_error(delete_one(f, receipt), 404, "MessageNotExist");
    assert_error(delete_one(f, "nonsense"), 400, "ReceiptHandleError");
    assert_error(call(f, "DELETE", MESSAGES, NULL), 400, "MissingReceiptHandle");
}

static void a_handle_dies_with_its_visibility(void **state)
{
    fixture_t *f = *state;
    char receipt[64];
    send_one(f, "hello");
    snprintf(receipt, sizeof receipt, "%s", receive_one(f));
    fixture_pass_ms(f, 30000);
    assert_error(delete_one(f, receipt), 400, "ReceiptHandleError");
    receive_one(f);
    assert_error(delete_one(f, receipt), 400, "ReceiptHandleError");
}

static void changing_visibility_gives_a_new_handle_and_time(void **state)
{
    fixture_t *f = *state;
    char first[64], second[64];
    send_one(f, "hello");
    snprintf(first, sizeof first, "%s", receive_one(f));
    raw_reply_t reply = change(f, first, "100");
    assert_status(reply, 200);
    assert_non_null(strstr(reply.body, "<ChangeVisibility xmlns="));
    assert_string_equal(element(reply, "NextVisibleTime", 0), "1780315300000");
    snprintf(second, sizeof second, "%s", element(reply, "ReceiptHandle", 0));
    assert_error(delete_one(f, first), 400, "ReceiptHandleError");
    fixture_pass_ms(f, 99000);
    assert_status(delete_one(f, second), 204);
    assert_error(change(f, second, "100"), 404, "MessageNotExist");
}

static void changing_visibility_needs_both_parameters(void **state)
{
    fixture_t *f = *state;
    char receipt[64];
    send_one(f, "hello");
    snprintf(receipt, sizeof receipt, "%s", receive_one(f));
    assert_error(call(f, "PUT", MESSAGES "?VisibilityTimeout=5", NULL), 400,
                 "MissingReceiptHandle");
    assert_error(call(f, "PUT", MESSAGES "?ReceiptHandle=x", NULL), 400,
                 "MissingVisibilityTimeout");
    assert_error(change(f, "nonsense", "5"), 400, "ReceiptHandleError");
    assert_error(change(f, receipt, "0"), 400, "InvalidArgument");
    assert_error(change(f, receipt, "43201"), 400, "InvalidArgument");
    assert_status(change(f, receipt, "43200"), 200);
}

static void a_batch_deletes_what_it_can_and_names_the_rest(void **state)
{
    fixture_t *f = *state;
    char body[1024];
    for (int i = 0; i < 3; i++)
        send_one(f, "hello");
    raw_reply_t reply = call(f, "GET", MESSAGES "?numOfMessages=3", NULL);
    snprintf(body, sizeof body,
             "<ReceiptHandles><ReceiptHandle>%s</ReceiptHandle>"
             "<ReceiptHandle>nonsense</ReceiptHandle><ReceiptHandle>%s</ReceiptHandle>"
             "</ReceiptHandles>",
             element(reply, "ReceiptHandle", 0), element(reply, "ReceiptHandle", 2));
    reply = call(f, "DELETE", MESSAGES, body);
    assert_status(reply, 404);
    assert_non_null(strstr(reply.body, "<Errors xmlns="));
    assert_int_equal(count_elements(reply, "Error"), 1);
    assert_string_equal(element(reply, "ErrorCode", 0), "ReceiptHandleError");
    assert_string_not_equal(element(reply, "ErrorMessage", 0), "");
    assert_string_equal(element(reply, "ReceiptHandle", 0), "nonsense");
    assert_string_equal(element(call(f, "GET", "/queues/q", NULL), "InactiveMessages", 0), "1");
    reply = call(f, "DELETE", MESSAGES, body);
    assert_int_equal(count_elements(reply, "Error"), 3);
    assert_string_equal(element(reply, "ErrorCode", 0), "MessageNotExist");
}

static void a_batch_delete_takes_1_to_16_handles(void **state)
{
    fixture_t *f = *state;
    char body[2048] = "<ReceiptHandles>";
    assert_error(call(f, "DELETE", MESSAGES, "<ReceiptHandles/>"), 400, "InvalidArgument");
    for (int i = 0; i < 17; i++)
        strcat(body, "<ReceiptHandle>x</ReceiptHandle>");
    strcat(body, "</ReceiptHandles>");
    assert_error(call(f, "DELETE", MESSAGES, body), 400, "InvalidArgument");
}

static void expired_messages_are_gone_and_counted(void **state)
{
    fixture_t *f = *state;
    call(f, "PUT", "/queues/q?metaoverride=true",
         "<Queue><MessageRetentionPeriod>60</MessageRetentionPeriod></Queue>");
    send_one(f, "hello");
    fixture_pass_ms(f, 60000);
    assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
    assert_int_equal(counted(f, "mns_local_expired_messages_total"), 1);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SERVED(creating_tells_where_and_whether_it_was_there),
        SERVED(queue_names_have_rules),
        SERVED(attributes_have_ranges),
        SERVED(setting_changes_only_what_is_named),
        SERVED(listing_pages_by_marker),
        SERVED(listing_can_give_all_attributes),
        SERVED(a_deleted_queue_is_gone_and_may_be_deleted_again),
        SERVED(without_a_queue_there_are_no_messages),
        SERVED(a_sent_message_gets_id_and_digest),
        SERVED(what_is_sent_is_what_is_received),
        SERVED(a_message_out_of_range_is_refused),
        SERVED(a_batch_is_answered_in_order),
        SERVED(a_batch_has_its_limits_and_is_taken_whole),
        SERVED(a_delayed_message_comes_with_a_handle_and_later),
        SERVED(a_received_message_has_all_its_children),
        SERVED(a_batch_of_one_is_still_a_batch),
        SERVED(a_peek_has_no_handle_and_takes_nothing),
        SERVED(numbers_out_of_range_are_refused),
        SERVED(long_polls_are_served_first_come_first),
        SERVED(a_long_poll_ends_empty_in_time),
        SERVED(who_hangs_up_while_polling_consumes_nothing),
        SERVED(who_hangs_up_at_the_last_moment_consumes_nothing),
        SERVED(a_message_that_comes_back_wakes_a_poll),
        SERVED(deleting_the_queue_ends_polls),
        SERVED(a_handle_deletes_once),
        SERVED(a_handle_dies_with_its_visibility),
        SERVED(changing_visibility_gives_a_new_handle_and_time),
        SERVED(changing_visibility_needs_both_parameters),
        SERVED(a_batch_deletes_what_it_can_and_names_the_rest),
        SERVED(a_batch_delete_takes_1_to_16_handles),
        SERVED(expired_messages_are_gone_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
