/* xml_in.h - a request's XML as a small tree.
 *
 *     <Queue xmlns="…">                      Queue ── child ─> DelaySeconds "5"
 *       <DelaySeconds>5</DelaySeconds>                             │ next
 *       <x:Unknown/>                                            Unknown ""
 *     </Queue>
 *
 * Names are local names: prefixes and namespaces are cut off, attributes ignored.  Parsed by expat,
 * unless it is as plain as most clients' (xml_plain.c), with what it should not do for strangers
 * switched off: a document type, hence entities, is refused; depth and number of elements are
 * bounded; the encoding is UTF-8 whatever the prolog says (only UTF-16 with its mark is read as
 * that).  A doc is reused from request to request, so it allocates next to nothing; its nodes live
 * until the next parse. */
#ifndef LOCAL_XML_IN_H
#define LOCAL_XML_IN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { XML_DEPTH_MAX = 16, XML_NODES_MAX = 4096 };

typedef struct xml_node {
    const char *name;
    const char *text; /**< of an element without children, NUL-terminated; else "" */
    size_t text_len;
    const struct xml_node *child, *next;
} xml_node_t;

typedef struct xml_doc xml_doc_t;

sl_err xml_doc_create(xml_doc_t **out);
void xml_doc_destroy(xml_doc_t **doc);

/** @param root  receives the root.  @return SL_OK, SL_EPROTO (not well formed, or refused),
 *               SL_ELIMIT (too deep, too many), SL_ENOMEM. */
sl_err xml_parse(xml_doc_t *doc, const void *bytes, size_t len, const xml_node_t **root);

/** The first child of that name; NULL: none. */
const xml_node_t *xml_child(const xml_node_t *node, const char *name);

#endif
