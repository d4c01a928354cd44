/* mns_reply.h - the memory behind a reply.
 *
 * What is read from XML is never longer than the XML itself: a text of n bytes needs n + 1, and its
 * end tag alone has more than that.  So one buffer, as large as the body and reserved before
 * parsing, holds all strings of a reply, and none of them ever moves; Base64 is decoded where it
 * stands.  The arrays that grow while reading (names, properties, queues) hold pointers into it;
 * the reply points at them only when all is read. */
#ifndef MNS_REPLY_H
#define MNS_REPLY_H

#include "base/buf.h"
#include "mns/mns.h"

enum {
    MNS_BATCH_MAX = 16,
    MNS_LIST_MAX = 1000,
    MNS_REQUEST_ID_MAX = 63,
    MNS_LOCATION_MAX = 1023,
    MNS_NOTE_MAX = 255,
};

/** The root element of an answer, by local name. */
#define MNS_ROOT_MAP(X) \
    X(Message)          \
    X(Messages)         \
    X(Error)            \
    X(Errors)           \
    X(Queue)            \
    X(Queues)           \
    X(Topic)            \
    X(Topics)           \
    X(Subscription)     \
    X(Subscriptions)    \
    X(ChangeVisibility)
#define X(name) MNS_ROOT_##name,
typedef enum { MNS_ROOT_NONE, MNS_ROOT_MAP(X) } mns_root_t;
#undef X

/** Which members an entry had, as bits: what an operation cannot do without. */
enum {
    MNS_HAS_ID = 1,
    MNS_HAS_BODY = 2,
    MNS_HAS_HANDLE = 4,
    MNS_HAS_CODE = 8,
};

typedef struct mns_store {
    mns_reply_t view;    /**< what the user sees; first, so that mns_reply_free finds the rest */
    sl_buf_t text;       /**< every string that came in the body */
    sl_buf_t names;      /**< const char *[], for lists */
    sl_buf_t queues;     /**< mns_queue_attributes_t[]: one, or one for each name of a list */
    sl_buf_t properties; /**< mns_property_t[], message after message */
    mns_message_t messages[MNS_BATCH_MAX];
    uint8_t has[MNS_BATCH_MAX]; /**< MNS_HAS_… of each message */
    mns_topic_attributes_t topic;
    mns_subscription_t subscription;
    char request_id[MNS_REQUEST_ID_MAX + 1];
    char location[MNS_LOCATION_MAX + 1];
    char note[MNS_NOTE_MAX + 1]; /**< what the transport, or we, have to say */
} mns_store_t;

mns_store_t *mns_store_create(void);
void mns_store_destroy(mns_store_t **store);
/** Empty again: every string is "", every count 0.  Keeps the memory. */
void mns_store_clear(mns_store_t *store);

#endif
