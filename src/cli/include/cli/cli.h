/*
 * The command line `shoal`: the client commands, and the frame for those that the program adds
 * (agent, token, sim).
 */
#ifndef SHOAL_CLI_CLI_H
#define SHOAL_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/time.h"
#include "cli/command.h"
#include "cli/transport.h"

#define CLI_SERVER_DEFAULT "unix:/run/shoal/shoal.sock"

struct cli_program {
    const char *version;
    const struct cli_command *const *commands; /* in addition to the client's; NULL ends the list */
    cli_transport_make transport_make;
    /* `shoal backup --data-dir`: the state of an agent that does not run, as a new file. */
    int (*backup_of_stopped)(const char *data_dir, const char *file, struct error *error);
};

/* Where a run reads and writes. */
struct cli_io {
    FILE *in, *out, *err;
    bool out_terminal, err_terminal;
    bool colour;                                  /* on `out` */
    const char *(*environment)(const char *name); /* getenv */
    wall_ms_t (*now_wall_ms)(void);
};

/* The process's own streams and environment; colour as the terminal and NO_COLOR say. */
void cli_io_standard(struct cli_io *ret_io);

/* Runs one command line (argv[0] is the program) and returns the exit code. */
int cli_main(const struct cli_program *program, const struct cli_io *io, int argc, char **argv);

#endif
