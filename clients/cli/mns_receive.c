/* sluice mns receive, sluice mns peek: messages on standard output.
 *
 *     request (up to 16) --> shown --> written --> deleted, with --delete
 *
 * In this order, so that nothing is deleted that nobody saw: whoever dies in between sees the
 * message again.  A receive is submitted and waited for in small steps, for Ctrl-C must end a long
 * poll.  Following goes on after a fault that passes: told once, then a pause before each try. */
#include "cli.h"
#include "mns_cmd.h"
#include "text.h"

#include "base/mp.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>

enum { BATCH_MAX = 16, STEP_MS = 200, FOLLOW_WAIT_S = 30 };
enum { PAUSE_FIRST_MS = 500, PAUSE_MOST_MS = 10000 };

typedef struct receive_options {
    mns_common_t common;
    uint64_t count, wait_s;
    bool delete_them, base64, follow;
} receive_options_t;

typedef struct peek_options {
    mns_common_t common;
    uint64_t count;
    bool base64;
} peek_options_t;

typedef struct receiving {
    session_t *session;
    mns_request_t request;
    uint64_t left; /* messages still wanted; UINT64_MAX: no end */
    bool delete_them, follow;
    bool answered; /* the request under way is */
    mns_err err;
    bool passing;        /* the fault is one that passes, and we follow */
    uint32_t backoff_ms; /* the last pause of this row of faults; 0: the last answer was good */
    uint32_t pause_ms;   /* before the next request */
    char *handles[BATCH_MAX];
    size_t handle_count;
} receiving_t;

/* -- showing ------------------------------------------------------------------------------- */

static void put_properties(show_t *show, const mns_message_t *message)
{
    sl_buf_t *out = &show->record;
    if (message->property_count == 0 && show->kind == SHOW_TABLE)
        return;
    show->fields++;
    mp_put_lit(out, "UserProperties");
    if (message->property_count == 0) {
        mp_put_nil(out);
        return;
    }
    mp_put_map(out, (uint32_t)message->property_count);
    for (size_t i = 0; i < message->property_count; i++) {
        const mns_property_t *property = &message->properties[i];
        mp_put_str(out, property->name, strlen(property->name));
        mp_put_str(out, property->value, strlen(property->value));
    }
}

static void put_facts(show_t *show, const mns_message_t *message)
{
    show_text(show, "MessageId", message->message_id);
    show_text(show, "ReceiptHandle", message->receipt_handle);
    show_time_ms(show, "EnqueueTime", message->enqueue_time_ms);
    show_time_ms(show, "FirstDequeueTime", message->first_dequeue_time_ms);
    show_time_ms(show, "NextVisibleTime", message->next_visible_time_ms);
    show_number(show, "DequeueCount", message->dequeue_count);
    show_number(show, "Priority", message->priority);
    show_text(show, "MessageBodyMD5", message->body_md5);
    put_properties(show, message);
}

/* A body for eyes: its lines are lines, and nothing in it is obeyed. */
static void put_body(sl_buf_t *out, const mns_message_t *message)
{
    const char *at = message->body, *end = at + message->body_len;
    sl_buf_append_byte(out, '\n');
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((line_end != NULL ? line_end : end) - at);
        text_clean(out, at, len);
        sl_buf_append_byte(out, '\n');
        at += len + 1;
    }
    sl_buf_append_byte(out, '\n');
}

static void put_message(show_t *show, const mns_message_t *message)
{
    if (show->kind == SHOW_TABLE) {
        show_begin(show, SHOW_SINGLE);
        put_facts(show, message);
        show_end(show);
        put_body(&show->out, message);
        return;
    }
    show_begin(show, SHOW_ROWS);
    put_facts(show, message);
    show_bytes(show, "MessageBody", message->body, message->body_len);
    show_end(show);
}

/* -- receiving ----------------------------------------------------------------------------- */

/* Tells a fault, of those that pass in a row only the first, and how long to pause after it. */
static void on_fault(receiving_t *receiving, const mns_reply_t *reply)
{
    uint32_t last_ms = receiving->backoff_ms;
    receiving->passing = receiving->follow && reply->transient;
    if (!receiving->passing || last_ms == 0)
        session_tell(receiving->session, reply->err, reply);
    if (!receiving->passing)
        return;
    if (last_ms == 0)
        session_say(receiving->session, "trying again until that has passed");
    uint32_t next_ms = last_ms == 0 ? PAUSE_FIRST_MS : 2 * last_ms;
    receiving->backoff_ms = next_ms < PAUSE_MOST_MS ? next_ms : PAUSE_MOST_MS;
    receiving->pause_ms =
        reply->retry_after_ms != 0 ? reply->retry_after_ms : receiving->backoff_ms;
}

