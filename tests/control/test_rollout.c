/* proto/placement.md 5: rolling updates of holders that only look at the same list. */
#include <stdlib.h>

#include "world.h"

#define SURGE_1       "{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0}}"
#define UNAVAILABLE_1 "{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1}}"
#define UNAVAILABLE_2 "{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":2}}"
#define SURGE_2       "{\"rollingUpdate\":{\"maxSurge\":2,\"maxUnavailable\":1}}"
#define BOTH_2        "{\"rollingUpdate\":{\"maxSurge\":2,\"maxUnavailable\":2}}"

static struct world world;

static void setup(void)
{
    world_init(&world, 4);
}
static void teardown(void)
{
    world_fini(&world);
}

static void apply(int image, const char *strategy)
{
    world_apply(&world, (size_t)image % 4,
                &(struct world_spec){.replicas = 10, .image = image, .strategy = strategy});
}

static void given_ten_ready(const char *strategy)
{
    apply(1, strategy);
    world_run(&world, 1000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 10);
    world_watch(&world);
}

static const struct {
    const char *strategy;
    uint32_t ready_min, pods_max;
} limits[] = {
    {SURGE_1, 10, 11}, {UNAVAILABLE_1, 9, 10}, {UNAVAILABLE_2, 8, 10},
    {BOTH_2, 8, 12},   {NULL, 8, 13}, /* 25% of each, the surge rounded up */
};

START_TEST(stays_within_surge_and_unavailable)
{
    given_ten_ready(limits[_i].strategy);
    apply(2, limits[_i].strategy);
    world_run(&world, 8000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
    ck_assert_uint_ge(world.ready_min, limits[_i].ready_min);
    ck_assert_uint_le(world.pods_max, limits[_i].pods_max);
}
END_TEST

/* Two of them never fit on one node. Without offer_elsewhere() the rollout stands still. */
START_TEST(without_room_beside_the_new_pod_starts_elsewhere)
{
    for (int image = 1; image <= 2; image++) {
        world_apply(&world, 0,
                    &(struct world_spec){
                        .replicas = 3, .image = image, .cpu = "2500m", .strategy = SURGE_1});
        world_run(&world, image == 1 ? 1000 : 60000);
        ck_assert_uint_eq(world_count(&world, image, SIZE_MAX).ready, 3);
        world_watch(&world);
    }
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
    ck_assert_uint_eq(world.ready_min, 3);
}
END_TEST

/* The new pod is on another node than the old one, whose holder has not heard that it is Ready: a
 * slot with two pods takes a place of the surge, done or not. Found by the simulator. Mutation: in
 * rollout_advance(), a slot that is done takes none. */
START_TEST(the_next_slot_waits_for_the_old_pod_elsewhere)
{
    struct world_spec spec = {.replicas = 3, .image = 1, .cpu = "2500m", .strategy = SURGE_1};
    size_t holder = 0;
    world_fini(&world);
    world_init(&world, 6); /* room for the new pods of two slots */
    world_apply(&world, 0, &spec);
    world_run(&world, 1000);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    world_watch(&world);
    spec.image = 2;
    world_apply(&world, 0, &spec);
    for (int i = 0; i < 10000 && world_count(&world, 2, SIZE_MAX).pods == 0; i++)
        world_run(&world, 1);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 1);
    ck_assert_uint_eq(world_count(&world, 2, holder).pods, 0);
    world.lost_news[holder] = true;
    world_run(&world, 5000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 1);
    ck_assert_uint_eq(world_count(&world, 1, holder).pods, 1);
    ck_assert_uint_eq(world.pods_max, 4);
    world.lost_news[holder] = false;
    world_run(&world, 60000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 3);
    ck_assert_uint_eq(world.pods_max, 4);
}
END_TEST

/* Its other pods go, so that there is room beside the old pod after all, before news comes of the
 * one that was made elsewhere. Found by the simulator. Mutation: rollout_advance() does not ask
 * offer_is_out(). */
