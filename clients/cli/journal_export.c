/* sluice journal export: the journal's events on standard output.
 *
 * The store shows a bounded part, which becomes text; then, with no record in hand, the text is
 * written.  So a slow reader of the output does not keep the broker's pages.  A file whose
 * structure is damaged no broker writes: of that one, what a search finds is shown in one go. */
#include "cli.h"
#include "format.h"
#include "journal.h"
#include "position.h"

#include "base/clock.h"
#include "journal/tools.h"
#include "wire/feed.h"
#include "wire/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PART_BYTES = 1024 * 1024 };

typedef struct options {
    const char *from, *to;
    config_list_t topics;
    int format;
    bool numbers;
} options_t;

static const config_opt_t opts[] = {
    {.key = "from",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, from),
     .arg = "WHERE",
     .help = "the first: a number, or " POSITION_TIME_TEXT "; without it the oldest there is",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "to",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, to),
     .arg = "WHERE",
     .help = "the last: a number; or those sealed before a time; without it all there are",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "topic",
     .kind = CONFIG_STR_LIST,
     .offset = offsetof(options_t, topics),
     .arg = "PATTERN",
     .help = "only those that match; may be repeated; without it all, dead letters too",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "format",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, format),
     .def = "auto",
     .arg = "FORMAT",
     .help = "as of `sluice sub`",
     .choices = "auto|pretty|json|cloudevents|msgpack",
     .flags = CONFIG_FLAG_ONLY},
    {.key = "numbers",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, numbers),
     .help = "with json: $topic, $number, $prev and $stream come first in each line",
     .flags = CONFIG_FLAG_ONLY},
};

static void check_place(config_t *config, const char *key, const char *text)
{
    position_t position;
    if (text != NULL && (!position_parse(&position, text, sl_clock_wall_ns(&sl_clock_system)) ||
                         (position.kind != POSITION_NUMBER && position.kind != POSITION_TIME)))
        config_complain(config, key, "\"%s\" is neither a number nor " POSITION_TIME_TEXT, text);
}

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    const char *const *patterns = options->topics.items;
    journal_check_args(config, (const char *const[]){"DIR", NULL});
    check_place(config, "from", options->from);
    check_place(config, "to", options->to);
    for (size_t i = 0; i < options->topics.count; i++)
        if (!wire_pattern_valid(patterns[i], strlen(patterns[i])))
            config_complain(config, "topic", "\"%s\" is no pattern", patterns[i]);
    if (options->numbers && options->format != FORMAT_JSON && options->format != FORMAT_AUTO)
        config_complain(config, "numbers", "goes with --format json only");
}

