#include "mns_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static mns_xml_reader_t *reader;
static mns_store_t *store;

static int open_reader(void **state)
{
    (void)state;
    store = mns_store_create();
    return store == NULL || mns_xml_reader_create(&reader) != MNS_OK;
}

static int close_reader(void **state)
{
    (void)state;
    mns_xml_reader_destroy(&reader);
    mns_store_destroy(&store);
    return 0;
}

static mns_root_t read_bytes(const char *xml, size_t len)
{
    mns_root_t root;
    mns_store_clear(store);
    assert_int_equal(mns_xml_read(reader, xml, len, store, &root), MNS_OK);
    return root;
}

static mns_root_t read_text(const char *xml)
{
    return read_bytes(xml, strlen(xml));
}

/* As the service writes: prolog, indentation, the namespace without a final slash. */
static const char received[] =
    "<?xml version=\"1.0\" ?>\n"
    "<Messages xmlns=\"http://mns.aliyuncs.com/doc/v1\">\n"
    "  <Message>\n"
    "    <MessageId>5F290C926D472878-2-14D9529A8FA-200000001</MessageId>\n"
    "    <ReceiptHandle>1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItOA==</ReceiptHandle>\n"
    "    <MessageBodyMD5>C5DD56A39F5F7BB8B3337C6D11B6D8C7</MessageBodyMD5>\n"
    "    <MessageBody>{&quot;a&quot;:1 &amp; &#x4E2D;}\n tail </MessageBody>\n"
    "    <EnqueueTime>1250700979248</EnqueueTime>\n"
    "    <NextVisibleTime>1250700799348</NextVisibleTime>\n"
    "    <FirstDequeueTime>1250700779318</FirstDequeueTime>\n"
    "    <DequeueCount>1</DequeueCount>\n"
    "    <Priority>8</Priority>\n"
    "    <UserProperties><PropertyValue><Name>MessageId</Name><Value>x</Value></PropertyValue>"
    "</UserProperties>\n"
    "  </Message>\n"
    "  <Message>\n"
    "    <MessageId>B</MessageId>\n"
    "    <MessageBody></MessageBody>\n"
    "    <ReceiptHandle/>\n"
    "  </Message>\n"
    "</Messages>";

static void a_received_batch_gives_every_member(void **state)
{
    (void)state;
    assert_int_equal(read_text(received), MNS_ROOT_Messages);
    assert_int_equal(store->view.message_count, 2);
    const mns_message_t *message = &store->view.messages[0];
    assert_string_equal(message->message_id, "5F290C926D472878-2-14D9529A8FA-200000001");
    assert_string_equal(message->receipt_handle, "1-ODU4OTkzNDU5My0xNDMyNzI3ODI3LTItOA==");
    assert_string_equal(message->body_md5, "C5DD56A39F5F7BB8B3337C6D11B6D8C7");
    assert_string_equal(message->body, "{\"a\":1 & \xE4\xB8\xAD}\n tail ");
    assert_int_equal(message->body_len, strlen(message->body));
    assert_int_equal(message->enqueue_time_ms, 1250700979248);
    assert_int_equal(message->next_visible_time_ms, 1250700799348);
    assert_int_equal(message->first_dequeue_time_ms, 1250700779318);
    assert_int_equal(message->dequeue_count, 1);
    assert_int_equal(message->priority, 8);
    assert_string_equal(message->code, "");
    message = &store->view.messages[1];
    assert_string_equal(message->message_id, "B");
    assert_string_equal(message->body, "");
    assert_string_equal(message->body_md5, "");
    assert_int_equal(store->has[1], MNS_HAS_ID | MNS_HAS_BODY | MNS_HAS_HANDLE);
}

static void every_truncation_is_no_answer(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < sizeof received - 1; cut++)
        assert_int_equal(read_bytes(received, cut), MNS_ROOT_NONE);
    assert_int_equal(read_bytes(received, sizeof received - 1), MNS_ROOT_Messages);
}

static void every_overwritten_byte_is_survived(void **state)
{
    (void)state;
    char copy[sizeof received];
    for (size_t at = 0; at < sizeof received - 1; at++) {
        memcpy(copy, received, sizeof copy);
        for (int byte = 0; byte < 256; byte += 5) {
            copy[at] = (char)byte;
            read_bytes(copy, sizeof received - 1);
        }
    }
}

