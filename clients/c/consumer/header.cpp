#include <sluice.h>

int main()
{
    return sluice_version()[0] != '\0' ? 0 : 1;
}
