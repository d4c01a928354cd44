#include "iso.h"

enum { DAY_SECONDS = 86400, DIGITS_LEN = 19, NSEC_DIGITS = 9, BAD = 255 };

static const int64_t first_second = -62167219200; /* 0000-01-01T00:00:00Z */
static const int64_t last_second = 253402300799;  /* 9999-12-31T23:59:59Z */

/* Two digits; BAD, larger than any field may be, when they are none. */
static inline unsigned two(const uint8_t *at)
{
    unsigned tens = at[0] - (unsigned)'0', ones = at[1] - (unsigned)'0';
    return tens > 9 || ones > 9 ? BAD : tens * 10 + ones;
}

static inline bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01.  The year is taken to begin in March, so that the leap day is its last and
 * the months' lengths follow a line (153 days in five); eras are of 400 years. */
static inline int64_t civil_to_days(unsigned year, unsigned month, unsigned day)
{
    unsigned y = year + 400 - (month <= 2); /* one era later, so that nothing goes below 0 */
    unsigned era = y / 400, in_era = y % 400;
    unsigned in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    unsigned in_era_days = in_era * 365 + in_era / 4 - in_era / 100 + in_year;
    return (int64_t)(era * 146097 + in_era_days) - (719468 + 146097);
}

/* `.f…`; returns how many bytes it takes, 0 when it is malformed. */
static size_t parse_fraction(const uint8_t *at, size_t len, uint32_t *nsec)
{
    uint32_t value = 0;
    size_t i = 1;
    for (; i < len && i <= NSEC_DIGITS + 1 && (unsigned)(at[i] - '0') <= 9; i++)
        value = value * 10 + (at[i] - (unsigned)'0');
    if (i == 1 || i > NSEC_DIGITS + 1)
        return 0;
    for (size_t digits = i - 1; digits < NSEC_DIGITS; digits++)
        value *= 10;
    *nsec = value;
    return i;
}

/* `Z` or `±hh:mm`, all of `len`. */
static bool parse_zone(const uint8_t *at, size_t len, int64_t *offset_s)
{
    *offset_s = 0;
    if (len == 1)
        return at[0] == 'Z';
    if (len != 6 || (at[0] != '+' && at[0] != '-') || at[3] != ':')
        return false;
    unsigned hours = two(at + 1), minutes = two(at + 4);
    if (hours > 23 || minutes > 59)
        return false;
    *offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    if (at[0] == '-')
        *offset_s = -*offset_s;
    return true;
}

bool iso_parse(const uint8_t *text, size_t len, int64_t *sec, uint32_t *nsec)
{
    if (len <= DIGITS_LEN || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':')
        return false;
    unsigned century = two(text), year = two(text + 2), month = two(text + 5), day = two(text + 8);
    unsigned hour = two(text + 11), minute = two(text + 14), second = two(text + 17);
    if (century > 99 || year > 99 || month - 1 > 11 || hour > 23 || minute > 59 || second > 59)
        return false;
    year += century * 100;
    if (day - 1 >= month_days(year, month))
        return false;
    uint32_t fraction = 0;
    size_t at = DIGITS_LEN;
    if (text[at] == '.') {
        size_t taken = parse_fraction(text + at, len - at, &fraction);
        if (taken == 0)
            return false;
        at += taken;
    }
    int64_t offset_s;
    if (!parse_zone(text + at, len - at, &offset_s))
        return false;
    int64_t value = civil_to_days(year, month, day) * DAY_SECONDS +
                    (int64_t)(hour * 3600 + minute * 60 + second) - offset_s;
    if (value < first_second || value > last_second)
        return false;
    *sec = value;
    *nsec = fraction;
    return true;
}

static inline char *put_two(char *to, unsigned value)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    return to + 2;
}

/* The reverse of civil_to_days; `days` count from the start of the era before, -0400-03-01. */
static char *put_date(char *to, unsigned days)
{
    unsigned era = days / 146097, in_era_days = days % 146097;
    unsigned in_era =
        (in_era_days - in_era_days / 1460 + in_era_days / 36524 - in_era_days / 146096) / 365;
    unsigned in_year = in_era_days - (365 * in_era + in_era / 4 - in_era / 100);
    unsigned march_month = (5 * in_year + 2) / 153;
    unsigned day = in_year - (153 * march_month + 2) / 5 + 1;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
    unsigned year = era * 400 + in_era + (month <= 2) - 400;
    to = put_two(to, year / 100);
    to = put_two(to, year % 100);
    *to++ = '-';
    to = put_two(to, month);
    *to++ = '-';
    return put_two(to, day);
}

size_t iso_format(char text[ISO_TEXT_MAX], int64_t sec, uint32_t nsec)
{
    if (sec < first_second || sec > last_second)
        return 0;
    uint64_t since = (uint64_t)(sec - first_second);
    unsigned in_day = (unsigned)(since % DAY_SECONDS);
    /* 0000-01-01 lies 60 days before 0000-03-01, where an era ends. */
    char *to = put_date(text, (unsigned)(since / DAY_SECONDS) + 146097 - 60);
    *to++ = 'T';
    to = put_two(to, in_day / 3600);
    *to++ = ':';
    to = put_two(to, in_day / 60 % 60);
    *to++ = ':';
    to = put_two(to, in_day % 60);
    if (nsec != 0) {
        unsigned digits = nsec % 1000000 == 0 ? 3 : nsec % 1000 == 0 ? 6 : 9;
        *to++ = '.';
        uint32_t unit = 100000000;
        for (unsigned i = 0; i < digits; i++, unit /= 10)
            *to++ = (char)('0' + nsec / unit % 10);
    }
    *to++ = 'Z';
    return (size_t)(to - text);
}
