/* mns.h - a C client for Alibaba Cloud Message Service (MNS, today "Simple Message Queue").
 *
 * API version 2015-06-06, whole.  One request struct, one reply struct, and two ways to run a
 * request:
 *
 *     mns_call(client, &request, &reply)             blocks until the reply is there
 *     mns_submit(client, &request, on_reply, user)   many in flight from one thread;
 *                                                    mns_client_run drives them
 *
 *     mns_request_t request = {.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = "jobs",
 *                              .count = 16, .wait_seconds = 30};
 *     mns_reply_t *reply;
 *     if (mns_call(client, &request, &reply) == MNS_OK)
 *         for (size_t i = 0; i < reply->message_count; i++)
 *             puts(reply->messages[i].body);
 *     mns_reply_free(&reply);
 *
 * A client belongs to one thread at a time.  It keeps its connections alive and reuses them.  The
 * library starts no threads (libcurl may start one to look a host name up), writes nothing to the
 * terminal (give it a trace function to listen), and never logs secrets.  libcurl's global state is
 * initialised by the first client, once.
 *
 * Retries: a request that failed for a reason that passes is sent again, at most
 * options.attempts times in all, after a pause that doubles, by chance between half and all of it,
 * or as long as the service asked for (Retry-After).  A send or publish whose fate is unknown (the
 * answer was lost) is not repeated, since it might then be there twice; one that never left, or a
 * refusal that says that nothing was done (429, 503, QpsLimitExceeded), is.  A delete or a change
 * of visibility that is repeated may be told that it was done already (QueueNotExist,
 * ReceiptHandleError): look at reply->attempts.  options.attempts = 1 turns all of it off.  Two
 * things happen beside it: libcurl sends a request that may be repeated once more when a kept-alive
 * connection turns out dead before any byte of an answer; and one that was refused because the keys
 * of an instance role have expired is sent again with new ones, once. */
#ifndef MNS_MNS_H
#define MNS_MNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MNS_API __attribute__((visibility("default")))

#define MNS_ERR_MAP(X)                                                                             \
    X(OK, 0, "success")                                                                            \
    X(EMPTY, 1, "no message within the waiting time (MessageNotExist on a receive or peek)")       \
    X(EINVAL, 2, "an argument is malformed or missing")                                            \
    X(ENOMEM, 3, "out of memory")                                                                  \
    X(EPROTO, 4, "the answer is no MNS answer (status or XML)")                                    \
    X(EIO, 5, "the network failed: no complete answer came")                                       \
    X(ETIMEDOUT, 6, "no answer in time")                                                           \
    X(ECLIENT, 7, "the service refused the request (4xx); see code")                               \
    X(ESERVER, 8, "the service failed (5xx, 408, 429 or a rate limit); try again later; see code") \
    X(EPARTIAL, 9, "part of a batch failed; see each message's code")                              \
    X(ECANCELED, 10, "the client was destroyed first")                                             \
    X(ENOKEYS, 11, "no access key: none is configured, or the instance role gave none")

#define X(name, number, text) MNS_##name = (number),
typedef enum { MNS_ERR_MAP(X) } mns_err;
#undef X

/** The error's text; static, never NULL. */
MNS_API const char *mns_err_text(mns_err err);
/** Is it of a kind that may pass?  reply->transient knows more: it goes by the code too
 * (TimeExpired is ESERVER, but does not pass while the clock is wrong; a role's keys may come,
 * ENOKEYS or not). */
MNS_API bool mns_err_transient(mns_err err);

/** The service's error codes: name, documented status, does the same request succeed later?
 *  (MNS documentation, "Error codes"; QueueDeletedRecently: the name is free again after a while.)
 *  Statuses differ between editions of that page: branch on the code, or on mns_err. */
