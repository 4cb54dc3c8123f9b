/* proto/placement.md 3, 4, 6: first placement, healing, which claim stays. */
#include <stdlib.h>
#include <string.h>

#include "control_internal.h"
#include "world.h"

static struct world world;

static void setup(void)
{
    world_init(&world, 4);
}
static void teardown(void)
{
    world_fini(&world);
}

START_TEST(offers_fill_every_slot_once)
{
    world_apply(&world, 0, &(struct world_spec){.replicas = 12, .image = 1});
    world_watch(&world);
    world_run(&world, 200);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 12);
    ck_assert_uint_eq(world.pods_started, 12);
    ck_assert_uint_eq(world.pods_max, 12);
}
END_TEST

START_TEST(a_second_look_starts_nothing)
{
    const struct world_spec spec = {.replicas = 12, .image = 1};
    world_apply(&world, 0, &spec);
    world_run(&world, 500);
    world_apply(&world, 2, &spec);
    world_run(&world, 20000);
    ck_assert_uint_eq(world.pods_started, 12);
}
END_TEST

static void ask_why(size_t node, uint32_t ordinal, char *ret_why, size_t why_bytes_max)
{
    struct control_view view = {
        .now = {.boot_ms = 1000 + world.now_ms, .wall_ms = UINT64_C(1748736000000) + world.now_ms},
        .store = world.nodes[node].store,
        .members = world.nodes[node].members,
        .members_count = world.nodes[node].members_count,
        .disk_late_boot_ms = BOOT_MS_NEVER,
        .may_heal = true};
    (void)control_why(world.nodes[node].control, &view, world.workload_uid, ordinal, ret_why,
                      why_bytes_max);
}

START_TEST(the_ledger_is_the_limit_and_the_rest_waits)
{
    char why[256];
    world_apply(&world, 0, &(struct world_spec){.replicas = 6, .image = 1, .cpu = "3"});
    world_run(&world, 15000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(world_allocated(&world, i).cpu_milli, 3000);
    /* Every peer can say why. */
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < 6; i++) {
        ask_why(3, i, why, sizeof(why));
        waiting += strstr(why, "not enough cpu") != NULL;
    }
    ck_assert_uint_eq(waiting, 2);
    /* Room for one comes free: it is taken within the time that a decline stands. */
    world_apply(&world, 0, &(struct world_spec){.replicas = 5, .image = 1, .cpu = "3"});
    world_kill(&world, 3);
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 3);
    world_restart(&world, 3, false, NULL);
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 4);
}
END_TEST

/* Nodes that declined are asked again when their declines are over, however often something else
 * makes one look before. Seen to fail when each look puts that off by the span of a decline. */
START_TEST(who_declined_is_asked_again_however_often_one_looks)
{
    char why[256];
    uint32_t waiting = 0, unanswered = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 5, .image = 1, .cpu = "3"});
    world_run(&world, 12000); /* the write proposes no more */
    for (uint32_t look = 0; look < 12; look++) {
        world_run(&world, 5000);
        for (size_t i = 0; i < 4; i++)
            control_claims_changed(world.nodes[i].control, world.workload_uid, 1000 + world.now_ms);
        for (uint32_t i = 0; i < 5; i++) {
            ask_why(3, i, why, sizeof(why));
            waiting += strstr(why, "4: not enough cpu") != NULL;
            unanswered += strstr(why, "has not answered yet") != NULL;
        }
    }
    ck_assert_msg(unanswered == 0 && waiting == 12, "%u, %u: %s", unanswered, waiting, why);
}
END_TEST

START_TEST(a_death_moves_only_its_own_slots)
{
    world_apply(&world, 0, &(struct world_spec){.replicas = 12, .image = 1});
    world_run(&world, 500);
    uint32_t lost = world_count(&world, 1, 2).pods;
    uint32_t before = world.pods_started;
    ck_assert_uint_gt(lost, 0);
    world_kill(&world, 2);
    world_run(&world, 2000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 12);
    ck_assert_uint_eq(world.pods_started, before + lost);
}
END_TEST

/* Members come and go, are suspected and refute: with thousands of workloads it must not cost a
 * look at each. */
