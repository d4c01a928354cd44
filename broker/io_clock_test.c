#include "io_clock.h"
#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { INDEX = 77 }; /* libzmq has no such thread */

typedef struct fake {
    pthread_t thread;
    _Atomic bool named, stop;
    bool busy;
    int wake[2];
} fake_t;

static void *io_thread(void *arg)
{
    fake_t *fake = arg;
    char byte;
    prctl(PR_SET_NAME, "ZMQbg/IO/77");
    atomic_store(&fake->named, true);
    while (fake->busy && !atomic_load(&fake->stop))
        continue;
    bool woken = fake->busy || read(fake->wake[0], &byte, 1) == 1;
    return woken ? NULL : fake;
}

static io_clock_t start(fake_t *fake, bool busy)
{
    *fake = (fake_t){.busy = busy};
    assert_int_equal(pipe(fake->wake), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, io_thread, fake), 0);
    while (!atomic_load(&fake->named))
        usleep(100);
    return io_clock_find(INDEX);
}

static void finish(fake_t *fake)
{
    atomic_store(&fake->stop, true);
    assert_int_equal(write(fake->wake[1], "", 1), 1);
    void *failed;
    pthread_join(fake->thread, &failed);
    assert_null(failed);
    close(fake->wake[0]);
    close(fake->wake[1]);
}

static void a_thread_at_work_is_runnable_and_its_clock_runs(void **state)
{
    (void)state;
    fake_t fake;
    io_clock_t clock = start(&fake, true);
    assert_true(clock.known);
    for (int i = 0; i < 100; i++) /* running or waiting for a CPU: it makes no difference */
        assert_true(io_clock_is_runnable(&clock));
    uint64_t before_ns = io_clock_ns(&clock);
    while (io_clock_ns(&clock) == before_ns)
        usleep(1000);
    finish(&fake);
}

static void a_thread_that_sleeps_is_not_runnable_and_its_clock_stands(void **state)
{
    (void)state;
    fake_t fake;
    io_clock_t clock = start(&fake, false);
    assert_true(clock.known);
    while (io_clock_is_runnable(&clock)) /* on its way to sleep */
        usleep(100);
    uint64_t before_ns = io_clock_ns(&clock);
    for (int i = 0; i < 100; i++)
        assert_false(io_clock_is_runnable(&clock));
    assert_int_equal(io_clock_ns(&clock), before_ns);
    finish(&fake);
}

static void a_machine_with_more_busy_threads_than_cpus_is_busy(void **state)
{
    (void)state;
    enum { THREADS_MAX = 64 };
    fake_t fakes[THREADS_MAX];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long threads = cpus < THREADS_MAX ? cpus : THREADS_MAX;
    for (long i = 0; i < threads; i++)
        start(&fakes[i], true);
    while (cpus <= THREADS_MAX && !machine_is_busy())
        usleep(1000);
    for (long i = 0; i < threads; i++)
        finish(&fakes[i]);
}

static void a_thread_that_is_not_there_is_not_known(void **state)
{
    (void)state;
    io_clock_t clock = io_clock_find(INDEX);
    assert_false(clock.known);
    assert_false(io_clock_is_runnable(&clock));
    assert_int_equal(io_clock_ns(&clock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_at_work_is_runnable_and_its_clock_runs),
        cmocka_unit_test(a_thread_that_sleeps_is_not_runnable_and_its_clock_stands),
        cmocka_unit_test(a_machine_with_more_busy_threads_than_cpus_is_busy),
        cmocka_unit_test(a_thread_that_is_not_there_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
