#include "store_fixture.h"

void fixture_open(fixture_t *f)
{
    const char *failed = NULL;
    sl_err err = store_open(&f->s, &f->o, &f->found, &failed);
    if (err != SL_OK)
        fail_msg("store_open: %s (%s)", sl_err_name(err), failed);
    f->next = f->found.next;
}

int fixture_setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->dir = test_dir_make();
    sl_clock_manual_init(&f->clock, 1, 1);
    f->o = (store_options_t){.dir = f->dir, .clock = &f->clock.clock, .boot_id = "boot-a"};
    fixture_open(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_t *f = *state;
    store_close(&f->s, true);
    test_dir_remove(f->dir);
    free(f);
    return 0;
}

void fixture_reopen(fixture_t *f, bool clean)
{
    store_close(&f->s, clean);
    fixture_open(f);
}

sl_err fixture_commit(fixture_t *f, int records, uint32_t count, size_t body)
{
    record_t group[TEST_SLOTS];
    uint64_t next = f->next;
    for (int i = 0; i < records; i++) {
        group[i] = test_record(i, next, count, i % 2 == 0 ? "a" : "b", body);
        next += count;
    }
    sl_err err = store_commit(f->s, group, (size_t)records);
    if (err == SL_OK)
        f->next = next;
    return err;
}