START_TEST(room_that_comes_while_an_offer_is_out_makes_no_second_pod)
{
    struct world_spec spec = {.replicas = 11, .image = 1, .cpu = "1300m", .strategy = SURGE_1};
    size_t holder = 0;
    world_apply(&world, 0, &spec);
    world_run(&world, 1000);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    ck_assert_uint_eq(world_count(&world, 1, holder).pods, 3);
    world.lost_news[holder] = true;
    spec.image = 2;
    spec.replicas = 1;
    world_apply(&world, holder, &spec);
    world_run(&world, 250);
    ck_assert_uint_eq(world_count(&world, 1, holder).pods, 1);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 1);
    ck_assert_uint_eq(world_count(&world, 2, holder).pods, 0);
    world.lost_news[holder] = false;
    world_run(&world, 5000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 1);
    ck_assert_uint_eq(world_count(&world, -1, SIZE_MAX).pods, 1);
}
END_TEST

static bool is_end(const struct world *unused, size_t to, const struct wire_message *message)
{
    (void)unused, (void)to;
    return message->type == WIRE_MESSAGE_CLAIM &&
           (message->as.claim.state == WIRE_CLAIM_STATE_STOPPING ||
            message->as.claim.state == WIRE_CLAIM_STATE_RELEASED);
}

/* Each claim is a record of its own, and the one of the old pod's end may be the one that is lost.
 * Found by reading. Mutation: forget_stopped() does nothing. */
START_TEST(a_pod_that_was_stopped_for_the_new_one_is_missing_without_news_of_its_end)
{
    given_ten_ready(UNAVAILABLE_2);
    world.is_lost = is_end;
    apply(2, UNAVAILABLE_2);
    world_run(&world, 8000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
    ck_assert_uint_ge(world.ready_min, 8);
}
END_TEST

static bool is_of_later_slots_elsewhere(const struct world *unused, size_t to,
                                        const struct wire_message *message)
{
    (void)unused;
    return to == world.judged && message->type == WIRE_MESSAGE_CLAIM &&
           message->as.claim.slot.ordinal >= 1;
}

/* A pod of image 2 on a node that had none of image 1. */
static struct world_pod *pod_beside_none(void)
{
    for (size_t i = 0; i < world.nodes_count; i++)
        if (world_count(&world, 1, i).pods == 0 && world_count(&world, 2, i).pods > 0)
            for (size_t k = 0; k < WORLD_PODS_MAX; k++)
                if (world.nodes[i].pods[k].there && world.nodes[i].pods[k].image == 2)
                    return &world.nodes[i].pods[k];
    return NULL;
}

/* The first slot's pod is replaced in its place, the second one's elsewhere; the second holder does
 * not hear of that, so its old pod stops once the first slot is done. The third holder, of whom it
 * does not hear either, may not do so at the same moment, though it knows of the new pod. Found by
 * the simulator (8 nodes, seed 60106). Mutations: in rollout_advance(), serving_before does not
 * count a slot with a current pod; offer_is_out() is not asked. */
START_TEST(an_old_pod_whose_holder_may_not_know_of_the_new_one_may_stop_just_now)
{
    struct world_spec spec = {.replicas = 3, .image = 1, .cpu = "2500m", .strategy = SURGE_2};
    world_fini(&world);
    world_init(&world, 6);
    world_apply(&world, 0, &spec);
    world_run(&world, 1000);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 1, &world.judged));
    world_watch(&world);
    world.is_lost = is_of_later_slots_elsewhere;
    spec.image = 2;
    world_apply(&world, 0, &spec);
    struct world_pod *elsewhere = NULL;
    for (int i = 0; i < 100 && elsewhere == NULL; i++) {
        world_run(&world, 1);
        elsewhere = pod_beside_none();
    }
    ck_assert_ptr_nonnull(elsewhere);
    elsewhere->due_ms += 2000; /* slow to be Ready, as are those that come after the first */
    for (int i = 0; i < 200 && world_count(&world, 2, SIZE_MAX).ready == 0; i++)
        world_run(&world, 1);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 1);
    world.broken[2] = true;
    world_run(&world, 50);
    ck_assert_uint_eq(world_count(&world, 1, world.judged).ready, 1); /* its offer is out still */
    world_run(&world, 950);
    ck_assert_uint_eq(world_count(&world, 1, world.judged).pods, 0);
    ck_assert_uint_eq(world.ready_min, 2);
    world.broken[2] = false;
    world_run(&world, 40000);
    ck_assert_uint_eq(world.ready_min, 2);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 3);
}
END_TEST

