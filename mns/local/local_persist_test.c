/* What --data keeps.  That a process is killed is played by taking a copy of the file while the
 * server runs: it is all that a kill would leave.  (local_crash_test.c kills a real one.) */
#include "local_fixture.h"

#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES "/queues/q/messages"
#define QUEUE_WITH                                                                                \
    "<Queue><VisibilityTimeout>60</VisibilityTimeout><DelaySeconds>0</DelaySeconds>"              \
    "<MessageRetentionPeriod>600</MessageRetentionPeriod><LoggingEnabled>True</LoggingEnabled></" \
    "Queue>"

/* Two directories: where the server writes, and where a copy goes. */
static char dir[32], copy[64];

static int setup(void **state)
{
    strcpy(dir, "/tmp/mns-local-data-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(copy, sizeof copy, "%s/copy", dir);
    int err = fixture_setup_with(state, (local_options_t){.data = dir});
    return err != 0 || call(*state, "PUT", "/queues/q", QUEUE_WITH).status != 201 ? -1 : 0;
}

static void forget(const char *in)
{
    static const char *const files[] = {"data.mdb", "lock"};
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", in, files[i]);
        unlink(path);
    }
    rmdir(in);
}

static int teardown(void **state)
{
    int err = fixture_teardown(state);
    forget(copy);
    forget(dir);
    return err;
}

static void path_of(char out[128], const char *in)
{
    snprintf(out, 128, "%s/data.mdb", in);
}

static void read_file(const char *in, sl_buf_t *out)
{
    char path[128];
    struct stat about;
    path_of(path, in);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &about), 0);
    sl_buf_clear(out);
    assert_int_equal(sl_buf_reserve(out, (size_t)about.st_size), SL_OK);
    out->len = (size_t)about.st_size;
    assert_int_equal(read(fd, out->data, out->len), out->len);
    close(fd);
}

