/* mns_push_forgery_test.c - what is not from MNS is refused, and nobody is called for it.
 *
 * One row is one forgery: its name, the verdict, and what is done to a genuine push.  Three kinds:
 *
 *     altered   a genuine push, changed on its way; the verifier has MNS's key pinned
 *     stranger  signed well, but with a key of the stranger's own, which his address leads to; the
 *               verifier has its default list
 *     served    the address is allowed (a loopback server on the list), what it answers is not good
 *
 * After every row a trap on loopback, to which many of the addresses lead in the end, must not have
 * sprung, and the verifier must have begun no fetch (one, when something is served).  The rows are
 * also the table of docs/mns-push.md, which is held against them. */
#include "mns_push_sample.h"
#include "mns_push_server.h"

#include <openssl/dsa.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

static const char allowed[] = "https://mnstest.oss-cn-hangzhou.aliyuncs.com/x509.pem";

static EVP_PKEY *mns_key, *stranger_key;
static push_server_t *server, *other_name; /* the second one's certificate is for another host */
static push_trap_t trap;
static mns_push_verifier_t *pinned, *usual;
static sample_t push; /* what the row at hand works on */

/* -- what can be done to a genuine push ------------------------------------------------------ */

static void resign(void)
{
    sample_sign(&push, mns_key);
}

static void set(const char *name, const char *value)
{
    sample_set(&push, name, value);
}

static void set_signed(const char *name, const char *value)
{
    set(name, value);
    resign();
}

static void drop(const char *name, const char *unused)
{
    (void)unused;
    sample_drop(&push, name);
}

static void drop_signed(const char *name, const char *unused)
{
    drop(name, unused);
    resign();
}

static void add(const char *name, const char *value)
{
    sample_add(&push, name, value);
}

static void add_signed(const char *name, const char *value)
{
    add(name, value);
    resign();
}

static void again(const char *name, const char *spelled)
{
    const mns_push_header_t *header = sample_header(&push, name);
    sample_add(&push, spelled != NULL ? spelled : name, header->value);
}

static void rename_header(const char *from, const char *to)
{
    mns_push_header_t *header = sample_header(&push, from);
    header->name = to;
    header->name_len = strlen(to);
}

static void swap(const char *one, const char *other)
{
    mns_push_header_t *a = sample_header(&push, one), *b = sample_header(&push, other), kept = *a;
    a->value = b->value;
    a->value_len = b->value_len;
    b->value = kept.value;
    b->value_len = kept.value_len;
}

/* The three below change what the headers say and leave the string to sign, and so the signature,
 * as it was. */
static void hide_in_target(const char *name, const char *unused)
{
    char text[256];
    mns_push_header_t header = *sample_header(&push, name);
    snprintf(text, sizeof text, "%s:%s\n%s", name, header.value, push.target);
    push.target = sample_keep(&push, text, strlen(text));
    drop(name, unused);
}

static void hide_in_value(const char *name, const char *before)
{
    char text[256];
    mns_push_header_t header = *sample_header(&push, name);
    snprintf(text, sizeof text, "%s\n%s:%s", sample_header(&push, before)->value, name,
             header.value);
    drop(name, NULL);
    set(before, text);
}

static void hide_in_name(const char *name, const char *behind)
{
    char text[256];
    mns_push_header_t header = *sample_header(&push, name);
    int len = snprintf(text, sizeof text, "%s:%s\n%s", name, header.value, behind);
    drop(name, NULL);
    rename_header(behind, sample_keep(&push, text, (size_t)len));
}

static void nul_behind(const char *name, const char *unused)
{
    (void)unused;
    mns_push_header_t *header = sample_header(&push, name);
    sample_set_bytes(&push, name, header->value, header->value_len + 1);
}

static void many_headers(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    char name[32];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "x-mns-extra-%d", i);
        add(name, "1");
    }
    resign();
}

static void body(const char *text, const char *unused)
{
    (void)unused;
    push.body = text;
    push.body_len = strlen(text);
}