#define MNS_CODE_MAP(X)                        \
    X(AccessDenied, 403, false)                \
    X(InvalidAccessKeyId, 403, false)          \
    X(SignatureDoesNotMatch, 403, false)       \
    X(TimeExpired, 408, false)                 \
    X(InternalError, 500, true)                \
    X(InternalServerError, 500, true)          \
    X(ServiceUnavailable, 503, true)           \
    X(QpsLimitExceeded, 400, true)             \
    X(InvalidAuthorizationHeader, 400, false)  \
    X(MissingAuthorizationHeader, 400, false)  \
    X(InvalidDateHeader, 400, false)           \
    X(MissingDateHeader, 400, false)           \
    X(InvalidVersionHeader, 400, false)        \
    X(MissingVersionHeader, 400, false)        \
    X(InvalidContentType, 400, false)          \
    X(InvalidArgument, 400, false)             \
    X(InvalidDegist, 400, false)               \
    X(InvalidDigest, 400, false)               \
    X(InvalidRequestURL, 400, false)           \
    X(InvalidQueryString, 400, false)          \
    X(MalformedXML, 400, false)                \
    X(MissingReceiptHandle, 400, false)        \
    X(MissingVisibilityTimeout, 400, false)    \
    X(ReceiptHandleError, 400, false)          \
    X(MessageNotExist, 404, false)             \
    X(QueueNotExist, 404, false)               \
    X(QueueAlreadyExist, 409, false)           \
    X(QueueDeletedRecently, 400, true)         \
    X(InvalidQueueName, 400, false)            \
    X(QueueNameLengthError, 400, false)        \
    X(TopicNotExist, 404, false)               \
    X(TopicAlreadyExist, 409, false)           \
    X(TopicDeletedRecently, 400, true)         \
    X(TopicNameInvalid, 400, false)            \
    X(TopicNameLengthError, 400, false)        \
    X(SubscriptionNotExist, 404, false)        \
    X(SubscriptionAlreadyExist, 409, false)    \
    X(SubscriptionNameInvalid, 400, false)     \
    X(SubscriptionNameLengthError, 400, false) \
    X(SubscriberNotExist, 404, false)          \
    X(EndpointInvalid, 400, false)

#define X(name, status, passes) MNS_CODE_##name,
typedef enum {
    MNS_CODE_NONE,  /**< the service named none */
    MNS_CODE_OTHER, /**< one that is not in MNS_CODE_MAP: see reply->code */
    MNS_CODE_MAP(X) MNS_CODE_COUNT
} mns_code;
#undef X

/** The operations. */
#define MNS_OP_MAP(X)              \
    X(CREATE_QUEUE)                \
    X(SET_QUEUE_ATTRIBUTES)        \
    X(GET_QUEUE_ATTRIBUTES)        \
    X(LIST_QUEUE)                  \
    X(DELETE_QUEUE)                \
    X(SEND_MESSAGE)                \
    X(BATCH_SEND_MESSAGE)          \
    X(RECEIVE_MESSAGE)             \
    X(BATCH_RECEIVE_MESSAGE)       \
    X(PEEK_MESSAGE)                \
    X(BATCH_PEEK_MESSAGE)          \
    X(DELETE_MESSAGE)              \
    X(BATCH_DELETE_MESSAGE)        \
    X(CHANGE_MESSAGE_VISIBILITY)   \
    X(CREATE_TOPIC)                \
    X(SET_TOPIC_ATTRIBUTES)        \
    X(GET_TOPIC_ATTRIBUTES)        \
    X(LIST_TOPIC)                  \
    X(DELETE_TOPIC)                \
    X(SUBSCRIBE)                   \
    X(SET_SUBSCRIPTION_ATTRIBUTES) \
    X(GET_SUBSCRIPTION_ATTRIBUTES) \
    X(LIST_SUBSCRIPTION_BY_TOPIC)  \
    X(UNSUBSCRIBE)                 \
    X(PUBLISH_MESSAGE)

#define X(name) MNS_##name,
typedef enum { MNS_OP_MAP(X) MNS_OP_COUNT } mns_op;
#undef X

/** Attributes of a queue.  In a request -1 leaves one out (the service's default, or unchanged);
 *  start from MNS_QUEUE_ATTRIBUTES_UNSET.  In a reply -1: the service did not say. */
typedef struct mns_queue_attributes {
    int64_t delay_seconds;                                      /**< 0 … 604800 */
    int64_t maximum_message_size;                               /**< 1024 … 65536 bytes */
    int64_t message_retention_period;                           /**< 60 … 604800 s */
    int64_t visibility_timeout;                                 /**< 1 … 43200 s */
    int64_t polling_wait_seconds;                               /**< 0 … 30 s */
    int64_t logging_enabled;                                    /**< 0, 1 */
    int64_t create_time, last_modify_time;                      /**< reply only: Unix s */
    int64_t active_messages, inactive_messages, delay_messages; /**< reply only */
} mns_queue_attributes_t;
#define MNS_QUEUE_ATTRIBUTES_UNSET \
    ((mns_queue_attributes_t){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1})

