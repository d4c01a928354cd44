/* errors.h - the error codes that this server gives, with status and text, as one table.
 *
 * Codes and statuses are the service's; texts too where they are known. */
#ifndef LOCAL_ERRORS_H
#define LOCAL_ERRORS_H

#define LOCAL_ERROR_MAP(X)                                                                         \
    X(InvalidAccessKeyId, 403, "The access Id you provided does not exist.")                       \
    X(SignatureDoesNotMatch, 403,                                                                  \
      "The request signature we calculated does not match the signature you provided. Check your " \
      "key and signing method.")                                                                   \
    X(TimeExpired, 408, "The time of the request is more than 15 minutes off.")                    \
    X(InternalError, 500, "The server failed; try again later.")                                   \
    X(MissingAuthorizationHeader, 400, "The request carries no Authorization header.")             \
    X(InvalidAuthorizationHeader, 400,                                                             \
      "The Authorization header must read: MNS AccessKeyId:Signature.")                            \
    X(MissingDateHeader, 400, "The request carries neither Date nor x-mns-date.")                  \
    X(InvalidDateHeader, 400, "The date must read like: Mon, 01 Jun 2026 12:00:00 GMT.")           \
    X(MissingVersionHeader, 400, "The request carries no x-mns-version header.")                   \
    X(InvalidVersionHeader, 400, "x-mns-version must be 2015-06-06.")                              \
    X(InvalidContentType, 400, "The Content-Type of a body must be text/xml or application/xml.")  \
    X(InvalidArgument, 400, "An argument is missing, malformed or out of range.")                  \
    X(InvalidDegist, 400, "Content-MD5 does not match the body.")                                  \
    X(InvalidRequestURL, 400, "There is no such resource, or not with this method.")               \
    X(InvalidQueryString, 400, "The query string is malformed.")                                   \
    X(MalformedXML, 400, "The XML you provided was not well formed or not of the shape asked.")    \
    X(MissingReceiptHandle, 400, "The parameter ReceiptHandle is required.")                       \
    X(MissingVisibilityTimeout, 400, "The parameter VisibilityTimeout is required.")               \
    X(ReceiptHandleError, 400, "The receipt handle you provided is malformed or has expired.")     \
    X(MessageNotExist, 404, "Message not exist.")                                                  \
    X(QueueNotExist, 404, "The queue name you provided is not exist.")                             \
    X(QueueAlreadyExist, 409, "The queue you want to create is already exist.")                    \
    X(InvalidQueueName, 400,                                                                       \
      "A queue name holds letters, digits and hyphens, and begins with a letter or digit.")        \
    X(QueueNameLengthError, 400, "A queue name has 1 to 120 characters.")                          \
    X(TopicNotExist, 404, "The topic name you provided is not exist.")                             \
    X(TopicAlreadyExist, 409, "The topic you want to create is already exist.")                    \
    X(TopicNameInvalid, 400,                                                                       \
      "A topic name holds letters, digits and hyphens, and begins with a letter or digit.")        \
    X(TopicNameLengthError, 400, "A topic name has 1 to 120 characters.")                          \
    X(SubscriptionNotExist, 404, "The subscription name you provided is not exist.")               \
    X(SubscriptionAlreadyExist, 409, "The subscription you want to create is already exist.")      \
    X(SubscriptionNameInvalid, 400,                                                                \
      "A subscription name holds letters, digits and hyphens, and begins with a letter or digit.") \
    X(SubscriptionNameLengthError, 400, "A subscription name has 1 to 255 characters.")            \
    X(EndpointInvalid, 400, "The endpoint you provided is invalid.")                               \
    X(QpsLimitExceeded, 429, "The rate of requests is over the limit; try again later.")

#define X(code, status, text) LOCAL_##code,
typedef enum { LOCAL_OK, LOCAL_ERROR_MAP(X) LOCAL_ERROR_COUNT } local_err;
#undef X

typedef struct local_error {
    const char *code;
    unsigned status;
    const char *text;
} local_error_t;

/** The row of an error other than LOCAL_OK. */
const local_error_t *local_error(local_err err);

/** The status that goes with a code; 500 for one that is not in the table. */
unsigned local_error_status(const char *code);

#endif
