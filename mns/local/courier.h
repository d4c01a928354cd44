/* courier.h - carries pushes to their endpoints: signs, sends, and tells what came back.
 *
 *     courier_send ──> a slot: head, signature, one HTTP exchange ──> on_back, in courier_turn
 *
 * There are as many slots as there may be pushes under way; a connection that is kept alive is used
 * again.  Only an answer that is complete within the time limit is one; redirects are not followed,
 * proxies not asked.  The key is made when it is first needed.  Knows nothing of retries.  One
 * thread owns it. */
#ifndef LOCAL_COURIER_H
#define LOCAL_COURIER_H

#include "digest.h"
#include "push_key.h"
#include "topic.h"

enum { COURIER_ANSWER_MS = 5000 }; /**< the service waits so long for an answer */

/** What came back. */
typedef struct courier_answer {
    int status;        /**< 0: no complete answer came */
    const char *error; /**< why not; "" else */
} courier_answer_t;

/** Strings are borrowed until destroy. */
typedef struct courier_options {
    const char *owner;    /**< the account */
    const char *key_file; /**< PEM; NULL: see key_kept */
    const char *key_kept; /**< as push_key_keep, when needed; NULL: a key is made and not kept */
    const char *cert_url; /**< where the pushes say that the certificate is; copied */
    const char *ca_file;  /**< what HTTPS endpoints are verified with; NULL: the system's */
    unsigned slots;       /**< pushes under way at once */
    uint32_t answer_ms;   /**< 0: COURIER_ANSWER_MS */
    uint64_t boot;        /**< part of the request ids */
    /** Called from courier_turn and courier_collect, once for each push that was sent and not cut.
     *  May send and cut others. */
    void (*on_back)(void *ctx, void *user, const courier_answer_t *answer);
    void *ctx;
} courier_options_t;

typedef struct courier courier_t;
typedef struct courier_slot courier_slot_t;

/** One push.  Borrowed until it is back or cut. */
typedef struct parcel {
    const subscription_t *subscription;
    const char *message_id, *tag; /**< tag "": none */
    uint64_t publish_ms;
    const void *body;
    size_t body_len;
    const uint8_t *md5; /**< of the body */
} parcel_t;

/** @return SL_OK, SL_EIO (no descriptor, or the key cannot be read; errno), SL_EINVAL (the file
 *          holds no key), SL_ENOMEM. */
sl_err courier_create(courier_t **out, const courier_options_t *options);
/** Cuts what is under way; on_back is not called. */
void courier_destroy(courier_t **courier);

size_t courier_free_slots(const courier_t *courier);

/** Sends a push; a slot is free.
 *  @param slot  receives where it is, for courier_cut, until it is back.
 *  @return SL_OK: on_back will be called, never from in here; SL_ENOMEM, SL_EIO (a new key cannot
 * be kept; errno): not. */
sl_err courier_send(courier_t *courier, const parcel_t *parcel, uint64_t now_ms, void *user,
                    courier_slot_t **slot);
/** Hands back what is back already. */
void courier_collect(courier_t *courier);
/** Gives up one that is under way, right after courier_collect: its connection is closed, on_back
 *  is not called. */
void courier_cut(courier_t *courier, courier_slot_t *slot);

/** Readable when courier_turn has something to do. */
int courier_fd(const courier_t *courier);
/** Moves bytes and hands back what is back. */
void courier_turn(courier_t *courier);

/** The certificate of the key, PEM; makes the key if need be.  NULL: it cannot. */
const char *courier_certificate(courier_t *courier);

#endif
