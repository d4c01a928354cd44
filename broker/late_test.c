#include "late.h"
#include "testing.h"

#include <stdio.h>

static late_t late;

static int setup(void **state)
{
    (void)state;
    late_init(&late);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    late_fini(&late);
    return 0;
}

static route_t route_of(const char *name)
{
    route_t route;
    assert_true(route_set(&route, name, strlen(name)));
    return route;
}

static size_t keep_until_refused(const char *name, size_t len)
{
    static const uint8_t answer[1 << 19];
    const route_t peer = route_of(name);
    size_t kept = 0;
    while (late_keep(&late, &peer, answer, len))
        kept++;
    return kept;
}

static void late_knows_whose_answers_wait(void **state)
{
    (void)state;
    const route_t one = route_of("one"), other = route_of("other");
    assert_false(late_any(&late));
    assert_true(late_keep(&late, &one, "x", 1));
    assert_true(late_any(&late));
    assert_true(late_has(&late, &one));
    assert_false(late_has(&late, &other));
}

static void one_peer_takes_a_quarter_of_the_places_at_most(void **state)
{
    (void)state;
    const size_t quarter = keep_until_refused("greedy", 1);
    assert_true(quarter > 0);
    assert_int_equal(keep_until_refused("second", 1), quarter);
    assert_int_equal(keep_until_refused("third", 1), quarter);
    assert_int_equal(keep_until_refused("fourth", 1), quarter);
    assert_int_equal(keep_until_refused("late", 1), 0);
}

static void one_peer_takes_a_quarter_of_the_bytes_but_one_answer_of_any_size(void **state)
{
    (void)state;
    assert_int_equal(keep_until_refused("many", 2000), (1 << 18) / 2000);
    assert_int_equal(keep_until_refused("large", 1 << 19), 1);
}

static void answers_go_in_their_order_and_those_of_the_gone_are_counted(void **state)
{
    (void)state;
    void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int on = 1;
    char got[8];
    zmq_setsockopt(router, ZMQ_ROUTER_MANDATORY, &on, sizeof on);
    zmq_setsockopt(dealer, ZMQ_ROUTING_ID, "peer", 4);
    assert_int_equal(zmq_bind(router, "inproc://late"), 0);
    assert_int_equal(zmq_connect(dealer, "inproc://late"), 0);
    assert_int_equal(zmq_send(dealer, "hello", 5, 0), 5);
    assert_int_equal(zmq_recv(router, got, sizeof got, 0), 4); /* now it is known */
    const route_t peer = route_of("peer"), gone = route_of("gone");
    assert_true(late_keep(&late, &peer, "1", 1) && late_keep(&late, &gone, "2", 1) &&
                late_keep(&late, &peer, "3", 1));
    assert_int_equal(late_send(&late, router), 1);
    assert_false(late_any(&late));
    for (const char *want = "13"; *want != '\0'; want++) {
        assert_int_equal(zmq_recv(dealer, got, sizeof got, 0), 1);
        assert_int_equal(got[0], *want);
    }
    zmq_close(dealer);
    zmq_close(router);
    zmq_ctx_term(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(late_knows_whose_answers_wait),
        TEST(one_peer_takes_a_quarter_of_the_places_at_most),
        TEST(one_peer_takes_a_quarter_of_the_bytes_but_one_answer_of_any_size),
        TEST(answers_go_in_their_order_and_those_of_the_gone_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
