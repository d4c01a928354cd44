#include "endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_NAME_LONGEST = 256, PHONE_LEAST = 3, PHONE_MOST = 20 };

static const char digits[] = "0123456789";

/* A reader gets what follows the scheme, and returns where endpoint_rest begins; NULL: malformed.
 */
typedef const char *reader_fn(const char *after);

/* {region}:{account}:queues/{name}.  Region and account may be another's: on one machine there is
 * one account, ours.  One SDK writes a slash before "queues". */
static const char *read_queue(const char *after)
{
    static const char kind[] = "queues/";
    const char *account = strchr(after, ':');
    const char *resource = account != NULL ? strchr(account + 1, ':') : NULL;
    if (resource == NULL)
        return NULL;
    resource += 1 + (resource[1] == '/');
    if (strncmp(resource, kind, sizeof kind - 1) != 0)
        return NULL;
    const char *name = resource + sizeof kind - 1;
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && (name[i] != '-' || i == 0))
            return NULL;
    return len > 0 && len <= QUEUE_NAME_LONGEST ? name : NULL;
}

static bool is_port(const char *text, size_t len)
{
    unsigned long port = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) || i == 5)
            return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* host[:port]; an IPv6 address stands in brackets.  A user is refused with everything else that is
 * no host: its "Authorization" would be in the way of the signature. */
static bool is_authority(const char *text, size_t len)
{
    size_t host;
    if (len > 0 && text[0] == '[') {
        host = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (host < 3 || host >= len || text[host++] != ']')
            return false;
    } else {
        for (host = 0; host < len; host++)
            if (!isalnum((unsigned char)text[host]) && strchr(".-_", text[host]) == NULL)
                break;
    }
    if (host == 0 || host > len)
        return false;
    return host == len || (text[host] == ':' && is_port(text + host + 1, len - host - 1));
}

static const char *read_url(const char *after)
{
    size_t len = strcspn(after, "/?");
    const char *rest = after + len;
    for (const char *at = rest; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '#') /* would not go over the wire as it stands */
            return NULL;
    return is_authority(after, len) ? rest : NULL;
}

static const char *read_address(const char *after)
{
    const char *host = strchr(after, '@');
    if (host == NULL || host == after || host[1] == '\0' || strchr(host + 1, '@') != NULL)
        return NULL;
    for (const char *at = after; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return NULL;
    return after;
}

static const char anonymous[] = "anonymous";

static const char *read_phone(const char *after)
{
    if (strcmp(after, anonymous) == 0)
        return after;
    const char *number = after + (*after == '+');
    size_t len = strspn(number, digits);
    return number[len] == '\0' && len >= PHONE_LEAST && len <= PHONE_MOST ? after : NULL;
}

static const struct kind {
    const char *scheme;
    reader_fn *read;
    const char *shape; /* what to say of one that is malformed */
} kinds[ENDPOINT_KIND_COUNT] = {
    [ENDPOINT_QUEUE] = {"acs:mns:", read_queue,
                        "A queue endpoint reads: acs:mns:{region}:{account}:queues/{name}."},
    [ENDPOINT_HTTP] = {"http://", read_url, "An HTTP endpoint reads: http://host[:port]/path."},
    [ENDPOINT_HTTPS] = {"https://", read_url, "An HTTPS endpoint reads: https://host[:port]/path."},
    [ENDPOINT_MAIL] = {"mail:directmail:", read_address,
                       "A mail endpoint reads: mail:directmail:{address}."},
    [ENDPOINT_SMS] = {"sms:directsms:", read_phone,
                      "An SMS endpoint reads: sms:directsms:{phone}, or sms:directsms:anonymous."},
};

bool endpoint_read(endpoint_t *out, const char *text, const char **why)
{
    size_t len = strlen(text);
    *why = "An endpoint has at most 512 characters.";
    if (len > ENDPOINT_MAX)
        return false;
    *why = "An endpoint begins with acs:mns:, http://, https://, mail:directmail: or "
           "sms:directsms:.";
    for (unsigned kind = 0; kind < ENDPOINT_KIND_COUNT; kind++) {
        size_t scheme = strlen(kinds[kind].scheme);
        if (strncmp(text, kinds[kind].scheme, scheme) != 0)
            continue;
        const char *rest = kinds[kind].read(text + scheme);
        *why = rest == NULL ? kinds[kind].shape : NULL;
        if (rest == NULL)
            return false;
        out->kind = (endpoint_kind_t)kind;
        out->rest_at = (uint16_t)(rest - text);
        memcpy(out->text, text, len + 1);
        return true;
    }
    return false;
}

bool endpoint_anonymous(const endpoint_t *e)
{
    return e->kind == ENDPOINT_SMS && strcmp(endpoint_rest(e), anonymous) == 0;
}

void endpoint_target(const endpoint_t *e, sl_buf_t *out)
{
    const char *rest = endpoint_rest(e);
    if (rest[0] != '/')
        sl_buf_append_str(out, "/notifications"); /* as the service's documents show it */
    sl_buf_append_str(out, rest);
}
