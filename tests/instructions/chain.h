/* chain.h - publisher, broker and subscriber in one thread, each moved on by hand.
 *
 *     DEALER ==inproc==> the whole broker, its clock ours ==inproc==> libsluice
 *
 * The broker is the one that people run: intake, dedup, batches, the memory journal, feed, its
 * chores.  Over inproc a message goes from socket to socket without libzmq's I/O threads; what
 * those cost is not in here.  A step is a millisecond of the broker's time. */
#ifndef INSTRUCTIONS_CHAIN_H
#define INSTRUCTIONS_CHAIN_H

#include "guard.h"

#include "broker.h"
#include "mix.h"
#include "sluice.h"

typedef struct chain {
    guard_load_t load;
    sl_clock_manual_t clock;
    broker_t broker;
    void *publisher;
    sluice_sub_t *sub;
    mix_t *mix;
    uint64_t requests; /**< sent so far: the last one's number */
    sl_buf_t head, ends, ids, events;
} chain_t;

/** Opens all three; the publisher is welcome, the subscription in force. */
chain_t *chain_open(const guard_load_t *load);
void chain_close(chain_t *c);

/** Sends a step's PUBs, each on one topic; topics take turns. */
void chain_publish(chain_t *c);

/** Turns the broker until nothing is left to do. */
void chain_turn(chain_t *c);

/** Takes the answers to a step's PUBs: all must be acknowledged, and no event a duplicate. */
void chain_take_acks(chain_t *c);

/** Reads on until nothing is left.  @return events that came. */
uint64_t chain_read(chain_t *c);

#endif
