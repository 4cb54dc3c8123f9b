/* docs/adr/0023: a pod starts when its claim is on the disk; one that takes nothing stops new pods,
 * not those that run. */
#include <stdlib.h>

#include "world.h"

#define UNAVAILABLE_1 "{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1}}"

static struct world world;

static void setup(void)
{
    world_init(&world, 4);
}
static void teardown(void)
{
    world_fini(&world);
}

static void apply(uint32_t replicas, int image)
{
    world_apply(
        &world, 0,
        &(struct world_spec){.replicas = replicas, .image = image, .strategy = UNAVAILABLE_1});
}

static void all_disks(bool stuck)
{
    for (size_t i = 0; i < 4; i++)
        world.disk_stuck[i] = stuck;
}

/* The claim tells the others that the slot is taken; the pod waits for the commit, and no longer.
 */
START_TEST(a_pod_starts_when_its_claim_is_on_the_disk)
{
    size_t holder = 0;
    all_disks(true);
    apply(8, 1);
    world_run(&world, 500);
    ck_assert_uint_eq(world.pods_started, 0);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_ptr_nonnull(world_claim_of_slot(&world, 3, i, &holder));
    all_disks(false);
    world_run(&world, WORLD_DISK_MS + 2);
    ck_assert_uint_eq(world.pods_started, 8);
}
END_TEST

START_TEST(slots_do_not_wait_for_a_stuck_disk)
{
    apply(8, 1);
    world_run(&world, 500);
    uint32_t before = world_count(&world, 1, 2).pods;
    ck_assert_uint_gt(before, 0);
    world.disk_stuck[2] = true;
    world_watch(&world);
    apply(24, 1);
    world_run(&world, 10000);
    ck_assert_uint_eq(world.ready_min, 8);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 24);
    ck_assert_uint_eq(world_count(&world, 1, 2).ready, before);
}
END_TEST

/* What holds a pod may stop it, so those behind it wait, as for a holder that is not heard. */
START_TEST(a_rollout_waits_for_a_stuck_disk_without_loss)
{
    apply(8, 1);
    world_run(&world, 500);
    world.disk_stuck[2] = true;
    world_watch(&world);
    apply(8, 2);
    world_run(&world, 20000);
    ck_assert_uint_ge(world.ready_min, 7);
    ck_assert_uint_gt(world_count(&world, 1, 2).ready, 0);
    world.disk_stuck[2] = false;
    world_run(&world, 5000);
    ck_assert_uint_ge(world.ready_min, 7);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).ready, 8);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 0);
}
END_TEST

/* With every disk stuck nothing new starts and nothing ends; it goes on at once when they work. */
START_TEST(what_was_declined_for_the_disk_is_taken_at_once_when_it_works)
{
    apply(4, 1);
    world_run(&world, 500);
    all_disks(true);
    world_watch(&world);
    apply(8, 1);
    world_run(&world, 30000);
    ck_assert_uint_eq(world.ready_min, 4);
    ck_assert_uint_eq(world.pods_started, 4);
    all_disks(false);
    world_run(&world, 2500);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 8);
}
END_TEST

/* Others took what it declined, and die before its declines are over: they were for the disk, which
 * works again. Found by the simulator. Mutation: is_outdated() in chains.c is false. */
START_TEST(what_was_declined_for_the_disk_is_healed_at_once_when_it_works)
{
    for (size_t i = 1; i < 4; i++)
        world_kill(&world, i);
    world_restart(&world, 1, false, NULL);
    world_run(&world, 100);
    world.disk_stuck[0] = true;
    apply(1, 1); /* so that the disk has something to take, and is seen to be stuck */
    world_run(&world, 2 * WORLD_DISK_LATE_MS);
    apply(8, 1);
    world_run(&world, 3000);
    ck_assert_uint_eq(world_count(&world, 1, 1).ready, 8);
    world.disk_stuck[0] = false;
    world_run(&world, 100);
    world_kill(&world, 1);
    world_run(&world, 2500);
    ck_assert_uint_eq(world_count(&world, 1, 0).ready, 8);
}
END_TEST

START_TEST(scaling_down_and_stopping_need_no_disk)
{
    apply(8, 1);
    world_run(&world, 500);
    all_disks(true);
    apply(3, 1);
    world_run(&world, 500);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).pods, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control: durable");
    TCase *tcase = tcase_create("durable");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_pod_starts_when_its_claim_is_on_the_disk);
    tcase_add_test(tcase, slots_do_not_wait_for_a_stuck_disk);
    tcase_add_test(tcase, a_rollout_waits_for_a_stuck_disk_without_loss);
    tcase_add_test(tcase, what_was_declined_for_the_disk_is_taken_at_once_when_it_works);
    tcase_add_test(tcase, what_was_declined_for_the_disk_is_healed_at_once_when_it_works);
    tcase_add_test(tcase, scaling_down_and_stopping_need_no_disk);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
