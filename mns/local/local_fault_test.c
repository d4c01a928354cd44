/* Faults on command: every action, every operation, every way to write a rule wrong. */
#include "fault.h"
#include "local_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES "/queues/q/messages"
#define BATCH                                                   \
    "<Messages><Message><MessageBody>a</MessageBody></Message>" \
    "<Message><MessageBody>b</MessageBody></Message>"           \
    "<Message><MessageBody>c</MessageBody></Message></Messages>"

static int setup(void **state)
{
    int err = fixture_setup(state);
    return err != 0 || call(*state, "PUT", "/queues/q", "<Queue/>").status != 201 ? -1 : 0;
}

/* A page under /local/, which nobody signs. */
static raw_reply_t page(fixture_t *f, const char *method, const char *body)
{
    char text[2048];
    snprintf(text, sizeof text,
             "%s /local/faults HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s", method,
             strlen(body), body);
    raw_say(&f->client, text);
    return raw_hear(&f->client);
}

static void rule(fixture_t *f, const char *json)
{
    char list[1024];
    snprintf(list, sizeof list, "[%s]", json);
    assert_status(page(f, "POST", list), 200);
}

static void send_one(fixture_t *f, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody></Message>", body);
    assert_status(call(f, "POST", MESSAGES, text), 201);
}

static const char *count_of(fixture_t *f, const char *count)
{
    return element(call(f, "GET", "/queues/q", NULL), count, 0);
}

/* -- rules --------------------------------------------------------------------------------- */

