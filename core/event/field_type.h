/* field_type.h - event_field_type, inlined into the normaliser. */
#ifndef EVENT_FIELD_TYPE_H
#define EVENT_FIELD_TYPE_H

#include "event/catalogue.h"

#include <string.h>

#define FIELD_IS(name, literal) (memcmp((name), (literal), sizeof(literal) - 1) == 0)

static inline field_type_t field_type(const char *name, size_t len)
{
    if (len >= 4 && memcmp(name + len - 4, "Time", 4) == 0)
        return FIELD_TIME;
    bool is_int = (len == 8 && (FIELD_IS(name, "Progress") || FIELD_IS(name, "ExitCode"))) ||
                  (len == 2 && FIELD_IS(name, "To")) || (len == 4 && FIELD_IS(name, "From")) ||
                  (len == 10 && FIELD_IS(name, "RetryCount"));
    return is_int ? FIELD_INT : FIELD_VERBATIM;
}

#endif
