/* --ack and --ack-timeout of the commands that write. */
#ifndef SHOAL_CLI_ACK_H
#define SHOAL_CLI_ACK_H

#include "base/buf.h"
#include "cli/command.h"

/* For a table of options. */
#define ACK_OPTIONS                                                                                \
    {.name = "ack",                                                                                \
     .value = "local|majority|all",                                                                \
     .help = "whose disks must have it: the agent's, those of a majority of the known members,\n"  \
             "or also those of all living ones [local]"},                                          \
    {                                                                                              \
        .name = "ack-timeout", .value = "SECONDS", .help = "how long to wait for them [10]"        \
    }

/* Appends "&ack=...&ackTimeout=..." as far as given, begun with `first` instead of '&'.
 * ERROR_INVALID. */
int ack_put_query(const struct cli_arguments *arguments, char first, struct buf *path,
                  struct error *error);

#endif
