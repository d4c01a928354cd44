/* normalise.c - one pass over the text, one reservation, values written as they are met.
 *
 *     out:  | earlier events | gap for the head | field field field ...
 *                            ^start             ^first             ^to
 *
 * Category and Event may stand last in the text and come first in the event, so the fields are
 * written behind a gap that any head fits in; when all is known the head is written and the fields
 * close up to it.  Nothing in the text makes the output longer than OUT_PER_BYTE says, so one
 * reservation suffices and no value asks for room. */
#include "event/normalise.h"

#include "event/iso.h"
#include "field_type.h"
#include "json_impl.h"
#include "members.h"
#include "pack.h"

enum {
    OUT_PER_BYTE = 3, /* the worst is `-0,`, three bytes that become a double of nine */
    LEN_MAX = 1 << 29 /* so that offsets fit in 32 bits */
};

/* Where the scan reads and where the event grows.  `at` is NULL after an error. */
typedef struct pos {
    const uint8_t *at;
    uint8_t *to;
} pos_t;

typedef struct norm {
    json_scan_t in;
    sl_buf_t *out;
    event_info_t *info;
    bool from_body;
    json_str_t category, event; /* as they stand in the text; len 0 when they are no strings */
    json_str_t id, source;      /* the origin's, or the body's */
    int64_t sec;
    uint32_t nsec;
    uint32_t met; /* a bit for each name_kind_t that is kept out of the fields */
} norm_t;

static inline pos_t fail(norm_t *n, json_err_t err, const uint8_t *at)
{
    return (pos_t){json_fail(&n->in, err, at), NULL};
}

static inline size_t offset_of(const norm_t *n, const uint8_t *to)
{
    return (size_t)(to - n->out->data);
}

/* -- values ---------------------------------------------------------------------------------- */

static pos_t put_object(norm_t *n, pos_t p);
static pos_t put_array(norm_t *n, pos_t p);

static pos_t put_number(norm_t *n, pos_t p)
{
    json_num_t num;
    p.at = json_scan_number(&n->in, p.at, &num);
    if (p.at == NULL)
        return p;
    switch (num.type) {
    case JSON_UINT:
        p.to = pack_uint(p.to, num.u64);
        break;
    case JSON_INT:
        p.to = pack_negative(p.to, num.i64);
        break;
    case JSON_DOUBLE:
        p.to = pack_double(p.to, num.dbl);
        break;
    case JSON_BIG:
        p.to = pack_bytes(p.to, num.raw, num.raw_len);
        n->info->inexact++;
        break;
    }
    return p;
}

static pos_t put_word(norm_t *n, pos_t p)
{
    const uint8_t *word = p.at;
    p.at = json_scan_any_word(&n->in, word);
    if (p.at != NULL)
        *p.to++ = *word == 't' ? PACK_TRUE : *word == 'f' ? PACK_FALSE : PACK_NIL;
    return p;
}

static inline pos_t put_string(norm_t *n, pos_t p)
{
    json_str_t str;
    p.at = json_scan_string(&n->in, p.at + 1, &str);
    if (LIKELY(p.at != NULL))
        p.to = pack_json_str(p.to, &str, n->in.end);
    return p;
}

/* A value that is no string; p.at is its first byte, if there is one. */
static pos_t put_other(norm_t *n, pos_t p)
{
    uint8_t first = p.at < n->in.end ? *p.at : 0;
    if (first == '{')
        return put_object(n, p);
    if (first == '[')
        return put_array(n, p);
    if (first == '-' || (first >= '0' && first <= '9'))
        return put_number(n, p);
    return put_word(n, p);
}

static inline pos_t put_value(norm_t *n, pos_t p)
{
    p.at = json_pass_space(p.at, n->in.end);
    return LIKELY(p.at < n->in.end && *p.at == '"') ? put_string(n, p) : put_other(n, p);
}

/* -- typed fields ---------------------------------------------------------------------------- */

static bool parse_int(const uint8_t *text, size_t len, json_num_t *num)
{
    json_scan_t in = {.at = text, .end = text + len};
    return json_scan_number(&in, text, num) == in.end && num->type <= JSON_INT;
}