static void a_malformed_rule_is_refused_in_one_sentence(void **state)
{
    fixture_t *f = *state;
    const struct {
        const char *json, *sentence;
    } cases[] = {
        {"", "line 1: this is not JSON"},
        {"[\n{\"op\":\n}]", "line 3: this is not JSON"},
        {"[] x", "line 1: this is not JSON"},
        {"7", "expected {\"faults\": [...]} or a list of rules"},
        {"{}", "faults: is missing"},
        {"{\"faults\":{}}", "faults: expected \"faults\" with a list"},
        {"{\"rules\":[]}", "rules: expected"},
        {"{\"faults\":[],\"seed\":-1}", "seed: must be"},
        {"{\"faults\":[],\"seed\":\"1\"}", "seed: expected"},
        {"[7]", "faults[0]: must be an object"},
        {"[{}]", "faults[0].op: is missing"},
        {"[{\"op\":\"*\",\"next\":1}]", "faults[0].action: is missing"},
        {"[{\"op\":\"Send\"}]", "faults[0].op: \"Send\" is no operation"},
        {"[{\"op\":7}]", "faults[0].op: "},
        {"[{\"action\":\"explode\"}]", "faults[0].action: \"explode\" is not error, delay, "},
        {"[{\"op\":\"*\",\"action\":\"error\"}]", "faults[0]: needs either next or rate"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"rate\":0.5}]",
         "faults[0]: needs either next or rate"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":0}]", "faults[0].next: must be a whole"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1.5}]", "faults[0].next: must be a whole"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":\"1\"}]", "faults[0].next: must be a whole"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"rate\":0}]", "faults[0].rate: must be a number"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"rate\":1.1}]", "faults[0].rate: must be a number"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"rate\":null}]", "faults[0].rate: must be a number"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"status\":200}]", "faults[0].status: "},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"code\":\"<x>\"}]", "faults[0].code: "},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"resource\":\"\"}]",
         "faults[0].resource: "},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"wheel\":1}]",
         "faults[0].wheel: a rule has no such member"},
        {"[{\"op\":\"*\",\"op\":\"*\"}]", "faults[0].op: stands there twice"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1,\"ms\":5}]",
         "faults[0].ms: means nothing for the action error"},
        {"[{\"op\":\"*\",\"action\":\"delay\",\"next\":1}]", "faults[0].ms: is missing"},
        {"[{\"op\":\"*\",\"action\":\"delay\",\"next\":1,\"ms\":600001}]", "faults[0].ms: must be"},
        {"[{\"op\":\"*\",\"action\":\"reset\",\"next\":1,\"before\":1}]",
         "faults[0].before: must be true or false"},
        {"[{\"op\":\"SendMessage\",\"action\":\"partial\",\"next\":1}]",
         "faults[0].action: partial does not go with SendMessage"},
        {"[{\"op\":\"Push\",\"action\":\"half\",\"next\":1}]",
         "faults[0].action: half does not go with Push"},
        {"[{\"op\":\"*\",\"action\":\"error\",\"next\":1},{\"op\":\"PeekMessage\",\"action\":"
         "\"twice\",\"next\":1}]",
         "faults[1].action: twice does not go with PeekMessage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[256] = "{\"error\":\"";
        for (const char *c = cases[i].sentence; *c != '\0'; c++)
            snprintf(wanted + strlen(wanted), 3, *c == '"' ? "\\%c" : "%c", *c);
        raw_reply_t reply = page(f, "POST", cases[i].json);
        assert_status(reply, 400);
        if (strncmp(reply.body, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %s", cases[i].json, reply.body);
        assert_ptr_equal(strchr(reply.body, '\n'), reply.body + reply.body_len - 1);
    }
    assert_string_equal(page(f, "GET", "").body, "{\"seed\":1,\"faults\":[\n]}\n");
}

static void rules_show_how_often_they_fired(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply =
        page(f, "POST",
             "{\"seed\":42,\"faults\":["
             "{\"op\":\"SendMessage\",\"resource\":\"q\",\"next\":2,\"action\":\"error\",\"code\":"
             "\"Busy\"},"
             "{\"op\":\"*\",\"rate\":0.25,\"action\":\"delay\",\"ms\":250},"
             "{\"op\":\"ListQueue\",\"next\":3,\"action\":\"reset\",\"before\":true}]}");
    assert_status(reply, 200);
    assert_string_equal(header(reply, "Content-Type"), "application/json");
    assert_error(call(f, "POST", MESSAGES, "<Message/>"), 500, "Busy");
    assert_string_equal(
        page(f, "GET", "").body,
        "{\"seed\":42,\"faults\":[\n"
        "{\"op\":\"SendMessage\",\"resource\":\"q\",\"next\":1,\"action\":\"error\","
        "\"code\":\"Busy\",\"status\":500,\"fired\":1},\n"
        "{\"op\":\"*\",\"rate\":0.25,\"action\":\"delay\",\"ms\":250,\"fired\":0},\n"
        "{\"op\":\"ListQueue\",\"next\":3,\"action\":\"reset\",\"before\":true,\"fired\":0}\n]}\n");
    assert_int_equal(counted(f, "mns_local_faults_total{action=\"error\"}"), 1);
    assert_int_equal(counted(f, "mns_local_faults_total{action=\"delay\"}"), 0);
    assert_status(page(f, "DELETE", ""), 200);
    assert_string_equal(page(f, "GET", "").body, "{\"seed\":42,\"faults\":[\n]}\n");
    assert_status(page(f, "PATCH", ""), 405);
    send_one(f, "fine again");
}

static void a_seed_makes_chance_repeatable(void **state)
{
    (void)state;
    enum { CALLS = 20000 };
    static bool fired[2][CALLS];
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    char sentence[FAULT_SENTENCE_MAX];
    for (int round = 0; round < 2; round++) {
        faults_t faults;
        fault_t fault;
        const char json[] =
            "{\"seed\":7,\"faults\":[{\"op\":\"Push\",\"rate\":0.05,\"action\":\"error\"}]}";
        size_t count = 0;
        faults_init(&faults, &registry);
        assert_int_equal(faults_read(&faults, json, strlen(json), sentence), SL_OK);
        for (size_t i = 0; i < CALLS; i++)
            count += fired[round][i] = faults_fire(&faults, OPERATION_Push, "t", &fault);
        assert_in_range(count, CALLS / 25, CALLS * 6 / 100);
        faults_fini(&faults);
    }
    assert_memory_equal(fired[0], fired[1], sizeof fired[0]);
}

static void some_of_a_batch_fail_but_not_all(void **state)
{
    (void)state;
    counter_registry_t registry = COUNTER_REGISTRY_INIT;
    faults_t faults;
    faults_init(&faults, &registry);
    for (size_t count = 1; count <= BATCH_MAX; count++)
        for (int i = 0; i < 1000; i++) {
            uint32_t picked = faults_pick(&faults, count), all = (1u << count) - 1;
            assert_true(picked > 0 && picked <= all);
            assert_true(count == 1 || picked != all);
        }
    faults_fini(&faults);
}

static void a_file_of_rules_is_read_at_start(void **state)
{
    fixture_t *f = *state;
    char path[] = "/tmp/mns-local-faults-XXXXXX", sentence[LOCAL_SENTENCE_MAX], wanted[128];
    int fd = mkstemp(path);
    const char *text = "[{\"op\":\"*\",\"next\":1,\"action\":\"boom\"}]";
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    local_options_t options = {.listen = "127.0.0.1:0",
                               .account = "1",
                               .region = "r",
                               .key_id = "k",
                               .key_secret = "s",
                               .memory_bytes = 1 << 20,
                               .faults = path,
                               .clock = &f->clock.clock};
    local_t *local = NULL;
    assert_int_equal(local_create(&local, &options, sentence), SL_EINVAL);
    snprintf(wanted, sizeof wanted, "%s: faults[0].action: \"boom\" is not", path);
    assert_memory_equal(sentence, wanted, strlen(wanted));
    unlink(path);
    assert_int_equal(local_create(&local, &options, sentence), SL_EIO);
    assert_non_null(strstr(sentence, "No such file"));
    assert_null(local);
}

/* -- which call ---------------------------------------------------------------------------- */

static void every_operation_is_known_by_its_name(void **state)
{
    fixture_t *f = *state;
    const struct {
        const char *name, *verb, *target, *body;
    } rows[] = {
        {"CreateQueue", "PUT", "/queues/x", NULL},
        {"SetQueueAttributes", "PUT", "/queues/x?metaoverride=true", "<Queue/>"},
        {"GetQueueAttributes", "GET", "/queues/x", NULL},
        {"ListQueue", "GET", "/queues", NULL},
        {"DeleteQueue", "DELETE", "/queues/x", NULL},
        {"SendMessage", "POST", "/queues/x/messages", "<m:Message xmlns:m='u'/>"},
        {"BatchSendMessage", "POST", "/queues/x/messages",
         "<?xml version='1.0'?><!-- <Message> --><Messages xmlns='u'></Messages>"},
        {"ReceiveMessage", "GET", "/queues/x/messages?waitseconds=0", NULL},
        {"BatchReceiveMessage", "GET", "/queues/x/messages?NumOfMessages=1", NULL},
        {"PeekMessage", "GET", "/queues/x/messages?peekonly=true", NULL},
        {"BatchPeekMessage", "GET", "/queues/x/messages?numOfMessages=2&peekonly=true", NULL},
        {"DeleteMessage", "DELETE", "/queues/x/messages?ReceiptHandle=1", NULL},
        {"BatchDeleteMessage", "DELETE", "/queues/x/messages", "<ReceiptHandles/>"},
        {"ChangeMessageVisibility", "PUT", "/queues/x/messages?ReceiptHandle=1", NULL},
        {"CreateTopic", "PUT", "/topics/x", NULL},
        {"SetTopicAttributes", "PUT", "/topics/x?metaoverride=true", "<Topic/>"},
        {"GetTopicAttributes", "GET", "/topics/x", NULL},
        {"ListTopic", "GET", "/topics", NULL},
        {"DeleteTopic", "DELETE", "/topics/x", NULL},
        {"Subscribe", "PUT", "/topics/x/subscriptions/s", "<Subscription/>"},
        {"SetSubscriptionAttributes", "PUT", "/topics/x/subscriptions/s?metaoverride=true", "<S/>"},
        {"GetSubscriptionAttributes", "GET", "/topics/x/subscriptions/s", NULL},
        {"ListSubscriptionByTopic", "GET", "/topics/x/subscriptions", NULL},
        {"Unsubscribe", "DELETE", "/topics/x/subscriptions/s", NULL},
        {"PublishMessage", "POST", "/topics/x/messages", "<Message/>"},
    };
    enum { COUNT = sizeof rows / sizeof rows[0] };
    assert_int_equal(COUNT, OPERATION_Push - 1); /* no name is left out */
    for (size_t i = 0; i < COUNT; i++) {
        char json[256];
        snprintf(
            json, sizeof json,
            "{\"op\":\"%s\",\"rate\":1,\"action\":\"error\",\"code\":\"For%s\",\"status\":418}",
            rows[i].name, rows[i].name);
        rule(f, json);
    }
    for (size_t i = 0; i < COUNT; i++) {
        char code[64];
        snprintf(code, sizeof code, "For%s", rows[i].name);
        assert_error(call(f, rows[i].verb, rows[i].target, rows[i].body), 418, code);
    }
}

static void a_rule_may_be_for_one_resource(void **state)
{
    fixture_t *f = *state;
    assert_status(call(f, "PUT", "/queues/other", NULL), 201);
    rule(f, "{\"op\":\"*\",\"resource\":\"other\",\"rate\":1,\"action\":\"error\"}");
    send_one(f, "not to other");
    assert_status(call(f, "GET", "/queues", NULL), 200);
    assert_error(call(f, "GET", "/queues/other", NULL), 500, "InternalError");
}

static void strangers_do_not_use_rules_up(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"*\",\"next\":1,\"action\":\"error\"}");
    raw_reply_t reply =
        ask(f, &(asking_t){.verb = "GET", .target = "/queues/q", .secret = "wrong"});
    assert_error(reply, 403, "SignatureDoesNotMatch");
    assert_error(call(f, "GET", "/queues/q", NULL), 500, "InternalError");
    assert_status(call(f, "GET", "/queues/q", NULL), 200);
}

/* -- what then ----------------------------------------------------------------------------- */

static void an_error_is_not_performed_and_has_its_codes_status(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"error\",\"code\":\"QueueNotExist\"}");
    assert_error(call(f, "POST", MESSAGES, "<Message><MessageBody>x</MessageBody></Message>"), 404,
                 "QueueNotExist");
    assert_string_equal(count_of(f, "ActiveMessages"), "0");
}

