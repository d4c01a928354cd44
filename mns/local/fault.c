#include "fault.h"

#include <stdlib.h>
#include <string.h>

enum { FITS_CALL = 1, FITS_RECEIVE = 2, FITS_BATCH = 4, FITS_PUSH = 8, SEED_DEFAULT = 1 };

#define X(name, text, fits) text,
const char *const fault_action_names[] = {FAULT_ACTIONS(X)};
#undef X

#define X(name) #name,
const char *const operation_names[] = {"*", LOCAL_OPERATIONS(X) "Push"};
#undef X

static const counter_def_t counter_def = {
    "mns_local_faults", "Calls and pushes that went wrong because a rule said so", COUNTER_TOTAL};

/* -- life ---------------------------------------------------------------------------------- */

void faults_init(faults_t *f, counter_registry_t *registry)
{
#define X(name, text, fits) "action=\"" text "\"",
    static const char *const labels[] = {FAULT_ACTIONS(X)};
#undef X
    *f = (faults_t){.registry = registry};
    faults_seed(f, SEED_DEFAULT);
    for (size_t i = 0; i < FAULT_ACTION_COUNT; i++) {
        f->sets[i] = (counter_set_t){
            .defs = &counter_def, .values = &f->counters[i], .count = 1, .labels = labels[i]};
        counter_registry_add(registry, &f->sets[i]);
    }
}

void faults_fini(faults_t *f)
{
    for (size_t i = 0; i < FAULT_ACTION_COUNT && f->registry != NULL; i++)
        counter_registry_remove(f->registry, &f->sets[i]);
    free(f->rules);
    *f = (faults_t){0};
}

sl_err faults_append(faults_t *f, const fault_rule_t *rules, size_t count)
{
    if (count > FAULT_RULES_MAX - f->count)
        return SL_ELIMIT;
    if (f->count + count > f->cap) {
        size_t cap = (f->count + count) * 2;
        fault_rule_t *grown = realloc(f->rules, cap * sizeof *grown);
        if (grown == NULL)
            return SL_ENOMEM;
        f->rules = grown;
        f->cap = cap;
    }
    if (count > 0)
        memcpy(f->rules + f->count, rules, count * sizeof *rules);
    f->count += count;
    return SL_OK;
}

void faults_clear(faults_t *f)
{
    f->count = 0;
}

/* -- chance: splitmix64 -------------------------------------------------------------------- */

void faults_seed(faults_t *f, uint64_t seed)
{
    f->seed = f->random = seed;
}

static uint64_t next_random(faults_t *f)
{
    uint64_t z = f->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t faults_random(faults_t *f, uint32_t limit)
{
    return (uint32_t)((next_random(f) >> 32) * limit >> 32);
}

uint32_t faults_pick(faults_t *f, size_t count)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << count) - 1);
    uint32_t picked = (uint32_t)(next_random(f) >> 32) & all;
    if (picked == 0)
        picked = 1u << faults_random(f, (uint32_t)count);
    return picked == all && count > 1 ? picked & (picked - 1) : picked;
}

/* -- firing -------------------------------------------------------------------------------- */

static unsigned kinds_of(operation_t operation)
{
    switch (operation) {
    case OPERATION_ANY:
        return FITS_CALL | FITS_RECEIVE | FITS_BATCH;
    case OPERATION_Push:
        return FITS_PUSH;
    case OPERATION_ReceiveMessage:
    case OPERATION_BatchReceiveMessage:
        return FITS_CALL | FITS_RECEIVE;
    case OPERATION_BatchSendMessage:
    case OPERATION_BatchDeleteMessage:
        return FITS_CALL | FITS_BATCH;
    default:
        return FITS_CALL;
    }
}

bool fault_fits(fault_action_t action, operation_t operation)
{
#define X(name, text, fits) fits,
    static const unsigned fits_of[] = {FAULT_ACTIONS(X)};
#undef X
    return (fits_of[action] & kinds_of(operation)) != 0;
}

static bool fits(const fault_rule_t *rule, operation_t operation, const char *resource)
{
    bool any = rule->operation == OPERATION_ANY && operation != OPERATION_Push;
    if (!any && rule->operation != operation)
        return false;
    if (rule->resource[0] != '\0' && (resource == NULL || strcmp(rule->resource, resource) != 0))
        return false;
    return fault_fits(rule->fault.action, operation);
}

static bool fires(faults_t *f, fault_rule_t *rule)
{
    if (rule->by_rate)
        return (double)(next_random(f) >> 11) * 0x1p-53 < rule->rate;
    if (rule->left == 0)
        return false;
    rule->left--;
    return true;
}

bool faults_fire(faults_t *f, operation_t operation, const char *resource, fault_t *fault)
{
    for (size_t i = 0; i < f->count; i++) {
        fault_rule_t *rule = &f->rules[i];
        if (!fits(rule, operation, resource) || !fires(f, rule))
            continue;
        rule->fired++;
        counter_add(&f->counters[rule->fault.action], 1);
        *fault = rule->fault;
        return true;
    }
    return false;
}
