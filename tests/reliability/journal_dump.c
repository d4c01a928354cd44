/* journal_dump.c - what is in a journal, for tests: beside the broker that writes it.
 *
 *     journal_dump DIR AFTER
 *
 * Prints every record that holds a number > AFTER, and every hole, and the end:
 *
 *     FIRST STREAM ids, 32 hex digits each
 *     hole FROM TO damage|retention
 *     upto NUMBER */
#include "journal/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ_BYTES = 8 << 20 };

static bool print_record(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)ctx;
    if (hole != NULL) {
        printf("hole %" PRIu64 " %" PRIu64 " %s\n", hole->from, hole->to,
               hole->damage ? "damage" : "retention");
        return true;
    }
    printf("%" PRIu64 " %" PRIu64 " ", r->first, r->stream);
    for (size_t i = 0; r->ids != NULL && i < (size_t)r->count * RECORD_ID_BYTES; i++)
        printf("%02x", r->ids[i]);
    printf("\n");
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "Usage: journal_dump DIR AFTER\n");
        return 2;
    }
    store_options_t o = {.dir = argv[1], .read_only = true};
    store_t *s = NULL;
    const char *failed = NULL;
    sl_err err = store_open(&s, &o, NULL, &failed);
    uint64_t upto = strtoull(argv[2], NULL, 10), before = 0;
    do {
        before = upto;
        if (err == SL_OK)
            err = store_read(s, before, UINT64_MAX, READ_BYTES, print_record, NULL, &upto);
    } while (err == SL_OK && upto > before);
    if (err != SL_OK)
        fprintf(stderr, "journal_dump: %s: %s\n", failed != NULL ? failed : "reading",
                sl_err_text(err));
    else
        printf("upto %" PRIu64 "\n", upto);
    store_close(&s, false);
    return err != SL_OK;
}