static void write_file(const char *in, const void *bytes, size_t len)
{
    char path[128];
    path_of(path, in);
    mkdir(in, 0700);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* The server goes on in a world where it was killed just now; the two directories take turns. */
static void kill_and_restart(fixture_t *f)
{
    sl_buf_t bytes = SL_BUF_INIT;
    read_file(f->options.data, &bytes);
    f->options.data = f->options.data == dir ? copy : dir;
    write_file(f->options.data, bytes.data, bytes.len);
    sl_buf_fini(&bytes);
    fixture_restart(f);
}

static void send_with(fixture_t *f, const char *body, const char *children)
{
    char text[1024];
    snprintf(text, sizeof text, "<Message><MessageBody>%s</MessageBody>%s</Message>", body,
             children);
    assert_status(call(f, "POST", MESSAGES, text), 201);
}

static raw_reply_t delete_one(fixture_t *f, const char *receipt)
{
    char target[256];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s", receipt);
    return call(f, "DELETE", target, NULL);
}

static const char *receive_one(fixture_t *f, const char *body)
{
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_string_equal(element(reply, "MessageBody", 0), body);
    return element(reply, "ReceiptHandle", 0);
}

static const char *count_of(fixture_t *f, const char *count)
{
    return element(call(f, "GET", "/queues/q", NULL), count, 0);
}

/* -- what comes back ----------------------------------------------------------------------- */

static void queues_and_topics_come_back_as_they_were(void **state)
{
    fixture_t *f = *state;
    static const char *const targets[] = {"/queues/q",
                                          "/queues",
                                          "/topics/t",
                                          "/topics",
                                          "/topics/t/subscriptions",
                                          "/topics/t/subscriptions/s",
                                          "/topics/t/subscriptions/mail"};
    enum { COUNT = sizeof targets / sizeof targets[0] };
    char before[COUNT][2048];
    assert_status(
        call(f, "PUT", "/topics/t", "<Topic><MaximumMessageSize>2048</MaximumMessageSize></Topic>"),
        201);
    fixture_pass_ms(f, 5000);
    assert_status(call(f, "PUT", "/topics/t/subscriptions/s",
                       "<Subscription><Endpoint>acs:mns:cn-hangzhou:1:queues/q</Endpoint>"
                       "<FilterTag>t&#228;g</FilterTag><NotifyContentFormat>JSON"
                       "</NotifyContentFormat></Subscription>"),
                  201);
    assert_status(call(f, "PUT", "/topics/t/subscriptions/mail",
                       "<Subscription><Endpoint>mail:directmail:a@b.example</Endpoint>"
                       "</Subscription>"),
                  201);
    assert_status(call(f, "PUT", "/topics/t/subscriptions/gone",
                       "<Subscription><Endpoint>mail:directmail:a@b.example</Endpoint>"
                       "</Subscription>"),
                  201);
    fixture_pass_ms(f, 5000);
    assert_status(call(f, "PUT", "/topics/t/subscriptions/s?metaoverride=true",
                       "<Subscription><NotifyStrategy>EXPONENTIAL_DECAY_RETRY</NotifyStrategy>"
                       "</Subscription>"),
                  204);
    assert_status(call(f, "PUT", "/topics/t?metaoverride=true",
                       "<Topic><LoggingEnabled>True</LoggingEnabled></Topic>"),
                  204);
    assert_status(call(f, "PUT", "/queues/q?metaoverride=true",
                       "<Queue><PollingWaitSeconds>3</PollingWaitSeconds></Queue>"),
                  204);
    assert_status(call(f, "DELETE", "/topics/t/subscriptions/gone", NULL), 204);
    assert_status(call(f, "PUT", "/topics/gone", NULL), 201);
    assert_status(call(f, "DELETE", "/topics/gone", NULL), 204);
    assert_status(call(f, "PUT", "/queues/gone", NULL), 201);
    assert_status(call(f, "DELETE", "/queues/gone", NULL), 204);
    for (size_t i = 0; i < COUNT; i++)
        snprintf(before[i], sizeof before[i], "%s", call(f, "GET", targets[i], NULL).body);
    fixture_pass_ms(f, 10000);
    kill_and_restart(f);
    for (size_t i = 0; i < COUNT; i++) {
        raw_reply_t reply = call(f, "GET", targets[i], NULL);
        assert_status(reply, 200);
        assert_string_equal(reply.body, before[i]);
    }
}

static void messages_come_back_as_they_were(void **state)
{
    fixture_t *f = *state;
    send_with(f, "second &amp; &lt;b&gt;", "");
    send_with(f, "third",
              "<UserProperties><PropertyValue><Name>n</Name><Value>v</Value><Type>STRING</Type>"
              "</PropertyValue></UserProperties>");
    send_with(f, "first", "<Priority>1</Priority>");
    fixture_pass_ms(f, 1000);
    char before[4096];
    snprintf(before, sizeof before, "%s",
             call(f, "GET", MESSAGES "?peekonly=true&numOfMessages=16", NULL).body);
    assert_non_null(strstr(before, "<Name>n</Name>"));
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            kill_and_restart(f);
        else
            fixture_restart(f); /* in good order does as well */
        raw_reply_t reply = call(f, "GET", MESSAGES "?peekonly=true&numOfMessages=16", NULL);
        assert_string_equal(reply.body, before);
    }
}

static void a_receipt_handle_is_still_good(void **state)
{
    fixture_t *f = *state;
    char stale[64], receipt[64], deleted[64];
    send_with(f, "a", "");
    send_with(f, "b", "");
    snprintf(deleted, sizeof deleted, "%s", receive_one(f, "a"));
    snprintf(stale, sizeof stale, "%s", receive_one(f, "b"));
    fixture_pass_ms(f, 60000);
    snprintf(deleted, sizeof deleted, "%s", receive_one(f, "a"));
    snprintf(receipt, sizeof receipt, "%s", receive_one(f, "b"));
    assert_status(delete_one(f, deleted), 204);
    fixture_pass_ms(f, 10000);
    kill_and_restart(f);
    assert_string_equal(count_of(f, "InactiveMessages"), "1");
    assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
    assert_error(delete_one(f, stale), 400, "ReceiptHandleError");
    assert_error(delete_one(f, deleted), 404, "MessageNotExist");
    assert_status(delete_one(f, receipt), 204);
    assert_string_equal(count_of(f, "InactiveMessages"), "0");
}

