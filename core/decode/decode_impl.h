/* decode_impl.h - what the files of this room share. */
#ifndef DECODE_IMPL_H
#define DECODE_IMPL_H

#include "decode/decode.h"

/** The decoder takes the next place for a new one, though it lie where the last one lay. */
void decoder_forget_place(decoder_t *decoder);

#endif
