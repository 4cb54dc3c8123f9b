/* The keeper's command line, and what it inherits. Between one build's agent and its own keeper
 * only. */
#ifndef SHOAL_RUNTIME_KEEPER_ARGS_H
#define SHOAL_RUNTIME_KEEPER_ARGS_H

#include <stdint.h>
#include <stdlib.h>

#define KEEPER_ROLE "keeper"
#define KEEPER_ARGUMENTS_COUNT                                                                     \
    4                      /* argv[0], role, build, milliseconds to live without anything to do */
#define KEEPER_LISTEN_FD 3 /* a listening unix socket */

struct keeper_args {
    const char *build;
    uint64_t idle_ms;
};

static inline int keeper_args_parse(int argc, char **argv, struct keeper_args *ret_args)
{
    if (argc != KEEPER_ARGUMENTS_COUNT)
        return -1;
    *ret_args = (struct keeper_args){argv[2], strtoull(argv[3], NULL, 10)};
    return 0;
}

#endif
