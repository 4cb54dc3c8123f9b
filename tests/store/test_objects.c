/* proto/state.md 3: one row of rules after the other, on one key. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

#define KEY "deployments.apps/default/web"

/* ---- Tables: versions in order of arrival, what each does, what stands at the end. */

struct arrival {
    uint64_t ms, node, parent_ms;
    uint8_t uid;
    bool deleted;
    enum store_verdict verdict;
};

struct scenario {
    const char *name;
    struct arrival arrivals[6];
    uint64_t current_ms; /* 0: none */
    uint8_t current_uid;
};

/* Mutation: each rule's removal in objects.c fails the rows that name it. */
static const struct scenario scenarios[] = {
    {"a first version is new", {{10, 1, 0, 1, false, STORE_NEW}}, 10, 1},
    {"the next replaces it",
     {{10, 1, 0, 1, false, STORE_NEW}, {20, 1, 10, 1, false, STORE_REPLACED}},
     20,
     1},
    {"the same again is a duplicate",
     {{10, 1, 0, 1, false, STORE_NEW}, {10, 1, 0, 1, false, STORE_DUPLICATE}},
     10,
     1},
    {"an ancestor is stale",
     {{20, 1, 10, 1, false, STORE_NEW}, {10, 1, 0, 1, false, STORE_STALE}},
     20,
     1},
    {"a missing link is no conflict",
     {{30, 1, 20, 1, false, STORE_NEW}, {10, 1, 0, 1, false, STORE_STALE}},
     30,
     1},
    {"concurrent and smaller loses",
     {{10, 1, 0, 1, false, STORE_NEW},
      {30, 1, 10, 1, false, STORE_REPLACED},
      {20, 2, 10, 1, false, STORE_CONFLICT_LOST}},
     30,
     1},
    {"concurrent and larger wins",
     {{10, 1, 0, 1, false, STORE_NEW},
      {20, 2, 10, 1, false, STORE_REPLACED},
      {30, 1, 10, 1, false, STORE_REPLACED}},
     30,
     1},
    {"equal clocks: the larger node wins",
     {{10, 1, 0, 1, false, STORE_NEW},
      {20, 3, 10, 1, false, STORE_REPLACED},
      {20, 2, 10, 1, false, STORE_CONFLICT_LOST}},
     20,
     1},
    {"deletion removes",
     {{10, 1, 0, 1, false, STORE_NEW}, {20, 1, 10, 1, true, STORE_REPLACED}},
     0,
     0},
    {"a late edit of a deleted UID is dead, however new",
     {{20, 1, 10, 1, true, STORE_NEW}, {30, 2, 10, 1, false, STORE_DEAD}},
     0,
     0},
    {"deletion beats a newer edit that is there already",
     {{30, 2, 10, 1, false, STORE_NEW}, {20, 1, 10, 1, true, STORE_REPLACED}},
     0,
     0},
    {"the name made again lives",
     {{20, 1, 10, 1, true, STORE_NEW}, {30, 1, 20, 2, false, STORE_NEW}},
     30,
     2},
    {"an edit of the first UID does not displace the second, however new",
     {{20, 1, 10, 1, true, STORE_NEW},
      {30, 1, 20, 2, false, STORE_NEW},
      {40, 2, 10, 1, false, STORE_DEAD}},
     30,
     2},
    {"the deletion of the first UID uncovers the second",
     {{40, 2, 10, 1, false, STORE_NEW},
      {30, 1, 20, 2, false, STORE_CONFLICT_LOST},
      {20, 1, 10, 1, true, STORE_REPLACED}},
     30,
     2},
    {"a deletion kills older versions of the name, whatever their UID",
     {{20, 1, 10, 2, true, STORE_NEW}, {15, 2, 0, 1, false, STORE_DEAD}},
     0,
     0},
    {"the same in the other order",
     {{15, 2, 0, 1, false, STORE_NEW}, {20, 1, 10, 2, true, STORE_NEW}},
     0,
     0},
    {"but not newer ones",
     {{20, 1, 10, 2, true, STORE_NEW}, {25, 2, 0, 1, false, STORE_NEW}},
     25,
     1},
    {"two creations: the larger wins",
     {{10, 1, 0, 1, false, STORE_NEW}, {12, 2, 0, 2, false, STORE_REPLACED}},
     12,
     2},
    {"two creations: the smaller loses",
     {{12, 2, 0, 2, false, STORE_NEW}, {10, 1, 0, 1, false, STORE_CONFLICT_LOST}},
     12,
     2},
    {"deleting the winner does not bring the loser back",
     {{12, 2, 0, 2, false, STORE_NEW},
      {10, 1, 0, 1, false, STORE_CONFLICT_LOST},
      {20, 2, 12, 2, true, STORE_REPLACED}},
     0,
     0},
    {"a second deletion of a UID: the newer stands",
     {{20, 1, 10, 1, true, STORE_NEW},
      {25, 2, 10, 1, true, STORE_REPLACED},
      {22, 3, 10, 1, true, STORE_STALE},
      {25, 2, 10, 1, true, STORE_DUPLICATE}},
     0,
     0},
    {"a newer deletion of one UID ends older versions of another",
     {{20, 1, 10, 1, true, STORE_NEW},
      {25, 2, 0, 2, false, STORE_NEW},
      {30, 3, 10, 1, true, STORE_REPLACED}},
     0,
     0},
    {"a version equal to a deletion's is dead",
     {{20, 1, 10, 2, true, STORE_NEW}, {20, 1, 10, 1, false, STORE_DEAD}},
     0,
     0},
};

