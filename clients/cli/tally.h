/* tally.h - what became of each line, told in the order of the lines.
 *
 * Answers come per topic, so out of order.  The tally keeps the lines from the first unanswered one
 * on, and prints what is before it, runs of accepted lines as one:
 *
 *     accepted 1-998
 *     refused 999: BrokenJson at byte 17: the JSON text breaks a rule of RFC 8259
 *     accepted 1000
 *
 *     lines  1 … first-1 | first … first+count-1
 *            told        | ring: waiting, accepted, refused, or blank
 */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include "base/buf.h"

typedef enum {
    TALLY_WAITING,
    TALLY_ACCEPTED,
    TALLY_REFUSED,
    TALLY_BLANK, /**< nothing to publish in it; not counted */
} tally_state_t;

typedef struct tally_line {
    tally_state_t state;
    char *why; /**< of a refused one; owned */
} tally_line_t;

typedef struct tally {
    tally_line_t *ring;
    size_t cap, count; /**< cap is a power of two */
    uint64_t first;    /**< line number of the ring's first */
    uint64_t run_from; /**< accepted lines run_from … first-1 are not told yet; 0: none */
    uint64_t accepted, refused;
    sl_buf_t out; /**< what is told; the owner takes it away */
} tally_t;

void tally_init(tally_t *tally);
void tally_fini(tally_t *tally);

/** The next line, which must be the last begun plus one, waits.  @return SL_OK or SL_ENOMEM. */
sl_err tally_begin(tally_t *tally);
/** Settles a waiting line.  @param why printf format; of a refused line only. */
void tally_settle(tally_t *tally, uint64_t line, tally_state_t state, const char *why, ...)
    __attribute__((format(printf, 4, 5)));
/** Tells accepted lines now, though the next may continue their run. */
void tally_tell_run(tally_t *tally);

#endif
