/* damage_test.c - a journal's file, damaged in one place, many times over: what is served is right.
 *
 *     damage_test [--seed N] [--cases N] [--verbose]
 *
 * A small journal is made once, of records that live in leaves and in pages of their own, turned
 * over by retention, written under several eras.  Each case takes a copy, flips one bit or cuts the
 * end off, and opens it in a child process.  Half of the flips aim at the pages LMDB trusts most:
 * meta, branch, leaf, and the tree of free pages.  The rest hits the pages that hold records.
 *
 * Asked of each case: no process ended by a signal; every record served is the one that was
 * committed, byte by byte; every number is served or lies in a hole that was told; a record whose
 * bytes are all there is served; the damage was noticed, or nothing is different; and after one
 * more commit the file is sound. */
#include "journal/pages.h"
#include "journal/tools.h"
#include "testing.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COPIES_MAX = 8, CASES_A_CHILD = 32 };
enum { NUMBERS_MAX = 4096, GROUPS = 150, RUNS = 3, RETAIN_BYTES = 800 << 10, MAP_BYTES = 8 << 20 };

#define OUTCOMES(X)                                                           \
    X(SAME, true, "nothing is different")                                     \
    X(ASIDE, true, "one record put aside, its numbers told as a hole")        \
    X(SALVAGED, true, "tree damaged: salvaged, new stream")                   \
    X(END_UNKNOWN, true, "... and the newest numbers are not known any more") \
    X(CRASHED, false, "a process ended by a signal")                          \
    X(REFUSED, false, "store_open failed")                                    \
    X(WRONG, false, "a record that is not the one committed")                 \
    X(UNTOLD, false, "numbers neither served nor told as a hole")             \
    X(LOST, false, "a record that is whole in the file is not served")        \
    X(SILENT, false, "something is different, and nothing was noticed")       \
    X(VERIFY, false, "verify said something else than the start")             \
    X(UNSOUND, false, "after one more commit the file is not sound")

#define X(name, good, text) CASE_##name,
typedef enum { OUTCOMES(X) CASE_COUNT } outcome_t;
#undef X
#define X(name, good, text) {good, text},
static const struct {
    bool good;
    const char *text;
} outcomes[] = {OUTCOMES(X)};
#undef X

/* What was committed, by first number, and where its bytes lie in the file. */
typedef struct made {
    uint32_t count;
    size_t body_len;
    size_t len; /* 0: retention took it */
    size_t at[COPIES_MAX], copies;
} made_t;

static made_t made[NUMBERS_MAX];
static uint64_t made_next, made_oldest;
static uint8_t *file;
static size_t file_len;
static uint8_t *kinds;
static uint64_t kind_count;
static char *case_dir, *case_path;
static uint64_t seed = 1;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* -- the journal ------------------------------------------------------------------------------ */

static const char *topic_of(uint64_t first)
{
    static const char *const topics[] = {"Job.OnJobFailed", "Job.OnTaskRunning", "Cluster.x"};
    return topics[first * 7 % ARRAY_LEN(topics)];
}

static record_t remake(uint64_t first)
{
    return test_record(0, first, made[first].count, topic_of(first), made[first].body_len);
}

static void make_group(store_t *s, uint64_t *next)
{
    record_t group[4];
    size_t records = 1 + test_random(&seed) % ARRAY_LEN(group);
    for (size_t i = 0; i < records; i++) {
        made_t m = {.count = 1 + (uint32_t)(test_random(&seed) % 5),
                    .body_len = test_random(&seed) % (test_random(&seed) % 2 ? 1500 : 12000)};
        made[*next] = m;
        group[i] = test_record((int)i, *next, m.count, topic_of(*next), m.body_len);
        *next += m.count;
    }
    if (store_commit(s, group, records) != SL_OK)
        die("store_commit");
}

static store_options_t options(const char *dir)
{
    return (store_options_t){
        .dir = dir, .retain_bytes = RETAIN_BYTES, .map_bytes = MAP_BYTES, .boot_id = "boot"};
}