static void deadlines_go_on(void **state)
{
    fixture_t *f = *state;
    send_with(f, "delayed", "<DelaySeconds>100</DelaySeconds>");
    send_with(f, "received", "");
    receive_one(f, "received");
    fixture_pass_ms(f, 30000);
    kill_and_restart(f);
    assert_string_equal(count_of(f, "DelayMessages"), "1");
    fixture_pass_ms(f, 29999);
    assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
    fixture_pass_ms(f, 1);
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    assert_string_equal(element(reply, "MessageBody", 0), "received");
    assert_string_equal(element(reply, "DequeueCount", 0), "2");
    assert_string_equal(element(reply, "FirstDequeueTime", 0), "1780315200000");
    fixture_pass_ms(f, 39999);
    assert_string_equal(count_of(f, "DelayMessages"), "1");
    fixture_pass_ms(f, 1);
    receive_one(f, "delayed");
}

static void what_expires_while_it_is_down_is_gone(void **state)
{
    fixture_t *f = *state;
    send_with(f, "short-lived", "");
    receive_one(f, "short-lived");
    sl_clock_manual_advance(&f->clock, 599000000000);
    kill_and_restart(f);
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
    sl_clock_manual_advance(&f->clock, 1000000000);
    fixture_restart(f);
    assert_string_equal(count_of(f, "ActiveMessages"), "0");
    fixture_restart(f);
    assert_string_equal(count_of(f, "ActiveMessages"), "0");
}

static void a_queue_made_anew_is_empty(void **state)
{
    fixture_t *f = *state;
    send_with(f, "old", "");
    assert_status(call(f, "DELETE", "/queues/q", NULL), 204);
    assert_status(call(f, "PUT", "/queues/q", QUEUE_WITH), 201);
    send_with(f, "new", "");
    kill_and_restart(f);
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
    receive_one(f, "new");
}

static void no_id_is_given_twice(void **state)
{
    fixture_t *f = *state;
    enum { LIVES = 6 };
    const char *message = "<Message><MessageBody>x</MessageBody></Message>";
    char ids[LIVES][64];
    assert_status(call(f, "PUT", "/topics/t", NULL), 201);
    for (size_t i = 0; i < LIVES; i++) {
        const char *target = i % 2 == 0 ? "/topics/t/messages" : MESSAGES; /* at first to nobody */
        snprintf(ids[i], sizeof ids[i], "%s",
                 element(call(f, "POST", target, message), "MessageId", 0));
        assert_int_equal(strlen(ids[i]), 32);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(ids[other], ids[i]);
        kill_and_restart(f);
    }
}

static void messages_survive_many_lives(void **state)
{
    fixture_t *f = *state;
    size_t there = 0;
    srand(7);
    for (int life = 0; life < 20; life++) {
        for (int i = 0; i < 20; i++)
            if (rand() % 3 > 0) {
                send_with(f, "x", "");
                there++;
            } else if (there > 0) {
                fixture_pass_ms(f, 1);
                raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
                if (reply.status == 200 && rand() % 2 == 0) {
                    assert_status(delete_one(f, element(reply, "ReceiptHandle", 0)), 204);
                    there--;
                }
            }
        fixture_restart(f);
        raw_reply_t reply = call(f, "GET", "/queues/q", NULL);
        size_t counted_now = strtoul(element(reply, "ActiveMessages", 0), NULL, 10) +
                             strtoul(element(reply, "InactiveMessages", 0), NULL, 10);
        assert_int_equal(counted_now, there);
    }
}

