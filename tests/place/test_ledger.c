/* proto/placement.md 2: the node's own books. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "place/ledger.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static struct wire_device_count devices[] = {{.name = BYTES("example.com/fpga"), .count = 1},
                                             {.name = BYTES("nvidia.com/gpu"), .count = 4}};
static const struct wire_resources capacity = {.cpu_milli = 4000,
                                               .memory_bytes = 1000,
                                               .ephemeral_bytes = 2000,
                                               .pods = 5,
                                               .devices = devices,
                                               .devices_count = 2};

static struct place_ledger ledger;
static char reason[PLACE_REASON_BYTES];

static void setup(void)
{
    place_ledger_init(&ledger, &capacity);
}

static void teardown(void)
{
    place_ledger_validate(&ledger);
    place_ledger_fini(&ledger);
}

static bool admit(uint8_t pod, const struct spec_workload *workload, bool force)
{
    uint8_t uid[16] = {pod};
    bool admitted = place_ledger_admit(&ledger, uid, workload, force, reason);
    place_ledger_validate(&ledger);
    return admitted;
}

static void release(uint8_t pod)
{
    uint8_t uid[16] = {pod};
    place_ledger_release(&ledger, uid);
    place_ledger_validate(&ledger);
}

static bool holds(uint8_t pod)
{
    uint8_t uid[16] = {pod};
    return place_ledger_holds(&ledger, uid);
}

/* ---- each dimension: what fits to the last unit, and the one unit that does not */

static const struct spec_resource gpus_4 = {"nvidia.com/gpu", 4};
static const struct spec_resource gpus_1 = {"nvidia.com/gpu", 1};
static const struct spec_resource strange_1 = {"amd.com/gpu", 1};
static const struct spec_host_port port_80 = {80, SPEC_PROTOCOL_TCP, ""};

static const struct {
    struct spec_workload all, one;
    const char *reason;
} dimensions[] = {
    {{.requests = {.cpu_milli = 4000}},
     {.requests = {.cpu_milli = 1}},
     "not enough cpu (millicores): the pod asks for 1, 0 of 4000 free"},
    {{.requests = {.memory_bytes = 1000}},
     {.requests = {.memory_bytes = 1}},
     "not enough memory (bytes): the pod asks for 1, 0 of 1000 free"},
    {{.requests = {.ephemeral_bytes = 2000}},
     {.requests = {.ephemeral_bytes = 1}},
     "not enough ephemeral storage (bytes): the pod asks for 1, 0 of 2000 free"},
    {{.requests = {.extended = &gpus_4, .extended_count = 1}},
     {.requests = {.extended = &gpus_1, .extended_count = 1}},
     "not enough nvidia.com/gpu: the pod asks for 1, 0 of 4 free"},
    {{.host_ports = &port_80, .host_ports_count = 1},
     {.host_ports = &port_80, .host_ports_count = 1},
     "host port 80 is taken"},
};

START_TEST(each_dimension_is_counted)
{
    ck_assert(admit(1, &dimensions[_i].all, false));
    ck_assert_str_eq(reason, "");
    ck_assert(!admit(2, &dimensions[_i].one, false));
    ck_assert_str_eq(reason, dimensions[_i].reason);
    ck_assert(!holds(2));
    /* Other dimensions are free. */
    struct spec_workload nothing = {.node_name = ""};
    ck_assert(admit(3, &nothing, false));
    release(1);
    ck_assert(admit(2, &dimensions[_i].one, false));
}
END_TEST

START_TEST(pods_are_counted)
{
    struct spec_workload nothing = {.node_name = ""};
    for (uint8_t i = 0; i < 5; i++)
        ck_assert(admit(i, &nothing, false));
    ck_assert(!admit(5, &nothing, false));
    ck_assert_str_eq(reason, "not enough pods: the pod asks for 1, 0 of 5 free");
    release(3);
    ck_assert(admit(5, &nothing, false));
}
END_TEST

