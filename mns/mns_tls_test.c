/* mns_tls_test.c - https: who is trusted, and who is not.
 *
 * A server with a certificate of its own making, in a thread; one connection after the other. */
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

static char path[] = "/tmp/mns-tls-XXXXXX";
static char endpoint[64];
static int listener;
static pthread_t thread;
static SSL_CTX *context;

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Signed by itself, for 127.0.0.1. */
static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void serve_one(int fd)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    char request[4096];
    SSL *ssl = SSL_new(context);
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
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    FILE *file = fdopen(mkstemp(path), "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        return -1;
    snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d", ntohs(address.sin_port));
    return pthread_create(&thread, NULL, serve, NULL);
}

static int stop(void **state)
{
    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    SSL_CTX_free(context);
    return unlink(path);
}

static mns_err delete_queue(const char *at, const char *ca_file)
{
    mns_client_t *client;
    mns_reply_t *reply;
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = at,
                                    .ca_file = ca_file,
                                    .access_key_id = "id",
                                    .access_key_secret = "secret"};
    assert_int_equal(mns_client_create(&client, &options), MNS_OK);
    mns_err err = mns_call(client, &(mns_request_t){.op = MNS_DELETE_QUEUE, .queue = "q"}, &reply);
    mns_reply_free(&reply);
    mns_client_destroy(&client);
    return err;
}

static void a_server_of_the_given_bundle_is_trusted(void **state)
{
    (void)state;
    assert_int_equal(delete_queue(endpoint, path), MNS_OK);
}

static void a_server_that_nobody_vouches_for_is_not(void **state)
{
    (void)state;
    assert_int_equal(delete_queue(endpoint, NULL), MNS_EIO);
}

static void a_missing_bundle_trusts_nobody(void **state)
{
    (void)state;
    assert_int_equal(delete_queue(endpoint, "/nowhere/at/all"), MNS_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_of_the_given_bundle_is_trusted),
        cmocka_unit_test(a_server_that_nobody_vouches_for_is_not),
        cmocka_unit_test(a_missing_bundle_trusts_nobody),
    };
    signal(SIGPIPE, SIG_IGN); /* of the server: clients break off here */
    return cmocka_run_group_tests(tests, start, stop);
}