static void a_namespace_prefix_does_not_matter(void **state)
{
    (void)state;
    assert_int_equal(read_text("<m:Message xmlns:m='urn:x'><m:MessageId>A</m:MessageId>"
                               "<m:MessageBodyMD5>F</m:MessageBodyMD5></m:Message>"),
                     MNS_ROOT_Message);
    assert_string_equal(store->view.messages[0].message_id, "A");
    assert_string_equal(store->view.messages[0].body_md5, "F");
}

static void members_are_found_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Message><Priority>3</Priority><MessageBody>b</MessageBody>"
                               "<MessageId>i</MessageId><DequeueCount>2</DequeueCount></Message>"),
                     MNS_ROOT_Message);
    assert_int_equal(store->view.messages[0].priority, 3);
    assert_int_equal(store->view.messages[0].dequeue_count, 2);
    assert_string_equal(store->view.messages[0].body, "b");
    assert_string_equal(store->view.messages[0].message_id, "i");
}

static void an_error_gives_its_four_members(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Error xmlns='http://mns.aliyuncs.com/doc/v1'>"
                               "<Code>QueueNotExist</Code><Message>not there</Message>"
                               "<RequestId>51650A5C</RequestId><HostId>http://h</HostId></Error>"),
                     MNS_ROOT_Error);
    assert_string_equal(store->view.code, "QueueNotExist");
    assert_string_equal(store->view.message, "not there");
    assert_string_equal(store->view.request_id, "51650A5C");
    assert_string_equal(store->view.host_id, "http://h");
    assert_int_equal(store->view.message_count, 0);
}

static void failed_handles_are_listed_with_their_codes(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Errors><Error><ErrorCode>MessageNotExist</ErrorCode>"
                               "<ErrorMessage>gone</ErrorMessage><ReceiptHandle>1-x</ReceiptHandle>"
                               "</Error><Error><ErrorCode>ReceiptHandleError</ErrorCode>"
                               "<ErrorMessage>bad</ErrorMessage><ReceiptHandle>2</ReceiptHandle>"
                               "</Error></Errors>"),
                     MNS_ROOT_Errors);
    assert_int_equal(store->view.message_count, 2);
    assert_string_equal(store->view.messages[0].code, "MessageNotExist");
    assert_string_equal(store->view.messages[0].error, "gone");
    assert_string_equal(store->view.messages[0].receipt_handle, "1-x");
    assert_string_equal(store->view.messages[1].code, "ReceiptHandleError");
}

static void queue_attributes_that_are_not_said_are_minus_one(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Queue><QueueName>q</QueueName><DelaySeconds>0</DelaySeconds>"
                               "<CreateTime>1250700999</CreateTime>"
                               "<ActiveMessages>20</ActiveMessages>"
                               "<LoggingEnabled>True</LoggingEnabled></Queue>"),
                     MNS_ROOT_Queue);
    const mns_queue_attributes_t *attributes = store->view.queue_attributes;
    assert_int_equal(attributes->delay_seconds, 0);
    assert_int_equal(attributes->create_time, 1250700999);
    assert_int_equal(attributes->active_messages, 20);
    assert_int_equal(attributes->logging_enabled, 1);
    assert_int_equal(attributes->visibility_timeout, -1);
}

static void a_list_gives_names_and_the_marker(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Queues><Queue><QueueURL>http://h/queues/one</QueueURL></Queue>"
                               "<Queue><QueueURL>http://h/queues/two</QueueURL></Queue>"
                               "<NextMarker>m==</NextMarker></Queues>"),
                     MNS_ROOT_Queues);
    assert_int_equal(store->view.name_count, 2);
    assert_string_equal(store->view.names[0], "one");
    assert_string_equal(store->view.names[1], "two");
    assert_string_equal(store->view.next_marker, "m==");
}

static void a_list_may_give_the_attributes_of_each(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Queues><Queue><QueueURL>http://h/queues/a</QueueURL>"
                               "<QueueName>a</QueueName><DelaySeconds>7</DelaySeconds></Queue>"
                               "<Queue><VisibilityTimeout>8</VisibilityTimeout>"
                               "<QueueURL>http://h/queues/b</QueueURL></Queue></Queues>"),
                     MNS_ROOT_Queues);
    assert_int_equal(store->view.name_count, 2);
    assert_string_equal(store->view.names[1], "b");
    assert_int_equal(store->view.queue_attributes[0].delay_seconds, 7);
    assert_int_equal(store->view.queue_attributes[0].visibility_timeout, -1);
    assert_int_equal(store->view.queue_attributes[1].delay_seconds, -1);
    assert_int_equal(store->view.queue_attributes[1].visibility_timeout, 8);
}

