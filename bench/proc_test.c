#include "proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
    char dir[64];
    proc_set_t set;
    _Atomic uint64_t *shared;
} fixture_t;

static int set_up(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->dir, "/tmp/sluice-proc-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(proc_set_init(&f->set, 8, f->dir), SL_OK);
    f->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(f->shared != MAP_FAILED);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_t *f = *state;
    proc_set_fini(&f->set);
    munmap((void *)f->shared, 4096);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static int add_index(void *ctx, size_t index)
{
    atomic_fetch_add((_Atomic uint64_t *)ctx, index);
    return 0;
}

static int sleep_for_ever(void *ctx, size_t index)
{
    (void)index;
    atomic_store((_Atomic uint64_t *)ctx, 1);
    pause();
    return 0;
}

/* Works until it has used 30 ms of CPU, then waits to be ended. */
static int burn_then_wait(void *ctx, size_t index)
{
    (void)index;
    while (clock() < CLOCKS_PER_SEC * 3 / 100)
        continue;
    atomic_store((_Atomic uint64_t *)ctx, 1);
    pause();
    return 0;
}

static int leave_with(void *ctx, size_t index)
{
    (void)ctx;
    return (int)index;
}

static void await(fixture_t *f)
{
    while (atomic_load(f->shared) == 0)
        usleep(1000);
}

static void workers_share_memory_with_the_bench(void **state)
{
    fixture_t *f = *state;
    for (size_t i = 1; i <= 3; i++)
        assert_int_equal(proc_start_worker(&f->set, NULL, "adder", add_index, (void *)f->shared, i),
                         SL_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(proc_wait(&f->set.items[i], 10000), SL_OK);
    assert_int_equal(atomic_load(f->shared), 6);
    assert_true(proc_all_well(&f->set));
}

static void a_worker_that_fails_is_noticed(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    assert_int_equal(proc_start_worker(&f->set, &proc, "failing", leave_with, NULL, 3), SL_OK);
    assert_int_equal(proc_wait(proc, 10000), SL_OK);
    assert_int_equal(WEXITSTATUS(proc->status), 3);
    assert_false(proc_all_well(&f->set));
}

static void ending_leaves_no_process_behind(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    assert_int_equal(
        proc_start_worker(&f->set, &proc, "sleeper", sleep_for_ever, (void *)f->shared, 0), SL_OK);
    await(f);
    assert_int_equal(proc_wait(proc, 0), SL_ETIMEDOUT);
    proc_end_all(&f->set);
    assert_true(proc->ended);
    assert_int_equal(kill(proc->pid, 0), -1);
}

static void cpu_time_is_counted_while_a_process_lives_and_after(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    assert_int_equal(
        proc_start_worker(&f->set, &proc, "burner", burn_then_wait, (void *)f->shared, 0), SL_OK);
    await(f);
    assert_true(proc_cpu_ns(proc) >= 30000000);
    assert_true(proc_rss_anon_bytes(proc) > 0);
    proc_end_all(&f->set);
    assert_true(proc_cpu_ns(proc) >= 29000000);
}

/* Has 8, 16, … MiB until shared[1] is set; counts in shared[0] when it has them and when not. */
static int fill_then_free(void *ctx, size_t index)
{
    _Atomic uint64_t *shared = ctx;
    size_t bytes = (index + 1) << 23;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    memset(memory, 1, bytes);
    atomic_fetch_add(&shared[0], 1);
    while (atomic_load(&shared[1]) == 0)
        usleep(1000);
    munmap(memory, bytes);
    atomic_fetch_add(&shared[0], 1);
    pause();
    return 0;
}

static void await_count(fixture_t *f, uint64_t count)
{
    while (atomic_load(&f->shared[0]) < count)
        usleep(1000);
}

static void the_most_memory_of_a_process_is_kept_and_the_median_over_a_role_told(void **state)
{
    fixture_t *f = *state;
    const uint64_t half = 1 << 22; /* of what lies between two of them, in bytes */
    assert_float_equal(proc_role_most_rss_bytes(&f->set, "filler"), 0, 1e-9);
    assert_int_equal(proc_start_role(&f->set, "filler", fill_then_free, (void *)f->shared, 3),
                     SL_OK);
    await_count(f, 3); /* they have 8, 16 and 24 MiB */
    proc_role_weigh(&f->set, "filler");
    double most = proc_role_most_rss_bytes(&f->set, "filler");
    assert_true(most > (double)(f->set.items[0].most_rss_bytes + half));
    assert_true(most < (double)(f->set.items[2].most_rss_bytes - half));
    atomic_store(&f->shared[1], 1);
    await_count(f, 6);
    assert_true((double)(proc_rss_anon_bytes(&f->set.items[1]) + half) < most);
    proc_role_weigh(&f->set, "filler");
    assert_float_equal(proc_role_most_rss_bytes(&f->set, "filler"), most, 1e-9);
}

static void a_daemons_ready_line_is_read(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    const char *argv[] = {"/bin/sh", "-c", "echo ready feed=tcp://127.0.0.1:1 http=x; sleep 60",
                          NULL};
    assert_int_equal(proc_start_daemon(&f->set, &proc, "daemon", argv), SL_OK);
    char value[64];
    proc_ready_value(proc, "feed", value, sizeof value);
    assert_string_equal(value, "tcp://127.0.0.1:1");
    proc_ready_value(proc, "http", value, sizeof value);
    assert_string_equal(value, "x");
    proc_ready_value(proc, "htt", value, sizeof value);
    assert_string_equal(value, "");
}

static void a_daemon_that_does_not_start_is_an_error(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    const char *argv[] = {"/bin/sh", "-c", "echo no such queue >&2; exit 2", NULL};
    assert_int_equal(proc_start_daemon(&f->set, &proc, "daemon", argv), SL_EIO);
    const char *missing[] = {"/nonexistent/program", NULL};
    assert_int_equal(proc_start_daemon(&f->set, &proc, "missing", missing), SL_EIO);
}

static void a_daemon_that_leaves_is_noticed_whatever_its_status(void **state)
{
    fixture_t *f = *state;
    proc_t *proc;
    const char *argv[] = {"/bin/sh", "-c", "echo ready now", NULL};
    assert_int_equal(proc_start_daemon(&f->set, &proc, "daemon", argv), SL_OK);
    assert_int_equal(proc_wait(proc, 10000), SL_OK);
    assert_false(proc_all_well(&f->set));
}

static bool programs_left(void *ctx)
{
    return proc_role_left(&((fixture_t *)ctx)->set, "program");
}

static void programs_are_run_to_their_end(void **state)
{
    fixture_t *f = *state;
    const char *argv[] = {"/bin/true", NULL};
    assert_int_equal(proc_start_program(&f->set, NULL, "program-0", argv), SL_OK);
    assert_int_equal(proc_start_program(&f->set, NULL, "program-1", argv), SL_OK);
    assert_int_equal(proc_await(&f->set, programs_left, f, 10000, "they had left"), SL_OK);
}

static void a_program_that_fails_ends_the_waiting(void **state)
{
    fixture_t *f = *state;
    const char *sleeper[] = {"/bin/sleep", "60", NULL}, *failing[] = {"/bin/false", NULL};
    assert_int_equal(proc_start_program(&f->set, NULL, "program-0", sleeper), SL_OK);
    assert_int_equal(proc_await(&f->set, programs_left, f, 20, "it had left"), SL_ETIMEDOUT);
    assert_int_equal(proc_start_program(&f->set, NULL, "program-1", failing), SL_OK);
    assert_int_equal(proc_await(&f->set, programs_left, f, 10000, "both had left"), SL_EIO);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(workers_share_memory_with_the_bench),
        T(a_worker_that_fails_is_noticed),
        T(ending_leaves_no_process_behind),
        T(cpu_time_is_counted_while_a_process_lives_and_after),
        T(the_most_memory_of_a_process_is_kept_and_the_median_over_a_role_told),
        T(a_daemons_ready_line_is_read),
        T(a_daemon_that_does_not_start_is_an_error),
        T(a_daemon_that_leaves_is_noticed_whatever_its_status),
        T(programs_are_run_to_their_end),
        T(a_program_that_fails_ends_the_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
