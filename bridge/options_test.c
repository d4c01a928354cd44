#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads one file's text as --config would.  @return the outcome; mistakes go to *err. */
static config_outcome_t read_file(const char *json, bridge_options_t *options, config_t **config,
                                  char **err)
{
    char path[] = "/tmp/sluice-bridge-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, strlen(json)), (ssize_t)strlen(json));
    close(fd);
    char program[] = "sluice-bridge", flag[] = "--config";
    char *argv[] = {program, flag, path, NULL};
    char *environment[] = {NULL};
    size_t len;
    FILE *out = open_memstream(err, &len);
    *options = (bridge_options_t){0};
    config_outcome_t outcome =
        config_read(config, &options_program, options, 3, argv, environment, out, out);
    fclose(out);
    unlink(path);
    return outcome;
}

static void assert_complains(const char *json, const char *expected)
{
    bridge_options_t options;
    config_t *config;
    char *err;
    config_outcome_t outcome = read_file(json, &options, &config, &err);
    if (outcome != CONFIG_BAD || strstr(err, expected) == NULL)
        fail_msg("expected \"%s\", got %d: %s", expected, (int)outcome, err);
    config_free(&config);
    free(err);
}

static void options_take_the_smallest_file(void **state)
{
    (void)state;
    bridge_options_t options;
    config_t *config;
    char *err;
    assert_int_equal(read_file("{ \"broker\": \"tcp://127.0.0.1:5550\",\n"
                               "  \"sources\": [ { \"type\": \"queue\",\n"
                               "    \"endpoint\": \"http://127.0.0.1:8700\",\n"
                               "    \"region\": \"cn-hangzhou\", \"account\": \"123456789012\",\n"
                               "    \"queue\": \"batch-events\", \"polls\": 4 } ] }\n",
                               &options, &config, &err),
                     CONFIG_RUN);
    assert_string_equal(err, "");
    assert_int_equal(options.sources.count, 1);
    const source_options_t *source = options.sources.items;
    assert_string_equal(options_source_name(source), "batch-events");
    assert_string_equal(options_source_endpoint(source), "http://127.0.0.1:8700");
    assert_int_equal(source->polls, 4);
    assert_int_equal(source->polls_min, 1);
    assert_int_equal(source->wait_s, 30);
    assert_int_equal(source->watch_ms, 10000);
    assert_true(source->extend);
    assert_int_equal(source->undeleted, 2000);
    assert_true(options_source_wants(source, "OnJobFailed", 11));
    config_free(&config);
    free(err);
}

static void options_take_a_notification_block_as_it_is(void **state)
{
    (void)state;
    bridge_options_t options;
    config_t *config;
    char *err;
    assert_int_equal(
        read_file("{ \"sources\": [ { \"queue\": \"q\", \"Notification\": { \"Topic\": {\n"
                  "  \"Name\": \"test-topic\",\n"
                  "  \"Endpoint\": \"http://123.mns.cn-qingdao-internal.aliyuncs.com/\",\n"
                  "  \"Events\": [ \"OnJobFailed\", \"OnJobFinished\" ] } } } ] }",
                  &options, &config, &err),
        CONFIG_RUN);
    const source_options_t *source = options.sources.items;
    assert_string_equal(source->topic_name, "test-topic");
    assert_string_equal(options_source_endpoint(source),
                        "http://123.mns.cn-qingdao-internal.aliyuncs.com/");
    assert_true(options_source_wants(source, "OnJobFailed", 11));
    assert_false(options_source_wants(source, "OnJobFaile", 10));
    assert_false(options_source_wants(source, "OnTaskFailed", 12));
    config_free(&config);
    free(err);
}

