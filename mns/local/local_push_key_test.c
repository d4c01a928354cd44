/* What is signed, and by whom. */
#include "push_head.h"
#include "push_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* -- the worked example of a push that the protocol's notes carry --------------------------- */

static const push_head_t example = {
    .content_md5 = "A2305B5F3E6F4D01F25D4BE59F2FE8B8",
    .content_type = "text/plain;charset=utf-8",
    .date = "Mon, 01 Jun 2026 12:00:00 GMT",
    .target = "/notifications",
    .values =
        {
            [PUSH_MESSAGE_ID] = "AC10020B0019681A95159E591D100001",
            [PUSH_MESSAGE_TAG] = "",
            [PUSH_PUBLISH_TIME] = "1780315200000",
            [PUSH_REQUEST_ID] = "6A1D75C03034410F00C70001",
            [PUSH_CERT_URL] = "aHR0cHM6Ly9tbnN0ZXN0Lm9zcy1jbi1oYW5nemhvdS5hbGl5dW5jcy5jb20v"
                              "eDUwOV9wdWJsaWNfY2VydGlmaWNhdGUucGVt",
            [PUSH_SUBSCRIBER] = "123456789012",
            [PUSH_SUBSCRIPTION_NAME] = "sub1",
            [PUSH_TOPIC_NAME] = "topic1",
            [PUSH_TOPIC_OWNER] = "123456789012",
            [PUSH_VERSION] = "2015-06-06",
        },
};

static const char example_signature[] =
    "a13rZrocjfferHOsQeydevIMIz+pcAq38KnhaACHNDABCJPU9FmA4TYklRqS6/VvQtpPliLIzBaRI3CfXQrCamihvW3m"
    "L9pZFsXMs2SnwGqxQukb/UcHxCFRAdb0qHo7Yu4dCOoMhMPgEK3nu38KsjitlqdLOaKTGTQxffdYkwin67ug0MEXcx/G"
    "OIzAPuAb/PpssFe0QpaHScHxX3MCpNsJSLZFcP73woKhOEla2VW0X/L/b6xY9RoWg2JbFwmsTHgk338cWgsIIZdMx0/s"
    "BL9IX+OJaXwGzqydlohOzy+5R0j4sFW2iebLI+tOhxx0O0FdG4SSRN0c9vodJvR6hg==";

static const char example_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvVnzvRzr/CfTyb1BvVrd\n"
    "LW6eWj3qwLtmYnFTRkrymr3dj5FM//QdxlVwRZOOZ1EhpAq53OLxaZFohAQ7qU3b\n"
    "IF97DLzhbpUu0dXU+mwsE/vnMKvdd6vdnyOPjJNuIuQpIKD9PeqYF94UYaLT3DLe\n"
    "17kAcigFjanL/jeYhqo8U2uwyGHW0KMkF5xQHCYX778Gmx2IDtzMyRjPgW3ne4Z2\n"
    "1MG9nzzhiSVHwA9VdE+G6ZrYr7A0oN4R7d5jwo+rW2ZEi9qrSqpmU56ySVyd2XpD\n"
    "0eAAG5Fd26/MkI2LbWG9aC+ni/OQfzOrLclAPnmeZkHugo0eBNbCJUp9mkH6lvyK\n"
    "XwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static bool verifies(EVP_PKEY *pkey, const sl_buf_t *text, const char *signature64)
{
    unsigned char signature[2048];
    size_t len = strlen(signature64), padding = 0;
    while (signature64[len - 1 - padding] == '=')
        padding++;
    int bytes = EVP_DecodeBlock(signature, (const unsigned char *)signature64, (int)len);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good =
        bytes > 0 && EVP_DigestVerifyInit(md, NULL, EVP_sha1(), NULL, pkey) == 1 &&
        EVP_DigestVerify(md, signature, (size_t)bytes - padding, text->data, text->len) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

static void the_worked_example_is_signed_as_it_says(void **state)
{
    (void)state;
    static const unsigned char sha1[] = {0xcb, 0x85, 0x3b, 0x19, 0x05, 0x64, 0x70,
                                         0xd8, 0xa9, 0x91, 0x98, 0x4d, 0x1b, 0xc6,
                                         0xbe, 0x01, 0xc7, 0xb7, 0x7a, 0x98};
    unsigned char digest[EVP_MAX_MD_SIZE];
    sl_buf_t text = SL_BUF_INIT;
    push_string_to_sign(&text, &example);
    assert_int_equal(text.len, 491);
    assert_int_equal(EVP_Digest(text.data, text.len, digest, NULL, EVP_sha1(), NULL), 1);
    assert_memory_equal(digest, sha1, sizeof sha1);
    BIO *bio = BIO_new_mem_buf(example_key, -1);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    assert_true(verifies(pkey, &text, example_signature));
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    sl_buf_fini(&text);
}

static void headers_are_signed_in_the_order_of_their_names(void **state)
{
    (void)state;
    for (size_t i = 1; i < PUSH_HEADER_COUNT; i++)
        assert_true(strcmp(push_header_names[i - 1], push_header_names[i]) < 0);
}

static void content_md5_is_written_as_the_format_has_it(void **state)
{
    (void)state;
    static const uint8_t md5[MD5_BYTES] = {0xf9, 0xa9, 0x0f, 0xf7, 0xb1, 0x96, 0x3f, 0xe7,
                                           0x94, 0x72, 0x20, 0x48, 0x5c, 0x43, 0xc5, 0x3d};
    char out[PUSH_CONTENT_MD5_MAX + 1];
    push_content_md5(NOTIFY_XML, md5, out);
    assert_string_equal(out, "ZjlhOTBmZjdiMTk2M2ZlNzk0NzIyMDQ4NWM0M2M1M2Q=");
    push_content_md5(NOTIFY_SIMPLIFIED, md5, out);
    assert_string_equal(out, "F9A90FF7B1963FE7947220485C43C53D");
    push_content_md5(NOTIFY_JSON, md5, out);
    assert_string_equal(out, "F9A90FF7B1963FE7947220485C43C53D");
}

/* -- keys ---------------------------------------------------------------------------------- */

static char directory[] = "/tmp/sluice-push-key-XXXXXX";

static const char *in_directory(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"kept", "rsa", "ec", "small", "locked", "empty"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_directory(names[i]));
    return rmdir(directory);
}

