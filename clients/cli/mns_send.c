/* sluice mns send, sluice mns publish: bodies in, ids out.
 *
 *     bodies --one, or with --batch up to 16 and 64 KiB--> request --> a row for each message
 *
 * The first request that fails ends it, and what was sent until then is told: repeating a send
 * blindly sends twice.  A batch of which part failed goes on; its failed parts are told. */
#include "cli.h"
#include "mns_bodies.h"
#include "mns_cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 16, BATCH_BYTES_MAX = 64 * 1024, PRIORITY_MAX = 16 };

typedef struct send_options {
    mns_common_t common;
    uint64_t delay_s, priority;
    bool base64, batch;
} send_options_t;

typedef struct publish_options {
    mns_common_t common;
    const char *tag;
    bool base64;
    const char *mail_account, *mail_subject;
    bool mail_random_address, mail_html, mail_reply_to;
    const char *sms_sign, *sms_template, *sms_receiver, *sms_params;
    int sms_type;
} publish_options_t;

static const char *const sms_types[] = {"singleContent", "multiContent"};

/* What of a command is the same for each message. */
typedef struct sending {
    session_t *session;
    mns_request_t request;   /* but for outgoing and count */
    mns_outgoing_t template; /* but for the body */
    size_t batch_max;
    uint64_t sent, failed;
} sending_t;

/* The bodies of one request; copies, since the next line moves the ones before it. */
typedef struct batch {
    mns_outgoing_t outgoing[BATCH_MAX];
    char *bodies[BATCH_MAX];
    size_t count, bytes;
} batch_t;

static void batch_clear(batch_t *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->bodies[i]);
    batch->count = batch->bytes = 0;
}

static size_t carried_bytes(const sending_t *sending, size_t len)
{
    return sending->template.base64 ? (len + 2) / 3 * 4 : len;
}

static bool batch_add(batch_t *batch, const sending_t *sending, const char *body, size_t len)
{
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, body, len);
    copy[len] = '\0';
    batch->bodies[batch->count] = copy;
    batch->outgoing[batch->count] = sending->template;
    batch->outgoing[batch->count].body = copy;
    batch->outgoing[batch->count].body_len = len;
    batch->count++;
    batch->bytes += carried_bytes(sending, len);
    return true;
}

/* -- answers ------------------------------------------------------------------------------- */

static void put_message(sending_t *sending, const mns_message_t *message)
{
    if (*message->code != '\0') {
        sending->failed++;
        session_say(sending->session, "message %" PRIu64 ": %s: %s",
                    sending->sent + sending->failed, message->code, message->error);
        return;
    }
    show_t *show = &sending->session->show;
    sending->sent++;
    show_begin(show, SHOW_ROWS);
    show_text(show, "MessageId", message->message_id);
    show_text(show, "MessageBodyMD5", message->body_md5);
    if (sending->request.queue != NULL)
        show_text(show, "ReceiptHandle", message->receipt_handle);
    show_end(show);
}

/* @return false: it failed as a whole, or nobody reads what we say. */
static bool send_batch(sending_t *sending, batch_t *batch)
{
    mns_request_t request = sending->request;
    mns_reply_t *reply;
    request.outgoing = batch->outgoing;
    request.count = (uint32_t)batch->count;
    mns_err err = session_call(sending->session, &request, &reply);
    if (err == MNS_OK || err == MNS_EPARTIAL)
        for (size_t i = 0; i < reply->message_count; i++)
            put_message(sending, &reply->messages[i]);
    mns_reply_free(&reply);
    batch_clear(batch);
    bool kept = sending->session->show.kind == SHOW_TABLE; /* a table is written in one piece */
    return (err == MNS_OK || err == MNS_EPARTIAL) && (kept || show_flush(&sending->session->show));
}

/* -- bodies -------------------------------------------------------------------------------- */

static bool is_full(const sending_t *sending, const batch_t *batch, size_t len)
{
    return batch->count == sending->batch_max ||
           (batch->count > 0 && batch->bytes + carried_bytes(sending, len) > BATCH_BYTES_MAX);
}

static void tell_broken_input(const session_t *session, const bodies_t *bodies, sl_err err)
{
    char place[48];
    bodies_place(bodies, place);
    if (err == SL_ELIMIT)
        session_say(session, "%s is longer than 1 MiB; MNS takes 64 KB", place);
    else
        session_say(session, "cannot read standard input: %s",
                    err == SL_EIO ? strerror(errno) : sl_err_text(err));
}

