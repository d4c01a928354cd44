#include "mns_xml.h"

#include <openssl/evp.h>

#define PROLOG "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define XMLNS  " xmlns=\"http://mns.aliyuncs.com/doc/v1/\">"

#define put_lit(out, literal) sl_buf_append((out), "" literal, sizeof(literal) - 1)

/* What a byte is to XML text: carried as it is, or needing a closer look. */
static bool plain(unsigned char byte)
{
    return (byte >= 0x20 && byte < 0x80 && byte != '&' && byte != '<' && byte != '>') ||
           byte == '\n' || byte == '\t';
}

/* The length of the UTF-8 sequence at `s`, or 0: malformed, overlong, surrogate, beyond U+10FFFF,
 * or one of the two that XML 1.0 excludes, U+FFFE and U+FFFF. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char lead_first, lead_last, second_first, second_last, length;
    } rows[] = {/* Unicode, table 3-7 */
                {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
                {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (s[0] < rows[i].lead_first || s[0] > rows[i].lead_last)
            continue;
        if (len < rows[i].length || s[1] < rows[i].second_first || s[1] > rows[i].second_last)
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        bool excluded = s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE;
        return excluded ? 0 : rows[i].length;
    }
    return 0;
}

bool mns_xml_escape(sl_buf_t *out, const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t start = 0, i = 0;
    while (i < len) {
        if (plain(s[i])) {
            i++;
            continue;
        }
        if (s[i] >= 0x80) {
            size_t n = utf8_sequence(s + i, len - i);
            if (n == 0)
                return false;
            i += n;
            continue;
        }
        sl_buf_append(out, text + start, i - start);
        switch (s[i]) {
        case '&':
            put_lit(out, "&amp;");
            break;
        case '<':
            put_lit(out, "&lt;");
            break;
        case '>':
            put_lit(out, "&gt;");
            break;
        case '\r': /* a bare one would arrive as a line feed (XML 1.0, 2.11) */
            put_lit(out, "&#13;");
            break;
        default:
            return false;
        }
        start = ++i;
    }
    sl_buf_append(out, text + start, len - start);
    return true;
}

static void put_number(sl_buf_t *out, const char *name, int64_t value)
{
    sl_buf_printf(out, "<%s>%lld</%s>", name, (long long)value, name);
}

static void put_optional(sl_buf_t *out, const char *name, int64_t value)
{
    if (value >= 0)
        put_number(out, name, value);
}

static bool put_text(sl_buf_t *out, const char *name, const char *text)
{
    if (text == NULL)
        return true;
    sl_buf_printf(out, "<%s>", name);
    bool ok = mns_xml_escape(out, text, strlen(text));
    sl_buf_printf(out, "</%s>", name);
    return ok;
}

static bool put_base64(sl_buf_t *out, const char *bytes, size_t len)
{
    if (len > INT32_MAX / 2) /* EVP_EncodeBlock counts in int */
        return false;
    if (sl_buf_reserve(out, (len + 2) / 3 * 4 + 1) == SL_OK)
        out->len +=
            (size_t)EVP_EncodeBlock(out->data + out->len, (const unsigned char *)bytes, (int)len);
    return true;
}

/* <MessageBody> of one message; the part that a send and a publish share. */
static bool put_body(sl_buf_t *out, const mns_outgoing_t *message)
{
    put_lit(out, "<MessageBody>");
    bool ok = message->base64 ? put_base64(out, message->body, message->body_len)
                              : mns_xml_escape(out, message->body, message->body_len);
    put_lit(out, "</MessageBody>");
    return ok;
}

static bool put_properties(sl_buf_t *out, const mns_outgoing_t *message)
{
    bool ok = true;
    if (message->property_count == 0)
        return true;
    put_lit(out, "<UserProperties>");
    for (size_t i = 0; i < message->property_count && ok; i++) {
        const mns_property_t *property = &message->properties[i];
        put_lit(out, "<PropertyValue>");
        ok = put_text(out, "Name", property->name) && put_text(out, "Value", property->value) &&
             put_text(out, "Type", property->type);
        put_lit(out, "</PropertyValue>");
    }
    put_lit(out, "</UserProperties>");
    return ok;
}