static void body_end(const char *change, const char *unused)
{
    (void)unused;
    char *bytes = sample_keep(&push, push.body, push.body_len);
    if (strcmp(change, "cut") == 0)
        push.body_len--;
    else if (strcmp(change, "longer") == 0)
        push.body_len++; /* the NUL behind it */
    else
        bytes[push.body_len - 1] ^= 1;
    push.body = bytes;
}

static void body_and_digest(const char *text, const char *unused)
{
    body(text, unused);
    sample_set_digest(&push, SAMPLE_HEX_UPPER);
}

static void other_digest_form(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    sample_set_digest(&push, SAMPLE_BASE64_RAW);
}

static void digest_case(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    sample_set_digest(&push, SAMPLE_HEX_LOWER);
}

static void digest_cut(const char *cut, const char *unused)
{
    (void)unused;
    sample_set_digest(&push, SAMPLE_BASE64_RAW);
    mns_push_header_t *header = sample_header(&push, "Content-MD5");
    sample_set_bytes(&push, "Content-MD5", header->value, header->value_len - strlen(cut));
    resign();
}

static void method(const char *verb, const char *unused)
{
    (void)unused;
    push.method = verb;
}

static void target(const char *text, const char *unused)
{
    (void)unused;
    push.target = text;
}

static void signed_for_method(const char *verb, const char *unused)
{
    (void)unused;
    push.method = verb;
    resign();
    push.method = "POST";
}

static void signed_for_target(const char *text, const char *unused)
{
    const char *kept = push.target;
    target(text, unused);
    resign();
    push.target = kept;
}

static void signed_without(const char *name, const char *unused)
{
    mns_push_header_t header = *sample_header(&push, name);
    drop(name, unused);
    resign();
    sample_add(&push, name, header.value);
}

/* -- what can be done to a signature --------------------------------------------------------- */

static const char AUTHORIZATION[] = "Authorization";

static size_t signature(unsigned char *out)
{
    const mns_push_header_t *header = sample_header(&push, AUTHORIZATION);
    size_t len =
        (size_t)EVP_DecodeBlock(out, (const unsigned char *)header->value, (int)header->value_len);
    return len / 256 * 256; /* RSA-2048: without the padding's bytes */
}

static void set_signature(const unsigned char *bytes, size_t len)
{
    set(AUTHORIZATION, sample_base64(&push, bytes, len));
}

static void flip_bit(const char *where, const char *unused)
{
    (void)unused;
    unsigned char bytes[1024];
    size_t len = signature(bytes);
    bytes[strcmp(where, "first") == 0 ? 1 : len - 1] ^= 1;
    set_signature(bytes, len);
}

/* by: how many bytes are missing (-) or too many. */
static void resize(const char *by, const char *where)
{
    unsigned char bytes[1024] = {0};
    size_t front = where != NULL ? (size_t)atoi(by) : 0;
    size_t len = signature(bytes + front);
    set_signature(bytes, len + (size_t)atoi(by));
}

static void all_bytes(const char *value, const char *last)
{
    unsigned char bytes[256];
    memset(bytes, atoi(value), sizeof bytes);
    if (last != NULL)
        bytes[sizeof bytes - 1] = (unsigned char)atoi(last);
    set_signature(bytes, sizeof bytes);
}

static void signature_between(const char *before, const char *behind)
{
    char text[1024];
    const mns_push_header_t *header = sample_header(&push, AUTHORIZATION);
    snprintf(text, sizeof text, "%s%.*s%s", before, (int)header->value_len, header->value, behind);
    set(AUTHORIZATION, text);
}

static void signature_put(const char *at, const char *character)
{
    const mns_push_header_t *header = sample_header(&push, AUTHORIZATION);
    char *text = sample_keep(&push, header->value, header->value_len);
    size_t index =
        at[0] == '-' ? header->value_len - strtoul(at + 1, NULL, 10) : strtoul(at, NULL, 10);
    text[index] = *character;
    set(AUTHORIZATION, text);
}

