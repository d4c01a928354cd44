/* mns_doctor.h - why does no event arrive?
 *
 *     checks, in this order      each finds: nothing (ok), or causes (warn, fail)
 *     url place host connect tls keys service clock login …  queue topic subscription backlog …
 *              \____ a check whose ground did not hold is skipped ____/
 *
 * Two tables hold all there is to say: the checks, and the causes with their remedies.  The first
 * cause that fails is the summary: what it rests on was found good.
 *
 * Nothing is changed and no message is received, unless --probe asks for it. */
#ifndef CLI_MNS_DOCTOR_H
#define CLI_MNS_DOCTOR_H

#include "mns_notification.h"
#include "mns_session.h"

/** Checks: name, what is looked at, the checks that must have found no failure. */
#define DOCTOR_CHECKS(X)                                                                        \
    X(url, "the endpoint is a URL of MNS", 0)                                                   \
    X(place, "account and region are known and do not contradict each other", NEEDS(url))       \
    X(host, "the host has an address", NEEDS(url))                                              \
    X(connect, "something listens there", NEEDS(host))                                          \
    X(tls, "its certificate is good", NEEDS(connect))                                           \
    X(keys, "access keys are there", NEEDS(url))                                                \
    X(service, "MNS answers a signed request", NEEDS(tls) | NEEDS(keys))                        \
    X(clock, "this machine's clock is the service's", NEEDS(service))                           \
    X(login, "the service takes key and signature", NEEDS(service) | NEEDS(clock))              \
    X(permission, "the key's user may look, and delete", NEEDS(login))                          \
    X(queue, "the queue is there and suits the bridge", NEEDS(login))                           \
    X(topic, "the topic is there", NEEDS(login))                                                \
    X(subscription, "the topic feeds the queue, in a good format", NEEDS(topic) | NEEDS(place)) \
    X(events, "the events asked for are ones that BatchCompute sends", 0)                       \
    X(backlog, "messages do not pile up", NEEDS(queue))                                         \
    X(probe, "a message published to the topic arrives in the queue (with --probe)",            \
      NEEDS(queue) | NEEDS(subscription))

#define X(name, what, needs) DOCTOR_CHECK_##name,
typedef enum { DOCTOR_CHECKS(X) DOCTOR_CHECK_COUNT } doctor_check_t;
#undef X

typedef enum { DOCTOR_OK, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL } doctor_level_t;

