/* sluice mns setup: a topic, a queue, what joins them, and the bridge's file for it.
 *
 *     look (nothing is changed)  -->  anything in the way?  --> say so, exit 1
 *                                -->  make what is missing  --> print the bridge's file
 *
 * What is there already is taken as it is, whatever its name: a second run finds everything, makes
 * nothing and prints the same.  What was done is told on standard error, the file alone goes to
 * standard output. */
#include "cli.h"
#include "mns_cmd.h"
#include "mns_list.h"
#include "mns_notification.h"
#include "mns_setup_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { VISIBILITY_S = 60 };

static const char *const formats[] = {"JSON", "XML", "SIMPLIFIED"};
static const char *const strategies[] = {"EXPONENTIAL_DECAY_RETRY", "BACKOFF_RETRY"};

typedef struct setup_options {
    mns_common_t common;
    const char *queue, *subscription, *push, *push_subscription, *listen, *broker;
    uint64_t visibility_s;
    int format, strategy;
    bool no_queue;
} setup_options_t;

/* One subscription that shall be there. */
typedef struct joint {
    const char *name;     /* if it has to be made */
    const char *endpoint; /* where it delivers */
    const char *what;     /* "queue jobs", for what is told */
    bool wanted, found;
} joint_t;

enum { JOINT_QUEUE, JOINT_PUSH, JOINTS };

typedef struct setup {
    session_t *session;
    const setup_options_t *options;
    const mns_source_t *source;
    const char *topic, *queue;
    bool topic_found, queue_found, clash;
    joint_t joints[JOINTS];
    char queue_endpoint[PLACE_QUEUE_ENDPOINT_MAX];
    char names[JOINTS][2 * PLACE_NAME_MAX + 8];
} setup_t;

#define TELL(setup, ...) session_say((setup)->session, __VA_ARGS__)

/* -- looking ------------------------------------------------------------------------------- */

/* Is it there?  @return false: that could not be found out; told. */
static bool look_for(session_t *session, const mns_request_t *request, mns_code missing,
                     bool *found)
{
    mns_reply_t *reply = NULL;
    mns_err err = mns_call(session->client, request, &reply);
    bool gone = reply != NULL && reply->code_id == missing;
    if (err != MNS_OK && !gone)
        session_tell(session, err, reply);
    mns_reply_free(&reply);
    *found = err == MNS_OK;
    return err == MNS_OK || gone;
}

static bool look_for_queue(setup_t *setup)
{
    mns_request_t request = {.op = MNS_GET_QUEUE_ATTRIBUTES, .queue = setup->queue};
    mns_reply_t *reply = NULL;
    mns_err err = mns_call(setup->session->client, &request, &reply);
    bool gone = reply != NULL && reply->code_id == MNS_CODE_QueueNotExist;
    setup->queue_found = err == MNS_OK;
    if (err != MNS_OK && !gone)
        session_tell(setup->session, err, reply);
    if (err == MNS_OK && reply != NULL &&
        config_given(setup->session->config, "visibility-timeout") &&
        reply->queue_attributes->visibility_timeout != (int64_t)setup->options->visibility_s)
        TELL(setup,
             "note: queue %s has VisibilityTimeout %lld and keeps it; `sluice mns queue set "
             "%s --visibility-timeout %llu` changes it",
             setup->queue, (long long)reply->queue_attributes->visibility_timeout, setup->queue,
             (unsigned long long)setup->options->visibility_s);
    mns_reply_free(&reply);
    return err == MNS_OK || gone;
}

static bool same_endpoint(const char *a, const char *b)
{
    place_t place_a, place_b;
    char queue_a[PLACE_NAME_MAX], queue_b[PLACE_NAME_MAX];
    if (place_parse_queue_endpoint(&place_a, queue_a, a) &&
        place_parse_queue_endpoint(&place_b, queue_b, b))
        return strcmp(queue_a, queue_b) == 0 && strcmp(place_a.account, place_b.account) == 0 &&
               strcmp(place_a.region, place_b.region) == 0;
    return strcmp(a, b) == 0;
}

