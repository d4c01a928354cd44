/* carrier_test.c - do carriers carry?  Each with a real server, one publisher and three
 * subscribers: all that is published arrives at each, once, and each topic in its order.  Without
 * arguments those whose programs are ours or libzmq's; `carrier_test nats redis-lean …` tries
 * others, held and not, where their servers are. */
#include "carrier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SUBS = 3,
    ROUNDS = 2, /* of EVENTS each: what is repeated in the first shows in the second */
    EVENTS = 500,
    EVENT_BYTES = 320,
    TURN_EVENTS = 100,
    TRIES_MAX = 98,
    WAIT_MS = 5,
    TIMEOUT_MS = 20000,
    LEAVE_TIMEOUT_MS = 60000,
};

/* One carrier in one setting. */
typedef struct
try {
    const char *name;
    daemons_transport_t transport;
    bool limited; /* not held */
    bool single;
}
try_t;

static const try_t ours[] = {
    {.name = "sluice"},
    {.name = "sluice", .transport = DAEMONS_IPC, .limited = true, .single = true},
    {.name = "sluice-packed"},
    {.name = "xpub"},
    {.name = "xpub", .transport = DAEMONS_IPC, .limited = true},
    {.name = "proxy"},
    {.name = "proxy-packed", .transport = DAEMONS_IPC},
};

/* -- the process with the clients ----------------------------------------------------------- */

typedef struct client {
    const carrier_plan_t *plan;
    size_t due; /* events published so far */
    size_t missing;
    bool wrong; /* twice, not yet published, out of order, or none of ours */
    void *sub;
    size_t next[MIX_TOPICS]; /* least counter of each topic that may come */
    bool seen[ROUNDS * EVENTS];
} client_t;

static void on_event(void *ctx, const void *data, size_t len)
{
    client_t *client = ctx;
    mix_origin_t origin;
    if (len != EVENT_BYTES || !mix_origin_of(data, len, &origin) || origin.counter >= client->due ||
        client->seen[origin.counter]) {
        client->wrong = true;
        return;
    }
    size_t *next = &client->next[origin.counter % MIX_TOPICS]; /* topics take turns */
    client->wrong = client->wrong || origin.counter < *next;
    *next = origin.counter + MIX_TOPICS;
    client->seen[origin.counter] = true;
    client->missing--;
}

static void on_fault(void *ctx)
{
    ((client_t *)ctx)->wrong = true;
}

static bool drain(client_t *client)
{
    const carrier_sink_t sink = {.ctx = client, .event = on_event, .fault = on_fault};
    return client->plan->ops->sub_drain(client->sub, &sink) && !client->wrong;
}

static bool join(client_t *clients, int epoll)
{
    for (size_t i = 0; i < SUBS; i++) {
        int fd = -1;
        clients[i].sub = clients[i].plan->ops->sub_open(clients[i].plan, &fd);
        struct epoll_event watched = {.events = EPOLLIN | EPOLLET, .data.ptr = &clients[i]};
        if (clients[i].sub == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &watched) != 0 ||
            !drain(&clients[i]))
            return false;
    }
    return true;
}

/* Lets the subscribers take what comes, until `done`. */
static bool serve(client_t *clients, int epoll, void *pub, bool (*turn)(void *pub),
                  bool (*done)(const client_t *clients, void *pub))
{
    for (int waited_ms = 0; !done(clients, pub); waited_ms += WAIT_MS) {
        struct epoll_event fired[SUBS];
        int count = epoll_wait(epoll, fired, SUBS, WAIT_MS);
        for (int i = 0; i < count; i++)
            if (!drain(fired[i].data.ptr))
                return false;
        if (waited_ms > TIMEOUT_MS || (turn != NULL && !turn(pub)))
            return false;
    }
    return true;
}

static bool all_ready(const client_t *clients, void *pub)
{
    const carrier_ops_t *ops = clients[0].plan->ops;
    for (size_t i = 0; i < SUBS; i++)
        if (!ops->sub_ready(clients[i].sub))
            return false;
    return ops->pub_ready == NULL || ops->pub_ready(pub);
}

