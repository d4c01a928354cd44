#include "mns_hint.h"

#define CODE_HINTS(X)                                                                               \
    X(AccessDenied, "the key is good, but its user may not do this here: add the action to its "    \
                    "RAM policy")                                                                   \
    X(InvalidAccessKeyId, "check ALIBABA_CLOUD_ACCESS_KEY_ID; a temporary key (STS.…) needs its " \
                          "ALIBABA_CLOUD_SECURITY_TOKEN, one that has not expired")                 \
    X(SignatureDoesNotMatch,                                                                        \
      "the secret is not this key's: check ALIBABA_CLOUD_ACCESS_KEY_SECRET "                        \
      "for another key's, blanks and line ends; --trace shows what was "                            \
      "signed")                                                                                     \
    X(TimeExpired, "set this machine's clock: it is more than 15 minutes off the service's")        \
    X(QueueNotExist, "`sluice mns queue list` shows the queues of this account and region")         \
    X(TopicNotExist, "`sluice mns topic list` shows the topics of this account and region")         \
    X(SubscriptionNotExist,                                                                         \
      "`sluice mns subscription list TOPIC` shows the topic's subscriptions")                       \
    X(QueueAlreadyExist, "it is there with other attributes: `sluice mns queue get` shows them, "   \
                         "`queue set` changes them")                                                \
    X(TopicAlreadyExist, "it is there with other attributes: `sluice mns topic get` shows them, "   \
                         "`topic set` changes them")                                                \
    X(SubscriptionAlreadyExist, "it is there with another endpoint, format or tag: `sluice mns "    \
                                "subscription get` shows them; only the strategy can be changed, "  \
                                "for the rest delete it first")                                     \
    X(QueueDeletedRecently, "a queue of this name was just deleted: wait a minute")                 \
    X(TopicDeletedRecently, "a topic of this name was just deleted: wait a minute")                 \
    X(InvalidQueueName, "names are letters, digits and hyphens, beginning with a letter or digit")  \
    X(TopicNameInvalid, "names are letters, digits and hyphens, beginning with a letter or digit")  \
    X(SubscriptionNameInvalid,                                                                      \
      "names are letters, digits and hyphens, beginning with a letter or digit")                    \
    X(QueueNameLengthError, "names have at most 120 characters")                                    \
    X(TopicNameLengthError, "names have at most 120 characters")                                    \
    X(SubscriptionNameLengthError, "names have at most 255 characters")                             \
    X(EndpointInvalid, "endpoints are http(s)://host/path, a queue's name or "                      \
                       "acs:mns:<region>:<account>:queues/<queue>, mail:directmail:<address>, "     \
                       "sms:directsms:<phone or anonymous>")                                        \
    X(ReceiptHandleError, "a handle is good until its NextVisibleTime, and only the newest one: "   \
                          "receive the message again")                                              \
    X(MessageNotExist, "the message was deleted, or outlived the queue's retention")                \
    X(QpsLimitExceeded, "too many requests a second: wait, or send in batches")                     \
    X(InvalidArgument, "a size or number is out of range: a message has at most 64 KB, a batch "    \
                       "too")

#define ERROR_HINTS(X)                                                                         \
    X(EIO, "`sluice mns doctor` finds out where it breaks")                                    \
    X(ETIMEDOUT, "`sluice mns doctor` finds out where it breaks; --timeout waits longer")      \
    X(EPROTO, "the endpoint is perhaps not MNS: `sluice mns doctor` looks closer")             \
    X(ESERVER, "the service has trouble: try again later")                                     \
    X(ENOKEYS, "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give " \
               "--credentials-file or --ecs-role")                                             \
    X(EINVAL, "a name, number or text cannot be right: bodies are UTF-8 without control "      \
              "characters (else --base64), names letters, digits and hyphens")                 \
    X(ENOMEM, "free some memory")

const char *hint_for(mns_err err, const mns_reply_t *reply)
{
    switch (reply != NULL ? reply->code_id : MNS_CODE_NONE) {
#define X(code, text)     \
    case MNS_CODE_##code: \
        return text;
        CODE_HINTS(X)
#undef X
    default:
        break;
    }
    switch (err) {
#define X(name, text) \
    case MNS_##name:  \
        return text;
        ERROR_HINTS(X)
#undef X
    default:
        return "`sluice mns doctor` looks closer";
    }
}