/* What is there is where we deliver to: does it deliver as we want? */
static void compare(setup_t *setup, joint_t *joint, const char *name,
                    const mns_subscription_t *there)
{
    const char *format = formats[setup->options->format];
    const char *strategy = strategies[setup->options->strategy];
    if (joint->found)
        TELL(setup, "note: subscription %s/%s delivers to %s too: each message comes twice",
             setup->topic, name, joint->what);
    if (strcmp(there->notify_format, format) != 0) {
        setup->clash = true;
        TELL(setup,
             "subscription %s/%s delivers to %s in format %s, not %s: delete it "
             "(`sluice mns subscription delete %s %s`) and run this again, or keep it with "
             "--format %s",
             setup->topic, name, joint->what, there->notify_format, format, setup->topic, name,
             there->notify_format);
    }
    if (*there->filter_tag != '\0') {
        setup->clash = true;
        TELL(setup,
             "subscription %s/%s delivers only messages with the tag \"%s\", and "
             "BatchCompute sets none: delete it (`sluice mns subscription delete %s %s`) "
             "and run this again",
             setup->topic, name, there->filter_tag, setup->topic, name);
    }
    if (strcmp(there->notify_strategy, strategy) != 0)
        TELL(setup,
             "note: subscription %s/%s has the strategy %s and keeps it; `sluice mns "
             "subscription set %s %s --strategy %s` changes it",
             setup->topic, name, there->notify_strategy, setup->topic, name, strategy);
    joint->found = true;
}

/* One subscription of the topic: ours, in our way, or none of our business. */
static bool look_at(void *ctx, const char *name, const mns_queue_attributes_t *attributes)
{
    (void)attributes;
    setup_t *setup = ctx;
    mns_request_t request = {
        .op = MNS_GET_SUBSCRIPTION_ATTRIBUTES, .topic = setup->topic, .subscription = name};
    mns_reply_t *reply;
    mns_err err = session_call(setup->session, &request, &reply);
    setup->clash = setup->clash || err != MNS_OK;
    for (size_t i = 0; err == MNS_OK && i < JOINTS; i++) {
        joint_t *joint = &setup->joints[i];
        if (!joint->wanted)
            continue;
        if (same_endpoint(reply->subscription->endpoint, joint->endpoint)) {
            compare(setup, joint, name, reply->subscription);
        } else if (strcmp(name, joint->name) == 0) {
            setup->clash = true;
            TELL(setup,
                 "subscription %s/%s delivers to %s, not to %s: delete it (`sluice mns "
                 "subscription delete %s %s`), or choose another name with --%s",
                 setup->topic, name, reply->subscription->endpoint, joint->endpoint, setup->topic,
                 name, i == JOINT_QUEUE ? "subscription" : "push-subscription");
        }
    }
    mns_reply_free(&reply);
    return err == MNS_OK;
}

static bool look(setup_t *setup)
{
    session_t *session = setup->session;
    mns_request_t topic = {.op = MNS_GET_TOPIC_ATTRIBUTES, .topic = setup->topic};
    mns_request_t subscriptions = {.op = MNS_LIST_SUBSCRIPTION_BY_TOPIC, .topic = setup->topic};
    if (!look_for(session, &topic, MNS_CODE_TopicNotExist, &setup->topic_found))
        return false;
    if (setup->queue != NULL && !look_for_queue(setup))
        return false;
    if (!setup->topic_found)
        return true;
    mns_reply_t *reply;
    mns_err err = list_walk(session->client, &subscriptions, 0, look_at, setup, &reply);
    if (err != MNS_OK)
        session_tell(session, err, reply);
    mns_reply_free(&reply);
    return err == MNS_OK && !setup->clash;
}

/* -- making -------------------------------------------------------------------------------- */

static bool make(setup_t *setup, bool found, const mns_request_t *request, const char *what)
{
    if (!found && !session_do(setup->session, request))
        return false;
    TELL(setup, "%s %s", found ? "kept" : "created", what);
    return true;
}

static bool make_joint(setup_t *setup, const joint_t *joint)
{
    char what[3 * PLACE_NAME_MAX + PLACE_QUEUE_ENDPOINT_MAX];
    mns_subscription_t subscription = {
        .endpoint = joint->endpoint,
        .notify_format = formats[setup->options->format],
        .notify_strategy = strategies[setup->options->strategy],
    };
    mns_request_t request = {.op = MNS_SUBSCRIBE,
                             .topic = setup->topic,
                             .subscription = joint->name,
                             .subscription_attributes = &subscription};
    if (joint->found)
        snprintf(what, sizeof what, "the subscription of topic %s to %s", setup->topic,
                 joint->what);
    else
        snprintf(what, sizeof what, "subscription %s/%s to %s, format %s", setup->topic,
                 joint->name, joint->what, subscription.notify_format);
    return make(setup, joint->found, &request, what);
}