/* Gives the value at `value`, the last one written, the type that its field has. */
static uint8_t *retype(norm_t *n, field_type_t type, uint8_t *value, uint8_t *to)
{
    size_t len;
    json_num_t num;
    int64_t sec;
    uint32_t nsec;
    if (*value == PACK_NIL || (type == FIELD_INT && pack_is_int(*value)))
        return to;
    if (pack_is_str(*value)) {
        const uint8_t *text = pack_str_bytes(value, &len);
        if (len == 0) {
            *value = PACK_NIL;
            return to;
        }
        if (type == FIELD_TIME && iso_parse(text, len, &sec, &nsec))
            return pack_time(value, sec, nsec);
        if (type == FIELD_INT && parse_int(text, len, &num))
            return num.type == JSON_UINT ? pack_uint(value, num.u64)
                                         : pack_negative(value, num.i64);
    }
    n->info->untyped++;
    return to;
}

/* -- members --------------------------------------------------------------------------------- */

typedef enum { NAME_FIELD, NAME_CATEGORY, NAME_EVENT, NAME_ID, NAME_SOURCE, NAME_TIME } name_kind_t;

#define NAME_IS(name, literal) (memcmp((name), (literal), sizeof(literal) - 1) == 0)

/* Names at the top that are not fields as they stand.  `$…` counts as NAME_ID, since it is renamed
 * like one; only an id is taken over from the body. */
static inline name_kind_t name_kind(const uint8_t *name, size_t len)
{
    switch (len) {
    case 2:
        return NAME_IS(name, "id") ? NAME_ID : NAME_FIELD;
    case 4:
        return NAME_IS(name, "time") ? NAME_TIME : NAME_FIELD;
    case 5:
        return NAME_IS(name, "Event") ? NAME_EVENT : NAME_FIELD;
    case 6:
        return NAME_IS(name, "source") ? NAME_SOURCE : NAME_FIELD;
    case 8:
        return NAME_IS(name, "Category") ? NAME_CATEGORY : NAME_FIELD;
    default:
        return NAME_FIELD;
    }
}

static inline void meet(norm_t *n, name_kind_t kind)
{
    uint32_t bit = (uint32_t)1 << kind;
    n->info->repeated += (n->met & bit) != 0;
    n->met |= bit;
}

/* Category or Event: keeps where it stands, writes nothing. */
static inline pos_t keep_token(norm_t *n, name_kind_t kind, pos_t p)
{
    json_str_t *token = kind == NAME_CATEGORY ? &n->category : &n->event;
    meet(n, kind);
    p.at = json_pass_space(p.at, n->in.end);
    *token = (json_str_t){.raw = p.at};
    if (LIKELY(p.at < n->in.end && *p.at == '"'))
        p.at = json_scan_string(&n->in, p.at + 1, token);
    else
        p.at = put_other(n, p).at; /* checked like any value, and then forgotten */
    return p;
}

/* The body's own id, source or time, where they replace the origin's.  @return false when the value
 * is not of that form: then nothing has moved.  What lies from `spare` on is free. */
static bool keep_context(norm_t *n, name_kind_t kind, pos_t *p, uint8_t *spare)
{
    json_str_t str;
    const uint8_t *at = json_pass_space(p->at, n->in.end);
    if (at == n->in.end || *at != '"')
        return false;
    at = json_scan_string(&n->in, at + 1, &str);
    if (at == NULL) {
        p->at = NULL;
        return true;
    }
    if (kind == NAME_TIME) {
        json_str_copy(&str, spare);
        if (!iso_parse(spare, str.len, &n->sec, &n->nsec))
            return false;
    } else {
        *(kind == NAME_ID ? &n->id : &n->source) = str;
    }
    meet(n, kind);
    p->at = at;
    return true;
}

/* Writes the key `body:<name>` over the key <name>, whose bytes end at `end`. */
static uint8_t *rename_key(norm_t *n, uint8_t *key, uint8_t *name, uint8_t *end)
{
    static const char prefix[] = "body:";
    enum { PREFIX_LEN = sizeof prefix - 1 };
    size_t len = (size_t)(end - name);
    size_t head_len = pack_str_head_len(len + PREFIX_LEN);
    memmove(key + head_len + PREFIX_LEN, name, len);
    pack_str_head(key, len + PREFIX_LEN);
    memcpy(key + head_len, prefix, PREFIX_LEN);
    n->info->renamed++;
    return key + head_len + PREFIX_LEN + len;
}

