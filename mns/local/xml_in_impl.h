/* xml_in_impl.h - what xml_in.c (any XML, by expat) and xml_plain.c (the plain kind, fast) share.
 */
#ifndef LOCAL_XML_IN_IMPL_H
#define LOCAL_XML_IN_IMPL_H

#include "base/buf.h"
#include "xml_in.h"

#include <expat.h>
#include <stdbool.h>

/** While parsing, nodes and texts still move as their arrays grow, so places are kept as numbers;
 *  xml_parse turns them into pointers at the end.  Node 0 is the root. */
typedef struct raw_node {
    size_t name_at, text_at, text_len;
    uint32_t child, next; /**< 0: none, since nobody's child is the root */
    uint32_t last_child;
} raw_node_t;

struct xml_doc {
    XML_Parser parser;
    unsigned long salt; /**< random: nobody outside may choose what collides in expat's tables */
    sl_buf_t raw;       /**< of raw_node_t */
    sl_buf_t text;      /**< names and texts, each with its NUL */
    sl_buf_t nodes;     /**< of xml_node_t */
    uint32_t open[XML_DEPTH_MAX];
    size_t depth;
    sl_err err;
};

static inline raw_node_t *xml_raw_at(xml_doc_t *d, uint32_t at)
{
    return (raw_node_t *)(void *)d->raw.data + at;
}

static inline uint32_t xml_raw_count(const xml_doc_t *d)
{
    return (uint32_t)(d->raw.len / sizeof(raw_node_t));
}

/** Forgets what was parsed before. */
void xml_begin(xml_doc_t *d);
/** An element begins.  @param name  without a prefix.  @return SL_OK, SL_ELIMIT, SL_ENOMEM. */
sl_err xml_begin_element(xml_doc_t *d, const char *name, size_t len);
/** Text of the element that is open.  @return SL_OK, SL_ENOMEM. */
sl_err xml_add_text(xml_doc_t *d, const char *text, size_t len);
/** It ends.  @return SL_OK, SL_ENOMEM. */
sl_err xml_end_element(xml_doc_t *d);

/** Parses XML of the plain kind: see xml_plain.c.
 *  @return false: it is of another kind, or broken, or memory is short; nothing is known. */
bool xml_parse_plain(xml_doc_t *d, const char *text, size_t len);

/** Parses with expat alone; for tests, which hold the two against each other.  As xml_parse. */
sl_err xml_parse_any(xml_doc_t *d, const void *bytes, size_t len, const xml_node_t **root);

#endif
