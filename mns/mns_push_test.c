/* mns_push_test.c - which pushes are genuine, with a pinned key; what the headers tell. */
#include "mns_push_sample.h"

#include <openssl/ec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char allowed[] =
    "https://mnstest.oss-cn-hangzhou.aliyuncs.com/x509_public_certificate.pem";

/* The worked vector of docs/mns-push.md. */
static const char vector_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvVnzvRzr/CfTyb1BvVrd\n"
    "LW6eWj3qwLtmYnFTRkrymr3dj5FM//QdxlVwRZOOZ1EhpAq53OLxaZFohAQ7qU3b\n"
    "IF97DLzhbpUu0dXU+mwsE/vnMKvdd6vdnyOPjJNuIuQpIKD9PeqYF94UYaLT3DLe\n"
    "17kAcigFjanL/jeYhqo8U2uwyGHW0KMkF5xQHCYX778Gmx2IDtzMyRjPgW3ne4Z2\n"
    "1MG9nzzhiSVHwA9VdE+G6ZrYr7A0oN4R7d5jwo+rW2ZEi9qrSqpmU56ySVyd2XpD\n"
    "0eAAG5Fd26/MkI2LbWG9aC+ni/OQfzOrLclAPnmeZkHugo0eBNbCJUp9mkH6lvyK\n"
    "XwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
static const char vector_signature[] =
    "a13rZrocjfferHOsQeydevIMIz+pcAq38KnhaACHNDABCJPU9FmA4TYklRqS6/"
    "VvQtpPliLIzBaRI3CfXQrCamihvW3mL9pZ"
    "FsXMs2SnwGqxQukb/UcHxCFRAdb0qHo7Yu4dCOoMhMPgEK3nu38KsjitlqdLOaKTGTQxffdYkwin67ug0MEXcx/"
    "GOIzAPuAb"
    "/PpssFe0QpaHScHxX3MCpNsJSLZFcP73woKhOEla2VW0X/L/b6xY9RoWg2JbFwmsTHgk338cWgsIIZdMx0/"
    "sBL9IX+OJaXwG"
    "zqydlohOzy+5R0j4sFW2iebLI+tOhxx0O0FdG4SSRN0c9vodJvR6hg==";

static EVP_PKEY *key; /* MNS's, here */
static sample_t sample;

static mns_err create_pinned(mns_push_verifier_t **out, const char *pem)
{
    char *path = sample_file(pem);
    mns_push_options_t options = {
        .size = sizeof options, .certificate_file = path, .now_s = sample_now_s};
    mns_err err = mns_push_create(out, &options);
    unlink(path);
    free(path);
    return err;
}

static mns_push_verifier_t *pinned(const char *pem)
{
    mns_push_verifier_t *verifier;
    assert_int_equal(create_pinned(&verifier, pem), MNS_OK);
    return verifier;
}

static mns_push_verifier_t *pinned_key(void)
{
    char *pem = sample_public_key(key);
    mns_push_verifier_t *verifier = pinned(pem);
    free(pem);
    return verifier;
}

static void the_worked_vector_verifies_byte_for_byte(void **state)
{
    (void)state;
    size_t len;
    mns_push_verifier_t *verifier = pinned(vector_key);
    sample_init(&sample, allowed);
    const char *text = sample_string_to_sign(&sample, &len);
    assert_int_equal(len, 491);
    assert_non_null(strstr(text,
                           "x-mns-signing-cert-url:aHR0cHM6Ly9tbnN0ZXN0Lm9zcy1jbi1oYW5nemhvdS5h"
                           "bGl5dW5jcy5jb20veDUwOV9wdWJsaWNfY2VydGlmaWNhdGUucGVt\n"));
    sample_set(&sample, "Authorization", vector_signature);
    assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
    mns_push_destroy(&verifier);
}

static void a_push_verifies_in_every_form_of_content_md5(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier = pinned_key();
    for (int form = 0; form < SAMPLE_DIGEST_FORMS; form++) {
        sample_init(&sample, allowed);
        sample_set_digest(&sample, (sample_digest_t)form);
        sample_sign(&sample, key);
        assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
    }
    mns_push_destroy(&verifier);
}

