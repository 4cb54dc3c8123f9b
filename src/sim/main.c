/* `shoal sim`: flags, many seeds, one line of verdict. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "sim/sim.h"
#include "trial.h"

static const char usage[] =
    "Usage: shoal sim [--nodes N] [--seed S | --first-seed S --seeds COUNT] [options]\n"
    "\n"
    "Runs clusters of the very brain that the agent runs, in virtual time, with users who write "
    "and faults that\n"
    "happen, and checks the invariants of the design after every step.\n"
    "\n"
    "  --nodes N           machines in the cluster (default 5, at most 10000)\n"
    "  --seed S            what decides everything (default 1)\n"
    "  --first-seed S      with --seeds: the first of them\n"
    "  --seeds COUNT       so many runs, one seed after the other\n"
    "  --duration SECONDS  of writes and faults, virtual, before things must settle (default 30)\n"
    "  --loss PERCENT      datagrams lost, all the time (default 1)\n"
    "  --faults WHAT       swarm: some kinds, drawn from the seed (default); all; none; or a list "
    "of\n"
    "                      "
    "loss,duplicate,reorder,partition,one-way,bridge,flap,stall,clock,drift,\n"
    "                      "
    "slow-disk,full-disk,crash,power,lost-disk,restart,all-restart,mass-start,versions\n"
    "  --no-faults         the same as --faults none\n"
    "  --liar              one member lies: forged records, accusations, in everybody's name\n"
    "  --writes COUNT      at most so many writes of users (default: one in 0.3 to 3 s)\n"
    "  --scenario FILE     carry out the statements of FILE (docs/simulator.md); with --seeds, "
    "many "
    "times\n"
    "  --csv FILE          every measurement: seed, virtual ms, line, name, value\n"
    "  --svg FILE          members alive over time and latencies, of the last seed\n"
    "  --no-shrink         do not look for a smaller run that breaks the same\n"
    "  --trace             print what happens\n"
    "  --quiet             no line for each seed that held\n"
    "\n"
    "Exit status: 0 all held, 1 an invariant broke (the command that replays it is printed), 2 "
    "usage.\n";

struct command {
    struct sim_options options;
    uint64_t seeds_count;
    bool swarm, quiet, no_shrink;
    const char *svg_path;
};

static bool parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number > max)
        return false;
    *ret_number = number;
    return true;
}

static int bad_value(const char *option, const char *value)
{
    (void)fprintf(stderr, "shoal sim: --%s: '%s' is not a number in range; see shoal sim --help\n",
                  option, value);
    return 2;
}

enum option_id {
    NODES = 1,
    SEED,
    SEEDS,
    DURATION,
    LOSS,
    WRITES,
    FAULTS,
    NO_FAULTS,
    LIAR,
    NO_SHRINK,
    SCENARIO,
    CSV,
    SVG,
    TRACE,
    QUIET,
    HELP
};

static const struct option long_options[] = {
    {"nodes", required_argument, NULL, NODES},
    {"seed", required_argument, NULL, SEED},
    {"first-seed", required_argument, NULL, SEED},
    {"seeds", required_argument, NULL, SEEDS},
    {"duration", required_argument, NULL, DURATION},
    {"loss", required_argument, NULL, LOSS},
    {"writes", required_argument, NULL, WRITES},
    {"faults", required_argument, NULL, FAULTS},
    {"liar", no_argument, NULL, LIAR},
    {"scenario", required_argument, NULL, SCENARIO},
    {"csv", required_argument, NULL, CSV},
    {"svg", required_argument, NULL, SVG},
    {"no-shrink", no_argument, NULL, NO_SHRINK},
    {"no-faults", no_argument, NULL, NO_FAULTS},
    {"trace", no_argument, NULL, TRACE},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static FILE *open_output(const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        (void)fprintf(stderr, "shoal sim: cannot write %s: %s\n", path, strerror(errno));
    return file;
}

static int bad_faults(const char *value)
{
    (void)fprintf(stderr,
                  "shoal sim: --faults: '%s' is not swarm, all, none or a list of kinds; see shoal "
                  "sim --help\n",
                  value);
    return 2;
}

static bool parse_faults(struct command *command, const char *text)
{
    uint32_t faults = 0;
    command->swarm = strcmp(text, "swarm") == 0;
    if (command->swarm || strcmp(text, "all") == 0 || strcmp(text, "none") == 0) {
        command->options.faults = text[0] == 'n' ? 0 : SIM_FAULTS_ALL;
        return true;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        int kind = 0;
        while (kind < SIM_FAULTS_COUNT &&
               (strlen(sim_fault_name((enum sim_fault)kind)) != length ||
                strncmp(sim_fault_name((enum sim_fault)kind), text, length) != 0))
            kind++;
        if (kind == SIM_FAULTS_COUNT)
            return false;
        faults |= UINT32_C(1) << kind;
        text += length + (text[length] == ',');
    }
    command->options.faults = faults;
    return faults != 0;
}

/* -1: go on; otherwise the exit code. */
static int take_option(struct command *command, int id, const char *value)
{
    uint64_t number = 0;
    const char *name = "";
    for (const struct option *option = long_options; option->name != NULL; option++)
        if (option->val == id)
            name = option->name;
    bool numeric = id >= NODES && id <= WRITES;
    static const uint64_t limits[] = {
        [NODES] = SIM_NODES_MAX, [SEED] = UINT64_MAX, [SEEDS] = UINT64_MAX,
        [DURATION] = 86400,      [LOSS] = 100,        [WRITES] = UINT32_MAX};
    if (numeric && !parse_number(value, limits[id], &number))
        return bad_value(name, value);
    switch (id) {
    case NODES:
        command->options.nodes = (uint32_t)number;
        return number > 0 ? -1 : bad_value(name, value);
    case SEED:
        command->options.seed = number;
        return -1;
    case SEEDS:
        command->seeds_count = number;
        return -1;
    case DURATION:
        command->options.duration_ms = (uint32_t)number * 1000;
        return -1;
    case LOSS:
        command->options.loss_ppm = (uint32_t)number * 10000;
        return -1;
    case WRITES:
        command->options.writes_max = (uint32_t)number;
        return -1;
    case FAULTS:
        return parse_faults(command, value) ? -1 : bad_faults(value);
    case NO_FAULTS:
        return parse_faults(command, "none") ? -1 : 2;
    case LIAR:
        command->options.liar = true;
        return -1;
    case SCENARIO:
        command->options.script = script_load(value);
        return command->options.script != NULL ? -1 : 2;
    case CSV:
        command->options.csv = open_output(value);
        return command->options.csv != NULL ? -1 : 2;
    case SVG:
        command->svg_path = value;
        return -1;
    case NO_SHRINK:
        command->no_shrink = true;
        return -1;
    case TRACE:
        command->options.trace = true;
        return -1;
    case QUIET:
        command->quiet = true;
        return -1;
    case HELP:
        (void)fputs(usage, stdout);
        return 0;
    default:
        (void)fputs("see shoal sim --help\n", stderr);
        return 2;
    }
}

