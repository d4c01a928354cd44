#include "mns_reply.h"

#include <stdlib.h>

mns_store_t *mns_store_create(void)
{
    mns_store_t *store = calloc(1, sizeof *store);
    if (store != NULL)
        mns_store_clear(store);
    return store;
}

void mns_store_destroy(mns_store_t **store)
{
    if (*store == NULL)
        return;
    sl_buf_fini(&(*store)->text);
    sl_buf_fini(&(*store)->names);
    sl_buf_fini(&(*store)->queues);
    sl_buf_fini(&(*store)->properties);
    free(*store);
    *store = NULL;
}

void mns_store_clear(mns_store_t *store)
{
    sl_buf_clear(&store->text);
    sl_buf_clear(&store->names);
    sl_buf_clear(&store->queues);
    sl_buf_clear(&store->properties);
    store->topic = MNS_TOPIC_ATTRIBUTES_UNSET;
    store->subscription = (mns_subscription_t){.endpoint = "",
                                               .notify_format = "",
                                               .notify_strategy = "",
                                               .filter_tag = "",
                                               .subscriber = "",
                                               .topic_owner = "",
                                               .topic_name = "",
                                               .subscription_name = "",
                                               .create_time = -1,
                                               .last_modify_time = -1};
    store->request_id[0] = store->location[0] = store->note[0] = '\0';
    store->view = (mns_reply_t){.code = "",
                                .message = "",
                                .request_id = store->request_id,
                                .host_id = "",
                                .location = store->location,
                                .next_marker = ""};
}

void mns_reply_free(mns_reply_t **reply)
{
    if (reply == NULL)
        return;
    mns_store_t *store = (mns_store_t *)*reply;
    mns_store_destroy(&store);
    *reply = NULL;
}