static struct wire_object object_of(const struct arrival *arrival)
{
    if (arrival->deleted)
        return make_tombstone(KEY, arrival->ms, arrival->node, arrival->parent_ms, arrival->uid);
    return make_object(KEY, arrival->ms, arrival->node, arrival->parent_ms, arrival->uid, "{}");
}

START_TEST(rules)
{
    const struct scenario *scenario = &scenarios[_i];
    struct store *store = make_store(1);
    for (size_t i = 0; scenario->arrivals[i].ms != 0; i++) {
        struct wire_object object = object_of(&scenario->arrivals[i]);
        enum store_verdict verdict = put_object(store, &object);
        ck_assert_msg(verdict == scenario->arrivals[i].verdict, "%s, arrival %zu: %s",
                      scenario->name, i, store_verdict_name(verdict));
        store_validate(store);
    }
    const struct store_object *current = store_object(store, KEY);
    ck_assert_msg((current != NULL) == (scenario->current_ms != 0), "%s", scenario->name);
    if (current != NULL) {
        ck_assert_msg(current->version.hlc == hlc_at(scenario->current_ms), "%s", scenario->name);
        ck_assert_uint_eq(current->uid[0], scenario->current_uid);
        ck_assert_ptr_eq(store_object_by_uid(store, current->uid), current);
    }
    store_free(store);
}
END_TEST

/* ---- Nonsense and clocks */

START_TEST(what_contradicts_itself_is_refused)
{
    struct store *store = make_store(1);
    struct wire_object object = make_tombstone(KEY, 20, 1, 10, 1);
    object.body = (struct bytes){(const uint8_t *)"{}", 2};
    ck_verdict(put_object(store, &object), STORE_NONSENSE); /* a tombstone with a body */
    object = make_object(KEY, 20, 1, 20, 1, "{}");
    ck_verdict(put_object(store, &object), STORE_NONSENSE); /* its own parent */
    object = make_object(KEY, 20, 1, 30, 1, "{}");
    ck_verdict(put_object(store, &object), STORE_NONSENSE); /* a parent from the future */
    object = make_object(KEY, 20, 1, 0, 1, "{}");
    object.created_wall_ms = WALL_0 + 21;
    ck_verdict(put_object(store, &object), STORE_NONSENSE); /* written before it was made */
    object = make_object("", 20, 1, 0, 1, "{}");
    ck_verdict(put_object(store, &object), STORE_NONSENSE);
    object = make_object(KEY, 20, 1, 0, 1, "{}");
    object.version.hlc = UINT64_C(1) << 63;
    ck_verdict(put_object(store, &object), STORE_NONSENSE);
    store_validate(store);
    ck_assert_ptr_null(store_object(store, KEY));
    store_free(store);
}
END_TEST

START_TEST(clocks_ahead_are_reported_then_refused)
{
    struct store *store = make_store(1);
    struct store_change change;
    struct wire_object object = make_object(KEY, 500, 2, 0, 1, "{}");
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_REMOTE, &change), STORE_NEW);
    ck_assert_uint_eq(change.ahead_ms, 0);
    object = make_object(KEY, 1100, 2, 500, 1, "{}");
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_REMOTE, &change), STORE_REPLACED);
    ck_assert_uint_eq(change.ahead_ms, 600);
    object = make_object(KEY, 26 * HOUR_MS, 2, 1100, 1, "{}");
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_REMOTE, &change), STORE_AHEAD);
    ck_assert_uint_eq(store_object(store, KEY)->version.hlc, hlc_at(1100));
    /* Our own disk is believed: the clock may have been set back while the machine was off. */
    ck_verdict(store_put_object(store, at_ms(0), &object, STORE_DISK, &change), STORE_REPLACED);
    ck_assert_uint_eq(store_hlc(store), hlc_at(26 * HOUR_MS + 2)); /* generation 1 */
    store_free(store);
}
END_TEST

