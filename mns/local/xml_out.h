/* xml_out.h - answers are written, not built: appends XML to a buffer.
 *
 * No memory shows in buf->failed, looked at once when the answer is sent. */
#ifndef LOCAL_XML_OUT_H
#define LOCAL_XML_OUT_H

#include "base/buf.h"

/* Without a final slash: one client, Java's, knows the namespace by this spelling alone. */
#define XML_NAMESPACE "http://mns.aliyuncs.com/doc/v1"

#define XML_LIT(out, literal) sl_buf_append((out), "" literal, sizeof(literal) - 1)

/** Prolog and root: xml_root(out, "Queue").  Close it with xml_close. */
void xml_root(sl_buf_t *out, const char *name);
void xml_open(sl_buf_t *out, const char *name);
void xml_close(sl_buf_t *out, const char *name);

/** <name>text</name>, escaped. */
void xml_text(sl_buf_t *out, const char *name, const char *text);
void xml_u64(sl_buf_t *out, const char *name, uint64_t value);
/** True or False: one client compares with exactly these. */
void xml_bool(sl_buf_t *out, const char *name, bool value);

/** Appends text so that a parser gives it back byte for byte: &, <, >, and CR, which parsers would
 *  make LF.  The text must be of characters that XML can carry. */
void xml_escape(sl_buf_t *out, const char *text, size_t len);

/** Appends the number in decimal. */
void xml_decimal(sl_buf_t *out, uint64_t value);

#endif
