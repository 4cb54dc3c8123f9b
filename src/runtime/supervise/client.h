/* The agent's end of the keeper's socket on the loop: calls out, replies and events in. */
#ifndef SHOAL_RUNTIME_CLIENT_H
#define SHOAL_RUNTIME_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <uv.h>

#include "../common/codec.h"
#include "base/buf.h"
#include "base/error.h"

struct keeper_client;

/* `reply` is NULL when `error` says why there is none that is good. Valid during the call. */
typedef void keeper_reply_fn(void *user, const struct decoded *reply, const struct error *error);

struct keeper_client_callbacks {
    void *user;
    void (*on_event)(void *user, uint64_t type, const struct decoded *event);
    /* The keeper hung up or talked nonsense; every open call was answered with ERROR_UNAVAILABLE
     * before. */
    void (*on_lost)(void *user);
    /* After keeper_client_close, from the loop: the client is freed. */
    void (*on_closed)(void *user);
};

/* Takes the connected socket over. */
struct keeper_client *keeper_client_new(uv_loop_t *loop, int fd,
                                        const struct keeper_client_callbacks *callbacks);
/* Hangs up without callbacks; frees itself when the loop has closed the handle. NULL is fine. */
void keeper_client_close(struct keeper_client *client);

/* Opens a call: fill in fields, then send. Not on a client that was reported lost. */
struct keeper_call {
    struct buf frame;
    struct encoder encoder;
    uint64_t id;
};
void keeper_call_begin(struct keeper_client *client, struct keeper_call *call, uint64_t type);
/* `on_reply` NULL: the answer is of no interest. Returns the call's id. */
uint64_t keeper_call_send(struct keeper_client *client, struct keeper_call *call,
                          keeper_reply_fn *on_reply, void *user);
/* Forgets whoever waits for replies with that `user`. */
void keeper_client_forget(struct keeper_client *client, const void *user);

#endif