static void read_file(const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/journal.mdb", dir);
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    file_len = (size_t)st.st_size;
    file = malloc(file_len);
    if (file == NULL || read(fd, file, file_len) != (ssize_t)file_len)
        die(path);
    close(fd);
    pages_t *p = malloc(sizeof *p);
    if (p == NULL || pages_open(p, path) != SL_OK || pages_walk(p, NULL, NULL) != SL_OK)
        die("the journal that was just made is not sound");
    kind_count = p->count;
    kinds = p->kinds;
    p->kinds = NULL;
    pages_close(p);
    free(p);
}

/* A record may stand in the file more than once: in pages that are free, where nobody looks, and in
 * what is left over in a page that is in use, where one cannot tell which copy is in force. */
static void find_copies(made_t *m, const uint8_t *bytes)
{
    uint8_t *at = file;
    for (; (at = memmem(at, file_len - (size_t)(at - file), bytes, m->len)) != NULL; at++) {
        size_t offset = (size_t)(at - file), page = offset / PAGE_BYTES;
        if ((kinds[page] == PAGE_LEAF || kinds[page] == PAGE_OVERFLOW) && m->copies < COPIES_MAX)
            m->at[m->copies++] = offset;
    }
    if (m->copies == 0)
        die("a record is not in the file");
}

static bool locate(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)ctx;
    if (hole != NULL)
        return true;
    made_t *m = &made[r->first];
    m->len = record_size(r);
    uint8_t *bytes = malloc(m->len);
    if (bytes == NULL)
        die("malloc");
    record_write(bytes, r);
    find_copies(m, bytes);
    free(bytes);
    return true;
}

static void make_journal(const char *dir)
{
    store_options_t o = options(dir);
    uint64_t next = 1;
    store_t *s = NULL;
    store_stat_t stat;
    for (int run = 0; run < RUNS; run++) {
        if (store_open(&s, &o, NULL, NULL) != SL_OK)
            die("store_open");
        for (int i = 0; i < GROUPS / RUNS; i++)
            make_group(s, &next);
        store_stat(s, &stat);
        if (run < RUNS - 1)
            store_close(&s, run % 2 == 0);
    }
    made_next = next;
    made_oldest = stat.oldest;
    store_close(&s, true);
    read_file(dir);
    uint64_t upto;
    o.read_only = true;
    if (store_open(&s, &o, NULL, NULL) != SL_OK ||
        store_read(s, 0, UINT64_MAX, SIZE_MAX, locate, NULL, &upto) != SL_OK)
        die("the journal cannot be read");
    store_close(&s, true);
}

/* -- one damage ------------------------------------------------------------------------------- */

typedef struct harm {
    bool cut;
    size_t at; /* byte; of a cut: the new length */
    uint8_t bit;
    page_kind_t kind;
} harm_t;

/* Kinds in turn: there are few meta and branch pages, and many of the others. */
static size_t pick_page(bool structure)
{
    static const page_kind_t trusted[] = {PAGE_META, PAGE_BRANCH, PAGE_LEAF, PAGE_LEAF,
                                          PAGE_FREE_TREE};
    page_kind_t kind = PAGE_OVERFLOW;
    if (structure)
        kind = trusted[test_random(&seed) % ARRAY_LEN(trusted)];
    else if (test_random(&seed) % 16 == 0)
        kind = PAGE_FREE;
    for (;;) {
        size_t page = test_random(&seed) % kind_count;
        if (kinds[page] == kind && (page + 1) * PAGE_BYTES <= file_len)
            return page;
    }
}

/* In a page of the structure most bytes are of records, or of nothing: half of the flips there aim
 * at its head, its pointers and what follows. */
static harm_t pick_harm(void)
{
    if (test_random(&seed) % 16 == 0)
        return (harm_t){.cut = true, .at = test_random(&seed) % file_len};
    bool structure = test_random(&seed) % 2 == 0;
    size_t page = pick_page(structure);
    size_t in_page = test_random(&seed) % PAGE_BYTES;
    if (structure && (kinds[page] == PAGE_META || test_random(&seed) % 2 == 0))
        in_page %= kinds[page] == PAGE_META ? 152 : 64;
    return (harm_t){.at = page * PAGE_BYTES + in_page,
                    .bit = (uint8_t)(test_random(&seed) % 8),
                    .kind = kinds[page]};
}

