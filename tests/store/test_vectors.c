/*
 * proto/state.vectors against the store: another implementation that computes these values agrees
 * with our digests. object KEY UID HLC NODE live|deleted = HASH HIGH ITEM claim|status|complete
 * NODE POD GENERATION SEQ = HASH HIGH ITEM          (POD "-" for none) root RECORDS = ROOT (of the
 * first so many lines, RECORDS a number) All numbers in hex.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "lib.h"
#include "records.h"

static struct store *store;
static size_t taken;

static void parse_uid(const char *text, uint8_t uid[static 16])
{
    for (size_t i = 0; i < 16; i++) {
        unsigned value = 0;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &value), 1);
        uid[i] = (uint8_t)value;
    }
}

/* The item is what the record adds to its bucket. */
static void check_item(const uint64_t before[64], uint64_t hash, uint64_t item)
{
    uint64_t after[STORE_BUCKETS_COUNT];
    store_digest(store, after);
    for (uint32_t i = 0; i < STORE_BUCKETS_COUNT; i++)
        ck_assert_uint_eq(after[i] - before[i], i == hash >> 58 ? item : 0);
    taken++;
}

static bool take_object(const char *line)
{
    char key[700], uid[40], life[16];
    uint64_t hlc, node, hash, high, item;
    if (sscanf(line,
               "object %699s %39s %" SCNx64 " %" SCNx64 " %15s = %" SCNx64 " %" SCNx64 " %" SCNx64,
               key, uid, &hlc, &node, life, &hash, &high, &item) != 8)
        return false;
    struct wire_object object = make_object(key, 0, node, 0, 0, "");
    object.version.hlc = hlc;
    object.created_wall_ms = 0;
    object.deleted = strcmp(life, "deleted") == 0;
    parse_uid(uid, object.uid);
    uint64_t before[STORE_BUCKETS_COUNT];
    store_digest(store, before);
    struct store_change change;
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_DISK, &change), STORE_NEW);
    ck_assert_uint_eq(change.key_hash, hash);
    uint32_t id = entry_find(store, key, object.uid);
    ck_assert_uint_eq(entry_high(entry_at(store, id)->head), high);
    check_item(before, hash, item);
    return true;
}

static bool take_t2(const char *line)
{
    char kind[16], pod[40];
    uint64_t node, generation, seq, hash, high, item;
    if (sscanf(line,
               "%15s %" SCNx64 " %39s %" SCNx64 " %" SCNx64 " = %" SCNx64 " %" SCNx64 " %" SCNx64,
               kind, &node, pod, &generation, &seq, &hash, &high, &item) != 8)
        return false;
    uint64_t before[STORE_BUCKETS_COUNT];
    store_digest(store, before);
    ck_assert_uint_eq(high, generation);
    if (strcmp(kind, "claim") == 0) {
        struct wire_claim claim = make_claim(node, generation, seq, 0, 9, 0);
        parse_uid(pod, claim.pod_uid);
        ck_verdict(put_claim(store, 0, &claim), STORE_NEW);
    } else {
        struct wire_node_status status =
            make_status(node, generation, seq, strcmp(kind, "complete") == 0);
        ck_verdict(put_status(store, &status), STORE_NEW);
    }
    check_item(before, hash, item);
    return true;
}

static bool take_root(const char *line)
{
    uint64_t count, root;
    if (sscanf(line, "root %" SCNx64 " = %" SCNx64, &count, &root) != 2)
        return false;
    ck_assert_uint_eq(taken, count);
    ck_assert_uint_eq(store_digest(store, NULL), root);
    return true;
}

START_TEST(vectors)
{
    FILE *file = fopen(VECTORS_PATH, "r");
    ck_assert_ptr_nonnull(file);
    store = make_store(99);
    char line[1024];
    size_t lines = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        ck_assert_msg(take_root(line) || take_object(line) || take_t2(line), "%s", line);
        lines++;
    }
    fclose(file);
    ck_assert_uint_ge(lines, 8);
    store_validate(store);
    store_free(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/vectors");
    TCase *tcase = tcase_create("vectors");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, vectors);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
