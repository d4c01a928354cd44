/* format.h - one item of a subscription as text.
 *
 * pretty is for eyes: one line, empty fields left out, long values cut, nothing that a terminal
 * would take for a command.  The others are for programs and leave nothing out. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include "base/buf.h"

#include <sluice.h>

/* In the order of the option's choices. */
typedef enum {
    FORMAT_AUTO, /**< pretty on a terminal, else json */
    FORMAT_PRETTY,
    FORMAT_JSON,
    FORMAT_CLOUDEVENTS,
    FORMAT_MSGPACK,
} format_kind_t;

typedef struct format {
    format_kind_t kind; /**< not FORMAT_AUTO */
    bool colour;        /**< of pretty */
    bool numbers;       /**< of json: $topic, $number, $prev and $stream come first */
} format_t;

/** Appends an EVENT item, with its line end unless msgpack.
 *  @return SL_OK; SL_EPROTO (the event's bytes are malformed; nothing appended); SL_ENOMEM. */
sl_err format_event(sl_buf_t *out, const format_t *format, const sluice_item_t *item);

/** Appends one msgpack value as JSON.  @return as format_event. */
sl_err format_value(sl_buf_t *out, const void *value, size_t len);

#endif
