#include "mns_fake.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 16 * 1024, BODY_MAX = 256 * 1024, CONNECTIONS_MAX = 256, LINES_MAX = 256 };

struct fake {
    const fake_answer_t *script;
    size_t count;
    int listener;
    char endpoint[64];
    pthread_t acceptor, threads[CONNECTIONS_MAX];
    pthread_mutex_t lock; /* guards what follows */
    int sockets[CONNECTIONS_MAX];
    size_t connections, requests;
    char head[HEAD_MAX], body[BODY_MAX];
    char lines[LINES_MAX][256];
};

typedef struct served {
    fake_t *fake;
    size_t slot;
} served_t;

static void must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

/* Reads one request into head and body, NUL-terminated.  @return 0 when the client left. */
static int read_request(int fd, char *head, char *body)
{
    size_t len = 0;
    char *end;
    head[0] = '\0';
    while ((end = strstr(head, "\r\n\r\n")) == NULL) {
        ssize_t n = recv(fd, head + len, HEAD_MAX - 1 - len, 0);
        if (n <= 0)
            return 0;
        head[len += (size_t)n] = '\0';
    }
    end += 4;
    const char *length = strcasestr(head, "\r\nContent-Length:");
    size_t want = length == NULL || length > end ? 0 : strtoul(length + 17, NULL, 10);
    size_t have = len - (size_t)(end - head);
    must(want < BODY_MAX && have <= want, "a request that the fake cannot hold");
    memcpy(body, end, have);
    *end = '\0';
    while (have < want) {
        ssize_t n = recv(fd, body + have, want - have, 0);
        if (n <= 0)
            return 0;
        have += (size_t)n;
    }
    body[have] = '\0';
    return 1;
}

static fake_answer_t take_answer(fake_t *fake, const char *head, const char *body)
{
    pthread_mutex_lock(&fake->lock);
    size_t at = fake->requests++;
    strcpy(fake->head, head);
    strcpy(fake->body, body);
    if (at < LINES_MAX)
        snprintf(fake->lines[at], sizeof fake->lines[at], "%.*s", (int)strcspn(head, "\r"), head);
    pthread_mutex_unlock(&fake->lock);
    return fake->script[at < fake->count ? at : fake->count - 1];
}

/* @return whether the connection goes on. */
static int give(int fd, fake_answer_t answer)
{
    char byte;
    size_t len = strlen(answer.bytes);
    ssize_t sent = send(fd, answer.bytes, len, MSG_NOSIGNAL);
    while (answer.then == FAKE_FLOOD && sent > 0)
        sent = send(fd, answer.bytes, len, MSG_NOSIGNAL);
    if (answer.then == FAKE_HANG)
        while (recv(fd, &byte, 1, 0) > 0)
            ;
    if (answer.then == FAKE_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    return answer.then == FAKE_KEEP && sent == (ssize_t)len;
}

static void *serve(void *ctx)
{
    served_t served = *(served_t *)ctx;
    free(ctx);
    int fd = served.fake->sockets[served.slot];
    char *head = malloc(HEAD_MAX), *body = malloc(BODY_MAX);
    must(head != NULL && body != NULL, "malloc");
    while (read_request(fd, head, body) && give(fd, take_answer(served.fake, head, body)))
        ;
    free(head);
    free(body);
    pthread_mutex_lock(&served.fake->lock);
    close(fd);
    served.fake->sockets[served.slot] = -1;
    pthread_mutex_unlock(&served.fake->lock);
    return NULL;
}

static void *accept_all(void *ctx)
{
    fake_t *fake = ctx;
    int fd;
    while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
        served_t *served = malloc(sizeof *served);
        must(served != NULL, "malloc");
        pthread_mutex_lock(&fake->lock);
        must(fake->connections < CONNECTIONS_MAX, "more connections than the fake can hold");
        *served = (served_t){fake, fake->connections};
        fake->sockets[fake->connections] = fd;
        must(pthread_create(&fake->threads[fake->connections], NULL, serve, served) == 0, "thread");
        fake->connections++;
        pthread_mutex_unlock(&fake->lock);
    }
    return NULL;
}

fake_t *fake_create(const fake_answer_t *script, size_t count)
{
    fake_t *fake = calloc(1, sizeof *fake);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    must(fake != NULL, "calloc");
    fake->script = script;
    fake->count = count;
    pthread_mutex_init(&fake->lock, NULL);
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(fake->listener, (struct sockaddr *)&address, len) == 0, "bind");
    must(listen(fake->listener, 128) == 0, "listen");
    must(getsockname(fake->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    snprintf(fake->endpoint, sizeof fake->endpoint, "http://127.0.0.1:%d", ntohs(address.sin_port));
    must(pthread_create(&fake->acceptor, NULL, accept_all, fake) == 0, "thread");
    return fake;
}

void fake_destroy(fake_t **fake)
{
    fake_t *f = *fake;
    shutdown(f->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(f->acceptor, NULL);
    close(f->listener);
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->connections; i++)
        if (f->sockets[i] >= 0)
            shutdown(f->sockets[i], SHUT_RDWR);
    pthread_mutex_unlock(&f->lock);
    for (size_t i = 0; i < f->connections; i++)
        pthread_join(f->threads[i], NULL);
    pthread_mutex_destroy(&f->lock);
    free(f);
    *fake = NULL;
}

const char *fake_endpoint(const fake_t *fake)
{
    return fake->endpoint;
}

size_t fake_connections(fake_t *fake)
{
    pthread_mutex_lock(&fake->lock);
    size_t connections = fake->connections;
    pthread_mutex_unlock(&fake->lock);
    return connections;
}

size_t fake_requests(fake_t *fake)
{
    pthread_mutex_lock(&fake->lock);
    size_t requests = fake->requests;
    pthread_mutex_unlock(&fake->lock);
    return requests;
}

const char *fake_line(fake_t *fake, size_t at)
{
    return at < LINES_MAX && at < fake_requests(fake) ? fake->lines[at] : "";
}

const char *fake_head(fake_t *fake)
{
    fake_requests(fake); /* the lock orders what the server's thread wrote before this */
    return fake->head;
}

const char *fake_body(fake_t *fake)
{
    fake_requests(fake);
    return fake->body;
}
