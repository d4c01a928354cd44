/* mns_push_fetch_test.c - certificates are fetched when they must be, once, and kept.
 *
 * A loopback server gives them; the test owns the time in which they age. */
#include "mns_push_sample.h"
#include "mns_push_server.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 86400, HOUR_MS = 3600 * 1000 };

/* A verifier, the only server it may ask, and the time both live in. */
typedef struct scene {
    push_server_t *server;
    mns_push_verifier_t *verifier;
    int64_t now_s;
    char host[32];
} scene_t;

static EVP_PKEY *key, *next_key;
static char *pem, *next_pem; /* their certificates, expired */
static sample_t sample;

static scene_t *scene_begin(mns_push_options_t options)
{
    scene_t *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->server = push_server_create("localhost");
    scene->now_s = SAMPLE_NOW_S;
    snprintf(scene->host, sizeof scene->host, "localhost:%d", push_server_port(scene->server));
    options.size = sizeof options;
    options.hosts = (const char *const[]){scene->host, NULL};
    options.ca_file = push_server_ca(scene->server);
    options.skew_s = 30 * DAY_S;
    options.now_s = sample_now_s;
    options.now_ctx = &scene->now_s;
    if (options.fetch_timeout_ms == 0)
        options.fetch_timeout_ms = 10000;
    assert_int_equal(mns_push_create(&scene->verifier, &options), MNS_OK);
    return scene;
}

/* The usual one: open, and serving the certificate. */
static scene_t *scene_usual(void)
{
    scene_t *scene = scene_begin((mns_push_options_t){.retry_ms = 1});
    push_server_serve(scene->server, pem);
    push_server_open(scene->server);
    return scene;
}

static void scene_end(scene_t *scene)
{
    mns_push_destroy(&scene->verifier);
    push_server_destroy(&scene->server);
    free(scene);
}

/* Makes `sample` a push whose certificate lies at this path of the scene's server. */
static void push_from(const scene_t *scene, const char *path, EVP_PKEY *signer)
{
    char url[128];
    snprintf(url, sizeof url, "https://%s%s", scene->host, path);
    sample_init(&sample, url);
    sample_sign(&sample, signer);
}

static mns_push_verdict ask(scene_t *scene)
{
    return sample_ask(&sample, scene->verifier, NULL);
}

static mns_push_verdict settle(scene_t *scene)
{
    return sample_settle(&sample, scene->verifier);
}

static void run_until_a_fetch_ended(scene_t *scene)
{
    while (mns_push_run(scene->verifier, -1) == 0)
        continue;
}

static mns_push_stats_t stats(const scene_t *scene)
{
    mns_push_stats_t out;
    mns_push_stats(scene->verifier, &out);
    return out;
}

/* -- fetching -------------------------------------------------------------------------------- */

static void a_push_waits_for_its_certificate_and_is_genuine(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    run_until_a_fetch_ended(scene);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).certificates, 1);
    scene_end(scene);
}

static void the_descriptor_tells_when_to_run(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    struct pollfd poller = {.fd = mns_push_fd(scene->verifier), .events = POLLIN};
    push_from(scene, "/a.pem", key);
    while (ask(scene) == MNS_PUSH_WAIT) {
        assert_int_equal(poll(&poller, 1, 10000), 1);
        mns_push_run(scene->verifier, 0);
    }
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    scene_end(scene);
}

static void a_kept_certificate_is_not_fetched_again(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    scene->now_s += DAY_S - 1;
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(push_server_requests(scene->server), 1);
    scene_end(scene);
}

static void all_who_wait_share_one_fetch(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    for (int i = 0; i < 50; i++) {
        push_from(scene, "/a.pem", key);
        assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    }
    run_until_a_fetch_ended(scene);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).fetches, 1);
    assert_int_equal(push_server_requests(scene->server), 1);
    scene_end(scene);
}

static void all_spellings_of_an_address_share_one_certificate(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    static const char *const spellings[] = {"https://localhost", "HTTPS://localhost",
                                            "https://LocalHost"};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        char url[64];
        snprintf(url, sizeof url, "%s:%d/a.pem", spellings[i], push_server_port(scene->server));
        sample_init(&sample, url);
        sample_sign(&sample, key);
        assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    }
    assert_int_equal(stats(scene).fetches, 1);
    scene_end(scene);
}

static void a_verifier_may_end_in_the_middle_of_a_fetch(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){0});
    push_server_answer(scene->server, NULL, NULL, 0);
    push_server_open(scene->server);
    push_from(scene, "/a.pem", key);
    assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    while (push_server_requests(scene->server) == 0)
        mns_push_run(scene->verifier, 10);
    scene_end(scene);
}