static void a_delay_holds_the_answer_not_the_work(void **state)
{
    fixture_t *f = *state;
    raw_client_t slow;
    rule(f, "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"delay\",\"ms\":250}");
    fixture_connect(f, &slow);
    ask_raw(&slow, &(asking_t){.verb = "POST",
                               .target = MESSAGES,
                               .body = "<Message><MessageBody>x</MessageBody></Message>"});
    RAW_WAIT(&slow, counted(f, "mns_local_sent_messages_total") == 1);
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
    fixture_pass_ms(f, 249);
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
    assert_int_equal(slow.len, 0);
    fixture_pass_ms(f, 1);
    assert_status(raw_hear(&slow), 201);
    raw_close(&slow);
}

static void a_delayed_create_still_says_where(void **state)
{
    fixture_t *f = *state;
    raw_client_t slow;
    rule(f, "{\"op\":\"CreateQueue\",\"next\":1,\"action\":\"delay\",\"ms\":10}");
    fixture_connect(f, &slow);
    ask_raw(&slow, &(asking_t){.verb = "PUT", .target = "/queues/slow"});
    RAW_WAIT(&slow, counted(f, "http_parked") == 1);
    fixture_pass_ms(f, 10);
    raw_reply_t reply = raw_hear(&slow);
    assert_status(reply, 201);
    assert_string_equal(header(reply, "Location"), "http://mns.test:8700/queues/slow");
    raw_close(&slow);
}

