/*
 * State laws (proto/state.md 3.3): the same set of records, in any order, repeated or not, gives
 * the same bytes and the same digest, and what is shown is what the rule says of the whole set.
 * Mutations that fail here: prune() left out of any of its callers; a history that keeps the first
 * versions instead of the newest; a tombstone compared by version only with edits of its own UID;
 * the digest counting a ghost.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "lib.h"

#define KEYS_COUNT 2
static const char *const keys[KEYS_COUNT] = {"a/1", "a/2"};

/* Versions that no real writer would make, small enough to collide in every way. No two have the
 * same clock and node. */
static void random_objects(struct prng *prng, struct records *records, size_t count)
{
    bool used[64][5] = {{false}};
    while (records->count < count) {
        uint64_t ms = prng_between(prng, 2, 12), node = prng_between(prng, 1, 4);
        if (used[ms][node])
            continue;
        used[ms][node] = true;
        const char *key = keys[prng_below(prng, prng_chance_ppm(prng, 800000) ? 1 : KEYS_COUNT)];
        uint64_t parent_ms = prng_below(prng, ms);
        uint8_t uid = (uint8_t)prng_between(prng, 1, 3);
        bool deleted = prng_chance_ppm(prng, 250000);
        records_push_object(records, deleted ? make_tombstone(key, ms, node, parent_ms, uid)
                                             : make_object(key, ms, node, parent_ms, uid, "{}"));
    }
}

static void random_t2(struct prng *prng, struct records *records, size_t count)
{
    bool used[4][8][40] = {{{false}}};
    while (records->count < count) {
        uint64_t node = prng_between(prng, 2, 3), generation = prng_between(prng, 5, 8);
        uint64_t seq = prng_between(prng, 1, 39);
        if (used[node][generation - 5][seq])
            continue;
        used[node][generation - 5][seq] = true;
        if (prng_chance_ppm(prng, 200000)) {
            records_push_status(records,
                                make_status(node, generation, seq, prng_chance_ppm(prng, 300000)));
        } else if (prng_chance_ppm(prng, 200000)) {
            uint32_t ordinal = (uint32_t)prng_below(prng, 2);
            records_push_decline(records, make_decline(node, generation, seq, 9, ordinal, 1000));
        } else {
            /* A pod stays in its slot, or not: the merge does not care. */
            struct wire_claim claim =
                make_claim(node, generation, seq, (uint8_t)prng_between(prng, 1, 3),
                           (uint8_t)prng_between(prng, 8, 9), (uint32_t)prng_below(prng, 2));
            if (prng_chance_ppm(prng, 300000))
                claim.state = WIRE_CLAIM_STATE_RELEASED;
            records_push_claim(records, claim);
        }
    }
}

static struct store *replay(const struct records *records, const size_t *order, size_t count)
{
    struct store *store = make_store_with((struct store_config){.node = 77, .history_max = 2});
    for (size_t i = 0; i < count; i++) {
        struct store_change change;
        store_apply(store, at_ms(0), STORE_REMOTE, &records->items[order[i]], &change);
    }
    store_validate(store);
    return store;
}

static int compare_objects(const struct wire_object *a, const struct wire_object *b)
{
    if (a->version.hlc != b->version.hlc)
        return a->version.hlc < b->version.hlc ? -1 : 1;
    return a->version.node < b->version.node ? -1 : a->version.node > b->version.node;
}

/* The rule, said over the whole set at once. */
static const struct wire_object *oracle(const struct records *records, const char *key)
{
    const struct wire_object *winner = NULL;
    for (size_t i = 0; i < records->count; i++) {
        const struct wire_object *object = &records->items[i].as.object;
        if (records->items[i].type != WIRE_MESSAGE_OBJECT || object->deleted ||
            object->key.size_bytes != strlen(key) ||
            memcmp(object->key.data, key, strlen(key)) != 0)
            continue;
        bool dead = false;
        for (size_t k = 0; k < records->count; k++) {
            const struct wire_object *other = &records->items[k].as.object;
            if (records->items[k].type != WIRE_MESSAGE_OBJECT || !other->deleted ||
                other->key.size_bytes != object->key.size_bytes ||
                memcmp(other->key.data, key, strlen(key)) != 0)
                continue;
            dead |= memcmp(other->uid, object->uid, 16) == 0 || compare_objects(other, object) > 0;
        }
        if (!dead && (winner == NULL || compare_objects(object, winner) > 0))
            winner = object;
    }
    return winner;
}

