/* HTTPS: the same server behind TLS, with a certificate that the test makes.  libcurl is the
 * client; its multi interface and the server's turns share the test's thread. */
#include "base/buf.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 50, BODY = 300000 };

static char folder[] = "/tmp/http-tls-XXXXXX";
static char certificate_path[64], key_path[64], other_key_path[64];

typedef struct fixture {
    http_server_t *server;
    sl_clock_manual_t clock;
    counter_registry_t registry;
    http_request_t *parked[MANY];
    size_t parked_count;
    bool park;
    int gone;
    size_t body_len;
} fixture_t;

/* -- a certificate for 127.0.0.1, signed by itself ----------------------------------------- */

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *out = fopen(path, "wbe");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
}

static void write_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *out = fopen(certificate_path, "wbe");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, certificate), 1);
    fclose(out);
    X509_free(certificate);
}

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(certificate_path, sizeof certificate_path, "%s/certificate.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    snprintf(other_key_path, sizeof other_key_path, "%s/other.pem", folder);
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    write_key(key_path, key);
    write_key(other_key_path, other);
    write_certificate(key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(certificate_path);
    unlink(key_path);
    unlink(other_key_path);
    return rmdir(folder);
}

/* -- the server ---------------------------------------------------------------------------- */

static void on_request(void *ctx, http_request_t *request)
{
    fixture_t *f = ctx;
    http_request_body(request, &f->body_len);
    if (f->park)
        f->parked[f->parked_count++] = request;
    else
        http_request_reply(request, &(http_reply_t){.status = 200, .body = "yes", .body_len = 3});
}

static void on_gone(void *ctx, http_request_t *request)
{
    (void)request;
    ((fixture_t *)ctx)->gone++;
}

static sl_err start(fixture_t *f, const char *certificate, const char *key)
{
    return http_server_create(&f->server, &(http_server_options_t){.listen = "127.0.0.1:0",
                                                                   .on_request = on_request,
                                                                   .on_gone = on_gone,
                                                                   .ctx = f,
                                                                   .max_body = BODY,
                                                                   .idle_ms = 1000,
                                                                   .clock = &f->clock.clock,
                                                                   .registry = &f->registry,
                                                                   .certificate_file = certificate,
                                                                   .key_file = key});
}

static int setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    f->registry = COUNTER_REGISTRY_INIT;
    sl_clock_manual_init(&f->clock, 1000000000, 1000000000);
    *state = f;
    return start(f, certificate_path, key_path) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    http_server_destroy(&f->server);
    free(f);
    return 0;
}

static uint64_t counted(fixture_t *f, int counter)
{
    return counter_get(&f->registry.sets->values[counter]);
}

/* -- the client ---------------------------------------------------------------------------- */

static size_t forget(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

static CURL *client(CURLM *multi, const char *url, const char *body, size_t len)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate_path);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    assert_int_equal(curl_multi_add_handle(multi, curl), CURLM_OK);
    return curl;
}

/* A turn of both sides.  @return how many transfers are under way. */
static int both(fixture_t *f, CURLM *multi)
{
    int running;
    assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
    http_server_run(f->server, 1);
    return running;
}

/* Until the transfer is over.  @return its status; 0: it failed. */
static long finish(fixture_t *f, CURLM *multi, CURL *curl)
{
    while (both(f, multi) > 0) {
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    return status;
}

static void a_request_comes_over_tls(void **state)
{
    fixture_t *f = *state;
    CURLM *multi = curl_multi_init();
    assert_memory_equal(http_server_url(f->server), "https://127.0.0.1:", 18);
    char *body = calloc(1, BODY);
    memset(body, 'b', BODY);
    for (int i = 0; i < 3; i++) /* the second and third on the connection of the first */
        assert_int_equal(finish(f, multi, client(multi, http_server_url(f->server), body, BODY)),
                         200);
    assert_int_equal(f->body_len, BODY);
    assert_int_equal(counted(f, HTTP_COUNT_ACCEPTED), 1);
    free(body);
    curl_multi_cleanup(multi);
}

static void parked_requests_are_answered_over_tls(void **state)
{
    fixture_t *f = *state;
    CURLM *multi = curl_multi_init();
    CURL *curls[MANY];
    f->park = true;
    for (int i = 0; i < MANY; i++)
        curls[i] = client(multi, http_server_url(f->server), "hello", 5);
    while (f->parked_count < MANY)
        both(f, multi);
    assert_int_equal(counted(f, HTTP_COUNT_PARKED), MANY);
    for (size_t i = 0; i < MANY; i++)
        http_request_reply(f->parked[i], &(http_reply_t){.status = 204});
    for (int i = 0; i < MANY; i++)
        assert_int_equal(finish(f, multi, curls[i]), 204);
    curl_multi_cleanup(multi);
}

static void a_hang_up_while_parked_is_told_over_tls(void **state)
{
    fixture_t *f = *state;
    CURLM *multi = curl_multi_init();
    f->park = true;
    CURL *curl = client(multi, http_server_url(f->server), "hello", 5);
    while (f->parked_count == 0)
        both(f, multi);
    curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    curl_multi_cleanup(multi);
    while (f->gone == 0)
        http_server_run(f->server, 1);
}

/* -- who does not speak TLS ---------------------------------------------------------------- */

static int plain_connection(fixture_t *f)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(http_server_url(f->server), ':') + 1))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void plain_http_is_not_served(void **state)
{
    fixture_t *f = *state;
    static const char request[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    char answer[256];
    int fd = plain_connection(f);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    while (counted(f, HTTP_COUNT_ACCEPTED) == 0 || counted(f, HTTP_COUNT_CONNECTIONS) > 0)
        http_server_run(f->server, 1);
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    assert_true(got <= 0 || memcmp(answer, "HTTP/", 5) != 0);
    assert_int_equal(counted(f, HTTP_COUNT_REQUESTS), 0);
    close(fd);
}

static void a_handshake_that_does_not_begin_is_cut(void **state)
{
    fixture_t *f = *state;
    int fd = plain_connection(f);
    while (counted(f, HTTP_COUNT_CONNECTIONS) == 0)
        http_server_run(f->server, 1);
    sl_clock_manual_advance(&f->clock, 1001000000);
    while (counted(f, HTTP_COUNT_CONNECTIONS) > 0)
        http_server_run(f->server, 1);
    assert_int_equal(counted(f, HTTP_COUNT_TIMEOUTS), 1);
    close(fd);
}

static void files_that_do_not_serve_are_told(void **state)
{
    (void)state;
    fixture_t f = {.registry = COUNTER_REGISTRY_INIT};
    sl_clock_manual_init(&f.clock, 1, 1);
    errno = 0;
    assert_int_equal(start(&f, "/nowhere/certificate.pem", key_path), SL_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(start(&f, certificate_path, folder), SL_EIO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(start(&f, certificate_path, other_key_path), SL_EINVAL);
    assert_int_equal(start(&f, key_path, key_path), SL_EINVAL);
    assert_int_equal(start(&f, certificate_path, certificate_path), SL_EINVAL);
    assert_null(f.server);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_request_comes_over_tls),
        WITH_SERVER(parked_requests_are_answered_over_tls),
        WITH_SERVER(a_hang_up_while_parked_is_told_over_tls),
        WITH_SERVER(plain_http_is_not_served),
        WITH_SERVER(a_handshake_that_does_not_begin_is_cut),
        cmocka_unit_test(files_that_do_not_serve_are_told),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, make_files, remove_files);
    curl_global_cleanup();
    return failed;
}
