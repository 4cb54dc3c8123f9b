/* A member of the cluster who does not keep to the rules, by hand. */
#ifndef SHOAL_TESTS_NET_ROGUE_H
#define SHOAL_TESTS_NET_ROGUE_H

#include "net_fixture.h"

static inline int raw_connect(const struct address *to)
{
    struct sockaddr_in name = raw_name(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

struct rogue {
    int fd;
    struct seal_identity identity;
    struct seal_cluster cluster;
    struct seal_stream stream;
};

/* Reads exactly `size_bytes` while the loop runs; false when the other end closed. */
static inline bool rogue_read(struct rogue *rogue, uint8_t *ret_data, size_t size_bytes)
{
    size_t done_bytes = 0;
    while (done_bytes < size_bytes) {
        (void)uv_run(&fixture_loop, UV_RUN_NOWAIT);
        ssize_t got = recv(rogue->fd, ret_data + done_bytes, size_bytes - done_bytes, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return false;
        done_bytes += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static inline bool rogue_write(struct rogue *rogue, const uint8_t *data, size_t size_bytes)
{
    while (size_bytes > 0) {
        (void)uv_run(&fixture_loop, UV_RUN_NOWAIT);
        ssize_t put = send(rogue->fd, data, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN)
            return false;
        data += put > 0 ? put : 0;
        size_bytes -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* `identity` zero: made up. */
static inline void rogue_open(struct rogue *rogue, const struct address *to,
                              enum seal_purpose purpose, bool is_client)
{
    struct seal_handshake handshake;
    uint8_t wire[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t answer[SEAL_HANDSHAKE_ANSWER_BYTES];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    rogue->fd = raw_connect(to);
    rogue->cluster = fixture_cluster(1);
    if (rogue->identity.id == 0)
        seal_random_identity(&rogue->identity);
    struct seal_handshake_config config = {.cluster = &rogue->cluster,
                                           .identity = &rogue->identity,
                                           .purpose = purpose,
                                           .is_client = is_client};
    seal_handshake_init_initiator(&handshake, &config, (const uint8_t[32]){0x70}, wire);
    ck_assert(rogue_write(rogue, wire, SEAL_HANDSHAKE_HELLO_BYTES));
    ck_assert(rogue_read(rogue, answer, sizeof(answer)));
    struct bytes in = {answer, sizeof(answer)};
    ck_assert_int_eq(seal_handshake_feed(&handshake, in, &used_bytes, wire, &out_bytes), SEAL_OK);
    ck_assert(rogue_write(rogue, wire, out_bytes));
    seal_handshake_stream(&handshake, &rogue->stream);
}

static inline bool rogue_chunk(struct rogue *rogue, enum seal_chunk chunk, size_t size_bytes)
{
    static uint8_t plain[SEAL_CHUNK_PLAIN_BYTES_MAX];
    static uint8_t frame[SEAL_CHUNK_BYTES_MAX];
    size_t frame_bytes =
        seal_stream_seal(&rogue->stream, chunk, (struct bytes){plain, size_bytes}, frame);
    return rogue_write(rogue, frame, frame_bytes);
}

/* Runs the loop until the other end has closed the connection. */
static inline void rogue_sees_the_end(struct rogue *rogue)
{
    uint8_t ignored = 0;
    while (rogue_read(rogue, &ignored, 1))
        continue;
    (void)close(rogue->fd);
}

#endif
