#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

/* The only thread that they can hit. */
static void *be_mortal(void *arg)
{
    signals_t *s = arg;
    sigset_t set;
    fill(&set);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (sem_wait(&s->started) != 0 && errno == EINTR)
        ;
    return NULL;
}

void signals_open(signals_t *s)
{
    sigset_t set;
    fill(&set);
    *s = (signals_t){.fd = -1};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return;
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->starting =
        sem_init(&s->started, 0, 0) == 0 && pthread_create(&s->mortal, NULL, be_mortal, s) == 0;
}

void signals_started(signals_t *s)
{
    if (!s->starting)
        return;
    sem_post(&s->started);
    pthread_join(s->mortal, NULL);
    sem_destroy(&s->started);
    s->starting = false;
}

bool signals_take(signals_t *s)
{
    struct signalfd_siginfo info;
    return read(s->fd, &info, sizeof info) == (ssize_t)sizeof info;
}

void signals_close(signals_t *s)
{
    signals_started(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
