#include "call.h"

#include "xml_out.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- asking -------------------------------------------------------------------------------- */

/* Without a type a body counts as XML. */
static bool is_xml_type(const char *type)
{
    size_t len = type != NULL ? strcspn(type, "; \t") : 0;
    return type == NULL || (len == 8 && strncasecmp(type, "text/xml", len) == 0) ||
           (len == 15 && strncasecmp(type, "application/xml", len) == 0);
}

local_err call_xml(call_t *call, const char *name, const xml_node_t **root)
{
    if (!is_xml_type(http_request_header(call->request, "Content-Type")))
        return LOCAL_InvalidContentType;
    size_t len;
    const uint8_t *body = http_request_body(call->request, &len);
    sl_err err = xml_parse(call->local->xml, body, len, root);
    if (err == SL_ENOMEM)
        return LOCAL_InternalError;
    if (err != SL_OK || (name != NULL && strcmp((*root)->name, name) != 0))
        return LOCAL_MalformedXML;
    return LOCAL_OK;
}

local_err call_xml_or_none(call_t *call, const char *name, const xml_node_t **root)
{
    size_t len;
    http_request_body(call->request, &len);
    *root = NULL;
    return len == 0 ? LOCAL_OK : call_xml(call, name, root);
}

bool call_flag(const call_t *call, const char *param)
{
    const char *value = target_param(&call->target, param);
    bool flag;
    return value != NULL && read_bool(value, &flag) && flag;
}

bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    uint64_t number = 0;
    const char *at = text + strspn(text, " \t\r\n");
    const char *digits = at;
    for (; isdigit((unsigned char)*at); at++) {
        number = number * 10 + (uint64_t)(*at - '0');
        if (number > most)
            return false;
    }
    bool ended = at > digits && at[strspn(at, " \t\r\n")] == '\0';
    if (!ended || number < least)
        return false;
    *value = number;
    return true;
}

bool read_bool(const char *text, bool *value)
{
    *value = strcasecmp(text, "true") == 0;
    return *value || strcasecmp(text, "false") == 0;
}

bool child_number(const xml_node_t *node, const char *name, uint64_t least, uint64_t most,
                  uint64_t *value)
{
    const xml_node_t *child = xml_child(node, name);
    return child == NULL || read_number(child->text, least, most, value);
}

local_err check_name(const char *name, size_t max, local_err length, local_err invalid)
{
    size_t len = strlen(name);
    if (len == 0 || len > max)
        return length;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && (name[i] != '-' || i == 0))
            return invalid;
    return LOCAL_OK;
}

local_err call_has_room(call_t *call)
{
    if (call->local->disk == NULL || !disk_is_short(call->local->disk))
        return LOCAL_OK;
    call->detail = "The disk is full.";
    return LOCAL_InternalError;
}

/* -- answering ----------------------------------------------------------------------------- */

/* Writes the request's id, and counts the call. */
static void begin(local_t *local, answer_t *answer, unsigned status)
{
    *answer = (answer_t){.status = status};
    snprintf(answer->id, sizeof answer->id, "%08" PRIX32 "%016" PRIX64,
             (uint32_t)(local->boot >> 32), ++local->request_number);
    local_count(local, LOCAL_COUNT_CALLS, 1);
}

static void send_answer(local_t *local, http_request_t *request, answer_t *answer)
{
    answers_send(&local->answers, request, answer, local->queues.now_ms);
}

static void write_error(local_t *local, answer_t *answer, const local_error_t *error,
                        const char *detail)
{
    enum { RETRY_AFTER_S = 1 };
    sl_buf_t *body = &answer->body;
    xml_root(body, "Error");
    xml_text(body, "Code", error->code);
    xml_text(body, "Message", detail != NULL ? detail : error->text);
    xml_text(body, "RequestId", answer->id);
    sl_buf_printf(body, "<HostId>http://%s.mns.%s.aliyuncs.com</HostId>", local->options.account,
                  local->options.region);
    xml_close(body, "Error");
    /* without memory for words, the status alone still tells */
    if (body->failed)
        sl_buf_clear(body);
    answer->status = error->status;
    answer->retry_after_s = error->status == 429 ? RETRY_AFTER_S : 0;
    local_count(local, LOCAL_COUNT_ERRORS, 1);
}

static void fail(local_t *local, http_request_t *request, answer_t *answer,
                 const local_error_t *error, const char *detail)
{
    write_error(local, answer, error, detail);
    send_answer(local, request, answer);
}

/* What it told is not on disk. */
static void spoil(void *ctx, answer_t *answer)
{
    free(answer->location);
    answer->location = NULL;
    sl_buf_clear(&answer->body);
    write_error(ctx, answer, local_error(LOCAL_InternalError), "The disk failed.");
}

