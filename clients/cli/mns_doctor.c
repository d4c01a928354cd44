/* sluice mns doctor: runs the checks and tells what they found. */
#include "mns_doctor.h"

#include "cli.h"
#include "mns_cmd.h"
#include "mns_list.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct doctor_options {
    mns_common_t common;
    const char *queue, *topic;
    bool probe, causes;
} doctor_options_t;

/* -- tables -------------------------------------------------------------------------------- */

typedef struct cause_row {
    const char *name, *text, *remedy;
    doctor_level_t level;
} cause_row_t;

static const cause_row_t causes[CAUSE_COUNT] = {
#define X(name, level, text, remedy) {#name, text, remedy, DOCTOR_##level},
    DOCTOR_CAUSES(X)
#undef X
};

#define NEEDS(name) (1u << DOCTOR_CHECK_##name)
static const struct {
    const char *name, *what;
    unsigned needs;
    void (*run)(doctor_t *doctor);
} checks[DOCTOR_CHECK_COUNT] = {
#define X(name, what, needs) {#name, what, needs, doctor_check_##name},
    DOCTOR_CHECKS(X)
#undef X
};

static const char *const level_names[] = {"ok", "skip", "warn", "fail"};
static const char *const level_colours[] = {"32", "2", "33", "1;31"};

/* -- for the checks ------------------------------------------------------------------------ */

void doctor_find(doctor_t *doctor, doctor_cause_t cause, const char *format, ...)
{
    va_list args;
    if (doctor->finding_count == DOCTOR_FINDINGS_MAX)
        return; /* so many of one check say enough */
    doctor_finding_t *finding = &doctor->findings[doctor->finding_count++];
    finding->cause = cause;
    va_start(args, format);
    vsnprintf(finding->detail, sizeof finding->detail, format, args);
    va_end(args);
}

void doctor_note(doctor_t *doctor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(doctor->note, sizeof doctor->note, format, args);
    va_end(args);
}

void doctor_skip(doctor_t *doctor, const char *why)
{
    doctor->skipped = true;
    doctor_note(doctor, "%s", why);
}

mns_reply_t *doctor_ask(doctor_t *doctor, const mns_request_t *request, mns_err *err)
{
    mns_reply_t *reply = NULL;
    *err = mns_call(doctor->client, request, &reply);
    return reply;
}

const char *doctor_said(const mns_reply_t *reply, char out[256])
{
    if (reply == NULL)
        snprintf(out, 256, "the request was never sent");
    else if (*reply->code != '\0')
        snprintf(out, 256, "%.60s (%d): %.160s", reply->code, reply->http_status, reply->message);
    else if (reply->http_status != 0)
        snprintf(out, 256, "status %d: %.200s", reply->http_status, reply->message);
    else
        snprintf(out, 256, "%.200s",
                 *reply->message != '\0' ? reply->message : mns_err_text(reply->err));
    return out;
}

/* Puts a name behind the others; five are enough. */
typedef struct naming {
    char *out;
    size_t count;
} naming_t;

static bool put_name(void *ctx, const char *name, const mns_queue_attributes_t *attributes)
{
    (void)attributes;
    naming_t *naming = ctx;
    size_t len = strlen(naming->out);
    if (naming->count++ < 5)
        snprintf(naming->out + len, 256 - len, "%s%.45s", len > 0 ? ", " : "", name);
    else
        snprintf(naming->out + len, 256 - len, ", …");
    return naming->count <= 5;
}

size_t doctor_names(doctor_t *doctor, const mns_request_t *request, char out[256])
{
    naming_t naming = {.out = out};
    mns_reply_t *reply;
    *out = '\0';
    mns_err err = list_walk(doctor->client, request, 6, put_name, &naming, &reply);
    mns_reply_free(&reply);
    if (err != MNS_OK)
        snprintf(out, 256, "(the list was refused)");
    return err != MNS_OK ? 1 : naming.count;
}

/* -- telling ------------------------------------------------------------------------------- */

/* What all patients together add up to. */
typedef struct report {
    show_t *show;
    const char *source; /* which of several; NULL: there is one */
    size_t counts[DOCTOR_FAIL + 1];
    bool named; /* the first cause that fails, or warns, is noted */
    doctor_cause_t worst;
} report_t;

static void paint(sl_buf_t *out, doctor_level_t level)
{
    if (cli_colour())
        sl_buf_printf(out, "\033[%sm%-5s\033[0m", level_colours[level], level_names[level]);
    else
        sl_buf_printf(out, "%-5s", level_names[level]);
}

static void tell_line(report_t *report, doctor_level_t level, const char *check, const char *text,
                      const char *detail, const char *remedy)
{
    sl_buf_t *out = &report->show->out;
    paint(out, level);
    sl_buf_printf(out, " %-13s %s%s", check, text, *text != '\0' && *detail != '\0' ? ": " : "");
    text_clean(out, detail, strlen(detail));
    sl_buf_append_byte(out, '\n');
    if (remedy != NULL)
        sl_buf_printf(out, "      %-13s -> %s\n", "", remedy);
}

