/* group.h - a command that has commands: `sluice dead list`.
 *
 * A group is a row for `main`, and rows of its own; finding the word and the help of this level
 * come from them. */
#ifndef CLI_GROUP_H
#define CLI_GROUP_H

#include <stddef.h>

typedef struct group_command {
    const char *word, *help; /**< as the group's help lists it */
    int (*run)(int argc, char **argv);
} group_command_t;

typedef struct group {
    const char *word, *help;
    const group_command_t *commands;
    size_t count;
} group_t;

/** Runs the command that argv[1] names, with argv[1] as its argv[0].  @return the exit code. */
int group_run(const group_t *group, int argc, char **argv);

#endif
