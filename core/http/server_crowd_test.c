/* What keeps a server useful when many want something of it: a look at the head before the body, an
 * answer to who sends too much, and room for the quick among the slow. */
#include "http/server.h"
#include "raw_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { CONNECTIONS = 8, CROWD = 40, MAX_BODY = 1000 };

typedef struct fixture {
    http_server_t *server;
    sl_clock_manual_t clock;
    counter_registry_t registry;
    bool park;
    http_request_t *parked;
    int heads, asked, gone;
} fixture_t;

static void reply(http_request_t *request, unsigned status)
{
    http_request_reply(request, &(http_reply_t){.status = status});
}

static void on_head(void *ctx, http_request_t *request)
{
    fixture_t *f = ctx;
    f->heads++;
    if (strcmp(http_request_target(request), "/secret") != 0)
        reply(request, 404);
}

static void on_too_large(void *ctx, http_request_t *request)
{
    size_t len;
    (void)ctx;
    http_request_body(request, &len);
    assert_int_equal(len, 0);
    reply(request, 400);
}

static void on_request(void *ctx, http_request_t *request)
{
    fixture_t *f = ctx;
    f->asked++;
    if (f->park)
        f->parked = request;
    else
        reply(request, 204);
}

static void on_gone(void *ctx, http_request_t *request)
{
    (void)request;
    ((fixture_t *)ctx)->gone++;
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->registry = COUNTER_REGISTRY_INIT;
    sl_clock_manual_init(&f->clock, 1000000000, 1000000000);
    *state = f;
    return http_server_create(&f->server,
                              &(http_server_options_t){
                                  .listen = "127.0.0.1:0",
                                  .on_head = on_head,
                                  .on_too_large = on_too_large,
                                  .on_request = on_request,
                                  .on_gone = on_gone,
                                  .ctx = f,
                                  .max_body = MAX_BODY,
                                  .max_connections = CONNECTIONS,
                                  .make_room = true,
                                  .clock = &f->clock.clock,
                                  .registry = &f->registry,
                                  .labels = "source=\"a\"",
                              }) == SL_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    http_server_destroy(&f->server);
    free(f);
    return 0;
}

static void turn(void *ctx)
{
    http_server_run(((fixture_t *)ctx)->server, 2);
}

static void client_open(raw_client_t *c, fixture_t *f)
{
    raw_open(c, http_server_url(f->server), turn, f);
}

static uint64_t counted(fixture_t *f, int counter)
{
    return counter_get(&f->registry.sets->values[counter]);
}

/* -- the head ------------------------------------------------------------------------------ */

static void a_head_that_is_refused_has_no_body_read(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 404);
    RAW_WAIT(&c, c.closed);
    assert_int_equal(f->asked, 0);
    raw_close(&c);
}

static void a_head_that_is_let_pass_is_seen_once(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    for (int i = 1; i <= 2; i++) {
        raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
        raw_say(&c, "lo");
        assert_int_equal(raw_hear(&c).status, 204);
        assert_int_equal(f->heads, i);
        assert_int_equal(f->asked, i);
    }
    raw_close(&c);
}

/* -- the size ------------------------------------------------------------------------------ */

static void say_body(raw_client_t *c, size_t len)
{
    char text[MAX_BODY * 4 + 100];
    memset(text, 'x', len);
    text[len] = '\0';
    raw_say(c, text);
}

static void who_sends_too_much_hears_the_owner_then(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n");
    say_body(&c, 2000);
    for (int i = 0; i < 10; i++)
        turn(f);
    assert_int_equal(counted(f, HTTP_COUNT_TOO_LARGE), 0); /* it would not hear it yet */
    say_body(&c, 2000);
    assert_int_equal(raw_hear(&c).status, 400);
    assert_int_equal(counted(f, HTTP_COUNT_TOO_LARGE), 1);
    assert_int_equal(f->asked, 0);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(raw_hear(&c).status, 204);
    raw_close(&c);
}

static void who_asks_first_hears_at_once_that_it_is_too_much(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n"
                "Expect: 100-continue\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 400);
    raw_close(&c);
}

static void far_too_much_is_not_waited_for(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 4001\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 400);
    raw_close(&c);
    client_open(&c, f);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\n"
                "Content-Length: 99999999999999999999999\r\n\r\n");
    RAW_WAIT(&c, c.closed);
    assert_int_equal(f->asked, 0);
    raw_close(&c);
}