static void waiters_and_faults_work_as_without_a_disk(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    fixture_connect(f, &c);
    ask_raw(&c, &(asking_t){.verb = "GET", .target = MESSAGES "?waitseconds=30"});
    RAW_WAIT(&c, counted(f, "http_parked") == 1);
    send_with(f, "for the waiter", "");
    raw_reply_t reply = raw_hear(&c);
    assert_string_equal(element(reply, "MessageBody", 0), "for the waiter");
    const char *rule = "[{\"op\":\"SendMessage\",\"next\":1,\"action\":\"reset\"}]";
    char text[256];
    snprintf(text, sizeof text,
             "POST /local/faults HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(rule), rule);
    raw_say(&f->client, text);
    assert_status(raw_hear(&f->client), 200);
    ask_raw(&c, &(asking_t){.verb = "POST",
                            .target = MESSAGES,
                            .body = "<Message><MessageBody>x</MessageBody></Message>"});
    RAW_WAIT(&c, c.closed);
    assert_true(c.reset);
    raw_close(&c);
    assert_string_equal(count_of(f, "ActiveMessages"), "1");
}

static void one_who_leaves_before_the_commit_hurts_nobody(void **state)
{
    fixture_t *f = *state;
    raw_client_t c;
    for (int i = 0; i < 20; i++) {
        fixture_connect(f, &c);
        ask_raw(&c, &(asking_t){.verb = "POST",
                                .target = MESSAGES,
                                .body = "<Message><MessageBody>x</MessageBody></Message>"});
        raw_close(&c);
    }
    RAW_WAIT(&f->client, counted(f, "mns_local_sent_messages_total") == 20);
    assert_string_equal(count_of(f, "ActiveMessages"), "20");
}

/* -- a full disk --------------------------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#define MAIL_OF_A "<Subscription><Endpoint>mail:directmail:a@b.example</Endpoint></Subscription>"

static void refuse_what_is_new(fixture_t *f, const char *message)
{
    static const char *const calls[][3] = {
        {"POST", MESSAGES, NULL},
        {"POST", "/topics/t/messages", NULL},
        {"PUT", "/queues/new", "<Queue/>"},
        {"PUT", "/topics/new", "<Topic/>"},
        {"PUT", "/topics/t/subscriptions/new", MAIL_OF_A},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const char *body = calls[i][2] != NULL ? calls[i][2] : message;
        assert_error(call(f, calls[i][0], calls[i][1], body), 500, "InternalError");
    }
    assert_error(call(f, "GET", "/queues/new", NULL), 404, "QueueNotExist");
    assert_error(call(f, "GET", "/topics/new", NULL), 404, "TopicNotExist");
    assert_error(call(f, "GET", "/topics/t/subscriptions/new", NULL), 404, "SubscriptionNotExist");
}

static void a_full_disk_refuses_what_is_new_and_loses_nothing(void **state)
{
    fixture_t *f = *state;
    enum { BODY = 20000 };
    static char message[BODY + 128];
    char kept[64];
    signal(SIGXFSZ, SIG_IGN);
    strcpy(message, "<Message><MessageBody>");
    memset(message + strlen(message), 'x', BODY);
    strcat(message, "</MessageBody></Message>");
    send_with(f, "kept", "");
    assert_status(call(f, "PUT", "/topics/t", NULL), 201);
    limit_files(1 << 20);
    size_t sent = 0;
    raw_reply_t reply;
    while ((reply = call(f, "POST", MESSAGES, message)).status == 201)
        sent++;
    assert_in_range(sent, 5, 50);
    assert_error(reply, 500, "InternalError");
    assert_int_equal(counted(f, "mns_local_commit_failures_total"), 1);
    assert_int_equal(counted(f, "mns_local_undone_messages_total"), 1);
    assert_int_equal(strtoul(count_of(f, "ActiveMessages"), NULL, 10), sent + 1);
    refuse_what_is_new(f, message);
    assert_int_equal(counted(f, "mns_local_disk_full"), 1);
    limit_files(RLIM_INFINITY);
    fixture_pass_ms(f, 1000); /* then it is tried again */
    RAW_WAIT(&f->client, counted(f, "mns_local_disk_full") == 0);
    assert_status(call(f, "POST", MESSAGES, message), 201);
    assert_status(call(f, "PUT", "/topics/t/subscriptions/new", MAIL_OF_A), 201);
    assert_status(call(f, "POST", "/topics/t/messages", message), 201);
    snprintf(kept, sizeof kept, "%s", receive_one(f, "kept"));
    kill_and_restart(f);
    assert_int_equal(strtoul(count_of(f, "ActiveMessages"), NULL, 10), sent + 1);
    assert_status(delete_one(f, kept), 204);
}

