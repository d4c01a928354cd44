/* redrive.h - a dead letter's Body decoded once more, as if it came from MNS again.
 *
 *     {Category:"$dead", Event, id, source, time, Body, Detail, Attempt}
 *                               |      |     |     |             |
 *                               v      |     v     v             v
 *     message:                  id     |  enqueued body       attempt
 *     place:                           +--> region, account, topic or queue
 *
 * What comes out is what sluice-bridge would publish today: an event, where the reason has gone (a
 * limit was raised, a decoder learned something); else a dead letter, which is not published a
 * second time. */
#ifndef DECODE_REDRIVE_H
#define DECODE_REDRIVE_H

#include "decode/decode.h"

/** A dead letter; all borrowed from its event's bytes. */
typedef struct dead_letter {
    const char *reason, *id, *source, *detail; /**< not NUL-terminated */
    size_t reason_len, id_len, source_len, detail_len;
    const uint8_t *body;
    size_t body_len;
    int64_t time_s; /**< Unix */
    uint32_t time_nsec;
    uint32_t attempt; /**< 0: unknown */
} dead_letter_t;

/** @return SL_OK; SL_EPROTO: malformed, or no dead letter (id, source, time and Body are a must).
 */
sl_err dead_letter_read(dead_letter_t *letter, const void *event, size_t len);

/** Decodes its Body anew.  @return as decoder_run. */
sl_err decoder_run_again(decoder_t *decoder, const dead_letter_t *letter, decode_result_t *result);

#endif
