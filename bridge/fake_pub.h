/* fake_pub.h - libsluice's publisher, answered by a broker that does as it is told.
 *
 * Takes the library's place at link time.  The broker of the test acknowledges what it was sent one
 * by one as sluice_pub_process is called, or stalls, or refuses what the test names. */
#ifndef BRIDGE_FAKE_PUB_H
#define BRIDGE_FAKE_PUB_H

#include <sluice.h>

typedef struct fake_event {
    char topic[160];
    uint8_t id[16];
    uint8_t *data;
    size_t len;
    void *user;
    bool answered;
} fake_event_t;

typedef struct fake_broker {
    /* The script: */
    bool away;                /**< has not even answered HELLO */
    bool stalled;             /**< acknowledges nothing */
    uint32_t silent_ms;       /**< for so long, while stalled; 0: a minute */
    size_t room;              /**< events taken and not acknowledged, at most */
    const char *refuse_code;  /**< refuses events … */
    const char *refuse_topic; /**< … of topics that begin so; NULL: all */
    uint32_t refusals;        /**< … so many times */
    size_t largest;           /**< larger events are SLUICE_ELIMIT at once */
    uint32_t answer_one_in;   /**< a process answers in one of so many calls; 0: in each */
    uint64_t random;

    /* What the test sees: all events ever sent, in order. */
    fake_event_t *events;
    size_t count, cap, pending;
    size_t first; /**< before it all are answered */
    uint64_t flushes;
} fake_broker_t;

extern fake_broker_t fake_broker;

void fake_broker_reset(void);
/** Did the broker acknowledge an event of this identity, or its dead letter? */
bool fake_broker_has(const char *source, const char *id);

#endif
