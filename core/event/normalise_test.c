/* normalise_test.c - every rule of docs/events.md on what a body becomes. */
#include "event/normalise.h"

#include "testing.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define HEAD         "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\""
#define TEXT_HEAD    "{Category='Job', Event='OnJobFailed', " TEST_CONTEXT

/* A file of testdata; to be freed. */
static char *read_testdata(const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", EVENT_TESTDATA, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1 << 16);
    assert_non_null(text);
    *len = fread(text, 1, 1 << 16, file);
    fclose(file);
    return text;
}

/* Normalises with `origin`; returns the event as text, to be freed. */
static char *to_text_from(const event_origin_t *origin, const char *json, size_t len,
                          event_info_t *info)
{
    sl_buf_t out = SL_BUF_INIT;
    event_reason_t reason = normalise_copy(&out, origin, json, len, info);
    if (reason != EVENT_REASON_NONE)
        fail_msg("%s: %s at %zu", json, event_reason_name(reason), info->error_at);
    char *text = event_to_text(out.data, out.len);
    sl_buf_fini(&out);
    return text;
}

static void assert_normal(const char *json, const char *expected)
{
    event_info_t info;
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_string_equal(text, expected);
    free(text);
}

/* `members` behind Category and Event of a failed job give `fields` behind the context. */
static event_info_t assert_fields(const char *members, const char *fields)
{
    static char json[1 << 17], expected[1 << 17];
    event_info_t info;
    snprintf(json, sizeof json, HEAD ",%s}", members);
    snprintf(expected, sizeof expected, TEXT_HEAD "%s%s}", *fields ? ", " : "", fields);
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_string_equal(text, expected);
    free(text);
    return info;
}

static void assert_reason_n(const char *json, size_t len, event_reason_t reason)
{
    event_info_t info;
    sl_buf_t out = SL_BUF_INIT;
    sl_buf_append_str(&out, "before");
    event_reason_t got = normalise_copy(&out, &test_origin, json, len, &info);
    if (got != reason)
        fail_msg("%.80s: %s, not %s", json, event_reason_name(got), event_reason_name(reason));
    assert_int_equal(out.len, strlen("before")); /* nothing stays of what was written */
    assert_memory_equal(out.data, "before", out.len);
    assert_true(info.error_at <= len);
    sl_buf_fini(&out);
}

static void assert_reason(const char *json, event_reason_t reason)
{
    assert_reason_n(json, strlen(json), reason);
}

/* -- the documentation's samples -------------------------------------------------------------- */

#define T1525 "@1478013902.837728000"
#define T1535 "@1478014502.837728000"
#define T1545 "@1478015102.837728000"
#define T1555 "@1478015702.837728000"
#define T1557 "@1478015822.837728000"
#define JOB   "JobId='job-0000000058524720000077E900007257'"
#define LOGS  "oss://bucket/tests/a44c0ad8-a003-11e6-8f8e-fefec0a80e06/logs/"
#define LOG   ".job-0000000058184218000008150000000D.task.0'"

static void the_six_samples_become_these_events(void **state)
{
    (void)state;
    static const struct {
        const char *file, *event;
    } samples[] = {
        {"cluster.json", "{Category='Cluster', Event='OnClusterDeleted', " TEST_CONTEXT
                         ", ClusterId='cls-hr2rbl6qt5gki7392b8001', ClusterName='test-cluster'"
                         ", CreationTime=" T1525 ", State='Deleted'}"},
        {"cluster_instance.json",
         "{Category='Cluster', Event='OnInstanceCreated', " TEST_CONTEXT
         ", ClusterId='cls-hr2rbl6qt5gki7392b8001', Group='group1'"
         ", InstanceId='i-wz9c51g2s6zsrtnqi4fa', InnerIpAddress='10.45.168.26', Hints=''"
         ", State='Starting', CreationTime=" T1525 "}"},
        {"job.json", "{Category='Job', Event='OnJobWaiting', " TEST_CONTEXT ", " JOB
                     ", JobName='test-job', State='Waiting', CreationTime=" T1525
                     ", StartTime=" T1535 ", EndTime=" T1545 ", Message=''}"},
        {"task.json", "{Category='Job', Event='OnTaskWaiting', " TEST_CONTEXT ", " JOB
                      ", Task='Echo', State='Waiting', StartTime=" T1535 ", EndTime=" T1545 "}"},
        {"instance.json", "{Category='Job', Event='OnInstanceWaiting', " TEST_CONTEXT ", " JOB
                          ", Task='Echo', InstanceId='0', State='Waiting', StartTime=" T1535
                          ", EndTime=" T1545 ", RetryCount=0, Progress=0, StdoutRedirectPath='" LOGS
                          "stderr" LOG ", StderrRedirectPath='" LOGS "stdout" LOG
                          ", ExitCode=0, ErrorCode='', ErrorMessage='', Detail=''}"},
        {"priority.json", "{Category='Job', Event='OnPriorityChange', " TEST_CONTEXT ", " JOB
                          ", JobName='test-job', State='Waiting', CreationTime=" T1545
                          ", StartTime=" T1555 ", EndTime=" T1557 ", Message='', From=10, To=20}"},
    };
    for (size_t i = 0; i < COUNT(samples); i++) {
        size_t len;
        event_info_t info;
        char *json = read_testdata(samples[i].file, &len);
        char *text = to_text_from(&test_origin, json, len, &info);
        assert_string_equal(text, samples[i].event);
        assert_int_not_equal(info.kind, EVENT_KIND_COUNT);
        assert_int_equal(info.untyped + info.repeated + info.renamed + info.inexact, 0);
        free(text);
        free(json);
    }
}