static void signature_cut(const char *characters, const char *unused)
{
    (void)unused;
    const mns_push_header_t *header = sample_header(&push, AUTHORIZATION);
    sample_set_bytes(&push, AUTHORIZATION, header->value,
                     header->value_len - strtoul(characters, NULL, 10));
}

static void url_alphabet(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    const mns_push_header_t *header = sample_header(&push, AUTHORIZATION);
    char *text = sample_keep(&push, header->value, header->value_len);
    text[0] = '-';
    text[1] = '_';
    set(AUTHORIZATION, text);
}

static void huge_signature(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    static char text[100 * 1024 + 1];
    memset(text, 'A', sizeof text - 1);
    set(AUTHORIZATION, text);
}

static void other_message(const char *unused, const char *unused_too)
{
    (void)unused_too;
    char *kept = sample_keep(&push, sample_header(&push, "x-mns-message-id")->value, 32);
    set_signed("x-mns-message-id", "AC10020B0019681A95159E591D100002");
    set("x-mns-message-id", kept);
    (void)unused;
}

static void by_key_of(const char *bits, const char *unused)
{
    (void)unused;
    EVP_PKEY *key = sample_rsa((unsigned)atoi(bits));
    sample_sign(&push, key);
    EVP_PKEY_free(key);
}

static void by_curve(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    unsigned char bytes[256];
    size_t len, bytes_len = sizeof bytes;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *text = sample_string_to_sign(&push, &len);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha1(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, bytes, &bytes_len, (const unsigned char *)text, len), 1);
    set_signature(bytes, bytes_len);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void by_pss(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    sample_sign_oddly(&push, mns_key, EVP_sha1(), RSA_PKCS1_PSS_PADDING);
}

static void by_digest(const char *name, const char *unused)
{
    (void)unused;
    sample_sign_oddly(&push, mns_key, name == NULL ? NULL : EVP_get_digestbyname(name),
                      RSA_PKCS1_PADDING);
}

/* Signs 256 bytes as they are, with MNS's own key: only the padding is wrong. */
static void raw(const unsigned char block[256])
{
    unsigned char out[256];
    size_t out_len = sizeof out;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mns_key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, out, &out_len, block, 256), 1);
    EVP_PKEY_CTX_free(ctx);
    set_signature(out, out_len);
}

/* 00 01 FF… 00 DigestInfo SHA-1 … with `pad` bytes of FF, so that something is left behind; or of
 * another type. */