static void a_hang_lasts_until_the_client_leaves(void **state)
{
    fixture_t *f = *state;
    raw_client_t c[2];
    rule(f, "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"hang\"},"
            "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"hang\",\"before\":true}");
    for (int i = 0; i < 2; i++) {
        fixture_connect(f, &c[i]);
        ask_raw(&c[i], &(asking_t){.verb = "POST",
                                   .target = MESSAGES,
                                   .body = "<Message><MessageBody>x</MessageBody></Message>"});
        RAW_WAIT(&c[i], counted(f, "http_parked") == (uint64_t)i + 1);
    }
    fixture_pass_ms(f, 600000);
    assert_string_equal(count_of(f, "ActiveMessages"), "1"); /* the second was not performed */
    assert_int_equal(c[0].len + c[1].len, 0);
    raw_close(&c[0]);
    RAW_WAIT(&f->client, counted(f, "http_parked") == 1);
    raw_close(&c[1]); /* the server's end must cope with the rest */
}

static void a_reset_comes_after_the_work_or_before(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"reset\"},"
            "{\"op\":\"SendMessage\",\"next\":1,\"action\":\"reset\",\"before\":true}");
    for (int i = 0; i < 2; i++) {
        raw_client_t c;
        fixture_connect(f, &c);
        ask_raw(&c, &(asking_t){.verb = "POST",
                                .target = MESSAGES,
                                .body = "<Message><MessageBody>x</MessageBody></Message>"});
        RAW_WAIT(&c, c.closed);
        assert_true(c.reset);
        assert_int_equal(c.len, 0);
        raw_close(&c);
    }
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
    RAW_WAIT(&f->client, counted(f, "http_connections") == 1);
}