static void tell(report_t *report, doctor_level_t level, const char *check,
                 const cause_row_t *cause, const char *detail)
{
    show_t *show = report->show;
    report->counts[level]++;
    if (show->kind != SHOW_JSON) {
        tell_line(report, level, check, cause != NULL ? cause->text : "", detail,
                  cause != NULL ? cause->remedy : NULL);
        return;
    }
    show_begin(show, SHOW_ROWS);
    show_text(show, "Source", report->source);
    show_text(show, "Check", check);
    show_text(show, "Verdict", level_names[level]);
    show_text(show, "Cause", cause != NULL ? cause->name : NULL);
    show_text(show, "Text", cause != NULL ? cause->text : NULL);
    show_text(show, "Detail", detail);
    show_text(show, "Remedy", cause != NULL ? cause->remedy : NULL);
    show_end(show);
}

/* The first failure is the cause; a warning only where nothing fails. */
static void note_worst(report_t *report, doctor_cause_t cause)
{
    if (report->named && causes[report->worst].level >= causes[cause].level)
        return;
    report->named = true;
    report->worst = cause;
}

static void tell_summary(report_t *report)
{
    show_t *show = report->show;
    const size_t *counts = report->counts;
    const char *text = report->named ? causes[report->worst].text : "nothing is wrong";
    if (show->kind != SHOW_JSON) {
        sl_buf_printf(&show->out, "%zu failed, %zu warnings, %zu ok, %zu skipped: %s\n",
                      counts[DOCTOR_FAIL], counts[DOCTOR_WARN], counts[DOCTOR_OK],
                      counts[DOCTOR_SKIP], text);
        return;
    }
    show_begin(show, SHOW_SINGLE);
    show_number(show, "Failed", (int64_t)counts[DOCTOR_FAIL]);
    show_number(show, "Warnings", (int64_t)counts[DOCTOR_WARN]);
    show_number(show, "Ok", (int64_t)counts[DOCTOR_OK]);
    show_number(show, "Skipped", (int64_t)counts[DOCTOR_SKIP]);
    show_text(show, "Cause", report->named ? causes[report->worst].name : NULL);
    show_text(show, "Text", text);
    show_end(show);
}

/* -- examining ----------------------------------------------------------------------------- */

/* Runs one check and tells what it found.  @return does it hold for those that need it? */
static bool examine(doctor_t *doctor, report_t *report, doctor_check_t check)
{
    bool holds = true;
    doctor->finding_count = 0;
    doctor->skipped = false;
    *doctor->note = '\0';
    checks[check].run(doctor);
    for (size_t i = 0; i < doctor->finding_count; i++) {
        const doctor_finding_t *finding = &doctor->findings[i];
        const cause_row_t *cause = &causes[finding->cause];
        tell(report, cause->level, checks[check].name, cause, finding->detail);
        note_worst(report, finding->cause);
        holds = holds && cause->level != DOCTOR_FAIL;
    }
    if (doctor->finding_count == 0)
        tell(report, doctor->skipped ? DOCTOR_SKIP : DOCTOR_OK, checks[check].name, NULL,
             doctor->note);
    return holds;
}

/* "connect does not hold" */
static void tell_needs(report_t *report, doctor_check_t check, unsigned missing)
{
    char why[64];
    unsigned first = 0;
    while ((missing & 1u << first) == 0)
        first++;
    snprintf(why, sizeof why, "without %s there is nothing to look at", checks[first].name);
    tell(report, DOCTOR_SKIP, checks[check].name, NULL, why);
}

static void examine_all(doctor_t *doctor, report_t *report)
{
    unsigned broken = 0;
    for (unsigned check = 0; check < DOCTOR_CHECK_COUNT; check++) {
        unsigned missing = checks[check].needs & broken;
        if (missing != 0)
            tell_needs(report, check, missing);
        if (missing != 0 || !examine(doctor, report, check))
            broken |= 1u << check;
    }
    if (doctor->socket >= 0)
        close(doctor->socket);
    mns_reply_free(&doctor->first);
    if (doctor->client != NULL)
        mns_client_destroy(&doctor->client);
}

/* -- the patients -------------------------------------------------------------------------- */

static const char *either(const char *first, const char *second)
{
    return first != NULL ? first : second;
}

/* Options win over the file; account and region without either are the endpoint's. */
static doctor_t patient_of(session_t *session, const doctor_options_t *options,
                           const mns_source_t *source)
{
    const mns_common_t *common = session->common;
    bool is_push = source->type != NULL && strcmp(source->type, "push") == 0;
    return (doctor_t){
        .session = session,
        .endpoint = either(common->endpoint, either(source->endpoint, source->topic_endpoint)),
        .queue = is_push ? NULL : either(options->queue, source->queue),
        .topic = either(options->topic, source->topic),
        .account = either(common->account, source->account),
        .region = either(common->region, source->region),
        .topic_endpoint = source->topic_endpoint,
        .events = source->events,
        .push_path = is_push ? either(source->path, "/notifications") : NULL,
        .from_file = session->arg_count > 0,
        .probing = options->probe,
        .socket = -1,
    };
}

