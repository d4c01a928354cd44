/* feeder.c - publishes events straight to the intake, part of them twice, and keeps a ledger.
 *
 * Everything follows from the seed: event n has its topic, its content and its id, and a fifth of
 * them (--redeliver) is sent again after 1 to 131,072 others, as MNS redelivers.  The second sends
 * that are due wait in a ring of lists by the send they come after:
 *
 *     due[sent % RING] -> n -> n' -> …      next_due[n]
 *
 *     feeder --intake E --events N --seed S --redeliver PERCENT --rate N --size BYTES --ledger F
 *
 * --rate 0 is flat out.  The ledger gets a line for each event whose receipt says that the broker
 * has it.  Ends with 0 when every send has its receipt, whatever the broker does meanwhile, and
 * with a line of figures on standard output. */
#include "load.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mp.h"

#include <sluice.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOURCE "acs:mns:cn-hangzhou:123456789012:/topics/load"

enum {
    RING = 1 << 18, /* more than any second send waits for */
    FAR_BITS = 17,
    SLICE = 256, /* events between two looks at the clock */
    DRAIN_MS = 120000,
    LINGER_US = 5000, /* as the bridge */
    ID_LEN = 24,
};

typedef struct feeder {
    const char *intake, *ledger_path;
    uint64_t events, seed, redeliver_percent, rate, size;
    sluice_pub_t *pub;
    FILE *ledger;
    uint32_t *due, *next_due; /* n + 1; 0 ends a list */
    uint64_t sent, again, refused;
    sl_buf_t event;
} feeder_t;

typedef struct load_topic {
    const char *category, *event;
    uint32_t share;
} load_topic_t;

#define X(category, event, share) {category, event, share},
static const load_topic_t topics[] = {LOAD_TOPICS(X)};
#undef X

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "feeder: %s: %s\n", what, why);
    exit(1);
}