START_TEST(a_device_the_node_has_not)
{
    struct spec_workload workload = {.requests = {.extended = &strange_1, .extended_count = 1}};
    ck_assert(!admit(1, &workload, false));
    ck_assert_str_eq(reason, "not enough amd.com/gpu: the pod asks for 1, 0 of 0 free");
}
END_TEST

START_TEST(huge_requests_do_not_wrap)
{
    struct spec_workload small = {.requests = {.cpu_milli = 1, .memory_bytes = 1}};
    struct spec_workload huge = {.requests = {.cpu_milli = UINT64_MAX}};
    ck_assert(admit(1, &small, false));
    ck_assert(!admit(2, &huge, false));
    huge.requests = (struct spec_requests){.memory_bytes = UINT64_MAX};
    ck_assert(!admit(2, &huge, false));
}
END_TEST

START_TEST(who_is_booked_stays_booked)
{
    struct spec_workload small = {.requests = {.cpu_milli = 100}};
    struct spec_workload large = {.requests = {.cpu_milli = 9000}};
    ck_assert(admit(1, &small, false));
    ck_assert(admit(1, &large, false)); /* nothing is added */
    ck_assert_uint_eq(ledger.cpu_milli, 100);
    release(1);
    release(1);
    release(9); /* never booked */
    ck_assert_uint_eq(ledger.cpu_milli, 0);
    ck_assert_uint_eq(ledger.pods, 0);
}
END_TEST

START_TEST(what_runs_is_booked_by_force)
{
    struct spec_workload large = {.requests = {.cpu_milli = 3000, .memory_bytes = 2000}};
    ck_assert(admit(1, &large, true));
    ck_assert(admit(2, &large, true));
    ck_assert_uint_eq(ledger.cpu_milli, 6000);
    struct spec_workload one = {.requests = {.cpu_milli = 1}};
    ck_assert(!admit(3, &one, false));
    ck_assert_str_eq(reason, "not enough cpu (millicores): the pod asks for 1, 0 of 4000 free");
    release(1);
    ck_assert(admit(3, &one, false));
}
END_TEST

static const struct {
    const char *name;
    struct spec_host_port held, asked;
    bool admitted;
} ports[] = {
    {"same port", {80, SPEC_PROTOCOL_TCP, ""}, {80, SPEC_PROTOCOL_TCP, ""}, false},
    {"another port", {80, SPEC_PROTOCOL_TCP, ""}, {81, SPEC_PROTOCOL_TCP, ""}, true},
    {"another protocol", {80, SPEC_PROTOCOL_TCP, ""}, {80, SPEC_PROTOCOL_UDP, ""}, true},
    {"another address",
     {80, SPEC_PROTOCOL_TCP, "10.0.0.1"},
     {80, SPEC_PROTOCOL_TCP, "10.0.0.2"},
     true},
    {"same address",
     {80, SPEC_PROTOCOL_TCP, "10.0.0.1"},
     {80, SPEC_PROTOCOL_TCP, "10.0.0.1"},
     false},
    {"every address, after one",
     {80, SPEC_PROTOCOL_TCP, "10.0.0.1"},
     {80, SPEC_PROTOCOL_TCP, ""},
     false},
    {"one address, after every",
     {80, SPEC_PROTOCOL_TCP, ""},
     {80, SPEC_PROTOCOL_TCP, "10.0.0.1"},
     false},
};

START_TEST(host_ports)
{
    char host_ip[16]; /* the ledger keeps its own copy */
    struct spec_host_port held = ports[_i].held;
    strcpy(host_ip, held.host_ip);
    held.host_ip = host_ip;
    struct spec_workload first = {.host_ports = &held, .host_ports_count = 1};
    struct spec_workload second = {.host_ports = &ports[_i].asked, .host_ports_count = 1};
    ck_assert(admit(1, &first, false));
    memset(host_ip, 'x', sizeof(host_ip) - 1);
    ck_assert_msg(admit(2, &second, false) == ports[_i].admitted, "%s", ports[_i].name);
    release(1);
    ck_assert(admit(2, &second, false));
}
END_TEST

