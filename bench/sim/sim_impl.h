/* sim_impl.h - the world behind sim.h.
 *
 *     agenda (a heap of actions by time)  ->  job, cluster: change state, emit, plan further
 * actions
 *                                                                 |
 *     sim_next  <-  out (notifications of one action, in order) <-+
 *
 * Jobs and clusters live in slots.  An action names its slot and the life it was planned in; when a
 * job ends or is started again a new life begins, and what was planned before falls away. */
#ifndef SIM_SIM_IMPL_H
#define SIM_SIM_IMPL_H

#include "base/buf.h"
#include "rng.h"
#include "sim.h"

#define SECOND_US ((int64_t)1000000)

enum {
    TASKS_MAX = 4,
    INSTANCES_MAX = 8, /**< of a task */
    MACHINES_MAX = 12, /**< of a cluster */
    NAME_BYTES = 64,
    TIME_BYTES = 28, /**< "2026-06-01T12:00:00.000000Z" */
};

/** Every field name of the catalogue; a name it gains must be given a value here. */
/* clang-format off */
#define SIM_VALUES(X) \
    X(Category) X(Event) X(State) X(ClusterId) X(ClusterName) X(CreationTime) X(Group) \
    X(InstanceId) X(InnerIpAddress) X(Hints) X(JobId) X(JobName) X(StartTime) X(EndTime) \
    X(Message) X(Task) X(RetryCount) X(Progress) X(StdoutRedirectPath) X(StderrRedirectPath) \
    X(ExitCode) X(ErrorCode) X(ErrorMessage) X(Detail) X(From) X(To)
/* clang-format on */
#define X(name) VALUE_##name,
typedef enum { SIM_VALUES(X) VALUE_COUNT } value_name_t;
#undef X

/** One notification's values, by name; what is NULL is "". */
typedef struct values {
    const char *of[VALUE_COUNT];
} values_t;

typedef enum { WAITING, RUNNING, FINISHED, FAILED, STOPPED } state_t;

static inline bool state_ended(state_t state)
{
    return state >= FINISHED;
}

typedef enum {
    ACTION_JOB_SUBMIT,
    ACTION_JOB_START,
    ACTION_JOB_STOP,
    ACTION_JOB_RESTART,
    ACTION_JOB_PRIORITY,
    ACTION_INSTANCE_START,
    ACTION_INSTANCE_END,
    ACTION_CLUSTER_CREATE,
    ACTION_MACHINE_CREATE,
    ACTION_MACHINE_ACTIVE,
    ACTION_CLUSTER_DELETE,
} action_kind_t;

typedef struct action {
    int64_t at_us;
    uint64_t order; /**< of two at the same time the one planned first */
    action_kind_t kind;
    uint32_t slot, life;
    uint8_t task, index; /**< of an instance; index also of a machine */
} action_t;

/** Times are 0 until known. */
typedef struct instance {
    state_t state;
    int64_t started_us, ended_us;
    uint32_t retries;
} instance_t;

typedef struct task {
    const char *name;
    state_t state;
    bool announced;
    bool after_previous; /**< waits for the task before it; else it starts with it */
    bool doomed;         /**< its first instance fails each time */
    int64_t started_us, ended_us;
    uint32_t instance_count, failed_count;
    instance_t instances[INSTANCES_MAX];
} task_t;

typedef struct job {
    uint32_t life;
    char id[NAME_BYTES], name[NAME_BYTES], folder[NAME_BYTES];
    state_t state;
    int64_t created_us, started_us, ended_us;
    char message[128];
    int64_t priority;
    uint32_t starts_left; /**< how often it may be started again */
    bool fails_with_instance;
    uint32_t task_count;
    task_t tasks[TASKS_MAX];
} job_t;

typedef struct machine {
    char id[NAME_BYTES], address[16], group[NAME_BYTES];
    const char *hints;
    int64_t created_us;
} machine_t;

typedef struct cluster {
    uint32_t life;
    char id[NAME_BYTES], name[NAME_BYTES];
    int64_t created_us;
    uint32_t machine_count;
    machine_t machines[MACHINES_MAX];
} cluster_t;

/** A notification that waits to be taken: where its body is in `out`. */
typedef struct emitted {
    event_kind_t kind;
    int64_t time_us;
    size_t at, len;
} emitted_t;

struct sim {
    rng_t rng;
    int64_t now_us;
    uint64_t order;
    sl_buf_t agenda; /**< action_t[], a binary heap */
    sl_buf_t out;    /**< bodies, each with its NUL */
    sl_buf_t queue;  /**< emitted_t[] */
    size_t taken;    /**< of the queue */
    job_t *jobs;
    cluster_t *clusters;
    uint32_t job_count, cluster_count;
};

/** Plans an action `delay_us` from now.  No memory shows in agenda.failed. */
void sim_plan(sim_t *sim, int64_t delay_us, action_t action);
/** Adds a notification.  Category, Event and, where the catalogue knows it, State are filled in. */
void sim_emit(sim_t *sim, event_kind_t kind, values_t *values);

/** Writes a time as BatchCompute does; 0 gives "". */
const char *sim_time(int64_t us, char out[TIME_BYTES]);

void sim_job_act(sim_t *sim, const action_t *action);
void sim_cluster_act(sim_t *sim, const action_t *action);

#endif