static const config_program_t program = {
    .name = "sluice journal export",
    .positional = "DIR",
    .summary = "Prints the events in a journal, in the order of their numbers, and ends.",
    .epilog = "The broker may run: what it adds meanwhile is printed too. What is lost is told on "
              "standard error, a line each.\n\n"
              "Exit: 0 when all that is asked for was printed; 1 when some of it is lost, or the "
              "output failed; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

/* -- a run --------------------------------------------------------------------------------- */

typedef struct run {
    const options_t *options;
    const char *dir;
    store_t *store;
    format_t format;
    sl_buf_t out;
    uint64_t after, until;   /**< numbers, exclusive and inclusive */
    uint64_t from_ns, to_ns; /**< times, inclusive and exclusive */
    uint64_t lost;
    bool searched; /**< no store is open: what a search of the file finds */
    bool output_gone;
    sl_err err;
} run_t;

static bool is_wanted(const run_t *run, const record_t *r)
{
    if (r->time_ns < run->from_ns || r->time_ns >= run->to_ns)
        return false;
    const char *const *patterns = run->options->topics.items;
    for (size_t i = 0; i < run->options->topics.count; i++)
        if (wire_pattern_match(patterns[i], strlen(patterns[i]), r->topic, r->topic_len))
            return true;
    return run->options->topics.count == 0;
}

static void tell_hole(run_t *run, uint64_t from, uint64_t to, bool damage)
{
    run->lost += to - from + 1;
    fprintf(stderr, "lost: numbers %" PRIu64 " to %" PRIu64 ": %s\n", from, to,
            damage ? "DAMAGE" : "RETENTION");
}

static void put_events(run_t *run, const record_t *r, const wire_feed_header_t *header)
{
    char topic[WIRE_PATTERN_MAX];
    snprintf(topic, sizeof topic, "%.*s", (int)r->topic_len, r->topic);
    sluice_item_t item = {.kind = SLUICE_ITEM_EVENT,
                          .topic = topic,
                          .topic_len = strlen(topic),
                          .stream = header->stream,
                          .prev = header->prev,
                          .time_ns = header->time_ns,
                          .count = 1};
    uint32_t begin = 0;
    for (uint32_t i = 0; i < header->count && run->err == SL_OK; i++) {
        uint32_t end = wire_end(header->ends, i);
        item.number = header->first + i;
        item.data = r->body + begin;
        item.len = end - begin;
        begin = end;
        if (item.number <= run->after || item.number > run->until)
            continue;
        run->err = format_event(&run->out, &run->format, &item);
        if (run->err == SL_EPROTO) { /* the publisher's fault, and the journal's not */
            tell_hole(run, item.number, item.number, true);
            run->err = SL_OK;
        }
    }
}

static bool visit(void *ctx, const record_t *record, const journal_hole_t *hole)
{
    run_t *run = ctx;
    wire_feed_header_t header;
    if (hole != NULL) {
        /* That the oldest are gone is a loss to whoever asked for them, and no news otherwise. */
        if (hole->damage || hole->from > 1 || run->options->from != NULL)
            tell_hole(run, hole->from, hole->to, hole->damage);
        return true;
    }
    if (!is_wanted(run, record))
        return true;
    if (wire_feed_decode(&header, record->header, record->header_len, record->topic,
                         record->topic_len, record->body, record->body_len) != SL_OK)
        tell_hole(run, record->first, record_last(record), true);
    else
        put_events(run, record, &header);
    if (run->searched && run->out.len >= PART_BYTES && !cli_flush(&run->out))
        run->output_gone = true;
    return run->err == SL_OK && !run->output_gone && !cli_stopping();
}

/* Part by part.  @return false: it ended before its time, and that was told. */
static bool export_tree(run_t *run)
{
    for (uint64_t upto = run->after, before = UINT64_MAX; upto != before && upto < run->until;) {
        before = upto;
        sl_err err = store_read(run->store, before, run->until, PART_BYTES, visit, run, &upto);
        if (err == SL_OK)
            err = run->err;
        if (err != SL_OK) {
            cli_tell(program.name, run->dir, "%s", journal_err_text(err));
            return false;
        }
        if (!cli_flush(&run->out) || cli_stopping())
            return false;
    }
    return true;
}

static bool export_found(run_t *run)
{
    bool sound;
    run->searched = true;
    fputs("what a search of the file finds:\n", stderr);
    sl_err err = store_export(run->dir, run->after, run->until, visit, run, &sound);
    if (err == SL_OK)
        err = run->err;
    if (err != SL_OK)
        cli_tell(program.name, run->dir, "%s", journal_err_text(err));
    if (err == SL_OK && !run->output_gone)
        cli_flush(&run->out);
    return false; /* whatever it found, not all is there */
}

/* -- from where to where ------------------------------------------------------------------- */

static void take_from(run_t *run, const char *text, uint64_t now_ns)
{
    position_t position;
    if (text == NULL || !position_parse(&position, text, now_ns))
        return;
    if (position.kind == POSITION_NUMBER)
        run->after = position.number > 0 ? position.number - 1 : 0;
    else
        run->from_ns = position.time_ns;
}

static void take_to(run_t *run, const char *text, uint64_t now_ns)
{
    position_t position;
    if (text == NULL || !position_parse(&position, text, now_ns))
        return;
    if (position.kind == POSITION_NUMBER)
        run->until = position.number;
    else
        run->to_ns = position.time_ns;
}

/* What was sealed since a time before the oldest that is kept may be gone in part. */
static void tell_taken(run_t *run)
{
    store_stat_t stat;
    store_stat(run->store, &stat);
    if (stat.oldest > 1 && (stat.records == 0 || run->from_ns < stat.oldest_time_ns))
        tell_hole(run, 1, stat.oldest - 1, false);
}

/* Times become numbers, so that not all has to be read.  False: told. */
static bool find_ends(run_t *run)
{
    uint64_t after = run->after, until = run->until;
    sl_err err = SL_OK;
    if (run->from_ns > 0) {
        err = store_find(run->store, run->from_ns, &after);
        tell_taken(run);
    }
    if (err == SL_OK && run->to_ns < UINT64_MAX)
        err = store_find(run->store, run->to_ns, &until);
    if (err != SL_OK)
        cli_tell(program.name, run->dir, "%s", journal_err_text(err));
    run->after = after > run->after ? after : run->after;
    run->until = until < run->until ? until : run->until;
    return err == SL_OK;
}

static int run_export(run_t *run)
{
    store_found_t found = {0};
    uint64_t now_ns = sl_clock_wall_ns(&sl_clock_system);
    take_from(run, run->options->from, now_ns);
    take_to(run, run->options->to, now_ns);
    sl_err err = journal_open(&run->store, &found, program.name, run->dir);
    bool done = err == SL_OK       ? find_ends(run) && export_tree(run)
                : err == SL_EPROTO ? export_found(run)
                                   : false;
    store_close(&run->store, false);
    return done && run->lost == 0 ? CLI_DONE : CLI_NOT_ALL;
}

int journal_export(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        run_t run = {.options = &options,
                     .until = UINT64_MAX,
                     .to_ns = UINT64_MAX,
                     .format = {.kind = (format_kind_t)options.format,
                                .colour = cli_colour(),
                                .numbers = options.numbers}};
        config_positional(config, &args);
        run.dir = args[0];
        if (run.format.kind == FORMAT_AUTO)
            run.format.kind =
                isatty(STDOUT_FILENO) && !options.numbers ? FORMAT_PRETTY : FORMAT_JSON;
        cli_catch_signals();
        code = run_export(&run);
        sl_buf_fini(&run.out);
    }
    config_free(&config);
    return code;
}
