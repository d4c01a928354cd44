#include "mns_endpoint.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool absent(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);
    curl_free(text);
    return code != CURLUE_OK && code != CURLUE_OUT_OF_MEMORY;
}

/* The path is "/" when there is none. */
static bool only_root(CURLU *url)
{
    char *path = NULL;
    bool root = curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0;
    curl_free(path);
    return root && absent(url, CURLUPART_QUERY) && absent(url, CURLUPART_FRAGMENT);
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static mns_err build(mns_endpoint_t *out, const char *scheme, const char *host, const char *port)
{
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return MNS_EINVAL;
    if (asprintf(&out->base, "%s://%s%s%s", scheme, host, port == NULL ? "" : ":",
                 port == NULL ? "" : port) < 0)
        return MNS_ENOMEM;
    out->loopback = is_loopback(host);
    return MNS_OK;
}

mns_err mns_endpoint_parse(mns_endpoint_t *out, const char *text)
{
    mns_err err = MNS_ENOMEM;
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *url = curl_url();
    if (url == NULL)
        return MNS_ENOMEM;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY)
        goto done;
    err = MNS_EINVAL;
    if (code != CURLUE_OK || !only_root(url) ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        goto done;
    curl_url_get(url, CURLUPART_PORT, &port, 0); /* none is the scheme's own */
    err = build(out, scheme, host, port);
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return err;
}
