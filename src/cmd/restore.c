/* shoal restore */
#include "cmd_internal.h"
#include "loop/agent.h"
#include "loop/backup.h"

static const struct cli_option options[] = {
    {.name = "data-dir",
     .value = "DIR",
     .help = "of the agent, which must not run [" AGENT_DATA_DIR_DEFAULT "]"},
    {.name = "new-identity",
     .help = "as another node: new key, nothing of what the old one ran or promised"},
    {.name = "force", .help = "replace a state that is there; it is kept beside"},
    {.name = NULL},
};

static int run_restore(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct restore_options restore = {
        .data_dir = cli_value(arguments, "data-dir"),
        .force = cli_flag(arguments, "force", false),
        .new_identity = cli_flag(arguments, "new-identity", false),
    };
    if (cli_operands_count(arguments) != 1)
        return cli_misused(cli, arguments, "say from which file: shoal restore FILE");
    restore.file = cli_operand(arguments, 0);
    if (restore.data_dir == NULL)
        restore.data_dir = AGENT_DATA_DIR_DEFAULT;
    if (restore_of_stopped(&restore, &error) < 0)
        return cli_fail(cli, &error);
    cli_print(cli, restore.new_identity
                       ? "restored as a new node; start the agent, with --join if others live"
                       : "restored; start the agent as before");
    return CLI_OK;
}

const struct cli_command command_restore = {
    .name = "restore",
    .synopsis = "FILE",
    .summary = "make a backup the state of this machine's agent",
    .description =
        "The agent must not run. The backup is verified first; it takes its place at once or not\n"
        "at all. When other members live, the node then gets from them what is newer, and what "
        "was\n"
        "deleted since is deleted again. While they do, use --new-identity: a node that comes "
        "back\n"
        "with an older memory may have promised a lease that it does not remember.",
    .examples = "shoal restore /backup/shoal-2026-01-31\n"
                "shoal restore saved --new-identity --data-dir /var/lib/shoal",
    .options = options,
    .operands = CLI_OPERANDS_FILES,
    .run = run_restore,
};
