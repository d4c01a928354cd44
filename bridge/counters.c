#include "counters.h"

const counter_def_t source_counter_defs[] = {SOURCE_COUNTERS(COUNTER_DEF)};
const counter_def_t queue_counter_defs[] = {QUEUE_COUNTERS(COUNTER_DEF)};
const counter_def_t push_counter_defs[] = {PUSH_COUNTERS(COUNTER_DEF)};
const counter_def_t bridge_counter_defs[] = {BRIDGE_COUNTERS(COUNTER_DEF)};
const counter_def_t dead_letter_counter_def = {
    "bridge_dead_letters", "Messages that are no events, published on $dead.<Reason>",
    COUNTER_TOTAL};
const counter_def_t forged_counter_def = {
    "bridge_forged", "Pushes that are not MNS's, or of another account's topic: answered 403",
    COUNTER_TOTAL};
