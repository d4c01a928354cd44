#include "pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20 };

/* @return bytes read, or -1 with errno. */
static ssize_t read_whole(int fd, char *to, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, to + len, room - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)len;
        len += (size_t)got;
    }
    errno = EFBIG;
    return -1;
}

sl_err http_pem_read(http_pem_t *pem, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SL_EIO;
    sl_err err = SL_ENOMEM;
    *pem = (http_pem_t){.text = malloc(PEM_MAX)};
    if (pem->text != NULL) {
        ssize_t len = read_whole(fd, pem->text, PEM_MAX - 1);
        err = len >= 0 ? SL_OK : SL_EIO;
        pem->len = len >= 0 ? (size_t)len : PEM_MAX - 1;
        pem->text[pem->len] = '\0';
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}

void http_pem_fini(http_pem_t *pem)
{
    if (pem->text == NULL)
        return;
    explicit_bzero(pem->text, pem->len);
    free(pem->text);
    *pem = (http_pem_t){0};
}