/** Causes: level, what is wrong, what to do. */
#define DOCTOR_CAUSES(X)                                                                           \
    X(url_missing, FAIL, "nothing says where MNS is",                                              \
      "give --endpoint URL, or in the bridge's file `endpoint` or a Notification with its "        \
      "Endpoint")                                                                                  \
    X(url_malformed, FAIL, "the endpoint is no URL of MNS",                                        \
      "write http(s)://<account>.mns.<region>.aliyuncs.com, no path, no query")                    \
    X(place_unknown, FAIL, "nothing says whose MNS this is and where",                             \
      "the host is not <account>.mns.<region>.aliyuncs.com: give account and region, too")         \
    X(place_account, FAIL, "the URL is another account's",                                         \
      "write your own account's id into the URL, or correct the account")                          \
    X(place_region, FAIL, "the URL is another region's",                                           \
      "write the region of topic and queue into the URL, or correct the region")                   \
    X(host_unknown, FAIL, "the host does not resolve",                                             \
      "correct the host: <account>.mns.<region>.aliyuncs.com; else ask for this machine's DNS")    \
    X(host_internal, FAIL, "the host is an internal one and cannot be reached from here",          \
      "take the public host <account>.mns.<region>.aliyuncs.com, or run this in the region's "     \
      "own network")                                                                               \
    X(connection_refused, FAIL, "the connection is refused",                                       \
      "nothing listens on that port: correct host and port, or start the server")                  \
    X(connection_timeout, FAIL, "the host does not answer",                                        \
      "a firewall or a missing route: let this machine reach that port, or use a proxy "           \
      "(http_proxy, https_proxy)")                                                                 \
    X(connection_failed, FAIL, "there is no way to the host",                                      \
      "see the system's reason; `ip route get ADDRESS` shows the route")                           \
    X(tls_ca_file, FAIL, "the file of certificates cannot be used",                                \
      "give --ca-file a readable PEM file")                                                        \
    X(tls_untrusted, FAIL, "the server's certificate is not to be trusted",                        \
      "give its authority's certificate with --ca-file; or the host is not the one you mean")      \
    X(tls_failed, FAIL, "no TLS is spoken there", "write http:// or another port")                 \
    X(keys_missing, FAIL, "there are no access keys",                                              \
      "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give "              \
      "--credentials-file or --ecs-role")                                                          \
    X(keys_malformed, FAIL, "the access keys or the credentials file are malformed",               \
      "look for blanks, quotes and line ends; a file has `type = access_key`, access_key_id and "  \
      "access_key_secret under [default]")                                                         \
    X(keys_role, FAIL, "the instance's role gives no keys",                                        \
      "attach the role to the ECS instance, and give its name")                                    \
    X(token_missing, FAIL, "a temporary key without its security token",                           \
      "set ALIBABA_CLOUD_SECURITY_TOKEN to the token that came with the key (STS.…)")              \
    X(no_answer, FAIL, "it takes the connection and does not answer",                              \
      "the server is overloaded or hangs; --timeout waits longer")                                 \
    X(connection_broken, FAIL, "the connection breaks before an answer",                           \
      "something between breaks it, or the port speaks another protocol, such as TLS: "            \
      "write https://")                                                                            \
    X(not_mns, FAIL, "what answers there is not MNS",                                              \
      "correct host and port; a proxy or a portal in between answers in MNS's place, too")         \
    X(service_trouble, FAIL, "the service has trouble of its own",                                 \
      "try again later; with QpsLimitExceeded or 429 somebody asks too often")                     \
    X(clock_off, FAIL, "the clocks are too far apart",                                             \
      "set this machine's clock (timedatectl set-ntp true); 15 minutes are the limit")             \
    X(clock_drifts, WARN, "this machine's clock is off",                                           \
      "set the clock before it is 15 minutes (timedatectl set-ntp true)")                          \
    X(key_unknown, FAIL, "the service does not know this access key",                              \
      "correct ALIBABA_CLOUD_ACCESS_KEY_ID; the key may be disabled, deleted or another cloud's")  \
    X(token_bad, FAIL, "the security token is expired or not this key's",                          \
      "get new temporary keys: id, secret and token belong together")                              \
    X(secret_wrong, FAIL, "the secret is not this key's",                                          \
      "correct ALIBABA_CLOUD_ACCESS_KEY_SECRET; look for blanks, quotes and line ends")            \
    X(refused, FAIL, "the service refuses the request",                                            \
      "see its code and text; a proxy that changes requests is one reason")                        \
    X(denied, FAIL, "the key's user may not use the queue",                                        \
      "its RAM policy needs mns:ReceiveMessage, mns:DeleteMessage, and for this command "          \
      "mns:GetQueueAttributes and mns:PeekMessage on the queue")                                   \
    X(denied_looking, WARN, "the key's user may not look at the queue, and more is not known",     \
      "nothing is wrong for the bridge; for this command allow mns:GetQueueAttributes")            \
    X(denied_deleting, FAIL, "the key's user may not delete messages",                             \
      "allow mns:DeleteMessage and mns:BatchDeleteMessage on the queue: without them every "       \
      "message comes again and again")                                                             \
    X(queue_missing, FAIL, "there is no such queue",                                               \
      "correct its name, or `sluice mns setup` makes it")                                          \
    X(queue_nowhere, FAIL, "there is no queue at all in this account and region",                  \
      "the URL names another account or region than you mean; else `sluice mns setup` makes "      \
      "what is missing")                                                                           \
    X(visibility_short, WARN, "the queue's VisibilityTimeout is short for the bridge",             \
      "`sluice mns queue set QUEUE --visibility-timeout 60`: messages come again while the "       \
      "broker is slow")                                                                            \
    X(retention_short, WARN, "the queue's MessageRetentionPeriod is short",                        \
      "`sluice mns queue set QUEUE --retention 345600`: what the bridge cannot fetch in time "     \
      "is lost")                                                                                   \
    X(delay_set, WARN, "the queue delays every message", "`sluice mns queue set QUEUE --delay 0`") \
    X(topic_missing, FAIL, "there is no such topic",                                               \
      "correct its name in the Notification, or `sluice mns setup` makes it")                      \
    X(topic_hidden, WARN, "the key's user may not look at the topic",                              \
      "for this command allow mns:GetTopicAttributes, mns:ListSubscriptionByTopic and "            \
      "mns:GetSubscriptionAttributes")                                                             \
    X(not_subscribed, FAIL, "nothing is subscribed to the topic",                                  \
      "`sluice mns setup`, or `sluice mns subscription create TOPIC NAME QUEUE --format JSON`")    \
    X(subscribed_elsewhere, FAIL, "the topic feeds other endpoints, not this one",                 \
      "`sluice mns setup`, or correct the queue's name in the bridge's file")                      \
    X(subscribed_account, FAIL, "the subscription delivers to a queue of another account",         \
      "delete it, and create it with acs:mns:<region>:<account>:queues/<queue> of this account")   \
    X(subscribed_region, FAIL, "the subscription delivers to a queue in another region",           \
      "delete it, and create it with acs:mns:<region>:<account>:queues/<queue> of this region")    \
    X(subscribed_twice, WARN, "more than one subscription feeds the queue",                        \
      "delete all but one: each event comes once for each")                                        \
    X(format_simplified, WARN, "the format SIMPLIFIED loses the topic's message id",               \
      "repeats are not recognised: delete the subscription and create it with --format JSON")      \
    X(strategy_short, WARN, "a push that fails is given up within a minute",                       \
      "`sluice mns subscription set TOPIC NAME --strategy EXPONENTIAL_DECAY_RETRY`: a day")        \
    X(filter_tag, FAIL, "the subscription waits for a tag that BatchCompute does not set",         \
      "delete it, and create it without --filter-tag")                                             \
    X(event_unknown, WARN, "an event is asked for that BatchCompute does not have",                \
      "correct its name in Events: case matters")                                                  \
    X(backlog_throttled, FAIL, "so much is received and not deleted that MNS gives no more",       \
      "somebody receives and does not delete: stop that consumer, wait for VisibilityTimeout")     \
    X(backlog_undeleted, WARN, "messages are received again and again, and not deleted",           \
      "look at the consumer: it fails, or needs longer than VisibilityTimeout, or may not "        \
      "delete")                                                                                    \
    X(backlog_unread, WARN, "messages wait and nobody receives them",                              \
      "start the bridge, and look at its /readyz")                                                 \
    X(probe_lost, WARN, "the message published for a test did not arrive",                         \
      "a running bridge took it (look for Sluice.OnProbe), or the delivery fails")                 \
    X(probe_behind, WARN, "a backlog is in front of the message published for a test",             \
      "let the consumer work the backlog off, then probe again")                                   \
    X(probe_failed, FAIL, "the test itself was refused", "see the service's code")

