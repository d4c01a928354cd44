/* errors.c - what may go wrong, and what to do about it: keys, retries, a rate, the trace.
 *
 *     cc errors.c $(pkg-config --cflags --libs mns) -o errors
 *     ./errors http://123456789012.mns.cn-hangzhou.aliyuncs.com my-queue
 *
 * Keys come from the environment, a credentials file, or the role of the ECS instance that this
 * runs on; it says from which.  MNS_TRACE=1 shows what is signed and answered. */
#include <mns/mns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(void *ctx, const char *line)
{
    fprintf(ctx, "  %s\n", line);
}

/* What a program would do now. */
static const char *advice(const mns_reply_t *reply)
{
    switch (reply->code_id) {
    case MNS_CODE_QueueNotExist:
        return "create the queue";
    case MNS_CODE_InvalidAccessKeyId:
    case MNS_CODE_SignatureDoesNotMatch:
        return "look at the access key";
    case MNS_CODE_AccessDenied:
        return "ask for the permission";
    case MNS_CODE_TimeExpired:
        return "set the clock";
    default:
        break;
    }
    if (reply->err == MNS_EIO || reply->err == MNS_ETIMEDOUT)
        return "the message may be there, or not: send it again only if twice does no harm";
    return reply->transient ? "try again later" : "do not repeat it as it is";
}

static int tell(const mns_reply_t *reply)
{
    if (reply->err == MNS_OK) {
        printf("sent %s, attempts: %u\n", reply->messages[0].message_id, reply->attempts);
        return 0;
    }
    printf("%s\n  code %s, status %d, request id %s, attempts: %u\n  %s\n  -> %s\n",
           mns_err_text(reply->err), *reply->code ? reply->code : "none", reply->http_status,
           *reply->request_id ? reply->request_id : "none", reply->attempts, reply->message,
           advice(reply));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s ENDPOINT QUEUE\n", argv[0]);
        return 2;
    }
    mns_client_options_t options = {
        .size = sizeof options,
        .endpoint = argv[1],
        .attempts = 5, /* in all; pauses of about 0.2, 0.4, 0.8, 1.6 s between them */
        .backoff_ms = 200,
        .rate_limit = 1000,                               /* messages a second */
        .ecs_role = getenv("ALIBABA_CLOUD_ECS_METADATA"), /* the default, for the reader */
        .trace = getenv("MNS_TRACE") != NULL ? show : NULL,
        .trace_ctx = stderr,
    };
    mns_client_t *client;
    mns_err err = mns_client_create(&client, &options);
    if (err != MNS_OK) { /* the trace says what exactly is wrong with keys or file */
        fprintf(stderr, "%s: %s\n", argv[1], mns_err_text(err));
        return 1;
    }
    printf("keys from: %s\n", mns_client_credentials(client));

    mns_outgoing_t message = {.body = "hello", .body_len = strlen("hello")};
    mns_reply_t *reply;
    int code = 1;
    err = mns_call(client,
                   &(mns_request_t){.op = MNS_SEND_MESSAGE, .queue = argv[2], .outgoing = &message},
                   &reply);
    if (reply != NULL)
        code = tell(reply);
    else /* a name or a body that cannot be right, or no memory: nothing was sent */
        fprintf(stderr, "%s: %s\n", argv[2], mns_err_text(err));
    mns_reply_free(&reply);
    mns_client_destroy(&client);
    return code;
}
