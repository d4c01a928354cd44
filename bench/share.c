#include "share.h"

#include <sys/mman.h>

static size_t share_bytes(size_t slots)
{
    return sizeof(share_t) + slots * sizeof(share_slot_t);
}

sl_err share_create(share_t **out, size_t slots)
{
    share_t *share =
        mmap(NULL, share_bytes(slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (share == MAP_FAILED)
        return SL_ENOMEM;
    share->count = slots;
    *out = share;
    return SL_OK;
}

void share_destroy(share_t **share)
{
    if (*share != NULL)
        munmap(*share, share_bytes((*share)->count));
    *share = NULL;
}
