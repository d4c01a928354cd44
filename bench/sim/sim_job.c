#include "sim_impl.h"

#include <stdio.h>

/* How often what happens, in percent, and how patient jobs are. */
enum {
    PERCENT_PRIORITY_CHANGE = 15,
    PERCENT_STOPPED = 8,
    PERCENT_STARTED_AGAIN = 60, /* of those that failed or were stopped */
    PERCENT_DOOMED_TASK = 4,
    PERCENT_INSTANCE_FAILS = 4,
    PERCENT_FAILS_WITH_INSTANCE = 80,
    RETRIES_MAX = 2,
    PRIORITY_MAX = 1000,
};

/* -- what goes out ---------------------------------------------------------------------------- */

static void emit_job(sim_t *sim, event_kind_t kind, const job_t *job)
{
    char created[TIME_BYTES], started[TIME_BYTES], ended[TIME_BYTES];
    values_t values = {{[VALUE_JobId] = job->id,
                        [VALUE_JobName] = job->name,
                        [VALUE_CreationTime] = sim_time(job->created_us, created),
                        [VALUE_StartTime] = sim_time(job->started_us, started),
                        [VALUE_EndTime] = sim_time(job->ended_us, ended),
                        [VALUE_Message] = job->message}};
    sim_emit(sim, kind, &values);
}

static void emit_priority(sim_t *sim, const job_t *job, int64_t from, int64_t to)
{
    static const char *const states[] = {"Waiting", "Running", "Finished", "Failed", "Stopped"};
    char created[TIME_BYTES], started[TIME_BYTES], ended[TIME_BYTES], number[2][24];
    snprintf(number[0], sizeof number[0], "%lld", (long long)from);
    snprintf(number[1], sizeof number[1], "%lld", (long long)to);
    values_t values = {{[VALUE_JobId] = job->id,
                        [VALUE_JobName] = job->name,
                        [VALUE_State] = states[job->state],
                        [VALUE_CreationTime] = sim_time(job->created_us, created),
                        [VALUE_StartTime] = sim_time(job->started_us, started),
                        [VALUE_EndTime] = sim_time(job->ended_us, ended),
                        [VALUE_Message] = job->message,
                        [VALUE_From] = number[0],
                        [VALUE_To] = number[1]}};
    sim_emit(sim, EVENT_Job_OnPriorityChange, &values);
}

static void emit_task(sim_t *sim, event_kind_t kind, const job_t *job, const task_t *task)
{
    char started[TIME_BYTES], ended[TIME_BYTES];
    values_t values = {{[VALUE_JobId] = job->id,
                        [VALUE_Task] = task->name,
                        [VALUE_StartTime] = sim_time(task->started_us, started),
                        [VALUE_EndTime] = sim_time(task->ended_us, ended)}};
    sim_emit(sim, kind, &values);
}

typedef struct failure {
    const char *exit_code, *code, *message, *detail;
} failure_t;

/* Texts as programs write them: quotes, backslashes, line breaks, letters beyond ASCII. */
static const failure_t *failure_of(uint32_t index, uint32_t retries)
{
    static const failure_t failures[] = {
        {"1", "ProgramFailed", "The program exited with code 1.",
         "Traceback (most recent call last):\n  File \"render.py\", line 42, in <module>\n"
         "ValueError: frame 17 has no camera"},
        {"137", "MemoryExceeded", "The program used more memory than its limit & was killed.",
         "limit=8192MB used=8193MB"},
        {"2", "ProgramFailed", "程序退出，代码 2。", "cp: cannot stat 'C:\\data\\输入.csv'"},
        {"255", "WorkerLost", "The machine did not answer for 120 s.", ""},
    };
    return &failures[(index + retries) % (sizeof failures / sizeof *failures)];
}

