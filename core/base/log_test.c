#include "base/log.h"

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* -- a sink that keeps every line ------------------------------------------------------------ */

typedef struct kept {
    pthread_mutex_t lock;
    sl_buf_t text;
    unsigned lines;
} kept_t;

static kept_t kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void keep(const char *line, size_t len, void *ctx)
{
    kept_t *k = ctx;
    pthread_mutex_lock(&k->lock);
    sl_buf_append(&k->text, line, len);
    k->lines++;
    pthread_mutex_unlock(&k->lock);
    errno = EIO; /* as a write that failed */
}

static const char *kept_text(void)
{
    sl_buf_append_byte(&kept.text, '\0');
    kept.text.len--;
    return (const char *)kept.text.data;
}

static int begin(void **state)
{
    (void)state;
    kept.lines = 0;
    sl_buf_clear(&kept.text);
    log_set_sink(keep, &kept);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    sl_buf_fini(&kept.text);
    return 0;
}

static void assert_ends_with(const char *text)
{
    size_t len = strlen(text);
    assert_true(kept.text.len >= len);
    assert_string_equal(kept_text() + kept.text.len - len, text);
}

/* -- text ------------------------------------------------------------------------------------ */

static void a_line_is_time_level_id_and_facts(void **state)
{
    (void)state;
    LOG_WARN("MNS-LATE-ACK", "queue=%s age_ms=%d; redelivery expected", "a", 31000);
    assert_int_equal(kept.lines, 1);
    assert_ends_with(" warn MNS-LATE-ACK queue=a age_ms=31000; redelivery expected\n");
    int year, month, day, hour, minute, second, ms, used = 0;
    sscanf(kept_text(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute,
           &second, &ms, &used);
    assert_int_equal(used, strlen("2026-06-01T12:00:00.123Z"));
    assert_true(year >= 2024);
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    LOG_DEBUG("A", "a=1");
    assert_int_equal(kept.lines, 0);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    LOG_DEBUG("A", "a=1");
    assert_int_equal(kept.lines, 1);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    LOG_WARN("A", "a=1");
    assert_int_equal(kept.lines, 1);
    LOG_ERROR("A", "a=1");
    assert_int_equal(kept.lines, 2);
}

static void control_bytes_never_reach_the_terminal(void **state)
{
    (void)state;
    LOG_INFO("EVIL", "name=%s",
             "a\nb\r\x1b[2J\x7f\tz \xc2\x9b"
             "1m \xc3\xa9");
    assert_ends_with(" info EVIL name=a\\x0ab\\x0d\\x1b[2J\\x7f\\x09z \\xc2\\x9b1m \xc3\xa9\n");
}

static void a_line_that_is_too_long_is_cut_not_lost(void **state)
{
    (void)state;
    char *giant = malloc(100001);
    assert_non_null(giant);
    memset(giant, 'x', 100000);
    giant[100000] = '\0';
    LOG_INFO("GIANT", "name=%s", giant);
    free(giant);
    assert_int_equal(kept.lines, 1);
    assert_true(kept.text.len > 1000 && kept.text.len < 1200);
    assert_ends_with("x\n");
}

static void logging_leaves_errno_alone(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * LOG_BURST; i++) {
        errno = ENOENT;
        LOG_INFO("ERRNO", "i=%d", i);
        assert_int_equal(errno, ENOENT);
    }
}

/* -- json ------------------------------------------------------------------------------------ */

static const char *member(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text != NULL ? text : "(none)";
}

static void in_json_facts_are_members(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    LOG_WARN("MNS-LATE-ACK", "queue=%s age_ms=%d; redelivery expected", "a", 31000);
    cJSON *json = cJSON_Parse(kept_text());
    assert_non_null(json);
    assert_string_equal(member(json, "level"), "warn");
    assert_string_equal(member(json, "id"), "MNS-LATE-ACK");
    assert_string_equal(member(json, "queue"), "a");
    assert_string_equal(member(json, "age_ms"), "31000");
    assert_string_equal(member(json, "text"), "redelivery expected");
    assert_int_equal(strlen(member(json, "time")), strlen("2026-06-01T12:00:00.123Z"));
    assert_int_equal(cJSON_GetArraySize(json), 6);
    cJSON_Delete(json);
}

