#include "ask.h"

#include "cli.h"
#include "text.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024 };

/* -- telling ------------------------------------------------------------------------------- */

void ask_tell(const ask_t *ask, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cli_vtell(ask->name, ask->options->query, format, args);
    va_end(args);
}

void ask_tell_answer(const ask_t *ask)
{
    wire_query_error_t error;
    if (ask->answer.type != WIRE_QUERY_ERROR ||
        wire_query_error_decode(&error, &ask->answer) != SL_OK)
        ask_tell(ask, "the broker answered something else");
    else if (error.code == WIRE_CODE_TYPE)
        ask_tell(ask, "the broker does not know this question; it is an older one");
    else
        ask_tell(ask, "%.*s", (int)error.text_len, error.text);
}

/* -- the socket ---------------------------------------------------------------------------- */

bool ask_open(ask_t *ask, const char *name, const ask_options_t *options)
{
    static const int zero = 0, ms = 1000;
    static const int64_t most = ANSWER_BYTES_MAX;
    *ask = (ask_t){.name = name, .options = options};
    for (size_t i = 0; i < ASK_FRAMES_MAX; i++)
        zmq_msg_init(&ask->frames[i]);
    ask->context = zmq_ctx_new();
    ask->socket = ask->context != NULL ? zmq_socket(ask->context, ZMQ_DEALER) : NULL;
    if (ask->socket == NULL || zmq_setsockopt(ask->socket, ZMQ_LINGER, &zero, sizeof zero) != 0 ||
        zmq_setsockopt(ask->socket, ZMQ_HANDSHAKE_IVL, &ms, sizeof ms) != 0 ||
        zmq_setsockopt(ask->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) != 0 ||
        zmq_connect(ask->socket, options->query) != 0) {
        ask_tell(ask, "%s", zmq_strerror(errno));
        return false;
    }
    return true;
}

void ask_close(ask_t *ask)
{
    for (size_t i = 0; i < ASK_FRAMES_MAX; i++)
        zmq_msg_close(&ask->frames[i]);
    sl_buf_fini(&ask->question);
    if (ask->socket != NULL)
        zmq_close(ask->socket);
    if (ask->context != NULL)
        zmq_ctx_term(ask->context);
    ask->socket = ask->context = NULL;
}

uint64_t ask_begin(ask_t *ask)
{
    sl_buf_clear(&ask->question);
    return ++ask->request;
}

static bool send_frame(const ask_t *ask, const sl_buf_t *frame)
{
    if (frame->failed) {
        ask_tell(ask, "%s", sl_err_text(SL_ENOMEM));
        return false;
    }
    if (zmq_send(ask->socket, frame->data, frame->len, ZMQ_DONTWAIT) == (int)frame->len)
        return true;
    ask_tell(ask, "%s", zmq_strerror(errno));
    return false;
}

bool ask_send(ask_t *ask)
{
    return send_frame(ask, &ask->question);
}

bool ask_probe(ask_t *ask)
{
    sl_buf_t frame = SL_BUF_INIT;
    wire_put_query(&frame, WIRE_QUERY_STATUS, ASK_PROBE, 0);
    bool sent = send_frame(ask, &frame);
    sl_buf_fini(&frame);
    return sent;
}

/* -- answers ------------------------------------------------------------------------------- */

/* Takes a message's frames, those that there is room for.  False: there is none. */
static bool receive(ask_t *ask)
{
    zmq_msg_t spare;
    zmq_msg_init(&spare);
    ask->frame_count = 0;
    for (bool more = true; more;) {
        zmq_msg_t *frame =
            ask->frame_count < ASK_FRAMES_MAX ? &ask->frames[ask->frame_count] : &spare;
        if (zmq_msg_recv(frame, ask->socket, ZMQ_DONTWAIT) < 0)
            break;
        more = zmq_msg_more(frame) != 0;
        ask->frame_count += frame != &spare;
    }
    zmq_msg_close(&spare);
    return ask->frame_count > 0;
}

static bool is_ours(ask_t *ask)
{
    return wire_query_decode(&ask->answer, zmq_msg_data(&ask->frames[0]),
                             zmq_msg_size(&ask->frames[0])) == SL_OK &&
           (ask->answer.request == ask->request || ask->answer.request == ASK_PROBE);
}

ask_wait_t ask_wait(ask_t *ask)
{
    uint64_t deadline_ms = sl_clock_mono_ms(&sl_clock_system) + ask->options->timeout_s * 1000;
    for (;;) {
        if (receive(ask)) {
            if (is_ours(ask))
                return ASK_ANSWER;
            continue;
        }
        uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
        if (cli_stopping()) {
            ask_tell(ask, "interrupted");
            return ASK_FAILED;
        }
        if (now_ms >= deadline_ms)
            return ASK_SILENCE;
        zmq_pollitem_t item = {.socket = ask->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, (long)(deadline_ms - now_ms));
    }
}

bool ask_next(ask_t *ask)
{
    ask_wait_t wait = ask_wait(ask);
    if (wait == ASK_SILENCE)
        ask_tell(ask, "no answer");
    return wait == ASK_ANSWER;
}

bool ask_for(ask_t *ask, wire_query_type_t type)
{
    if (!ask_send(ask) || !ask_next(ask))
        return false;
    if (ask->answer.type == type)
        return true;
    ask_tell_answer(ask);
    return false;
}
