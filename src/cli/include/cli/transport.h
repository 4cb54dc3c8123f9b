/*
 * A byte stream to the API of some agent: all that the client needs to know of the network. Whoever
 * wires the program together (cmd) offers one for the local socket and one for sealed tunnels;
 * tests offer one that lives in memory.
 */
#ifndef SHOAL_CLI_TRANSPORT_H
#define SHOAL_CLI_TRANSPORT_H

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"

/* Where the agent is, as the user said it. */
struct cli_server {
    const char *address;    /* "unix:PATH" or "HOST[:PORT]" */
    const char *token_file; /* NULL: none given; needed for HOST */
};

/* Called from the loop, never from inside a call of struct cli_transport; each may call close(),
 * but for on_closed. */
struct cli_stream_callbacks {
    void *context;
    void (*on_data)(void *context, struct bytes data);
    /* What was written is out: room for more. */
    void (*on_writable)(void *context);
    /* The last one: the stream is gone, close() must not be called. `error` NULL: it ended in
     * order. */
    void (*on_closed)(void *context, const struct error *error);
};

struct cli_transport {
    void *context;
    /* Failures to connect may be told here or by on_closed; either way the message says what to do
     * about it. Writing is possible at once. */
    int (*open)(void *context, const struct cli_stream_callbacks *callbacks, void **ret_stream,
                struct error *error);
    /* Copies. Errors are told by on_closed. */
    void (*write)(void *stream, struct bytes data);
    /* False: wait for on_writable before writing more. */
    bool (*is_writable)(void *stream);
    /* No callback any more. */
    void (*close)(void *stream);
    /* Lets go of everything; streams are closed before, the loop runs on until it is empty. */
    void (*fini)(void *context);
};

/* Makes the transport for a server; nothing is opened yet. */
typedef int (*cli_transport_make)(uv_loop_t *loop, const struct cli_server *server,
                                  struct cli_transport *ret_transport, struct error *error);

#endif
