#include "event/iso.h"

#include <endian.h>
#include <string.h>

enum { DAY_SECONDS = 86400, DIGITS_LEN = 19, NSEC_DIGITS = 9 };

static const int64_t first_second = -62167219200; /* 0000-01-01T00:00:00Z */
static const int64_t last_second = 253402300799;  /* 9999-12-31T23:59:59Z */

/* Eight bytes at once, which must have the form of `form`: digits where it has '0', and else the
 * very same.  Byte i of *pairs then is the number that the digits i and i+1 make.  How: xor-ed with
 * the form, a digit gives 0 to 9 and a separator 0; `lift` raises what is more to the high bit. */
static inline bool eight(const uint8_t *at, const char *form, const char *lift, uint64_t *pairs)
{
    uint64_t word, form_word, lift_word;
    memcpy(&word, at, sizeof word);
    memcpy(&form_word, form, sizeof form_word);
    memcpy(&lift_word, lift, sizeof lift_word);
    word = le64toh(word ^ form_word);
    *pairs = word * 10 + (word >> 8);
    return (((word + le64toh(lift_word)) | word) & 0x8080808080808080u) == 0;
}

#define EIGHT_DIGIT     "\x76" /* + 0x0a is 0x80 */
#define EIGHT_SEPARATOR "\x7f" /* + 0x01 is 0x80 */
#define D               EIGHT_DIGIT
#define S               EIGHT_SEPARATOR

static inline unsigned pair(uint64_t pairs, unsigned byte)
{
    return pairs >> 8 * byte & 0xff;
}

static inline bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
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
    static const uint32_t units[NSEC_DIGITS + 1] = {0,     100000000, 10000000, 1000000, 100000,
                                                    10000, 1000,      100,      10,      1};
    uint32_t value = 0;
    size_t i = 1;
    for (; i < len && i <= NSEC_DIGITS && is_digit(at[i]); i++)
        value = value * 10 + (at[i] - (unsigned)'0');
    if (i == 1)
        return 0;
    *nsec = value * units[i - 1]; /* a tenth digit is left over, and no zone begins with one */
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
    for (size_t i = 1; i < len; i++)
        if (i != 3 && !is_digit(at[i]))
            return false;
    unsigned hours = (at[1] - (unsigned)'0') * 10 + (at[2] - (unsigned)'0');
    unsigned minutes = (at[4] - (unsigned)'0') * 10 + (at[5] - (unsigned)'0');
    if (hours > 23 || minutes > 59)
        return false;
    *offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    if (at[0] == '-')
        *offset_s = -*offset_s;
    return true;
}

bool iso_parse(const uint8_t *text, size_t len, int64_t *sec, uint32_t *nsec)
{
    uint64_t ym, md, hms;
    if (len <= DIGITS_LEN || !eight(text, "0000-00-", D D D D S D D S, &ym) ||
        !eight(text + 3, "0-00-00T", D S D D S D D S, &md) ||
        !eight(text + 11, "00:00:00", D D S D D S D D, &hms))
        return false;
    unsigned year = pair(ym, 0) * 100 + pair(ym, 2), month = pair(ym, 5), day = pair(md, 5);
    unsigned hour = pair(hms, 0), minute = pair(hms, 3), second = pair(hms, 6);
    if (month - 1 > 11 || hour > 23 || minute > 59 || second > 59)
        return false;
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
