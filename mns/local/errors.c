#include "errors.h"

#include <assert.h>
#include <string.h>

#define X(code, status, text) {#code, status, text},
static const local_error_t rows[] = {{"", 200, ""}, LOCAL_ERROR_MAP(X)};
#undef X

const local_error_t *local_error(local_err err)
{
    assert(err > LOCAL_OK && err < LOCAL_ERROR_COUNT);
    return &rows[err];
}

unsigned local_error_status(const char *code)
{
    for (int err = LOCAL_OK + 1; err < LOCAL_ERROR_COUNT; err++)
        if (strcmp(rows[err].code, code) == 0)
            return rows[err].status;
    return rows[LOCAL_InternalError].status;
}
