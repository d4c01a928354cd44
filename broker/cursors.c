#include "cursors.h"

#include "base/log.h"
#include "base/mp.h"
#include "cursors_file.h"
#include "wire/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* an add without memory leaves hh.tbl NULL */
#include <uthash.h>

enum { STATUS_PATTERNS_BYTES = 256 * 1024, MS = 1000 * 1000 };

/* Patterns, shared by what is kept and what is staged. */
typedef struct texts {
    uint32_t refs, count, len;
    uint8_t bytes[];
} texts_t;

/* A cursor at one time; `exists` false: it does not, yet or any more. */
typedef struct state {
    bool exists, placed;
    uint64_t generation, stream, number, touched_ns;
    texts_t *patterns; /* of the last open */
    texts_t *before;   /* in force at the last commit; NULL: `patterns` are, or there was none */
} state_t;

typedef struct cursor {
    UT_hash_handle hh;
    struct cursor *next_staged;
    bool is_staged;
    state_t kept, staged;
    uint64_t lag; /* while STATUS sorts */
    uint8_t len;
    char name[];
} cursor_t;

struct cursors {
    cursors_options_t o;
    cursor_t *table;
    cursor_t *staged;
    uint32_t count;      /* that exist, staged or kept */
    uint64_t generation; /* the last one handed out */
    cursors_file_t *file;
    bool rewrite;  /* the file may hold what was undone: it is written anew */
    bool failing;  /* said so already */
    texts_t *lent; /* what the last answer to an open borrows */
};

/* -- patterns -------------------------------------------------------------------------------- */

static texts_t *texts_make(wire_texts_t from)
{
    texts_t *t = malloc(sizeof *t + from.len);
    if (t == NULL)
        return NULL;
    *t = (texts_t){.refs = 1, .count = from.count, .len = from.len};
    if (from.len > 0)
        memcpy(t->bytes, from.data, from.len);
    return t;
}

static texts_t *texts_hold(texts_t *t)
{
    if (t != NULL)
        t->refs++;
    return t;
}

static void texts_drop(texts_t *t)
{
    if (t != NULL && --t->refs == 0)
        free(t);
}

static wire_texts_t texts_of(const texts_t *t)
{
    return (wire_texts_t){t->bytes, t->len, t->count};
}

/* What the next open is told: what lacks its past in the cursor's place. */
static texts_t *in_force(const state_t *state)
{
    return state->before != NULL ? state->before : state->patterns;
}

static void drop_patterns(state_t *state)
{
    texts_drop(state->patterns);
    texts_drop(state->before);
    state->patterns = state->before = NULL;
}

static bool patterns_fit(wire_texts_t patterns)
{
    const char *text;
    uint32_t len;
    if (patterns.len > WIRE_CURSOR_PATTERNS_MAX)
        return false;
    while (wire_texts_next(&patterns, &text, &len))
        if (len > WIRE_PATTERN_MAX)
            return false;
    return true;
}

/* -- staging --------------------------------------------------------------------------------- */

static cursor_t *find(const cursors_t *c, const char *name, size_t len)
{
    cursor_t *cursor;
    HASH_FIND(hh, c->table, name, len, cursor);
    return cursor;
}

static cursor_t *add(cursors_t *c, const char *name, size_t len)
{
    cursor_t *cursor = calloc(1, sizeof *cursor + len);
    if (cursor == NULL)
        return NULL;
    memcpy(cursor->name, name, len);
    cursor->len = (uint8_t)len;
    HASH_ADD_KEYPTR(hh, c->table, cursor->name, len, cursor);
    if (cursor->hh.tbl == NULL) {
        free(cursor);
        return NULL;
    }
    return cursor;
}

static void forget(cursors_t *c, cursor_t *cursor)
{
    HASH_DEL(c->table, cursor);
    drop_patterns(&cursor->kept);
    drop_patterns(&cursor->staged);
    free(cursor);
}

/* As the next question sees it. */
static const state_t *view(const cursor_t *cursor)
{
    return cursor->is_staged ? &cursor->staged : &cursor->kept;
}

static bool exists(const cursor_t *cursor)
{
    return cursor != NULL && view(cursor)->exists;
}

