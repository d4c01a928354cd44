/* dead.h - dead letters in the journal: which ones, and one after another.
 *
 * A dead letter is an event on a topic $dead.<Reason>; the commands walk over a replay of those. */
#ifndef CLI_DEAD_H
#define CLI_DEAD_H

#include "position.h"
#include "replay.h"

#include "decode/redrive.h"

typedef struct dead_options {
    ask_options_t ask;
    const char *reason, *since; /**< or NULL */
    bool json;
} dead_options_t;

#define DEAD_ROWS                                                               \
    {.key = "reason",                                                           \
     .kind = CONFIG_STR,                                                        \
     .offset = offsetof(dead_options_t, reason),                                \
     .arg = "REASON",                                                           \
     .help = "only those on $dead.REASON, such as BrokenJson",                  \
     .flags = CONFIG_FLAG_ONLY},                                                \
        {.key = "since",                                                        \
         .kind = CONFIG_STR,                                                    \
         .offset = offsetof(dead_options_t, since),                             \
         .arg = "TIME",                                                         \
         .help = "only those the broker took at or after: " POSITION_TIME_TEXT, \
         .flags = CONFIG_FLAG_ONLY},                                            \
        DEAD_JSON_ROW, ASK_ROWS
#define DEAD_JSON_ROW                                                                 \
    {                                                                                 \
        .key = "json", .kind = CONFIG_BOOL, .offset = offsetof(dead_options_t, json), \
        .help = "one JSON object a line", .flags = CONFIG_FLAG_ONLY                   \
    }

/** What `check` of their programs has in common: --since. */
void dead_check(config_t *config, const dead_options_t *options);

/** Is it a number of an event?  Complains about it otherwise. */
bool dead_check_number(config_t *config, const char *text);
uint64_t dead_number(const char *text); /**< of one that was checked */

/** One dead letter.  @param letter  NULL: it has not the form of one; item has its bytes.
 *  @return false ends the walk. */
typedef bool dead_fn(void *ctx, const sluice_item_t *item, const dead_letter_t *letter);

/** Walks over those that the options choose, or over the one with `number`, if it is one.
 *  @param lost  receives the range that retention or damage took, the last of them; untouched if
 *               there is none; NULL: not wanted.  Without a number each is told as well.
 *  @return true: the walk came to its end; false: told. */
bool dead_walk(ask_t *ask, const dead_options_t *options, uint64_t number, dead_fn *each, void *ctx,
               wire_lost_t *lost);

int dead_list(int argc, char **argv);
int dead_show(int argc, char **argv);
int dead_redrive(int argc, char **argv);

#endif