static void on_reply(void *user, const mns_reply_t *reply)
{
    receiving_t *receiving = user;
    receiving->answered = true;
    receiving->err = reply->err;
    receiving->passing = false;
    if (reply->err == MNS_ECANCELED)
        return; /* we did that */
    if (reply->err != MNS_OK && reply->err != MNS_EMPTY) {
        on_fault(receiving, reply);
        return;
    }
    receiving->backoff_ms = 0;
    for (size_t i = 0; i < reply->message_count; i++) {
        const mns_message_t *message = &reply->messages[i];
        put_message(&receiving->session->show, message);
        if (receiving->delete_them && receiving->handle_count < BATCH_MAX) {
            char *handle = strdup(message->receipt_handle);
            if (handle == NULL)
                session_say(receiving->session, "out of memory: %s stays", message->message_id);
            else
                receiving->handles[receiving->handle_count++] = handle;
        }
        receiving->left -= receiving->left != UINT64_MAX;
    }
}

/* One request.  @return false: it was not made, or Ctrl-C ended it. */
static bool ask(receiving_t *receiving)
{
    session_t *session = receiving->session;
    receiving->request.count =
        receiving->left < BATCH_MAX ? (uint32_t)receiving->left : (uint32_t)BATCH_MAX;
    receiving->answered = false;
    mns_err err = mns_submit(session->client, &receiving->request, on_reply, receiving);
    if (err != MNS_OK) {
        session_tell(session, err, NULL);
        receiving->err = err;
        return false;
    }
    while (!receiving->answered && !cli_stopping())
        mns_client_run(session->client, STEP_MS);
    if (receiving->answered)
        return true;
    session_close(session); /* ends the long poll */
    receiving->err = MNS_OK;
    return false;
}

/* Waits out a fault that passes; Ctrl-C ends the wait, and the fault is forgotten. */
static void pause_after_fault(receiving_t *receiving)
{
    receiving->err = MNS_OK;
    while (receiving->pause_ms > 0 && !cli_stopping()) {
        uint32_t step_ms = receiving->pause_ms < STEP_MS ? receiving->pause_ms : STEP_MS;
        poll(NULL, 0, (int)step_ms);
        receiving->pause_ms -= step_ms;
    }
}

static void forget_handles(receiving_t *receiving)
{
    while (receiving->handle_count > 0)
        free(receiving->handles[--receiving->handle_count]);
}

static bool delete_shown(receiving_t *receiving)
{
    bool all = true;
    mns_reply_t *reply = NULL;
    mns_request_t request = {.op = MNS_BATCH_DELETE_MESSAGE,
                             .queue = receiving->request.queue,
                             .receipt_handles = (const char *const *)receiving->handles,
                             .count = (uint32_t)receiving->handle_count};
    if (receiving->handle_count > 0) {
        mns_err err = session_call(receiving->session, &request, &reply);
        all = err == MNS_OK;
        for (size_t i = 0; err == MNS_EPARTIAL && i < reply->message_count; i++)
            session_say(receiving->session, "not deleted: %s: %s",
                        reply->messages[i].receipt_handle, reply->messages[i].code);
        mns_reply_free(&reply);
    }
    forget_handles(receiving);
    return all;
}

/* Until enough, or nothing is there; following, until told to stop. */
static int run(receiving_t *receiving)
{
    bool all = true;
    while (receiving->left > 0 && !cli_stopping()) {
        if (!ask(receiving))
            break;
        if (receiving->passing) {
            pause_after_fault(receiving);
            continue;
        }
        if (receiving->err != MNS_OK && receiving->err != MNS_EMPTY)
            break;
        if (!show_flush(&receiving->session->show)) {
            forget_handles(receiving);
            return CLI_NOT_ALL;
        }
        all = delete_shown(receiving) && all;
        if (receiving->follow)
            continue;
        if (receiving->err == MNS_EMPTY)
            break;
        receiving->request.wait_seconds = 0; /* something came: take the rest, wait for no more */
    }
    forget_handles(receiving);
    bool failed = receiving->err != MNS_OK && receiving->err != MNS_EMPTY;
    return all && !failed ? CLI_DONE : CLI_NOT_ALL;
}

