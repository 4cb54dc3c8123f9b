#include "seal/datagram.h"

#include "seal_fixture.h"

static struct seal_cluster cluster;
static struct seal_sender alice;
static struct seal_sender bob;
static struct seal_pairs *alices;
static struct seal_pairs *bobs;
static struct seal_replay *replay; /* bob's */
static struct seal_identity alice_identity, bob_identity, carol_identity;
static struct seal_opened opened;
static uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];

struct packet {
    uint8_t data[SEAL_DATAGRAM_BYTES_MAX + 1];
    size_t size_bytes;
};

static void setup(void)
{
    cluster = fixture_cluster(1);
    alice_identity = fixture_identity(0xa1);
    bob_identity = fixture_identity(0xb0);
    carol_identity = fixture_identity(0xca);
    alice =
        (struct seal_sender){.id = alice_identity.id, .boot_nonce = seal_random_boot_nonce(100)};
    bob = (struct seal_sender){.id = bob_identity.id, .boot_nonce = seal_random_boot_nonce(100)};
    alices = seal_pairs_new(&alice_identity, 16);
    bobs = seal_pairs_new(&bob_identity, 16);
    seal_pairs_meet(alices, bob_identity.public_key);
    seal_pairs_meet(alices, carol_identity.public_key);
    replay = seal_replay_new(16);
}

static void teardown(void)
{
    seal_replay_free(replay);
    seal_pairs_free(alices);
    seal_pairs_free(bobs);
}

static struct packet from_alice(uint64_t to_id, const char *text)
{
    struct packet packet = {.size_bytes = 0};
    packet.size_bytes =
        seal_datagram_seal(&cluster, &alice, alices, to_id, text_bytes(text), packet.data);
    return packet;
}

static enum seal_verdict bob_opens(const struct packet *packet)
{
    return seal_datagram_open(&cluster, &bob, bobs, replay,
                              (struct bytes){packet->data, packet->size_bytes}, plain, &opened);
}

START_TEST(what_is_sealed_for_a_node_opens_there)
{
    struct packet packet = from_alice(bob.id, "ping");
    ck_assert_uint_eq(packet.size_bytes,
                      4 + SEAL_DATAGRAM_EXTRA_BYTES + SEAL_DATAGRAM_INTRODUCTION_BYTES);
    ck_assert_int_eq(bob_opens(&packet), SEAL_OK);
    ck_assert_uint_eq(opened.sender_id, alice.id);
    ck_assert_uint_eq(opened.boot_nonce, alice.boot_nonce);
    ck_assert_uint_eq(opened.counter, 1);
    ck_assert(!opened.to_anyone);
    ck_assert_uint_eq(opened.payload.size_bytes, 4);
    ck_assert_mem_eq(opened.payload.data, "ping", 4);
}
END_TEST

START_TEST(sizes_from_nothing_to_the_limit)
{
    uint8_t payload[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    memset(payload, 0x5a, sizeof(payload));
    static const size_t sizes[] = {0, 1, 15, 16, 17, 64, 1199, 1200};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct packet packet = {.size_bytes = 0};
        packet.size_bytes = seal_datagram_seal(&cluster, &alice, alices, bob.id,
                                               (struct bytes){payload, sizes[i]}, packet.data);
        ck_assert_int_eq(bob_opens(&packet), SEAL_OK);
        ck_assert_uint_eq(opened.payload.size_bytes, sizes[i]);
        ck_assert_mem_eq(plain, payload, sizes[i]);
    }
}
END_TEST

START_TEST(a_joiner_reaches_whoever_is_there)
{
    struct packet packet = from_alice(0, "join");
    ck_assert_int_eq(bob_opens(&packet), SEAL_OK);
    ck_assert(opened.to_anyone);
    /* The flag is authentic: neither can be turned into the other. */
    packet = from_alice(0, "join");
    packet.data[2] = 2;
    ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
    packet = from_alice(
        bob.id, "a name to join by, long enough for a signature to fit in: it is no other.");
    packet.data[2] = 3;
    ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
}
END_TEST