/* ---- History */

struct seen {
    uint64_t ms[32];
    uint8_t uids[32];
    size_t count;
};

static bool see(void *context, const struct store_object *object)
{
    struct seen *seen = context;
    seen->ms[seen->count] = (object->version.hlc >> 16) - WALL_0;
    seen->uids[seen->count++] = object->uid[0];
    return true;
}

START_TEST(history_is_bounded_and_newest_first)
{
    struct store *store = make_store_with((struct store_config){.history_max = 3});
    for (uint64_t ms = 10; ms <= 60; ms += 10) {
        struct wire_object object = make_object(KEY, ms, 1, ms == 10 ? 0 : ms - 10, 1, "{}");
        put_object(store, &object);
        store_validate(store);
    }
    struct seen seen = {.count = 0};
    store_each_version(store, KEY, see, &seen);
    ck_assert_uint_eq(seen.count, 3);
    ck_assert_uint_eq(seen.ms[0], 50);
    ck_assert_uint_eq(seen.ms[2], 30);
    store_free(store);
}
END_TEST

/* Mutation: without HISTORY_BYTES_MAX in trim(), four of these stay. */
START_TEST(history_is_bounded_in_bytes)
{
    struct store *store = make_store(1);
    char *body = calloc(1, 100001);
    memset(body, ' ', 100000);
    for (uint64_t ms = 10; ms <= 50; ms += 10) {
        struct wire_object object = make_object(KEY, ms, 1, ms == 10 ? 0 : ms - 10, 1, body);
        put_object(store, &object);
        store_validate(store);
    }
    struct seen seen = {.count = 0};
    store_each_version(store, KEY, see, &seen);
    ck_assert_uint_eq(seen.count, 2);
    free(body);
    store_free(store);
}
END_TEST

START_TEST(losers_are_kept_and_told)
{
    struct store *store = make_store(1);
    struct store_change change;
    struct wire_object first = make_object(KEY, 10, 1, 0, 1, "{\"a\":1}");
    struct wire_object ours = make_object(KEY, 20, 1, 10, 1, "{\"a\":2}");
    struct wire_object theirs = make_object(KEY, 30, 2, 10, 1, "{\"a\":3}");
    put_object(store, &first);
    put_object(store, &ours);
    ck_verdict(store_put_object(store, at_ms(0), &theirs, STORE_REMOTE, &change), STORE_REPLACED);
    ck_assert_ptr_nonnull(change.loser);
    ck_assert_uint_eq(change.loser->version.hlc, hlc_at(20));
    ck_assert_uint_eq(change.loser->version.node, 1);
    ck_assert_uint_eq(change.object->version.hlc, hlc_at(30));
    ck_assert_uint_eq(change.before->version.hlc, hlc_at(20));
    struct seen seen = {.count = 0};
    store_each_version(store, KEY, see, &seen);
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_uint_eq(seen.ms[0], 20);
    struct store_stats stats;
    store_stats(store, &stats);
    ck_assert_uint_eq(stats.conflicts_lost, 1);
    store_free(store);
}
END_TEST

/* The loser of two creations has another UID; every peer keeps it. An edit that loses to a deletion
 * is told too. */
START_TEST(losers_of_other_kinds)
{
    struct store *store = make_store(1);
    struct store_change change;
    struct wire_object a = make_object(KEY, 10, 1, 0, 1, "{}"),
                       b = make_object(KEY, 12, 2, 0, 2, "{}");
    put_object(store, &a);
    store_put_object(store, at_ms(0), &b, STORE_REMOTE, &change);
    ck_assert_uint_eq(change.loser->uid[0], 1);
    struct seen seen = {.count = 0};
    store_each_version(store, KEY, see, &seen);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_uint_eq(seen.uids[0], 1);
    struct wire_object deletion = make_tombstone(KEY, 20, 2, 12, 2);
    store_put_object(store, at_ms(0), &deletion, STORE_REMOTE, &change);
    ck_assert_ptr_null(change.object);
    ck_assert_uint_eq(change.before->uid[0], 2);
    struct wire_object edit = make_object(KEY, 30, 3, 12, 2, "{}");
    ck_verdict(store_put_object(store, at_ms(0), &edit, STORE_REMOTE, &change), STORE_DEAD);
    ck_assert_uint_eq(change.loser->version.hlc, hlc_at(30));
    ck_assert(change.answer);
    /* What the deleter had seen did not lose anything. */
    struct wire_object seen_by_it = make_object(KEY, 12, 1, 0, 2, "{}");
    ck_verdict(store_put_object(store, at_ms(0), &seen_by_it, STORE_REMOTE, &change), STORE_DEAD);
    ck_assert_ptr_null(change.loser);
    store_free(store);
}
END_TEST

