/* sub_cursor.c - where a subscription begins, and how a named one remembers where it is.
 *
 *     CURSOR.OPEN --> placed: behind that number          \
 *                \--> new: as `from` says                  +--> the feed is opened
 *     FIND (a time, the oldest) --> behind what it answers       /
 *
 *     CURSOR.COMMIT, one at a time, asked until it is answered.  `wanted` is what shall be kept,
 * and may run ahead of `sent`, which is under way; `kept` is what the broker answered last.
 *
 * The generation stays good across connections and the broker's restarts.  Who hears that it is
 * not has lost the cursor to somebody else.  A broker that does not know the name any more was
 * restored from a backup, or lost its cursors: there the cursor is opened again, and put where we
 * are. */
#include "sub_impl.h"

static void question_later(sub_question_t *question, uint64_t now, uint64_t ms)
{
    question->request = 0;
    question->due_ns = now + ms * SUB_NS_PER_MS;
}

/* -- the start -------------------------------------------------------------------------------- */

static sluice_err copy_patterns(sluice_sub_t *sub)
{
    size_t at = 0, len;
    const char *prefix;
    const patterns_t *patterns = &sub->state.patterns;
    for (size_t i = 0; i < patterns->count; i++)
        wire_texts_put(&sub->patterns, patterns->list[i].text, patterns->list[i].len);
    sub->pattern_count = (uint32_t)patterns->count;
    while ((prefix = patterns_next_replay_prefix(patterns, &at, &len)) != NULL) {
        wire_texts_put(&sub->prefixes, prefix, len);
        sub->prefix_count++;
    }
    if (sub->prefix_count > WIRE_PREFIXES_MAX ||
        sub->prefixes.len > WIRE_PREFIXES_BYTES_MAX) { /* then all there is, and we match */
        sl_buf_clear(&sub->prefixes);
        wire_texts_put(&sub->prefixes, "", 0);
        wire_texts_put(&sub->prefixes, "$", 1);
        sub->prefix_count = 2;
    }
    return sub->patterns.failed || sub->prefixes.failed ? SLUICE_ENOMEM : SLUICE_OK;
}

sluice_err sub_cursor_init(sluice_sub_t *sub, const sluice_sub_options_t *options)
{
    sub->from.now = options->from == SLUICE_FROM_NOW;
    sub->from_time = options->from == SLUICE_FROM_TIME;
    sub->from_find = sub->from_time ||
                     (options->from == SLUICE_FROM_EARLIEST && options->repair == SLUICE_REPAIR_ON);
    sub->from_time_ns = sub->from_time ? options->from_time_ns : 0; /* 0: all there is */
    if (options->from == SLUICE_FROM_NUMBER)
        sub->from = (sub_start_t){.stream = options->from_stream, .number = options->from_number};
    sub->commit_ms = options->commit_ms != 0 ? options->commit_ms : 1000;
    sub->commit.due_ns = sub->commit_ms == UINT32_MAX ? UINT64_MAX : 0;
    sub->phase = options->name != NULL ? SUB_START_CURSOR
                 : sub->from_find      ? SUB_START_TIME
                                       : SUB_STARTED;
    if (options->name != NULL) {
        if (!wire_cursor_name_valid(options->name,
                                    strnlen(options->name, WIRE_CURSOR_NAME_MAX + 1)))
            return SLUICE_EINVAL;
        sub->name = strdup(options->name);
        if (sub->name == NULL)
            return SLUICE_ENOMEM;
    }
    sub_state_start(&sub->state, &sub->from);
    sluice_err err = copy_patterns(sub);
    bool too_many = sub->name != NULL && sub->patterns.len > WIRE_CURSOR_PATTERNS_MAX;
    return err == SLUICE_OK && too_many ? SLUICE_ELIMIT : err;
}

static sluice_err begin(sluice_sub_t *sub, sub_start_t start)
{
    sub_state_start(&sub->state, &start);
    sub->phase = SUB_STARTED;
    return sub_feed_open(sub);
}

static bool has_text(wire_texts_t texts, const char *text, uint32_t len)
{
    const char *other;
    uint32_t other_len;
    while (wire_texts_next(&texts, &other, &other_len))
        if (other_len == len && memcmp(other, text, len) == 0)
            return true;
    return false;
}

static bool has_texts(wire_texts_t texts, wire_texts_t others)
{
    const char *text;
    uint32_t len;
    while (wire_texts_next(&others, &text, &len))
        if (!has_text(texts, text, len))
            return false;
    return true;
}

static bool same_patterns(const sluice_sub_t *sub, wire_texts_t theirs)
{
    wire_texts_t ours = wire_texts(&sub->patterns, sub->pattern_count);
    return has_texts(ours, theirs) && has_texts(theirs, ours);
}

