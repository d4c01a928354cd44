/* writer.h - an event as JSON, and as CloudEvents 1.0 structured JSON. */
#ifndef EVENT_WRITER_H
#define EVENT_WRITER_H

#include "base/buf.h"

/** Appends one line of JSON without a line break.  Timestamps become RFC 3339 strings in UTC with
 * the fraction they have (0, 3, 6 or 9 digits); bin becomes Base64; integers stay exact; a float
 * that JSON cannot say becomes null.  @return SL_OK, SL_EPROTO (malformed event; `out` as it was),
 * SL_ENOMEM. */
sl_err event_write_json(sl_buf_t *out, const void *event, size_t len);

/** Appends one CloudEvents 1.0 structured JSON object (cloudevents.io, spec 1.0.2): id, source,
 *  specversion "1.0", type "com.aliyun.batchcompute.<Category>.<Event>", time, datacontenttype,
 * subject where there is a JobId or ClusterId, and data = the fields of the body.  Errors as above.
 */
sl_err event_write_cloudevent(sl_buf_t *out, const void *event, size_t len);

#endif