START_TEST(a_fifth_competing_uid_is_refused_or_displaces_the_oldest)
{
    struct store *store = make_store(1);
    for (uint8_t uid = 1; uid <= 4; uid++) {
        struct wire_object object = make_object(KEY, (uint64_t)10 * uid, uid, 0, uid, "{}");
        put_object(store, &object);
    }
    struct wire_object older = make_object(KEY, 5, 9, 0, 9, "{}"),
                       newer = make_object(KEY, 45, 8, 0, 8, "{}");
    ck_verdict(put_object(store, &older), STORE_LIMIT);
    ck_verdict(put_object(store, &newer), STORE_REPLACED);
    store_validate(store);
    struct seen seen = {.count = 0};
    store_each_version(store, KEY, see, &seen);
    ck_assert_uint_eq(seen.count, 3);
    ck_assert_uint_eq(seen.uids[2], 2);
    store_free(store);
}
END_TEST

/* ---- Old tombstones */

static void check_tombstones(const struct store *store, uint64_t young, uint64_t old)
{
    struct store_stats stats;
    store_validate(store);
    store_stats(store, &stats);
    ck_assert_uint_eq(stats.tombstones_young, young);
    ck_assert_uint_eq(stats.tombstones_old, old);
}

/* Young and old follow from the newest version held, backwards too. Mutation: tombstones_settle()
 * that looks only at what is later than before. */
START_TEST(tombstones_age_by_the_newest_version)
{
    struct store *store = make_store(1), *other = make_store(2);
    uint64_t day = 24 * HOUR_MS;
    struct store_change change;
    struct wire_object gone = make_tombstone("a", 20, 1, 10, 1),
                       edit = make_object("b", 20 + day, 1, 0, 2, "{}"),
                       late = make_object("b", 21 + day, 1, 0, 2, "{}"),
                       deletion = make_tombstone("b", 30, 1, 25, 2);
    put_object(store, &gone);
    store_put_object(store, at_ms(day), &edit, STORE_REMOTE, &change);
    check_tombstones(store, 1, 0);
    uint64_t root = store_digest(store, NULL);
    store_put_object(store, at_ms(day), &late, STORE_REMOTE, &change);
    check_tombstones(store, 0, 1);
    ck_assert_uint_ne(store_digest(store, NULL), root);
    /* The UID of the newest version is deleted: it does not count any more, here and where it never
     * was. */
    store_put_object(store, at_ms(day), &deletion, STORE_REMOTE, &change);
    check_tombstones(store, 2, 0);
    store_put_object(other, at_ms(day), &deletion, STORE_REMOTE, &change);
    store_put_object(other, at_ms(day), &gone, STORE_REMOTE, &change);
    ck_assert_uint_eq(store_digest(store, NULL), store_digest(other, NULL));
    store_free(store);
    store_free(other);
}
END_TEST

/* ---- Reading */

static bool collect_keys(void *context, const struct store_object *object)
{
    char *text = context;
    strcat(text, object->key);
    strcat(text, " ");
    return strcmp(object->key, "d") != 0;
}

START_TEST(objects_are_listed_by_key)
{
    static const char *const keys[] = {"b/2", "a", "b/1", "c", "d", "e", "b/10"};
    struct store *store = make_store(1);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct wire_object object = make_object(keys[i], 10 + i, 1, 0, (uint8_t)(i + 1), "{}");
        put_object(store, &object);
    }
    struct wire_object gone = make_tombstone("c", 50, 1, 13, 4),
                       other = make_object("b/1", 5, 2, 0, 77, "{}");
    put_object(store, &gone);
    put_object(store, &other); /* a loser is not listed */
    char text[256] = "";
    store_each_object(store, "", collect_keys, text);
    ck_assert_str_eq(text, "a b/1 b/10 b/2 d ");
    text[0] = 0;
    store_each_object(store, "b/", collect_keys, text);
    ck_assert_str_eq(text, "b/1 b/10 b/2 ");
    uint8_t uid[16];
    fill_uid(uid, 4);
    ck_assert_ptr_null(store_object_by_uid(store, uid));
    ck_assert(store_is_deleted(store, "c", uid));
    fill_uid(uid, 77);
    ck_assert_ptr_null(store_object_by_uid(store, uid));
    ck_assert(!store_is_deleted(store, "b/1", uid));
    store_free(store);
}
END_TEST