START_TEST(what_has_all_its_pods_is_not_looked_at_for_each_member)
{
    struct control *control = world.nodes[0].control;
    world_apply(&world, 0, &(struct world_spec){.replicas = 6, .image = 1});
    world_run(&world, 12000); /* longer than the write proposes */
    const boot_ms_t now_boot_ms = 1;
    ck_assert_uint_eq(control_deadline(control), BOOT_MS_NEVER);
    control_members_changed(control, now_boot_ms);
    ck_assert_uint_eq(control_deadline(control), BOOT_MS_NEVER);
    /* One that waits for a place is. */
    world_apply(&world, 0, &(struct world_spec){.replicas = 6, .image = 2, .cpu = "100"});
    world_run(&world, 1000);
    control_members_changed(control, now_boot_ms);
    ck_assert_uint_eq(control_deadline(control), now_boot_ms + 50);
}
END_TEST

static bool spec_is_there(size_t node)
{
    const struct control_workload *workload =
        workload_find(world.nodes[node].control, world.workload_uid);
    return workload->spec != NULL;
}

/* Thousands of workloads rest at a time; their decoded specs would be a megabyte. Seen to fail when
 * specs are never let go, and when version_current() or workload_refresh() does not decode again.
 */
START_TEST(few_specs_are_in_memory_and_what_has_none_goes_on_as_if_it_had)
{
    const uint32_t crowd = SPECS_RESTING_MAX;
    world_apply(&world, 0, &(struct world_spec){.replicas = 12, .image = 1});
    world_run(&world, 12000); /* longer than the write proposes */
    world_crowd(&world, 0, crowd - 1, 0);
    world_run(&world, 1000);
    ck_assert(spec_is_there(1));
    world_crowd(&world, 0, crowd, 0);
    world_run(&world, 1000);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(!spec_is_there(i));
        ck_assert_uint_eq(world.nodes[i].control->resting_count, SPECS_RESTING_MAX);
    }
    /* Why a slot waits takes a spec. */
    char why[256];
    ask_why(1, 12, why, sizeof(why));
    ck_assert_msg(strstr(why, "has not answered yet") != NULL, "%s", why);
    /* Its pods heal and change as before. */
    world_kill(&world, 2);
    world_run(&world, 3000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 12);
    ck_assert(spec_is_there(1));
    world_crowd(&world, 0, crowd, 0);
    world_run(&world, 1000);
    ck_assert(!spec_is_there(1));
    world_apply(&world, 0, &(struct world_spec){.replicas = 14, .image = 2});
    world_run(&world, 30000);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 14);
}
END_TEST

/* When machines without processor to spare are taken for dead, thousands of workloads wait, and are
 * looked at at each death. Seen to fail when specs of all but SPECS_RESTING_MAX go. */
START_TEST(what_waits_keeps_its_spec_however_many_wait)
{
    const uint32_t crowd = SPECS_RESTING_MAX + 50;
    world_crowd(&world, 0, crowd, 1);
    world_run(&world, 1000);
    uint32_t with_spec = 0;
    for (uint32_t i = 1; i <= crowd; i++)
        with_spec += world_crowd_workload(&world, 1, i)->spec != NULL;
    ck_assert_uint_eq(with_spec, crowd);
    ck_assert_uint_eq(world.nodes[1].control->resting_count, 0);
    /* Nothing is left to do: all rest. */
    world_crowd(&world, 0, crowd, 0);
    world_run(&world, 1000);
    ck_assert_uint_eq(world.nodes[1].control->resting_count, SPECS_RESTING_MAX);
}
END_TEST

START_TEST(scaling_down_stops_the_last_ordinals)
{
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 8, .image = 1});
    world_run(&world, 500);
    world_apply(&world, 1, &(struct world_spec){.replicas = 3, .image = 1});
    world_run(&world, 500);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 3);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_int_eq(world_claim_of_slot(&world, 2, i, &holder) != NULL, i < 3);
}
END_TEST

START_TEST(a_pod_that_ended_is_replaced)
{
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 3, .image = 1});
    world_run(&world, 500);
    const struct wire_claim *claim = world_claim_of_slot(&world, 0, 1, &holder);
    ck_assert_ptr_nonnull(claim);
    world_pod_lost(&world, holder, claim->pod_uid);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 2);
    world_run(&world, 15000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 3);
    ck_assert_uint_eq(world.pods_started, 4);
}
END_TEST

