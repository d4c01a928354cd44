#include "mns_push_head.h"

#include <stdlib.h>
#include <strings.h>

static const char PREFIX[] = "x-mns-";
enum { PREFIX_LEN = sizeof PREFIX - 1, TIME_DIGITS_MAX = 18 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Blanks around a value are the line's, not the value's (RFC 9110, 5.5). */
static mns_push_text_view_t trimmed(const mns_push_header_t *header)
{
    const char *at = header->value;
    size_t len = header->value_len;
    while (len > 0 && is_blank(*at)) {
        at++;
        len--;
    }
    while (len > 0 && is_blank(at[len - 1]))
        len--;
    return (mns_push_text_view_t){at == NULL ? "" : at, len};
}

static bool is_named(const mns_push_header_t *header, const char *name)
{
    return header->name_len == strlen(name) &&
           strncasecmp(header->name, name, header->name_len) == 0;
}

static bool breaks_line(const char *at, size_t len)
{
    return len > 0 && (memchr(at, '\n', len) != NULL || memchr(at, '\r', len) != NULL ||
                       memchr(at, '\0', len) != NULL);
}

static int by_name(const void *left, const void *right)
{
    const mns_push_header_t *a = left, *b = right;
    size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = strncasecmp(a->name, b->name, len); /* compares as if in lower case */
    return order != 0 ? order : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* Notes a header by its name, the first of each. */
static void take(mns_push_head_t *head, const mns_push_header_t *header)
{
    const struct {
        const char *name;
        mns_push_text_view_t *view;
    } known[] = {
#define X(text, member) {text, &head->member},
        MNS_PUSH_HEADER_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!is_named(header, known[i].name))
            continue;
        if (known[i].view->at != NULL)
            head->twice = true;
        else
            *known[i].view = trimmed(header);
        return;
    }
}

static void cover(mns_push_head_t *head, const mns_push_header_t *header)
{
    if (header->name_len < PREFIX_LEN || strncasecmp(header->name, PREFIX, PREFIX_LEN) != 0)
        return;
    if (head->covered_count == MNS_PUSH_SIGNED_MAX) {
        head->broken = true;
        return;
    }
    mns_push_text_view_t value = trimmed(header);
    head->covered[head->covered_count++] =
        (mns_push_header_t){header->name, value.at, header->name_len, value.len};
}

/* The string to sign must have one reading only. */
static void look_for_breaks(mns_push_head_t *head)
{
    const mns_push_text_view_t lines[] = {head->content_md5, head->content_type, head->date};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        head->broken |= breaks_line(lines[i].at, lines[i].len);
    for (size_t i = 0; i < head->covered_count; i++) {
        const mns_push_header_t *header = &head->covered[i];
        head->twice |= i > 0 && by_name(header, header - 1) == 0;
        head->broken |= breaks_line(header->name, header->name_len) ||
                        memchr(header->name, ':', header->name_len) != NULL ||
                        breaks_line(header->value, header->value_len);
    }
}

void mns_push_head_read(mns_push_head_t *head, const mns_push_request_t *request)
{
    *head = (mns_push_head_t){0};
    for (size_t i = 0; i < request->header_count; i++) {
        take(head, &request->headers[i]);
        cover(head, &request->headers[i]);
    }
    qsort(head->covered, head->covered_count, sizeof head->covered[0], by_name);
    look_for_breaks(head);
    head->broken |= breaks_line(request->target, strlen(request->target));
}

static int64_t read_time(mns_push_text_view_t text)
{
    int64_t value = 0;
    if (text.len > TIME_DIGITS_MAX)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
        value = value * 10 + (text.at[i] - '0');
    }
    return value;
}

void mns_push_head_tell(const mns_push_head_t *head, mns_push_info_t *info)
{
    *info = (mns_push_info_t){
        .message_id = head->message_id,
        .message_tag = head->message_tag,
        .topic_owner = head->topic_owner,
        .topic_name = head->topic_name,
        .subscriber = head->subscriber,
        .subscription_name = head->subscription_name,
        .request_id = head->request_id,
        .publish_time_ms = read_time(head->publish_time),
    };
}

static void put_line(sl_buf_t *out, mns_push_text_view_t text)
{
    sl_buf_append(out, text.at, text.len);
    sl_buf_append_byte(out, '\n');
}

void mns_push_string_to_sign(sl_buf_t *out, const mns_push_head_t *head,
                             const mns_push_request_t *request)
{
    sl_buf_append_str(out, request->method);
    sl_buf_append_byte(out, '\n');
    put_line(out, head->content_md5);
    put_line(out, head->content_type);
    put_line(out, head->date);
    for (size_t i = 0; i < head->covered_count; i++) {
        const mns_push_header_t *header = &head->covered[i];
        for (size_t c = 0; c < header->name_len; c++) {
            char letter = header->name[c];
            sl_buf_append_byte(out,
                               (uint8_t)(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter));
        }
        sl_buf_append_byte(out, ':');
        put_line(out, (mns_push_text_view_t){header->value, header->value_len});
    }
    sl_buf_append_str(out, request->target);
}
