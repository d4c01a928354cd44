#include "cursors_file.h"

#include "base/mp.h"
#include "journal/pages.h"
#include "journal/store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FORMAT = 1, PATH_BYTES = 4096, SUM_BYTES = 8 };

static const uint64_t map_bytes_default = 256u << 20;
static const char generation_key[] = "\0generation"; /* no name: those have no zero byte */

struct cursors_file {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;
    sl_buf_t record;
};

/* What LMDB says, as one of ours; errno is for people. */
static sl_err error_of(int err)
{
    switch (err) {
    case MDB_SUCCESS:
        return SL_OK;
    case ENOMEM:
        return SL_ENOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
        return SL_EPROTO;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        errno = ENOSPC;
        return SL_EIO;
    default:
        errno = err > 0 ? err : EIO;
        return SL_EIO;
    }
}

/* -- records --------------------------------------------------------------------------------- */

static void put_sum(sl_buf_t *out, const char *name, size_t len)
{
    XXH64_canonical_t sum;
    XXH64_canonicalFromHash(&sum,
                            XXH3_64bits_withSeed(out->data, out->len, XXH3_64bits(name, len)));
    sl_buf_append(out, sum.digest, sizeof sum.digest);
}

/* Cuts the sum off.  @return does it fit? */
static bool take_sum(mp_cursor_t *in, const char *name, size_t len)
{
    XXH64_canonical_t sum;
    if (in->end - in->at < SUM_BYTES)
        return false;
    in->end -= SUM_BYTES;
    memcpy(sum.digest, in->end, sizeof sum.digest);
    return XXH64_hashFromCanonical(&sum) ==
           XXH3_64bits_withSeed(in->at, (size_t)(in->end - in->at), XXH3_64bits(name, len));
}

static void write_record(sl_buf_t *out, const cursor_record_t *r)
{
    mp_put_array(out, 6);
    mp_put_uint(out, FORMAT);
    mp_put_uint(out, r->generation);
    if (r->placed) {
        mp_put_uint(out, r->stream);
        mp_put_uint(out, r->number);
    } else {
        mp_put_nil(out);
        mp_put_nil(out);
    }
    mp_put_uint(out, r->touched_ns);
    mp_put_array(out, r->patterns.count);
    sl_buf_append(out, r->patterns.data, r->patterns.len);
}

static bool read_patterns(mp_cursor_t *in, wire_texts_t *patterns)
{
    const char *text;
    uint32_t len;
    if (!mp_get_array(in, &patterns->count))
        return false;
    patterns->data = in->at;
    for (uint32_t i = 0; i < patterns->count; i++)
        if (!mp_get_str(in, &text, &len))
            return false;
    patterns->len = (uint32_t)(in->at - patterns->data);
    return true;
}

static bool read_record(mp_cursor_t in, cursor_record_t *r)
{
    uint32_t elements;
    uint64_t format;
    if (!mp_get_array(&in, &elements) || elements < 6 || !mp_get_uint(&in, &format) ||
        format != FORMAT || !mp_get_uint(&in, &r->generation))
        return false;
    r->placed = !mp_get_nil(&in);
    if (r->placed ? !mp_get_uint(&in, &r->stream) || !mp_get_uint(&in, &r->number)
                  : !mp_get_nil(&in))
        return false;
    return mp_get_uint(&in, &r->touched_ns) && read_patterns(&in, &r->patterns);
}

static bool read_generation(mp_cursor_t in, uint64_t *generation)
{
    uint32_t elements;
    uint64_t format;
    return mp_get_array(&in, &elements) && elements >= 2 && mp_get_uint(&in, &format) &&
           format == FORMAT && mp_get_uint(&in, generation);
}

/* -- opening --------------------------------------------------------------------------------- */

static bool is_generation_key(const MDB_val *key)
{
    return key->mv_size == sizeof generation_key - 1 &&
           memcmp(key->mv_data, generation_key, key->mv_size) == 0;
}

