/* push_fixture.h - for tests of pushes: a server, a topic "t", and a little receiver that it pushes
 * to, all in the test's thread.
 *
 * What the receiver answers is told by the path: /ok and all others 204, /status/NNN that, /flaky
 * 503 so often as `failing` says, /reset nothing but a reset, /hang nothing until the test replies.
 */
#ifndef LOCAL_PUSH_FIXTURE_H
#define LOCAL_PUSH_FIXTURE_H

#include "local_fixture.h"
#include "mns/push.h"

#include <cjson/cJSON.h>

enum { PUSHED_HEADERS_MAX = 32, PARKED_MAX = 128 };

/** A request as it came. */
typedef struct pushed {
    char *method, *target, *body;
    size_t body_len;
    char *names[PUSHED_HEADERS_MAX], *values[PUSHED_HEADERS_MAX];
    size_t header_count;
} pushed_t;

typedef struct world {
    fixture_t *f;
    http_server_t *receiver;
    const char *url; /**< the receiver's */
    pushed_t *got;
    size_t count, cap;
    unsigned failing; /**< so many more at /flaky get 503 */
    http_request_t *parked[PARKED_MAX];
    size_t parked_count, gone; /**< at /hang: waiting, and hung up */
} world_t;

/** Makes one RSA key for all of a program's tests, a small one, since making them takes long; for
 *  cmocka_run_group_tests. */
int world_make_key(void **state);
int world_remove_key(void **state);

/** For a test's setup.  @param options  but for what fixture_setup_with sets, and push_key. */
int world_setup_with(void **state, local_options_t options);
/** The same with a receiver that speaks TLS. */
int world_setup_tls(void **state, local_options_t options, const char *certificate_file,
                    const char *key_file);
int world_setup(void **state);
int world_teardown(void **state);

/** One turn of server and receiver. */
void world_turn(world_t *w);
#define WAIT(condition) RAW_WAIT(&w->f->client, condition)

void subscribe_url(world_t *w, const char *name, const char *url, const char *children);
/** To a path of the receiver. */
void subscribe(world_t *w, const char *name, const char *path, const char *children);
raw_reply_t publish(world_t *w, const char *body, const char *children);

#define PLAIN "<NotifyContentFormat>SIMPLIFIED</NotifyContentFormat>"
#define DECAY "<NotifyStrategy>EXPONENTIAL_DECAY_RETRY</NotifyStrategy>"

/** Forgets what came so far. */
void forget(world_t *w);
/** A header's value, which comes once at most; "": none. */
const char *got_header(const pushed_t *p, const char *name);
/** How many came to a path that begins so. */
size_t came(const world_t *w, const char *path);

uint64_t tries_failed(world_t *w);
uint64_t delivered(world_t *w);
uint64_t pending(world_t *w);

/** The n-th entry of a page's list; delete *json. */
const cJSON *page_entry(world_t *w, const char *path, const char *list, int n, cJSON **json);
const char *text_of(const cJSON *item, const char *member);
uint64_t number_of(const cJSON *item, const char *member);
/** ms from the clock to the next try of the only subscription with pushes. */
uint64_t next_try_ms(world_t *w);

/** What libmns, which goes by the service's own rules, thinks of a push. */
mns_push_verdict judge(world_t *w, const pushed_t *p);

/** Writes a URL of a port at which nobody listens. */
void write_dead_url(char url[64]);

#endif
