/* proto/placement.md 7: a node that comes back, in the middle of anything. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define SURGE_1 "{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0}}"

static struct world world;

static void setup(void)
{
    world_init(&world, 3);
}
static void teardown(void)
{
    world_fini(&world);
}

START_TEST(adopted_pods_are_not_started_again)
{
    world_apply(&world, 0, &(struct world_spec){.replicas = 6, .image = 1});
    world_run(&world, 500);
    world_restart(&world, 1, true, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world.pods_started, 6);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 6);
}
END_TEST

START_TEST(own_slots_are_resumed_after_a_power_cut)
{
    world_apply(&world, 0, &(struct world_spec){.replicas = 6, .image = 1});
    world_run(&world, 500);
    uint32_t own = world_count(&world, 1, 1).pods;
    world_restart(&world, 1, false, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world.pods_started, 6 + own);
    ck_assert_uint_eq(world_count(&world, 1, 1).ready, own);
}
END_TEST

/* The books say what the pod takes that runs, not what the new template would take. */
START_TEST(adoption_books_by_the_version_that_runs)
{
    size_t holder = 0;
    world_apply(&world, 0,
                &(struct world_spec){.replicas = 1, .image = 1, .cpu = "1", .strategy = SURGE_1});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    world_apply(&world, 0,
                &(struct world_spec){
                    .replicas = 1, .image = 2, .cpu = "3", .strategy = SURGE_1, .paused = true});
    world_run(&world, 100);
    world_restart(&world, holder, true, NULL);
    ck_assert_uint_eq(world_allocated(&world, holder).cpu_milli, 1000);
    world_run(&world, 15000);
    ck_assert_uint_eq(world_allocated(&world, holder).cpu_milli, 1000);
}
END_TEST

/* Its pod had ended just before: the vacant slot of a paused workload gets again what it had, and
 * only the disk knows that (docs/adr/0027). A deleted workload leaves nothing there. The simulator
 * found a slot that went back. Mutations: past_keep(), or control_remember(), does nothing;
 * pasts_forget() does nothing. */
START_TEST(what_a_slot_ran_last_is_known_after_a_restart)
{
    const struct wire_resources small = {.cpu_milli = 100, .memory_bytes = 1 << 20, .pods = 50};
    struct world_spec spec = {.replicas = 1, .image = 1, .strategy = SURGE_1};
    size_t holder = 0;
    world_restart(&world, 1, false, &small);
    world_restart(&world, 2, false, &small);
    spec.cpu = "1";
    world_apply(&world, 0, &spec);
    world_run(&world, 500);
    const struct wire_claim *claim = world_claim_of_slot(&world, 0, 0, &holder);
    ck_assert_ptr_nonnull(claim);
    ck_assert_uint_eq(holder, 0);
    spec.image = 2;
    spec.paused = true;
    world_apply(&world, 0, &spec);
    uint8_t pod_uid[16];
    memcpy(pod_uid, claim->pod_uid, sizeof(pod_uid));
    world_run(&world, 100);
    world_pod_lost(&world, 0, pod_uid);
    world_run(&world, 5); /* the world's disks have what others know of */
    ck_assert_uint_eq(world_count(&world, -1, SIZE_MAX).pods, 0);
    ck_assert_uint_gt(world.nodes[0].pasts[0].size_bytes, 0);
    world_restart(&world, 0, false, NULL);
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 1, 0).ready, 1);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 0);
    ck_assert_uint_gt(world.nodes[0].pasts[0].size_bytes, 0);
    world_delete(&world, 0);
    world_run(&world, 5000);
    ck_assert_uint_eq(world_count(&world, -1, SIZE_MAX).pods, 0);
    ck_assert_uint_eq(world.nodes[0].pasts[0].size_bytes, 0);
}
END_TEST

/* What is resumed is what was claimed: the old body under the old booking, also when the template
 * has changed meanwhile. */
START_TEST(a_resumed_claim_starts_the_version_that_it_names)
{
    size_t holder = 0;
    world_apply(&world, 0,
                &(struct world_spec){.replicas = 1, .image = 1, .cpu = "1", .strategy = SURGE_1});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    world_apply(&world, 0,
                &(struct world_spec){
                    .replicas = 1, .image = 2, .cpu = "3", .strategy = SURGE_1, .paused = true});
    world_run(&world, 100);
    world_restart(&world, holder, false, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world_count(&world, 1, holder).ready, 1);
    ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 0);
    ck_assert_uint_eq(world_allocated(&world, holder).cpu_milli, 1000);
}
END_TEST

/* A node that went down with the old pod and the new one beside it resumes only the new one. */
START_TEST(of_two_resumed_claims_of_a_slot_the_current_starts)
{
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1, .strategy = SURGE_1});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    world.broken[2] = true;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 2, .strategy = SURGE_1});
    world_run(&world, 500);
    ck_assert_uint_eq(world_count(&world, -1, holder).pods, 2);
    world.broken[2] = false;
    uint32_t started = world.pods_started;
    world_restart(&world, holder, false, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world.pods_started, started + 1);
    ck_assert_uint_eq(world_count(&world, 2, holder).ready, 1);
    ck_assert_uint_eq(world_count(&world, -1, SIZE_MAX).pods, 1);
}
END_TEST

/* Both were on the disk, and the template is a third one by now: when the newer of the two ends,
 * the older one does not start in its place (found by the simulator: the end of the older one had
 * not reached the disk). */
