/* mns-local - MNS for one machine: options, signals, and the line that says where it serves. */
#include "base/heap.h"
#include "base/log.h"
#include "config/config.h"
#include "local.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern char **environ;

typedef struct options {
    const char *listen, *account, *region, *key_id, *key_secret, *data, *faults;
    const char *push_key, *push_ca, *cert_url;
    uint64_t memory_bytes, connections, push_connections, time_scale;
    int throttle;
} options_t;

#define AT(member) offsetof(options_t, member)
static const config_opt_t rows[] = {
    {.key = "listen",
     .kind = CONFIG_STR,
     .offset = AT(listen),
     .def = "127.0.0.1:8700",
     .arg = "ADDR:PORT",
     .help = "where to serve; port 0 picks a free one"},
    {.key = "account",
     .kind = CONFIG_STR,
     .offset = AT(account),
     .def = "123456789012",
     .arg = "ID",
     .help = "the account that owns everything here"},
    {.key = "region",
     .kind = CONFIG_STR,
     .offset = AT(region),
     .def = "cn-hangzhou",
     .arg = "NAME",
     .help = "the region it says it is in"},
    {.key = "access_key_id",
     .kind = CONFIG_STR,
     .offset = AT(key_id),
     .env = "ALIBABA_CLOUD_ACCESS_KEY_ID",
     .arg = "ID",
     .help = "the access key that clients sign with",
     .flags = CONFIG_REQUIRED | CONFIG_SECRET},
    {.key = "access_key_secret",
     .kind = CONFIG_STR,
     .offset = AT(key_secret),
     .env = "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
     .arg = "SECRET",
     .help = "its secret",
     .flags = CONFIG_REQUIRED | CONFIG_SECRET},
    {.key = "memory",
     .kind = CONFIG_BYTES,
     .offset = AT(memory_bytes),
     .def = "4G",
     .arg = "BYTES",
     .help = "what messages and pushes may take; beyond it sends fail",
     .min = 1 << 20},
    {.key = "connections",
     .kind = CONFIG_U64,
     .offset = AT(connections),
     .def = "1000",
     .arg = "N",
     .help = "clients at one time; more wait",
     .min = 1,
     .max = 60000},
    {.key = "data",
     .kind = CONFIG_STR,
     .offset = AT(data),
     .arg = "DIR",
     .help = "what outlives the process; without it all is in memory"},
    {.key = "throttle",
     .kind = CONFIG_CHOICE,
     .offset = AT(throttle),
     .def = "none",
     .choices = "none|smq",
     .arg = "none|smq",
     .help = "smq: refuse receives of a queue with 5000 messages received and not deleted, or 1000 "
             "more within a second"},
    {.key = "faults",
     .kind = CONFIG_STR,
     .offset = AT(faults),
     .arg = "FILE",
     .help = "what goes wrong, as POST /local/faults takes it"},
    {.key = "time_scale",
     .kind = CONFIG_U64,
     .offset = AT(time_scale),
     .def = "1",
     .arg = "N",
     .help = "waits between tries to push are N times shorter",
     .min = 1,
     .max = 1000000},
    {.key = "push_connections",
     .kind = CONFIG_U64,
     .offset = AT(push_connections),
     .def = "64",
     .arg = "N",
     .help = "pushes under way at once",
     .min = 1,
     .max = 10000},
    {.key = "push_key",
     .kind = CONFIG_STR,
     .offset = AT(push_key),
     .arg = "FILE",
     .help = "RSA key (PEM) that signs pushes; default: one is made, and kept in --data"},
    {.key = "push_ca",
     .kind = CONFIG_STR,
     .offset = AT(push_ca),
     .arg = "FILE",
     .help = "bundle (PEM) to verify https endpoints with; default: the system's"},
    {.key = "cert_url",
     .kind = CONFIG_STR,
     .offset = AT(cert_url),
     .arg = "URL",
     .help = "certificate address put into pushes; default: /local/certificate.pem here"},
};