START_TEST(allocated_lists_what_is_in_use)
{
    struct wire_resources allocated;
    struct wire_device_count out[PLACE_DEVICES_MAX];
    struct spec_workload workload = {.requests = {.cpu_milli = 7,
                                                  .memory_bytes = 8,
                                                  .ephemeral_bytes = 9,
                                                  .extended = &gpus_1,
                                                  .extended_count = 1}};
    place_ledger_allocated(&ledger, &allocated, out);
    ck_assert_uint_eq(allocated.devices_count, 0);
    ck_assert(admit(1, &workload, false));
    ck_assert(admit(2, &workload, false));
    place_ledger_allocated(&ledger, &allocated, out);
    ck_assert_uint_eq(allocated.cpu_milli, 14);
    ck_assert_uint_eq(allocated.memory_bytes, 16);
    ck_assert_uint_eq(allocated.ephemeral_bytes, 18);
    ck_assert_uint_eq(allocated.pods, 2);
    ck_assert_uint_eq(allocated.devices_count, 1);
    ck_assert_mem_eq(allocated.devices[0].name.data, "nvidia.com/gpu", 14);
    ck_assert_uint_eq(allocated.devices[0].count, 2);
    ck_assert_int_eq(wire_resources_validate(&allocated), WIRE_OK);
}
END_TEST

START_TEST(long_names_fit_the_reason)
{
    char name[PLACE_DEVICE_NAME_MAX];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct spec_resource resource = {name, 1};
    struct spec_workload workload = {.requests = {.extended = &resource, .extended_count = 1}};
    ck_assert(!admit(1, &workload, false));
    ck_assert_uint_le(strlen(reason), WIRE_DECLINE_REASON_BYTES_MAX);
}
END_TEST

/* ---- against a naive model: a list that is summed up anew each time */

#define MODEL_PODS 40

struct model_pod {
    bool booked;
    struct spec_resource extended[2];
    struct spec_host_port ports[2];
    struct spec_workload workload;
};

static uint64_t requested(const struct spec_requests *requests, const char *name)
{
    uint64_t count = 0;
    for (size_t i = 0; i < requests->extended_count; i++)
        if (strcmp(requests->extended[i].name, name) == 0)
            count += requests->extended[i].count;
    return count;
}

static void draw(struct prng *prng, struct model_pod *pod)
{
    static const char *const names[] = {"example.com/fpga", "nvidia.com/gpu"};
    static const char *const ips[] = {"", "10.0.0.1", "10.0.0.2"};
    pod->workload = (struct spec_workload){.node_name = ""};
    struct spec_requests *requests = &pod->workload.requests;
    requests->cpu_milli = prng_below(prng, 3) == 0 ? 0 : prng_below(prng, 2500);
    requests->memory_bytes = prng_below(prng, 500);
    requests->ephemeral_bytes = prng_below(prng, 900);
    for (size_t i = 0; i < 2; i++)
        if (prng_below(prng, 4) == 0)
            pod->extended[requests->extended_count++] =
                (struct spec_resource){names[i], 1 + prng_below(prng, 2)};
    requests->extended = pod->extended;
    size_t ports_count = prng_below(prng, 3);
    for (size_t i = 0; i < ports_count; i++)
        pod->ports[i] = (struct spec_host_port){(uint16_t)(80 + prng_below(prng, 6)),
                                                (enum spec_protocol)prng_below(prng, 2),
                                                ips[prng_below(prng, 3)]};
    pod->workload.host_ports = pod->ports;
    pod->workload.host_ports_count = ports_count;
}

