/* sluice pub - lines of JSON from standard input become events.
 *
 *     stdin -> lines -> normalise -> publisher -> broker
 *                          |             |
 *                          +--- tally <--+ receipts
 *
 * Nothing is read while the publisher is full: so the writer of our input feels the broker's pace,
 * and memory is bounded. */
#include "cli.h"
#include "lines.h"
#include "tally.h"

#include "base/clock.h"
#include "event/normalise.h"
#include "event/reader.h"

#include <sluice.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    WAIT_MS = 100,          /* at most; timers of our own are no finer */
    STOP_DRAIN_MS = 5000,   /* after a signal: for the answers to what was taken */
    SILENCE_TOLD_MS = 3000, /* without an answer for so long: say so */
    TOLD_BYTES = 64 * 1024,
    WAITING_LINES_MAX = 1000000, /* lines kept behind one that has no answer yet */
};

typedef struct options {
    const char *intake, *name, *source;
    uint64_t timeout_s;
} options_t;

static const config_opt_t opts[] = {
    {.key = "intake",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, intake),
     .def = "tcp://127.0.0.1:5550",
     .arg = "ENDPOINT",
     .help = "the broker's intake"},
    {.key = "name",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, name),
     .def = "sluice-pub",
     .help = "what the broker's status calls this publisher, at most 64 bytes"},
    {.key = "source",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, source),
     .help = "source of events that name none (sluice:pub: and this machine's name)"},
    {.key = "timeout",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, timeout_s),
     .def = "30",
     .arg = "SECONDS",
     .help = "give up when the broker does not answer for this long; 0 never does",
     .max = 1000000000},
};

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    if (strlen(options->name) > 64)
        config_complain(config, "name", "is longer than 64 bytes");
}

