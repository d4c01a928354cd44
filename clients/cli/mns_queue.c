/* sluice mns queue create|list|get|set|delete. */
#include "cli.h"
#include "mns_cmd.h"
#include "mns_list.h"

/* Attributes that can be set: flag, member, the service's name, limits, unit, help. */
#define QUEUE_ATTRIBUTES(X)                                                                     \
    X("delay", delay_seconds, "DelaySeconds", 0, 604800, "SECONDS",                             \
      "how long a message that names no delay stays invisible")                                 \
    X("maximum-message-size", maximum_message_size, "MaximumMessageSize", 1024, 65536, "BYTES", \
      "the largest body, as it is carried")                                                     \
    X("retention", message_retention_period, "MessageRetentionPeriod", 60, 604800, "SECONDS",   \
      "how long a message is kept")                                                             \
    X("visibility-timeout", visibility_timeout, "VisibilityTimeout", 1, 43200, "SECONDS",       \
      "how long a received message stays hidden")                                               \
    X("polling-wait", polling_wait_seconds, "PollingWaitSeconds", 0, 30, "SECONDS",             \
      "how long a receive that names no wait waits for a message")

typedef struct attribute_options {
    mns_common_t common;
#define X(flag, member, name, least, most, unit, text) uint64_t member;
    QUEUE_ATTRIBUTES(X)
#undef X
    bool logging;
} attribute_options_t;

