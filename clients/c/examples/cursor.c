/* cursor - works through events under a name, and goes on where it stopped.
 *
 *     cursor NAME [PATTERN...]        SLUICE_FEED and SLUICE_QUERY name other endpoints
 *
 * The broker keeps the place.  It is moved on every second, to what was printed; what was printed
 * after the last commit is printed again when the program was killed, and not when it was told to
 * stop.  A second one under the same name takes over. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAST_COMMIT_MS = 2000 };

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void print(const sluice_item_t *item)
{
    char *json;
    if (item->kind == SLUICE_ITEM_LOST) {
        fprintf(stderr, "lost: %" PRIu64 " to %" PRIu64 " (%s)\n", item->lost_from, item->lost_to,
                item->reason);
    } else if (item->kind == SLUICE_ITEM_STREAM) {
        fprintf(stderr, "stream %016" PRIx64 "\n", item->stream);
    } else if (item->kind == SLUICE_ITEM_PATTERNS) {
        fprintf(stderr, "other patterns, from behind %" PRIu64 " on\n", item->number);
    } else if (sluice_event_json(item->data, item->len, &json) == SLUICE_OK) {
        printf("%" PRIu64 " %s\n", item->number, json);
        free(json);
    }
    fflush(stdout); /* before the next call, which says that the item is dealt with */
}

/* What was printed since the last commit: asks until the broker has it. */
static bool commit(sluice_sub_t *sub)
{
    sluice_err err = SLUICE_EAGAIN;
    for (int waited = 0; err == SLUICE_EAGAIN && waited < LAST_COMMIT_MS; waited += 10) {
        err = sluice_sub_commit(sub, 0);
        if (err == SLUICE_EAGAIN)
            poll(NULL, 0, 10);
    }
    return err == SLUICE_OK;
}

int main(int argc, char **argv)
{
    sluice_sub_t *sub;
    sluice_item_t item;
    sluice_sub_options_t options = {
        .size = sizeof options,
        .feed = getenv("SLUICE_FEED"),
        .query = getenv("SLUICE_QUERY"),
        .name = argc > 1 ? argv[1] : NULL,
        .patterns = argc > 2 ? (const char *const *)argv + 2 : NULL,
        .from = SLUICE_FROM_EARLIEST, /* when the name is new */
    };
    if (argc < 2) {
        fprintf(stderr, "usage: cursor NAME [PATTERN...]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sluice_err err = sluice_sub_create(&sub, &options);
    if (err != SLUICE_OK) {
        fprintf(stderr, "cursor: %s\n", sluice_err_text(err));
        return 1;
    }
    while (err != SLUICE_EFENCED && err != SLUICE_EIO && !stopped) {
        err = sluice_sub_next(sub, &item, 500);
        if (err == SLUICE_OK)
            print(&item);
    }
    if (!stopped)
        fprintf(stderr, "cursor: %s\n", sluice_err_text(err));
    bool kept = stopped && commit(sub);
    sluice_sub_destroy(&sub);
    return kept ? 0 : 1;
}
