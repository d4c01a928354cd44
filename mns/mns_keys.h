/* mns_keys.h - whose requests are these?
 *
 * Four places are asked in turn, and the first that has any keys decides, also when they turn out
 * to be no good: a mistake in one place must not silently become somebody else's identity.
 *
 *     options -> environment -> credentials file -> role of the ECS instance
 *
 * The first three give keys; the last gives the name of a role, and mns_role.h fetches the keys. */
#ifndef MNS_KEYS_H
#define MNS_KEYS_H

#include "mns/mns.h"

/** Where keys come from, as mns_client_credentials says it. */
#define MNS_KEYS_MAP(X)           \
    X(OPTIONS, "options")         \
    X(ENVIRONMENT, "environment") \
    X(FILE, "file")               \
    X(ECS_ROLE, "ecs-role")
#define X(name, text) MNS_KEYS_##name,
typedef enum { MNS_KEYS_MAP(X) MNS_KEYS_SOURCES } mns_keys_source_t;
#undef X

/** An access key.  Strings are owned; all NULL: none. */
typedef struct mns_keys {
    char *id, *secret;
    char *token; /**< NULL: not a temporary key */
} mns_keys_t;

/** Copies them.  @return MNS_OK; MNS_EINVAL: one lacks, or could not stand in a header;
 *  MNS_ENOMEM.  Then `keys` is empty. */
mns_err mns_keys_set(mns_keys_t *keys, const char *id, const char *secret, const char *token);
/** Wipes and frees them. */
void mns_keys_fini(mns_keys_t *keys);

enum { MNS_KEYS_NOTE_MAX = 511 };

/** What was found. */
typedef struct mns_found {
    mns_keys_source_t source;
    mns_keys_t keys;
    char *role;                       /**< ECS_ROLE: its name, "*": whichever; owned */
    char note[MNS_KEYS_NOTE_MAX + 1]; /**< not MNS_OK: what is wrong, and where */
} mns_found_t;

/** Asks the four places.  @return MNS_OK; MNS_ENOKEYS: nobody has any; MNS_EINVAL: see note;
 *  MNS_ENOMEM. */
mns_err mns_keys_find(mns_found_t *found, const mns_client_options_t *options);
void mns_found_fini(mns_found_t *found);

/** Could this be a role's name?  It becomes part of a path. */
bool mns_keys_good_role(const char *role);

/** Reads one section of a credentials file; see mns_keys_file.c.
 *  @return MNS_OK; MNS_ENOKEYS: it has no such section; MNS_EINVAL: see note; MNS_ENOMEM. */
mns_err mns_keys_read(mns_found_t *found, const char *path, const char *profile);

#endif
