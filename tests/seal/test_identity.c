#include "seal_fixture.h"

START_TEST(one_seed_makes_one_identity)
{
    struct seal_identity a = fixture_identity(7);
    struct seal_identity b = fixture_identity(7);
    struct seal_identity other = fixture_identity(8);
    ck_assert_mem_eq(&a, &b, sizeof(a));
    ck_assert_uint_ne(a.id, other.id);
    ck_assert_uint_eq(a.id, seal_node_id(a.public_key));

    uint8_t seed[SEAL_SEED_BYTES];
    uint8_t expected[SEAL_SEED_BYTES];
    memset(expected, 7, sizeof(expected));
    seal_identity_seed(&a, seed);
    ck_assert_mem_eq(seed, expected, sizeof(seed));
}
END_TEST

START_TEST(random_identities_differ)
{
    struct seal_identity a;
    struct seal_identity b;
    seal_random_identity(&a);
    seal_random_identity(&b);
    ck_assert_uint_ne(a.id, b.id);
    ck_assert_uint_ne(a.id, 0);
    seal_identity_fini(&a);
    ck_assert_uint_eq(a.id, 0);
    seal_identity_fini(NULL);
}
END_TEST

START_TEST(a_signature_holds_for_its_message_domain_and_key_only)
{
    struct seal_identity signer = fixture_identity(1);
    struct seal_identity other = fixture_identity(2);
    uint8_t signature[SEAL_SIGNATURE_BYTES];
    seal_sign(&signer, "member.alive", text_bytes("hello"), signature);

    ck_assert(seal_verify(signer.public_key, "member.alive", text_bytes("hello"), signature));
    ck_assert(!seal_verify(signer.public_key, "member.alive", text_bytes("hellO"), signature));
    ck_assert(!seal_verify(signer.public_key, "member.leave", text_bytes("hello"), signature));
    /* The border between domain and message is part of what is signed. */
    ck_assert(!seal_verify(signer.public_key, "member.aliveh", text_bytes("ello"), signature));
    ck_assert(!seal_verify(other.public_key, "member.alive", text_bytes("hello"), signature));
    signature[0] ^= 1;
    ck_assert(!seal_verify(signer.public_key, "member.alive", text_bytes("hello"), signature));
}
END_TEST

START_TEST(a_later_generation_has_a_greater_boot_nonce)
{
    for (uint64_t generation = 0; generation < 100; generation++)
        ck_assert_uint_lt(seal_random_boot_nonce(generation),
                          seal_random_boot_nonce(generation + 1));
    ck_assert_uint_ne(seal_random_boot_nonce(1), seal_random_boot_nonce(1));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("identity");
    tcase_add_test(cases, one_seed_makes_one_identity);
    tcase_add_test(cases, random_identities_differ);
    tcase_add_test(cases, a_signature_holds_for_its_message_domain_and_key_only);
    tcase_add_test(cases, a_later_generation_has_a_greater_boot_nonce);
    return fixture_run(cases, "seal-identity");
}