/* -- the crowd ----------------------------------------------------------------------------- */

/* More slow senders than connections, each at a different point of a request. */
static void open_crowd(fixture_t *f, raw_client_t *slow)
{
    static const char *const part[] = {
        "", "POST /sec", "POST /secret HTTP/1.1\r\nHost: h\r\n",
        "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
        "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"};
    for (int i = 0; i < CROWD; i++) {
        client_open(&slow[i], f);
        raw_say(&slow[i], part[i % 5]);
        raw_turn(&slow[i]);
    }
}

static void the_quick_are_served_among_any_number_of_slow(void **state)
{
    fixture_t *f = *state;
    raw_client_t slow[CROWD], quick;
    open_crowd(f, slow);
    for (int i = 0; i < 20; i++) {
        client_open(&quick, f);
        raw_say(&quick, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        assert_int_equal(raw_hear(&quick).status, 204);
        raw_close(&quick);
    }
    assert_true(counted(f, HTTP_COUNT_CROWDED_OUT) >= CROWD - CONNECTIONS);
    assert_int_equal(counted(f, HTTP_COUNT_TIMEOUTS), 0);
    for (int i = 0; i < CROWD; i++)
        raw_close(&slow[i]);
}

static void who_waits_for_an_answer_is_not_crowded_out(void **state)
{
    fixture_t *f = *state;
    raw_client_t slow[CROWD], waiting;
    f->park = true;
    client_open(&waiting, f);
    raw_say(&waiting, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    RAW_WAIT(&waiting, f->parked != NULL);
    open_crowd(f, slow);
    RAW_WAIT(&waiting, counted(f, HTTP_COUNT_CONNECTIONS) <= CONNECTIONS);
    assert_int_equal(f->gone, 0);
    reply(f->parked, 204);
    assert_int_equal(raw_hear(&waiting).status, 204);
    raw_close(&waiting);
    for (int i = 0; i < CROWD; i++)
        raw_close(&slow[i]);
}

/* -- an end -------------------------------------------------------------------------------- */

static void what_is_not_sent_yet_is_known(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    f->park = true;
    client_open(&c, f);
    client_open(&other, f);
    assert_int_equal(http_server_unsent(f->server), 0);
    raw_say(&c, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    RAW_WAIT(&c, f->parked != NULL);
    assert_int_equal(http_server_unsent(f->server), 0);
    size_t len = 64u << 20; /* more than any socket buffer */
    http_request_reply(f->parked, &(http_reply_t){.status = 200,
                                                  .body = calloc(1, len),
                                                  .body_len = len,
                                                  .ownership = HTTP_BODY_TAKE});
    assert_int_equal(http_server_unsent(f->server), 1);
    for (int i = 0; i < 5; i++)
        raw_turn(&other);
    assert_int_equal(http_server_unsent(f->server), 1);
    RAW_WAIT(&c, (c.len = 0, http_server_unsent(f->server) == 0)); /* read and thrown away */
    f->parked = NULL;
    raw_say(&other, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    RAW_WAIT(&other, f->parked != NULL);
    raw_close(&other);
    while (f->gone == 0)
        turn(f);
    while (http_server_unsent(f->server) > 0)
        turn(f);
    raw_close(&c);
}

static void counters_carry_the_labels_of_their_server(void **state)
{
    fixture_t *f = *state;
    sl_buf_t text = SL_BUF_INIT;
    counter_render(&f->registry, &text);
    sl_buf_append_byte(&text, '\0');
    assert_non_null(
        strstr((const char *)text.data, "\nsluice_http_accepted_total{source=\"a\"} 0\n"));
    sl_buf_fini(&text);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_head_that_is_refused_has_no_body_read),
        WITH_SERVER(a_head_that_is_let_pass_is_seen_once),
        WITH_SERVER(who_sends_too_much_hears_the_owner_then),
        WITH_SERVER(who_asks_first_hears_at_once_that_it_is_too_much),
        WITH_SERVER(far_too_much_is_not_waited_for),
        WITH_SERVER(the_quick_are_served_among_any_number_of_slow),
        WITH_SERVER(who_waits_for_an_answer_is_not_crowded_out),
        WITH_SERVER(what_is_not_sent_yet_is_known),
        WITH_SERVER(counters_carry_the_labels_of_their_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
