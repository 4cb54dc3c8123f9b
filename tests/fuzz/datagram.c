/*
 * Sealed datagrams by who has the key and who has not. Laws: bytes that nobody sealed never open; a
 * sealed datagram opens exactly when nothing about it was changed, for the right destination, once;
 * what opens is what was sealed.
 *
 * Input: raw bytes, tried as they are; and read as a plan: 1 byte sender and destination, 1 boot, 2
 * counter, 2 number of edits' bytes, edits of 3 bytes (offset, xor), then the payload.
 */
#include <string.h>

#include "base/assert.h"
#include "seal/datagram.h"
#include "seal/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

enum { SELF, ALICE, CAROL, DAVE, NODES_COUNT };
static struct seal_identity nodes[NODES_COUNT];
static struct seal_sender self = {.boot_nonce = 100};
static struct seal_pairs *senders_pairs[NODES_COUNT]; /* everybody knows everybody; but we nobody */

static void make_nodes(void)
{
    for (size_t i = 0; i < NODES_COUNT; i++) {
        const uint8_t seed[SEAL_SEED_BYTES] = {(uint8_t)(i + 1)};
        ASSERT(seal_identity_from_seed(seed, &nodes[i]));
    }
    for (size_t i = 0; i < NODES_COUNT; i++) {
        senders_pairs[i] = seal_pairs_new(&nodes[i], NODES_COUNT);
        for (size_t j = 0; j < NODES_COUNT; j++)
            seal_pairs_meet(senders_pairs[i], nodes[j].public_key);
    }
    self.id = nodes[SELF].id;
}

static struct seal_cluster make_cluster(uint8_t key_byte)
{
    static const uint8_t id[SEAL_CLUSTER_ID_BYTES] = {1, 2, 3};
    struct seal_key key = {.id = 1, .bytes = {key_byte, 5, 6}};
    struct seal_cluster cluster;
    seal_cluster_init(&cluster, id, &key);
    return cluster;
}

static void open_raw(const struct seal_cluster *cluster, struct seal_pairs *pairs,
                     struct seal_replay *replay, struct bytes datagram)
{
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    struct seal_opened opened;
    enum seal_verdict verdict =
        seal_datagram_open(cluster, &self, pairs, replay, datagram, plain, &opened);
    ASSERT(verdict != SEAL_OK && verdict < SEAL_VERDICTS_COUNT);
    ASSERT(seal_replay_senders_count(replay) == 0 && seal_pairs_count(pairs) == 0);
    (void)seal_datagram_is_own_recent(&self, datagram);
}

struct plan {
    struct seal_sender sender;
    struct seal_pairs *pairs; /* of the sender */
    uint64_t to_id;
    struct bytes edits;
    struct bytes payload;
};

static bool read_plan(struct bytes in, struct plan *ret_plan)
{
    if (in.size_bytes < 6)
        return false;
    const size_t froms[4] = {ALICE, CAROL, SELF, DAVE};
    const uint64_t to_ids[4] = {nodes[SELF].id, 0, nodes[CAROL].id, nodes[SELF].id};
    size_t from = froms[in.data[0] & 3];
    size_t edits_bytes = ((size_t)in.data[4] << 8 | in.data[5]) % 64 * 3;
    if (edits_bytes > in.size_bytes - 6)
        edits_bytes = 0;
    size_t payload_bytes = in.size_bytes - 6 - edits_bytes;
    if (payload_bytes > SEAL_DATAGRAM_PAYLOAD_BYTES_MAX)
        payload_bytes = SEAL_DATAGRAM_PAYLOAD_BYTES_MAX;
    *ret_plan = (struct plan){
        .sender = {.id = nodes[from].id,
                   .boot_nonce = in.data[1],
                   .counter = (uint64_t)in.data[2] << 8 | in.data[3]},
        .pairs = senders_pairs[from],
        .to_id = to_ids[in.data[0] >> 2 & 3],
        .edits = {in.data + 6, edits_bytes},
        .payload = {in.data + 6 + edits_bytes, payload_bytes},
    };
    return true;
}

/* What an untouched datagram of the plan must come to, in an empty table. */
static enum seal_verdict expected_verdict(const struct plan *plan)
{
    if (plan->sender.id == self.id && plan->sender.boot_nonce == self.boot_nonce)
        return SEAL_OWN_PACKET;
    if (plan->to_id != 0 && plan->to_id != self.id)
        return SEAL_FORGED;
    if (plan->sender.id == self.id)
        return plan->sender.boot_nonce > self.boot_nonce ? SEAL_TWIN : SEAL_STALE_BOOT;
    return SEAL_OK;
}

static void open_plan(const struct seal_cluster *cluster, struct seal_pairs *pairs,
                      struct seal_replay *replay, struct plan *plan)
{
    uint8_t sealed[SEAL_DATAGRAM_BYTES_MAX];
    uint8_t edited[SEAL_DATAGRAM_BYTES_MAX];
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    struct seal_opened opened;
    size_t size_bytes =
        seal_datagram_seal(cluster, &plan->sender, plan->pairs, plan->to_id, plan->payload, sealed);
    memcpy(edited, sealed, size_bytes);
    for (size_t i = 0; i + 3 <= plan->edits.size_bytes; i += 3) {
        const uint8_t *edit = plan->edits.data + i;
        edited[((size_t)edit[0] << 8 | edit[1]) % size_bytes] ^= edit[2];
    }
    bool is_untouched = memcmp(sealed, edited, size_bytes) == 0;
    struct bytes datagram = {edited, size_bytes};
    enum seal_verdict verdict =
        seal_datagram_open(cluster, &self, pairs, replay, datagram, plain, &opened);
    if (!is_untouched) {
        ASSERT(verdict != SEAL_OK);
        ASSERT(seal_replay_senders_count(replay) == 0 && seal_pairs_count(pairs) == 0);
        datagram.data = sealed;
        verdict = seal_datagram_open(cluster, &self, pairs, replay, datagram, plain, &opened);
    }
    ASSERT(verdict == expected_verdict(plan));
    if (verdict != SEAL_OK)
        return;
    ASSERT(opened.payload.size_bytes == plan->payload.size_bytes);
    ASSERT(memcmp(opened.payload.data, plan->payload.data, plan->payload.size_bytes) == 0);
    ASSERT(opened.sender_id == plan->sender.id && opened.counter == plan->sender.counter);
    ASSERT(opened.to_anyone == (plan->to_id == 0));
    ASSERT(seal_datagram_open(cluster, &self, pairs, replay, datagram, plain, &opened) ==
           SEAL_REPLAYED);
    seal_replay_validate(replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static bool initialised;
    struct error error = ERROR_INIT;
    if (!initialised) {
        ASSERT(seal_init(&error) == 0);
        make_nodes();
    }
    initialised = true;
    /* Raw bytes meet a key that seals nothing here: libFuzzer learns from our memcmp what a genuine
     * one looks like. */
    struct seal_cluster unused = make_cluster(0x99);
    struct seal_cluster cluster = make_cluster(4);
    struct seal_replay *replay = seal_replay_new(4);
    struct seal_pairs *pairs = seal_pairs_new(&nodes[SELF], 4);
    struct plan plan;
    open_raw(&unused, pairs, replay, (struct bytes){data, size_bytes});
    if (read_plan((struct bytes){data, size_bytes}, &plan))
        open_plan(&cluster, pairs, replay, &plan);
    seal_pairs_free(pairs);
    seal_replay_free(replay);
    return 0;
}
