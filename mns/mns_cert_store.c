#include "mns_cert_store.h"

#include "base/clock.h"
#include "mns_cert_key.h"
#include "mns_http.h"

#include <assert.h>
#include <stdlib.h>

/* What is known of one address.  url "": a free place. */
typedef struct cert {
    char url[MNS_CERT_URL_MAX];
    EVP_PKEY *key;
    mns_exchange_t *fetch;    /* under way, or NULL */
    int64_t fetched_s;        /* when the key came */
    int64_t tried_s;          /* when the newest fetch began */
    uint64_t retry_at_ms;     /* monotonic: after a failure none is begun before */
    mns_push_verdict failure; /* why there is no key */
    uint64_t used;            /* the turn in which it was last asked for */
} cert_t;

struct mns_cert_store {
    mns_http_t *http;
    mns_cert_store_options_t options;
    cert_t *certs; /* options.certificates and MNS_CERT_FAILURES_MAX more */
    size_t places;
    size_t kept, in_flight;
    uint64_t turn;
    uint64_t burst, refilled_ms; /* fetches of unknown addresses that may begin now */
    uint64_t fetches, failures;
};

static uint64_t mono_ms(void)
{
    return sl_clock_mono_ms(&sl_clock_system);
}

/* -- create and destroy ---------------------------------------------------------------------- */

mns_err mns_cert_store_create(mns_cert_store_t **out, const mns_cert_store_options_t *options)
{
    mns_err err = MNS_ENOMEM;
    mns_http_options_t http = {.base = "",
                               .ca_file = options->ca_file,
                               .loopback = options->direct,
                               .connect_timeout_ms = options->fetch_timeout_ms,
                               .connections = MNS_CERT_FETCHES_MAX};
    mns_cert_store_t *store = calloc(1, sizeof *store);
    if (store == NULL)
        goto fail;
    store->options = *options;
    store->options.ca_file = NULL; /* borrowed: mns_http has a copy */
    store->burst = MNS_CERT_BURST;
    store->refilled_ms = mono_ms();
    store->places = (size_t)options->certificates + MNS_CERT_FAILURES_MAX;
    store->certs = calloc(store->places, sizeof *store->certs);
    if (store->certs == NULL)
        goto fail;
    err = mns_http_create(&store->http, &http);
    if (err != MNS_OK)
        goto fail;
    *out = store;
    return MNS_OK;
fail:
    mns_cert_store_destroy(&store);
    return err;
}

static void end_fetch(mns_cert_store_t *store, cert_t *cert)
{
    if (cert->fetch == NULL)
        return;
    mns_exchange_fini(store->http, cert->fetch);
    free(cert->fetch);
    cert->fetch = NULL;
    store->in_flight--;
}

static void drop_key(mns_cert_store_t *store, cert_t *cert)
{
    if (cert->key == NULL)
        return;
    EVP_PKEY_free(cert->key);
    cert->key = NULL;
    store->kept--;
}

void mns_cert_store_destroy(mns_cert_store_t **store)
{
    mns_cert_store_t *s = *store;
    if (s == NULL)
        return;
    for (size_t i = 0; s->certs != NULL && i < s->places; i++) {
        end_fetch(s, &s->certs[i]);
        drop_key(s, &s->certs[i]);
    }
    mns_http_destroy(&s->http);
    free(s->certs);
    free(s);
    *store = NULL;
}

/* -- places ---------------------------------------------------------------------------------- */

static cert_t *find(mns_cert_store_t *store, const char *url)
{
    for (size_t i = 0; i < store->places; i++)
        if (strcmp(store->certs[i].url, url) == 0)
            return &store->certs[i];
    return NULL;
}

/* A free place, or that of the failure longest not asked for; there is one: those kept and those
 * under way are fewer than the places. */
static cert_t *take_place(mns_cert_store_t *store, const char *url)
{
    cert_t *best = NULL;
    for (size_t i = 0; i < store->places; i++) {
        cert_t *cert = &store->certs[i];
        if (cert->key == NULL && cert->fetch == NULL && (best == NULL || cert->used < best->used))
            best = cert;
    }
    assert(best != NULL);
    *best = (cert_t){.used = ++store->turn};
    memcpy(best->url, url, strlen(url) + 1);
    return best;
}

/* One key too many: the one longest not used goes. */
static void keep_within_bounds(mns_cert_store_t *store)
{
    cert_t *oldest = NULL;
    if (store->kept <= store->options.certificates)
        return;
    for (size_t i = 0; i < store->places; i++) {
        cert_t *cert = &store->certs[i];
        if (cert->key != NULL && (oldest == NULL || cert->used < oldest->used))
            oldest = cert;
    }
    assert(oldest != NULL);
    end_fetch(store, oldest);
    drop_key(store, oldest);
    *oldest = (cert_t){0};
}

/* -- fetching -------------------------------------------------------------------------------- */

/* Takes one of the fetches that unknown addresses have. */
static bool may_fetch_unknown(mns_cert_store_t *store)
{
    uint64_t more = (mono_ms() - store->refilled_ms) / MNS_CERT_REFILL_MS;
    store->refilled_ms += more * MNS_CERT_REFILL_MS;
    store->burst = store->burst + more > MNS_CERT_BURST ? MNS_CERT_BURST : store->burst + more;
    if (store->burst == 0)
        return false;
    store->burst--;
    return true;
}

