/* Keys and ends for the tests: made from small numbers, so that a failure repeats. */
#ifndef SHOAL_TESTS_SEAL_FIXTURE_H
#define SHOAL_TESTS_SEAL_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal/cluster.h"
#include "seal/identity.h"
#include "seal/random.h"

static inline struct seal_key fixture_key(uint8_t id, uint8_t fill)
{
    struct seal_key key = {.id = id};
    memset(key.bytes, fill, sizeof(key.bytes));
    return key;
}

static inline struct seal_cluster fixture_cluster(uint8_t fill)
{
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    memset(id, fill, sizeof(id));
    struct seal_key key = fixture_key(1, (uint8_t)(fill + 1));
    struct seal_cluster cluster;
    seal_cluster_init(&cluster, id, &key);
    return cluster;
}

static inline struct seal_identity fixture_identity(uint8_t fill)
{
    uint8_t seed[SEAL_SEED_BYTES];
    memset(seed, fill, sizeof(seed));
    struct seal_identity identity;
    ck_assert(seal_identity_from_seed(seed, &identity));
    return identity;
}

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline int fixture_run(TCase *cases, const char *name)
{
    struct error error = ERROR_INIT;
    if (seal_init(&error) != 0) {
        (void)fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
