/* push_lane.h - the insides of push.h that push.c and push_view.c share. */
#ifndef LOCAL_PUSH_LANE_H
#define LOCAL_PUSH_LANE_H

#include "push.h"

enum { PUSH_ERROR_MAX = 127 };

typedef enum { PUSH_READY, PUSH_UNDER_WAY, PUSH_WAITING } push_state_t;

typedef struct push {
    push_lane_t *lane;
    push_state_t state;
    uint32_t failures;
    bool asked;               /**< what befalls this try is settled */
    bool hangs;               /**< WAITING for an answer that does not come: a fault */
    bool again;               /**< once delivered, it is to be sent once more */
    struct push *prev, *next; /**< READY, UNDER_WAY */
    heap_node_t due;          /**< WAITING */
    courier_slot_t *slot;     /**< UNDER_WAY */
    uint64_t number, publish_ms;
    uint8_t md5[MD5_BYTES];
    char message_id[MESSAGE_ID_LEN + 1];
    char tag[FILTER_TAG_MAX * 4 + 1];
    size_t body_len;
    char body[]; /**< and a NUL */
} push_t;

/** Which slots a lane competes for. */
typedef enum { LANE_WELL, LANE_SICK, LANE_KINDS } lane_kind_t;

struct push_lane {
    pushes_t *pushes;
    subscription_t *subscription;
    push_t *ready, *under_way;
    heap_t waiting;
    size_t pending, under_way_count;
    size_t window;
    lane_kind_t kind;
    int last_status;                     /**< of the last failure; 0: there was no answer */
    char last_error[PUSH_ERROR_MAX + 1]; /**< "" else */
    heap_node_t wakeup;                  /**< key: when the first of `waiting` is due */
    push_lane_t *prev, *next;            /**< all lanes */
    push_lane_t **line;                  /**< the line it stands in for a slot; NULL: none */
    push_lane_t *line_prev, *line_next;
};

struct pushes {
    pushes_options_t options;
    courier_t *courier;
    push_lane_t *lanes;
    size_t lane_count;
    push_lane_t *lines[LANE_KINDS]; /**< lanes that have something to send and may */
    lane_kind_t next_kind;
    size_t sick_under_way;
    heap_t wakeups;
    uint64_t random;
    box_t dead;
    push_stats_t stats;
};

/** Shows one push to somebody; fn may be NULL. */
void push_show(const push_t *push, push_fn *fn, void *ctx);

/** The push as a JSON object for /local/dead; free() it.  NULL: no memory. */
char *push_write_dead(const push_t *push, const courier_answer_t *answer);

#endif
