/* sluice cursor list|reset|drop: the places of named subscribers, which the broker keeps. */
#include "ask.h"
#include "cli.h"
#include "cursors.h"
#include "group.h"
#include "position.h"
#include "show.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

/* -- list ---------------------------------------------------------------------------------- */

typedef struct list_options {
    ask_options_t ask;
    bool json;
} list_options_t;

static const config_opt_t list_opts[] = {{.key = "json",
                                          .kind = CONFIG_BOOL,
                                          .offset = offsetof(list_options_t, json),
                                          .help = "one JSON object a line",
                                          .flags = CONFIG_FLAG_ONLY},
                                         ASK_ROWS};

static const config_program_t list_program = {
    .name = "sluice cursor list",
    .summary = "Lists the named subscribers, the slowest first.",
    .epilog =
        "Columns: name; lag, the events of all topics behind its last commit; the number and the "
        "stream of that commit, no number before the first; generation, larger with each opening; "
        "idle_ms, since the last commit or opening; patterns.\n\n"
        "Exit: 0 when the broker answered; 1 when it did not; 2 when an option is wrong.",
    .table = {list_opts, sizeof list_opts / sizeof list_opts[0], sizeof(list_options_t)},
};

static void put_row(show_t *show, const cursor_t *cursor)
{
    show_begin(show, SHOW_ROWS);
    show_bytes(show, "name", cursor->name, cursor->name_len);
    show_uint(show, "lag", cursor->lag);
    if (cursor->placed)
        show_uint(show, "number", cursor->number);
    else
        show_number(show, "number", -1);
    show_uint(show, "stream", cursor->stream);
    show_uint(show, "generation", cursor->generation);
    show_uint(show, "idle_ms", cursor->idle_ms);
    show_raw(show, "patterns", cursor->patterns_raw, cursor->patterns_raw_len);
    show_end(show);
}

static int cursor_list(int argc, char **argv)
{
    config_t *config;
    list_options_t options = {0};
    int code;
    if (cli_options(&config, &list_program, &options, argc, argv, &code)) {
        ask_t ask;
        show_t show;
        cursors_t cursors;
        cursor_t cursor;
        cli_catch_signals();
        show_init(&show, options.json);
        code = CLI_NOT_ALL;
        if (ask_open(&ask, list_program.name, &options.ask) && cursors_ask(&cursors, &ask)) {
            while (cursors_next(&cursors, &cursor))
                put_row(&show, &cursor);
            if (cursors.bad)
                ask_tell(&ask, "%s", sl_err_text(SL_EPROTO));
            code = show_flush(&show) && !cursors.bad ? CLI_DONE : CLI_NOT_ALL;
        }
        show_fini(&show);
        ask_close(&ask);
    }
    config_free(&config);
    return code;
}

/* -- reset --------------------------------------------------------------------------------- */

typedef struct change_options {
    ask_options_t ask;
    const char *to;
} change_options_t;

static void check_name(config_t *config)
{
    const char *const *args;
    size_t count = config_positional(config, &args);
    if (count == 0)
        config_complain(config, "NAME", "is missing: which cursor?");
    for (size_t i = 1; i < count; i++)
        config_complain(config, args[i], "is one too many");
    if (count > 0 && !wire_cursor_name_valid(args[0], strlen(args[0])))
        config_complain(config, args[0], "is no name of a cursor: 1 to 128 of A-Z a-z 0-9 . _ : -");
}

static void reset_check(config_t *config, const void *read)
{
    const change_options_t *options = read;
    position_t position;
    check_name(config);
    if (options->to == NULL)
        config_complain(config, "to", "is missing: " POSITION_TEXT);
    else if (!position_parse(&position, options->to, 1))
        config_complain(config, "to", "\"%s\" is not " POSITION_TEXT, options->to);
}

static const config_opt_t reset_opts[] = {{.key = "to",
                                           .kind = CONFIG_STR,
                                           .offset = offsetof(change_options_t, to),
                                           .arg = "WHERE",
                                           .help = POSITION_TEXT,
                                           .flags = CONFIG_FLAG_ONLY},
                                          ASK_ROWS};

static const config_program_t reset_program = {
    .name = "sluice cursor reset",
    .positional = "NAME --to WHERE",
    .summary = "Moves a named subscriber forwards or back: it begins there when it starts next.",
    .epilog =
        "After --to NUMBER it goes on behind that number. A subscriber that holds the cursor now "
        "is fenced off: it ends with an error, and has to be started again.\n\n"
        "Exit: 0 when it was moved; 1 when there is no such cursor, or the broker did not answer; "
        "2 when an option is wrong.",
    .table = {reset_opts, sizeof reset_opts / sizeof reset_opts[0], sizeof(change_options_t)},
    .check = reset_check,
};

