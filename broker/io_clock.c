#include "io_clock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_name(long tid, const char *name)
{
    char path[64], comm[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/comm", tid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool read = fgets(comm, sizeof comm, file) != NULL;
    fclose(file);
    comm[strcspn(comm, "\n")] = '\0';
    return read && strcmp(comm, name) == 0;
}

io_clock_t io_clock_find(int index)
{
    char name[32];
    snprintf(name, sizeof name, "ZMQbg/IO/%d", index);
    io_clock_t clock = {false, 0};
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return clock;
    long newest = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid > newest && has_name(tid, name))
            newest = tid;
    }
    closedir(tasks);
    if (newest > 0)
        clock = (io_clock_t){true, (clockid_t)((~(unsigned)newest << 3) | 6)};
    return clock;
}

uint64_t io_clock_ns(const io_clock_t *clock)
{
    struct timespec ts;
    if (!clock->known || clock_gettime(clock->id, &ts) != 0)
        return 0;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