/* Its state to change. */
static state_t *stage(cursors_t *c, cursor_t *cursor)
{
    if (!cursor->is_staged) {
        cursor->staged = cursor->kept;
        texts_hold(cursor->kept.patterns);
        texts_hold(cursor->kept.before);
        cursor->is_staged = true;
        cursor->next_staged = c->staged;
        c->staged = cursor;
    }
    cursor->staged.touched_ns = sl_clock_wall_ns(c->o.clock);
    return &cursor->staged;
}

static bool refuse(wire_code_t *why, wire_code_t code)
{
    *why = code;
    return false;
}

bool cursors_open(cursors_t *c, const wire_cursor_open_t *open, wire_cursor_opened_t *opened,
                  wire_code_t *why)
{
    if (!wire_cursor_name_valid(open->name, open->name_len))
        return refuse(why, WIRE_CODE_NAME);
    if (!patterns_fit(open->patterns))
        return refuse(why, WIRE_CODE_LIMIT);
    cursor_t *cursor = find(c, open->name, open->name_len);
    bool known = exists(cursor);
    if (!known && c->count >= c->o.max)
        return refuse(why, WIRE_CODE_LIMIT);
    texts_t *patterns =
        known && open->keep ? texts_hold(view(cursor)->patterns) : texts_make(open->patterns);
    if (cursor == NULL && patterns != NULL)
        cursor = add(c, open->name, open->name_len);
    if (patterns == NULL || cursor == NULL) {
        texts_drop(patterns);
        return refuse(why, WIRE_CODE_DISK);
    }
    state_t *state = stage(c, cursor);
    *opened = (wire_cursor_opened_t){.generation = ++c->generation,
                                     .placed = known && state->placed,
                                     .stream = state->stream,
                                     .number = state->number,
                                     .known = known};
    texts_drop(c->lent);
    c->lent = texts_hold(in_force(state));
    if (known)
        opened->patterns = texts_of(c->lent);
    /* Its answer may be lost: what it changes stands only when its holder commits. */
    texts_t *before = opened->placed ? texts_hold(in_force(state)) : NULL;
    drop_patterns(state);
    *state = (state_t){.exists = true,
                       .placed = opened->placed,
                       .generation = opened->generation,
                       .stream = state->stream,
                       .number = state->number,
                       .touched_ns = state->touched_ns,
                       .patterns = patterns,
                       .before = before};
    c->count += !known;
    return true;
}

bool cursors_place(cursors_t *c, const wire_cursor_place_t *place, bool backwards, wire_code_t *why)
{
    cursor_t *cursor = find(c, place->name, place->name_len);
    if (!exists(cursor))
        return refuse(why, WIRE_CODE_NAME);
    const state_t *now = view(cursor);
    if (place->generation >
        now->generation) /* opened since the backup that this is: not this one */
        return refuse(why, WIRE_CODE_NAME);
    if (place->generation != now->generation)
        return refuse(why, WIRE_CODE_FENCED);
    if (!backwards && now->placed && place->stream == now->stream && place->number < now->number)
        return refuse(why, WIRE_CODE_BACKWARDS);
    state_t *state = stage(c, cursor);
    state->placed = true;
    state->stream = place->stream;
    state->number = place->number;
    if (!backwards) {
        texts_drop(state->before);
        state->before = NULL;
    }
    return true;
}

bool cursors_drop(cursors_t *c, const wire_cursor_drop_t *drop, wire_code_t *why)
{
    cursor_t *cursor = find(c, drop->name, drop->name_len);
    if (!exists(cursor))
        return refuse(why, WIRE_CODE_NAME);
    stage(c, cursor)->exists = false;
    c->count--;
    return true;
}

bool cursors_staged(const cursors_t *c)
{
    return c->staged != NULL;
}

/* -- keeping --------------------------------------------------------------------------------- */

static cursor_record_t record_of(const state_t *state)
{
    return (cursor_record_t){.generation = state->generation,
                             .placed = state->placed,
                             .stream = state->stream,
                             .number = state->number,
                             .touched_ns = state->touched_ns,
                             .patterns = texts_of(in_force(state))};
}

static sl_err write_one(cursors_t *c, const cursor_t *cursor)
{
    const state_t *state = view(cursor);
    if (!state->exists)
        return cursors_file_drop(c->file, cursor->name, cursor->len);
    cursor_record_t record = record_of(state);
    return cursors_file_put(c->file, cursor->name, cursor->len, &record);
}

