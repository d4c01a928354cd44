#include "mns_keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ID_MAX = 256, ROLE_MAX = 128 };

/* -- keys ------------------------------------------------------------------------------------ */

/* What may stand in a header's value: printable ASCII, no blank. */
static bool good_token(const char *text)
{
    if (text == NULL || *text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= 0x20 || *text > 0x7E)
            return false;
    return true;
}

mns_err mns_keys_set(mns_keys_t *keys, const char *id, const char *secret, const char *token)
{
    *keys = (mns_keys_t){0};
    if (token != NULL && *token == '\0')
        token = NULL;
    if (!good_token(id) || strlen(id) > ID_MAX || secret == NULL || *secret == '\0' ||
        (token != NULL && !good_token(token)))
        return MNS_EINVAL;
    keys->id = strdup(id);
    keys->secret = strdup(secret);
    keys->token = token == NULL ? NULL : strdup(token);
    if (keys->id != NULL && keys->secret != NULL && (token == NULL || keys->token != NULL))
        return MNS_OK;
    mns_keys_fini(keys);
    return MNS_ENOMEM;
}

static void wipe(char *text)
{
    if (text != NULL)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void mns_keys_fini(mns_keys_t *keys)
{
    free(keys->id);
    wipe(keys->secret);
    wipe(keys->token);
    *keys = (mns_keys_t){0};
}

bool mns_keys_good_role(const char *role)
{
    size_t len = strspn(role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@");
    return len > 0 && len <= ROLE_MAX && role[len] == '\0' && role[0] != '.';
}

/* -- the places ------------------------------------------------------------------------------ */

/* An empty variable is none. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* Keys of one place, or what is wrong with them. */
static mns_err take(mns_found_t *found, mns_keys_source_t source, const char *id,
                    const char *secret, const char *token)
{
    static const char *const places[] = {
        [MNS_KEYS_OPTIONS] = "the options", [MNS_KEYS_ENVIRONMENT] = "the environment"};
    found->source = source;
    mns_err err = mns_keys_set(&found->keys, id, secret, token);
    if (err == MNS_EINVAL)
        snprintf(found->note, sizeof found->note, "credentials: %s of %s %s",
                 id == NULL       ? "the access key id"
                 : secret == NULL ? "the access key secret"
                                  : "access key or token",
                 places[source], id == NULL || secret == NULL ? "is missing" : "is malformed");
    return err;
}

static mns_err from_options(mns_found_t *found, const mns_client_options_t *options)
{
    if (options->access_key_id == NULL && options->access_key_secret == NULL &&
        options->security_token == NULL)
        return MNS_ENOKEYS;
    return take(found, MNS_KEYS_OPTIONS, options->access_key_id, options->access_key_secret,
                options->security_token);
}

static mns_err from_environment(mns_found_t *found)
{
    const char *id = environment("ALIBABA_CLOUD_ACCESS_KEY_ID");
    const char *secret = environment("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    if (id == NULL && secret == NULL)
        return MNS_ENOKEYS;
    return take(found, MNS_KEYS_ENVIRONMENT, id, secret,
                environment("ALIBABA_CLOUD_SECURITY_TOKEN"));
}

/* A file that nobody named need not be there, nor have the section that nobody named. */
static mns_err from_file(mns_found_t *found, const mns_client_options_t *options)
{
    const char *profile = options->credentials_profile;
    if (profile == NULL)
        profile = environment("ALIBABA_CLOUD_PROFILE");
    const char *path = options->credentials_file;
    if (path == NULL)
        path = environment("ALIBABA_CLOUD_CREDENTIALS_FILE");
    char *home_path = NULL;
    if (path == NULL) {
        const char *home = environment("HOME");
        if (home == NULL)
            return MNS_ENOKEYS;
        if (asprintf(&home_path, "%s/.alibabacloud/credentials", home) < 0)
            return MNS_ENOMEM;
        if (access(home_path, F_OK) != 0) {
            free(home_path);
            return MNS_ENOKEYS;
        }
    }
    bool named = path != NULL || profile != NULL;
    mns_err err = mns_keys_read(found, path != NULL ? path : home_path,
                                profile != NULL ? profile : "default");
    free(home_path);
    return err == MNS_ENOKEYS && named ? MNS_EINVAL : err;
}

static mns_err from_role(mns_found_t *found, const mns_client_options_t *options)
{
    const char *role = options->ecs_role;
    if (role == NULL)
        role = environment("ALIBABA_CLOUD_ECS_METADATA");
    if (role == NULL)
        return MNS_ENOKEYS;
    if (strcmp(role, "*") != 0 && !mns_keys_good_role(role)) {
        snprintf(found->note, sizeof found->note, "credentials: no name of a role: %.100s", role);
        return MNS_EINVAL;
    }
    found->source = MNS_KEYS_ECS_ROLE;
    found->role = strdup(role);
    return found->role != NULL ? MNS_OK : MNS_ENOMEM;
}

mns_err mns_keys_find(mns_found_t *found, const mns_client_options_t *options)
{
    *found = (mns_found_t){0};
    mns_err err = from_options(found, options);
    if (err == MNS_ENOKEYS)
        err = from_environment(found);
    if (err == MNS_ENOKEYS)
        err = from_file(found, options);
    if (err == MNS_ENOKEYS) {
        found->note[0] = '\0';
        err = from_role(found, options);
    }
    if (err == MNS_ENOKEYS)
        snprintf(found->note, sizeof found->note,
                 "credentials: no access key in the options, the environment or a credentials "
                 "file, and no instance role is named");
    return err;
}

void mns_found_fini(mns_found_t *found)
{
    mns_keys_fini(&found->keys);
    free(found->role);
    found->role = NULL;
}
