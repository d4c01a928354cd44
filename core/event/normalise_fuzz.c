/* normalise_fuzz.c - any bytes as a notification; oracle.h says what must hold. */
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool passed;
    char *json = malloc(size + 1);
    if (json == NULL)
        return 0;
    memcpy(json, data, size);
    json[size] = '\0';
    const char *complaint = oracle_check(json, size, &passed);
    free(json);

    /* Once more without the NUL: a read beyond the text must not go unseen. */
    sl_buf_t event = SL_BUF_INIT;
    event_info_t info;
    event_normalise(&event, &oracle_origin, data, size, &info);
    sl_buf_fini(&event);
    if (complaint != NULL) {
        fprintf(stderr, "%s\n", complaint);
        abort();
    }
    return 0;
}
