/* What is pushed, and what counts as an answer. */
#include "push_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup_named(void **state)
{
    return world_setup_with(state,
                            (local_options_t){.cert_url = "https://example.com/certificate.pem"});
}

static int setup_impatient(void **state)
{
    return world_setup_with(state, (local_options_t){.push_answer_ms = 50, .push_connections = 4});
}

/* -- what is sent -------------------------------------------------------------------------- */

static void a_push_is_what_the_service_sends(void **state)
{
    world_t *w = *state;
    static const struct {
        const char *format, *type, *body;
    } cases[] = {
        {"XML", "text/xml;charset=utf-8", "<?xml version=\"1.0\" ?>\n<Notification"},
        {"JSON", "text/plain;charset=utf-8", "{\"TopicOwner\":\"123456789012\","},
        {"SIMPLIFIED", "text/plain;charset=utf-8", "a < \xe4\xb8\xad"},
    };
    for (size_t i = 0; i < 3; i++) {
        char children[128], id[40];
        snprintf(children, sizeof children, "<NotifyContentFormat>%s</NotifyContentFormat>",
                 cases[i].format);
        subscribe(w, "s-1", "/ok/%41?a=1&amp;b=/", children);
        raw_reply_t reply =
            publish(w, "a &lt; \xe4\xb8\xad", "<MessageTag> tag \xe4\xb8\xad </MessageTag>");
        snprintf(id, sizeof id, "%s", element(reply, "MessageId", 0));
        WAIT(w->count == 1);
        const pushed_t *p = &w->got[0];
        const char *const wanted[][2] = {
            {"Content-Type", cases[i].type},
            {"User-Agent", "Aliyun Notification Service Agent"},
            {"Date", TEST_DATE},
            {"x-mns-version", "2015-06-06"},
            {"x-mns-message-id", id},
            {"x-mns-message-tag", "tag \xe4\xb8\xad"},
            {"x-mns-topic-owner", "123456789012"},
            {"x-mns-topic-name", "t"},
            {"x-mns-subscriber", "123456789012"},
            {"x-mns-subscription-name", "s-1"},
            {"x-mns-publish-time", "1780315200000"},
            {"Accept", ""},
        };
        for (size_t h = 0; h < sizeof wanted / sizeof wanted[0]; h++)
            assert_string_equal(got_header(p, wanted[h][0]), wanted[h][1]);
        assert_string_equal(p->method, "POST");
        assert_string_equal(p->target, "/ok/%41?a=1&b=/");
        assert_int_equal(strncmp(p->body, cases[i].body, strlen(cases[i].body)), 0);
        assert_int_equal(strlen(got_header(p, "x-mns-request-id")), 24);
        assert_int_equal(strlen(got_header(p, "Content-MD5")), i == 0 ? 44 : 32);
        assert_int_equal(judge(w, p), MNS_PUSH_GENUINE);
        w->got[0].body[0]++;
        assert_int_equal(judge(w, p), MNS_PUSH_BAD_DIGEST);
        w->got[0].body[0]--;
        w->got[0].target[1]++;
        assert_int_equal(judge(w, p), MNS_PUSH_FORGED);
        forget(w);
        assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/s-1", NULL), 204);
    }
    assert_int_equal(delivered(w), 3);
    assert_int_equal(pending(w), 0);
}

static void an_untagged_push_has_no_tag(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "<MessageTag>  </MessageTag>");
    publish(w, "x", "");
    WAIT(w->count == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(got_header(&w->got[i], "x-mns-message-tag"), "");
        assert_int_equal(judge(w, &w->got[i]), MNS_PUSH_GENUINE);
    }
}

static void without_a_path_a_push_goes_to_notifications(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    assert_string_equal(w->got[0].target, "/notifications");
    assert_int_equal(judge(w, &w->got[0]), MNS_PUSH_GENUINE);
}

static void a_push_names_the_certificate(void **state)
{
    world_t *w = *state;
    char url[128], wanted[256];
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    snprintf(url, sizeof url, "%s/local/certificate.pem", local_url(w->f->local));
    EVP_EncodeBlock((unsigned char *)wanted, (const unsigned char *)url, (int)strlen(url));
    assert_string_equal(got_header(&w->got[0], "x-mns-signing-cert-url"), wanted);
}

static void the_certificates_address_may_be_another(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(w->count == 1);
    assert_string_equal(got_header(&w->got[0], "x-mns-signing-cert-url"),
                        "aHR0cHM6Ly9leGFtcGxlLmNvbS9jZXJ0aWZpY2F0ZS5wZW0=");
}