static void write_case(const harm_t *h)
{
    if (!h->cut)
        file[h->at] ^= (uint8_t)(1u << h->bit);
    int fd = open(case_path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    size_t len = h->cut ? h->at : file_len;
    if (fd < 0 || write(fd, file, len) != (ssize_t)len)
        die(case_path);
    close(fd);
    if (!h->cut)
        file[h->at] ^= (uint8_t)(1u << h->bit);
}

static bool is_whole(const made_t *m, const harm_t *h)
{
    for (size_t i = 0; i < m->copies; i++)
        if (h->cut ? m->at[i] + m->len > h->at : h->at >= m->at[i] && h->at < m->at[i] + m->len)
            return false;
    return true;
}

/* -- what is served --------------------------------------------------------------------------- */

typedef struct served {
    uint8_t told[NUMBERS_MAX]; /* 1: served, 2: a hole by damage, 3: by retention */
    bool wrong;
} served_t;

static bool serve(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    served_t *v = ctx;
    uint64_t from = r != NULL ? r->first : hole->from, to = r != NULL ? record_last(r) : hole->to;
    if (r != NULL) {
        record_t expected;
        bool known = r->first < made_next && made[r->first].count > 0;
        if (known)
            expected = remake(r->first);
        v->wrong = v->wrong || !known || !test_same(r, &expected);
    }
    for (uint64_t n = from; n <= to && n < NUMBERS_MAX; n++)
        v->told[n] = r != NULL ? 1 : hole->damage ? 2 : 3;
    return true;
}

static outcome_t judge(const served_t *v, const harm_t *h, const store_found_t *f)
{
    bool noticed = f->damage[0] != '\0' || f->damaged_records > 0, same = f->next == made_next;
    if (v->wrong)
        return CASE_WRONG;
    for (uint64_t n = made_oldest; n < made_next; n++) {
        const made_t *m = &made[n];
        if (m->count > 0 && m->len > 0 && v->told[n] != 1 && is_whole(m, h))
            return CASE_LOST;
        if (n < f->next && v->told[n] != 1 && v->told[n] != 2)
            return CASE_UNTOLD;
        same = same && v->told[n] == 1;
    }
    if (!same && !noticed)
        return CASE_SILENT;
    if (f->damage[0] != '\0' && (f->why == NULL || strstr(f->why, "damaged") == NULL))
        return CASE_SILENT;
    if (f->next < made_next)
        return CASE_END_UNKNOWN;
    return f->damage[0] != '\0' ? CASE_SALVAGED : noticed ? CASE_ASIDE : CASE_SAME;
}

/* One more commit, and another start: nothing that was overlooked comes to light. */
static bool goes_on(store_t *s, uint64_t next)
{
    record_t more = test_record(0, next, 1, "a", 5000);
    if (store_commit(s, &more, 1) != SL_OK)
        return false;
    store_close(&s, false);
    store_options_t o = options(case_dir);
    store_found_t found;
    if (store_open(&s, &o, &found, NULL) != SL_OK)
        return false;
    bool sound = found.damage[0] == '\0' && found.damaged_records == 0 && found.next == next + 1;
    store_close(&s, true);
    return sound;
}

/* Does verify say beforehand what the start finds? */
static bool foretold(const store_verdict_t *v, const store_found_t *f)
{
    bool damaged = f->damage[0] != '\0';
    return v->sound == !damaged && v->next == f->next && v->lost_events == f->lost_events &&
           v->events == f->events && v->records == (damaged ? f->salvaged : f->records) &&
           v->damaged_records == f->damaged_records;
}

static outcome_t run_case(const harm_t *h)
{
    store_options_t o = options(case_dir);
    store_found_t found;
    store_verdict_t verdict;
    store_t *s = NULL;
    store_verify(case_dir, NULL, NULL, &verdict);
    if (store_open(&s, &o, &found, NULL) != SL_OK)
        return CASE_REFUSED;
    if (verdict.file_bytes > 0 && !foretold(&verdict, &found)) {
        store_close(&s, false);
        return CASE_VERIFY;
    }
    served_t *v = calloc(1, sizeof *v);
    uint64_t upto;
    outcome_t outcome = CASE_UNTOLD;
    if (v != NULL && store_read(s, made_oldest - 1, UINT64_MAX, SIZE_MAX, serve, v, &upto) == SL_OK)
        outcome = judge(v, h, &found);
    free(v);
    if (!outcomes[outcome].good)
        store_close(&s, false);
    else if (!goes_on(s, found.next))
        outcome = CASE_UNSOUND;
    return outcome;
}

static void new_case_dir(void)
{
    free(case_path);
    case_dir = test_dir_make();
    if (asprintf(&case_path, "%s/journal.mdb", case_dir) < 0)
        die("asprintf");
}

/* Outcomes are written where the parent sees them: a child that crashes has not written its last.
 */
static void run_some(const harm_t *harms, uint8_t *results, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        new_case_dir();
        write_case(&harms[i]);
        results[i] = (uint8_t)run_case(&harms[i]);
        test_dir_remove(case_dir);
    }
}