static void a_list_whose_entries_and_names_differ_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Queues><Queue/></Queues>"), MNS_ROOT_NONE);
    assert_int_equal(read_text("<Topics><Topic><TopicURL>a</TopicURL><TopicURL>b</TopicURL>"
                               "</Topic></Topics>"),
                     MNS_ROOT_NONE);
    assert_int_equal(read_text("<Queue><QueueURL>http://h/queues/a</QueueURL></Queue>"),
                     MNS_ROOT_Queue);
    assert_int_equal(store->view.name_count, 0);
}

static void a_list_longer_than_may_be_asked_for_is_refused(void **state)
{
    (void)state;
    for (int count = MNS_LIST_MAX; count <= MNS_LIST_MAX + 1; count++) {
        sl_buf_t xml = SL_BUF_INIT;
        sl_buf_append_str(&xml, "<Topics>");
        for (int i = 0; i < count; i++)
            sl_buf_printf(&xml, "<Topic><TopicURL>http://h/topics/t%d</TopicURL></Topic>", i);
        sl_buf_append_str(&xml, "</Topics>");
        mns_root_t root = read_bytes((const char *)xml.data, xml.len);
        assert_int_equal(root, count == MNS_LIST_MAX ? MNS_ROOT_Topics : MNS_ROOT_NONE);
        if (root == MNS_ROOT_Topics)
            assert_string_equal(store->view.names[MNS_LIST_MAX - 1], "t999");
        sl_buf_fini(&xml);
    }
}

static void properties_belong_to_their_messages(void **state)
{
    (void)state;
#define PROPERTY(name, value)                           \
    "<PropertyValue><Name>" name "</Name><Value>" value \
    "</Value><Type>STRING</Type></PropertyValue>"
    assert_int_equal(
        read_text("<Messages><Message><UserProperties>" PROPERTY("a", "1") PROPERTY(
            "b", "2") "</UserProperties><MessageId>A</MessageId></Message>"
                      "<Message><MessageId>B</MessageId></Message>"
                      "<Message><MessageId>C</MessageId><SystemProperties><SystemPropertyValue>"
                      "<Name>no</Name></SystemPropertyValue></"
                      "SystemProperties><UserProperties>" PROPERTY(
                          "c", "&lt;3") "<PropertyValue/></UserProperties></Message></Messages>"),
        MNS_ROOT_Messages);
    const mns_message_t *messages = store->view.messages;
    assert_int_equal(messages[0].property_count, 2);
    assert_string_equal(messages[0].properties[0].name, "a");
    assert_string_equal(messages[0].properties[1].value, "2");
    assert_string_equal(messages[0].properties[1].type, "STRING");
    assert_string_equal(messages[0].message_id, "A");
    assert_int_equal(messages[1].property_count, 0);
    assert_null(messages[1].properties);
    assert_int_equal(messages[2].property_count, 2);
    assert_string_equal(messages[2].properties[0].value, "<3");
    assert_string_equal(messages[2].properties[1].name, "");
    assert_string_equal(messages[2].message_id, "C");
}

static void strings_never_move_however_many_properties_follow(void **state)
{
    (void)state;
    sl_buf_t xml = SL_BUF_INIT;
    sl_buf_append_str(&xml, "<Message><MessageId>A</MessageId><UserProperties>");
    for (int i = 0; i < 5000; i++)
        sl_buf_printf(&xml, "<PropertyValue><Name>n%d</Name><Value>v%d</Value></PropertyValue>", i,
                      i);
    sl_buf_append_str(&xml, "</UserProperties><MessageBody>b</MessageBody></Message>");
    assert_int_equal(read_bytes((const char *)xml.data, xml.len), MNS_ROOT_Message);
    const mns_message_t *message = store->view.messages;
    assert_int_equal(message->property_count, 5000);
    for (int i = 0; i < 5000; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "n%d", i);
        assert_string_equal(message->properties[i].name, expected);
    }
    assert_string_equal(message->message_id, "A");
    assert_string_equal(message->body, "b");
    sl_buf_fini(&xml);
}