static const config_program_t program = {
    .name = "sluice pub",
    .summary = "Publishes events: one JSON object a line on standard input, at most 1 MiB each.",
    .epilog =
        "Category and Event are needed. id, source and time are taken from the line where it "
        "has them, so that `sluice sub --format json` can be piped in; else they are made up. "
        "Which lines were accepted and which refused, and why, is told on standard output, in "
        "order, with a last line that sums up.\n\nExit: 0 when every line was accepted; 1 "
        "when one was refused, or the broker did not answer; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

typedef struct run {
    const options_t *options;
    sluice_pub_t *pub;
    lines_t lines;
    tally_t tally;
    sl_buf_t event;
    char source[300];
    char id_prefix[17];
    event_info_t info;
    uint64_t line;  /* the one in `event` while the publisher is full */
    bool full;      /* `event` waits for room */
    bool input_end; /* nothing more will be read */
    bool failed;    /* something other than a refusal went wrong */
    bool silence_told;
} run_t;

/* -- answers ------------------------------------------------------------------------------- */

static void on_receipt(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    run_t *run = ctx;
    for (size_t i = 0; i < count; i++) {
        const sluice_receipt_t *receipt = &receipts[i];
        uint64_t line = (uint64_t)(uintptr_t)receipt->user;
        if (receipt->err == SLUICE_OK)
            tally_settle(&run->tally, line, TALLY_ACCEPTED, NULL);
        else if (receipt->err == SLUICE_ECLOSED)
            tally_settle(&run->tally, line, TALLY_REFUSED,
                         "no answer; the broker may have it or not");
        else
            tally_settle(&run->tally, line, TALLY_REFUSED, "%s: %s", receipt->code,
                         sluice_err_text(receipt->err));
    }
}

static void tell(run_t *run)
{
    if (!cli_flush(&run->tally.out))
        sl_buf_clear(&run->tally.out); /* the events matter more than who reads about them */
}

/* -- lines --------------------------------------------------------------------------------- */

/* The event's own identity, as the normaliser wrote it down. */
static void identity_of(const run_t *run, uint8_t id[16])
{
    mp_value_t source = {0}, name = {0};
    event_find(run->event.data, run->event.len, "source", strlen("source"), &source, NULL);
    event_find(run->event.data, run->event.len, "id", strlen("id"), &name, NULL);
    sluice_event_id(id, (const char *)source.bytes.data, source.bytes.len,
                    (const char *)name.bytes.data, name.bytes.len);
}

/* Hands `event` to the publisher, and remembers it when there is no room. */
static void send_event(run_t *run)
{
    uint8_t id[16];
    identity_of(run, id);
    sluice_err err =
        sluice_pub_send(run->pub, run->info.topic, run->info.topic_len, run->event.data,
                        run->event.len, id, (void *)(uintptr_t)run->line);
    run->full = err == SLUICE_EAGAIN;
    if (err == SLUICE_ELIMIT)
        tally_settle(&run->tally, run->line, TALLY_REFUSED,
                     "SIZE: the event has %zu bytes, more than the broker takes", run->event.len);
    else if (err == SLUICE_EREFUSED)
        tally_settle(&run->tally, run->line, TALLY_REFUSED,
                     "TOPICS: more topics than a broker has");
    else if (err != SLUICE_OK && err != SLUICE_EAGAIN)
        tally_settle(&run->tally, run->line, TALLY_REFUSED, "%s", sluice_err_text(err));
}

static bool is_blank(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t\r", line[i]) == NULL || line[i] == '\0')
            return false;
    return true;
}

static void take_line(run_t *run, const char *line, size_t len, bool too_long)
{
    char id[48];
    int id_len = snprintf(id, sizeof id, "%s-%" PRIu64, run->id_prefix, run->lines.number);
    event_origin_t origin = {
        .id = id,
        .id_len = (size_t)id_len,
        .source = run->source,
        .source_len = strlen(run->source),
        .time_ms = (int64_t)(sl_clock_wall_ns(&sl_clock_system) / 1000000u),
        .from_body = true,
    };
    run->line = run->lines.number;
    if (tally_begin(&run->tally) != SL_OK) {
        fprintf(stderr, "sluice pub: %s\n", sl_err_text(SL_ENOMEM));
        run->input_end = run->failed = true;
    } else if (too_long) {
        tally_settle(&run->tally, run->line, TALLY_REFUSED, "longer than 1 MiB");
    } else if (is_blank(line, len)) {
        tally_settle(&run->tally, run->line, TALLY_BLANK, NULL);
    } else {
        sl_buf_clear(&run->event);
        event_reason_t reason = event_normalise(&run->event, &origin, line, len, &run->info);
        if (run->event.failed)
            tally_settle(&run->tally, run->line, TALLY_REFUSED, "%s", sl_err_text(SL_ENOMEM));
        else if (reason != EVENT_REASON_NONE)
            tally_settle(&run->tally, run->line, TALLY_REFUSED, "%s at byte %zu: %s",
                         event_reason_name(reason), run->info.error_at, event_reason_text(reason));
        else
            send_event(run);
    }
}

static bool has_room(const run_t *run)
{
    return !run->full && !run->input_end && run->tally.count < WAITING_LINES_MAX;
}

/* Takes lines as long as there are some and there is room. */
static void take_lines(run_t *run)
{
    const char *line;
    size_t len;
    if (run->full)
        send_event(run);
    while (has_room(run)) {
        sl_err err = lines_next(&run->lines, &line, &len);
        if (err == SL_EAGAIN)
            break;
        take_line(run, line, len, err == SL_ELIMIT);
    }
}

static void read_input(run_t *run)
{
    sl_err err = lines_fill(&run->lines, STDIN_FILENO);
    if (err == SL_EIO || err == SL_ENOMEM) {
        perror("sluice pub: cannot read");
        run->failed = run->input_end = true;
    }
}

/* -- the loop ------------------------------------------------------------------------------ */

static bool has_pending(const run_t *run)
{
    return run->tally.count > 0;
}

/* The broker's answers, all that are there. */
static bool process(run_t *run)
{
    sluice_err err;
    while ((err = sluice_pub_process(run->pub, 0)) == SLUICE_OK)
        ;
    if (err == SLUICE_EAGAIN)
        return true;
    fprintf(stderr, "sluice pub: %s\n", sluice_err_text(err));
    return false;
}

/* False: the broker was silent for too long. */
static bool broker_answers(run_t *run)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(run->pub, &stats);
    if (stats.silent_ms < SILENCE_TOLD_MS) {
        run->silence_told = false;
        return true;
    }
    if (!run->silence_told)
        fprintf(stderr, "sluice pub: no answer from %s; still trying\n", run->options->intake);
    run->silence_told = true;
    return run->options->timeout_s == 0 || stats.silent_ms < run->options->timeout_s * 1000;
}

