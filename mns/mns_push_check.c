#include "mns_push_check.h"

#include "mns_base64.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum { HEX_LEN = 2 * MNS_PUSH_MD5_BYTES, BASE64_MAX = 44 };

/* -- Date ------------------------------------------------------------------------------------ */

static bool read_digits(const char *text, size_t len, int *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return true;
}

/* Which of the three-letter names it is, or -1. */
static int read_name(const char *text, const char *names)
{
    for (int i = 0; names[3 * i] != '\0'; i++)
        if (memcmp(text, names + 3 * i, 3) == 0)
            return i;
    return -1;
}

/* Digits and names stand for 0; all else is as in the text. */
static bool has_shape(const char *text, const char *shape)
{
    for (; *shape != '\0'; text++, shape++)
        if (*shape != '0' && *text != *shape)
            return false;
    return true;
}

bool mns_push_date_read(const char *text, size_t len, int64_t *unix_s)
{
    static const char shape[] = "000, 00 000 0000 00:00:00 GMT";
    struct tm tm = {0}, same;
    int year;
    if (len != sizeof shape - 1 || !has_shape(text, shape) ||
        read_name(text, "MonTueWedThuFriSatSun") < 0 || !read_digits(text + 5, 2, &tm.tm_mday) ||
        (tm.tm_mon = read_name(text + 8, "JanFebMarAprMayJunJulAugSepOctNovDec")) < 0 ||
        !read_digits(text + 12, 4, &year) || !read_digits(text + 17, 2, &tm.tm_hour) ||
        !read_digits(text + 20, 2, &tm.tm_min) || !read_digits(text + 23, 2, &tm.tm_sec))
        return false;
    tm.tm_year = year - 1900;
    same = tm; /* timegm makes 31 Jun the 1st of July: then there is no such day */
    *unix_s = timegm(&same);
    return same.tm_mday == tm.tm_mday && same.tm_hour == tm.tm_hour && same.tm_min == tm.tm_min &&
           same.tm_sec == tm.tm_sec;
}

/* -- Content-MD5 ----------------------------------------------------------------------------- */

static void write_hex(const uint8_t md5[MNS_PUSH_MD5_BYTES], char out[HEX_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < MNS_PUSH_MD5_BYTES; i++) {
        out[2 * i] = digits[md5[i] >> 4];
        out[2 * i + 1] = digits[md5[i] & 15];
    }
}

bool mns_push_digest_is(const char *text, size_t len, const uint8_t md5[MNS_PUSH_MD5_BYTES])
{
    char hex[HEX_LEN], decoded[BASE64_MAX + 1];
    write_hex(md5, hex);
    if (len == HEX_LEN)
        return strncasecmp(text, hex, HEX_LEN) == 0;
    if (len > BASE64_MAX)
        return false;
    memcpy(decoded, text, len);
    if (!mns_base64_decode(decoded, &len))
        return false;
    return (len == HEX_LEN && strncasecmp(decoded, hex, HEX_LEN) == 0) ||
           (len == MNS_PUSH_MD5_BYTES && memcmp(decoded, md5, len) == 0);
}
