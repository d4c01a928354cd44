/* values.c - puts the numbers that stand on stdin, one a line, into base's histogram and writes it:
 * first as percentile text, then the value at each share given as an argument.
 *
 *     printf '%s\n' 25 50 75 | histogram_values 0.5 1
 *
 * The numbers take turns in several histograms, as those of several processes would. */
#include "base/histogram_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HISTOGRAMS = 3 };

int main(int argc, char **argv)
{
    static histogram_t histograms[HISTOGRAMS];
    uint64_t value;
    for (size_t i = 0; scanf("%" SCNu64, &value) == 1; i++)
        histogram_add(&histograms[i % HISTOGRAMS], value);
    if (!feof(stdin)) {
        fprintf(stderr, "histogram_values: that is no number\n");
        return 1;
    }
    if (histogram_write_text(stdout, histograms, HISTOGRAMS, 1) != SL_OK)
        return 1;
    for (int i = 1; i < argc; i++)
        printf("%s %" PRIu64 "\n", argv[i],
               histogram_quantile(histograms, HISTOGRAMS, strtod(argv[i], NULL)));
    return 0;
}
