/* How many pushes a second?  By hand: ninja local_push_bench && build/release/bin/local_push_bench
 * [N] [BITS]
 *
 * A child answers 204 to all; the parent is the server, with N pushes of a 600-byte envelope that
 * are pending from the start, so that nothing else is measured. */
#include "call.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void answer(void *ctx, http_request_t *request)
{
    (void)ctx;
    http_request_reply(request, &(http_reply_t){.status = 204});
}

static void receive(int tell)
{
    http_server_t *server;
    http_server_options_t options = {.listen = "127.0.0.1:0", .on_request = answer};
    if (http_server_create(&server, &options) != SL_OK)
        exit(1);
    const char *url = http_server_url(server);
    if (write(tell, url, strlen(url) + 1) < 0)
        exit(1);
    while (http_server_run(server, -1) == SL_OK)
        ;
    exit(0);
}

static bool make_key(char *path, int bits)
{
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    EVP_PKEY *pkey = EVP_RSA_gen((unsigned)bits);
    bool good = file != NULL && pkey != NULL &&
                PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(pkey);
    return file != NULL && fclose(file) == 0 && good;
}

static bool fill(local_t *local, const char *url, size_t count)
{
    char body[600];
    const char *why;
    topic_t *t;
    subscription_t *s;
    subscription_spec_t spec = {.format = NOTIFY_JSON};
    memset(body, 'x', sizeof body);
    if (!endpoint_read(&spec.endpoint, url, &why) ||
        topic_create(&local->topics, "t", &(topic_attributes_t){.body_max = BODY_MAX}, 0, &t) !=
            SL_OK ||
        subscription_create(t, "s", &spec, 0, &s) != SL_OK)
        return false;
    for (size_t i = 0; i < count; i++)
        if (pushes_add(local->pushes, s,
                       &(push_view_t){.message_id = "AC10020B0019681A95159E591D100001",
                                      .tag = "",
                                      .body = body,
                                      .body_len = sizeof body}) != SL_OK)
            return false;
    return true;
}

static double now_s(void)
{
    return (double)sl_clock_mono_ns(&sl_clock_system) / 1e9;
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const char *url, size_t count, int bits)
{
    char key[] = "/tmp/sluice-push-bench-XXXXXX", sentence[LOCAL_SENTENCE_MAX];
    local_t *local = NULL;
    push_stats_t stats;
    local_options_t options = {.listen = "127.0.0.1:0",
                               .account = "1",
                               .region = "r",
                               .key_id = "k",
                               .key_secret = "s",
                               .memory_bytes = (size_t)4 << 30,
                               .push_key = key,
                               .clock = &sl_clock_system};
    if (!make_key(key, bits) || local_create(&local, &options, sentence) != SL_OK)
        exit(1);
    unlink(key);
    double start = now_s();
    if (!fill(local, url, count))
        exit(1);
    double filled = now_s(), cpu = cpu_s();
    do {
        local_turn(local, 1000);
        pushes_stats(local->pushes, &stats);
    } while (stats.pending > 0);
    double done = now_s();
    printf("bits=%d pushes=%zu fill_us=%.2f cpu_us=%.1f pushes_per_s=%.0f failures=%llu\n", bits,
           count, (filled - start) * 1e6 / (double)count, (cpu_s() - cpu) * 1e6 / (double)count,
           (double)count / (done - filled), (unsigned long long)stats.failures);
    local_destroy(&local);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? (size_t)atol(argv[1]) : 5000;
    int pipe_fds[2], bits = argc > 2 ? atoi(argv[2]) : PUSH_KEY_BITS;
    char url[128];
    if (pipe(pipe_fds) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0)
        receive(pipe_fds[1]);
    if (child < 0 || read(pipe_fds[0], url, sizeof url) <= 0)
        return 1;
    measure(url, count, bits);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    return 0;
}
