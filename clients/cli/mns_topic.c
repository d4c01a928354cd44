/* sluice mns topic create|list|get|set|delete. */
#include "cli.h"
#include "mns_cmd.h"
#include "mns_list.h"

typedef struct attribute_options {
    mns_common_t common;
    uint64_t maximum_message_size;
    bool logging;
} attribute_options_t;

static const config_opt_t attribute_opts[] = {
    {.key = "maximum-message-size",
     .kind = CONFIG_U64,
     .offset = offsetof(attribute_options_t, maximum_message_size),
     .arg = "BYTES",
     .help = "the largest body, as it is carried",
     .min = 1024,
     .max = 65536,
     .flags = CONFIG_FLAG_ONLY},
    {.key = "logging",
     .kind = CONFIG_BOOL,
     .offset = offsetof(attribute_options_t, logging),
     .help = "log the topic's operations; --no-logging turns it off",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static mns_topic_attributes_t read_attributes(const session_t *session,
                                              const attribute_options_t *options)
{
    mns_topic_attributes_t attributes = MNS_TOPIC_ATTRIBUTES_UNSET;
    attributes.maximum_message_size =
        session_given(session, "maximum-message-size", options->maximum_message_size);
    attributes.logging_enabled = session_given(session, "logging", options->logging);
    return attributes;
}

static void put_attributes(show_t *show, show_shape_t shape, const char *topic,
                           const mns_topic_attributes_t *attributes)
{
    show_begin(show, shape);
    show_text(show, "TopicName", topic);
    show_number(show, "MessageCount", attributes->message_count);
    show_number(show, "MaximumMessageSize", attributes->maximum_message_size);
    show_number(show, "MessageRetentionPeriod", attributes->message_retention_period);
    show_bool(show, "LoggingEnabled", attributes->logging_enabled);
    show_time_s(show, "CreateTime", attributes->create_time);
    show_time_s(show, "LastModifyTime", attributes->last_modify_time);
    show_end(show);
}

/* -- commands ------------------------------------------------------------------------------ */

static int create(session_t *session, const void *options)
{
    mns_topic_attributes_t attributes = read_attributes(session, options);
    mns_request_t request = {
        .op = MNS_CREATE_TOPIC, .topic = session->args[0], .topic_attributes = &attributes};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        show_verdict(&session->show, reply->existed ? "existed" : "created", "topic", request.topic,
                     reply->location);
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

static int set(session_t *session, const void *options)
{
    mns_topic_attributes_t attributes = read_attributes(session, options);
    if (attributes.maximum_message_size < 0 && attributes.logging_enabled < 0) {
        session_say(session, "nothing to set: give at least one attribute");
        return CLI_USAGE;
    }
    mns_request_t request = {
        .op = MNS_SET_TOPIC_ATTRIBUTES, .topic = session->args[0], .topic_attributes = &attributes};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    show_verdict(&session->show, "changed", "topic", request.topic, NULL);
    return CLI_DONE;
}

static bool show_topic(session_t *session, const char *topic, show_shape_t shape)
{
    mns_request_t request = {.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = topic};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        put_attributes(&session->show, shape, topic, reply->topic_attributes);
    mns_reply_free(&reply);
    return err == MNS_OK;
}

static int get(session_t *session, const void *options)
{
    (void)options;
    return show_topic(session, session->args[0], SHOW_SINGLE) ? CLI_DONE : CLI_NOT_ALL;
}

static int list(session_t *session, const void *read)
{
    const list_options_t *options = read;
    mns_request_t request = {.op = MNS_LIST_TOPIC, .prefix = options->prefix};
    return list_run_by_name(session, &request, options, "TopicName", show_topic);
}

static int delete (session_t *session, const void *options)
{
    (void)options;
    mns_request_t request = {.op = MNS_DELETE_TOPIC, .topic = session->args[0]};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    show_verdict(&session->show, "deleted", "topic", request.topic, NULL);
    return CLI_DONE;
}

/* -- rows ---------------------------------------------------------------------------------- */

static const config_opt_t list_opts[] = {LIST_ROWS, MNS_COMMON_ROWS};
static const config_opt_t plain_opts[] = {MNS_COMMON_ROWS};

#define ATTRIBUTE_TABLE MNS_TABLE(attribute_opts, attribute_options_t)
#define LIST_TABLE      MNS_TABLE(list_opts, list_options_t)
#define PLAIN_TABLE     MNS_TABLE(plain_opts, mns_common_t)

static const config_program_t create_program = {
    .name = "sluice mns topic create",
    .positional = "NAME",
    .summary = "Creates a topic. What is not given has the service's default.",
    .epilog = "Says created, or existed: it was there with the same attributes. A topic that is "
              "there with others is an error (TopicAlreadyExist), and nothing is changed.",
    .table = ATTRIBUTE_TABLE,
};
static const config_program_t list_program = {
    .name = "sluice mns topic list",
    .summary = "Lists the topics of the account in the region, with --long their attributes too "
               "(a request each).",
    .table = LIST_TABLE,
};
static const config_program_t get_program = {
    .name = "sluice mns topic get",
    .positional = "NAME",
    .summary = "Shows all attributes of a topic.",
    .table = PLAIN_TABLE,
};
static const config_program_t set_program = {
    .name = "sluice mns topic set",
    .positional = "NAME",
    .summary = "Changes the attributes that are given; the others stay.",
    .table = ATTRIBUTE_TABLE,
};
static const config_program_t delete_program = {
    .name = "sluice mns topic delete",
    .positional = "NAME",
    .summary = "Deletes a topic and all its subscriptions.",
    .table = PLAIN_TABLE,
};

static const mns_command_t commands[] = {
    {"create", "create a topic", &create_program, 1, 1, false, create},
    {"list", "list the topics", &list_program, 0, 0, false, list},
    {"get", "show a topic's attributes", &get_program, 1, 1, false, get},
    {"set", "change a topic's attributes", &set_program, 1, 1, false, set},
    {"delete", "delete a topic and its subscriptions", &delete_program, 1, 1, false, delete},
};

const mns_group_t mns_topic_group = {"topic", "create, list, get, set, delete topics", commands,
                                     sizeof commands / sizeof commands[0]};
