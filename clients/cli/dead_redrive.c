/* sluice dead redrive: the way back of what was dead.
 *
 *     journal --replay--> Body --decode, as the bridge does--> event --> publisher --> intake
 *                                      |                                   |
 *                                      +--- still dead ---> a line <-------+ receipts
 *
 * Nothing is published as a dead letter: it is in the journal already.  An event goes out under its
 * own source and id, so the broker knows it when the same letter is redriven twice. */
#include "cli.h"
#include "dead.h"
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 100 };

typedef struct options {
    dead_options_t dead;
    const char *intake;
    bool all, dry_run;
} options_t;

static const config_opt_t opts[] = {
    {.key = "all",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, all),
     .help = "all that are in the journal, or all with this reason or since that time",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "dry-run",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, dry_run),
     .help = "say what would become of each, and publish nothing",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "intake",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, intake),
     .def = "tcp://127.0.0.1:5550",
     .arg = "ENDPOINT",
     .help = "the broker's intake"},
    DEAD_ROWS};

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    const char *const *args;
    size_t count = config_positional(config, &args);
    dead_check(config, &options->dead);
    if (count == 0 && !options->all)
        config_complain(config, "NUMBER", "is missing: which ones? Or --all");
    if (count > 0 && options->all)
        config_complain(config, "all", "is all; leave the numbers out");
    if (!options->all && options->dead.reason != NULL)
        config_complain(config, "reason", "goes with --all only");
    if (!options->all && options->dead.since != NULL)
        config_complain(config, "since", "goes with --all only");
    for (size_t i = 0; i < count; i++)
        dead_check_number(config, args[i]);
}

static const config_program_t program = {
    .name = "sluice dead redrive",
    .positional = "NUMBER…|--all",
    .summary =
        "Decodes the bodies of dead letters again, as sluice-bridge does, and publishes what "
        "is an event now.",
    .epilog =
        "For each a line: redriven, its number and topic; or dead, and why it still is; or "
        "refused, "
        "and the broker's word for it. The dead letters stay in the journal until retention takes "
        "them. What was redriven before is recognised and not published twice, as long as the "
        "broker's window of ids reaches back that far (`sluice status`).\n\n"
        "Exit: 0 when all became events; 1 when some did not, some may be lost, or the broker did "
        "not answer; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

/* -- a run --------------------------------------------------------------------------------- */

/* An event that waits for its receipt. */
typedef struct sent {
    uint64_t number; /**< of the dead letter */
    char topic[EVENT_TOPIC_MAX + 1];
} sent_t;

typedef struct run {
    const options_t *options;
    show_t show;
    decoder_t *decoder;
    sluice_pub_t *pub; /**< NULL: a dry run */
    uint64_t redriven, dead, failed;
    uint64_t found;   /**< in the present walk */
    bool gaps;        /**< letters may have been in what the journal lost */
    const char *stop; /**< why the run ended before its time; NULL: it did not */
} run_t;

static void put_row(run_t *run, const char *result, uint64_t number, const char *topic,
                    const char *detail)
{
    show_begin(&run->show, SHOW_ROWS);
    show_text(&run->show, "result", result);
    show_uint(&run->show, "number", number);
    show_text(&run->show, "topic", topic);
    show_text(&run->show, "detail", detail);
    show_end(&run->show);
    if (run->show.kind != SHOW_TABLE && !show_flush(&run->show))
        run->stop = "the output failed";
}

static void on_receipts(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    run_t *run = ctx;
    for (size_t i = 0; i < count; i++) {
        sent_t *sent = receipts[i].user;
        bool taken = receipts[i].err == SLUICE_OK;
        run->redriven += taken;
        run->failed += !taken;
        if (taken)
            put_row(run, "redriven", sent->number, sent->topic, NULL);
        else if (receipts[i].err == SLUICE_EREFUSED)
            put_row(run, "refused", sent->number, sent->topic, receipts[i].code);
        else
            put_row(run, "unsure", sent->number, sent->topic, "no answer; it may be published");
        free(sent);
    }
}

/* Takes answers.  False: there is no use in going on. */
static bool process(run_t *run, int timeout_ms)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_err err = sluice_pub_process(run->pub, timeout_ms);
    sluice_pub_stats(run->pub, &stats);
    if (cli_stopping())
        run->stop = "interrupted";
    else if (err != SLUICE_OK && err != SLUICE_EAGAIN)
        run->stop = sluice_err_text(err);
    else if (stats.silent_ms >= run->options->dead.ask.timeout_s * 1000)
        run->stop = "no answer from the intake";
    return run->stop == NULL;
}

/* What the publisher refuses, the broker would. */
static const char *code_of(sluice_err err)
{
    return err == SLUICE_ELIMIT     ? "SIZE"
           : err == SLUICE_EREFUSED ? "TOPICS"
           : err == SLUICE_EINVAL   ? "TOPIC"
                                    : sluice_err_text(err);
}

static void publish(run_t *run, uint64_t number, const decode_result_t *result)
{
    uint8_t id[16];
    sent_t *sent = calloc(1, sizeof *sent);
    if (sent == NULL) {
        run->stop = sl_err_text(SL_ENOMEM);
        return;
    }
    sent->number = number;
    memcpy(sent->topic, result->topic, result->topic_len);
    sluice_event_id(id, result->source, result->source_len, result->identity, result->identity_len);
    sluice_err err;
    while ((err = sluice_pub_send(run->pub, result->topic, result->topic_len, result->event,
                                  result->event_len, id, sent)) == SLUICE_EAGAIN)
        if (!process(run, WAIT_MS))
            break;
    if (err == SLUICE_OK)
        return;
    run->failed++;
    if (err == SLUICE_EAGAIN)
        put_row(run, "unsent", number, sent->topic, "no answer to those before it");
    else
        put_row(run, "refused", number, sent->topic, code_of(err));
    free(sent);
}