START_TEST(of_two_resumed_claims_of_a_slot_the_older_never_starts)
{
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1, .strategy = SURGE_1});
    world_run(&world, 500);
    world.broken[2] = true;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 2, .strategy = SURGE_1});
    world_run(&world, 500);
    world_apply(
        &world, 0,
        &(struct world_spec){.replicas = 1, .image = 3, .strategy = SURGE_1, .paused = true});
    world_run(&world, 100);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    ck_assert_uint_eq(world_count(&world, -1, holder).pods, 2);
    world_restart(&world, holder, false, NULL);
    for (int i = 0; i < 5; i++) {
        world_run(&world, 5000);
        ck_assert_uint_eq(world_count(&world, 1, holder).pods, 0);
        ck_assert_uint_eq(world_count(&world, 2, SIZE_MAX).pods, 1);
        size_t at = 0;
        const struct wire_claim *claim = world_claim_of_slot(&world, holder, 0, &at);
        ck_assert_ptr_nonnull(claim);
        world_pod_lost(&world, at, claim->pod_uid);
    }
}
END_TEST

/* A slot does not go back: while a node was away its slot went on to the new template elsewhere. */
START_TEST(a_resumed_claim_yields_to_the_current_template_elsewhere)
{
    size_t holder = 0;
    size_t heir = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1, .strategy = SURGE_1});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    world_kill(&world, holder);
    world.broken[2] = true;
    world_apply(&world, (holder + 1) % 3,
                &(struct world_spec){.replicas = 1, .image = 2, .strategy = SURGE_1});
    world_run(&world, 3000);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, (holder + 1) % 3, 0, &heir));
    ck_assert_uint_eq(world_count(&world, 2, heir).pods, 1);
    uint32_t started = world.pods_started;
    world_restart(&world, holder, false, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world.pods_started, started);
}
END_TEST

/* With its version out of every history, the slot gets the current one, and is booked for it. */
START_TEST(a_version_that_is_forgotten_is_replaced_by_the_current)
{
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1, .cpu = "1"});
    world_run(&world, 500);
    ck_assert_ptr_nonnull(world_claim_of_slot(&world, 0, 0, &holder));
    for (int image = 2; image < 20; image++) {
        world_apply(
            &world, 0,
            &(struct world_spec){.replicas = 1, .image = image, .cpu = "2", .paused = image < 19});
        world_run(&world, image < 19 ? 20 : 2);
    }
    world_restart(&world, holder, false, NULL);
    world_run(&world, 15000);
    ck_assert_uint_eq(world_count(&world, 19, SIZE_MAX).ready, 1);
    ck_assert_uint_eq(world_count(&world, -1, SIZE_MAX).pods, 1);
}
END_TEST

/* A machine that came back with less gives up what no longer fits, so that others may take it. */
START_TEST(a_claim_that_no_longer_fits_is_released)
{
    const struct wire_resources less = {
        .cpu_milli = 500, .memory_bytes = (uint64_t)8 << 30, .pods = 50};
    size_t holder = 0;
    world_apply(&world, 0, &(struct world_spec){.replicas = 1, .image = 1, .cpu = "1"});
    world_run(&world, 500);
    const struct wire_claim *claim = world_claim_of_slot(&world, 0, 0, &holder);
    uint8_t uid[16];
    memcpy(uid, claim->pod_uid, sizeof(uid));
    size_t shrunk = holder;
    world_restart(&world, shrunk, false, &less);
    ck_assert_ptr_null(store_claim(world.nodes[shrunk].store, shrunk + 1, uid));
    ck_assert_uint_eq(world.claims_erased, 1);
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 1);
    ck_assert_uint_eq(world_count(&world, 1, shrunk).pods, 0);
}
END_TEST

/* Devices are in the claim, so that they are booked where no version is known any more. */
START_TEST(claims_carry_devices)
{
    static struct wire_device_count device = {.name = {(const uint8_t *)"example.com/gpu", 15},
                                              .count = 2};
    const struct wire_resources with = {.cpu_milli = 4000,
                                        .memory_bytes = (uint64_t)8 << 30,
                                        .pods = 50,
                                        .devices = &device,
                                        .devices_count = 1};
    size_t holder = 0;
    world_restart(&world, 1, false, &with);
    world_apply(&world, 0,
                &(struct world_spec){.replicas = 3, .image = 1, .devices = "example.com/gpu"});
    world_run(&world, 20000);
    ck_assert_uint_eq(world_count(&world, 1, SIZE_MAX).ready, 2);
    uint32_t with_devices = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct wire_claim *claim = world_claim_of_slot(&world, 0, i, &holder);
        with_devices += claim != NULL && claim->requests.devices_count == 1 &&
                        claim->requests.devices[0].count == 1;
    }
    ck_assert_uint_eq(with_devices, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control: restart");
    TCase *tcase = tcase_create("restart");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, adopted_pods_are_not_started_again);
    tcase_add_test(tcase, own_slots_are_resumed_after_a_power_cut);
    tcase_add_test(tcase, adoption_books_by_the_version_that_runs);
    tcase_add_test(tcase, what_a_slot_ran_last_is_known_after_a_restart);
    tcase_add_test(tcase, a_resumed_claim_starts_the_version_that_it_names);
    tcase_add_test(tcase, of_two_resumed_claims_of_a_slot_the_current_starts);
    tcase_add_test(tcase, of_two_resumed_claims_of_a_slot_the_older_never_starts);
    tcase_add_test(tcase, a_resumed_claim_yields_to_the_current_template_elsewhere);
    tcase_add_test(tcase, a_version_that_is_forgotten_is_replaced_by_the_current);
    tcase_add_test(tcase, a_claim_that_no_longer_fits_is_released);
    tcase_add_test(tcase, claims_carry_devices);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
