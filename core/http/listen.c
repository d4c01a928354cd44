#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

/* Splits ADDR:PORT; host receives ADDR without brackets. */
static sl_err split(const char *listen, char *host, size_t host_size, const char **port)
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon == listen)
        return SL_EINVAL;
    const char *from = listen;
    size_t len = (size_t)(colon - listen);
    if (from[0] == '[') {
        if (len < 3 || from[len - 1] != ']')
            return SL_EINVAL;
        from++;
        len -= 2;
    } else if (memchr(from, ':', len) != NULL) {
        return SL_EINVAL; /* a bare IPv6 address leaves open where the port begins */
    }
    if (len >= host_size)
        return SL_EINVAL;
    memcpy(host, from, len);
    host[len] = '\0';
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number > 65535)
        return SL_EINVAL;
    *port = colon + 1;
    return SL_OK;
}

static sl_err resolve(const char *listen, struct addrinfo **found)
{
    char host[64];
    const char *port;
    if (split(listen, host, sizeof host, &port) != SL_OK)
        return SL_EINVAL;
    /* no name service: a daemon's address must not depend on who answers today */
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1"
                          : strcmp(host, "*") == 0       ? "0.0.0.0"
                                                         : host;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    return getaddrinfo(numeric, port, &hints, found) == 0 ? SL_OK : SL_EINVAL;
}

static sl_err name_of(int fd, bool tls, char url[HTTP_URL_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN + 16], port[8];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return SL_EIO;
    if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return SL_EIO;
    bool v6 = address.ss_family == AF_INET6;
    snprintf(url, HTTP_URL_MAX, "http%s://%s%s%s:%s", tls ? "s" : "", v6 ? "[" : "", host,
             v6 ? "]" : "", port);
    return SL_OK;
}

sl_err http_listen(const char *listen_at, bool tls, int *fd, char url[HTTP_URL_MAX])
{
    struct addrinfo *found;
    if (resolve(listen_at, &found) != SL_OK)
        return SL_EINVAL;
    int on = 1;
    int sock = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = sock >= 0 && setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                 bind(sock, found->ai_addr, found->ai_addrlen) == 0 && listen(sock, BACKLOG) == 0 &&
                 name_of(sock, tls, url) == SL_OK;
    int saved = errno;
    freeaddrinfo(found);
    if (!bound) {
        if (sock >= 0)
            close(sock);
        errno = saved;
        return SL_EIO;
    }
    *fd = sock;
    return SL_OK;
}
