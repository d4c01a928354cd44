#include "machine.h"

#include <linux/magic.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zmq.h>

#define UNKNOWN    "unknown"
#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/enabled"

#ifdef __clang__
#define COMPILER __VERSION__ /* it names itself */
#else
#define COMPILER "gcc " __VERSION__
#endif

/* -- processor and memory ------------------------------------------------------------------- */

/* Is the word among those of the line, with blanks between? */
static bool has_word(const char *line, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = line; (at = strstr(at, word)) != NULL; at += len)
        if (at > line && at[-1] == ' ' && strchr(" \n", at[len]) != NULL)
            return true; /* strchr finds the end of the line, too */
    return false;
}

void machine_read_processor(FILE *cpuinfo, machine_processor_t *processor)
{
    char *line = NULL;
    size_t size = 0;
    *processor = (machine_processor_t){.name = UNKNOWN};
    while (getline(&line, &size, cpuinfo) > 1) { /* an empty line ends the first processor */
        const char *colon = strchr(line, ':');
        if (colon == NULL)
            continue;
        if (strncmp(line, "model name", strlen("model name")) == 0) {
            const char *name = colon + 1 + strspn(colon + 1, " ");
            snprintf(processor->name, sizeof processor->name, "%.*s", (int)strcspn(name, "\n"),
                     name);
        } else if (strncmp(line, "flags", strlen("flags")) == 0) {
            processor->virtual = has_word(colon, "hypervisor");
        }
    }
    free(line);
}

/* The first line of a file of the kernel's.  @return false: there is none. */
static bool first_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(out, (int)size, file) != NULL;
    if (file != NULL)
        fclose(file);
    return read;
}

bool machine_read_choice(const char *line, char *out, size_t size)
{
    const char *begin = strchr(line, '['), *end = begin == NULL ? NULL : strchr(begin, ']');
    if (end == NULL)
        return false;
    snprintf(out, size, "%.*s", (int)(end - begin - 1), begin + 1);
    return true;
}

static void put_processor(result_t *result)
{
    machine_processor_t processor = {.name = UNKNOWN};
    FILE *cpuinfo = fopen("/proc/cpuinfo", "re");
    if (cpuinfo != NULL) {
        machine_read_processor(cpuinfo, &processor);
        fclose(cpuinfo);
    }
    result_fact_text(result, "processor", processor.name);
    result_fact_number(result, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    if (processor.virtual)
        result_fact_text(result, "hypervisor", "yes");
}

static void put_memory(result_t *result)
{
    char line[128], choice[32];
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    result_fact_number(result, "ram_mib", (double)(uint64_t)(bytes / (1 << 20)));
    if (first_line(HUGE_PAGES, line, sizeof line) &&
        machine_read_choice(line, choice, sizeof choice))
        result_fact_text(result, "transparent_huge_pages", choice);
}

/* -- disk ----------------------------------------------------------------------------------- */

void machine_file_system_name(unsigned long type, char *out, size_t size)
{
    static const struct {
        unsigned long type;
        const char *name;
    } known[] = {{EXT4_SUPER_MAGIC, "ext4"}, /* ext2 and ext3 have the same */
                 {XFS_SUPER_MAGIC, "xfs"},
                 {BTRFS_SUPER_MAGIC, "btrfs"},
                 {TMPFS_MAGIC, "tmpfs"},
                 {OVERLAYFS_SUPER_MAGIC, "overlay"}};
    snprintf(out, size, "0x%lx", type);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].type == type)
            snprintf(out, size, "%s", known[i].name);
}

/* @return false: the folder cannot be asked. */
static bool file_system_type(const char *dir, unsigned long *type)
{
    struct statfs fs;
    if (statfs(dir, &fs) != 0)
        return false;
    *type = (unsigned long)fs.f_type & 0xffffffffu; /* signed on some machines */
    return true;
}

void machine_file_system(const char *dir, char *out, size_t size)
{
    unsigned long type;
    if (file_system_type(dir, &type))
        machine_file_system_name(type, out, size);
    else
        snprintf(out, size, UNKNOWN);
}

bool machine_is_in_memory(const char *dir)
{
    unsigned long type;
    return file_system_type(dir, &type) && type == TMPFS_MAGIC;
}

void machine_warn_of_memory(const char *dir)
{
    static bool warned;
    if (!warned && machine_is_in_memory(dir))
        fprintf(stderr,
                "sluice-bench: what is to be kept on disk lies in %s, a tmpfs, in memory: the "
                "figures are of no disk; TMPDIR says where else\n",
                dir);
    warned = true;
}

/* -- software ------------------------------------------------------------------------------- */

static void put_libraries(result_t *result)
{
    char text[64];
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    result_fact_text(result, "libzmq", text);
    mdb_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    result_fact_text(result, "lmdb", text);
}

void machine_put_facts(result_t *result, const char *dir)
{
    char file_system[32];
    struct utsname name;
    double load[1];
    put_processor(result);
    put_memory(result);
    if (uname(&name) == 0)
        result_fact_text(result, "kernel", name.release);
    machine_file_system(dir, file_system, sizeof file_system);
    result_fact_text(result, "data_file_system", file_system);
    result_fact_text(result, "compiler", COMPILER);
    put_libraries(result);
    if (getloadavg(load, 1) == 1)
        result_fact_number(result, "load_at_start", load[0]);
}

/* -- stolen time ---------------------------------------------------------------------------- */

bool machine_read_times(const char *line, machine_times_t *times)
{
    enum { COLUMNS = 8 }; /* up to steal; what guests took is in the first two already */
    char *end;
    if (strncmp(line, "cpu ", 4) != 0)
        return false;
    *times = (machine_times_t){0};
    line += 4;
    for (int i = 0; i < COLUMNS; i++, line = end) {
        times->stolen = strtoull(line, &end, 10); /* the last one is */
        if (end == line)
            return false;
        times->all += times->stolen;
    }
    return true;
}

bool machine_times_now(machine_times_t *times)
{
    char line[256];
    return first_line("/proc/stat", line, sizeof line) && machine_read_times(line, times);
}

double machine_stolen_share(const machine_times_t *begin, const machine_times_t *end)
{
    if (end->all <= begin->all || end->stolen < begin->stolen)
        return 0;
    return (double)(end->stolen - begin->stolen) / (double)(end->all - begin->all);
}

void machine_put_stolen(result_t *result, const machine_times_t *begin)
{
    machine_times_t end;
    if (machine_times_now(&end))
        result_fact_number(result, "steal_share", machine_stolen_share(begin, &end));
}
