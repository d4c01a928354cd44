#include "examine.h"

#include <stdio.h>

sl_err examination_init(examination_t *e, store_t *s)
{
    *e = (examination_t){.survey = {.s = s}};
    e->pages = calloc(1, sizeof *e->pages); /* too large for a stack */
    if (e->pages == NULL)
        return SL_ENOMEM;
    e->pages->fd = -1;
    return SL_OK;
}

void examination_fini(examination_t *e)
{
    free(e->survey.damaged);
    if (e->pages != NULL)
        pages_close(e->pages);
    free(e->pages);
    *e = (examination_t){0};
}

/* Forgets what an examination before this one found. */
static void begin(examination_t *e)
{
    survey_t *v = &e->survey;
    store_topics_free(v->s);
    free(v->damaged);
    *v = (survey_t){
        .s = v->s, .hole = v->hole, .ctx = v->ctx, .trusting = e->trust ? e->pages : NULL};
    e->untouched = false;
    e->failed = "the journal cannot be read";
}

/* What the walk found, as one result. */
static sl_err judge(examination_t *e, sl_err walked)
{
    survey_t *v = &e->survey;
    const char *fault = walked == SL_EPROTO ? e->pages->fault : NULL;
    e->untouched = walked == SL_OK && pages_untouched(e->pages);
    if (walked == SL_OK && !e->untouched) {
        survey_end(v);
        fault = v->fault;
        if (fault == NULL && v->state.txn != e->pages->meta.txn)
            fault = "the meta page and the state are of different transactions";
    }
    if (walked != SL_OK && walked != SL_EPROTO)
        return walked;
    if (v->err != SL_OK)
        return v->err;
    if (v->newer) {
        e->failed = "a newer program wrote this journal";
        return SL_EVERSION;
    }
    if (fault == NULL) {
        e->failed = NULL;
        return SL_OK;
    }
    snprintf(e->damage, sizeof e->damage, "%s", fault);
    e->failed = "the journal is damaged";
    return SL_EPROTO;
}

static void count_pages(examination_t *e)
{
    const pages_t *p = e->pages;
    e->free_pages = 0;
    e->page_count = p->kinds != NULL ? p->count : 0;
    for (uint64_t i = 0; i < e->page_count; i++)
        e->free_pages += p->kinds[i] == PAGE_FREE || p->kinds[i] == PAGE_UNUSED;
}

static sl_err walk(examination_t *e)
{
    begin(e);
    char *path = store_path(e->survey.s->dir, STORE_FILE);
    if (path == NULL)
        return SL_ENOMEM;
    sl_err err = pages_open(e->pages, path);
    if (err == SL_OK)
        err = pages_walk(e->pages, survey_entry, &e->survey);
    free(path);
    err = judge(e, err);
    count_pages(e);
    pages_close(e->pages);
    return err;
}

/* Where heads alone do not add up, the bodies say what is damaged.  Holes that the last start knew
 * are no reason, or they would be one until retention takes them; a new one that is no larger than
 * what it took since is told when it is read. */
sl_err examine(examination_t *e)
{
    sl_err err = walk(e);
    const survey_t *v = &e->survey;
    if (v->trusted && (err == SL_EPROTO || v->doubtful || v->lost_events > v->state.lost)) {
        e->trust = false;
        err = walk(e);
    }
    return err;
}

sl_err examine_metas(examination_t *e)
{
    enum { TRIES = 100 };
    e->failed = "the journal cannot be read";
    char *path = store_path(e->survey.s->dir, STORE_FILE);
    sl_err err = path != NULL ? SL_EPROTO : SL_ENOMEM;
    for (int i = 0; i < TRIES && err == SL_EPROTO; i++) {
        err = pages_open(e->pages, path);
        pages_close(e->pages);
    }
    free(path);
    return err == SL_EPROTO ? judge(e, err) : err;
}

/* The snapshot keeps its pages as they are while they are walked.  The meta page that was read must
 * be the snapshot's own: a writer may have come between. */
sl_err examine_snapshot(examination_t *e)
{
    enum { TRIES = 1000 };
    sl_err err = SL_EAGAIN;
    for (int i = 0; i < TRIES && err == SL_EAGAIN; i++) {
        MDB_txn *txn;
        int rc = mdb_txn_begin(e->survey.s->env, NULL, MDB_RDONLY, &txn);
        if (rc != 0)
            return store_error(rc);
        err = examine(e);
        if (e->pages->meta.txn != mdb_txn_id(txn))
            err = SL_EAGAIN;
        mdb_txn_abort(txn);
    }
    return err == SL_EAGAIN ? SL_EPROTO : err; /* no meta page says what LMDB reads in it */
}