static int receive(session_t *session, const void *read)
{
    const receive_options_t *options = read;
    bool counted = config_given(session->config, "count") || !options->follow;
    int64_t wait = session_given(session, "wait", options->wait_s);
    receiving_t receiving = {
        .session = session,
        .request = {.op = MNS_BATCH_RECEIVE_MESSAGE,
                    .queue = session->args[0],
                    .base64 = options->base64,
                    .wait_seconds = (int32_t)(wait < 0 && options->follow ? FOLLOW_WAIT_S : wait)},
        .left = counted ? options->count : UINT64_MAX,
        .delete_them = options->delete_them,
        .follow = options->follow,
    };
    cli_catch_signals();
    return run(&receiving);
}

static int peek(session_t *session, const void *read)
{
    const peek_options_t *options = read;
    mns_request_t request = {.op = MNS_BATCH_PEEK_MESSAGE,
                             .queue = session->args[0],
                             .base64 = options->base64,
                             .count = (uint32_t)options->count};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        for (size_t i = 0; i < reply->message_count; i++)
            put_message(&session->show, &reply->messages[i]);
    mns_reply_free(&reply);
    return err == MNS_OK || err == MNS_EMPTY ? CLI_DONE : CLI_NOT_ALL;
}

/* -- rows ---------------------------------------------------------------------------------- */

#define RECEIVE(member) offsetof(receive_options_t, member)
static const config_opt_t receive_opts[] = {
    {.key = "count",
     .kind = CONFIG_U64,
     .offset = RECEIVE(count),
     .def = "1",
     .help = "at most so many; with --follow there is no end without it",
     .min = 1,
     .max = 1000000000,
     .flags = CONFIG_FLAG_ONLY},
    {.key = "wait",
     .kind = CONFIG_U64,
     .offset = RECEIVE(wait_s),
     .arg = "SECONDS",
     .help = "how long to wait for the first; without it the queue's PollingWaitSeconds",
     .max = 30,
     .flags = CONFIG_FLAG_ONLY},
    {.key = "delete",
     .kind = CONFIG_BOOL,
     .offset = RECEIVE(delete_them),
     .help = "delete what was written out",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "base64",
     .kind = CONFIG_BOOL,
     .offset = RECEIVE(base64),
     .help = "decode bodies that are Base64",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "follow",
     .kind = CONFIG_BOOL,
     .offset = RECEIVE(follow),
     .help = "go on until interrupted, which is no error, and after faults that pass",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static const config_opt_t peek_opts[] = {{.key = "count",
                                          .kind = CONFIG_U64,
                                          .offset = offsetof(peek_options_t, count),
                                          .def = "1",
                                          .help = "at most so many",
                                          .min = 1,
                                          .max = BATCH_MAX,
                                          .flags = CONFIG_FLAG_ONLY},
                                         {.key = "base64",
                                          .kind = CONFIG_BOOL,
                                          .offset = offsetof(peek_options_t, base64),
                                          .help = "decode bodies that are Base64",
                                          .flags = CONFIG_FLAG_ONLY},
                                         MNS_COMMON_ROWS};

static const config_program_t receive_program = {
    .name = "sluice mns receive",
    .positional = "QUEUE",
    .summary = "Receives messages. Each stays hidden for the queue's VisibilityTimeout, and comes "
               "again unless it is deleted by then.",
    .epilog = "Without a terminal, a line a message: MessageId, ReceiptHandle, EnqueueTime, "
              "FirstDequeueTime, NextVisibleTime, DequeueCount, Priority, MessageBodyMD5, "
              "UserProperties, MessageBody. An empty queue is no error: exit 0, and nothing is "
              "printed.",
    .table = {receive_opts, sizeof receive_opts / sizeof receive_opts[0],
              sizeof(receive_options_t)},
};
static const config_program_t peek_program = {
    .name = "sluice mns peek",
    .positional = "QUEUE",
    .summary = "Shows messages that could be received, and leaves them as they are.",
    .epilog = "As `sluice mns receive`, but there is no ReceiptHandle and no NextVisibleTime.",
    .table = {peek_opts, sizeof peek_opts / sizeof peek_opts[0], sizeof(peek_options_t)},
};

const mns_command_t mns_receive_command = {
    "receive", "receive messages from a queue", &receive_program, 1, 1, false, receive};
const mns_command_t mns_peek_command = {
    "peek", "look at a queue's messages", &peek_program, 1, 1, false, peek};