static sl_err load_one(const MDB_val *key, const MDB_val *value, cursors_file_load_fn *load,
                       void *ctx, uint64_t *generation)
{
    mp_cursor_t in = mp_cursor(value->mv_data, value->mv_size);
    cursor_record_t record = {0};
    uint64_t found;
    if (!take_sum(&in, key->mv_data, key->mv_size))
        return SL_EPROTO;
    if (is_generation_key(key)) {
        if (!read_generation(in, &found))
            return SL_EPROTO;
    } else {
        if (!wire_cursor_name_valid(key->mv_data, key->mv_size) || !read_record(in, &record))
            return SL_EPROTO;
        found = record.generation;
        if (!load(ctx, key->mv_data, key->mv_size, &record))
            return SL_ENOMEM;
    }
    if (found > *generation)
        *generation = found;
    return SL_OK;
}

static sl_err load_all(cursors_file_t *f, cursors_file_load_fn *load, void *ctx,
                       uint64_t *generation)
{
    MDB_txn *txn;
    MDB_cursor *walk = NULL;
    MDB_val key, value;
    int err = mdb_txn_begin(f->env, NULL, 0, &txn);
    if (err != 0)
        return error_of(err);
    err = mdb_dbi_open(txn, NULL, 0, &f->dbi);
    if (err == 0)
        err = mdb_cursor_open(txn, f->dbi, &walk);
    sl_err result = error_of(err);
    while (result == SL_OK) {
        err = mdb_cursor_get(walk, &key, &value, MDB_NEXT);
        if (err == MDB_NOTFOUND)
            break;
        result = err != 0 ? error_of(err) : load_one(&key, &value, load, ctx, generation);
    }
    if (walk != NULL)
        mdb_cursor_close(walk);
    if (result == SL_OK)
        return error_of(mdb_txn_commit(txn)); /* keeps the database's handle */
    mdb_txn_abort(txn);
    return result;
}

static void show_nothing(void *ctx, const void *key, size_t key_len, const void *data, size_t len,
                         size_t room)
{
    (void)ctx, (void)key, (void)key_len, (void)data, (void)len, (void)room;
}

/* LMDB trusts what it reads, and a flipped bit can crash it: the file is walked without it first.
 */
static sl_err examine(const char *path)
{
    char file[PATH_BYTES];
    struct stat st;
    if (snprintf(file, sizeof file, "%s/data.mdb", path) >= (int)sizeof file) {
        errno = ENAMETOOLONG;
        return SL_EIO;
    }
    if (stat(file, &st) != 0)
        return errno == ENOENT ? SL_OK : SL_EIO;
    pages_t *pages = malloc(sizeof *pages);
    if (pages == NULL)
        return SL_ENOMEM;
    sl_err err = pages_open(pages, file);
    if (err == SL_OK && !pages_untouched(pages))
        err = pages_walk(pages, show_nothing, NULL);
    pages_close(pages);
    free(pages);
    return err;
}

/* What is new in a directory is there after a power cut only when that was synced. */
static sl_err make_dirs(const char *dir, const char *path, bool synced)
{
    char above[PATH_BYTES];
    bool is_new = mkdir(dir, 0750) == 0;
    if ((!is_new && errno != EEXIST) || (mkdir(path, 0750) != 0 && errno != EEXIST))
        return SL_EIO;
    if (!synced)
        return SL_OK;
    sl_err err = store_sync_dir(dir);
    if (err == SL_OK && is_new && snprintf(above, sizeof above, "%s/..", dir) < (int)sizeof above)
        err = store_sync_dir(above);
    return err;
}

static sl_err open_env(cursors_file_t *f, const char *dir, bool synced, uint64_t map_bytes)
{
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/cursors", dir) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return SL_EIO;
    }
    sl_err found = make_dirs(dir, path, synced);
    if (found == SL_OK)
        found = examine(path);
    if (found != SL_OK)
        return found;
    int err = mdb_env_create(&f->env);
    if (err == 0)
        err = mdb_env_set_mapsize(f->env, map_bytes != 0 ? map_bytes : map_bytes_default);
    if (err == 0)
        err = mdb_env_open(f->env, path, MDB_NOTLS | (synced ? 0 : MDB_NOSYNC), 0640);
    return err != 0 || !synced ? error_of(err) : store_sync_dir(path);
}

