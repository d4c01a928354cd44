#include "publishers.h"

#include <stdlib.h>
#include <string.h>

publisher_t *publishers_find(publishers_t *all, const void *route, size_t len)
{
    publisher_t *p;
    HASH_FIND(hh, all->table, route, len, p);
    return p;
}

sl_err publishers_add(publishers_t *all, publisher_t **out, const void *route, size_t len)
{
    if (all->count >= all->max)
        return SL_ELIMIT;
    publisher_t *p = calloc(1, sizeof *p);
    if (p == NULL || len > sizeof p->route) {
        free(p);
        return SL_ENOMEM;
    }
    memcpy(p->route, route, len);
    p->route_len = (uint8_t)len;
    HASH_ADD_KEYPTR(hh, all->table, p->route, len, p);
    if (p->hh.tbl == NULL) {
        free(p);
        return SL_ENOMEM;
    }
    all->count++;
    *out = p;
    return SL_OK;
}

publisher_t *publishers_idlest(const publishers_t *all)
{
    publisher_t *idlest = NULL;
    for (publisher_t *p = all->table; p != NULL; p = p->hh.next)
        if (p->due == 0 && (idlest == NULL || p->heard_ns < idlest->heard_ns))
            idlest = p;
    return idlest;
}

void publisher_push(publisher_t *p, request_t *r)
{
    r->publisher = p;
    r->next = NULL;
    if (p->tail != NULL)
        p->tail->next = r;
    else
        p->head = r;
    p->tail = r;
    p->due++;
}

request_t *publisher_pop(publisher_t *p)
{
    request_t *r = p->head;
    p->head = r->next;
    if (p->head == NULL)
        p->tail = NULL;
    p->due--;
    r->publisher = NULL;
    return r;
}

void publisher_orphan(publisher_t *p, sequencer_t *s)
{
    while (p->head != NULL) {
        request_t *r = publisher_pop(p);
        if (r->waits == 0)
            sequencer_release(s, r);
    }
}

static void undirty(publishers_t *all, publisher_t *p)
{
    publisher_t **link = &all->dirty;
    while (*link != p)
        link = &(*link)->next_dirty;
    *link = p->next_dirty;
    p->dirty = false;
}

void publishers_forget(publishers_t *all, publisher_t *p, sequencer_t *s)
{
    publisher_orphan(p, s);
    if (p->dirty)
        undirty(all, p);
    HASH_DEL(all->table, p);
    all->count--;
    free(p);
}

void publishers_fini(publishers_t *all, sequencer_t *s)
{
    while (all->table != NULL)
        publishers_forget(all, all->table, s);
}

void publishers_touch(publishers_t *all, publisher_t *p)
{
    if (p->dirty)
        return;
    p->dirty = true;
    p->next_dirty = all->dirty;
    all->dirty = p;
}