static void check_oracle(const struct store *store, const struct records *records)
{
    for (size_t k = 0; k < KEYS_COUNT; k++) {
        const struct wire_object *expected = oracle(records, keys[k]);
        const struct store_object *current = store_object(store, keys[k]);
        ck_assert_int_eq(current != NULL, expected != NULL);
        if (current == NULL)
            continue;
        ck_assert_uint_eq(current->version.hlc, expected->version.hlc);
        ck_assert_uint_eq(current->version.node, expected->version.node);
    }
}

static void check_same(const struct records *records, const size_t *order, size_t count,
                       const char *expected)
{
    struct store *store = replay(records, order, count);
    char *state = dump_state(store);
    ck_assert_str_eq(state, expected);
    check_oracle(store, records);
    free(state);
    store_free(store);
}

/* Heap's algorithm. */
static void permute(const struct records *records, size_t *order, size_t n, const char *expected)
{
    if (n <= 1) {
        check_same(records, order, records->count, expected);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        permute(records, order, n - 1, expected);
        size_t k = n % 2 == 0 ? i : 0, swap = order[k];
        order[k] = order[n - 1];
        order[n - 1] = swap;
    }
}

static char *in_order(const struct records *records, size_t *order)
{
    for (size_t i = 0; i < records->count; i++)
        order[i] = i;
    struct store *store = replay(records, order, records->count);
    char *state = dump_state(store);
    store_free(store);
    return state;
}

START_TEST(all_permutations_of_five)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i);
    for (int round = 0; round < 10; round++) {
        struct records records = {.items = NULL};
        size_t order[5];
        if (round % 3 == 0)
            random_t2(&prng, &records, 5);
        else
            random_objects(&prng, &records, 5);
        char *expected = in_order(&records, order);
        permute(&records, order, records.count, expected);
        free(expected);
        records_free(&records);
    }
}
END_TEST

START_TEST(shuffles_and_repetitions_of_many)
{
    struct prng prng;
    prng_seed(&prng, 1000 + (uint64_t)_i);
    struct records records = {.items = NULL};
    size_t order[120];
    random_objects(&prng, &records, 20);
    random_t2(&prng, &records, 60);
    char *expected = in_order(&records, order);
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < 120; i++)
            order[i] = i < 60 ? i : prng_below(&prng, 60);
        shuffle(&prng, order, 120);
        check_same(&records, order, 120, expected);
    }
    free(expected);
    records_free(&records);
}
END_TEST

/* ---- Real writers in partitions that come and go */

#define PEERS_COUNT 5

struct world {
    struct prng prng;
    struct store *peers[PEERS_COUNT];
    int64_t skew_ms[PEERS_COUNT];
    struct records written;
    struct arena memory; /* of what was written */
    uint8_t next_uid;
    uint64_t ms;
    bool deleted[256];
};

static void check_deleted(const struct world *world, const struct store *store)
{
    for (size_t k = 0; k < KEYS_COUNT; k++) {
        const struct store_object *current = store_object(store, keys[k]);
        uint8_t uid[16];
        if (current == NULL)
            continue;
        /* What this peer knows to be deleted is not shown by it, ever. */
        fill_uid(uid, current->uid[0]);
        ck_assert(!store_is_deleted(store, keys[k], uid));
        (void)world;
    }
}

static struct instant now_at(const struct world *world, size_t peer)
{
    struct instant now = at_ms(world->ms);
    now.wall_ms = (uint64_t)((int64_t)now.wall_ms + world->skew_ms[peer]);
    return now;
}

