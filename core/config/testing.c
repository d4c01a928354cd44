#include "testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const config_opt_t source_opts[] = {
    {.key = "queue",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, queue),
     .help = "the queue",
     .flags = CONFIG_REQUIRED},
    {.key = "polls",
     .kind = CONFIG_U64,
     .offset = offsetof(source_t, polls),
     .def = "4",
     .help = "long polls in flight",
     .min = 1,
     .max = 64},
    {.key = "Notification.Topic.Name",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, topic),
     .help = "the topic"},
    {.key = "Notification.Topic.Events",
     .kind = CONFIG_STR_LIST,
     .offset = offsetof(source_t, events),
     .help = "the events"},
    {.key = "secret",
     .kind = CONFIG_STR,
     .offset = offsetof(source_t, secret),
     .help = "its key",
     .env = "SOURCE_SECRET",
     .flags = CONFIG_SECRET},
};

static const config_table_t source_table = {source_opts, sizeof source_opts / sizeof source_opts[0],
                                            sizeof(source_t)};

static const config_opt_t opts[] = {
    {.key = "feed",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, feed),
     .def = "tcp://127.0.0.1:5551",
     .arg = "ENDPOINT",
     .help = "where subscribers connect"},
    {.key = "data", .kind = CONFIG_STR, .offset = offsetof(options_t, data), .help = "a folder"},
    {.key = "hwm",
     .kind = CONFIG_U64,
     .offset = offsetof(options_t, hwm),
     .def = "32",
     .help = "batches that are queued for one subscriber before it counts as stopped and others "
             "go on without it",
     .min = 1,
     .max = 1000},
    {.key = "any", .kind = CONFIG_U64, .offset = offsetof(options_t, any), .help = "any number"},
    {.key = "batch_bytes",
     .kind = CONFIG_BYTES,
     .offset = offsetof(options_t, batch_bytes),
     .def = "64k",
     .help = "size of a batch",
     .min = 1024,
     .max = 1024 * 1024},
    {.key = "linger",
     .kind = CONFIG_MS,
     .offset = offsetof(options_t, linger_ms),
     .def = "5s",
     .help = "how long to wait"},
    {.key = "dedup",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, dedup),
     .def = "true",
     .help = "drop repeats"},
    {.key = "verbose",
     .kind = CONFIG_BOOL,
     .offset = offsetof(options_t, verbose),
     .help = "say more"},
    {.key = "durability",
     .kind = CONFIG_CHOICE,
     .offset = offsetof(options_t, durability),
     .def = "os",
     .help = "when an event counts as safe",
     .choices = "memory|os|disk"},
    {.key = "prefixes",
     .kind = CONFIG_STR_LIST,
     .offset = offsetof(options_t, prefixes),
     .arg = "PREFIX",
     .help = "topics it serves"},
    {.key = "access_key",
     .kind = CONFIG_STR,
     .offset = offsetof(options_t, key),
     .help = "the access key's id",
     .env = "ALIBABA_CLOUD_ACCESS_KEY_ID",
     .flags = CONFIG_SECRET},
    {.key = "sources",
     .kind = CONFIG_OBJECTS,
     .offset = offsetof(options_t, sources),
     .help = "where events come from",
     .sub = &source_table},
};

const config_program_t program = {
    .name = "prog",
    .summary = "Does things.",
    .positional = "PATTERN…",
    .epilog = "See the manual.",
    .table = {opts, sizeof opts / sizeof opts[0], sizeof(options_t)},
};

enum { ARGS_MAX = 16 };

reading_t read_program(const config_program_t *p, const char *const *args,
                       const char *const *environment)
{
    reading_t r = {0};
    char *argv[ARGS_MAX] = {(char *)(uintptr_t) "prog"};
    int argc = 1;
    for (; args != NULL && *args != NULL; args++)
        argv[argc++] = (char *)(uintptr_t)*args;
    size_t out_len, err_len;
    FILE *out = open_memstream(&r.out, &out_len), *err = open_memstream(&r.err, &err_len);
    r.outcome = config_read(&r.config, p, &r.options, argc, argv,
                            (char *const *)(uintptr_t)environment, out, err);
    fclose(out);
    fclose(err);
    return r;
}

void write_file(char path[32], const char *text, size_t len)
{
    strcpy(path, "/tmp/config-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

reading_t read_bytes(const char *text, size_t len, const char *const *environment)
{
    char path[32];
    write_file(path, text, len);
    reading_t r = read_program(&program, ARGS("--config", path), environment);
    strcpy(r.path, path);
    unlink(path);
    return r;
}

reading_t read_file(const char *text)
{
    return read_bytes(text, strlen(text), NULL);
}

void done(reading_t *r)
{
    config_free(&r->config);
    free(r->out);
    free(r->err);
}

void assert_says(const reading_t *r, const char *text)
{
    if (strstr(r->err, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, r->err);
}

const char *item(const config_list_t *list, size_t i)
{
    return ((const char *const *)list->items)[i];
}

reading_t read_args(const char *const *args)
{
    return read_program(&program, args, NULL);
}

void assert_mistake(const char *const *args, const char *says)
{
    reading_t r = read_args(args);
    assert_int_equal(r.outcome, CONFIG_BAD);
    assert_string_equal(r.err, says);
    done(&r);
}
