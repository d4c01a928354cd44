#include "thread_cpu.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The first line of /proc/<pid>/task/<task>/<file>, without its end. */
static bool read_line(pid_t pid, const char *task, const char *file, char *line, int size)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task/%s/%s", (int)pid, task, file);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return false;
    bool read = fgets(line, size, in) != NULL;
    fclose(in);
    if (read)
        line[strcspn(line, "\n")] = '\0';
    return read;
}

uint64_t thread_cpu_ns(pid_t pid, const char *name)
{
    char path[64], line[128];
    unsigned long long sum_ns = 0, ns;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || !read_line(pid, task->d_name, "comm", line, sizeof line) ||
            strcmp(line, name) != 0)
            continue;
        if (read_line(pid, task->d_name, "schedstat", line, sizeof line) &&
            sscanf(line, "%llu", &ns) == 1)
            sum_ns += ns;
    }
    closedir(tasks);
    return sum_ns;
}