static void print_faults(uint32_t faults)
{
    const char *comma = "";
    if (faults == 0)
        (void)fputs("none", stdout);
    for (int i = 0; i < SIM_FAULTS_COUNT; i++)
        if ((faults >> i & 1) != 0) {
            (void)printf("%s%s", comma, sim_fault_name((enum sim_fault)i));
            comma = ",";
        }
}

static void print_replay(const struct sim_options *options)
{
    (void)printf("replay: shoal sim --nodes %" PRIu32 " --seed %" PRIu64 " --duration %" PRIu32
                 " --loss %" PRIu32 " --faults ",
                 options->nodes, options->seed, options->duration_ms / 1000,
                 options->loss_ppm / 10000);
    print_faults(options->faults);
    if (options->writes_max != UINT32_MAX)
        (void)printf(" --writes %" PRIu32, options->writes_max);
    (void)fputs(options->liar ? " --liar --no-shrink --trace\n" : " --no-shrink --trace\n", stdout);
}

static void print_broken(const struct sim_options *options, const struct sim_result *result)
{
    (void)printf("seed %" PRIu64 ": BROKEN at %" PRIu64 ".%03" PRIu64 " s: %s\n", options->seed,
                 result->at_ms / 1000, result->at_ms % 1000, result->invariant);
    print_replay(options);
}

