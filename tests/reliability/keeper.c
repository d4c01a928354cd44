/* keeper.c - a subscriber that may be killed at any moment and still has each event exactly once.
 *
 * It stores number and event together (history.h), and after a start goes on behind the last number
 * it stored.  That is enough because it asks for the order of the stream: nothing smaller can come
 * later.  With --name the broker keeps its place instead, confirmed by itself twice a second: then
 * events since the last commit come again after a kill, and the history says how many.
 *
 *     keeper --feed E --query E --file F [--name N] [--commit-ms N] [--order stream|topic]
 *            [--watchdog-ms N] [--lost-ok] [PATTERN…]
 *
 * Says "ready" on standard output when it is joined.  Ends with 0 at SIGTERM; 3 when events are
 * lost and --lost-ok was not given; 1 for anything else. */
#include "history.h"

#include <sluice.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 50, COMMIT_MS = 500, LOOK_EVERY = 64, EXIT_LOST = 3 };

typedef struct keeper {
    sluice_sub_options_t options;
    const char *path;
    bool lost_ok;
    int fd;
    sluice_sub_t *sub;
    bool joined, said_ready;
    uint64_t committed, replays;
} keeper_t;

static volatile sig_atomic_t stopping;

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "keeper: %s: %s\n", what, why);
    exit(1);
}

static void keep(keeper_t *keeper, history_record_t record)
{
    if (!history_append(keeper->fd, &record))
        fail(keeper->path, strerror(errno));
}

static void keep_event(keeper_t *keeper, const sluice_item_t *item)
{
    sluice_value_t id;
    if (sluice_event_get(item->data, item->len, "id", &id) != SLUICE_OK || id.type != SLUICE_STR)
        fail(item->topic, "an event without an id");
    history_record_t record = {.kind = HISTORY_EVENT,
                               .number = item->number,
                               .stream = item->stream,
                               .sealed_ns = item->time_ns,
                               .topic = history_hash(item->topic, item->topic_len),
                               .event = history_hash(item->data, item->len)};
    history_hash_id(record.id, id.str.data, id.str.len);
    keep(keeper, record);
}

static void keep_lost(keeper_t *keeper, const sluice_item_t *item)
{
    keep(keeper, (history_record_t){.kind = HISTORY_LOST,
                                    .stream = item->stream,
                                    .number = item->lost_from,
                                    .until = item->lost_to});
    fprintf(stderr, "keeper: lost %" PRIu64 " to %" PRIu64 " of %s: %s\n", item->lost_from,
            item->lost_to, item->topic != NULL ? item->topic : "any topic", item->reason);
    if (!keeper->lost_ok)
        exit(EXIT_LOST);
}

static void keep_item(keeper_t *keeper, const sluice_item_t *item)
{
    switch (item->kind) {
    case SLUICE_ITEM_EVENT:
        keep_event(keeper, item);
        break;
    case SLUICE_ITEM_LOST:
        keep_lost(keeper, item);
        break;
    case SLUICE_ITEM_STREAM:
        keep(keeper, (history_record_t){.kind = HISTORY_STREAM,
                                        .stream = item->stream,
                                        .number = item->parent_last});
        break;
    case SLUICE_ITEM_PATTERNS: /* it has one pattern for all its life */
        break;
    }
}

/* What no item tells: whether the connection stands, and what the broker's cursor confirmed. */
static void look(keeper_t *keeper)
{
    sluice_sub_stats_t stats = {.size = sizeof stats};
    sluice_sub_stats(keeper->sub, &stats);
    bool joined = sluice_sub_joined(keeper->sub);
    if (joined != keeper->joined)
        keep(keeper, (history_record_t){.kind = joined ? HISTORY_JOINED : HISTORY_AWAY,
                                        .number = stats.confirmed});
    keeper->joined = joined;
    if (joined && !keeper->said_ready) {
        puts("ready");
        fflush(stdout);
        keeper->said_ready = true;
    }
    if (stats.replays > keeper->replays)
        keep(keeper, (history_record_t){.kind = HISTORY_REPLAY, .number = stats.replays});
    if (stats.committed > keeper->committed)
        keep(keeper, (history_record_t){.kind = HISTORY_COMMIT, .number = stats.committed});
    keeper->replays = stats.replays;
    keeper->committed = stats.committed;
}

/* Without memory the handle stays good: what it could not hold it fetches again. */
static bool goes_on(sluice_err err)
{
    return err == SLUICE_OK || err == SLUICE_EAGAIN || err == SLUICE_ENOMEM;
}

static int run(keeper_t *keeper)
{
    history_record_t last;
    keeper->fd = history_open(keeper->path, &last);
    if (keeper->fd < 0)
        fail(keeper->path, strerror(errno));
    bool resumes = last.kind != 0 && keeper->options.name == NULL;
    keeper->options.from = resumes ? SLUICE_FROM_NUMBER : SLUICE_FROM_EARLIEST;
    keeper->options.from_number = resumes ? last.number : 0;
    keeper->options.from_stream = resumes ? last.stream : 0;
    keep(keeper, (history_record_t){.kind = HISTORY_OPEN,
                                    .number = keeper->options.from_number,
                                    .stream = keeper->options.from_stream});
    sluice_err err = sluice_sub_create(&keeper->sub, &keeper->options);
    if (err != SLUICE_OK)
        fail("subscription", sluice_err_text(err));
    for (unsigned turn = 0; !stopping && goes_on(err); turn++) {
        sluice_item_t item;
        err = sluice_sub_next(keeper->sub, &item, WAIT_MS);
        if (err == SLUICE_OK)
            keep_item(keeper, &item);
        if (err != SLUICE_OK || turn % LOOK_EVERY == 0)
            look(keeper);
    }
    if (!goes_on(err))
        fail("subscription", sluice_err_text(err));
    sluice_sub_destroy(&keeper->sub);
    return 0;
}

static uint32_t number_of(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value > UINT32_MAX)
        fail(text, "is no number");
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"feed", required_argument, NULL, 'f'},
                                          {"query", required_argument, NULL, 'q'},
                                          {"file", required_argument, NULL, 'o'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"commit-ms", required_argument, NULL, 'c'},
                                          {"order", required_argument, NULL, 'r'},
                                          {"lost-ok", no_argument, NULL, 'l'},
                                          {"watchdog-ms", required_argument, NULL, 'w'},
                                          {0}};
    keeper_t keeper = {.options = {.size = sizeof keeper.options,
                                   .order = SLUICE_ORDER_STREAM,
                                   .commit_ms = COMMIT_MS}};
    sluice_sub_options_t *options = &keeper.options;
    for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (flag) {
        case 'f':
            options->feed = optarg;
            break;
        case 'q':
            options->query = optarg;
            break;
        case 'o':
            keeper.path = optarg;
            break;
        case 'n':
            options->name = optarg;
            break;
        case 'c':
            options->commit_ms = number_of(optarg);
            break;
        case 'r':
            options->order =
                strcmp(optarg, "topic") == 0 ? SLUICE_ORDER_TOPIC : SLUICE_ORDER_STREAM;
            break;
        case 'l':
            keeper.lost_ok = true;
            break;
        case 'w':
            options->watchdog_ms = number_of(optarg);
            break;
        default:
            return 1;
        }
    if (keeper.path == NULL)
        fail("--file", "is missing");
    if (optind < argc)
        options->patterns = (const char *const *)argv + optind;
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    return run(&keeper);
}
