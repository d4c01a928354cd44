/* sluice - one program, one command per word. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} command_t;

static const command_t commands[] = {
    {"sub", "subscribe to events and print them", cli_sub},
    {"pub", "publish JSON lines from standard input", cli_pub},
    {"status", "ask a broker how it is", cli_status},
    {"cursor", "named subscribers: list, reset, drop", cli_cursor},
    {"dead", "dead letters: list, show, redrive", cli_dead},
    {"journal", "a broker's directory: stat, verify, export, backup", cli_journal},
    {"mns", "queues, topics, subscriptions and messages of MNS; set up, find out what is wrong",
     cli_mns},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void help(FILE *out)
{
    fprintf(out, "Usage: sluice COMMAND [options]\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n`sluice COMMAND --help` tells more.  `sluice --version` prints the version.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return CLI_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help(stdout);
        return CLI_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        printf("sluice %s\n", SLUICE_VERSION);
        return CLI_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice: no command \"%s\"; `sluice --help` lists them\n", word);
    return CLI_USAGE;
}