static void bad_padding(const char *pad, const char *type)
{
    static const unsigned char info[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                         0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
    unsigned char block[256] = {0, 1};
    size_t pads = strtoul(pad, NULL, 10), len;
    const char *text = sample_string_to_sign(&push, &len);
    memset(block + 2, 0xff, pads);
    if (type != NULL)
        block[1] = (unsigned char)atoi(type);
    memcpy(block + 3 + pads, info, sizeof info);
    assert_int_equal(EVP_Digest(text, len, block + 3 + pads + sizeof info, NULL, EVP_sha1(), NULL),
                     1);
    raw(block);
}

/* -- addresses ------------------------------------------------------------------------------- */

/* Fills a row's text in: %P is the trap's port, %0! a NUL.  @return its length. */
static size_t fill_in(char *out, size_t size, const char *text)
{
    size_t len = 0;
    for (const char *at = text; *at != '\0';) {
        if (strncmp(at, "%P", 2) == 0) {
            len += (size_t)snprintf(out + len, size - len, "%d", trap.port);
            at += 2;
        } else if (strncmp(at, "%0!", 3) == 0) {
            out[len++] = '\0';
            at += 3;
        } else {
            out[len++] = *at++;
        }
    }
    out[len] = '\0';
    return len;
}

/* The stranger's own push. */
static void from(const char *url, const char *unused)
{
    (void)unused;
    char text[4096];
    sample_set_cert_url(&push, text, fill_in(text, sizeof text, url));
    sample_sign(&push, stranger_key);
}

static void from_path_of(const char *length, const char *unused)
{
    char url[4096];
    size_t len = (size_t)snprintf(url, sizeof url, "%s", allowed);
    while (len < strtoul(length, NULL, 10))
        url[len++] = 'a';
    url[len] = '\0';
    from(url, unused);
}

/* The header is not the Base64 of an address. */
static void header_is(const char *value, const char *unused)
{
    (void)unused;
    set("x-mns-signing-cert-url", value);
    sample_sign(&push, stranger_key);
}

static void header_lacks_padding(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    char *text = sample_base64(&push, allowed, strlen(allowed));
    assert_int_equal(text[strlen(text) - 1], '=');
    text[strlen(text) - 1] = '\0';
    header_is(text, NULL);
}

static void header_twice(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    again("x-mns-signing-cert-url", "X-MNS-Signing-Cert-Url");
    sample_sign(&push, stranger_key);
}

static void no_header(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    drop("x-mns-signing-cert-url", NULL);
    sample_sign(&push, stranger_key);
}

/* -- answers of an allowed server ------------------------------------------------------------ */

static void point_to(const push_server_t *where, EVP_PKEY *key)
{
    char url[128];
    static int number; /* each row an address of its own: nothing is remembered of the others */
    snprintf(url, sizeof url, "https://localhost:%d/%d.pem", push_server_port(where), ++number);
    sample_set_cert_url(&push, url, strlen(url));
    sample_sign(&push, key);
}

static void answers(const char *head, const char *text)
{
    char filled[512];
    fill_in(filled, sizeof filled, head);
    push_server_answer(server, filled, text, strlen(text));
    point_to(server, mns_key);
}

static void serves(const char *text, const char *unused)
{
    (void)unused;
    push_server_serve(server, text);
    point_to(server, mns_key);
}

static void serves_bytes(const char *bytes, const char *unused)
{
    char text[32 * 1024];
    size_t len = strtoul(bytes, NULL, 10);
    char *pem = sample_certificate(mns_key, "notify", -3600, 3600);
    memset(text, '\n', len);
    memcpy(text + len - strlen(pem), pem, strlen(pem));
    text[len] = '\0';
    free(pem);
    serves(text, unused);
}

static void says_nothing(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    push_server_answer(server, NULL, NULL, 0);
    point_to(server, mns_key);
}

static void serves_at_another_name(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    char *pem = sample_certificate(mns_key, "notify", -3600, 3600);
    push_server_serve(other_name, pem);
    free(pem);
    point_to(other_name, mns_key);
}

static EVP_PKEY *key_of_kind(const char *kind)
{
    EVP_PKEY *key = NULL, *params = NULL;
    if (strcmp(kind, "EC") == 0)
        return EVP_EC_gen("P-256");
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, kind);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (strcmp(kind, "DSA") == 0) {
        assert_int_equal(EVP_PKEY_paramgen_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 1024), 1);
        assert_int_equal(EVP_PKEY_paramgen(ctx, &params), 1);
        EVP_PKEY_CTX_free(ctx);
        ctx = EVP_PKEY_CTX_new(params, NULL);
    }
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(params);
    return key;
}

static void serves_key(const char *kind, const char *unused)
{
    EVP_PKEY *key = key_of_kind(kind);
    char *pem = sample_certificate(key, "notify", -3600, 3600);
    serves(pem, unused);
    free(pem);
    EVP_PKEY_free(key);
}

static void serves_other_certificate(const char *unused, const char *unused_too)
{
    (void)unused_too;
    char *pem = sample_certificate(stranger_key, "notify", -3600, 3600);
    serves(pem, unused);
    free(pem);
}

static void serves_half(const char *unused, const char *unused_too)
{
    (void)unused_too;
    char *pem = sample_certificate(mns_key, "notify", -3600, 3600);
    pem[strlen(pem) / 2] = '\0';
    serves(pem, unused);
    free(pem);
}

static void serves_bare_key(const char *unused, const char *unused_too)
{
    (void)unused_too;
    char *pem = sample_public_key(mns_key);
    serves(pem, unused);
    free(pem);
}

