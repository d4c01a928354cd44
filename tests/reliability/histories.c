/* histories.c - is what the subscribers had what was sent?
 *
 *     histories --ledger F… [--keeper F…] [--cursor F…]
 *
 * A ledger has one line of JSON an event, of which only "id" is read.  Each history is held against
 * all ledgers together:
 *
 *     missing    ids of the ledger that it lacks
 *     strangers  ids that no ledger has
 *     repeats    events that came more than once
 *     disorder   numbers that do not rise
 *     beyond     repeats of what the broker had confirmed as committed
 *     allowed    events stored after the last confirmed commit, over all starts: may come again
 *     differ     numbers under which another history has another event
 *     hash       XXH3-64 over its ids, sorted, each once: equal to the ledger's or not
 *
 * One line of name=value for the ledger and for each history; exit code 0 unless a file cannot be
 * read: what must hold is for the caller to say. */
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct id {
    uint8_t bytes[16];
} id_t16;

typedef struct ids {
    id_t16 *at;
    size_t count, cap;
} ids_t;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "histories: %s: %s\n", what, why);
    exit(1);
}

static void ids_add(ids_t *ids, const uint8_t bytes[16])
{
    if (ids->count == ids->cap) {
        ids->cap = ids->cap == 0 ? 1 << 16 : ids->cap * 2;
        ids->at = realloc(ids->at, ids->cap * sizeof *ids->at);
        if (ids->at == NULL)
            fail("ids", "out of memory");
    }
    memcpy(ids->at[ids->count++].bytes, bytes, 16);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* Sorts them and leaves one of each.  @return how many there were too many. */
static size_t ids_settle(ids_t *ids)
{
    size_t kept = 0, before = ids->count;
    if (before > 0)
        qsort(ids->at, before, sizeof *ids->at, compare);
    for (size_t i = 0; i < before; i++)
        if (i == 0 || compare(&ids->at[i], &ids->at[kept - 1]) != 0)
            ids->at[kept++] = ids->at[i];
    ids->count = kept;
    return before - kept;
}

/* Ids of `a` that `b` lacks; both settled. */
static size_t ids_lacking(const ids_t *a, const ids_t *b)
{
    size_t lacking = 0, j = 0;
    for (size_t i = 0; i < a->count; i++) {
        while (j < b->count && compare(&b->at[j], &a->at[i]) < 0)
            j++;
        lacking += j == b->count || compare(&b->at[j], &a->at[i]) != 0;
    }
    return lacking;
}

static uint64_t ids_hash(const ids_t *ids)
{
    return history_hash(ids->at, ids->count * sizeof *ids->at);
}

/* -- the ledger ----------------------------------------------------------------------------- */

static void read_ledger(ids_t *ids, const char *path)
{
    static const char key[] = "\"id\":\"";
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail(path, strerror(errno));
    while (getline(&line, &room, file) > 0) {
        const char *id = strstr(line, key);
        const char *end = id != NULL ? strchr(id += sizeof key - 1, '"') : NULL;
        if (end == NULL)
            fail(path, "a line without an id");
        uint8_t hash[16];
        history_hash_id(hash, id, (size_t)(end - id));
        ids_add(ids, hash);
    }
    free(line);
    fclose(file);
}

/* -- a history ------------------------------------------------------------------------------ */

/* What is known of each number: the event under it, as one hash; 0: not seen. */
typedef struct numbers {
    uint64_t *mix;
    size_t count;
} numbers_t;

static void numbers_reach(numbers_t *numbers, uint64_t number)
{
    if (number < numbers->count)
        return;
    size_t count = numbers->count == 0 ? 1 << 16 : numbers->count;
    while (count <= number)
        count *= 2;
    numbers->mix = realloc(numbers->mix, count * sizeof *numbers->mix);
    if (numbers->mix == NULL)
        fail("numbers", "out of memory");
    memset(numbers->mix + numbers->count, 0, (count - numbers->count) * sizeof *numbers->mix);
    numbers->count = count;
}

typedef struct verdict {
    uint64_t events, repeats, disorder, lost, streams, starts, away, replays, commits, beyond,
        allowed, differ;
    uint64_t last, highest, committed;
    uint64_t since_commit; /* events stored with a number past `committed` */
} verdict_t;

static void judge_event(verdict_t *v, numbers_t *mine, numbers_t *all, const history_record_t *r)
{
    uint64_t mix = history_mix(r->number, r->topic, r->event);
    numbers_reach(mine, r->number);
    numbers_reach(all, r->number);
    bool repeat = mine->mix[r->number] != 0;
    v->events++;
    v->repeats += repeat;
    v->beyond += repeat && r->number <= v->committed;
    v->disorder += r->number <= v->last;
    v->differ += all->mix[r->number] != 0 && all->mix[r->number] != mix;
    v->since_commit += !repeat;
    v->last = r->number;
    v->highest = r->number > v->highest ? r->number : v->highest;
    mine->mix[r->number] = all->mix[r->number] = mix;
}

/* A commit covers everything up to a number: what lies above it may come again. */
static void judge_commit(verdict_t *v, const numbers_t *mine, uint64_t number)
{
    v->commits++;
    v->committed = number;
    v->since_commit = 0;
    for (uint64_t n = number + 1; n < mine->count && n <= v->highest; n++)
        v->since_commit += mine->mix[n] != 0;
}

static verdict_t judge(const history_view_t *view, numbers_t *all, ids_t *ids)
{
    verdict_t v = {0};
    numbers_t mine = {0};
    for (size_t i = 0; i < view->count; i++) {
        const history_record_t *r = &view->records[i];
        switch ((history_kind_t)r->kind) {
        case HISTORY_EVENT:
            judge_event(&v, &mine, all, r);
            ids_add(ids, r->id);
            break;
        case HISTORY_OPEN:
            v.allowed += v.since_commit;
            v.starts++;
            break;
        case HISTORY_COMMIT:
            judge_commit(&v, &mine, r->number);
            break;
        case HISTORY_LOST:
            v.lost++;
            break;
        case HISTORY_STREAM:
            v.streams++;
            break;
        case HISTORY_AWAY:
            v.away++;
            break;
        case HISTORY_REPLAY:
            v.replays++;
            break;
        case HISTORY_JOINED:
            break;
        }
    }
    free(mine.mix);
    return v;
}

static void tell(const char *kind, const char *path, numbers_t *all, const ids_t *ledger)
{
    history_view_t view;
    ids_t ids = {0};
    if (!history_map(&view, path))
        fail(path, strerror(errno));
    verdict_t v = judge(&view, all, &ids);
    ids_settle(&ids);
    printf("%s file=%s events=%" PRIu64 " missing=%zu strangers=%zu repeats=%" PRIu64
           " disorder=%" PRIu64 " lost=%" PRIu64 " streams=%" PRIu64 " differ=%" PRIu64
           " starts=%" PRIu64 " away=%" PRIu64 " replays=%" PRIu64 " commits=%" PRIu64
           " beyond=%" PRIu64 " allowed=%" PRIu64 " last=%" PRIu64 " hash=%016" PRIx64 "\n",
           kind, path, v.events, ids_lacking(ledger, &ids), ids_lacking(&ids, ledger), v.repeats,
           v.disorder, v.lost, v.streams, v.differ, v.starts, v.away, v.replays, v.commits,
           v.beyond, v.allowed, v.last, ids_hash(&ids));
    history_unmap(&view);
    free(ids.at);
}

int main(int argc, char **argv)
{
    ids_t ledger = {0};
    numbers_t all = {0};
    const char *kind = "";
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0)
            kind = argv[i] + 2;
        else if (strcmp(kind, "ledger") == 0)
            read_ledger(&ledger, argv[i]);
    }
    size_t entries = ledger.count, twice = ids_settle(&ledger);
    printf("ledger events=%zu repeats=%zu hash=%016" PRIx64 "\n", entries, twice,
           ids_hash(&ledger));
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0)
            kind = argv[i] + 2;
        else if (strcmp(kind, "ledger") != 0)
            tell(kind, argv[i], &all, &ledger);
    }
    free(ledger.at);
    free(all.mix);
    return 0;
}
