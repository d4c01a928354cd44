#include "inspect.h"

#include "call.h"
#include "envelope.h"

#include <string.h>

void inspect_send(http_request_t *request, unsigned status, const char *type, sl_buf_t *body)
{
    http_reply_t reply = {.status = body->failed ? 500 : status,
                          .type = type != NULL ? type : "application/json",
                          .ownership = HTTP_BODY_TAKE};
    reply.body = sl_buf_take(body, &reply.body_len);
    http_request_reply(request, &reply);
}

static void send_sentence(http_request_t *request, unsigned status, const char *sentence)
{
    sl_buf_t out = SL_BUF_INIT;
    sl_buf_append_str(&out, "{\"error\":\"");
    json_escape(&out, sentence, strlen(sentence));
    sl_buf_append_str(&out, "\"}\n");
    inspect_send(request, status, NULL, &out);
}

void inspect_refuse(http_request_t *request, const char *sentence)
{
    send_sentence(request, 400, sentence);
}

/* -- faults -------------------------------------------------------------------------------- */

static void get_faults(local_t *l, http_request_t *request)
{
    sl_buf_t out = SL_BUF_INIT;
    faults_write(&l->faults, &out);
    inspect_send(request, 200, NULL, &out);
}

static void post_faults(local_t *l, http_request_t *request)
{
    char sentence[FAULT_SENTENCE_MAX];
    size_t len;
    const uint8_t *body = http_request_body(request, &len);
    sl_err err = faults_read(&l->faults, (const char *)body, len, sentence);
    if (err == SL_OK)
        get_faults(l, request);
    else if (err == SL_ENOMEM)
        send_sentence(request, 500, "out of memory");
    else
        inspect_refuse(request, sentence);
}

static void delete_faults(local_t *l, http_request_t *request)
{
    faults_clear(&l->faults);
    get_faults(l, request);
}

/* -- mails and short messages -------------------------------------------------------------- */

static void send_box(http_request_t *request, const box_t *box, const char *name)
{
    sl_buf_t out = SL_BUF_INIT;
    box_write(box, name, &out);
    inspect_send(request, 200, NULL, &out);
}

static void get_mail(local_t *l, http_request_t *request)
{
    send_box(request, &l->mails, "messages");
}

static void delete_mail(local_t *l, http_request_t *request)
{
    box_clear(&l->mails);
    get_mail(l, request);
}

static void get_sms(local_t *l, http_request_t *request)
{
    send_box(request, &l->sms, "messages");
}

static void delete_sms(local_t *l, http_request_t *request)
{
    box_clear(&l->sms);
    get_sms(l, request);
}

/* -- pushes -------------------------------------------------------------------------------- */

static void get_pushes(local_t *l, http_request_t *request)
{
    sl_buf_t out = SL_BUF_INIT;
    pushes_write(l->pushes, &out);
    inspect_send(request, 200, NULL, &out);
}

static void get_dead(local_t *l, http_request_t *request)
{
    send_box(request, pushes_dead(l->pushes), "pushes");
}

static void delete_dead(local_t *l, http_request_t *request)
{
    box_clear(pushes_dead(l->pushes));
    get_dead(l, request);
}

static void get_certificate(local_t *l, http_request_t *request)
{
    sl_buf_t out = SL_BUF_INIT;
    const char *certificate = pushes_certificate(l->pushes);
    if (certificate == NULL) {
        send_sentence(request, 500, "no key can be made or kept");
        return;
    }
    sl_buf_append_str(&out, certificate);
    inspect_send(request, 200, "application/x-pem-file", &out);
}

/* -- all pages ----------------------------------------------------------------------------- */

static const struct page {
    const char *method, *path;
    void (*reply)(local_t *l, http_request_t *request);
} pages[] = {
    {"GET", "/local/faults", get_faults},
    {"POST", "/local/faults", post_faults},
    {"DELETE", "/local/faults", delete_faults},
    {"GET", "/local/mail", get_mail},
    {"DELETE", "/local/mail", delete_mail},
    {"GET", "/local/sms", get_sms},
    {"DELETE", "/local/sms", delete_sms},
    {"GET", "/local/pushes", get_pushes},
    {"GET", "/local/dead", get_dead},
    {"DELETE", "/local/dead", delete_dead},
    {"GET", "/local/certificate.pem", get_certificate},
};

bool inspect_reply(local_t *l, http_request_t *request)
{
    static const char prefix[] = "/local/";
    const char *target = http_request_target(request), *method = http_request_method(request);
    size_t len = strcspn(target, "?");
    bool there = false;
    if (strncmp(target, prefix, sizeof prefix - 1) != 0)
        return false;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strlen(pages[i].path) != len || memcmp(pages[i].path, target, len) != 0)
            continue;
        there = true;
        if (strcmp(pages[i].method, method) == 0) {
            pages[i].reply(l, request);
            return true;
        }
    }
    send_sentence(request, there ? 405 : 404,
                  there ? "not with this method" : "there is no such page");
    return true;
}
