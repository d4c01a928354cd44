#include "errors.h"

#include <assert.h>

const local_error_t *local_error(local_err err)
{
#define X(code, status, text) {#code, status, text},
    static const local_error_t rows[] = {{"", 200, ""}, LOCAL_ERROR_MAP(X)};
#undef X
    assert(err > LOCAL_OK && err < LOCAL_ERROR_COUNT);
    return &rows[err];
}
