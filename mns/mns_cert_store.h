/* mns_cert_store.h - the keys of certificates, by their address.
 *
 *     (unknown) --get--> fetching --> kept --keep_s over--> kept, fetching --> kept
 *                           |                                   | fails: the old key serves on,
 *                           v                                   v but a 404 or 410 ends it
 *                         failed --retry_ms over, get--> fetching
 *
 * Whoever asks for an address while it is being fetched waits for that one fetch.  Failures hold
 * places of their own, so that addresses that lead nowhere never push a key out; and the number of
 * fetches has bounds that a forger shares with nobody but other forgers: see mns_push_verify.
 *
 * Addresses must have passed mns_cert_url_judge.  One thread owns a store. */
#ifndef MNS_CERT_STORE_H
#define MNS_CERT_STORE_H

#include "mns_cert_url.h"

#include <openssl/evp.h>

enum {
    MNS_CERT_BYTES_MAX = 16 * 1024, /**< of an answer */
    MNS_CERT_FETCHES_MAX = 8,       /**< under way at once */
    MNS_CERT_FAILURES_MAX = 16,     /**< addresses without a key that are remembered */
    MNS_CERT_BURST = 16,            /**< fetches of unknown addresses at once, … */
    MNS_CERT_REFILL_MS = 250,       /**< … and then one in this time */
    MNS_CERT_RECHECK_S = 120,       /**< a key that does not fit is fetched anew once in this */
};

typedef struct mns_cert_store mns_cert_store_t;

typedef struct mns_cert_store_options {
    const char *ca_file; /**< NULL: the system's */
    bool direct;         /**< never through a proxy */
    uint32_t fetch_timeout_ms, retry_ms, keep_s, certificates;
} mns_cert_store_options_t;

/** @return MNS_OK, MNS_ENOMEM, MNS_EIO (no descriptor). */
mns_err mns_cert_store_create(mns_cert_store_t **out, const mns_cert_store_options_t *options);
void mns_cert_store_destroy(mns_cert_store_t **store);

/** The key from an address, fetched if need be.
 *  @param now_s  Unix s; ages are counted in it.
 *  @param why    receives WAIT, UNAVAILABLE, BAD_CERT or NO_MEMORY when there is none.
 *  @return borrowed until the next call, or NULL. */
EVP_PKEY *mns_cert_store_get(mns_cert_store_t *store, const char *url, int64_t now_s,
                             mns_push_verdict *why);

/** A signature did not fit the key from `url`: could there be a newer one?
 *  @return true: it is being fetched, ask again; false: the key is as new as can be. */
bool mns_cert_store_recheck(mns_cert_store_t *store, const char *url, int64_t now_s);

int mns_cert_store_fd(const mns_cert_store_t *store);
/** @return how many fetches ended.  timeout_ms as mns_push_run. */
size_t mns_cert_store_run(mns_cert_store_t *store, int timeout_ms, int64_t now_s);
void mns_cert_store_stats(const mns_cert_store_t *store, mns_push_stats_t *stats);

#endif