static bool send_all(sending_t *sending, bodies_t *bodies, batch_t *batch)
{
    const char *body;
    size_t len;
    sl_err err;
    while ((err = bodies_next(bodies, &body, &len)) == SL_OK) {
        if (is_full(sending, batch, len) && !send_batch(sending, batch))
            return false;
        if (!batch_add(batch, sending, body, len)) {
            session_say(sending->session, "out of memory");
            return false;
        }
        if (sending->batch_max == 1 && !send_batch(sending, batch))
            return false;
    }
    if (err != SL_ECLOSED) {
        tell_broken_input(sending->session, bodies, err);
        return false;
    }
    return batch->count == 0 || send_batch(sending, batch);
}

static int run(sending_t *sending)
{
    bodies_t bodies;
    batch_t batch = {.count = 0};
    bodies_init(&bodies, sending->session->args + 1, sending->session->arg_count - 1);
    bool all = send_all(sending, &bodies, &batch);
    if (!all && (sending->sent > 0 || bodies.from_stdin))
        session_say(sending->session, "stopped; sent before: %" PRIu64, sending->sent);
    batch_clear(&batch);
    bodies_fini(&bodies);
    return all && sending->failed == 0 ? CLI_DONE : CLI_NOT_ALL;
}

/* -- send ---------------------------------------------------------------------------------- */

static int send_messages(session_t *session, const void *read)
{
    const send_options_t *options = read;
    sending_t sending = {
        .session = session,
        .request = {.op = options->batch ? MNS_BATCH_SEND_MESSAGE : MNS_SEND_MESSAGE,
                    .queue = session->args[0]},
        .template = {.delay_seconds = (int32_t)session_given(session, "delay", options->delay_s),
                     .priority = (int32_t)options->priority,
                     .base64 = options->base64},
        .batch_max = options->batch ? BATCH_MAX : 1,
    };
    return run(&sending);
}

