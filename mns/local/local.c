#include "local.h"

#include "call.h"
#include "inspect.h"
#include "keep.h"
#include "route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    NOTES_MAX = 10000, /* mails, and short messages, kept */
    NOTES_BYTES_MAX = 16 << 20,
};

static const counter_def_t counter_defs[] = {LOCAL_COUNTERS(COUNTER_DEF)};

/* -- a request ----------------------------------------------------------------------------- */

static void add_header(void *ctx, const char *name, size_t name_len, const char *value,
                       size_t value_len)
{
    auth_headers_add(ctx, name, name_len, value, value_len);
}

static local_err authenticate(local_t *l, http_request_t *request)
{
    auth_headers_t headers;
    auth_headers_init(&headers);
    http_request_headers(request, add_header, &headers);
    auth_request_t what = {.method = http_request_method(request),
                           .resource = target_resource(http_request_target(request)),
                           .headers = &headers};
    what.body = http_request_body(request, &what.body_len);
    return auth_check(&l->auth, &what);
}

/* Lets a fault have its way with the call, or notes what it will do to the answer.
 * @return true: the call is dealt with. */
static bool intercept(call_t *call, const fault_t *fault)
{
    local_t *l = call->local;
    http_request_t *request = call->request;
    if (fault->action == FAULT_ERROR)
        call_fail_with(l, request, &(local_error_t){fault->code, fault->status, FAULT_TEXT}, NULL);
    else if (fault->action == FAULT_THROTTLE)
        call_fail(l, request, LOCAL_QpsLimitExceeded, NULL);
    else if (fault->action == FAULT_CLOCK)
        call_fail(l, request, LOCAL_TimeExpired, NULL);
    else if (fault->action == FAULT_HANG && fault->before)
        answers_hang(&l->answers, request);
    else if (fault->action == FAULT_RESET && fault->before)
        http_request_break(request, NULL);
    else if (answers_plan(&l->answers, request, fault) == SL_OK)
        return false;
    else
        call_fail(l, request, LOCAL_InternalError, NULL);
    return true;
}

static local_err perform(local_t *l, call_t *call)
{
    local_err err = authenticate(l, call->request);
    if (err != LOCAL_OK) {
        local_count(l, LOCAL_COUNT_REFUSED, 1);
        return err;
    }
    err = target_parse(&call->target, http_request_target(call->request), &l->target_memory);
    if (err != LOCAL_OK)
        return err;
    const route_t *route = route_find(http_request_method(call->request), &call->target);
    if (route == NULL)
        return LOCAL_InvalidRequestURL;
    fault_t fault;
    const char *resource = call->target.segment_count > 1 ? call_name(call, 1) : NULL;
    if (l->faults.count > 0 &&
        faults_fire(&l->faults, route_operation(route, call), resource, &fault) &&
        intercept(call, &fault))
        return LOCAL_OK;
    return route_perform(route, call);
}

static void on_request(void *ctx, http_request_t *request)
{
    local_t *l = ctx;
    const observe_options_t pages = {.registry = &l->registry};
    if (observe_reply(&pages, request) || inspect_reply(l, request))
        return;
    queue_store_turn(&l->queues); /* what was due before this request came first */
    call_t call = {.local = l, .request = request};
    local_err err = perform(l, &call);
    if (err != LOCAL_OK)
        call_fail(l, request, err, call.detail);
}

static void on_too_large(void *ctx, http_request_t *request)
{
    call_fail(ctx, request, LOCAL_InvalidArgument, "The request is larger than 512 KiB.");
}

static void on_gone(void *ctx, http_request_t *request)
{
    answers_gone(&((local_t *)ctx)->answers, request);
}

/* -- life ---------------------------------------------------------------------------------- */

