/* shoal sim */
#include "sim/sim.h"

#include "cmd_internal.h"

static const struct cli_option options[] = {
    {.name = "nodes", .value = "N", .help = "machines in the cluster [5]"},
    {.name = "seed", .value = "S", .help = "what decides everything [1]"},
    {.name = "first-seed", .value = "S", .help = "with --seeds: the first of them"},
    {.name = "seeds", .value = "COUNT", .help = "so many runs, one seed after the other"},
    {.name = "duration", .value = "SECONDS", .help = "of writes and faults, virtual [30]"},
    {.name = "loss", .value = "PERCENT", .help = "datagrams lost, all the time [1]"},
    {.name = "faults", .value = "WHAT", .help = "swarm, all, none, or kinds with commas [swarm]"},
    {.name = "no-faults", .help = "the same as --faults none"},
    {.name = "writes", .value = "COUNT", .help = "at most so many writes of users"},
    {.name = "scenario", .value = "FILE", .help = "carry out a scenario (docs/simulator.md)"},
    {.name = "csv", .value = "FILE", .help = "every measurement"},
    {.name = "svg", .value = "FILE", .help = "members alive over time, and latencies"},
    {.name = "no-shrink", .help = "do not look for a smaller run that breaks the same"},
    {.name = "trace", .help = "print what happens"},
    {.name = "quiet", .help = "no line for each seed that held"},
    {.name = NULL},
};

const struct cli_command command_sim = {
    .name = "sim",
    .synopsis = "",
    .summary = "run a cluster in virtual time and check its invariants",
    .description =
        "The very brain that the agent runs, with users who write and faults that happen. Ends\n"
        "with one line a seed; one that broke an invariant prints the command that replays it.",
    .examples = "shoal sim --nodes 200 --seed 7\n"
                "shoal sim --nodes 50 --first-seed 1 --seeds 1000 --quiet",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .main = sim_main,
};
