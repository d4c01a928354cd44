/* local_bench.c - how many requests a second, and what does one cost the server?
 *
 * Starts mns-local and drives it over loopback with as little client as can be: each connection
 * goes round send 16, receive 16, delete 16, or keeps to one of them; requests are put together
 * from ready parts, answers searched for handles and otherwise not read.  CPU time of both sides is
 * told apart, since on a small machine the client is half of what is measured.
 *
 *     local_bench MNS_LOCAL [SECONDS [CONNECTIONS [BODY_BYTES [OPTION_OF_MNS_LOCAL ...]]]] */
#include "base/buf.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TARGET "/queues/bench/messages"
#define SECRET "bench"

enum { BATCH = 16, RECEIPT_MAX = 64, ARGS_MAX = 32 };

typedef enum { SEND, RECEIVE, DELETE, KINDS } kind_t;

typedef struct connection {
    int fd;
    kind_t kind; /* of the request under way */
    sl_buf_t in, out;
    char receipts[BATCH][RECEIPT_MAX];
    size_t receipt_count;
} connection_t;

typedef struct bench {
    int port;
    char heads[KINDS][512], date[64]; /* heads: up to Content-Length, signed for this second */
    time_t second;
    sl_buf_t messages; /* the body of every send */
    uint64_t done[KINDS], empty, failed;
} bench_t;

static pid_t server;

static void die(const char *what)
{
    perror(what);
    if (server > 0)
        kill(server, SIGTERM);
    exit(1);
}

/* -- the server ---------------------------------------------------------------------------- */

static void start_server(bench_t *b, int argc, char **argv)
{
    const char *args[ARGS_MAX] = {argv[1], "--listen", "127.0.0.1:0", "--log-level", "error"};
    size_t count = 5;
    int out[2];
    char line[256] = "";
    for (int i = 5; i < argc && count + 1 < ARGS_MAX; i++)
        args[count++] = argv[i];
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "bench", 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET, 1);
    if (pipe(out) != 0 || (server = fork()) < 0)
        die("start");
    if (server == 0) {
        dup2(out[1], STDOUT_FILENO);
        execv(args[0], (char *const *)(uintptr_t)args);
        _exit(127);
    }
    close(out[1]);
    for (size_t len = 0; len + 1 < sizeof line && read(out[0], line + len, 1) == 1; len++)
        if (line[len] == '\n')
            break;
    const char *port = strrchr(line, ':');
    if (port == NULL) {
        fprintf(stderr, "%s did not start\n", args[0]);
        exit(1);
    }
    b->port = atoi(port + 1);
}

static double server_cpu_s(void)
{
    char path[64], text[1024];
    unsigned long user = 0, system_time = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)server);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof text, file) == NULL)
        die(path);
    fclose(file);
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
           &system_time);
    return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* -- requests ------------------------------------------------------------------------------ */

static void write_head(bench_t *b, char out[512], const char *verb, const char *target)
{
    char text[512], signature[64];
    unsigned char mac[20];
    int len = snprintf(text, sizeof text, "%s\n\ntext/xml\n%s\nx-mns-version:2015-06-06\n%s", verb,
                       b->date, target);
    HMAC(EVP_sha1(), SECRET, sizeof SECRET - 1, (unsigned char *)text, (size_t)len, mac, NULL);
    EVP_EncodeBlock((unsigned char *)signature, mac, sizeof mac);
    snprintf(out, 512,
             "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nDate: %s\r\nx-mns-version: 2015-06-06\r\n"
             "Content-Type: text/xml\r\nAuthorization: MNS bench:%s\r\n",
             verb, target, b->port, b->date, signature);
}

/* A signature covers no body here, so it holds for a second. */
static void refresh_heads(bench_t *b)
{
    time_t now = time(NULL);
    struct tm tm;
    if (now == b->second)
        return;
    b->second = now;
    gmtime_r(&now, &tm);
    strftime(b->date, sizeof b->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    write_head(b, b->heads[SEND], "POST", TARGET);
    write_head(b, b->heads[RECEIVE], "GET", TARGET "?numOfMessages=16");
    write_head(b, b->heads[DELETE], "DELETE", TARGET);
}

static void write_body(bench_t *b, connection_t *c, sl_buf_t *out)
{
    if (c->kind == SEND) {
        sl_buf_append(out, b->messages.data, b->messages.len);
        return;
    }
    sl_buf_append_str(out, "<ReceiptHandles>");
    for (size_t i = 0; i < c->receipt_count; i++)
        sl_buf_printf(out, "<ReceiptHandle>%s</ReceiptHandle>", c->receipts[i]);
    sl_buf_append_str(out, "</ReceiptHandles>");
}

static void ask(bench_t *b, connection_t *c)
{
    static sl_buf_t body;
    sl_buf_clear(&c->out);
    sl_buf_clear(&body);
    sl_buf_append_str(&c->out, b->heads[c->kind]);
    if (c->kind != RECEIVE) {
        write_body(b, c, &body);
        sl_buf_printf(&c->out, "Content-Length: %zu\r\n", body.len);
    }
    sl_buf_append_str(&c->out, "\r\n");
    sl_buf_append(&c->out, body.data, body.len);
    if (send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL) != (ssize_t)c->out.len)
        die("send");
}

