#include <mns/mns.h>
#include <mns/push.h>

int main(void)
{
    mns_client_t *client;
    mns_client_options_t options = {.size = sizeof options, .endpoint = "ftp://no.such/"};
    return mns_client_create(&client, &options) == MNS_EINVAL ? 0 : 1;
}
