/* The API as bytes: what every answer carries, who is refused, and all that clients may do. */
#include "local_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUEUE   "/queues/q"
#define MESSAGE "<Message><MessageBody>hello</MessageBody></Message>"

static int setup(void **state)
{
    int err = fixture_setup(state);
    return err != 0 || call(*state, "PUT", QUEUE, NULL).status != 201 ? -1 : 0;
}

static void every_answer_carries_the_headers(void **state)
{
    fixture_t *f = *state;
    raw_reply_t reply = call(f, "GET", QUEUE, NULL);
    assert_status(reply, 200);
    assert_string_equal(header(reply, "x-mns-version"), "2015-06-06");
    assert_string_equal(header(reply, "Content-Type"), "text/xml;charset=utf-8");
    assert_string_equal(header(reply, "Server"), "AliyunMQS");
    assert_string_not_equal(header(reply, "Date"), "");
    const char *id = header(reply, "x-mns-request-id");
    assert_int_equal(strspn(id, "0123456789ABCDEF"), 24);
    assert_memory_equal(reply.body, "<?xml version=\"1.0\" ?>", 22);
    assert_non_null(strstr(reply.body, "<Queue xmlns=\"http://mns.aliyuncs.com/doc/v1\">"));
    char first[32];
    snprintf(first, sizeof first, "%s", id);
    reply = call(f, "DELETE", "/queues/none", NULL);
    assert_status(reply, 204);
    assert_string_not_equal(header(reply, "x-mns-request-id"), first);
    assert_string_equal(header(reply, "Content-Type"), "text/xml;charset=utf-8");
}

/* -- refusals ------------------------------------------------------------------------------ */