/* -- failures -------------------------------------------------------------------------------- */

static void a_push_is_unavailable_while_the_server_is_down_and_genuine_after(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){.retry_ms = 1});
    push_server_serve(scene->server, pem);
    push_from(scene, "/a.pem", key);
    for (int i = 0; i < 3; i++)
        assert_int_equal(settle(scene), MNS_PUSH_UNAVAILABLE);
    push_server_open(scene->server);
    mns_push_verdict verdict;
    while ((verdict = settle(scene)) == MNS_PUSH_UNAVAILABLE)
        continue; /* retry_ms are not over yet */
    assert_int_equal(verdict, MNS_PUSH_GENUINE);
    assert_true(stats(scene).fetch_failures >= 1);
    scene_end(scene);
}

static void after_a_failure_none_is_tried_for_retry_ms(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){.retry_ms = HOUR_MS});
    push_from(scene, "/a.pem", key);
    for (int i = 0; i < 100; i++)
        assert_int_equal(settle(scene), MNS_PUSH_UNAVAILABLE);
    assert_int_equal(stats(scene).fetches, 1);
    assert_int_equal(stats(scene).fetch_failures, 1);
    scene_end(scene);
}

static void nonsense_given_once_loses_nothing(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_server_serve(scene->server, "<html>Sign in</html>");
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_BAD_CERT);
    push_server_serve(scene->server, pem);
    mns_push_verdict verdict;
    while ((verdict = settle(scene)) == MNS_PUSH_BAD_CERT)
        continue;
    assert_int_equal(verdict, MNS_PUSH_GENUINE);
    scene_end(scene);
}

/* -- age ------------------------------------------------------------------------------------- */

static void an_old_certificate_serves_while_another_is_fetched(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    scene->now_s += DAY_S;
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).fetches, 2);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).fetches, 2);
    run_until_a_fetch_ended(scene);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE); /* for another day */
    assert_int_equal(stats(scene).fetches, 2);
    scene_end(scene);
}

static void an_old_certificate_serves_on_when_its_server_fails(void **state)
{
    (void)state;
    static const char *const heads[] = {"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"};
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        push_server_answer(scene->server, heads[i], "nonsense", 8);
        scene->now_s += DAY_S;
        uint64_t before = stats(scene).fetches;
        do { /* until one begins that gets this answer */
            mns_push_run(scene->verifier, 0);
            assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
        } while (stats(scene).fetches == before);
        run_until_a_fetch_ended(scene);
        assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    }
    scene_end(scene);
}

static void a_certificate_whose_address_says_it_is_gone_is_dropped(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_server_answer(scene->server, "HTTP/1.1 404 Gone\r\nConnection: close\r\n\r\n", NULL, 0);
    scene->now_s += DAY_S;
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    run_until_a_fetch_ended(scene);
    assert_int_equal(settle(scene), MNS_PUSH_UNAVAILABLE);
    assert_int_equal(stats(scene).certificates, 0);
    scene_end(scene);
}

static void a_clock_that_goes_back_fetches_anew_and_loses_nothing(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    scene->now_s -= 2 * DAY_S;
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).fetches, 2);
    scene_end(scene);
}

/* -- another key at the same address --------------------------------------------------------- */

static void a_key_changed_at_its_address_is_found(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_server_serve(scene->server, next_pem);
    scene->now_s += 120;
    push_from(scene, "/a.pem", next_key);
    assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_from(scene, "/a.pem", key); /* the old one is over */
    assert_int_equal(settle(scene), MNS_PUSH_FORGED);
    assert_int_equal(stats(scene).fetches, 2);
    scene_end(scene);
}

static void forgers_cause_one_fetch_in_two_minutes(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_from(scene, "/a.pem", next_key);
    for (int second = 0; second < 600; second++, scene->now_s++)
        assert_int_equal(settle(scene), MNS_PUSH_FORGED);
    assert_int_equal(stats(scene).fetches, 5); /* the first, and after 120, 240, 360, 480 s */
    scene_end(scene);
}

static void genuine_pushes_do_not_wait_for_what_a_forger_caused(void **state)
{
    (void)state;
    scene_t *scene = scene_usual();
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_server_answer(scene->server, NULL, NULL, 0);
    scene->now_s += 120;
    push_from(scene, "/a.pem", next_key);
    assert_int_equal(ask(scene), MNS_PUSH_WAIT);
    push_from(scene, "/a.pem", key);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    scene_end(scene);
}