static void every_truncation_of_a_sample_is_broken(void **state)
{
    (void)state;
    size_t len;
    char *json = read_testdata("instance.json", &len);
    for (size_t cut = 0; cut < len; cut++)
        assert_reason_n(json, cut, EVENT_REASON_BROKEN_JSON);
    free(json);
}

/* One body for each row, its fields from the table: times, numbers and texts, and what they become.
 */
static void every_row_of_the_catalogue_normalises(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        const event_row_t *row = &event_catalogue[kind];
        char json[2048] = "{", expected[2048];
        event_info_t info;
        size_t at = 1, to = (size_t)snprintf(expected, sizeof expected,
                                             "{Category='%s', Event='%s', " TEST_CONTEXT,
                                             row->category, row->event);
        for (size_t f = 0; row->fields[f] != NULL; f++) {
            const char *name = row->fields[f];
            bool token = strcmp(name, "Category") == 0 || strcmp(name, "Event") == 0;
            field_type_t type = event_field_type(name, strlen(name));
            at +=
                (size_t)snprintf(json + at, sizeof json - at, "%s\"%s\":\"%s\"", f ? "," : "", name,
                                 strcmp(name, "Category") == 0 ? row->category
                                 : token                       ? row->event
                                 : type == FIELD_TIME          ? "2016-11-01T15:25:02Z"
                                 : type == FIELD_INT           ? "42"
                                                               : "text");
            if (!token)
                to += (size_t)snprintf(expected + to, sizeof expected - to, ", %s=%s", name,
                                       type == FIELD_TIME  ? "@1478013902.000000000"
                                       : type == FIELD_INT ? "42"
                                                           : "'text'");
        }
        snprintf(json + at, sizeof json - at, "}");
        snprintf(expected + to, sizeof expected - to, "}");
        char *text = to_text_from(&test_origin, json, strlen(json), &info);
        assert_string_equal(text, expected);
        assert_int_equal(info.kind, kind);
        char topic[EVENT_TOPIC_MAX + 1];
        snprintf(topic, sizeof topic, "%s.%s", row->category, row->event);
        assert_string_equal(info.topic, topic);
        assert_int_equal(info.topic_len, strlen(topic));
        free(text);
    }
}

/* -- what passes ------------------------------------------------------------------------------ */

static void category_and_event_come_first_wherever_they_stood(void **state)
{
    (void)state;
    assert_normal("{\"State\":\"x\",\"Event\":\"E-1\",\"n\":1,\"Category\":\"c_2\"}",
                  "{Category='c_2', Event='E-1', " TEST_CONTEXT ", State='x', n=1}");
}

static void an_event_that_the_catalogue_does_not_know_passes(void **state)
{
    (void)state;
    event_info_t info;
    const char *json = "{\"Category\":\"Image\",\"Event\":\"OnImageReady\"}";
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_string_equal(text, "{Category='Image', Event='OnImageReady', " TEST_CONTEXT "}");
    assert_int_equal(info.kind, EVENT_KIND_COUNT);
    assert_string_equal(info.topic, "Image.OnImageReady");
    free(text);
}

static void a_byte_order_mark_and_white_space_around_pass(void **state)
{
    (void)state;
    assert_normal("\xef\xbb\xbf \r\n\t" HEAD "}\n ", TEXT_HEAD "}");
    assert_normal("\n{ \"Category\" : \"Job\"\t,\r\n\"Event\" :\"OnJobFailed\" }", TEXT_HEAD "}");
}

static void values_are_as_json_says(void **state)
{
    (void)state;
    assert_fields("\"a\":true,\"b\":false,\"c\":null,\"d\":\"\",\"e\":[],\"f\":{}",
                  "a=true, b=false, c=nil, d='', e=[], f={}");
    assert_fields("\"a\":[1,[2,[3]],{\"b\":{\"c\":\"d\"}}]", "a=[1, [2, [3]], {b={c='d'}}]");
    assert_fields("\"\":1,\" \":2", "=1,  =2");
    assert_fields("\"a\" : [ 1 , 2 ] , \"b\" : { } , \"c\" : [ ]", "a=[1, 2], b={}, c=[]");
}

static void integers_are_exact(void **state)
{
    (void)state;
    assert_fields("\"a\":9007199254740991,\"b\":9007199254740992,\"c\":9007199254740993",
                  "a=9007199254740991, b=9007199254740992, c=9007199254740993");
    assert_fields("\"a\":9223372036854775807,\"b\":9223372036854775808",
                  "a=9223372036854775807, b=9223372036854775808");
    assert_fields("\"a\":18446744073709551615,\"b\":-9223372036854775808",
                  "a=18446744073709551615, b=-9223372036854775808");
    assert_fields("\"a\":[0,127,128,255,256,65535,65536,4294967295,4294967296]",
                  "a=[0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296]");
    assert_fields("\"a\":[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]",
                  "a=[-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649]");
}