START_TEST(every_flipped_bit_and_every_cut_is_refused)
{
    struct packet packet = from_alice(bob.id, "ping");
    for (size_t i = 0; i < packet.size_bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct packet changed = packet;
            changed.data[i] ^= (uint8_t)(1 << bit);
            ck_assert_int_ne(bob_opens(&changed), SEAL_OK);
        }
        struct packet cut = packet;
        cut.size_bytes = i;
        enum seal_verdict verdict = bob_opens(&cut);
        ck_assert_int_eq(verdict, i < SEAL_DATAGRAM_EXTRA_BYTES + SEAL_DATAGRAM_INTRODUCTION_BYTES
                                      ? SEAL_TOO_SHORT
                                      : SEAL_FORGED);
    }
    ck_assert_uint_eq(seal_replay_senders_count(replay), 0);
    ck_assert_uint_eq(seal_pairs_count(bobs), 0);
    ck_assert_int_eq(bob_opens(&packet), SEAL_OK);
}
END_TEST

START_TEST(headers_are_refused_for_their_reason)
{
    static const struct {
        size_t offset;
        uint8_t value;
        enum seal_verdict verdict;
    } cases[] = {
        {0, 0, SEAL_BAD_VERSION},    {0, 1, SEAL_BAD_VERSION}, {1, 0, SEAL_UNKNOWN_KEY},
        {1, 9, SEAL_UNKNOWN_KEY},    {2, 1, SEAL_BAD_FLAGS},   {2, 0x80, SEAL_BAD_FLAGS},
        {2, 0, SEAL_UNKNOWN_SENDER}, {3, 1, SEAL_FORGED},      {26, 77, SEAL_FORGED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct packet packet = from_alice(bob.id, "ping");
        packet.data[cases[i].offset] = cases[i].value;
        ck_assert_msg(bob_opens(&packet) == cases[i].verdict, "case %zu", i);
    }
    struct packet packet = from_alice(bob.id, "ping");
    memset(packet.data + 3, 0, 8); /* sender 0 is nobody */
    ck_assert_int_eq(bob_opens(&packet), SEAL_BAD_FLAGS);
    packet.size_bytes = SEAL_DATAGRAM_BYTES_MAX + 1;
    ck_assert_int_eq(bob_opens(&packet), SEAL_TOO_LONG);
}
END_TEST

START_TEST(other_clusters_other_keys_and_other_destinations_are_forged)
{
    struct packet packet = from_alice(bob.id, "ping");
    struct seal_cluster right = cluster;
    cluster.id[0] ^= 1;
    ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
    cluster = right;
    cluster.keys[0].bytes[31] ^= 1;
    ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
    cluster = right;
    struct packet for_carol = from_alice(carol_identity.id, "ping");
    ck_assert_int_eq(bob_opens(&for_carol), SEAL_FORGED);
    ck_assert_int_eq(bob_opens(&packet), SEAL_OK);
}
END_TEST

/* Fails without: the refusal of unknown keys (datagram.c). */
START_TEST(rotation_opens_old_and_new_until_the_old_is_removed)
{
    struct error error = ERROR_INIT;
    struct seal_key second = fixture_key(2, 0x99);
    struct packet old = from_alice(bob.id, "old");
    struct packet old_late = from_alice(bob.id, "old, late");
    ck_assert_int_eq(seal_cluster_install_key(&cluster, &second, &error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&cluster, 2, &error), 0);
    struct packet new = from_alice(bob.id, "new");
    ck_assert_int_eq(bob_opens(&new), SEAL_OK);
    ck_assert_int_eq(bob_opens(&old), SEAL_OK);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 1, &error), 0);
    ck_assert_int_eq(bob_opens(&old_late), SEAL_UNKNOWN_KEY);
}
END_TEST

