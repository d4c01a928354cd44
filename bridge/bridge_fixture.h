/* bridge_fixture.h - for tests: a bridge between a queue and a broker that do as they are told.
 *
 * The loop is turned by hand and the clock is the test's.  Whatever a test does, a message that is
 * deleted before the broker has it fails it. */
#ifndef BRIDGE_BRIDGE_FIXTURE_H
#define BRIDGE_BRIDGE_FIXTURE_H

#include "backoff.h"
#include "bridge.h"
#include "fake_mns.h"
#include "fake_pub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENT(job) \
    "{\"Category\":\"Job\",\"JobId\":\"" job "\",\"Event\":\"OnJobFailed\",\"State\":\"Failed\"}"
#define SOURCE_Q "acs:mns:cn-hangzhou:123456789012:/queues/q"

enum { NS_PER_MS = 1000000, VISIBILITY_MS = 30000, STEP_MS = 10 };

typedef struct fixture {
    sl_clock_manual_t clock;
    counter_registry_t registry;
    source_options_t sources[2];
    bridge_options_t options;
    fake_queue_t *q, *other;
    bridge_t *bridge;
} fixture_t;

/** For cmocka: make and end the fixture; the bridge itself is made by fixture_start. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_start(fixture_t *f);
/** Turns as long as there is work, then moves time a step; for so long. */
void fixture_run(fixture_t *f, uint64_t ms);
/** Puts so many events into the queue. */
void fixture_put_many(fake_queue_t *q, size_t count);
/** A line of /metrics, without the prefix `sluice_bridge_`; -1: there is none such. */
long fixture_metric(fixture_t *f, const char *name);

#endif
