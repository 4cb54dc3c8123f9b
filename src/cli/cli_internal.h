/* What the rooms of this module share. */
#ifndef SHOAL_CLI_INTERNAL_H
#define SHOAL_CLI_INTERNAL_H

#include "cli/cli.h"

struct client;

/* One run of the program. */
struct cli {
    const struct cli_program *program;
    struct cli_io io;
    struct client *client; /* made when first needed */
};

/* ---- cli.c */
extern const struct cli_option cli_options_remote[]; /* of every remote command */
extern const struct cli_option cli_options_help[];   /* of every command */
typedef bool (*cli_command_visit)(void *context, const struct cli_command *command);
/* All commands in the order of `shoal help`; the callback returns false to stop. */
void cli_each_command(const struct cli *cli, cli_command_visit visit, void *context);
/* The client for the server that the arguments or the environment name; -1: no transport for it. */
int cli_connect(struct cli *cli, const struct cli_arguments *arguments, struct client **ret_client,
                struct error *error);

/* What the user typed is no command; returns CLI_USAGE. */
int cli_unknown_command(struct cli *cli, const char *name);

/* ---- help.c */
void help_overview(const struct cli *cli, FILE *out);
void help_command(const struct cli *cli, const struct cli_command *command, FILE *out);

/* ---- the commands */
extern const struct cli_command command_backup, command_history;
extern const struct cli_command command_apply, command_delete, command_get, command_describe,
    command_status, command_gossip_status, command_gossip_trace, command_lease_list,
    command_lease_show, command_lease_reset, command_logs, command_image_load, command_image_list,
    command_key_list, command_key_rotate, command_key_revoke, command_node_ban, command_node_unban,
    command_version, command_help, command_completion;

#endif
