/* damage_test.c - a journal's file, damaged in one place, many times over: what is served is right.
 *
 *     damage_test [--seed N] [--cases N] [--verbose]
 *
 * A small journal is made once, of records that live in leaves and in pages of their own, turned
 * over by retention, written under several eras.  Each case takes a copy, flips one bit or cuts the
 * end off, and opens it in a child process.  Half of the flips aim at the pages LMDB trusts most:
 * meta, branch, leaf, and the tree of free pages.  The rest hits the pages that hold records.
 *
 * Half of the copies are a file that came from elsewhere: the start reads all of it.  The others
 * are the file as it was left, in place and on the same boot, half of them by a run that ended in
 * order, half by one that was killed: the start reads heads, and bodies are proven when they are
 * served.
 *
 * Asked of each case: no process ended by a signal; every record served is the one that was
 * committed, byte by byte; every number is served or lies in a hole that was told; a record whose
 * bytes are all there is served; the damage was noticed, by the start or where it is served, or
 * nothing is different; and after one more commit the file is sound. */
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
    X(SERVED, true, "... and seen only when it was to be served")             \
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

typedef enum { IMAGE_CLEAN, IMAGE_KILLED, IMAGE_COUNT } image_kind_t;

/* What was committed, by first number, and where its bytes lie in the file. */
typedef struct made {
    uint32_t count;
    size_t body_len;
    size_t len; /* 0: retention took it */
    struct {
        size_t at[COPIES_MAX], copies;
    } in[IMAGE_COUNT];
} made_t;

/* A file as a run left it, and what lies beside it. */
typedef struct image {
    uint8_t *file, *kinds, *run;
    size_t file_len, run_len;
    uint64_t kind_count;
} image_t;

static made_t made[NUMBERS_MAX];
static uint64_t made_next, made_oldest;
static image_t images[IMAGE_COUNT];
static char *kept_path; /* a second name of the file that the images say they are in */
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

static uint8_t *read_all(const char *dir, const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    *len = (size_t)st.st_size;
    uint8_t *bytes = malloc(*len);
    if (bytes == NULL || read(fd, bytes, *len) != (ssize_t)*len)
        die(path);
    close(fd);
    return bytes;
}

static void read_image(image_t *image, const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/journal.mdb", dir);
    image->file = read_all(dir, "journal.mdb", &image->file_len);
    image->run = read_all(dir, "run", &image->run_len);
    pages_t *p = malloc(sizeof *p);
    if (p == NULL || pages_open(p, path) != SL_OK || pages_walk(p, NULL, NULL) != SL_OK)
        die("the journal that was just made is not sound");
    image->kind_count = p->count;
    image->kinds = p->kinds;
    p->kinds = NULL;
    pages_close(p);
    free(p);
}

/* A record may stand in the file more than once: in pages that are free, where nobody looks, and in
 * what is left over in a page that is in use, where one cannot tell which copy is in force. */
static void find_copies(image_kind_t kind, made_t *m, const uint8_t *bytes)
{
    const image_t *i = &images[kind];
    uint8_t *at = i->file;
    for (; (at = memmem(at, i->file_len - (size_t)(at - i->file), bytes, m->len)) != NULL; at++) {
        size_t offset = (size_t)(at - i->file), page = offset / PAGE_BYTES;
        if ((i->kinds[page] == PAGE_LEAF || i->kinds[page] == PAGE_OVERFLOW) &&
            m->in[kind].copies < COPIES_MAX)
            m->in[kind].at[m->in[kind].copies++] = offset;
    }
    if (m->in[kind].copies == 0)
        die("a record is not in the file");
}

static bool locate(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    if (hole != NULL)
        return true;
    made_t *m = &made[r->first];
    m->len = record_size(r);
    uint8_t *bytes = malloc(m->len);
    if (bytes == NULL)
        die("malloc");
    record_write(bytes, r);
    find_copies(*(const image_kind_t *)ctx, m, bytes);
    free(bytes);
    return true;
}

