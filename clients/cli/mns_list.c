#include "mns_list.h"

#include "cli.h"

#include <stdlib.h>

enum { PAGE_MAX = 1000 };

/* Hands the page's names out.  @return how many; *more becomes false when `each` wants no more. */
static size_t hand_out(const mns_reply_t *reply, list_fn each, void *ctx, bool *more)
{
    for (size_t i = 0; i < reply->name_count; i++) {
        const mns_queue_attributes_t *attributes =
            reply->queue_attributes != NULL ? &reply->queue_attributes[i] : NULL;
        *more = each(ctx, reply->names[i], attributes);
        if (!*more)
            return i + 1;
    }
    return reply->name_count;
}

/* Takes the page's marker for the next one.  A page that leads to itself would never end: it is no
 * list, and the reply says so. */
static mns_err turn_page(mns_reply_t *reply, char **marker)
{
    const char *next = reply->next_marker;
    if (*marker != NULL && *next != '\0' && strcmp(*marker, next) == 0) {
        reply->err = MNS_EPROTO;
        reply->message = "the list has no end: a page's NextMarker is the marker it was asked with";
        return MNS_EPROTO;
    }
    free(*marker);
    *marker = strdup(next);
    return *marker != NULL ? MNS_OK : MNS_ENOMEM;
}

mns_err list_walk(mns_client_t *client, const mns_request_t *asked, uint64_t limit, list_fn each,
                  void *ctx, mns_reply_t **reply)
{
    mns_request_t request = *asked;
    char *marker = NULL;
    uint64_t left = limit > 0 ? limit : UINT64_MAX;
    bool more = true;
    mns_err err = MNS_OK;
    *reply = NULL;
    while (err == MNS_OK && more && left > 0) {
        request.list_count = left < PAGE_MAX ? (uint32_t)left : PAGE_MAX;
        request.marker = marker;
        mns_reply_free(reply);
        err = mns_call(client, &request, reply);
        if (err != MNS_OK)
            break;
        left -= hand_out(*reply, each, ctx, &more);
        if (more && left > 0)
            err = turn_page(*reply, &marker);
        more = more && marker != NULL && *marker != '\0';
    }
    free(marker);
    return err;
}

int list_run(session_t *session, const mns_request_t *request, const list_options_t *options,
             list_fn each, void *ctx)
{
    mns_reply_t *reply;
    mns_err err = list_walk(session->client, request, options->limit, each, ctx, &reply);
    if (err != MNS_OK)
        session_tell(session, err, reply);
    mns_reply_free(&reply);
    return err == MNS_OK ? CLI_DONE : CLI_NOT_ALL;
}

/* -- lists of names alone ------------------------------------------------------------------ */

typedef struct by_name {
    session_t *session;
    const char *title;
    list_show_fn show_one; /* NULL: the name will do */
    bool failed;
} by_name_t;

static bool put_by_name(void *ctx, const char *name, const mns_queue_attributes_t *attributes)
{
    (void)attributes;
    by_name_t *list = ctx;
    show_t *show = &list->session->show;
    if (list->show_one != NULL) {
        list->failed = !list->show_one(list->session, name, SHOW_ROWS);
        return !list->failed;
    }
    show_begin(show, SHOW_ROWS);
    show_text(show, list->title, name);
    show_end(show);
    return true;
}

int list_run_by_name(session_t *session, const mns_request_t *request,
                     const list_options_t *options, const char *title, list_show_fn show_one)
{
    by_name_t list = {session, title, options->details ? show_one : NULL, false};
    int code = list_run(session, request, options, put_by_name, &list);
    return list.failed ? CLI_NOT_ALL : code;
}
