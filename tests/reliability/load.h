/* load.h - the topics of the events that feeder.c makes, and how often each comes. */
#ifndef RELIABILITY_LOAD_H
#define RELIABILITY_LOAD_H

/* Category, Event, share of 100.  Frequent and rare ones: a rare topic's loss shows late. */
#define LOAD_TOPICS(X)                   \
    X("Job", "OnJobRunning", 30)         \
    X("Job", "OnTaskFinished", 25)       \
    X("Job", "OnInstanceFailed", 20)     \
    X("Cluster", "OnInstanceActive", 15) \
    X("Job", "OnJobFailed", 9)           \
    X("Cluster", "OnClusterDeleted", 1)

#endif
