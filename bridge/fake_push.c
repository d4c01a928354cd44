#include "fake_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mns_push_verifier {
    int fd;
};

fake_verifier_t fake_verifier;

void fake_verifier_reset(void)
{
    fake_verifier = (fake_verifier_t){.verdict = MNS_PUSH_GENUINE, .certificates = 2};
}

/* -- libmns -------------------------------------------------------------------------------- */

const char *mns_push_name(mns_push_verdict verdict)
{
    static const char *const names[] = {
#define X(name, status, text) #name,
        MNS_PUSH_MAP(X)
#undef X
    };
    return names[verdict];
}

const char *mns_push_text(mns_push_verdict verdict)
{
    static const char *const texts[] = {
#define X(name, status, text) text,
        MNS_PUSH_MAP(X)
#undef X
    };
    return texts[verdict];
}

int mns_push_status(mns_push_verdict verdict)
{
    static const int statuses[] = {
#define X(name, status, text) status,
        MNS_PUSH_MAP(X)
#undef X
    };
    return statuses[verdict];
}

mns_err mns_push_create(mns_push_verifier_t **out, const mns_push_options_t *options)
{
    for (; options->hosts != NULL && options->hosts[fake_verifier.host_count] != NULL;
         fake_verifier.host_count++)
        snprintf(fake_verifier.last_host, sizeof fake_verifier.last_host, "%s",
                 options->hosts[fake_verifier.host_count]);
    if (fake_verifier.create_err != MNS_OK)
        return fake_verifier.create_err;
    *out = calloc(1, sizeof **out);
    (*out)->fd = eventfd(0, EFD_CLOEXEC);
    return MNS_OK;
}

void mns_push_destroy(mns_push_verifier_t **verifier)
{
    if (*verifier == NULL)
        return;
    close((*verifier)->fd);
    free(*verifier);
    *verifier = NULL;
}

static mns_push_text_view_t header(const mns_push_request_t *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const mns_push_header_t *h = &request->headers[i];
        if (h->name_len == strlen(name) && strncasecmp(h->name, name, h->name_len) == 0)
            return (mns_push_text_view_t){h->value, h->value_len};
    }
    return (mns_push_text_view_t){"", 0};
}

mns_push_verdict mns_push_verify(mns_push_verifier_t *verifier, const mns_push_request_t *request,
                                 mns_push_info_t *info)
{
    (void)verifier;
    fake_verifier.asked++;
    snprintf(fake_verifier.target, sizeof fake_verifier.target, "%s", request->target);
    fake_verifier.header_count = request->header_count;
    fake_verifier.body_len = request->body_len;
    *info = (mns_push_info_t){.message_id = header(request, "x-mns-message-id"),
                              .request_id = header(request, "x-mns-request-id"),
                              .topic_owner = header(request, "x-mns-topic-owner"),
                              .topic_name = header(request, "x-mns-topic-name")};
    mns_push_text_view_t time = header(request, "x-mns-publish-time");
    info->publish_time_ms = time.len > 0 ? strtoll(time.at, NULL, 10) : 0;
    return fake_verifier.verdict;
}

int mns_push_fd(const mns_push_verifier_t *verifier)
{
    return verifier->fd;
}

size_t mns_push_run(mns_push_verifier_t *verifier, int timeout_ms)
{
    (void)verifier;
    (void)timeout_ms;
    size_t ended = fake_verifier.ended;
    fake_verifier.ended = 0;
    return ended;
}

void mns_push_stats(const mns_push_verifier_t *verifier, mns_push_stats_t *stats)
{
    (void)verifier;
    *stats = (mns_push_stats_t){
        .fetches = 7, .fetch_failures = 3, .certificates = fake_verifier.certificates};
}
