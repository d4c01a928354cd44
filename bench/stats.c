#include "stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { STATS_VALUES_MAX = 1000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

stats_t stats_of(const double *values, size_t count)
{
    assert(count > 0 && count <= STATS_VALUES_MAX);
    double sorted[STATS_VALUES_MAX];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, by_value);
    double median =
        count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return (stats_t){.median = median, .min = sorted[0], .max = sorted[count - 1]};
}

double stats_spread(const stats_t *stats)
{
    return stats->median == 0 ? 0 : (stats->max - stats->min) / stats->median;
}
