/* catalogue.h - which events BatchCompute sends, and what their fields are.
 *
 * One table; types, validation, the workload generator, documentation and tests come from it.
 * Source: Alibaba Cloud BatchCompute, "Notification" (the service's page on message types). */
#ifndef EVENT_CATALOGUE_H
#define EVENT_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How a field's text becomes a msgpack value. */
typedef enum {
    FIELD_VERBATIM, /**< as JSON says; "" stays "" */
    FIELD_TIME,     /**< ISO 8601 -> timestamp; "" -> nil */
    FIELD_INT,      /**< numeric string or number -> int; "" -> nil */
} field_type_t;

/* Fields of each object in the order of the documentation's samples, Category first.  (Formatted by
 * hand: clang-format moves such lists at every pass.) */
/* clang-format off */
#define CLUSTER_FIELDS(F) \
    F(Category) F(ClusterId) F(ClusterName) F(CreationTime) F(State) F(Event)
#define CLUSTER_INSTANCE_FIELDS(F) \
    F(Category) F(ClusterId) F(Group) F(InstanceId) F(InnerIpAddress) F(Hints) F(State) \
    F(CreationTime) F(Event)
#define JOB_FIELDS(F) \
    F(Category) F(JobId) F(JobName) F(Event) F(State) F(CreationTime) F(StartTime) F(EndTime) \
    F(Message)
#define TASK_FIELDS(F) \
    F(Category) F(JobId) F(Task) F(Event) F(State) F(StartTime) F(EndTime)
#define INSTANCE_FIELDS(F) \
    F(Category) F(JobId) F(Task) F(InstanceId) F(Event) F(State) F(StartTime) F(EndTime) \
    F(RetryCount) F(Progress) F(StdoutRedirectPath) F(StderrRedirectPath) F(ExitCode) \
    F(ErrorCode) F(ErrorMessage) F(Detail)
#define PRIORITY_FIELDS(F) \
    F(Category) F(JobId) F(JobName) F(Event) F(State) F(CreationTime) F(StartTime) F(EndTime) \
    F(Message) F(From) F(To)
/* clang-format on */

/* Category, Event, object, State that goes with it ("" where it varies). */
#define EVENT_CATALOGUE(X)                                      \
    X(Cluster, OnClusterDeleted, CLUSTER, "Deleted")            \
    X(Cluster, OnInstanceCreated, CLUSTER_INSTANCE, "Starting") \
    X(Cluster, OnInstanceActive, CLUSTER_INSTANCE, "Running")   \
    X(Job, OnJobWaiting, JOB, "Waiting")                        \
    X(Job, OnJobRunning, JOB, "Running")                        \
    X(Job, OnJobStopped, JOB, "Stopped")                        \
    X(Job, OnJobFinished, JOB, "Finished")                      \
    X(Job, OnJobFailed, JOB, "Failed")                          \
    X(Job, OnTaskWaiting, TASK, "Waiting")                      \
    X(Job, OnTaskRunning, TASK, "Running")                      \
    X(Job, OnTaskStopped, TASK, "Stopped")                      \
    X(Job, OnTaskFinished, TASK, "Finished")                    \
    X(Job, OnTaskFailed, TASK, "Failed")                        \
    X(Job, OnInstanceWaiting, INSTANCE, "Waiting")              \
    X(Job, OnInstanceRunning, INSTANCE, "Running")              \
    X(Job, OnInstanceStopped, INSTANCE, "Stopped")              \
    X(Job, OnInstanceFinished, INSTANCE, "Finished")            \
    X(Job, OnInstanceFailed, INSTANCE, "Failed")                \
    X(Job, OnPriorityChange, PRIORITY, "")

/** An event's number in the catalogue: EVENT_Job_OnJobFailed, … */
#define X(category, event, object, state) EVENT_##category##_##event,
typedef enum { EVENT_CATALOGUE(X) EVENT_KIND_COUNT } event_kind_t;
#undef X

typedef struct event_row {
    const char *category, *event, *state;
    const char *const *fields; /**< NULL-terminated, in the samples' order */
} event_row_t;

/** The rows, indexed by event_kind_t. */
extern const event_row_t event_catalogue[EVENT_KIND_COUNT];

/** Finds an event.  @return its kind, or EVENT_KIND_COUNT when the catalogue has none such. */
event_kind_t event_catalogue_find(const char *category, size_t category_len, const char *event,
                                  size_t event_len);

/** A field's type: by name for the five integers, by the ending "Time" for times, else verbatim.
 *  Holds for fields that the catalogue does not know, too. */
field_type_t event_field_type(const char *name, size_t len);

#endif