static void numbers_beyond_their_types_stay_as_text(void **state)
{
    (void)state;
    event_info_t info = assert_fields(
        "\"a\":18446744073709551616,\"b\":-9223372036854775809,\"c\":1e400,\"d\":[-1.5e999]",
        "a='18446744073709551616', b='-9223372036854775809', c='1e400', d=['-1.5e999']");
    assert_int_equal(info.inexact, 4);
}

static void floats_stay_floats(void **state)
{
    (void)state;
    assert_fields("\"a\":1.5,\"b\":1E5,\"c\":-0,\"d\":-0.0,\"e\":0.1,\"f\":1e-400,\"g\":1.0",
                  "a=1.5f, b=100000f, c=-0f, d=-0f, e=0.10000000000000001f, f=0f, g=1f");
}

static void strings_keep_every_character(void **state)
{
    (void)state;
    assert_fields("\"a\":\"x\\u0000y\",\"k\\u0000\":1", "a='x\\x00y', k\\x00=1");
    assert_fields("\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a='\"\\/\\x08\\x0c\\x0a\\x0d\\x09'");
    assert_fields("\"a\":\"\\ud83d\\ude00\\u00e9\"", "a='\\xf0\\x9f\\x98\\x80\\xc3\\xa9'");
    assert_fields("\"\xe4\xbd\xa0\":\"\xf0\x9f\x98\x80\"",
                  "\\xe4\\xbd\\xa0='\\xf0\\x9f\\x98\\x80'");
    assert_fields("\"a\":\"\x7f\"", "a='\\x7f'");
}

/* Around every length at which msgpack's form changes. */
static void strings_of_every_length_pass(void **state)
{
    (void)state;
    static const size_t lens[] = {0,  1,   7,   8,   15,  16,    17,    31,    32,   33,
                                  63, 254, 255, 256, 257, 65534, 65535, 65536, 70000};
    for (size_t i = 0; i < COUNT(lens); i++)
        for (int escaped = 0; escaped < 2; escaped++) {
            sl_buf_t member = SL_BUF_INIT, field = SL_BUF_INIT;
            sl_buf_append_str(&member, "\"a\":\"");
            sl_buf_append_str(&field, "a='");
            for (size_t n = 0; n < lens[i]; n++) {
                sl_buf_append_str(&member, escaped && n == 0 ? "\\u0078" : "x");
                sl_buf_append_byte(&field, 'x');
            }
            sl_buf_append(&member, "\"", 2);
            sl_buf_append(&field, "'", 2);
            assert_fields((char *)member.data, (char *)field.data);
            sl_buf_fini(&member);
            sl_buf_fini(&field);
        }
}

/* Arrays and objects of a size at which msgpack's head grows, and the event itself. */
static void containers_of_every_size_pass(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 10, 11, 15, 16, 17, 31, 32, 33, 65535, 65536};
    for (size_t i = 0; i < COUNT(counts); i++)
        for (int shape = 0; shape < 3; shape++) {
            sl_buf_t json = SL_BUF_INIT, out = SL_BUF_INIT;
            event_info_t info;
            sl_buf_append_str(&json, HEAD);
            sl_buf_append_str(&json, shape == 0 ? ",\"a\":[" : shape == 1 ? ",\"a\":{" : "");
            for (unsigned n = 0; n < counts[i]; n++) {
                sl_buf_append_str(&json, n > 0 || shape == 2 ? "," : "");
                if (shape > 0)
                    sl_buf_printf(&json, "\"k%u\":", n);
                sl_buf_printf(&json, "%u", n);
            }
            sl_buf_append_str(&json, shape == 0 ? "]}" : shape == 1 ? "}}" : "}");
            assert_int_equal(normalise_copy(&out, &test_origin, json.data, json.len, &info), 0);
            msgpack_unpacked unpacked;
            size_t offset = 0;
            msgpack_unpacked_init(&unpacked);
            assert_int_equal(
                msgpack_unpack_next(&unpacked, (const char *)out.data, out.len, &offset),
                MSGPACK_UNPACK_SUCCESS);
            const msgpack_object_map *map = &unpacked.data.via.map;
            const msgpack_object *last = &map->ptr[map->size - 1].val;
            assert_int_equal(map->size, shape == 2 ? 5 + counts[i] : 6);
            if (shape < 2)
                assert_int_equal(shape == 0 ? last->via.array.size : last->via.map.size, counts[i]);
            if (shape == 0 && counts[i] > 0)
                assert_int_equal(last->via.array.ptr[counts[i] - 1].via.u64, counts[i] - 1);
            if (shape == 1 && counts[i] > 0)
                assert_int_equal(last->via.map.ptr[counts[i] - 1].val.via.u64, counts[i] - 1);
            msgpack_unpacked_destroy(&unpacked);
            sl_buf_fini(&json);
            sl_buf_fini(&out);
        }
}

