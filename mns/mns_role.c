#include "mns_role.h"

#include "mns_date.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROLES_PATH  "/latest/meta-data/ram/security-credentials/"
#define TOKEN_PATH  "/latest/api/token"
#define TOKEN_LINE  "X-aliyun-ecs-metadata-token"
#define TOKEN_LIVES "21600"

enum {
    BODY_MAX = 64 * 1024,
    AHEAD_S = 15 * 60, /* new keys are fetched so long before the old ones end… */
    AHEAD_PART = 4,    /* …or this part of their life, if that is less */
    NOTE_MAX = 191,
};

typedef enum { STEP_IDLE, STEP_TOKEN, STEP_NAME, STEP_KEYS } step_t;

struct mns_role {
    mns_http_t *http;
    mns_exchange_t exchange;
    mns_backoff_t *backoff;
    char *base, *name; /* name NULL: whichever */
    uint32_t timeout_ms;

    step_t step;
    sl_buf_t metadata_token; /* of this fetch; empty: none is offered */
    sl_buf_t target;

    mns_keys_t keys;
    uint64_t generation;
    int64_t renew_ns, end_ns; /* of the keys */
    uint32_t failures;
    int64_t retry_ns; /* no fetch before; after a failure */
    char trouble[NOTE_MAX + 1];
};

mns_err mns_role_create(mns_role_t **out, mns_http_t *http, const mns_role_options_t *options)
{
    mns_role_t *role = calloc(1, sizeof *role);
    if (role == NULL)
        return MNS_ENOMEM;
    bool any = strcmp(options->name, "*") == 0;
    role->http = http;
    role->backoff = options->backoff;
    role->timeout_ms = options->timeout_ms;
    role->base = strdup(options->base);
    role->name = any ? NULL : strdup(options->name);
    role->exchange.direct = true; /* it is a neighbour: no proxy knows the way */
    role->exchange.body_max = BODY_MAX;
    if (role->base == NULL || (!any && role->name == NULL) ||
        mns_exchange_init(http, &role->exchange) != MNS_OK) {
        mns_role_destroy(&role);
        return MNS_ENOMEM;
    }
    role->exchange.base = role->base;
    role->exchange.owner = role;
    *out = role;
    return MNS_OK;
}

void mns_role_destroy(mns_role_t **role)
{
    mns_role_t *r = *role;
    if (r == NULL)
        return;
    mns_exchange_fini(r->http, &r->exchange);
    sl_buf_fini(&r->metadata_token);
    sl_buf_fini(&r->target);
    mns_keys_fini(&r->keys);
    free(r->base);
    free(r->name);
    free(r);
    *role = NULL;
}

/* -- asking ---------------------------------------------------------------------------------- */

static mns_role_event_t failed(mns_role_t *role, int64_t now_ns, const char *what, const char *why)
{
    role->step = STEP_IDLE;
    role->failures++;
    role->retry_ns = now_ns + (int64_t)mns_backoff_ms(role->backoff, role->failures) * 1000000;
    snprintf(role->trouble, sizeof role->trouble, "instance role: %s: %.120s", what, why);
    return MNS_ROLE_FAILED;
}

/* Sends the request of a step. */
static mns_role_event_t ask(mns_role_t *role, step_t step, const char *path, const char *name,
                            int64_t now_ns)
{
    mns_exchange_t *exchange = &role->exchange;
    role->step = step;
    sl_buf_clear(&role->target);
    sl_buf_append_str(&role->target, path);
    sl_buf_append_str(&role->target, name);
    sl_buf_append_byte(&role->target, '\0');
    mns_exchange_head(exchange);
    if (step == STEP_TOKEN)
        mns_exchange_line(exchange, TOKEN_LINE "-ttl-seconds", TOKEN_LIVES);
    else if (role->metadata_token.len > 0)
        mns_exchange_line(exchange, TOKEN_LINE, (const char *)role->metadata_token.data);
    mns_exchange_line(exchange, "Expect", NULL);
    mns_exchange_line(exchange, "Content-Type", NULL);
    exchange->verb = step == STEP_TOKEN ? "PUT" : "GET";
    exchange->target = (const char *)role->target.data;
    exchange->timeout_ms = role->timeout_ms;
    if (role->target.failed || mns_http_start(role->http, exchange) != MNS_OK)
        return failed(role, now_ns, "fetching keys", mns_err_text(MNS_ENOMEM));
    return MNS_ROLE_ON;
}

static mns_role_event_t ask_keys(mns_role_t *role, const char *name, int64_t now_ns)
{
    return ask(role, STEP_KEYS, ROLES_PATH, name, now_ns);
}

static mns_role_event_t ask_name_or_keys(mns_role_t *role, int64_t now_ns)
{
    return role->name != NULL ? ask_keys(role, role->name, now_ns)
                              : ask(role, STEP_NAME, ROLES_PATH, "", now_ns);
}

bool mns_role_ready(mns_role_t *role, int64_t now_ns)
{
    bool good = role->keys.id != NULL && now_ns < role->end_ns;
    bool wanted = !good || now_ns >= role->renew_ns;
    if (wanted && role->step == STEP_IDLE && now_ns >= role->retry_ns) {
        sl_buf_clear(&role->metadata_token);
        ask(role, STEP_TOKEN, TOKEN_PATH, "", now_ns); /* a failure shows in retry_ns */
    }
    return good;
}

int64_t mns_role_due_ns(const mns_role_t *role)
{
    return role->step == STEP_IDLE && role->failures > 0 ? role->retry_ns : INT64_MAX;
}

/* -- answers --------------------------------------------------------------------------------- */

