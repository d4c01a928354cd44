/* fault.h - faults on command: which calls go wrong, and how.
 *
 *     {"op": "BatchReceiveMessage", "resource": "jobs", "rate": 0.05, "action": "reset"}
 *        └─────────── which ───────────────────────┘    └─ how often    └─ what then
 *
 * Rules come from a file or over HTTP.  A call, or an outgoing push, is held against them in the
 * order in which they were added; the first that fits and fires decides.  Chance is seeded: the
 * same calls in the same order meet the same faults.  What an action does is done where the call
 * is: before the operation in local.c, at its answer in answer.c, among its messages in ops_*.c. */
#ifndef LOCAL_FAULT_H
#define LOCAL_FAULT_H

#include "base/buf.h"
#include "base/counter.h"
#include "base/err.h"
#include "operation.h"
#include "queue.h"
#include "topic.h"

#include <stdbool.h>
#include <stdint.h>

/** Actions, and the operations each goes with. */
#define FAULT_ACTIONS(X)                            \
    X(ERROR, "error", FITS_CALL | FITS_PUSH)        \
    X(DELAY, "delay", FITS_CALL | FITS_PUSH)        \
    X(HANG, "hang", FITS_CALL | FITS_PUSH)          \
    X(RESET, "reset", FITS_CALL)                    \
    X(HALF, "half", FITS_CALL)                      \
    X(TWICE, "twice", FITS_RECEIVE | FITS_PUSH)     \
    X(REORDER, "reorder", FITS_RECEIVE | FITS_PUSH) \
    X(PARTIAL, "partial", FITS_BATCH)               \
    X(THROTTLE, "throttle", FITS_CALL)              \
    X(CLOCK, "clock", FITS_CALL)

#define X(name, text, fits) FAULT_##name,
typedef enum { FAULT_ACTIONS(X) FAULT_ACTION_COUNT } fault_action_t;
#undef X

enum {
    FAULT_RESOURCE_MAX = TOPIC_NAME_MAX, /**< a queue's is not longer */
    FAULT_CODE_MAX = 63,
    FAULT_DELAY_MAX_MS = 600000,
    FAULT_RULES_MAX = 1000,
};

#define FAULT_TEXT "A fault on command." /**< what such an error says */

/** What befalls one call. */
typedef struct fault {
    fault_action_t action;
    bool before;                   /**< RESET, HANG: instead of the operation, not after it */
    unsigned status;               /**< ERROR */
    char code[FAULT_CODE_MAX + 1]; /**< ERROR, and the failed entries of PARTIAL */
    uint32_t ms;                   /**< DELAY */
} fault_t;

typedef struct fault_rule {
    operation_t operation;
    char resource[FAULT_RESOURCE_MAX + 1]; /**< "": any */
    bool by_rate;
    double rate;   /**< of calls that fit */
    uint64_t left; /**< without rate: so many more calls */
    uint64_t fired;
    fault_t fault;
} fault_rule_t;

typedef struct faults {
    fault_rule_t *rules;
    size_t count, cap;
    uint64_t seed, random;
    counter_registry_t *registry;
    counter_t counters[FAULT_ACTION_COUNT];
    counter_set_t sets[FAULT_ACTION_COUNT]; /**< one for each action, told apart by a label */
} faults_t;

/** @param registry  where each action's count shows; borrowed until fini. */
void faults_init(faults_t *faults, counter_registry_t *registry);
void faults_fini(faults_t *faults);

/** Appends rules.  @return SL_OK, SL_ENOMEM, SL_ELIMIT (FAULT_RULES_MAX). */
sl_err faults_append(faults_t *faults, const fault_rule_t *rules, size_t count);
void faults_clear(faults_t *faults);
void faults_seed(faults_t *faults, uint64_t seed);

/** Does something befall this call?
 *  @param resource  the queue's or topic's name, or NULL.
 *  @return true, and *fault what. */
bool faults_fire(faults_t *faults, operation_t operation, const char *resource, fault_t *fault);

/** A number below `limit`, by the seed. */
uint32_t faults_random(faults_t *faults, uint32_t limit);

/** Which entries of a batch fail, as bits: at least one, and not all of several. */
uint32_t faults_pick(faults_t *faults, size_t count);

/** Can it befall such an operation?  OPERATION_ANY: some. */
bool fault_fits(fault_action_t action, operation_t operation);

extern const char *const fault_action_names[FAULT_ACTION_COUNT];
extern const char *const operation_names[OPERATION_COUNT]; /**< "*" for OPERATION_ANY */

/* -- as JSON, in fault_json.c -------------------------------------------------------------- */

enum { FAULT_SENTENCE_MAX = 256 };

/** Adds the rules of {"seed":N,"faults":[…]}, or of a bare list: all of them or none.
 *  @param sentence  says what is wrong: rule, member, why.
 *  @return SL_OK, SL_EINVAL, SL_ENOMEM, SL_ELIMIT. */
sl_err faults_read(faults_t *faults, const char *json, size_t len,
                   char sentence[FAULT_SENTENCE_MAX]);

/** The same of a file.  @return as faults_read, or SL_EIO (cannot be read; the sentence tells). */
sl_err faults_read_file(faults_t *faults, const char *path, char sentence[FAULT_SENTENCE_MAX]);

/** Appends {"seed":N,"faults":[…]}, each rule with how often it fired. */
void faults_write(const faults_t *faults, sl_buf_t *out);

#endif