START_TEST(without_room_anywhere_the_old_pods_serve_on)
{
    for (int image = 1; image <= 2; image++) {
        world_apply(&world, 0,
                    &(struct world_spec){
                        .replicas = 4, .image = image, .cpu = "2500m", .strategy = SURGE_1});
        world_run(&world, image == 1 ? 1000 : 40000);
        ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 4);
        world_watch(&world);
    }
    world_apply(
        &world, 0,
        &(struct world_spec){.replicas = 3, .image = 2, .cpu = "2500m", .strategy = SURGE_1});
    world_run(&world, 60000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 3);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
}
END_TEST

/* Stop-first counts a pod that is missing for another reason, wherever it stands: the slot that is
 * down is the last, and with one unavailable already none of the others may stop. */
START_TEST(counts_what_is_missing_already)
{
    size_t holder = 0;
    given_ten_ready(UNAVAILABLE_1);
    const struct wire_claim *claim = world_claim_of_slot(&world, 0, 9, &holder);
    world.broken[2] = true; /* what replaces it never becomes Ready */
    world_pod_lost(&world, holder, claim->pod_uid);
    world_watch(&world);
    apply(2, UNAVAILABLE_1);
    world_run(&world, 20000);
    ck_assert_uint_eq(world.ready_min, 9);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 9);
}
END_TEST

START_TEST(a_template_that_does_not_work_stops_the_rollout)
{
    given_ten_ready(BOTH_2);
    world.broken[2] = true;
    apply(2, BOTH_2);
    world_run(&world, 20000);
    ck_assert_uint_eq(world.ready_min, 8);
    ck_assert_uint_le(world_count(&world, 2, SIZE_MAX).pods, 4);
    /* Its undoing is a new version with the old template. */
    apply(1, BOTH_2);
    world_run(&world, 8000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 10);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 0);
    ck_assert_uint_ge(world.ready_min, 8);
}
END_TEST

/* A stuck rollout does not spread by attrition: what a dead machine ran is healed with the template
 * that it ran. */
START_TEST(healing_in_a_stuck_rollout_keeps_the_template)
{
    given_ten_ready(SURGE_1);
    world.broken[2] = true;
    apply(2, SURGE_1);
    world_run(&world, 15000);
    uint32_t lost = world_count(&world, 1, 3).pods;
    uint32_t broken = world_count(&world, 2, SIZE_MAX).pods;
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(broken, 1);
    world_kill(&world, 3);
    world_run(&world, 20000);
    ck_assert_uint_ge(world_count(&world, 1, SIZE_MAX).ready, 9);
    ck_assert_uint_le(world_count(&world, 2, SIZE_MAX).pods, 2);
    /* And when the template works in the end, it goes everywhere. */
    world.broken[2] = false;
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
}
END_TEST

/* Of the versions with the old template the newest is meant: a pod of it may have run on this node
 * before, and the generation of a slot never falls. Found by the simulator (8 nodes, seed 81212).
 * Mutation: claim_vacancy() asks version_of(). */
START_TEST(what_is_healed_with_the_old_template_is_of_its_newest_version)
{
    size_t holders[10], holder = 0;
    given_ten_ready(SURGE_1);
    const struct wire_claim *claim = world_claim_of_slot(&world, 0, 0, &holders[0]);
    ck_assert_ptr_nonnull(claim);
    uint64_t first_generation = claim->object_generation;
    uint32_t healed_count = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 11, .image = 1, .strategy = SURGE_1});
    world_run(&world, 1000);
    world.broken[2] = true;
    world_apply(&world, 0, &(struct world_spec){.replicas = 11, .image = 2, .strategy = SURGE_1});
    world_run(&world, 15000);
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, i, &holders[i]));
    world_kill(&world, 3);
    world_run(&world, 20000);
    for (uint32_t i = 0; i < 10; i++) {
        claim = world_claim_of_slot(&world, 0, i, &holder);
        if (holders[i] != 3 || claim == NULL)
            continue;
        healed_count++;
        ck_assert_uint_gt(claim->object_generation, first_generation);
    }
    ck_assert_uint_gt(healed_count, 1);
}
END_TEST