static bool put_outgoing(sl_buf_t *out, const mns_outgoing_t *message)
{
    if (!put_body(out, message))
        return false;
    put_optional(out, "DelaySeconds", message->delay_seconds);
    if (message->priority > 0)
        put_number(out, "Priority", message->priority);
    return put_properties(out, message);
}

mns_err mns_xml_write_message(sl_buf_t *out, const mns_request_t *request)
{
    put_lit(out, PROLOG "<Message" XMLNS);
    bool ok = put_outgoing(out, request->outgoing);
    put_lit(out, "</Message>");
    return ok ? MNS_OK : MNS_EINVAL;
}

mns_err mns_xml_write_messages(sl_buf_t *out, const mns_request_t *request)
{
    bool ok = true;
    put_lit(out, PROLOG "<Messages" XMLNS);
    for (uint32_t i = 0; i < request->count && ok; i++) {
        put_lit(out, "<Message>");
        ok = put_outgoing(out, &request->outgoing[i]);
        put_lit(out, "</Message>");
    }
    put_lit(out, "</Messages>");
    return ok ? MNS_OK : MNS_EINVAL;
}

/* -- JSON within XML: attributes of mails and short messages --------------------------------- */

/* Appends a JSON string, as XML carries it.  What JSON must escape is ASCII, and its escapes hold
 * nothing that XML would; everything else goes through as text. */
static bool put_json_string(sl_buf_t *out, const char *text)
{
    bool ok = true;
    sl_buf_append_byte(out, '"');
    while (*text != '\0' && ok) {
        size_t plain_len = 0;
        while ((unsigned char)text[plain_len] >= 0x20 && text[plain_len] != '"' &&
               text[plain_len] != '\\')
            plain_len++;
        ok = mns_xml_escape(out, text, plain_len);
        text += plain_len;
        if (*text == '"' || *text == '\\')
            sl_buf_printf(out, "\\%c", *text++);
        else if (*text != '\0')
            sl_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*text++);
    }
    sl_buf_append_byte(out, '"');
    return ok;
}

/* One member, with the comma before it unless it is the object's first. */
static void put_json_key(sl_buf_t *out, const char *key)
{
    sl_buf_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", key);
}

static bool put_json_text(sl_buf_t *out, const char *key, const char *text)
{
    put_json_key(out, key);
    return put_json_string(out, text);
}

static void put_json_flag(sl_buf_t *out, const char *key, bool flag)
{
    put_json_key(out, key);
    sl_buf_append_byte(out, flag ? '1' : '0');
}

static bool put_mail(sl_buf_t *out, const mns_mail_t *mail)
{
    put_lit(out, "<DirectMail>{");
    if (out->failed) /* put_json_key looks at what was written */
        return true;
    bool ok = put_json_text(out, "AccountName", mail->account_name) &&
              put_json_text(out, "Subject", mail->subject);
    put_json_flag(out, "AddressType", mail->address_type);
    put_json_flag(out, "IsHtml", mail->is_html);
    put_json_flag(out, "ReplyToAddress", mail->reply_to_address);
    put_lit(out, "}</DirectMail>");
    return ok;
}

static bool put_sms(sl_buf_t *out, const mns_sms_t *sms)
{
    put_lit(out, "<DirectSMS>{");
    if (out->failed)
        return true;
    bool ok = put_json_text(out, "FreeSignName", sms->free_sign_name) &&
              put_json_text(out, "TemplateCode", sms->template_code) &&
              put_json_text(out, "Type", sms->type != NULL ? sms->type : "singleContent") &&
              (sms->receiver == NULL || put_json_text(out, "Receiver", sms->receiver)) &&
              put_json_text(out, "SmsParams", sms->sms_params != NULL ? sms->sms_params : "{}");
    put_lit(out, "}</DirectSMS>");
    return ok;
}