/** Attributes of a topic; -1 as above. */
typedef struct mns_topic_attributes {
    int64_t maximum_message_size;          /**< 1024 … 65536 bytes */
    int64_t logging_enabled;               /**< 0, 1 */
    int64_t message_retention_period;      /**< reply only: always 86400 s */
    int64_t message_count;                 /**< reply only */
    int64_t create_time, last_modify_time; /**< reply only: Unix s */
} mns_topic_attributes_t;
#define MNS_TOPIC_ATTRIBUTES_UNSET ((mns_topic_attributes_t){-1, -1, -1, -1, -1, -1})

/** A subscription.  In a request NULL leaves a text out; in a reply what was not said is "". */
typedef struct mns_subscription {
    /** "http://host[:port]/path", "https://…", "acs:mns:<region>:<account>:queues/<queue>",
     *  "mail:directmail:<address>", "sms:directsms:<phone>" or "sms:directsms:anonymous".
     *  SUBSCRIBE needs it; it cannot be changed. */
    const char *endpoint;
    const char *notify_format;   /**< "XML" (the service's default), "JSON", "SIMPLIFIED" */
    const char *notify_strategy; /**< "BACKOFF_RETRY" (default), "EXPONENTIAL_DECAY_RETRY"; the only
                                    one that SET_SUBSCRIPTION_ATTRIBUTES changes */
    const char *filter_tag;      /**< at most 16 characters; none: every message */
    const char *subscriber, *topic_owner, *topic_name, *subscription_name; /**< reply only */
    int64_t create_time, last_modify_time; /**< reply only: Unix s; -1: not said */
} mns_subscription_t;

/** A user property of a message. */
typedef struct mns_property {
    const char *name, *value; /**< of type BINARY: value is Base64 */
    const char *type;         /**< "STRING", "NUMBER", "BOOLEAN", "BINARY" */
} mns_property_t;

/** PUBLISH to mail endpoints (MessageAttributes, DirectMail). */
typedef struct mns_mail {
    const char *account_name, *subject;
    bool address_type; /**< true: a random address of the account; false: its own */
    bool is_html;
    bool reply_to_address;
} mns_mail_t;

/** PUBLISH to SMS endpoints (MessageAttributes, DirectSMS). */
typedef struct mns_sms {
    const char *free_sign_name, *template_code;
    const char *type;       /**< "singleContent", "multiContent"; NULL: singleContent */
    const char *receiver;   /**< phone numbers, comma-separated; for anonymous endpoints */
    const char *sms_params; /**< a JSON text; NULL: "{}" */
} mns_sms_t;

/** A message to send.  Bodies are UTF-8 text for XML's sake: bytes that XML 1.0 cannot carry are
 *  MNS_EINVAL, unless base64 is set. */
typedef struct mns_outgoing {
    const char *body;
    size_t body_len;
    int32_t delay_seconds; /**< SEND: -1: the queue's */
    int32_t priority;      /**< SEND: 1 (highest) … 16; 0: default 8 */
    bool base64;           /**< encode the body before sending */
    const mns_property_t *properties;
    size_t property_count;
} mns_outgoing_t;

/** One request.  All pointers are borrowed until mns_call or mns_submit returns. */
typedef struct mns_request {
    mns_op op;
    const char *queue, *topic, *subscription; /**< names */
    /** CREATE_QUEUE (may be NULL), SET_QUEUE_ATTRIBUTES. */
    const mns_queue_attributes_t *queue_attributes;
    /** CREATE_TOPIC (may be NULL), SET_TOPIC_ATTRIBUTES. */
    const mns_topic_attributes_t *topic_attributes;
    /** SUBSCRIBE, SET_SUBSCRIPTION_ATTRIBUTES. */
    const mns_subscription_t *subscription_attributes;
    const mns_outgoing_t *outgoing; /**< SEND, PUBLISH: one; BATCH_SEND: `count` of them */
    const char *message_tag;        /**< PUBLISH: at most 16 characters; NULL: none */
    const mns_mail_t *mail;         /**< PUBLISH: NULL: none */
    const mns_sms_t *sms;           /**< PUBLISH: NULL: none */
    uint32_t count; /**< BATCH_…: 1 … 16: how many to get, to send, or handles there are */
    int32_t wait_seconds; /**< RECEIVE: 0 … 30; -1: the queue's PollingWaitSeconds */
    /** RECEIVE, PEEK: decode bodies that are Base64 (RFC 4648, strict); one that is not stays as
     *  carried, with base64_decoded false. */
    bool base64;
    /** DELETE, CHANGE_VISIBILITY: one; BATCH_DELETE: `count`. */
    const char *const *receipt_handles;
    uint32_t visibility_timeout; /**< CHANGE_VISIBILITY: 1 … 43200 s */
    const char *prefix, *marker; /**< LIST: NULL or "": none */
    uint32_t list_count;         /**< LIST: 1 … 1000; 0: default */
    bool with_meta;              /**< LIST_QUEUE: with the attributes of each */
    uint32_t timeout_ms;         /**< for one attempt; 0: the client's, plus wait_seconds */
} mns_request_t;

