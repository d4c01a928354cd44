#include "proc.h"

#include "base/clock.h"
#include "stats.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_TIMEOUT_MS = 15000, END_TIMEOUT_MS = 5000, POLL_MS = 5, LOG_LINES_TOLD = 12 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void proc_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool proc_interrupted(void)
{
    return interrupted != 0;
}

void proc_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t now_ms(void)
{
    return sl_clock_mono_ms(&sl_clock_system);
}

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

sl_err proc_set_init(proc_set_t *set, size_t capacity, const char *dir)
{
    *set = (proc_set_t){.capacity = capacity, .dir = dir};
    set->items = calloc(capacity, sizeof *set->items);
    return set->items == NULL ? SL_ENOMEM : SL_OK;
}

/* -- starting ------------------------------------------------------------------------------- */

/* What every child does first.  The parent may be gone before the death signal is armed. */
static void become_child(pid_t parent, const char *name)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

static proc_t *add(proc_set_t *set, const char *name, pid_t pid, bool leaves)
{
    assert(set->count < set->capacity);
    proc_t *proc = &set->items[set->count++];
    *proc = (proc_t){.pid = pid, .leaves = leaves, .out = -1};
    snprintf(proc->name, sizeof proc->name, "%s", name);
    return proc;
}

sl_err proc_start_worker(proc_set_t *set, proc_t **out, const char *name, proc_worker_fn *run,
                         void *ctx, size_t index)
{
    fflush(NULL); /* or the child would write it again */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return SL_EIO;
    if (pid == 0) {
        become_child(parent, name);
        int status = run(ctx, index);
        fflush(NULL);
        _exit(status);
    }
    proc_t *proc = add(set, name, pid, true);
    if (out != NULL)
        *out = proc;
    return SL_OK;
}

sl_err proc_start_role(proc_set_t *set, const char *role, proc_worker_fn *run, void *ctx,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[PROC_NAME_MAX];
        snprintf(name, sizeof name, "%s-%zu", role, i);
        sl_err err = proc_start_worker(set, NULL, name, run, ctx, i);
        if (err != SL_OK)
            return err;
    }
    return SL_OK;
}

static void log_path(const proc_set_t *set, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s.log", set->dir, name);
}

static void tell_log(const proc_set_t *set, const char *name)
{
    char path[512], lines[LOG_LINES_TOLD][512];
    log_path(set, name, path, sizeof path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    size_t count = 0;
    while (fgets(lines[count % LOG_LINES_TOLD], sizeof lines[0], file) != NULL)
        count++;
    fclose(file);
    for (size_t i = count > LOG_LINES_TOLD ? count - LOG_LINES_TOLD : 0; i < count; i++)
        fprintf(stderr, "  %s: %s", name, lines[i % LOG_LINES_TOLD]);
}

/* Forks and execs argv; stdout goes to `out_fd`, or to the log where that is negative. */
static pid_t spawn(const proc_set_t *set, const char *name, const char *const argv[], int out_fd)
{
    char path[512];
    log_path(set, name, path, sizeof path);
    int log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return -1;
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_child(parent, name);
        dup2(out_fd >= 0 ? out_fd : log_fd, STDOUT_FILENO);
        dup2(log_fd, STDERR_FILENO);
        execv(argv[0], (char *const *)argv); /* execv does not write there */
        fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(log_fd);
    return pid;
}

/* Reads the first line of a daemon's stdout.  @return SL_OK, SL_EIO (it closed), SL_ETIMEDOUT. */
static sl_err read_ready(proc_t *proc, int timeout_ms)
{
    uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
    size_t len = 0;
    while (now_ms() < deadline && !proc_interrupted()) {
        struct pollfd pfd = {.fd = proc->out, .events = POLLIN};
        if (poll(&pfd, 1, 100) <= 0)
            continue;
        ssize_t got = read(proc->out, proc->ready + len, sizeof proc->ready - 1 - len);
        if (got <= 0)
            return SL_EIO;
        len += (size_t)got;
        char *end = memchr(proc->ready, '\n', len);
        if (end != NULL) {
            *end = '\0';
            return SL_OK;
        }
        if (len == sizeof proc->ready - 1)
            return SL_EIO;
    }
    return SL_ETIMEDOUT;
}

static sl_err start_logged(proc_set_t *set, proc_t **out, const char *name,
                           const char *const argv[], bool leaves)
{
    pid_t pid = spawn(set, name, argv, -1);
    if (pid < 0)
        return SL_EIO;
    proc_t *proc = add(set, name, pid, leaves);
    if (out != NULL)
        *out = proc;
    return SL_OK;
}

sl_err proc_start_program(proc_set_t *set, proc_t **out, const char *name, const char *const argv[])
{
    return start_logged(set, out, name, argv, true);
}

sl_err proc_start_service(proc_set_t *set, proc_t **out, const char *name, const char *const argv[])
{
    return start_logged(set, out, name, argv, false);
}

sl_err proc_start_daemon(proc_set_t *set, proc_t **out, const char *name, const char *const argv[])
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return SL_EIO;
    pid_t pid = spawn(set, name, argv, pipe_fds[1]);
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        return SL_EIO;
    }
    proc_t *proc = add(set, name, pid, false);
    proc->out = pipe_fds[0];
    if (read_ready(proc, READY_TIMEOUT_MS) != SL_OK || strncmp(proc->ready, "ready ", 6) != 0) {
        fprintf(stderr, "sluice-bench: %s did not become ready\n", name);
        tell_log(set, name);
        return SL_EIO;
    }
    *out = proc;
    return SL_OK;
}

