/* Nodes with real sockets on loopback, all on one loop; the test drives it until something has
 * happened. */
#ifndef SHOAL_TESTS_NET_FIXTURE_H
#define SHOAL_TESTS_NET_FIXTURE_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/net.h"
#include "net/tunnel.h"
#include "seal/random.h"

#define PATIENCE_MS 20000

struct node {
    struct net *net;
    struct seal_identity identity;
    struct seal_cluster cluster;
    struct address address;
    /* What the callbacks saw. */
    unsigned datagrams_count;
    unsigned messages_count;
    unsigned failures_count;
    unsigned unreachable_count;
    unsigned twins_count;
    unsigned watches_lost_count;
    uint64_t watch_lost_id;
    uint64_t last_from;
    bool last_to_anyone;
    uint8_t last_key_id;
    bool last_by_token;
    uint64_t not_admitted; /* this node is banned here */
    bool knows_nobody;     /* has no public keys */
    unsigned unknown_keys_count;
    uint8_t unknown_key_id;
    uint64_t unknown_key_sender;
    struct address last_address;
    struct buf last_payload;
    uint64_t failed_id;
    struct address failed_address;
    struct error failed_error;
    int unreachable_errnum;
    bool echoes; /* answers each message with itself */
    void (*on_tunnel)(struct node *node, struct net_tunnel *tunnel, const struct seal_peer *peer);
};

/* Everybody knows everybody's public key, as members do. */
#define FIXTURE_NODES_MAX 16
static struct {
    uint64_t id;
    uint8_t public_key[SEAL_PUBLIC_KEY_BYTES];
} fixture_known[FIXTURE_NODES_MAX];
static size_t fixture_known_count;

static uv_loop_t fixture_loop;
static struct error fixture_error;
static uv_timer_t fixture_patience;
static uint64_t fixture_deadline_ms;

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline struct seal_cluster fixture_cluster(uint8_t fill)
{
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    struct seal_key key = {.id = 1};
    struct seal_cluster cluster;
    memset(id, fill, sizeof(id));
    memset(key.bytes, fill + 1, sizeof(key.bytes));
    seal_cluster_init(&cluster, id, &key);
    return cluster;
}

static inline void keep_payload(struct node *node, struct bytes payload)
{
    buf_clear(&node->last_payload);
    buf_append(&node->last_payload, payload.data, payload.size_bytes);
}

static inline void node_on_datagram(void *context, const struct net_origin *from,
                                    struct bytes payload)
{
    struct node *node = context;
    node->datagrams_count++;
    node->last_from = from->id;
    node->last_address = from->address;
    node->last_to_anyone = from->to_anyone;
    node->last_key_id = from->key_id;
    keep_payload(node, payload);
}

static inline bool node_admits(void *context, uint64_t id)
{
    const struct node *node = context;
    return id != node->not_admitted;
}

static inline void fixture_know(const struct seal_identity *identity)
{
    ck_assert_uint_lt(fixture_known_count, FIXTURE_NODES_MAX);
    fixture_known[fixture_known_count].id = identity->id;
    memcpy(fixture_known[fixture_known_count++].public_key, identity->public_key,
           SEAL_PUBLIC_KEY_BYTES);
}

static inline bool node_find_key(void *context, uint64_t id,
                                 uint8_t ret_public_key[SEAL_PUBLIC_KEY_BYTES])
{
    const struct node *node = context;
    for (size_t i = 0; i < fixture_known_count && !node->knows_nobody; i++)
        if (fixture_known[i].id == id) {
            memcpy(ret_public_key, fixture_known[i].public_key, SEAL_PUBLIC_KEY_BYTES);
            return true;
        }
    return false;
}

static inline void node_on_unknown_key(void *context, const struct address *from,
                                       uint64_t sender_id, uint8_t key_id)
{
    struct node *node = context;
    (void)from;
    node->unknown_keys_count++;
    node->unknown_key_sender = sender_id;
    node->unknown_key_id = key_id;
}

static inline void node_on_unreachable(void *context, const struct address *address, int errnum)
{
    struct node *node = context;
    node->unreachable_count++;
    node->unreachable_errnum = errnum;
    node->failed_address = *address;
}

static inline void node_on_stream_message(void *context, const struct net_origin *from,
                                          struct bytes message)
{
    struct node *node = context;
    node->messages_count++;
    node->last_from = from->id;
    node->last_address = from->address;
    node->last_key_id = from->key_id;
    node->last_by_token = from->by_token;
    keep_payload(node, message);
    if (node->echoes)
        ck_assert_int_eq(
            net_send_stream_message(node->net, from->id, &from->address, message, &fixture_error),
            0);
}

static inline void node_on_stream_failed(void *context, uint64_t to_id,
                                         const struct address *address, const struct error *error)
{
    struct node *node = context;
    node->failures_count++;
    node->failed_id = to_id;
    node->failed_address = *address;
    node->failed_error = *error;
}

