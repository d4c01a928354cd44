#include <sluice.h>

int main(void)
{
    return sluice_err_text(SLUICE_OK)[0] == 's' ? 0 : 1;
}