/* One member; p.at is its key's first byte. */
static inline __attribute__((always_inline)) pos_t put_member(norm_t *n, members_t *m, size_t first,
                                                              pos_t p, bool top)
{
    json_str_t str;
    uint8_t *key = p.to;
    if (UNLIKELY(p.at == n->in.end || *p.at != '"'))
        return fail(n, JSON_BROKEN, p.at);
    p.at = json_scan_string(&n->in, p.at + 1, &str);
    if (UNLIKELY(p.at == NULL))
        return p;
    p.at = json_pass_space(p.at, n->in.end);
    if (UNLIKELY(p.at == n->in.end || *p.at != ':'))
        return fail(n, JSON_BROKEN, p.at);
    p.at++;
    p.to = pack_json_str(key, &str, n->in.end);
    uint8_t *name = p.to - str.len;
    field_type_t type = FIELD_VERBATIM;
    if (top) {
        name_kind_t kind = name_kind(name, str.len);
        if (kind == NAME_CATEGORY || kind == NAME_EVENT)
            return keep_token(n, kind, (pos_t){p.at, key});
        if (UNLIKELY(kind != NAME_FIELD || (str.len > 0 && *name == '$'))) {
            pos_t kept = {p.at, key};
            if (kind != NAME_FIELD && n->from_body && keep_context(n, kind, &kept, p.to))
                return kept;
            p.to = rename_key(n, key, name, p.to);
            name = p.to - str.len - 5;
        }
        type = field_type((const char *)name, (size_t)(p.to - name));
    }
    members_add(m, n->out->data + first, key, name, (size_t)(p.to - key));
    size_t value = offset_of(n, p.to); /* an object of many members may move the output */
    p = put_value(n, p);
    if (type != FIELD_VERBATIM && LIKELY(p.at != NULL))
        p.to = retype(n, type, n->out->data + value, p.to);
    return p;
}

/* The members of an object up to its end; p.at is behind the brace.  Sets how many are left. */
static inline __attribute__((always_inline)) pos_t put_members(norm_t *n, pos_t p, bool top,
                                                               uint32_t *count)
{
    members_t m;
    members_init(&m);
    size_t first = offset_of(n, p.to);
    p.at = json_pass_space(p.at, n->in.end);
    bool empty = p.at < n->in.end && *p.at == '}';
    while (!empty) {
        p = put_member(n, &m, first, p, top);
        if (UNLIKELY(p.at == NULL))
            return p;
        p.at = json_pass_space(p.at, n->in.end);
        uint8_t next = p.at < n->in.end ? *p.at : 0;
        if (next == '}')
            break;
        if (UNLIKELY(next != ','))
            return fail(n, JSON_BROKEN, p.at);
        p.at = json_pass_space(p.at + 1, n->in.end);
    }
    p.at++;
    if (UNLIKELY(m.dead != 0 || m.count > MEMBERS_NOTED)) {
        size_t end = offset_of(n, p.to);
        n->info->repeated += members_close(&m, n->out, first, &end);
        p.to = n->out->data + end;
    }
    *count = m.count;
    return p;
}

/* One more object or array has begun at `at`. */
static inline bool go_deeper(norm_t *n, const uint8_t *at)
{
    if (n->in.depth == JSON_DEPTH_MAX) {
        json_fail(&n->in, JSON_DEEP, at);
        return false;
    }
    n->in.depth++;
    return true;
}

/* Writes the head at offset `head` of a container whose values end at p.to; one byte was left. */
static pos_t close_container(norm_t *n, pos_t p, size_t head, pack_container_t kind, uint32_t count)
{
    n->in.depth--;
    uint8_t *to = n->out->data + head;
    size_t more = pack_container_head_len(count) - 1;
    if (more > 0)
        memmove(to + 1 + more, to + 1, (size_t)(p.to - (to + 1)));
    pack_container_head(to, kind, count);
    p.to += more;
    return p;
}

