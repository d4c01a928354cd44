#include <mns/mns.h>

int main()
{
    return mns_err_text(MNS_OK)[0] == 's' ? 0 : 1;
}