void call_settle(local_t *local, bool saved)
{
    answers_settle(&local->answers, saved ? NULL : spoil, local, local->queues.now_ms);
}

void call_reply(local_t *local, http_request_t *request, unsigned status, const char *location,
                sl_buf_t *body)
{
    answer_t answer;
    begin(local, &answer, status);
    answer.location = location != NULL ? strdup(location) : NULL;
    if ((body != NULL && body->failed) || (location != NULL && answer.location == NULL)) {
        if (body != NULL)
            sl_buf_fini(body);
        free(answer.location);
        answer.location = NULL;
        fail(local, request, &answer, local_error(LOCAL_InternalError), "out of memory");
        return;
    }
    if (body != NULL) {
        answer.body = *body;
        *body = SL_BUF_INIT;
    }
    send_answer(local, request, &answer);
}

void call_fail_with(local_t *local, http_request_t *request, const local_error_t *error,
                    const char *detail)
{
    answer_t answer;
    begin(local, &answer, error->status);
    fail(local, request, &answer, error, detail);
}

void call_fail(local_t *local, http_request_t *request, local_err err, const char *detail)
{
    call_fail_with(local, request, local_error(err), detail);
}

void append_host(sl_buf_t *out, const call_t *call)
{
    const char *host = http_request_header(call->request, "Host");
    bool sane = host != NULL && host[0] != '\0';
    for (const char *at = host; sane && *at != '\0'; at++)
        sane = isalnum((unsigned char)*at) || strchr(".-:[]_", *at) != NULL;
    sl_buf_append_str(out, sane ? host : local_url(call->local) + strlen("http://"));
}

local_err reply_located(call_t *call, unsigned status, const char *scheme)
{
    sl_buf_t *url = &call->local->scratch;
    sl_buf_clear(url);
    sl_buf_append_str(url, scheme);
    append_host(url, call);
    for (size_t i = 0; i < call->target.segment_count; i++)
        sl_buf_printf(url, "/%s", call->target.segments[i]);
    sl_buf_append_byte(url, 0);
    if (url->failed)
        return LOCAL_InternalError;
    call_reply(call->local, call->request, status, (const char *)url->data, NULL);
    return LOCAL_OK;
}

/* -- listing ------------------------------------------------------------------------------- */

enum { LIST_MAX = 1000 };

local_err listing_start(listing_t *l, const call_t *call)
{
    uint64_t limit = LIST_MAX;
    const char *number = http_request_header(call->request, "x-mns-ret-number");
    if (number != NULL && !read_number(number, 1, LIST_MAX, &limit))
        return LOCAL_InvalidArgument;
    const char *prefix = http_request_header(call->request, "x-mns-prefix");
    const char *marker = http_request_header(call->request, "x-mns-marker");
    const char *meta = http_request_header(call->request, "x-mns-with-meta");
    *l = (listing_t){.prefix = prefix != NULL ? prefix : "",
                     .marker = marker != NULL ? marker : "",
                     .limit = limit};
    if (meta != NULL && !read_bool(meta, &l->with_meta))
        return LOCAL_InvalidArgument;
    return LOCAL_OK;
}

void listing_add(listing_t *l, const char *name)
{
    if (strncmp(name, l->prefix, strlen(l->prefix)) != 0 || strcmp(name, l->marker) <= 0)
        return;
    if (l->count == l->cap) {
        size_t cap = l->cap > 0 ? l->cap * 2 : 16;
        const char **names = realloc(l->names, cap * sizeof *names);
        if (names == NULL) {
            l->failed = true;
            return;
        }
        l->names = names;
        l->cap = cap;
    }
    l->names[l->count++] = name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_page(sl_buf_t *out, listing_t *l, const call_t *call, const char *root,
                       entry_fn *write_entry)
{
    if (l->count > 0)
        qsort(l->names, l->count, sizeof *l->names, by_name);
    size_t shown = l->count < l->limit ? l->count : l->limit;
    xml_root(out, root);
    for (size_t i = 0; i < shown; i++)
        write_entry(out, call, l->names[i], l->with_meta);
    if (shown < l->count) /* else no empty element: one client fails on it */
        xml_text(out, "NextMarker", l->names[shown - 1]);
    xml_close(out, root);
}

local_err listing_reply(listing_t *l, const call_t *call, const char *root, entry_fn *write_entry)
{
    sl_buf_t out = SL_BUF_INIT;
    bool failed = l->failed;
    if (!failed)
        write_page(&out, l, call, root, write_entry);
    free(l->names);
    if (failed)
        return LOCAL_InternalError;
    call_reply(call->local, call->request, 200, NULL, &out);
    return LOCAL_OK;
}
