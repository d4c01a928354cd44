/* joins.c - many subscribers that join late, in one process: has each what it should have?
 *
 * At random moments within --seconds, --count handles begin at one of four places, in one of two
 * orders, with one of a few patterns.  A handle keeps no history but two sums over it: how many
 * events, and history_mix of each added up.  When standard input ends, the load has ended: a handle
 * is complete once it has confirmed the last number of the reference, the file of a keeper that had
 * everything from the beginning, and its sums must be those of the reference from its start point
 * on:
 *
 *     EARLIEST  all     NUMBER n  behind n     TIME t  batches sealed at t or later
 *     NOW       behind where its join was answered: later than what the reference had stored when
 *               the handle was made, no later than what was sealed when it said it was joined
 *
 *     joins --feed E --query E --reference F --count N --seconds N --seed S
 *
 * Each handle that fails is told on standard error; exit code 0 when there is none. */
#include "history.h"
#include "load.h"

#include "base/clock.h"
#include "wire/topic.h"

#include <sluice.h>
#include <zmq.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ITEMS_PER_TURN = 256,
    WAIT_MS = 10,
    COMPLETE_WITHIN_MS = 60000,
    JOINS_MAX = 1000,
    NS_PER_MS = 1000000,
};

typedef struct load_topic {
    const char *name;
    uint64_t hash;
} load_topic_t;

#define X(category, event, share) {.name = category "." event},
static load_topic_t topics[] = {LOAD_TOPICS(X)};
#undef X

enum { TOPICS = sizeof topics / sizeof topics[0] };

static const char *const patterns[] = {"Job.", "*.On*Failed", "Cluster.OnInstanceActive",
                                       "Cluster.OnClusterDeleted"};

enum { PATTERNS = sizeof patterns / sizeof patterns[0] };

typedef struct join {
    sluice_sub_options_t options;
    const char *pattern; /* NULL: everything */
    uint64_t due_ns, made_ns, joined_ns;
    uint64_t head_when_made; /* of the reference */
    sluice_sub_t *sub;
    uint64_t after; /* it begins behind this number */
    uint64_t events, sum, last[TOPICS], highest, disorder, lost, streams;
    uint64_t confirmed;
} join_t;

typedef struct joins {
    sluice_sub_options_t options;
    const char *reference;
    uint64_t count, seconds, seed;
    join_t at[JOINS_MAX];
} joins_t;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "joins: %s: %s\n", what, why);
    exit(1);
}

