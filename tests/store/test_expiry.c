/* proto/state.md 5.4: what expires at one peer is no news at any other. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"

#define PEERS_COUNT 4

struct world {
    struct prng prng;
    struct store *peers[PEERS_COUNT];
    uint64_t boot_ms[PEERS_COUNT]; /* each clock began some other time */
    uint64_t ms;
};

static struct instant now_at(const struct world *world, size_t peer)
{
    struct instant now = at_ms(world->ms);
    now.boot_ms += world->boot_ms[peer];
    return now;
}

static void gossip(struct world *world, size_t from, const struct store_change *change)
{
    struct buf bytes = BUF_INIT;
    struct wire_arena arena;
    struct wire_message message;
    size_t consumed_bytes = 0;
    if (!change->spread)
        return;
    wire_arena_init(&arena, 0);
    store_put_record(world->peers[from], change, &bytes);
    ck_assert_int_eq(wire_message_decode((struct bytes){bytes.data, bytes.size_bytes}, &arena,
                                         &message, &consumed_bytes),
                     WIRE_OK);
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        struct store_change ignored;
        if (i != from && prng_chance_ppm(&world->prng, 500000))
            store_apply(world->peers[i], now_at(world, i), STORE_REMOTE, &message, &ignored);
    }
    wire_arena_fini(&arena);
    buf_fini(&bytes);
}

static void do_something(struct world *world)
{
    size_t peer = prng_below(&world->prng, PEERS_COUNT);
    struct store_change change = {.spread = false};
    struct store *store = world->peers[peer];
    uint8_t pod = (uint8_t)prng_below(&world->prng, 20);
    switch (prng_below(&world->prng, 3)) {
    case 0: {
        struct wire_claim claim = make_claim(0, 0, 0, pod, 9, pod);
        claim.pod_uid[0] = (uint8_t)(10 * peer);
        if (prng_chance_ppm(&world->prng, 500000))
            claim.state = WIRE_CLAIM_STATE_RELEASED;
        store_write_claim(store, now_at(world, peer), &claim, &change);
        break;
    }
    case 1: {
        struct wire_decline decline =
            make_decline(0, 0, 0, 9, pod, (uint32_t)prng_below(&world->prng, 60000));
        store_write_decline(store, now_at(world, peer), &decline, &change);
        break;
    }
    default: {
        struct error error = ERROR_INIT;
        struct store_request request = {.verb = prng_chance_ppm(&world->prng, 400000) ? STORE_DELETE
                                                                                      : STORE_APPLY,
                                        .key = pod % 2 == 0 ? "a" : "b",
                                        .body = {(const uint8_t *)"{\"a\":10}", 5 + pod % 2}};
        uint64_t uid = prng_next(&world->prng);
        memcpy(request.new_uid, &uid, sizeof(uid));
        if (store_write(store, now_at(world, peer), &request, &change, &error) != 0)
            change.spread = false;
    }
    }
    gossip(world, peer, &change);
}

static uint64_t news(const struct world *world)
{
    uint64_t count = 0;
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        struct store_stats stats;
        store_stats(world->peers[i], &stats);
        count += stats.verdicts[STORE_NEW] + stats.verdicts[STORE_REPLACED] +
                 stats.verdicts[STORE_CONFLICT_LOST];
    }
    return count;
}

/* For ten minutes of quiet, through the expiry of everything that expires, nothing is news to
 * anybody and no digest moves. Mutations that fail: ghosts in the digest; declines in the digest;
 * summaries that list ghosts. */
START_TEST(expiry_is_nobody_elses_business)
{
    struct world world = {.ms = 0};
    prng_seed(&world.prng, (uint64_t)_i);
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        world.peers[i] = make_store(i + 1);
        world.boot_ms[i] = prng_below(&world.prng, 1000000);
    }
    uint64_t root = 0, news_count = 0;
    for (; world.ms < 700000; world.ms += 1000) {
        if (world.ms < 60000)
            for (int i = 0; i < 5; i++)
                do_something(&world);
        size_t from = prng_below(&world.prng, PEERS_COUNT),
               to = prng_below(&world.prng, PEERS_COUNT);
        if (from != to)
            exchange_at(world.peers[from], now_at(&world, from), world.peers[to],
                        now_at(&world, to), NULL);
        for (size_t i = 0; i < PEERS_COUNT; i++)
            store_tick(world.peers[i], now_at(&world, i));
        if (world.ms == 90000) {
            root = store_digest(world.peers[0], NULL);
            news_count = news(&world);
        }
        for (size_t i = 0; world.ms >= 90000 && i < PEERS_COUNT; i++)
            ck_assert_uint_eq(store_digest(world.peers[i], NULL), root);
        ck_assert(world.ms < 90000 || news(&world) == news_count);
    }
    for (size_t i = 0; i < PEERS_COUNT; i++) {
        struct store_stats stats;
        store_validate(world.peers[i]);
        ck_assert_uint_eq(store_deadline(world.peers[i]), BOOT_MS_NEVER); /* all of it did expire */
        store_stats(world.peers[i], &stats);
        ck_assert_uint_eq(stats.claims_released + stats.declines, 0);
        store_free(world.peers[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/expiry");
    TCase *tcase = tcase_create("expiry");
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, expiry_is_nobody_elses_business, 0, 20);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
