/* intake_fuzz.c - any bytes as the first frame of an intake message. */
#include "wire/intake.h"

#include "wire/feed.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In every build, also without assertions. */
static void must(bool claim)
{
    if (!claim)
        abort();
}

/* What was decoded must lie inside the frame. */
static void touch(const void *bytes, size_t len, const uint8_t *data, size_t size)
{
    const uint8_t *at = bytes;
    must(len == 0 || (at >= data && at + len <= data + size));
}

static void touch_all(const wire_intake_t *msg, const uint8_t *data, size_t size)
{
    switch (msg->type) {
    case WIRE_HELLO:
        touch(msg->hello.name, msg->hello.name_len, data, size);
        break;
    case WIRE_PUB:
        touch(msg->pub.ends, 4 * (size_t)msg->pub.count, data, size);
        wire_ends_valid(msg->pub.ends, msg->pub.count, size);
        if (msg->pub.ids != NULL)
            touch(msg->pub.ids, WIRE_ID_BYTES * (size_t)msg->pub.count, data, size);
        break;
    case WIRE_NAK:
        must(wire_nak_text(msg->nak.code) != NULL);
        touch(msg->nak.text, msg->nak.text_len, data, size);
        break;
    case WIRE_WELCOME:
    case WIRE_ACK:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_intake_t msg;
    if (wire_intake_decode(&msg, data, size) == SL_OK)
        touch_all(&msg, data, size);
    return 0;
}
