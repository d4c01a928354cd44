#include "testing.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct slot {
    char topic[64];
    uint8_t header[64], ids[TEST_IDS_MAX * RECORD_ID_BYTES], body[TEST_BODY_MAX];
} slot_t;

static slot_t slots[TEST_SLOTS];

record_t test_record(int number, uint64_t first, uint32_t count, const char *topic, size_t body_len)
{
    slot_t *slot = &slots[number];
    uint64_t seed = first * 0x9e3779b97f4a7c15ull + 1;
    snprintf(slot->topic, sizeof slot->topic, "%s", topic);
    for (size_t i = 0; i < sizeof slot->header; i++)
        slot->header[i] = (uint8_t)test_random(&seed);
    for (size_t i = 0; i < sizeof slot->ids; i++)
        slot->ids[i] = (uint8_t)test_random(&seed);
    for (size_t i = 0; i < body_len; i += sizeof(uint64_t)) {
        uint64_t word = test_random(&seed);
        memcpy(slot->body + i, &word, sizeof word);
    }
    return (record_t){
        .stream = 77,
        .first = first,
        .time_ns = first * 1000,
        .count = count,
        .topic = slot->topic,
        .topic_len = strlen(slot->topic),
        .header = slot->header,
        .header_len = sizeof slot->header,
        .body = slot->body,
        .body_len = body_len,
        .ids = count <= TEST_IDS_MAX ? slot->ids : NULL,
    };
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

bool test_same(const record_t *a, const record_t *b)
{
    return a->stream == b->stream && a->first == b->first && a->count == b->count &&
           a->prev == b->prev && a->time_ns == b->time_ns && a->joined == b->joined &&
           same_bytes(a->topic, a->topic_len, b->topic, b->topic_len) &&
           same_bytes(a->header, a->header_len, b->header, b->header_len) &&
           same_bytes(a->body, a->body_len, b->body, b->body_len) &&
           (a->ids != NULL) == (b->ids != NULL) &&
           (a->ids == NULL || memcmp(a->ids, b->ids, (size_t)a->count * RECORD_ID_BYTES) == 0);
}

char *test_dir_make(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *dir;
    if (asprintf(&dir, "%s/sluice-journal-XXXXXX", base) < 0)
        abort();
    if (mkdtemp(dir) == NULL)
        abort();
    return dir;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    if (dir != NULL) {
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            char *inner;
            if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                asprintf(&inner, "%s/%s", path, e->d_name) < 0)
                continue;
            remove_tree(inner);
            free(inner);
        }
        closedir(dir);
    }
    remove(path);
}

void test_dir_remove(char *dir)
{
    remove_tree(dir);
    free(dir);
}

static char line[65536];
static size_t line_len;

static bool show(void *ctx, const record_t *r, const journal_hole_t *hole)
{
    (void)ctx;
    const char *gap = line_len > 0 ? " " : "";
    int n;
    if (r != NULL)
        n = snprintf(line + line_len, sizeof line - line_len, "%s%" PRIu64 "-%" PRIu64, gap,
                     r->first, record_last(r));
    else
        n = snprintf(line + line_len, sizeof line - line_len, "%s[%" PRIu64 "-%" PRIu64 " %s]", gap,
                     hole->from, hole->to, hole->damage ? "damage" : "retention");
    line_len += (size_t)n < sizeof line - line_len ? (size_t)n : 0;
    return true;
}

const char *test_line(store_t *s, uint64_t after, uint64_t until, size_t bytes)
{
    line_len = 0;
    line[0] = '\0';
    uint64_t upto = after, before;
    do {
        before = upto;
        if (store_read(s, before, until, bytes, show, NULL, &upto) != SL_OK)
            return "error";
    } while (upto > before);
    return line;
}
