#include "polls.h"

#include <assert.h>

void polls_init(polls_t *polls, uint32_t least, uint32_t most)
{
    assert(least >= 1 && least <= most);
    *polls = (polls_t){.least = least, .most = most, .wanted = least};
}

static void want(polls_t *polls, uint32_t wanted)
{
    polls->wanted = wanted < polls->least  ? polls->least
                    : wanted > polls->most ? polls->most
                                           : wanted;
    polls->scant = 0;
}

void polls_replied(polls_t *polls, size_t count, size_t asked)
{
    polls->backlog = count == asked;
    if (count == asked)
        want(polls, polls->wanted * 2);
    else if (count == 0)
        want(polls, polls->wanted / 2);
    else if (count * 2 >= asked)
        polls->scant = 0;
    else if (++polls->scant >= polls->wanted)
        want(polls, polls->wanted - 1);
}

void polls_failed(polls_t *polls)
{
    polls->backlog = false;
    want(polls, polls->wanted / 2);
}

void polls_throttled(polls_t *polls)
{
    polls->backlog = false;
    want(polls, polls->least);
}
