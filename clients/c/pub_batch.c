#include "pub_batch.h"

#include "wire/feed.h"
#include "wire/intake.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
    BODY_BYTES_MIN = 512,
    EVENTS_MIN = 8,
    EVENT_META_BYTES = sizeof(void *) + WIRE_ID_BYTES + 4, /* user, id, end */
};

struct pub_body {
    atomic_uint refs; /* the batch's one, and one for each message that libzmq holds */
    size_t cap;
    uint8_t bytes[];
};

static void body_release(pub_body_t *body)
{
    if (body != NULL && atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) == 1)
        free(body);
}

/* libzmq's way of saying that it has sent, or dropped, the frame.  From any of its threads. */
static void on_frame_free(void *data, void *hint)
{
    (void)data;
    body_release(hint);
}

static pub_body_t *body_resize(pub_body_t *body, size_t cap)
{
    pub_body_t *resized = realloc(body, sizeof *body + cap);
    if (resized == NULL)
        return NULL;
    if (body == NULL)
        atomic_init(&resized->refs, 1);
    resized->cap = cap;
    return resized;
}

/* Makes the block of users, ids and ends for `cap` events and moves in what there is. */
static sl_err meta_resize(pub_batch_t *batch, uint32_t cap)
{
    uint8_t *block = malloc((size_t)cap * EVENT_META_BYTES);
    if (block == NULL)
        return SL_ENOMEM;
    void **users = (void **)(void *)block;
    uint8_t *ids = block + cap * sizeof *users;
    uint8_t *ends = ids + (size_t)cap * WIRE_ID_BYTES;
    if (batch->count > 0) {
        memcpy(users, batch->users, batch->count * sizeof *users);
        memcpy(ids, batch->ids, (size_t)batch->count * WIRE_ID_BYTES);
        memcpy(ends, batch->ends, (size_t)batch->count * 4);
    }
    free(batch->users);
    batch->users = users;
    batch->ids = ids;
    batch->ends = ends;
    batch->cap = cap;
    return SL_OK;
}

static void destroy(pub_batch_t *batch)
{
    body_release(batch->body);
    free(batch->users);
    free(batch);
}

static pub_batch_t *make(size_t bytes, uint32_t events)
{
    pub_batch_t *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->body = body_resize(NULL, bytes > BODY_BYTES_MIN ? bytes : BODY_BYTES_MIN);
    if (batch->body == NULL || meta_resize(batch, events > EVENTS_MIN ? events : EVENTS_MIN)) {
        destroy(batch);
        return NULL;
    }
    return batch;
}

/* -- used again ------------------------------------------------------------------------------ */

static size_t footprint(const pub_batch_t *batch)
{
    return sizeof *batch + batch->body->cap + (size_t)batch->cap * EVENT_META_BYTES;
}

/* The first spare one, empty.  @return NULL: there is none. */
static pub_batch_t *take_spare(pub_spare_t *spare)
{
    pub_batch_t *batch = spare->first;
    if (batch == NULL)
        return NULL;
    spare->first = batch->next;
    spare->bytes -= footprint(batch);
    *batch = (pub_batch_t){.body = batch->body,
                           .cap = batch->cap,
                           .users = batch->users,
                           .ids = batch->ids,
                           .ends = batch->ends};
    return batch;
}

/* Of an empty batch. */
static sl_err make_room(pub_batch_t *batch, size_t bytes, uint32_t events)
{
    if (bytes > batch->body->cap) {
        pub_body_t *body = body_resize(batch->body, bytes);
        if (body == NULL)
            return SL_ENOMEM;
        batch->body = body;
    }
    return events <= batch->cap ? SL_OK : meta_resize(batch, events);
}

pub_batch_t *pub_batch_create(pub_spare_t *spare, topic_key_t *topic, size_t bytes, uint32_t events)
{
    pub_batch_t *batch = take_spare(spare);
    if (batch == NULL)
        batch = make(bytes, events);
    if (batch == NULL)
        return NULL;
    batch->topic = topic;
    if (make_room(batch, bytes, events) != SL_OK) {
        pub_batch_release(spare, batch);
        return NULL;
    }
    return batch;
}

/* When the last reference is ours, libzmq's threads are done with the body, and nobody can get a
 * new one but by us. */
void pub_batch_release(pub_spare_t *spare, pub_batch_t *batch)
{
    size_t bytes = footprint(batch);
    if (spare->bytes + bytes > PUB_SPARE_BYTES_MAX ||
        atomic_load_explicit(&batch->body->refs, memory_order_acquire) != 1) {
        destroy(batch);
        return;
    }
    batch->next = spare->first;
    spare->first = batch;
    spare->bytes += bytes;
}