static pos_t put_object(norm_t *n, pos_t p)
{
    size_t head = offset_of(n, p.to);
    uint32_t count;
    if (!go_deeper(n, p.at))
        return (pos_t){NULL, NULL};
    p = put_members(n, (pos_t){p.at + 1, p.to + 1}, false, &count);
    return p.at == NULL ? p : close_container(n, p, head, PACK_MAP, count);
}

static pos_t put_array(norm_t *n, pos_t p)
{
    size_t head = offset_of(n, p.to);
    uint32_t count = 0;
    if (!go_deeper(n, p.at))
        return (pos_t){NULL, NULL};
    p.at = json_pass_space(p.at + 1, n->in.end);
    p.to++;
    bool empty = p.at < n->in.end && *p.at == ']';
    while (!empty) {
        p = put_value(n, p);
        if (p.at == NULL)
            return p;
        count++;
        p.at = json_pass_space(p.at, n->in.end);
        uint8_t next = p.at < n->in.end ? *p.at : 0;
        if (next == ']')
            break;
        if (next != ',')
            return fail(n, JSON_BROKEN, p.at);
        p.at++;
    }
    p.at++;
    return close_container(n, p, head, PACK_ARRAY, count);
}

/* -- the event ------------------------------------------------------------------------------- */

#define PACK_LIT(to, literal) pack_bytes((to), (literal), sizeof(literal) - 1)

enum {
    CONTEXT_MEMBERS = 5, /* Category, Event, id, source, time */
    /* All of a head but the id's and the source's bytes. */
    HEAD_FIXED_MAX = PACK_HEAD_MAX + sizeof "\1Category\1Event\1id\1source\1time" +
                     2 * (PACK_HEAD_MAX + EVENT_TOKEN_MAX) + 2 * PACK_HEAD_MAX + PACK_TIME_MAX +
                     PACK_SLOP,
};

static inline bool is_token(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = text[i], letter = byte | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(byte >= '0' && byte <= '9') && byte != '_' &&
            byte != '-')
            return false;
    }
    return true;
}

static inline bool has_token_length(const json_str_t *str)
{
    return str->len > 0 && str->len <= EVENT_TOKEN_MAX;
}

static void set_topic(event_info_t *info, const uint8_t *category, size_t category_len,
                      const uint8_t *event, size_t event_len)
{
    char *to = info->topic;
    memcpy(to, category, category_len);
    to[category_len] = '.';
    memcpy(to + category_len + 1, event, event_len);
    info->topic_len = (uint8_t)(category_len + 1 + event_len);
    to[info->topic_len] = '\0';
}

/* A string that is not known to lie in the text: no blind moves. */
static inline uint8_t *pack_slice(uint8_t *to, const json_str_t *str)
{
    return pack_json_str(to, str, str->raw + str->raw_len);
}

/* Writes Category and Event to `to` and checks them; *end receives what is behind them. */
static event_reason_t put_tokens(norm_t *n, uint8_t *to, uint8_t **end)
{
    if (!has_token_length(&n->category))
        return EVENT_REASON_NO_CATEGORY;
    if (!has_token_length(&n->event))
        return EVENT_REASON_NO_EVENT;
    to = pack_json_str(PACK_LIT(to, "Category"), &n->category, n->in.end);
    const uint8_t *category = to - n->category.len;
    to = pack_json_str(PACK_LIT(to, "Event"), &n->event, n->in.end);
    const uint8_t *event = to - n->event.len;
    event_kind_t kind = event_catalogue_find((const char *)category, n->category.len,
                                             (const char *)event, n->event.len);
    if (kind == EVENT_KIND_COUNT) { /* the catalogue's own are tokens */
        if (!is_token(category, n->category.len))
            return EVENT_REASON_NO_CATEGORY;
        if (!is_token(event, n->event.len))
            return EVENT_REASON_NO_EVENT;
    }
    n->info->kind = kind;
    set_topic(n->info, category, n->category.len, event, n->event.len);
    *end = to;
    return EVENT_REASON_NONE;
}

