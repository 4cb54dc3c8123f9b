/* What the rooms of this module share. */
#ifndef SHOAL_CMD_INTERNAL_H
#define SHOAL_CMD_INTERNAL_H

#include "cli/cli.h"

extern const struct cli_command command_agent, command_restore, command_token, command_sim;

/* cli_transport_make for "unix:PATH" and "HOST[:PORT]". */
int transport_make(uv_loop_t *loop, const struct cli_server *server,
                   struct cli_transport *ret_transport, struct error *error);
int transport_unix_make(uv_loop_t *loop, const struct cli_server *server,
                        struct cli_transport *ret_transport, struct error *error);
int transport_tunnel_make(uv_loop_t *loop, const struct cli_server *server,
                          struct cli_transport *ret_transport, struct error *error);

#endif
