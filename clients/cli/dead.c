/* sluice dead list|show|redrive: what they share, and the list. */
#include "dead.h"

#include "cli.h"
#include "group.h"
#include "position.h"
#include "show.h"
#include "text.h"

#include "base/clock.h"
#include "wire/topic.h"

enum { DETAIL_COLUMNS_MAX = 60 };

/* -- which --------------------------------------------------------------------------------- */

static uint64_t since_ns(const dead_options_t *options)
{
    return options->since == NULL
               ? 0
               : position_parse_time(options->since, sl_clock_wall_ns(&sl_clock_system));
}

void dead_check(config_t *config, const dead_options_t *options)
{
    if (options->since != NULL && since_ns(options) == 0)
        config_complain(config, "since", "\"%s\" is not " POSITION_TIME_TEXT, options->since);
}

bool dead_check_number(config_t *config, const char *text)
{
    position_t position;
    bool valid = position_parse(&position, text, 0) && position.kind == POSITION_NUMBER &&
                 position.number > 0;
    if (!valid)
        config_complain(config, text, "is no number of an event");
    return valid;
}

uint64_t dead_number(const char *text)
{
    position_t position;
    position_parse(&position, text, 0);
    return position.number;
}

/* -- the walk ------------------------------------------------------------------------------ */

typedef struct walk {
    const char *reason; /**< or NULL */
    bool of_one;        /**< the caller tells what became of that one */
    dead_fn *each;
    void *ctx;
    wire_lost_t *lost;
} walk_t;

/* The broker goes by prefixes: "BrokenJ" would match, too. */
static bool is_chosen(const walk_t *walk, const sluice_item_t *item)
{
    return walk->reason == NULL ||
           strcmp(item->topic + strlen(WIRE_DEAD_PREFIX), walk->reason) == 0;
}

static bool on_event(void *ctx, const sluice_item_t *item)
{
    const walk_t *walk = ctx;
    dead_letter_t letter;
    if (!is_chosen(walk, item))
        return true;
    bool whole = dead_letter_read(&letter, item->data, item->len) == SL_OK;
    return walk->each(walk->ctx, item, whole ? &letter : NULL);
}

static bool on_lost(void *ctx, const wire_lost_t *lost)
{
    const walk_t *walk = ctx;
    if (walk->lost != NULL)
        *walk->lost = *lost;
    return walk->of_one;
}

bool dead_walk(ask_t *ask, const dead_options_t *options, uint64_t number, dead_fn *each, void *ctx,
               wire_lost_t *lost)
{
    char prefix[WIRE_PATTERN_MAX];
    walk_t walk = {.reason = number == 0 ? options->reason : NULL,
                   .of_one = number != 0,
                   .each = each,
                   .ctx = ctx,
                   .lost = lost};
    snprintf(prefix, sizeof prefix, WIRE_DEAD_PREFIX "%.100s",
             walk.reason != NULL ? walk.reason : "");
    return replay_run(ask, &(replay_t){.since_ns = since_ns(options),
                                       .after = number > 0 ? number - 1 : 0,
                                       .until = number,
                                       .prefix = prefix,
                                       .on_event = on_event,
                                       .on_lost = on_lost,
                                       .ctx = &walk});
}

/* -- list ---------------------------------------------------------------------------------- */

typedef struct list_options {
    dead_options_t dead;
    uint64_t limit;
} list_options_t;

typedef struct list {
    const list_options_t *options;
    show_t show;
    uint64_t count;
    bool output_gone;
} list_t;

static void put_slice(show_t *show, const char *name, const char *text, size_t len, size_t most)
{
    sl_buf_t shown = SL_BUF_INIT;
    size_t cut = text_cut(text, len, most);
    sl_buf_append(&shown, text, cut);
    if (cut < len)
        sl_buf_append_str(&shown, "…");
    show_bytes(show, name, (const char *)shown.data, shown.len);
    show->record.failed = show->record.failed || shown.failed;
    sl_buf_fini(&shown);
}

static bool put_row(void *ctx, const sluice_item_t *item, const dead_letter_t *letter)
{
    list_t *list = ctx;
    show_t *show = &list->show;
    static const dead_letter_t unreadable = {.id = "", .source = "", .detail = "not a dead letter"};
    const dead_letter_t *from = letter != NULL ? letter : &unreadable;
    size_t most = show->kind == SHOW_TABLE ? DETAIL_COLUMNS_MAX : SIZE_MAX;
    show_begin(show, SHOW_ROWS);
    show_uint(show, "number", item->number);
    show_time_ns(show, "time", item->time_ns);
    show_text(show, "reason", item->topic + strlen(WIRE_DEAD_PREFIX));
    put_slice(show, "source", from->source, from->source_len, SIZE_MAX);
    put_slice(show, "id", from->id, from->id_len, SIZE_MAX);
    put_slice(show, "detail", from->detail,
              letter != NULL ? from->detail_len : strlen(from->detail), most);
    show_end(show);
    list->count++;
    if (show->kind != SHOW_TABLE && !show_flush(show))
        list->output_gone = true;
    return !list->output_gone && (list->options->limit == 0 || list->count < list->options->limit);
}

static const config_opt_t list_opts[] = {{.key = "limit",
                                          .kind = CONFIG_U64,
                                          .offset = offsetof(list_options_t, limit),
                                          .arg = "N",
                                          .help = "end after so many, oldest first; 0: all",
                                          .flags = CONFIG_FLAG_ONLY},
                                         DEAD_ROWS};

static void list_check(config_t *config, const void *options)
{
    dead_check(config, &((const list_options_t *)options)->dead);
}

static const config_program_t list_program = {
    .name = "sluice dead list",
    .summary = "Lists the dead letters in the broker's journal, up to now.",
    .epilog = "number, time (when the broker took it), reason, source, id and what was wrong; as a "
              "table on a terminal, otherwise a line each with tabs between.\n\n"
              "Exit: 0 when all was listed, one or none; 1 when the broker did not answer, or the "
              "output failed; 2 when an option is wrong.",
    .table = {list_opts, sizeof list_opts / sizeof list_opts[0], sizeof(list_options_t)},
    .check = list_check,
};

int dead_list(int argc, char **argv)
{
    config_t *config;
    list_options_t options = {0};
    int code;
    if (cli_options(&config, &list_program, &options, argc, argv, &code)) {
        ask_t ask;
        list_t list = {.options = &options};
        cli_catch_signals();
        show_init(&list.show, options.dead.json);
        bool done = ask_open(&ask, list_program.name, &options.dead.ask) &&
                    dead_walk(&ask, &options.dead, 0, put_row, &list, NULL);
        bool shown = show_flush(&list.show) && !list.output_gone;
        code = done && shown ? CLI_DONE : CLI_NOT_ALL;
        show_fini(&list.show);
        ask_close(&ask);
    }
    config_free(&config);
    return code;
}

/* -- the group ----------------------------------------------------------------------------- */

static const group_command_t commands[] = {
    {"list", "list the dead letters in the journal", dead_list},
    {"show", "show one, with its body", dead_show},
    {"redrive", "decode bodies again, and publish what is an event now", dead_redrive},
};

int cli_dead(int argc, char **argv)
{
    static const group_t group = {
        "dead", "Notifications that could not become events, on the topics $dead.<Reason>.",
        commands, sizeof commands / sizeof commands[0]};
    return group_run(&group, argc, argv);
}
