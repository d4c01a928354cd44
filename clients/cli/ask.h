/* ask.h - questions to a broker's query socket, and their answers.
 *
 *     ask_open  -->  put a question into ask->question  -->  ask_for      the one answer it has
 *                                                       -->  ask_send, then ask_next for each of
 * many
 *
 * What goes wrong is told on standard error, "sluice status: tcp://…: no answer"; the caller only
 * has to leave.  A frame is valid until the next ask_… call. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "config/config.h"
#include "wire/query.h"

#include <zmq.h>

typedef struct ask_options {
    const char *query;
    uint64_t timeout_s;
} ask_options_t;

/** The rows of ask_options_t, which is the first member of a command's options; no comma behind. */
#define ASK_ROWS                                                                            \
    {.key = "query",                                                                        \
     .kind = CONFIG_STR,                                                                    \
     .offset = offsetof(ask_options_t, query),                                              \
     .def = "tcp://127.0.0.1:5552",                                                         \
     .arg = "ENDPOINT",                                                                     \
     .help = "the broker's query socket"},                                                  \
    {                                                                                       \
        .key = "timeout", .kind = CONFIG_U64, .offset = offsetof(ask_options_t, timeout_s), \
        .def = "5", .arg = "SECONDS", .help = "how long to wait for an answer", .min = 1,   \
        .max = 1000000                                                                      \
    }

enum { ASK_FRAMES_MAX = 4 };

typedef struct ask {
    const char *name; /**< "sluice status" */
    const ask_options_t *options;
    void *context, *socket;
    uint64_t request;    /**< of the question asked last */
    sl_buf_t question;   /**< to be filled by wire_put_…(&ask->question, ask_begin(ask), …) */
    wire_query_t answer; /**< head of the answer that came last */
    zmq_msg_t frames[ASK_FRAMES_MAX];
    size_t frame_count;
} ask_t;

/** @return true; false: told.  ask_close is due either way. */
bool ask_open(ask_t *ask, const char *name, const ask_options_t *options);
void ask_close(ask_t *ask);

/** Clears ask->question.  @return the number of the request to put there. */
uint64_t ask_begin(ask_t *ask);

/** Sends ask->question. */
bool ask_send(ask_t *ask);

typedef enum { ASK_ANSWER, ASK_SILENCE, ASK_FAILED } ask_wait_t;

/** Waits for the next answer to the last question, or to the probe; of others nothing is seen.
 *  @return ASK_ANSWER: it is in ask->answer and ask->frames, whatever its type.  ASK_SILENCE: none
 *          came in the time that the options give.  ASK_FAILED: told. */
ask_wait_t ask_wait(ask_t *ask);

/** As ask_wait, but silence is told, too.  @return was it ASK_ANSWER? */
bool ask_next(ask_t *ask);

/** Is the broker there?  Asks for its STATUS beside the last question; the answer's request is
 *  ASK_PROBE. */
#define ASK_PROBE (UINT64_C(1) << 63)
bool ask_probe(ask_t *ask);

/** Asks, and waits for an answer of this type; any other is told, and false. */
bool ask_for(ask_t *ask, wire_query_type_t type);

/** Tells an ERROR, or that an answer is of a type that nobody asked for. */
void ask_tell_answer(const ask_t *ask);

/** Tells a sentence: "sluice status: tcp://127.0.0.1:5552: …". */
void ask_tell(const ask_t *ask, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
