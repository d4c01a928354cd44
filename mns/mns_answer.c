#include "mns_answer.h"

#include "mns_base64.h"

#include <stdio.h>

/* -- codes ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool passes;
} codes[MNS_CODE_COUNT] = {
#define X(name_, status_, passes_) [MNS_CODE_##name_] = {#name_, passes_},
    MNS_CODE_MAP(X)
#undef X
};

mns_code mns_code_of(const char *code)
{
    if (*code == '\0')
        return MNS_CODE_NONE;
    for (size_t i = MNS_CODE_OTHER + 1; i < MNS_CODE_COUNT; i++)
        if (strcmp(codes[i].name, code) == 0)
            return (mns_code)i;
    return MNS_CODE_OTHER;
}

bool mns_answer_transient(int status, mns_code code)
{
    if (code > MNS_CODE_OTHER)
        return codes[code].passes || status == 429 || status == 503;
    return status >= 500 || status == 408 || status == 429;
}

/* -- judging --------------------------------------------------------------------------------- */

static void note(mns_store_t *store, mns_err err, const char *text)
{
    store->view.err = err;
    if (*store->view.message == '\0') { /* the service's own words come first */
        snprintf(store->note, sizeof store->note, "%s", text);
        store->view.message = store->note;
    }
}

/* Not an answer to build on: nobody shall read half of it. */
static void refuse(mns_store_t *store, const char *text)
{
    store->view.messages = NULL;
    store->view.message_count = 0;
    store->view.names = NULL;
    store->view.name_count = 0;
    store->view.queue_attributes = NULL;
    store->view.topic_attributes = NULL;
    store->view.subscription = NULL;
    note(store, MNS_EPROTO, text);
}

static unsigned status_bit(int status)
{
    switch (status) {
    case 200:
        return MNS_S200;
    case 201:
        return MNS_S201;
    case 204:
        return MNS_S204;
    default:
        return 0;
    }
}

/* Is it the service's trouble, and not the request's? */
static bool server_trouble(int status, mns_code code)
{
    return status >= 500 || status == 408 || status == 429 || code == MNS_CODE_QpsLimitExceeded;
}

/* Every entry is whole or says why it failed.  @return how many failed, or -1. */
static int count_failed(const mns_store_t *store, uint8_t has, bool may_fail)
{
    int failed = 0;
    for (size_t i = 0; i < store->view.message_count; i++) {
        if (may_fail && (store->has[i] & MNS_HAS_CODE))
            failed++;
        else if ((store->has[i] & has) != has)
            return -1;
    }
    return failed;
}

/* Digests are of what was carried, so they come before decoding. */
static void finish_bodies(mns_signer_t *signer, bool base64, mns_store_t *store)
{
    char md5[MNS_MD5_HEX_LEN + 1];
    for (size_t i = 0; i < store->view.message_count; i++) {
        mns_message_t *message = &store->messages[i];
        message->body_md5_ok = mns_signer_md5_hex(signer, message->body, message->body_len, md5) &&
                               strcmp(md5, message->body_md5) == 0;
        message->base64_decoded =
            base64 && mns_base64_decode((char *)message->body, &message->body_len);
    }
}

static void judge_messages(const mns_judge_t *judge, const mns_asked_t *asked, mns_store_t *store)
{
    const mns_op_row_t *row = asked->row;
    size_t got = store->view.message_count;
    int failed = count_failed(store, row->has, row->failed_parts == row->root);
    if (row->polls && got == 0)
        store->view.err = MNS_EMPTY;
    else if (failed < 0)
        refuse(store, "the answer lacks a member that it must have");
    else if (row->polls ? got > asked->count : got != asked->count)
        refuse(store, "the answer has another number of messages than was asked for");
    else if (failed > 0)
        note(store, MNS_EPARTIAL, mns_err_text(MNS_EPARTIAL));
    else if (row->polls)
        finish_bodies(judge->signer, asked->base64, store);
}

static void judge_success(const mns_judge_t *judge, const mns_asked_t *asked, mns_root_t root,
                          mns_store_t *store)
{
    const mns_op_row_t *row = asked->row;
    unsigned bit = status_bit(store->view.http_status);
    if ((row->statuses & bit) == 0)
        refuse(store, "a status that this operation does not know");
    else if (row->root != MNS_ROOT_NONE && root != row->root)
        refuse(store, "the body is not what this operation answers");
    else if (row->has != 0)
        judge_messages(judge, asked, store);
    else if (row->statuses == (MNS_S201 | MNS_S204))
        store->view.existed = bit == MNS_S204;
    else if (row->root == MNS_ROOT_Queues && !asked->with_meta)
        store->view.queue_attributes = NULL; /* they say nothing */
}

static void judge_failure(const mns_asked_t *asked, mns_root_t root, mns_store_t *store)
{
    const mns_op_row_t *row = asked->row;
    mns_reply_t *view = &store->view;
    int status = view->http_status;
    bool parts = row->failed_parts != MNS_ROOT_NONE && root == row->failed_parts;
    uint8_t has = row->failed_parts == MNS_ROOT_Errors ? MNS_HAS_CODE | MNS_HAS_HANDLE : row->has;
    view->code_id = mns_code_of(view->code);
    if (root == MNS_ROOT_Error && *view->code != '\0' && status >= 400) {
        if (row->polls && status == 404 && view->code_id == MNS_CODE_MessageNotExist)
            view->err = MNS_EMPTY;
        else
            view->err = server_trouble(status, view->code_id) ? MNS_ESERVER : MNS_ECLIENT;
    } else if (parts && view->message_count > 0 && view->message_count <= asked->count &&
               count_failed(store, has, row->failed_parts == row->root) >= 0) {
        note(store, MNS_EPARTIAL, mns_err_text(MNS_EPARTIAL));
        return;
    } else {
        refuse(store, "the answer is no MNS answer");
        if (server_trouble(status, MNS_CODE_NONE))
            view->err = MNS_ESERVER;
    }
    view->transient = mns_answer_transient(status, view->code_id);
}

void mns_answer_judge(const mns_judge_t *judge, const mns_asked_t *asked, int status,
                      const char *body, size_t len, mns_store_t *store)
{
    mns_root_t root = MNS_ROOT_NONE;
    store->view.http_status = status;
    if (len > 0 && mns_xml_read(judge->reader, body, len, store, &root) != MNS_OK) {
        note(store, MNS_ENOMEM, mns_err_text(MNS_ENOMEM));
        return;
    }
    if (root == MNS_ROOT_NONE && len > 0) { /* what was read before the mistake is void */
        mns_store_clear(store);
        store->view.http_status = status;
    }
    if (status >= 200 && status < 300)
        judge_success(judge, asked, root, store);
    else
        judge_failure(asked, root, store);
}
