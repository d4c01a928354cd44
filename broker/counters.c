#include "counters.h"

const counter_def_t broker_counter_defs[BROKER_COUNTER_COUNT] = {BROKER_COUNTERS(COUNTER_DEF)};