static void half_an_answer_announces_the_whole(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    send_one(f, "the message that is cut in two, as is all that stands around it");
    rule(f, "{\"op\":\"ReceiveMessage\",\"next\":1,\"action\":\"half\"}");
    fixture_connect(f, &c);
    ask_raw(&c, &(asking_t){.verb = "GET", .target = MESSAGES});
    RAW_WAIT(&c, c.closed);
    assert_memory_equal(c.in, "HTTP/1.1 200 OK\r\n", 17);
    const char *length = strstr(c.in, "Content-Length: "), *body = strstr(c.in, "\r\n\r\n");
    assert_non_null(length);
    assert_non_null(body);
    assert_true(strlen(body + 4) < strtoul(length + 16, NULL, 10));
    assert_null(strstr(c.in, "</Message>"));
    raw_close(&c);
    assert_string_equal(count_of(f, "InactiveMessages"), "1"); /* it was performed */
}

static void twice_hands_the_same_messages_out_again(void **state)
{
    fixture_t *f = *state;
    assert_status(call(f, "POST", MESSAGES, BATCH), 201);
    rule(f, "{\"op\":\"BatchReceiveMessage\",\"next\":1,\"action\":\"twice\"}");
    raw_reply_t first = call(f, "GET", MESSAGES "?numOfMessages=2", NULL);
    const char *receipt = element(first, "ReceiptHandle", 0);
    assert_string_equal(element(first, "MessageBody", 1), "b");
    char target[256];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s", receipt);
    assert_error(call(f, "DELETE", target, NULL), 400, "ReceiptHandleError");
    raw_reply_t second = call(f, "GET", MESSAGES "?numOfMessages=16", NULL);
    assert_int_equal(count_elements(second, "Message"), 3);
    assert_string_equal(element(second, "MessageBody", 0), "a");
    assert_string_equal(element(second, "DequeueCount", 0), "2");
    assert_string_equal(element(second, "MessageBody", 2), "c");
    assert_string_equal(element(second, "DequeueCount", 2), "1");
    assert_string_equal(count_of(f, "InactiveMessages"), "3");
}