static void strangers_are_refused(void **state)
{
    fixture_t *f = *state;
    const struct {
        asking_t asking;
        int status;
        const char *code;
    } cases[] = {
        {{.secret = "wrong"}, 403, "SignatureDoesNotMatch"},
        {{.signed_target = "/queues/Q"}, 403, "SignatureDoesNotMatch"},
        {{.headers = "x-mns-unsigned: 1\r\n"}, 403, "SignatureDoesNotMatch"},
        {{.key_id = "nobody"}, 403, "InvalidAccessKeyId"},
        {{.key_id = ""}, 400, "MissingAuthorizationHeader"},
        {{.key_id = "", .headers = "Authorization: Bearer x\r\n"},
         400,
         "InvalidAuthorizationHeader"},
        {{.date = ""}, 400, "MissingDateHeader"},
        {{.date = "yesterday"}, 400, "InvalidDateHeader"},
        {{.date = "Mon, 01 Jun 2026 12:15:01 GMT"}, 408, "TimeExpired"},
        {{.date = "Mon, 01 Jun 2026 11:44:59 GMT"}, 408, "TimeExpired"},
        {{.version = ""}, 400, "MissingVersionHeader"},
        {{.version = "2014-01-01"}, 400, "InvalidVersionHeader"},
        {{.content_md5 = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2Y="}, 400, "InvalidDegist"},
    };
    size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++) {
        asking_t asking = cases[i].asking;
        asking.verb = "GET";
        asking.target = QUEUE;
        assert_error(ask(f, &asking), cases[i].status, cases[i].code);
    }
    assert_int_equal(counted(f, "mns_local_refused_total"), count);
}

static void x_mns_date_stands_for_the_date(void **state)
{
    fixture_t *f = *state;
    /* Date itself is a day off; what is signed and judged is the other */
    asking_t asking = {.verb = "GET",
                       .target = QUEUE,
                       .date = "Sun, 31 May 2026 12:00:00 GMT",
                       .mns_headers = "x-mns-date:" TEST_DATE "\n"};
    assert_status(ask(f, &asking), 200);
    asking.date = TEST_DATE;
    asking.mns_headers = "x-mns-date:Sun, 31 May 2026 12:00:00 GMT\n";
    assert_error(ask(f, &asking), 408, "TimeExpired");
}

static void what_is_no_resource_is_refused(void **state)
{
    fixture_t *f = *state;
    assert_error(call(f, "GET", "/", NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "GET", "/?accountmeta=true", NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "GET", "/stacks", NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "POST", "/queues", MESSAGE), 400, "InvalidRequestURL");
    assert_error(call(f, "PATCH", QUEUE, NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "GET", QUEUE "/messages/1/2/3", NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "GET", "/queues/%zz", NULL), 400, "InvalidRequestURL");
    assert_error(call(f, "GET", QUEUE "/messages?waitseconds=%", NULL), 400, "InvalidQueryString");
}

/* -- what clients may do ------------------------------------------------------------------- */

static void targets_come_in_many_shapes(void **state)
{
    fixture_t *f = *state;
    assert_status(
        ask(f, &(asking_t){.verb = "GET", .target = "//queues/q", .signed_target = QUEUE}), 200);
    assert_status(
        ask(f, &(asking_t){.verb = "GET",
                           .target = "http://123456789012.mns.cn-hangzhou.aliyuncs.com" QUEUE,
                           .signed_target = QUEUE}),
        200);
    assert_status(call(f, "GET", QUEUE "/", NULL), 200);
    assert_status(call(f, "GET", "/queues/%71", NULL), 200);
    assert_error(call(f, "GET", QUEUE "/messages/?NUMOFMESSAGES=2&WaitSeconds=0", NULL), 404,
                 "MessageNotExist");
}

static void header_names_come_in_any_case(void **state)
{
    fixture_t *f = *state;
    asking_t asking = {.verb = "GET", .target = "/queues", .mns_headers = "x-mns-prefix:q\n"};
    assert_int_equal(count_elements(ask(f, &asking), "QueueURL"), 1);
    asking.headers = "CONTENT-length: 0\r\nACCEPT: */*\r\n";
    assert_status(ask(f, &asking), 200);
}

static void digests_come_in_three_conventions(void **state)
{
    fixture_t *f = *state;
    static const char *const digests[] = {
        "ODgyNWViYzBhNWUzOTczYWQ3Y2FkODlmOTQ0NmY5N2M=", "iCXrwKXjlzrXytiflEb5fA==",
        "8825ebc0a5e3973ad7cad89f9446f97c", "8825EBC0A5E3973AD7CAD89F9446F97C"};
    for (size_t i = 0; i < 4; i++)
        assert_status(ask(f, &(asking_t){.verb = "POST",
                                         .target = QUEUE "/messages",
                                         .body = MESSAGE,
                                         .content_type = "application/xml",
                                         .content_md5 = digests[i]}),
                      201);
    assert_error(ask(f, &(asking_t){.verb = "POST",
                                    .target = QUEUE "/messages",
                                    .body = MESSAGE " ",
                                    .content_md5 = digests[0]}),
                 400, "InvalidDegist");
}

static void bodies_may_be_chunked_or_expected(void **state)
{
    fixture_t *f = *state;
    asking_t asking = {.verb = "POST",
                       .target = QUEUE "/messages",
                       .body = MESSAGE,
                       .content_type = "text/xml;charset=UTF-8",
                       .chunked = true};
    assert_status(ask(f, &asking), 201);
    asking.headers = "Expect: 100-continue\r\n";
    assert_status(ask(f, &asking), 100);
    assert_status(raw_hear(&f->client), 201);
}

static void requests_may_be_pipelined(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 5; i++)
        ask_raw(&f->client,
                &(asking_t){.verb = "POST", .target = QUEUE "/messages", .body = MESSAGE});
    ask_raw(&f->client, &(asking_t){.verb = "GET", .target = QUEUE "/messages?numOfMessages=16"});
    for (int i = 0; i < 5; i++)
        assert_status(raw_hear(&f->client), 201);
    assert_int_equal(count_elements(raw_hear(&f->client), "MessageBody"), 5);
}

