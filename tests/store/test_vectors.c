/*
 * proto/state.vectors against the store: another implementation that computes these values agrees
 * with our digests. object KEY UID HLC NODE live|deleted = HASH HIGH ITEM claim|status|complete
 * NODE POD GENERATION SEQ = HASH HIGH ITEM          (POD "-" for none) root RECORDS = ROOT (of the
 * first so many lines, RECORDS a number) All numbers in hex.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"
#include "lib.h"
#include "records.h"

static struct store *store;
static size_t taken;

#define WORDS_MAX 12

/* Cuts the line at its spaces. */
static size_t split(char *line, const char *ret_words[static WORDS_MAX])
{
    size_t count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < WORDS_MAX;
         word = strtok(NULL, " \n"))
        ret_words[count++] = word;
    return count;
}

static uint64_t number(const char *word)
{
    char *end = NULL;
    uint64_t value = strtoull(word, &end, 16);
    ck_assert_msg(*word != 0 && *end == 0, "%s", word);
    return value;
}

static void parse_uid(const char *word, uint8_t uid[static 16])
{
    ck_assert_uint_eq(strlen(word), 32);
    for (size_t i = 0; i < 16; i++) {
        char digits[3] = {word[2 * i], word[2 * i + 1], 0};
        uid[i] = (uint8_t)number(digits);
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

/* object KEY UID HLC NODE LIFE = HASH HIGH ITEM */
static void take_object(const char *const words[static 10])
{
    struct wire_object object = make_object(words[1], 0, number(words[4]), 0, 0, "");
    object.created_wall_ms = 0;
    object.version.hlc = number(words[3]);
    object.deleted = strcmp(words[5], "deleted") == 0;
    parse_uid(words[2], object.uid);
    uint64_t before[STORE_BUCKETS_COUNT];
    store_digest(store, before);
    struct store_change change;
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_DISK, &change), STORE_NEW);
    ck_assert_uint_eq(change.key_hash, number(words[7]));
    uint32_t id = entry_find(store, words[1], object.uid);
    ck_assert_uint_eq(entry_high(entry_at(store, id)->head), number(words[8]));
    check_item(before, number(words[7]), number(words[9]));
}

/* KIND NODE POD GENERATION SEQ = HASH HIGH ITEM */
static void take_t2(const char *const words[static 9])
{
    uint64_t node = number(words[1]), generation = number(words[3]), seq = number(words[4]);
    uint64_t before[STORE_BUCKETS_COUNT];
    store_digest(store, before);
    ck_assert_uint_eq(number(words[7]), generation);
    if (strcmp(words[0], "claim") == 0) {
        struct wire_claim claim = make_claim(node, generation, seq, 0, 9, 0);
        parse_uid(words[2], claim.pod_uid);
        ck_verdict(put_claim(store, 0, &claim), STORE_NEW);
    } else {
        struct wire_node_status status =
            make_status(node, generation, seq, strcmp(words[0], "complete") == 0);
        ck_verdict(put_status(store, &status), STORE_NEW);
    }
    check_item(before, number(words[6]), number(words[8]));
}

START_TEST(vectors)
{
    FILE *file = fopen(VECTORS_PATH, "r");
    ck_assert_ptr_nonnull(file);
    store = make_store(99);
    char line[1024];
    size_t lines = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *words[WORDS_MAX];
        size_t count = split(line, words);
        if (count == 0 || words[0][0] == '#')
            continue;
        lines++;
        if (strcmp(words[0], "root") == 0 && count == 4) {
            ck_assert_uint_eq(taken, number(words[1]));
            ck_assert_uint_eq(store_digest(store, NULL), number(words[3]));
        } else if (strcmp(words[0], "object") == 0 && count == 10) {
            take_object(words);
        } else {
            ck_assert_msg(count == 9, "%s", words[0]);
            take_t2(words);
        }
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
