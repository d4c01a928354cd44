#include "sim_impl.h"

#include <stdlib.h>

enum {
    CLUSTERS = 4,
    JOBS = 24,
    STAGGER_S = 120, /* the first lives begin within this time */
};

/* Monday, 1 June 2026, 00:00 UTC: where the sim's own time begins. */
static const int64_t EPOCH_US = 1780272000 * SECOND_US;

/* -- the agenda: a binary heap ---------------------------------------------------------------- */

static bool before(const action_t *a, const action_t *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void sim_plan(sim_t *sim, int64_t delay_us, action_t action)
{
    size_t at = sim->agenda.len / sizeof action;
    action.at_us = sim->now_us + delay_us;
    action.order = sim->order++;
    if (sl_buf_append(&sim->agenda, &action, sizeof action) != SL_OK)
        return;
    action_t *heap = (action_t *)sim->agenda.data;
    for (; at > 0 && before(&action, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = action;
}

/* The next action.  The agenda is never empty: every slot has a plan. */
static action_t take_action(sim_t *sim)
{
    action_t *heap = (action_t *)sim->agenda.data;
    action_t first = heap[0];
    sim->agenda.len -= sizeof *heap;
    size_t count = sim->agenda.len / sizeof *heap, at = 0;
    action_t last = heap[count];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (before(&last, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    if (count > 0)
        heap[at] = last;
    return first;
}

/* -- the world -------------------------------------------------------------------------------- */

/* Slots begin at scattered times, so that they do not walk in step. */
static void plan_first_lives(sim_t *sim)
{
    for (uint32_t i = 0; i < sim->cluster_count; i++)
        sim_plan(sim, rng_between(&sim->rng, 0, STAGGER_S * SECOND_US),
                 (action_t){.kind = ACTION_CLUSTER_CREATE, .slot = i});
    for (uint32_t i = 0; i < sim->job_count; i++)
        sim_plan(sim, rng_between(&sim->rng, 0, STAGGER_S * SECOND_US),
                 (action_t){.kind = ACTION_JOB_SUBMIT, .slot = i});
}

sl_err sim_create(sim_t **out, const sim_options_t *options)
{
    if (options->clusters > SIM_SLOTS_MAX || options->jobs > SIM_SLOTS_MAX)
        return SL_EINVAL;
    sim_t *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return SL_ENOMEM;
    rng_seed(&sim->rng, options->seed);
    sim->now_us = EPOCH_US;
    sim->cluster_count = options->clusters ? options->clusters : CLUSTERS;
    sim->job_count = options->jobs ? options->jobs : JOBS;
    sim->clusters = calloc(sim->cluster_count, sizeof *sim->clusters);
    sim->jobs = calloc(sim->job_count, sizeof *sim->jobs);
    if (sim->clusters != NULL && sim->jobs != NULL)
        plan_first_lives(sim);
    if (sim->clusters == NULL || sim->jobs == NULL || sim->agenda.failed) {
        sim_destroy(&sim);
        return SL_ENOMEM;
    }
    *out = sim;
    return SL_OK;
}

void sim_destroy(sim_t **sim)
{
    if (*sim == NULL)
        return;
    sl_buf_fini(&(*sim)->agenda);
    sl_buf_fini(&(*sim)->out);
    sl_buf_fini(&(*sim)->queue);
    free((*sim)->clusters);
    free((*sim)->jobs);
    free(*sim);
    *sim = NULL;
}

static void act(sim_t *sim)
{
    action_t action = take_action(sim);
    sim->now_us = action.at_us;
    if (action.kind >= ACTION_CLUSTER_CREATE)
        sim_cluster_act(sim, &action);
    else
        sim_job_act(sim, &action);
}

sl_err sim_next(sim_t *sim, sim_event_t *event)
{
    static const char *const topics[EVENT_KIND_COUNT] = {
#define X(category, name, object, state) [EVENT_##category##_##name] = #category "." #name,
        EVENT_CATALOGUE(X)
#undef X
    };
    if (sim->taken == sim->queue.len / sizeof(emitted_t)) {
        sim->taken = 0;
        sl_buf_clear(&sim->queue);
        sl_buf_clear(&sim->out);
        while (sim->queue.len == 0 && !sim->agenda.failed && !sim->out.failed && !sim->queue.failed)
            act(sim);
    }
    if (sim->agenda.failed || sim->out.failed || sim->queue.failed)
        return SL_ENOMEM;
    const emitted_t *next = (const emitted_t *)sim->queue.data + sim->taken++;
    *event = (sim_event_t){.kind = next->kind,
                           .topic = topics[next->kind],
                           .body = (const char *)sim->out.data + next->at,
                           .body_len = next->len,
                           .time_us = next->time_us};
    return SL_OK;
}