static sluice_err take_opened(sluice_sub_t *sub, const wire_query_t *answer)
{
    wire_cursor_opened_t opened;
    sl_err err = wire_cursor_opened_decode(&opened, answer);
    if (err != SL_OK)
        return (sluice_err)err;
    sub->start = (sub_question_t){0};
    sub->generation = opened.generation;
    sub->cursor_seen = true;
    sub->kept = (sub_place_t){opened.stream, opened.number}; /* zeros: nowhere */
    if (sub->reopen) { /* it is where we are, whatever it says */
        sub->reopen = false;
        return SLUICE_OK;
    }
    if (opened.placed)
        return begin(sub, (sub_start_t){.stream = opened.stream,
                                        .number = opened.number,
                                        .other_patterns =
                                            opened.known && !same_patterns(sub, opened.patterns)});
    sub->commit.due_ns = 0; /* where it begins shall be kept, also if nothing else is by itself */
    if (!sub->from_find)
        return begin(sub, sub->from);
    sub->phase = SUB_START_TIME;
    return SLUICE_OK;
}

static sluice_err take_found(sluice_sub_t *sub, const wire_query_t *answer)
{
    wire_found_t found;
    sl_err err = wire_found_decode(&found, answer);
    if (err != SL_OK)
        return (sluice_err)err;
    sub->start = (sub_question_t){0};
    if (!sub->from_time) /* what is not there was not named: nothing is lost, whatever the stream */
        return begin(sub, (sub_start_t){.number = found.after});
    return begin(
        sub, (sub_start_t){.stream = found.stream, .number = found.after, .taken = found.taken});
}

static sluice_err take_start(sluice_sub_t *sub, const wire_query_t *answer)
{
    wire_query_error_t error;
    if (answer->type == WIRE_QUERY_CURSOR_OPEN && (sub->phase == SUB_START_CURSOR || sub->reopen))
        return take_opened(sub, answer);
    if (answer->type == WIRE_QUERY_FIND && sub->phase == SUB_START_TIME)
        return take_found(sub, answer);
    if (answer->type != WIRE_QUERY_ERROR || wire_query_error_decode(&error, answer) != SL_OK)
        return SLUICE_EPROTO;
    question_later(&sub->start, link_now_ns(), SUB_START_RETRY_MS);
    return wire_code_again(error.code)     ? SLUICE_OK
           : error.code == WIRE_CODE_LIMIT ? SLUICE_ELIMIT
                                           : SLUICE_EREFUSED;
}

static sluice_err ask_start(sluice_sub_t *sub, uint64_t now)
{
    uint64_t request = sub->requests + 1;
    sl_buf_clear(&sub->scratch);
    if (sub->phase != SUB_START_TIME)
        wire_put_cursor_open(
            &sub->scratch, request,
            &(wire_cursor_open_t){.name = sub->name,
                                  .name_len = (uint32_t)strlen(sub->name),
                                  .patterns = wire_texts(&sub->patterns, sub->pattern_count)});
    else
        wire_put_find(&sub->scratch, request, &(wire_find_t){sub->from_time_ns});
    sluice_err err = sub_query_send(sub);
    if (err != SLUICE_OK)
        return err;
    sub->start.request = ++sub->requests;
    sub_query_asked(sub, now);
    return SLUICE_OK;
}

/* -- commits ---------------------------------------------------------------------------------- */

static bool is_behind(sub_place_t place, sub_place_t other)
{
    return place.stream == other.stream && place.number <= other.number;
}

/* A broker that was restored, or lost its cursors, does not know ours: it is opened again.  But one
 * that knew it on this connection was told to drop it; unless the connection is a new one, which
 * only the feed shows us: it is given the time to. */
static bool name_was_dropped(sluice_sub_t *sub, uint64_t now)
{
    uint64_t patience = 2 * (uint64_t)sub->watchdog_ms * SUB_NS_PER_MS;
    if (!sub->cursor_seen) {
        sub->reopen = true;
        sub->nameless_ns = 0;
        return false;
    }
    if (sub->nameless_ns == 0)
        sub->nameless_ns = now;
    return now - sub->nameless_ns >= patience;
}

static sluice_err take_refusal(sluice_sub_t *sub, wire_code_t code)
{
    uint64_t now = link_now_ns();
    bool dropped = code == WIRE_CODE_NAME && name_was_dropped(sub, now);
    if (code == WIRE_CODE_BACKWARDS) { /* it is kept further on, by a commit of ours */
        sub->kept = sub->sent;
        return SLUICE_OK;
    }
    if (wire_code_again(code) || (code == WIRE_CODE_NAME && !dropped)) {
        uint64_t wait_ms = code == WIRE_CODE_NAME ? sub->watchdog_ms / 4 : SUB_START_RETRY_MS;
        sub->commit_again_ns = sub->reopen ? 0 : now + wait_ms * SUB_NS_PER_MS;
        return SLUICE_OK;
    }
    sub->wanted = (sub_place_t){0}; /* until it is due again */
    sub->fenced = code == WIRE_CODE_FENCED || dropped;
    return sub->fenced ? SLUICE_EFENCED : SLUICE_EREFUSED;
}