/* Ends the run, and takes the file as it is then. */
static void take_image(image_kind_t kind, store_t **s, const char *dir)
{
    store_options_t o = options(dir);
    uint64_t upto;
    if (store_ready(*s) != SL_OK)
        die("store_ready");
    store_close(s, kind == IMAGE_CLEAN);
    read_image(&images[kind], dir);
    o.read_only = true;
    if (store_open(s, &o, NULL, NULL) != SL_OK ||
        store_read(*s, 0, UINT64_MAX, SIZE_MAX, locate, &kind, &upto) != SL_OK)
        die("the journal cannot be read");
    store_close(s, true);
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
    take_image(IMAGE_KILLED, &s, dir);
    if (store_open(&s, &o, NULL, NULL) != SL_OK)
        die("store_open");
    take_image(IMAGE_CLEAN, &s, dir);
    char path[512];
    snprintf(path, sizeof path, "%s/journal.mdb", dir);
    if (asprintf(&kept_path, "%s.kept", path) < 0 || link(path, kept_path) != 0)
        die(path);
}

/* -- one damage ------------------------------------------------------------------------------- */

typedef enum { LEFT_ELSEWHERE, LEFT_CLEAN, LEFT_KILLED, LEFT_COUNT } left_t;

typedef struct harm {
    left_t left; /* as what the start finds the file */
    bool cut;
    size_t at; /* byte; of a cut: the new length */
    uint8_t bit;
    page_kind_t kind;
} harm_t;

static image_kind_t kind_of(left_t left)
{
    return left == LEFT_KILLED ? IMAGE_KILLED : IMAGE_CLEAN;
}

/* Kinds in turn: there are few meta and branch pages, and many of the others. */
static size_t pick_page(const image_t *i, bool structure)
{
    static const page_kind_t trusted[] = {PAGE_META, PAGE_BRANCH, PAGE_LEAF, PAGE_LEAF,
                                          PAGE_FREE_TREE};
    page_kind_t kind = PAGE_OVERFLOW;
    if (structure)
        kind = trusted[test_random(&seed) % ARRAY_LEN(trusted)];
    else if (test_random(&seed) % 16 == 0)
        kind = PAGE_FREE;
    for (;;) {
        size_t page = test_random(&seed) % i->kind_count;
        if (i->kinds[page] == kind && (page + 1) * PAGE_BYTES <= i->file_len)
            return page;
    }
}

/* A file that is cut shorter may have nothing left, and is refused: see salvage_test. */
enum { SHORTEST = 16 * PAGE_BYTES };

/* In a page of the structure most bytes are of records, or of nothing: half of the flips there aim
 * at its head, its pointers and what follows. */
static harm_t pick_harm(left_t left)
{
    const image_t *i = &images[kind_of(left)];
    if (test_random(&seed) % 16 == 0)
        return (harm_t){.left = left,
                        .cut = true,
                        .at = SHORTEST + test_random(&seed) % (i->file_len - SHORTEST)};
    bool structure = test_random(&seed) % 2 == 0;
    size_t page = pick_page(i, structure);
    size_t in_page = test_random(&seed) % PAGE_BYTES;
    if (structure && (i->kinds[page] == PAGE_META || test_random(&seed) % 2 == 0))
        in_page %= i->kinds[page] == PAGE_META ? 152 : 64;
    return (harm_t){.left = left,
                    .at = page * PAGE_BYTES + in_page,
                    .bit = (uint8_t)(test_random(&seed) % 8),
                    .kind = i->kinds[page]};
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        die(path);
    close(fd);
}

/* As it was left it is the same file, in place, and the file `run` is beside it. */
static void write_case(const harm_t *h)
{
    image_t *i = &images[kind_of(h->left)];
    if (h->left != LEFT_ELSEWHERE) {
        char run[512];
        snprintf(run, sizeof run, "%s/run", case_dir);
        write_file(run, i->run, i->run_len);
        if (link(kept_path, case_path) != 0)
            die(case_path);
    }
    if (!h->cut)
        i->file[h->at] ^= (uint8_t)(1u << h->bit);
    write_file(case_path, i->file, h->cut ? h->at : i->file_len);
    if (!h->cut)
        i->file[h->at] ^= (uint8_t)(1u << h->bit);
}

