/*
 * Scenario files (docs/simulator.md): a list of statements, one a line, carried out one after the
 * other; virtual time passes in `run` and `await` only. Parsed once, run for many seeds.
 */
#ifndef SHOAL_SIM_SCRIPT_H
#define SHOAL_SIM_SCRIPT_H

#include "sim/sim.h"

#define SCRIPT_STATEMENTS_MAX 512
#define SCRIPT_SETS_MAX       3
#define SCRIPT_RANGES_MAX     8

enum script_verb {
    SCRIPT_START,     /* sets[0] */
    SCRIPT_INTRODUCE, /* sets[0] */
    SCRIPT_KILL,
    SCRIPT_POWER_OFF,
    SCRIPT_RESTART,
    SCRIPT_STALL,     /* sets[0], ms */
    SCRIPT_PARTITION, /* sets */
    SCRIPT_ONE_WAY,
    SCRIPT_BRIDGE, /* sets[0] | sets[1] via sets[2] */
    SCRIPT_HEAL,
    SCRIPT_LOSS, /* number: ppm */
    SCRIPT_NO_SEEDS,
    SCRIPT_RUN,     /* ms */
    SCRIPT_AWAIT,   /* condition, sets[0], ms, median_ms */
    SCRIPT_UPDATES, /* count, every ms, number: bytes */
    SCRIPT_APPLY,   /* count: replicas */
    SCRIPT_RESET,
    SCRIPT_EXPECT, /* metric, comparison, value */
    SCRIPT_REPEAT, /* count; jump: its end */
    SCRIPT_END,    /* jump: its repeat */
};

enum script_condition {
    SCRIPT_AGREED,       /* every machine that runs sees exactly those that run alive */
    SCRIPT_FIRST_DEAD,   /* somebody takes all of the set for dead */
    SCRIPT_ALL_DEAD,     /* everybody else does */
    SCRIPT_RESTART_SEEN, /* everybody else knows the present life of the set */
    SCRIPT_DELIVERED,    /* every running machine has every update */
    SCRIPT_SETTLED,      /* the same state everywhere, one claim a slot, all Ready */
};

struct script_set {
    struct {
        uint32_t first, last;
    } ranges[SCRIPT_RANGES_MAX];
    uint32_t ranges_count;
    uint32_t random_count; /* so many by chance; 0: the ranges */
    bool all, same;        /* same: as the last that were drawn by chance */
};

struct script_statement {
    uint32_t line;
    enum script_verb verb;
    enum script_condition condition;
    struct script_set sets[SCRIPT_SETS_MAX];
    uint32_t sets_count;
    uint64_t ms, median_ms;
    uint64_t count, number;
    char metric[32];
    char comparison; /* '<', '>', '=' : at most, at least, equal */
    double value;
    uint32_t jump;
    /* What was measured in all runs: of await, milliseconds; of expect, the metric. */
    double *measures;
    size_t measures_count, measures_capacity;
};

struct script {
    const char *path;
    uint32_t nodes;
    struct script_statement statements[SCRIPT_STATEMENTS_MAX];
    uint32_t statements_count;
};

/* NULL after "FILE:LINE: what is wrong" on stderr. */
struct script *script_load(const char *path);
void script_free(struct script *script);
/* What was measured, a line a statement. False: a median is above its limit. */
bool script_report(struct script *script);

struct sim;
void script_run(struct sim *sim, struct script *script);

#endif
