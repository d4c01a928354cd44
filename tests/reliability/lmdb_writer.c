/* lmdb_writer.c - the smallest journal: does LMDB itself stand a power cut, and is a missing sync
 * seen?
 *
 *     lmdb_writer DIR sync|nosync|nometasync   commits for ever; prints each number it calls
 * durable lmdb_writer DIR check                    prints the first and last number it finds
 *
 * Records are numbered, their content follows from the number, and the oldest are deleted, so that
 * pages are used again. `nosync` and `nometasync` claim what they have not earned: the planted
 * fault.
 */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAP_BYTES = 64 << 20,
    VALUE_MAX = 12000,
    GROUP_MAX = 8,
    KEEP = 300,
};

static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "lmdb_writer: %s: %s\n", what, mdb_strerror(rc));
    exit(1);
}

static MDB_val key_of(uint32_t number, uint8_t key[4])
{
    for (int i = 0; i < 4; i++)
        key[i] = (uint8_t)(number >> (24 - 8 * i));
    return (MDB_val){4, key};
}

static uint32_t mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x45d9f3bU;
    x = (x ^ (x >> 16)) * 0x45d9f3bU;
    return x ^ (x >> 16);
}

static MDB_val value_of(uint32_t number, uint8_t value[VALUE_MAX])
{
    size_t len = 1 + mix(number) % VALUE_MAX;
    memset(value, (int)(number % 251), len);
    return (MDB_val){len, value};
}

static MDB_env *open_env(const char *dir, unsigned flags)
{
    MDB_env *env;
    must(mdb_env_create(&env), "create");
    must(mdb_env_set_mapsize(env, MAP_BYTES), "mapsize");
    must(mdb_env_open(env, dir, flags, 0644), "open");
    return env;
}

static uint32_t number_of(MDB_val key)
{
    const uint8_t *b = key.mv_data;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t end_of(MDB_env *env, MDB_cursor_op end)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "read");
    must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
    must(mdb_cursor_open(txn, dbi, &cursor), "cursor");
    int rc = mdb_cursor_get(cursor, &key, &value, end);
    uint32_t number = rc == 0 ? number_of(key) : 0;
    must(rc == MDB_NOTFOUND ? 0 : rc, "end");
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return number;
}

static void commit_group(MDB_env *env, uint32_t from, uint32_t to)
{
    static uint8_t key_bytes[4], value_bytes[VALUE_MAX];
    MDB_txn *txn;
    MDB_dbi dbi;
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
    for (uint32_t n = from; n <= to; n++) {
        MDB_val key = key_of(n, key_bytes), value = value_of(n, value_bytes);
        must(mdb_put(txn, dbi, &key, &value, MDB_APPEND), "put");
        key = key_of(n > KEEP ? n - KEEP : 0, key_bytes);
        int rc = mdb_del(txn, dbi, &key, NULL);
        must(rc == MDB_NOTFOUND ? 0 : rc, "delete");
    }
    must(mdb_txn_commit(txn), "commit");
}

static void write_for_ever(MDB_env *env)
{
    for (uint32_t n = end_of(env, MDB_LAST);;) {
        uint32_t to = n + 1 + mix(n) % GROUP_MAX;
        commit_group(env, n + 1, to);
        n = to;
        char line[16];
        int len = snprintf(line, sizeof line, "%u\n", n);
        if (write(STDOUT_FILENO, line, (size_t)len) != len)
            return;
    }
}

static void check(MDB_env *env)
{
    static uint8_t expected_bytes[VALUE_MAX];
    uint32_t first = end_of(env, MDB_FIRST), n = first;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "read");
    must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
    must(mdb_cursor_open(txn, dbi, &cursor), "cursor");
    int rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        MDB_val expected = value_of(n, expected_bytes);
        if (number_of(key) != n || value.mv_size != expected.mv_size ||
            memcmp(value.mv_data, expected.mv_data, expected.mv_size) != 0)
            must(MDB_CORRUPTED, "record");
        n++;
    }
    must(rc == MDB_NOTFOUND ? 0 : rc, "walk");
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    printf("%u %u\n", first, n - (first != 0));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned flags;
    } modes[] = {{"sync", 0}, {"nosync", MDB_NOSYNC}, {"nometasync", MDB_NOMETASYNC}, {"check", 0}};
    for (size_t i = 0; argc == 3 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[2], modes[i].name) != 0)
            continue;
        MDB_env *env = open_env(argv[1], modes[i].flags);
        if (i == 3)
            check(env);
        else
            write_for_ever(env);
        mdb_env_close(env);
        return 0;
    }
    fprintf(stderr, "Usage: lmdb_writer DIR sync|nosync|nometasync|check\n");
    return 2;
}