void proc_ready_value(const proc_t *proc, const char *key, char *out, size_t size)
{
    size_t key_len = strlen(key);
    assert(size > 0);
    out[0] = '\0';
    for (const char *at = proc->ready; (at = strchr(at, ' ')) != NULL;) {
        at++;
        if (strncmp(at, key, key_len) != 0 || at[key_len] != '=')
            continue;
        at += key_len + 1;
        snprintf(out, size, "%.*s", (int)strcspn(at, " "), at);
        return;
    }
}

/* -- watching ------------------------------------------------------------------------------- */

/* Takes the status of a process that has left.  @return true once it has. */
static bool reap(proc_t *proc, int flags)
{
    if (proc->ended)
        return true;
    struct rusage usage;
    if (wait4(proc->pid, &proc->status, flags, &usage) != proc->pid)
        return false;
    proc->ended = true;
    proc->ended_cpu_ns = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
                         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
    return true;
}

static void tell_end(const proc_set_t *set, const proc_t *proc)
{
    if (WIFSIGNALED(proc->status))
        fprintf(stderr, "sluice-bench: %s was ended by signal %d\n", proc->name,
                WTERMSIG(proc->status));
    else
        fprintf(stderr, "sluice-bench: %s left with status %d\n", proc->name,
                WEXITSTATUS(proc->status));
    tell_log(set, proc->name); /* a forked worker has none */
}

bool proc_all_well(proc_set_t *set)
{
    for (size_t i = 0; i < set->count; i++) {
        proc_t *proc = &set->items[i];
        if (!reap(proc, WNOHANG) || (proc->leaves && proc->status == 0))
            continue;
        tell_end(set, proc);
        return false;
    }
    return true;
}

sl_err proc_wait(proc_t *proc, int timeout_ms)
{
    uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
    while (!reap(proc, WNOHANG)) {
        if (now_ms() >= deadline)
            return SL_ETIMEDOUT;
        nap_ms(POLL_MS);
    }
    return SL_OK;
}

sl_err proc_await(proc_set_t *set, proc_condition_fn *condition, void *ctx, int timeout_ms,
                  const char *what)
{
    uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
    while (!condition(ctx)) {
        if (!proc_all_well(set))
            return SL_EIO;
        if (proc_interrupted())
            return SL_ECLOSED;
        if (now_ms() > deadline) {
            fprintf(stderr, "sluice-bench: gave up waiting until %s\n", what);
            return SL_ETIMEDOUT;
        }
        nap_ms(POLL_MS);
    }
    return SL_OK;
}

static bool in_role(const proc_t *proc, const char *role)
{
    return strncmp(proc->name, role, strlen(role)) == 0;
}

bool proc_role_left(const proc_set_t *set, const char *role)
{
    for (size_t i = 0; i < set->count; i++)
        if (in_role(&set->items[i], role) && !set->items[i].ended)
            return false;
    return true;
}

uint64_t proc_cpu_ns(proc_t *proc)
{
    clockid_t clock;
    struct timespec ts;
    if (proc->ended || clock_getcpuclockid(proc->pid, &clock) != 0 ||
        clock_gettime(clock, &ts) != 0)
        return proc->ended_cpu_ns;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t proc_role_cpu_ns(proc_set_t *set, const char *role)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < set->count; i++)
        if (in_role(&set->items[i], role))
            sum += proc_cpu_ns(&set->items[i]);
    return sum;
}

uint64_t proc_rss_anon_bytes(const proc_t *proc)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)proc->pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    unsigned long long kib = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024u;
}

void proc_role_weigh(proc_set_t *set, const char *role)
{
    for (size_t i = 0; i < set->count; i++) {
        proc_t *proc = &set->items[i];
        if (!in_role(proc, role) || proc->ended)
            continue;
        uint64_t bytes = proc_rss_anon_bytes(proc);
        proc->most_rss_bytes = bytes > proc->most_rss_bytes ? bytes : proc->most_rss_bytes;
    }
}

double proc_role_most_rss_bytes(const proc_set_t *set, const char *role)
{
    double *most = calloc(set->count + 1, sizeof *most);
    size_t count = 0;
    for (size_t i = 0; most != NULL && i < set->count; i++)
        if (in_role(&set->items[i], role))
            most[count++] = (double)set->items[i].most_rss_bytes;
    double median = count > 0 ? stats_of(most, count).median : 0;
    free(most);
    return median;
}

/* -- ending --------------------------------------------------------------------------------- */

static void signal_all(proc_set_t *set, int number)
{
    for (size_t i = 0; i < set->count; i++)
        if (!set->items[i].ended)
            kill(set->items[i].pid, number); /* not reaped yet: the id is still its own */
}

static bool all_ended(proc_set_t *set)
{
    bool all = true;
    for (size_t i = 0; i < set->count; i++)
        all = reap(&set->items[i], WNOHANG) && all;
    return all;
}

void proc_end_all(proc_set_t *set)
{
    signal_all(set, SIGTERM);
    signal_all(set, SIGCONT);
    uint64_t deadline = now_ms() + END_TIMEOUT_MS;
    while (!all_ended(set) && now_ms() < deadline)
        nap_ms(POLL_MS);
    signal_all(set, SIGKILL);
    for (size_t i = 0; i < set->count; i++)
        while (!reap(&set->items[i], 0) && errno == EINTR)
            continue;
}

void proc_set_fini(proc_set_t *set)
{
    proc_end_all(set);
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].out >= 0)
            close(set->items[i].out);
    free(set->items);
    *set = (proc_set_t){0};
}