static void serves_der(const char *unused, const char *unused_too)
{
    (void)unused, (void)unused_too;
    unsigned char *der = NULL;
    char *pem = sample_certificate(mns_key, "notify", -3600, 3600);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    int len = i2d_X509(certificate, &der);
    push_server_answer(server, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", der, (size_t)len);
    OPENSSL_free(der);
    X509_free(certificate);
    BIO_free(bio);
    free(pem);
    point_to(server, mns_key);
}

/* -- the rows -------------------------------------------------------------------------------- */

typedef enum { altered, stranger, served } kind_t;

typedef struct forgery {
    kind_t kind;
    const char *name;
    mns_push_verdict verdict;
    void (*forge)(const char *with, const char *with_too);
    const char *with, *with_too;
} forgery_t;

#define OSS          "mnstest.oss-cn-hangzhou.aliyuncs.com"
#define SAYS(status) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n"
#define REDIRECTS    "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: "
#define OTHER_MD5    "D41D8CD98F00B204E9800998ECF8427E"

static const forgery_t forgeries[] = {
#define X(kind, name, verdict, forge, with, with_too) \
    {kind, name, MNS_PUSH_##verdict, forge, with, with_too},
#include "mns_push_forgeries.h"
#undef X
};
enum { FORGERIES = sizeof forgeries / sizeof forgeries[0] };

static mns_push_verifier_t *verifier_for(const forgery_t *forgery)
{
    char here[32], there[32];
    const char *hosts[] = {here, there, NULL};
    mns_push_options_t options = {.size = sizeof options,
                                  .hosts = hosts,
                                  .ca_file = push_server_ca(server),
                                  .fetch_timeout_ms = 5000,
                                  .now_s = sample_now_s};
    mns_push_verifier_t *verifier;
    if (forgery->kind == altered)
        return pinned;
    if (forgery->kind == stranger)
        return usual;
    snprintf(here, sizeof here, "localhost:%d", push_server_port(server));
    snprintf(there, sizeof there, "localhost:%d", push_server_port(other_name));
    if (forgery->forge == says_nothing)
        options.fetch_timeout_ms = 200;
    if (forgery->forge == serves_at_another_name)
        options.ca_file = push_server_ca(other_name); /* trusted, but not under this name */
    assert_int_equal(mns_push_create(&verifier, &options), MNS_OK);
    return verifier;
}

static uint64_t fetches(mns_push_verifier_t *verifier)
{
    mns_push_stats_t stats;
    mns_push_stats(verifier, &stats);
    return stats.fetches;
}

/* @return whether it was refused as it must be. */
static bool is_refused(const forgery_t *forgery)
{
    sample_init(&push, allowed);
    resign();
    forgery->forge(forgery->with, forgery->with_too);
    mns_push_verifier_t *verifier = verifier_for(forgery);
    uint64_t expected = forgery->kind == served ? 1 : 0;
    mns_push_verdict verdict = forgery->kind == served ? sample_settle(&push, verifier)
                                                       : sample_ask(&push, verifier, NULL);
    uint64_t fetched = fetches(verifier);
    size_t sprung = push_trap_sprung(&trap);
    if (forgery->kind == served)
        mns_push_destroy(&verifier);
    bool good = verdict == forgery->verdict && fetched == expected && sprung == 0;
    if (!good)
        print_error("%s: %s instead of %s, %d fetches, the trap sprang %d times\n", forgery->name,
                    mns_push_name(verdict), mns_push_name(forgery->verdict), (int)fetched,
                    (int)sprung);
    return good;
}

static void every_forgery_is_refused_and_nobody_called(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < FORGERIES; i++)
        wrong += !is_refused(&forgeries[i]);
    print_message("%d forgeries\n", FORGERIES);
    assert_int_equal(wrong, 0);
}

/* The rows above are worth nothing if the push they start from would be refused anyway. */
static void what_the_forgeries_start_from_is_genuine(void **state)
{
    (void)state;
    char *pem = sample_certificate(mns_key, "notify", -3600, 3600);
    mns_push_verifier_t *verifier = verifier_for(&(forgery_t){.kind = served});
    sample_init(&push, allowed);
    resign();
    assert_int_equal(sample_ask(&push, pinned, NULL), MNS_PUSH_GENUINE);
    serves(pem, NULL);
    assert_int_equal(sample_settle(&push, verifier), MNS_PUSH_GENUINE);
    bad_padding("218", NULL); /* 256 - 3 - 15 - 20: this is the right one */
    assert_int_equal(sample_ask(&push, verifier, NULL), MNS_PUSH_GENUINE);
    serves_bytes("16384", NULL);
    assert_int_equal(sample_settle(&push, verifier), MNS_PUSH_GENUINE);
    mns_push_destroy(&verifier);
    free(pem);
}

static void the_trap_springs(void **state)
{
    (void)state;
    mns_push_verifier_t *verifier;
    char host[32], url[64];
    snprintf(host, sizeof host, "localhost:%d", trap.port);
    mns_push_options_t options = {.size = sizeof options,
                                  .hosts = (const char *const[]){host, NULL},
                                  .fetch_timeout_ms = 200,
                                  .now_s = sample_now_s};
    assert_int_equal(mns_push_create(&verifier, &options), MNS_OK);
    snprintf(url, sizeof url, "https://%s/x.pem", host);
    sample_init(&push, url);
    resign();
    assert_int_equal(sample_settle(&push, verifier), MNS_PUSH_UNAVAILABLE);
    assert_int_not_equal(push_trap_sprung(&trap), 0);
    mns_push_destroy(&verifier);
}

/* A list of one's own is compared as strictly as the default one. */
static void only_what_is_listed_is_allowed(void **state)
{
    (void)state;
    static const char *const hosts[] = {"certs.example", "certs.example:8443", "[::1]:9443",
                                        "127.0.0.1:9443", NULL};
    static const char *const foreign[] = {"https://certs.example:8444/x",
                                          "https://certs.example:844/x",
                                          "https://certs.example.evil/x",
                                          "https://certs.exampl/x",
                                          "https://a.certs.example/x",
                                          "https://certs.example:9443/x",
                                          "https://[::1]/x",
                                          "https://[0::1]:9443/x",
                                          "https://127.0.0.1/x",
                                          "https://127.1:9443/x",
                                          "https://2130706433:9443/x",
                                          "https://127.0.0.1.:9443/x",
                                          "https://" OSS "/x"};
    mns_push_options_t options = {.size = sizeof options, .hosts = hosts, .now_s = sample_now_s};
    mns_push_verifier_t *verifier;
    assert_int_equal(mns_push_create(&verifier, &options), MNS_OK);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        sample_init(&push, foreign[i]);
        sample_sign(&push, stranger_key);
        assert_int_equal(sample_ask(&push, verifier, NULL), MNS_PUSH_FOREIGN_CERT_URL);
    }
    assert_int_equal(fetches(verifier), 0);
    mns_push_destroy(&verifier);
}

