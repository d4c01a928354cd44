/* What is in a tree, entry by entry: state, tails, records; and what is wrong with them. */
#include "examine.h"

static void fault(survey_t *v, const char *what)
{
    if (v->fault == NULL)
        v->fault = what;
}

static void hole(survey_t *v, uint64_t from, uint64_t to)
{
    if (from > to)
        return;
    v->lost_events += to - from + 1;
    if (v->hole != NULL)
        v->hole(v->ctx, from, to);
}

static void survey_state(survey_t *v, const void *data, size_t len)
{
    sl_err err = state_read(&v->state, data, len);
    v->has_state = err == SL_OK;
    if (err == SL_EVERSION)
        v->newer = true;
    else if (err != SL_OK)
        fault(v, "the state is damaged");
    v->as_left = v->has_state && v->trusting != NULL && store_is_as_left(v->s, &v->state);
}

static void survey_tail(survey_t *v, const uint8_t *name, size_t name_len, const void *data,
                        size_t len)
{
    store_tail_t tail;
    sl_err err = tail_read(&tail, data, len);
    if (err == SL_EVERSION) {
        v->newer = true;
        return;
    }
    if (err != SL_OK || tail.topic_len != name_len || memcmp(tail.topic, name, name_len) != 0) {
        fault(v, "a topic's tail is damaged");
        return;
    }
    store_topic_t *topic = store_topic(v->s, tail.topic, tail.topic_len);
    if (topic == NULL)
        v->err = SL_ENOMEM;
    else
        topic->last = tail.last;
}

static void note_damaged(survey_t *v, uint64_t first, const void *data, size_t len)
{
    if (v->damaged_count == v->damaged_room) {
        size_t room = v->damaged_room > 0 ? 2 * v->damaged_room : 16;
        survey_damaged_t *grown = realloc(v->damaged, room * sizeof *grown);
        if (grown == NULL) {
            v->err = SL_ENOMEM;
            return;
        }
        v->damaged = grown;
        v->damaged_room = room;
    }
    v->damaged[v->damaged_count++] =
        (survey_damaged_t){first, store_put_record_aside(v->s, first, data, len)};
}

/* Is a record there that is whole, but for the length that the tree gives it? */
static bool whole_but_for_length(const void *data, size_t room)
{
    record_t r;
    size_t claims = record_claims(data, room);
    return claims > 0 && claims <= room && record_read(&r, data, claims) == SL_OK;
}

/* Of a record whose body was not read.  Another version may be damage too: the body will say. */
static bool read_head(record_t *r, uint64_t first, const void *data, size_t len, size_t room)
{
    return room >= RECORD_HEAD_BYTES && record_trust(r, data, len) == SL_OK && r->first == first;
}

/* The oldest is read whole: retention goes by its time. */
static void note_oldest(survey_t *v, const record_t *r)
{
    v->first = r->first;
    v->oldest_time_ns = r->time_ns;
    if (v->has_state)
        hole(v, v->state.oldest, r->first - 1);
    if (v->as_left)
        v->trusted = v->trusting->heads_only = true;
}

static void survey_record(survey_t *v, uint64_t first, size_t key_len, const void *data, size_t len,
                          size_t room)
{
    record_t r;
    sl_err err = SL_OK;
    if (room >= len) {
        err = record_read(&r, data, len);
    } else if (!read_head(&r, first, data, len, room)) {
        v->doubtful = true;
        return;
    }
    if (err == SL_EVERSION) {
        v->newer = true;
        return;
    }
    if (err == SL_OK ? r.first != first : whole_but_for_length(data, room)) {
        fault(v, "the tree gives a record that is whole another number or length");
        return;
    }
    if (err != SL_OK) {
        note_damaged(v, first, data, len);
        return;
    }
    if (v->records == 0) {
        note_oldest(v, &r);
    } else if (r.first <= v->upto) {
        fault(v, "records overlap");
    } else {
        hole(v, v->upto + 1, r.first - 1);
    }
    v->records++;
    v->events += r.count;
    v->bytes += store_footprint(key_len, len);
    v->upto = record_last(&r);
}

void survey_entry(void *ctx, const void *key, size_t key_len, const void *data, size_t len,
                  size_t room)
{
    survey_t *v = ctx;
    const uint8_t *name = key;
    uint64_t first;
    if (key_len == 1 && name[0] == KEY_STATE)
        survey_state(v, data, len);
    else if (key_len > 1 && name[0] == KEY_TAIL)
        survey_tail(v, name + 1, key_len - 1, data, len);
    else if (record_key_read(key, key_len, &first))
        survey_record(v, first, key_len, data, len, room);
    else
        fault(v, "an entry has a key of no kind");
}

void survey_end(survey_t *v)
{
    if (!v->has_state) {
        fault(v, "there is no state");
        return;
    }
    if (v->records > 0 && v->upto >= v->state.next)
        fault(v, "a record lies behind the next number");
    else if (v->records > 0 && v->first < v->state.oldest)
        fault(v, "a record lies below the oldest number");
    else
        hole(v, v->records > 0 ? v->upto + 1 : v->state.oldest, v->state.next - 1);
}