/* splitmix64 of event n: the same for the same seed, whatever was drawn before. */
static uint64_t draw(const feeder_t *feeder, uint64_t n, uint64_t what)
{
    uint64_t z = feeder->seed * 0x9e3779b97f4a7c15u + n * 4 + what;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const load_topic_t *topic_of(const feeder_t *feeder, uint64_t n)
{
    uint32_t at = (uint32_t)(draw(feeder, n, 0) % 100);
    const load_topic_t *topic = topics;
    while (at >= topic->share)
        at -= topic++->share;
    return topic;
}

static void id_of(const feeder_t *feeder, uint64_t n, char id[ID_LEN + 1])
{
    snprintf(id, ID_LEN + 1, "%08" PRIX32 "%016" PRIX64, (uint32_t)feeder->seed, n);
}

/* -- receipts ------------------------------------------------------------------------------- */

/* `user` is the event's number + 1, or NULL for a second send. */
static void on_receipts(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    feeder_t *feeder = ctx;
    char id[ID_LEN + 1];
    for (size_t i = 0; i < count; i++) {
        if (receipts[i].err != SLUICE_OK)
            feeder->refused++;
        else if (receipts[i].user != NULL && feeder->ledger != NULL) {
            id_of(feeder, (uint64_t)(uintptr_t)receipts[i].user - 1, id);
            if (fprintf(feeder->ledger, "{\"id\":\"%s\"}\n", id) < 0)
                fail(feeder->ledger_path, strerror(errno));
        }
    }
}

/* -- sending -------------------------------------------------------------------------------- */

static void put_str(sl_buf_t *out, const char *text)
{
    mp_put_str(out, text, strlen(text));
}

/* Everything in it follows from n, its time too: a second send has the same bytes. */
static void build(feeder_t *feeder, uint64_t n, const char *id, const load_topic_t *topic)
{
    static const char fill[65536];
    sl_buf_t *out = &feeder->event;
    sl_buf_clear(out);
    mp_put_map(out, 7);
    put_str(out, "Category");
    put_str(out, topic->category);
    put_str(out, "Event");
    put_str(out, topic->event);
    put_str(out, "id");
    put_str(out, id);
    put_str(out, "source");
    put_str(out, SOURCE);
    put_str(out, "time");
    mp_put_time(out, 1780272000 + (int64_t)(n / 1000), (uint32_t)(n % 1000) * 1000000);
    put_str(out, "n");
    mp_put_uint(out, n);
    put_str(out, "fill");
    size_t room = feeder->size > out->len + 3 ? feeder->size - out->len - 3 : 0;
    mp_put_bin(out, fill, room < sizeof fill ? room : sizeof fill);
    if (out->failed)
        fail("event", "out of memory");
}

static void send_event(feeder_t *feeder, uint64_t n, bool again)
{
    char id[ID_LEN + 1], name[160];
    uint8_t hash[16];
    const load_topic_t *topic = topic_of(feeder, n);
    id_of(feeder, n, id);
    build(feeder, n, id, topic);
    sluice_event_id(hash, SOURCE, strlen(SOURCE), id, strlen(id));
    int len = snprintf(name, sizeof name, "%s.%s", topic->category, topic->event);
    void *user = again ? NULL : (void *)(uintptr_t)(n + 1);
    sluice_err err;
    while ((err = sluice_pub_send(feeder->pub, name, (size_t)len, feeder->event.data,
                                  feeder->event.len, hash, user)) == SLUICE_EAGAIN)
        sluice_pub_process(feeder->pub, 10);
    if (err != SLUICE_OK)
        fail(name, sluice_err_text(err));
    feeder->again += again;
}

static void send_due(feeder_t *feeder)
{
    uint32_t *head = &feeder->due[feeder->sent % RING];
    uint32_t n = *head;
    for (*head = 0; n != 0; n = feeder->next_due[n - 1])
        send_event(feeder, n - 1, true);
}

static void plan_second_send(feeder_t *feeder, uint64_t n)
{
    if (draw(feeder, n, 1) % 100 >= feeder->redeliver_percent)
        return;
    uint64_t bits = draw(feeder, n, 2) % (FAR_BITS + 1); /* near ones are as likely as far ones */
    uint64_t gap = 1 + draw(feeder, n, 3) % ((uint64_t)1 << bits);
    uint32_t *head = &feeder->due[(feeder->sent + gap) % RING];
    feeder->next_due[n] = *head;
    *head = (uint32_t)n + 1;
}

/* Holds the rate: event n is not sent before n / rate seconds. */
static void keep_pace(feeder_t *feeder, uint64_t began_ns, uint64_t n)
{
    uint64_t due_ns = began_ns + n * 1000000000u / feeder->rate;
    for (;;) {
        uint64_t now_ns = sl_clock_mono_ns(&sl_clock_system);
        if (now_ns >= due_ns)
            return;
        sluice_err err = sluice_pub_process(feeder->pub, (int)((due_ns - now_ns) / 1000000) + 1);
        if (err != SLUICE_OK && err != SLUICE_EAGAIN)
            fail("publisher", sluice_err_text(err));
    }
}

static void send_all(feeder_t *feeder)
{
    uint64_t began_ns = sl_clock_mono_ns(&sl_clock_system);
    for (uint64_t n = 0; n < feeder->events; n++) {
        if (feeder->rate > 0)
            keep_pace(feeder, began_ns, n);
        else if (n % SLICE == 0)
            sluice_pub_process(feeder->pub, 0);
        send_event(feeder, n, false);
        plan_second_send(feeder, n);
        feeder->sent++;
        send_due(feeder);
    }
    for (uint64_t i = 0; i < RING; i++, feeder->sent++)
        send_due(feeder);
}

static int run(feeder_t *feeder)
{
    sluice_pub_options_t options = {.size = sizeof options,
                                    .intake = feeder->intake,
                                    .name = "feeder",
                                    .on_receipt = on_receipts,
                                    .ctx = feeder,
                                    .linger_us = LINGER_US,
                                    .ack_timeout_ms = 1000};
    feeder->due = calloc(RING, sizeof *feeder->due);
    feeder->next_due = calloc(feeder->events, sizeof *feeder->next_due);
    if (feeder->due == NULL || feeder->next_due == NULL)
        fail("start", "out of memory");
    if (feeder->ledger_path != NULL && (feeder->ledger = fopen(feeder->ledger_path, "we")) == NULL)
        fail(feeder->ledger_path, strerror(errno));
    sluice_err err = sluice_pub_create(&feeder->pub, &options);
    if (err == SLUICE_OK) {
        send_all(feeder);
        err = sluice_pub_drain(feeder->pub, DRAIN_MS);
    }
    if (err != SLUICE_OK)
        fail("publisher", sluice_err_text(err));
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(feeder->pub, &stats);
    printf("events=%" PRIu64 " again=%" PRIu64 " acked=%" PRIu64 " duplicates=%" PRIu64
           " refused=%" PRIu64 " resends=%" PRIu64 " hellos=%" PRIu64 " naks=%" PRIu64 "\n",
           feeder->events, feeder->again, stats.acked_events, stats.duplicate_events,
           feeder->refused, stats.resends, stats.hellos, stats.naks);
    sluice_pub_destroy(&feeder->pub);
    if (feeder->ledger != NULL && fclose(feeder->ledger) != 0)
        fail(feeder->ledger_path, strerror(errno));
    free(feeder->due);
    free(feeder->next_due);
    sl_buf_fini(&feeder->event);
    return feeder->refused == 0 ? 0 : 1;
}

static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value > UINT32_MAX - 1)
        fail(text, "is no number");
    return value;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"intake", required_argument, NULL, 'i'}, {"events", required_argument, NULL, 'e'},
        {"seed", required_argument, NULL, 's'},   {"redeliver", required_argument, NULL, 'r'},
        {"rate", required_argument, NULL, 'a'},   {"size", required_argument, NULL, 'z'},
        {"ledger", required_argument, NULL, 'l'}, {0}};
    feeder_t feeder = {.size = 320};
    for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (flag) {
        case 'i':
            feeder.intake = optarg;
            break;
        case 'l':
            feeder.ledger_path = optarg;
            break;
        case 'e':
            feeder.events = number_of(optarg);
            break;
        case 's':
            feeder.seed = number_of(optarg);
            break;
        case 'r':
            feeder.redeliver_percent = number_of(optarg);
            break;
        case 'a':
            feeder.rate = number_of(optarg);
            break;
        case 'z':
            feeder.size = number_of(optarg);
            break;
        default:
            return 1;
        }
    if (feeder.events == 0)
        fail("--events", "is missing");
    return run(&feeder);
}