static void options_read_account_and_region_off_the_host(void **state)
{
    (void)state;
    const struct {
        const char *endpoint, *account, *region;
    } rows[] = {
        {"http://123.mns.cn-hangzhou.aliyuncs.com", "123", "cn-hangzhou"},
        {"https://123.mns.cn-hangzhou.aliyuncs.com:443/", "123", "cn-hangzhou"},
        {"http://9.mns.cn-beijing-internal.aliyuncs.com/x", "9", "cn-beijing"},
        {"http://9.mns.us-west-1-internal-vpc.aliyuncs.com", "9", "us-west-1"},
        {"HTTP://9.MNS.cn-x.Aliyuncs.Com", "9", "cn-x"},
        {"http://127.0.0.1:8700", NULL, NULL},
        {"http://[UserId].mns.[Region].aliyuncs.com/", NULL, NULL},
        {"http://a9.mns.cn-x.aliyuncs.com", NULL, NULL},
        {"http://9.mns.cn-x.aliyuncs.com.evil", NULL, NULL},
        {"http://9.mns..aliyuncs.com", NULL, NULL},
        {"http://9.mns.aliyuncs.com", NULL, NULL},
        {"http://.mns.cn-x.aliyuncs.com", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char account[OPTIONS_ACCOUNT_MAX + 1], region[OPTIONS_REGION_MAX + 1];
        bool found = options_parse_host(rows[i].endpoint, account, region);
        assert_int_equal(found, rows[i].account != NULL);
        if (found) {
            assert_string_equal(account, rows[i].account);
            assert_string_equal(region, rows[i].region);
        }
    }
}

static void options_refuse_a_source_whose_place_cannot_be_known(void **state)
{
    (void)state;
    assert_complains("{\"sources\":[{\"queue\":\"q\"}]}", "sources[0]: neither endpoint nor");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"endpoint\":\"127.0.0.1:1\"}]}",
                     "begins with neither http:// nor https://");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"endpoint\":\"http://127.0.0.1:1\"}]}",
                     "sources[0]: the endpoint http://127.0.0.1:1 does not say region and account");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"endpoint\":\"http://127.0.0.1:1\","
                     "\"region\":\"r\"}]}",
                     "give both here");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"Notification\":{\"Topic\":{\"Endpoint\":"
                     "\"http://[UserId].mns.[Region].aliyuncs.com/\"}}}]}",
                     "does not say region and account");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"endpoint\":\"http://127.0.0.1:1\","
                     "\"region\":\"r\",\"account\":\"me\"}]}",
                     "\"me\" is no account id");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"account\":\"2\","
                     "\"endpoint\":\"http://1.mns.cn-x.aliyuncs.com\"}]}",
                     "2 contradicts the endpoint, which says 1");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"region\":\"cn-y\","
                     "\"endpoint\":\"http://1.mns.cn-x.aliyuncs.com\"}]}",
                     "cn-y contradicts the endpoint, which says cn-x");
}

static void options_refuse_two_sources_of_one_name_and_names_that_are_none(void **state)
{
    (void)state;
#define AT "\"endpoint\":\"http://1.mns.cn-x.aliyuncs.com\""
    assert_complains("{\"sources\":[{\"queue\":\"q\"," AT "},{\"queue\":\"q\"," AT "}]}",
                     "sources[0] is called q too");
    assert_complains("{\"sources\":[{\"queue\":\"a b\"," AT "}]}", "\"a b\" is no queue name");
    assert_complains("{\"sources\":[{" AT "}]}", "queue");
    assert_complains("{}", "sources");
    assert_complains(
        "{\"sources\":[{\"queue\":\"q\",\"Notification\":{\"Topic\":{\"Name\":\"a/b\"}}," AT "}]}",
        "\"a/b\" is no topic name");
    assert_complains("{\"broker\":\"localhost\",\"sources\":[{\"queue\":\"q\"," AT "}]}",
                     "\"localhost\" is no endpoint");
    assert_complains("{\"sources\":[]}", "at least one source");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"polls\":65," AT "}]}", "65");
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"polls\":4,\"polls-min\":5," AT "}]}",
                     "sources[0].polls-min: 5 is more than polls, which is 4");
}

/* -- endpoints that are pushed to ---------------------------------------------------------- */

#define PUSH "{\"type\":\"push\",\"topic\":\"t\",\"region\":\"cn-x\",\"account\":\"1\""
#define HERE ",\"listen\":\"127.0.0.1:0\""

static void options_take_an_endpoint_that_is_pushed_to(void **state)
{
    (void)state;
    bridge_options_t options;
    config_t *config;
    char *err;
    assert_int_equal(
        read_file("{\"sources\":[" PUSH HERE "}," PUSH ",\"name\":\"b\",\"listen\":\"[::1]:8443\","
                  "\"path\":\"/n/7f?x=1\",\"tls-certificate\":\"c.pem\",\"tls-key\":\"k.pem\","
                  "\"certificate-hosts\":[\"localhost:8080\",\"a.example\"],"
                  "\"ca-file\":\"ca.pem\",\"connections\":50,\"in-hand\":60,"
                  "\"answer-within\":\"3s\"}]}",
                  &options, &config, &err),
        CONFIG_RUN);
    const source_options_t *sources = options.sources.items;
    assert_int_equal(sources[0].type, OPTIONS_PUSH);
    assert_string_equal(options_source_name(&sources[0]), "t");
    assert_string_equal(options_source_topic(&sources[0]), "t");
    assert_string_equal(sources[0].path, "/notifications");
    assert_int_equal(sources[0].connections, 1000);
    assert_int_equal(sources[0].answer_within_ms, 4500);
    assert_string_equal(sources[1].path, "/n/7f?x=1");
    assert_int_equal(sources[1].certificate_hosts.count, 2);
    assert_int_equal(sources[1].answer_within_ms, 3000);
    config_free(&config);
    free(err);
}