/** One message, one list entry, or one failed part of a batch, by operation. */
typedef struct mns_message {
    const char *message_id;
    const char *body; /**< as carried, or decoded if asked for; NUL-terminated.  As carried it holds
                         no U+0000 (XML); decoded it may hold any byte: use body_len */
    size_t body_len;
    bool base64_decoded;  /**< the request said base64, and the body was */
    const char *body_md5; /**< upper-case hex, as the service says */
    /** receive, peek: body_md5 is the MD5 of the body as carried.  Of a message with user
     * properties it is not, though nothing is wrong. */
    bool body_md5_ok;
    const char *receipt_handle; /**< "" when there is none */
    int64_t enqueue_time_ms, first_dequeue_time_ms,
        next_visible_time_ms; /**< Unix ms; 0: not said */
    uint32_t dequeue_count, priority;
    const mns_property_t *properties; /**< NULL: none */
    size_t property_count;
    const char *code, *error; /**< EPARTIAL: the failed ones' ErrorCode and ErrorMessage; else "" */
} mns_message_t;

/** What came back.  After mns_submit: borrowed, valid during the callback.  After mns_call: owned,
 *  mns_reply_free.  No string is NULL: what was not said is "". */
typedef struct mns_reply {
    mns_err err;
    int http_status;        /**< 0: none came */
    mns_code code_id;       /**< `code` as a constant */
    const char *code;       /**< MNS error code, "QueueNotExist"; "" when none */
    const char *message;    /**< error text of the service or of the transport; "" when none */
    const char *request_id; /**< x-mns-request-id; "" when none */
    const char *host_id;
    bool transient;          /**< the same request may succeed later */
    uint32_t retry_after_ms; /**< the service asked for this pause (Retry-After); 0: it did not */
    uint32_t attempts;       /**< how often the request was sent; 0: never */
    int64_t server_time_s;   /**< the answer's Date header, Unix s; 0: none */
    /** Received, peeked or sent (id, md5); failed receipt handles of BATCH_DELETE; the new handle
     * of CHANGE_VISIBILITY. */
    const mns_message_t *messages;
    size_t message_count;
    const char *location; /**< CREATE_*, SUBSCRIBE: the resource's URL; "" when none */
    bool existed;         /**< CREATE_*, SUBSCRIBE: 204, it was there with these attributes */
    /** GET_QUEUE_ATTRIBUTES: one; LIST_QUEUE with_meta: name_count of them; else NULL. */
    const mns_queue_attributes_t *queue_attributes;
    const mns_topic_attributes_t *topic_attributes; /**< GET_TOPIC_ATTRIBUTES, else NULL */
    const mns_subscription_t *subscription;         /**< GET_SUBSCRIPTION_ATTRIBUTES, else NULL */
    const char *const *names;                       /**< LIST: names (of the URLs' last part) */
    size_t name_count;
    const char *next_marker; /**< LIST: "" at the end; else pass it as `marker` to go on */
    uint64_t took_us;        /**< from submit to reply, pauses included */
} mns_reply_t;

typedef struct mns_client mns_client_t;

/** Zero is every default; new members are added at the end only.  Strings are copied.
 *
 *  Access keys are looked for in this order, and the first that has any decides:
 *  1. access_key_id, access_key_secret, security_token of these options;
 *  2. the environment: ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
 *     ALIBABA_CLOUD_SECURITY_TOKEN;
 *  3. a credentials file: credentials_file, else ALIBABA_CLOUD_CREDENTIALS_FILE, else
 *     ~/.alibabacloud/credentials if it is there; the section [default], or the one that
 *     credentials_profile or ALIBABA_CLOUD_PROFILE names, of type access_key, sts, or ecs_ram_role
 *     (which is 4, with its role_name);
 *  4. the role of the ECS instance, when ecs_role or ALIBABA_CLOUD_ECS_METADATA names one ("*":
 *     whichever the instance has): keys are fetched from the metadata service when first needed
 *     and again before they expire. */