static void the_largest_message_is_pushed_whole(void **state)
{
    world_t *w = *state;
    sl_buf_t text = SL_BUF_INIT;
    subscribe(w, "s", "/ok", "");
    sl_buf_append_str(&text, "<Message><MessageBody>");
    for (size_t i = 0; i < 65536; i++)
        sl_buf_append_str(&text, "&lt;");
    sl_buf_append(&text, "</MessageBody></Message>", sizeof "</MessageBody></Message>");
    assert_status(call(w->f, "POST", "/topics/t/messages", (const char *)text.data), 201);
    sl_buf_fini(&text);
    WAIT(w->count == 1);
    assert_true(w->got[0].body_len > 4 * 65536);
    assert_int_equal(judge(w, &w->got[0]), MNS_PUSH_GENUINE);
}

static void only_wanted_tags_are_pushed(void **state)
{
    world_t *w = *state;
    subscribe(w, "all", "/ok/all", PLAIN);
    subscribe(w, "some", "/ok/some", PLAIN "<FilterTag>urgent</FilterTag>");
    publish(w, "1", "");
    publish(w, "2", "<MessageTag>urgent</MessageTag>");
    publish(w, "3", "<MessageTag>urgently</MessageTag>");
    WAIT(came(w, "/ok/all") == 3 && came(w, "/ok/some") == 1 && pending(w) == 0);
}

static void a_tag_that_would_end_a_header_is_refused(void **state)
{
    world_t *w = *state;
    assert_error(call(w->f, "POST", "/topics/t/messages",
                      "<Message><MessageBody>x</MessageBody><MessageTag>a&#10;b</MessageTag>"
                      "</Message>"),
                 400, "InvalidArgument");
}

static void no_proxy_is_asked(void **state)
{
    world_t *w = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(delivered(w) == 1);
    unsetenv("http_proxy");
}

/* -- what is an answer --------------------------------------------------------------------- */

static void any_2xx_is_delivered_and_nothing_else(void **state)
{
    world_t *w = *state;
    static const struct {
        int status;
        bool good;
    } cases[] = {{200, true},  {201, true},  {204, true},  {299, true},  {301, false},
                 {302, false}, {304, false}, {307, false}, {400, false}, {403, false},
                 {404, false}, {429, false}, {500, false}, {503, false}, {599, false}};
    uint64_t good = 0, bad = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "/status/%d", cases[i].status);
        subscribe(w, "s", path, "");
        publish(w, "x", "");
        *(cases[i].good ? &good : &bad) += 1;
        WAIT(delivered(w) == good && tries_failed(w) == bad);
        assert_int_equal(pending(w), !cases[i].good);
        if (!cases[i].good) {
            cJSON *json;
            const cJSON *lane = page_entry(w, "/local/pushes", "subscriptions", 0, &json);
            assert_int_equal(number_of(lane, "last_status"), cases[i].status);
            cJSON_Delete(json);
        }
        assert_status(call(w->f, "DELETE", "/topics/t/subscriptions/s", NULL), 204);
    }
    assert_int_equal(came(w, "/redirected"), 0);
}

static void an_answer_may_take_a_while(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/hang", "");
    publish(w, "x", "");
    WAIT(w->parked_count == 1);
    for (int i = 0; i < 20; i++) /* others are served meanwhile */
        assert_int_equal(counted(w->f, "mns_local_pushes_under_way"), 1);
    assert_int_equal(pending(w), 1);
    http_request_reply(w->parked[--w->parked_count], &(http_reply_t){.status = 200});
    WAIT(delivered(w) == 1 && pending(w) == 0);
    assert_int_equal(w->count, 1);
}

