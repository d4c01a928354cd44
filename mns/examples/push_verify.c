/* push_verify.c - reads a raw HTTP request from stdin and says whether it is a push from MNS.
 *
 *     push_verify [CERTIFICATE.pem] < request
 *
 * With a certificate the key is taken from there; without, it is fetched from where the request
 * says, if that is a host of MNS's.  Exit: 0 genuine, 1 not, 2 something else is wrong. */
#include <mns/push.h>
#include <stdio.h>
#include <string.h>

enum { REQUEST_MAX = 256 * 1024, HEADERS_MAX = 100 };

static char text[REQUEST_MAX + 1];

/* Ends the line at `line` and returns the next one; NULL: there is none. */
static char *end_line(char *line)
{
    char *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return end + 1;
}

/* Splits the request in place.  @return 0, or -1: it is none. */
static int parse(char *at, size_t len, mns_push_request_t *out, mns_push_header_t *headers)
{
    const char *end = at + len;
    char *line = at, *target = strchr(at, ' '), *next = end_line(at), *behind;
    if (next == NULL || target == NULL || target > next)
        return -1;
    *target++ = '\0';
    if ((behind = strchr(target, ' ')) != NULL)
        *behind = '\0'; /* the version */
    *out = (mns_push_request_t){.method = line, .target = target, .headers = headers};
    while ((line = next) != NULL && (next = end_line(line)) != NULL && *line != '\0') {
        char *colon = strchr(line, ':');
        if (colon == NULL || out->header_count == HEADERS_MAX)
            return -1;
        headers[out->header_count++] =
            (mns_push_header_t){line, colon + 1, (size_t)(colon - line), strlen(colon + 1)};
    }
    if (next == NULL)
        return -1;
    out->body = next;
    out->body_len = (size_t)(end - next);
    return 0;
}

int main(int argc, char **argv)
{
    mns_push_options_t options = {.size = sizeof options,
                                  .certificate_file = argc > 1 ? argv[1] : NULL};
    mns_push_header_t headers[HEADERS_MAX];
    mns_push_request_t request;
    mns_push_verifier_t *verifier;
    mns_push_info_t info;
    size_t len = fread(text, 1, REQUEST_MAX, stdin);
    if (parse(text, len, &request, headers) != 0) {
        fprintf(stderr, "push_verify: stdin holds no HTTP request\n");
        return 2;
    }
    mns_err err = mns_push_create(&verifier, &options);
    if (err != MNS_OK) {
        fprintf(stderr, "push_verify: %s\n", mns_err_text(err));
        return 2;
    }
    mns_push_verdict verdict;
    while ((verdict = mns_push_verify(verifier, &request, &info)) == MNS_PUSH_WAIT)
        mns_push_run(verifier, -1);
    printf("%s: %s; answer %d\n", mns_push_name(verdict), mns_push_text(verdict),
           mns_push_status(verdict));
    printf("message %.*s, topic owner %.*s, certificate %s\n", (int)info.message_id.len,
           info.message_id.at ? info.message_id.at : "", (int)info.topic_owner.len,
           info.topic_owner.at ? info.topic_owner.at : "", info.cert_url);
    mns_push_destroy(&verifier);
    return verdict == MNS_PUSH_GENUINE ? 0 : 1;
}