static bool all_have_all(const client_t *clients, void *pub)
{
    (void)pub;
    for (size_t i = 0; i < SUBS; i++)
        if (clients[i].missing > 0)
            return false;
    return true;
}

static bool publish_round(client_t *clients, void *pub, mix_t *mix)
{
    const carrier_ops_t *ops = clients[0].plan->ops;
    for (size_t i = 0; i < SUBS; i++) {
        clients[i].due += EVENTS;
        clients[i].missing += EVENTS;
    }
    for (size_t i = 0; i < EVENTS; i++) {
        mix_event_t event;
        mix_next(mix, &event);
        if (!ops->pub_send(pub, &event))
            return false;
        if (i % TURN_EVENTS == 0 && ops->pub_turn != NULL && !ops->pub_turn(pub))
            return false;
    }
    return ops->pub_flush(pub);
}

static bool carry(client_t *clients, int epoll, void *pub, mix_t *mix)
{
    const carrier_ops_t *ops = clients[0].plan->ops;
    if (!join(clients, epoll) || !serve(clients, epoll, pub, ops->pub_flush, all_ready))
        return false;
    for (int round = 0; round < ROUNDS; round++)
        if (!publish_round(clients, pub, mix) ||
            !serve(clients, epoll, pub, ops->pub_turn, all_have_all))
            return false;
    return true;
}

/* A worker, as the benches have them: the process that starts servers holds no socket itself. */
static int run_clients(void *ctx, size_t index)
{
    const carrier_plan_t *plan = ctx;
    static client_t clients[SUBS];
    mix_t *mix = NULL;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    void *pub = plan->ops->pub_open(plan);
    bool good =
        epoll >= 0 && pub != NULL && mix_create(&mix, EVENT_BYTES, (uint32_t)index) == SL_OK;
    for (size_t i = 0; i < SUBS; i++)
        clients[i] = (client_t){.plan = plan};
    good = good && carry(clients, epoll, pub, mix);
    for (size_t i = 0; i < SUBS; i++) {
        if (!good)
            fprintf(stderr, "%s: subscriber %zu: %zu events missing%s\n", plan->ops->name, i,
                    clients[i].missing, clients[i].wrong ? ", and something was wrong" : "");
        if (clients[i].sub != NULL)
            plan->ops->sub_close(clients[i].sub);
    }
    if (pub != NULL)
        plan->ops->pub_close(pub);
    mix_destroy(&mix);
    close(epoll);
    return good ? 0 : 1;
}

/* -- the tests ------------------------------------------------------------------------------ */

static void put_topics(carrier_plan_t *plan)
{
    static mix_t *mix; /* the names live as long as it */
    if (mix == NULL)
        assert_int_equal(mix_create(&mix, EVENT_BYTES, 0), SL_OK);
    for (size_t i = 0; i < MIX_TOPICS; i++)
        plan->topics[i] = mix_topic(mix, i);
}

static void all_arrives_everywhere_once(void **state)
{
    const try_t *try = *state;
    const carrier_ops_t *ops = carriers_find(try->name);
    if (ops == NULL)
        fail_msg("there is no carrier %s; package: %s", try->name, carriers_package(try->name));
    bench_place_t place = {.dir = "/tmp/carrier-test-XXXXXX", .bin = SLUICE_BIN_DIR};
    proc_set_t set;
    carrier_plan_t plan = {.single = try->single};
    carrier_server_t server;
    proc_t *clients = NULL;
    assert_non_null(mkdtemp(place.dir));
    put_topics(&plan);
    assert_int_equal(proc_set_init(&set, CARRIER_SERVER_PROCESSES + 1, place.dir), SL_OK);
    const carrier_setup_t setup = {
        .set = &set, .place = &place, .transport = try->transport, .held = !try->limited};
    sl_err started = carrier_start(ops, &setup, &plan, &server);
    if (started == SL_OK)
        started = proc_start_worker(&set, &clients, "clients", run_clients, &plan, 0);
    if (started == SL_OK)
        started = proc_wait(clients, LEAVE_TIMEOUT_MS);
    int status = clients != NULL ? clients->status : -1;
    bool version = server.version[0] != '\0';
    proc_set_fini(&set);
    bench_clear(&place);
    rmdir(place.dir);
    assert_int_equal(started, SL_OK);
    assert_int_equal(status, 0);
    assert_true(version);
}

