/* mns_keys_test.c - which place gives the keys, and what is said when one holds nonsense. */
#include "mns_keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char home[] = "/tmp/mns-keys-XXXXXX";
static char home_file[128], other_file[128];
static mns_client_options_t options;
static mns_found_t found;

static const char *const variables[] = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID",  "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_CREDENTIALS_FILE",
    "ALIBABA_CLOUD_PROFILE",        "ALIBABA_CLOUD_ECS_METADATA"};

static int make_home(void **state)
{
    (void)state;
    char folder[96];
    if (mkdtemp(home) == NULL)
        return -1;
    snprintf(folder, sizeof folder, "%s/.alibabacloud", home);
    snprintf(home_file, sizeof home_file, "%s/credentials", folder);
    snprintf(other_file, sizeof other_file, "%s/other", home);
    return mkdir(folder, 0700);
}

static int remove_home(void **state)
{
    (void)state;
    char folder[96];
    snprintf(folder, sizeof folder, "%s/.alibabacloud", home);
    rmdir(folder);
    return rmdir(home);
}

static int begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HOME", home, 1);
    options = (mns_client_options_t){.size = sizeof options};
    return 0;
}

static int end(void **state)
{
    (void)state;
    mns_found_fini(&found);
    unlink(home_file);
    unlink(other_file);
    return 0;
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static mns_err find(void)
{
    mns_found_fini(&found);
    return mns_keys_find(&found, &options);
}

static void assert_keys(mns_keys_source_t source, const char *id, const char *secret,
                        const char *token)
{
    mns_err err = find();
    if (err != MNS_OK)
        print_error("%s\n", found.note);
    assert_int_equal(err, MNS_OK);
    assert_int_equal(found.source, source);
    assert_string_equal(found.keys.id, id);
    assert_string_equal(found.keys.secret, secret);
    assert_string_equal(found.keys.token == NULL ? "" : found.keys.token, token);
}

#define DEFAULT \
    "[default]\ntype = access_key\naccess_key_id = file-id\naccess_key_secret = file-secret\n"

/* -- the order ------------------------------------------------------------------------------- */

static void the_first_place_that_has_keys_decides(void **state)
{
    (void)state;
    assert_int_equal(find(), MNS_ENOKEYS);
    assert_non_null(strstr(found.note, "no access key"));

    options.ecs_role = "a-role";
    assert_int_equal(find(), MNS_OK);
    assert_int_equal(found.source, MNS_KEYS_ECS_ROLE);
    assert_string_equal(found.role, "a-role");

    write_file(home_file, DEFAULT, strlen(DEFAULT));
    assert_keys(MNS_KEYS_FILE, "file-id", "file-secret", "");
    assert_null(found.role);

    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id", 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-secret", 1);
    setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "env-token", 1);
    assert_keys(MNS_KEYS_ENVIRONMENT, "env-id", "env-secret", "env-token");

    options.access_key_id = "id";
    options.access_key_secret = "secret"; /* the environment's token belongs to another key */
    assert_keys(MNS_KEYS_OPTIONS, "id", "secret", "");
    options.security_token = "token";
    assert_keys(MNS_KEYS_OPTIONS, "id", "secret", "token");
}

static void an_empty_variable_is_none(void **state)
{
    (void)state;
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "", 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "", 1);
    setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "left-over", 1);
    assert_int_equal(find(), MNS_ENOKEYS);
    unsetenv("HOME");
    assert_int_equal(find(), MNS_ENOKEYS);
}

static void half_a_key_is_no_reason_to_look_elsewhere(void **state)
{
    (void)state;
    write_file(home_file, DEFAULT, strlen(DEFAULT));
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id", 1);
    assert_int_equal(find(), MNS_EINVAL);
    assert_string_equal(found.note,
                        "credentials: the access key secret of the environment is missing");
    options.access_key_secret = "secret";
    assert_int_equal(find(), MNS_EINVAL);
    assert_string_equal(found.note, "credentials: the access key id of the options is missing");
    options.access_key_id = "a\r\nb";
    assert_int_equal(find(), MNS_EINVAL);
    assert_string_equal(found.note, "credentials: access key or token of the options is malformed");
}

static void a_file_and_a_section_can_be_named(void **state)
{
    (void)state;
    static const char text[] =
        "[default]\ntype=access_key\naccess_key_id=d\naccess_key_secret=d\n"
        "[work]\ntype = sts\naccess_key_id = w\naccess_key_secret = x=y==\nsecurity_token = t\n";
    write_file(other_file, text, sizeof text - 1);
    options.credentials_file = other_file;
    assert_keys(MNS_KEYS_FILE, "d", "d", "");
    setenv("ALIBABA_CLOUD_PROFILE", "work", 1);
    assert_keys(MNS_KEYS_FILE, "w", "x=y==", "t");
    options.credentials_profile = "default";
    assert_keys(MNS_KEYS_FILE, "d", "d", "");

    options.credentials_file = options.credentials_profile = NULL;
    write_file(home_file, DEFAULT, strlen(DEFAULT));
    setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", other_file, 1);
    assert_keys(MNS_KEYS_FILE, "w", "x=y==", "t");
}

static void what_was_named_must_be_there(void **state)
{
    (void)state;
    options.ecs_role = "a-role";
    options.credentials_file = "/nowhere/credentials";
    assert_int_equal(find(), MNS_EINVAL);
    assert_string_equal(found.note, "credentials: /nowhere/credentials: No such file or directory");
    options.credentials_file = home; /* a folder */
    assert_int_equal(find(), MNS_EINVAL);
    assert_non_null(strstr(found.note, "Is a directory"));
    options.credentials_file = NULL;
    options.credentials_profile = "work";
    write_file(home_file, DEFAULT, strlen(DEFAULT));
    assert_int_equal(find(), MNS_EINVAL);
    assert_non_null(strstr(found.note, "[work]: no such section"));
    options.credentials_profile = NULL; /* nobody named [default] of a file of the user's */
    write_file(home_file, "[work]\n", 7);
    assert_int_equal(find(), MNS_OK);
    assert_int_equal(found.source, MNS_KEYS_ECS_ROLE);
}

