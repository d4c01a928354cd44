/* iso.h - ISO 8601 to Unix time and back, in the profile of RFC 3339. */
#ifndef EVENT_ISO_H
#define EVENT_ISO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ISO_TEXT_MAX = 30 }; /**< "9999-12-31T23:59:59.999999999Z" */

/** Reads `YYYY-MM-DDTHH:MM:SS[.f…](Z|±hh:mm)`, one to nine digits of fraction.  False: any other
 *  text, a day that the calendar lacks, a leap second (Unix time has no number for it), or a time
 *  that is not in the years 0000 to 9999 in UTC. */
bool iso_parse(const uint8_t *text, size_t len, int64_t *sec, uint32_t *nsec);

/** Writes UTC with 0, 3, 6 or 9 digits of fraction, as many as it takes.  @return the length; 0
 *  when the year is not within 0000 and 9999. */
size_t iso_format(char text[ISO_TEXT_MAX], int64_t sec, uint32_t nsec);

#endif