static bool make_all(setup_t *setup)
{
    char what[PLACE_NAME_MAX + 16];
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.visibility_timeout = (int64_t)setup->options->visibility_s;
    mns_request_t queue = {
        .op = MNS_CREATE_QUEUE, .queue = setup->queue, .queue_attributes = &attributes};
    mns_request_t topic = {.op = MNS_CREATE_TOPIC, .topic = setup->topic};
    snprintf(what, sizeof what, "topic %s", setup->topic);
    if (!make(setup, setup->topic_found, &topic, what))
        return false;
    snprintf(what, sizeof what, "queue %s", setup->queue != NULL ? setup->queue : "");
    if (setup->queue != NULL && !make(setup, setup->queue_found, &queue, what))
        return false;
    for (size_t i = 0; i < JOINTS; i++)
        if (setup->joints[i].wanted && !make_joint(setup, &setup->joints[i]))
            return false;
    return true;
}

/* -- the bridge's file --------------------------------------------------------------------- */

static bool print_file(setup_t *setup)
{
    const setup_options_t *options = setup->options;
    setup_file_t file = {.broker = options->broker,
                         .endpoint = setup->session->common->endpoint,
                         .place = setup->session->place,
                         .topic = setup->topic,
                         .topic_endpoint = setup->source->topic_endpoint,
                         .events = setup->source->events,
                         .queue = setup->queue,
                         .push = options->push,
                         .listen = options->listen};
    if (options->push != NULL && strncasecmp(options->push, "https://", 8) == 0)
        TELL(setup, "note: the push endpoint is https: give the push source tls-certificate and "
                    "tls-key, or let a proxy in front of the bridge do the TLS");
    if (setup_file_write(&setup->session->show.out, &file) == SL_OK)
        return true;
    TELL(setup, "out of memory");
    return false;
}

/* -- beginning ----------------------------------------------------------------------------- */

static void plan_joints(setup_t *setup)
{
    const setup_options_t *options = setup->options;
    joint_t *queue = &setup->joints[JOINT_QUEUE], *push = &setup->joints[JOINT_PUSH];
    snprintf(setup->names[JOINT_QUEUE], sizeof setup->names[0], "%.*s-to-%.*s", 100, setup->topic,
             100, setup->queue != NULL ? setup->queue : "");
    snprintf(setup->names[JOINT_PUSH], sizeof setup->names[0], "%.*s-push", 200, setup->topic);
    if (setup->queue != NULL) {
        place_queue_endpoint(setup->queue_endpoint, &setup->session->place, setup->queue);
        *queue = (joint_t){.wanted = true, .endpoint = setup->queue_endpoint};
        queue->name =
            options->subscription != NULL ? options->subscription : setup->names[JOINT_QUEUE];
        queue->what = setup->queue_endpoint;
    }
    if (options->push != NULL) {
        *push = (joint_t){.wanted = true, .endpoint = options->push, .what = options->push};
        push->name = options->push_subscription != NULL ? options->push_subscription
                                                        : setup->names[JOINT_PUSH];
    }
}

static bool names_are_good(const setup_t *setup)
{
    const struct {
        const char *what, *name;
    } names[] = {{"topic", setup->topic},
                 {"queue", setup->queue},
                 {"subscription", setup->options->subscription},
                 {"subscription", setup->options->push_subscription}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].name != NULL && !place_is_name(names[i].name)) {
            TELL(setup, "\"%.100s\" is no %s name: letters, digits and hyphens are", names[i].name,
                 names[i].what);
            return false;
        }
    return true;
}

static bool push_is_good(const setup_t *setup)
{
    char listen[16];
    const char *push = setup->options->push, *path;
    const char *wrong = push != NULL ? setup_file_parse_push(push, listen, &path) : NULL;
    if (wrong != NULL)
        TELL(setup, "the push endpoint %.300s %s", push, wrong);
    return wrong == NULL;
}

static int set_up(setup_t *setup)
{
    const place_t *place = &setup->session->place;
    if (*place->account == '\0' || *place->region == '\0') {
        TELL(setup, "the endpoint does not say account and region as "
                    "<account>.mns.<region>.aliyuncs.com does: give --account and --region");
        return CLI_USAGE;
    }
    if (!names_are_good(setup) || !push_is_good(setup))
        return CLI_USAGE;
    plan_joints(setup);
    if (!look(setup)) {
        TELL(setup, "nothing was changed");
        return CLI_NOT_ALL;
    }
    if (!make_all(setup)) {
        TELL(setup, "stopped there; what is told above was made and stays: run this again when "
                    "the cause is gone");
        return CLI_NOT_ALL;
    }
    return print_file(setup) ? CLI_DONE : CLI_NOT_ALL;
}

/* The Notification's endpoint is BatchCompute's way to MNS; --endpoint is ours, if it is another.
 */
