#include "mns_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static mns_judge_t judge;
static mns_store_t *store;

static int open_judge(void **state)
{
    (void)state;
    store = mns_store_create();
    return store == NULL || mns_xml_reader_create(&judge.reader) != MNS_OK ||
           mns_signer_create(&judge.signer, "secret") != MNS_OK;
}

static int close_judge(void **state)
{
    (void)state;
    mns_xml_reader_destroy(&judge.reader);
    mns_signer_destroy(&judge.signer);
    mns_store_destroy(&store);
    return 0;
}

static mns_asked_t also; /* what else was asked */

static mns_err judged(mns_op op, uint32_t count, int status, const char *body)
{
    mns_asked_t asked = also;
    mns_store_clear(store);
    asked.row = &mns_ops[op];
    asked.count = count;
    mns_answer_judge(&judge, &asked, status, body, strlen(body), store);
    assert_int_equal(store->view.http_status, status);
    assert_true(store->view.message_count == 0 || store->view.messages != NULL);
    return store->view.err;
}

#define ERROR(code)      \
    "<Error><Code>" code \
    "</Code><Message>why</Message><RequestId>1</RequestId><HostId>h</HostId></Error>"
#define SENT_ONE "<MessageId>A</MessageId><MessageBodyMD5>F</MessageBodyMD5>"
#define RECEIVED_ONE                                                      \
    "<Message><MessageId>A</MessageId><ReceiptHandle>1-x</ReceiptHandle>" \
    "<MessageBodyMD5>F1E92841751D795AB325861034B5CB55</MessageBodyMD5>"   \
    "<MessageBody>{1:\"a\", 2:\"b\"}</MessageBody></Message>"
#define HTML "<html><body><h1>Bad</h1></body></html>"

