/* Bytes against a real server on a free loopback port.  The test's own thread runs the server's
 * turns between its reads, so nothing here races. */
#include "http/server.h"
#include "raw_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_BODY = 4096, PARKED_MAX = 8 };

typedef struct fixture {
    http_server_t *server;
    sl_clock_manual_t clock;
    counter_registry_t registry;
    int asked, gone;
    char method[32], target[512], headers[2048], body[MAX_BODY * 2];
    size_t body_len;
    bool park;
    http_request_t *parked[PARKED_MAX];
    size_t parked_count;
} fixture_t;

static void reply_text(http_request_t *request, unsigned status, const char *text)
{
    static const http_header_t extra[] = {{"X-Extra", "yes"}};
    http_request_reply(request, &(http_reply_t){.status = status,
                                                .type = "text/plain",
                                                .headers = extra,
                                                .header_count = 1,
                                                .body = text,
                                                .body_len = strlen(text)});
}

static void note_header(void *ctx, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    fixture_t *f = ctx;
    size_t used = strlen(f->headers);
    snprintf(f->headers + used, sizeof f->headers - used, "%.*s=%.*s;", (int)name_len, name,
             (int)value_len, value);
}

static void on_request(void *ctx, http_request_t *request)
{
    fixture_t *f = ctx;
    f->asked++;
    snprintf(f->method, sizeof f->method, "%s", http_request_method(request));
    snprintf(f->target, sizeof f->target, "%s", http_request_target(request));
    f->headers[0] = '\0';
    http_request_headers(request, note_header, f);
    const uint8_t *body = http_request_body(request, &f->body_len);
    assert_true(f->body_len <= MAX_BODY);
    memcpy(f->body, body, f->body_len);
    f->body[f->body_len] = '\0';
    assert_null(http_request_user(request));
    http_request_set_user(request, f);
    if (!f->park)
        reply_text(request, 200, f->target);
    else
        f->parked[f->parked_count++] = request;
}

static void on_gone(void *ctx, http_request_t *request)
{
    fixture_t *f = ctx;
    assert_ptr_equal(http_request_user(request), f);
    f->gone++;
    for (size_t i = 0; i < f->parked_count; i++)
        if (f->parked[i] == request)
            f->parked[i] = f->parked[--f->parked_count];
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->registry = COUNTER_REGISTRY_INIT;
    sl_clock_manual_init(&f->clock, 1000000000, 1000000000);
    http_server_options_t options = {.listen = "127.0.0.1:0",
                                     .on_request = on_request,
                                     .on_gone = on_gone,
                                     .ctx = f,
                                     .max_body = MAX_BODY,
                                     .max_head = 8192,
                                     .max_connections = 8,
                                     .idle_ms = 1000,
                                     .request_ms = 500,
                                     .clock = &f->clock.clock,
                                     .registry = &f->registry};
    *state = f;
    return http_server_create(&f->server, &options) == SL_OK ? 0 : -1;
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

/* -- whole requests ------------------------------------------------------------------------ */

static void a_request_arrives_as_it_was_sent(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "PUT //a%2Fb?Q=%41&+z HTTP/1.1\r\nhOsT: h\r\nX-Two:  b \r\nX-Two: a\r\n"
                "Content-Length: 5\r\n\r\nhello");
    raw_reply_t reply = raw_hear(&c);
    assert_int_equal(reply.status, 200);
    assert_string_equal(f->method, "PUT");
    assert_string_equal(f->target, "//a%2Fb?Q=%41&+z");
    assert_string_equal(reply.body, "//a%2Fb?Q=%41&+z");
    assert_non_null(strstr(f->headers, "hOsT=h;"));
    assert_non_null(strstr(f->headers, "X-Two=a;"));
    assert_string_equal(f->body, "hello");
    raw_close(&c);
}

static void an_absolute_target_stays_whole(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "GET http://h:80/queues?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 200);
    assert_string_equal(f->target, "http://h:80/queues?x=1");
    raw_close(&c);
}

static void a_chunked_body_is_joined(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 200);
    assert_string_equal(f->body, "abcdefg");
    raw_close(&c);
}

static void a_delete_may_have_a_body(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "DELETE /d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz");
    assert_int_equal(raw_hear(&c).status, 200);
    assert_string_equal(f->body, "xyz");
    raw_close(&c);
}

