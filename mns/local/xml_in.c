#include "xml_in_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* -- building ------------------------------------------------------------------------------ */

void xml_begin(xml_doc_t *d)
{
    sl_buf_clear(&d->raw);
    sl_buf_clear(&d->text);
    d->depth = 0;
    d->err = SL_OK;
}

static void hang_in(xml_doc_t *d, uint32_t node)
{
    raw_node_t *parent = xml_raw_at(d, d->open[d->depth - 1]);
    if (parent->child == 0)
        parent->child = node;
    else
        xml_raw_at(d, parent->last_child)->next = node;
    parent->last_child = node;
}

sl_err xml_begin_element(xml_doc_t *d, const char *name, size_t len)
{
    uint32_t at = xml_raw_count(d);
    if (d->depth == XML_DEPTH_MAX || at == XML_NODES_MAX)
        return SL_ELIMIT;
    raw_node_t node = {.name_at = d->text.len, .text_at = d->text.len + len + 1};
    sl_buf_append(&d->text, name, len);
    sl_buf_append_byte(&d->text, 0);
    sl_buf_append(&d->raw, &node, sizeof node);
    if (d->text.failed || d->raw.failed)
        return SL_ENOMEM;
    if (d->depth > 0)
        hang_in(d, at);
    d->open[d->depth++] = at;
    return SL_OK;
}

/* Only the text of leaves counts, and a leaf's text is contiguous: nothing else is open inside. */
sl_err xml_add_text(xml_doc_t *d, const char *text, size_t len)
{
    raw_node_t *node = xml_raw_at(d, d->open[d->depth - 1]);
    if (node->child != 0)
        return SL_OK;
    node->text_len += len;
    return sl_buf_append(&d->text, text, len);
}

sl_err xml_end_element(xml_doc_t *d)
{
    d->depth--;
    return sl_buf_append_byte(&d->text, 0);
}

/* -- expat --------------------------------------------------------------------------------- */

/* It may still report what it has in hand after a stop: every handler looks at d->err first. */
static void stop(xml_doc_t *d, sl_err err)
{
    d->err = err;
    XML_StopParser(d->parser, XML_FALSE);
}

static void stop_unless(xml_doc_t *d, sl_err err)
{
    if (err != SL_OK)
        stop(d, err);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    xml_doc_t *d = ctx;
    if (d->err != SL_OK)
        return;
    const char *colon = strrchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    /* a prefix alone is no name */
    stop_unless(d, *local == '\0' ? SL_EPROTO : xml_begin_element(d, local, strlen(local)));
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    xml_doc_t *d = ctx;
    if (d->err == SL_OK)
        stop_unless(d, xml_add_text(d, text, (size_t)len));
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    xml_doc_t *d = ctx;
    if (d->err == SL_OK)
        stop_unless(d, xml_end_element(d));
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    stop(ctx, SL_EPROTO);
}

sl_err xml_doc_create(xml_doc_t **out)
{
    xml_doc_t *d = calloc(1, sizeof *d);
    if (d == NULL)
        return SL_ENOMEM;
    d->parser = XML_ParserCreate("UTF-8");
    if (d->parser == NULL) {
        xml_doc_destroy(&d);
        return SL_ENOMEM;
    }
    /* expat takes 0 for "none"; without random bytes it is left to expat */
    if (getrandom(&d->salt, sizeof d->salt, 0) != sizeof d->salt)
        d->salt = 0;
    *out = d;
    return SL_OK;
}

void xml_doc_destroy(xml_doc_t **doc)
{
    xml_doc_t *d = *doc;
    if (d == NULL)
        return;
    if (d->parser != NULL)
        XML_ParserFree(d->parser);
    sl_buf_fini(&d->raw);
    sl_buf_fini(&d->text);
    sl_buf_fini(&d->nodes);
    free(d);
    *doc = NULL;
}

static sl_err tokenise(xml_doc_t *d, const void *bytes, size_t len)
{
    xml_begin(d);
    if (len > INT32_MAX)
        return SL_ELIMIT;
    XML_ParserReset(d->parser, "UTF-8");
    XML_SetHashSalt(d->parser, d->salt); /* or it asks the system for one, each time */
    XML_SetUserData(d->parser, d);
    XML_SetElementHandler(d->parser, on_start, on_end);
    XML_SetCharacterDataHandler(d->parser, on_text);
    XML_SetStartDoctypeDeclHandler(d->parser, on_doctype);
    if (XML_Parse(d->parser, bytes, (int)len, XML_TRUE) == XML_STATUS_OK && d->err == SL_OK)
        return SL_OK;
    return d->err != SL_OK ? d->err : SL_EPROTO;
}

/* From places to pointers. */
static sl_err finish(xml_doc_t *d, const xml_node_t **root)
{
    uint32_t count = xml_raw_count(d);
    sl_buf_clear(&d->nodes);
    if (sl_buf_reserve(&d->nodes, count * sizeof(xml_node_t)) != SL_OK)
        return SL_ENOMEM;
    xml_node_t *nodes = (xml_node_t *)(void *)d->nodes.data;
    const char *text = (const char *)d->text.data;
    for (uint32_t i = 0; i < count; i++) {
        const raw_node_t *raw = xml_raw_at(d, i);
        bool leaf = raw->child == 0;
        nodes[i] = (xml_node_t){.name = text + raw->name_at,
                                .text = leaf ? text + raw->text_at : "",
                                .text_len = leaf ? raw->text_len : 0,
                                .child = raw->child != 0 ? &nodes[raw->child] : NULL,
                                .next = raw->next != 0 ? &nodes[raw->next] : NULL};
    }
    *root = nodes;
    return SL_OK;
}

sl_err xml_parse_any(xml_doc_t *d, const void *bytes, size_t len, const xml_node_t **root)
{
    sl_err err = tokenise(d, bytes, len);
    return err == SL_OK ? finish(d, root) : err;
}

sl_err xml_parse(xml_doc_t *d, const void *bytes, size_t len, const xml_node_t **root)
{
    return xml_parse_plain(d, bytes, len) ? finish(d, root) : xml_parse_any(d, bytes, len, root);
}

const xml_node_t *xml_child(const xml_node_t *node, const char *name)
{
    for (const xml_node_t *child = node->child; child != NULL; child = child->next)
        if (strcmp(child->name, name) == 0)
            return child;
    return NULL;
}
