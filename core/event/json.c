#include "event/json.h"

#include "json_impl.h"

/* -- strings --------------------------------------------------------------------------------- */

static inline int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The four digits at `at`, -1 when they are no such thing. */
static inline int hex_unit(const uint8_t *at, const uint8_t *end)
{
    int unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static inline bool is_high_surrogate(int unit)
{
    return (unit & 0xfc00) == 0xd800;
}

static inline bool is_low_surrogate(int unit)
{
    return (unit & 0xfc00) == 0xdc00;
}

/* A \u escape whose digits begin at `at`; *saved counts the bytes that resolving it will spare. */
static const uint8_t *pass_unicode_escape(json_scan_t *in, const uint8_t *at, size_t *saved)
{
    int unit = hex_unit(at, in->end);
    if (unit < 0)
        return json_fail(in, JSON_BROKEN, at);
    if (is_low_surrogate(unit))
        return json_fail(in, JSON_BAD_UTF8, at);
    if (!is_high_surrogate(unit)) {
        *saved += unit < 0x80 ? 5 : unit < 0x800 ? 4 : 3;
        return at + 4;
    }
    const uint8_t *pair = at + 4;
    for (int i = 0; i < 2; i++, pair++) {
        if (pair == in->end)
            return json_fail(in, JSON_BROKEN, pair);
        if (*pair != (i == 0 ? '\\' : 'u'))
            return json_fail(in, JSON_BAD_UTF8, at);
    }
    unit = hex_unit(pair, in->end);
    if (unit < 0)
        return json_fail(in, JSON_BROKEN, pair);
    if (!is_low_surrogate(unit))
        return json_fail(in, JSON_BAD_UTF8, at);
    *saved += 8;
    return pair + 4;
}

/* What a one-letter escape stands for; 0 for letters that are none. */
static inline uint8_t escape_letter(uint8_t letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* An escape; `at` is its backslash. */
static inline const uint8_t *pass_escape(json_scan_t *in, const uint8_t *at, size_t *saved)
{
    if (in->end - at < 2)
        return json_fail(in, JSON_BROKEN, in->end);
    if (escape_letter(at[1]) != 0) {
        *saved += 1;
        return at + 2;
    }
    if (at[1] == 'u')
        return pass_unicode_escape(in, at + 2, saved);
    return json_fail(in, JSON_BROKEN, at + 1);
}

const uint8_t *json_rest_of_string(json_scan_t *in, const uint8_t *at, json_str_t *str)
{
    size_t saved = 0;
    for (;;) {
        if (at == in->end)
            return json_fail(in, JSON_BROKEN, at);
        if (*at == '"')
            break;
        if (*at == '\\') {
            at = pass_escape(in, at, &saved);
            if (at == NULL)
                return NULL;
        } else if (*at >= 0x80) {
            unsigned len = json_utf8_sequence(at, in->end);
            if (len == 0)
                return json_fail(in, JSON_BAD_UTF8, at);
            at += len;
            if (at < in->end && *at >= 0x80)
                continue; /* such text comes in runs */
        } else if (*at < 0x20) {
            return json_fail(in, JSON_BROKEN, at);
        }
        at = json_plain_run(at, in->end);
    }
    str->raw_len = (size_t)(at - str->raw);
    str->len = str->raw_len - saved;
    return at + 1;
}

static inline uint8_t *put_code_point(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (uint8_t)point;
    } else if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (uint8_t)(0xe0 | point >> 12);
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | point >> 18);
        *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return to;
}

/* Writes what the escape at *at, which was checked, stands for; moves *at behind it. */
static inline uint8_t *resolve_escape(const uint8_t **at, const uint8_t *end, uint8_t *to)
{
    const uint8_t *escape = *at;
    if (escape[1] != 'u') {
        *at = escape + 2;
        *to = escape_letter(escape[1]);
        return to + 1;
    }
    int unit = hex_unit(escape + 2, end);
    *at = escape + 6;
    if (!is_high_surrogate(unit))
        return put_code_point(to, (uint32_t)unit);
    int low = hex_unit(escape + 8, end);
    *at = escape + 12;
    return put_code_point(to,
                          0x10000u + (((uint32_t)unit & 0x3ff) << 10) + ((uint32_t)low & 0x3ff));
}

void json_str_copy(const json_str_t *str, uint8_t *to)
{
    const uint8_t *at = str->raw, *end = str->raw + str->raw_len;
    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape ? escape : end) - at);
        memcpy(to, at, run);
        to += run;
        at += run;
        if (escape != NULL)
            to = resolve_escape(&at, end, to);
    }
}

