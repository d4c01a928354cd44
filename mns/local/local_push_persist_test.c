/* What --data keeps of pushes and of what people look into. */
#include "push_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[32];

static int setup(void **state)
{
    strcpy(dir, "/tmp/mns-local-data-XXXXXX");
    return mkdtemp(dir) != NULL ? world_setup_with(state, (local_options_t){.data = dir}) : -1;
}

static int teardown(void **state)
{
    static const char *const files[] = {"data.mdb", "lock", "push-key.pem"};
    char path[64];
    int err = world_teardown(state);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
    return err;
}

static void a_push_that_waits_goes_on_after_a_restart(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/flaky", PLAIN);
    w->failing = 2;
    assert_int_equal(publish(w, "persistent", "<MessageTag>tag</MessageTag>").status, 201);
    WAIT(tries_failed(w) == 1);
    uint64_t wait_ms = next_try_ms(w);
    char id[64];
    snprintf(id, sizeof id, "%s", got_header(&w->got[0], "x-mns-message-id"));
    fixture_pass_ms(w->f, 5000);
    fixture_restart(w->f);
    assert_int_equal(pending(w), 1);
    assert_int_equal(next_try_ms(w), wait_ms - 5000); /* its time is kept, not begun anew */
    fixture_pass_ms(w->f, wait_ms - 5000);
    WAIT(came(w, "/flaky") == 2);
    WAIT(tries_failed(w) == 1);
    fixture_restart(w->f);
    fixture_pass_ms(w->f, 20000);
    WAIT(delivered(w) == 1);
    const pushed_t *last = &w->got[w->count - 1];
    assert_string_equal(last->body, "persistent");
    assert_string_equal(got_header(last, "x-mns-message-id"), id);
    assert_string_equal(got_header(last, "x-mns-message-tag"), "tag");
    fixture_restart(w->f);
    assert_int_equal(pending(w), 0); /* what was delivered is gone */
}

static void a_push_under_way_is_sent_again(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", PLAIN);
    assert_int_equal(publish(w, "asked once", "").status, 201);
    WAIT(w->parked_count == 1);
    fixture_restart(w->f);
    WAIT(came(w, "/hang") == 2);
    assert_string_equal(w->got[w->count - 1].body, "asked once");
}

static void what_an_unsubscribe_cancels_does_not_come_back(void **state)
{
    world_t *w = *state;
    char url[64];
    write_dead_url(url);
    subscribe_url(w, "s", url, PLAIN);
    assert_int_equal(publish(w, "never", "").status, 201);
    WAIT(tries_failed(w) == 1);
    assert_int_equal(call(w->f, "DELETE", "/topics/t/subscriptions/s", NULL).status, 204);
    fixture_restart(w->f);
    assert_int_equal(pending(w), 0);
}

static raw_reply_t page(world_t *w, const char *method, const char *path)
{
    char text[128];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", method,
             path);
    raw_say(&w->f->client, text);
    return raw_hear(&w->f->client);
}

static void what_people_look_into_is_kept_until_they_empty_it(void **state)
{
    world_t *w = *state;
    static const char *const pages[] = {"/local/mail", "/local/sms", "/local/dead"};
    char url[64], before[3][2048];
    write_dead_url(url);
    subscribe_url(w, "dead", url, PLAIN);
    subscribe_url(w, "mail", "mail:directmail:a@b.example", PLAIN);
    subscribe_url(w, "sms", "sms:directsms:123", PLAIN);
    assert_int_equal(publish(w, "first", "").status, 201);
    assert_int_equal(publish(w, "second", "").status, 201);
    for (uint64_t tries = 2; tries <= 8; tries += 2) {
        WAIT(tries_failed(w) == tries);
        fixture_pass_ms(w->f, 20000);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(before[i], sizeof before[i], "%s", page(w, "GET", pages[i]).body);
        assert_non_null(strstr(before[i], "first"));
        assert_non_null(strstr(before[i], "second"));
    }
    fixture_restart(w->f);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(page(w, "GET", pages[i]).body, before[i]);
        assert_int_equal(page(w, "DELETE", pages[i]).status, 200);
    }
    fixture_restart(w->f);
    for (size_t i = 0; i < 3; i++)
        assert_null(strstr(page(w, "GET", pages[i]).body, "first"));
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_DISK(a_push_that_waits_goes_on_after_a_restart),
        ON_DISK(a_push_under_way_is_sent_again),
        ON_DISK(what_an_unsubscribe_cancels_does_not_come_back),
        ON_DISK(what_people_look_into_is_kept_until_they_empty_it),
    };
    return cmocka_run_group_tests(tests, world_make_key, world_remove_key);
}
