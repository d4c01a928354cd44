/* `sluice mns WORD …`: finds the row, and runs it. */
#include "mns_cmd.h"

#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const mns_group_t *const groups[] = {&mns_queue_group, &mns_topic_group,
                                            &mns_subscription_group};
static const mns_command_t *const commands[] = {
    &mns_publish_command, &mns_send_command,       &mns_receive_command, &mns_peek_command,
    &mns_delete_command,  &mns_visibility_command, &mns_setup_command,   &mns_doctor_command};

enum {
    GROUPS = sizeof groups / sizeof groups[0],
    COMMANDS = sizeof commands / sizeof commands[0],
};

/* -- one command --------------------------------------------------------------------------- */

static bool count_fits(const mns_command_t *command, const session_t *session)
{
    if (session->arg_count >= command->args_min && session->arg_count <= command->args_max)
        return true;
    session_say(session, "%s: usage: %s [options]%s%s",
                session->arg_count < command->args_min ? "something is missing" : "too much",
                session->name, command->program->positional != NULL ? " " : "",
                command->program->positional != NULL ? command->program->positional : "");
    return false;
}

static int open_and_run(const mns_command_t *command, session_t *session, const void *options)
{
    int code;
    if (!count_fits(command, session))
        return CLI_USAGE;
    if (!command->opens_itself && !session_open(session, &code))
        return code;
    show_init(&session->show, session->common->json);
    code = command->run(session, options);
    if (!show_flush(&session->show))
        code = CLI_NOT_ALL;
    show_fini(&session->show);
    session_close(session);
    return code;
}

int mns_command_run(const mns_command_t *command, int argc, char **argv)
{
    config_t *config = NULL;
    void *options = calloc(1, command->program->table.size);
    int code = CLI_NOT_ALL;
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is told by write */
    if (options == NULL) {
        fprintf(stderr, "%s: out of memory\n", command->program->name);
    } else if (cli_options(&config, command->program, options, argc, argv, &code)) {
        session_t session = {.name = command->program->name, .common = options, .config = config};
        session.arg_count = config_positional(config, &session.args);
        code = open_and_run(command, &session, options);
    }
    config_free(&config);
    free(options);
    return code;
}

/* -- words --------------------------------------------------------------------------------- */

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static void group_help(FILE *out, const mns_group_t *group)
{
    fprintf(out, "Usage: sluice mns %s COMMAND [options]\n\n%s\n\n", group->word, group->help);
    for (size_t i = 0; i < group->count; i++)
        fprintf(out, "  %-8s %s\n", group->commands[i].word, group->commands[i].help);
    fprintf(out, "\n`sluice mns %s COMMAND --help` tells more.\n", group->word);
}

static int run_group(const mns_group_t *group, int argc, char **argv)
{
    if (argc < 2 || asks_for_help(argv[1])) {
        group_help(argc < 2 ? stderr : stdout, group);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(argv[1], group->commands[i].word) == 0)
            return mns_command_run(&group->commands[i], argc - 1, argv + 1);
    fprintf(stderr, "sluice mns %s: no command \"%s\"; `sluice mns %s --help` lists them\n",
            group->word, argv[1], group->word);
    return CLI_USAGE;
}

static void help(FILE *out)
{
    fputs("Usage: sluice mns COMMAND [options]\n\n"
          "Queues, topics, subscriptions and messages of MNS (Simple Message Queue).\n\n",
          out);
    for (size_t i = 0; i < GROUPS; i++)
        fprintf(out, "  %-13s %s\n", groups[i]->word, groups[i]->help);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-13s %s\n", commands[i]->word, commands[i]->help);
    fputs(
        "\n`sluice mns COMMAND --help` tells more.\n\n"
        "Every command needs to know where MNS is: --endpoint URL or SLUICE_MNS_ENDPOINT. Access\n"
        "keys come from the environment (ALIBABA_CLOUD_ACCESS_KEY_ID,\n"
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), a credentials file, or\n"
        "the ECS instance's role.\n\n"
        "Exit: 0 done, 1 not all was done, 2 the command line is wrong.\n",
        out);
}

int cli_mns(int argc, char **argv)
{
    if (argc < 2 || asks_for_help(argv[1])) {
        help(argc < 2 ? stderr : stdout);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    for (size_t i = 0; i < GROUPS; i++)
        if (strcmp(argv[1], groups[i]->word) == 0)
            return run_group(groups[i], argc - 1, argv + 1);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->word) == 0)
            return mns_command_run(commands[i], argc - 1, argv + 1);
    fprintf(stderr, "sluice mns: no command \"%s\"; `sluice mns --help` lists them\n", argv[1]);
    return CLI_USAGE;
}