/* What is kept without its record is told as the record that came, byte for byte; so is one with
 * fields of a newer peer, wherever they stand. */
START_TEST(what_came_is_told)
{
    static const uint8_t pair[] = {0xcd, 0x01, 0x00, 0xa2, 'h', 'i'};
    const struct bytes unknown = {pair, sizeof(pair)};
    for (int i = 0; i < 6; i++) {
        struct store *store = make_store(1);
        struct wire_object object =
            i == 1 ? make_tombstone("a", 20, 3, 10, 7) : make_object("a", 20, 3, 10, 7, "{}");
        if (i == 2)
            object.unknown = unknown;
        else if (i == 3)
            object.version.unknown = unknown;
        else if (i == 4)
            object.parent.unknown = unknown;
        else if (i == 5)
            object.has_parent = false;
        struct buf came = BUF_INIT, told = BUF_INIT;
        struct store_change change;
        ck_verdict(store_put_object(store, at_ms(30), &object, STORE_REMOTE, &change), STORE_NEW);
        store_put_record(store, &change, &told);
        wire_put_object(&came, &object);
        ck_assert_uint_eq(came.size_bytes, told.size_bytes);
        ck_assert_mem_eq(came.data, told.data, told.size_bytes);
        /* On disk it stands without the message's id. */
        buf_clear(&came);
        wire_object_encode(&object, &came);
        ck_assert_uint_eq(change.persists_count, 1);
        ck_assert_uint_eq(change.persists[0].payload.size_bytes, came.size_bytes);
        ck_assert_mem_eq(change.persists[0].payload.data, came.data, came.size_bytes);
        store_validate(store);
        store_free(store);
        buf_fini(&came);
        buf_fini(&told);
    }
}
END_TEST

/* ---- Limits */

START_TEST(limits_have_a_verdict)
{
    struct store *store =
        make_store_with((struct store_config){.objects_max = 2, .total_bytes_max = 2000});
    struct wire_object a = make_object("a", 10, 1, 0, 1, "{}"),
                       b = make_object("b", 10, 1, 0, 2, "{}");
    struct wire_object c = make_object("c", 10, 1, 0, 3, "{}");
    ck_verdict(put_object(store, &a), STORE_NEW);
    ck_verdict(put_object(store, &b), STORE_NEW);
    ck_verdict(put_object(store, &c), STORE_LIMIT);
    char body[1901];
    memset(body, ' ', 1900);
    body[1900] = 0;
    a = make_object("a", 20, 1, 10, 1, body);
    ck_verdict(put_object(store, &a), STORE_LIMIT);
    /* What is there can be changed and deleted; young tombstones count, so that they are bounded.
     */
    a = make_object("a", 20, 1, 10, 1, "{ }");
    ck_verdict(put_object(store, &a), STORE_REPLACED);
    a = make_tombstone("a", 30, 1, 20, 1);
    ck_verdict(put_object(store, &a), STORE_REPLACED);
    ck_verdict(put_object(store, &c), STORE_LIMIT);
    store_validate(store);
    struct store_request request = {
        .verb = STORE_CREATE, .key = "d", .body = {(const uint8_t *)"{}", 2}};
    struct store_change change;
    struct error error = ERROR_INIT;
    ck_assert_int_eq(store_write(store, at_ms(50), &request, &change, &error), -1);
    ck_assert_int_eq(error.code, ERROR_LIMIT);
    store_free(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/objects");
    TCase *tcase = tcase_create("objects");
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, rules, 0, sizeof(scenarios) / sizeof(scenarios[0]));
    tcase_add_test(tcase, what_contradicts_itself_is_refused);
    tcase_add_test(tcase, clocks_ahead_are_reported_then_refused);
    tcase_add_test(tcase, history_is_bounded_and_newest_first);
    tcase_add_test(tcase, history_is_bounded_in_bytes);
    tcase_add_test(tcase, losers_are_kept_and_told);
    tcase_add_test(tcase, losers_of_other_kinds);
    tcase_add_test(tcase, a_fifth_competing_uid_is_refused_or_displaces_the_oldest);
    tcase_add_test(tcase, tombstones_age_by_the_newest_version);
    tcase_add_test(tcase, objects_are_listed_by_key);
    tcase_add_test(tcase, what_came_is_told);
    tcase_add_test(tcase, limits_have_a_verdict);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