static void a_topic_gives_its_attributes(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Topic><TopicName>t</TopicName><CreateTime>1</CreateTime>"
                               "<LastModifyTime>2</LastModifyTime>"
                               "<MaximumMessageSize>65536</MaximumMessageSize>"
                               "<MessageRetentionPeriod>86400</MessageRetentionPeriod>"
                               "<MessageCount>3</MessageCount>"
                               "<LoggingEnabled>False</LoggingEnabled></Topic>"),
                     MNS_ROOT_Topic);
    const mns_topic_attributes_t *topic = store->view.topic_attributes;
    assert_int_equal(topic->create_time, 1);
    assert_int_equal(topic->last_modify_time, 2);
    assert_int_equal(topic->maximum_message_size, 65536);
    assert_int_equal(topic->message_retention_period, 86400);
    assert_int_equal(topic->message_count, 3);
    assert_int_equal(topic->logging_enabled, 0);
    assert_int_equal(read_text("<Topic/>"), MNS_ROOT_Topic);
    assert_int_equal(store->view.topic_attributes->message_count, -1);
}

static void a_subscription_gives_its_attributes(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Subscription><SubscriptionName>s</SubscriptionName>"
                               "<Subscriber>1</Subscriber><TopicOwner>2</TopicOwner>"
                               "<TopicName>t</TopicName><Endpoint>http://h/?a=1&amp;b=2</Endpoint>"
                               "<NotifyStrategy>BACKOFF_RETRY</NotifyStrategy>"
                               "<NotifyContentFormat>JSON</NotifyContentFormat>"
                               "<FilterTag>f</FilterTag><CreateTime>3</CreateTime>"
                               "<LastModifyTime>4</LastModifyTime></Subscription>"),
                     MNS_ROOT_Subscription);
    const mns_subscription_t *s = store->view.subscription;
    assert_string_equal(s->subscription_name, "s");
    assert_string_equal(s->subscriber, "1");
    assert_string_equal(s->topic_owner, "2");
    assert_string_equal(s->topic_name, "t");
    assert_string_equal(s->endpoint, "http://h/?a=1&b=2");
    assert_string_equal(s->notify_strategy, "BACKOFF_RETRY");
    assert_string_equal(s->notify_format, "JSON");
    assert_string_equal(s->filter_tag, "f");
    assert_int_equal(s->create_time, 3);
    assert_int_equal(s->last_modify_time, 4);
    assert_int_equal(read_text("<Subscription/>"), MNS_ROOT_Subscription);
    assert_string_equal(store->view.subscription->filter_tag, "");
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Queues/>"), MNS_ROOT_Queues);
    assert_int_equal(store->view.name_count, 0);
}

static void a_new_handle_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("<ChangeVisibility><ReceiptHandle>1-y</ReceiptHandle>"
                               "<NextVisibleTime>1250700979298</NextVisibleTime>"
                               "</ChangeVisibility>"),
                     MNS_ROOT_ChangeVisibility);
    assert_string_equal(store->view.messages[0].receipt_handle, "1-y");
    assert_int_equal(store->view.messages[0].next_visible_time_ms, 1250700979298);
}

static void what_is_no_mns_answer_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "hello",
        "{\"Message\":1}",
        "<html><body>Bad Gateway</body></html>",
        "<Message><MessageId>A</MessageId></Message><Message/>",
        "<Message><MessageId>A</Message></MessageId>",
        "<Message><Priority>high</Priority></Message>",
        "<Message><Priority>-1</Priority></Message>",
        "<Message><DequeueCount>4294967296</DequeueCount></Message>",
        "<Message><EnqueueTime>9223372036854775808</EnqueueTime></Message>",
        "<Queue><LoggingEnabled>maybe</LoggingEnabled></Queue>",
        "<Message><MessageBody>\xFF</MessageBody></Message>",
        "<Message><MessageBody>&unknown;</MessageBody></Message>",
        "<Message><MessageBody>&#0;</MessageBody></Message>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(read_text(bad[i]), MNS_ROOT_NONE);
}

static void entities_of_its_own_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_text("<!DOCTYPE Message [<!ENTITY a 'aaaaaaaaaa'>"
                               "<!ENTITY b '&a;&a;&a;&a;&a;&a;'>]>"
                               "<Message><MessageBody>&b;</MessageBody></Message>"),
                     MNS_ROOT_NONE);
    assert_int_equal(read_text("<!DOCTYPE Message SYSTEM 'file:///etc/passwd'><Message/>"),
                     MNS_ROOT_NONE);
}

