/* Signatures against vectors made by others, and every way in which a request can be refused. */
#include "auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEND_BODY                                                                                  \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Message "                                          \
    "xmlns=\"http://mns.aliyuncs.com/doc/v1/\"><MessageBody>aGVsbG8=</MessageBody><DelaySeconds>0" \
    "</DelaySeconds><Priority>8</Priority></Message>"

/* A signed request, and what changes about it. */
typedef struct sample {
    const char *id, *secret, *method, *resource, *body;
    const char *content_md5, *content_type, *date, *more[3][2], *signature;
} sample_t;

#define JUNE "Mon, 01 Jun 2026 12:00:00 GMT"
static const sample_t vectors[] = {
    {"TestAccessID",
     "TestAccessSecret",
     "GET",
     "/MyQueue",
     "",
     NULL,
     NULL,
     "Thu, 09 Jul 2015 03:01:34 GMT",
     {{NULL}},
     "uwx3yeWoILzgmvesW0BQSgfM7b8="},
    {"ACCESS_KEY_ID",
     "ACCESS_KEY_SECRET",
     "PUT",
     "/",
     NULL,
     "574683b3684e3cff610afa155cc2506d",
     "text/xml",
     "Tue, 11 Apr 2017 10:09:19 GMT",
     {{NULL}},
     "A9zehggaYHHujmuRMxGIDrhWwx8="},
    {"sluice-ak",
     "sluice-secret",
     "POST",
     "/queues/test-queue/messages",
     SEND_BODY,
     "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q=",
     "text/xml",
     JUNE,
     {{"x-mns-date", JUNE}},
     "9qhyYEWmlf3UGRXmA6agRzHU+VA="},
    {"sluice-ak",
     "sluice-secret",
     "GET",
     "/queues/test-queue/messages?numOfMessages=16&waitseconds=30",
     "",
     NULL,
     NULL,
     JUNE,
     {{"x-mns-date", JUNE}},
     "tDyqYktjVh2TN6uAJ6+ciy4LQJQ="},
    {"sluice-ak",
     "sluice-secret",
     "GET",
     "/queues",
     "",
     NULL,
     NULL,
     JUNE,
     {{"x-mns-ret-number", "10"}, {"x-mns-prefix", "test"}, {"x-mns-marker", "abc"}},
     "t+Kyy82+KRxao+zTuAzMRN2948A="},
    {"sluice-ak",
     "sluice-secret",
     "DELETE",
     "/queues/test-queue/messages?ReceiptHandle=1-ODU4OTkzNDU5My0xNDM1MTk3NjAwLTItNg==",
     "",
     "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=",
     "text/xml",
     JUNE,
     {{"x-mns-date", JUNE}},
     "M9Xu7ypKWRv89wlp9EE4PSpta6I="},
};
static const sample_t *const usual = &vectors[2];

static void add(auth_headers_t *h, const char *name, const char *value)
{
    if (name != NULL && value != NULL)
        auth_headers_add(h, name, strlen(name), value, strlen(value));
}

static void fill(auth_headers_t *h, const sample_t *s)
{
    auth_headers_init(h);
    add(h, "content-MD5", s->content_md5);
    add(h, "Content-Type", s->content_type);
    add(h, "DATE", s->date);
    for (size_t i = 0; i < 3; i++)
        add(h, s->more[i][0], s->more[i][1]);
}

/* The clock stands `late_s` after the date that the sample carries. */
static local_err check_with(const sample_t *s, auth_headers_t *h, int64_t date_s, int64_t late_s)
{
    auth_t auth;
    digest_t *digest;
    sl_clock_manual_t clock;
    sl_clock_manual_init(&clock, 1, (uint64_t)(date_s + late_s) * 1000000000);
    assert_int_equal(digest_create(&digest, s->secret), SL_OK);
    auth_init(&auth, s->id, digest, &clock.clock);
    auth_request_t request = {.method = s->method, .resource = s->resource, .headers = h};
    request.body = s->body != NULL ? s->body : "";
    request.body_len = strlen(request.body);
    local_err err = auth_check(&auth, &request);
    assert_int_equal(auth_check(&auth, &request), err); /* contexts are fit for use again */
    auth_fini(&auth);
    digest_destroy(&digest);
    return err;
}

enum { JUNE_S = 1780315200 };

static void authorize(auth_headers_t *h, const sample_t *s, char *text, size_t size)
{
    snprintf(text, size, "MNS %s:%s", s->id, s->signature);
    add(h, "Authorization", text);
}

/* The usual sample with one header added or replaced beforehand. */
static local_err check_usual(const char *authorization, const char *version, const char *date,
                             int64_t late_s)
{
    auth_headers_t h;
    sample_t s = *usual;
    s.date = date;
    s.more[0][1] = date;
    fill(&h, &s);
    add(&h, "x-mns-version", version);
    add(&h, "authorization", authorization);
    return check_with(&s, &h, JUNE_S, late_s);
}

#define RIGHT "MNS sluice-ak:9qhyYEWmlf3UGRXmA6agRzHU+VA="

/* -- signatures ---------------------------------------------------------------------------- */

static void the_vectors_hold(void **state)
{
    (void)state;
    const int64_t dates[] = {1436410894, 1491905359, JUNE_S, JUNE_S, JUNE_S, JUNE_S};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        auth_headers_t h;
        char text[100];
        fill(&h, &vectors[i]);
        authorize(&h, &vectors[i], text, sizeof text);
        add(&h, "X-Mns-Version", " 2015-06-06 ");
        /* the second carries the digest of a body that its source does not show */
        assert_int_equal(check_with(&vectors[i], &h, dates[i], 0),
                         i == 1 ? LOCAL_InvalidDegist : LOCAL_OK);
    }
}

