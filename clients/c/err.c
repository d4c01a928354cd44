#include "sluice.h"

#include "base/err.h"

/* The two lists are written down twice, since sluice.h stands alone; here they are held together.
 */
#define X(name, number, text) _Static_assert((int)SLUICE_##name == (int)SL_##name, #name);
SLUICE_ERR_MAP(X)
#undef X

const char *sluice_err_text(sluice_err err)
{
    switch (err) {
#define X(name, number, text) \
    case SLUICE_##name:       \
        return text;
        SLUICE_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *sluice_version(void)
{
    return SLUICE_VERSION;
}
