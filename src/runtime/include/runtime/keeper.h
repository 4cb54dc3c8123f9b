/*
 * The keeper: one tiny single-threaded process a node that forks containers, reaps them, holds
 * their log pipes and outlives the agent. It is this same executable, run from a sealed memory file
 * as `<argv0> keeper ...`.
 */
#ifndef SHOAL_RUNTIME_KEEPER_H
#define SHOAL_RUNTIME_KEEPER_H

#include <stdbool.h>

/* True when this process was started to be a keeper. Ask before anything else in main(): no thread,
 * no library initialised, no output. */
bool keeper_wanted(int argc, char **argv);
/* The whole life of the keeper; main() returns its result. */
int keeper_main(int argc, char **argv);

#endif