/* -- bounds ---------------------------------------------------------------------------------- */

static void addresses_that_lead_nowhere_push_no_certificate_out(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){.retry_ms = HOUR_MS, .certificates = 1});
    push_server_serve(scene->server, pem);
    push_server_open(scene->server);
    push_from(scene, "/a.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    push_server_answer(scene->server, "HTTP/1.1 404 None\r\nConnection: close\r\n\r\n", NULL, 0);
    for (int i = 0; i < 200; i++) {
        char path[32];
        snprintf(path, sizeof path, "/none-%d.pem", i);
        push_from(scene, path, next_key);
        assert_int_equal(settle(scene), MNS_PUSH_UNAVAILABLE);
    }
    assert_true(stats(scene).fetches < 200); /* 16 at once, then four a second */
    push_from(scene, "/a.pem", key);
    assert_int_equal(ask(scene), MNS_PUSH_GENUINE);
    scene_end(scene);
}

static void no_more_than_eight_fetches_are_under_way(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){0});
    push_server_answer(scene->server, NULL, NULL, 0);
    push_server_open(scene->server);
    for (int i = 0; i < 12; i++) {
        char path[32];
        snprintf(path, sizeof path, "/%d.pem", i);
        push_from(scene, path, key);
        assert_int_equal(ask(scene), i < 8 ? MNS_PUSH_WAIT : MNS_PUSH_UNAVAILABLE);
    }
    assert_int_equal(stats(scene).fetches, 8);
    scene_end(scene);
}

static void the_certificate_longest_not_used_makes_room(void **state)
{
    (void)state;
    scene_t *scene = scene_begin((mns_push_options_t){.certificates = 2});
    static const char *const paths[] = {"/a.pem", "/b.pem", "/a.pem", "/c.pem", "/a.pem"};
    push_server_serve(scene->server, pem);
    push_server_open(scene->server);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        push_from(scene, paths[i], key);
        assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    }
    assert_int_equal(stats(scene).fetches, 3);
    assert_int_equal(stats(scene).certificates, 2);
    push_from(scene, "/b.pem", key);
    assert_int_equal(settle(scene), MNS_PUSH_GENUINE);
    assert_int_equal(stats(scene).fetches, 4);
    scene_end(scene);
}

/* -------------------------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    key = sample_rsa(512); /* as MNS's own */
    next_key = sample_rsa(1024);
    pem = sample_certificate(key, "notify", -2 * DAY_S, -DAY_S);
    next_pem = sample_certificate(next_key, "notify", -2 * DAY_S, -DAY_S);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(pem);
    free(next_pem);
    EVP_PKEY_free(key);
    EVP_PKEY_free(next_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_waits_for_its_certificate_and_is_genuine),
        cmocka_unit_test(the_descriptor_tells_when_to_run),
        cmocka_unit_test(a_kept_certificate_is_not_fetched_again),
        cmocka_unit_test(all_who_wait_share_one_fetch),
        cmocka_unit_test(all_spellings_of_an_address_share_one_certificate),
        cmocka_unit_test(a_verifier_may_end_in_the_middle_of_a_fetch),
        cmocka_unit_test(a_push_is_unavailable_while_the_server_is_down_and_genuine_after),
        cmocka_unit_test(after_a_failure_none_is_tried_for_retry_ms),
        cmocka_unit_test(nonsense_given_once_loses_nothing),
        cmocka_unit_test(an_old_certificate_serves_while_another_is_fetched),
        cmocka_unit_test(an_old_certificate_serves_on_when_its_server_fails),
        cmocka_unit_test(a_certificate_whose_address_says_it_is_gone_is_dropped),
        cmocka_unit_test(a_clock_that_goes_back_fetches_anew_and_loses_nothing),
        cmocka_unit_test(a_key_changed_at_its_address_is_found),
        cmocka_unit_test(forgers_cause_one_fetch_in_two_minutes),
        cmocka_unit_test(genuine_pushes_do_not_wait_for_what_a_forger_caused),
        cmocka_unit_test(addresses_that_lead_nowhere_push_no_certificate_out),
        cmocka_unit_test(no_more_than_eight_fetches_are_under_way),
        cmocka_unit_test(the_certificate_longest_not_used_makes_room),
    };
    signal(SIGPIPE, SIG_IGN); /* of the server: clients break off here */
    return cmocka_run_group_tests(tests, start, stop);
}
