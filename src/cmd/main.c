/* shoal: the one file. Agent, client commands, simulator, and the keeper that the agent starts. */
#include "cmd_internal.h"
#include "loop/backup.h"
#include "runtime/keeper.h"

int main(int argc, char **argv)
{
    static const struct cli_command *const commands[] = {&command_agent, &command_token,
                                                         &command_restore, &command_sim, NULL};
    static const struct cli_program program = {
        .version = SHOAL_VERSION,
        .commands = commands,
        .transport_make = transport_make,
        .backup_of_stopped = backup_of_stopped,
    };
    struct cli_io io;
    if (keeper_wanted(argc, argv)) /* before anything else: see runtime/keeper.h */
        return keeper_main(argc, argv);
    cli_io_standard(&io);
    return cli_main(&program, &io, argc, argv);
}