#define X(name, level, text, remedy) CAUSE_##name,
typedef enum { DOCTOR_CAUSES(X) CAUSE_COUNT } doctor_cause_t;
#undef X

enum { DOCTOR_DETAIL_BYTES = 512, DOCTOR_FINDINGS_MAX = 8 };

typedef struct doctor_finding {
    doctor_cause_t cause;
    char detail[DOCTOR_DETAIL_BYTES];
} doctor_finding_t;

/** One patient: a queue, a topic, or both, at one endpoint. */
typedef struct doctor {
    session_t *session;
    const char *endpoint, *queue, *topic;
    const char *account, *region; /**< configured; NULL: not */
    const char *topic_endpoint;
    const cJSON *events;
    const char *push_path; /**< of a source that MNS pushes to; such a one has no queue */
    bool from_file;        /**< the bridge has to know account and region */
    bool probing;

    /* found out on the way */
    char made_endpoint[512]; /**< of account and region, where none is given */
    place_url_t url;
    place_t place;
    const char *proxy; /**< through which libcurl goes; NULL: none */
    int socket;        /**< connected by check `connect`, for `tls`; -1 */
    mns_client_t *client;
    mns_reply_t *first;      /**< the answer to the first signed request */
    mns_reply_t *attributes; /**< of the queue; NULL: may not be read */
    int64_t active, inactive;

    /* of the check under way */
    doctor_finding_t findings[DOCTOR_FINDINGS_MAX];
    size_t finding_count;
    bool skipped;
    char note[DOCTOR_DETAIL_BYTES]; /**< what is said when nothing is wrong, or why it is skipped */
} doctor_t;

/** Says what is wrong; a check may find more than one cause. */
void doctor_find(doctor_t *doctor, doctor_cause_t cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Says what is good. */
void doctor_note(doctor_t *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Says that there is nothing to look at, and why. */
void doctor_skip(doctor_t *doctor, const char *why);

/** Asks the service; nothing is told.  @return the reply, which may be NULL (it was never sent);
 *  free it. */
mns_reply_t *doctor_ask(doctor_t *doctor, const mns_request_t *request, mns_err *err);
/** "QueueNotExist: text", or what else there is, for a detail. */
const char *doctor_said(const mns_reply_t *reply, char out[256]);
/** The first names of a list, with commas.  @return how many names there are at least. */
size_t doctor_names(doctor_t *doctor, const mns_request_t *request, char out[256]);

#define X(name, what, needs) void doctor_check_##name(doctor_t *doctor);
DOCTOR_CHECKS(X)
#undef X

#endif