static void an_expired_certificate_of_512_bits_and_sha1_will_do(void **state)
{
    (void)state;
    static const unsigned bits[] = {512, 1024};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        EVP_PKEY *weak = sample_rsa(bits[i]);
        char *pem = sample_certificate(weak, "notify", -2 * 86400, -86400);
        mns_push_verifier_t *verifier = pinned(pem);
        sample_init(&sample, allowed);
        sample_sign(&sample, weak);
        assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
        mns_push_destroy(&verifier);
        free(pem);
        EVP_PKEY_free(weak);
    }
}

static void header_names_come_in_any_case_and_values_with_blanks_around(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier = pinned_key();
    sample_init(&sample, allowed);
    sample_sign(&sample, key);
    for (size_t i = 0; i < sample.header_count; i++) {
        mns_push_header_t *header = &sample.headers[i];
        char *name = sample_keep(&sample, header->name, header->name_len);
        char *value = sample_keep(&sample, header->value - 1, header->value_len + 3);
        for (size_t c = 0; c < header->name_len; c += 2)
            name[c] = (char)(name[c] >= 'a' && name[c] <= 'z' ? name[c] - 32 : name[c]);
        value[0] = '\t';
        value[header->value_len + 1] = value[header->value_len + 2] = ' ';
        *header = (mns_push_header_t){name, value, header->name_len, header->value_len + 3};
    }
    assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
    mns_push_destroy(&verifier);
}

static void headers_that_are_not_signed_may_change(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier = pinned_key();
    sample_init(&sample, allowed);
    sample_sign(&sample, key);
    sample_set(&sample, "Host", "elsewhere.example"); /* which is why the topic's owner matters */
    sample_set(&sample, "User-Agent", "curl");
    sample_add(&sample, "Via", "1.1 proxy");
    sample_add(&sample, "Via", "1.1 another");
    assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
    mns_push_destroy(&verifier);
}

static void an_empty_body_and_a_large_one_verify(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier = pinned_key();
    static char large[200000];
    memset(large, 'x', sizeof large);
    for (int i = 0; i < 2; i++) {
        sample_init(&sample, allowed);
        sample.body = i == 0 ? NULL : large;
        sample.body_len = i == 0 ? 0 : sizeof large;
        sample_set_digest(&sample, SAMPLE_BASE64_HEX_LOWER);
        sample_drop(&sample, "Content-Type"); /* signed as an empty line */
        sample_sign(&sample, key);
        assert_int_equal(sample_ask(&sample, verifier, NULL), MNS_PUSH_GENUINE);
    }
    mns_push_destroy(&verifier);
}

static void a_date_is_good_up_to_the_skew_and_not_a_second_longer(void **state)
{
    (void)state;
    int64_t now_s;
    char *pem = sample_public_key(key), *path = sample_file(pem);
    mns_push_options_t options = {.size = sizeof options,
                                  .certificate_file = path,
                                  .skew_s = 60,
                                  .now_s = sample_now_s,
                                  .now_ctx = &now_s};
    mns_push_verifier_t *verifier;
    assert_int_equal(mns_push_create(&verifier, &options), MNS_OK);
    sample_init(&sample, allowed);
    sample_sign(&sample, key);
    for (int64_t off_s = -62; off_s <= 62; off_s++) {
        now_s = SAMPLE_NOW_S + off_s;
        assert_int_equal(sample_ask(&sample, verifier, NULL),
                         llabs(off_s) <= 60 ? MNS_PUSH_GENUINE : MNS_PUSH_STALE);
    }
    mns_push_destroy(&verifier);
    unlink(path);
    free(path);
    free(pem);
}

static void assert_says(mns_push_text_view_t view, const char *text)
{
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.at, text, view.len);
}

static void info_says_what_the_headers_say_whatever_the_verdict(void **state)
{
    (void)state;
    mns_push_info_t info;
    mns_push_verifier_t *verifier = pinned_key();
    sample_init(&sample, allowed);
    sample_add(&sample, "x-mns-message-tag", "important");
    assert_int_equal(sample_ask(&sample, verifier, &info), MNS_PUSH_NO_SIGNATURE);
    assert_says(info.message_id, "AC10020B0019681A95159E591D100001");
    assert_says(info.message_tag, "important");
    assert_says(info.topic_owner, "123456789012");
    assert_says(info.topic_name, "topic1");
    assert_says(info.subscriber, "123456789012");
    assert_says(info.subscription_name, "sub1");
    assert_says(info.request_id, "6A1D75C03034410F00C70001");
    assert_int_equal(info.publish_time_ms, 1780315200000);
    assert_string_equal(info.cert_url, allowed);
    mns_push_destroy(&verifier);
}

