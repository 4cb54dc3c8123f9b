/* Runs clusters of brains in virtual time (design 10). Deterministic in its options. */
#ifndef SHOAL_SIM_SIM_H
#define SHOAL_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_NODES_MAX 10000

/* Zero means the default in brackets, except for seed and the fault switches. */
struct sim_options {
    uint32_t nodes; /* [5] */
    uint64_t seed;
    uint32_t duration_ms; /* [30000] of faults and writes, before the quiet phase */
    uint32_t loss_ppm;    /* datagrams lost, all the time */
    bool faults; /* crashes, power cuts, restarts, stalls, partitions, bursts of loss, from the seed
                  */
    bool trace;  /* every trace line and fault, to stdout */
};

struct sim_result {
    bool broken;
    char invariant[256]; /* which one, in words */
    uint64_t at_ms;      /* virtual time */
    uint64_t trace_hash;
    uint64_t steps, datagrams, datagram_bytes, streams, stream_bytes, faults, writes_acknowledged,
        pods_started;
    uint64_t virtual_ms;
};

void sim_run(const struct sim_options *options, struct sim_result *ret_result);

/* `shoal sim ...`: argv[0] is "sim". Returns the exit code: 0 all held, 1 something broke, 2 usage.
 */
int sim_main(int argc, char **argv);

#endif