/* Two sides of a partition healed the same slots: after the merge one pod a slot is left, and no
 * slot was without a Ready pod meanwhile. */
START_TEST(surplus_yields_to_a_ready_winner)
{
    world_apply(&world, 0, &(struct world_spec){.replicas = 8, .image = 1});
    world_run(&world, 500);
    world.lost_news[3] = true; /* node 4 hears nothing and is thought dead */
    for (size_t i = 0; i < 3; i++) {
        store_set_node_void(world.nodes[i].store, 4, 1);
        control_holder_changed(world.nodes[i].control, world.nodes[i].store, 4,
                               1000 + world.now_ms);
        control_members_changed(world.nodes[i].control, 1000 + world.now_ms);
    }
    world_run(&world, 3000);
    uint32_t extra = world_count(&world, 1, 3).pods;
    ck_assert_uint_gt(extra, 0);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 8 + extra);
    world.lost_news[3] = false;
    for (size_t i = 0; i < 3; i++) {
        store_set_node_void(world.nodes[i].store, 4, 0);
        control_claims_changed(world.nodes[i].control, world.workload_uid, 1000 + world.now_ms);
    }
    world_watch(&world);
    world_run(&world, 2000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 8);
    ck_assert_uint_eq(world.ready_min, 8);
}
END_TEST

/* What the holder's heirs hold, once it is dead: the index of the first that has a pod. */
static size_t first_heir(void)
{
    size_t heir = SIZE_MAX;
    while (heir == SIZE_MAX) {
        world_run(&world, 1);
        for (size_t i = 0; i < world.nodes_count; i++)
            if (world.nodes[i].on && world_count(&world, 1, i).pods > 0)
                heir = i;
    }
    return heir;
}

/* The second heir's disk takes its time, it has not heard of the first, and its clock is behind, so
 * that its claim seems to be the older one. It hears before it starts. Mutation: a claim that has
 * started is no better (held_better); then a second pod starts and the first is stopped. */
START_TEST(what_runs_does_not_give_way_to_what_does_not)
{
    size_t holder = 0;
    world.broken[1] = true; /* none is Ready, which would decide it */
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    for (size_t i = 0; i < world.nodes_count; i++)
        world.lost_news[i] = true;
    world_kill(&world, holder);
    size_t first = first_heir();
    for (size_t i = 0; i < world.nodes_count; i++) {
        world.disk_stuck[i] = i != first;
        world.nodes[i].behind_ms = i != first ? 10000 : 0;
    }
    world_run(&world, 700); /* all heirs have had their turn */
    for (size_t i = 0; i < world.nodes_count; i++)
        world.lost_news[i] = false;
    world_run(&world, 50);
    for (size_t i = 0; i < world.nodes_count; i++)
        world.disk_stuck[i] = false;
    world_run(&world, 2000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 1);
    ck_assert_uint_eq(world_count(&world, 1, first).pods, 1);
    ck_assert_uint_eq(world.pods_started, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control: placement");
    TCase *tcase = tcase_create("placement");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, offers_fill_every_slot_once);
    tcase_add_test(tcase, a_second_look_starts_nothing);
    tcase_add_test(tcase, the_ledger_is_the_limit_and_the_rest_waits);
    tcase_add_test(tcase, who_declined_is_asked_again_however_often_one_looks);
    tcase_add_test(tcase, a_death_moves_only_its_own_slots);
    tcase_add_test(tcase, what_has_all_its_pods_is_not_looked_at_for_each_member);
    tcase_add_test(tcase, what_waits_keeps_its_spec_however_many_wait);
    tcase_add_test(tcase, few_specs_are_in_memory_and_what_has_none_goes_on_as_if_it_had);
    tcase_add_test(tcase, scaling_down_stops_the_last_ordinals);
    tcase_add_test(tcase, a_pod_that_ended_is_replaced);
    tcase_add_test(tcase, surplus_yields_to_a_ready_winner);
    tcase_add_test(tcase, what_runs_does_not_give_way_to_what_does_not);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