/* -- the page -------------------------------------------------------------------------------- */

static char *read_page(void)
{
    FILE *file = fopen(PUSH_PAGE, "r");
    assert_non_null(file);
    char *page = calloc(1, 256 * 1024);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > 0);
    fclose(file);
    return page;
}

static void the_page_lists_every_forgery_and_no_other(void **state)
{
    (void)state;
    char *page = read_page();
    size_t rows = 0;
    for (size_t i = 0; i < FORGERIES; i++) {
        char row[256];
        snprintf(row, sizeof row, "\n| %s | `%s` |\n", forgeries[i].name,
                 mns_push_name(forgeries[i].verdict));
        if (strstr(page, row) == NULL)
            print_error("missing:%s", row);
        assert_non_null(strstr(page, row));
    }
    const char *at = strstr(page, "\n## The forgeries\n");
    assert_non_null(at);
    while ((at = strstr(at + 1, "` |\n")) != NULL)
        rows++;
    assert_int_equal(rows, FORGERIES);
    free(page);
}

/* -- altered by chance ----------------------------------------------------------------------- */

static uint32_t random_below(uint64_t *seed, size_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 20) % (uint32_t)below;
}

/* One byte of something that is signed, or of the signature, becomes another one. */
static void alter_by_chance(uint64_t *seed)
{
    static const char *const named[] = {"Authorization",    "Content-MD5",       "Date",
                                        "Content-Type",     "x-mns-version",     "x-mns-message-id",
                                        "x-mns-topic-name", "x-mns-publish-time"};
    size_t choice = random_below(seed, 2 + sizeof named / sizeof named[0]);
    char change = (char)(1 + random_below(seed, 255));
    if (choice == 0) {
        char *bytes = sample_keep(&push, push.body, push.body_len);
        bytes[random_below(seed, push.body_len)] ^= change;
        push.body = bytes;
    } else if (choice == 1) {
        char *text = sample_keep(&push, push.target, strlen(push.target));
        text[random_below(seed, strlen(text))] ^= change;
        push.target = text;
    } else {
        mns_push_header_t *header = sample_header(&push, named[choice - 2]);
        char *value = sample_keep(&push, header->value, header->value_len);
        size_t at = random_below(seed, header->value_len);
        if ((value[at] ^ change) == ' ' || (value[at] ^ change) == '\t')
            change = (char)0x80; /* a blank at an end would be trimmed, and be no change */
        value[at] ^= change;
        header->value = value;
    }
}

