/* local_request_fuzz.c - requests from a client gone mad.
 *
 *     /queues/a/messages?numOfMessages=16     target
 *     x-mns-version: 2015-06-06               headers, as many as there are
 *                                             a blank line
 *     <Message>…</Message>                    the body
 *
 * Target, headers and body are read as the server reads them.  What comes out must hold together,
 * nobody may pass who does not know the secret, and what is written from it must read the same. */
#include "auth.h"
#include "call.h"
#include "endpoint.h"
#include "envelope.h"
#include "note.h"
#include "property.h"
#include "route.h"
#include "xml_out.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { INPUT_MAX = 64 * 1024, HEADERS_MAX = 200 };

static xml_doc_t *doc, *second;
static digest_t *digest;
static sl_clock_manual_t now;
static auth_t auth;
static sl_buf_t memory, out;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void setup(void)
{
    sl_clock_manual_init(&now, 1, 1780315200ull * 1000000000); /* 1 June 2026, 12:00 */
    must(xml_doc_create(&doc) == SL_OK && xml_doc_create(&second) == SL_OK);
    must(digest_create(&digest, "secret") == SL_OK);
    auth_init(&auth, "id", digest, &now.clock);
}

/* -- the target ---------------------------------------------------------------------------- */

static void read_target(const char *text)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    target_t target;
    size_t decoded = 0;
    if (target_parse(&target, text, &memory) != LOCAL_OK)
        return;
    must(target.resource[0] == '/' && target.resource[1] != '/');
    must(target.segment_count <= TARGET_SEGMENTS_MAX && target.param_count <= TARGET_PARAMS_MAX);
    for (size_t i = 0; i < target.segment_count; i++)
        decoded += strlen(target.segments[i]);
    for (size_t i = 0; i < target.param_count; i++) {
        decoded += strlen(target.params[i].name) + strlen(target.params[i].value);
        must(target_param(&target, target.params[i].name) != NULL);
    }
    must(decoded <= strlen(text));
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        must(route_find(methods[i], &target) == NULL || target.segment_count > 0);
    for (size_t i = 0; i < target.segment_count; i++) {
        bool good = check_name(target.segments[i], 120, LOCAL_InvalidArgument,
                               LOCAL_InvalidArgument) == LOCAL_OK;
        must(!good || (strlen(target.segments[i]) <= 120 && !strchr(target.segments[i], '/')));
    }
}

/* -- the headers --------------------------------------------------------------------------- */

static size_t count_of(char c, const void *bytes, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((const char *)bytes)[i] == c;
    return count;
}

/* Each signed header is one line of what is signed, and they are in order. */
static void check_signed(const auth_headers_t *h, const auth_request_t *request)
{
    must(h->signed_count <= AUTH_SIGNED_MAX);
    for (size_t i = 0; i < h->signed_count; i++) {
        const signed_header_t *one = &h->signed_headers[i];
        must(one->name.len >= 6 && strncasecmp(one->name.at, "x-mns-", 6) == 0);
        const signed_header_t *before = i > 0 ? one - 1 : one;
        size_t shorter = one->name.len < before->name.len ? one->name.len : before->name.len;
        must(strncasecmp(before->name.at, one->name.at, shorter) <= 0);
    }
    must(auth_string_to_sign(&auth, request));
    must(count_of('\n', auth.text.data, auth.text.len) == 4 + h->signed_count);
}

static void authenticate(const auth_headers_t *h, const char *target, const char *body, size_t len)
{
    auth_request_t request = {.method = "POST",
                              .resource = target_resource(target),
                              .headers = h,
                              .body = body,
                              .body_len = len};
    check_signed(h, &request);
    must(auth_check(&auth, &request) != LOCAL_OK);
}

/* -- the body ------------------------------------------------------------------------------ */

/* What stands in `out`, read again. */
static const xml_node_t *reread(void)
{
    const xml_node_t *root = NULL;
    if (out.failed || xml_parse(second, out.data, out.len, &root) != SL_OK || root == NULL)
        abort();
    return root;
}

/* What is written of a text reads as the same text. */
static void check_text(const xml_node_t *node)
{
    sl_buf_clear(&out);
    XML_LIT(&out, "<a>");
    xml_escape(&out, node->text, node->text_len);
    XML_LIT(&out, "</a>");
    const xml_node_t *again = reread();
    must(again->text_len == node->text_len && strcmp(again->text, node->text) == 0);
}

