#include "scan.h"

#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1 /* an add without memory leaves hh.tbl NULL */
#include <uthash.h>

enum {
    WINDOW_BYTES = 8 << 20,
    JOURNALS_MAX = 65536, /* an event may hold what looks like one; 600 bytes each, then */
};

typedef struct scan_tail {
    UT_hash_handle hh;
    uint64_t last;
    size_t name_len;
    char name[];
} scan_tail_t;

/* What was found of one journal; all but one of them are not this file's. */
typedef struct scan_journal {
    UT_hash_handle hh;
    uint64_t id, record_bytes, oldest;
    bool has_state;
    store_state_t state;
    scan_tail_t *tails;
} scan_journal_t;

typedef struct scan_era {
    uint64_t journal, era, base;
} scan_era_t;

struct scan {
    int fd;
    uint64_t file_bytes;
    scan_record_t *records;
    size_t count, room;
    scan_era_t *eras;
    size_t era_count, era_room;
    scan_journal_t *journals, *own;
    bool newer;
    int read_errno;          /* a part of the file could not be read */
    uint8_t *window, *large; /* large: of a record that does not lie in the window */
    size_t window_bytes, large_room;
};

/* -- what was found --------------------------------------------------------------------------- */

static void *grow(void *at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return at;
    size_t more = *room > 0 ? 2 * *room : 256;
    void *grown = realloc(at, more * size);
    if (grown != NULL)
        *room = more;
    return grown;
}

/* The journal's entry, made when there is room; NULL: there is none. */
static scan_journal_t *journal(scan_t *s, uint64_t id)
{
    scan_journal_t *j;
    HASH_FIND(hh, s->journals, &id, sizeof id, j);
    if (j != NULL || HASH_COUNT(s->journals) >= JOURNALS_MAX)
        return j;
    j = calloc(1, sizeof *j);
    if (j == NULL)
        return NULL;
    j->id = id;
    HASH_ADD(hh, s->journals, id, sizeof j->id, j);
    if (j->hh.tbl == NULL) {
        free(j);
        return NULL;
    }
    return j;
}

/* Neighbours in the file are of one era, mostly: looked for from the end. */
static sl_err era(scan_t *s, const record_t *r, uint32_t *index)
{
    for (size_t i = s->era_count; i-- > 0;)
        if (s->eras[i].journal == r->journal && s->eras[i].era == r->era &&
            s->eras[i].base == r->era_base) {
            *index = (uint32_t)i;
            return SL_OK;
        }
    scan_era_t *grown = grow(s->eras, s->era_count, &s->era_room, sizeof *grown);
    if (grown == NULL)
        return SL_ENOMEM;
    s->eras = grown;
    s->eras[s->era_count] = (scan_era_t){r->journal, r->era, r->era_base};
    *index = (uint32_t)s->era_count++;
    return SL_OK;
}

static sl_err note_record(scan_t *s, const record_t *r, uint64_t offset, size_t len)
{
    scan_journal_t *j = journal(s, r->journal);
    if (j == NULL || len > UINT32_MAX)
        return SL_OK;
    scan_record_t *grown = grow(s->records, s->count, &s->room, sizeof *grown);
    if (grown == NULL)
        return SL_ENOMEM;
    s->records = grown;
    scan_record_t *found = &s->records[s->count];
    *found = (scan_record_t){
        .offset = offset, .first = r->first, .count = r->count, .len = (uint32_t)len};
    sl_err err = era(s, r, &found->era);
    if (err != SL_OK)
        return err;
    s->count++;
    j->record_bytes += len;
    if (r->oldest > j->oldest)
        j->oldest = r->oldest;
    return SL_OK;
}

static void note_state(scan_t *s, const store_state_t *state)
{
    scan_journal_t *j = journal(s, state->journal);
    if (j == NULL)
        return;
    const store_state_t *had = &j->state;
    if (!j->has_state || state->era > had->era || (state->era == had->era && state->txn > had->txn))
        j->state = *state;
    j->has_state = true;
}

static sl_err note_tail(scan_t *s, const store_tail_t *tail)
{
    scan_journal_t *j = journal(s, tail->journal);
    if (j == NULL)
        return SL_OK;
    scan_tail_t *had;
    HASH_FIND(hh, j->tails, tail->topic, tail->topic_len, had);
    if (had == NULL) {
        had = calloc(1, sizeof *had + tail->topic_len);
        if (had == NULL)
            return SL_ENOMEM;
        memcpy(had->name, tail->topic, tail->topic_len);
        had->name_len = tail->topic_len;
        HASH_ADD_KEYPTR(hh, j->tails, had->name, had->name_len, had);
        if (had->hh.tbl == NULL) {
            free(had);
            return SL_ENOMEM;
        }
    }
    if (tail->last > had->last)
        had->last = tail->last;
    return SL_OK;
}