/* The worst that one input byte can become, so that the one reservation is put to the test. */
static void the_output_fits_the_reservation_at_its_worst(void **state)
{
    (void)state;
    static const char *const repeated[] = {"-0,", "\"\":-0,", "[-0],", "{\"\":-0},",
                                           "{\"\":[-0]},"};
    for (size_t i = 0; i < COUNT(repeated); i++) {
        sl_buf_t json = SL_BUF_INIT, out = SL_BUF_INIT;
        event_info_t info;
        bool members = repeated[i][0] == '"';
        sl_buf_append_str(&json, HEAD);
        sl_buf_append_str(&json, members ? ",\"a\":{" : ",\"a\":[");
        for (int n = 0; n < 70000; n++)
            sl_buf_append_str(&json, repeated[i]);
        json.len--;
        sl_buf_append_str(&json, members ? "}}" : "]}");
        assert_int_equal(normalise_copy(&out, &test_origin, json.data, json.len, &info), 0);
        mp_cursor_t in = mp_cursor(out.data, out.len);
        assert_true(mp_skip(&in));
        assert_ptr_equal(in.at, in.end);
        sl_buf_fini(&json);
        sl_buf_fini(&out);
    }
}

/* -- typed fields ------------------------------------------------------------------------------ */

static void times_become_timestamps(void **state)
{
    (void)state;
    assert_fields("\"StartTime\":\"2016-11-01T23:25:02.123456789+08:00\"",
                  "StartTime=@1478013902.123456789");
    assert_fields("\"AnyTime\":\"1969-12-31T23:59:59.5Z\"", "AnyTime=@-1.500000000");
    assert_fields("\"StartTime\":\"2016-11-01T15:25:02\\u005a\"",
                  "StartTime=@1478013902.000000000");
    assert_fields("\"\\u0053tartTime\":\"1970-01-01T00:00:00Z\"", "StartTime=@0.000000000");
    assert_fields("\"StartTime\":\"9999-12-31T23:59:59Z\"", "StartTime=@253402300799.000000000");
}

static void numeric_strings_become_integers(void **state)
{
    (void)state;
    event_info_t info = assert_fields(
        "\"RetryCount\":\"0\",\"Progress\":\"100\",\"ExitCode\":\"-9223372036854775808\","
        "\"From\":\"18446744073709551615\",\"To\":7",
        "RetryCount=0, Progress=100, ExitCode=-9223372036854775808, From=18446744073709551615, "
        "To=7");
    assert_int_equal(info.untyped, 0);
}

static void an_empty_typed_field_is_nil(void **state)
{
    (void)state;
    event_info_t info =
        assert_fields("\"EndTime\":\"\",\"RetryCount\":\"\",\"ExitCode\":null,\"StartTime\":null,"
                      "\"Message\":\"\"",
                      "EndTime=nil, RetryCount=nil, ExitCode=nil, StartTime=nil, Message=''");
    assert_int_equal(info.untyped, 0);
}

static void a_typed_field_that_does_not_parse_stays_and_is_counted(void **state)
{
    (void)state;
    event_info_t info = assert_fields(
        "\"EndTime\":\"soon\",\"StartTime\":1478013902,\"CreationTime\":[\"2016\"],"
        "\"RetryCount\":\"many\",\"Progress\":\"1.5\",\"ExitCode\":1.5,\"From\":true,\"To\":\"01\"",
        "EndTime='soon', StartTime=1478013902, CreationTime=['2016'], RetryCount='many', "
        "Progress='1.5', ExitCode=1.5f, From=true, To='01'");
    assert_int_equal(info.untyped, 8);
    info = assert_fields("\"From\":\"18446744073709551616\",\"To\":18446744073709551616,"
                         "\"ExitCode\":\" 1\",\"Progress\":\"+1\"",
                         "From='18446744073709551616', To='18446744073709551616', ExitCode=' 1', "
                         "Progress='+1'");
    assert_int_equal(info.untyped, 4);
    assert_int_equal(info.inexact, 1);
}

static void only_members_at_the_top_are_typed(void **state)
{
    (void)state;
    assert_fields(
        "\"Detail\":{\"StartTime\":\"2016-11-01T15:25:02Z\",\"ExitCode\":\"1\",\"id\":1,"
        "\"$x\":2,\"Category\":\"c\"}",
        "Detail={StartTime='2016-11-01T15:25:02Z', ExitCode='1', id=1, $x=2, Category='c'}");
}

/* -- names ------------------------------------------------------------------------------------- */

static void context_names_of_the_body_are_renamed(void **state)
{
    (void)state;
    event_info_t info = assert_fields(
        "\"id\":\"x\",\"source\":1,\"time\":\"2016-11-01T15:25:02Z\",\"$tag\":[],\"$\":0",
        "body:id='x', body:source=1, body:time='2016-11-01T15:25:02Z', body:$tag=[], "
        "body:$=0");
    assert_int_equal(info.renamed, 5);
    assert_int_equal(info.repeated, 0);
    info =
        assert_fields("\"ID\":1,\"ids\":2,\"x$\":3,\"i\\u0064\":4", "ID=1, ids=2, x$=3, body:id=4");
    assert_int_equal(info.renamed, 1);
}

static void a_renamed_name_can_grow_a_longer_head(void **state)
{
    (void)state;
    char member[400], field[400];
    for (size_t len = 20; len < 300; len++) {
        char name[300];
        memset(name, 'n', len);
        name[0] = '$';
        name[len] = '\0';
        snprintf(member, sizeof member, "\"%s\":1", name);
        snprintf(field, sizeof field, "body:%s=1", name);
        assert_fields(member, field);
    }
}

