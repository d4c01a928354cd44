#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/batch-sim-options-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static char why[NOTIFICATION_WHY_MAX];

static sl_err read_text(notification_t *out, const char *text)
{
    write_file(text);
    return notification_read(out, path, why);
}

static void a_job_description_tells_topic_endpoint_and_events(void **state)
{
    (void)state;
    notification_t block = {0};
    assert_int_equal(
        read_text(&block, "{\"Name\":\"job\",\"DAG\":{},\"Notification\":{\"Topic\":{"
                          "\"Name\":\"test-topic\",\"Endpoint\":\"http://1.mns.r.aliyuncs.com/\","
                          "\"Events\":[\"OnJobFailed\",\"OnClusterDeleted\"]}}}"),
        SL_OK);
    assert_string_equal(block.topic, "test-topic");
    assert_string_equal(block.endpoint, "http://1.mns.r.aliyuncs.com/");
    assert_int_equal(block.events,
                     1u << EVENT_Job_OnJobFailed | 1u << EVENT_Cluster_OnClusterDeleted);
    notification_fini(&block);
}

static void what_is_no_notification_block_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"not json", "the file is no JSON"},
        {"[]", "Notification.Topic with the strings Name and Endpoint is missing"},
        {"{\"Notification\":{\"Topic\":{\"Name\":1,\"Endpoint\":\"http://h/\"}}}",
         "Notification.Topic with the strings Name and Endpoint is missing"},
        {"{\"Notification\":{\"Topic\":{\"Name\":\"t\",\"Endpoint\":\"http://h/\"}}}",
         "Events names no event"},
        {"{\"Notification\":{\"Topic\":{\"Name\":\"t\",\"Endpoint\":\"http://h/\",\"Events\":["
         "\"OnJobLost\"]}}}",
         "Events: BatchCompute has no event OnJobLost"},
        {"{\"Notification\":{\"Topic\":{\"Name\":\"t\",\"Endpoint\":\"http://h/"
         "\",\"Events\":[1]}}}",
         "Events: BatchCompute has no event that is not a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        notification_t block = {0};
        assert_int_equal(read_text(&block, rows[i].text), SL_EPROTO);
        assert_string_equal(why, rows[i].why);
        assert_null(block.topic);
    }
}

static void a_missing_file_is_told_by_its_error(void **state)
{
    (void)state;
    notification_t block = {0};
    assert_int_equal(notification_read(&block, "/nowhere/at/all", why), SL_EIO);
    assert_string_equal(why, "No such file or directory");
}

static void flags_go_before_the_block(void **state)
{
    (void)state;
    notification_t block = {0};
    event_set_t events;
    const char *names[] = {"OnTaskFailed"};
    batch_options_t options = {.notification = path, .topic = "mine", .events = {names, 1}};
    write_file("{\"Notification\":{\"Topic\":{\"Name\":\"t\",\"Endpoint\":\"http://h/\","
               "\"Events\":[\"OnJobFailed\"]}}}");
    assert_int_equal(batch_options_resolve(&options, &block, &events, why), SL_OK);
    assert_string_equal(options.topic, "mine");
    assert_string_equal(options.endpoint, "http://h/");
    assert_int_equal(events, 1u << EVENT_Job_OnTaskFailed);
    notification_fini(&block);
}

static void without_a_word_all_events_are_published(void **state)
{
    (void)state;
    notification_t block = {0};
    event_set_t events;
    batch_options_t options = {0};
    assert_int_equal(batch_options_resolve(&options, &block, &events, why), SL_OK);
    assert_int_equal(events, (1u << EVENT_KIND_COUNT) - 1);
}

/* Runs the program's option table; returns what it complained. */
static const char *complaints(config_outcome_t want, int argc, const char *const *argv)
{
    static char text[2048];
    const char *environment[] = {"ALIBABA_CLOUD_ACCESS_KEY_ID=id",
                                 "ALIBABA_CLOUD_ACCESS_KEY_SECRET=s", NULL};
    config_t *config = NULL;
    batch_options_t options = {0};
    FILE *err = tmpfile(), *out = tmpfile();
    assert_int_equal(config_read(&config, &batch_program, &options, argc, (char *const *)argv,
                                 (char *const *)environment, out, err),
                     want);
    rewind(err);
    text[fread(text, 1, sizeof text - 1, err)] = '\0';
    fclose(err);
    fclose(out);
    config_free(&config);
    return text;
}
#define ARGV(...) ((const char *[]){"batch-sim", __VA_ARGS__, NULL})
#define COMPLAINTS(want, ...) \
    complaints((want), (int)(sizeof ARGV(__VA_ARGS__) / sizeof(char *)) - 1, ARGV(__VA_ARGS__))

static void a_mistake_is_told_before_anything_is_done(void **state)
{
    (void)state;
    assert_string_equal(COMPLAINTS(CONFIG_RUN, "--endpoint=http://h", "--topic=t"), "");
    assert_string_equal(COMPLAINTS(CONFIG_RUN, "--endpoint=http://h", "--queue=q"), "");
    assert_string_equal(COMPLAINTS(CONFIG_RUN, "--print"), "");
    assert_non_null(strstr(COMPLAINTS(CONFIG_BAD, "--topic=t"), "endpoint"));
    assert_non_null(strstr(COMPLAINTS(CONFIG_BAD, "--print", "--events=OnNothing"), "OnNothing"));
    assert_non_null(strstr(COMPLAINTS(CONFIG_BAD, "--print", "--ledger=x"), "print"));
    assert_non_null(strstr(COMPLAINTS(CONFIG_BAD, "--print", "word"), "word"));
    assert_non_null(
        strstr(COMPLAINTS(CONFIG_BAD, "--notification=/nowhere/at/all"), "No such file"));
}

static void the_account_is_the_endpoints_first_label(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(
        batch_account("http://456.mns.cn-hangzhou.aliyuncs.com/", "1", out, sizeof out), "456");
    assert_string_equal(batch_account("http://127.0.0.1:8700", "1", out, sizeof out), "1");
    assert_string_equal(batch_account("http://localhost", "1", out, sizeof out), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_description_tells_topic_endpoint_and_events),
        cmocka_unit_test(what_is_no_notification_block_is_refused_with_its_reason),
        cmocka_unit_test(a_missing_file_is_told_by_its_error),
        cmocka_unit_test(flags_go_before_the_block),
        cmocka_unit_test(without_a_word_all_events_are_published),
        cmocka_unit_test(a_mistake_is_told_before_anything_is_done),
        cmocka_unit_test(the_account_is_the_endpoints_first_label),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
