/* cli.h - the commands of `sluice`, and what they share.
 *
 * Exit codes, the same for every command: 0 done, 1 not all was done (each command's help says what
 * that means), 2 the command line or the configuration is wrong. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "config/config.h"

#include <stdarg.h>
#include <stdbool.h>

enum { CLI_DONE = 0, CLI_NOT_ALL = 1, CLI_USAGE = 2 };

int cli_sub(int argc, char **argv);
int cli_pub(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_cursor(int argc, char **argv);
int cli_dead(int argc, char **argv);
int cli_journal(int argc, char **argv);
int cli_mns(int argc, char **argv);

/** Reads options as config_read does, with stdout, stderr and the process's environment.
 *  @return true: run.  False: it is answered, exit with *code. */
bool cli_options(config_t **config, const config_program_t *program, void *options, int argc,
                 char **argv, int *code);

/** SIGINT and SIGTERM make cli_stopping true and interrupt whatever waits; SIGPIPE is ignored. */
void cli_catch_signals(void);
bool cli_stopping(void);

/** Tells a sentence on stderr: "sluice status: tcp://127.0.0.1:5552: …".
 *  @param about  where or what: an endpoint, a folder. */
void cli_tell(const char *command, const char *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cli_vtell(const char *command, const char *about, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/** Writes all of `out` to stdout and clears it.  @return false when the reader left, or the disk is
 * full (told on stderr), or the reader takes nothing while we are told to stop. */
bool cli_flush(sl_buf_t *out);

/** May stdout have colours?  (A terminal, TERM not "dumb", and NO_COLOR unset or empty.) */
bool cli_colour(void);

#endif
