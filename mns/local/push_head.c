#include "push_head.h"

#include <ctype.h>
#include <openssl/evp.h>

#define X(name, text) text,
const char *const push_header_names[] = {PUSH_HEADERS(X)};
#undef X

void push_string_to_sign(sl_buf_t *out, const push_head_t *head)
{
    sl_buf_printf(out, "POST\n%s\n%s\n%s\n", head->content_md5, head->content_type, head->date);
    for (size_t i = 0; i < PUSH_HEADER_COUNT; i++)
        if (head->values[i] != NULL && head->values[i][0] != '\0')
            sl_buf_printf(out, "%s:%s\n", push_header_names[i], head->values[i]);
    sl_buf_append_str(out, head->target);
}

void push_content_md5(notify_format_t format, const uint8_t md5[MD5_BYTES],
                      char out[PUSH_CONTENT_MD5_MAX + 1])
{
    char hex[MD5_HEX + 1] = "";
    digest_md5_hex(md5, hex);
    if (format != NOTIFY_XML) {
        memcpy(out, hex, sizeof hex);
        return;
    }
    for (size_t i = 0; i < MD5_HEX; i++)
        hex[i] = (char)tolower((unsigned char)hex[i]);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)hex, MD5_HEX);
}

const char *push_content_type(notify_format_t format)
{
    /* what the service says beside JSON is not known: as beside SIMPLIFIED */
    return format == NOTIFY_XML ? "text/xml;charset=utf-8" : "text/plain;charset=utf-8";
}