#define SEND(member) offsetof(send_options_t, member)
static const config_opt_t send_opts[] = {
    {.key = "delay",
     .kind = CONFIG_U64,
     .offset = SEND(delay_s),
     .arg = "SECONDS",
     .help = "how long the message stays invisible; without it the queue's DelaySeconds",
     .max = 604800,
     .flags = CONFIG_FLAG_ONLY},
    {.key = "priority",
     .kind = CONFIG_U64,
     .offset = SEND(priority),
     .arg = "N",
     .help = "1 goes out first; without it 8",
     .min = 1,
     .max = PRIORITY_MAX,
     .flags = CONFIG_FLAG_ONLY},
    {.key = "base64",
     .kind = CONFIG_BOOL,
     .offset = SEND(base64),
     .help = "send the body in Base64, which carries any bytes",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "batch",
     .kind = CONFIG_BOOL,
     .offset = SEND(batch),
     .help = "up to 16 messages and 64 KiB a request",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static const config_program_t send_program = {
    .name = "sluice mns send",
    .positional = "QUEUE BODY…|-",
    .summary = "Sends each BODY as a message to a queue; - sends each line of standard input that "
               "is not empty.",
    .epilog = "A row for each message: MessageId, MessageBodyMD5, and of a delayed one its "
              "ReceiptHandle. The first request that fails ends it (exit 1), and how many were "
              "sent before is told.",
    .table = {send_opts, sizeof send_opts / sizeof send_opts[0], sizeof(send_options_t)},
};

const mns_command_t mns_send_command = {
    "send", "send messages to a queue", &send_program, 2, MNS_ANY_ARGS, false, send_messages};

/* -- publish ------------------------------------------------------------------------------- */

/* Mail and SMS need their first members; the rest alone is a mistake worth telling. */
static bool attributes_are_whole(const session_t *session, const publish_options_t *options)
{
    bool mail = options->mail_account != NULL || options->mail_subject != NULL ||
                options->mail_html || options->mail_random_address || options->mail_reply_to;
    bool sms = options->sms_sign != NULL || options->sms_template != NULL ||
               options->sms_receiver != NULL || options->sms_params != NULL;
    if (mail && (options->mail_account == NULL || options->mail_subject == NULL)) {
        session_say(session, "a mail needs --mail-account and --mail-subject");
        return false;
    }
    if (sms && (options->sms_sign == NULL || options->sms_template == NULL)) {
        session_say(session, "an SMS needs --sms-sign and --sms-template");
        return false;
    }
    return true;
}

static int publish(session_t *session, const void *read)
{
    const publish_options_t *options = read;
    if (!attributes_are_whole(session, options))
        return CLI_USAGE;
    mns_mail_t mail = {.account_name = options->mail_account,
                       .subject = options->mail_subject,
                       .address_type = options->mail_random_address,
                       .is_html = options->mail_html,
                       .reply_to_address = options->mail_reply_to};
    mns_sms_t sms = {.free_sign_name = options->sms_sign,
                     .template_code = options->sms_template,
                     .type = sms_types[options->sms_type],
                     .receiver = options->sms_receiver,
                     .sms_params = options->sms_params};
    sending_t sending = {
        .session = session,
        .request = {.op = MNS_PUBLISH_MESSAGE,
                    .topic = session->args[0],
                    .message_tag = options->tag,
                    .mail = options->mail_account != NULL ? &mail : NULL,
                    .sms = options->sms_sign != NULL ? &sms : NULL},
        .template = {.delay_seconds = -1, .base64 = options->base64},
        .batch_max = 1, /* MNS has no batch for topics */
    };
    return run(&sending);
}

#define PUBLISH(member) offsetof(publish_options_t, member)
#define PUBLISH_TEXT(name, member, argument, text)                                                 \
    {                                                                                              \
        .key = name, .kind = CONFIG_STR, .offset = PUBLISH(member), .arg = argument, .help = text, \
        .flags = CONFIG_FLAG_ONLY                                                                  \
    }
#define PUBLISH_BOOL(name, member, text)                                           \
    {                                                                              \
        .key = name, .kind = CONFIG_BOOL, .offset = PUBLISH(member), .help = text, \
        .flags = CONFIG_FLAG_ONLY                                                  \
    }

static const config_opt_t publish_opts[] = {
    PUBLISH_TEXT("tag", tag, "TAG", "subscriptions with a FilterTag get only its messages"),
    PUBLISH_BOOL("base64", base64, "publish the body in Base64, which carries any bytes"),
    PUBLISH_TEXT("mail-account", mail_account, "NAME", "mail endpoints: who sends (AccountName)"),
    PUBLISH_TEXT("mail-subject", mail_subject, "TEXT", "mail endpoints: the subject"),
    PUBLISH_BOOL("mail-random-address", mail_random_address,
                 "mail endpoints: from a random address of the account (AddressType 1)"),
    PUBLISH_BOOL("mail-html", mail_html, "mail endpoints: the body is HTML"),
    PUBLISH_BOOL("mail-reply-to", mail_reply_to,
                 "mail endpoints: answers go to the account's "
                 "reply address"),
    PUBLISH_TEXT("sms-sign", sms_sign, "NAME", "SMS endpoints: the signature (FreeSignName)"),
    PUBLISH_TEXT("sms-template", sms_template, "CODE",
                 "SMS endpoints: the template (TemplateCode)"),
    {.key = "sms-type",
     .kind = CONFIG_CHOICE,
     .offset = PUBLISH(sms_type),
     .def = "singleContent",
     .choices = "singleContent|multiContent",
     .help = "SMS endpoints: one text for all, or one for each",
     .flags = CONFIG_FLAG_ONLY},
    PUBLISH_TEXT("sms-receiver", sms_receiver, "PHONES",
                 "anonymous SMS endpoints: numbers with commas between"),
    PUBLISH_TEXT("sms-params", sms_params, "JSON", "SMS endpoints: values for the template"),
    MNS_COMMON_ROWS};

static const config_program_t publish_program = {
    .name = "sluice mns publish",
    .positional = "TOPIC BODY…|-",
    .summary = "Publishes each BODY as a message to a topic; - publishes each line of standard "
               "input that is not empty.",
    .epilog = "A row for each message: MessageId and MessageBodyMD5. The first request that fails "
              "ends it (exit 1), and how many were published before "
              "is told. Mails and SMS go to the topic's subscriptions of that kind.",
    .table = {publish_opts, sizeof publish_opts / sizeof publish_opts[0],
              sizeof(publish_options_t)},
};

const mns_command_t mns_publish_command = {
    "publish", "publish messages to a topic", &publish_program, 2, MNS_ANY_ARGS, false, publish};
