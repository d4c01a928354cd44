#include <mns/mns.h>
#include <mns/push.h>

int main()
{
    return mns_err_text(MNS_OK)[0] == 's' ? 0 : 1;
}
