/* sluice journal verify: is every record what was written?
 *
 *     parent --fork--> child: examines, walks, tells what it finds       exit 0, 1, or a signal
 *            <----------------------------------------------------------+
 *
 * First the file: its pages, and each record's sum (store_verify).  Then what the store does not
 * know of: that the frames are those of the record, that events are whole, that times and each
 * topic's chain of numbers go on.  Of a file whose structure is damaged, what a search finds.
 *
 * The store walks by its own bounded reader before LMDB, which trusts its pages, may follow them.
 * What can end the process all the same, a disk that fails under the map, ends the child, and how
 * it ends is a finding, too. */
#include "cli.h"
#include "journal.h"
#include "show.h"
#include "units.h"

#include "journal/tools.h"
#include "wire/feed.h"
#include "wire/topic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOPICS_MAX = WIRE_TOPICS_PER_STREAM };

typedef struct options {
    bool json;
} options_t;

static const config_opt_t opts[] = {{.key = "json",
                                     .kind = CONFIG_BOOL,
                                     .offset = offsetof(options_t, json),
                                     .help = "one JSON object a line",
                                     .flags = CONFIG_FLAG_ONLY}};

static void check(config_t *config, const void *read)
{
    (void)read;
    journal_check_args(config, (const char *const[]){"DIR", NULL});
}