static void a_full_disk_is_emptied_by_deleting(void **state)
{
    fixture_t *f = *state;
    enum { BODY = 20000 };
    static char message[BODY + 128];
    strcpy(message, "<Message><MessageBody>");
    memset(message + strlen(message), 'x', BODY);
    strcat(message, "</MessageBody></Message>");
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1 << 20);
    for (int round = 0; round < 5; round++) {
        size_t sent = 0;
        while (call(f, "POST", MESSAGES, message).status == 201)
            sent++;
        assert_in_range(sent, 10, 50);
        for (size_t i = 0; i < sent; i++) {
            raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
            assert_status(reply, 200);
            assert_status(delete_one(f, element(reply, "ReceiptHandle", 0)), 204);
        }
        assert_error(call(f, "GET", MESSAGES, NULL), 404, "MessageNotExist");
        fixture_pass_ms(f, 1000);
        RAW_WAIT(&f->client, counted(f, "mns_local_disk_full") == 0);
    }
    limit_files(RLIM_INFINITY);
}

static void a_failed_commit_is_tried_again(void **state)
{
    fixture_t *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    send_with(f, "a", "");
    limit_files(0);
    assert_error(call(f, "GET", MESSAGES, NULL), 500, "InternalError");
    assert_string_equal(count_of(f, "InactiveMessages"), "1"); /* handed out, though unheard */
    limit_files(RLIM_INFINITY);
    fixture_pass_ms(f, 1000);
    RAW_WAIT(&f->client, counted(f, "mns_local_commits_total") == 3);
    kill_and_restart(f);
    assert_string_equal(count_of(f, "InactiveMessages"), "1");
}

static void what_could_not_be_kept_is_not_acknowledged_when_it_is_asked_again(void **state)
{
    fixture_t *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    send_with(f, "a", "");
    raw_reply_t reply = call(f, "GET", MESSAGES, NULL);
    char target[256];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s",
             element(reply, "ReceiptHandle", 0));
    limit_files(0);
    for (int i = 0; i < 2; i++) {
        assert_error(call(f, "PUT", "/queues/again", NULL), 500, "InternalError");
        assert_error(call(f, "DELETE", target, NULL), 500, "InternalError");
    }
    limit_files(RLIM_INFINITY);
    assert_status(call(f, "PUT", "/queues/again", NULL), 204);
    kill_and_restart(f);
    assert_status(call(f, "GET", "/queues/again", NULL), 200);
    assert_string_equal(count_of(f, "InactiveMessages"), "0"); /* kept with the same commit */
    assert_string_equal(count_of(f, "ActiveMessages"), "0");
}

/* -- files that are not ours, or no longer ------------------------------------------------- */

/* Tries to start on what is in `copy`.  @return what it said; "" when it could. */
static const char *try(fixture_t *f)
{
    static char sentence[LOCAL_SENTENCE_MAX];
    local_options_t options = f->options;
    local_t *local;
    options.data = copy;
    sl_err err = local_create(&local, &options, sentence);
    if (err == SL_OK)
        local_destroy(&local);
    assert_true(err == SL_OK || strncmp(sentence, copy, strlen(copy)) == 0);
    return err == SL_OK ? "" : sentence + strlen(copy) + strlen(": ");
}

#define DAMAGED "data.mdb: damaged, or not of mns-local"

static void two_servers_cannot_share_a_directory(void **state)
{
    fixture_t *f = *state;
    strcpy(copy, dir);
    assert_string_equal(try(f), "another process is using it");
}

static void a_foreign_file_is_told(void **state)
{
    fixture_t *f = *state;
    char bytes[20000];
    memset(bytes, 'x', sizeof bytes);
    write_file(copy, bytes, sizeof bytes);
    assert_string_equal(try(f), DAMAGED);
    write_file(copy, bytes, 7);
    assert_string_equal(try(f), DAMAGED);
    write_file(copy, "", 0); /* as a start that was killed leaves it */
    assert_string_equal(try(f), "");
}