static void every_carrier_is_found_by_its_name_and_packed(void **state)
{
    (void)state;
    for (size_t i = 0; carriers[i] != NULL; i++) {
        char packed[64];
        snprintf(packed, sizeof packed, "%s-packed", carriers[i]->name);
        assert_ptr_equal(carriers_find(carriers[i]->name), carriers[i]);
        assert_string_equal(carriers_find(packed)->name, packed);
        assert_ptr_equal(carriers_find(packed), carrier_packed(carriers[i]));
        assert_non_null(carriers[i]->guarantee);
        assert_non_null(carriers[i]->settings);
    }
}

static void a_carrier_is_there_or_its_package_is_named(void **state)
{
    (void)state;
    static const char *const names[] = {"nats",         "redis",     "mosquitto",
                                        "redis-stream", "jetstream", "mosquitto-packed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(carriers_find(names[i]) != NULL || carriers_package(names[i]) != NULL);
    assert_null(carriers_find("carrier-pigeon"));
    assert_null(carriers_find("nats-lean-packed-packed"));
    assert_null(carriers_package("carrier-pigeon"));
}

static void who_keeps_events_says_so_packed_too(void **state)
{
    (void)state;
    static const char *const keepers[] = {"sluice", "jetstream", "redis-stream"};
    for (size_t i = 0; carriers[i] != NULL; i++) {
        bool keeps = false;
        for (size_t j = 0; j < sizeof keepers / sizeof keepers[0]; j++)
            keeps = keeps || strcmp(carriers[i]->name, keepers[j]) == 0;
        assert_int_equal(carriers[i]->keeps, keeps);
        assert_int_equal(carrier_packed(carriers[i])->keeps, keeps);
    }
}

static void a_name_that_begins_as_anothers_is_its_own(void **state)
{
    (void)state;
    const carrier_ops_t *redis = carriers_find("redis"), *stream = carriers_find("redis-stream");
    assert_true(redis == NULL || redis != stream);
    assert_string_equal(carriers_package("redis-stream-packed"), "libhiredis-dev");
    assert_null(carriers_package("redis-streams"));
}

static void who_goes_over_tcp_only_says_so(void **state)
{
    (void)state;
    const carrier_setup_t setup = {.transport = DAEMONS_IPC};
    carrier_plan_t plan = {0};
    carrier_server_t server;
    assert_int_equal(carrier_start(&carrier_nats_lean, &setup, &plan, &server), SL_EINVAL);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest table[] = {
        cmocka_unit_test(every_carrier_is_found_by_its_name_and_packed),
        cmocka_unit_test(a_carrier_is_there_or_its_package_is_named),
        cmocka_unit_test(who_keeps_events_says_so_packed_too),
        cmocka_unit_test(a_name_that_begins_as_anothers_is_its_own),
        cmocka_unit_test(who_goes_over_tcp_only_says_so),
    };
    static try_t tries[TRIES_MAX];
    static struct CMUnitTest tests[TRIES_MAX];
    size_t count = 0;
    for (int i = 1; i < argc && count + 1 < TRIES_MAX; i++) {
        tries[count++] = (try_t){.name = argv[i]};
        tries[count++] = (try_t){.name = argv[i], .limited = true, .single = true};
    }
    for (size_t i = 0; argc == 1 && i < sizeof ours / sizeof ours[0]; i++)
        tries[count++] = ours[i];
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = tries[i].name,
                                       .test_func = all_arrives_everywhere_once,
                                       .initial_state = &tries[i]};
    int failed = cmocka_run_group_tests(table, NULL, NULL);
    return failed +
           _cmocka_run_group_tests("all arrives everywhere once", tests, count, NULL, NULL);
}
