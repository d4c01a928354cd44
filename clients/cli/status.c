/* sluice status - one question to the broker's query socket, one answer. */
#include "ask.h"
#include "cli.h"
#include "format.h"
#include "status_view.h"
#include "table.h"

#include "base/mp.h"

#include <unistd.h>

typedef struct options {
    ask_options_t ask;
    bool json, counters;
} options_t;

static const config_opt_t opts[] = {
    {.key = "json",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, json),
     .help = "one line of JSON; as always when the output is no terminal"},
    {.key = "counters",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, counters),
     .help = "on a terminal, show the counters too; JSON has them always"},
    ASK_ROWS};

static const config_program_t program = {
    .name = "sluice status",
    .summary =
        "Asks a broker how it is: stream, journal, the window in which duplicates are known, "
        "named subscribers, topics, publishers.",
    .epilog = "JSON has everything that the broker tells (docs/commands.md); a terminal gets it "
              "arranged for eyes, named subscribers with the slowest first.\n\n"
              "Exit: 0 when it answered; 1 when it did not; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
};

static sl_err put_json(sl_buf_t *out, const wire_query_t *answer)
{
    mp_cursor_t in = mp_cursor(answer->rest, answer->rest_len);
    if (!mp_skip(&in)) /* behind it there may be elements of a later version */
        return SL_EPROTO;
    sl_err err = format_value(out, answer->rest, (size_t)(in.at - answer->rest));
    sl_buf_append_byte(out, '\n');
    return err;
}

static sl_err put_table(sl_buf_t *out, const wire_query_t *answer, bool counters)
{
    sl_buf_t view = SL_BUF_INIT;
    sl_err err = status_view(&view, answer->rest, answer->rest_len, counters);
    if (err == SL_OK)
        err = table_write(out, view.data, view.len);
    sl_buf_fini(&view);
    return err;
}

static bool ask_and_show(ask_t *ask, const options_t *options, sl_buf_t *out)
{
    uint64_t request = ask_begin(ask);
    wire_put_query(&ask->question, WIRE_QUERY_STATUS, request, 0);
    if (!ask_for(ask, WIRE_QUERY_STATUS))
        return false;
    bool json = options->json || !isatty(STDOUT_FILENO);
    sl_err err =
        json ? put_json(out, &ask->answer) : put_table(out, &ask->answer, options->counters);
    if (err == SL_OK && out->failed)
        err = SL_ENOMEM;
    if (err != SL_OK)
        ask_tell(ask, "%s", sl_err_text(err));
    return err == SL_OK && cli_flush(out);
}

int cli_status(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        ask_t ask;
        sl_buf_t out = SL_BUF_INIT;
        cli_catch_signals();
        bool shown =
            ask_open(&ask, program.name, &options.ask) && ask_and_show(&ask, &options, &out);
        code = shown ? CLI_DONE : CLI_NOT_ALL;
        ask_close(&ask);
        sl_buf_fini(&out);
    }
    config_free(&config);
    return code;
}
