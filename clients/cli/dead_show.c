/* sluice dead show: one dead letter, and its Body as it came. */
#include "cli.h"
#include "dead.h"
#include "show.h"
#include "text.h"

#include "wire/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

typedef struct options {
    dead_options_t dead;
    bool body;
} options_t;

static const config_opt_t opts[] = {
    {.key = "body",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, body),
     .help = "the Body alone: its bytes as they came; on a terminal in a form that it can show",
     .flags = CONFIG_FLAG_ONLY},
    DEAD_JSON_ROW,
    ASK_ROWS};

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    const char *const *args;
    size_t count = config_positional(config, &args);
    if (count == 0)
        config_complain(config, "NUMBER", "is missing: which one?");
    for (size_t i = 1; i < count; i++)
        config_complain(config, args[i], "is one too many");
    if (count > 0)
        dead_check_number(config, args[0]);
    if (options->body && options->dead.json)
        config_complain(config, "body", "is bytes, and --json is text: one of the two");
}

static const config_program_t program = {
    .name = "sluice dead show",
    .positional = "NUMBER",
    .summary = "Shows a dead letter: where it came from, what was wrong, and its Body.",
    .epilog =
        "A Body that is no text is shown as a hex dump, in JSON as Base64. `sluice dead show "
        "17 --body >FILE` has its bytes.\n\n"
        "Exit: 0 when it was shown; 1 when there is no dead letter of that number, the broker "
        "did not answer, or the output failed; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

typedef struct shown {
    const options_t *options;
    show_t show;
    bool found;
} shown_t;

/* Bytes that a terminal can show: text as it is, anything else as a dump. */
static void put_body(sl_buf_t *out, const dead_letter_t *letter)
{
    if (!text_is_plain((const char *)letter->body, letter->body_len)) {
        text_dump(out, letter->body, letter->body_len);
        return;
    }
    sl_buf_append(out, letter->body, letter->body_len);
    if (letter->body_len > 0 && letter->body[letter->body_len - 1] != '\n')
        sl_buf_append_byte(out, '\n');
}

static void put_facts(show_t *show, const sluice_item_t *item, const dead_letter_t *letter)
{
    show_begin(show, SHOW_SINGLE);
    show_uint(show, "number", item->number);
    show_uint(show, "stream", item->stream);
    show_time_ns(show, "time", item->time_ns);
    show_text(show, "reason", item->topic + strlen(WIRE_DEAD_PREFIX));
    show_bytes(show, "detail", letter->detail, letter->detail_len);
    show_bytes(show, "source", letter->source, letter->source_len);
    show_bytes(show, "id", letter->id, letter->id_len);
    show_time_ns(show, "taken",
                 letter->time_s > 0 ? (uint64_t)letter->time_s * 1000000000u + letter->time_nsec
                                    : 0);
    show_number(show, "attempt", letter->attempt > 0 ? (int64_t)letter->attempt : -1);
    show_uint(show, "bytes", letter->body_len);
    if (show->kind != SHOW_TABLE)
        show_bytes(show, "body", (const char *)letter->body, letter->body_len);
    show_end(show);
    if (show->kind == SHOW_TABLE) {
        sl_buf_append_byte(&show->out, '\n');
        put_body(&show->out, letter);
    }
}

static bool put_letter(void *ctx, const sluice_item_t *item, const dead_letter_t *letter)
{
    shown_t *shown = ctx;
    show_t *show = &shown->show;
    dead_letter_t bare = {.id = "",
                          .source = "",
                          .detail = "not in the form of a dead letter; the whole event follows",
                          .body = item->data,
                          .body_len = item->len};
    bare.detail_len = strlen(bare.detail);
    const dead_letter_t *from = letter != NULL ? letter : &bare;
    shown->found = true;
    if (!shown->options->body)
        put_facts(show, item, from);
    else if (isatty(STDOUT_FILENO))
        put_body(&show->out, from);
    else
        sl_buf_append(&show->out, from->body, from->body_len);
    return true;
}

static bool find_and_show(ask_t *ask, shown_t *shown, uint64_t number)
{
    wire_lost_t lost = {0};
    if (!dead_walk(ask, &shown->options->dead, number, put_letter, shown, &lost))
        return false;
    if (shown->found)
        return true;
    if (lost.to != 0)
        ask_tell(ask, "number %" PRIu64 " is not in the journal any more: %s", number,
                 wire_lost_name(lost.reason));
    else
        ask_tell(ask, "number %" PRIu64 " is no dead letter", number);
    return false;
}

int dead_show(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        ask_t ask;
        shown_t shown = {.options = &options};
        config_positional(config, &args);
        cli_catch_signals();
        show_init(&shown.show, options.dead.json);
        bool done = ask_open(&ask, program.name, &options.dead.ask) &&
                    find_and_show(&ask, &shown, dead_number(args[0]));
        code = show_flush(&shown.show) && done ? CLI_DONE : CLI_NOT_ALL;
        show_fini(&shown.show);
        ask_close(&ask);
    }
    config_free(&config);
    return code;
}
