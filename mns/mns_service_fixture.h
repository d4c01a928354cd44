/* mns_service_fixture.h - for tests: a service that keeps its word, mns-local.
 *
 * A child process on a port of its own, one for all tests of a program, and a client of it. */
#ifndef MNS_SERVICE_FIXTURE_H
#define MNS_SERVICE_FIXTURE_H

#include "mns/mns.h"

extern char service_endpoint[128];
extern mns_client_t *service_client;

/** Starts it.  @param faults  text of a file of fault rules, or NULL.  @return 0, or -1. */
int service_start(const char *faults);
/** Ends it.  @return its status. */
int service_stop(void);

/** Runs a request that must come out as told.  @return the reply, to be freed. */
mns_reply_t *expect(mns_err want, mns_request_t request);
/** The same without a reply. */
void run(mns_err want, mns_request_t request);
/** With a visibility of 60 s. */
void make_queue(const char *queue);

#endif