/* -- the search ------------------------------------------------------------------------------- */

/* How much was read; less than `len`: the file ends, or read_errno says why. */
static size_t read_window(scan_t *s, uint64_t offset, uint8_t *to, size_t len)
{
    size_t have = 0;
    while (have < len && offset + have < s->file_bytes) {
        ssize_t n = pread(s->fd, to + have, len - have, (off_t)(offset + have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            s->read_errno = errno;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

/* Bytes that begin in the window and may end behind it. */
static const uint8_t *whole(scan_t *s, const uint8_t *at, size_t have, uint64_t offset, size_t len)
{
    if (len <= have)
        return at;
    if (len > s->file_bytes - offset)
        return NULL;
    if (len > s->large_room) {
        uint8_t *grown = realloc(s->large, len);
        if (grown == NULL)
            return NULL; /* lengths are not proven: no reason to give up the search */
        s->large = grown;
        s->large_room = len;
    }
    return read_window(s, offset, s->large, len) == len ? s->large : NULL;
}

/* Looks at what may begin here.  *used: how many bytes it was; 0: nothing. */
static sl_err look(scan_t *s, const uint8_t *at, size_t have, uint64_t offset, size_t *used)
{
    size_t len = record_claims(at, have);
    record_t r;
    store_state_t state;
    store_tail_t tail;
    sl_err err = SL_EPROTO, noted = SL_OK;
    if (len > 0) {
        const uint8_t *bytes = whole(s, at, have, offset, len);
        err = bytes != NULL ? record_read(&r, bytes, len) : SL_EPROTO;
        if (err == SL_OK)
            noted = note_record(s, &r, offset, len);
    } else if ((len = tail_claims(at, have)) > 0) {
        err = len <= have ? tail_read(&tail, at, len) : SL_EPROTO;
        if (err == SL_OK)
            noted = note_tail(s, &tail);
    } else if (have >= STATE_BYTES && (len = STATE_BYTES) > 0) {
        err = state_read(&state, at, len);
        if (err == SL_OK)
            note_state(s, &state);
    }
    s->newer = s->newer || err == SL_EVERSION;
    *used = err == SL_OK ? len : 0;
    return noted;
}

/* All three magic numbers begin with the same byte; the rest is told apart by look(). */
static sl_err search_window(scan_t *s, size_t have, uint64_t offset, size_t from, size_t *ended)
{
    size_t keep = have > TAIL_BYTES_MAX && offset + have < s->file_bytes ? TAIL_BYTES_MAX : 0;
    size_t end = have - keep; /* what begins behind it may be cut: it is seen in the next window */
    while (from < end) {
        const uint8_t *at = memchr(s->window + from, record_magic[0], end - from);
        if (at == NULL)
            break;
        from = (size_t)(at - s->window);
        size_t used = 0;
        if (have - from >= ENTRY_MAGIC_BYTES && at[1] == record_magic[1] &&
            at[2] == record_magic[2]) {
            sl_err err = look(s, at, have - from, offset + from, &used);
            if (err != SL_OK)
                return err;
        }
        from += used > 0 ? used : 1;
    }
    *ended = from > end ? from : end;
    return SL_OK;
}

static sl_err search(scan_t *s)
{
    for (uint64_t offset = 0; offset < s->file_bytes;) {
        size_t have = read_window(s, offset, s->window, s->window_bytes), ended;
        if (have == 0 && s->read_errno == 0)
            break;
        sl_err err = s->read_errno == 0 ? search_window(s, have, offset, 0, &ended) : SL_OK;
        if (err != SL_OK)
            return err;
        if (s->read_errno != 0) {
            errno = s->read_errno;
            return SL_EIO;
        }
        offset += ended;
    }
    return SL_OK;
}

/* -- what is in force ------------------------------------------------------------------------- */

static scan_journal_t *own_journal(scan_t *s)
{
    scan_journal_t *most = NULL;
    for (scan_journal_t *j = s->journals; j != NULL; j = j->hh.next)
        if (most == NULL || j->record_bytes > most->record_bytes)
            most = j;
    return most;
}

static int by_first_then_era(const void *a, const void *b, void *ctx)
{
    const scan_record_t *x = a, *y = b;
    const scan_era_t *eras = ctx;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    uint64_t m = eras[x->era].era, n = eras[y->era].era;
    return (m < n) - (m > n);
}

/* Everything from this number on is void in era `i`: a later one began there. */
static uint64_t void_from(const scan_t *s, size_t i)
{
    uint64_t from = UINT64_MAX;
    const scan_era_t *e = &s->eras[i];
    for (size_t k = 0; k < s->era_count; k++)
        if (s->eras[k].journal == e->journal && s->eras[k].era > e->era && s->eras[k].base < from)
            from = s->eras[k].base;
    const scan_journal_t *own = s->own;
    if (own->has_state && own->state.era > e->era && own->state.era_base < from)
        from = own->state.era_base;
    return from;
}

/* Keeps of the candidates what is this journal's, not void, not taken by retention, and once. */
static sl_err settle(scan_t *s)
{
    s->own = own_journal(s);
    if (s->own == NULL || s->count == 0)
        return SL_OK;
    uint64_t *ends = malloc((s->era_count + 1) * sizeof *ends);
    if (ends == NULL)
        return SL_ENOMEM;
    for (size_t i = 0; i < s->era_count; i++)
        ends[i] = s->eras[i].journal == s->own->id ? void_from(s, i) : 0;
    uint64_t oldest = s->own->oldest;
    if (s->own->has_state && s->own->state.oldest > oldest)
        oldest = s->own->state.oldest;
    qsort_r(s->records, s->count, sizeof *s->records, by_first_then_era, s->eras);
    size_t kept = 0;
    uint64_t upto = 0;
    for (size_t i = 0; i < s->count; i++) {
        const scan_record_t *r = &s->records[i];
        uint64_t last = r->first + r->count - 1;
        if (last >= ends[r->era] || r->first < oldest || r->first <= upto)
            continue;
        upto = last;
        s->records[kept++] = *r;
    }
    s->count = kept;
    free(ends);
    return SL_OK;
}

/* -- the door --------------------------------------------------------------------------------- */

sl_err scan_create(scan_t **out, const char *path)
{
    scan_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return SL_ENOMEM;
    struct stat st;
    sl_err err = SL_EIO;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        goto fail;
    s->file_bytes = (uint64_t)st.st_size;
    err = SL_ENOMEM;
    s->window_bytes = s->file_bytes < WINDOW_BYTES ? (size_t)s->file_bytes : WINDOW_BYTES;
    s->window = malloc(s->window_bytes + 1);
    if (s->window == NULL)
        goto fail;
    err = search(s);
    if (err == SL_OK)
        err = settle(s);
    if (err != SL_OK)
        goto fail;
    *out = s;
    return SL_OK;
fail:
    scan_destroy(&s);
    return err;
}

static void free_tails(scan_journal_t *j)
{
    scan_tail_t *tail, *next;
    HASH_ITER(hh, j->tails, tail, next)
    {
        HASH_DEL(j->tails, tail);
        free(tail);
    }
}

void scan_destroy(scan_t **out)
{
    scan_t *s = *out;
    *out = NULL;
    if (s == NULL)
        return;
    int saved = errno;
    scan_journal_t *j, *next;
    HASH_ITER(hh, s->journals, j, next)
    {
        free_tails(j);
        HASH_DEL(s->journals, j);
        free(j);
    }
    if (s->fd >= 0)
        close(s->fd);
    free(s->records);
    free(s->eras);
    free(s->window);
    free(s->large);
    free(s);
    errno = saved;
}

const scan_record_t *scan_records(const scan_t *s, size_t *count)
{
    *count = s->count;
    return s->records;
}

sl_err scan_read(scan_t *s, const scan_record_t *found, const uint8_t **bytes, record_t *r)
{
    *bytes = whole(s, NULL, 0, found->offset, found->len);
    if (*bytes == NULL)
        return SL_EIO;
    sl_err err = record_read(r, *bytes, found->len);
    return err == SL_OK && r->first != found->first ? SL_EPROTO : err;
}

bool scan_state(const scan_t *s, store_state_t *state)
{
    *state = (store_state_t){0};
    if (s->own == NULL)
        return false;
    *state = s->own->state;
    state->journal = s->own->id;
    for (size_t i = 0; i < s->era_count; i++)
        if (s->eras[i].journal == s->own->id && s->eras[i].era > state->era)
            state->era = s->eras[i].era;
    if (s->own->oldest > state->oldest)
        state->oldest = s->own->oldest;
    return s->own->has_state;
}

sl_err scan_tails(const scan_t *s,
                  sl_err (*tail)(void *ctx, const char *topic, size_t len, uint64_t last),
                  void *ctx)
{
    scan_tail_t *t, *next;
    if (s->own == NULL)
        return SL_OK;
    HASH_ITER(hh, s->own->tails, t, next)
    {
        sl_err err = tail(ctx, t->name, t->name_len, t->last);
        if (err != SL_OK)
            return err;
    }
    return SL_OK;
}

bool scan_newer(const scan_t *s)
{
    return s->newer;
}
