/* mns_push_fuzz.c - requests, addresses and certificates from a forger who never sleeps.
 *
 * The bytes are a push as it stands on the wire; nothing but the worked vector (a file of the
 * corpus) may verify.  They are also a certificate's address, where what passes must lead to a host
 * of the service, and a PEM file. */
#include "mns_cert_key.h"
#include "mns_cert_url.h"
#include "mns_push_check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { HEADERS_MAX = 100, INPUT_MAX = 64 * 1024 };

static const char vector_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvVnzvRzr/CfTyb1BvVrd\n"
    "LW6eWj3qwLtmYnFTRkrymr3dj5FM//QdxlVwRZOOZ1EhpAq53OLxaZFohAQ7qU3b\n"
    "IF97DLzhbpUu0dXU+mwsE/vnMKvdd6vdnyOPjJNuIuQpIKD9PeqYF94UYaLT3DLe\n"
    "17kAcigFjanL/jeYhqo8U2uwyGHW0KMkF5xQHCYX778Gmx2IDtzMyRjPgW3ne4Z2\n"
    "1MG9nzzhiSVHwA9VdE+G6ZrYr7A0oN4R7d5jwo+rW2ZEi9qrSqpmU56ySVyd2XpD\n"
    "0eAAG5Fd26/MkI2LbWG9aC+ni/OQfzOrLclAPnmeZkHugo0eBNbCJUp9mkH6lvyK\n"
    "XwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
static const char vector_body[] = "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\"}";

static mns_push_verifier_t *verifier;
static mns_cert_hosts_t hosts; /* the service's own */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static int64_t vector_time(void *ctx)
{
    (void)ctx;
    return 1780315200;
}

static void setup(void)
{
    char path[] = "/tmp/mns-push-fuzz-XXXXXX";
    int fd = mkstemp(path);
    must(fd >= 0 && write(fd, vector_key, sizeof vector_key - 1) == sizeof vector_key - 1);
    mns_push_options_t options = {
        .size = sizeof options, .certificate_file = path, .now_s = vector_time};
    must(close(fd) == 0 && mns_push_create(&verifier, &options) == MNS_OK && unlink(path) == 0);
    must(mns_cert_hosts_init(&hosts, NULL) == MNS_OK);
}

/* The next line, without its CR LF or LF. */
static mns_push_text_view_t take_line(const char **at, const char *end)
{
    const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));
    *at = stop == NULL ? end : stop + 1;
    size_t len = (size_t)((stop == NULL ? end : stop) - line);
    return (mns_push_text_view_t){line, len > 0 && line[len - 1] == '\r' ? len - 1 : len};
}

static size_t take_headers(mns_push_header_t *headers, const char **at, const char *end)
{
    size_t count = 0;
    while (count < HEADERS_MAX && *at < end) {
        mns_push_text_view_t line = take_line(at, end);
        const char *colon = memchr(line.at, ':', line.len);
        if (line.len == 0)
            break;
        if (colon == NULL)
            continue;
        size_t name_len = (size_t)(colon - line.at);
        headers[count++] =
            (mns_push_header_t){line.at, colon + 1, name_len, line.len - name_len - 1};
    }
    return count;
}

static void verify(const char *bytes, size_t len)
{
    char method[16] = "", target[1024] = "";
    mns_push_header_t headers[HEADERS_MAX];
    mns_push_info_t info;
    const char *at = bytes, *end = bytes + len;
    mns_push_text_view_t line = take_line(&at, end);
    const char *blank = memchr(line.at, ' ', line.len);
    if (blank != NULL) {
        const char *rest = blank + 1,
                   *stop = memchr(rest, ' ', line.len - (size_t)(rest - line.at));
        size_t rest_len =
            stop == NULL ? line.len - (size_t)(rest - line.at) : (size_t)(stop - rest);
        snprintf(method, sizeof method, "%.*s", (int)(blank - line.at), line.at);
        snprintf(target, sizeof target, "%.*s", (int)rest_len, rest);
    }
    mns_push_request_t request = {.method = method, .target = target, .headers = headers};
    request.header_count = take_headers(headers, &at, end);
    request.body = at;
    request.body_len = (size_t)(end - at);
    mns_push_verdict verdict = mns_push_verify(verifier, &request, &info);
    must(verdict < MNS_PUSH_COUNT && verdict != MNS_PUSH_WAIT);
    must(strlen(info.cert_url) < sizeof info.cert_url);
    if (verdict == MNS_PUSH_GENUINE)
        must(request.body_len == sizeof vector_body - 1 &&
             memcmp(request.body, vector_body, request.body_len) == 0 &&
             strcmp(target, "/notifications") == 0);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void judge_address(const char *bytes, size_t len)
{
    char url[MNS_CERT_URL_MAX];
    if (mns_cert_url_judge(&hosts, bytes, len, url) != MNS_PUSH_GENUINE)
        return;
    const char *after = strstr(url, ".aliyuncs.com/");
    must(
        begins(url, "https://mnstest.oss-cn-hangzhou.aliyuncs.com/") ||
        (begins(url, "https://mns-cert.oss-cn-") && after != NULL && after < strchr(url + 8, '/')));
    must(strpbrk(url, "@?#%\\ ") == NULL && strstr(url, "/..") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t md5[MNS_PUSH_MD5_BYTES] = {0};
    const char *bytes = size == 0 ? "" : (const char *)data;
    int64_t unix_s;
    if (verifier == NULL)
        setup();
    if (size > INPUT_MAX)
        return 0;
    verify(bytes, size);
    judge_address(bytes, size);
    mns_push_date_read(bytes, size, &unix_s);
    mns_push_digest_is(bytes, size, md5);
    if (memmem(bytes, size, "-----BEGIN ", 11) !=
        NULL) { /* else it is slow, and the same each time */
        EVP_PKEY *key = mns_cert_key_read(bytes, size, true);
        EVP_PKEY_free(key);
    }
    return 0;
}
