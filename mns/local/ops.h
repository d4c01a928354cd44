/* ops.h - the operations, by the names the service's documents give them. */
#ifndef LOCAL_OPS_H
#define LOCAL_OPS_H

#include "call.h"

/* ops_queue.c */
op_fn op_put_queue; /**< CreateQueue, SetQueueAttributes */
op_fn op_get_queue;
op_fn op_list_queue;
op_fn op_delete_queue;

/* ops_send.c */
op_fn op_send; /**< SendMessage, BatchSendMessage */

/* ops_receive.c */
op_fn op_receive; /**< ReceiveMessage, BatchReceiveMessage, PeekMessage, BatchPeekMessage */

/* ops_handle.c */
op_fn op_delete_message; /**< DeleteMessage, BatchDeleteMessage */
op_fn op_change_visibility;

/* ops_topic.c */
op_fn op_put_topic; /**< CreateTopic, SetTopicAttributes */
op_fn op_get_topic;
op_fn op_list_topic;
op_fn op_delete_topic;

/* ops_subscription.c */
op_fn op_put_subscription; /**< Subscribe, SetSubscriptionAttributes */
op_fn op_get_subscription;
op_fn op_list_subscription;
op_fn op_unsubscribe;

/* ops_publish.c */
op_fn op_publish;

#endif