typedef struct mns_client_options {
    size_t size; /**< sizeof(mns_client_options_t): lets the struct grow */
    /** "http://123.mns.cn-hangzhou.aliyuncs.com": http or https, any host, perhaps a port; a final
     *  slash is fine, a path, query or user is not. */
    const char *endpoint;
    const char *access_key_id;
    const char *access_key_secret;
    const char *security_token;
    uint32_t timeout_ms;         /**< of a request, beside a long poll's own waiting; 0: 10000 */
    uint32_t connect_timeout_ms; /**< 0: 5000 */
    uint32_t max_in_flight;      /**< requests submitted and not answered; 0: 256 */
    const char *ca_file;         /**< HTTPS: a bundle instead of the system's; NULL: the system's */
    /** For debugging: each request's string to sign and each answer's status, a line each, LF shown
     *  as |; also why credentials were refused or could not be fetched.  Never a secret, token or
     *  signature. */
    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;
    uint32_t attempts;   /**< how often a request is sent at most; 0: 3; 1: no retries */
    uint32_t backoff_ms; /**< the first pause; 0: 100 */
    /** The longest pause; 0: 10000.  When the service asks for a longer one (Retry-After) the
     *  request is not repeated: the reply says retry_after_ms. */
    uint32_t backoff_most_ms;
    /** Messages a second, at most, a batch counting its messages and any other call one; a request
     *  beyond it waits in the client.  0: no limit. */
    uint32_t rate_limit;
    /** How many may go at once after a pause; 0: rate_limit / 10, at least 16. */
    uint32_t rate_burst;
    const char *credentials_file,
        *credentials_profile; /**< see above; NULL: environment, default */
    const char *ecs_role;     /**< a role's name, or "*"; NULL: environment, else no role */
    const char *ecs_metadata; /**< NULL: "http://100.100.100.200" */
} mns_client_options_t;

/** @param out  receives the client; untouched on error.
 *  @return MNS_OK; MNS_EINVAL (no endpoint, malformed, malformed keys or credentials file);
 *          MNS_ENOKEYS; MNS_ENOMEM; MNS_EIO (no descriptor).  What exactly is wrong with keys or
 *          file the trace function hears. */
MNS_API mns_err mns_client_create(mns_client_t **out, const mns_client_options_t *options);

/** Where the keys come from: "options", "environment", "file" or "ecs-role"; static. */
MNS_API const char *mns_client_credentials(const mns_client_t *client);

/** Runs one request to its end, driving others in flight meanwhile.
 *  @param reply  receives the reply, also for errors that the service or the network made; NULL
 *                when it was not accepted (MNS_EINVAL, MNS_ENOMEM, MNS_ECANCELED).  Free it.
 *  @return reply->err, or why there is no reply. */
MNS_API mns_err mns_call(mns_client_t *client, const mns_request_t *request, mns_reply_t **reply);
MNS_API void mns_reply_free(mns_reply_t **reply);

/** Called from mns_client_run, mns_call or mns_client_destroy in the caller's thread, once per
 *  submitted request.  May submit more; must not destroy the client. */
typedef void (*mns_reply_fn)(void *user, const mns_reply_t *reply);

/** Starts one request.
 *  @return MNS_OK: on_reply will be called exactly once, never from within mns_submit.  Otherwise
 *          never: MNS_EINVAL (the request, or max_in_flight are out already), MNS_ENOMEM,
 *          MNS_ECANCELED (the client is being destroyed). */
MNS_API mns_err mns_submit(mns_client_t *client, const mns_request_t *request,
                           mns_reply_fn on_reply, void *user);

/** A descriptor for poll/epoll (level-triggered), readable when mns_client_run has something to do;
 *  timers are in it.  Owned by the client. */
MNS_API int mns_client_fd(const mns_client_t *client);

/** Moves bytes and calls back: one turn.
 *  @param timeout_ms  how long to wait for something to do; 0: not at all; -1: until there is
 *                     something, or at once when nothing is in flight.
 *  @return the number of replies handed out; 0 does not mean that nothing is in flight. */
MNS_API size_t mns_client_run(mns_client_t *client, int timeout_ms);

/** Requests submitted and not yet answered. */
MNS_API size_t mns_client_in_flight(const mns_client_t *client);

/** Ends at once; each request in flight gets a reply with MNS_ECANCELED.  Sets *client to NULL. Not
 *  from within a callback. */
MNS_API void mns_client_destroy(mns_client_t **client);

#ifdef __cplusplus
}
#endif

#endif
