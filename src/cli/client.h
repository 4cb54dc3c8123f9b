/*
 * Asks an agent, one request at a time, over one connection that stays open between them. Each call
 * runs the loop until its answer is there. Used on one thread.
 */
#ifndef SHOAL_CLI_CLIENT_H
#define SHOAL_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/transport.h"

/* The agent says nothing for so long: it is stuck. Longer than its own limit (30 s) for a write. */
#define CLIENT_SILENCE_MS    40000
#define CLIENT_SILENCE_NEVER UINT32_MAX
#define CLIENT_BODY_UNKNOWN  UINT64_MAX

struct client;

struct client_request {
    const char *method;
    const char *path;         /* with its query */
    const char *content_type; /* of the body */
    struct bytes body;
    /* Instead of `body`: appends the next piece to `chunk`; nothing: the end. -1 ends the request.
     */
    int (*body_next)(void *context, struct buf *chunk, struct error *error);
    uint64_t body_size_bytes; /* with body_next; CLIENT_BODY_UNKNOWN: chunked */
    /* Takes the body of a good answer as it comes; false: enough, hang up (which is no failure). */
    bool (*on_body)(void *context, struct bytes data);
    void *context;
    uint32_t silence_ms_max; /* 0: CLIENT_SILENCE_MS */
};

struct client_response {
    int status;
    char result[32]; /* header Shoal-Result */
    struct buf body; /* what on_body did not take */
    char **warnings; /* texts of Warning headers */
    size_t warnings_count;
};

/* NULL: there is no such transport. Nothing is opened before the first request. */
struct client *client_new(cli_transport_make make, const struct cli_server *server,
                          struct error *error);
void client_free(struct client *client);

/* 0: an answer of any status is there, to be freed with client_response_fini. A GET on a connection
 * that had meanwhile been closed is sent again, once. */
int client_request(struct client *client, const struct client_request *request,
                   struct client_response *ret_response, struct error *error);
void client_response_fini(struct client_response *response);
/* 0 for 2xx; else the agent's own message, with the code that its status stands for. */
int client_response_check(const struct client_response *response, struct error *error);

/* GET of JSON with all of the above; `ret_json` is a new reference. */
int client_get(struct client *client, const char *path, json_t **ret_json, struct error *error);

/* Lets time pass. */
void client_sleep(struct client *client, uint32_t duration_ms);
/* A monotonic clock, for limits of what takes several requests: each of them takes time, too. */
uint64_t client_now_ms(struct client *client);

#endif
