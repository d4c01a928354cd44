/* wrap.h - for tests: a body as it arrives in a queue, in each of the forms there are. */
#ifndef DECODE_WRAP_H
#define DECODE_WRAP_H

#include "base/buf.h"

#include <stdbool.h>

typedef enum {
    WRAP_BARE, /**< SIMPLIFIED */
    WRAP_JSON,
    WRAP_XML,
    WRAP_FORM_COUNT,
} wrap_form_t;

/** What an envelope says; NULL leaves a member out. */
typedef struct wrap_envelope {
    const char *owner, *topic, *subscription, *id, *time, *md5;
} wrap_envelope_t;

/** As wrap_envelope_t.md5: the right one. */
extern const char wrap_right_md5[];
/** An envelope as MNS would make it. */
extern const wrap_envelope_t wrap_usual;

/** All append to `out`. */
void wrap_body(sl_buf_t *out, wrap_form_t form, const wrap_envelope_t *envelope, const void *body,
               size_t len);
void wrap_base64(sl_buf_t *out, const void *bytes, size_t len);

#endif