static void set_gauges(local_t *l)
{
    push_stats_t pushes;
    pushes_stats(l->pushes, &pushes);
    const struct {
        int counter;
        uint64_t value;
    } gauges[] = {{LOCAL_COUNT_EXPIRED, l->queues.expired},
                  {LOCAL_COUNT_UNDELETED_PEAK, l->queues.undeleted_peak},
                  {LOCAL_COUNT_UNDELETED_PACE_PEAK, l->queues.undeleted_pace_peak},
                  {LOCAL_COUNT_MAILS, l->mails.added},
                  {LOCAL_COUNT_SMS, l->sms.added},
                  {LOCAL_COUNT_NOTES_DROPPED,
                   l->mails.dropped + l->sms.dropped + pushes_dead(l->pushes)->dropped},
                  {LOCAL_COUNT_PUSHES, pushes.delivered},
                  {LOCAL_COUNT_PUSH_FAILURES, pushes.failures},
                  {LOCAL_COUNT_PUSHES_DEAD, pushes.dead},
                  {LOCAL_COUNT_PUSHES_CANCELLED, pushes.cancelled},
                  {LOCAL_COUNT_PUSHES_PENDING, pushes.pending},
                  {LOCAL_COUNT_PUSHES_UNDER_WAY, pushes.under_way},
                  {LOCAL_COUNT_MESSAGES, l->queues.message_count},
                  {LOCAL_COUNT_BYTES, l->queues.bytes},
                  {LOCAL_COUNT_QUEUES, HASH_COUNT(l->queues.queues)},
                  {LOCAL_COUNT_TOPICS, HASH_COUNT(l->topics)}};
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
        counter_set(&l->counters[gauges[i].counter], gauges[i].value);
}

/* When the server must wake by itself. */
static uint64_t next_ms(const local_t *l)
{
    const uint64_t all[] = {
        queue_store_next_ms(&l->queues),
        queue_store_ms_until(&l->queues, answers_due_ms(&l->answers)), pushes_next_ms(l->pushes),
        l->disk != NULL ? queue_store_ms_until(&l->queues, disk_due_ms(l->disk)) : UINT64_MAX};
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        next = all[i] < next ? all[i] : next;
    return next;
}

/* The end of a turn: what it changed is written, and its answers go out. */
static void save(local_t *l)
{
    if (l->disk == NULL || (!disk_dirty(l->disk) && disk_due_ms(l->disk) > l->queues.now_ms))
        return;
    call_settle(l, disk_commit(l->disk) == SL_OK);
}

sl_err local_turn(local_t *l, int timeout_ms)
{
    uint64_t due = next_ms(l);
    bool earlier = timeout_ms < 0 || due < (uint64_t)timeout_ms;
    int wait = due <= INT32_MAX && earlier ? (int)due : timeout_ms;
    sl_err err = http_server_run(l->http, wait);
    queue_store_turn(&l->queues);
    answers_turn(&l->answers, l->queues.now_ms);
    pushes_turn(l->pushes);
    save(l);
    set_gauges(l);
    return err;
}

static sl_err read_faults(local_t *l, const local_options_t *options, char *sentence)
{
    char why[FAULT_SENTENCE_MAX];
    if (options->faults == NULL)
        return SL_OK;
    sl_err err = faults_read_file(&l->faults, options->faults, why);
    if (err != SL_OK && err != SL_ENOMEM)
        snprintf(sentence, LOCAL_SENTENCE_MAX, "%s: %s", options->faults, why);
    return err;
}

static sl_err open_disk(local_t *l, const local_options_t *options, char *sentence)
{
    char why[DISK_SENTENCE_MAX];
    if (options->data == NULL)
        return SL_OK;
    disk_options_t disk = {.dir = options->data,
                           .memory_bytes = options->memory_bytes,
                           .queues = &l->queues,
                           .topics = &l->topics,
                           .registry = &l->registry};
    sl_err err = disk_open(&l->disk, &disk, why);
    if (err != SL_OK)
        snprintf(sentence, LOCAL_SENTENCE_MAX, "%s: %s", options->data, why);
    l->answers.disk = l->disk;
    return err;
}

static sl_err create_parts(local_t *l, const local_options_t *options, char *sentence)
{
    if (getrandom(&l->boot, sizeof l->boot, 0) != sizeof l->boot)
        return SL_EIO; /* also the store's, unless the disk brings another */
    sl_err err = digest_create(&l->digest, options->key_secret);
    if (err == SL_OK)
        err = xml_doc_create(&l->xml);
    if (err != SL_OK)
        return err;
    box_init(&l->mails, NOTES_MAX, NOTES_BYTES_MAX);
    box_init(&l->sms, NOTES_MAX, NOTES_BYTES_MAX);
    auth_init(&l->auth, options->key_id, l->digest, options->clock);
    queue_store_init(&l->queues, options->clock, l->digest, l->boot, options->memory_bytes);
    l->registry = COUNTER_REGISTRY_INIT;
    l->counter_set =
        (counter_set_t){.defs = counter_defs, .values = l->counters, .count = LOCAL_COUNTER_COUNT};
    counter_registry_add(&l->registry, &l->counter_set);
    faults_init(&l->faults, &l->registry);
    err = read_faults(l, options, sentence);
    if (err == SL_OK)
        err = open_disk(l, options, sentence);
    if (err != SL_OK)
        return err;
    http_server_options_t http = {.listen = options->listen,
                                  .on_request = on_request,
                                  .on_too_large = on_too_large,
                                  .on_gone = on_gone,
                                  .ctx = l,
                                  .max_body = 512u << 10, /* 64 KiB of messages, all escaped */
                                  .max_connections = options->max_connections,
                                  .registry = &l->registry};
    return http_server_create(&l->http, &http);
}