/* Waits for input or answers.  What has formed is sent only when no more input is at hand. */
static void wait_for_more(run_t *run)
{
    bool want_input = has_room(run) && !run->lines.ended;
    struct pollfd fds[] = {{.fd = sluice_pub_fd(run->pub), .events = POLLIN},
                           {.fd = want_input ? STDIN_FILENO : -1, .events = POLLIN}};
    if (want_input && poll(fds + 1, 1, 0) > 0) {
        read_input(run);
        return;
    }
    sluice_pub_flush(run->pub);
    int ready = poll(fds, 2, WAIT_MS);
    if (ready > 0 && fds[1].revents != 0)
        read_input(run);
    if (ready == 0 && !has_pending(run)) { /* a pause: somebody may be typing */
        tally_tell_run(&run->tally);
        tell(run);
    }
}

static void loop(run_t *run)
{
    while (!cli_stopping()) {
        take_lines(run);
        if (!process(run) || !broker_answers(run)) {
            run->failed = true;
            return;
        }
        bool all_read = run->input_end || (run->lines.ended && run->lines.at == run->lines.buf.len);
        if (all_read && !run->full && !has_pending(run))
            return;
        if (run->tally.out.len >= TOLD_BYTES)
            tell(run);
        wait_for_more(run);
    }
    sluice_pub_drain(run->pub, STOP_DRAIN_MS);
}

/* What is left has no answer any more; then the sums. */
static int finish(run_t *run)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(run->pub, &stats);
    sluice_pub_destroy(&run->pub);
    if (run->full)
        tally_settle(&run->tally, run->line, TALLY_REFUSED, "not sent");
    tally_tell_run(&run->tally);
    sl_buf_printf(&run->tally.out, "%" PRIu64 " accepted", run->tally.accepted);
    if (stats.duplicate_events > 0)
        sl_buf_printf(&run->tally.out, " (%" PRIu64 " of them known already)",
                      stats.duplicate_events);
    sl_buf_printf(&run->tally.out, ", %" PRIu64 " refused\n", run->tally.refused);
    tell(run);
    return run->failed || run->tally.refused > 0 ? CLI_NOT_ALL : CLI_DONE;
}

/* Ids of this run cannot be those of another: they begin with 64 random bits. */
static bool name_origin(run_t *run)
{
    uint64_t random;
    char host[256] = "localhost";
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    snprintf(run->id_prefix, sizeof run->id_prefix, "%016" PRIx64, random);
    gethostname(host, sizeof host - 1);
    if (run->options->source != NULL)
        snprintf(run->source, sizeof run->source, "%.299s", run->options->source);
    else
        snprintf(run->source, sizeof run->source, "sluice:pub:%.255s", host);
    return true;
}

static sluice_err start(run_t *run)
{
    if (!name_origin(run))
        return SLUICE_EIO;
    return sluice_pub_create(&run->pub,
                             &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                     .intake = run->options->intake,
                                                     .name = run->options->name,
                                                     .on_receipt = on_receipt,
                                                     .ctx = run});
}

int cli_pub(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        run_t run = {.options = &options};
        tally_init(&run.tally);
        cli_catch_signals();
        sluice_err err = start(&run);
        if (err == SLUICE_OK) {
            loop(&run);
            code = finish(&run);
        } else {
            fprintf(stderr, "sluice pub: %s: %s\n", options.intake, sluice_err_text(err));
            code = err == SLUICE_EINVAL ? CLI_USAGE : CLI_NOT_ALL;
        }
        tally_fini(&run.tally);
        lines_fini(&run.lines);
        sl_buf_fini(&run.event);
    }
    config_free(&config);
    return code;
}
