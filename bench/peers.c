#include "peers.h"

#include "base/clock.h"
#include "machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_BYTES = 600,
    START_TIMEOUT_MS = 10000,
    ANSWER_TIMEOUT_MS = 1000,
    RETRY_MS = 10,
    CHECK_TIMEOUT_MS = 10000,
};

/* -- programs and ports --------------------------------------------------------------------- */

bool peers_find(const char *name, char *out, size_t size)
{
    const char *path = getenv("PATH");
    char folders[4096];
    snprintf(folders, sizeof folders, "%s:/usr/bin:/usr/sbin", path != NULL ? path : "");
    char *rest = folders;
    for (char *folder; (folder = strsep(&rest, ":")) != NULL;) {
        snprintf(out, size, "%s/%s", folder, name);
        if (folder[0] == '/' && access(out, X_OK) == 0)
            return true;
    }
    fprintf(stderr, "sluice-bench: there is no %s; Debian's package %s has it\n", name, name);
    return false;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

uint16_t peers_free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    uint16_t port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

int peers_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    int on = 1;
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* -- asking a peer who it is ---------------------------------------------------------------- */

/* How a peer tells its version: by itself, or when it is asked. */
typedef struct peer_greeting {
    const char *question; /* "": it speaks first */
    size_t question_len;
    const char *before; /* what stands before the version in its answer */
} peer_greeting_t;

#define QUESTION(bytes) .question = (bytes), .question_len = sizeof(bytes) - 1

static const peer_greeting_t redis_greeting = {QUESTION("INFO server\r\n"), "redis_version:"};
static const peer_greeting_t nats_greeting = {QUESTION(""), "\"version\":\""};

/* MQTT: CONNECT, SUBSCRIBE to where it tells its version, and PINGREQ, whose answer ends it. */
static const peer_greeting_t mosquitto_greeting = {
    QUESTION("\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
             "\x82\x18\x00\x01\x00\x13$SYS/broker/version\x00"
             "\xc0\x00"),
    "mosquitto version "};

/* The version in an answer.  @return its length; 0: it is not there, or cut short. */
static size_t find_version(const char *answer, size_t len, const char *before, const char **out)
{
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-";
    const char *at = memmem(answer, len, before, strlen(before));
    if (at == NULL)
        return 0;
    *out = at += strlen(before);
    while (at < answer + len && *at != '\0' && strchr(bytes, *at) != NULL)
        at++;
    return at < answer + len ? (size_t)(at - *out) : 0;
}

/* One try.  @return true once the peer answered with its version. */
static bool ask_version(uint16_t port, const peer_greeting_t *greeting, char *out, size_t size)
{
    int fd = peers_connect(port);
    if (fd < 0)
        return false;
    char answer[4096];
    size_t len = 0, found = 0;
    const char *version = NULL;
    bool sent = write(fd, greeting->question, greeting->question_len) >= 0;
    while (sent && found == 0 && len < sizeof answer) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        if (poll(&pfd, 1, ANSWER_TIMEOUT_MS) <= 0)
            break;
        ssize_t got = read(fd, answer + len, sizeof answer - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        found = find_version(answer, len, greeting->before, &version);
    }
    close(fd);
    if (found > 0)
        snprintf(out, size, "%.*s", (int)found, version);
    return found > 0;
}

static sl_err await_answer(proc_set_t *set, const peer_greeting_t *greeting, peer_t *peer)
{
    uint64_t deadline_ms = sl_clock_mono_ms(&sl_clock_system) + START_TIMEOUT_MS;
    while (!ask_version(peer->port, greeting, peer->version, sizeof peer->version)) {
        if (!proc_all_well(set))
            return SL_EIO;
        if (proc_interrupted())
            return SL_ECLOSED;
        if (sl_clock_mono_ms(&sl_clock_system) > deadline_ms) {
            fprintf(stderr, "sluice-bench: %s does not answer\n", peer->proc->name);
            return SL_ETIMEDOUT;
        }
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
    return SL_OK;
}

/* A folder for the peer's files that no run before has used. */
static void fresh_folder(const bench_place_t *place, const char *name, const peer_t *peer,
                         peer_keep_t keep, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s-%u", place->dir, name, peer->port);
    mkdir(out, 0700);
    if (keep == PEER_DURABLE || keep == PEER_EVERYSEC || keep == PEER_SYNCED)
        machine_warn_of_memory(out);
}

/* -- redis ---------------------------------------------------------------------------------- */

sl_err peers_start_redis(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                         peer_t *peer)
{
    char program[PATH_BYTES], dir[PATH_BYTES], port[8];
    if (!peers_find("redis-server", program, sizeof program))
        return SL_ENOENT;
    peer->port = peers_free_port();
    snprintf(port, sizeof port, "%u", peer->port);
    snprintf(peer->url, sizeof peer->url, "127.0.0.1:%u", peer->port);
    fresh_folder(place, "redis", peer, keep, dir);
    /* no snapshots and no rewriting of the log beside it: neither is what is measured */
    const char *argv[] = {program,
                          "--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--dir",
                          dir,
                          "--save",
                          "",
                          "--auto-aof-rewrite-percentage",
                          "0",
                          "--appendonly",
                          keep == PEER_DURABLE || keep == PEER_EVERYSEC ? "yes" : "no",
                          "--appendfsync",
                          keep == PEER_EVERYSEC ? "everysec" : "always",
                          keep == PEER_UNLIMITED ? "--client-output-buffer-limit" : NULL,
                          "pubsub",
                          "0",
                          "0",
                          "0",
                          NULL};
    sl_err err = proc_start_service(set, &peer->proc, "redis-server", argv);
    return err == SL_OK ? await_answer(set, &redis_greeting, peer) : err;
}

/* -- nats ----------------------------------------------------------------------------------- */

static sl_err write_nats_config(const char *path, uint16_t port, const char *dir, peer_keep_t keep)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return SL_EIO;
    fprintf(file, "listen: \"127.0.0.1:%u\"\n", port);
    if (keep == PEER_UNLIMITED)
        fprintf(file, "max_pending: 4GB, write_deadline: \"60s\"\n");
    if (keep == PEER_DURABLE || keep == PEER_SYNCED)
        fprintf(file, "jetstream { store_dir: \"%s\"%s }\n", dir,
                keep == PEER_SYNCED ? ", sync_interval: always" : "");
    return fclose(file) == 0 ? SL_OK : SL_EIO;
}

sl_err peers_start_nats(proc_set_t *set, const bench_place_t *place, peer_keep_t keep, peer_t *peer)
{
    char program[PATH_BYTES], dir[PATH_BYTES], config[PATH_BYTES + 16];
    if (!peers_find("nats-server", program, sizeof program))
        return SL_ENOENT;
    peer->port = peers_free_port();
    snprintf(peer->url, sizeof peer->url, "nats://127.0.0.1:%u", peer->port);
    fresh_folder(place, "nats", peer, keep, dir);
    snprintf(config, sizeof config, "%s/nats.conf", dir);
    sl_err err = write_nats_config(config, peer->port, dir, keep);
    const char *argv[] = {program, "-c", config, NULL};
    if (err == SL_OK)
        err = proc_start_service(set, &peer->proc, "nats-server", argv);
    return err == SL_OK ? await_answer(set, &nats_greeting, peer) : err;
}

bool peers_nats_can_sync(const bench_place_t *place)
{
    char program[PATH_BYTES], config[PATH_BYTES];
    proc_set_t set;
    if (!peers_find("nats-server", program, sizeof program) ||
        proc_set_init(&set, 1, place->dir) != SL_OK)
        return false;
    snprintf(config, sizeof config, "%s/nats-synced.conf", place->dir);
    const char *argv[] = {program, "-t", "-c", config, NULL};
    proc_t *proc = NULL;
    bool known = write_nats_config(config, 1, place->dir, PEER_SYNCED) == SL_OK &&
                 proc_start_program(&set, &proc, "nats-check", argv) == SL_OK &&
                 proc_wait(proc, CHECK_TIMEOUT_MS) == SL_OK && proc->status == 0;
    proc_set_fini(&set);
    return known;
}

/* -- mosquitto ------------------------------------------------------------------------------ */

/* Started by root it would become another user, who may not enter our folder; it is told not to. */
static sl_err write_mosquitto_config(const char *path, uint16_t port, peer_keep_t keep)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return SL_EIO;
    fprintf(file,
            "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n"
            "log_dest stderr\nlog_type error\nlog_type warning\n%s\n",
            port, keep == PEER_UNLIMITED ? "max_queued_messages 0" : "set_tcp_nodelay true");
    return fclose(file) == 0 ? SL_OK : SL_EIO;
}

sl_err peers_start_mosquitto(proc_set_t *set, const bench_place_t *place, peer_keep_t keep,
                             peer_t *peer)
{
    char program[PATH_BYTES], dir[PATH_BYTES], config[PATH_BYTES + 32];
    if (!peers_find("mosquitto", program, sizeof program))
        return SL_ENOENT;
    peer->port = peers_free_port();
    snprintf(peer->url, sizeof peer->url, "mqtt://127.0.0.1:%u", peer->port);
    fresh_folder(place, "mosquitto", peer, PEER_PLAIN, dir);
    snprintf(config, sizeof config, "%s/mosquitto.conf", dir);
    sl_err err = write_mosquitto_config(config, peer->port, keep);
    const char *argv[] = {program, "-c", config, NULL};
    if (err == SL_OK)
        err = proc_start_service(set, &peer->proc, "mosquitto", argv);
    return err == SL_OK ? await_answer(set, &mosquitto_greeting, peer) : err;
}
