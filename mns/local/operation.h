/* operation.h - what can be asked for, by the names of the service's documents. */
#ifndef LOCAL_OPERATION_H
#define LOCAL_OPERATION_H

#define LOCAL_OPERATIONS(X)      \
    X(CreateQueue)               \
    X(SetQueueAttributes)        \
    X(GetQueueAttributes)        \
    X(ListQueue)                 \
    X(DeleteQueue)               \
    X(SendMessage)               \
    X(BatchSendMessage)          \
    X(ReceiveMessage)            \
    X(BatchReceiveMessage)       \
    X(PeekMessage)               \
    X(BatchPeekMessage)          \
    X(DeleteMessage)             \
    X(BatchDeleteMessage)        \
    X(ChangeMessageVisibility)   \
    X(CreateTopic)               \
    X(SetTopicAttributes)        \
    X(GetTopicAttributes)        \
    X(ListTopic)                 \
    X(DeleteTopic)               \
    X(Subscribe)                 \
    X(SetSubscriptionAttributes) \
    X(GetSubscriptionAttributes) \
    X(ListSubscriptionByTopic)   \
    X(Unsubscribe)               \
    X(PublishMessage)

#define X(name) OPERATION_##name,
typedef enum {
    OPERATION_ANY,                      /**< "*" in a fault's rule: any call of a client */
    LOCAL_OPERATIONS(X) OPERATION_Push, /**< not a call: what the server itself sends out */
    OPERATION_COUNT
} operation_t;
#undef X

#endif