static void bodies_may_lack_prolog_and_namespace_and_hold_more(void **state)
{
    fixture_t *f = *state;
    static const char *const bodies[] = {
        ("<?xml version=\"1.0\" encoding=\"utf-8\"?><Message "
         "xmlns=\"http://mns.aliyuncs.com/doc/v1/\"><MessageBody>a</MessageBody></Message>"),
        ("<Message xmlns='http://mns.aliyuncs.com/doc/v1'><New>1</New><Priority>1</Priority>"
         "<MessageBody>a</MessageBody><DelaySeconds>0</DelaySeconds></Message>"),
        "<m:Message xmlns:m=\"urn:x\"><m:MessageBody>a</m:MessageBody></m:Message>\n",
    };
    for (size_t i = 0; i < 3; i++)
        assert_status(call(f, "POST", QUEUE "/messages", bodies[i]), 201);
}

static void broken_xml_is_malformed(void **state)
{
    fixture_t *f = *state;
    static const char *const bodies[] = {
        "",
        "hello",
        "<Message><MessageBody>a & b</MessageBody></Message>",
        "<Message><MessageBody>a",
        "<Other><MessageBody>a</MessageBody></Other>",
        ("<!DOCTYPE m [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>"
         "<Message><MessageBody>&e;</MessageBody></Message>"),
        "<Message><MessageBody>\xc3\x28</MessageBody></Message>",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_error(call(f, "POST", QUEUE "/messages", bodies[i]), 400, "MalformedXML");
    assert_error(call(f, "PUT", "/queues/other", "<Topic/>"), 400, "MalformedXML");
    assert_error(call(f, "DELETE", QUEUE "/messages", "<ReceiptHandles>"), 400, "MalformedXML");
}

static void truncated_requests_change_nothing(void **state)
{
    fixture_t *f = *state;
    raw_client_t other;
    fixture_connect(f, &other);
    raw_say(&other,
            "POST /queues/q/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n<Mess");
    for (int i = 0; i < 3; i++)
        raw_turn(&other);
    raw_close(&other);
    fixture_connect(f, &other);
    raw_say(&other, "POST /queues/q/mess");
    raw_turn(&other);
    raw_close(&other);
    raw_reply_t reply = call(f, "GET", QUEUE, NULL);
    assert_string_equal(element(reply, "ActiveMessages", 0), "0");
}

static void a_body_beyond_all_messages_is_refused(void **state)
{
    fixture_t *f = *state;
    size_t len = 600 * 1024;
    char *body = malloc(len + 1);
    memset(body, 'x', len);
    body[len] = '\0';
    raw_client_t other;
    fixture_connect(f, &other);
    ask_raw(&other, &(asking_t){.verb = "POST", .target = QUEUE "/messages", .body = body});
    RAW_WAIT(&other, other.closed || other.len > 0);
    if (other.len > 0)
        assert_error(raw_hear(&other), 400, "InvalidArgument");
    raw_close(&other);
    free(body);
}

static void the_pages_need_no_signature(void **state)
{
    fixture_t *f = *state;
    raw_say(&f->client, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(raw_hear(&f->client).body, "ok\n");
    raw_say(&f->client, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_status(raw_hear(&f->client), 200);
    assert_int_equal(counted(f, "mns_local_queues"), 1);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SERVED(every_answer_carries_the_headers),
        SERVED(strangers_are_refused),
        SERVED(x_mns_date_stands_for_the_date),
        SERVED(what_is_no_resource_is_refused),
        SERVED(targets_come_in_many_shapes),
        SERVED(header_names_come_in_any_case),
        SERVED(digests_come_in_three_conventions),
        SERVED(bodies_may_be_chunked_or_expected),
        SERVED(requests_may_be_pipelined),
        SERVED(bodies_may_lack_prolog_and_namespace_and_hold_more),
        SERVED(broken_xml_is_malformed),
        SERVED(truncated_requests_change_nothing),
        SERVED(a_body_beyond_all_messages_is_refused),
        SERVED(the_pages_need_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