static void write_key(const char *name, EVP_PKEY *pkey, const char *passphrase)
{
    FILE *file = fopen(in_directory(name), "w");
    assert_non_null(file);
    if (pkey != NULL)
        assert_int_equal(PEM_write_PrivateKey(file, pkey,
                                              passphrase != NULL ? EVP_aes_128_cbc() : NULL, NULL,
                                              0, NULL, (void *)passphrase),
                         1);
    fclose(file);
    EVP_PKEY_free(pkey);
}

static void a_signature_verifies_with_the_certificate(void **state)
{
    (void)state;
    push_key_t *key;
    write_key("rsa", EVP_RSA_gen(1024), NULL);
    assert_int_equal(push_key_read(&key, in_directory("rsa")), SL_OK);
    BIO *bio = BIO_new_mem_buf(push_key_certificate(key), -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(x);
    assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1); /* self-signed */
    for (int round = 0; round < 3; round++) {
        sl_buf_t text = SL_BUF_INIT, signature = SL_BUF_INIT;
        sl_buf_printf(&text, "POST round %d", round);
        assert_int_equal(push_key_sign(key, text.data, text.len, &signature), SL_OK);
        sl_buf_append_byte(&signature, 0);
        assert_true(verifies(X509_get0_pubkey(x), &text, (const char *)signature.data));
        text.data[0]++;
        assert_false(verifies(X509_get0_pubkey(x), &text, (const char *)signature.data));
        sl_buf_fini(&text);
        sl_buf_fini(&signature);
    }
    X509_free(x);
    BIO_free(bio);
    push_key_destroy(&key);
    assert_null(key);
}

static void a_key_that_was_made_is_found_again(void **state)
{
    (void)state;
    push_key_t *made, *found;
    struct stat file;
    assert_int_equal(push_key_keep(&made, in_directory("kept")), SL_OK);
    assert_int_equal(stat(in_directory("kept"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(push_key_keep(&found, in_directory("kept")), SL_OK);
    assert_string_equal(push_key_certificate(made), push_key_certificate(found));
    push_key_destroy(&made);
    push_key_destroy(&found);
}

static void what_is_no_rsa_key_is_refused(void **state)
{
    (void)state;
    push_key_t *key = NULL;
    write_key("ec", EVP_EC_gen("P-256"), NULL);
    write_key("locked", EVP_RSA_gen(1024), "passphrase");
    write_key("empty", NULL, NULL);
    static const char *const names[] = {"ec", "locked", "empty"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(push_key_read(&key, in_directory(names[i])), SL_EINVAL);
    assert_int_equal(push_key_read(&key, in_directory("none")), SL_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(push_key_keep(&key, "/nowhere/at/all"), SL_EIO);
    assert_null(key);
}

static void a_key_of_512_bits_will_do(void **state)
{
    (void)state;
    push_key_t *key;
    write_key("small", EVP_RSA_gen(512), NULL);
    assert_int_equal(push_key_read(&key, in_directory("small")), SL_OK);
    sl_buf_t signature = SL_BUF_INIT;
    assert_int_equal(push_key_sign(key, "x", 1, &signature), SL_OK);
    assert_int_equal(signature.len, 88);
    sl_buf_fini(&signature);
    push_key_destroy(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_example_is_signed_as_it_says),
        cmocka_unit_test(headers_are_signed_in_the_order_of_their_names),
        cmocka_unit_test(content_md5_is_written_as_the_format_has_it),
        cmocka_unit_test(a_signature_verifies_with_the_certificate),
        cmocka_unit_test(a_key_that_was_made_is_found_again),
        cmocka_unit_test(what_is_no_rsa_key_is_refused),
        cmocka_unit_test(a_key_of_512_bits_will_do),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