static void check_envelopes(const xml_node_t *node)
{
    const notification_t n = {.owner = "1",
                              .topic = "t",
                              .subscription = "s",
                              .message_id = "id",
                              .md5 = "md5",
                              .message = node->text,
                              .message_len = node->text_len,
                              .tag = node->text,
                              .publish_ms = 1};
    envelope_write(&out, NOTIFY_XML, &n);
    const xml_node_t *message = xml_child(reread(), "Message");
    must(message != NULL && strcmp(message->text, node->text) == 0);
    envelope_write(&out, NOTIFY_JSON, &n);
    cJSON *json = cJSON_ParseWithLength((const char *)out.data, out.len);
    must(json != NULL);
    must(strcmp(cJSON_GetObjectItem(json, "Message")->valuestring, node->text) == 0);
    cJSON_Delete(json);
}

static void read_leaf(const xml_node_t *node)
{
    endpoint_t endpoint;
    uint64_t number = 0;
    bool flag;
    const char *why;
    if (endpoint_read(&endpoint, node->text, &why)) {
        must(strcmp(endpoint.text, node->text) == 0 && endpoint.rest_at <= strlen(endpoint.text));
        sl_buf_clear(&out);
        endpoint_target(&endpoint, &out);
    } else {
        must(why != NULL);
    }
    if (read_number(node->text, 5, 70000, &number))
        must(number >= 5 && number <= 70000);
    read_bool(node->text, &flag);
    check_text(node);
    check_envelopes(node);
}

static void read_message(const xml_node_t *node)
{
    const char *why = NULL;
    note_attributes_t attributes = {0};
    if (properties_check(node, &why)) {
        sl_buf_clear(&out);
        XML_LIT(&out, "<a>");
        properties_write(&out, node);
        XML_LIT(&out, "</a>");
        must(properties_check(reread(), &why));
    } else {
        must(why != NULL);
    }
    note_attributes_read(&attributes, node, &why);
    note_attributes_fini(&attributes);
}

/* @return how many nodes there are. */
static size_t walk(const xml_node_t *node, size_t depth)
{
    size_t count = 1;
    must(depth <= XML_DEPTH_MAX && node->name[0] != '\0');
    must(strlen(node->text) == node->text_len && (node->child == NULL || node->text_len == 0));
    if (node->child == NULL)
        read_leaf(node);
    else
        read_message(node);
    for (const xml_node_t *child = node->child; child != NULL; child = child->next) {
        must(xml_child(node, child->name) != NULL);
        count += walk(child, depth + 1);
    }
    return count;
}

static void read_body(const char *bytes, size_t len)
{
    const xml_node_t *root = NULL;
    if (xml_parse(doc, bytes, len, &root) == SL_OK)
        must(walk(root, 1) <= XML_NODES_MAX && root->next == NULL);
}

/* -- all of it ----------------------------------------------------------------------------- */

/* Cuts the next line out of the text, without its end; NULL: there is none. */
static char *take_line(char **at)
{
    char *line = *at, *stop = line != NULL ? strchr(line, '\n') : NULL;
    *at = stop != NULL ? stop + 1 : NULL;
    if (stop != NULL)
        *stop = '\0';
    return line;
}

static void read_request(char *text, size_t size)
{
    auth_headers_t headers;
    char *at = text, *line, *target = take_line(&at);
    auth_headers_init(&headers);
    for (int i = 0; i < HEADERS_MAX && (line = take_line(&at)) != NULL && *line != '\0'; i++) {
        char *colon = strchr(line, ':');
        if (colon != NULL)
            auth_headers_add(&headers, line, (size_t)(colon - line), colon + 1, strlen(colon + 1));
    }
    const char *body = at != NULL ? at : text + size;
    size_t len = (size_t)(text + size - body);
    read_target(target);
    authenticate(&headers, target, body, len);
    read_body(body, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (doc == NULL)
        setup();
    if (size > INPUT_MAX)
        return 0;
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    read_request(text, size);
    free(text);
    read_body((const char *)data, size);
    return 0;
}
