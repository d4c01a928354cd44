#include "mns_push_server.h"

#include "mns_push_sample.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct push_server {
    int listener, port;
    char *ca_file;
    SSL_CTX *tls;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    char *answer;         /* NULL: silence */
    size_t answer_len, requests;
    int client; /* -1: none; shut down to end a silence */
    bool open, closing;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static int bind_loopback(int family, int flags, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                              .sin6_port = htons((uint16_t)port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    int failed = family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof v4)
                                   : bind(fd, (struct sockaddr *)&v6, sizeof v6);
    if (fd >= 0 && failed) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    must(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    return ntohs(address.sin_port);
}

/* -- the server ------------------------------------------------------------------------------ */

static void answer(push_server_t *server, SSL *ssl)
{
    char request[4096];
    if (SSL_accept(ssl) != 1 || SSL_read(ssl, request, sizeof request) <= 0)
        return;
    pthread_mutex_lock(&server->lock);
    server->requests++;
    size_t len = server->answer_len;
    char *bytes = server->answer == NULL ? NULL : malloc(len + 1);
    if (bytes != NULL)
        memcpy(bytes, server->answer, len);
    pthread_mutex_unlock(&server->lock);
    if (bytes == NULL)
        SSL_read(ssl, request, sizeof request); /* until the client leaves */
    else if (SSL_write(ssl, bytes, (int)len) > 0)
        SSL_shutdown(ssl);
    free(bytes);
}

static void set_client(push_server_t *server, int fd)
{
    pthread_mutex_lock(&server->lock);
    server->client = fd;
    if (server->closing)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
}

static void *serve(void *ctx)
{
    push_server_t *server = ctx;
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(server->tls);
        SSL_set_fd(ssl, fd);
        set_client(server, fd);
        answer(server, ssl);
        set_client(server, -1);
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

push_server_t *push_server_create(const char *dns_name)
{
    push_server_t *server = calloc(1, sizeof *server);
    must(server != NULL, "calloc");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *pem = sample_certificate(key, dns_name, -3600, 3600);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    server->ca_file = sample_file(pem);
    server->tls = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate(server->tls, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(server->tls, key) == 1,
         "TLS");
    X509_free(certificate);
    BIO_free(bio);
    free(pem);
    EVP_PKEY_free(key);
    server->listener = bind_loopback(AF_INET, 0, 0);
    must(server->listener >= 0, "bind");
    server->port = port_of(server->listener);
    server->client = -1;
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

void push_server_open(push_server_t *server)
{
    server->open = true;
    must(listen(server->listener, 64) == 0, "listen");
    must(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
}

void push_server_destroy(push_server_t **server)
{
    push_server_t *s = *server;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    if (s->client >= 0)
        shutdown(s->client, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    if (s->open) {
        shutdown(s->listener, SHUT_RDWR);
        pthread_join(s->thread, NULL);
    }
    close(s->listener);
    SSL_CTX_free(s->tls);
    unlink(s->ca_file);
    free(s->ca_file);
    free(s->answer);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *server = NULL;
}

void push_server_answer(push_server_t *server, const char *head, const void *body, size_t len)
{
    size_t head_len = head == NULL ? 0 : strlen(head);
    char *bytes = head == NULL ? NULL : malloc(head_len + len + 1);
    must(head == NULL || bytes != NULL, "malloc");
    if (bytes != NULL) {
        memcpy(bytes, head, head_len);
        if (len > 0)
            memcpy(bytes + head_len, body, len);
    }
    pthread_mutex_lock(&server->lock);
    free(server->answer);
    server->answer = bytes;
    server->answer_len = head_len + len;
    pthread_mutex_unlock(&server->lock);
}

void push_server_serve(push_server_t *server, const char *text)
{
    char head[128];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", strlen(text));
    push_server_answer(server, head, text, strlen(text));
}

int push_server_port(const push_server_t *server)
{
    return server->port;
}

const char *push_server_ca(const push_server_t *server)
{
    return server->ca_file;
}

size_t push_server_requests(push_server_t *server)
{
    pthread_mutex_lock(&server->lock);
    size_t requests = server->requests;
    pthread_mutex_unlock(&server->lock);
    return requests;
}

/* -- the trap -------------------------------------------------------------------------------- */

void push_trap_open(push_trap_t *trap)
{
    trap->v4 = bind_loopback(AF_INET, SOCK_NONBLOCK, 0);
    must(trap->v4 >= 0 && listen(trap->v4, 64) == 0, "a trap");
    trap->port = port_of(trap->v4);
    trap->v6 = bind_loopback(AF_INET6, SOCK_NONBLOCK, trap->port);
    must(trap->v6 < 0 || listen(trap->v6, 64) == 0, "a trap");
}

void push_trap_close(push_trap_t *trap)
{
    close(trap->v4);
    if (trap->v6 >= 0)
        close(trap->v6);
}

static size_t sprung(int listener)
{
    size_t count = 0;
    for (int fd; listener >= 0 && (fd = accept(listener, NULL, NULL)) >= 0; count++)
        close(fd);
    return count;
}

size_t push_trap_sprung(push_trap_t *trap)
{
    return sprung(trap->v4) + sprung(trap->v6);
}