/* Operation, how many were asked for, status, body -> verdict. */
static const struct row {
    mns_op op;
    uint32_t count;
    int status;
    const char *body;
    mns_err err;
} rows[] = {
    {MNS_CREATE_QUEUE, 1, 201, "", MNS_OK},
    {MNS_CREATE_QUEUE, 1, 204, "", MNS_OK},
    {MNS_CREATE_QUEUE, 1, 200, "", MNS_EPROTO},
    {MNS_CREATE_QUEUE, 1, 409, ERROR("QueueAlreadyExist"), MNS_ECLIENT},
    {MNS_DELETE_QUEUE, 1, 204, "", MNS_OK},
    {MNS_DELETE_QUEUE, 1, 404, ERROR("QueueNotExist"), MNS_ECLIENT},
    {MNS_GET_QUEUE_ATTRIBUTES, 1, 200, "<Queue/>", MNS_OK},
    {MNS_GET_QUEUE_ATTRIBUTES, 1, 200, "<Message/>", MNS_EPROTO},
    {MNS_GET_QUEUE_ATTRIBUTES, 1, 200, "", MNS_EPROTO},
    {MNS_LIST_QUEUE, 1, 200, "<Queues/>", MNS_OK},
    {MNS_LIST_QUEUE, 1, 200, "<Topics/>", MNS_EPROTO},

    {MNS_SET_TOPIC_ATTRIBUTES, 1, 204, "", MNS_OK},
    {MNS_SET_TOPIC_ATTRIBUTES, 1, 201, "", MNS_EPROTO},
    {MNS_GET_TOPIC_ATTRIBUTES, 1, 200, "<Topic/>", MNS_OK},
    {MNS_GET_TOPIC_ATTRIBUTES, 1, 200, "<Queue/>", MNS_EPROTO},
    {MNS_GET_TOPIC_ATTRIBUTES, 1, 404, ERROR("TopicNotExist"), MNS_ECLIENT},
    {MNS_LIST_TOPIC, 1, 200, "<Topics/>", MNS_OK},
    {MNS_LIST_TOPIC, 1, 200, "<Subscriptions/>", MNS_EPROTO},
    {MNS_SUBSCRIBE, 1, 409, ERROR("SubscriptionAlreadyExist"), MNS_ECLIENT},
    {MNS_SET_SUBSCRIPTION_ATTRIBUTES, 1, 204, "", MNS_OK},
    {MNS_GET_SUBSCRIPTION_ATTRIBUTES, 1, 200, "<Subscription/>", MNS_OK},
    {MNS_GET_SUBSCRIPTION_ATTRIBUTES, 1, 200, "", MNS_EPROTO},
    {MNS_LIST_SUBSCRIPTION_BY_TOPIC, 1, 200, "<Subscriptions/>", MNS_OK},
    {MNS_LIST_SUBSCRIPTION_BY_TOPIC, 1, 200, "<Subscription/>", MNS_EPROTO},
    {MNS_UNSUBSCRIBE, 1, 204, "", MNS_OK},
    {MNS_UNSUBSCRIBE, 1, 404, ERROR("SubscriptionNotExist"), MNS_ECLIENT},

    {MNS_SEND_MESSAGE, 1, 201, "<Message>" SENT_ONE "</Message>", MNS_OK},
    {MNS_SEND_MESSAGE, 1, 201, "<Message/>", MNS_EPROTO},
    {MNS_SEND_MESSAGE, 1, 201, "", MNS_EPROTO},
    {MNS_SEND_MESSAGE, 1, 201, HTML, MNS_EPROTO},
    {MNS_SEND_MESSAGE, 1, 400, ERROR("MalformedXML"), MNS_ECLIENT},
    {MNS_SEND_MESSAGE, 1, 403, ERROR("SignatureDoesNotMatch"), MNS_ECLIENT},
    {MNS_PUBLISH_MESSAGE, 1, 201, "<Message>" SENT_ONE "</Message>", MNS_OK},
    {MNS_PUBLISH_MESSAGE, 1, 404, ERROR("TopicNotExist"), MNS_ECLIENT},

    {MNS_BATCH_SEND_MESSAGE, 1, 201, "<Messages><Message>" SENT_ONE "</Message></Messages>",
     MNS_OK},
    {MNS_BATCH_SEND_MESSAGE, 2, 201, "<Messages><Message>" SENT_ONE "</Message></Messages>",
     MNS_EPROTO},
    {MNS_BATCH_SEND_MESSAGE, 2, 500,
     "<Messages><Message>" SENT_ONE "</Message><Message><ErrorCode>InternalError</ErrorCode>"
     "<ErrorMessage>no</ErrorMessage></Message></Messages>",
     MNS_EPARTIAL},
    {MNS_BATCH_SEND_MESSAGE, 2, 201,
     "<Messages><Message>" SENT_ONE "</Message><Message><ErrorCode>InternalError</ErrorCode>"
     "</Message></Messages>",
     MNS_EPARTIAL},
    {MNS_BATCH_SEND_MESSAGE, 2, 500, ERROR("InternalError"), MNS_ESERVER},

    {MNS_RECEIVE_MESSAGE, 1, 200, RECEIVED_ONE, MNS_OK},
    {MNS_RECEIVE_MESSAGE, 1, 200, "<Message><MessageId>A</MessageId></Message>", MNS_EPROTO},
    {MNS_RECEIVE_MESSAGE, 1, 404, ERROR("MessageNotExist"), MNS_EMPTY},
    {MNS_RECEIVE_MESSAGE, 1, 404, ERROR("QueueNotExist"), MNS_ECLIENT},
    {MNS_RECEIVE_MESSAGE, 1, 204, "", MNS_EPROTO},
    {MNS_BATCH_RECEIVE_MESSAGE, 16, 200, "<Messages>" RECEIVED_ONE "</Messages>", MNS_OK},
    {MNS_BATCH_RECEIVE_MESSAGE, 1, 200, "<Messages>" RECEIVED_ONE RECEIVED_ONE "</Messages>",
     MNS_EPROTO},
    {MNS_BATCH_RECEIVE_MESSAGE, 16, 200, RECEIVED_ONE, MNS_EPROTO},
    {MNS_BATCH_RECEIVE_MESSAGE, 16, 200, "<Messages/>", MNS_EMPTY},
    {MNS_BATCH_RECEIVE_MESSAGE, 16, 404, ERROR("MessageNotExist"), MNS_EMPTY},
    {MNS_BATCH_RECEIVE_MESSAGE, 16, 404, HTML, MNS_EPROTO},
    {MNS_BATCH_PEEK_MESSAGE, 16, 404, ERROR("MessageNotExist"), MNS_EMPTY},
    {MNS_PEEK_MESSAGE, 1, 200,
     "<Message><MessageId>A</MessageId><MessageBody>b</MessageBody></Message>", MNS_OK},

    {MNS_DELETE_MESSAGE, 1, 204, "", MNS_OK},
    {MNS_DELETE_MESSAGE, 1, 404, ERROR("MessageNotExist"), MNS_ECLIENT},
    {MNS_DELETE_MESSAGE, 1, 400, ERROR("ReceiptHandleError"), MNS_ECLIENT},
    {MNS_BATCH_DELETE_MESSAGE, 16, 204, "", MNS_OK},
    {MNS_BATCH_DELETE_MESSAGE, 16, 404, ERROR("QueueNotExist"), MNS_ECLIENT},
    {MNS_BATCH_DELETE_MESSAGE, 16, 404,
     "<Errors><Error><ErrorCode>ReceiptHandleError</ErrorCode><ErrorMessage>m</ErrorMessage>"
     "<ReceiptHandle>1</ReceiptHandle></Error></Errors>",
     MNS_EPARTIAL},
    {MNS_BATCH_DELETE_MESSAGE, 16, 404, "<Errors><Error><ErrorCode>X</ErrorCode></Error></Errors>",
     MNS_EPROTO},
    {MNS_BATCH_DELETE_MESSAGE, 16, 404, "<Errors/>", MNS_EPROTO},

    {MNS_CHANGE_MESSAGE_VISIBILITY, 1, 200,
     "<ChangeVisibility><ReceiptHandle>2</ReceiptHandle></ChangeVisibility>", MNS_OK},
    {MNS_CHANGE_MESSAGE_VISIBILITY, 1, 200, "<ChangeVisibility/>", MNS_EPROTO},
    {MNS_CHANGE_MESSAGE_VISIBILITY, 1, 404, ERROR("MessageNotExist"), MNS_ECLIENT},

    {MNS_DELETE_QUEUE, 1, 500, ERROR("InternalError"), MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 502, HTML, MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 503, "", MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 408, ERROR("TimeExpired"), MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 429, "", MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 400, ERROR("QpsLimitExceeded"), MNS_ESERVER},
    {MNS_DELETE_QUEUE, 1, 400, ERROR("SomethingNew"), MNS_ECLIENT},
    {MNS_DELETE_QUEUE, 1, 301, "", MNS_EPROTO},
    {MNS_DELETE_QUEUE, 1, 301, ERROR("Moved"), MNS_EPROTO},
    {MNS_DELETE_QUEUE, 1, 418, "I'm a teapot", MNS_EPROTO},
};