static int open_and_set_up(session_t *session, setup_t *setup)
{
    int code;
    mns_common_t common = *session->common;
    if (common.endpoint == NULL)
        common.endpoint = setup->source->topic_endpoint;
    place_t named = setup->source->topic_endpoint != NULL
                        ? place_of_endpoint(setup->source->topic_endpoint)
                        : (place_t){{0}};
    if (common.account == NULL && *named.account != '\0')
        common.account = named.account;
    if (common.region == NULL && *named.region != '\0')
        common.region = named.region;
    const mns_common_t *given = session->common;
    session->common = &common;
    bool opened = session_open(session, &code);
    session->common = given; /* the file says what was given */
    return opened ? set_up(setup) : code;
}

static int run(session_t *session, const void *read)
{
    const setup_options_t *options = read;
    notification_t file;
    char why[NOTIFICATION_WHY_BYTES];
    const char *path = session->args[0];
    if (!notification_read(&file, path, why)) {
        session_say(session, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : path, why);
        return CLI_USAGE;
    }
    int code = CLI_USAGE;
    setup_t setup = {.session = session, .options = options, .source = &file.sources[0]};
    setup.topic = setup.source->topic;
    setup.queue = options->no_queue             ? NULL
                  : options->queue != NULL      ? options->queue
                  : setup.source->queue != NULL ? setup.source->queue
                                                : setup.topic;
    if (file.count != 1)
        session_say(session, "%s has %zu sources: give one Notification", path, file.count);
    else if (setup.topic == NULL)
        session_say(session, "%s names no topic", path);
    else if (options->no_queue && options->push == NULL)
        session_say(session, "--no-queue needs --push: a topic alone delivers nothing");
    else
        code = open_and_set_up(session, &setup);
    notification_fini(&file);
    return code;
}

/* -- rows ---------------------------------------------------------------------------------- */

#define SETUP(member) offsetof(setup_options_t, member)
#define SETUP_TEXT(name, member, argument, text)                                                 \
    {                                                                                            \
        .key = name, .kind = CONFIG_STR, .offset = SETUP(member), .arg = argument, .help = text, \
        .flags = CONFIG_FLAG_ONLY                                                                \
    }

static const config_opt_t opts[] = {
    SETUP_TEXT("queue", queue, "NAME", "the queue; without it called as the topic"),
    SETUP_TEXT("subscription", subscription, "NAME",
               "what the queue's subscription is called; without it TOPIC-to-QUEUE"),
    {.key = "format",
     .kind = CONFIG_CHOICE,
     .offset = SETUP(format),
     .def = "JSON",
     .choices = "JSON|XML|SIMPLIFIED",
     .help = "how the message is wrapped; JSON and XML keep the topic's message id",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "strategy",
     .kind = CONFIG_CHOICE,
     .offset = SETUP(strategy),
     .def = "EXPONENTIAL_DECAY_RETRY",
     .choices = "EXPONENTIAL_DECAY_RETRY|BACKOFF_RETRY",
     .help = "what follows a delivery that failed: 176 retries in a day, or 3",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "visibility-timeout",
     .kind = CONFIG_U64,
     .offset = SETUP(visibility_s),
     .def = "60",
     .arg = "SECONDS",
     .help = "of a queue that is created",
     .min = 1,
     .max = 43200,
     .flags = CONFIG_FLAG_ONLY},
    SETUP_TEXT("push", push, "URL", "subscribe this HTTP endpoint, too"),
    SETUP_TEXT("push-subscription", push_subscription, "NAME",
               "what its subscription is called; without it TOPIC-push"),
    SETUP_TEXT("listen", listen, "ADDR:PORT",
               "where the bridge takes the pushes; without it 0.0.0.0 and the URL's port"),
    {.key = "no-queue",
     .kind = CONFIG_BOOL,
     .offset = SETUP(no_queue),
     .help = "no queue, only --push",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "broker",
     .kind = CONFIG_STR,
     .offset = SETUP(broker),
     .def = "tcp://127.0.0.1:5550",
     .arg = "ENDPOINT",
     .help = "the broker's intake, for the printed file",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static const config_program_t program = {
    .name = "sluice mns setup",
    .positional = "FILE|-",
    .summary = "Makes what a Notification needs, a topic, a queue and a subscription, and prints "
               "the bridge's configuration for it.",
    .epilog = "FILE holds {\"Notification\": {\"Topic\": {\"Name\": …, \"Endpoint\": …, "
              "\"Events\": […]}}}, alone or within the description of a job or cluster. What is "
              "there already is kept; a second run changes nothing and prints the same. A "
              "subscription that is there and delivers otherwise is told, and nothing is changed "
              "(exit 1).\nWhat was done is told on standard error.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(setup_options_t)},
};

const mns_command_t mns_setup_command = {
    "setup", "make topic, queue and subscription for a Notification", &program, 1, 1, true, run};