/* Where that is: the number to go on behind, and its stream. */
static bool find_place(ask_t *ask, const char *to, wire_cursor_place_t *place)
{
    position_t position;
    wire_found_t found;
    position_parse(&position, to, sl_clock_wall_ns(&sl_clock_system));
    uint64_t since_ns = position.kind == POSITION_TIME ? position.time_ns : 0;
    uint64_t request = ask_begin(ask);
    wire_put_find(&ask->question, request, &(wire_find_t){.since_ns = since_ns});
    if (!ask_for(ask, WIRE_QUERY_FIND))
        return false;
    if (wire_found_decode(&found, &ask->answer) != SL_OK) {
        ask_tell(ask, "%s", sl_err_text(SL_EPROTO));
        return false;
    }
    place->stream = found.stream;
    place->number = position.kind == POSITION_NUMBER ? position.number
                    : position.kind == POSITION_NOW  ? found.next - 1
                                                     : found.after;
    if (place->number >= found.next) {
        ask_tell(ask, "there is no number %" PRIu64 " yet; the last one is %" PRIu64, place->number,
                 found.next - 1);
        return false;
    }
    return true;
}

/* Opens it as it is, so that nobody else holds it.  To open one that is not there would make it. */
static bool take_over(ask_t *ask, const char *name, wire_cursor_place_t *place)
{
    cursors_t cursors;
    cursor_t cursor;
    wire_cursor_opened_t opened;
    if (!cursors_ask(&cursors, ask))
        return false;
    if (!cursors_find(&cursors, name, &cursor)) {
        ask_tell(ask, "there is no cursor %s", name);
        return false;
    }
    uint64_t request = ask_begin(ask);
    wire_put_cursor_open(
        &ask->question, request,
        &(wire_cursor_open_t){.name = name, .name_len = (uint32_t)strlen(name), .keep = true});
    if (!ask_for(ask, WIRE_QUERY_CURSOR_OPEN))
        return false;
    if (wire_cursor_opened_decode(&opened, &ask->answer) != SL_OK) {
        ask_tell(ask, "%s", sl_err_text(SL_EPROTO));
        return false;
    }
    place->generation = opened.generation;
    return true;
}

static bool reset(ask_t *ask, const char *name, const char *to)
{
    wire_cursor_place_t place = {.name = name, .name_len = (uint32_t)strlen(name)};
    if (!find_place(ask, to, &place) || !take_over(ask, name, &place))
        return false;
    uint64_t request = ask_begin(ask);
    wire_put_cursor_place(&ask->question, WIRE_QUERY_CURSOR_RESET, request, &place);
    if (!ask_for(ask, WIRE_QUERY_CURSOR_RESET))
        return false;
    printf("reset cursor %s: goes on behind %" PRIu64 " of stream %" PRIu64 "\n", name,
           place.number, place.stream);
    return true;
}

/* -- drop ---------------------------------------------------------------------------------- */

static void drop_check(config_t *config, const void *read)
{
    (void)read;
    check_name(config);
}

static const config_opt_t drop_opts[] = {ASK_ROWS};

static const config_program_t drop_program = {
    .name = "sluice cursor drop",
    .positional = "NAME",
    .summary = "Forgets a named subscriber: who takes the name next begins as a new one.",
    .epilog =
        "Exit: 0 when it was forgotten; 1 when there is no such cursor, or the broker did not "
        "answer; 2 when an option is wrong.",
    .table = {drop_opts, sizeof drop_opts / sizeof drop_opts[0], sizeof(change_options_t)},
    .check = drop_check,
};

static bool drop(ask_t *ask, const char *name, const char *to)
{
    (void)to;
    uint64_t request = ask_begin(ask);
    wire_put_cursor_drop(&ask->question, request,
                         &(wire_cursor_drop_t){.name = name, .name_len = (uint32_t)strlen(name)});
    if (!ask_for(ask, WIRE_QUERY_CURSOR_DROP))
        return false;
    printf("dropped cursor %s\n", name);
    return true;
}

/* -- both ---------------------------------------------------------------------------------- */

static int change(const config_program_t *program, int argc, char **argv,
                  bool (*run)(ask_t *ask, const char *name, const char *to))
{
    config_t *config;
    change_options_t options = {0};
    int code;
    if (cli_options(&config, program, &options, argc, argv, &code)) {
        const char *const *args;
        ask_t ask;
        config_positional(config, &args);
        cli_catch_signals();
        bool done = ask_open(&ask, program->name, &options.ask) && run(&ask, args[0], options.to);
        code = done ? CLI_DONE : CLI_NOT_ALL;
        ask_close(&ask);
    }
    config_free(&config);
    return code;
}

static int cursor_reset(int argc, char **argv)
{
    return change(&reset_program, argc, argv, reset);
}

static int cursor_drop(int argc, char **argv)
{
    return change(&drop_program, argc, argv, drop);
}

static const group_command_t commands[] = {
    {"list", "list the named subscribers, the slowest first", cursor_list},
    {"reset", "move one forwards or back", cursor_reset},
    {"drop", "forget one", cursor_drop},
};

int cli_cursor(int argc, char **argv)
{
    static const group_t group = {"cursor", "Where named subscribers (`sluice sub --name`) stand.",
                                  commands, sizeof commands / sizeof commands[0]};
    return group_run(&group, argc, argv);
}