static bool put_attributes(sl_buf_t *out, const mns_request_t *request)
{
    if (request->mail == NULL && request->sms == NULL)
        return true;
    put_lit(out, "<MessageAttributes>");
    bool ok = (request->mail == NULL || put_mail(out, request->mail)) &&
              (request->sms == NULL || put_sms(out, request->sms));
    put_lit(out, "</MessageAttributes>");
    return ok;
}

mns_err mns_xml_write_publish(sl_buf_t *out, const mns_request_t *request)
{
    put_lit(out, PROLOG "<Message" XMLNS);
    bool ok = put_body(out, request->outgoing) &&
              put_text(out, "MessageTag", request->message_tag) && put_attributes(out, request) &&
              put_properties(out, request->outgoing);
    put_lit(out, "</Message>");
    return ok ? MNS_OK : MNS_EINVAL;
}

mns_err mns_xml_write_handles(sl_buf_t *out, const mns_request_t *request)
{
    bool ok = true;
    put_lit(out, PROLOG "<ReceiptHandles" XMLNS);
    for (uint32_t i = 0; i < request->count && ok; i++) {
        const char *handle = request->receipt_handles[i];
        put_lit(out, "<ReceiptHandle>");
        ok = mns_xml_escape(out, handle, strlen(handle));
        put_lit(out, "</ReceiptHandle>");
    }
    put_lit(out, "</ReceiptHandles>");
    return ok ? MNS_OK : MNS_EINVAL;
}

static void put_logging(sl_buf_t *out, int64_t enabled)
{
    if (enabled >= 0)
        put_text(out, "LoggingEnabled", enabled ? "True" : "False");
}

mns_err mns_xml_write_queue(sl_buf_t *out, const mns_request_t *request)
{
    const mns_queue_attributes_t *attributes = request->queue_attributes;
    put_lit(out, PROLOG "<Queue" XMLNS);
    if (attributes != NULL) {
        put_optional(out, "DelaySeconds", attributes->delay_seconds);
        put_optional(out, "MaximumMessageSize", attributes->maximum_message_size);
        put_optional(out, "MessageRetentionPeriod", attributes->message_retention_period);
        put_optional(out, "VisibilityTimeout", attributes->visibility_timeout);
        put_optional(out, "PollingWaitSeconds", attributes->polling_wait_seconds);
        put_logging(out, attributes->logging_enabled);
    }
    put_lit(out, "</Queue>");
    return MNS_OK;
}

mns_err mns_xml_write_topic(sl_buf_t *out, const mns_request_t *request)
{
    const mns_topic_attributes_t *attributes = request->topic_attributes;
    put_lit(out, PROLOG "<Topic" XMLNS);
    if (attributes != NULL) {
        put_optional(out, "MaximumMessageSize", attributes->maximum_message_size);
        put_logging(out, attributes->logging_enabled);
    }
    put_lit(out, "</Topic>");
    return MNS_OK;
}

mns_err mns_xml_write_subscription(sl_buf_t *out, const mns_request_t *request)
{
    const mns_subscription_t *attributes = request->subscription_attributes;
    put_lit(out, PROLOG "<Subscription" XMLNS);
    bool ok = put_text(out, "Endpoint", attributes->endpoint) &&
              put_text(out, "FilterTag", attributes->filter_tag) &&
              put_text(out, "NotifyStrategy", attributes->notify_strategy) &&
              put_text(out, "NotifyContentFormat", attributes->notify_format);
    put_lit(out, "</Subscription>");
    return ok ? MNS_OK : MNS_EINVAL;
}

mns_err mns_xml_write_strategy(sl_buf_t *out, const mns_request_t *request)
{
    put_lit(out, PROLOG "<Subscription" XMLNS);
    bool ok = put_text(out, "NotifyStrategy", request->subscription_attributes->notify_strategy);
    put_lit(out, "</Subscription>");
    return ok ? MNS_OK : MNS_EINVAL;
}
