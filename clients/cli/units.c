#include "units.h"

#include "event/iso.h"

#include <inttypes.h>
#include <stdio.h>

void units_bytes(sl_buf_t *out, uint64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double amount = (double)bytes / 1024;
    if (bytes < 1024) {
        sl_buf_printf(out, "%" PRIu64 " B", bytes);
        return;
    }
    for (; amount >= 1023.5 && unit < sizeof names / sizeof *names - 1; unit++)
        amount /= 1024;
    sl_buf_printf(out, "%.*f %s", amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0, amount, names[unit]);
}

/* Two neighbouring units; the smaller one is left out when there is none of it. */
static void put_pair(sl_buf_t *out, uint64_t amount, uint64_t per, const char *large,
                     const char *small)
{
    sl_buf_printf(out, "%" PRIu64 " %s", amount / per, large);
    if (amount % per != 0)
        sl_buf_printf(out, " %" PRIu64 " %s", amount % per, small);
}

void units_span_ms(sl_buf_t *out, uint64_t ms)
{
    uint64_t s = ms / 1000, min = s / 60, h = min / 60;
    if (ms < 1000)
        sl_buf_printf(out, "%" PRIu64 " ms", ms);
    else if (s < 10 && ms % 1000 >= 100)
        sl_buf_printf(out, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
    else if (s < 60)
        sl_buf_printf(out, "%" PRIu64 " s", s);
    else if (min < 60)
        put_pair(out, s, 60, "min", "s");
    else if (h < 24)
        put_pair(out, min, 60, "h", "min");
    else
        put_pair(out, h, 24, "d", "h");
}

void units_count(sl_buf_t *out, uint64_t count)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            sl_buf_append_byte(out, ',');
        sl_buf_append_byte(out, (uint8_t)digits[i]);
    }
}

void units_time_ns(sl_buf_t *out, uint64_t unix_ns)
{
    char text[ISO_TEXT_MAX];
    sl_buf_append(out, text, iso_format(text, (int64_t)(unix_ns / 1000000000u), 0));
}