static void expect_is_answered_before_the_body(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 100);
    raw_say(&c, "ok");
    assert_int_equal(raw_hear(&c).status, 200);
    assert_string_equal(f->body, "ok");
    raw_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
                "POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxGET /4 HTTP/1.1\r\nHost: "
                "h\r\n\r\n");
    for (int i = 1; i <= 4; i++) {
        raw_reply_t reply = raw_hear(&c);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body[1], '0' + i);
    }
    assert_int_equal(counted(f, HTTP_COUNT_ACCEPTED), 1);
    raw_close(&c);
}

static void http_1_0_closes_unless_it_asks_to_stay(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "GET /k HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 200);
    raw_say(&c, "GET /k HTTP/1.0\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 200);
    RAW_WAIT(&c, c.closed);
    raw_close(&c);
}

static void bodies_may_be_given_away(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&c, f->parked_count == 1);
    http_request_reply(f->parked[0], &(http_reply_t){.status = 201,
                                                     .body = strdup("given"),
                                                     .body_len = 5,
                                                     .ownership = HTTP_BODY_TAKE});
    raw_reply_t reply = raw_hear(&c);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply.body, "given");
    raw_close(&c);
}

/* -- parked requests ----------------------------------------------------------------------- */

static void a_parked_request_is_answered_later(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    f->park = true;
    client_open(&c, f);
    for (int round = 0; round < 3; round++) { /* the connection survives it */
        raw_say(&c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
        RAW_WAIT(&c, f->parked_count == 1);
        assert_int_equal(counted(f, HTTP_COUNT_PARKED), 1);
        sl_clock_manual_advance(&f->clock, 60000000000); /* no deadline runs meanwhile */
        for (int i = 0; i < 5; i++)
            raw_turn(&c);
        assert_int_equal(c.len, 0);
        assert_false(http_request_hung_up(f->parked[0]));
        f->parked_count = 0;
        reply_text(f->parked[0], 404, "nothing came");
        raw_reply_t reply = raw_hear(&c);
        assert_int_equal(reply.status, 404);
        assert_string_equal(reply.body, "nothing came");
        assert_int_equal(counted(f, HTTP_COUNT_PARKED), 0);
    }
    assert_int_equal(f->gone, 0);
    raw_close(&c);
}

static void a_hang_up_while_parked_is_told(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    f->park = true;
    client_open(&c, f);
    client_open(&other, f);
    raw_say(&c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&other, f->parked_count == 1);
    raw_close(&c);
    RAW_WAIT(&other, f->gone == 1);
    RAW_WAIT(&other, counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    assert_int_equal(counted(f, HTTP_COUNT_HANGUPS), 1);
    assert_int_equal(counted(f, HTTP_COUNT_PARKED), 0);
    raw_close(&other);
}

static void a_hang_up_is_seen_before_the_turn_that_tells_it(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&c, f->parked_count == 1);
    raw_close(&c);
    assert_true(http_request_hung_up(f->parked[0]));
}

static void one_who_left_before_being_heard_is_let_go(void **state)
{
    fixture_t *f = *state;
    static const char *const said[] = {"", "GE", "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                                       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"};
    raw_client_t c, other;
    for (int park = 0; park < 2; park++)
        for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
            f->park = park;
            raw_open(&c, http_server_url(f->server), turn, f);
            raw_say(&c, said[i]);
            raw_close(&c); /* before the server had a turn */
        }
    client_open(&other, f);
    RAW_WAIT(&other,
             counted(f, HTTP_COUNT_ACCEPTED) == 9 && counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    assert_int_equal(counted(f, HTTP_COUNT_TIMEOUTS), 0);
    assert_int_equal(f->parked_count, 0);
    raw_close(&other);
}

static void one_who_only_listens_still_gets_his_reply(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /last HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    shutdown(c.fd, SHUT_WR);
    assert_string_equal(raw_hear(&c).body, "/last");
    RAW_WAIT(&c, c.closed);
    raw_close(&c);
}

static void a_reply_to_one_who_just_hung_up_is_harmless(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&c, f->parked_count == 1);
    raw_close(&c);
    reply_text(f->parked[0], 200, "too late");
    client_open(&other, f);
    RAW_WAIT(&other,
             counted(f, HTTP_COUNT_ACCEPTED) == 2 && counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    assert_int_equal(f->gone, 0);
    raw_close(&other);
}

static void destroy_tells_the_parked(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&c, f->parked_count == 1);
    http_server_destroy(&f->server);
    assert_int_equal(f->gone, 1);
    raw_close(&c);
}

/* -- broken on purpose --------------------------------------------------------------------- */