/* Old pods that serve nobody are replaced first: nothing is lost by it. */
START_TEST(what_is_broken_is_renewed_first)
{
    world.broken[1] = true;
    apply(1, UNAVAILABLE_1);
    world_run(&world, 1000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 0);
    apply(2, UNAVAILABLE_1);
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
}
END_TEST

START_TEST(paused_changes_nothing_and_heals_with_the_old)
{
    given_ten_ready(SURGE_1);
    world_apply(
        &world, 1,
        &(struct world_spec){.replicas = 10, .image = 2, .strategy = SURGE_1, .paused = true});
    world_run(&world, 12000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 10);
    world_kill(&world, 3);
    world_run(&world, 15000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 10);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 0);
}
END_TEST

START_TEST(recreate_never_mixes_templates)
{
    given_ten_ready("{\"type\":\"Recreate\"}");
    apply(2, "{\"type\":\"Recreate\"}");
    for (int i = 0; i < 8000; i++) {
        world_run(&world, 1);
        ck_assert(world_count(&world, 1, SIZE_MAX).ready == 0 ||
                  world_count(&world, 2, SIZE_MAX).pods == 0);
    }
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
}
END_TEST

/* News that reach a holder late make it wait. */
START_TEST(late_news_overshoot_nothing)
{
    given_ten_ready(limits[_i].strategy);
    apply(2, limits[_i].strategy);
    for (int i = 0; i < 400; i++) {
        world.lost_news[i % 4] = true;
        world_run(&world, 25);
        world.lost_news[i % 4] = false;
    }
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 10);
    ck_assert_uint_ge(world.ready_min, limits[_i].ready_min);
    ck_assert_uint_le(world.pods_max, limits[_i].pods_max);
}
END_TEST

/* Two clocks can show the same; the writer's id decides then, and who had the loser sees the winner
 * (found by the simulator: a holder went on with the loser's replicas for ever). */
START_TEST(of_two_writes_with_one_clock_all_follow_the_same)
{
    given_ten_ready(NULL);
    for (size_t i = 0; i < 4; i++)
        world.lost_news[i] = true;
    world_apply(&world, 0, &(struct world_spec){.replicas = 8, .image = 1});
    world_apply(&world, 3, &(struct world_spec){.replicas = 2, .image = 1});
    world_run(&world, 1000);
    for (size_t i = 0; i < 4; i++)
        world.lost_news[i] = false;
    world_run(&world, 8000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control: rollout");
    TCase *tcase = tcase_create("rollout");
    const int count = (int)(sizeof(limits) / sizeof(limits[0]));
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, stays_within_surge_and_unavailable, 0, count);
    tcase_add_test(tcase, without_room_beside_the_new_pod_starts_elsewhere);
    tcase_add_test(tcase, the_next_slot_waits_for_the_old_pod_elsewhere);
    tcase_add_test(tcase, room_that_comes_while_an_offer_is_out_makes_no_second_pod);
    tcase_add_test(tcase,
                   a_pod_that_was_stopped_for_the_new_one_is_missing_without_news_of_its_end);
    tcase_add_test(tcase, an_old_pod_whose_holder_may_not_know_of_the_new_one_may_stop_just_now);
    tcase_add_test(tcase, without_room_anywhere_the_old_pods_serve_on);
    tcase_add_loop_test(tcase, late_news_overshoot_nothing, 0, count);
    tcase_add_test(tcase, counts_what_is_missing_already);
    tcase_add_test(tcase, a_template_that_does_not_work_stops_the_rollout);
    tcase_add_test(tcase, healing_in_a_stuck_rollout_keeps_the_template);
    tcase_add_test(tcase, what_is_healed_with_the_old_template_is_of_its_newest_version);
    tcase_add_test(tcase, what_is_broken_is_renewed_first);
    tcase_add_test(tcase, paused_changes_nothing_and_heals_with_the_old);
    tcase_add_test(tcase, recreate_never_mixes_templates);
    tcase_add_test(tcase, of_two_writes_with_one_clock_all_follow_the_same);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