static sl_err write_all(cursors_t *c)
{
    sl_err err = SL_OK;
    for (const cursor_t *cursor = c->table; cursor != NULL && err == SL_OK;
         cursor = cursor->hh.next)
        if (view(cursor)->exists)
            err = write_one(c, cursor);
    return err;
}

static sl_err write_staged(cursors_t *c)
{
    sl_err err = SL_OK;
    for (const cursor_t *cursor = c->staged; cursor != NULL && err == SL_OK;
         cursor = cursor->next_staged)
        err = write_one(c, cursor);
    return err;
}

static bool load_nothing(void *ctx, const char *name, size_t len, const cursor_record_t *record)
{
    (void)ctx, (void)name, (void)len, (void)record;
    return true;
}

static bool load(void *ctx, const char *name, size_t len, const cursor_record_t *record)
{
    cursors_t *c = ctx;
    texts_t *patterns = texts_make(record->patterns);
    cursor_t *cursor = patterns != NULL ? add(c, name, len) : NULL;
    if (cursor == NULL) {
        texts_drop(patterns);
        return false;
    }
    cursor->kept = (state_t){.exists = true,
                             .placed = record->placed,
                             .generation = record->generation,
                             .stream = record->stream,
                             .number = record->number,
                             .touched_ns = record->touched_ns,
                             .patterns = patterns};
    c->count++;
    return true;
}

static void forget_all(cursors_t *c)
{
    cursor_t *cursor, *next;
    HASH_ITER(hh, c->table, cursor, next)
    forget(c, cursor);
    c->count = 0;
}

/* A damaged file is moved aside, and the cursors in it are gone. */
static sl_err open_file(cursors_t *c, cursors_file_load_fn *loaded, uint64_t *generation)
{
    sl_err err =
        cursors_file_open(&c->file, c->o.dir, c->o.synced, c->o.map_bytes, loaded, c, generation);
    if (err != SL_EPROTO)
        return err;
    uint64_t aside = sl_clock_wall_ns(c->o.clock);
    err = cursors_file_set_aside(c->o.dir, aside);
    if (err != SL_OK)
        return err;
    LOG_ERROR("CURSORS-DAMAGED",
              "dir=%s moved=%s/quarantine/cursors-%llu; the cursors begin anew: their subscribers "
              "go on where they are told to when there is none",
              c->o.dir, c->o.dir, (unsigned long long)aside);
    if (loaded == load)
        forget_all(c);
    return cursors_file_open(&c->file, c->o.dir, c->o.synced, c->o.map_bytes, loaded, c,
                             generation);
}

/* One transaction.  After a failed one the file is opened again, for LMDB may have given it up, and
 * written anew, for it may hold what was undone here. */
static sl_err write_file(cursors_t *c)
{
    uint64_t generation;
    sl_err err = SL_OK;
    if (c->file == NULL)
        err = open_file(c, load_nothing, &generation);
    if (err == SL_OK)
        err = cursors_file_begin(c->file, c->generation, c->rewrite);
    if (err == SL_OK)
        err = c->rewrite ? write_all(c) : write_staged(c);
    if (err == SL_OK)
        err = cursors_file_commit(c->file);
    c->rewrite = err != SL_OK;
    if (err != SL_OK)
        cursors_file_close(&c->file);
    return err;
}

/* One word when it begins to fail, one when it is over. */
static void tell(cursors_t *c, sl_err err)
{
    if (err != SL_OK && !c->failing)
        LOG_ERROR("CURSORS-DISK",
                  "dir=%s/cursors error=\"%s\"; cursors cannot be moved until it "
                  "is mended",
                  c->o.dir, err == SL_EIO ? strerror(errno) : sl_err_text(err));
    if (err == SL_OK && c->failing)
        LOG_INFO("CURSORS-DISK-BACK", "dir=%s/cursors", c->o.dir);
    c->failing = err != SL_OK;
}

static void settle_one(cursors_t *c, cursor_t *cursor, bool keep)
{
    c->count -= cursor->staged.exists;
    if (keep) {
        drop_patterns(&cursor->kept);
        cursor->kept = cursor->staged;
    } else {
        drop_patterns(&cursor->staged);
    }
    cursor->staged = (state_t){0};
    cursor->is_staged = false;
    c->count += cursor->kept.exists;
    if (!cursor->kept.exists)
        forget(c, cursor);
}