sl_err cursors_file_open(cursors_file_t **out, const char *dir, bool synced, uint64_t map_bytes,
                         cursors_file_load_fn *load, void *ctx, uint64_t *generation)
{
    cursors_file_t *f = calloc(1, sizeof *f);
    if (f == NULL)
        return SL_ENOMEM;
    *generation = 0;
    sl_err err = open_env(f, dir, synced, map_bytes);
    if (err == SL_OK)
        err = load_all(f, load, ctx, generation);
    if (err == SL_OK)
        *out = f;
    else
        cursors_file_close(&f);
    return err;
}

sl_err cursors_file_set_aside(const char *dir, uint64_t n)
{
    char from[PATH_BYTES], folder[PATH_BYTES], to[PATH_BYTES];
    if (snprintf(folder, sizeof folder, "%s/quarantine", dir) >= (int)sizeof folder ||
        (mkdir(folder, 0750) != 0 && errno != EEXIST))
        return SL_EIO;
    snprintf(from, sizeof from, "%s/cursors", dir);
    if (snprintf(to, sizeof to, "%s/quarantine/cursors-%llu", dir, (unsigned long long)n) >=
        (int)sizeof to)
        return SL_EIO;
    if (rename(from, to) != 0)
        return SL_EIO;
    sl_err err = store_sync_dir(folder); /* else a power cut could leave neither name */
    return err == SL_OK ? store_sync_dir(dir) : err;
}

void cursors_file_close(cursors_file_t **file)
{
    cursors_file_t *f = *file;
    int saved_errno = errno;
    if (f == NULL)
        return;
    if (f->txn != NULL)
        mdb_txn_abort(f->txn);
    if (f->env != NULL) {
        mdb_env_sync(f->env, 1);
        mdb_env_close(f->env);
    }
    sl_buf_fini(&f->record);
    free(f);
    *file = NULL;
    errno = saved_errno;
}

/* -- writing --------------------------------------------------------------------------------- */

static sl_err outcome(cursors_file_t *f, int err)
{
    if (err != 0 && f->txn != NULL) {
        mdb_txn_abort(f->txn);
        f->txn = NULL;
    }
    return error_of(err);
}

static sl_err put(cursors_file_t *f, const char *name, size_t len)
{
    put_sum(&f->record, name, len);
    MDB_val key = {len, (void *)(uintptr_t)name}, value = {f->record.len, f->record.data};
    return outcome(f, f->record.failed ? ENOMEM : mdb_put(f->txn, f->dbi, &key, &value, 0));
}

sl_err cursors_file_begin(cursors_file_t *f, uint64_t generation, bool anew)
{
    int err = mdb_txn_begin(f->env, NULL, 0, &f->txn);
    if (err != 0) {
        f->txn = NULL;
        return error_of(err);
    }
    if (anew && (err = mdb_drop(f->txn, f->dbi, 0)) != 0)
        return outcome(f, err);
    sl_buf_clear(&f->record);
    mp_put_array(&f->record, 2);
    mp_put_uint(&f->record, FORMAT);
    mp_put_uint(&f->record, generation);
    return put(f, generation_key, sizeof generation_key - 1);
}

sl_err cursors_file_put(cursors_file_t *f, const char *name, size_t len,
                        const cursor_record_t *record)
{
    sl_buf_clear(&f->record);
    write_record(&f->record, record);
    return put(f, name, len);
}

sl_err cursors_file_drop(cursors_file_t *f, const char *name, size_t len)
{
    MDB_val key = {len, (void *)(uintptr_t)name};
    int err = mdb_del(f->txn, f->dbi, &key, NULL);
    return outcome(f, err == MDB_NOTFOUND ? 0 : err);
}

sl_err cursors_file_commit(cursors_file_t *f)
{
    int err = mdb_txn_commit(f->txn);
    f->txn = NULL; /* freed, either way */
    return error_of(err);
}