static void info_leaves_out_what_does_not_read(void **state)
{
    (void)state;
    mns_push_info_t info;
    mns_push_verifier_t *verifier = pinned_key();
    sample_init(&sample, "https://a\n/");
    sample_set(&sample, "x-mns-publish-time", "17803152000000000000");
    sample_drop(&sample, "x-mns-topic-owner");
    sample_ask(&sample, verifier, &info);
    assert_string_equal(info.cert_url, "");
    assert_int_equal(info.publish_time_ms, 0);
    assert_int_equal(info.topic_owner.len, 0);
    mns_push_destroy(&verifier);
}

static void every_verdict_has_a_name_a_text_and_a_status(void **state)
{
    (void)state;
    assert_string_equal(mns_push_name(MNS_PUSH_FOREIGN_CERT_URL), "foreign_cert_url");
    assert_string_equal(mns_push_text(MNS_PUSH_NO_DATE), "no Date header");
    assert_int_equal(mns_push_status(MNS_PUSH_GENUINE), 204);
    assert_int_equal(mns_push_status(MNS_PUSH_WAIT), 0);
    for (int verdict = 0; verdict < MNS_PUSH_COUNT; verdict++) {
        assert_int_not_equal(mns_push_name((mns_push_verdict)verdict)[0], '\0');
        assert_int_not_equal(mns_push_text((mns_push_verdict)verdict)[0], '\0');
    }
    assert_string_equal(mns_push_name(MNS_PUSH_COUNT), "unknown");
}

static void a_pinned_file_without_a_usable_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"};
    mns_push_verifier_t *verifier = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(create_pinned(&verifier, texts[i]), MNS_EINVAL);
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    char *pem = sample_public_key(curve);
    assert_int_equal(create_pinned(&verifier, pem), MNS_EINVAL);
    assert_null(verifier);
    free(pem);
    EVP_PKEY_free(curve);
}

static void what_cannot_be_made_says_why(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier = NULL;
    static const char *const bad[][2] = {{"", NULL},       {"a b", NULL}, {"https://a", NULL},
                                         {"a:0", NULL},    {"a:", NULL},  {"a:65536", NULL},
                                         {"user@a", NULL}, {"a/b", NULL}, {"[::1", NULL},
                                         {"[]:443", NULL}, {NULL, NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mns_push_options_t options = {.size = sizeof options, .hosts = bad[i]};
        assert_int_equal(mns_push_create(&verifier, &options), MNS_EINVAL);
    }
    mns_push_options_t missing = {.size = sizeof missing, .certificate_file = "/nowhere/at/all"};
    assert_int_equal(mns_push_create(&verifier, &missing), MNS_EIO);
    mns_push_options_t many = {.size = sizeof many, .certificates = 4097};
    assert_int_equal(mns_push_create(&verifier, &many), MNS_EINVAL);
    assert_null(verifier);
    assert_int_equal(mns_push_create(&verifier, NULL), MNS_OK);
    assert_true(mns_push_fd(verifier) >= 0);
    assert_int_equal(mns_push_run(verifier, -1), 0); /* nothing under way: at once */
    mns_push_destroy(&verifier);
    mns_push_destroy(&verifier);
}

static int start(void **state)
{
    (void)state;
    key = sample_rsa(2048);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_vector_verifies_byte_for_byte),
        cmocka_unit_test(a_push_verifies_in_every_form_of_content_md5),
        cmocka_unit_test(an_expired_certificate_of_512_bits_and_sha1_will_do),
        cmocka_unit_test(header_names_come_in_any_case_and_values_with_blanks_around),
        cmocka_unit_test(headers_that_are_not_signed_may_change),
        cmocka_unit_test(an_empty_body_and_a_large_one_verify),
        cmocka_unit_test(a_date_is_good_up_to_the_skew_and_not_a_second_longer),
        cmocka_unit_test(info_says_what_the_headers_say_whatever_the_verdict),
        cmocka_unit_test(info_leaves_out_what_does_not_read),
        cmocka_unit_test(every_verdict_has_a_name_a_text_and_a_status),
        cmocka_unit_test(a_pinned_file_without_a_usable_key_is_refused),
        cmocka_unit_test(what_cannot_be_made_says_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