static void json_lines_parse_whatever_was_logged(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        ";",
                                        "; ",
                                        "=",
                                        "a=",
                                        "=b",
                                        "a=1 free text",
                                        "free text only; more",
                                        "a=\"quoted\" b=\\ c=\x01\x7f\xff\xc3",
                                        "a=1 b=2;",
                                        "a=1  b=2",
                                        "a=1; b=\"2\"\n"};
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        log_site_t site = {0};
        sl_buf_clear(&kept.text);
        log_write(&site, LOG_LEVEL_INFO, "ID", "%s", texts[i]);
        const char *end;
        cJSON *json = cJSON_ParseWithOpts(kept_text(), &end, false);
        assert_non_null(json);
        assert_string_equal(end, "\n"); /* one line, and one only */
        cJSON_Delete(json);
    }
}

/* -- bursts ---------------------------------------------------------------------------------- */

static unsigned repeats_told(void)
{
    unsigned sum = 0;
    for (const char *at = kept_text(); (at = strstr(at, "repeats=")) != NULL; at++)
        sum += (unsigned)strtoul(at + strlen("repeats="), NULL, 10);
    return sum;
}

/* The wall clock may pass into another second midway; so what holds is that each line is written,
 * told as a repeat, or still held back. */
static void a_flood_from_one_site_is_held_back_and_told(void **state)
{
    (void)state;
    log_site_t site = {0};
    for (int i = 0; i < 1000; i++)
        log_write(&site, LOG_LEVEL_INFO, "FLOOD", "i=%d", i);
    assert_true(kept.lines >= LOG_BURST);
    assert_true(kept.lines < 1000);
    assert_int_equal(kept.lines + repeats_told() + site.swallowed, 1000);
    unsigned swallowed = site.swallowed, told = repeats_told();
    site.second = 1; /* as if the flood were long ago */
    log_write(&site, LOG_LEVEL_INFO, "FLOOD", "i=last");
    assert_int_equal(repeats_told(), told + swallowed);
    assert_int_equal(site.swallowed, 0);
    assert_ends_with(" i=last\n");
}

static void one_sites_flood_does_not_silence_another(void **state)
{
    (void)state;
    log_site_t loud = {0}, calm = {0};
    for (int i = 0; i < 100; i++)
        log_write(&loud, LOG_LEVEL_INFO, "LOUD", "i=%d", i);
    log_write(&calm, LOG_LEVEL_INFO, "CALM", "i=1");
    assert_ends_with(" info CALM i=1\n");
}

static void repeats_show_in_json_too(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_site_t site = {.second = 1, .swallowed = 17};
    log_write(&site, LOG_LEVEL_INFO, "ID", "a=1");
    cJSON *json = cJSON_Parse(kept_text());
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(json, "repeats")->valueint, 17);
    cJSON_Delete(json);
}

/* -- threads, and the default sink ----------------------------------------------------------- */

static void *log_some(void *arg)
{
    log_site_t *site = arg;
    for (int i = 0; i < 1000; i++)
        log_write(site, LOG_LEVEL_INFO, "THREAD", "i=%d", i);
    return NULL;
}

static void threads_may_share_a_site(void **state)
{
    (void)state;
    pthread_t threads[4];
    log_site_t site = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_some, &site), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(kept.lines >= LOG_BURST);
    assert_true(kept.lines < 4000);
}

static void by_default_a_line_is_one_write_to_stderr(void **state)
{
    (void)state;
    int pipes[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    log_set_sink(NULL, NULL);
    LOG_ERROR("DIRECT", "a=1");
    dup2(saved, STDERR_FILENO);
    char line[256];
    ssize_t len = read(pipes[0], line, sizeof line - 1);
    close(saved);
    close(pipes[0]);
    close(pipes[1]);
    assert_true(len > 0);
    line[len] = '\0';
    assert_non_null(strstr(line, " error DIRECT a=1\n"));
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_is_time_level_id_and_facts),
        LOG_TEST(lines_below_the_level_are_dropped),
        LOG_TEST(control_bytes_never_reach_the_terminal),
        LOG_TEST(a_line_that_is_too_long_is_cut_not_lost),
        LOG_TEST(logging_leaves_errno_alone),
        LOG_TEST(in_json_facts_are_members),
        LOG_TEST(json_lines_parse_whatever_was_logged),
        LOG_TEST(a_flood_from_one_site_is_held_back_and_told),
        LOG_TEST(one_sites_flood_does_not_silence_another),
        LOG_TEST(repeats_show_in_json_too),
        LOG_TEST(threads_may_share_a_site),
        LOG_TEST(by_default_a_line_is_one_write_to_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
