#include "thread_cpu.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BURN_NS = 50000000, MISSED_NS = 10000000 /* a tick, where that is how the kernel counts */ };

typedef struct burner {
    sem_t burnt, leave;
} burner_t;

static uint64_t own_cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *burn(void *ctx)
{
    burner_t *burner = ctx;
    pthread_setname_np(pthread_self(), "burner/1");
    while (own_cpu_ns() < BURN_NS)
        continue;
    sem_post(&burner->burnt);
    while (sem_wait(&burner->leave) != 0)
        continue;
    return NULL;
}

static void a_threads_time_is_found_by_its_name(void **state)
{
    (void)state;
    burner_t burner;
    pthread_t thread;
    sem_init(&burner.burnt, 0, 0);
    sem_init(&burner.leave, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, burn, &burner), 0);
    while (sem_wait(&burner.burnt) != 0)
        continue;
    uint64_t ns = thread_cpu_ns(getpid(), "burner/1");
    sem_post(&burner.leave);
    pthread_join(thread, NULL);
    assert_in_range(ns, BURN_NS - MISSED_NS, 2 * (uint64_t)BURN_NS);
}

static void a_name_that_no_thread_has_took_no_time(void **state)
{
    (void)state;
    assert_int_equal(thread_cpu_ns(getpid(), "burner"), 0);
    assert_int_equal(thread_cpu_ns(-1, "burner/1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_threads_time_is_found_by_its_name),
        cmocka_unit_test(a_name_that_no_thread_has_took_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
