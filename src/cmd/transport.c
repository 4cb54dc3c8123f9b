#include <string.h>

#include "cmd_internal.h"

int transport_make(uv_loop_t *loop, const struct cli_server *server,
                   struct cli_transport *ret_transport, struct error *error)
{
    if (strncmp(server->address, "unix:", 5) == 0)
        return transport_unix_make(loop, server, ret_transport, error);
    if (strchr(server->address, '/') != NULL)
        return error_set(error, ERROR_INVALID, "--server is unix:PATH or HOST[:PORT], not '%.200s'",
                         server->address);
    return transport_tunnel_make(loop, server, ret_transport, error);
}
