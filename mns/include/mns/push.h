/* push.h - is this HTTP request really a push from MNS?
 *
 * MNS signs its pushes: RSA PKCS#1 v1.5 with SHA-1 over verb, Content-MD5, Content-Type, Date, all
 * x-mns- headers and the target; the certificate's address is in the request itself (MNS
 * documentation, "Verify the signatures of HTTP push messages").  So the address is the first thing
 * to distrust: this verifier fetches nothing from a host that is not on its list.
 *
 *     mns_push_verify(verifier, &request, &info)
 *         MNS_PUSH_GENUINE      publish it, then answer 204
 *         MNS_PUSH_WAIT         the certificate is on its way: keep the request, run the verifier,
 *                               and ask again with the same request
 *         anything else         answer with mns_push_status(verdict): 403 for what is forged, 503
 *                               while the certificate cannot be had
 *
 * MNS tries again after every answer that is no 2xx.  So no verdict loses a message for good, not
 * even BAD_CERT after a server gave nonsense once: like any failed fetch it is forgotten after
 * retry_ms, and the next attempt fetches anew.
 *
 * What the signature is worth: of the certificate only the public key is used, because MNS's own is
 * self-signed, expired and, as far as known, of 512 bits, which can be factored at small cost.
 * Hence the pinned certificate, and the advice to keep a secret in the endpoint's path.  Host is
 * not signed, and MNS signs for every one of its customers: somebody who subscribes an endpoint
 * with the same path receives pushes that verify here as well.  So compare the topic's owner (info,
 * or the envelope) with your own account, and remember message ids against replays within skew_s.
 *
 * Threads: a verifier belongs to one thread at a time; it starts none (libcurl may start one to
 * look a host name up). */
#ifndef MNS_PUSH_H
#define MNS_PUSH_H

#include "mns.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Verdicts: name, HTTP status to answer with, text. */
#define MNS_PUSH_MAP(X)                                                           \
    X(GENUINE, 204, "signed by MNS")                                              \
    X(WAIT, 0, "the certificate is being fetched")                                \
    X(UNAVAILABLE, 503, "the certificate cannot be had at the moment")            \
    X(NO_MEMORY, 503, "out of memory")                                            \
    X(BAD_METHOD, 405, "a push is a POST")                                        \
    X(NO_SIGNATURE, 403, "no Authorization header")                               \
    X(BAD_SIGNATURE, 403, "the Authorization header is no Base64 of a signature") \
    X(NO_CERT_URL, 403, "no x-mns-signing-cert-url header")                       \
    X(BAD_CERT_URL, 403, "the certificate's address is malformed or not https")   \
    X(FOREIGN_CERT_URL, 403, "the certificate's host is not allowed")             \
    X(BAD_CERT, 403, "what the address gave is no certificate with an RSA key")   \
    X(NO_DATE, 403, "no Date header")                                             \
    X(BAD_DATE, 403, "the Date header is malformed")                              \
    X(STALE, 403, "the Date is too far from now")                                 \
    X(NO_DIGEST, 403, "no Content-MD5 header: the body would not be covered")     \
    X(BAD_DIGEST, 403, "Content-MD5 is not the body's")                           \
    X(TWICE, 403, "a header that must come once comes twice")                     \
    X(FORGED, 403, "the signature does not verify")

#define X(name, status, text) MNS_PUSH_##name,
typedef enum { MNS_PUSH_MAP(X) MNS_PUSH_COUNT } mns_push_verdict;
#undef X

/** The verdict's name in lower case, "foreign_cert_url", for counters; static. */
MNS_API const char *mns_push_name(mns_push_verdict verdict);
/** What to say about it; static. */
MNS_API const char *mns_push_text(mns_push_verdict verdict);
/** The HTTP status to answer with; 0: not yet. */
MNS_API int mns_push_status(mns_push_verdict verdict);

/** A header as it was received; bytes, not NUL-terminated. */
typedef struct mns_push_header {
    const char *name, *value;
    size_t name_len, value_len;
} mns_push_header_t;

/** A request as it was received.  Borrowed during the call. */
typedef struct mns_push_request {
    const char *method, *target; /**< the target as in the request line, before any reverse proxy
                                    rewrites it; nothing decoded */
    const mns_push_header_t *headers;
    size_t header_count;
    const void *body;
    size_t body_len;
} mns_push_request_t;

