#include "raw_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, READ_BYTES = 65536 };

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t raw_deadline(void)
{
    return now_ms() + PATIENCE_MS;
}

bool raw_before(uint64_t deadline)
{
    return now_ms() < deadline;
}

void raw_open(raw_client_t *c, const char *url, void (*turn)(void *ctx), void *ctx)
{
    *c = (raw_client_t){.turn = turn, .ctx = ctx};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

void raw_send(raw_client_t *c, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(c->fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* the server hung up, which some tests want */
        if (sent < 0) {
            c->turn(c->ctx);
            continue;
        }
        at += sent;
        len -= (size_t)sent;
    }
}

void raw_say(raw_client_t *c, const char *text)
{
    raw_send(c, text, strlen(text));
}

bool raw_turn(raw_client_t *c)
{
    c->turn(c->ctx);
    if (c->cap - c->len < READ_BYTES + 1) {
        c->cap = c->len + 2 * READ_BYTES;
        c->in = realloc(c->in, c->cap);
        assert_non_null(c->in);
    }
    ssize_t got = recv(c->fd, c->in + c->len, READ_BYTES, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        c->closed = true;
    if (got < 0 && errno == ECONNRESET)
        c->reset = true;
    if (got > 0)
        c->len += (size_t)got;
    c->in[c->len] = '\0';
    return !c->closed;
}

/* Does a whole response stand at the start?  Its end and the end of its head, if so. */
static bool whole(const raw_client_t *c, size_t *head_len, size_t *len)
{
    const char *end = c->len > 0 ? strstr(c->in, "\r\n\r\n") : NULL;
    if (end == NULL)
        return false;
    const char *length = strcasestr(c->in, "\r\nContent-Length:");
    bool has_body = length != NULL && length < end;
    *head_len = (size_t)(end + 4 - c->in);
    *len = *head_len + (has_body ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0);
    return c->len >= *len;
}

raw_reply_t raw_hear(raw_client_t *c)
{
    size_t head_len = 0, len = 0;
    RAW_WAIT(c, whole(c, &head_len, &len));
    char *heard = realloc(c->heard, len + 1);
    assert_non_null(heard);
    c->heard = heard;
    memcpy(heard, c->in, head_len - 1);
    heard[head_len - 1] = '\0';
    memcpy(heard + head_len, c->in + head_len, len - head_len);
    heard[len] = '\0';
    memmove(c->in, c->in + len, c->len - len + 1);
    c->len -= len;
    return (raw_reply_t){.status = atoi(heard + strlen("HTTP/1.1 ")),
                         .head = heard,
                         .body = heard + head_len,
                         .body_len = len - head_len};
}

void raw_close(raw_client_t *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    free(c->heard);
    *c = (raw_client_t){.fd = -1};
}
