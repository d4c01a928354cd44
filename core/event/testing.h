/* testing.h - what the room's tests share: an event as a line of text, as msgpack-c reads it.
 *
 *     {Category='Job', n=1, big=18446744073709551615, f=1.5f, t=@1478013902.837728000, none=nil}
 *
 * Types show: 1 is an integer, 1f a float, '1' a str, @1.0 a timestamp, <31> bin; a byte of a str
 * that is not printable ASCII reads \xNN. */
#ifndef EVENT_TESTING_H
#define EVENT_TESTING_H

#include "base/mp.h"
#include "event/normalise.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>
#include <msgpack/timestamp.h>

static inline void print_hex(FILE *to, const char *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        fprintf(to, "%02x", (unsigned)(unsigned char)data[i]);
}

static inline void print_str(FILE *to, const char *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (data[i] >= 0x20 && data[i] < 0x7f)
            fputc(data[i], to);
        else
            fprintf(to, "\\x%02x", (unsigned)(unsigned char)data[i]);
}

static inline void print_object(FILE *to, const msgpack_object *object)
{
    msgpack_timestamp time = {0};
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        fputs("nil", to);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        fputs(object->via.boolean ? "true" : "false", to);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        fprintf(to, "%" PRIu64, object->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        fprintf(to, "%" PRId64, object->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        fprintf(to, "%.17gf", object->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
        fputc('\'', to);
        print_str(to, object->via.str.ptr, object->via.str.size);
        fputc('\'', to);
        break;
    case MSGPACK_OBJECT_BIN:
        fputc('<', to);
        print_hex(to, object->via.bin.ptr, object->via.bin.size);
        fputc('>', to);
        break;
    case MSGPACK_OBJECT_EXT:
        assert_true(msgpack_object_to_timestamp(object, &time));
        fprintf(to, "@%" PRId64 ".%09" PRIu32, time.tv_sec, time.tv_nsec);
        break;
    case MSGPACK_OBJECT_ARRAY:
        fputc('[', to);
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            fputs(i > 0 ? ", " : "", to);
            print_object(to, &object->via.array.ptr[i]);
        }
        fputc(']', to);
        break;
    case MSGPACK_OBJECT_MAP:
        fputc('{', to);
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            const msgpack_object_kv *pair = &object->via.map.ptr[i];
            fputs(i > 0 ? ", " : "", to);
            assert_int_equal(pair->key.type, MSGPACK_OBJECT_STR);
            print_str(to, pair->key.via.str.ptr, pair->key.via.str.size);
            fputc('=', to);
            print_object(to, &pair->val);
        }
        fputc('}', to);
        break;
    }
}

/* The one msgpack value that the bytes are; to be freed. */
static inline char *event_to_text(const void *event, size_t len)
{
    char *text;
    size_t text_len, offset = 0;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    FILE *to = open_memstream(&text, &text_len);
    assert_non_null(to);
    assert_int_equal(msgpack_unpack_next(&unpacked, event, len, &offset), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, len);
    print_object(to, &unpacked.data);
    fclose(to);
    msgpack_unpacked_destroy(&unpacked);
    return text;
}

static const event_origin_t test_origin = {
    .id = "ID",
    .id_len = 2,
    .source = "SRC",
    .source_len = 3,
    .time_ms = 1500,
};
#define TEST_CONTEXT "id='ID', source='SRC', time=@1.500000000"

/* Normalises a copy that ends where the text does, so that ASan sees a read beyond it. */
static inline event_reason_t normalise_copy(sl_buf_t *out, const event_origin_t *origin,
                                            const void *json, size_t len, event_info_t *info)
{
    void *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, json, len);
    event_reason_t reason = event_normalise(out, origin, copy, len, info);
    free(copy);
    return reason;
}

#endif
