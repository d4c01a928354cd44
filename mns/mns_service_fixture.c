#include "mns_service_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char service_endpoint[128];
mns_client_t *service_client;

static pid_t service;
static char faults_path[] = "/tmp/mns-faults-XXXXXX";

static void run_service(int out, bool with_faults)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test die first */
    setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id", 1);
    setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret", 1);
    dup2(out, STDOUT_FILENO);
    execl(MNS_LOCAL, "mns-local", "--listen", "127.0.0.1:0", "--account", "123456789012",
          "--region", "cn-hangzhou", with_faults ? "--faults" : (char *)NULL, faults_path,
          (char *)NULL);
    _exit(127);
}

static bool write_faults(const char *text)
{
    int fd = mkstemp(faults_path);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return close(fd) == 0 && ok;
}

int service_start(const char *faults)
{
    int ends[2];
    if (faults != NULL && !write_faults(faults))
        return -1;
    if (pipe2(ends, O_CLOEXEC) != 0 || (service = fork()) < 0)
        return -1;
    if (service == 0)
        run_service(ends[1], faults != NULL);
    close(ends[1]);
    FILE *ready = fdopen(ends[0], "r");
    int found = ready == NULL ? 0 : fscanf(ready, "ready endpoint=%127s", service_endpoint);
    if (ready != NULL)
        fclose(ready);
    if (faults != NULL)
        unlink(faults_path);
    mns_client_options_t options = {.size = sizeof options,
                                    .endpoint = service_endpoint,
                                    .access_key_id = "id",
                                    .access_key_secret = "secret",
                                    .backoff_ms = 5};
    return found == 1 && mns_client_create(&service_client, &options) == MNS_OK ? 0 : -1;
}

int service_stop(void)
{
    int status = -1;
    mns_client_destroy(&service_client);
    kill(service, SIGTERM);
    waitpid(service, &status, 0);
    return status;
}

mns_reply_t *expect(mns_err want, mns_request_t request)
{
    mns_reply_t *reply;
    mns_err err = mns_call(service_client, &request, &reply);
    if (err != want)
        fail_msg("op %d: %s, %s %s", request.op, mns_err_text(err), reply ? reply->code : "",
                 reply ? reply->message : "");
    return reply;
}

void run(mns_err want, mns_request_t request)
{
    mns_reply_t *reply = expect(want, request);
    mns_reply_free(&reply);
}

void make_queue(const char *queue)
{
    mns_queue_attributes_t attributes = MNS_QUEUE_ATTRIBUTES_UNSET;
    attributes.visibility_timeout = 60;
    run(MNS_OK,
        (mns_request_t){.op = MNS_CREATE_QUEUE, .queue = queue, .queue_attributes = &attributes});
}
