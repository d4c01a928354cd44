/* target.h - a request's target: what is signed, where it points, and with which parameters.
 *
 *     http://host:80//queues/a%2Db/messages/?numOfMessages=16&WaitSeconds=30
 *                   |resource, as signed ------------------------------------
 *                     segments: queues, a-b, messages    parameters, names in any case
 *
 * Absolute form, a run of slashes at the start and one at the end are what real clients send. */
#ifndef LOCAL_TARGET_H
#define LOCAL_TARGET_H

#include "base/buf.h"
#include "errors.h"

#include <stddef.h>

enum { TARGET_SEGMENTS_MAX = 5, TARGET_PARAMS_MAX = 16 };

typedef struct target_param {
    const char *name, *value; /**< decoded; "+" stays "+"; value "" without "=" */
} target_param_t;

typedef struct target {
    const char *resource; /**< into the text that was parsed */
    const char *segments[TARGET_SEGMENTS_MAX];
    size_t segment_count;
    target_param_t params[TARGET_PARAMS_MAX];
    size_t param_count;
} target_t;

/** The part of the target that is signed. */
const char *target_resource(const char *text);

/** Splits and decodes.
 *  @param memory  where decoded text goes; the target borrows it, and `text`.
 *  @return LOCAL_OK; InvalidRequestURL, InvalidQueryString (broken %XX, too many parts);
 *          InternalError (no memory). */
local_err target_parse(target_t *target, const char *text, sl_buf_t *memory);

/** The first parameter of that name, in any case; NULL: none. */
const char *target_param(const target_t *target, const char *name);

#endif
