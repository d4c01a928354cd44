/* The way there: URL, host, connection, TLS.
 *
 * Each step is made here by itself, because libcurl's answer is one sentence about all of them.
 * Through a proxy it is the proxy that resolves and connects, so these steps are left out. */
#include "mns_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* -- url, place ---------------------------------------------------------------------------- */

void doctor_check_url(doctor_t *doctor)
{
    if (doctor->endpoint == NULL) {
        doctor_find(doctor, CAUSE_url_missing, "no endpoint");
        return;
    }
    const char *wrong = place_parse_url(&doctor->url, doctor->endpoint);
    if (wrong != NULL)
        doctor_find(doctor, CAUSE_url_malformed, "%.300s %s", doctor->endpoint, wrong);
    else
        doctor_note(doctor, "%s, port %s", doctor->url.host, doctor->url.port);
}

static void compare_place(doctor_t *doctor, doctor_cause_t cause, const char *in_url,
                          const char *wanted, const char *who)
{
    if (*in_url != '\0' && wanted != NULL && *wanted != '\0' && strcasecmp(in_url, wanted) != 0)
        doctor_find(doctor, cause, "the URL says %s, %s says %.100s", in_url, who, wanted);
}

void doctor_check_place(doctor_t *doctor)
{
    place_t host = place_of_host(doctor->url.host);
    place_t named =
        doctor->topic_endpoint != NULL ? place_of_endpoint(doctor->topic_endpoint) : (place_t){{0}};
    const char *account = doctor->account != NULL ? doctor->account : named.account;
    const char *region = doctor->region != NULL ? doctor->region : named.region;
    compare_place(doctor, CAUSE_place_account, host.account, doctor->account, "the configuration");
    compare_place(doctor, CAUSE_place_account, host.account, named.account, "the Notification");
    compare_place(doctor, CAUSE_place_region, host.region, doctor->region, "the configuration");
    compare_place(doctor, CAUSE_place_region, host.region, named.region, "the Notification");
    doctor->place = host;
    if (host.network == PLACE_OTHER) {
        snprintf(doctor->place.account, sizeof host.account, "%s", account);
        snprintf(doctor->place.region, sizeof host.region, "%s", region);
    }
    bool known = *doctor->place.account != '\0' && *doctor->place.region != '\0';
    if (!known && !doctor->from_file)
        doctor_skip(doctor, "they are not known, and the bridge's file is not there to ask");
    else if (!known)
        doctor_find(doctor, CAUSE_place_unknown, "the host is %s", doctor->url.host);
    else
        doctor_note(doctor, "account %s, region %s", doctor->place.account, doctor->place.region);
}

/* -- host ---------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/* Is the host, or a domain that it is in, on libcurl's list of hosts without a proxy? */
static bool is_excepted(const char *host)
{
    const char *list = getenv("no_proxy") != NULL ? getenv("no_proxy") : getenv("NO_PROXY");
    size_t host_len = strlen(host);
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", ");
        const char *domain = *list == '.' ? list + 1 : list;
        size_t len = strcspn(domain, ", ");
        if (len == 1 && *domain == '*')
            return true;
        if (len > 0 && len <= host_len && strncasecmp(host + host_len - len, domain, len) == 0 &&
            (len == host_len || host[host_len - len - 1] == '.'))
            return true;
        list = domain + len;
    }
    return false;
}

static const char *find_proxy(const place_url_t *url)
{
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    static const char *const tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    size_t count = url->tls ? sizeof tls / sizeof tls[0] : sizeof plain / sizeof plain[0];
    if (is_loopback(url->host) || is_excepted(url->host))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *proxy = getenv((url->tls ? tls : plain)[i]);
        if (proxy != NULL && *proxy != '\0')
            return proxy;
    }
    return NULL;
}

static struct addrinfo *resolve(const place_url_t *url, int *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    *err = getaddrinfo(url->host, url->port, &hints, &list);
    return *err == 0 ? list : NULL;
}