static void another_secret_does_not_match(void **state)
{
    (void)state;
    auth_headers_t h;
    char text[100];
    sample_t s = *usual;
    s.secret = "another";
    fill(&h, &s);
    authorize(&h, &s, text, sizeof text);
    add(&h, "x-mns-version", "2015-06-06");
    assert_int_equal(check_with(&s, &h, JUNE_S, 0), LOCAL_SignatureDoesNotMatch);
}

static void every_signed_part_counts(void **state)
{
    (void)state;
    for (int part = 0; part < 5; part++) {
        auth_headers_t h;
        sample_t s = *usual;
        const char **parts[] = {&s.method, &s.resource, &s.content_type, &s.more[1][0],
                                &s.content_md5};
        const char *const instead[] = {"PUT", "/queues/test-queue/Messages", "text/html",
                                       "x-mns-added", ""};
        *parts[part] = instead[part];
        s.more[1][1] = "1";
        fill(&h, &s);
        add(&h, "Authorization", RIGHT);
        add(&h, "x-mns-version", "2015-06-06");
        assert_int_equal(check_with(&s, &h, JUNE_S, 0), LOCAL_SignatureDoesNotMatch);
    }
}

static void signatures_of_other_lengths_do_not_match(void **state)
{
    (void)state;
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE, 0), LOCAL_OK);
    assert_int_equal(check_usual(RIGHT "=", "2015-06-06", JUNE, 0), LOCAL_SignatureDoesNotMatch);
    assert_int_equal(check_usual("MNS sluice-ak:", "2015-06-06", JUNE, 0),
                     LOCAL_SignatureDoesNotMatch);
}

static void more_signed_headers_than_anyone_sends_are_refused(void **state)
{
    (void)state;
    auth_headers_t h;
    fill(&h, usual);
    for (int i = 0; i < AUTH_SIGNED_MAX; i++)
        add(&h, "x-mns-more", "1");
    assert_int_equal(check_with(usual, &h, JUNE_S, 0), LOCAL_InvalidArgument);
}

/* -- what else is refused ------------------------------------------------------------------ */

static void missing_and_malformed_headers_have_their_own_errors(void **state)
{
    (void)state;
    assert_int_equal(check_usual(NULL, "2015-06-06", JUNE, 0), LOCAL_MissingAuthorizationHeader);
    assert_int_equal(check_usual("Basic abc", "2015-06-06", JUNE, 0),
                     LOCAL_InvalidAuthorizationHeader);
    assert_int_equal(check_usual("MNS no-colon", "2015-06-06", JUNE, 0),
                     LOCAL_InvalidAuthorizationHeader);
    assert_int_equal(
        check_usual("MNS4-HMAC-SHA256 Credential=x,Signature=y", "2015-06-06", JUNE, 0),
        LOCAL_InvalidAuthorizationHeader);
    assert_int_equal(check_usual("MNS someone:9qhyYEWmlf3UGRXmA6agRzHU+VA=", "2015-06-06", JUNE, 0),
                     LOCAL_InvalidAccessKeyId);
    assert_int_equal(check_usual(RIGHT, NULL, JUNE, 0), LOCAL_MissingVersionHeader);
    assert_int_equal(check_usual(RIGHT, "2015-06-07", JUNE, 0), LOCAL_InvalidVersionHeader);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", NULL, 0), LOCAL_MissingDateHeader);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", "2026-06-01T12:00:00Z", 0),
                     LOCAL_InvalidDateHeader);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", "", 0), LOCAL_InvalidDateHeader);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE " and more text behind it", 0),
                     LOCAL_InvalidDateHeader);
}

static void fifteen_minutes_either_way_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE, 900), LOCAL_OK);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE, -900), LOCAL_OK);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE, 901), LOCAL_TimeExpired);
    assert_int_equal(check_usual(RIGHT, "2015-06-06", JUNE, -901), LOCAL_TimeExpired);
}

static void content_md5_comes_in_three_conventions(void **state)
{
    (void)state;
    digest_t *digest;
    uint8_t md5[MD5_BYTES];
    static const char *const right[] = {
        "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q=", /* Base64 of lower-case hex */
        "RjlBOTBGRjdCMTk2M0ZFNzk0NzIyMDQ4NUM0M0M1M0Q=", /* Base64 of upper-case hex */
        "+akP97GWP+eUciBIXEPFPQ==",                     /* Base64 of the bytes */
        "f9a90ff7b1963fe7947220485c43c53d",
        "F9A90FF7B1963FE7947220485C43C53D",
    };
    static const char *const wrong[] = {
        "",
        "0",
        "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2E=",
        "+akP97GWP+eUciBIXEPFPA==",
        "f9a90ff7b1963fe7947220485c43c53e",
        "f9a90ff7b1963fe7947220485c43c53d0",
        "????????????????????????",
        "????????????????????????????????????????????",
    };
    assert_int_equal(digest_create(&digest, "x"), SL_OK);
    assert_true(digest_md5(digest, SEND_BODY, strlen(SEND_BODY), md5));
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_true(digest_md5_matches(md5, right[i], strlen(right[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(digest_md5_matches(md5, wrong[i], strlen(wrong[i])));
    digest_destroy(&digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_hold),
        cmocka_unit_test(another_secret_does_not_match),
        cmocka_unit_test(every_signed_part_counts),
        cmocka_unit_test(signatures_of_other_lengths_do_not_match),
        cmocka_unit_test(more_signed_headers_than_anyone_sends_are_refused),
        cmocka_unit_test(missing_and_malformed_headers_have_their_own_errors),
        cmocka_unit_test(fifteen_minutes_either_way_are_allowed),
        cmocka_unit_test(content_md5_comes_in_three_conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
