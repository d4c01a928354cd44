#include "mns_date.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void mns_date_write(char out[MNS_DATE_LEN + 1], int64_t unix_s)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t time = (time_t)unix_s;
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&time, &tm) != NULL && tm.tm_year >= -1900 && tm.tm_year < 10000 - 1900)
        snprintf(out, MNS_DATE_LEN + 1, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday],
                 (unsigned)tm.tm_mday % 100, months[tm.tm_mon], (unsigned)(tm.tm_year + 1900),
                 (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

int64_t mns_date_read(const char *text)
{
    /* curl reads half a date, and numbers, as one; every form of HTTP's names the day first. */
    static const char days[] = "Mon Tue Wed Thu Fri Sat Sun ";
    char day[5] = {0};
    if (strlen(text) < 20)
        return -1;
    memcpy(day, text, 3);
    day[3] = ' ';
    time_t time = strstr(days, day) == NULL ? -1 : curl_getdate(text, NULL);
    return time < 0 ? -1 : (int64_t)time;
}

uint32_t mns_retry_after_ms(const char *text, int64_t now_s)
{
    static const int64_t most_s = UINT32_MAX / 1000;
    int64_t pause_s = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] == '\0') {
        for (size_t i = 0; i < digits && pause_s <= most_s; i++)
            pause_s = pause_s * 10 + (text[i] - '0');
    } else {
        int64_t until_s = mns_date_read(text);
        pause_s = until_s < 0 || until_s <= now_s ? 0 : until_s - now_s;
    }
    return pause_s > most_s ? UINT32_MAX : (uint32_t)(pause_s * 1000);
}
