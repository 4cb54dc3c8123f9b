/* `shoal sim --registers`: many histories, one line of verdict. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trial.h"

static const char usage[] =
    "Usage: shoal sim --registers [--seed S] [--histories COUNT] [--trace] [--quiet]\n"
    "\n"
    "Runs the strong registers alone (leases, compare and set), on a few nodes whose clocks drift "
    "and which crash,\n"
    "stand still, lose their votes and each other. Checks that every history is linearizable and "
    "that nobody believes\n"
    "in a lease while another does.\n"
    "\n"
    "  --seed S           what decides everything; with --histories the first of them (default 1)\n"
    "  --histories COUNT  so many, one seed after the other (default 1)\n"
    "  --trace            print what happens\n"
    "  --quiet            no line for each seed\n"
    "\n"
    "Exit status: 0 all held, 1 an invariant broke (the command that replays it is printed), 2 "
    "usage.\n";

enum option_id { REGISTERS = 1, SEED, HISTORIES, TRACE, QUIET, HELP };

static const struct option long_options[] = {
    {"registers", no_argument, NULL, REGISTERS},
    {"seed", required_argument, NULL, SEED},
    {"histories", required_argument, NULL, HISTORIES},
    {"trace", no_argument, NULL, TRACE},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

struct command {
    struct trial_options options;
    uint64_t histories;
    bool quiet;
};

struct totals {
    uint64_t histories, broken, undecided, hash;
    uint64_t operations, done, conflicts, unknown, unavailable, grants, messages, faults, rosters;
};

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end = NULL;
    *ret_number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

/* -1: go on; otherwise the exit code. */
static int take_option(struct command *command, int id, const char *value)
{
    bool numeric = id == SEED || id == HISTORIES;
    uint64_t number = 0;
    if (numeric && !parse_number(value, &number)) {
        (void)fprintf(
            stderr,
            "shoal sim --registers: '%s' is not a number; see shoal sim --registers --help\n",
            value);
        return 2;
    }
    switch (id) {
    case REGISTERS:
        return -1;
    case SEED:
        command->options.seed = number;
        return -1;
    case HISTORIES:
        command->histories = number;
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
        (void)fputs("see shoal sim --registers --help\n", stderr);
        return 2;
    }
}

static void add(struct totals *totals, const struct trial_result *result)
{
    totals->histories++;
    totals->broken += result->broken;
    totals->undecided += result->undecided;
    totals->hash = totals->hash * 31 + result->hash;
    totals->operations += result->operations;
    totals->done += result->done;
    totals->conflicts += result->conflicts;
    totals->unknown += result->unknown;
    totals->unavailable += result->unavailable;
    totals->grants += result->grants;
    totals->messages += result->messages;
    totals->faults += result->faults;
    totals->rosters += result->rosters;
}

static void run_one(const struct command *command, const struct trial_options *options,
                    struct totals *totals)
{
    struct trial_result result;
    trial_run(options, &result);
    add(totals, &result);
    if (result.broken)
        (void)printf("seed %" PRIu64 ": BROKEN: %s\nreplay: shoal sim --registers --seed %" PRIu64
                     " --trace\n",
                     options->seed, result.invariant, options->seed);
    else if (!command->quiet)
        (void)printf("seed %" PRIu64 ": held: %" PRIu64 " operations, %" PRIu64 " grants, %" PRIu64
                     " faults, %" PRIu64 " rosters, trace %016" PRIx64 "\n",
                     options->seed, result.operations, result.grants, result.faults, result.rosters,
                     result.hash);
    (void)fflush(stdout);
}

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int trial_main(int argc, char **argv)
{
    struct command command = {.options = {.seed = 1}, .histories = 1};
    struct totals totals = {.histories = 0};
    optind = 1;
    for (int id = 0; (id = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        int result = take_option(&command, id, optarg);
        if (result >= 0)
            return result;
    }
    if (optind < argc) {
        (void)fprintf(stderr,
                      "shoal sim: '%s' is not an option; see shoal sim --registers --help\n",
                      argv[optind]);
        return 2;
    }
    double begin = seconds_now();
    struct trial_options options = command.options;
    for (uint64_t i = 0; i < command.histories; i++, options.seed++)
        run_one(&command, &options, &totals);
    double seconds = seconds_now() - begin;
    (void)printf("%" PRIu64 " runs: %" PRIu64 " operations (%" PRIu64 " done, %" PRIu64
                 " conflicts, %" PRIu64 " unknown, %" PRIu64 " unavailable), %" PRIu64
                 " grants, %" PRIu64 " messages, %" PRIu64 " faults, %" PRIu64
                 " changes of roster, trace %016" PRIx64 "; %.0f runs a second\n",
                 totals.histories, totals.operations, totals.done, totals.conflicts, totals.unknown,
                 totals.unavailable, totals.grants, totals.messages, totals.faults, totals.rosters,
                 totals.hash, (double)totals.histories / (seconds > 0 ? seconds : 1));
    (void)printf("%" PRIu64 " held, %" PRIu64 " broke an invariant, %" PRIu64
                 " histories too large to decide\n",
                 totals.histories - totals.broken, totals.broken, totals.undecided);
    return totals.broken == 0 ? 0 : 1;
}
