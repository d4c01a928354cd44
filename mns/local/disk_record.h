/* disk_record.h - a message, its state, a queue, a topic as bytes, and back.
 *
 *     | XXH3-64 of the rest, 8 bytes | a msgpack array, first its own key |
 *
 * Readers ignore elements behind those they know, so a record may grow.  What is read points into
 * the bytes. */
#ifndef LOCAL_DISK_RECORD_H
#define LOCAL_DISK_RECORD_H

#include "queue.h"
#include "topic.h"

/** What else must go on where it stood. */
typedef struct record_meta {
    uint64_t boot, number;
} record_meta_t;

/** Each appends a record to an empty buffer; no memory shows in out->failed. */
void record_meta(sl_buf_t *out, const record_meta_t *meta);
void record_message(sl_buf_t *out, const message_t *message);
void record_state(sl_buf_t *out, const message_t *message);
void record_queue(sl_buf_t *out, const queue_t *queue);
void record_topic(sl_buf_t *out, const topic_t *topic);
void record_kept(sl_buf_t *out, uint64_t number, const void *bytes, size_t len);

/** @param version  of the format that wrote the record.
 *  @return SL_OK, SL_EPROTO (damaged, or not of this program), SL_EVERSION. */
sl_err record_read_meta(const void *bytes, size_t len, record_meta_t *meta, uint32_t *version);

/** Each fills in what its record knows.
 *  @param image  its number is what the record must be about.
 *  @return false: the record is damaged. */
bool record_read_message(const void *bytes, size_t len, message_image_t *image);
bool record_read_state(const void *bytes, size_t len, message_image_t *image);

/** @param number  what the record must be about.  @return false: it is damaged. */
bool record_read_kept(const void *bytes, size_t len, uint64_t number, const uint8_t **out,
                      uint32_t *out_len);

/** Each makes what its record is about.  @param name  what that must be.
 *  @return SL_OK, SL_EPROTO (damaged), SL_ENOMEM, SL_ELIMIT. */
sl_err record_read_queue(const void *bytes, size_t len, const char *name, queue_store_t *store);
sl_err record_read_topic(const void *bytes, size_t len, const char *name, topic_t **store);

#endif
