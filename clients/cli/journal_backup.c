/* sluice journal backup: a copy of a journal while its broker writes.
 *
 * The copy is read through once more before it is called one. */
#include "cli.h"
#include "journal.h"
#include "units.h"

#include "journal/tools.h"

#include <stdio.h>
#include <sys/stat.h>

typedef struct options {
    bool unused; /* the common options are all there are */
} options_t;

static void check(config_t *config, const void *read)
{
    (void)read;
    journal_check_args(config, (const char *const[]){"DIR", "DEST", NULL});
}

static const config_program_t program = {
    .name = "sluice journal backup",
    .positional = "DIR DEST",
    .summary = "Copies a journal into a new directory, while the broker runs, and reads the copy "
               "through.",
    .epilog =
        "The copy is of one moment, with the places of named subscribers, and smaller than the "
        "file: free pages are left out. A broker "
        "that "
        "is started on it (--data DEST) begins a new stream, whose parent is the one copied: "
        "subscribers that know that one go on, and are told.\n\n"
        "Exit: 0 when the copy is on the disk and sound; 1 when not; 2 when an option is wrong.",
    .table = {NULL, 0, sizeof(options_t)},
    .check = check,
};

static void say_copied(const store_found_t *found, const char *dir, const char *dest)
{
    sl_buf_t line = SL_BUF_INIT;
    sl_buf_printf(&line, "copied %s to %s: ", dir, dest);
    units_count(&line, found->events);
    sl_buf_append_str(&line, " events in ");
    units_count(&line, found->records);
    sl_buf_append_str(&line, " batches, ");
    units_bytes(&line, found->bytes);
    if (found->next > 1) {
        sl_buf_append_str(&line, ", up to number ");
        units_count(&line, found->next - 1);
    }
    sl_buf_append_byte(&line, '\n');
    cli_flush(&line);
    sl_buf_fini(&line);
}

static bool copy(const char *dir, const char *dest)
{
    const char *failed = NULL;
    store_t *store = NULL;
    store_found_t found = {0};
    sl_err err = store_backup(dir, dest, &failed);
    if (err != SL_OK) {
        bool told = err == SL_EEXIST || err == SL_ENOENT; /* what failed says all */
        cli_tell(program.name, err == SL_EEXIST ? dest : dir, "%s%s%s", failed, told ? "" : ": ",
                 told ? "" : journal_err_text(err));
        return false;
    }
    err = journal_open(&store, &found, program.name, dest);
    store_close(&store, false);
    if (err != SL_OK)
        return false;
    say_copied(&found, dir, dest);
    if (found.damaged_records > 0)
        cli_tell(program.name, dest, "%llu of its records are damaged, as they were before",
                 (unsigned long long)found.damaged_records);
    return found.damaged_records == 0;
}

int journal_backup(int argc, char **argv)
{
    config_t *config;
    options_t options = {0};
    int code;
    if (cli_options(&config, &program, &options, argc, argv, &code)) {
        const char *const *args;
        config_positional(config, &args);
        umask(umask(0) | 0027); /* as the broker's own file */
        code = copy(args[0], args[1]) ? CLI_DONE : CLI_NOT_ALL;
    }
    config_free(&config);
    return code;
}
