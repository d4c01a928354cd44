#include "mns_place.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool made_of(const char *text, const char *chars, size_t most)
{
    size_t len = strlen(text);
    return len > 0 && len <= most && strspn(text, chars) == len;
}

bool place_is_account(const char *text)
{
    return made_of(text, DIGITS, PLACE_ACCOUNT_MAX);
}

bool place_is_region(const char *text)
{
    return made_of(text, DIGITS LETTERS "-", PLACE_REGION_MAX);
}

bool place_is_name(const char *text)
{
    return made_of(text, DIGITS LETTERS "-", PLACE_NAME_MAX - 1) && *text != '-';
}

/* -- URLs ---------------------------------------------------------------------------------- */

/* ":8700" or nothing.  @return false: no port. */
static bool parse_port(place_url_t *url, const char *at)
{
    snprintf(url->port, sizeof url->port, "%s", url->tls ? "443" : "80");
    if (*at == '\0')
        return true;
    if (*at != ':' || !made_of(at + 1, DIGITS, 5) || atol(at + 1) < 1 || atol(at + 1) > 65535)
        return false;
    snprintf(url->port, sizeof url->port, "%.5s", at + 1);
    return true;
}

/* "host:port" or "[::1]:port", cut out of the URL already. */
static const char *parse_authority(place_url_t *url, const char *text)
{
    bool bracket = *text == '[';
    const char *host = text + bracket;
    size_t len = strcspn(host, bracket ? "]" : ":");
    if (bracket && host[len] != ']')
        return "has a bracket in its host that does not close";
    if (len == 0)
        return "names no host";
    if (len > PLACE_HOST_MAX || strspn(host, DIGITS LETTERS "-._:") < len)
        return "has a host with a character that no host has, or too many";
    memcpy(url->host, host, len);
    url->host[len] = '\0';
    return parse_port(url, host + len + bracket) ? NULL : "has a port that is none";
}

const char *place_parse_url(place_url_t *url, const char *text)
{
    char authority[PLACE_HOST_MAX + 16];
    url->tls = strncasecmp(text, "https://", 8) == 0;
    if (!url->tls && strncasecmp(text, "http://", 7) != 0)
        return "begins with neither http:// nor https://";
    const char *at = text + (url->tls ? 8 : 7);
    size_t len = strcspn(at, "/?#");
    const char *rest = at + len;
    if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
        return "has a path or a query; an endpoint ends behind its host";
    if (memchr(at, '@', len) != NULL)
        return "has a user in it; keys have their own places";
    if (len >= sizeof authority)
        return "has a host that is too long";
    memcpy(authority, at, len);
    authority[len] = '\0';
    return parse_authority(url, authority);
}

/* -- the service's hosts ------------------------------------------------------------------- */

static bool drop_suffix(char *text, const char *suffix)
{
    size_t len = strlen(text), cut = strlen(suffix);
    if (len <= cut || strcasecmp(text + len - cut, suffix) != 0)
        return false;
    text[len - cut] = '\0';
    return true;
}

place_t place_of_host(const char *text)
{
    char host[PLACE_HOST_MAX + 1];
    place_t place = {.network = PLACE_PUBLIC}, unknown = {.network = PLACE_OTHER};
    snprintf(host, sizeof host, "%s", text);
    char *region = strchr(host, '.');
    if (region == NULL || !drop_suffix(region, ".aliyuncs.com") ||
        strncasecmp(region, ".mns.", 5) != 0)
        return unknown;
    *region = '\0';
    region += strlen(".mns.");
    if (drop_suffix(region, "-internal-vpc"))
        place.network = PLACE_VPC;
    else if (drop_suffix(region, "-internal"))
        place.network = PLACE_INTRANET;
    if (!place_is_account(host) || !place_is_region(region))
        return unknown;
    strcpy(place.account, host);
    for (size_t i = 0; i <= strlen(region); i++)
        place.region[i] = (char)tolower((unsigned char)region[i]);
    return place;
}

place_t place_of_endpoint(const char *endpoint)
{
    place_url_t url;
    return place_parse_url(&url, endpoint) == NULL ? place_of_host(url.host) : (place_t){{0}};
}

/* -- queues as endpoints ------------------------------------------------------------------- */

void place_queue_endpoint(char out[PLACE_QUEUE_ENDPOINT_MAX], const place_t *place,
                          const char *queue)
{
    snprintf(out, PLACE_QUEUE_ENDPOINT_MAX, "acs:mns:%s:%s:queues/%.*s", place->region,
             place->account, PLACE_NAME_MAX - 1, queue);
}

/* Copies up to the next colon.  @return what is behind it; NULL: none, or no room. */
static const char *take_part(char *out, size_t size, const char *at)
{
    size_t len = strcspn(at, ":");
    if (at[len] != ':' || len == 0 || len >= size)
        return NULL;
    memcpy(out, at, len);
    out[len] = '\0';
    return at + len + 1;
}

bool place_parse_queue_endpoint(place_t *place, char queue[PLACE_NAME_MAX], const char *endpoint)
{
    *place = (place_t){.network = PLACE_OTHER};
    if (strncmp(endpoint, "acs:mns:", 8) != 0)
        return false;
    const char *at = take_part(place->region, sizeof place->region, endpoint + 8);
    at = at != NULL ? take_part(place->account, sizeof place->account, at) : NULL;
    if (at == NULL)
        return false;
    at += *at == '/';
    if (strncmp(at, "queues/", 7) != 0 || !place_is_name(at + 7))
        return false;
    strcpy(queue, at + 7);
    return true;
}