static void no_answer_in_time_is_a_failure(void **state)
{
    world_t *w = *state;
    cJSON *json;
    subscribe(w, "s", "/hang", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    const cJSON *lane = page_entry(w, "/local/pushes", "subscriptions", 0, &json);
    assert_int_equal(number_of(lane, "last_status"), 0);
    assert_string_not_equal(text_of(lane, "last_error"), "");
    assert_int_equal(number_of(lane, "waiting"), 1);
    cJSON_Delete(json);
    WAIT(w->gone == 1); /* and we hung up */
}

static void a_reset_connection_is_a_failure(void **state)
{
    world_t *w = *state;
    subscribe(w, "s", "/reset", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1 && pending(w) == 1);
}

static void a_refused_connection_is_a_failure(void **state)
{
    world_t *w = *state;
    char url[64];
    cJSON *json;
    write_dead_url(url);
    subscribe_url(w, "s", url, "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    const cJSON *lane = page_entry(w, "/local/pushes", "subscriptions", 0, &json);
    assert_string_equal(text_of(lane, "endpoint"), url);
    assert_non_null(strcasestr(text_of(lane, "last_error"), "connect"));
    cJSON_Delete(json);
}

/* -- HTTPS --------------------------------------------------------------------------------- */

static char tls_key[] = "/tmp/sluice-push-tls-key-XXXXXX";
static char tls_certificate[] = "/tmp/sluice-push-tls-cert-XXXXXX";

static FILE *open_temporary(char *path)
{
    strcpy(path + strlen(path) - 6, "XXXXXX"); /* each test has its own */
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    assert_non_null(file);
    return file;
}

static void write_tls_files(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"receiver", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(x, name, -1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *file = open_temporary(tls_certificate);
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
    file = open_temporary(tls_key);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_EXTENSION_free(name);
    X509_free(x);
    EVP_PKEY_free(key);
}

static int setup_tls(void **state)
{
    write_tls_files();
    return world_setup_tls(state, (local_options_t){.push_ca = tls_certificate}, tls_certificate,
                           tls_key);
}

static int setup_tls_unknown(void **state)
{
    write_tls_files();
    return world_setup_tls(state, (local_options_t){.time_scale = 1}, tls_certificate, tls_key);
}

static int teardown_tls(void **state)
{
    unlink(tls_key);
    unlink(tls_certificate);
    return world_teardown(state);
}

static void an_https_endpoint_is_pushed_to(void **state)
{
    world_t *w = *state;
    assert_int_equal(strncmp(w->url, "https://", 8), 0);
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(delivered(w) == 1);
    assert_int_equal(judge(w, &w->got[0]), MNS_PUSH_GENUINE);
}

static void an_https_endpoint_nobody_vouches_for_gets_nothing(void **state)
{
    world_t *w = *state;
    cJSON *json;
    subscribe(w, "s", "/ok", "");
    publish(w, "x", "");
    WAIT(tries_failed(w) == 1);
    assert_int_equal(w->count, 0);
    const cJSON *lane = page_entry(w, "/local/pushes", "subscriptions", 0, &json);
    assert_non_null(strstr(text_of(lane, "last_error"), "certificate"));
    cJSON_Delete(json);
}

/* -- the key ------------------------------------------------------------------------------- */

static void a_key_that_was_made_stays_with_the_data(void **state)
{
    static const char *const files[] = {"data.mdb", "lock", "push-key.pem"};
    char dir[] = "/tmp/sluice-push-data-XXXXXX", before[4096], path[64];
    void *fixture;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(fixture_setup_with(&fixture, (local_options_t){.data = dir}), 0);
    fixture_t *f = fixture;
    snprintf(before, sizeof before, "%s", ask_page(f, "GET", "/local/certificate.pem").body);
    fixture_restart(f);
    assert_string_equal(ask_page(f, "GET", "/local/certificate.pem").body, before);
    assert_non_null(strstr(before, "BEGIN CERTIFICATE"));
    fixture_teardown(&fixture);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void a_key_that_cannot_be_used_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"/nowhere/key.pem", "No such file"},
                                           {"/dev/null", "no RSA private key"}};
    for (size_t i = 0; i < 2; i++) {
        local_t *local = NULL;
        char sentence[LOCAL_SENTENCE_MAX];
        local_options_t options = {.listen = "127.0.0.1:0",
                                   .account = "1",
                                   .region = "r",
                                   .key_id = "k",
                                   .key_secret = "s",
                                   .memory_bytes = 1 << 20,
                                   .push_key = cases[i][0],
                                   .clock = &sl_clock_system};
        assert_int_not_equal(local_create(&local, &options, sentence), SL_OK);
        assert_null(local);
        assert_non_null(strstr(sentence, cases[i][0]));
        assert_non_null(strstr(sentence, cases[i][1]));
    }
}

int main(void)
{
#define IN(setup, test) cmocka_unit_test_setup_teardown(test, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        IN(world_setup, a_push_is_what_the_service_sends),
        IN(world_setup, an_untagged_push_has_no_tag),
        IN(world_setup, without_a_path_a_push_goes_to_notifications),
        IN(world_setup, a_push_names_the_certificate),
        IN(setup_named, the_certificates_address_may_be_another),
        IN(world_setup, the_largest_message_is_pushed_whole),
        IN(world_setup, only_wanted_tags_are_pushed),
        IN(world_setup, a_tag_that_would_end_a_header_is_refused),
        IN(world_setup, no_proxy_is_asked),
        IN(world_setup, any_2xx_is_delivered_and_nothing_else),
        IN(world_setup, an_answer_may_take_a_while),
        IN(setup_impatient, no_answer_in_time_is_a_failure),
        IN(world_setup, a_reset_connection_is_a_failure),
        IN(world_setup, a_refused_connection_is_a_failure),
        cmocka_unit_test_setup_teardown(an_https_endpoint_is_pushed_to, setup_tls, teardown_tls),
        cmocka_unit_test_setup_teardown(an_https_endpoint_nobody_vouches_for_gets_nothing,
                                        setup_tls_unknown, teardown_tls),
        cmocka_unit_test(a_key_that_was_made_stays_with_the_data),
        cmocka_unit_test(a_key_that_cannot_be_used_is_named),
    };
    return cmocka_run_group_tests(tests, world_make_key, world_remove_key);
}
