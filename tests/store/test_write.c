/* Writes at this peer: preconditions, the next version, what goes to disk. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

#define KEY "deployments.apps/default/web"

static struct bytes body(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct store_request request_of(enum store_verb verb, const char *text, uint8_t uid)
{
    struct store_request request = {.verb = verb, .key = KEY, .body = body(text)};
    fill_uid(request.new_uid, uid);
    return request;
}

static uint64_t write_ok(struct store *store, uint64_t ms, struct store_request request,
                         struct store_change *ret_change)
{
    struct error error = ERROR_INIT;
    ck_assert_msg(store_write(store, at_ms(ms), &request, ret_change, &error) == 0, "%s",
                  error.message);
    store_validate(store);
    return ret_change->object != NULL ? ret_change->object->version.hlc : 0;
}

static void write_fails(struct store *store, struct store_request request, enum error_code code)
{
    struct error error = ERROR_INIT;
    struct store_change change = {.key = "untouched"};
    uint64_t root = store_digest(store, NULL);
    ck_assert_int_eq(store_write(store, at_ms(1000), &request, &change, &error), -1);
    ck_assert_str_eq(error_code_name(error.code), error_code_name(code));
    ck_assert_uint_gt(strlen(error.message), 10);
    ck_assert_str_eq(change.key, "untouched");
    ck_assert_uint_eq(store_digest(store, NULL), root);
    store_validate(store);
}

START_TEST(create_replace_apply_delete)
{
    struct store *store = make_store(7);
    struct store_change change;
    uint64_t first = write_ok(store, 10, request_of(STORE_CREATE, "{}", 1), &change);
    ck_verdict(change.verdict, STORE_NEW);
    ck_assert(change.spread && change.visible && change.before == NULL);
    ck_assert_uint_eq(change.object->generation, 1);
    ck_assert_uint_eq(change.object->created_wall_ms, WALL_0 + 10);
    ck_assert_uint_eq(change.object->version.node, 7);
    /* The spec changes: the generation rises; the UID stays whatever new one is offered. */
    struct store_request request = request_of(STORE_REPLACE, "{\"a\":1}", 9);
    request.spec_changed = true;
    uint64_t second = write_ok(store, 20, request, &change);
    ck_assert_uint_gt(second, first);
    ck_assert_uint_eq(change.object->generation, 2);
    ck_assert_uint_eq(change.object->uid[0], 1);
    ck_assert_uint_eq(change.object->created_wall_ms, WALL_0 + 10);
    /* Something else changes: it stays. */
    write_ok(store, 30, request_of(STORE_APPLY, "{\"a\":1,\"b\":2}", 9), &change);
    ck_assert_uint_eq(change.object->generation, 2);
    ck_assert_uint_eq(change.before->version.hlc, second);
    ck_assert_ptr_null(change.loser);
    write_ok(store, 40, request_of(STORE_DELETE, "", 9), &change);
    ck_assert(change.visible && change.object == NULL && change.before->generation == 2);
    ck_assert_ptr_null(store_object(store, KEY));
    /* The name again: a new UID, generation 1. */
    write_ok(store, 50, request_of(STORE_APPLY, "{}", 2), &change);
    ck_assert_uint_eq(change.object->generation, 1);
    ck_assert_uint_eq(change.object->uid[0], 2);
    struct store_stats stats;
    store_stats(store, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    ck_assert_uint_eq(stats.tombstones_young, 1);
    ck_assert_uint_eq(stats.conflicts_lost, 0);
    store_free(store);
}
END_TEST

/* Mutation: without same_body(), the version moves. */
START_TEST(a_write_that_changes_nothing_keeps_the_version)
{
    struct store *store = make_store(1);
    struct store_change change;
    uint64_t first = write_ok(store, 10, request_of(STORE_CREATE, "{}", 1), &change);
    struct store_request request = request_of(STORE_APPLY, "{}", 2);
    request.spec_changed = true;
    ck_assert_uint_eq(write_ok(store, 20, request, &change), first);
    ck_verdict(change.verdict, STORE_DUPLICATE);
    ck_assert(!change.spread && !change.visible && change.persists_count == 0);
    store_free(store);
}
END_TEST

