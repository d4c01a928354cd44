/* Each test is a process of its own, which gets the signal. */
#include "signals.h"
#include "testing.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEARD = 7, LONG_S = 20 };

/* Starts; reads what came, if it lives to see it. */
static void live(bool start_ends, int ready)
{
    signals_t s;
    alarm(LONG_S); /* a start that hears nothing */
    signals_open(&s);
    if (start_ends)
        signals_started(&s);
    if (write(ready, "", 1) != 1)
        _exit(1);
    if (!start_ends)
        for (;;)
            pause();
    poll(&(struct pollfd){.fd = s.fd, .events = POLLIN}, 1, -1);
    bool heard = signals_take(&s);
    signals_close(&s);
    _exit(heard ? HEARD : 1);
}

/* @return how it ended. */
static int send_to_one(bool start_ends, int signal)
{
    int ready[2], status;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(start_ends, ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(kill(pid, signal), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void signal_ends_a_start_at_once(void **state)
{
    (void)state;
    static const int all[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int status = send_to_one(false, all[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), all[i]);
    }
}

static void signal_after_the_start_is_read_from_the_descriptor(void **state)
{
    (void)state;
    static const int all[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        int status = send_to_one(true, all[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), HEARD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signal_ends_a_start_at_once),
        cmocka_unit_test(signal_after_the_start_is_read_from_the_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
