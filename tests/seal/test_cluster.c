#include "seal_fixture.h"

START_TEST(keys_are_installed_used_and_removed)
{
    struct seal_cluster cluster = fixture_cluster(1);
    struct seal_key second = fixture_key(2, 0x22);
    struct error error = ERROR_INIT;

    ck_assert_int_eq(seal_cluster_install_key(&cluster, &second, &error), 0);
    ck_assert_int_eq(seal_cluster_install_key(&cluster, &second, &error), 0);
    ck_assert_uint_eq(cluster.keys_count, 2);
    ck_assert_uint_eq(seal_cluster_primary(&cluster)->id, 1);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 1, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CONFLICT);
    ck_assert_int_eq(seal_cluster_use_key(&cluster, 2, &error), 0);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 1, &error), 0);
    ck_assert_uint_eq(seal_cluster_primary(&cluster)->id, 2);
    ck_assert_ptr_null(seal_cluster_find_key(&cluster, 1));
    ck_assert_ptr_nonnull(seal_cluster_find_key(&cluster, 2));
    seal_cluster_validate(&cluster);
}
END_TEST

START_TEST(impossible_changes_are_refused)
{
    struct seal_cluster cluster = fixture_cluster(1);
    struct seal_key clash = fixture_key(1, 0x77);
    struct error error = ERROR_INIT;

    ck_assert_int_eq(seal_cluster_install_key(&cluster, &clash, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CONFLICT);
    ck_assert_int_eq(seal_cluster_use_key(&cluster, 9, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 9, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    for (uint8_t id = 2; id <= SEAL_KEYS_MAX; id++) {
        struct seal_key key = fixture_key(id, id);
        ck_assert_int_eq(seal_cluster_install_key(&cluster, &key, &error), 0);
    }
    struct seal_key ninth = fixture_key(9, 9);
    ck_assert_int_eq(seal_cluster_install_key(&cluster, &ninth, &error), -1);
    ck_assert_int_eq(error.code, ERROR_LIMIT);
    ck_assert_uint_eq(cluster.keys_count, SEAL_KEYS_MAX);
    seal_cluster_validate(&cluster);
}
END_TEST

/* The primary stays the primary, wherever in the ring the removed key stood. */
START_TEST(removing_a_key_keeps_the_primary)
{
    struct error error = ERROR_INIT;
    struct seal_cluster cluster = fixture_cluster(1);
    for (uint8_t id = 2; id <= 3; id++) {
        struct seal_key key = fixture_key(id, id);
        ck_assert_int_eq(seal_cluster_install_key(&cluster, &key, &error), 0);
    }
    ck_assert_int_eq(seal_cluster_use_key(&cluster, 2, &error), 0);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 3, &error), 0);
    ck_assert_uint_eq(seal_cluster_primary(&cluster)->id, 2);
    ck_assert_int_eq(seal_cluster_remove_key(&cluster, 1, &error), 0);
    ck_assert_uint_eq(seal_cluster_primary(&cluster)->id, 2);
    ck_assert_uint_eq(seal_cluster_primary(&cluster)->bytes[0], 2);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("cluster");
    tcase_add_test(cases, keys_are_installed_used_and_removed);
    tcase_add_test(cases, impossible_changes_are_refused);
    tcase_add_test(cases, removing_a_key_keeps_the_primary);
    return fixture_run(cases, "seal-cluster");
}