static const config_program_t program = {
    .name = "sluice journal verify",
    .positional = "DIR",
    .summary = "Reads every record of a journal, and tells each range of numbers that is damaged.",
    .epilog =
        "A line for each damaged range: the first and the last number, and what is wrong. The "
        "sums are told on standard error. Nothing is changed; the broker may run, and repairs "
        "what it can when it starts next.\n\n"
        "Exit: 0 when all is sound; 1 when something is damaged, or cannot be read; 2 when an "
        "option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

/* -- one record ---------------------------------------------------------------------------- */

/* The last number seen on a topic. */
typedef struct tail {
    char name[WIRE_TOPIC_MAX + 1];
    uint64_t last;
} tail_t;

typedef struct run {
    const char *dir;
    show_t show;
    tail_t *tails;
    size_t tail_count;
    uint64_t time_ns;
    uint64_t records, events, bytes;
    uint64_t ranges, numbers; /**< damaged */
} run_t;

static void tell(run_t *run, uint64_t from, uint64_t to, const char *what)
{
    run->ranges++;
    run->numbers += to - from + 1;
    show_begin(&run->show, SHOW_ROWS);
    show_uint(&run->show, "from", from);
    show_uint(&run->show, "to", to);
    show_text(&run->show, "what", what);
    show_end(&run->show);
}

/* It is about the file, not about numbers. */
static void tell_file(run_t *run, const char *what)
{
    show_begin(&run->show, SHOW_ROWS);
    show_number(&run->show, "from", -1);
    show_number(&run->show, "to", -1);
    show_text(&run->show, "what", what);
    show_end(&run->show);
}

static tail_t *tail_of(run_t *run, const record_t *r)
{
    for (size_t i = 0; i < run->tail_count; i++)
        if (strlen(run->tails[i].name) == r->topic_len &&
            memcmp(run->tails[i].name, r->topic, r->topic_len) == 0)
            return &run->tails[i];
    if (run->tail_count == TOPICS_MAX || r->topic_len > WIRE_TOPIC_MAX)
        return NULL;
    tail_t *tail = &run->tails[run->tail_count++];
    memcpy(tail->name, r->topic, r->topic_len);
    tail->name[r->topic_len] = '\0';
    tail->last = 0;
    return tail;
}

/* @return what is wrong with it; NULL: nothing. */
static const char *judge(const run_t *run, const record_t *r, const tail_t *tail)
{
    wire_feed_header_t header;
    if (wire_feed_decode(&header, r->header, r->header_len, r->topic, r->topic_len, r->body,
                         r->body_len) != SL_OK)
        return "the frames of the batch do not decode";
    if (header.stream != r->stream || header.first != r->first || header.count != r->count ||
        header.prev != r->prev || header.time_ns != r->time_ns)
        return "the batch is another than the record says";
    if (!wire_body_valid(header.ends, header.count, r->body))
        return "an event is malformed";
    if (r->time_ns < run->time_ns)
        return "sealed before the batch in front of it";
    if (tail != NULL && tail->last != 0 && tail->last != r->prev)
        return "the topic's number before it is another";
    return NULL;
}

static bool visit(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    run_t *run = ctx;
    if (hole != NULL) {
        if (hole->damage)
            tell(run, hole->from, hole->to, "damaged or missing");
        for (size_t i = 0; i < run->tail_count; i++)
            run->tails[i].last = 0; /* their next numbers cannot be known */
        return true;
    }
    tail_t *tail = tail_of(run, r);
    const char *wrong = judge(run, r, tail);
    if (wrong != NULL)
        tell(run, r->first, record_last(r), wrong);
    if (tail != NULL)
        tail->last = record_last(r);
    run->time_ns = r->time_ns;
    run->records++;
    run->events += r->count;
    run->bytes += record_size(r);
    return true;
}

/* -- all of them --------------------------------------------------------------------------- */

static void sum_up(const run_t *run, const store_verdict_t *verdict)
{
    sl_buf_t line = SL_BUF_INIT;
    units_count(&line, run->events);
    sl_buf_append_str(&line, " events in ");
    units_count(&line, run->records);
    sl_buf_append_str(&line, " batches, ");
    units_bytes(&line, run->bytes);
    if (!verdict->sound)
        sl_buf_append_str(&line, ", found by a search; a broker that starts here saves them");
    if (run->ranges == 0) {
        sl_buf_append_str(&line, verdict->sound ? ": sound\n" : "\n");
    } else {
        sl_buf_append_str(&line, "; damaged: ");
        units_count(&line, run->numbers);
        sl_buf_append_str(&line, run->numbers == 1 ? " number in " : " numbers in ");
        units_count(&line, run->ranges);
        sl_buf_append_str(&line, run->ranges == 1 ? " range\n" : " ranges\n");
    }
    fwrite(line.data, 1, line.len, stderr);
    sl_buf_fini(&line);
}

/* @return is all of it sound? */
static bool examine(run_t *run)
{
    store_verdict_t verdict;
    bool sound;
    sl_err err = store_verify(run->dir, NULL, NULL, &verdict);
    bool clean = err == SL_OK;
    if (err == SL_EPROTO && !verdict.sound)
        tell_file(run, verdict.damage);
    if (err == SL_OK || err == SL_EPROTO)
        err = store_export(run->dir, 0, UINT64_MAX, visit, run, &sound);
    if (err != SL_OK)
        cli_tell(program.name, run->dir, "%s",
                 err == SL_ENOENT ? "there is no journal" : journal_err_text(err));
    else
        sum_up(run, &verdict);
    return err == SL_OK && clean && run->ranges == 0;
}

static int verify(const options_t *options, const char *dir)
{
    run_t run = {.dir = dir, .tails = calloc(TOPICS_MAX, sizeof *run.tails)};
    int code = CLI_NOT_ALL;
    show_init(&run.show, options->json);
    if (run.tails == NULL) {
        cli_tell(program.name, dir, "%s", sl_err_text(SL_ENOMEM));
    } else {
        bool sound = examine(&run);
        code = show_flush(&run.show) && sound ? CLI_DONE : CLI_NOT_ALL;
    }
    show_fini(&run.show);
    free(run.tails);
    return code;
}

/* -- the child ----------------------------------------------------------------------------- */

/* In a process of its own, since the file may be such that it ends the process. */
static int verify_apart(const options_t *options, const char *dir)
{
    int status;
    pid_t pid = fork();
    if (pid < 0) {
        cli_tell(program.name, dir, "%s", strerror(errno));
        return CLI_NOT_ALL;
    }
    if (pid == 0)
        _exit(verify(options, dir));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return CLI_NOT_ALL;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == CLI_DONE ? CLI_DONE : CLI_NOT_ALL;
    cli_tell(program.name, dir,
             "damaged: following its pages ended by signal %d; a broker that starts on it takes "
             "out what is sound",
             WTERMSIG(status));
    return CLI_NOT_ALL;
}

int journal_verify(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        config_positional(config, &args);
        cli_catch_signals();
        code = verify_apart(&options, args[0]);
    }
    config_free(&config);
    return code;
}
