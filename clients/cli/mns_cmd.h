/* mns_cmd.h - the commands below `sluice mns`, as rows.
 *
 *     sluice mns queue create NAME [options]         a group, a command
 *     sluice mns send QUEUE BODY… [options]          a command
 *
 * A row is all that the dispatcher, the help of each level, and the check of the arguments' number
 * need.  A command's own file holds its options, its texts and what it does. */
#ifndef CLI_MNS_CMD_H
#define CLI_MNS_CMD_H

#include "mns_session.h"

enum { MNS_ANY_ARGS = 0xffff };

typedef struct mns_command {
    const char *word, *help;         /**< as its group's help lists it */
    const config_program_t *program; /**< its options begin with mns_common_t */
    size_t args_min, args_max;
    bool opens_itself; /**< it makes its clients itself: session->client is NULL */
    int (*run)(session_t *session, const void *options); /**< @return the exit code */
} mns_command_t;

typedef struct mns_group {
    const char *word, *help;
    const mns_command_t *commands;
    size_t count;
} mns_group_t;

extern const mns_group_t mns_queue_group, mns_topic_group, mns_subscription_group;
extern const mns_command_t mns_publish_command, mns_send_command, mns_receive_command,
    mns_peek_command, mns_delete_command, mns_visibility_command, mns_setup_command,
    mns_doctor_command;

/** Reads the options, opens a session, runs.  argv[0] is the command's word. */
int mns_command_run(const mns_command_t *command, int argc, char **argv);

#endif