static bool redrive(void *ctx, const sluice_item_t *item, const dead_letter_t *letter)
{
    run_t *run = ctx;
    decode_result_t result;
    char topic[EVENT_TOPIC_MAX + 1];
    run->found++;
    if (letter == NULL) {
        run->failed++;
        put_row(run, "unreadable", item->number, item->topic, "not in the form of a dead letter");
    } else if (decoder_run_again(run->decoder, letter, &result) != SL_OK) {
        run->stop = sl_err_text(SL_ENOMEM);
    } else if (result.reason != EVENT_REASON_NONE) {
        run->dead++;
        snprintf(topic, sizeof topic, "%.*s", (int)result.topic_len, result.topic);
        put_row(run, "dead", item->number, topic, event_reason_text(result.reason));
    } else if (run->pub == NULL) {
        run->redriven++;
        snprintf(topic, sizeof topic, "%.*s", (int)result.topic_len, result.topic);
        put_row(run, "event", item->number, topic, NULL);
    } else {
        publish(run, item->number, &result);
    }
    return run->stop == NULL && !cli_stopping();
}

/* -- from the first to the last ------------------------------------------------------------ */

static bool redrive_number(run_t *run, ask_t *ask, uint64_t number)
{
    wire_lost_t lost = {0};
    run->found = 0;
    if (!dead_walk(ask, &run->options->dead, number, redrive, run, &lost))
        return false;
    if (run->found > 0)
        return true;
    run->failed++;
    put_row(run, "missing", number, NULL,
            lost.to != 0 ? "not in the journal any more" : "no dead letter has this number");
    return true;
}

static bool redrive_all(run_t *run, ask_t *ask)
{
    wire_lost_t lost = {0};
    bool walked = dead_walk(ask, &run->options->dead, 0, redrive, run, &lost);
    run->gaps = lost.to != 0;
    return walked;
}

static bool redrive_chosen(run_t *run, ask_t *ask, const char *const *args, size_t count)
{
    if (run->options->all)
        return redrive_all(run, ask);
    for (size_t i = 0; i < count && run->stop == NULL; i++)
        if (!redrive_number(run, ask, dead_number(args[i])))
            return false;
    return true;
}

/* Every event gets its receipt here, though it be that there was no answer. */
static uint64_t finish(run_t *run)
{
    sluice_pub_stats_t stats = {.size = sizeof stats};
    if (run->pub == NULL)
        return 0;
    sluice_pub_flush(run->pub);
    for (sluice_pub_stats(run->pub, &stats); stats.pending_events > 0;
         sluice_pub_stats(run->pub, &stats))
        if (!process(run, WAIT_MS))
            break;
    sluice_pub_stats(run->pub, &stats);
    sluice_pub_destroy(&run->pub);
    return stats.duplicate_events;
}

static int sum_up(run_t *run, uint64_t known)
{
    bool shown = show_flush(&run->show);
    fprintf(stderr, "%" PRIu64 " %s", run->redriven,
            run->options->dry_run ? "would be redriven" : "redriven");
    if (known > 0)
        fprintf(stderr, " (%" PRIu64 " of them known already)", known);
    fprintf(stderr, ", %" PRIu64 " still dead, %" PRIu64 " failed\n", run->dead, run->failed);
    if (run->stop != NULL)
        fprintf(stderr, "%s: ended early: %s\n", program.name, run->stop);
    bool all = run->stop == NULL && run->dead == 0 && run->failed == 0 && !run->gaps;
    return shown && all ? CLI_DONE : CLI_NOT_ALL;
}

static bool start(run_t *run)
{
    if (decoder_create(&run->decoder) != SL_OK) {
        fprintf(stderr, "%s: %s\n", program.name, sl_err_text(SL_ENOMEM));
        return false;
    }
    if (run->options->dry_run)
        return true;
    sluice_err err =
        sluice_pub_create(&run->pub, &(sluice_pub_options_t){.size = sizeof(sluice_pub_options_t),
                                                             .intake = run->options->intake,
                                                             .name = program.name,
                                                             .on_receipt = on_receipts,
                                                             .ctx = run});
    if (err != SLUICE_OK)
        fprintf(stderr, "%s: %s: %s\n", program.name, run->options->intake, sluice_err_text(err));
    return err == SLUICE_OK;
}

int dead_redrive(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        size_t count = config_positional(config, &args);
        ask_t ask;
        run_t run = {.options = &options};
        cli_catch_signals();
        show_init(&run.show, options.dead.json);
        code = CLI_NOT_ALL;
        if (ask_open(&ask, program.name, &options.dead.ask) && start(&run)) {
            bool whole = redrive_chosen(&run, &ask, args, count);
            uint64_t known = finish(&run);
            code = sum_up(&run, known);
            code = whole ? code : CLI_NOT_ALL;
        }
        decoder_destroy(&run.decoder);
        show_fini(&run.show);
        ask_close(&ask);
    }
    config_free(&config);
    return code;
}