static void print_address(const struct addrinfo *address, char out[64])
{
    if (getnameinfo(address->ai_addr, address->ai_addrlen, out, 64, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(out, 64, "?");
}

static bool is_internal(const doctor_t *doctor)
{
    return doctor->place.network == PLACE_INTRANET || doctor->place.network == PLACE_VPC;
}

void doctor_check_host(doctor_t *doctor)
{
    int err;
    char address[64];
    doctor->proxy = find_proxy(&doctor->url);
    if (doctor->proxy != NULL) {
        doctor_skip(doctor, "a proxy is set, and it looks the host up");
        return;
    }
    struct addrinfo *list = resolve(&doctor->url, &err);
    if (list == NULL) {
        doctor_find(doctor, is_internal(doctor) ? CAUSE_host_internal : CAUSE_host_unknown,
                    "%s: %s", doctor->url.host, gai_strerror(err));
        return;
    }
    print_address(list, address);
    doctor_note(doctor, "%s", address);
    freeaddrinfo(list);
}

/* -- connect ------------------------------------------------------------------------------- */

static int timeout_ms(const doctor_t *doctor)
{
    uint64_t asked = doctor->session->common->timeout_ms;
    return asked < 5000 ? (int)asked : 5000;
}

/* @return a connected socket that blocks no longer than the timeout; -1 and errno. */
static int connect_to(const struct addrinfo *address, int wait_ms)
{
    int err = 0;
    socklen_t len = sizeof err;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        err = errno;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (err == EINPROGRESS)
            err = poll(&wait, 1, wait_ms) > 0 ? 0 : ETIMEDOUT;
        if (err == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
            err = errno;
    }
    if (err != 0) {
        close(fd);
        errno = err;
        return -1;
    }
    struct timeval timeout = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static void find_no_connection(doctor_t *doctor, int err)
{
    doctor_cause_t cause = CAUSE_connection_failed;
    if (is_internal(doctor))
        cause = CAUSE_host_internal;
    else if (err == ECONNREFUSED)
        cause = CAUSE_connection_refused;
    else if (err == ETIMEDOUT)
        cause = CAUSE_connection_timeout;
    doctor_find(doctor, cause, "%s, port %s: %s", doctor->url.host, doctor->url.port,
                strerror(err));
}

void doctor_check_connect(doctor_t *doctor)
{
    int err;
    if (doctor->proxy != NULL) {
        doctor_skip(doctor, "a proxy is set, and it connects");
        return;
    }
    struct addrinfo *list = resolve(&doctor->url, &err);
    err = EADDRNOTAVAIL;
    for (struct addrinfo *at = list; at != NULL && doctor->socket < 0; at = at->ai_next) {
        char address[64];
        doctor->socket = connect_to(at, timeout_ms(doctor));
        err = errno;
        print_address(at, address);
        doctor_note(doctor, "%s, port %s", address, doctor->url.port);
    }
    if (list != NULL)
        freeaddrinfo(list);
    if (doctor->socket < 0)
        find_no_connection(doctor, err);
}

/* -- tls ----------------------------------------------------------------------------------- */

static bool is_address(const char *host)
{
    return strchr(host, ':') != NULL || host[strspn(host, "0123456789.")] == '\0';
}

static bool expect_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static void shake_hands(doctor_t *doctor, SSL *ssl)
{
    if (!expect_host(ssl, doctor->url.host) || SSL_set_fd(ssl, doctor->socket) != 1) {
        doctor_find(doctor, CAUSE_tls_failed, "OpenSSL takes no host \"%s\"", doctor->url.host);
        return;
    }
    ERR_clear_error();
    errno = 0;
    bool done = SSL_connect(ssl) == 1;
    long verdict = SSL_get_verify_result(ssl);
    if (done) {
        doctor_note(doctor, "%s", SSL_get_version(ssl));
    } else if (verdict != X509_V_OK) {
        doctor_find(doctor, CAUSE_tls_untrusted, "%s", X509_verify_cert_error_string(verdict));
    } else {
        const char *why = ERR_reason_error_string(ERR_peek_error());
        doctor_find(doctor, CAUSE_tls_failed, "%s",
                    why != NULL  ? why
                    : errno != 0 ? strerror(errno)
                                 : "the connection was closed");
    }
}

void doctor_check_tls(doctor_t *doctor)
{
    const char *ca_file = doctor->session->common->ca_file;
    if (!doctor->url.tls || doctor->proxy != NULL) {
        doctor_skip(doctor, doctor->url.tls ? "a proxy is set, and libcurl looks at it below"
                                            : "the URL is http://");
        return;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    bool loaded =
        context != NULL && (ca_file != NULL ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
                                            : SSL_CTX_set_default_verify_paths(context)) == 1;
    if (!loaded || ssl == NULL) {
        doctor_find(doctor, CAUSE_tls_ca_file, "%s", ca_file != NULL ? ca_file : "the system's");
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        shake_hands(doctor, ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
}
