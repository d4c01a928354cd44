/* sluice mns subscription create|list|get|set|delete. */
#include "cli.h"
#include "mns_cmd.h"
#include "mns_list.h"

#include <stdio.h>

static const char *const formats[] = {"XML", "JSON", "SIMPLIFIED"};
static const char *const strategies[] = {"BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"};
#define FORMAT_CHOICES   "XML|JSON|SIMPLIFIED"
#define STRATEGY_CHOICES "BACKOFF_RETRY|EXPONENTIAL_DECAY_RETRY"

typedef struct create_options {
    mns_common_t common;
    const char *endpoint, *filter_tag;
    int format, strategy;
} create_options_t;

typedef struct set_options {
    mns_common_t common;
    int strategy;
} set_options_t;

static void put_subscription(show_t *show, show_shape_t shape, const char *name,
                             const mns_subscription_t *subscription)
{
    show_begin(show, shape);
    show_text(show, "SubscriptionName", name);
    show_text(show, "TopicName", subscription->topic_name);
    show_text(show, "Endpoint", subscription->endpoint);
    show_text(show, "NotifyContentFormat", subscription->notify_format);
    show_text(show, "NotifyStrategy", subscription->notify_strategy);
    show_text(show, "FilterTag", subscription->filter_tag);
    show_text(show, "TopicOwner", subscription->topic_owner);
    show_text(show, "Subscriber", subscription->subscriber);
    show_time_s(show, "CreateTime", subscription->create_time);
    show_time_s(show, "LastModifyTime", subscription->last_modify_time);
    show_end(show);
}

/* "topic/subscription" */
static void say_done(session_t *session, const char *what, const char *location)
{
    char name[2 * PLACE_NAME_MAX + 2];
    snprintf(name, sizeof name, "%.*s/%.*s", PLACE_NAME_MAX, session->args[0], PLACE_NAME_MAX,
             session->args[1]);
    show_verdict(&session->show, what, "subscription", name, location);
}

/* -- commands ------------------------------------------------------------------------------ */

/* A bare name is a queue here: of this account, in this region. */
static bool complete_endpoint(const session_t *session, const char *given,
                              char out[PLACE_QUEUE_ENDPOINT_MAX])
{
    const place_t *place = &session->place;
    if (!place_is_name(given)) {
        snprintf(out, PLACE_QUEUE_ENDPOINT_MAX, "%s", given);
        return true;
    }
    if (*place->account == '\0' || *place->region == '\0') {
        session_say(session,
                    "whose queue is %s? Give --account and --region, or the whole "
                    "acs:mns:<region>:<account>:queues/%s",
                    given, given);
        return false;
    }
    place_queue_endpoint(out, place, given);
    return true;
}