static void of_members_with_one_name_the_last_wins(void **state)
{
    (void)state;
    event_info_t info = assert_fields("\"a\":1,\"b\":2,\"a\":3", "b=2, a=3");
    assert_int_equal(info.repeated, 1);
    info = assert_fields("\"a\":1,\"a\":2,\"a\":{\"k\":1,\"k\":[2],\"j\":3}", "a={k=[2], j=3}");
    assert_int_equal(info.repeated, 3);
    info = assert_fields("\"a\":1,\"\\u0061\":2", "a=2");
    assert_int_equal(info.repeated, 1);
    info = assert_fields("\"id\":1,\"body:id\":2", "body:id=2");
    assert_int_equal(info.repeated, 1);
    assert_int_equal(info.renamed, 1);
    info = assert_fields("\"\":1,\"\":2,\"a\\u0000\":1,\"a\":2", "=2, a\\x00=1, a=2");
    assert_int_equal(info.repeated, 1);
    info = assert_fields("\"x\":[{\"a\":1,\"a\":2},{\"a\":3}]", "x=[{a=2}, {a=3}]");
    assert_int_equal(info.repeated, 1);
}

static void names_that_share_eight_bytes_are_not_one_name(void **state)
{
    (void)state;
    event_info_t info =
        assert_fields("\"ErrorCodeA\":1,\"ErrorCodeB\":2,\"ErrorCod\":3,\"ErrorCode\":4",
                      "ErrorCodeA=1, ErrorCodeB=2, ErrorCod=3, ErrorCode=4");
    assert_int_equal(info.repeated, 0);
}

static void a_category_that_comes_again_wins(void **state)
{
    (void)state;
    event_info_t info;
    const char *json = "{\"Category\":1,\"Event\":\"A\",\"Category\":\"Job\",\"Event\":\"B\"}";
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_string_equal(text, "{Category='Job', Event='B', " TEST_CONTEXT "}");
    assert_int_equal(info.repeated, 2);
    free(text);
    assert_reason("{\"Category\":\"Job\",\"Event\":\"A\",\"Category\":1}",
                  EVENT_REASON_NO_CATEGORY);
}

/* The slow road: an object of more members than are noted on the way. */
static void of_many_members_the_last_wins_too(void **state)
{
    (void)state;
    for (int nested = 0; nested < 2; nested++) {
        sl_buf_t members = SL_BUF_INIT, fields = SL_BUF_INIT;
        sl_buf_append_str(&members, nested ? "\"o\":{" : "");
        sl_buf_append_str(&fields, nested ? "o={" : "");
        for (int n = 0; n < 300; n++) /* 200 names, 100 of them twice */
            sl_buf_printf(&members, "%s\"k%d\":%d", n > 0 ? "," : "", n % 200, n);
        for (int n = 100; n < 300; n++)
            sl_buf_printf(&fields, "%sk%d=%d", n > 100 ? ", " : "", n % 200, n);
        sl_buf_append_str(&members, nested ? "}" : "");
        sl_buf_append_byte(&members, '\0');
        sl_buf_append_str(&fields, nested ? "}" : "");
        sl_buf_append_byte(&fields, '\0');
        event_info_t info = assert_fields((char *)members.data, (char *)fields.data);
        assert_int_equal(info.repeated, 100);
        sl_buf_fini(&members);
        sl_buf_fini(&fields);
    }
}

/* -- where the context comes from ------------------------------------------------------------- */

static event_origin_t body_origin(void)
{
    event_origin_t origin = test_origin;
    origin.from_body = true;
    return origin;
}

static void assert_from_body(const char *members, const char *tail, uint32_t repeated)
{
    char json[512], expected[512];
    event_info_t info;
    event_origin_t origin = body_origin();
    snprintf(json, sizeof json, HEAD "%s}", members);
    snprintf(expected, sizeof expected, "{Category='Job', Event='OnJobFailed', %s}", tail);
    char *text = to_text_from(&origin, json, strlen(json), &info);
    assert_string_equal(text, expected);
    assert_int_equal(info.repeated, repeated);
    free(text);
}

static void an_event_that_went_through_before_keeps_its_context(void **state)
{
    (void)state;
    assert_from_body(
        ",\"id\":\"I\\u0031\",\"source\":\"S\",\"time\":\"1970-01-01T00:00:02.5Z\",\"n\":1",
        "id='I1', source='S', time=@2.500000000, n=1", 0);
    assert_from_body(",\"n\":1,\"source\":\"S\"", "id='ID', source='S', time=@1.500000000, n=1", 0);
    assert_from_body(",\"id\":\"a\",\"id\":\"b\"", "id='b', source='SRC', time=@1.500000000", 1);
}

static void context_of_another_form_is_renamed_all_the_same(void **state)
{
    (void)state;
    assert_from_body(",\"id\":1,\"source\":null,\"time\":\"late\",\"$tag\":2",
                     TEST_CONTEXT ", body:id=1, body:source=nil, body:time='late', body:$tag=2", 0);
}

