#include "envelope.h"

#include "xml_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- JSON ---------------------------------------------------------------------------------- */

void json_escape(sl_buf_t *out, const char *text, size_t len)
{
    const char *end = text + len, *plain = text;
    for (const char *at = text; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        sl_buf_append(out, plain, (size_t)(at - plain));
        plain = at + 1;
        if (c >= 0x20)
            sl_buf_append(out, (const char[]){'\\', (char)c}, 2);
        else
            sl_buf_printf(out, "\\u%04x", c);
    }
    sl_buf_append(out, plain, (size_t)(end - plain));
}

static void json_field(sl_buf_t *out, const char *name, const char *text, size_t len)
{
    sl_buf_append_str(out, out->len == 0 ? "{\"" : ",\"");
    sl_buf_append_str(out, name);
    sl_buf_append_str(out, "\":\"");
    json_escape(out, text, len);
    sl_buf_append_byte(out, '"');
}

/* -- XML ----------------------------------------------------------------------------------- */

static void xml_field(sl_buf_t *out, const char *name, const char *text, size_t len)
{
    if (out->len == 0)
        xml_root(out, "Notification");
    xml_open(out, name);
    xml_escape(out, text, len);
    xml_close(out, name);
}

/* -- both ---------------------------------------------------------------------------------- */

typedef void field_fn(sl_buf_t *out, const char *name, const char *text, size_t len);

static void write_fields(sl_buf_t *out, field_fn *field, const notification_t *n)
{
    char time[24];
    snprintf(time, sizeof time, "%" PRIu64, n->publish_ms);
    field(out, "TopicOwner", n->owner, strlen(n->owner));
    field(out, "TopicName", n->topic, strlen(n->topic));
    field(out, "Subscriber", n->owner, strlen(n->owner)); /* one machine, one account */
    field(out, "SubscriptionName", n->subscription, strlen(n->subscription));
    field(out, "MessageId", n->message_id, strlen(n->message_id));
    field(out, "Message", n->message, n->message_len);
    field(out, "MessageMD5", n->md5, strlen(n->md5));
    if (n->tag[0] != '\0')
        field(out, "MessageTag", n->tag, strlen(n->tag));
    field(out, "PublishTime", time, strlen(time));
}

void envelope_write(sl_buf_t *out, notify_format_t format, const notification_t *n)
{
    sl_buf_clear(out);
    if (format == NOTIFY_SIMPLIFIED) {
        sl_buf_append(out, n->message, n->message_len);
    } else if (format == NOTIFY_JSON) {
        write_fields(out, json_field, n);
        sl_buf_append_byte(out, '}');
    } else {
        write_fields(out, xml_field, n);
        xml_close(out, "Notification");
    }
}
