/* mns_list.h - names, page after page, and the rows of options that lists share. */
#ifndef CLI_MNS_LIST_H
#define CLI_MNS_LIST_H

#include "mns_session.h"

typedef struct list_options {
    mns_common_t common;
    const char *prefix;
    uint64_t limit;
    bool details; /**< --long */
} list_options_t;

#define LIST_ROWS                                                                        \
    {.key = "prefix",                                                                    \
     .kind = CONFIG_STR,                                                                 \
     .offset = offsetof(list_options_t, prefix),                                         \
     .arg = "TEXT",                                                                      \
     .help = "only names that begin so",                                                 \
     .flags = CONFIG_FLAG_ONLY},                                                         \
        {.key = "limit",                                                                 \
         .kind = CONFIG_U64,                                                             \
         .offset = offsetof(list_options_t, limit),                                      \
         .arg = "N",                                                                     \
         .help = "at most so many; without it all, however many pages",                  \
         .max = 1000000,                                                                 \
         .min = 1,                                                                       \
         .flags = CONFIG_FLAG_ONLY},                                                     \
    {                                                                                    \
        .key = "long", .kind = CONFIG_BOOL, .offset = offsetof(list_options_t, details), \
        .help = "with the attributes of each", .flags = CONFIG_FLAG_ONLY                 \
    }

/** One name.  @param attributes  of a queue, when the list was asked for them; else NULL.
 *  @return false ends the list. */
typedef bool (*list_fn)(void *ctx, const char *name, const mns_queue_attributes_t *attributes);

/** Asks for pages until the end or the limit.
 *  @param request  op, topic, prefix, with_meta; paging is filled in here.
 *  @param limit    0: none.
 *  @return MNS_OK, also when `each` ended it; else the error, untold, with *reply: MNS_EPROTO for a
 *          page that leads to itself, and reply->message says so. */
mns_err list_walk(mns_client_t *client, const mns_request_t *request, uint64_t limit, list_fn each,
                  void *ctx, mns_reply_t **reply);

/** list_walk as a command: errors are told.  @return the exit code. */
int list_run(session_t *session, const mns_request_t *request, const list_options_t *options,
             list_fn each, void *ctx);

/** Shows one by its name, as a row; errors are told.  @return false: there was one. */
typedef bool (*list_show_fn)(session_t *session, const char *name, show_shape_t shape);

/** As list_run, for what the service lists by name alone: with --long a request each.
 *  @param title  of the column of names. */
int list_run_by_name(session_t *session, const mns_request_t *request,
                     const list_options_t *options, const char *title, list_show_fn show_one);

#endif
