/* resume - every event exactly once into a file, whatever is killed in between.
 *
 *     resume FILE [PATTERN...]        SLUICE_FEED and SLUICE_QUERY name other endpoints
 *
 * A line of the file is one event: stream, number, JSON.  Result and place are thus one write:
 * after a crash the last whole line says where to go on.  In stream order numbers only rise, and
 * nothing comes that is not confirmed, so the last number is all there is to know. */
#include <fcntl.h>
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAIL_BYTES = 1 << 20, LINE_BYTES = 1 << 20 };

/* Where the file stands, and the file cut behind its last whole line: a crash may have torn one. */
static int open_store(const char *path, uint64_t *stream, uint64_t *number)
{
    static char tail[TAIL_BYTES + 1];
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    ssize_t got = size >= 0 ? pread(fd, tail, TAIL_BYTES, from) : -1;
    if (got < 0)
        return -1;
    while (got > 0 && tail[got - 1] != '\n')
        got--;
    tail[got] = '\0';
    if (ftruncate(fd, from + got) != 0)
        return -1;
    ssize_t line = got > 0 ? got - 1 : 0;
    while (line > 0 && tail[line - 1] != '\n')
        line--;
    *stream = *number = 0; /* a file that is new: from the beginning */
    if (got > 0 && sscanf(tail + line, "%" SCNx64 " %" SCNu64, stream, number) != 2)
        return -1;
    return fd;
}

/* One event, one line, one write. */
static bool store(int fd, const sluice_item_t *item)
{
    static char line[LINE_BYTES];
    char *json;
    if (sluice_event_json(item->data, item->len, &json) != SLUICE_OK)
        return false;
    int len = snprintf(line, sizeof line, "%016" PRIx64 " %" PRIu64 " %s\n", item->stream,
                       item->number, json);
    free(json);
    return len > 0 && (size_t)len < sizeof line && write(fd, line, (size_t)len) == len;
}

static int run(sluice_sub_t *sub, int fd)
{
    sluice_item_t item;
    for (;;) {
        sluice_err err = sluice_sub_next(sub, &item, -1);
        if (err == SLUICE_EIO || err == SLUICE_ENOMEM)
            return 1;
        if (err != SLUICE_OK)
            continue;
        if (item.kind == SLUICE_ITEM_EVENT && !store(fd, &item))
            return 1;
        if (item.kind == SLUICE_ITEM_LOST)
            fprintf(stderr, "lost: %" PRIu64 " to %" PRIu64 " (%s)\n", item.lost_from, item.lost_to,
                    item.reason);
        if (item.kind == SLUICE_ITEM_STREAM)
            fprintf(stderr, "stream %016" PRIx64 ", the same up to %" PRIu64 "\n", item.stream,
                    item.parent_last);
    }
}

int main(int argc, char **argv)
{
    sluice_sub_t *sub;
    sluice_sub_options_t options = {
        .size = sizeof options,
        .feed = getenv("SLUICE_FEED"),
        .query = getenv("SLUICE_QUERY"),
        .patterns = argc > 2 ? (const char *const *)argv + 2 : NULL,
        .from = SLUICE_FROM_NUMBER,
        .order = SLUICE_ORDER_STREAM,
    };
    if (argc < 2) {
        fprintf(stderr, "usage: resume FILE [PATTERN...]\n");
        return 2;
    }
    int fd = open_store(argv[1], &options.from_stream, &options.from_number);
    if (fd < 0) {
        fprintf(stderr, "resume: %s is no file of ours\n", argv[1]);
        return 1;
    }
    sluice_err err = sluice_sub_create(&sub, &options);
    if (err != SLUICE_OK) {
        fprintf(stderr, "resume: %s\n", sluice_err_text(err));
        return 1;
    }
    int code = run(sub, fd);
    perror("resume");
    sluice_sub_destroy(&sub);
    close(fd);
    return code;
}