static void a_body_may_bring_a_long_id(void **state)
{
    (void)state;
    enum { LEN = 60000 };
    sl_buf_t json = SL_BUF_INIT, out = SL_BUF_INIT;
    event_info_t info;
    event_origin_t origin = body_origin();
    sl_buf_append_str(&json, HEAD ",\"id\":\"");
    for (int i = 0; i < LEN; i++)
        sl_buf_append_byte(&json, 'i');
    sl_buf_append_str(&json, "\",\"n\":1}");
    assert_int_equal(normalise_copy(&out, &origin, json.data, json.len, &info), 0);
    char *text = event_to_text(out.data, out.len);
    assert_true(strlen(text) > LEN);
    assert_non_null(strstr(text, "i', source='SRC', time=@1.500000000, n=1}"));
    free(text);
    sl_buf_fini(&json);
    sl_buf_fini(&out);
}

static void the_origin_s_time_may_lie_before_1970(void **state)
{
    (void)state;
    event_origin_t origin = test_origin;
    event_info_t info;
    origin.time_ms = -1;
    char *text = to_text_from(&origin, HEAD "}", strlen(HEAD "}"), &info);
    assert_non_null(strstr(text, "time=@-1.999000000"));
    free(text);
}

/* -- what does not pass ------------------------------------------------------------------------ */

static void broken_json_is_broken_json(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "{",
        "{\"a\"",
        HEAD,
        HEAD ",}",
        HEAD ",\"n\":01}",
        HEAD ",\"n\":NaN}",
        HEAD ",\"n\":-Infinity}",
        HEAD ",\"n\":+1}",
        HEAD ",\"n\":.5}",
        HEAD ",\"n\":1.}",
        HEAD ",\"n\":0x10}",
        HEAD ",\"n\":nan}",
        HEAD ",'n':1}",
        HEAD ",\"n\":\"\\x\"}",
        HEAD ",\"n\":\"a\tb\"}",
        HEAD ",\"n\":[1,]}",
        HEAD ",\"n\":[1}}",
        HEAD ",\"n\":{]}",
        HEAD ",\"n\":}",
        HEAD ",\"n\"}",
        HEAD ",n:1}",
        HEAD " \"n\":1}",
        HEAD ",\"n\":tru}",
        HEAD ",\"n\":[1 2]}",
        HEAD ",\"n\":{\"a\":1,}}",
        "{\"Category\":}",
        "{\"Category\":Job}",
        "{\"Category\"}",
        HEAD ",,\"n\":1}",
        "[1,",
        "nul",
        "hello",
        "\"a",
        HEAD ",\"n\":[,1]}",
        HEAD ",\"\\u00\":1}",
        HEAD ",\"n\":\"\\ud83d",
        HEAD ",\"n\":-}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++)
        assert_reason(bodies[i], EVENT_REASON_BROKEN_JSON);
    assert_reason_n("{\0}", 3, EVENT_REASON_BROKEN_JSON);
}

static void bytes_behind_the_object_are_trailing_bytes(void **state)
{
    (void)state;
    assert_reason(HEAD "} x", EVENT_REASON_TRAILING_BYTES);
    assert_reason(HEAD "}{}", EVENT_REASON_TRAILING_BYTES);
    assert_reason("[] 1", EVENT_REASON_TRAILING_BYTES);
    assert_reason_n(HEAD "}\0", sizeof HEAD "}", EVENT_REASON_TRAILING_BYTES);
}

static void bad_utf8_is_refused_in_values_keys_and_nested(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"n\":\"\xff\"",
        "\"\xff\":1",
        "\"n\":[{\"a\":\"\xc0\x80\"}]",
        "\"n\":\"\xed\xa0\x80\"",
        "\"n\":\"\\ud800\"",
        "\"\\udc00\":1",
        "\"n\":\"\xf4\x90\x80\x80\"",
        "\"n\":\"\\ud800\\ud800\"",
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        char json[128];
        snprintf(json, sizeof json, HEAD ",%s}", members[i]);
        assert_reason(json, EVENT_REASON_BAD_UTF8);
    }
    assert_reason("{\"Category\":\"\xff\",\"Event\":\"E\"}", EVENT_REASON_BAD_UTF8);
}

static void nesting_counts_to_thirty_two(void **state)
{
    (void)state;
    static const char *const shapes[][3] = {{"[", "", "]"}, {"{\"a\":", "0", "}"}};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int depth = 31; depth <= 32; depth++) { /* the event is a level itself */
            sl_buf_t json = SL_BUF_INIT;
            sl_buf_append_str(&json, HEAD ",\"n\":");
            for (int i = 0; i < depth; i++)
                sl_buf_append_str(&json, shapes[s][0]);
            sl_buf_append_str(&json, shapes[s][1]);
            for (int i = 0; i < depth; i++)
                sl_buf_append_str(&json, shapes[s][2]);
            sl_buf_append(&json, "}", 2);
            if (depth == 31) {
                event_info_t info;
                free(to_text_from(&test_origin, (char *)json.data, json.len - 1, &info));
            } else {
                assert_reason((char *)json.data, EVENT_REASON_TOO_DEEP);
            }
            sl_buf_fini(&json);
        }
}