static void status_root_and_code_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mns_err err = judged(rows[i].op, rows[i].count, rows[i].status, rows[i].body);
        if (err != rows[i].err)
            print_error("row %zu: status %d %s\n", i, rows[i].status, rows[i].body);
        assert_int_equal(err, rows[i].err);
        assert_true(err == MNS_OK || err == MNS_EMPTY || *store->view.message != '\0');
    }
}

/* Each with its documented status; what passes by its code passes with a 4xx too. */
static void every_code_is_known_with_its_fate(void **state)
{
    (void)state;
    static const struct {
        const char *name, *body;
        mns_code id;
        int status;
        bool passes;
    } codes[] = {
#define X(name, status, passes) {#name, ERROR(#name), MNS_CODE_##name, status, passes},
        MNS_CODE_MAP(X)
#undef X
    };
    assert_int_equal(sizeof codes / sizeof *codes, MNS_CODE_COUNT - MNS_CODE_OTHER - 1);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        mns_err err = judged(MNS_DELETE_QUEUE, 1, codes[i].status, codes[i].body);
        bool trouble = codes[i].status >= 500 || codes[i].status == 408 ||
                       codes[i].id == MNS_CODE_QpsLimitExceeded;
        assert_int_equal(err, trouble ? MNS_ESERVER : MNS_ECLIENT);
        assert_string_equal(store->view.code, codes[i].name);
        assert_int_equal(store->view.code_id, codes[i].id);
        assert_int_equal(store->view.transient, codes[i].passes);
        assert_string_equal(store->view.message, "why");
        assert_string_equal(store->view.host_id, "h");
    }
}

