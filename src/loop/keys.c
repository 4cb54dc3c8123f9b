/* The cluster's keys on this node: from the disk, a token or fresh randomness; into net, the brain
 * and the key file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "seal/random.h"

/* Packets under keys that we lack are told of once in so long: they come many a second. */
#define UNKNOWN_LOG_MS 60000

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

static void set_cluster_id(struct agent *agent, const uint8_t id[static SEAL_CLUSTER_ID_BYTES])
{
    memcpy(agent->cluster.id, id, SEAL_CLUSTER_ID_BYTES);
    for (size_t i = 0; i < SEAL_CLUSTER_ID_BYTES; i++)
        (void)snprintf(agent->cluster_id + 2 * i, 3, "%02x", id[i]);
}

/* ---- the ring, as the brain and the disk have it, and as net wants it */

static int take_ring(struct agent *agent, struct bytes ring, struct error *error)
{
    struct wire_ring_key keys[BRAIN_KEYS_MAX];
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    size_t count = 0;
    if (brain_keys_decode(ring, keys, &count, error) != 0)
        return -1;
    memcpy(id, agent->cluster.id, sizeof(id));
    for (size_t i = 0; i < count; i++) {
        struct seal_key key = {.id = keys[i].id};
        memcpy(key.bytes, keys[i].secret, sizeof(key.bytes));
        if (i == 0)
            seal_cluster_init(&agent->cluster, id, &key);
        else if (seal_cluster_install_key(&agent->cluster, &key, error) != 0)
            return -1;
    }
    if (ring.data != agent->ring.data) {
        buf_clear(&agent->ring);
        buf_append(&agent->ring, ring.data, ring.size_bytes);
    }
    agent->has_keys = true;
    return 0;
}

/* `shoal token` reads it: only root of this machine can. */
static int write_key_file(const struct agent *agent, struct error *error)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/key", agent->options->data_dir);
    return net_key_file_write(path, &agent->cluster, error);
}

void keys_make(struct agent *agent, struct wire_ring_key *ret_key)
{
    struct seal_key key;
    do {
        seal_random_bytes(&key.id, sizeof(key.id));
    } while (key.id == 0 || seal_cluster_find_key(&agent->cluster, key.id) != NULL ||
             (agent->brain != NULL && brain_key_was_removed(agent->brain, key.id)));
    seal_random_bytes(key.bytes, sizeof(key.bytes));
    *ret_key = (struct wire_ring_key){.fingerprint = seal_key_fingerprint(&key),
                                      .id = key.id,
                                      .changed = agent_now().wall_ms << 16 | 1,
                                      .created_wall_ms = agent_now().wall_ms};
    memcpy(ret_key->secret, key.bytes, sizeof(ret_key->secret));
}

/* ---- at the start */

static int load_stored(struct agent *agent, bool *ret_stored, struct error *error)
{
    struct buf id = BUF_INIT;
    struct buf ring = BUF_INIT;
    int result = disk_get(agent->disk, DISK_META, text_bytes("cluster-id"), &id, error);
    if (result == 0)
        result = disk_get(agent->disk, DISK_META, text_bytes("ring"), &ring, error);
    *ret_stored = result == 0;
    if (result < 0 && error->code == ERROR_NOT_FOUND)
        result = 0;
    if (*ret_stored && id.size_bytes != SEAL_CLUSTER_ID_BYTES)
        result = error_set(error, ERROR_CORRUPT, "the cluster id has a wrong size");
    if (*ret_stored && result == 0) {
        set_cluster_id(agent, id.data);
        result = take_ring(agent, (struct bytes){ring.data, ring.size_bytes}, error);
    }
    buf_fini(&id);
    buf_fini(&ring);
    return result == 0 ? 0
                       : error_prefix(error, "the cluster keys in %s", agent->options->data_dir);
}

static void format_wall_s(uint64_t wall_s, char text[static 32])
{
    time_t seconds = (time_t)wall_s;
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        (void)snprintf(text, 32, "%" PRIu64, wall_s);
}

/* The ring on disk knows a key of that id as removed: the token is older than what we hold. */
static bool was_removed(const struct agent *agent, uint8_t key_id)
{
    struct wire_key_ring ring;
    struct wire_arena arena;
    bool found = false;
    struct bytes encoded = {agent->ring.data, agent->ring.size_bytes};
    wire_arena_init(&arena, encoded.size_bytes * WIRE_EXPANSION_MAX);
    if (wire_key_ring_decode(encoded, &arena, &ring) == WIRE_OK)
        for (size_t i = 0; i < ring.keys_count; i++)
            found = found ||
                    (ring.keys[i].id == key_id && ring.keys[i].phase == WIRE_KEY_PHASE_REMOVED);
    wire_arena_fini(&arena);
    return found;
}

/* A token is needed by a node that holds no key, or lacks the one that the token was made of: it
 * missed a rotation. Otherwise it has done its work. */
