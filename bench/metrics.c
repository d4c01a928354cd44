#include "metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static sl_err parse_url(const char *url, struct sockaddr_in *addr)
{
    char host[64];
    unsigned port;
    if (sscanf(url, "http://%63[0-9.]:%5u", host, &port) != 2 || port == 0 || port > 65535)
        return SL_EINVAL;
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &addr->sin_addr) == 1 ? SL_OK : SL_EINVAL;
}

static sl_err exchange(int fd, const struct sockaddr_in *addr, sl_buf_t *answer)
{
    static const char request[] =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct timeval limit = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) != 0 ||
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1)
        return SL_EIO;
    for (;;) {
        if (sl_buf_reserve(answer, 16384) != SL_OK)
            return SL_ENOMEM;
        ssize_t got = recv(fd, answer->data + answer->len, answer->cap - answer->len - 1, 0);
        if (got < 0)
            return SL_EIO;
        answer->len += (size_t)got;
        answer->data[answer->len] = '\0';
        if (got == 0)
            return SL_OK;
    }
}

sl_err metrics_fetch(sl_buf_t *text, const char *url)
{
    struct sockaddr_in addr;
    sl_err err = parse_url(url, &addr);
    if (err != SL_OK)
        return err;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SL_EIO;
    sl_buf_clear(text);
    err = exchange(fd, &addr, text);
    close(fd);
    if (err == SL_OK && strncmp((const char *)text->data, "HTTP/1.1 200", 12) != 0)
        err = SL_EPROTO;
    return err;
}

double metrics_sum(const char *text, const char *metric)
{
    size_t len = strlen(metric);
    double sum = 0;
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, metric, len) == 0 && (line[len] == ' ' || line[len] == '{')) {
            const char *value = line[len] == '{' ? strstr(line, "} ") : line + len;
            if (value != NULL)
                sum += strtod(value + 1, NULL);
        }
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return sum;
}
