#include "mns_cert_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HTTPS_PORT = 443, REGION_MAX = 32, NAME_MAX_LEN = MNS_CERT_HOST_MAX + 8 };

/* A host as it is written, in lower case, and its port. */
typedef struct authority {
    char host[MNS_CERT_HOST_MAX + 1];
    unsigned port;
} authority_t;

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* -- host and port --------------------------------------------------------------------------- */

/* A port as everybody writes it: no sign, no zero in front. */
static bool read_port(const char *text, size_t len, unsigned *port)
{
    *port = 0;
    if (len == 0 || len > 5 || *text == '0')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *port = *port * 10 + (unsigned)(text[i] - '0');
    }
    return *port <= 65535;
}

/* How long the host is: a name or IPv4 address, or an IPv6 one in brackets; 0: it is none. */
static size_t host_len(const char *text, size_t len)
{
    size_t n = 0;
    if (len > 0 && *text == '[') {
        for (n = 1; n < len && (is_alnum(text[n]) || text[n] == ':' || text[n] == '.');)
            n++;
        return n > 1 && n < len && text[n] == ']' ? n + 1 : 0;
    }
    while (n < len && (is_alnum(text[n]) || text[n] == '.' || text[n] == '-'))
        n++;
    return n;
}

static bool read_authority(const char *text, size_t len, authority_t *out)
{
    size_t host = host_len(text, len);
    if (host == 0 || host > MNS_CERT_HOST_MAX)
        return false;
    for (size_t i = 0; i < host; i++)
        out->host[i] = lower(text[i]);
    out->host[host] = '\0';
    out->port = HTTPS_PORT;
    return host == len ||
           (text[host] == ':' && read_port(text + host + 1, len - host - 1, &out->port));
}

/* -- the list -------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static mns_err add_host(mns_cert_hosts_t *hosts, const char *text)
{
    authority_t authority;
    if (!read_authority(text, strlen(text), &authority))
        return MNS_EINVAL;
    hosts->loopback &= is_loopback(authority.host);
    if (asprintf(&hosts->names[hosts->count], "%s:%u", authority.host, authority.port) < 0)
        return MNS_ENOMEM;
    hosts->count++;
    return MNS_OK;
}

mns_err mns_cert_hosts_init(mns_cert_hosts_t *out, const char *const *hosts)
{
    size_t count = 0;
    *out = (mns_cert_hosts_t){0};
    if (hosts == NULL)
        return MNS_OK;
    while (hosts[count] != NULL)
        count++;
    if (count == 0)
        return MNS_EINVAL;
    out->names = calloc(count, sizeof *out->names);
    if (out->names == NULL)
        return MNS_ENOMEM;
    out->loopback = true;
    mns_err err = MNS_OK;
    for (size_t i = 0; i < count && err == MNS_OK; i++)
        err = add_host(out, hosts[i]);
    if (err != MNS_OK)
        mns_cert_hosts_fini(out);
    return err;
}

void mns_cert_hosts_fini(mns_cert_hosts_t *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->names[i]);
    free(hosts->names);
    *hosts = (mns_cert_hosts_t){0};
}

/* mns-cert.oss-cn-<region>.aliyuncs.com; bucket names are unique in the whole object store, so
 * the region does not change whose it is. */
static bool is_regional(const char *host)
{
    static const char head[] = "mns-cert.oss-cn-", tail[] = ".aliyuncs.com";
    size_t len = strlen(host), around = sizeof head + sizeof tail - 2;
    if (len <= around || len > around + REGION_MAX || memcmp(host, head, sizeof head - 1) != 0 ||
        strcmp(host + len - (sizeof tail - 1), tail) != 0)
        return false;
    const char *region = host + sizeof head - 1, *end = host + len - (sizeof tail - 1);
    for (const char *at = region; at < end; at++)
        if (!is_alnum(*at) && *at != '-')
            return false;
    return *region != '-' && end[-1] != '-';
}