static mns_exchange_t *begin(mns_cert_store_t *store, cert_t *cert)
{
    mns_exchange_t *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL)
        return NULL;
    *fetch = (mns_exchange_t){.verb = "GET",
                              .base = cert->url,
                              .target = "",
                              .timeout_ms = store->options.fetch_timeout_ms,
                              .body_max = MNS_CERT_BYTES_MAX,
                              .https_only = true,
                              .owner = cert};
    if (mns_exchange_init(store->http, fetch) == MNS_OK) {
        if (mns_http_start(store->http, fetch) == MNS_OK)
            return fetch;
        mns_exchange_fini(store->http, fetch);
    }
    free(fetch);
    return NULL;
}

/* @return WAIT, or why not: UNAVAILABLE (others are under way), NO_MEMORY. */
static mns_push_verdict start(mns_cert_store_t *store, cert_t *cert, int64_t now_s)
{
    if (store->in_flight == MNS_CERT_FETCHES_MAX)
        return MNS_PUSH_UNAVAILABLE;
    cert->fetch = begin(store, cert);
    if (cert->fetch == NULL)
        return MNS_PUSH_NO_MEMORY;
    cert->tried_s = now_s;
    store->in_flight++;
    store->fetches++;
    mns_http_settle(store->http);
    return MNS_PUSH_WAIT;
}

static void failed(mns_cert_store_t *store, cert_t *cert, mns_push_verdict why, int status)
{
    store->failures++;
    cert->failure = why;
    cert->retry_at_ms = mono_ms() + store->options.retry_ms;
    if (status == 404 || status == 410) /* its owner has taken the certificate back */
        drop_key(store, cert);
}

static void finish(mns_cert_store_t *store, cert_t *cert, int64_t now_s)
{
    const mns_exchange_t *fetch = cert->fetch;
    EVP_PKEY *key = NULL;
    bool answered = fetch->err == MNS_OK && fetch->status == 200;
    if (answered)
        key = mns_cert_key_read(fetch->in.data, fetch->in.len, false);
    if (key != NULL) {
        drop_key(store, cert);
        cert->key = key;
        cert->fetched_s = now_s;
        cert->retry_at_ms = 0;
        store->kept++;
    } else {
        failed(store, cert,
               answered || fetch->too_large ? MNS_PUSH_BAD_CERT
               : fetch->err == MNS_ENOMEM   ? MNS_PUSH_NO_MEMORY
                                            : MNS_PUSH_UNAVAILABLE,
               fetch->err == MNS_OK ? fetch->status : 0);
    }
    end_fetch(store, cert);
    keep_within_bounds(store);
}

size_t mns_cert_store_run(mns_cert_store_t *store, int timeout_ms, int64_t now_s)
{
    size_t ended = 0;
    mns_exchange_t *fetch;
    mns_http_turn(store->http, timeout_ms < 0 && store->in_flight == 0 ? 0 : timeout_ms);
    for (; (fetch = mns_http_take(store->http)) != NULL; ended++)
        finish(store, fetch->owner, now_s);
    mns_http_settle(store->http);
    return ended;
}

/* -- asking ---------------------------------------------------------------------------------- */

/* Time that went back tells nothing of an age: then it counts as over. */
static bool is_over(int64_t since_s, int64_t length_s, int64_t now_s)
{
    return now_s < since_s || now_s - since_s >= length_s;
}

EVP_PKEY *mns_cert_store_get(mns_cert_store_t *store, const char *url, int64_t now_s,
                             mns_push_verdict *why)
{
    cert_t *cert = find(store, url);
    if (cert != NULL)
        cert->used = ++store->turn;
    if (cert != NULL && cert->key != NULL) {
        if (cert->fetch == NULL && is_over(cert->fetched_s, store->options.keep_s, now_s) &&
            mono_ms() >= cert->retry_at_ms)
            start(store, cert, now_s); /* if not now, then with the next push */
        return cert->key;
    }
    if (cert != NULL && cert->fetch != NULL) {
        *why = MNS_PUSH_WAIT;
        return NULL;
    }
    if (cert != NULL && mono_ms() < cert->retry_at_ms) {
        *why = cert->failure;
        return NULL;
    }
    *why = MNS_PUSH_UNAVAILABLE;
    if (store->in_flight == MNS_CERT_FETCHES_MAX || !may_fetch_unknown(store))
        return NULL;
    *why = start(store, cert != NULL ? cert : take_place(store, url), now_s);
    return NULL;
}

bool mns_cert_store_recheck(mns_cert_store_t *store, const char *url, int64_t now_s)
{
    cert_t *cert = find(store, url);
    if (cert == NULL)
        return false;
    if (cert->fetch != NULL)
        return true;
    return is_over(cert->tried_s, MNS_CERT_RECHECK_S, now_s) &&
           start(store, cert, now_s) == MNS_PUSH_WAIT;
}

int mns_cert_store_fd(const mns_cert_store_t *store)
{
    return mns_http_fd(store->http);
}

void mns_cert_store_stats(const mns_cert_store_t *store, mns_push_stats_t *stats)
{
    *stats = (mns_push_stats_t){
        .fetches = store->fetches, .fetch_failures = store->failures, .certificates = store->kept};
}