static void a_role_may_come_from_file_or_environment(void **state)
{
    (void)state;
    setenv("ALIBABA_CLOUD_ECS_METADATA", "env-role", 1);
    assert_int_equal(find(), MNS_OK);
    assert_string_equal(found.role, "env-role");
    static const char named[] = "[default]\ntype = ecs_ram_role\nrole_name = file-role\n";
    write_file(home_file, named, sizeof named - 1);
    assert_int_equal(find(), MNS_OK);
    assert_int_equal(found.source, MNS_KEYS_ECS_ROLE);
    assert_string_equal(found.role, "file-role");
    static const char any[] = "[default]\ntype = ecs_ram_role\n";
    write_file(home_file, any, sizeof any - 1);
    assert_int_equal(find(), MNS_OK);
    assert_string_equal(found.role, "*");
}

static void a_role_cannot_change_the_path(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/b", "..", "a b", "a?b", "a%2F", "a\r\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.ecs_role = bad[i];
        assert_int_equal(find(), MNS_EINVAL);
        assert_non_null(strstr(found.note, "no name of a role"));
    }
}

/* -- the file -------------------------------------------------------------------------------- */

static void comments_blanks_and_foreign_names_do_not_matter(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBF# comment\r\n"
                               "; another\r\n"
                               "\r\n"
                               " [ other ] \r\n"
                               "access_key_id = not-this\r\n"
                               "\t[default]\r\n"
                               "  enable =  true \r\n"
                               "type=access_key\r\n"
                               "region_id = cn-hangzhou\r\n"
                               "region_id = again, but not ours\r\n"
                               "access_key_id\t=\tid\r\n"
                               "access_key_secret = a # b;c \r\n"
                               "[last]\r\n"
                               "access_key_id = not-this-either";
    write_file(home_file, text, sizeof text - 1);
    assert_keys(MNS_KEYS_FILE, "id", "a # b;c", "");
}

static void what_is_wrong_is_told_once_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[default\n", ":1: a section's name ends with ']'"},
        {"[default] x\n", ":1: a section's name ends with ']'"},
        {"\n\nnonsense\n", ":3: neither [section] nor name = value"},
        {"[default]\ntype=access_key\ntype=sts\n", ":3: this name is there twice"},
        {"[default]\n[default]\n", ":2: this section is there twice"},
        {"[default]\n", ": [default]: type is missing"},
        {"[default]\ntype = ram_role_arn\n",
         ": [default]: type is neither access_key, sts nor ecs_ram_role"},
        {"[default]\ntype = access_key\n", ": [default]: access_key_id is missing"},
        {"[default]\ntype = access_key\naccess_key_id = a\n",
         ": [default]: access_key_secret is missing"},
        {"[default]\ntype = sts\naccess_key_id = a\naccess_key_secret = b\n",
         ": [default]: security_token is missing"},
        {"[default]\ntype = access_key\naccess_key_id = a b\naccess_key_secret = hidden\n",
         ": [default]: access key or token is malformed"},
        {"[default]\ntype = ecs_ram_role\nrole_name = ../x\n",
         ": [default]: role_name is no name of a role"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256];
        write_file(home_file, rows[i][0], strlen(rows[i][0]));
        snprintf(expected, sizeof expected, "credentials: %s%s", home_file, rows[i][1]);
        assert_int_equal(find(), MNS_EINVAL);
        assert_string_equal(found.note, expected);
        assert_null(strstr(found.note, "hidden"));
    }
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    static char large[70 * 1024];
    memset(large, '\n', sizeof large);
    write_file(home_file, large, sizeof large);
    assert_int_equal(find(), MNS_EINVAL);
    assert_non_null(strstr(found.note, "too large for credentials"));
    write_file(home_file, "[default]\0type", 14);
    assert_int_equal(find(), MNS_EINVAL);
    assert_non_null(strstr(found.note, "not a text"));
    write_file(home_file, "", 0);
    assert_int_equal(find(), MNS_ENOKEYS);
}

static void a_section_that_is_not_enabled_is_not_there(void **state)
{
    (void)state;
    static const char text[] = DEFAULT "enable = False\n";
    write_file(home_file, text, sizeof text - 1);
    assert_int_equal(find(), MNS_ENOKEYS);
    options.credentials_profile = "default";
    assert_int_equal(find(), MNS_EINVAL);
    assert_non_null(strstr(found.note, "is not enabled"));
}

/* Cut anywhere, it is read or refused with a reason; never half. */
static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    options.credentials_profile = "default";
    for (size_t cut = 0; cut < strlen(DEFAULT); cut++) {
        write_file(home_file, DEFAULT, cut);
        mns_err err = find();
        assert_true(err == MNS_OK ? found.keys.secret != NULL : found.note[0] != '\0');
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_place_that_has_keys_decides),
        TEST(an_empty_variable_is_none),
        TEST(half_a_key_is_no_reason_to_look_elsewhere),
        TEST(a_file_and_a_section_can_be_named),
        TEST(what_was_named_must_be_there),
        TEST(a_role_may_come_from_file_or_environment),
        TEST(a_role_cannot_change_the_path),
        TEST(comments_blanks_and_foreign_names_do_not_matter),
        TEST(what_is_wrong_is_told_once_with_its_place),
        TEST(what_is_no_text_is_refused),
        TEST(a_section_that_is_not_enabled_is_not_there),
        TEST(every_truncation_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