static void twice_befalls_a_long_poll_too(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    rule(f, "{\"op\":\"ReceiveMessage\",\"next\":1,\"action\":\"twice\"}");
    fixture_connect(f, &c);
    ask_raw(&c, &(asking_t){.verb = "GET", .target = MESSAGES "?waitseconds=30"});
    RAW_WAIT(&c, counted(f, "http_parked") == 1);
    send_one(f, "again");
    assert_string_equal(element(raw_hear(&c), "MessageBody", 0), "again");
    raw_close(&c);
    assert_string_equal(element(call(f, "GET", MESSAGES, NULL), "MessageBody", 0), "again");
}

static void one_who_leaves_a_long_poll_takes_its_fault_along(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    rule(f, "{\"op\":\"ReceiveMessage\",\"next\":1,\"action\":\"half\"}");
    fixture_connect(f, &c);
    ask_raw(&c, &(asking_t){.verb = "GET", .target = MESSAGES "?waitseconds=30"});
    RAW_WAIT(&c, counted(f, "http_parked") == 1);
    raw_close(&c);
    RAW_WAIT(&f->client, counted(f, "http_parked") == 0);
    send_one(f, "whole");
    assert_string_equal(element(call(f, "GET", MESSAGES, NULL), "MessageBody", 0), "whole");
}

static void reorder_changes_the_order_and_loses_nothing(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"ReceiveMessage\",\"next\":1,\"action\":\"reorder\"},"
            "{\"op\":\"BatchReceiveMessage\",\"rate\":1,\"action\":\"reorder\"}");
    for (char body[2] = "a"; body[0] <= 'h'; body[0]++)
        send_one(f, body);
    assert_string_equal(element(call(f, "GET", MESSAGES, NULL), "MessageBody", 0), "b");
    raw_reply_t reply = call(f, "GET", MESSAGES "?numOfMessages=16", NULL);
    char got[9] = "";
    for (size_t i = 0; i < 7; i++)
        strcat(got, element(reply, "MessageBody", i));
    for (const char *want = "acdefgh"; *want != '\0'; want++)
        assert_non_null(strchr(got, *want));
    assert_string_not_equal(got, "acdefgh");
}

static void some_of_a_batch_are_not_deleted(void **state)
{
    fixture_t *f = *state;
    char body[512] = "<ReceiptHandles>";
    assert_status(call(f, "POST", MESSAGES, BATCH), 201);
    raw_reply_t reply = call(f, "GET", MESSAGES "?numOfMessages=3", NULL);
    for (size_t i = 0; i < 3; i++)
        snprintf(body + strlen(body), 128, "<ReceiptHandle>%s</ReceiptHandle>",
                 element(reply, "ReceiptHandle", i));
    strcat(body, "</ReceiptHandles>");
    rule(f, "{\"op\":\"*\",\"next\":1,\"action\":\"partial\",\"code\":\"Busy\"}");
    reply = call(f, "DELETE", MESSAGES, body);
    assert_status(reply, 404);
    assert_non_null(strstr(reply.body, "<Errors xmlns=\"http://mns.aliyuncs.com/doc/v1\">"));
    size_t failed = count_elements(reply, "Error");
    assert_in_range(failed, 1, 2);
    assert_string_equal(element(reply, "ErrorCode", 0), "Busy");
    assert_non_null(strstr(body, element(reply, "ReceiptHandle", 0)));
    assert_int_equal(atoi(count_of(f, "InactiveMessages")), failed);
    assert_status(call(f, "DELETE", MESSAGES, body), 404); /* the others are gone indeed */
    assert_string_equal(count_of(f, "InactiveMessages"), "0");
}

