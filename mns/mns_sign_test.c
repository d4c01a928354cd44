#include "mns_sign.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Vectors 1 to 6 were made with `openssl dgst -sha1 -hmac` and agree with the official Node SDK;
 * the second is that SDK's own test. */
#define VERSION                       \
    {                                 \
        "x-mns-version", "2015-06-06" \
    }
#define NOON "Mon, 01 Jun 2026 12:00:00 GMT"

static const struct vector {
    const char *secret;
    mns_signed_t what;
    mns_header_t headers[MNS_HEADERS_MAX];
    const char *signature;
} vectors[] = {
    {"TestAccessSecret",
     {.verb = "GET",
      .content_md5 = "",
      .content_type = "",
      .date = "Thu, 09 Jul 2015 03:01:34 GMT",
      .header_count = 1,
      .resource = "/MyQueue"},
     {VERSION},
     "uwx3yeWoILzgmvesW0BQSgfM7b8="},
    {"ACCESS_KEY_SECRET",
     {.verb = "PUT",
      .content_md5 = "574683b3684e3cff610afa155cc2506d",
      .content_type = "text/xml",
      .date = "Tue, 11 Apr 2017 10:09:19 GMT",
      .header_count = 1,
      .resource = "/"},
     {VERSION},
     "A9zehggaYHHujmuRMxGIDrhWwx8="},
    {"sluice-secret",
     {.verb = "POST",
      .content_md5 = "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q=",
      .content_type = "text/xml",
      .date = NOON,
      .header_count = 2,
      .resource = "/queues/test-queue/messages"},
     {{"x-mns-date", NOON}, VERSION},
     "9qhyYEWmlf3UGRXmA6agRzHU+VA="},
    {"sluice-secret",
     {.verb = "GET",
      .content_md5 = "",
      .content_type = "",
      .date = NOON,
      .header_count = 2,
      .resource = "/queues/test-queue/messages?numOfMessages=16&waitseconds=30"},
     {{"x-mns-date", NOON}, VERSION},
     "tDyqYktjVh2TN6uAJ6+ciy4LQJQ="},
    {"sluice-secret",
     {.verb = "GET",
      .content_md5 = "",
      .content_type = "",
      .date = NOON,
      .header_count = 4,
      .resource = "/queues"},
     {{"x-mns-marker", "abc"}, {"x-mns-prefix", "test"}, {"x-mns-ret-number", "10"}, VERSION},
     "t+Kyy82+KRxao+zTuAzMRN2948A="},
    {"sluice-secret",
     {.verb = "DELETE",
      .content_md5 = "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=",
      .content_type = "text/xml",
      .date = NOON,
      .header_count = 2,
      .resource =
          "/queues/test-queue/messages?ReceiptHandle=1-ODU4OTkzNDU5My0xNDM1MTk3NjAwLTItNg=="},
     {{"x-mns-date", NOON}, VERSION},
     "M9Xu7ypKWRv89wlp9EE4PSpta6I="},
};

static void the_vectors_sign_as_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        mns_signer_t *signer = NULL;
        char signature[MNS_SIGNATURE_LEN + 1];
        sl_buf_t text = SL_BUF_INIT;
        mns_signed_t what = vectors[i].what;
        what.headers = vectors[i].headers;
        mns_string_to_sign(&text, &what);
        assert_int_equal(mns_signer_create(&signer, vectors[i].secret), MNS_OK);
        for (int again = 0; again < 3; again++) { /* the keyed context starts over each time */
            assert_true(mns_signer_sign(signer, text.data, text.len, signature));
            assert_string_equal(signature, vectors[i].signature);
        }
        mns_signer_destroy(&signer);
        sl_buf_fini(&text);
    }
}

static mns_signer_t *any_signer(void)
{
    mns_signer_t *signer = NULL;
    assert_int_equal(mns_signer_create(&signer, "secret"), MNS_OK);
    return signer;
}

static void content_md5_is_base64_of_lower_case_hex(void **state)
{
    (void)state;
    static const char body[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Message "
        "xmlns=\"http://mns.aliyuncs.com/doc/v1/\"><MessageBody>aGVsbG8=</MessageBody>"
        "<DelaySeconds>0</DelaySeconds><Priority>8</Priority></Message>";
    char md5[MNS_CONTENT_MD5_LEN + 1];
    mns_signer_t *signer = any_signer();
    assert_true(mns_signer_content_md5(signer, body, sizeof body - 1, md5));
    assert_string_equal(md5, "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q=");
    assert_true(mns_signer_content_md5(signer, "", 0, md5));
    assert_string_equal(md5, "ZDQxZDhjZDk4ZjAwYjIwNGU5ODAwOTk4ZWNmODQyN2U=");
    mns_signer_destroy(&signer);
}

static void a_body_md5_is_upper_case_hex(void **state)
{
    (void)state;
    static const char body[] = "{1:\"a\", 2:\"b\"}";
    char md5[MNS_MD5_HEX_LEN + 1];
    mns_signer_t *signer = any_signer();
    assert_true(mns_signer_md5_hex(signer, body, sizeof body - 1, md5));
    assert_string_equal(md5, "F1E92841751D795AB325861034B5CB55");
    mns_signer_destroy(&signer);
}

static void a_signer_that_was_never_made_is_destroyed_safely(void **state)
{
    (void)state;
    mns_signer_t *signer = NULL;
    mns_signer_destroy(&signer);
    assert_null(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_sign_as_published),
        cmocka_unit_test(content_md5_is_base64_of_lower_case_hex),
        cmocka_unit_test(a_body_md5_is_upper_case_hex),
        cmocka_unit_test(a_signer_that_was_never_made_is_destroyed_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