static int consider_token(struct agent *agent, bool stored, struct error *error)
{
    const struct agent_options *options = agent->options;
    struct seal_cluster given;
    char expires[32], now[32];
    uint64_t now_wall_s = agent_now().wall_ms / 1000;
    if (net_token_file_read(options->token_file, &given, error) < 0)
        return -1;
    if (stored && memcmp(given.id, agent->cluster.id, sizeof(given.id)) != 0)
        return error_set(error, ERROR_CONFLICT,
                         "%s belongs to another cluster than the token in %s; use another "
                         "--data-dir, or remove it to "
                         "give up what this node holds",
                         options->data_dir, options->token_file);
    uint8_t key_id = given.keys[0].id;
    if (stored &&
        (seal_cluster_find_key(&agent->cluster, key_id) != NULL || was_removed(agent, key_id)))
        return 0;
    if (given.token_expires_wall_s <= now_wall_s) {
        format_wall_s(given.token_expires_wall_s, expires);
        format_wall_s(now_wall_s, now);
        if (stored) /* it has joined long ago; the file is just still there */
            return 0;
        return error_set(error, ERROR_DENIED,
                         "the token in %s has expired at %s (the clock here says %s); run `shoal "
                         "token` on a member for a new one",
                         options->token_file, expires, now);
    }
    agent->token = given;
    agent->has_token = true; /* newer than our keys, or older: the seeds know */
    set_cluster_id(agent, given.id);
    return 0;
}

static int make_cluster(struct agent *agent, struct error *error)
{
    struct seal_cluster cluster;
    struct wire_ring_key key;
    struct wire_key_ring ring = {.keys = &key, .keys_count = 1};
    struct buf encoded = BUF_INIT;
    seal_random_cluster(&cluster);
    set_cluster_id(agent, cluster.id);
    keys_make(agent, &key);
    key.phase = WIRE_KEY_PHASE_USED;
    wire_key_ring_encode(&ring, &encoded);
    int result = take_ring(agent, (struct bytes){encoded.data, encoded.size_bytes}, error);
    buf_fini(&encoded);
    return result;
}

static void put(struct agent *agent, struct disk_batch *batch)
{
    disk_batch_put(batch, DISK_META, text_bytes("cluster-id"),
                   (struct bytes){agent->cluster.id, sizeof(agent->cluster.id)});
    disk_batch_put(batch, DISK_META, text_bytes("ring"),
                   (struct bytes){agent->ring.data, agent->ring.size_bytes});
}

/* The stored cluster, the token file's, or a new one; a data directory never changes its cluster.
 */
int keys_load(struct agent *agent, struct disk_batch *batch, struct error *error)
{
    bool stored = false;
    if (load_stored(agent, &stored, error) < 0)
        return -1;
    if (agent->options->token_file != NULL)
        return consider_token(agent, stored, error);
    if (stored)
        return 0;
    if (agent->options->join_count > 0)
        return error_set(error, ERROR_INVALID,
                         "joining a cluster needs its token: run `shoal token` on a member, put "
                         "the output into a file of "
                         "mode 0600 here and add --token-file FILE");
    if (make_cluster(agent, error) < 0)
        return -1;
    put(agent, batch);
    return 0;
}

int keys_joined(struct agent *agent, struct bytes ring, struct error *error)
{
    struct disk_batch *batch = disk_batch_new();
    int result = take_ring(agent, ring, error);
    if (result == 0) {
        put(agent, batch);
        result = disk_commit(agent->disk, batch, error);
    }
    disk_batch_free(batch);
    return result;
}

int keys_publish(struct agent *agent, struct error *error)
{
    struct bytes name = text_bytes("ring");
    if (brain_restore(agent->brain, EFFECT_TABLE_KEYS, name,
                      (struct bytes){agent->ring.data, agent->ring.size_bytes}, error) < 0)
        return -1;
    return write_key_file(agent, error);
}

/* ---- while it runs */

void keys_changed(struct agent *agent, const struct effect *effect)
{
    struct error error = ERROR_INIT;
    uint8_t sealing = seal_cluster_primary(&agent->cluster)->id;
    if (take_ring(agent, effect->payload, &error) < 0) {
        agent->fatal = error;
        agent_stop(agent);
        return;
    }
    net_set_cluster(agent->net, &agent->cluster);
    if (write_key_file(agent, &error) < 0)
        agent_log(agent, "%s; `shoal token` makes tokens of an older key until it can",
                  error.message);
    uint8_t now_sealing = seal_cluster_primary(&agent->cluster)->id;
    agent_log(agent, "cluster keys: %u held, %s with key %u", agent->cluster.keys_count,
              now_sealing != sealing ? "from now on sealing" : "sealing", now_sealing);
}

void keys_unknown(struct agent *agent, const struct address *from, uint64_t sender_id,
                  uint8_t key_id)
{
    char address[ADDRESS_TEXT_BYTES_MAX], who[64] = "a stream";
    boot_ms_t now_boot_ms = agent_now().boot_ms;
    if (agent->brain == NULL || now_boot_ms < agent->unknown_key_log_boot_ms)
        return;
    agent->unknown_key_log_boot_ms = now_boot_ms + UNKNOWN_LOG_MS;
    (void)address_format(from, address);
    if (sender_id != 0)
        (void)snprintf(who, sizeof(who), "a packet in the name of node %016" PRIx64, sender_id);
    if (brain_key_was_removed(agent->brain, key_id))
        agent_log(
            agent,
            "%s from %s came under key %u, which this cluster has removed: that node was away "
            "while the key was changed, and needs a new token (here: shoal token; there: "
            "shoal agent --token-file)",
            who, address, key_id);
    else
        agent_log(
            agent,
            "%s from %s came under key %u, which this node does not have: it is of another "
            "cluster, or the key was changed while this node was away, which then needs a new "
            "token (shoal token on a member, shoal agent --token-file here)",
            who, address, key_id);
}
