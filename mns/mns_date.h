/* mns_date.h - dates as HTTP writes them: "Mon, 01 Jun 2026 12:00:00 GMT". */
#ifndef MNS_DATE_H
#define MNS_DATE_H

#include <stddef.h>
#include <stdint.h>

enum { MNS_DATE_LEN = 29 };

/** Writes RFC 1123 in GMT, and a NUL.  Not strftime, which speaks the user's language. */
void mns_date_write(char out[MNS_DATE_LEN + 1], int64_t unix_s);

/** @return Unix s; -1: it is no date of HTTP's, new or old. */
int64_t mns_date_read(const char *text);

/** A Retry-After header: seconds, or the date until which to wait.
 *  @param now_s  what the sender believes the time to be.
 *  @return the pause in ms, at most UINT32_MAX; 0: none, or malformed. */
uint32_t mns_retry_after_ms(const char *text, int64_t now_s);

#endif
