/* sluice status - one question to the broker's query socket, one answer. */
#include "cli.h"
#include "format.h"
#include "table.h"

#include "base/clock.h"
#include "wire/query.h"

#include <errno.h>
#include <unistd.h>
#include <zmq.h>

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024, REQUEST = 1 };

typedef struct options {
    const char *query;
    uint64_t timeout_s;
    bool json;
} options_t;

static const config_opt_t opts[] = {
    {.key = "query",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, query),
     .def = "tcp://127.0.0.1:5552",
     .arg = "ENDPOINT",
     .help = "the broker's query socket"},
    {.key = "timeout",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, timeout_s),
     .def = "5",
     .arg = "SECONDS",
     .help = "how long to wait for the answer",
     .min = 1,
     .max = 1000000},
    {.key = "json",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, json),
     .help = "one line of JSON; as always when the output is no terminal"},
};

static const config_program_t program = {
    .name = "sluice status",
    .summary = "Asks a broker how it is: stream, topics, publishers, subscribers, counters.",
    .epilog = "Exit: 0 when it answered; 1 when it did not; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
};

static bool ask(void *socket)
{
    sl_buf_t frame = SL_BUF_INIT;
    wire_put_query(&frame, WIRE_QUERY_STATUS, REQUEST, 0);
    bool sent =
        !frame.failed && zmq_send(socket, frame.data, frame.len, ZMQ_DONTWAIT) == (int)frame.len;
    sl_buf_fini(&frame);
    return sent;
}

/* Waits for one frame.  @return NULL, or why none came. */
static const char *receive(void *socket, zmq_msg_t *answer, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = sl_clock_mono_ms(&sl_clock_system);
        if (cli_stopping())
            return "interrupted";
        if (now_ms >= deadline_ms)
            return "no answer";
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)(deadline_ms - now_ms)) > 0 &&
            zmq_msg_recv(answer, socket, ZMQ_DONTWAIT) >= 0)
            return NULL;
    }
}

static const char *show(const options_t *options, zmq_msg_t *answer, sl_buf_t *out)
{
    wire_query_t reply;
    sl_err err = wire_query_decode(&reply, zmq_msg_data(answer), zmq_msg_size(answer));
    if (err != SL_OK)
        return sl_err_text(err);
    if (reply.type != WIRE_QUERY_STATUS || reply.request != REQUEST)
        return "the broker answered something else";
    if (options->json || !isatty(STDOUT_FILENO)) {
        err = format_value(out, reply.rest, reply.rest_len);
        sl_buf_append_byte(out, '\n');
    } else {
        err = table_write(out, reply.rest, reply.rest_len);
    }
    if (err != SL_OK)
        return sl_err_text(err);
    return cli_flush(out) ? NULL : "the output failed";
}

static const char *ask_and_show(const options_t *options, void *socket)
{
    static const int zero = 0, ms = 1000;
    static const int64_t most = ANSWER_BYTES_MAX;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &ms, sizeof ms);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    if (zmq_connect(socket, options->query) != 0 || !ask(socket))
        return zmq_strerror(errno);
    sl_buf_t out = SL_BUF_INIT;
    zmq_msg_t answer;
    zmq_msg_init(&answer);
    const char *why =
        receive(socket, &answer, sl_clock_mono_ms(&sl_clock_system) + options->timeout_s * 1000);
    if (why == NULL)
        why = show(options, &answer, &out);
    zmq_msg_close(&answer);
    sl_buf_fini(&out);
    return why;
}

int cli_status(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        cli_catch_signals();
        void *context = zmq_ctx_new();
        void *socket = context != NULL ? zmq_socket(context, ZMQ_DEALER) : NULL;
        const char *why = socket != NULL ? ask_and_show(&options, socket) : zmq_strerror(errno);
        if (why != NULL) {
            fprintf(stderr, "sluice status: %s: %s\n", options.query, why);
            code = CLI_NOT_ALL;
        }
        if (socket != NULL)
            zmq_close(socket);
        if (context != NULL)
            zmq_ctx_term(context);
    }
    config_free(&config);
    return code;
}