START_TEST(refusals)
{
    struct store *store = make_store(1);
    struct store_change change;
    write_fails(store, request_of(STORE_REPLACE, "{}", 1), ERROR_NOT_FOUND);
    write_fails(store, request_of(STORE_DELETE, "", 1), ERROR_NOT_FOUND);
    struct store_request request = request_of(STORE_APPLY, "{}", 1);
    request.precondition_hlc = 5;
    write_fails(store, request, ERROR_CONFLICT);
    uint64_t first = write_ok(store, 10, request_of(STORE_CREATE, "{}", 1), &change);
    write_fails(store, request_of(STORE_CREATE, "{}", 2), ERROR_EXISTS);
    request = request_of(STORE_REPLACE, "{\"a\":1}", 1);
    request.precondition_hlc = first - 1;
    write_fails(store, request, ERROR_CONFLICT);
    uint8_t uid[16];
    fill_uid(uid, 2);
    request.precondition_hlc = first;
    request.precondition_uid = uid;
    write_fails(store, request, ERROR_CONFLICT);
    request.verb = STORE_DELETE;
    write_fails(store, request, ERROR_CONFLICT);
    request.verb = STORE_REPLACE;
    fill_uid(uid, 1);
    write_ok(store, 20, request, &change);
    write_ok(store, 30, request_of(STORE_DELETE, "", 1), &change);
    write_fails(store, request_of(STORE_APPLY, "{}", 1), ERROR_INVALID); /* a deleted UID */
    request = request_of(STORE_APPLY, "{}", 2);
    request.key = "";
    write_fails(store, request, ERROR_INVALID);
    request.key = KEY "\xff";
    write_fails(store, request, ERROR_INVALID);
    char *large = calloc(1, WIRE_OBJECT_BODY_BYTES_MAX + 2);
    memset(large, ' ', WIRE_OBJECT_BODY_BYTES_MAX + 1);
    write_fails(store, request_of(STORE_APPLY, large, 2), ERROR_LIMIT);
    free(large);
    /* Writes from a clock that is known to be ahead: refused, until it is right again. */
    store_set_clock_ahead_ms(store, HLC_AHEAD_REPORT_MS + 1);
    write_fails(store, request_of(STORE_APPLY, "{}", 2), ERROR_UNAVAILABLE);
    store_set_clock_ahead_ms(store, HLC_AHEAD_REPORT_MS);
    write_ok(store, 40, request_of(STORE_APPLY, "{}", 2), &change);
    store_free(store);
}
END_TEST

START_TEST(a_dry_run_writes_nothing)
{
    struct store *store = make_store(1);
    struct store_change change;
    struct store_request request = request_of(STORE_CREATE, "{}", 1);
    request.dry_run = true;
    write_ok(store, 10, request, &change);
    ck_assert_ptr_null(change.object);
    ck_assert_ptr_null(store_object(store, KEY));
    request.dry_run = false;
    uint64_t first = write_ok(store, 20, request, &change);
    request = request_of(STORE_DELETE, "", 1);
    request.dry_run = true;
    ck_assert_uint_eq(write_ok(store, 30, request, &change), first);
    ck_assert_ptr_nonnull(store_object(store, KEY));
    request.precondition_hlc = 1;
    write_fails(store, request, ERROR_CONFLICT);
    store_free(store);
}
END_TEST

/* What a reader was handed can be written back: rollback to an earlier version, whose memory is the
 * store's. */
START_TEST(versions_handed_out_can_be_written)
{
    struct store *store = make_store_with((struct store_config){.history_max = 1});
    struct store_change change;
    write_ok(store, 10, request_of(STORE_CREATE, "{\"a\":1}", 1), &change);
    write_ok(store, 20, request_of(STORE_REPLACE, "{\"a\":2}", 1), &change);
    struct store_request request = {
        .verb = STORE_REPLACE, .key = change.before->key, .body = change.before->body};
    write_ok(store, 30, request, &change);
    ck_assert_mem_eq(change.object->body.data, "{\"a\":1}", 7);
    write_ok(store, 40, request_of(STORE_DELETE, "", 1), &change);
    request = (struct store_request){
        .verb = STORE_APPLY, .key = change.before->key, .body = change.before->body};
    fill_uid(request.new_uid, 2);
    write_ok(store, 50, request, &change);
    ck_assert_mem_eq(change.object->body.data, "{\"a\":1}", 7);
    store_free(store);
}
END_TEST

