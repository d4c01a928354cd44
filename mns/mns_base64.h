/* mns_base64.h - Base64 as RFC 4648 has it, and nothing looser.
 *
 * No line breaks, no blanks, padding always, and the bits that padding leaves over are zero: what
 * decodes is exactly what an encoder writes, so that no text decodes by accident more often than it
 * must. */
#ifndef MNS_BASE64_H
#define MNS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/** Decodes in place and ends with a NUL, if the text is Base64; leaves it as it is otherwise.
 *  @param text  `*len` bytes, and room for one more.
 *  @param len   receives the number of bytes decoded.
 *  @return whether it was Base64; the empty text is. */
bool mns_base64_decode(char *text, size_t *len);

#endif
