/* options.h - what sluice-broker can be told. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include "config/config.h"

typedef enum { DURABILITY_MEMORY, DURABILITY_OS, DURABILITY_DISK } durability_t;

typedef struct broker_options {
    const char *feed, *intake, *query; /**< endpoints */
    const char *http;                  /**< "addr:port"; "" or "off": none */
    const char *name;
    int durability;   /**< durability_t */
    const char *data; /**< DIR of the journal; "": see broker_data_dir */
    uint64_t retain_bytes, retain_age_ms, map_bytes; /**< durability os and disk */
    const char *boot_id;   /**< NULL: the system's.  No option: for tests */
    uint64_t memory_bytes; /**< durability memory */
    uint64_t window, max_bytes, max_events, publishers, topics;
    uint64_t replays, cursors;
    uint64_t intake_bytes; /**< what may wait for journal and feed */
    uint64_t retry_ms;
    uint64_t dedup_count, dedup_age_ms;
    uint64_t feed_hwm, sndbuf_bytes, patience_ms;
    uint64_t tick_ms, idle_tick_ms;
    uint64_t linger_us;
    uint64_t connections, backlog;
    uint64_t drain_ms;
} broker_options_t;

/** "memory", "os" or "disk". */
const char *broker_durability_name(const broker_options_t *o);

/** Where the journal is: the option `data`, else $STATE_DIRECTORY (systemd), else "sluice-data". */
const char *broker_data_dir(const broker_options_t *o);

/** The limit of the journal's file: --map-bytes, or what the others ask for. */
uint64_t broker_map_bytes(const broker_options_t *o);

extern const config_program_t broker_program;

#endif