/* Cuts the answer's text to its first line; NULL: it is empty or not printable. */
static const char *first_line(mns_exchange_t *exchange)
{
    sl_buf_append_byte(&exchange->in, '\0');
    if (exchange->in.failed)
        return NULL;
    char *text = (char *)exchange->in.data;
    text[strcspn(text, "\r\n")] = '\0';
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= 0x20 || *c > 0x7E)
            return NULL;
    return *text != '\0' ? text : NULL;
}

/* Not every metadata service offers tokens; what then refuses to talk says so at the next step. */
static mns_role_event_t on_token(mns_role_t *role, int64_t now_ns)
{
    const char *token = role->exchange.status == 200 ? first_line(&role->exchange) : NULL;
    if (token != NULL)
        sl_buf_append(&role->metadata_token, token, strlen(token) + 1);
    if (role->metadata_token.failed)
        return failed(role, now_ns, "fetching a token", mns_err_text(MNS_ENOMEM));
    return ask_name_or_keys(role, now_ns);
}

static mns_role_event_t on_name(mns_role_t *role, int64_t now_ns)
{
    const char *name = first_line(&role->exchange);
    if (name == NULL || !mns_keys_good_role(name))
        return failed(role, now_ns, "asking for its name", "the answer is no role's name");
    return ask_keys(role, name, now_ns);
}

/* "2026-06-01T12:00:00Z" as Unix s; -1: it is none. */
static int64_t parse_time(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end == NULL || *end != '\0' ? -1 : (int64_t)timegm(&tm);
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

mns_err mns_role_parse(const char *json, size_t len, mns_keys_t *keys, int64_t *end_s,
                       const char **why)
{
    mns_err err = MNS_EINVAL;
    cJSON *object = cJSON_ParseWithLength(json, len);
    const char *code = text_of(object, "Code"), *end = text_of(object, "Expiration");
    *keys = (mns_keys_t){0};
    *end_s = end == NULL ? -1 : parse_time(end);
    if (!cJSON_IsObject(object))
        *why = "the answer is no JSON object";
    else if (code == NULL || strcmp(code, "Success") != 0)
        *why = "the answer's Code is not Success";
    else if (*end_s < 0)
        *why = "the answer's Expiration is no date";
    else if (text_of(object, "SecurityToken") == NULL)
        *why = "the answer holds no SecurityToken";
    else if ((err = mns_keys_set(keys, text_of(object, "AccessKeyId"),
                                 text_of(object, "AccessKeySecret"),
                                 text_of(object, "SecurityToken"))) != MNS_OK)
        *why = err == MNS_EINVAL ? "the answer's key is missing or malformed" : mns_err_text(err);
    cJSON_Delete(object);
    return err;
}

static mns_role_event_t on_keys(mns_role_t *role, int64_t now_ns)
{
    static const int64_t far_s = 366 * 24 * 3600;
    mns_exchange_t *exchange = &role->exchange;
    mns_keys_t keys;
    int64_t end_s;
    const char *why;
    mns_err err =
        mns_role_parse((const char *)exchange->in.data, exchange->in.len, &keys, &end_s, &why);
    OPENSSL_cleanse(exchange->in.data, exchange->in.len);
    if (err != MNS_OK)
        return failed(role, now_ns, "fetching keys", why);
    int64_t their_now_s = mns_date_read(exchange->date);
    int64_t lives_s = end_s - (their_now_s >= 0 ? their_now_s : (int64_t)time(NULL));
    if (lives_s <= 0) {
        mns_keys_fini(&keys);
        return failed(role, now_ns, "fetching keys", "the keys have expired already");
    }
    if (lives_s > far_s)
        lives_s = far_s;
    int64_t ahead_s = lives_s / AHEAD_PART < AHEAD_S ? lives_s / AHEAD_PART : AHEAD_S;
    mns_keys_fini(&role->keys);
    role->keys = keys;
    role->generation++;
    role->end_ns = now_ns + lives_s * 1000000000;
    role->renew_ns = role->end_ns - ahead_s * 1000000000;
    role->step = STEP_IDLE;
    role->failures = 0;
    role->retry_ns = 0;
    role->trouble[0] = '\0';
    return MNS_ROLE_NEW;
}

bool mns_role_owns(const mns_role_t *role, const mns_exchange_t *exchange)
{
    return role != NULL && exchange == &role->exchange;
}

mns_role_event_t mns_role_step(mns_role_t *role, int64_t now_ns)
{
    static const char *const what[] = {[STEP_TOKEN] = "fetching a token",
                                       [STEP_NAME] = "asking for its name",
                                       [STEP_KEYS] = "fetching keys"};
    const mns_exchange_t *exchange = &role->exchange;
    if (exchange->err != MNS_OK)
        return failed(role, now_ns, what[role->step], exchange->note);
    if (role->step == STEP_TOKEN)
        return on_token(role, now_ns);
    if (exchange->status != 200) {
        char why[64];
        snprintf(why, sizeof why, "the metadata service answers %d%s", exchange->status,
                 exchange->status == 404 ? ": no such role" : "");
        return failed(role, now_ns, what[role->step], why);
    }
    return role->step == STEP_NAME ? on_name(role, now_ns) : on_keys(role, now_ns);
}

/* -- looking --------------------------------------------------------------------------------- */

const mns_keys_t *mns_role_keys(const mns_role_t *role)
{
    return &role->keys;
}

uint64_t mns_role_generation(const mns_role_t *role)
{
    return role->generation;
}

void mns_role_expire(mns_role_t *role, uint64_t generation)
{
    if (generation == role->generation)
        role->end_ns = 0;
}

uint32_t mns_role_failures(const mns_role_t *role)
{
    return role->failures;
}

const char *mns_role_trouble(const mns_role_t *role)
{
    return role->trouble;
}
