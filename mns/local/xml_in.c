#include "xml_in.h"

#include "base/buf.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* While parsing, nodes and texts still move as their arrays grow, so places are kept as numbers;
 * xml_parse turns them into pointers at the end.  Node 0 is the root. */
typedef struct raw_node {
    size_t name_at, text_at, text_len;
    uint32_t child, next; /* 0: none, since nobody's child is the root */
    uint32_t last_child;
} raw_node_t;

struct xml_doc {
    XML_Parser parser;
    unsigned long salt; /* random: nobody outside may choose what collides in expat's tables */
    sl_buf_t raw;       /* of raw_node_t */
    sl_buf_t text;      /* names and texts, each with its NUL */
    sl_buf_t nodes;     /* of xml_node_t */
    uint32_t open[XML_DEPTH_MAX];
    size_t depth;
    sl_err err;
};

static raw_node_t *raw_at(xml_doc_t *d, uint32_t at)
{
    return (raw_node_t *)(void *)d->raw.data + at;
}

static uint32_t raw_count(const xml_doc_t *d)
{
    return (uint32_t)(d->raw.len / sizeof(raw_node_t));
}

/* expat may still report what it has in hand after a stop: every handler looks at d->err first. */
static void stop(xml_doc_t *d, sl_err err)
{
    d->err = err;
    XML_StopParser(d->parser, XML_FALSE);
}

static void hang_in(xml_doc_t *d, uint32_t node)
{
    raw_node_t *parent = raw_at(d, d->open[d->depth - 1]);
    if (parent->child == 0)
        parent->child = node;
    else
        raw_at(d, parent->last_child)->next = node;
    parent->last_child = node;
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    xml_doc_t *d = ctx;
    if (d->err != SL_OK)
        return;
    if (d->depth == XML_DEPTH_MAX || raw_count(d) == XML_NODES_MAX) {
        stop(d, SL_ELIMIT);
        return;
    }
    const char *colon = strrchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    if (*local == '\0') { /* a prefix alone is no name */
        stop(d, SL_EPROTO);
        return;
    }
    uint32_t at = raw_count(d);
    raw_node_t node = {.name_at = d->text.len};
    node.text_at = node.name_at + strlen(local) + 1;
    sl_buf_append(&d->text, local, strlen(local) + 1);
    sl_buf_append(&d->raw, &node, sizeof node);
    if (d->text.failed || d->raw.failed) {
        stop(d, SL_ENOMEM);
        return;
    }
    if (d->depth > 0)
        hang_in(d, at);
    d->open[d->depth++] = at;
}

/* Only the text of leaves counts, and a leaf's text is contiguous: nothing else is open inside. */
static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    xml_doc_t *d = ctx;
    if (d->err != SL_OK)
        return;
    raw_node_t *node = raw_at(d, d->open[d->depth - 1]);
    if (node->child != 0)
        return;
    node->text_len += (size_t)len;
    if (sl_buf_append(&d->text, text, (size_t)len) != SL_OK)
        stop(d, SL_ENOMEM);
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    xml_doc_t *d = ctx;
    if (d->err != SL_OK)
        return;
    d->depth--;
    if (sl_buf_append_byte(&d->text, 0) != SL_OK)
        stop(d, SL_ENOMEM);
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
    sl_buf_clear(&d->raw);
    sl_buf_clear(&d->text);
    d->depth = 0;
    d->err = SL_OK;
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

sl_err xml_parse(xml_doc_t *d, const void *bytes, size_t len, const xml_node_t **root)
{
    sl_err err = tokenise(d, bytes, len);
    if (err != SL_OK)
        return err;
    uint32_t count = raw_count(d);
    sl_buf_clear(&d->nodes);
    if (sl_buf_reserve(&d->nodes, count * sizeof(xml_node_t)) != SL_OK)
        return SL_ENOMEM;
    xml_node_t *nodes = (xml_node_t *)(void *)d->nodes.data;
    const char *text = (const char *)d->text.data;
    for (uint32_t i = 0; i < count; i++) {
        const raw_node_t *raw = raw_at(d, i);
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

const xml_node_t *xml_child(const xml_node_t *node, const char *name)
{
    for (const xml_node_t *child = node->child; child != NULL; child = child->next)
        if (strcmp(child->name, name) == 0)
            return child;
    return NULL;
}