/* ---- Disk */

struct disk {
    struct {
        enum effect_table table;
        struct buf key, payload;
    } items[4096];
    size_t count;
};

static void disk_write(struct disk *disk, const struct store_change *change)
{
    for (size_t i = 0; i < change->persists_count; i++) {
        const struct store_persist *persist = &change->persists[i];
        size_t k = 0;
        while (k < disk->count &&
               !(disk->items[k].table == persist->table &&
                 disk->items[k].key.size_bytes == persist->key.size_bytes &&
                 memcmp(disk->items[k].key.data, persist->key.data, persist->key.size_bytes) == 0))
            k++;
        if (k == disk->count) {
            /* Nothing is deleted that was not written. */
            ck_assert_uint_gt(persist->payload.size_bytes, 0);
            ck_assert_uint_lt(disk->count, 4096);
            disk->items[k].table = persist->table;
            disk->items[k].key = disk->items[k].payload = BUF_INIT;
            buf_append(&disk->items[k].key, persist->key.data, persist->key.size_bytes);
            disk->count++;
        }
        buf_clear(&disk->items[k].payload);
        buf_append(&disk->items[k].payload, persist->payload.data, persist->payload.size_bytes);
        if (persist->payload.size_bytes > 0)
            continue;
        buf_fini(&disk->items[k].key);
        buf_fini(&disk->items[k].payload);
        disk->items[k] = disk->items[--disk->count];
    }
}

static struct store *restart(const struct disk *disk, struct store_config config, struct prng *prng)
{
    struct store *store = make_store_with(config);
    size_t order[4096];
    for (size_t i = 0; i < disk->count; i++)
        order[i] = i;
    shuffle(prng, order, disk->count);
    struct wire_arena arena;
    wire_arena_init(&arena, 0);
    for (size_t i = 0; i < disk->count; i++) {
        const struct buf *payload = &disk->items[order[i]].payload;
        struct bytes in = {payload->data, payload->size_bytes};
        struct wire_message message;
        struct store_change change;
        if (disk->items[order[i]].table == EFFECT_TABLE_CLAIM) {
            message.type = WIRE_MESSAGE_CLAIM;
            ck_assert_int_eq(wire_claim_decode(in, &arena, &message.as.claim), WIRE_OK);
        } else {
            message.type = WIRE_MESSAGE_OBJECT;
            ck_assert_int_eq(wire_object_decode(in, &arena, &message.as.object), WIRE_OK);
        }
        store_apply(store, at_ms(0), STORE_DISK, &message, &change);
        store_validate(store);
    }
    wire_arena_fini(&arena);
    return store;
}

static void disk_fini(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        buf_fini(&disk->items[i].key);
        buf_fini(&disk->items[i].payload);
    }
}

static void check_one_face_a_key(const struct disk *disk, const struct store *store)
{
    for (size_t i = 0; i < disk->count; i++) {
        if (disk->items[i].table != EFFECT_TABLE_OBJECT)
            continue;
        struct wire_arena arena;
        struct wire_object object;
        wire_arena_init(&arena, 0);
        struct bytes payload = {disk->items[i].payload.data, disk->items[i].payload.size_bytes};
        ck_assert_int_eq(wire_object_decode(payload, &arena, &object), WIRE_OK);
        const struct store_object *current = store_object(store, buf_text(&disk->items[i].key));
        ck_assert_int_eq(current == NULL, object.deleted);
        if (current != NULL)
            ck_assert_uint_eq(current->version.hlc, object.version.hlc);
        wire_arena_fini(&arena);
    }
}

