#include "loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

static void bytes_arrive_and_no_process_stays_behind(void **state)
{
    (void)state;
    double bytes_per_s = 0;
    assert_int_equal(loopback_measure("/tmp", 3, 0.05, &bytes_per_s), SL_OK);
    assert_true(bytes_per_s > 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_and_no_process_stays_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
