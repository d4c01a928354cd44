/* mns_xml.h - MNS's XML, out and in.
 *
 * Requests are written as the official SDKs write them: prolog, default namespace, no whitespace.
 * Answers are read with expat, matched by local name whatever the namespace, unknown elements
 * ignored.  Nothing an answer can say costs more than its length: a document type declaration
 * (entities) and nesting deeper than MNS_XML_DEPTH_MAX end the reading. */
#ifndef MNS_XML_H
#define MNS_XML_H

#include "mns_reply.h"

enum { MNS_XML_DEPTH_MAX = 16 };

/* -- writing: append to `out`; no memory shows in out->failed -------------------------------- */

/** Writers of request bodies.  @return MNS_OK; MNS_EINVAL: XML 1.0 cannot carry a text, or it is
 *  not UTF-8. */
typedef mns_err mns_xml_writer_fn(sl_buf_t *out, const mns_request_t *request);
mns_xml_writer_fn mns_xml_write_queue, mns_xml_write_message, mns_xml_write_messages,
    mns_xml_write_handles, mns_xml_write_topic, mns_xml_write_subscription, mns_xml_write_strategy,
    mns_xml_write_publish;

/** Appends text, escaped.  False: it is not UTF-8, or holds a character that XML 1.0 lacks. */
bool mns_xml_escape(sl_buf_t *out, const char *text, size_t len);

/* -- reading --------------------------------------------------------------------------------- */

typedef struct mns_xml_reader mns_xml_reader_t;

/** @return MNS_OK, MNS_ENOMEM. */
mns_err mns_xml_reader_create(mns_xml_reader_t **out);
void mns_xml_reader_destroy(mns_xml_reader_t **reader);

/** Reads a whole answer into a cleared store.
 *  @param root  receives what it is; MNS_ROOT_NONE: not well-formed, not an MNS answer, more than
 *               MNS_BATCH_MAX messages or MNS_LIST_MAX names, a number that is none.  The store's
 *               content is then void.
 *  @return MNS_OK, MNS_ENOMEM. */
mns_err mns_xml_read(mns_xml_reader_t *reader, const char *bytes, size_t len, mns_store_t *store,
                     mns_root_t *root);

#endif