/* A fork costs more than a case, so each child runs several.  @return how many cases are done. */
static unsigned run_in_child(const harm_t *harms, uint8_t *results, unsigned count)
{
    fflush(NULL);
    memset(results, CASE_COUNT, count);
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        run_some(harms, results, count);
        _exit(0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid)
        die("waitpid");
    for (unsigned i = 0; i < count; i++)
        if (results[i] == CASE_COUNT) {
            results[i] = CASE_CRASHED;
            return i + 1;
        }
    return count;
}

/* -- the table -------------------------------------------------------------------------------- */

static const char *const targets[] = {
    [PAGE_UNUSED] = "cut",          [PAGE_META] = "meta",         [PAGE_BRANCH] = "branch",
    [PAGE_LEAF] = "leaf",           [PAGE_OVERFLOW] = "overflow", [PAGE_FREE] = "free",
    [PAGE_FREE_TREE] = "free tree",
};

static unsigned table[CASE_COUNT][ARRAY_LEN(targets)];

static void print_table(void)
{
    printf("%-56s", "");
    for (size_t t = 0; t < ARRAY_LEN(targets); t++)
        printf(" %9s", targets[t]);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        printf("\n%-56s", outcomes[i].text);
        for (size_t t = 0; t < ARRAY_LEN(targets); t++)
            printf(" %9u", table[i][t]);
    }
    printf("\n");
}

static void describe(const harm_t *h, outcome_t outcome)
{
    if (h->cut)
        printf("cut at %zu", h->at);
    else
        printf("bit %u of byte %zu in %s page %zu", h->bit, h->at % PAGE_BYTES, targets[h->kind],
               h->at / PAGE_BYTES);
    printf(": %s\n", outcomes[outcome].text);
}

static unsigned cases = 200;
static bool verbose;

static void read_options(int argc, char **argv)
{
    static const struct option long_options[] = {{"seed", required_argument, NULL, 's'},
                                                 {"cases", required_argument, NULL, 'c'},
                                                 {"verbose", no_argument, NULL, 'v'},
                                                 {0}};
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (c == 's')
            seed = strtoull(optarg, NULL, 10) * 2 + 1; /* never 0 */
        else if (c == 'c')
            cases = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'v')
            verbose = true;
        else
            exit(2);
    }
}

/* @return how many cases are bad. */
static unsigned run_all(void)
{
    unsigned bad = 0;
    harm_t *harms = calloc(cases, sizeof *harms);
    uint8_t *results = mmap(NULL, cases, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (harms == NULL || results == MAP_FAILED)
        die("memory");
    for (unsigned i = 0; i < cases; i++)
        harms[i] = pick_harm();
    for (unsigned done = 0; done < cases;)
        done += run_in_child(harms + done, results + done,
                             cases - done < CASES_A_CHILD ? cases - done : CASES_A_CHILD);
    for (unsigned i = 0; i < cases; i++) {
        outcome_t outcome = (outcome_t)results[i];
        table[outcome][harms[i].kind]++;
        bad += !outcomes[outcome].good;
        if (verbose || !outcomes[outcome].good)
            describe(&harms[i], outcome);
    }
    munmap(results, cases);
    free(harms);
    return bad;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    char *dir = test_dir_make();
    make_journal(dir);
    unsigned bad = run_all();
    printf("%u cases on a journal of %zu pages, numbers %" PRIu64 " to %" PRIu64 "\n", cases,
           file_len / PAGE_BYTES, made_oldest, made_next - 1);
    print_table();
    printf("%u bad\n", bad);
    test_dir_remove(dir);
    free(file);
    free(kinds);
    return bad > 0;
}
