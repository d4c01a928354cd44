#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void numbers_grouped(char *out, size_t size, double value, int digits)
{
    char plain[NUMBERS_TEXT_MAX];
    snprintf(plain, sizeof plain, "%.*f", digits, value);
    size_t whole = strcspn(plain, ".");
    size_t first = plain[0] == '-' ? 1 : 0;
    size_t at = 0;
    for (size_t i = 0; plain[i] != '\0' && at + 2 < size; i++) {
        if (i > first && i < whole && (whole - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = plain[i];
    }
    out[at] = '\0';
}

void numbers_plain(char *out, size_t size, double value)
{
    double magnitude = fabs(value);
    if (isnan(value))
        snprintf(out, size, "–");
    else if (magnitude >= 100 || value == trunc(value))
        numbers_grouped(out, size, value, 0);
    else if (magnitude >= 0.01)
        snprintf(out, size, "%.*f", magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3, value);
    else
        snprintf(out, size, "%.2g", value);
}

void numbers_short(char *out, size_t size, double value)
{
    static const struct {
        double from;
        const char *suffix;
    } steps[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {0, ""}};
    size_t i = 0;
    while (fabs(value) < steps[i].from * 0.9995) /* what three digits round to the next step */
        i++;
    snprintf(out, size, "%.3g%s", steps[i].from > 0 ? value / steps[i].from : value,
             steps[i].suffix);
}