/* A message with `depth` elements one in the other, itself the outermost. */
static mns_root_t read_nested(int depth)
{
    sl_buf_t xml = SL_BUF_INIT;
    sl_buf_append_str(&xml, "<Message>");
    for (int i = 1; i < depth; i++)
        sl_buf_append_str(&xml, "<x>");
    for (int i = 1; i < depth; i++)
        sl_buf_append_str(&xml, "</x>");
    sl_buf_append_str(&xml, "</Message>");
    mns_root_t root = read_bytes((char *)xml.data, xml.len);
    sl_buf_fini(&xml);
    return root;
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_nested(MNS_XML_DEPTH_MAX), MNS_ROOT_Message);
    assert_int_equal(read_nested(MNS_XML_DEPTH_MAX + 1), MNS_ROOT_NONE);
    assert_int_equal(read_nested(100000), MNS_ROOT_NONE);
}

static void more_messages_than_a_batch_are_refused(void **state)
{
    (void)state;
    sl_buf_t xml = SL_BUF_INIT;
    sl_buf_append_str(&xml, "<Messages>");
    for (int i = 0; i < MNS_BATCH_MAX; i++)
        sl_buf_append_str(&xml, "<Message><MessageId>A</MessageId></Message>");
    size_t full = xml.len;
    sl_buf_append_str(&xml, "</Messages>");
    assert_int_equal(read_bytes((char *)xml.data, xml.len), MNS_ROOT_Messages);
    assert_int_equal(store->view.message_count, MNS_BATCH_MAX);
    xml.len = full;
    sl_buf_append_str(&xml, "<Message/></Messages>");
    assert_int_equal(read_bytes((char *)xml.data, xml.len), MNS_ROOT_NONE);
    sl_buf_fini(&xml);
}

/* Each of these bytes would be two in UTF-8, and the text longer than the XML it came in. */
static void another_encoding_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(read_text("<?xml version='1.0' encoding='ISO-8859-1'?><Message>"
                               "<MessageBody>\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9"
                               "\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9</MessageBody></Message>"),
                     MNS_ROOT_NONE);
    assert_int_equal(read_text("<?xml version='1.0' encoding='ISO-8859-1'?><Message>"
                               "<MessageBody>\xC3\xA9</MessageBody></Message>"),
                     MNS_ROOT_Message);
    assert_string_equal(store->view.messages[0].body, "\xC3\xA9");
}

static void a_member_within_a_member_is_not_its_text(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Message><MessageBody>a<MessageId>no</MessageId>b</MessageBody>"
                               "<Unknown><MessageId>neither</MessageId></Unknown></Message>"),
                     MNS_ROOT_Message);
    assert_string_equal(store->view.messages[0].body, "ab");
    assert_string_equal(store->view.messages[0].message_id, "");
}

static void a_reader_forgets_the_answer_before(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Messages><Message><MessageId>A"), MNS_ROOT_NONE);
    assert_int_equal(read_text("<ChangeVisibility/>"), MNS_ROOT_ChangeVisibility);
    assert_string_equal(store->view.messages[0].message_id, "");
    assert_int_equal(store->has[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_received_batch_gives_every_member),
        cmocka_unit_test(every_truncation_is_no_answer),
        cmocka_unit_test(every_overwritten_byte_is_survived),
        cmocka_unit_test(a_namespace_prefix_does_not_matter),
        cmocka_unit_test(members_are_found_in_any_order),
        cmocka_unit_test(an_error_gives_its_four_members),
        cmocka_unit_test(failed_handles_are_listed_with_their_codes),
        cmocka_unit_test(queue_attributes_that_are_not_said_are_minus_one),
        cmocka_unit_test(a_list_gives_names_and_the_marker),
        cmocka_unit_test(a_list_may_give_the_attributes_of_each),
        cmocka_unit_test(a_list_whose_entries_and_names_differ_is_refused),
        cmocka_unit_test(a_list_longer_than_may_be_asked_for_is_refused),
        cmocka_unit_test(properties_belong_to_their_messages),
        cmocka_unit_test(strings_never_move_however_many_properties_follow),
        cmocka_unit_test(a_topic_gives_its_attributes),
        cmocka_unit_test(a_subscription_gives_its_attributes),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(a_new_handle_is_read),
        cmocka_unit_test(what_is_no_mns_answer_is_refused),
        cmocka_unit_test(entities_of_its_own_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(more_messages_than_a_batch_are_refused),
        cmocka_unit_test(another_encoding_is_not_believed),
        cmocka_unit_test(a_member_within_a_member_is_not_its_text),
        cmocka_unit_test(a_reader_forgets_the_answer_before),
    };
    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
