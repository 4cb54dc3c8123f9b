/* Runs clusters of brains in virtual time (design 10). Deterministic in its options. */
#ifndef SHOAL_SIM_SIM_H
#define SHOAL_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_NODES_MAX 10000

/* What can go wrong, by itself and together. Bits of sim_options.faults. */
enum sim_fault {
    SIM_FAULT_LOSS,      /* bursts of lost datagrams */
    SIM_FAULT_DUPLICATE, /* datagrams that come twice */
    SIM_FAULT_REORDER,   /* datagrams that come late */
    SIM_FAULT_PARTITION, /* two or three sides that do not hear each other */
    SIM_FAULT_ONE_WAY,   /* a side that is heard and does not hear */
    SIM_FAULT_BRIDGE,    /* two sides, and one machine that hears both */
    SIM_FAULT_FLAP,      /* a partition that comes and goes */
    SIM_FAULT_STALL,     /* an agent gets no time (SIGSTOP, swapping, a paused VM) */
    SIM_FAULT_CLOCK,     /* wall clocks jump */
    SIM_FAULT_DRIFT,     /* clocks run at different speeds, all the time */
    SIM_FAULT_SLOW_DISK, /* commits take long */
    SIM_FAULT_FULL_DISK, /* commits wait until there is room */
    SIM_FAULT_CRASH, /* an agent dies and starts seconds later; a commit under way may be lost */
    SIM_FAULT_POWER, /* a machine loses power, with its pods, and comes back */
    SIM_FAULT_LOST_DISK,   /* a machine loses power and disk, and comes back as another member */
    SIM_FAULT_RESTART,     /* an agent dies and starts at once, before anybody can notice */
    SIM_FAULT_ALL_RESTART, /* many agents at once die and start again */
    SIM_FAULT_MASS_START,  /* all machines start in the same millisecond */
    SIM_FAULT_VERSIONS, /* some machines are newer: fields and messages that others do not know */
};
#define SIM_FAULTS_COUNT (SIM_FAULT_VERSIONS + 1)
#define SIM_FAULTS_ALL   ((UINT32_C(1) << SIM_FAULTS_COUNT) - 1)

/* "loss", "one-way", ...; never NULL. */
const char *sim_fault_name(enum sim_fault fault);
/* The kinds of a seed in swarm mode (Groce et al. 2012): each with one half, so that one kind does
 * not always hide behind another. */
uint32_t sim_faults_draw(uint64_t seed);

struct script;

struct sim_options {
    uint32_t nodes;
    uint64_t seed;
    uint32_t duration_ms;  /* of faults and writes, before the quiet phase */
    uint32_t loss_ppm;     /* datagrams lost, all the time */
    uint32_t faults;       /* 1 << enum sim_fault */
    uint32_t writes_max;   /* of the users */
    bool liar;             /* the last machine lies all the time (three machines at least) */
    bool trace;            /* every trace line and fault, to stdout */
    struct script *script; /* a scenario in place of users and faults; NULL: none */
    FILE *csv, *svg;       /* what was measured; NULL: not wanted */
};

struct sim_result {
    bool broken;
    char invariant[256]; /* which one, in words */
    uint64_t at_ms;      /* virtual time */
    uint64_t trace_hash;
    uint64_t steps, datagrams, datagram_bytes, streams, stream_bytes, faults, writes_acknowledged,
        pods_started;
    uint64_t virtual_ms;
    uint64_t settled_ms; /* from the last fault to the quiet state */
};

void sim_run(const struct sim_options *options, struct sim_result *ret_result);
/* The same in a process of its own, so that an assertion of the brain is a broken invariant like
 * others and not the end of everything. */
void sim_run_apart(const struct sim_options *options, struct sim_result *ret_result);

/* Looks for less that breaks the same invariant: fewer kinds of faults, machines, seconds, writes,
 * and other seeds beside. Takes at most some 200 runs; *options is what is left. */
void sim_shrink(struct sim_options *options, struct sim_result *result);

/* `shoal sim ...`: argv[0] is "sim". Returns the exit code: 0 all held, 1 something broke, 2 usage.
 */
int sim_main(int argc, char **argv);

#endif