/** What the headers of a push say (in newer ones; the envelope has the same).  Views into the
 *  request's headers; len 0: not said. */
typedef struct mns_push_text_view {
    const char *at;
    size_t len;
} mns_push_text_view_t;
typedef struct mns_push_info {
    mns_push_text_view_t message_id, message_tag, topic_owner, topic_name, subscriber,
        subscription_name, request_id;
    int64_t publish_time_ms; /**< Unix ms; 0: not said */
    char cert_url[512];      /**< "" when there is none that decodes to printable text */
} mns_push_info_t;

/** Zero is every default; new members at the end only.  Strings are copied. */
typedef struct mns_push_options {
    size_t size; /**< sizeof(mns_push_options_t) */
    /** Hosts a certificate may come from, NULL-terminated: "host" (port 443) or "host:port".
     *  Compared whole, without regard to case.  NULL: the service's own,
     *  mnstest.oss-cn-hangzhou.aliyuncs.com and mns-cert.oss-cn-<region>.aliyuncs.com for any
     *  region of letters, digits and hyphens. */
    const char *const *hosts;
    /** A PEM file, certificate or public key, instead of fetching any; the request's address is
     * then not looked at. */
    const char *certificate_file;
    const char *ca_file;       /**< HTTPS: a bundle instead of the system's; NULL: the system's */
    uint32_t fetch_timeout_ms; /**< 0: 3000 */
    uint32_t retry_ms;         /**< after a failed fetch none is tried for this long; 0: 1000 */
    /** A certificate is fetched anew after this; 0: 86400.  Until another has come the old one
     *  serves on, unless its address says that it is gone (404, 410). */
    uint32_t keep_s;
    uint32_t certificates; /**< kept at most, the longest unused one goes; 0: 64; at most 4096 */
    uint32_t skew_s;       /**< how far Date may be from now; 0: 900 */
    int64_t (*now_s)(void *ctx); /**< Unix s, for tests; NULL: the system's clock */
    void *now_ctx;
} mns_push_options_t;

typedef struct mns_push_verifier mns_push_verifier_t;

/** @param options  NULL is every default.
 *  @return MNS_OK, MNS_EINVAL (a host malformed, certificate_file without an RSA key of 512 to 8192
 *          bits, too many certificates), MNS_EIO (certificate_file cannot be read, no descriptor),
 *          MNS_ENOMEM. */
MNS_API mns_err mns_push_create(mns_push_verifier_t **out, const mns_push_options_t *options);
MNS_API void mns_push_destroy(mns_push_verifier_t **verifier);

/** Judges a request; see the top.  Cheap checks come first, so that a request that fails one makes
 *  no connection.
 *
 *  All requests that need one certificate wait for one fetch.  Forgers cannot cause a storm of
 *  them: at most 8 are under way, addresses never seen to work get 4 a second (16 in a burst; what
 *  is over is UNAVAILABLE), and a signature that does not verify fetches its certificate anew, lest
 *  the key was changed, once in two minutes.
 *
 *  @param info  receives what the headers say, whatever the verdict; may be NULL. */
MNS_API mns_push_verdict mns_push_verify(mns_push_verifier_t *verifier,
                                         const mns_push_request_t *request, mns_push_info_t *info);

/** A descriptor for poll/epoll, readable when mns_push_run has something to do; timers are in it.
 *  Owned by the verifier. */
MNS_API int mns_push_fd(const mns_push_verifier_t *verifier);

/** Moves fetches along.  @param timeout_ms  as mns_client_run.
 *  @return how many fetches ended: then ask again about the requests that wait (their own deadline
 *          is the caller's business: MNS itself waits 5 s). */
MNS_API size_t mns_push_run(mns_push_verifier_t *verifier, int timeout_ms);

/** What the verifier did, since it was made. */
typedef struct mns_push_stats {
    uint64_t fetches;        /**< begun */
    uint64_t fetch_failures; /**< ended without an RSA key */
    uint64_t certificates;   /**< kept now */
} mns_push_stats_t;
MNS_API void mns_push_stats(const mns_push_verifier_t *verifier, mns_push_stats_t *stats);

#ifdef __cplusplus
}
#endif

#endif