static void json_that_is_no_object_is_not_an_object(void **state)
{
    (void)state;
    static const char *const bodies[] = {"[1,2]", "17", "null", "\"text\"", " true ", "[]", "-1.5"};
    for (size_t i = 0; i < COUNT(bodies); i++)
        assert_reason(bodies[i], EVENT_REASON_NOT_AN_OBJECT);
}

static void category_and_event_must_be_tokens(void **state)
{
    (void)state;
    char json[300], token[EVENT_TOKEN_MAX + 2];
    static const char *const values[] = {
        "1",       "null",      "true",  "[]",     "{}",           "\"\"",         "\"a.b\"",
        "\"a b\"", "\"$dead\"", "\"~\"", "\"a*\"", "\"\xc3\xa9\"", "\"a\\u0000\"", "\"a\\n\"",
        "\"@\"",   "\"a/b\"",   "\"[\"", "\"`\"",  "\"{\""};
    assert_reason("{}", EVENT_REASON_NO_CATEGORY);
    assert_reason("{\"Event\":\"E\"}", EVENT_REASON_NO_CATEGORY);
    assert_reason("{\"Category\":\"C\"}", EVENT_REASON_NO_EVENT);
    for (size_t i = 0; i < COUNT(values); i++) {
        snprintf(json, sizeof json, "{\"Category\":%s,\"Event\":\"E\"}", values[i]);
        assert_reason(json, EVENT_REASON_NO_CATEGORY);
        snprintf(json, sizeof json, "{\"Category\":\"C\",\"Event\":%s}", values[i]);
        assert_reason(json, EVENT_REASON_NO_EVENT);
    }
    memset(token, 'x', sizeof token);
    token[sizeof token - 1] = '\0';
    snprintf(json, sizeof json, "{\"Category\":\"%s\",\"Event\":\"E\"}", token);
    assert_reason(json, EVENT_REASON_NO_CATEGORY);
    snprintf(json, sizeof json, "{\"Category\":\"C\",\"Event\":\"%s\"}", token);
    assert_reason(json, EVENT_REASON_NO_EVENT);
}

static void the_longest_tokens_pass(void **state)
{
    (void)state;
    char json[300], token[EVENT_TOKEN_MAX + 1];
    event_info_t info;
    memset(token, 'x', sizeof token);
    token[EVENT_TOKEN_MAX] = '\0';
    snprintf(json, sizeof json, "{\"Category\":\"%s\",\"Event\":\"%s\",\"n\":1}", token, token);
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_int_equal(info.topic_len, EVENT_TOPIC_MAX);
    assert_int_equal(strlen(info.topic), EVENT_TOPIC_MAX);
    free(text);
}

static void an_escaped_token_is_the_token(void **state)
{
    (void)state;
    event_info_t info;
    const char *json = "{\"Cate\\u0067ory\":\"\\u004aob\",\"\\u0045vent\":\"OnJob\\u0046ailed\"}";
    char *text = to_text_from(&test_origin, json, strlen(json), &info);
    assert_string_equal(text, TEXT_HEAD "}");
    assert_int_equal(info.kind, EVENT_Job_OnJobFailed);
    assert_string_equal(info.topic, "Job.OnJobFailed");
    free(text);
}

static void the_place_of_the_fault_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t at;
    } cases[] = {
        {"{\"a\":1,\"b\":x}", 11},
        {"{\"a\":\"\xff\"}", 6},
        {"{} x", 3},
        {"[1]", 0},
        {"{}", 2},
        {"{\"Category\":17}", 12},
        {"{\"Category\":\"C\",\"Event\": \"a.b\"}", 26},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        event_info_t info;
        sl_buf_t out = SL_BUF_INIT;
        assert_int_not_equal(
            normalise_copy(&out, &test_origin, cases[i].json, strlen(cases[i].json), &info), 0);
        assert_int_equal(info.error_at, cases[i].at);
        sl_buf_fini(&out);
    }
}

static void a_body_of_64_kib_passes(void **state)
{
    (void)state;
    enum { LEN = 65536 };
    char *json = malloc(LEN + 1);
    assert_non_null(json);
    memset(json, 'x', LEN);
    memcpy(json, HEAD ",\"a\":\"", strlen(HEAD ",\"a\":\""));
    memcpy(json + LEN - 2, "\"}", 3);
    event_info_t info;
    free(to_text_from(&test_origin, json, LEN, &info));
    free(json);
}

static void events_are_appended_one_behind_the_other(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    event_info_t info;
    size_t ends[100];
    for (size_t i = 0; i < COUNT(ends); i++) {
        assert_int_equal(
            normalise_copy(&out, &test_origin, HEAD ",\"n\":1}", strlen(HEAD ",\"n\":1}"), &info),
            0);
        ends[i] = out.len;
    }
    for (size_t i = 0; i < COUNT(ends); i++) {
        size_t start = i > 0 ? ends[i - 1] : 0;
        char *text = event_to_text(out.data + start, ends[i] - start);
        assert_string_equal(text, TEXT_HEAD ", n=1}");
        free(text);
    }
    sl_buf_fini(&out);
}

static void a_buffer_that_failed_takes_no_event(void **state)
{
    (void)state;
    sl_buf_t out = {.failed = true};
    event_info_t info;
    assert_int_equal(event_normalise(&out, &test_origin, HEAD "}", strlen(HEAD "}"), &info),
                     EVENT_REASON_NONE);
    assert_true(out.failed);
    assert_int_equal(out.len, 0);
}

