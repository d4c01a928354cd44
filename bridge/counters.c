#include "counters.h"

const counter_def_t source_counter_defs[] = {SOURCE_COUNTERS(COUNTER_DEF)};
const counter_def_t queue_counter_defs[] = {QUEUE_COUNTERS(COUNTER_DEF)};
const counter_def_t bridge_counter_defs[] = {BRIDGE_COUNTERS(COUNTER_DEF)};
const counter_def_t dead_letter_counter_def = {
    "bridge_dead_letters", "Messages that are no events, published on $dead.<Reason>",
    COUNTER_TOTAL};