static void print_held(const struct sim_options *options, const struct sim_result *result)
{
    (void)printf("seed %" PRIu64 ": held: %" PRIu32 " nodes, %" PRIu64 " s virtual, %" PRIu64
                 " steps, %" PRIu64 " faults, %" PRIu64 " writes, %" PRIu64 " pods, %" PRIu64
                 " datagrams, settled in %" PRIu64 " s, trace %016" PRIx64 "\n",
                 options->seed, options->nodes, result->virtual_ms / 1000, result->steps,
                 result->faults, result->writes_acknowledged, result->pods_started,
                 result->datagrams, result->settled_ms / 1000, result->trace_hash);
}

/* A scenario, or a run whose course is drawn: in this process, where the measurements are. */
static bool run_measured(const struct command *command, struct sim_options options)
{
    struct sim_result result;
    if (command->svg_path != NULL && (options.svg = open_output(command->svg_path)) == NULL)
        return false;
    sim_run(&options, &result);
    if (options.svg != NULL)
        (void)fclose(options.svg);
    if (result.broken)
        (void)printf("seed %" PRIu64 ": BROKEN at %" PRIu64 ".%03" PRIu64 " s: %s\n", options.seed,
                     result.at_ms / 1000, result.at_ms % 1000, result.invariant);
    else if (!command->quiet)
        print_held(&options, &result);
    return !result.broken;
}

static bool run_one(const struct command *command, struct sim_options options)
{
    struct sim_result result;
    if (command->swarm)
        options.faults = options.script != NULL ? 0 : sim_faults_draw(options.seed);
    if (options.script != NULL || options.csv != NULL || command->svg_path != NULL)
        return run_measured(command, options);
    sim_run_apart(&options, &result);
    bool broken = result.broken;
    if (broken)
        print_broken(&options, &result);
    else if (!command->quiet)
        print_held(&options, &result);
    if (broken && !command->no_shrink && !options.trace) {
        (void)puts("looking for less that breaks the same ...");
        (void)fflush(stdout);
        sim_shrink(&options, &result);
        print_broken(&options, &result);
    }
    (void)fflush(stdout);
    return !broken;
}

int sim_main(int argc, char **argv)
{
    struct command command = {
        .options = {.nodes = 5,
                    .seed = 1,
                    .duration_ms = 30000,
                    .loss_ppm = 10000,
                    .faults = SIM_FAULTS_ALL,
                    .writes_max = UINT32_MAX},
        .seeds_count = 1,
        .swarm = true,
    };
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--registers") == 0)
            return trial_main(argc, argv);
    optind = 1;
    for (int id = 0; (id = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        int result = take_option(&command, id, optarg);
        if (result >= 0)
            return result;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "shoal sim: '%s' is not an option; see shoal sim --help\n",
                      argv[optind]);
        return 2;
    }
    if (command.options.script != NULL) {
        command.options.nodes = command.options.script->nodes;
        command.options.loss_ppm = 0; /* the scenario says it */
    }
    if (command.options.csv != NULL)
        (void)fputs("seed,virtual_ms,line,name,value\n", command.options.csv);
    uint64_t broken_count = 0;
    struct sim_options options = command.options;
    for (uint64_t i = 0; i < command.seeds_count; i++, options.seed++)
        broken_count += !run_one(&command, options);
    if (command.seeds_count > 1)
        (void)printf("%" PRIu64 " seeds held, %" PRIu64 " broke an invariant\n",
                     command.seeds_count - broken_count, broken_count);
    bool kept = command.options.script == NULL || script_report(command.options.script);
    script_free(command.options.script);
    if (command.options.csv != NULL)
        (void)fclose(command.options.csv);
    return broken_count == 0 && kept ? 0 : 1;
}