static void no_push_altered_by_chance_verifies(void **state)
{
    (void)state;
    uint64_t seed = 20260601;
    sample_init(&push, allowed);
    resign();
    static sample_t genuine;
    genuine = push; /* its strings lie in push's arena below push.used, which stay */
    for (int i = 0; i < 5000; i++) {
        memcpy(push.headers, genuine.headers, sizeof push.headers);
        push.used = genuine.used;
        push.body = genuine.body;
        push.target = genuine.target;
        alter_by_chance(&seed);
        mns_push_verdict verdict = sample_ask(&push, pinned, NULL);
        if (verdict == MNS_PUSH_GENUINE)
            print_error("seed 20260601, round %d\n", i);
        assert_int_not_equal(verdict, MNS_PUSH_GENUINE);
        assert_int_not_equal(verdict, MNS_PUSH_WAIT);
    }
    assert_int_equal(sample_ask(&genuine, pinned, NULL), MNS_PUSH_GENUINE);
}

/* -------------------------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    mns_key = sample_rsa(2048);
    stranger_key = sample_rsa(1024);
    server = push_server_create("localhost");
    other_name = push_server_create("other.example");
    push_server_open(server);
    push_server_open(other_name);
    push_trap_open(&trap);
    char *pem = sample_public_key(mns_key), *path = sample_file(pem);
    mns_push_options_t options = {
        .size = sizeof options, .certificate_file = path, .now_s = sample_now_s};
    int failed = mns_push_create(&pinned, &options) != MNS_OK;
    options.certificate_file = NULL;
    failed |= mns_push_create(&usual, &options) != MNS_OK;
    unlink(path);
    free(path);
    free(pem);
    return failed;
}

static int stop(void **state)
{
    (void)state;
    mns_push_destroy(&pinned);
    mns_push_destroy(&usual);
    push_trap_close(&trap);
    push_server_destroy(&server);
    push_server_destroy(&other_name);
    EVP_PKEY_free(mns_key);
    EVP_PKEY_free(stranger_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_forgeries_start_from_is_genuine),
        cmocka_unit_test(the_trap_springs),
        cmocka_unit_test(every_forgery_is_refused_and_nobody_called),
        cmocka_unit_test(only_what_is_listed_is_allowed),
        cmocka_unit_test(no_push_altered_by_chance_verifies),
        cmocka_unit_test(the_page_lists_every_forgery_and_no_other),
    };
    signal(SIGPIPE, SIG_IGN); /* of the server: clients break off here */
    return cmocka_run_group_tests(tests, start, stop);
}