static void options_take_a_notification_block_for_an_endpoint_too(void **state)
{
    (void)state;
    bridge_options_t options;
    config_t *config;
    char *err;
    assert_int_equal(
        read_file("{ \"sources\": [ { \"type\": \"push\", \"listen\": \"*:8443\",\n"
                  "  \"Notification\": { \"Topic\": { \"Name\": \"test-topic\",\n"
                  "  \"Endpoint\": \"http://123.mns.cn-qingdao-internal.aliyuncs.com/\",\n"
                  "  \"Events\": [ \"OnJobFailed\" ] } } } ] }",
                  &options, &config, &err),
        CONFIG_RUN);
    const source_options_t *source = options.sources.items;
    assert_string_equal(options_source_name(source), "test-topic");
    assert_true(options_source_wants(source, "OnJobFailed", 11));
    config_free(&config);
    free(err);
}

static void options_refuse_an_endpoint_whose_place_cannot_be_known(void **state)
{
    (void)state;
    assert_complains("{\"sources\":[{\"type\":\"push\",\"topic\":\"t\",\"account\":\"1\"" HERE
                     "}]}",
                     "sources[0]: region and account are not known");
    assert_complains("{\"sources\":[{\"type\":\"push\",\"topic\":\"t\","
                     "\"endpoint\":\"http://127.0.0.1:1\"" HERE "}]}",
                     "does not say region and account");
    assert_complains("{\"sources\":[{\"type\":\"push\",\"region\":\"cn-x\",\"account\":\"1\"" HERE
                     "}]}",
                     "sources[0]: the topic is not known");
    assert_complains("{\"sources\":[" PUSH "}]}", "sources[0].listen: is required");
}

static void options_refuse_what_an_endpoint_cannot_use(void **state)
{
    (void)state;
    const struct {
        const char *more, *expected;
    } rows[] = {
        {",\"listen\":\"8443\"", "\"8443\" is no ADDR:PORT"},
        {",\"listen\":\"127.0.0.1:70000\"", "\"127.0.0.1:70000\" is no ADDR:PORT"},
        {",\"listen\":\"127.0.0.1:\"", "is no ADDR:PORT"},
        {HERE ",\"path\":\"notifications\"", "sources[0].path: no path"},
        {HERE ",\"path\":\"/a b\"", "sources[0].path: no path"},
        {HERE ",\"tls-key\":\"k\"", "tls-certificate and tls-key go together"},
        {HERE ",\"certificate-hosts\":[\"https://a/\"]", "\"https://a/\" is no host or host:port"},
        {HERE ",\"certificate-hosts\":[\"a:b\"]", "\"a:b\" is no host or host:port"},
        {HERE ",\"certificate-hosts\":[\"a\"],\"certificate\":\"c\"", "nothing is fetched"},
        {HERE ",\"queue\":\"q\"", "sources[0].queue: is for sources of type queue"},
        {HERE ",\"answer-within\":\"2m\"", "answer-within"},
        {HERE ",\"topic\":\"a/b\"", "\"a/b\" is no topic name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\"sources\":[{\"type\":\"push\",\"name\":\"n\",\"region\":\"cn-x\","
                 "\"account\":\"1\"%s%s}]}",
                 strstr(rows[i].more, "topic") == NULL ? ",\"topic\":\"t\"" : "", rows[i].more);
        assert_complains(json, rows[i].expected);
    }
    assert_complains("{\"sources\":[{\"queue\":\"q\",\"listen\":\"*:1\"," AT "}]}",
                     "sources[0].listen: is for sources of type push");
    assert_complains("{\"sources\":[" PUSH HERE "}," PUSH HERE "}]}", "sources[0] is called t too");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_take_the_smallest_file),
        cmocka_unit_test(options_take_a_notification_block_as_it_is),
        cmocka_unit_test(options_read_account_and_region_off_the_host),
        cmocka_unit_test(options_refuse_a_source_whose_place_cannot_be_known),
        cmocka_unit_test(options_refuse_two_sources_of_one_name_and_names_that_are_none),
        cmocka_unit_test(options_take_an_endpoint_that_is_pushed_to),
        cmocka_unit_test(options_take_a_notification_block_for_an_endpoint_too),
        cmocka_unit_test(options_refuse_an_endpoint_whose_place_cannot_be_known),
        cmocka_unit_test(options_refuse_what_an_endpoint_cannot_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
