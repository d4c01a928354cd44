/* mns_tls_test.c - https: who is trusted, and who is not.
 *
 * A server with certificates of its own making, in a thread; one connection after the other. */
#include "mns/mns.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char endpoint[64], localhost[64];
static int listener;
static pthread_t thread;

/* What the server may show, and the bundle that holds just that. */
typedef struct identity {
    char path[32];
    SSL_CTX *context;
} identity_t;

static identity_t good, expired, early, foreign;
static _Atomic(SSL_CTX *) shown;

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Signed by itself. */
static X509 *make_certificate(EVP_PKEY *key, const char *names, long from_s, long until_s)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_subject_alt_name, names);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void make_identity(identity_t *identity, const char *names, long from_s, long until_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, names, from_s, until_s);
    strcpy(identity->path, "/tmp/mns-tls-XXXXXX");
    FILE *file = fdopen(mkstemp(identity->path), "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    identity->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(identity->context, certificate);
    SSL_CTX_use_PrivateKey(identity->context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void remove_identity(identity_t *identity)
{
    SSL_CTX_free(identity->context);
    unlink(identity->path);
}

static void serve_one(int fd)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    char request[4096];
    SSL *ssl = SSL_new(shown);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0) {
        SSL_write(ssl, answer, sizeof answer - 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static void *serve(void *ctx)
{
    (void)ctx;
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        serve_one(fd);
    return NULL;
}

static int start(void **state)
{
    (void)state;
    enum { HOUR = 3600 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    make_identity(&good, "IP:127.0.0.1", -HOUR, HOUR);
    make_identity(&expired, "IP:127.0.0.1", -2 * HOUR, -HOUR);
    make_identity(&early, "IP:127.0.0.1", HOUR, 2 * HOUR);
    make_identity(&foreign, "DNS:mns.example.com,IP:127.0.0.2", -HOUR, HOUR);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        return -1;
    snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d", ntohs(address.sin_port));
    snprintf(localhost, sizeof localhost, "https://localhost:%d", ntohs(address.sin_port));
    return pthread_create(&thread, NULL, serve, NULL);
}

static int stop(void **state)
{
    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    remove_identity(&good);
    remove_identity(&expired);
    remove_identity(&early);
    remove_identity(&foreign);
    return 0;
}

/* Whether the library says that it might go better next time, and what else it says. */
static bool transient;
static uint32_t attempts;
static char said[256];

static mns_err delete_queue(const identity_t *server, const char *at, const char *ca_file)
{
    mns_client_t *client;
    mns_reply_t *reply;
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = at,
                                    .ca_file = ca_file,
                                    .access_key_id = "id",
                                    .access_key_secret = "secret"};
    shown = server->context;
    assert_int_equal(mns_client_create(&client, &options), MNS_OK);
    mns_err err = mns_call(client, &(mns_request_t){.op = MNS_DELETE_QUEUE, .queue = "q"}, &reply);
    assert_non_null(reply);
    transient = reply->transient;
    attempts = reply->attempts;
    snprintf(said, sizeof said, "%s", reply->message);
    mns_reply_free(&reply);
    mns_client_destroy(&client);
    return err;
}

/* A certificate does not get better by asking again. */
static void assert_distrusts(const identity_t *server, const char *at, const char *ca_file,
                             const char *why)
{
    assert_int_equal(delete_queue(server, at, ca_file), MNS_EIO);
    assert_false(transient);
    assert_int_equal(attempts, 1);
    if (strstr(said, why) == NULL)
        fail_msg("said: %s", said);
}

static void a_server_of_the_given_bundle_is_trusted(void **state)
{
    (void)state;
    assert_int_equal(delete_queue(&good, endpoint, good.path), MNS_OK);
}

static void a_server_that_nobody_vouches_for_is_not(void **state)
{
    (void)state;
    assert_distrusts(&good, endpoint, NULL, "certificate");
}

static void a_server_of_another_authority_is_not(void **state)
{
    (void)state;
    assert_distrusts(&good, endpoint, foreign.path, "certificate");
}

static void a_certificate_for_another_host_is_not(void **state)
{
    (void)state;
    assert_distrusts(&foreign, endpoint, foreign.path, "host name '127.0.0.1'");
    assert_distrusts(&good, localhost, good.path, "host name 'localhost'");
}

static void a_certificate_out_of_its_time_is_not(void **state)
{
    (void)state;
    assert_distrusts(&expired, endpoint, expired.path, "expired");
    assert_distrusts(&early, endpoint, early.path, "not yet valid");
}

static void a_missing_bundle_trusts_nobody(void **state)
{
    (void)state;
    assert_distrusts(&good, endpoint, "/nowhere/at/all", "certificate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_of_the_given_bundle_is_trusted),
        cmocka_unit_test(a_server_that_nobody_vouches_for_is_not),
        cmocka_unit_test(a_server_of_another_authority_is_not),
        cmocka_unit_test(a_certificate_for_another_host_is_not),
        cmocka_unit_test(a_certificate_out_of_its_time_is_not),
        cmocka_unit_test(a_missing_bundle_trusts_nobody),
    };
    signal(SIGPIPE, SIG_IGN); /* of the server: clients break off here */
    return cmocka_run_group_tests(tests, start, stop);
}