/* Writes, and keeps what was written as a message whose bytes live for ever. */
static void write_somewhere(struct world *world, struct buf *memory)
{
    size_t peer = prng_below(&world->prng, PEERS_COUNT);
    struct store_request request = {.verb = prng_chance_ppm(&world->prng, 200000) ? STORE_DELETE
                                                                                  : STORE_APPLY,
                                    .key = keys[prng_below(&world->prng, KEYS_COUNT)]};
    char text[32];
    int size = snprintf(text, sizeof(text), "{\"a\":%llu}",
                        (unsigned long long)prng_next(&world->prng) % 1000);
    if (request.verb == STORE_APPLY)
        request.body = (struct bytes){(const uint8_t *)text, (size_t)size};
    fill_uid(request.new_uid, world->next_uid);
    struct store_change change;
    struct error error = ERROR_INIT;
    if (store_write(world->peers[peer], now_at(world, peer), &request, &change, &error) != 0 ||
        change.verdict == STORE_DUPLICATE)
        return;
    ck_assert(change.verdict == STORE_NEW || change.verdict == STORE_REPLACED);
    if (change.object != NULL && change.object->uid[0] == world->next_uid && world->next_uid < 255)
        world->next_uid++;
    buf_clear(memory);
    store_put_record(world->peers[peer], &change, memory);
    /* Gossip reaches some. */
    struct wire_arena arena;
    wire_arena_init(&arena, 0);
    struct wire_message message;
    size_t consumed_bytes = 0;
    struct bytes bytes = arena_copy(&world->memory, memory->data, memory->size_bytes);
    ck_assert_int_eq(wire_message_decode(bytes, &arena, &message, &consumed_bytes), WIRE_OK);
    records_push_object(&world->written, message.as.object);
    if (message.as.object.deleted)
        world->deleted[message.as.object.uid[0]] = true;
    for (size_t i = 0; i < PEERS_COUNT; i++)
        if (i != peer && prng_chance_ppm(&world->prng, 300000))
            store_apply(world->peers[i], now_at(world, i), STORE_REMOTE, &message, &change);
    wire_arena_fini(&arena);
}

/* Mutation: winner by arrival, or dead UIDs that may come back, and the oracle differs. */
START_TEST(partitioned_writers_end_alike)
{
    struct world world = {.next_uid = 1};
    prng_seed(&world.prng, 5000 + (uint64_t)_i);
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        world.peers[i] = make_store(i + 1);
        world.skew_ms[i] = (int64_t)prng_below(&world.prng, 2000) - 1000;
    }
    struct buf memory = BUF_INIT;
    for (int step = 0; step < 60; step++) {
        world.ms += prng_below(&world.prng, 500);
        write_somewhere(&world, &memory);
        if (prng_chance_ppm(&world.prng, 100000)) {
            size_t a = prng_below(&world.prng, PEERS_COUNT),
                   b = prng_below(&world.prng, PEERS_COUNT);
            ck_assert(a == b || exchange(world.peers[a], world.peers[b], now_at(&world, a), NULL));
        }
        for (size_t i = 0; i < PEERS_COUNT; i++)
            check_deleted(&world, world.peers[i]);
    }
    /* A ring twice around brings everything everywhere. */
    for (size_t i = 0; i < (size_t)2 * PEERS_COUNT; i++)
        ck_assert(exchange(world.peers[i % PEERS_COUNT], world.peers[(i + 1) % PEERS_COUNT],
                           now_at(&world, i % PEERS_COUNT), NULL));
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        store_validate(world.peers[i]);
        ck_assert_uint_eq(store_digest(world.peers[i], NULL), store_digest(world.peers[0], NULL));
        check_oracle(world.peers[i], &world.written);
        for (size_t k = 0; k < KEYS_COUNT; k++) {
            const struct store_object *current = store_object(world.peers[i], keys[k]);
            ck_assert(current == NULL || !world.deleted[current->uid[0]]);
        }
    }
    for (size_t i = 0; i < PEERS_COUNT; i++)
        store_free(world.peers[i]);
    buf_fini(&memory);
    records_free(&world.written);
    arena_fini(&world.memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/merge");
    TCase *tcase = tcase_create("merge");
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, all_permutations_of_five, 0, 10);
    tcase_add_loop_test(tcase, shuffles_and_repetitions_of_many, 0, 15);
    tcase_add_loop_test(tcase, partitioned_writers_end_alike, 0, 30);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
