/* route.h - which operation is this?  One table: method, path, operation. */
#ifndef LOCAL_ROUTE_H
#define LOCAL_ROUTE_H

#include "operation.h"
#include "ops.h"

typedef struct route route_t;

/** NULL: there is no such operation. */
const route_t *route_find(const char *method, const target_t *target);

local_err route_perform(const route_t *route, call_t *call);

/** Its name; what several operations share a route is told by parameters and body. */
operation_t route_operation(const route_t *route, const call_t *call);

#endif