static sluice_err take_commit(sluice_sub_t *sub, const wire_query_t *answer)
{
    wire_query_error_t error = {.code = WIRE_CODE_UNKNOWN};
    sub->commit.request = 0;
    if (answer->type == WIRE_QUERY_CURSOR_COMMIT) {
        sub->kept = sub->sent;
        sub->commits++;
        sub->cursor_seen = true;
        sub->nameless_ns = 0;
        return SLUICE_OK;
    }
    if (answer->type != WIRE_QUERY_ERROR || wire_query_error_decode(&error, answer) != SL_OK)
        return SLUICE_EPROTO;
    return take_refusal(sub, error.code);
}

static sluice_err ask_commit(sluice_sub_t *sub, uint64_t now)
{
    wire_cursor_place_t place = {.name = sub->name,
                                 .name_len = (uint32_t)strlen(sub->name),
                                 .generation = sub->generation,
                                 .stream = sub->wanted.stream,
                                 .number = sub->wanted.number};
    sl_buf_clear(&sub->scratch);
    wire_put_cursor_place(&sub->scratch, WIRE_QUERY_CURSOR_COMMIT, sub->requests + 1, &place);
    sluice_err err = sub_query_send(sub);
    if (err != SLUICE_OK)
        return err;
    sub->commit.request = ++sub->requests;
    sub->sent = sub->wanted;
    sub_query_asked(sub, now);
    return SLUICE_OK;
}

void sub_cursor_by_itself(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns)
{
    if (sub->name == NULL || sub->fenced || !sub->state.placed)
        return;
    if (sub->commit.due_ns <= now) {
        sub_place_t place = {sub->state.stream, sub->state.confirmed};
        if (!is_behind(place, sub->wanted))
            sub->wanted = place;
        sub->commit.due_ns = sub->commit_ms == UINT32_MAX
                                 ? UINT64_MAX
                                 : now + (uint64_t)sub->commit_ms * SUB_NS_PER_MS;
    }
    sub_lower(next_ns, sub->commit.due_ns);
}

sluice_err sub_cursor_look(sluice_sub_t *sub, uint64_t now, uint64_t *next_ns)
{
    if (sub->phase != SUB_STARTED || sub->reopen) {
        if (sub->start.request == 0 && sub->start.due_ns <= now)
            return ask_start(sub, now);
        if (sub->start.request == 0)
            sub_lower(next_ns, sub->start.due_ns);
        return SLUICE_OK;
    }
    if (sub->name == NULL || sub->fenced || !sub->state.placed)
        return SLUICE_OK;
    if (sub->commit.request != 0 || sub->wanted.stream == 0 || is_behind(sub->wanted, sub->kept))
        return SLUICE_OK;
    if (now >= sub->commit_again_ns)
        return ask_commit(sub, now);
    sub_lower(next_ns, sub->commit_again_ns);
    return SLUICE_OK;
}

sluice_err sub_cursor_answer(sluice_sub_t *sub, const wire_query_t *answer)
{
    if (answer->request == 0)
        return SLUICE_OK;
    if (answer->request == sub->start.request)
        return take_start(sub, answer);
    if (answer->request == sub->commit.request)
        return take_commit(sub, answer);
    return SLUICE_OK; /* of an older connection, or cancelled */
}

void sub_cursor_reconnected(sluice_sub_t *sub)
{
    sub->start.request = sub->commit.request = 0;
    sub->cursor_seen = false;
    sub->commit_again_ns = 0;
}

void sub_cursor_stream(sluice_sub_t *sub, wire_parent_t parent)
{
    sub_place_t last = sub->wanted.stream != 0 ? sub->wanted : sub->kept;
    if (last.stream != sub->state.stream) { /* it is kept under the new identity, or not at all */
        bool known = parent.stream != 0 && last.stream == parent.stream;
        if (last.number > parent.last)
            last.number = parent.last;
        sub->wanted = known ? (sub_place_t){sub->state.stream, last.number} : (sub_place_t){0};
    }
    if (sub->returned > parent.last)
        sub->returned = parent.last;
}

/* -- the user's own commits ------------------------------------------------------------------- */

/* What the descriptor had to tell may have been taken away, and what it has to tell of the feed is
 * not wanted while the user waits for this alone: all of that again at once, later if he goes on
 * waiting. */
static void tell_later(sluice_sub_t *sub, uint64_t now)
{
    link_settle(&sub->feed);
    link_wake_at(&sub->link, sub->unread ? now + (uint64_t)SUB_UNREAD_MS * SUB_NS_PER_MS : 0);
    sub->unread = true;
}

sluice_err sub_cursor_commit(sluice_sub_t *sub, uint64_t number)
{
    uint64_t now = link_now_ns(), next_ns = UINT64_MAX, last = sub_returned(sub);
    if (sub->state.in_order && sub->returned > last)
        last = sub->returned;
    if (number > last)
        return SLUICE_EINVAL;
    sub_place_t place = {sub->state.stream, number != 0 ? number : last};
    if (!is_behind(place, sub->wanted))
        sub->wanted = place;
    link_timer_taken(&sub->link, now);
    sluice_err err = sub_query_look(sub, now, true, &next_ns);
    tell_later(sub, now);
    if (err != SLUICE_OK)
        return err;
    return is_behind(place, sub->kept) ? SLUICE_OK : SLUICE_EAGAIN;
}
