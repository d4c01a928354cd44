/* text.h - text that others wrote, on a terminal. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/buf.h"

/** Appends text so that a terminal shows it and does not obey it: control characters, C1 ones too,
 *  become \xNN. */
void text_clean(sl_buf_t *out, const char *text, size_t len);

/** Columns it takes: its characters.  Wide ones count as one. */
size_t text_columns(const void *text, size_t len);

/** The greatest length up to `most` that does not end within a character. */
size_t text_cut(const char *text, size_t len, size_t most);

/** Is it UTF-8, each character in its one form, and nothing cut off? */
bool text_is_utf8(const char *text, size_t len);

/** Is it text without control characters, but line ends and tabs? */
bool text_is_plain(const char *text, size_t len);

/** Appends a hex dump: offset, 16 bytes, and what of them is printable ASCII; a line each. */
void text_dump(sl_buf_t *out, const void *bytes, size_t len);

#endif