/* -- answers ------------------------------------------------------------------------------- */

static void take_receipts(connection_t *c, const char *body)
{
    static const char tag[] = "<ReceiptHandle>";
    c->receipt_count = 0;
    for (const char *at = body; c->receipt_count < BATCH && (at = strstr(at, tag)) != NULL;) {
        at += sizeof tag - 1;
        size_t len = strcspn(at, "<");
        memcpy(c->receipts[c->receipt_count], at, len);
        c->receipts[c->receipt_count++][len] = '\0';
        at += len;
    }
}

/* What comes after this: the round, or delete and receive in turn while a queue is drained. */
static void go_on(bench_t *b, connection_t *c, int status, const char *body)
{
    b->done[c->kind]++;
    b->empty += status == 404 && c->kind == RECEIVE;
    b->failed += status >= 400 && !(status == 404 && c->kind == RECEIVE);
    if (c->kind == RECEIVE)
        take_receipts(c, body);
    if (c->kind == SEND || (c->kind == RECEIVE && c->receipt_count > 0))
        c->kind++;
    else
        c->kind = SEND;
    ask(b, c);
}

static void hear(bench_t *b, connection_t *c)
{
    sl_buf_reserve(&c->in, 65536);
    ssize_t got = recv(c->fd, c->in.data + c->in.len, c->in.cap - c->in.len - 1, 0);
    if (got <= 0)
        die("recv");
    c->in.len += (size_t)got;
    c->in.data[c->in.len] = '\0';
    const char *text = (const char *)c->in.data, *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return;
    const char *length = strstr(text, "Content-Length: ");
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    if (c->in.len < (size_t)(end + 4 - text) + body)
        return;
    sl_buf_clear(&c->in);
    go_on(b, c, atoi(text + 9), end + 4);
}

/* -- the run ------------------------------------------------------------------------------- */

static void open_connection(const bench_t *b, connection_t *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)b->port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void make_queue(bench_t *b)
{
    connection_t c = {.fd = -1};
    char head[512], answer[1024];
    open_connection(b, &c);
    write_head(b, head, "PUT", "/queues/bench");
    dprintf(c.fd, "%sContent-Length: 0\r\n\r\n", head);
    if (recv(c.fd, answer, sizeof answer, 0) < 12 || memcmp(answer + 9, "20", 2) != 0)
        die("no queue");
    close(c.fd);
}

static void make_messages(bench_t *b, size_t body_bytes)
{
    static const char event[] =
        "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\",\"JobId\":\"job-0\"},";
    sl_buf_append_str(&b->messages, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Messages "
                                    "xmlns=\"http://mns.aliyuncs.com/doc/v1/\">");
    for (size_t i = 0; i < BATCH; i++) {
        sl_buf_append_str(&b->messages, "<Message><MessageBody>");
        for (size_t at = 0; at < body_bytes; at++)
            sl_buf_append_byte(&b->messages, (uint8_t)event[at % (sizeof event - 1)]);
        sl_buf_append_str(&b->messages,
                          "</MessageBody><DelaySeconds>0</DelaySeconds><Priority>8</Priority>"
                          "</Message>");
    }
    sl_buf_append_str(&b->messages, "</Messages>");
}

static void drive(bench_t *b, connection_t *all, size_t count, double seconds)
{
    struct epoll_event events[64];
    int epoll = epoll_create1(0);
    for (size_t i = 0; i < count; i++) {
        open_connection(b, &all[i]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
        ask(b, &all[i]);
    }
    double start = now_s(), own = own_cpu_s(), its = server_cpu_s(), end = start + seconds;
    while (now_s() < end) {
        int ready = epoll_wait(epoll, events, 64, 1000);
        refresh_heads(b);
        for (int i = 0; i < ready; i++)
            hear(b, events[i].data.ptr);
    }
    double wall = now_s() - start;
    double requests = (double)(b->done[SEND] + b->done[RECEIVE] + b->done[DELETE]);
    printf("requests/s %.0f  messages/s %.0f  server_us %.1f  client_us %.1f  server_cores %.2f  "
           "client_cores %.2f  empty %llu  failed %llu\n",
           requests / wall, (double)b->done[SEND] * BATCH / wall,
           (server_cpu_s() - its) / requests * 1e6, (own_cpu_s() - own) / requests * 1e6,
           (server_cpu_s() - its) / wall, (own_cpu_s() - own) / wall, (unsigned long long)b->empty,
           (unsigned long long)b->failed);
    close(epoll);
}

int main(int argc, char **argv)
{
    static bench_t b;
    double seconds = argc > 2 ? atof(argv[2]) : 5;
    size_t connections = argc > 3 ? strtoul(argv[3], NULL, 10) : 16;
    if (argc < 2) {
        fprintf(stderr, "usage: local_bench MNS_LOCAL [SECONDS [CONNECTIONS [BODY_BYTES [OPTION "
                        "...]]]]\n");
        return 2;
    }
    start_server(&b, argc, argv);
    refresh_heads(&b);
    make_queue(&b);
    make_messages(&b, argc > 4 ? strtoul(argv[4], NULL, 10) : 500);
    connection_t *all = calloc(connections, sizeof *all);
    if (all == NULL)
        die("memory");
    drive(&b, all, connections, seconds);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return b.failed > 0;
}
