#include "pub_window.h"

#include <assert.h>

void pub_window_init(pub_window_t *window)
{
    *window = (pub_window_t){.head_request = 1};
}

void pub_window_push(pub_window_t *window, pub_batch_t *batch)
{
    batch->next = NULL;
    if (window->tail != NULL)
        window->tail->next = batch;
    else
        window->head = batch;
    window->tail = batch;
    if (window->unsent == NULL)
        window->unsent = batch;
}

void pub_window_restart(pub_window_t *window, uint32_t size)
{
    window->unsent = window->head;
    window->head_request = 1;
    window->in_flight = window->stale = 0;
    window->size = size;
}

pub_batch_t *pub_window_next(const pub_window_t *window, uint64_t *request)
{
    *request = window->head_request + window->in_flight;
    return window->in_flight < window->size ? window->unsent : NULL;
}

void pub_window_sent(pub_window_t *window)
{
    window->unsent = window->unsent->next;
    window->in_flight++;
}

void pub_window_insert_after_next(pub_window_t *window, pub_batch_t *batch)
{
    batch->next = window->unsent->next;
    window->unsent->next = batch;
    if (window->tail == window->unsent)
        window->tail = batch;
}

bool pub_window_has(const pub_window_t *window, uint64_t request)
{
    return request >= window->head_request && request - window->head_request < window->in_flight;
}

pub_batch_t *pub_window_pop(pub_window_t *window)
{
    pub_batch_t *batch = window->head;
    if (window->in_flight > 0) { /* it had a number, which is used up */
        window->in_flight--;
        window->head_request++;
    } else {
        window->unsent = batch->next;
    }
    window->head = batch->next;
    if (window->head == NULL)
        window->tail = NULL;
    return batch;
}

void pub_window_rewind(pub_window_t *window, uint64_t request)
{
    assert(pub_window_has(window, request));
    uint32_t keep = (uint32_t)(request - window->head_request);
    pub_batch_t *batch = window->head;
    for (uint32_t i = 0; i < keep; i++)
        batch = batch->next;
    window->stale += window->in_flight - keep - 1;
    window->in_flight = keep;
    window->unsent = batch;
}

bool pub_window_stale_nak(pub_window_t *window)
{
    if (window->stale == 0)
        return false;
    window->stale--;
    return true;
}