static uint64_t draw(joins_t *joins)
{
    uint64_t z = joins->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t topic_index(uint64_t hash)
{
    for (size_t i = 0; i < TOPICS; i++)
        if (topics[i].hash == hash)
            return i;
    fail("topic", "not one of the load's");
}

/* -- joining -------------------------------------------------------------------------------- */

/* The last number that the reference has stored by now. */
static uint64_t reference_head(const joins_t *joins)
{
    history_record_t record = {0};
    int fd = open(joins->reference, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (end < 0)
        fail(joins->reference, strerror(errno));
    for (off_t at = end - end % (off_t)sizeof record; at > 0 && record.kind != HISTORY_EVENT;) {
        at -= (off_t)sizeof record;
        if (pread(fd, &record, sizeof record, at) != (ssize_t)sizeof record)
            fail(joins->reference, strerror(errno));
    }
    close(fd);
    return record.kind == HISTORY_EVENT ? record.number : 0;
}

static void begin(joins_t *joins, join_t *join, uint64_t began_wall_ns)
{
    const char *list[] = {NULL, NULL};
    uint64_t pick = draw(joins) % (2 * PATTERNS); /* half of them want everything */
    join->options = joins->options;
    join->made_ns = sl_clock_wall_ns(&sl_clock_system);
    join->head_when_made = reference_head(joins);
    join->options.from = (sluice_from)(draw(joins) % 4);
    join->options.order = draw(joins) % 2 ? SLUICE_ORDER_STREAM : SLUICE_ORDER_TOPIC;
    if (join->options.from == SLUICE_FROM_NUMBER)
        join->options.from_number = draw(joins) % (join->head_when_made + 1);
    if (join->options.from == SLUICE_FROM_TIME)
        join->options.from_time_ns =
            began_wall_ns + draw(joins) % (join->made_ns - began_wall_ns + 1);
    if (pick < PATTERNS) {
        list[0] = join->pattern = patterns[pick];
        join->options.patterns = list;
    }
    sluice_err err = sluice_sub_create(&join->sub, &join->options);
    if (err != SLUICE_OK)
        fail("subscriber", sluice_err_text(err));
}

/* -- taking --------------------------------------------------------------------------------- */

static void take_event(join_t *join, const sluice_item_t *item)
{
    uint64_t topic = history_hash(item->topic, item->topic_len);
    uint64_t *last = join->options.order == SLUICE_ORDER_STREAM ? &join->highest
                                                                : &join->last[topic_index(topic)];
    join->disorder += item->number <= *last;
    *last = item->number;
    join->events++;
    join->sum += history_mix(item->number, topic, history_hash(item->data, item->len));
}

static void take_item(join_t *join, const sluice_item_t *item)
{
    if (item->kind == SLUICE_ITEM_EVENT)
        take_event(join, item);
    join->lost += item->kind == SLUICE_ITEM_LOST;
    join->streams += item->kind == SLUICE_ITEM_STREAM;
}

/* The first look after the join was answered says where NOW was. */
static void look(join_t *join, const sluice_item_t *item)
{
    sluice_sub_stats_t stats = {.size = sizeof stats};
    sluice_sub_stats(join->sub, &stats);
    join->confirmed = stats.confirmed;
    if (join->joined_ns != 0 || !sluice_sub_joined(join->sub))
        return;
    join->joined_ns = sl_clock_wall_ns(&sl_clock_system);
    join->after = stats.confirmed;
    if (item != NULL && item->kind == SLUICE_ITEM_EVENT && item->number <= join->after)
        join->after = item->number - 1;
}

static bool turn(join_t *join)
{
    sluice_item_t item;
    bool worked = false;
    for (int i = 0; i < ITEMS_PER_TURN; i++) {
        sluice_err err = sluice_sub_next(join->sub, &item, 0);
        if (err != SLUICE_OK && err != SLUICE_EAGAIN)
            fail("subscriber", sluice_err_text(err));
        if (err == SLUICE_OK)
            take_item(join, &item);
        if (join->joined_ns == 0 || err != SLUICE_OK)
            look(join, err == SLUICE_OK ? &item : NULL);
        if (err != SLUICE_OK)
            return worked;
        worked = true;
    }
    return true;
}

static void wait_for_more(joins_t *joins, bool input_open)
{
    struct pollfd fds[JOINS_MAX + 1];
    nfds_t count = 0;
    for (uint64_t i = 0; i < joins->count; i++)
        if (joins->at[i].sub != NULL)
            fds[count++] = (struct pollfd){.fd = sluice_sub_fd(joins->at[i].sub), .events = POLLIN};
    if (input_open)
        fds[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    poll(fds, count, WAIT_MS);
}

/* One round over all handles; makes those whose moment has come.  @return whether there was work.
 */
static bool turn_all(joins_t *joins, uint64_t now_ns, uint64_t began_wall_ns)
{
    bool worked = false;
    for (uint64_t i = 0; i < joins->count; i++) {
        join_t *join = &joins->at[i];
        if (join->sub == NULL && now_ns >= join->due_ns)
            begin(joins, join, began_wall_ns);
        if (join->sub != NULL)
            worked |= turn(join);
    }
    return worked;
}

static bool input_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static bool all_complete(const joins_t *joins, uint64_t end)
{
    for (uint64_t i = 0; i < joins->count; i++)
        if (joins->at[i].sub == NULL || joins->at[i].confirmed < end)
            return false;
    return true;
}

/* -- judging -------------------------------------------------------------------------------- */

/* The highest number whose batch was sealed before `wall_ns`, or at it. */
static uint64_t sealed_by(const history_view_t *view, uint64_t wall_ns, bool or_at)
{
    uint64_t number = 0;
    for (size_t i = 0; i < view->count; i++) {
        const history_record_t *r = &view->records[i];
        if (r->kind == HISTORY_EVENT &&
            (r->sealed_ns < wall_ns || (or_at && r->sealed_ns == wall_ns)) && r->number > number)
            number = r->number;
    }
    return number;
}

static bool starts_right(const history_view_t *view, join_t *join)
{
    switch (join->options.from) {
    case SLUICE_FROM_EARLIEST:
        join->after = 0;
        return true;
    case SLUICE_FROM_NUMBER:
        join->after = join->options.from_number;
        return true;
    case SLUICE_FROM_TIME:
        join->after = sealed_by(view, join->options.from_time_ns, false);
        return true;
    case SLUICE_FROM_NOW:
        break;
    }
    return join->after >= join->head_when_made &&
           join->after <= sealed_by(view, join->joined_ns, true);
}

static bool is_right(const history_view_t *view, join_t *join, uint64_t index)
{
    static const char *const from[] = {"now", "earliest", "number", "time"};
    bool starts = starts_right(view, join), mine[TOPICS];
    uint64_t events = 0, sum = 0;
    for (size_t i = 0; i < TOPICS; i++)
        mine[i] =
            join->pattern == NULL || wire_pattern_match(join->pattern, strlen(join->pattern),
                                                        topics[i].name, strlen(topics[i].name));
    for (size_t i = 0; i < view->count; i++) {
        const history_record_t *r = &view->records[i];
        if (r->kind != HISTORY_EVENT || r->number <= join->after || !mine[topic_index(r->topic)])
            continue;
        events++;
        sum += history_mix(r->number, r->topic, r->event);
    }
    bool right = starts && events == join->events && sum == join->sum && join->disorder == 0 &&
                 join->lost == 0 && join->streams == 0;
    if (!right)
        fprintf(stderr,
                "joins: %" PRIu64 ": from=%s pattern=%s order=%s after=%" PRIu64
                " starts=%d head=%" PRIu64 " events=%" PRIu64 " of %" PRIu64
                " sums %s disorder=%" PRIu64 " lost=%" PRIu64 " streams=%" PRIu64
                " confirmed=%" PRIu64 "\n",
                index, from[join->options.from], join->pattern != NULL ? join->pattern : "",
                join->options.order == SLUICE_ORDER_STREAM ? "stream" : "topic", join->after,
                starts, join->head_when_made, join->events, events,
                sum == join->sum ? "equal" : "differ", join->disorder, join->lost, join->streams,
                join->confirmed);
    return right;
}

static int judge_all(joins_t *joins)
{
    history_view_t view;
    uint64_t wrong = 0, events = 0, from[4] = {0};
    if (!history_map(&view, joins->reference))
        fail(joins->reference, strerror(errno));
    for (uint64_t i = 0; i < joins->count; i++) {
        wrong += !is_right(&view, &joins->at[i], i);
        events += joins->at[i].events;
        from[joins->at[i].options.from]++;
    }
    history_unmap(&view);
    printf("joins=%" PRIu64 " wrong=%" PRIu64 " now=%" PRIu64 " earliest=%" PRIu64
           " number=%" PRIu64 " time=%" PRIu64 " delivered=%" PRIu64 "\n",
           joins->count, wrong, from[SLUICE_FROM_NOW], from[SLUICE_FROM_EARLIEST],
           from[SLUICE_FROM_NUMBER], from[SLUICE_FROM_TIME], events);
    return wrong == 0 ? 0 : 1;
}

/* -- a run ---------------------------------------------------------------------------------- */

static int run(joins_t *joins)
{
    uint64_t began_ns = sl_clock_mono_ns(&sl_clock_system);
    uint64_t began_wall_ns = sl_clock_wall_ns(&sl_clock_system);
    uint64_t deadline_ns = UINT64_MAX, end = UINT64_MAX;
    for (size_t i = 0; i < TOPICS; i++)
        topics[i].hash = history_hash(topics[i].name, strlen(topics[i].name));
    for (uint64_t i = 0; i < joins->count; i++)
        joins->at[i].due_ns = began_ns + draw(joins) % (joins->seconds * 1000 + 1) * NS_PER_MS;
    while (!all_complete(joins, end)) {
        uint64_t now_ns = sl_clock_mono_ns(&sl_clock_system);
        bool input_open = end == UINT64_MAX;
        if (now_ns > deadline_ns)
            break; /* judged as they are */
        if (!turn_all(joins, now_ns, began_wall_ns))
            wait_for_more(joins, input_open);
        if (input_open && input_ended()) {
            end = reference_head(joins);
            deadline_ns = now_ns + (uint64_t)COMPLETE_WITHIN_MS * NS_PER_MS;
        }
    }
    int result = judge_all(joins);
    for (uint64_t i = 0; i < joins->count; i++)
        sluice_sub_destroy(&joins->at[i].sub);
    return result;
}

static uint64_t number_of(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value > UINT32_MAX)
        fail(text, "is no number");
    return value;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"feed", required_argument, NULL, 'f'},
                                          {"query", required_argument, NULL, 'q'},
                                          {"reference", required_argument, NULL, 'r'},
                                          {"count", required_argument, NULL, 'c'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'e'},
                                          {0}};
    static joins_t joins = {.options = {.size = sizeof joins.options}, .count = 100, .seconds = 10};
    for (int flag; (flag = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (flag) {
        case 'f':
            joins.options.feed = optarg;
            break;
        case 'q':
            joins.options.query = optarg;
            break;
        case 'r':
            joins.reference = optarg;
            break;
        case 'c':
            joins.count = number_of(optarg);
            break;
        case 's':
            joins.seconds = number_of(optarg);
            break;
        case 'e':
            joins.seed = number_of(optarg);
            break;
        default:
            return 1;
        }
    if (joins.reference == NULL || joins.count > JOINS_MAX)
        fail("--reference, --count", "missing, or too many");
    joins.options.zmq_context = zmq_ctx_new(); /* one I/O thread for all of them */
    int result = run(&joins);
    zmq_ctx_term(joins.options.zmq_context);
    return result;
}
