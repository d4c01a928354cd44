/* The real program is killed in the middle of its work, again and again, and started anew: nothing
 * that it acknowledged is lost, nothing whose deletion it acknowledged comes back. */
#include "local_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES "/queues/q/messages"

enum { CLIENTS = 4, MESSAGES_MAX = 100000 };

typedef struct program {
    pid_t pid;
    char url[64];
} program_t;

static char dir[32], date[64];

/* What is known of each message, by the number that is its body. */
static struct {
    bool acknowledged, deleted, seen;
} known[MESSAGES_MAX];
static size_t next_number;

/* -- the program --------------------------------------------------------------------------- */

static int spawn(const char *const *args, int *out, int *err)
{
    int outs[2], errs[2];
    if (pipe(outs) != 0 || pipe(errs) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test-key", 1);
        setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "test-secret", 1);
        dup2(outs[1], STDOUT_FILENO);
        dup2(errs[1], STDERR_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        execv(MNS_LOCAL, (char *const *)(uintptr_t)args);
        _exit(127);
    }
    close(outs[1]);
    close(errs[1]);
    *out = outs[0];
    *err = errs[0];
    return pid;
}

static void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    for (ssize_t got; len + 1 < size && (got = read(fd, text + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    close(fd);
}

static void start(program_t *p)
{
    const char *const args[] = {MNS_LOCAL, "--listen", "127.0.0.1:0", "--data", dir, NULL};
    int out = -1, err = -1;
    char line[256] = "";
    p->pid = spawn(args, &out, &err);
    assert_true(p->pid > 0);
    size_t len = 0;
    while (len + 1 < sizeof line && read(out, line + len, 1) == 1 && line[len] != '\n')
        len++;
    close(out);
    close(err);
    assert_int_equal(sscanf(line, "ready endpoint=%63s ", p->url), 1);
}

static void kill_now(program_t *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
}

/* -- its clients --------------------------------------------------------------------------- */

/* One turn of a server that is elsewhere: wait a little for it. */
static void wait_a_little(void *ctx)
{
    const raw_client_t *client = ctx;
    poll(&(struct pollfd){.fd = client->fd, .events = POLLIN}, 1, 5);
}

static void open_client(raw_client_t *client, const program_t *p)
{
    raw_open(client, p->url, wait_a_little, client);
}

static void say(raw_client_t *client, const char *verb, const char *target, const char *body)
{
    ask_raw(client, &(asking_t){.verb = verb, .target = target, .body = body, .date = date});
}

static void say_send(raw_client_t *client, size_t number)
{
    char body[128];
    snprintf(body, sizeof body, "<Message><MessageBody>%zu</MessageBody></Message>", number);
    say(client, "POST", MESSAGES, body);
}

static void say_delete(raw_client_t *client, const char *receipt)
{
    char target[128];
    snprintf(target, sizeof target, MESSAGES "?ReceiptHandle=%s", receipt);
    say(client, "DELETE", target, NULL);
}

/* Is there a whole answer?  Takes it. */
static bool try_hear(raw_client_t *client, raw_reply_t *reply)
{
    while (client->in == NULL || strstr(client->in, "\r\n\r\n") == NULL)
        if (!raw_turn(client))
            return false;
    const char *length = strstr(client->in, "Content-Length: ");
    size_t head = (size_t)(strstr(client->in, "\r\n\r\n") + 4 - client->in);
    size_t body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    while (client->len < head + body)
        if (!raw_turn(client))
            return false;
    *reply = raw_hear(client);
    return true;
}

typedef struct step {
    size_t number;
    bool deletes;
} step_t;

/* Each client sends one message after the other, and every third time receives one and deletes it;
 * after `steps` answers in all the program is killed, whatever is under way then. */
static void work_until_killed(program_t *p, size_t steps)
{
    raw_client_t clients[CLIENTS];
    size_t sent[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++)
        open_client(&clients[i], p);
    for (size_t step = 0; step < steps; step++) {
        size_t at = step % CLIENTS;
        raw_client_t *client = &clients[at];
        raw_reply_t reply = {.status = 0};
        if (step >= CLIENTS) {
            assert_true(try_hear(client, &reply));
            assert_int_equal(reply.status, 201);
            known[sent[at]].acknowledged = true;
        }
        if (step % 3 == 0) {
            say(client, "GET", MESSAGES, NULL);
            assert_true(try_hear(client, &reply));
            if (reply.status == 200) {
                size_t number = strtoul(element(reply, "MessageBody", 0), NULL, 10);
                say_delete(client, element(reply, "ReceiptHandle", 0));
                assert_true(try_hear(client, &reply));
                assert_int_equal(reply.status, 204);
                assert_false(known[number].deleted);
                known[number].deleted = true;
            }
        }
        sent[at] = next_number++;
        say_send(client, sent[at]);
    }
    kill_now(p);
    for (size_t i = 0; i < CLIENTS; i++)
        raw_close(&clients[i]);
}

/* Takes all that is there and compares it with what is known. */
static void check_all(program_t *p)
{
    raw_client_t client;
    raw_reply_t reply = {.status = 0};
    open_client(&client, p);
    for (size_t i = 0; i < next_number; i++)
        known[i].seen = false;
    for (;;) {
        say(&client, "GET", MESSAGES "?numOfMessages=16&waitseconds=0", NULL);
        assert_true(try_hear(&client, &reply));
        if (reply.status == 404)
            break;
        assert_int_equal(reply.status, 200);
        for (size_t i = 0; i < count_elements(reply, "MessageBody"); i++) {
            size_t number = strtoul(element(reply, "MessageBody", i), NULL, 10);
            assert_in_range(number, 0, next_number - 1);
            assert_false(known[number].seen);
            assert_false(known[number].deleted);
            known[number].seen = true;
        }
    }
    for (size_t i = 0; i < next_number; i++)
        assert_true(!known[i].acknowledged || known[i].deleted || known[i].seen);
    raw_close(&client);
}

static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
    (void)state;
    program_t p;
    raw_client_t client;
    raw_reply_t reply = {.status = 0};
    srand(7);
    start(&p);
    open_client(&client, &p);
    say(&client, "PUT", "/queues/q", NULL);
    assert_true(try_hear(&client, &reply));
    assert_int_equal(reply.status, 201);
    raw_close(&client);
    for (int life = 0; life < 12; life++) {
        work_until_killed(&p, (size_t)(20 + rand() % 200));
        start(&p);
    }
    kill_now(&p);
    start(&p);
    check_all(&p);
    kill_now(&p);
}

static void a_handle_outlives_a_kill(void **state)
{
    (void)state;
    program_t p;
    raw_client_t client;
    raw_reply_t reply = {.status = 0};
    char receipt[64];
    start(&p);
    open_client(&client, &p);
    say(&client, "PUT", "/queues/q", NULL);
    assert_true(try_hear(&client, &reply));
    say_send(&client, 1);
    assert_true(try_hear(&client, &reply));
    say(&client, "GET", MESSAGES, NULL);
    assert_true(try_hear(&client, &reply));
    snprintf(receipt, sizeof receipt, "%s", element(reply, "ReceiptHandle", 0));
    kill_now(&p);
    raw_close(&client);
    start(&p);
    open_client(&client, &p);
    say_delete(&client, receipt);
    assert_true(try_hear(&client, &reply));
    assert_int_equal(reply.status, 204);
    raw_close(&client);
    kill_now(&p);
}

static void a_damaged_file_is_one_clear_sentence(void **state)
{
    (void)state;
    const char *const args[] = {MNS_LOCAL, "--listen", "127.0.0.1:0", "--data", dir, NULL};
    char path[64], said[1024], wanted[256];
    int out = -1, err = -1, status;
    program_t p;
    start(&p);
    kill_now(&p);
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    assert_int_equal(truncate(path, 10000), 0);
    pid_t pid = spawn(args, &out, &err);
    read_all(err, said, sizeof said);
    close(out);
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    snprintf(wanted, sizeof wanted, "mns-local: %s: data.mdb: damaged, or not of mns-local\n", dir);
    assert_string_equal(said, wanted);
}

static int setup(void **state)
{
    (void)state;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    memset(known, 0, sizeof known);
    next_number = 0;
    strcpy(dir, "/tmp/mns-local-data-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"data.mdb", "lock"};
    char path[64];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(nothing_acknowledged_is_lost_by_a_kill),
        IN_A_DIRECTORY(a_handle_outlives_a_kill),
        IN_A_DIRECTORY(a_damaged_file_is_one_clear_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