static inline void node_on_watch_lost(void *context, uint64_t id)
{
    struct node *node = context;
    node->watches_lost_count++;
    node->watch_lost_id = id;
}

static inline void node_on_tunnel(void *context, struct net_tunnel *tunnel,
                                  const struct seal_peer *peer, const struct address *from)
{
    struct node *node = context;
    (void)from;
    if (node->on_tunnel != NULL)
        node->on_tunnel(node, tunnel, peer);
}

static inline void node_on_twin(void *context, const struct address *from)
{
    struct node *node = context;
    (void)from;
    node->twins_count++;
}

/* Opens on 127.0.0.1; `config` may be NULL; a port in `node->address` is used again. */
static inline void node_open(struct node *node, uint8_t cluster, const struct net_config *config)
{
    static uint64_t generation = 1000;
    struct net_config filled = config == NULL ? (struct net_config){.generation = 0} : *config;
    struct net_callbacks callbacks = {
        .context = node,
        .admits = node_admits,
        .find_key = node_find_key,
        .on_unknown_key = node_on_unknown_key,
        .on_datagram = node_on_datagram,
        .on_unreachable = node_on_unreachable,
        .on_stream_message = node_on_stream_message,
        .on_stream_failed = node_on_stream_failed,
        .on_watch_lost = node_on_watch_lost,
        .on_tunnel = node_on_tunnel,
        .on_twin = node_on_twin,
    };
    ck_assert_int_eq(seal_init(&fixture_error), 0);
    if (node->identity.id == 0)
        seal_random_identity(&node->identity);
    fixture_know(&node->identity);
    node->cluster = fixture_cluster(cluster);
    if (node->address.port == 0)
        ck_assert_int_eq(address_parse("127.0.0.1", 0, &node->address, &fixture_error), 0);
    filled.listen = node->address;
    filled.identity = &node->identity;
    filled.cluster = &node->cluster;
    filled.generation = generation++;
    ck_assert_msg(net_open(&fixture_loop, &filled, &callbacks, &node->net, &fixture_error) == 0,
                  "%s", fixture_error.message);
    node->address = net_address(node->net);
}

static inline void fixture_mark(void *context)
{
    *(bool *)context = true;
}

/* Also wakes the loop, which would sleep on after a timer of it made the condition true. */
static inline void fixture_on_tick(uv_timer_t *timer)
{
    (void)timer;
    if (uv_now(&fixture_loop) >= fixture_deadline_ms)
        ck_abort_msg("waited too long");
}

/* Runs the loop until `condition` holds; fails the test after PATIENCE_MS. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        fixture_deadline_ms = uv_now(&fixture_loop) + PATIENCE_MS;                                 \
        (void)uv_timer_start(&fixture_patience, fixture_on_tick, 10, 10);                          \
        while (!(condition))                                                                       \
            (void)uv_run(&fixture_loop, UV_RUN_ONCE);                                              \
        (void)uv_timer_stop(&fixture_patience);                                                    \
    } while (0)

static inline void node_close(struct node *node)
{
    bool closed = false;
    if (node->net != NULL) {
        net_close(node->net, fixture_mark, &closed);
        run_until(closed);
    }
    node->net = NULL;
    buf_fini(&node->last_payload);
}

static inline const struct net_stats *stats_of(struct node *node)
{
    return net_stats(node->net);
}

static inline void fixture_setup(void)
{
    ck_assert_int_eq(uv_loop_init(&fixture_loop), 0);
    ck_assert_int_eq(uv_timer_init(&fixture_loop, &fixture_patience), 0);
}

/* Everything a test opened is closed, or the loop says so. */
static inline void fixture_teardown(void)
{
    uv_close((uv_handle_t *)&fixture_patience, NULL);
    (void)uv_run(&fixture_loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&fixture_loop), 0);
}

/* A plain socket of `type` on 127.0.0.1 with its address. */
static inline int raw_socket(int type, struct address *ret_address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size_bytes = sizeof(name);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, size_bytes), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size_bytes), 0);
    ck_assert_int_eq(address_parse("127.0.0.1", ntohs(name.sin_port), ret_address, &fixture_error),
                     0);
    return fd;
}

static inline struct sockaddr_in raw_name(const struct address *address)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(address->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void raw_send(int fd, const struct address *to, const void *data, size_t size_bytes)
{
    struct sockaddr_in name = raw_name(to);
    ck_assert_int_eq(sendto(fd, data, size_bytes, 0, (struct sockaddr *)&name, sizeof(name)),
                     (ssize_t)size_bytes);
}

static inline int fixture_run(TCase *cases, const char *name)
{
    Suite *suite = suite_create(name);
    tcase_add_checked_fixture(cases, fixture_setup, fixture_teardown);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