sl_err cursors_flush(cursors_t *c)
{
    sl_err err = SL_OK;
    if (c->staged == NULL)
        return SL_OK;
    if (c->o.dir != NULL) {
        err = write_file(c);
        tell(c, err);
    }
    while (c->staged != NULL) {
        cursor_t *cursor = c->staged;
        c->staged = cursor->next_staged;
        settle_one(c, cursor, err == SL_OK);
    }
    return err;
}

/* -- life ------------------------------------------------------------------------------------ */

sl_err cursors_create(cursors_t **out, const cursors_options_t *options, const char **failed)
{
    *failed = "opening the cursors";
    cursors_t *c = calloc(1, sizeof *c);
    if (c == NULL)
        return SL_ENOMEM;
    c->o = *options;
    /* Above all that was handed out before, also when what was handed out is not known any more. */
    c->generation = sl_clock_wall_ns(c->o.clock) / MS;
    sl_err err = SL_OK;
    if (c->o.dir != NULL) {
        uint64_t generation = 0;
        err = open_file(c, load, &generation);
        if (generation > c->generation)
            c->generation = generation;
    }
    if (err != SL_OK) {
        cursors_destroy(&c);
        return err;
    }
    *out = c;
    return SL_OK;
}

void cursors_destroy(cursors_t **cursors)
{
    cursors_t *c = *cursors;
    if (c == NULL)
        return;
    cursors_file_close(&c->file);
    forget_all(c);
    texts_drop(c->lent);
    free(c);
    *cursors = NULL;
}

uint32_t cursors_count(const cursors_t *c)
{
    return c->count;
}

/* -- STATUS ---------------------------------------------------------------------------------- */

static uint64_t lag_of(const state_t *state, const cursors_line_t *line)
{
    uint64_t head = line->next - 1, at = 0;
    if (state->placed && state->stream == line->stream)
        at = state->number;
    for (uint32_t i = 0; state->placed && i < line->parent_count; i++)
        if (line->parents[i].stream == state->stream)
            at = state->number < line->parents[i].last ? state->number : line->parents[i].last;
    return head > at ? head - at : 0;
}

static int by_lag(cursor_t *a, cursor_t *b)
{
    return a->lag > b->lag ? -1 : a->lag < b->lag;
}

static void put_key(sl_buf_t *out, const char *key)
{
    mp_put_str(out, key, strlen(key));
}

static void put_pair(sl_buf_t *out, const char *key, uint64_t value, bool known)
{
    put_key(out, key);
    if (known)
        mp_put_uint(out, value);
    else
        mp_put_nil(out);
}

static void put_cursor(sl_buf_t *out, const cursor_t *cursor, uint64_t now_ns, bool patterns)
{
    const state_t *state = &cursor->kept;
    mp_put_map(out, 7);
    put_key(out, "name");
    mp_put_str(out, cursor->name, cursor->len);
    put_pair(out, "stream", state->stream, state->placed);
    put_pair(out, "number", state->number, state->placed);
    put_pair(out, "lag", cursor->lag, true);
    put_pair(out, "generation", state->generation, true);
    put_pair(out, "idle_ms", now_ns > state->touched_ns ? (now_ns - state->touched_ns) / MS : 0,
             true);
    put_key(out, "patterns");
    if (patterns) {
        mp_put_array(out, state->patterns->count);
        sl_buf_append(out, state->patterns->bytes, state->patterns->len);
    } else {
        mp_put_nil(out);
    }
}

void cursors_put_status(cursors_t *c, sl_buf_t *out, const cursors_line_t *line)
{
    uint32_t count = 0;
    size_t room = STATUS_PATTERNS_BYTES; /* long lists of patterns are left out past it */
    for (cursor_t *cursor = c->table; cursor != NULL; cursor = cursor->hh.next) {
        cursor->lag = lag_of(&cursor->kept, line);
        count += cursor->kept.exists;
    }
    HASH_SORT(c->table, by_lag);
    mp_put_array(out, count);
    for (const cursor_t *cursor = c->table; cursor != NULL; cursor = cursor->hh.next) {
        if (!cursor->kept.exists)
            continue;
        bool patterns = cursor->kept.patterns->len <= room;
        room -= patterns ? cursor->kept.patterns->len : 0;
        put_cursor(out, cursor, sl_clock_wall_ns(c->o.clock), patterns);
    }
}