static void what_the_code_does_not_tell_the_status_does(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        mns_code code;
        bool transient;
    } fates[] = {{500, "", MNS_CODE_NONE, true},
                 {502, HTML, MNS_CODE_NONE, true},
                 {429, "", MNS_CODE_NONE, true},
                 {408, "", MNS_CODE_NONE, true},
                 {404, HTML, MNS_CODE_NONE, false},
                 {400, ERROR("SomethingNew"), MNS_CODE_OTHER, false},
                 {500, ERROR("SomethingNew"), MNS_CODE_OTHER, true},
                 {429, ERROR("AccessDenied"), MNS_CODE_AccessDenied, true},
                 {500, ERROR("AccessDenied"), MNS_CODE_AccessDenied, false},
                 {301, ERROR("SomethingNew"), MNS_CODE_OTHER, false}};
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        judged(MNS_DELETE_QUEUE, 1, fates[i].status, fates[i].body);
        assert_int_equal(store->view.code_id, fates[i].code);
        assert_int_equal(store->view.transient, fates[i].transient);
    }
    judged(MNS_RECEIVE_MESSAGE, 1, 404, ERROR("MessageNotExist"));
    assert_int_equal(store->view.code_id, MNS_CODE_MessageNotExist);
    assert_false(store->view.transient);
}

#define CARRIED(body)                                                   \
    "<Message><MessageId>A</MessageId><ReceiptHandle>1</ReceiptHandle>" \
    "<MessageBodyMD5>3B93BB16D9B9E5CA8B1FB0E14BF28BBF</MessageBodyMD5>" \
    "<MessageBody>" body "</MessageBody></Message>"

static void a_body_is_decoded_when_asked_and_when_it_can_be(void **state)
{
    (void)state;
    static const char batch[] =
        "<Messages>" CARRIED("aGkAIQ==") CARRIED("plain text") CARRIED("") "</Messages>";
    also.base64 = true;
    assert_int_equal(judged(MNS_BATCH_RECEIVE_MESSAGE, 16, 200, batch), MNS_OK);
    also.base64 = false;
    const mns_message_t *messages = store->view.messages;
    assert_true(messages[0].base64_decoded);
    assert_int_equal(messages[0].body_len, 4);
    assert_memory_equal(messages[0].body, "hi\0!", 5);
    assert_string_equal(messages[0].receipt_handle, "1");
    assert_false(messages[1].base64_decoded);
    assert_string_equal(messages[1].body, "plain text");
    assert_true(messages[2].base64_decoded);
    assert_int_equal(messages[2].body_len, 0);

    assert_int_equal(judged(MNS_BATCH_RECEIVE_MESSAGE, 16, 200, batch), MNS_OK);
    assert_string_equal(store->view.messages[0].body, "aGkAIQ==");
    assert_false(store->view.messages[0].base64_decoded);
}

static void a_digest_is_of_the_body_as_carried(void **state)
{
    (void)state;
    also.base64 = true;
    assert_int_equal(judged(MNS_RECEIVE_MESSAGE, 1, 200,
                            "<Message><MessageId>A</MessageId><ReceiptHandle>1</ReceiptHandle>"
                            "<MessageBodyMD5>0733351879B2FA9BD05C7CA3061529C0</MessageBodyMD5>"
                            "<MessageBody>aGVsbG8=</MessageBody></Message>"),
                     MNS_OK);
    also.base64 = false;
    assert_string_equal(store->view.messages[0].body, "hello");
    assert_true(store->view.messages[0].body_md5_ok);
}

