/* sluice journal stat|verify|export|backup: what they share, and stat. */
#include "journal.h"

#include "cli.h"
#include "format.h"
#include "group.h"
#include "status_view.h"
#include "table.h"

#include "base/mp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- shared -------------------------------------------------------------------------------- */

void journal_check_args(config_t *config, const char *const *names)
{
    const char *const *args;
    size_t count = config_positional(config, &args), wanted = 0;
    for (; names[wanted] != NULL; wanted++)
        if (wanted >= count)
            config_complain(config, names[wanted], "is missing");
    for (size_t i = wanted; i < count; i++)
        config_complain(config, args[i], "is one too many");
}

const char *journal_err_text(sl_err err)
{
    return err == SL_EIO ? strerror(errno) : sl_err_text(err);
}

sl_err journal_open(store_t **store, store_found_t *found, const char *name, const char *dir)
{
    const char *failed = NULL;
    sl_err err =
        store_open(store, &(store_options_t){.dir = dir, .read_only = true}, found, &failed);
    if (err == SL_OK)
        return err;
    if (err == SL_EPROTO && found->damage[0] != '\0')
        cli_tell(name, dir, "it is damaged: %s", found->damage);
    else if (err == SL_ENOENT)
        cli_tell(name, dir, "there is no journal");
    else
        cli_tell(name, dir, "%s: %s", failed != NULL ? failed : "it cannot be opened",
                 journal_err_text(err));
    return err;
}

/* -- stat ---------------------------------------------------------------------------------- */

typedef struct options {
    bool json;
} options_t;

static const config_opt_t opts[] = {
    {.key = "json",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, json),
     .help = "one line of JSON; as always when the output is no terminal",
     .flags = CONFIG_FLAG_ONLY}};

static void check(config_t *config, const void *read)
{
    (void)read;
    journal_check_args(config, (const char *const[]){"DIR", NULL});
}

static const config_program_t program = {
    .name = "sluice journal stat",
    .positional = "DIR",
    .summary = "Tells what is in a journal: stream, numbers, times, sizes, topics.",
    .epilog = "All records are read and held against their sums on the way. The broker may run.\n\n"
              "Exit: 0 when it could be read; 1 when not; 2 when an option is wrong.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
    .check = check,
};

static void put_text(sl_buf_t *out, const char *name, const char *text)
{
    mp_put_str(out, name, strlen(name));
    mp_put_str(out, text, strlen(text));
}

static void put_number(sl_buf_t *out, const char *name, uint64_t number)
{
    mp_put_str(out, name, strlen(name));
    mp_put_uint(out, number);
}

static void put_parents(sl_buf_t *out, const store_found_t *found)
{
    mp_put_lit(out, "parents");
    mp_put_array(out, found->parent_count);
    for (uint32_t i = 0; i < found->parent_count; i++) {
        mp_put_array(out, 2);
        mp_put_uint(out, found->parents[i].stream);
        mp_put_uint(out, found->parents[i].last);
    }
}

static void put_journal(sl_buf_t *out, store_t *store)
{
    store_stat_t stat;
    store_stat(store, &stat);
    mp_put_lit(out, "journal");
    mp_put_map(out, 10);
    put_text(out, "backend", "lmdb");
    put_number(out, "oldest", stat.oldest);
    put_number(out, "next", stat.next);
    put_number(out, "records", stat.records);
    put_number(out, "bytes", stat.bytes);
    put_number(out, "oldest_time_ns", stat.oldest_time_ns);
    put_number(out, "newest_time_ns", stat.newest_time_ns);
    put_number(out, "map_bytes", stat.map_bytes);
    put_number(out, "used_bytes", stat.used_bytes);
    put_number(out, "file_bytes", stat.file_bytes);
}

typedef struct topics {
    sl_buf_t pairs;
    uint32_t count;
} topics_t;

static void put_topic(void *ctx, const char *topic, size_t len, uint64_t last)
{
    topics_t *topics = ctx;
    topics->count++;
    mp_put_str(&topics->pairs, topic, len);
    mp_put_uint(&topics->pairs, last);
}

static sl_err put_topics(sl_buf_t *out, store_t *store)
{
    topics_t topics = {0};
    sl_err err = store_tails(store, put_topic, &topics);
    mp_put_lit(out, "topics");
    mp_put_map(out, topics.count);
    sl_buf_append(out, topics.pairs.data, topics.pairs.len);
    out->failed = out->failed || topics.pairs.failed;
    sl_buf_fini(&topics.pairs);
    return err;
}

/* In the form of a broker's STATUS, so that one view does for both. */
static sl_err put_all(sl_buf_t *out, store_t *store, const store_found_t *found, const char *dir)
{
    mp_put_map(out, 10);
    put_text(out, "directory", dir);
    put_number(out, "stream", found->stream);
    put_number(out, "next", found->next);
    put_parents(out, found);
    put_journal(out, store);
    sl_err err = put_topics(out, store);
    put_number(out, "events", found->events);
    put_number(out, "lost_events", found->lost_events);
    put_number(out, "damaged_records", found->damaged_records);
    mp_put_lit(out, "ended_in_order");
    mp_put_bool(out, found->was_clean);
    return err == SL_OK && out->failed ? SL_ENOMEM : err;
}

static bool show(const options_t *options, store_t *store, const store_found_t *found,
                 const char *dir)
{
    sl_buf_t map = SL_BUF_INIT, view = SL_BUF_INIT, out = SL_BUF_INIT;
    sl_err err = put_all(&map, store, found, dir);
    bool json = options->json || !isatty(STDOUT_FILENO);
    if (err == SL_OK && json) {
        err = format_value(&out, map.data, map.len);
        sl_buf_append_byte(&out, '\n');
    } else if (err == SL_OK) {
        err = status_view(&view, map.data, map.len, true);
        if (err == SL_OK)
            err = table_write(&out, view.data, view.len);
    }
    if (err == SL_OK && out.failed)
        err = SL_ENOMEM;
    if (err != SL_OK)
        cli_tell(program.name, dir, "%s", sl_err_text(err));
    bool shown = err == SL_OK && cli_flush(&out);
    sl_buf_fini(&map);
    sl_buf_fini(&view);
    sl_buf_fini(&out);
    return shown;
}

int journal_stat(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        store_t *store = NULL;
        store_found_t found;
        config_positional(config, &args);
        cli_catch_signals();
        bool shown = journal_open(&store, &found, program.name, args[0]) == SL_OK &&
                     show(&options, store, &found, args[0]);
        code = shown ? CLI_DONE : CLI_NOT_ALL;
        store_close(&store, false);
    }
    config_free(&config);
    return code;
}

/* -- the group ----------------------------------------------------------------------------- */

static const group_command_t commands[] = {
    {"stat", "tell what is in it", journal_stat},
    {"verify", "look at every record, and tell what is damaged", journal_verify},
    {"export", "print its events", journal_export},
    {"backup", "copy it while the broker runs", journal_backup},
};

int cli_journal(int argc, char **argv)
{
    static const group_t group = {
        "journal", "The journal that a broker keeps in its directory (its option --data).",
        commands, sizeof commands / sizeof commands[0]};
    return group_run(&group, argc, argv);
}