static void random_change(struct store *store, struct prng *prng, uint64_t ms,
                          struct store_change *change)
{
    static const char *const keys[] = {"a", "b", "c"};
    const char *key = keys[prng_below(prng, 3)];
    struct error error = ERROR_INIT;
    uint8_t uid = (uint8_t)prng_between(prng, 1, 250);
    *change = (struct store_change){.persists_count = 0};
    if (prng_chance_ppm(prng, 500000)) {
        struct store_request request = {
            .verb = prng_chance_ppm(prng, 300000) ? STORE_DELETE : STORE_APPLY,
            .key = key,
            .body = body(prng_chance_ppm(prng, 500000) ? "{}" : "{\"a\":1}")};
        fill_uid(request.new_uid, uid);
        if (request.verb == STORE_DELETE)
            request.body.size_bytes = 0;
        if (store_write(store, at_ms(ms), &request, change, &error) != 0)
            *change = (struct store_change){.persists_count = 0};
        return;
    }
    uint64_t written_ms = prng_between(prng, 1, ms), parent_ms = prng_below(prng, written_ms);
    uid = (uint8_t)prng_between(prng, 1, 4);
    struct wire_object object =
        prng_chance_ppm(prng, 200000)
            ? make_tombstone(key, written_ms, prng_between(prng, 2, 4), parent_ms, uid)
            : make_object(key, written_ms, prng_between(prng, 2, 4), parent_ms, uid, "{}");
    store_put_object(store, at_ms(ms), &object, STORE_REMOTE, change);
}

/* At any moment, a restart from what was written, in any order, gives the same state; and nothing
 * is left on the disk that the store let go. Mutation: leave a delete out of persist.c, or let
 * persist_end not demote the former face. */
START_TEST(a_restart_gives_the_same_state)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i + 100);
    struct store_config config = {.node = 1, .history_max = 3, .tombstones_max = 4};
    struct store *store = make_store_with(config);
    static struct disk disk;
    disk.count = 0;
    uint64_t ms = 1;
    for (int step = 0; step < 400; step++) {
        struct store_change change;
        ms += prng_chance_ppm(&prng, 20000) ? 20 * HOUR_MS : prng_between(&prng, 1, 50);
        random_change(store, &prng, ms, &change);
        store_validate(store);
        disk_write(&disk, &change);
        if (step % 20 != 0)
            continue;
        struct store_stats stats;
        store_stats(store, &stats);
        ck_assert_uint_eq(disk.count, stats.versions);
        check_one_face_a_key(&disk, store);
        struct store *again = restart(&disk, config, &prng);
        char *before = dump_state(store), *after = dump_state(again);
        /* The clock may have seen versions that were not kept; all else is equal. */
        *strstr(before, "hlc") = *strstr(after, "hlc") = 0;
        ck_assert_str_eq(before, after);
        free(before);
        free(after);
        store_free(again);
    }
    disk_fini(&disk);
    store_free(store);
}
END_TEST

/* The last that is known of a name goes: so does its place on the disk. */
START_TEST(a_dropped_tombstone_leaves_the_disk)
{
    struct store *store = make_store_with((struct store_config){.node = 1, .tombstones_max = 1});
    struct store_change change;
    for (uint64_t i = 0; i < 2; i++) {
        struct wire_object gone = make_tombstone(i == 0 ? "a" : "b", 10 + i, 3, 5, 1);
        store_put_object(store, at_ms(0), &gone, STORE_REMOTE, &change);
        ck_assert_uint_eq(change.persists_count, 1);
    }
    struct wire_object later = make_object("c", 25 * HOUR_MS, 3, 0, 1, "{}");
    store_put_object(store, at_ms(25 * HOUR_MS), &later, STORE_REMOTE, &change);
    ck_assert_uint_eq(change.persists_count, 2);
    ck_assert_int_eq(change.persists[0].table, EFFECT_TABLE_OBJECT);
    ck_assert_mem_eq(change.persists[0].key.data, "a", 1);
    ck_assert_uint_eq(change.persists[0].payload.size_bytes, 0);
    ck_assert_mem_eq(change.persists[1].key.data, "c", 1);
    store_validate(store);
    store_free(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/write");
    TCase *tcase = tcase_create("write");
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, create_replace_apply_delete);
    tcase_add_test(tcase, a_write_that_changes_nothing_keeps_the_version);
    tcase_add_test(tcase, refusals);
    tcase_add_test(tcase, a_dry_run_writes_nothing);
    tcase_add_test(tcase, versions_handed_out_can_be_written);
    tcase_add_test(tcase, a_dropped_tombstone_leaves_the_disk);
    tcase_add_loop_test(tcase, a_restart_gives_the_same_state, 0, 20);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