static void emit_instance(sim_t *sim, event_kind_t kind, const job_t *job, const task_t *task,
                          uint32_t index)
{
    static const failure_t none = {"", "", "", ""}, success = {"0", "", "", ""};
    const instance_t *instance = &task->instances[index];
    const failure_t *result = instance->state == FAILED     ? failure_of(index, instance->retries)
                              : instance->state == FINISHED ? &success
                                                            : &none;
    uint32_t progress = instance->state == FINISHED    ? 100
                        : state_ended(instance->state) ? (index * 13 + 31) % 100
                                                       : 0;
    char started[TIME_BYTES], ended[TIME_BYTES], number[3][16], path[2][256];
    snprintf(number[0], sizeof number[0], "%u", index);
    snprintf(number[1], sizeof number[1], "%u", instance->retries);
    snprintf(number[2], sizeof number[2], "%u", progress);
    for (int i = 0; i < 2; i++)
        snprintf(path[i], sizeof path[i], "oss://batch-logs/%s/logs/%s.%s.%s.%u", job->folder,
                 i == 0 ? "stdout" : "stderr", job->id, task->name, index);
    values_t values = {{[VALUE_JobId] = job->id,
                        [VALUE_Task] = task->name,
                        [VALUE_InstanceId] = number[0],
                        [VALUE_StartTime] = sim_time(instance->started_us, started),
                        [VALUE_EndTime] = sim_time(instance->ended_us, ended),
                        [VALUE_RetryCount] = number[1],
                        [VALUE_Progress] = number[2],
                        [VALUE_StdoutRedirectPath] = path[0],
                        [VALUE_StderrRedirectPath] = path[1],
                        [VALUE_ExitCode] = result->exit_code,
                        [VALUE_ErrorCode] = result->code,
                        [VALUE_ErrorMessage] = result->message,
                        [VALUE_Detail] = result->detail}};
    sim_emit(sim, kind, &values);
}

/* -- planning --------------------------------------------------------------------------------- */

static int64_t seconds(sim_t *sim, int64_t least, int64_t most)
{
    return rng_between(&sim->rng, least * SECOND_US, most * SECOND_US);
}

static void plan(sim_t *sim, int64_t delay_us, const job_t *job, action_kind_t kind)
{
    sim_plan(sim, delay_us,
             (action_t){.kind = kind, .slot = (uint32_t)(job - sim->jobs), .life = job->life});
}

static void plan_instance(sim_t *sim, int64_t delay_us, const job_t *job, action_kind_t kind,
                          uint32_t task, uint32_t index)
{
    sim_plan(sim, delay_us,
             (action_t){.kind = kind,
                        .slot = (uint32_t)(job - sim->jobs),
                        .life = job->life,
                        .task = (uint8_t)task,
                        .index = (uint8_t)index});
}

/* -- a job's beginning ------------------------------------------------------------------------ */

static void job_names(sim_t *sim, job_t *job)
{
    static const char *const names[] = {"render",   "transcode",  "align-reads", "train",
                                        "simulate", "index-logs", "thumbnails",  "risk_report"};
    static const char hex[] = "0123456789abcdef";
    const char *name = names[rng_below(&sim->rng, 8)];
    uint64_t random = rng_next(&sim->rng);
    char run[13] = "";
    rng_text(&sim->rng, run, 12, hex, 16);
    snprintf(job->id, sizeof job->id, "job-%016llX0000%04X0000%04X",
             (unsigned long long)(sim->now_us / SECOND_US), (unsigned)(random & 0xFFFF),
             (unsigned)(random >> 16 & 0xFFFF));
    snprintf(job->name, sizeof job->name, "%s-%u", name, (unsigned)(random >> 32 & 0xFFF));
    snprintf(job->folder, sizeof job->folder, "%s/%s", name, run);
}

static void job_tasks(sim_t *sim, job_t *job)
{
    static const char *const names[TASKS_MAX] = {"Split", "Map", "Reduce", "Report"};
    job->task_count = (uint32_t)rng_between(&sim->rng, 1, TASKS_MAX);
    for (uint32_t i = 0; i < job->task_count; i++)
        job->tasks[i] =
            (task_t){.name = names[i],
                     .after_previous = i > 0 && rng_percent(&sim->rng, 70),
                     .doomed = rng_percent(&sim->rng, PERCENT_DOOMED_TASK),
                     .instance_count = (uint32_t)rng_between(&sim->rng, 1, INSTANCES_MAX)};
}

