/*
 * One sealed TCP connection: connects or is accepted, shakes hands, carries chunks, closes. What
 * the chunks mean is its user's business (message.c, tunnel.c).
 */
#ifndef SHOAL_NET_CONNECTION_H
#define SHOAL_NET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/error.h"
#include "seal/handshake.h"
#include "seal/stream.h"
#include "seal/verdict.h"

struct net;
struct connection;

/* Called from the loop only. Any of them may close the connection. */
struct connection_user {
    void (*on_open)(struct connection *connection);
    void (*on_chunk)(struct connection *connection, enum seal_chunk chunk, struct bytes plain);
    void (*on_written)(struct connection *connection);
    /* The timer that connection_set_timer() started, when open. */
    void (*on_timer)(struct connection *connection);
    /* The end; `user_data` is to be freed here. `error` NULL: closed by us or in order; `silent`:
     * tell nobody. */
    void (*on_end)(struct connection *connection, const struct error *error, bool silent);
};

enum connection_state {
    CONNECTION_CONNECTING,
    CONNECTION_HANDSHAKE,
    CONNECTION_OPEN,
    CONNECTION_CLOSED, /* its handles are closing, then it is freed */
};

/* Invariant: handshake != NULL exactly in CONNECTION_HANDSHAKE; `in` holds less than one frame
 * unless paused. */
struct connection {
    TAILQ_ENTRY(connection) entry;
    struct net *net;
    enum connection_state state;
    bool outgoing;
    bool paused;
    bool fin_sent;
    bool fin_received;
    uint8_t handles_count;
    uint64_t expected_id; /* outgoing: 0 when whoever answers will do */
    uint8_t key_id;       /* outgoing: opened under that key; 0: the one that seals */
    struct address address;
    struct seal_peer peer; /* when open; `purpose` from the beginning of an outgoing one */
    struct seal_handshake *handshake;
    struct seal_stream stream;
    struct buf in;
    size_t queued_bytes; /* sealed and not yet taken by the kernel */
    uint64_t last_active_ms;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    struct error pending;               /* a failure to be told from the loop */
    const struct connection_user *user; /* NULL: accepted, purpose unknown yet */
    void *user_data;
};

/* `key_id` 0: the key that seals. `purpose` decides the user. Failures come to on_end. The caller
 * has checked net_check_room(). */
struct connection *connection_connect(struct net *net, uint64_t to_id,
                                      const struct address *address, enum seal_purpose purpose,
                                      uint8_t key_id, void *user_data);
void connection_accept(struct net *net);

/* Seals `data` as one run of chunks, the last one tagged `last`, and queues it. Open only. */
void connection_write(struct connection *connection, struct bytes data, enum seal_chunk last);
/* Closes in order once both directions have ended and everything is written; true if it has. */
bool connection_finish(struct connection *connection);
/* Ends at once. `error` may be NULL. */
void connection_end(struct connection *connection, const struct error *error, bool silent);
/* For failures inside a call from outside: ends it from the loop, "WHAT ADDRESS: text of errnum".
 */
void connection_fail_soon(struct connection *connection, int errnum, const char *what);
/* Ends it, and counts why. */
void connection_refuse(struct connection *connection, enum seal_verdict verdict);
void connection_pause(struct connection *connection);
/* Goes on from the loop, not from inside. */
void connection_resume(struct connection *connection);
/* Goes on reading though nobody listens any more, until both ends have ended. What was held back by
 * a pause is looked at with the next bytes. */
void connection_discard(struct connection *connection);
/* Calls the user's on_timer once. Not together with pause and resume, which use the same timer. */
void connection_set_timer(struct connection *connection, uint64_t timeout_ms);

#endif