/* A push source needs no endpoint, since MNS comes to it; we ask MNS where the account has it. */
static void make_endpoint(doctor_t *doctor)
{
    if (doctor->endpoint != NULL || doctor->account == NULL || doctor->region == NULL)
        return;
    snprintf(doctor->made_endpoint, sizeof doctor->made_endpoint,
             "https://%.*s.mns.%.*s.aliyuncs.com", PLACE_ACCOUNT_MAX, doctor->account,
             PLACE_REGION_MAX, doctor->region);
    doctor->endpoint = doctor->made_endpoint;
}

static void tell_heading(const report_t *report, const doctor_t *doctor)
{
    if (report->source != NULL && report->show->kind != SHOW_JSON)
        sl_buf_printf(&report->show->out, "%s of %s\n", report->source,
                      doctor->endpoint != NULL ? doctor->endpoint : "nowhere");
}

static int examine_sources(session_t *session, const doctor_options_t *options,
                           const mns_source_t *sources, size_t count)
{
    report_t report = {.show = &session->show};
    for (size_t i = 0; i < count; i++) {
        char name[PLACE_NAME_MAX + 32];
        doctor_t doctor = patient_of(session, options, &sources[i]);
        make_endpoint(&doctor);
        snprintf(name, sizeof name, "sources[%zu] %.*s", i, PLACE_NAME_MAX,
                 either(doctor.queue, either(doctor.topic, "")));
        report.source = count > 1 ? name : NULL;
        tell_heading(&report, &doctor);
        examine_all(&doctor, &report);
        if (!show_flush(&session->show))
            return CLI_NOT_ALL;
    }
    tell_summary(&report);
    return report.counts[DOCTOR_FAIL] > 0 ? CLI_NOT_ALL : CLI_DONE;
}

/* Every cause that there is, for the manual. */
static int list_causes(session_t *session)
{
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        show_begin(&session->show, SHOW_ROWS);
        show_text(&session->show, "Cause", causes[i].name);
        show_text(&session->show, "Verdict", level_names[causes[i].level]);
        show_text(&session->show, "Text", causes[i].text);
        show_text(&session->show, "Remedy", causes[i].remedy);
        show_end(&session->show);
    }
    return CLI_DONE;
}

static int examine_file(session_t *session, const doctor_options_t *options, const char *path)
{
    notification_t file;
    char why[NOTIFICATION_WHY_BYTES];
    if (!notification_read(&file, path, why)) {
        session_say(session, "%s: %s", strcmp(path, "-") == 0 ? "standard input" : path, why);
        return CLI_USAGE;
    }
    int code = CLI_USAGE;
    if (file.count > 1 && (options->queue != NULL || options->topic != NULL))
        session_say(session, "%s has %zu sources: --queue and --topic fit one only", path,
                    file.count);
    else
        code = examine_sources(session, options, file.sources, file.count);
    notification_fini(&file);
    return code;
}

static int run(session_t *session, const void *read)
{
    const doctor_options_t *options = read;
    const mns_common_t *common = session->common;
    mns_source_t nothing = {.type = NULL};
    char endpoint[512];
    if (options->causes)
        return list_causes(session);
    if (session->arg_count > 0)
        return examine_file(session, options, session->args[0]);
    if (common->endpoint == NULL) {
        if (!session_endpoint(session, endpoint))
            return CLI_USAGE;
        nothing.endpoint = endpoint;
    }
    return examine_sources(session, options, &nothing, 1);
}

/* -- rows ---------------------------------------------------------------------------------- */

static const config_opt_t opts[] = {
    {.key = "queue",
     .kind = CONFIG_STR,
     .offset = offsetof(doctor_options_t, queue),
     .arg = "NAME",
     .help = "the queue that the bridge reads",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "topic",
     .kind = CONFIG_STR,
     .offset = offsetof(doctor_options_t, topic),
     .arg = "NAME",
     .help = "the topic that feeds it",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "probe",
     .kind = CONFIG_BOOL,
     .offset = offsetof(doctor_options_t, probe),
     .help = "publish a message and receive it from the queue; others that come are given back",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "causes",
     .kind = CONFIG_BOOL,
     .offset = offsetof(doctor_options_t, causes),
     .help = "list every cause that it knows, and its remedy",
     .flags = CONFIG_FLAG_ONLY},
    MNS_COMMON_ROWS};

static const config_program_t program = {
    .name = "sluice mns doctor",
    .positional = "[FILE|-]",
    .summary = "Finds out why no event arrives: from the URL to the messages in the queue, step by "
               "step.",
    .epilog =
        "FILE is the bridge's configuration, or holds a Notification; options win over it. "
        "Without one, --endpoint, --queue and --topic say what to look at.\n"
        "Messages are only peeked at, and nothing is changed, unless --probe is given. A line "
        "a check: ok, warn, fail or skip; the last line sums up. Exit: 0 when nothing fails, "
        "1 when something does, 2 when the command line is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(doctor_options_t)},
};

const mns_command_t mns_doctor_command = {
    "doctor", "find out why no event arrives", &program, 0, 1, true, run};
