#include "envelope.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#define put_lit(out, literal) sl_buf_append((out), "" literal, sizeof(literal) - 1)

/* What stands for a byte, or NULL: itself. */
typedef const char *escape_fn(unsigned char c, char scratch[8]);

static const char *json_escape_of(unsigned char c, char scratch[8])
{
    if (c >= 0x20 && c != '"' && c != '\\')
        return NULL;
    snprintf(scratch, 8, c >= 0x20 ? "\\%c" : "\\u%04x", c);
    return scratch;
}

static const char *xml_escape_of(unsigned char c, char scratch[8])
{
    (void)scratch;
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

static void put_escaped(sl_buf_t *out, escape_fn *escape, const char *text, size_t len)
{
    char scratch[8];
    const char *end = text + len, *plain = text;
    for (; text < end; text++) {
        const char *instead = escape((unsigned char)*text, scratch);
        if (instead == NULL)
            continue;
        sl_buf_append(out, plain, (size_t)(text - plain));
        sl_buf_append_str(out, instead);
        plain = text + 1;
    }
    sl_buf_append(out, plain, (size_t)(end - plain));
}

void json_escape(sl_buf_t *out, const char *text, size_t len)
{
    put_escaped(out, json_escape_of, text, len);
}

typedef struct field {
    const char *name, *text;
    size_t len;
} field_t;

static void put_json(sl_buf_t *out, const field_t *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sl_buf_append_str(out, i == 0 ? "{\"" : "\",\"");
        sl_buf_append_str(out, fields[i].name);
        put_lit(out, "\":\"");
        json_escape(out, fields[i].text, fields[i].len);
    }
    put_lit(out, "\"}");
}

static void put_xml(sl_buf_t *out, const field_t *fields, size_t count)
{
    put_lit(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
                 "<Notification xmlns=\"http://mns.aliyuncs.com/doc/v1/\">");
    for (size_t i = 0; i < count; i++) {
        put_lit(out, "<");
        sl_buf_append_str(out, fields[i].name);
        put_lit(out, ">");
        put_escaped(out, xml_escape_of, fields[i].text, fields[i].len);
        put_lit(out, "</");
        sl_buf_append_str(out, fields[i].name);
        put_lit(out, ">");
    }
    put_lit(out, "</Notification>");
}

static field_t field(const char *name, const char *text)
{
    return (field_t){name, text, strlen(text)};
}

void envelope_write(sl_buf_t *out, envelope_format_t format, const envelope_t *envelope)
{
    if (format == ENVELOPE_SIMPLIFIED) {
        sl_buf_append(out, envelope->message, envelope->message_len);
        return;
    }
    char md5[MD5_HEX_LEN + 1], time[24];
    md5_hex(envelope->message, envelope->message_len, md5);
    snprintf(time, sizeof time, "%" PRIu64, envelope->publish_time_ms);
    const field_t fields[] = {field("TopicOwner", envelope->account),
                              {"Message", envelope->message, envelope->message_len},
                              field("Subscriber", envelope->account),
                              field("PublishTime", time),
                              field("SubscriptionName", envelope->subscription),
                              field("MessageMD5", md5),
                              field("TopicName", envelope->topic),
                              field("MessageId", envelope->message_id)};
    (format == ENVELOPE_JSON ? put_json : put_xml)(out, fields, sizeof fields / sizeof *fields);
}

void base64_write(sl_buf_t *out, const void *bytes, size_t len)
{
    assert(len < INT32_MAX / 2); /* EVP_EncodeBlock counts in int; a notification has a kilobyte */
    if (sl_buf_reserve(out, (len + 2) / 3 * 4 + 1) == SL_OK)
        out->len += (size_t)EVP_EncodeBlock(out->data + out->len, bytes, (int)len);
}

void md5_hex(const void *bytes, size_t len, char out[MD5_HEX_LEN + 1])
{
    static EVP_MD *md5; /* looking it up by name costs more than the digest itself */
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    if (md5 == NULL)
        md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    int done = md5 != NULL && EVP_Digest(bytes, len, digest, NULL, md5, NULL);
    assert(done == 1);
    (void)done;
    for (size_t i = 0; i < MD5_HEX_LEN / 2; i++) {
        out[2 * i] = "0123456789ABCDEF"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789ABCDEF"[digest[i] & 15];
    }
    out[MD5_HEX_LEN] = '\0';
}
