/* mns_session.h - one command's way to MNS: the common options, the client, and how errors are
 * told.
 *
 * Every command of `sluice mns` has the rows of MNS_COMMON_ROWS in its table and mns_common_t as
 * the first member of its options, so whoever runs commands can open a session for each. */
#ifndef CLI_MNS_SESSION_H
#define CLI_MNS_SESSION_H

#include "mns_place.h"
#include "show.h"

#include "config/config.h"

#include <mns/mns.h>

typedef struct mns_common {
    const char *endpoint, *region, *account;
    const char *credentials_file, *profile, *ecs_role, *ecs_metadata, *ca_file;
    uint64_t timeout_ms;
    bool trace, json;
} mns_common_t;

/* Rows of texts: key (member), variable, argument, help. */
#define MNS_COMMON_TEXTS(X)                                                           \
    X("endpoint", endpoint, "SLUICE_MNS_ENDPOINT", "URL",                             \
      "where MNS is, http(s)://host[:port]; made of account and region if not given") \
    X("account", account, "SLUICE_MNS_ACCOUNT", "ID",                                 \
      "account id, where the endpoint's host does not say it")                        \
    X("region", region, "SLUICE_MNS_REGION", "REGION",                                \
      "region, such as cn-hangzhou, where the endpoint's host does not say it")       \
    X("credentials-file", credentials_file, "SLUICE_MNS_CREDENTIALS_FILE", "FILE",    \
      "access keys from this file instead of the environment")                        \
    X("profile", profile, "SLUICE_MNS_PROFILE", "NAME",                               \
      "access keys from this section of the credentials file")                        \
    X("ecs-role", ecs_role, "SLUICE_MNS_ECS_ROLE", "ROLE",                            \
      "access keys from this role of the ECS instance; * is whichever it has")        \
    X("ecs-metadata", ecs_metadata, "SLUICE_MNS_ECS_METADATA", "URL",                 \
      "where the instance's metadata is, instead of http://100.100.100.200")          \
    X("ca-file", ca_file, "SLUICE_MNS_CA_FILE", "FILE",                               \
      "certificates that https endpoints are verified with, instead of the system's")

#define MNS_COMMON(member) offsetof(mns_common_t, member)
#define MNS_COMMON_TEXT_ROW(name, member, variable, argument, text) \
    {.key = name,                                                   \
     .kind = CONFIG_STR,                                            \
     .offset = MNS_COMMON(member),                                  \
     .env = variable,                                               \
     .arg = argument,                                               \
     .help = text},

/** The rows themselves; the last ones of a command's table, no comma behind. */
#define MNS_COMMON_ROWS                                                                       \
    MNS_COMMON_TEXTS(MNS_COMMON_TEXT_ROW){                                                    \
        .key = "timeout",                                                                     \
        .kind = CONFIG_MS,                                                                    \
        .offset = MNS_COMMON(timeout_ms),                                                     \
        .env = "SLUICE_MNS_TIMEOUT",                                                          \
        .def = "10s",                                                                         \
        .help = "how long an answer may take, beside the waiting of a receive",               \
        .min = 1,                                                                             \
        .max = 600000},                                                                       \
        {.key = "trace",                                                                      \
         .kind = CONFIG_BOOL,                                                                 \
         .offset = MNS_COMMON(trace),                                                         \
         .help = "each request's string to sign and each answer's status, on standard error", \
         .flags = CONFIG_FLAG_ONLY},                                                          \
    {                                                                                         \
        .key = "json", .kind = CONFIG_BOOL, .offset = MNS_COMMON(json),                       \
        .help = "one JSON object a line", .flags = CONFIG_FLAG_ONLY                           \
    }

/** A command's table of those rows. */
#define MNS_TABLE(rows, options)                            \
    {                                                       \
        rows, sizeof rows / sizeof rows[0], sizeof(options) \
    }

typedef struct session {
    const char *name; /**< "sluice mns queue get", for what is told */
    const mns_common_t *common;
    const config_t *config;
    const char *const *args; /**< the positional arguments */
    size_t arg_count;
    mns_client_t *client; /**< NULL until session_open */
    char keys_note[512];  /**< what libmns says about keys that it does not like */
    place_t place;
    show_t show;
} session_t;

/** Makes the client and finds out the place.  @return true; false: the reason is told, *code is the
 *  exit code. */
bool session_open(session_t *session, int *code);
void session_close(session_t *session);

/** The endpoint that the common options mean.  @return false: they mean none; told. */
bool session_endpoint(const session_t *session, char out[512]);

/** What of the common options a client is made with; endpoint still missing.  What they say about
 *  keys takes the place of what the environment says. */
mns_client_options_t session_client_options(session_t *session);

/** Runs a request; an error (MNS_EMPTY is none) is told.  @param reply  as mns_call's: free it. */
mns_err session_call(session_t *session, const mns_request_t *request, mns_reply_t **reply);

/** As session_call, when nothing of the reply matters. */
bool session_do(session_t *session, const mns_request_t *request);

/** Tells an error: code, status, text, request id, and what to do. */
void session_tell(const session_t *session, mns_err err, const mns_reply_t *reply);

/** Tells a sentence: "sluice mns queue get: …". */
void session_say(const session_t *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** A number given, or -1 when the option was not given. */
int64_t session_given(const session_t *session, const char *key, uint64_t value);

#endif
