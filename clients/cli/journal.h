/* journal.h - a journal's directory, without its broker or beside it.
 *
 * It is opened for reading only, and nothing in it is changed.  A reader that stands still keeps
 * the broker's file from using pages again: so nobody writes output while the store shows records.
 */
#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include "config/config.h"
#include "journal/store.h"

/** For `check`: are there so many positional arguments?  Complains otherwise.
 *  @param names  of them, NULL-terminated: what is missing. */
void journal_check_args(config_t *config, const char *const *names);

/** @param name  of the command, for what is told.
 *  @return SL_OK; or as store_open with read_only, and told. */
sl_err journal_open(store_t **store, store_found_t *found, const char *name, const char *dir);

/** errno's text where that is the error, else the error's. */
const char *journal_err_text(sl_err err);

int journal_stat(int argc, char **argv);
int journal_verify(int argc, char **argv);
int journal_export(int argc, char **argv);
int journal_backup(int argc, char **argv);

#endif
