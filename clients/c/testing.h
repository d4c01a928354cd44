/* testing.h - what the tests of this room share. */
#ifndef CLIENT_TESTING_H
#define CLIENT_TESTING_H

#include "sluice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof(a)[0])

enum {
    TEST_PATIENCE_MS = 20000, /* a condition that has not come by then never will */
    TEST_STEP_MS = 1,
};

/** Binds to a free port and tells which. */
static inline void *test_bind(void *context, int type, char *endpoint, size_t size)
{
    void *socket = zmq_socket(context, type);
    int no_linger = 0;
    assert_non_null(socket);
    zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger);
    assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    return socket;
}

static inline bool test_readable(void *socket, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

#endif