static bool is_whole(const made_t *m, const harm_t *h)
{
    image_kind_t kind = kind_of(h->left);
    for (size_t i = 0; i < m->in[kind].copies; i++) {
        size_t at = m->in[kind].at[i];
        if (h->cut ? at + m->len > h->at : h->at >= at && h->at < at + m->len)
            return false;
    }
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

static outcome_t judge(const served_t *v, const harm_t *h, const store_found_t *f, bool served_late)
{
    bool noticed = f->damage[0] != '\0' || f->damaged_records > 0 || served_late;
    bool same = f->next == made_next;
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
    if (f->damage[0] != '\0' && f->why == NULL)
        return CASE_SILENT;
    if (f->next < made_next)
        return CASE_END_UNKNOWN;
    if (f->damage[0] != '\0')
        return CASE_SALVAGED;
    return served_late ? CASE_SERVED : noticed ? CASE_ASIDE : CASE_SAME;
}

/* One more commit, and another start: nothing that was overlooked comes to light.  What was seen
 * only when it was served is taken out by that start, which reads everything, or by retention
 * before. */
static bool goes_on(store_t *s, uint64_t next, uint64_t seen_late)
{
    record_t more = test_record(0, next, 1, "a", 5000);
    if (store_commit(s, &more, 1) != SL_OK)
        return false;
    store_options_t o = options(case_dir);
    for (int starts = 0; starts < 2; starts++) {
        store_found_t found;
        store_close(&s, false);
        if (store_open(&s, &o, &found, NULL) != SL_OK)
            return false;
        if (found.damage[0] != '\0' || found.damaged_records > seen_late ||
            found.next != next + 1) {
            store_close(&s, false);
            return false;
        }
        seen_late = 0;
    }
    store_close(&s, true);
    return true;
}

/* Does verify say beforehand what the start finds, or what will be seen when it is served? */
static bool foretold(const store_verdict_t *v, const store_found_t *f, const harm_t *h)
{
    bool damaged = f->damage[0] != '\0';
    if (v->sound == damaged || v->next != f->next)
        return false;
    if (h->left != LEFT_ELSEWHERE && v->damaged_records > f->damaged_records)
        return !damaged && v->records + v->damaged_records == f->records;
    return v->lost_events == f->lost_events && v->events == f->events &&
           v->records == (damaged ? f->salvaged : f->records) &&
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
    if (verdict.file_bytes > 0 && !foretold(&verdict, &found, h)) {
        store_close(&s, false);
        return CASE_VERIFY;
    }
    served_t *v = calloc(1, sizeof *v);
    uint64_t upto, late = 0;
    store_stat_t before, after;
    outcome_t outcome = CASE_UNTOLD;
    store_stat(s, &before);
    if (v != NULL &&
        store_read(s, made_oldest - 1, UINT64_MAX, SIZE_MAX, serve, v, &upto) == SL_OK) {
        store_stat(s, &after);
        late = after.quarantined - before.quarantined;
        outcome = judge(v, h, &found, late > 0);
    }
    free(v);
    if (!outcomes[outcome].good)
        store_close(&s, false);
    else if (!goes_on(s, found.next, late))
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
    static const char *const left[LEFT_COUNT] = {"from elsewhere", "left in order", "killed"};
    printf("%s, ", left[h->left]);
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
        harms[i] = pick_harm(i % 2 == 0 ? LEFT_ELSEWHERE : i % 4 == 1 ? LEFT_CLEAN : LEFT_KILLED);
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
           images[IMAGE_CLEAN].file_len / PAGE_BYTES, made_oldest, made_next - 1);
    print_table();
    printf("%u bad\n", bad);
    test_dir_remove(dir);
    for (int i = 0; i < IMAGE_COUNT; i++) {
        free(images[i].file);
        free(images[i].kinds);
        free(images[i].run);
    }
    free(kept_path);
    return bad > 0;
}