/* After the server, whose address goes into each push. */
static sl_err create_pushes(local_t *l, const local_options_t *options, char *sentence)
{
    snprintf(l->cert_url, sizeof l->cert_url, "%s/local/certificate.pem", local_url(l));
    if (options->data != NULL && asprintf(&l->key_kept, "%s/push-key.pem", options->data) < 0) {
        l->key_kept = NULL;
        return SL_ENOMEM;
    }
    const char *key = options->push_key != NULL ? options->push_key : l->key_kept;
    const pushes_options_t pushes = {
        .courier = {.owner = options->account,
                    .key_file = options->push_key,
                    .key_kept = l->key_kept,
                    .cert_url = options->cert_url != NULL ? options->cert_url : l->cert_url,
                    .ca_file = options->push_ca,
                    .slots = options->push_connections != 0 ? options->push_connections
                                                            : LOCAL_PUSH_CONNECTIONS,
                    .answer_ms = options->push_answer_ms,
                    .boot = l->boot},
        .store = &l->queues,
        .faults = &l->faults,
        .clock = options->clock,
        .on_change = keep_push,
        .on_gone = keep_push_gone,
        .ctx = l,
        .time_scale = options->time_scale != 0 ? options->time_scale : 1};
    sl_err err = pushes_create(&l->pushes, &pushes);
    if (err == SL_EINVAL)
        snprintf(sentence, LOCAL_SENTENCE_MAX, "%s: no RSA private key of 512 to 8192 bits in PEM",
                 key);
    else if (err == SL_EIO && key != NULL)
        snprintf(sentence, LOCAL_SENTENCE_MAX, "%s: %s", key, strerror(errno));
    if (err != SL_OK)
        return err;
    return http_server_watch(l->http, pushes_fd(l->pushes), pushes_on_ready, l->pushes);
}

sl_err local_create(local_t **out, const local_options_t *options,
                    char sentence[LOCAL_SENTENCE_MAX])
{
    sentence[0] = '\0';
    local_t *l = calloc(1, sizeof *l);
    if (l == NULL)
        return SL_ENOMEM;
    l->options = *options;
    sl_err err = create_parts(l, options, sentence);
    if (err == SL_OK)
        err = create_pushes(l, options, sentence);
    if (err == SL_OK)
        err = keep_start(l, sentence);
    if (err == SL_OK)
        *out = l;
    else
        local_destroy(&l);
    return err;
}

void local_destroy(local_t **local)
{
    local_t *l = *local;
    if (l == NULL)
        return;
    int saved = errno;
    http_server_destroy(&l->http); /* first: parked requests let go of what they wait for */
    disk_close(&l->disk);          /* while all is still there */
    answers_fini(&l->answers);
    faults_fini(&l->faults);
    pushes_destroy(&l->pushes);
    box_clear(&l->mails);
    box_clear(&l->sms);
    queue_store_fini(&l->queues);
    topic_destroy_all(&l->topics);
    auth_fini(&l->auth);
    digest_destroy(&l->digest);
    xml_doc_destroy(&l->xml);
    free(l->key_kept);
    sl_buf_fini(&l->target_memory);
    sl_buf_fini(&l->scratch);
    sl_buf_fini(&l->kept);
    free(l);
    *local = NULL;
    errno = saved;
}

const char *local_url(const local_t *l)
{
    return http_server_url(l->http);
}

sl_err local_watch(local_t *l, int fd, void (*on_ready)(void *ctx), void *ctx)
{
    return http_server_watch(l->http, fd, on_ready, ctx);
}