static void attributes_of_a_list_show_only_when_asked_for(void **state)
{
    (void)state;
    static const char list[] = "<Queues><Queue><QueueURL>http://h/queues/a</QueueURL>"
                               "<DelaySeconds>7</DelaySeconds></Queue></Queues>";
    assert_int_equal(judged(MNS_LIST_QUEUE, 1, 200, list), MNS_OK);
    assert_null(store->view.queue_attributes);
    also.with_meta = true;
    assert_int_equal(judged(MNS_LIST_QUEUE, 1, 200, list), MNS_OK);
    also.with_meta = false;
    assert_int_equal(store->view.queue_attributes[0].delay_seconds, 7);
}

static void a_received_body_is_held_against_its_digest(void **state)
{
    (void)state;
    assert_int_equal(judged(MNS_RECEIVE_MESSAGE, 1, 200, RECEIVED_ONE), MNS_OK);
    assert_true(store->view.messages[0].body_md5_ok);
    assert_int_equal(judged(MNS_RECEIVE_MESSAGE, 1, 200,
                            "<Message><MessageId>A</MessageId><ReceiptHandle>1</ReceiptHandle>"
                            "<MessageBodyMD5>F1E92841751D795AB325861034B5CB55</MessageBodyMD5>"
                            "<MessageBody>other</MessageBody></Message>"),
                     MNS_OK);
    assert_false(store->view.messages[0].body_md5_ok);
}

static void a_partial_send_tells_each_part(void **state)
{
    (void)state;
    assert_int_equal(judged(MNS_BATCH_SEND_MESSAGE, 2, 500,
                            "<Messages><Message><ErrorCode>InternalError</ErrorCode>"
                            "<ErrorMessage>no</ErrorMessage></Message>"
                            "<Message>" SENT_ONE "</Message></Messages>"),
                     MNS_EPARTIAL);
    assert_string_equal(store->view.messages[0].code, "InternalError");
    assert_string_equal(store->view.messages[0].error, "no");
    assert_string_equal(store->view.messages[1].code, "");
    assert_string_equal(store->view.messages[1].message_id, "A");
}

static void what_was_there_before_is_told_from_what_was_made(void **state)
{
    (void)state;
    judged(MNS_SUBSCRIBE, 1, 201, "");
    assert_false(store->view.existed);
    judged(MNS_SUBSCRIBE, 1, 204, "");
    assert_true(store->view.existed);
    judged(MNS_DELETE_QUEUE, 1, 204, "");
    assert_false(store->view.existed);
}

static void a_refused_answer_shows_none_of_its_messages(void **state)
{
    (void)state;
    assert_int_equal(judged(MNS_BATCH_RECEIVE_MESSAGE, 16, 200,
                            "<Messages>" RECEIVED_ONE "<Message/></Messages>"),
                     MNS_EPROTO);
    assert_int_equal(store->view.message_count, 0);
    assert_int_equal(judged(MNS_BATCH_RECEIVE_MESSAGE, 16, 200, "<Messages>" RECEIVED_ONE),
                     MNS_EPROTO);
    assert_int_equal(store->view.message_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_root_and_code_decide),
        cmocka_unit_test(every_code_is_known_with_its_fate),
        cmocka_unit_test(what_the_code_does_not_tell_the_status_does),
        cmocka_unit_test(a_body_is_decoded_when_asked_and_when_it_can_be),
        cmocka_unit_test(a_digest_is_of_the_body_as_carried),
        cmocka_unit_test(attributes_of_a_list_show_only_when_asked_for),
        cmocka_unit_test(a_received_body_is_held_against_its_digest),
        cmocka_unit_test(a_partial_send_tells_each_part),
        cmocka_unit_test(what_was_there_before_is_told_from_what_was_made),
        cmocka_unit_test(a_refused_answer_shows_none_of_its_messages),
    };
    return cmocka_run_group_tests(tests, open_judge, close_judge);
}