/* Waits for its turn; meanwhile its owner may think of something else. */
static void job_wait(sim_t *sim, job_t *job)
{
    int64_t start_us = seconds(sim, 2, 60);
    job->state = WAITING;
    emit_job(sim, EVENT_Job_OnJobWaiting, job);
    plan(sim, start_us, job, ACTION_JOB_START);
    if (rng_percent(&sim->rng, PERCENT_PRIORITY_CHANGE))
        plan(sim, rng_between(&sim->rng, 0, start_us - 1), job, ACTION_JOB_PRIORITY);
    if (rng_percent(&sim->rng, PERCENT_STOPPED))
        plan(sim, seconds(sim, 1, 600), job, ACTION_JOB_STOP);
}

static void job_submit(sim_t *sim, job_t *job)
{
    *job = (job_t){.life = job->life,
                   .created_us = sim->now_us,
                   .priority = rng_between(&sim->rng, 0, PRIORITY_MAX),
                   .starts_left = 2,
                   .fails_with_instance = rng_percent(&sim->rng, PERCENT_FAILS_WITH_INSTANCE)};
    job_names(sim, job);
    job_tasks(sim, job);
    job_wait(sim, job);
}

/* The same job once more, from its first task on; what was wrong has been put right. */
static void job_restart(sim_t *sim, job_t *job)
{
    job->starts_left--;
    job->started_us = job->ended_us = 0;
    job->message[0] = '\0';
    for (uint32_t i = 0; i < job->task_count; i++)
        job->tasks[i] = (task_t){.name = job->tasks[i].name,
                                 .after_previous = job->tasks[i].after_previous,
                                 .instance_count = job->tasks[i].instance_count};
    job_wait(sim, job);
}

static void job_priority(sim_t *sim, job_t *job)
{
    int64_t from = job->priority;
    job->priority = (from + rng_between(&sim->rng, 1, PRIORITY_MAX)) % (PRIORITY_MAX + 1);
    emit_priority(sim, job, from, job->priority);
}

/* -- its tasks -------------------------------------------------------------------------------- */

static void task_begin(sim_t *sim, job_t *job, uint32_t at)
{
    task_t *task = &job->tasks[at];
    task->announced = true;
    emit_task(sim, EVENT_Job_OnTaskWaiting, job, task);
    for (uint32_t i = 0; i < task->instance_count; i++) {
        emit_instance(sim, EVENT_Job_OnInstanceWaiting, job, task, i);
        plan_instance(sim, seconds(sim, 1, 20), job, ACTION_INSTANCE_START, at, i);
    }
}

/* Begins every task that no longer has to wait.  @return whether all tasks have ended. */
static bool tasks_go_on(sim_t *sim, job_t *job)
{
    bool ended = true;
    for (uint32_t i = 0; i < job->task_count; i++) {
        task_t *task = &job->tasks[i];
        if (task->after_previous && !ended)
            return false;
        if (!task->announced)
            task_begin(sim, job, i);
        ended = ended && state_ended(task->state);
    }
    return ended;
}

static void job_start(sim_t *sim, job_t *job)
{
    job->state = RUNNING;
    job->started_us = sim->now_us;
    emit_job(sim, EVENT_Job_OnJobRunning, job);
    tasks_go_on(sim, job);
}

static void instance_start(sim_t *sim, job_t *job, uint32_t at, uint32_t index)
{
    task_t *task = &job->tasks[at];
    if (task->state == WAITING) {
        task->state = RUNNING;
        task->started_us = sim->now_us;
        emit_task(sim, EVENT_Job_OnTaskRunning, job, task);
    }
    task->instances[index].state = RUNNING;
    task->instances[index].started_us = sim->now_us;
    emit_instance(sim, EVENT_Job_OnInstanceRunning, job, task, index);
    plan_instance(sim, seconds(sim, 5, 300), job, ACTION_INSTANCE_END, at, index);
}

/* -- its end ---------------------------------------------------------------------------------- */

/* A new life: no plan of the old one holds any more.  The slot's next job is another one, or this
 * one once again. */
static void job_end(sim_t *sim, job_t *job, state_t state, event_kind_t kind)
{
    job->state = state;
    job->ended_us = sim->now_us;
    emit_job(sim, kind, job);
    job->life++;
    if (state == FINISHED || job->starts_left == 0 ||
        !rng_percent(&sim->rng, PERCENT_STARTED_AGAIN)) {
        plan(sim, seconds(sim, 1, 60), job, ACTION_JOB_SUBMIT);
        return;
    }
    plan(sim, seconds(sim, 60, 300), job, ACTION_JOB_RESTART);
    if (rng_percent(&sim->rng, PERCENT_PRIORITY_CHANGE))
        plan(sim, seconds(sim, 5, 50), job, ACTION_JOB_PRIORITY);
}