/* Fails without: the bits of the window (replay.c). */
START_TEST(replays_and_earlier_lives_are_refused)
{
    struct packet first = from_alice(bob.id, "one");
    struct packet second = from_alice(bob.id, "two");
    struct packet kept_back = from_alice(bob.id, "three");
    ck_assert_int_eq(bob_opens(&second), SEAL_OK);
    ck_assert_int_eq(bob_opens(&first), SEAL_OK);
    ck_assert_int_eq(bob_opens(&first), SEAL_REPLAYED);
    ck_assert_int_eq(bob_opens(&second), SEAL_REPLAYED);
    alice.boot_nonce = seal_random_boot_nonce(101);
    alice.counter = 0;
    struct packet reborn = from_alice(bob.id, "again");
    ck_assert_int_eq(bob_opens(&reborn), SEAL_OK);
    ck_assert_int_eq(bob_opens(&kept_back), SEAL_STALE_BOOT);
}
END_TEST

START_TEST(ones_own_packets_and_twins_are_told_apart)
{
    struct seal_sender twin = bob;
    struct packet packet = {.size_bytes = 0};
    seal_pairs_meet(bobs, alice_identity.public_key);
    packet.size_bytes =
        seal_datagram_seal(&cluster, &bob, bobs, alice.id, text_bytes("mine"), packet.data);
    ck_assert_int_eq(bob_opens(&packet), SEAL_OWN_PACKET);

    twin.boot_nonce = seal_random_boot_nonce(101);
    packet.size_bytes =
        seal_datagram_seal(&cluster, &twin, bobs, 0, text_bytes("join"), packet.data);
    ck_assert_int_eq(bob_opens(&packet), SEAL_TWIN);
    twin.boot_nonce = seal_random_boot_nonce(99);
    packet.size_bytes =
        seal_datagram_seal(&cluster, &twin, bobs, 0, text_bytes("join"), packet.data);
    ck_assert_int_eq(bob_opens(&packet), SEAL_STALE_BOOT);
    /* Who has no key cannot cry twin. */
    twin.boot_nonce = seal_random_boot_nonce(101);
    packet.size_bytes =
        seal_datagram_seal(&cluster, &twin, bobs, 0, text_bytes("join"), packet.data);
    packet.data[30] ^= 1;
    ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
}
END_TEST

/* The key of the cluster proves a member; what two nodes share proves which one. Fails without: the
 * secret of the two in the key (`pair_key`), the signature of what is to anyone (datagram.c). */
START_TEST(nobody_speaks_in_the_name_of_another)
{
    /* Carol, who has the cluster's key, says that she is alice, and would end alice's boot. */
    struct seal_identity masked = carol_identity;
    masked.id = alice.id;
    memcpy(masked.public_key, alice_identity.public_key, sizeof(masked.public_key));
    struct seal_pairs *carols = seal_pairs_new(&masked, 16);
    struct seal_sender carol = {.id = alice.id, .boot_nonce = UINT64_MAX};
    seal_pairs_meet(carols, bob_identity.public_key);
    for (int known = 0; known <= 1; known++) {
        struct packet packet = {.size_bytes = 0};
        packet.size_bytes =
            seal_datagram_seal(&cluster, &carol, carols, bob.id, text_bytes("ack"), packet.data);
        ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
        packet.size_bytes =
            seal_datagram_seal(&cluster, &carol, carols, 0, text_bytes("join"), packet.data);
        ck_assert_int_eq(bob_opens(&packet), SEAL_FORGED);
        struct packet real = from_alice(bob.id, "ping");
        ck_assert_int_eq(bob_opens(&real), SEAL_OK);
    }
    seal_pairs_free(carols);
}
END_TEST