/* Both become part of host names and of XML. */
static void check_token(config_t *config, const char *key, const char *text)
{
    if (text[0] == '\0' || text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                             "0123456789-")] != '\0')
        config_complain(config, key, "\"%s\" must be letters, digits and hyphens", text);
}

static void check(config_t *config, const void *read)
{
    const options_t *options = read;
    check_token(config, "account", options->account);
    check_token(config, "region", options->region);
    if (options->push_ca != NULL && access(options->push_ca, R_OK) != 0)
        config_complain(config, "push_ca", "%s: %s", options->push_ca, strerror(errno));
}

static const config_program_t program = {
    .name = "mns-local",
    .summary = "MNS (Message Service, Simple Message Queue) for one machine.",
    .epilog = "Point any MNS client at the endpoint it prints; signatures are always checked.\n"
              "GET /metrics, /healthz and /readyz on the same port show how it is;\n"
              "/local/faults makes calls go wrong; /local/mail, /local/sms, /local/pushes and\n"
              "/local/dead show what topics delivered or could not.",
    .table = {.opts = rows, .count = sizeof rows / sizeof rows[0], .size = sizeof(options_t)},
    .check = check,
};

/* A connection is a descriptor; some more are for everything else. */
static void raise_descriptor_limit(uint64_t connections)
{
    struct rlimit limit;
    rlim_t want = connections + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
        return;
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
        LOG_WARN("MNS-LOCAL-FILES", "wanted=%llu limit=%llu; fewer connections than asked",
                 (unsigned long long)want, (unsigned long long)limit.rlim_cur);
}

/* SIGTERM and SIGINT as a descriptor. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(void *ctx)
{
    *(bool *)ctx = true;
}

static int serve(local_t *local, const options_t *options)
{
    bool stop = false;
    int signals = open_signals();
    if (signals < 0 || local_watch(local, signals, on_signal, &stop) != SL_OK) {
        LOG_ERROR("MNS-LOCAL-SIGNALS", "error=%s", strerror(errno));
        return 1;
    }
    printf("ready endpoint=%s account=%s\n", local_url(local), options->account);
    fflush(stdout);
    sl_err err = SL_OK;
    while (!stop && err == SL_OK)
        err = local_turn(local, -1);
    if (err != SL_OK)
        LOG_ERROR("MNS-LOCAL-LOOP", "error=%s", strerror(errno));
    close(signals);
    return err == SL_OK ? 0 : 1;
}

static int run(const options_t *options)
{
    local_t *local;
    raise_descriptor_limit(options->connections + 2 * options->push_connections);
    sl_heap_keep_freed();
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a full disk, no reason to die */
    local_options_t all = {.listen = options->listen,
                           .account = options->account,
                           .region = options->region,
                           .key_id = options->key_id,
                           .key_secret = options->key_secret,
                           .memory_bytes = options->memory_bytes,
                           .max_connections = (unsigned)options->connections,
                           .throttle = options->throttle != 0,
                           .data = options->data,
                           .faults = options->faults,
                           .push_key = options->push_key,
                           .push_ca = options->push_ca,
                           .cert_url = options->cert_url,
                           .push_connections = (unsigned)options->push_connections,
                           .time_scale = options->time_scale,
                           .clock = &sl_clock_system};
    char sentence[LOCAL_SENTENCE_MAX];
    sl_err err = local_create(&local, &all, sentence);
    if (err != SL_OK && sentence[0] != '\0') {
        fprintf(stderr, "mns-local: %s\n", sentence);
        return 1;
    }
    if (err != SL_OK) {
        LOG_ERROR("MNS-LOCAL-START", "listen=%s error=%s; %s", options->listen,
                  err == SL_EIO ? strerror(errno) : sl_err_text(err), "cannot serve there");
        return 1;
    }
    int status = serve(local, options);
    local_destroy(&local);
    return status;
}

int main(int argc, char **argv)
{
    config_t *config = NULL;
    options_t options = {0};
    config_outcome_t outcome =
        config_read(&config, &program, &options, argc, argv, environ, stdout, stderr);
    int status = outcome == CONFIG_RUN ? run(&options) : outcome == CONFIG_DONE ? 0 : 2;
    config_free(&config);
    return status;
}