/* Writes the head into the gap before `first`, and closes the gap. */
static event_reason_t put_head(norm_t *n, uint8_t *first, uint8_t *end, uint32_t fields)
{
    uint8_t *to = n->out->data + n->out->len;
    to = pack_container_head(to, PACK_MAP, fields + CONTEXT_MEMBERS);
    event_reason_t reason = put_tokens(n, to, &to);
    if (reason != EVENT_REASON_NONE)
        return reason;
    to = pack_slice(PACK_LIT(to, "id"), &n->id);
    to = pack_slice(PACK_LIT(to, "source"), &n->source);
    to = pack_time(PACK_LIT(to, "time"), n->sec, n->nsec);
    memmove(to, first, (size_t)(end - first));
    n->out->len = offset_of(n, to + (end - first));
    return EVENT_REASON_NONE;
}

static event_reason_t reason_of(json_err_t err)
{
    static const event_reason_t reasons[] = {
        [JSON_OK] = EVENT_REASON_NONE,
        [JSON_BROKEN] = EVENT_REASON_BROKEN_JSON,
        [JSON_TRAILING] = EVENT_REASON_TRAILING_BYTES,
        [JSON_BAD_UTF8] = EVENT_REASON_BAD_UTF8,
        [JSON_DEEP] = EVENT_REASON_TOO_DEEP,
    };
    return reasons[err];
}

/* The text has been read, or an error met. */
static event_reason_t refuse(norm_t *n, event_reason_t reason, const void *json, const uint8_t *at)
{
    n->info->error_at = (size_t)(at - (const uint8_t *)json);
    return reason;
}

static event_reason_t refuse_other(norm_t *n, const void *json)
{
    const uint8_t *first = n->in.at;
    if (json_skip(&n->in) && json_end(&n->in))
        return refuse(n, EVENT_REASON_NOT_AN_OBJECT, json, first);
    return refuse(n, reason_of(n->in.err), json, n->in.at);
}

/* A token that is missing is missed at the text's end. */
static const uint8_t *token_at(const norm_t *n, event_reason_t reason)
{
    const json_str_t *token = reason == EVENT_REASON_NO_CATEGORY ? &n->category : &n->event;
    return token->raw != NULL ? token->raw : n->in.end;
}

static void take_origin(norm_t *n, const event_origin_t *origin)
{
    n->from_body = origin->from_body;
    n->id = (json_str_t){(const uint8_t *)origin->id, origin->id_len, origin->id_len};
    n->source =
        (json_str_t){(const uint8_t *)origin->source, origin->source_len, origin->source_len};
    n->sec = origin->time_ms / 1000;
    int64_t ms = origin->time_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        n->sec--;
    }
    n->nsec = (uint32_t)ms * 1000000u;
}

event_reason_t event_normalise(sl_buf_t *out, const event_origin_t *origin, const void *json,
                               size_t len, event_info_t *info)
{
    *info = (event_info_t){.kind = EVENT_KIND_COUNT};
    if (len > LEN_MAX)
        return EVENT_REASON_TOO_LARGE;
    norm_t n = {.in = json_scan(json, len), .out = out, .info = info};
    take_origin(&n, origin);
    if (json_peek(&n.in) != '{')
        return refuse_other(&n, json);
    size_t gap = HEAD_FIXED_MAX + origin->id_len + origin->source_len;
    if (origin->from_body)
        gap += len;
    if (out->failed || sl_buf_reserve(out, gap + OUT_PER_BYTE * len + PACK_SLOP) != SL_OK)
        return EVENT_REASON_NONE;
    uint32_t fields;
    size_t first = out->len + gap;
    n.in.depth = 1;
    pos_t p = put_members(&n, (pos_t){n.in.at + 1, out->data + first}, true, &fields);
    if (p.at == NULL)
        return refuse(&n, reason_of(n.in.err), json, n.in.at);
    n.in.at = p.at;
    if (!json_end(&n.in))
        return refuse(&n, EVENT_REASON_TRAILING_BYTES, json, n.in.at);
    if (out->failed)
        return EVENT_REASON_NONE;
    event_reason_t reason = put_head(&n, out->data + first, p.to, fields);
    return reason == EVENT_REASON_NONE ? reason : refuse(&n, reason, json, token_at(&n, reason));
}
