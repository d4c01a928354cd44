/* route.h - which operation is this?  One table: method, path, operation. */
#ifndef LOCAL_ROUTE_H
#define LOCAL_ROUTE_H

#include "ops.h"

/** The operation; NULL: there is none. */
op_fn *route_find(const char *method, const target_t *target);

#endif
