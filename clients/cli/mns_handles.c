/* sluice mns delete, sluice mns visibility: what one does with receipt handles. */
#include "cli.h"
#include "mns_bodies.h"
#include "mns_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 16, VISIBILITY_MAX_S = 43200 };

/* -- delete -------------------------------------------------------------------------------- */

static bool is_failed(const mns_reply_t *reply, const char *handle)
{
    for (size_t i = 0; i < reply->message_count; i++)
        if (strcmp(reply->messages[i].receipt_handle, handle) == 0)
            return true;
    return false;
}

/* Deletes up to 16 and frees the handles.  @return were all deleted? */
static bool delete_batch(session_t *session, char **handles, size_t *count)
{
    mns_request_t request = {.op = MNS_BATCH_DELETE_MESSAGE,
                             .queue = session->args[0],
                             .receipt_handles = (const char *const *)handles,
                             .count = (uint32_t)*count};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    for (size_t i = 0; err == MNS_EPARTIAL && i < reply->message_count; i++)
        session_say(session, "not deleted: %s: %s: %s", reply->messages[i].receipt_handle,
                    reply->messages[i].code, reply->messages[i].error);
    for (size_t i = 0; i < *count; i++) {
        if (err == MNS_OK || (err == MNS_EPARTIAL && !is_failed(reply, handles[i])))
            show_verdict(&session->show, "deleted", "message", handles[i], NULL);
        free(handles[i]);
    }
    *count = 0;
    mns_reply_free(&reply);
    return err == MNS_OK;
}

static int delete_messages(session_t *session, const void *options)
{
    (void)options;
    char *handles[BATCH_MAX];
    const char *handle;
    size_t count = 0, len;
    bool all = true;
    sl_err err;
    bodies_t given;
    bodies_init(&given, session->args + 1, session->arg_count - 1);
    while ((err = bodies_next(&given, &handle, &len)) == SL_OK) {
        handles[count] = strndup(handle, len);
        if (handles[count] == NULL) {
            err = SL_ENOMEM;
            break;
        }
        if (++count == BATCH_MAX)
            all = delete_batch(session, handles, &count) && all;
    }
    if (count > 0)
        all = delete_batch(session, handles, &count) && all;
    if (err != SL_ECLOSED)
        session_say(session, "stopped: %s", err == SL_EIO ? strerror(errno) : sl_err_text(err));
    bodies_fini(&given);
    return all && err == SL_ECLOSED ? CLI_DONE : CLI_NOT_ALL;
}

/* -- visibility ---------------------------------------------------------------------------- */

static bool parse_seconds(const char *text, uint32_t *seconds)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *seconds = (uint32_t)value;
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value >= 1 &&
           value <= VISIBILITY_MAX_S;
}

static int change_visibility(session_t *session, const void *options)
{
    (void)options;
    uint32_t seconds;
    if (!parse_seconds(session->args[2], &seconds)) {
        session_say(session, "\"%s\" is no number of seconds from 1 to %d", session->args[2],
                    VISIBILITY_MAX_S);
        return CLI_USAGE;
    }
    mns_request_t request = {.op = MNS_CHANGE_MESSAGE_VISIBILITY,
                             .queue = session->args[0],
                             .receipt_handles = session->args + 1,
                             .visibility_timeout = seconds};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK && reply->message_count == 1) {
        show_begin(&session->show, SHOW_SINGLE);
        show_text(&session->show, "ReceiptHandle", reply->messages[0].receipt_handle);
        show_time_ms(&session->show, "NextVisibleTime", reply->messages[0].next_visible_time_ms);
        show_end(&session->show);
    }
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

/* -- rows ---------------------------------------------------------------------------------- */

static const config_opt_t plain_opts[] = {MNS_COMMON_ROWS};
#define PLAIN_TABLE                                                                \
    {                                                                              \
        plain_opts, sizeof plain_opts / sizeof plain_opts[0], sizeof(mns_common_t) \
    }

static const config_program_t delete_program = {
    .name = "sluice mns delete",
    .positional = "QUEUE HANDLE…|-",
    .summary = "Deletes messages by their receipt handles; - takes a handle from each line of "
               "standard input.",
    .epilog = "A handle is good until its NextVisibleTime, and only the newest of a message. Those "
              "that could not be deleted are told on standard error, and the exit code is 1.",
    .table = PLAIN_TABLE,
};
static const config_program_t visibility_program = {
    .name = "sluice mns visibility",
    .positional = "QUEUE HANDLE SECONDS",
    .summary = "Hides a received message for so many seconds from now, 1 to 43200.",
    .epilog = "Prints the new receipt handle; the old one is dead.",
    .table = PLAIN_TABLE,
};

const mns_command_t mns_delete_command = {
    "delete",       "delete messages from a queue", &delete_program, 2, MNS_ANY_ARGS, false,
    delete_messages};
const mns_command_t mns_visibility_command = {"visibility",
                                              "hide a received message longer, or shorter",
                                              &visibility_program,
                                              3,
                                              3,
                                              false,
                                              change_visibility};
