#include "position.h"

#include "event/iso.h"

#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes digits off *text.  False: there are none, or too many. */
static bool take_number(const char **text, uint64_t *number)
{
    const char *at = *text;
    *number = 0;
    for (; is_digit(*at); at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    bool some = at > *text;
    *text = at;
    return some;
}

static uint64_t seconds_of(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    default:
        return 0;
    }
}

/* "10m", "1h30m".  @return seconds; 0: it is no such text. */
static uint64_t parse_span(const char *text)
{
    uint64_t sum = 0, number;
    while (*text != '\0') {
        if (!take_number(&text, &number) || seconds_of(*text) == 0 ||
            __builtin_mul_overflow(number, seconds_of(*text), &number) ||
            __builtin_add_overflow(sum, number, &sum))
            return 0;
        text++;
    }
    return sum;
}

/* Before 1970, or so long ago: the beginning of time, which is as good. */
uint64_t position_parse_time(const char *text, uint64_t now_ns)
{
    int64_t sec;
    uint32_t nsec;
    if (*text == '-') {
        uint64_t ago = parse_span(text + 1);
        if (ago == 0)
            return 0;
        return ago < now_ns / NS_PER_S ? now_ns - ago * NS_PER_S : 1;
    }
    if (!iso_parse((const uint8_t *)text, strlen(text), &sec, &nsec) ||
        sec > (int64_t)(UINT64_MAX / NS_PER_S) - 1)
        return 0;
    uint64_t time_ns = sec < 0 ? 0 : (uint64_t)sec * NS_PER_S + nsec;
    return time_ns > 0 ? time_ns : 1;
}

bool position_parse(position_t *position, const char *text, uint64_t now_ns)
{
    const char *at = text;
    *position = (position_t){.kind = POSITION_NOW};
    if (strcmp(text, "now") == 0)
        return true;
    if (strcmp(text, "earliest") == 0) {
        position->kind = POSITION_EARLIEST;
        return true;
    }
    if (take_number(&at, &position->number) && *at == '\0') {
        position->kind = POSITION_NUMBER;
        return true;
    }
    position->kind = POSITION_TIME;
    position->number = 0;
    position->time_ns = position_parse_time(text, now_ns);
    return position->time_ns != 0;
}