static int create(session_t *session, const void *read)
{
    const create_options_t *options = read;
    char endpoint[PLACE_QUEUE_ENDPOINT_MAX];
    const char *given = session->args[2];
    if (strlen(given) >= sizeof endpoint) {
        session_say(session, "the endpoint is longer than %zu bytes", sizeof endpoint - 1);
        return CLI_USAGE;
    }
    if (!complete_endpoint(session, given, endpoint))
        return CLI_USAGE;
    mns_subscription_t subscription = {
        .endpoint = endpoint,
        .notify_format = formats[options->format],
        .notify_strategy = strategies[options->strategy],
        .filter_tag = options->filter_tag,
    };
    mns_request_t request = {.op = MNS_SUBSCRIBE,
                             .topic = session->args[0],
                             .subscription = session->args[1],
                             .subscription_attributes = &subscription};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        say_done(session, reply->existed ? "existed" : "created", reply->location);
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

static int set(session_t *session, const void *read)
{
    const set_options_t *options = read;
    if (!config_given(session->config, "strategy")) {
        session_say(session, "nothing to set: give --strategy, the one thing that can be changed");
        return CLI_USAGE;
    }
    mns_subscription_t subscription = {.notify_strategy = strategies[options->strategy]};
    mns_request_t request = {.op = MNS_SET_SUBSCRIPTION_ATTRIBUTES,
                             .topic = session->args[0],
                             .subscription = session->args[1],
                             .subscription_attributes = &subscription};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    say_done(session, "changed", NULL);
    return CLI_DONE;
}

static bool show_subscription(session_t *session, const char *name, show_shape_t shape)
{
    mns_request_t request = {
        .op = MNS_GET_SUBSCRIPTION_ATTRIBUTES, .topic = session->args[0], .subscription = name};
    mns_reply_t *reply;
    mns_err err = session_call(session, &request, &reply);
    if (err == MNS_OK)
        put_subscription(&session->show, shape, name, reply->subscription);
    mns_reply_free(&reply);
    return err == MNS_OK;
}

static int get(session_t *session, const void *options)
{
    (void)options;
    return show_subscription(session, session->args[1], SHOW_SINGLE) ? CLI_DONE : CLI_NOT_ALL;
}

static int list(session_t *session, const void *read)
{
    const list_options_t *options = read;
    mns_request_t request = {
        .op = MNS_LIST_SUBSCRIPTION_BY_TOPIC, .topic = session->args[0], .prefix = options->prefix};
    return list_run_by_name(session, &request, options, "SubscriptionName", show_subscription);
}

static int delete (session_t *session, const void *options)
{
    (void)options;
    mns_request_t request = {
        .op = MNS_UNSUBSCRIBE, .topic = session->args[0], .subscription = session->args[1]};
    if (!session_do(session, &request))
        return CLI_NOT_ALL;
    say_done(session, "deleted", NULL);
    return CLI_DONE;
}

/* -- rows ---------------------------------------------------------------------------------- */

static const config_opt_t create_opts[] = {
    {.key = "format",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(create_options_t, format),
     .def = "XML",
     .choices = FORMAT_CHOICES,
     .help = "how the message is wrapped; SIMPLIFIED loses the topic's message id",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "strategy",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(create_options_t, strategy),
     .def = "BACKOFF_RETRY",
     .choices = STRATEGY_CHOICES,
     .help = "what follows a push that failed: 3 retries, or 176 in a day",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "filter-tag",
     .kind = CONFIG_STR,
     .offset = offsetof(create_options_t, filter_tag),
     .arg = "TAG",
     .help = "only messages published with exactly this tag, at most 16 characters",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static const config_opt_t set_opts[] = {{.key = "strategy",
                                         .kind = CONFIG_CHOICE,
                                         .offset = offsetof(set_options_t, strategy),
                                         .choices = STRATEGY_CHOICES,
                                         .help = "the one attribute that can be changed",
                                         .flags = CONFIG_FLAG_ONLY},
                                        MNS_COMMON_ROWS};
static const config_opt_t list_opts[] = {LIST_ROWS, MNS_COMMON_ROWS};
static const config_opt_t plain_opts[] = {MNS_COMMON_ROWS};

#define LIST_TABLE  MNS_TABLE(list_opts, list_options_t)
#define PLAIN_TABLE MNS_TABLE(plain_opts, mns_common_t)

static const config_program_t create_program = {
    .name = "sluice mns subscription create",
    .positional = "TOPIC NAME TO",
    .summary = "Subscribes to a topic: its messages are delivered to the endpoint TO.",
    .epilog = "TO is a queue's name, acs:mns:<region>:<account>:queues/<queue>, http://… or "
              "https://…, mail:directmail:<address>, sms:directsms:<phone>, or "
              "sms:directsms:anonymous.\n"
              "Says created, or existed: it was there with the same attributes.",
    .table = {create_opts, sizeof create_opts / sizeof create_opts[0], sizeof(create_options_t)},
};
static const config_program_t list_program = {
    .name = "sluice mns subscription list",
    .positional = "TOPIC",
    .summary = "Lists a topic's subscriptions, with --long their attributes too (a request each).",
    .table = LIST_TABLE,
};
static const config_program_t get_program = {
    .name = "sluice mns subscription get",
    .positional = "TOPIC NAME",
    .summary = "Shows all attributes of a subscription.",
    .table = PLAIN_TABLE,
};
static const config_program_t set_program = {
    .name = "sluice mns subscription set",
    .positional = "TOPIC NAME",
    .summary = "Changes a subscription's strategy. The rest cannot be changed: delete and create.",
    .table = {set_opts, sizeof set_opts / sizeof set_opts[0], sizeof(set_options_t)},
};
static const config_program_t delete_program = {
    .name = "sluice mns subscription delete",
    .positional = "TOPIC NAME",
    .summary = "Deletes a subscription.",
    .table = PLAIN_TABLE,
};

static const mns_command_t commands[] = {
    {"create", "subscribe an endpoint to a topic", &create_program, 3, 3, false, create},
    {"list", "list a topic's subscriptions", &list_program, 1, 1, false, list},
    {"get", "show a subscription's attributes", &get_program, 2, 2, false, get},
    {"set", "change a subscription's strategy", &set_program, 2, 2, false, set},
    {"delete", "delete a subscription", &delete_program, 2, 2, false, delete},
};

const mns_group_t mns_subscription_group = {"subscription",
                                            "create, list, get, set, delete subscriptions",
                                            commands, sizeof commands / sizeof commands[0]};