void pub_spare_fini(pub_spare_t *spare)
{
    pub_batch_t *batch;
    while ((batch = take_spare(spare)) != NULL)
        destroy(batch);
}

/* -- filling --------------------------------------------------------------------------------- */

/* Room for one more event of `len` bytes, at twice what there was. */
static sl_err grow(pub_batch_t *batch, size_t len)
{
    size_t need = batch->len + len;
    if (need > batch->body->cap) {
        size_t cap = 2 * batch->body->cap > need ? 2 * batch->body->cap : need;
        pub_body_t *body = body_resize(batch->body, cap);
        if (body == NULL)
            return SL_ENOMEM;
        batch->body = body;
    }
    return batch->count < batch->cap ? SL_OK : meta_resize(batch, 2 * batch->cap);
}

sl_err pub_batch_add(pub_batch_t *batch, const void *event, size_t len, const uint8_t *id,
                     void *user)
{
    assert(batch->sends == 0 && batch->len + len <= UINT32_MAX);
    if (batch->len + len > batch->body->cap || batch->count == batch->cap)
        if (grow(batch, len) != SL_OK)
            return SL_ENOMEM;
    memcpy(batch->body->bytes + batch->len, event, len);
    batch->len += (uint32_t)len;
    wire_put_end(batch->ends + 4 * (size_t)batch->count, batch->len);
    memcpy(batch->ids + WIRE_ID_BYTES * (size_t)batch->count, id, WIRE_ID_BYTES);
    batch->users[batch->count] = user;
    batch->count++;
    return SL_OK;
}

pub_batch_t *pub_batch_split(pub_spare_t *spare, pub_batch_t *batch)
{
    assert(batch->count > 1);
    uint32_t keep = batch->count / 2, from = wire_end(batch->ends, keep - 1);
    pub_batch_t *rest =
        pub_batch_create(spare, batch->topic, batch->len - from, batch->count - keep);
    if (rest == NULL)
        return NULL;
    for (uint32_t i = keep, at = from; i < batch->count; i++) {
        uint32_t end = wire_end(batch->ends, i);
        pub_batch_add(rest, batch->body->bytes + at, end - at,
                      batch->ids + WIRE_ID_BYTES * (size_t)i, batch->users[i]);
        at = end;
    }
    rest->started_ns = batch->started_ns;
    batch->count = keep;
    batch->len = from;
    return rest;
}

static sl_err copy_frame(zmq_msg_t *frame, const void *bytes, size_t len)
{
    if (zmq_msg_init_size(frame, len) != 0)
        return SL_ENOMEM;
    memcpy(zmq_msg_data(frame), bytes, len);
    return SL_OK;
}

/* The body lies where it lies; libzmq holds a reference until it has sent it. */
static sl_err share_body(zmq_msg_t *frame, pub_batch_t *batch)
{
    pub_body_t *body = batch->body;
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    if (zmq_msg_init_data(frame, body->bytes, batch->len, on_frame_free, body) == 0)
        return SL_OK;
    body_release(body);
    return SL_ENOMEM;
}

/* The three frames of a PUB.  On failure none of them is left to close. */
static sl_err make_frames(pub_batch_t *batch, uint64_t request, sl_buf_t *header,
                          zmq_msg_t frames[3])
{
    sl_buf_clear(header);
    wire_put_pub(header, request, batch->count, batch->ends, batch->ids);
    if (header->failed || copy_frame(&frames[0], header->data, header->len) != SL_OK)
        return SL_ENOMEM;
    if (copy_frame(&frames[1], batch->topic->name, batch->topic->len) != SL_OK) {
        zmq_msg_close(&frames[0]);
        return SL_ENOMEM;
    }
    if (share_body(&frames[2], batch) != SL_OK) {
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        return SL_ENOMEM;
    }
    return SL_OK;
}

sl_err pub_batch_send(pub_batch_t *batch, void *socket, uint64_t request, sl_buf_t *scratch)
{
    zmq_msg_t frames[3];
    sl_err err = make_frames(batch, request, scratch, frames);
    if (err != SL_OK)
        return err;
    for (int i = 0; i < 3; i++) {
        int flags = ZMQ_DONTWAIT | (i < 2 ? ZMQ_SNDMORE : 0);
        if (zmq_msg_send(&frames[i], socket, flags) >= 0)
            continue;
        err = errno == EAGAIN ? SL_EAGAIN : errno == ETERM ? SL_ECLOSED : SL_EIO;
        for (; i < 3; i++)
            zmq_msg_close(&frames[i]);
        return err;
    }
    batch->sends++;
    return SL_OK;
}