/* Stops what is under way; the task that failed, if any, is told as failed. */
static void tasks_halt(sim_t *sim, job_t *job, const task_t *failed)
{
    for (uint32_t at = 0; at < job->task_count; at++) {
        task_t *task = &job->tasks[at];
        if (!task->announced || state_ended(task->state))
            continue;
        for (uint32_t i = 0; i < task->instance_count; i++) {
            if (state_ended(task->instances[i].state))
                continue;
            task->instances[i].state = STOPPED;
            task->instances[i].ended_us = sim->now_us;
            emit_instance(sim, EVENT_Job_OnInstanceStopped, job, task, i);
        }
        task->state = task == failed ? FAILED : STOPPED;
        task->ended_us = sim->now_us;
        emit_task(sim, task == failed ? EVENT_Job_OnTaskFailed : EVENT_Job_OnTaskStopped, job,
                  task);
    }
}

static void job_stop(sim_t *sim, job_t *job)
{
    tasks_halt(sim, job, NULL);
    job_end(sim, job, STOPPED, EVENT_Job_OnJobStopped);
}

static void job_fail(sim_t *sim, job_t *job, const task_t *failed)
{
    tasks_halt(sim, job, failed);
    snprintf(job->message, sizeof job->message, "Task \"%s\" failed: %u of %u instances.",
             failed->name, failed->failed_count, failed->instance_count);
    job_end(sim, job, FAILED, EVENT_Job_OnJobFailed);
}

static void instance_retry(sim_t *sim, job_t *job, uint32_t at, uint32_t index)
{
    instance_t *instance = &job->tasks[at].instances[index];
    *instance = (instance_t){.retries = instance->retries + 1};
    emit_instance(sim, EVENT_Job_OnInstanceWaiting, job, &job->tasks[at], index);
    plan_instance(sim, seconds(sim, 1, 20), job, ACTION_INSTANCE_START, at, index);
}

static void instance_end(sim_t *sim, job_t *job, uint32_t at, uint32_t index)
{
    task_t *task = &job->tasks[at];
    instance_t *instance = &task->instances[index];
    bool fails = (task->doomed && index == 0) || rng_percent(&sim->rng, PERCENT_INSTANCE_FAILS);
    instance->state = fails ? FAILED : FINISHED;
    instance->ended_us = sim->now_us;
    emit_instance(sim, fails ? EVENT_Job_OnInstanceFailed : EVENT_Job_OnInstanceFinished, job, task,
                  index);
    if (fails && instance->retries < RETRIES_MAX) {
        instance_retry(sim, job, at, index);
        return;
    }
    task->failed_count += fails;
    if (fails && job->fails_with_instance) {
        job_fail(sim, job, task);
        return;
    }
    for (uint32_t i = 0; i < task->instance_count; i++)
        if (!state_ended(task->instances[i].state))
            return;
    task->state = FINISHED;
    task->ended_us = sim->now_us;
    emit_task(sim, EVENT_Job_OnTaskFinished, job, task);
    if (tasks_go_on(sim, job))
        job_end(sim, job, FINISHED, EVENT_Job_OnJobFinished);
}

void sim_job_act(sim_t *sim, const action_t *action)
{
    job_t *job = &sim->jobs[action->slot];
    if (action->life != job->life)
        return;
    switch (action->kind) {
    case ACTION_JOB_SUBMIT:
        job_submit(sim, job);
        break;
    case ACTION_JOB_START:
        job_start(sim, job);
        break;
    case ACTION_JOB_STOP:
        job_stop(sim, job);
        break;
    case ACTION_JOB_RESTART:
        job_restart(sim, job);
        break;
    case ACTION_JOB_PRIORITY:
        job_priority(sim, job);
        break;
    case ACTION_INSTANCE_START:
        instance_start(sim, job, action->task, action->index);
        break;
    default:
        instance_end(sim, job, action->task, action->index);
        break;
    }
}
