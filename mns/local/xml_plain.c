/* XML of the plain kind, as clients write it, at a fraction of expat's price.
 *
 *     <?xml version="1.0" encoding="UTF-8"?>         this prolog, or none
 *     <Messages xmlns="…">                           names of ASCII letters and digits, no prefix;
 *       <Message>                                    one attribute, xmlns
 *         <MessageBody>{"a":1}</MessageBody>         text of ASCII without & and CR
 *       </Message> … </Messages>
 *
 * Whatever is not of this kind, well formed or not, is left to expat, so that nothing is accepted
 * here that would be refused there, and nothing means something else: the tests see to that. */
#include "xml_in_impl.h"

#include <string.h>

typedef struct scan {
    xml_doc_t *d;
    const char *at, *end;
} scan_t;

static bool skip(scan_t *s, const char *literal, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, literal, len) != 0)
        return false;
    s->at += len;
    return true;
}
#define SKIP(s, literal) skip((s), "" literal, sizeof(literal) - 1)

static void skip_blanks(scan_t *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t'))
        s->at++;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* -- text ---------------------------------------------------------------------------------- */

static const uint64_t ones = 0x0101010101010101u;

/* Its high bits tell where one of eight bytes is that value. */
static uint64_t find_byte(uint64_t eight, uint8_t value)
{
    uint64_t zero = eight ^ (ones * value);
    return (zero - ones) & ~zero;
}

/* May eight bytes stand in a text, and is none of them '<' or '>'? */
static bool all_plain(const char *at)
{
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    uint64_t control = (eight - ones * ' ') & ~eight;
    uint64_t odd =
        eight | control | find_byte(eight, '<') | find_byte(eight, '>') | find_byte(eight, '&');
    return (odd & ones << 7) == 0;
}

/* Goes to the next '<'.  @return false: there is none, or something in between is not plain. */
static bool skip_text(scan_t *s)
{
    const char *start = s->at;
    for (;;) {
        while (s->end - s->at >= 8 && all_plain(s->at))
            s->at += 8;
        for (int i = 0; i < 8; i++, s->at++) {
            if (s->at == s->end)
                return false;
            char c = *s->at;
            if (c == '<')
                return true;
            if (c == '>' && s->at - start >= 2 && s->at[-1] == ']' && s->at[-2] == ']')
                return false;
            if (c == '&' || (c < ' ' && c != '\n' && c != '\t')) /* beyond ASCII is below, too */
                return false;
        }
    }
}

/* -- tags ---------------------------------------------------------------------------------- */

/* An xmlns with a name that needs no thought; then the tag's end. */
static bool skip_attribute(scan_t *s)
{
    if (!SKIP(s, " xmlns=\""))
        return false;
    while (s->at < s->end && (is_letter(*s->at) || is_digit(*s->at) ||
                              (*s->at != '\0' && strchr(":/.-", *s->at) != NULL)))
        s->at++;
    return SKIP(s, "\">");
}

/* Behind '<'. */
static bool open_tag(scan_t *s)
{
    const char *name = s->at;
    if (s->at == s->end || !is_letter(*s->at))
        return false;
    while (s->at < s->end && (is_letter(*s->at) || is_digit(*s->at)))
        s->at++;
    size_t len = (size_t)(s->at - name);
    return (SKIP(s, ">") || skip_attribute(s)) && xml_begin_element(s->d, name, len) == SL_OK;
}

/* Behind "</". */
static bool close_tag(scan_t *s)
{
    const raw_node_t *node = xml_raw_at(s->d, s->d->open[s->d->depth - 1]);
    const char *name = (const char *)s->d->text.data + node->name_at;
    return skip(s, name, strlen(name)) && SKIP(s, ">") && xml_end_element(s->d) == SL_OK;
}

static bool skip_prolog(scan_t *s)
{
    if (s->end - s->at < 2 || s->at[1] != '?')
        return true;
    return SKIP(s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>") ||
           SKIP(s, "<?xml version=\"1.0\" encoding=\"utf-8\"?>") ||
           SKIP(s, "<?xml version=\"1.0\"?>");
}

bool xml_parse_plain(xml_doc_t *d, const char *text, size_t len)
{
    scan_t s = {.d = d, .at = text, .end = text + len};
    xml_begin(d);
    if (!skip_prolog(&s))
        return false;
    skip_blanks(&s);
    if (!SKIP(&s, "<") || !open_tag(&s))
        return false;
    while (d->depth > 0) {
        const char *start = s.at;
        if (!skip_text(&s))
            return false;
        size_t text_len = (size_t)(s.at - start);
        s.at++; /* the '<' */
        bool closes = SKIP(&s, "/");
        if (closes && xml_add_text(d, start, text_len) != SL_OK)
            return false;
        if (!(closes ? close_tag(&s) : open_tag(&s)))
            return false;
    }
    skip_blanks(&s);
    return s.at == s.end;
}
