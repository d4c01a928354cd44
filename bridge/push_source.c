#include "push_source.h"

#include "base/log.h"
#include "push_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    REQUEST_MS = 10000, /**< to send a request; MNS itself waits 5 s for its answer */
    /** So long does a push without its certificate keep the source from being ready: its address
     *  comes from whoever sent it, and MNS, which tries again, may not be the one. */
    CERTIFICATE_DOWN_MS = 30000,
};

static const push_source_t *push_source_of_const(const source_t *source)
{
    return (const push_source_t *)source;
}

/* -- the certificate ----------------------------------------------------------------------- */

void push_certificate_missed(push_source_t *p)
{
    p->certificate_down_until_ms = p->base.shared->now_ms + CERTIFICATE_DOWN_MS;
}

static bool certificate_is_down(const push_source_t *p)
{
    return p->base.shared->now_ms < p->certificate_down_until_ms;
}

static void note_certificates(push_source_t *p, uint64_t certificates)
{
    if (certificates > p->certificates)
        p->certificate_down_until_ms = 0;
    p->certificates = certificates;
}

/* -- the turn ------------------------------------------------------------------------------ */

static void serve(push_source_t *p)
{
    if (http_server_run(p->server, 0) != SL_OK)
        LOG_ERROR("BRIDGE-PUSH-FAILED", "source=%s errno=%d; %s", p->base.name, errno,
                  strerror(errno));
}

static size_t take(source_t *source)
{
    push_source_t *p = push_source_of(source);
    p->work = 0;
    serve(p);
    if (mns_push_run(p->verifier, 0) > 0)
        push_judge_waiting(p);
    push_answer_overdue(p);
    return p->work;
}

/* Answers go out in the turn that brought the receipts. */
static size_t settle(source_t *source)
{
    push_source_t *p = push_source_of(source);
    size_t unsent = http_server_unsent(p->server);
    if (unsent > 0)
        serve(p);
    return unsent;
}

static void tend(source_t *source)
{
    push_source_t *p = push_source_of(source);
    mns_push_stats_t stats;
    mns_push_stats(p->verifier, &stats);
    note_certificates(p, stats.certificates);
    counter_set(&p->counters[PUSH_FETCHES], stats.fetches);
    counter_set(&p->counters[PUSH_FETCH_FAILURES], stats.fetch_failures);
    counter_set(&p->counters[PUSH_CERTIFICATES], stats.certificates);
    counter_set(&p->counters[PUSH_OPEN], p->open_count);
    counter_set(&p->counters[PUSH_IN_HAND], source->in_hand);
    counter_set(&source->counters[SOURCE_WAITING], source->waiting.count);
    counter_set(&source->counters[SOURCE_UP], !certificate_is_down(p));
}

static uint64_t due_ms(const source_t *source)
{
    const push_source_t *p = push_source_of_const(source);
    int wait_ms = http_server_timeout_ms(p->server);
    uint64_t due = wait_ms >= 0 ? source->shared->now_ms + (uint64_t)wait_ms : UINT64_MAX;
    return p->open != NULL && p->open->deadline_ms < due ? p->open->deadline_ms : due;
}

/* What was answered already is MNS's again, whatever the broker says of it. */
static bool busy(const source_t *source)
{
    const push_source_t *p = push_source_of_const(source);
    return p->open != NULL || http_server_unsent(p->server) > 0;
}

static bool expecting(const source_t *source)
{
    (void)source;
    return false;
}

static const char *why_not_ready(const source_t *source)
{
    const push_source_t *p = push_source_of_const(source);
    return certificate_is_down(p) ? (const char *)p->down_text.data : NULL;
}

/* -- making and ending --------------------------------------------------------------------- */

static void destroy(source_t *source)
{
    push_source_t *p = push_source_of(source);
    http_server_destroy(&p->server); /* first: it tells of those not answered */
    mns_push_destroy(&p->verifier);
    for (int i = 0; i < PUSH_REFUSAL_COUNT; i++)
        sl_buf_fini(&p->forged_labels[i]);
    sl_buf_fini(&p->down_text);
    source_fini(source);
    free(p);
}

static const source_ops_t push_ops = {
    .destroy = destroy,
    .take = take,
    .settle = settle,
    .tend = tend,
    .due_ms = due_ms,
    .busy = busy,
    .expecting = expecting,
    .why_not_ready = why_not_ready,
    .done = push_done,
    .left = push_left,
    .lapsed = push_lapsed,
    .foreign = push_foreign,
};

static bool is_forgery(int refusal)
{
    return refusal == PUSH_FOREIGN_OWNER || mns_push_status((mns_push_verdict)refusal) == 403;
}