static void anothers_environment_is_left_alone(void **state)
{
    fixture_t *f = *state;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    sl_buf_t before = SL_BUF_INIT, after = SL_BUF_INIT;
    mkdir(copy, 0700);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, copy, MDB_NOLOCK, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &table), 0);
    char text[] = "keyvalue";
    MDB_val key = {3, text}, value = {5, text + 3};
    assert_int_equal(mdb_put(txn, table, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    read_file(copy, &before);
    assert_string_equal(try(f), DAMAGED);
    read_file(copy, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    sl_buf_fini(&before);
    sl_buf_fini(&after);
}

static void a_directory_that_cannot_be_is_told(void **state)
{
    fixture_t *f = *state;
    snprintf(copy, sizeof copy, "%s/no/where", dir);
    assert_string_equal(try(f), "No such file or directory");
    snprintf(copy, sizeof copy, "%s/lock", dir);
    assert_string_equal(try(f), "Not a directory");
}

static void fill(fixture_t *f)
{
    char body[4096];
    memset(body, 'b', 3000);
    body[3000] = '\0';
    assert_status(call(f, "PUT", "/topics/t", NULL), 201);
    for (int i = 0; i < 100; i++) {
        char text[5000];
        snprintf(text, sizeof text, "<Message><MessageBody>%d %.*s</MessageBody></Message>", i,
                 i % 10 == 0 ? 3000 : 100, body);
        assert_status(call(f, "POST", MESSAGES, text), 201);
        if (i % 3 == 0)
            assert_status(call(f, "GET", MESSAGES, NULL), 200);
    }
}

static void a_file_cut_short_is_told(void **state)
{
    fixture_t *f = *state;
    sl_buf_t bytes = SL_BUF_INIT;
    size_t told = 0, count = 0;
    fill(f);
    read_file(dir, &bytes);
    for (size_t len = bytes.len; len > 16384; len -= len > 8192 ? 8192 : len, count++) {
        write_file(copy, bytes.data, len - 8192 > 16384 ? len - 8192 : 16384);
        told += strcmp(try(f), DAMAGED) == 0;
    }
    assert_in_range(told, count - 2, count); /* the last page may be one that is not used */
    sl_buf_fini(&bytes);
}

static void damage_is_told_or_harmless(void **state)
{
    fixture_t *f = *state;
    enum { ROUNDS = 600 };
    sl_buf_t bytes = SL_BUF_INIT;
    size_t told = 0;
    fill(f);
    read_file(dir, &bytes);
    srand(7);
    for (size_t round = 0; round < ROUNDS; round++) {
        /* half of them where pages describe themselves */
        size_t at = (size_t)rand() % bytes.len;
        if (round % 2 == 0)
            at = at / 4096 * 4096 + (size_t)rand() % 64;
        uint8_t before = bytes.data[at];
        bytes.data[at] ^= (uint8_t)(1 << rand() % 8);
        write_file(copy, bytes.data, bytes.len);
        const char *said = try(f);
        bytes.data[at] = before;
        if (said[0] == '\0')
            continue;
        if (strstr(said, "data.mdb: ") != said)
            fail_msg("byte %zu: %s", at, said);
        told++;
    }
    assert_in_range(told, ROUNDS / 10, ROUNDS);
    sl_buf_fini(&bytes);
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_DISK(queues_and_topics_come_back_as_they_were),
        ON_DISK(messages_come_back_as_they_were),
        ON_DISK(a_receipt_handle_is_still_good),
        ON_DISK(deadlines_go_on),
        ON_DISK(what_expires_while_it_is_down_is_gone),
        ON_DISK(a_queue_made_anew_is_empty),
        ON_DISK(no_id_is_given_twice),
        ON_DISK(messages_survive_many_lives),
        ON_DISK(waiters_and_faults_work_as_without_a_disk),
        ON_DISK(one_who_leaves_before_the_commit_hurts_nobody),
        ON_DISK(a_full_disk_refuses_what_is_new_and_loses_nothing),
        ON_DISK(a_full_disk_is_emptied_by_deleting),
        ON_DISK(a_failed_commit_is_tried_again),
        ON_DISK(what_could_not_be_kept_is_not_acknowledged_when_it_is_asked_again),
        ON_DISK(two_servers_cannot_share_a_directory),
        ON_DISK(a_foreign_file_is_told),
        ON_DISK(anothers_environment_is_left_alone),
        ON_DISK(a_directory_that_cannot_be_is_told),
        ON_DISK(a_file_cut_short_is_told),
        ON_DISK(damage_is_told_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