static bool model_fits(const struct model_pod pods[static MODEL_PODS], const struct model_pod *one)
{
    const struct spec_requests *asked = &one->workload.requests;
    uint64_t cpu = asked->cpu_milli;
    uint64_t memory = asked->memory_bytes;
    uint64_t disk = asked->ephemeral_bytes;
    uint64_t fpga = requested(asked, "example.com/fpga");
    uint64_t gpu = requested(asked, "nvidia.com/gpu");
    uint32_t count = 1;
    for (size_t i = 0; i < MODEL_PODS; i++) {
        const struct spec_workload *held = &pods[i].workload;
        if (!pods[i].booked)
            continue;
        cpu += held->requests.cpu_milli;
        memory += held->requests.memory_bytes;
        disk += held->requests.ephemeral_bytes;
        fpga += requested(&held->requests, "example.com/fpga");
        gpu += requested(&held->requests, "nvidia.com/gpu");
        count++;
        for (size_t j = 0; j < held->host_ports_count; j++)
            for (size_t k = 0; k < one->workload.host_ports_count; k++)
                if (spec_host_port_conflicts(&held->host_ports[j], &one->workload.host_ports[k]))
                    return false;
    }
    /* What is not asked for is not short, even where it is overbooked. */
    return (cpu <= 4000 || asked->cpu_milli == 0) && (memory <= 1000 || asked->memory_bytes == 0) &&
           (disk <= 2000 || asked->ephemeral_bytes == 0) && count <= 5 &&
           (fpga <= 1 || requested(asked, "example.com/fpga") == 0) &&
           (gpu <= 4 || requested(asked, "nvidia.com/gpu") == 0);
}

START_TEST(agrees_with_a_naive_model)
{
    struct model_pod pods[MODEL_PODS] = {{.booked = false}};
    struct prng prng;
    size_t admitted = 0;
    size_t refused = 0;
    prng_seed(&prng, (uint64_t)_i + 1);
    for (int step = 0; step < 4000; step++) {
        uint8_t index = (uint8_t)prng_below(&prng, MODEL_PODS);
        struct model_pod *pod = &pods[index];
        if (prng_below(&prng, 3) == 0) {
            release(index);
            pod->booked = false;
        } else if (pod->booked) {
            ck_assert(admit(index, &pod->workload, false));
        } else {
            bool force = prng_below(&prng, 50) == 0;
            draw(&prng, pod);
            bool expected = force || model_fits(pods, pod);
            ck_assert_msg(admit(index, &pod->workload, force) == expected, "step %d: %s", step,
                          reason);
            ck_assert_int_eq(reason[0] == '\0', expected && (!force || model_fits(pods, pod)));
            pod->booked = expected;
            admitted += expected;
            refused += !expected;
        }
        ck_assert_int_eq(holds(index), pod->booked);
    }
    ck_assert_uint_gt(admitted, 100);
    ck_assert_uint_gt(refused, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place/ledger");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, each_dimension_is_counted, 0,
                        (int)(sizeof(dimensions) / sizeof(dimensions[0])));
    tcase_add_test(tcase, pods_are_counted);
    tcase_add_test(tcase, a_device_the_node_has_not);
    tcase_add_test(tcase, huge_requests_do_not_wrap);
    tcase_add_test(tcase, who_is_booked_stays_booked);
    tcase_add_test(tcase, what_runs_is_booked_by_force);
    tcase_add_loop_test(tcase, host_ports, 0, (int)(sizeof(ports) / sizeof(ports[0])));
    tcase_add_test(tcase, allocated_lists_what_is_in_use);
    tcase_add_test(tcase, long_names_fit_the_reason);
    suite_add_tcase(suite, tcase);
    TCase *laws = tcase_create("laws");
    tcase_add_checked_fixture(laws, setup, teardown);
    tcase_add_loop_test(laws, agrees_with_a_naive_model, 0, 10);
    suite_add_tcase(suite, laws);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
