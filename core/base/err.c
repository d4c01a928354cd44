#include "base/err.h"

const char *sl_err_text(sl_err err)
{
    switch (err) {
#define X(name, number, text) \
    case SL_##name:           \
        return text;
        SL_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *sl_err_name(sl_err err)
{
    switch (err) {
#define X(name, number, text) \
    case SL_##name:           \
        return #name;
        SL_ERR_MAP(X)
#undef X
    }
    return "EUNKNOWN";
}
