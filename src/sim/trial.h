/*
 * Trials of strong registers: module `register` alone, on a few nodes with clocks that drift, disks
 * that lose what was not synced, and a network that loses, repeats, delays and parts; clients who
 * compare and set, and who hold leases. One trial is one history for each key, checked for
 * linearizability, and the leases' invariants, checked whenever somebody begins to believe in one.
 * Small and fast, so that a million of them can run. Deterministic in its seed.
 */
#ifndef SHOAL_SIM_TRIAL_H
#define SHOAL_SIM_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

struct trial_options {
    uint64_t seed;
    bool trace; /* what happens, to stdout */
};

struct trial_result {
    bool broken;
    char invariant[256];
    uint64_t hash; /* of all that was sent and answered */
    uint64_t operations, done, conflicts, unknown, unavailable, grants, messages, faults, rosters,
        undecided;
    uint64_t virtual_us;
};

void trial_run(const struct trial_options *options, struct trial_result *ret_result);

/* `shoal sim --registers ...`: argv[0] is "sim". Exit codes as of sim_main. */
int trial_main(int argc, char **argv);

#endif