/* -- dead letters and reasons ------------------------------------------------------------------ */

static void a_dead_letter_carries_the_bytes(void **state)
{
    (void)state;
    sl_buf_t out = SL_BUF_INIT;
    event_dead_letter(&out, &test_origin, EVENT_REASON_BROKEN_JSON, "{\0\xff", 3, "byte 1", 7);
    char *text = event_to_text(out.data, out.len);
    assert_string_equal(text, "{Category='$dead', Event='BrokenJson', " TEST_CONTEXT
                              ", Body=<7b00ff>, Detail='byte 1', Attempt=7}");
    free(text);
    sl_buf_fini(&out);
}

static void every_reason_is_a_token_and_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(event_reason_name(EVENT_REASON_NONE), "");
    for (unsigned reason = 1; reason < EVENT_REASON_COUNT; reason++) {
        const char *name = event_reason_name((event_reason_t)reason);
        assert_true(strlen(name) > 0 && strlen(name) <= EVENT_TOKEN_MAX);
        assert_int_equal(
            strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"),
            strlen(name));
        assert_true(strlen(event_reason_text((event_reason_t)reason)) > 0);
    }
}

/* Closing an object of many members may move the output: whatever the output's room, the typed
 * field that the object is the value of is still found. */
static void a_typed_field_may_hold_an_object_of_any_size(void **state)
{
    (void)state;
    for (int members = 33; members < 900; members++) {
        sl_buf_t json = SL_BUF_INIT, out = SL_BUF_INIT;
        event_info_t info;
        sl_buf_append_str(&json, HEAD ",\"StartTime\":{\"\":-0");
        for (int i = 1; i < members; i++)
            sl_buf_append_str(&json, ",\"\":-0");
        sl_buf_append_str(&json, "}}");
        assert_int_equal(event_normalise(&out, &test_origin, json.data, json.len, &info),
                         EVENT_REASON_NONE);
        assert_int_equal(info.repeated, members - 1);
        assert_int_equal(info.untyped, 1);
        sl_buf_fini(&json);
        sl_buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_six_samples_become_these_events),
        cmocka_unit_test(every_truncation_of_a_sample_is_broken),
        cmocka_unit_test(every_row_of_the_catalogue_normalises),
        cmocka_unit_test(category_and_event_come_first_wherever_they_stood),
        cmocka_unit_test(an_event_that_the_catalogue_does_not_know_passes),
        cmocka_unit_test(a_byte_order_mark_and_white_space_around_pass),
        cmocka_unit_test(values_are_as_json_says),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(numbers_beyond_their_types_stay_as_text),
        cmocka_unit_test(floats_stay_floats),
        cmocka_unit_test(strings_keep_every_character),
        cmocka_unit_test(strings_of_every_length_pass),
        cmocka_unit_test(containers_of_every_size_pass),
        cmocka_unit_test(the_output_fits_the_reservation_at_its_worst),
        cmocka_unit_test(times_become_timestamps),
        cmocka_unit_test(numeric_strings_become_integers),
        cmocka_unit_test(an_empty_typed_field_is_nil),
        cmocka_unit_test(a_typed_field_that_does_not_parse_stays_and_is_counted),
        cmocka_unit_test(only_members_at_the_top_are_typed),
        cmocka_unit_test(context_names_of_the_body_are_renamed),
        cmocka_unit_test(a_renamed_name_can_grow_a_longer_head),
        cmocka_unit_test(of_members_with_one_name_the_last_wins),
        cmocka_unit_test(names_that_share_eight_bytes_are_not_one_name),
        cmocka_unit_test(a_category_that_comes_again_wins),
        cmocka_unit_test(of_many_members_the_last_wins_too),
        cmocka_unit_test(an_event_that_went_through_before_keeps_its_context),
        cmocka_unit_test(context_of_another_form_is_renamed_all_the_same),
        cmocka_unit_test(a_body_may_bring_a_long_id),
        cmocka_unit_test(the_origin_s_time_may_lie_before_1970),
        cmocka_unit_test(broken_json_is_broken_json),
        cmocka_unit_test(bytes_behind_the_object_are_trailing_bytes),
        cmocka_unit_test(bad_utf8_is_refused_in_values_keys_and_nested),
        cmocka_unit_test(nesting_counts_to_thirty_two),
        cmocka_unit_test(json_that_is_no_object_is_not_an_object),
        cmocka_unit_test(category_and_event_must_be_tokens),
        cmocka_unit_test(the_longest_tokens_pass),
        cmocka_unit_test(an_escaped_token_is_the_token),
        cmocka_unit_test(the_place_of_the_fault_is_told),
        cmocka_unit_test(a_body_of_64_kib_passes),
        cmocka_unit_test(events_are_appended_one_behind_the_other),
        cmocka_unit_test(a_typed_field_may_hold_an_object_of_any_size),
        cmocka_unit_test(a_buffer_that_failed_takes_no_event),
        cmocka_unit_test(a_dead_letter_carries_the_bytes),
        cmocka_unit_test(every_reason_is_a_token_and_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
