#include "envelope.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>

/* Depth of the element whose text is being read. */
enum { DEPTH_ROOT = 1, DEPTH_MEMBER = 2 };

struct envelope_xml {
    XML_Parser parser;
    envelope_t *envelope;
    sl_buf_t *message;
    envelope_text_t *text; /**< the short member being read, or NULL */
    bool in_message;
    unsigned depth;
    bool other_root;
};

sl_err envelope_xml_create(envelope_xml_t **out)
{
    envelope_xml_t *xml = calloc(1, sizeof *xml);
    if (xml == NULL)
        return SL_ENOMEM;
    xml->parser = XML_ParserCreate("UTF-8");
    if (xml->parser == NULL) {
        free(xml);
        return SL_ENOMEM;
    }
    *out = xml;
    return SL_OK;
}

void envelope_xml_destroy(envelope_xml_t **xml)
{
    if (*xml == NULL)
        return;
    XML_ParserFree((*xml)->parser);
    free(*xml);
    *xml = NULL;
}

/* The documents, the service and the SDKs disagree about the namespace, so only local names count.
 */
static const char *local_name(const XML_Char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

static envelope_text_t *member_named(envelope_t *envelope, const char *name)
{
#define X(member, field)            \
    if (strcmp(name, #member) == 0) \
        return &envelope->field;
    ENVELOPE_MEMBER_MAP(X)
#undef X
    return NULL;
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    envelope_xml_t *xml = ctx;
    (void)attributes;
    xml->depth++;
    if (xml->depth == DEPTH_ROOT && strcmp(local_name(name), "Notification") != 0) {
        xml->other_root = true;
        XML_StopParser(xml->parser, XML_FALSE);
    }
    if (xml->depth != DEPTH_MEMBER)
        return;
    xml->in_message = strcmp(local_name(name), "Message") == 0;
    xml->text = xml->in_message ? NULL : member_named(xml->envelope, local_name(name));
    if (xml->in_message) { /* a member that comes again replaces what came before, as in JSON */
        xml->envelope->has_message = true;
        sl_buf_clear(xml->message);
    }
    if (xml->text != NULL)
        xml->text->len = 0;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    envelope_xml_t *xml = ctx;
    (void)name;
    if (xml->depth == DEPTH_MEMBER) {
        if (xml->text != NULL && xml->text->len > ENVELOPE_TEXT_MAX)
            xml->text->len = 0;
        xml->text = NULL;
        xml->in_message = false;
    }
    xml->depth--;
}

static void XMLCALL on_text(void *ctx, const XML_Char *bytes, int len)
{
    envelope_xml_t *xml = ctx;
    if (xml->depth != DEPTH_MEMBER)
        return;
    if (xml->in_message) {
        sl_buf_append(xml->message, bytes, (size_t)len);
    } else if (xml->text != NULL) {
        envelope_text_t *text = xml->text;
        if (text->len + (size_t)len <= ENVELOPE_TEXT_MAX) {
            memcpy(text->data + text->len, bytes, (size_t)len);
            text->len += (size_t)len;
        } else {
            text->len = ENVELOPE_TEXT_MAX + 1; /* too long, and stays so until on_end */
        }
    }
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    envelope_xml_t *xml = ctx;
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    XML_StopParser(xml->parser, XML_FALSE);
}

envelope_verdict_t envelope_read_xml(envelope_xml_t *xml, envelope_t *envelope, sl_buf_t *message,
                                     const char *text, size_t len)
{
    envelope_clear(envelope);
    sl_buf_clear(message);
    XML_Parser parser = xml->parser;
    *xml = (envelope_xml_t){.parser = parser, .envelope = envelope, .message = message};
    XML_ParserReset(parser, "UTF-8"); /* whatever the prolog says: the body came to us as UTF-8 */
    XML_SetUserData(parser, xml);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    bool parsed = len <= INT_MAX && XML_Parse(parser, text, (int)len, 1) == XML_STATUS_OK;
    if (XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY)
        message->failed = true;
    if (xml->other_root)
        return ENVELOPE_NOT;
    if (!parsed)
        return ENVELOPE_BROKEN;
    return envelope_complete(envelope) ? ENVELOPE_FOUND : ENVELOPE_LACKING;
}
