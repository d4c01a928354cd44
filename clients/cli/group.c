#include "group.h"

#include "cli.h"

#include <stdio.h>
#include <string.h>

static void help(FILE *out, const group_t *group)
{
    fprintf(out, "Usage: sluice %s COMMAND [options]\n\n%s\n\n", group->word, group->help);
    for (size_t i = 0; i < group->count; i++)
        fprintf(out, "  %-8s %s\n", group->commands[i].word, group->commands[i].help);
    fprintf(out, "\n`sluice %s COMMAND --help` tells more.\n", group->word);
}

int group_run(const group_t *group, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        help(stderr, group);
        return CLI_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help(stdout, group);
        return CLI_DONE;
    }
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(word, group->commands[i].word) == 0)
            return group->commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice %s: no command \"%s\"; `sluice %s --help` lists them\n", group->word,
            word, group->word);
    return CLI_USAGE;
}