static const config_opt_t attribute_opts[] = {
#define X(flag, member, name, least, most, unit, text) \
    {.key = flag,                                      \
     .kind = CONFIG_U64,                               \
     .offset = offsetof(attribute_options_t, member),  \
     .arg = unit,                                      \
     .help = text,                                     \
     .min = least,                                     \
     .max = most,                                      \
     .flags = CONFIG_FLAG_ONLY},
    QUEUE_ATTRIBUTES(X)
#undef X
        {.key = "logging",
         .kind = CONFIG_BOOL,
         .offset = offsetof(attribute_options_t, logging),
         .help = "log the queue's operations; --no-logging turns it off",
         .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static mns_queue_attributes_t read_attributes(const session_t *session,
                                              const attribute_options_t *options)
{
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
#define X(flag, member, name, least, most, unit, text) \
    attributes.member = session_given(session, flag, options->member);
    QUEUE_ATTRIBUTES(X)
#undef X
    attributes.logging_enabled = session_given(session, "logging", options->logging);
    return attributes;
}

static void put_attributes(show_t *show, show_shape_t shape, const char *queue,
                           const mns_queue_attributes_t *attributes)
{
    show_begin(show, shape);
    show_text(show, "QueueName", queue);
    show_number(show, "ActiveMessages", attributes->active_messages);
    show_number(show, "InactiveMessages", attributes->inactive_messages);
    show_number(show, "DelayMessages", attributes->delay_messages);
#define X(flag, member, name, least, most, unit, text) show_number(show, name, attributes->member);
    QUEUE_ATTRIBUTES(X)
#undef X
    show_bool(show, "LoggingEnabled", attributes->logging_enabled);
    show_time_s(show, "CreateTime", attributes->create_time);
    show_time_s(show, "LastModifyTime", attributes->last_modify_time);
    show_end(show);
}

/* -- commands ------------------------------------------------------------------------------ */

static int create(session_t *session, const void *options)
{
    mns_queue_attributes_t attributes = read_attributes(session, options);
    mns_request_t request = {
        .op = MNS_CREATE_QUEUE, .queue = session->args[0], .queue_attributes = &attributes};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        show_verdict(&session->show, reply->existed ? "existed" : "created", "queue", request.queue,
                     reply->location);
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

static int set(session_t *session, const void *options)
{
    mns_queue_attributes_t attributes = read_attributes(session, options);
    const mns_queue_attributes_t nothing = MNS_QUEUE_ATTRIBUTES_UNSET;
    if (memcmp(&attributes, &nothing, sizeof nothing) == 0) {
        session_say(session, "nothing to set: give at least one attribute");
        return CLI_USAGE;
    }
    mns_request_t request = {
        .op = MNS_SET_QUEUE_ATTRIBUTES, .queue = session->args[0], .queue_attributes = &attributes};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    show_verdict(&session->show, "changed", "queue", request.queue, NULL);
    return CLI_DONE;
}

static int get(session_t *session, const void *options)
{
    (void)options;
    mns_request_t request = {.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = session->args[0]};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        put_attributes(&session->show, SHOW_SINGLE, request.queue, reply->queue_attributes);
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

static bool put_listed(void *ctx, const char *name, const mns_queue_attributes_t *attributes)
{
    show_t *show = ctx;
    if (attributes != NULL) {
        put_attributes(show, SHOW_ROWS, name, attributes);
        return true;
    }
    show_begin(show, SHOW_ROWS);
    show_text(show, "QueueName", name);
    show_end(show);
    return true;
}

static int list(session_t *session, const void *read)
{
    const list_options_t *options = read;
    mns_request_t request = {
        .op = MNS_LIST_QUEUE, .prefix = options->prefix, .with_meta = options->details};
    return list_run(session, &request, options, put_listed, &session->show);
}

static int delete (session_t *session, const void *options)
{
    (void)options;
    mns_request_t request = {.op = MNS_DELETE_QUEUE, .queue = session->args[0]};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    show_verdict(&session->show, "deleted", "queue", request.queue, NULL);
    return CLI_DONE;
}

/* -- rows ---------------------------------------------------------------------------------- */

static const config_opt_t list_opts[] = {LIST_ROWS, MNS_COMMON_ROWS};
static const config_opt_t plain_opts[] = {MNS_COMMON_ROWS};

#define ATTRIBUTE_TABLE MNS_TABLE(attribute_opts, attribute_options_t)
#define LIST_TABLE      MNS_TABLE(list_opts, list_options_t)
#define PLAIN_TABLE     MNS_TABLE(plain_opts, mns_common_t)

static const config_program_t create_program = {
    .name = "sluice mns queue create",
    .positional = "NAME",
    .summary = "Creates a queue. What is not given has the service's default.",
    .epilog = "Says created, or existed: it was there with the same attributes. A queue that is "
              "there with others is an error (QueueAlreadyExist), and nothing is changed.",
    .table = ATTRIBUTE_TABLE,
};
static const config_program_t list_program = {
    .name = "sluice mns queue list",
    .summary = "Lists the queues of the account in the region, with --long their attributes too.",
    .table = LIST_TABLE,
};
static const config_program_t get_program = {
    .name = "sluice mns queue get",
    .positional = "NAME",
    .summary = "Shows all attributes of a queue, and how many messages it holds.",
    .table = PLAIN_TABLE,
};
static const config_program_t set_program = {
    .name = "sluice mns queue set",
    .positional = "NAME",
    .summary = "Changes the attributes that are given; the others stay.",
    .table = ATTRIBUTE_TABLE,
};
static const config_program_t delete_program = {
    .name = "sluice mns queue delete",
    .positional = "NAME",
    .summary = "Deletes a queue and all its messages.",
    .table = PLAIN_TABLE,
};

static const mns_command_t commands[] = {
    {"create", "create a queue", &create_program, 1, 1, false, create},
    {"list", "list the queues", &list_program, 0, 0, false, list},
    {"get", "show a queue's attributes", &get_program, 1, 1, false, get},
    {"set", "change a queue's attributes", &set_program, 1, 1, false, set},
    {"delete", "delete a queue and its messages", &delete_program, 1, 1, false, delete},
};

const mns_group_t mns_queue_group = {"queue", "create, list, get, set, delete queues", commands,
                                     sizeof commands / sizeof commands[0]};
