#include "late.h"

#include <stdlib.h>

enum { COUNT_MAX = 1024, BYTES_MAX = 1 << 20, OF_ONE_PEER = 4 /* a quarter of either at most */ };

struct late_answer {
    late_answer_t *next;
    route_t peer;
    size_t len;
    uint8_t bytes[];
};

void late_init(late_t *l)
{
    *l = (late_t){.end = &l->first};
}

static void append(late_t *l, late_answer_t *answer)
{
    answer->next = NULL;
    *l->end = answer;
    l->end = &answer->next;
    l->count++;
    l->bytes += answer->len;
}

bool late_has(const late_t *l, const route_t *peer)
{
    for (const late_answer_t *answer = l->first; answer != NULL; answer = answer->next)
        if (route_is(&answer->peer, peer))
            return true;
    return false;
}

static bool has_room(const late_t *l, const route_t *peer, size_t len)
{
    size_t count = 0, bytes = 0;
    for (const late_answer_t *answer = l->first; answer != NULL; answer = answer->next)
        if (route_is(&answer->peer, peer)) {
            count++;
            bytes += answer->len;
        }
    return l->count < COUNT_MAX && l->bytes + len <= BYTES_MAX && count < COUNT_MAX / OF_ONE_PEER &&
           (bytes == 0 || bytes + len <= BYTES_MAX / OF_ONE_PEER);
}

bool late_keep(late_t *l, const route_t *peer, const void *answer, size_t len)
{
    late_answer_t *kept = has_room(l, peer, len) ? malloc(sizeof *kept + len) : NULL;
    if (kept == NULL)
        return false;
    kept->peer = *peer;
    kept->len = len;
    memcpy(kept->bytes, answer, len);
    append(l, kept);
    return true;
}

size_t late_send(late_t *l, void *router)
{
    size_t gone = 0;
    late_answer_t *answer = l->first;
    late_init(l);
    while (answer != NULL) {
        late_answer_t *next = answer->next;
        route_result_t result = route_send(router, &answer->peer, answer->bytes, answer->len);
        if (result == ROUTE_FULL) {
            append(l, answer);
        } else {
            gone += result == ROUTE_GONE;
            free(answer);
        }
        answer = next;
    }
    return gone;
}

void late_fini(late_t *l)
{
    while (l->first != NULL) {
        late_answer_t *answer = l->first;
        l->first = answer->next;
        free(answer);
    }
    late_init(l);
}