static void some_of_a_batch_are_not_sent(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"BatchSendMessage\",\"next\":1,\"action\":\"partial\"}");
    raw_reply_t reply = call(f, "POST", MESSAGES, BATCH);
    assert_status(reply, 500);
    assert_non_null(strstr(reply.body, "<Messages xmlns=\"http://mns.aliyuncs.com/doc/v1\">"));
    assert_int_equal(count_elements(reply, "Message"), 3);
    size_t failed = count_elements(reply, "ErrorCode"), sent = count_elements(reply, "MessageId");
    assert_in_range(failed, 1, 2);
    assert_int_equal(sent + failed, 3);
    assert_string_equal(element(reply, "ErrorCode", 0), "InternalError");
    assert_int_equal(atoi(count_of(f, "ActiveMessages")), sent);
    assert_int_equal(counted(f, "mns_local_sent_messages_total"), sent);
}

static void a_throttled_call_is_told_to_wait(void **state)
{
    fixture_t *f = *state;
    send_one(f, "x");
    rule(f, "{\"op\":\"ReceiveMessage\",\"next\":1,\"action\":\"throttle\"}");
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_error(reply, 429, "QpsLimitExceeded");
    assert_string_equal(header(reply, "Retry-After"), "1");
    reply = call(f, "GET", MESSAGES, NULL);
    assert_status(reply, 200);
    assert_string_equal(header(reply, "Retry-After"), "");
}

static void a_call_may_be_refused_by_the_clock(void **state)
{
    fixture_t *f = *state;
    rule(f, "{\"op\":\"ListQueue\",\"next\":1,\"action\":\"clock\"}");
    assert_error(call(f, "GET", "/queues", NULL), 408, "TimeExpired");
    assert_status(call(f, "GET", "/queues", NULL), 200);
}

static void other_pages_are_told_apart(void **state)
{
    fixture_t *f = *state;
    raw_say(&f->client, "GET /local/nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_reply_t reply = raw_hear(&f->client);
    assert_status(reply, 404);
    assert_string_equal(reply.body, "{\"error\":\"there is no such page\"}\n");
}

int main(void)
{
#define WITH_QUEUE(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WITH_QUEUE(a_malformed_rule_is_refused_in_one_sentence),
        WITH_QUEUE(rules_show_how_often_they_fired),
        cmocka_unit_test(a_seed_makes_chance_repeatable),
        cmocka_unit_test(some_of_a_batch_fail_but_not_all),
        WITH_QUEUE(a_file_of_rules_is_read_at_start),
        WITH_QUEUE(every_operation_is_known_by_its_name),
        WITH_QUEUE(a_rule_may_be_for_one_resource),
        WITH_QUEUE(strangers_do_not_use_rules_up),
        WITH_QUEUE(an_error_is_not_performed_and_has_its_codes_status),
        WITH_QUEUE(a_delay_holds_the_answer_not_the_work),
        WITH_QUEUE(a_delayed_create_still_says_where),
        WITH_QUEUE(a_hang_lasts_until_the_client_leaves),
        WITH_QUEUE(a_reset_comes_after_the_work_or_before),
        WITH_QUEUE(half_an_answer_announces_the_whole),
        WITH_QUEUE(twice_hands_the_same_messages_out_again),
        WITH_QUEUE(twice_befalls_a_long_poll_too),
        WITH_QUEUE(one_who_leaves_a_long_poll_takes_its_fault_along),
        WITH_QUEUE(reorder_changes_the_order_and_loses_nothing),
        WITH_QUEUE(some_of_a_batch_are_not_deleted),
        WITH_QUEUE(some_of_a_batch_are_not_sent),
        WITH_QUEUE(a_throttled_call_is_told_to_wait),
        WITH_QUEUE(a_call_may_be_refused_by_the_clock),
        WITH_QUEUE(other_pages_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
