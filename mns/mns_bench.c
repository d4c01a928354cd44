/* mns_bench.c - what does a request cost the client's thread?
 *
 * Answers come from a scripted server in other threads; only the CPU time of the thread that owns
 * the client is counted.  `mns_bench [REQUESTS] [IN_FLIGHT]`. */
#include "mns_fake.h"

#include "mns_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_BYTES = 1000 };

typedef struct run {
    mns_client_t *client;
    const mns_request_t *request;
    size_t to_submit, replies, good;
} run_t;

static double thread_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* 16 messages as the service writes them. */
static char *receive_answer(void)
{
    static char body[BODY_BYTES + 1], md5[MNS_MD5_HEX_LEN + 1];
    sl_buf_t xml = SL_BUF_INIT, answer = SL_BUF_INIT;
    mns_signer_t *signer = NULL;
    mns_signer_create(&signer, "x");
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = "{\"Category\":\"Job\",\"Event\":\"OnJobFailed\"},"[i % 40];
    mns_signer_md5_hex(signer, body, BODY_BYTES, md5);
    mns_signer_destroy(&signer);
    sl_buf_append_str(&xml, "<?xml version=\"1.0\" ?>\n<Messages "
                            "xmlns=\"http://mns.aliyuncs.com/doc/v1\">\n");
    for (int i = 0; i < 16; i++)
        sl_buf_printf(&xml,
                      "  <Message>\n    <MessageId>AC10020B0019681A95159E591D1000%02X</MessageId>\n"
                      "    <MessageBodyMD5>%s</MessageBodyMD5>\n"
                      "    <MessageBody>%s</MessageBody>\n"
                      "    <ReceiptHandle>8589934593-1435197600-2-6-%02X</ReceiptHandle>\n"
                      "    <EnqueueTime>1780315200000</EnqueueTime>\n"
                      "    <FirstDequeueTime>1780315200100</FirstDequeueTime>\n"
                      "    <NextVisibleTime>1780315230100</NextVisibleTime>\n"
                      "    <DequeueCount>1</DequeueCount>\n    <Priority>8</Priority>\n"
                      "  </Message>\n",
                      i, md5, body, i);
    sl_buf_append_str(&xml, "</Messages>");
    sl_buf_printf(&answer,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=utf-8\r\n"
                  "x-mns-request-id: 0123456789ABCDEF01234567\r\nServer: AliyunMQS\r\n"
                  "x-mns-version: 2015-06-06\r\nContent-Length: %zu\r\n\r\n%.*s",
                  xml.len, (int)xml.len, (const char *)xml.data);
    sl_buf_fini(&xml);
    return (char *)answer.data;
}

static void on_reply(void *user, const mns_reply_t *reply)
{
    run_t *run = user;
    run->replies++;
    run->good += reply->err == MNS_OK;
    if (run->to_submit > 0) {
        run->to_submit--;
        mns_submit(run->client, run->request, on_reply, run);
    }
}

static void measure(const char *what, const char *answer, const mns_request_t *request,
                    size_t count, size_t in_flight)
{
    fake_answer_t script = {answer, FAKE_KEEP};
    fake_t *fake = fake_create(&script, 1);
    run_t run = {.request = request};
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = fake_endpoint(fake),
                                    .access_key_id = "id",
                                    .access_key_secret = "secret"};
    if (mns_client_create(&run.client, &options) != MNS_OK)
        exit(1);
    for (size_t round = 0; round < 2; round++) { /* the first one warms up */
        run.replies = run.good = 0;
        run.to_submit = count - in_flight;
        double began = thread_us();
        for (size_t i = 0; i < in_flight; i++)
            mns_submit(run.client, request, on_reply, &run);
        while (run.replies < count)
            mns_client_run(run.client, -1);
        if (round == 1)
            printf("%-32s %7.1f us CPU a request (%zu of %zu good, %zu in flight)\n", what,
                   (thread_us() - began) / (double)count, run.good, count, in_flight);
    }
    mns_client_destroy(&run.client);
    fake_destroy(&fake);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    size_t in_flight = argc > 2 ? strtoul(argv[2], NULL, 10) : 8;
    char *received = receive_answer();
    static char handle[] = "8589934593-1435197600-2-6-00";
    const char *handles[16];
    for (int i = 0; i < 16; i++)
        handles[i] = handle;
    static char body[BODY_BYTES];
    memset(body, 'x', sizeof body);
    mns_outgoing_t outgoing[16];
    for (int i = 0; i < 16; i++)
        outgoing[i] = (mns_outgoing_t){.body = body, .body_len = sizeof body};
    mns_request_t receive = {.op = MNS_BATCH_RECEIVE_MESSAGE, .queue = "q", .count = 16};
    mns_request_t delete = {
        .op = MNS_BATCH_DELETE_MESSAGE, .queue = "q", .count = 16, .receipt_handles = handles};
    mns_request_t publish = {.op = MNS_PUBLISH_MESSAGE, .topic = "t", .outgoing = outgoing};
    if (count < in_flight || in_flight == 0)
        return 2;
    measure("BatchReceive, 16 x 1,000 bytes", received, &receive, count, in_flight);
    measure("BatchDelete, 16 handles", "HTTP/1.1 204 No Content\r\nx-mns-request-id: 1\r\n\r\n",
            &delete, count, in_flight);
    measure("Publish, 1,000 bytes",
            "HTTP/1.1 201 Created\r\nContent-Length: 48\r\n\r\n"
            "<Message><MessageId>AAAA</MessageId>  </Message>",
            &publish, count, in_flight);
    free(received);
    return 0;
}
