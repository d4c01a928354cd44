/* numbers.h - figures as a person reads them. */
#ifndef BENCH_NUMBERS_H
#define BENCH_NUMBERS_H

#include <stddef.h>

enum { NUMBERS_TEXT_MAX = 80 };

/** 3500000 -> "3,500,000": long rates are read in thousands.  @param digits after the point. */
void numbers_grouped(char *out, size_t size, double value, int digits);

/** With about three digits that count, whatever the size: "7,183,557", "426", "25.4", "0.254", "2";
 * "–" for NaN. */
void numbers_plain(char *out, size_t size, double value);

/** Short, for a plot: "7.18M", "250k", "0.05". */
void numbers_short(char *out, size_t size, double value);

#endif
