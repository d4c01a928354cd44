#include "wrap.h"

#include <openssl/evp.h>
#include <stdlib.h>

const char wrap_right_md5[] = "right";
const wrap_envelope_t wrap_usual = {.owner = "123456789012",
                                    .topic = "batch",
                                    .subscription = "to-queue",
                                    .id = "6F2B7E1D0C9A4B35A8D1E2F300000001",
                                    .time = "1780315200123",
                                    .md5 = wrap_right_md5};

static void put_md5(sl_buf_t *out, const void *body, size_t len)
{
    uint8_t sum[16];
    EVP_Digest(body, len, sum, NULL, EVP_md5(), NULL);
    for (size_t i = 0; i < sizeof sum; i++)
        sl_buf_printf(out, "%02X", sum[i]);
}

static void put_json_string(sl_buf_t *out, const char *text, size_t len)
{
    sl_buf_append_byte(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            sl_buf_printf(out, "\\%c", c);
        else if (c == '\n')
            sl_buf_append_str(out, "\\n");
        else if (c < 0x20)
            sl_buf_printf(out, "\\u%04x", c);
        else
            sl_buf_append_byte(out, c);
    }
    sl_buf_append_byte(out, '"');
}

static void put_xml_text(sl_buf_t *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '&')
            sl_buf_append_str(out, "&amp;");
        else if (text[i] == '<')
            sl_buf_append_str(out, "&lt;");
        else if (text[i] == '>')
            sl_buf_append_str(out, "&gt;");
        else if (text[i] == '\r') /* bare, a parser would take it for part of a line break */
            sl_buf_append_str(out, "&#13;");
        else
            sl_buf_append_byte(out, (uint8_t)text[i]);
}

static void put_member(sl_buf_t *out, wrap_form_t form, const char *name, const char *text,
                       size_t len)
{
    if (form == WRAP_JSON) {
        if (out->data[out->len - 1] != '{')
            sl_buf_append_byte(out, ',');
        sl_buf_printf(out, "\"%s\":", name);
        put_json_string(out, text, len);
    } else {
        sl_buf_printf(out, "  <%s>", name);
        put_xml_text(out, text, len);
        sl_buf_printf(out, "</%s>\n", name);
    }
}

static void put_named(sl_buf_t *out, wrap_form_t form, const char *name, const char *text)
{
    if (text != NULL)
        put_member(out, form, name, text, strlen(text));
}

void wrap_body(sl_buf_t *out, wrap_form_t form, const wrap_envelope_t *envelope, const void *body,
               size_t len)
{
    if (form == WRAP_BARE) {
        sl_buf_append(out, body, len);
        return;
    }
    sl_buf_t md5 = SL_BUF_INIT;
    put_md5(&md5, body, len);
    sl_buf_append_byte(&md5, '\0');
    sl_buf_append_str(out, form == WRAP_JSON ? "{"
                                             : "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                                               "<Notification "
                                               "xmlns=\"http://mns.aliyuncs.com/doc/v1/\">\n");
    put_named(out, form, "TopicOwner", envelope->owner);
    put_member(out, form, "Message", body, len);
    put_named(out, form, "Subscriber", envelope->owner);
    put_named(out, form, "PublishTime", envelope->time);
    put_named(out, form, "SubscriptionName", envelope->subscription);
    put_named(out, form, "MessageMD5",
              envelope->md5 == wrap_right_md5 ? (const char *)md5.data : envelope->md5);
    put_named(out, form, "TopicName", envelope->topic);
    put_named(out, form, "MessageId", envelope->id);
    sl_buf_append_str(out, form == WRAP_JSON ? "}" : "</Notification>\n");
    sl_buf_fini(&md5);
}

void wrap_base64(sl_buf_t *out, const void *bytes, size_t len)
{
    if (sl_buf_reserve(out, len / 3 * 4 + 5) != SL_OK)
        abort();
    out->len += (size_t)EVP_EncodeBlock(out->data + out->len, bytes, (int)len);
}