static sl_err make_texts(push_source_t *p)
{
    sl_buf_printf(&p->down_text, "source %s: the certificate of pushes cannot be had",
                  p->base.name);
    sl_buf_append_byte(&p->down_text, '\0');
    bool failed = p->down_text.failed;
    p->base.more_sets = p->forged_sets;
    for (int i = 0; i < PUSH_REFUSAL_COUNT; i++) {
        if (!is_forgery(i))
            continue;
        sl_buf_t *label = &p->forged_labels[i];
        sl_buf_printf(label, "source=\"%s\",verdict=\"%s\"", p->base.name, push_refusal_name(i));
        sl_buf_append_byte(label, '\0');
        failed |= label->failed;
        p->forged_sets[p->base.more_count++] =
            (counter_set_t){&forged_counter_def, &p->forged[i], 1, (const char *)label->data, NULL};
    }
    return failed ? SL_ENOMEM : SL_OK;
}

static int64_t wall_s(void *ctx)
{
    const sl_clock_t *const *clock = ctx;
    return (int64_t)(sl_clock_wall_ns(*clock) / 1000000000u);
}

static sl_err make_verifier(push_source_t *p)
{
    const source_options_t *options = p->base.options;
    const char *const *hosts = options->certificate_hosts.items;
    size_t count = options->certificate_hosts.count;
    const char **ended = calloc(count + 1, sizeof *ended);
    if (ended == NULL)
        return SL_ENOMEM;
    for (size_t i = 0; i < count; i++)
        ended[i] = hosts[i];
    mns_err err = mns_push_create(&p->verifier, &(mns_push_options_t){
                                                    .size = sizeof(mns_push_options_t),
                                                    .hosts = count > 0 ? ended : NULL,
                                                    .certificate_file = options->certificate,
                                                    .ca_file = options->ca_file,
                                                    .now_s = wall_s,
                                                    .now_ctx = &p->base.shared->clock,
                                                });
    free(ended);
    return err == MNS_OK       ? SL_OK
           : err == MNS_ENOMEM ? SL_ENOMEM
           : err == MNS_EIO    ? SL_EIO
                               : SL_EINVAL;
}

static sl_err make_server(push_source_t *p, counter_registry_t *registry)
{
    const source_options_t *options = p->base.options;
    return http_server_create(&p->server, &(http_server_options_t){
                                              .listen = options->listen,
                                              .on_head = push_on_head,
                                              .on_request = push_on_request,
                                              .on_gone = push_on_gone,
                                              .ctx = p,
                                              .max_body = PUSH_BODY_MAX,
                                              .max_connections = (unsigned)options->connections,
                                              .make_room = true,
                                              .request_ms = REQUEST_MS,
                                              .clock = p->base.shared->clock,
                                              .registry = registry,
                                              .labels = p->base.set.labels,
                                              .certificate_file = options->tls_certificate,
                                              .key_file = options->tls_key,
                                          });
}

/* The options' files, each by itself, so that the one that cannot be read is named. */
static sl_err check_files(const source_options_t *options, const char **failed)
{
    const char *const files[] = {options->certificate, options->ca_file, options->tls_certificate,
                                 options->tls_key};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] != NULL && access(files[i], R_OK) != 0) {
            *failed = files[i];
            return SL_EIO;
        }
    return SL_OK;
}

static sl_err make_parts(push_source_t *p, const char **failed)
{
    const source_options_t *options = p->base.options;
    sl_err err = check_files(options, failed);
    if (err != SL_OK)
        return err;
    const char *const *hosts = options->certificate_hosts.items;
    *failed = options->certificate != NULL           ? options->certificate
              : options->certificate_hosts.count > 0 ? hosts[0]
                                                     : options->listen;
    err = make_verifier(p);
    if (err != SL_OK)
        return err;
    err = make_server(p, p->base.shared->registry);
    *failed = err == SL_EINVAL && options->tls_certificate != NULL ? options->tls_certificate
                                                                   : options->listen;
    return err;
}

sl_err push_source_create(source_t **out, const source_options_t *options, source_shared_t *shared,
                          const char **failed)
{
    *failed = options->listen;
    push_source_t *p = calloc(1, sizeof *p);
    if (p == NULL)
        return SL_ENOMEM;
    source_t *source = &p->base;
    sl_err err = source_init(
        source, &push_ops, options, shared,
        (counter_set_t){push_counter_defs, p->counters, PUSH_COUNTER_COUNT, NULL, NULL});
    if (err != SL_OK)
        goto fail;
    err = make_texts(p);
    if (err != SL_OK)
        goto fail;
    err = make_parts(p, failed);
    if (err != SL_OK)
        goto fail;
    source->url = http_server_url(p->server);
    source->fds[0] = http_server_fd(p->server);
    source->fds[1] = mns_push_fd(p->verifier);
    *out = source;
    return SL_OK;
fail:;
    int saved = errno;
    source_destroy(&source);
    errno = saved;
    return err;
}
