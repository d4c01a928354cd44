#include "chain.h"

#include <stdlib.h>
#include <string.h>

enum {
    MS = 1000 * 1000, /* ns */
    EVENT_BYTES = 320,
    PATIENCE_TURNS = 10000, /* until publisher and subscriber are in */
    PATIENCE_S = 600,       /* under valgrind the subscriber's clock runs ahead of all it does */
};

/* As the broker has them, but small where something fills up: the dedup window and the journal are
 * full soon, and stay so. */
static const broker_options_t options = {.feed = "inproc://feed",
                                         .intake = "inproc://intake",
                                         .query = "inproc://query",
                                         .name = "guard",
                                         .data = "",
                                         .durability = DURABILITY_MEMORY,
                                         .memory_bytes = 256 * 1024,
                                         .window = 1024,
                                         .max_bytes = 1 << 20,
                                         .max_events = 4096,
                                         .publishers = 1024,
                                         .topics = 1024,
                                         .replays = 16,
                                         .cursors = 64,
                                         .intake_bytes = 64 << 20,
                                         .retry_ms = 50,
                                         .dedup_count = 1024,
                                         .dedup_age_ms = 3600000,
                                         .feed_hwm = 32,
                                         .sndbuf_bytes = 256 << 10,
                                         .patience_ms = 50,
                                         .tick_ms = 100,
                                         .idle_tick_ms = 1000,
                                         .linger_us = 1000,
                                         .connections = 64,
                                         .backlog = 100,
                                         .drain_ms = 1000};

/* -- opening --------------------------------------------------------------------------------- */

static void open_broker(chain_t *c)
{
    const char *failed;
    sl_clock_manual_init(&c->clock, UINT64_C(3600000) * MS, UINT64_C(1780315200000) * MS);
    if (broker_init(&c->broker, &options, NULL, &c->clock.clock, &failed) != SL_OK)
        guard_fail("no broker");
}

static void open_publisher(chain_t *c)
{
    int linger = 0, unbounded = 0;
    c->publisher = zmq_socket(c->broker.context, ZMQ_DEALER);
    if (c->publisher == NULL ||
        zmq_setsockopt(c->publisher, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(c->publisher, ZMQ_SNDHWM, &unbounded, sizeof unbounded) != 0 ||
        zmq_connect(c->publisher, options.intake) != 0)
        guard_fail("no publisher");
    sl_buf_clear(&c->head);
    wire_put_hello(&c->head, "guard", 5);
    zmq_send(c->publisher, c->head.data, c->head.len, 0);
}

static void open_subscriber(chain_t *c)
{
    sluice_sub_options_t sub = {.size = sizeof sub,
                                .feed = options.feed,
                                .query = options.query,
                                .zmq_context = c->broker.context,
                                .watchdog_ms = PATIENCE_S * 1000};
    if (sluice_sub_create(&c->sub, &sub) != SLUICE_OK)
        guard_fail("no subscriber");
}

static wire_intake_type_t try_answer(chain_t *c, wire_intake_t *answer)
{
    uint8_t frame[256];
    int len = zmq_recv(c->publisher, frame, sizeof frame, ZMQ_DONTWAIT);
    if (len <= 0 || (size_t)len > sizeof frame ||
        wire_intake_decode(answer, frame, (size_t)len) != SL_OK)
        return WIRE_NAK;
    return answer->type;
}

/* libzmq makes a connection when both of its ends are looked at. */
static void await_both(chain_t *c)
{
    bool welcome = false;
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        wire_intake_t answer;
        chain_turn(c);
        welcome = welcome || try_answer(c, &answer) == WIRE_WELCOME;
        chain_read(c);
        if (welcome && sluice_sub_joined(c->sub))
            return;
    }
    guard_fail("publisher and subscriber do not get in");
}

chain_t *chain_open(const guard_load_t *load)
{
    chain_t *c = calloc(1, sizeof *c);
    if (c == NULL || mix_create(&c->mix, EVENT_BYTES, 1) != SL_OK)
        guard_fail("no memory");
    c->load = *load;
    open_broker(c);
    open_publisher(c);
    open_subscriber(c);
    await_both(c);
    return c;
}

void chain_close(chain_t *c)
{
    sluice_sub_destroy(&c->sub);
    zmq_close(c->publisher);
    if (broker_fini(&c->broker, 0) != SL_OK)
        guard_fail("the broker does not end in order");
    mix_destroy(&c->mix);
    sl_buf_fini(&c->head);
    sl_buf_fini(&c->ends);
    sl_buf_fini(&c->ids);
    sl_buf_fini(&c->events);
    free(c);
}

/* -- moving on ------------------------------------------------------------------------------- */

static void fill(chain_t *c, size_t topic)
{
    sl_buf_clear(&c->ends);
    sl_buf_clear(&c->ids);
    sl_buf_clear(&c->events);
    for (uint32_t i = 0; i < c->load.events; i++) {
        mix_event_t event;
        uint8_t end[4];
        mix_next_on(c->mix, topic, &event);
        sl_buf_append(&c->events, event.data, event.len);
        wire_put_end(end, (uint32_t)c->events.len);
        sl_buf_append(&c->ends, end, sizeof end);
        sl_buf_append(&c->ids, event.id, sizeof event.id);
    }
    sl_buf_clear(&c->head);
    wire_put_pub(&c->head, ++c->requests, c->load.events, c->ends.data, c->ids.data);
}

void chain_publish(chain_t *c)
{
    for (uint32_t i = 0; i < c->load.requests; i++) {
        size_t topic = (c->requests + 1) % MIX_TOPICS;
        const char *name = mix_topic(c->mix, topic);
        fill(c, topic);
        if (zmq_send(c->publisher, c->head.data, c->head.len, ZMQ_SNDMORE) < 0 ||
            zmq_send(c->publisher, name, strlen(name), ZMQ_SNDMORE) < 0 ||
            zmq_send(c->publisher, c->events.data, c->events.len, 0) < 0)
            guard_fail("a PUB does not leave");
    }
}

void chain_turn(chain_t *c)
{
    sl_clock_manual_advance(&c->clock, MS);
    while (broker_turn(&c->broker, 0, -1) > 0)
        continue;
}

void chain_take_acks(chain_t *c)
{
    for (uint32_t i = 0; i < c->load.requests; i++) {
        wire_intake_t answer;
        if (try_answer(c, &answer) != WIRE_ACK || answer.ack.accepted != c->load.events)
            guard_fail("a PUB is not acknowledged");
    }
}

uint64_t chain_read(chain_t *c)
{
    sluice_item_t item;
    uint64_t events = 0;
    sluice_err err;
    while ((err = sluice_sub_next_batch(c->sub, &item, 0)) == SLUICE_OK) {
        if (item.kind != SLUICE_ITEM_EVENT)
            guard_fail("the subscriber had something else than events");
        events += item.count;
    }
    if (err != SLUICE_EAGAIN)
        guard_fail("the subscriber does not read on");
    return events;
}
