#include "recovery.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MS = 1000 * 1000 /* ns */ };

typedef struct restore {
    sequencer_t *s;
    recovery_t *recovery;
    uint64_t mono_ms, wall_ns;
    sl_err err;
} restore_t;

static void on_tail(void *ctx, const char *topic, size_t len, uint64_t last)
{
    restore_t *r = ctx;
    topic_t *t = topics_add(&r->s->topics, topic, len);
    if (t == NULL) {
        r->err = SL_ELIMIT;
        return;
    }
    t->last = t->fed = last;
    r->recovery->topics++;
}

/* An event's age is its batch's: some milliseconds less than that of its request. */
static void on_ids(void *ctx, const record_t *record)
{
    static const uint8_t none[WIRE_ID_BYTES];
    restore_t *r = ctx;
    dedup_t *d = &r->s->dedup;
    uint64_t age_ms = record->time_ns < r->wall_ns ? (r->wall_ns - record->time_ns) / MS : 0;
    if (record->ids == NULL || age_ms >= r->s->o.dedup_age_ms || r->err != SL_OK)
        return;
    r->err = dedup_reserve(d, record->count);
    if (r->err != SL_OK)
        return;
    dedup_set_age(d, r->mono_ms, age_ms);
    for (uint32_t i = 0; i < record->count; i++) {
        const uint8_t *id = record->ids + WIRE_ID_BYTES * (size_t)i;
        uint32_t original;
        if (memcmp(id, none, WIRE_ID_BYTES) != 0)
            r->recovery->ids += dedup_put(d, id, BATCH_TICKET_NONE, &original);
    }
}

sl_err recovery_run(recovery_t *recovery, sequencer_t *s, store_t *store, const sl_clock_t *clock,
                    const char **failed)
{
    const store_found_t *found = &recovery->found;
    uint64_t began_ns = sl_clock_mono_ns(clock);
    recovery->parent_count = found->parent_count;
    for (uint32_t i = 0; i < found->parent_count; i++)
        recovery->parents[i] = (wire_parent_t){found->parents[i].stream, found->parents[i].last};
    restore_t r = {s, recovery, began_ns / MS, sl_clock_wall_ns(clock), SL_OK};
    *failed = "it has more topics than --topics allows";
    sl_err err = store_tails(store, on_tail, &r);
    if (err != SL_OK)
        *failed = "its topics cannot be read";
    if (err != SL_OK || r.err != SL_OK)
        return err != SL_OK ? err : r.err;
    *failed = "the dedup window cannot be rebuilt";
    if (s->o.dedup_count > 0)
        err = store_ids(store, s->o.dedup_count, on_ids, &r);
    dedup_set_age(&s->dedup, r.mono_ms, 0);
    if (err == SL_OK && r.err == SL_OK && store_ready(store) != SL_OK)
        LOG_WARN("JOURNAL-READY",
                 "cause=\"%s\"; that this start is over could not be written: if "
                 "this run dies, the next start reads the whole journal",
                 strerror(errno));
    recovery->took_ns += sl_clock_mono_ns(clock) - began_ns;
    return err != SL_OK ? err : r.err;
}

static void describe_stream(const store_found_t *f, char *out, size_t size)
{
    int len = snprintf(out, size, "stream=%llu", (unsigned long long)f->stream);
    if (f->new_stream && f->parent_count > 0)
        len += snprintf(out + len, size - (size_t)len, " parent=%llu parent_last=%llu",
                        (unsigned long long)f->parents[0].stream,
                        (unsigned long long)f->parents[0].last);
    snprintf(out + len, size - (size_t)len, "; the stream %s%s%s%s",
             f->new_stream ? "is new" : "goes on", f->why != NULL ? ": " : "",
             f->why != NULL ? f->why : "", *f->damage != '\0' ? "; damage: " : "");
}

void recovery_tell(const recovery_t *r, const char *dir)
{
    const store_found_t *f = &r->found;
    char stream[256];
    describe_stream(f, stream, sizeof stream);
    bool damaged = f->damaged_records > 0 || *f->damage != '\0';
    log_level_t level = damaged ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
    LOG_AT(level, "BROKER-JOURNAL",
           "dir=%s clean=%s records=%llu events=%llu bytes=%llu oldest=%llu next=%llu topics=%u "
           "dedup_ids=%llu quarantined=%llu lost_events=%llu salvaged=%llu took_ms=%llu %s%s",
           dir, f->was_clean ? "yes" : "no", (unsigned long long)f->records,
           (unsigned long long)f->events, (unsigned long long)f->bytes,
           (unsigned long long)f->oldest, (unsigned long long)f->next, r->topics,
           (unsigned long long)r->ids, (unsigned long long)f->damaged_records,
           (unsigned long long)f->lost_events, (unsigned long long)f->salvaged,
           (unsigned long long)(r->took_ns / MS), stream, f->damage);
}