static void a_connection_may_be_reset(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    f->park = true;
    client_open(&c, f);
    client_open(&other, f);
    raw_say(&c, "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&other, f->parked_count == 1);
    http_request_break(f->parked[0], NULL);
    RAW_WAIT(&c, c.closed);
    assert_true(c.reset);
    assert_int_equal(c.len, 0);
    RAW_WAIT(&other, counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    assert_int_equal(f->gone, 0);
    raw_close(&c);
    raw_close(&other);
}

static void half_a_reply_may_be_sent(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /bad HTTP/1.1\r\nHost: h\r\n\r\n");
    RAW_WAIT(&c, f->parked_count == 1);
    size_t len = 200000;
    char *body = malloc(len);
    memset(body, 'b', len);
    http_request_break(f->parked[0], &(http_reply_t){.status = 200,
                                                     .type = "text/plain",
                                                     .body = body,
                                                     .body_len = len,
                                                     .ownership = HTTP_BODY_TAKE});
    RAW_WAIT(&c, c.closed);
    assert_false(c.reset);
    assert_memory_equal(c.in, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(c.in, "Content-Length: 200000\r\n"));
    assert_in_range(c.len, len / 2, len / 2 + 200);
    raw_close(&c);
}

/* -- bounds -------------------------------------------------------------------------------- */

static void an_announced_body_too_large_is_413(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 4097\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 413);
    assert_int_equal(f->asked, 0);
    assert_int_equal(counted(f, HTTP_COUNT_TOO_LARGE), 1);
    raw_close(&c);
}

static void a_chunked_body_too_large_is_413(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    char chunk[1100];
    int head = sprintf(chunk, "400\r\n");
    memset(chunk + head, 'x', 1024);
    memcpy(chunk + head + 1024, "\r\n", 3);
    client_open(&c, f);
    raw_say(&c, "POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++)
        raw_say(&c, chunk);
    raw_say(&c, "0\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 413);
    assert_int_equal(f->asked, 0);
    raw_close(&c);
}

static void an_endless_body_is_cut(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    char chunk[1100];
    int head = sprintf(chunk, "400\r\n");
    memset(chunk + head, 'x', 1024);
    memcpy(chunk + head + 1024, "\r\n", 3);
    client_open(&c, f);
    raw_say(&c, "POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100 && !c.closed; i++) {
        raw_say(&c, chunk);
        raw_turn(&c);
    }
    assert_true(c.closed);
    assert_int_equal(f->asked, 0);
    raw_close(&c);
}

static void a_head_too_large_is_refused(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 400 && !c.closed; i++) {
        raw_say(&c, "X-Filler: 0123456789012345678901234567890123456789\r\n");
        raw_turn(&c);
    }
    RAW_WAIT(&c, c.closed || c.len > 0);
    assert_int_equal(f->asked, 0);
    if (c.len > 0)
        assert_memory_equal(c.in, "HTTP/1.1 4", 10);
    raw_close(&c);
}

static void bytes_that_are_no_http_hurt_nobody(void **state)
{
    fixture_t *f = *state;
    static const char *const junk[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
        "GET / HTT",
        ": : :\r\n: \r\n\r\n",
    };
    raw_client_t c;
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        client_open(&c, f);
        raw_say(&c, junk[i]);
        for (int turn = 0; turn < 3; turn++)
            raw_turn(&c);
        raw_close(&c);
    }
    f->asked = 0;
    client_open(&c, f);
    raw_say(&c, "GET /fine HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(raw_hear(&c).status, 200);
    assert_string_equal(f->target, "/fine");
    raw_close(&c);
}

static void a_silent_connection_is_cut(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    RAW_WAIT(&c, counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    sl_clock_manual_advance(&f->clock, 999000000);
    raw_turn(&c);
    assert_false(c.closed);
    sl_clock_manual_advance(&f->clock, 2000000);
    RAW_WAIT(&c, c.closed);
    RAW_WAIT(&c, counted(f, HTTP_COUNT_CONNECTIONS) == 0);
    assert_int_equal(counted(f, HTTP_COUNT_TIMEOUTS), 1);
    raw_close(&c);
}

static void a_slow_sender_is_cut_though_it_keeps_sending(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    client_open(&c, f);
    raw_say(&c, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 5; i++)
        raw_turn(&c);
    for (int i = 0; i < 8 && !c.closed; i++) {
        raw_say(&c, "x");
        raw_turn(&c);
        sl_clock_manual_advance(&f->clock, 100000000);
    }
    RAW_WAIT(&c, c.closed);
    assert_int_equal(f->asked, 0);
    raw_close(&c);
}

static void one_who_does_not_take_his_reply_is_cut(void **state)
{
    fixture_t *f = *state;
    raw_client_t c, other;
    f->park = true;
    client_open(&c, f);
    raw_say(&c, "GET /huge HTTP/1.1\r\nHost: h\r\n\r\n");
    client_open(&other, f);
    RAW_WAIT(&other, f->parked_count == 1);
    size_t len = 64u << 20; /* more than any socket buffer */
    http_request_reply(f->parked[0], &(http_reply_t){.status = 200,
                                                     .body = calloc(1, len),
                                                     .body_len = len,
                                                     .ownership = HTTP_BODY_TAKE});
    for (int i = 0; i < 20; i++)
        raw_turn(&other);
    sl_clock_manual_advance(&f->clock, 501000000);
    RAW_WAIT(&other, counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    assert_int_equal(counted(f, HTTP_COUNT_TIMEOUTS), 1);
    raw_close(&c);
    raw_close(&other);
}

static void connections_over_the_limit_wait_their_turn(void **state)
{
    fixture_t *f = *state;
    raw_client_t c[10];
    for (int i = 0; i < 10; i++) {
        client_open(&c[i], f);
        raw_say(&c[i], "GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(raw_hear(&c[i]).status, 200);
    assert_int_equal(counted(f, HTTP_COUNT_CONNECTIONS), 8);
    assert_int_equal(f->asked, 8);
    raw_close(&c[0]);
    raw_close(&c[1]);
    assert_int_equal(raw_hear(&c[8]).status, 200);
    assert_int_equal(raw_hear(&c[9]).status, 200);
    for (int i = 2; i < 10; i++)
        raw_close(&c[i]);
}

/* -- the loop ------------------------------------------------------------------------------ */

static void on_eventfd(void *ctx)
{
    eventfd_t value;
    int *fd = ctx;
    eventfd_read(*fd, &value);
    *fd = -*fd;
}

static void a_watched_descriptor_wakes_the_loop(void **state)
{
    fixture_t *f = *state;
    int fd = eventfd(0, EFD_NONBLOCK), seen = fd;
    assert_int_equal(http_server_watch(f->server, fd, on_eventfd, &seen), SL_OK);
    eventfd_write(fd, 1);
    http_server_run(f->server, -1);
    assert_int_equal(seen, -fd);
    http_server_destroy(&f->server);
    close(fd);
}

static void the_next_deadline_is_known(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    assert_int_equal(http_server_timeout_ms(f->server), -1);
    client_open(&c, f);
    RAW_WAIT(&c, counted(f, HTTP_COUNT_CONNECTIONS) == 1);
    RAW_WAIT(&c, http_server_timeout_ms(f->server) == 1000);
    sl_clock_manual_advance(&f->clock, 400000000);
    assert_int_equal(http_server_timeout_ms(f->server), 600);
    raw_close(&c);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_request_arrives_as_it_was_sent),
        WITH_SERVER(an_absolute_target_stays_whole),
        WITH_SERVER(a_chunked_body_is_joined),
        WITH_SERVER(a_delete_may_have_a_body),
        WITH_SERVER(expect_is_answered_before_the_body),
        WITH_SERVER(pipelined_requests_are_answered_in_order),
        WITH_SERVER(http_1_0_closes_unless_it_asks_to_stay),
        WITH_SERVER(bodies_may_be_given_away),
        WITH_SERVER(a_parked_request_is_answered_later),
        WITH_SERVER(a_hang_up_while_parked_is_told),
        WITH_SERVER(a_hang_up_is_seen_before_the_turn_that_tells_it),
        WITH_SERVER(one_who_left_before_being_heard_is_let_go),
        WITH_SERVER(one_who_only_listens_still_gets_his_reply),
        WITH_SERVER(a_reply_to_one_who_just_hung_up_is_harmless),
        WITH_SERVER(destroy_tells_the_parked),
        WITH_SERVER(a_connection_may_be_reset),
        WITH_SERVER(half_a_reply_may_be_sent),
        WITH_SERVER(an_announced_body_too_large_is_413),
        WITH_SERVER(a_chunked_body_too_large_is_413),
        WITH_SERVER(an_endless_body_is_cut),
        WITH_SERVER(a_head_too_large_is_refused),
        WITH_SERVER(bytes_that_are_no_http_hurt_nobody),
        WITH_SERVER(a_silent_connection_is_cut),
        WITH_SERVER(a_slow_sender_is_cut_though_it_keeps_sending),
        WITH_SERVER(one_who_does_not_take_his_reply_is_cut),
        WITH_SERVER(connections_over_the_limit_wait_their_turn),
        WITH_SERVER(a_watched_descriptor_wakes_the_loop),
        WITH_SERVER(the_next_deadline_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
