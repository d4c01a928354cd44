/* store_writer.c - the broker's journal alone, for power cuts.
 *
 *     store_writer DIR disk|os
 *
 * Opens the journal as the broker would after whatever happened, says what it found, holds every
 * record against its number, and then commits for ever, saying what it calls committed:
 *
 *     open STREAM OLDEST NEXT new|same PARENT_STREAM PARENT_LAST
 *     hole FROM TO damage|retention
 *     read
 *     done STREAM LAST */
#include "journal/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RETAIN_BYTES = 4 << 20,
    GROUP_MAX = 6,
    EVENTS_MAX = 20,
    BODY_MAX = 60000,
    READ_BYTES = 1 << 20,
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* What a record holds follows from its stream and number. */
static record_t make_record(uint64_t stream, uint64_t first, uint8_t *body, uint8_t *ids)
{
    static const char *const topics[] = {"Job.OnJobFailed", "Job.OnJobFinished",
                                         "Cluster.OnClusterDeleted"};
    uint64_t x = mix(stream ^ first);
    record_t r = {.stream = stream,
                  .first = first,
                  .time_ns = first,
                  .count = 1 + (uint32_t)(x % EVENTS_MAX),
                  .topic = topics[x % 3],
                  .topic_len = strlen(topics[x % 3]),
                  .header = (const uint8_t *)"header",
                  .header_len = 6,
                  .body = body,
                  .body_len = 1 + (x >> 8) % BODY_MAX,
                  .ids = ids};
    memset(body, (int)(x >> 40 & 0xff), r.body_len);
    for (uint32_t i = 0; i < r.count; i++)
        for (uint32_t j = 0; j < RECORD_ID_BYTES; j++)
            ids[i * RECORD_ID_BYTES + j] = (uint8_t)mix(x + i + j);
    return r;
}

static _Noreturn void fail(const char *what)
{
    printf("wrong %s\n", what);
    exit(1);
}

static bool check_record(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    static uint8_t body[BODY_MAX], ids[EVENTS_MAX * RECORD_ID_BYTES];
    (void)ctx;
    if (hole != NULL) {
        printf("hole %" PRIu64 " %" PRIu64 " %s\n", hole->from, hole->to,
               hole->damage ? "damage" : "retention");
        return true;
    }
    record_t expected = make_record(r->stream, r->first, body, ids);
    if (r->count != expected.count || r->body_len != expected.body_len ||
        memcmp(r->body, expected.body, r->body_len) != 0 ||
        memcmp(r->ids, expected.ids, (size_t)r->count * RECORD_ID_BYTES) != 0)
        fail("record");
    return true;
}

static void check_everything(store_t *s, uint64_t next)
{
    uint64_t upto = 0;
    while (upto + 1 < next)
        if (store_read(s, upto, next - 1, READ_BYTES, check_record, NULL, &upto) != SL_OK)
            fail("read");
    printf("read\n");
    fflush(stdout);
}

static void commit_for_ever(store_t *s, uint64_t stream, uint64_t next)
{
    static uint8_t bodies[GROUP_MAX][BODY_MAX];
    static uint8_t ids[GROUP_MAX][EVENTS_MAX * RECORD_ID_BYTES];
    for (;;) {
        record_t group[GROUP_MAX];
        size_t count = 1 + mix(next) % GROUP_MAX;
        for (size_t i = 0; i < count; i++) {
            group[i] = make_record(stream, next, bodies[i], ids[i]);
            next = record_last(&group[i]) + 1;
        }
        if (store_commit(s, group, count) != SL_OK)
            fail("commit");
        printf("done %" PRIu64 " %" PRIu64 "\n", stream, next - 1);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "Usage: store_writer DIR disk|os\n");
        return 2;
    }
    store_options_t o = {.dir = argv[1],
                         .retain_bytes = RETAIN_BYTES,
                         .sync = strcmp(argv[2], "disk") == 0 ? STORE_SYNC_DISK : STORE_SYNC_OS};
    store_t *s = NULL;
    store_found_t found;
    const char *failed = NULL;
    sl_err err = store_open(&s, &o, &found, &failed);
    if (err != SL_OK) {
        printf("wrong open: %s: %s\n", failed != NULL ? failed : "", sl_err_text(err));
        return 1;
    }
    printf("open %" PRIu64 " %" PRIu64 " %" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", found.stream,
           found.oldest, found.next, found.new_stream ? "new" : "same", found.parents[0].stream,
           found.parents[0].last);
    check_everything(s, found.next);
    commit_for_ever(s, found.stream, found.next);
    return 0;
}