sl_err json_str_append(sl_buf_t *out, const json_str_t *str)
{
    if (sl_buf_reserve(out, str->len) != SL_OK)
        return SL_ENOMEM;
    if (str->len > 0)
        json_str_copy(str, out->data + out->len);
    out->len += str->len;
    return SL_OK;
}

bool json_str_is(const json_str_t *str, const char *text)
{
    size_t len = strlen(text);
    if (str->len != len)
        return false;
    if (str->raw_len == len)
        return memcmp(str->raw, text, len) == 0;
    const uint8_t *at = str->raw, *end = str->raw + str->raw_len;
    while (at < end) {
        uint8_t piece[4];
        uint8_t *to = piece;
        if (*at == '\\')
            to = resolve_escape(&at, end, to);
        else
            *to++ = *at++;
        size_t piece_len = (size_t)(to - piece);
        if (memcmp(text, piece, piece_len) != 0)
            return false;
        text += piece_len;
    }
    return true;
}

/* -- the cursor ------------------------------------------------------------------------------ */

json_scan_t json_scan(const void *text, size_t len)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    const uint8_t *at = text;
    json_scan_t in = {.at = at, .end = at + len};
    if (len >= sizeof mark && memcmp(at, mark, sizeof mark) == 0)
        in.at += sizeof mark;
    return in;
}

uint8_t json_peek(json_scan_t *in)
{
    if (in->err != JSON_OK)
        return 0;
    in->at = json_pass_space(in->at, in->end);
    return in->at < in->end ? *in->at : 0;
}

/* Stores a step's result: the moved cursor, or nothing when it failed. */
static inline bool moved(json_scan_t *in, const uint8_t *at)
{
    if (at == NULL)
        return false;
    in->at = at;
    return true;
}

static bool broken(json_scan_t *in)
{
    if (in->err == JSON_OK)
        in->err = JSON_BROKEN;
    return false;
}

static bool take(json_scan_t *in, uint8_t byte)
{
    if (json_peek(in) != byte || in->at == in->end)
        return broken(in);
    in->at++;
    return true;
}

bool json_enter(json_scan_t *in, char open)
{
    if (json_peek(in) != (uint8_t)open)
        return broken(in);
    if (in->depth == JSON_DEPTH_MAX) {
        in->err = JSON_DEEP;
        return false;
    }
    in->at++;
    in->depth++;
    in->fresh = true;
    return true;
}

/* Takes the comma before the next element, or the bracket that closes. */
static bool next_or_leave(json_scan_t *in, uint8_t close)
{
    uint8_t next = json_peek(in);
    if (next == close) {
        in->at++;
        in->depth--;
        in->fresh = false;
        return false;
    }
    if (in->fresh) {
        in->fresh = false;
        return in->err == JSON_OK;
    }
    return take(in, ',');
}

bool json_next_element(json_scan_t *in)
{
    return next_or_leave(in, ']');
}

bool json_next_member(json_scan_t *in, json_str_t *key)
{
    return next_or_leave(in, '}') && json_string(in, key) && take(in, ':');
}

bool json_string(json_scan_t *in, json_str_t *str)
{
    return take(in, '"') && moved(in, json_scan_string(in, in->at, str));
}

bool json_number(json_scan_t *in, json_num_t *num)
{
    json_peek(in);
    return in->err == JSON_OK && moved(in, json_scan_number(in, in->at, num));
}

bool json_end(json_scan_t *in)
{
    json_peek(in);
    if (in->err == JSON_OK && in->at < in->end)
        in->err = JSON_TRAILING;
    return in->err == JSON_OK;
}

/* A value that is neither object nor array. */
static bool skip_scalar(json_scan_t *in, uint8_t first)
{
    json_str_t str;
    json_num_t num;
    if (first == '"')
        return moved(in, json_scan_string(in, in->at + 1, &str));
    if (first == '-' || (first >= '0' && first <= '9'))
        return moved(in, json_scan_number(in, in->at, &num));
    return moved(in, json_scan_any_word(in, in->at));
}

/* Walks without recursion: a bit for each open container says that it is an object. */
bool json_skip(json_scan_t *in)
{
    uint64_t objects = 0;
    const uint8_t outside = in->depth;
    json_str_t key;
    for (;;) {
        uint8_t first = json_peek(in);
        if (in->err != JSON_OK)
            return false;
        if (first == '{' || first == '[') {
            if (!json_enter(in, (char)first))
                return false;
            objects = objects << 1 | (first == '{');
        } else if (!skip_scalar(in, first)) {
            return false;
        }
        while (in->depth > outside &&
               !((objects & 1) ? json_next_member(in, &key) : json_next_element(in))) {
            if (in->err != JSON_OK)
                return false;
            objects >>= 1;
        }
        if (in->depth == outside)
            return true;
    }
}
