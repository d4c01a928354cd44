/* mns_xml_fuzz.c - answers from a service gone mad.
 *
 * Any bytes are read and judged as the answer to several operations, and what comes out must hold
 * together.  Bytes that XML can carry are also sent and read back, and must be the same. */
#include "mns_answer.h"

#include <stdint.h>
#include <stdlib.h>

static mns_judge_t judge;
static mns_store_t *store;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void setup(void)
{
    store = mns_store_create();
    must(store != NULL && mns_xml_reader_create(&judge.reader) == MNS_OK &&
         mns_signer_create(&judge.signer, "secret") == MNS_OK);
}

/* Every string of a reply is there and ends. */
static void check_reply(const mns_reply_t *reply)
{
    size_t sum = strlen(reply->code) + strlen(reply->message) + strlen(reply->request_id) +
                 strlen(reply->host_id) + strlen(reply->next_marker) + strlen(reply->location);
    must(reply->message_count <= MNS_BATCH_MAX);
    must(reply->message_count == 0 || reply->messages != NULL);
    for (size_t i = 0; i < reply->message_count; i++) {
        const mns_message_t *message = &reply->messages[i];
        must(message->body[message->body_len] == '\0');
        must(message->base64_decoded || strlen(message->body) == message->body_len);
        must((message->properties != NULL) == (message->property_count > 0));
        for (size_t k = 0; k < message->property_count; k++)
            sum += strlen(message->properties[k].name) + strlen(message->properties[k].value) +
                   strlen(message->properties[k].type);
        sum += strlen(message->message_id) + strlen(message->body_md5) + message->body_len +
               strlen(message->receipt_handle) + strlen(message->code) + strlen(message->error);
    }
    for (size_t i = 0; i < reply->name_count; i++)
        sum += strlen(reply->names[i]);
    size_t queues = reply->name_count > 0 ? reply->name_count : 1;
    must(reply->queue_attributes == NULL ||
         store->queues.len == queues * sizeof *reply->queue_attributes);
    const mns_subscription_t *s = reply->subscription;
    if (s != NULL)
        sum += strlen(s->endpoint) + strlen(s->notify_format) + strlen(s->notify_strategy) +
               strlen(s->filter_tag) + strlen(s->subscriber) + strlen(s->topic_owner) +
               strlen(s->topic_name) + strlen(s->subscription_name);
    must(sum <= store->text.len * 2 + MNS_NOTE_MAX); /* a list's names share their URLs' bytes */
}

static void judge_as(mns_op op, uint32_t count, int status, const char *bytes, size_t len)
{
    for (int turn = 0; turn < 2; turn++) {
        mns_asked_t asked = {
            .row = &mns_ops[op], .count = count, .with_meta = turn == 1, .base64 = turn == 1};
        mns_store_clear(store);
        mns_answer_judge(&judge, &asked, status, bytes, len, store);
        check_reply(&store->view);
    }
}

static void send_and_read_back(const char *bytes, size_t len)
{
    mns_outgoing_t outgoing = {.body = bytes, .body_len = len};
    sl_buf_t xml = SL_BUF_INIT;
    if (mns_xml_write_message(&xml, &(mns_request_t){.outgoing = &outgoing}) == MNS_OK) {
        mns_root_t root;
        mns_store_clear(store);
        must(mns_xml_read(judge.reader, (const char *)xml.data, xml.len, store, &root) == MNS_OK);
        must(root == MNS_ROOT_Message && store->messages[0].body_len == len);
        must(len == 0 || memcmp(store->messages[0].body, bytes, len) == 0);
    }
    sl_buf_fini(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = size == 0 ? "" : (const char *)data;
    if (store == NULL)
        setup();
    judge_as(MNS_BATCH_RECEIVE_MESSAGE, 16, 200, bytes, size);
    judge_as(MNS_BATCH_DELETE_MESSAGE, 16, 404, bytes, size);
    judge_as(MNS_BATCH_SEND_MESSAGE, 16, 500, bytes, size);
    judge_as(MNS_GET_QUEUE_ATTRIBUTES, 1, 200, bytes, size);
    judge_as(MNS_LIST_QUEUE, 1, 200, bytes, size);
    judge_as(MNS_LIST_TOPIC, 1, 200, bytes, size);
    judge_as(MNS_LIST_SUBSCRIPTION_BY_TOPIC, 1, 200, bytes, size);
    judge_as(MNS_GET_TOPIC_ATTRIBUTES, 1, 200, bytes, size);
    judge_as(MNS_GET_SUBSCRIPTION_ATTRIBUTES, 1, 200, bytes, size);
    send_and_read_back(bytes, size);
    return 0;
}
