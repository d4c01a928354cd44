#include "cli.h"

#include "text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cli_options(config_t **config, const config_program_t *program, void *options, int argc,
                 char **argv, int *code)
{
    config_outcome_t outcome =
        config_read(config, program, options, argc, argv, environ, stdout, stderr);
    *code = outcome == CONFIG_BAD ? CLI_USAGE : CLI_DONE;
    return outcome == CONFIG_RUN;
}

void cli_vtell(const char *command, const char *about, const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    sl_buf_t line = SL_BUF_INIT;
    sl_buf_printf(&line, "%s: ", command);
    text_clean(&line, about, strlen(about));
    sl_buf_append_str(&line, ": ");
    text_clean(&line, text, strlen(text));
    sl_buf_append_byte(&line, '\n');
    fwrite(line.data, 1, line.len, stderr);
    sl_buf_fini(&line);
}

void cli_tell(const char *command, const char *about, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cli_vtell(command, about, format, args);
    va_end(args);
}

static volatile sig_atomic_t stopping;

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

void cli_catch_signals(void)
{
    struct sigaction caught = {.sa_handler = stop}; /* no SA_RESTART: a wait shall end */
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &caught, NULL);
    sigaction(SIGTERM, &caught, NULL);
    sigaction(SIGPIPE, &ignored, NULL);
}

bool cli_stopping(void)
{
    return stopping != 0;
}

/* How much may be written without waiting for ever: once we are told to stop, only what the reader
 * has room for within a second.  0: it has none. */
static size_t chunk_of(size_t left)
{
    enum { STOPPING_WAIT_MS = 1000 };
    if (!cli_stopping())
        return left;
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&fd, 1, STOPPING_WAIT_MS) <= 0)
        return 0;
    return left < PIPE_BUF ? left : PIPE_BUF; /* POLLOUT promises a pipe so much */
}

bool cli_flush(sl_buf_t *out)
{
    const uint8_t *at = out->data;
    size_t left = out->len, chunk;
    while (left > 0 && (chunk = chunk_of(left)) > 0) {
        ssize_t written = write(STDOUT_FILENO, at, chunk);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EPIPE)
            perror("sluice: cannot write");
        if (written < 0)
            return false;
        at += written;
        left -= (size_t)written;
    }
    sl_buf_clear(out);
    return left == 0;
}

bool cli_colour(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}