static bool is_listed(const mns_cert_hosts_t *hosts, const authority_t *authority)
{
    char name[NAME_MAX_LEN];
    if (hosts->names == NULL)
        return authority->port == HTTPS_PORT &&
               (strcmp(authority->host, "mnstest.oss-cn-hangzhou.aliyuncs.com") == 0 ||
                is_regional(authority->host));
    snprintf(name, sizeof name, "%s:%u", authority->host, authority->port);
    for (size_t i = 0; i < hosts->count; i++)
        if (strcmp(hosts->names[i], name) == 0)
            return true;
    return false;
}

/* -- the address ----------------------------------------------------------------------------- */

/* "/a/b.pem": no empty segment, none that begins with a dot, nothing that needs decoding. */
static bool is_plain_path(const char *at, size_t len)
{
    if (len < 2 || at[0] != '/')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(at[i]) && (at[i] == '\0' || strchr("/._-~", at[i]) == NULL))
            return false;
        if (i > 0 && at[i - 1] == '/' && (at[i] == '/' || at[i] == '.'))
            return false;
    }
    return true;
}

static bool part_is(CURLU *url, CURLUPart part, const char *expected)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT);
    bool same =
        expected == NULL ? code != CURLUE_OK : code == CURLUE_OK && strcasecmp(text, expected) == 0;
    curl_free(text);
    return same;
}

/* Does curl, which will connect, read the address as we do? */
static mns_push_verdict ask_curl(const char *text, const authority_t *authority, const char *path)
{
    char port[8];
    CURLU *url = curl_url();
    if (url == NULL)
        return MNS_PUSH_NO_MEMORY;
    snprintf(port, sizeof port, "%u", authority->port);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS);
    bool same = code == CURLUE_OK && part_is(url, CURLUPART_SCHEME, "https") &&
                part_is(url, CURLUPART_HOST, authority->host) &&
                part_is(url, CURLUPART_PORT, port) && part_is(url, CURLUPART_PATH, path) &&
                part_is(url, CURLUPART_USER, NULL) && part_is(url, CURLUPART_PASSWORD, NULL) &&
                part_is(url, CURLUPART_QUERY, NULL) && part_is(url, CURLUPART_FRAGMENT, NULL) &&
                part_is(url, CURLUPART_ZONEID, NULL);
    curl_url_cleanup(url);
    return code == CURLUE_OUT_OF_MEMORY ? MNS_PUSH_NO_MEMORY
           : same                       ? MNS_PUSH_GENUINE
                                        : MNS_PUSH_BAD_CERT_URL;
}

mns_push_verdict mns_cert_url_judge(const mns_cert_hosts_t *hosts, const char *text, size_t len,
                                    char out[MNS_CERT_URL_MAX])
{
    static const char scheme[] = "https://";
    size_t scheme_len = sizeof scheme - 1;
    authority_t authority = {0};
    char url[MNS_CERT_URL_MAX +
             NAME_MAX_LEN]; /* "https://host:port/path", perhaps with a new port */
    if (len >= MNS_CERT_URL_MAX || len <= scheme_len || strncasecmp(text, scheme, scheme_len) != 0)
        return MNS_PUSH_BAD_CERT_URL;
    const char *host = text + scheme_len, *end = text + len;
    const char *path = memchr(host, '/', (size_t)(end - host));
    if (path == NULL || !is_plain_path(path, (size_t)(end - path)) ||
        !read_authority(host, (size_t)(path - host), &authority))
        return MNS_PUSH_BAD_CERT_URL;
    if (!is_listed(hosts, &authority))
        return MNS_PUSH_FOREIGN_CERT_URL;
    int written =
        authority.port == HTTPS_PORT
            ? snprintf(url, sizeof url, "%s%s%.*s", scheme, authority.host, (int)(end - path), path)
            : snprintf(url, sizeof url, "%s%s:%u%.*s", scheme, authority.host, authority.port,
                       (int)(end - path), path);
    if (written < 0 || written >= MNS_CERT_URL_MAX)
        return MNS_PUSH_BAD_CERT_URL;
    mns_push_verdict verdict = ask_curl(url, &authority, strchr(url + scheme_len, '/'));
    if (verdict == MNS_PUSH_GENUINE)
        memcpy(out, url, (size_t)written + 1);
    return verdict;
}