START_TEST(who_knows_us_needs_no_introduction)
{
    struct packet first = from_alice(bob.id, "ping");
    ck_assert_uint_eq(first.data[2], 2);
    ck_assert_int_eq(bob_opens(&first), SEAL_OK);
    /* Bob's answer shows that he has our key. */
    uint8_t answer[SEAL_DATAGRAM_BYTES_MAX];
    size_t size_bytes =
        seal_datagram_seal(&cluster, &bob, bobs, alice.id, text_bytes("ack"), answer);
    ck_assert_uint_eq(size_bytes, 3 + SEAL_DATAGRAM_EXTRA_BYTES);
    struct seal_replay *alices_replay = seal_replay_new(4);
    ck_assert_int_eq(seal_datagram_open(&cluster, &alice, alices, alices_replay,
                                        (struct bytes){answer, size_bytes}, plain, &opened),
                     SEAL_OK);
    struct packet second = from_alice(bob.id, "ping");
    ck_assert_uint_eq(second.data[2], 0);
    ck_assert_int_eq(bob_opens(&second), SEAL_OK);
    /* Who speaks to anyone may have forgotten whom it knew. */
    size_bytes = seal_datagram_seal(&cluster, &bob, bobs, 0, text_bytes("hello"), answer);
    ck_assert_int_eq(seal_datagram_open(&cluster, &alice, alices, alices_replay,
                                        (struct bytes){answer, size_bytes}, plain, &opened),
                     SEAL_OK);
    ck_assert_uint_eq(from_alice(bob.id, "ping").data[2], 2);
    seal_replay_free(alices_replay);
}
END_TEST

START_TEST(who_was_never_met_is_not_sent_to)
{
    uint8_t datagram[SEAL_DATAGRAM_BYTES_MAX];
    ck_assert_uint_eq(
        seal_datagram_seal(&cluster, &bob, bobs, alice.id, text_bytes("ping"), datagram), 0);
    ck_assert_uint_eq(bob.counter, 0);
}
END_TEST

START_TEST(a_quote_must_be_of_a_recent_datagram_of_ours)
{
    struct packet packet = from_alice(bob.id, "ping");
    struct bytes quote = {packet.data, SEAL_DATAGRAM_HEADER_BYTES};
    ck_assert(seal_datagram_is_own_recent(&alice, quote));
    ck_assert(!seal_datagram_is_own_recent(&bob, quote));
    ck_assert(!seal_datagram_is_own_recent(
        &alice, (struct bytes){packet.data, SEAL_DATAGRAM_HEADER_BYTES - 1}));
    packet.data[26] = 2; /* not sent yet */
    ck_assert(!seal_datagram_is_own_recent(&alice, quote));
    packet.data[26] = 0;
    ck_assert(!seal_datagram_is_own_recent(&alice, quote));
    packet.data[26] = 1;
    packet.data[12] ^= 1; /* a guessed boot nonce */
    ck_assert(!seal_datagram_is_own_recent(&alice, quote));
    packet.data[12] ^= 1;
    alice.counter = 1 << 20;
    ck_assert(!seal_datagram_is_own_recent(&alice, quote));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("datagram");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, what_is_sealed_for_a_node_opens_there);
    tcase_add_test(cases, sizes_from_nothing_to_the_limit);
    tcase_add_test(cases, a_joiner_reaches_whoever_is_there);
    tcase_add_test(cases, every_flipped_bit_and_every_cut_is_refused);
    tcase_add_test(cases, headers_are_refused_for_their_reason);
    tcase_add_test(cases, other_clusters_other_keys_and_other_destinations_are_forged);
    tcase_add_test(cases, rotation_opens_old_and_new_until_the_old_is_removed);
    tcase_add_test(cases, replays_and_earlier_lives_are_refused);
    tcase_add_test(cases, ones_own_packets_and_twins_are_told_apart);
    tcase_add_test(cases, nobody_speaks_in_the_name_of_another);
    tcase_add_test(cases, who_knows_us_needs_no_introduction);
    tcase_add_test(cases, who_was_never_met_is_not_sent_to);
    tcase_add_test(cases, a_quote_must_be_of_a_recent_datagram_of_ours);
    return fixture_run(cases, "seal-datagram");
}
