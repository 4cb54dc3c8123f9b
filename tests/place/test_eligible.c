/* proto/placement.md 1: which nodes are candidates at all. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "place/eligible.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static struct wire_pair labels[] = {
    {.name = BYTES("disk"), .value = BYTES("ssd")},
    {.name = BYTES("zone"), .value = BYTES("a")},
    {.name = BYTES("empty"), .value = BYTES("")},
};
static struct wire_taint hard[] = {
    {.name = BYTES("dedicated"), .value = BYTES("db"), .effect = BYTES("NoSchedule")}};
static struct wire_taint executing[] = {
    {.name = BYTES("dedicated"), .value = BYTES("db"), .effect = BYTES("NoExecute")}};
static struct wire_taint soft[] = {
    {.name = BYTES("dedicated"), .value = BYTES("db"), .effect = BYTES("PreferNoSchedule")}};
static struct wire_taint strange[] = {
    {.name = BYTES("dedicated"), .value = BYTES("db"), .effect = BYTES("NoBreakfast")}};
static struct wire_taint two[] = {
    {.name = BYTES("dedicated"), .value = BYTES("db"), .effect = BYTES("NoSchedule")},
    {.name = BYTES("gpu"), .value = BYTES(""), .effect = BYTES("NoSchedule")}};
static struct wire_device_count devices[] = {{.name = BYTES("example.com/fpga"), .count = 1},
                                             {.name = BYTES("nvidia.com/gpu"), .count = 2}};

#define PAIRS(...)                                                                                 \
    {                                                                                              \
        .items = (const struct spec_pair[]){__VA_ARGS__},                                          \
        .count = sizeof((const struct spec_pair[]){__VA_ARGS__}) / sizeof(struct spec_pair)        \
    }
#define TOLERATIONS(...)                                                                           \
    .tolerations = (const struct spec_toleration[]){__VA_ARGS__},                                  \
    .tolerations_count =                                                                           \
        sizeof((const struct spec_toleration[]){__VA_ARGS__}) / sizeof(struct spec_toleration)
#define EXTENDED(...)                                                                              \
    .requests = {.extended = (const struct spec_resource[]){__VA_ARGS__},                          \
                 .extended_count = sizeof((const struct spec_resource[]){__VA_ARGS__}) /           \
                                   sizeof(struct spec_resource)}
#define EXISTS(k)                                                                                  \
    {                                                                                              \
        .key = (k), .value = "", .exists = true                                                    \
    }
#define EQUAL(k, v)                                                                                \
    {                                                                                              \
        .key = (k), .value = (v)                                                                   \
    }

struct node {
    const char *name;
    bool cordoned;
    struct wire_taint *taints;
    size_t taints_count;
};

/* The node: 4 cores, 1,000 bytes of memory, 2,000 of disk, 10 pods, one fpga, two gpus. */
static const struct {
    const char *name;
    struct spec_workload workload;
    struct node node;
    enum place_verdict verdict;
    bool avoided;
} cases[] = {
    {"nothing asked", {.node_name = ""}, {.name = "n1"}, PLACE_ELIGIBLE, false},

    {"its own name", {.node_name = "n1"}, {.name = "n1"}, PLACE_ELIGIBLE, false},
    {"another's name", {.node_name = "n2"}, {.name = "n1"}, PLACE_OTHER_NODE_NAMED, false},
    {"a beginning of its name", {.node_name = "n"}, {.name = "n1"}, PLACE_OTHER_NODE_NAMED, false},
    {"a longer name", {.node_name = "n12"}, {.name = "n1"}, PLACE_OTHER_NODE_NAMED, false},

    {"cordoned", {.node_name = ""}, {.name = "n1", .cordoned = true}, PLACE_CORDONED, false},
    {"cordoned and named", {.node_name = "n1"}, {"n1", true, NULL, 0}, PLACE_CORDONED, false},

    {"selector of one",
     {.node_name = "", .node_selector = PAIRS({"disk", "ssd"})},
     {.name = "n1"},
     PLACE_ELIGIBLE,
     false},
    {"selector of two",
     {.node_name = "", .node_selector = PAIRS({"disk", "ssd"}, {"zone", "a"})},
     {.name = "n1"},
     PLACE_ELIGIBLE,
     false},
    {"an empty value",
     {.node_name = "", .node_selector = PAIRS({"empty", ""})},
     {.name = "n1"},
     PLACE_ELIGIBLE,
     false},
    {"another value",
     {.node_name = "", .node_selector = PAIRS({"disk", "hdd"})},
     {.name = "n1"},
     PLACE_SELECTOR,
     false},
    {"a beginning of the value",
     {.node_name = "", .node_selector = PAIRS({"disk", "ss"})},
     {.name = "n1"},
     PLACE_SELECTOR,
     false},
    {"one of two",
     {.node_name = "", .node_selector = PAIRS({"disk", "ssd"}, {"zone", "b"})},
     {.name = "n1"},
     PLACE_SELECTOR,
     false},
    {"no such label",
     {.node_name = "", .node_selector = PAIRS({"rack", "1"})},
     {.name = "n1"},
     PLACE_SELECTOR,
     false},
    {"no such label, empty value",
     {.node_name = "", .node_selector = PAIRS({"rack", ""})},
     {.name = "n1"},
     PLACE_SELECTOR,
     false},

    {"NoSchedule", {.node_name = ""}, {"n1", false, hard, 1}, PLACE_TAINT, false},
    {"NoExecute", {.node_name = ""}, {"n1", false, executing, 1}, PLACE_TAINT, false},
    {"PreferNoSchedule", {.node_name = ""}, {"n1", false, soft, 1}, PLACE_ELIGIBLE, true},
    {"an effect of the future", {.node_name = ""}, {"n1", false, strange, 1}, PLACE_TAINT, false},
    {"NoSchedule, tolerated by value",
     {.node_name = "", TOLERATIONS(EQUAL("dedicated", "db"))},
     {"n1", false, hard, 1},
     PLACE_ELIGIBLE,
     false},
    {"NoSchedule, another value tolerated",
     {.node_name = "", TOLERATIONS(EQUAL("dedicated", "web"))},
     {"n1", false, hard, 1},
     PLACE_TAINT,
     false},
    {"NoSchedule, tolerated by key",
     {.node_name = "", TOLERATIONS(EXISTS("dedicated"))},
     {"n1", false, hard, 1},
     PLACE_ELIGIBLE,
     false},
    {"NoSchedule, every key tolerated",
     {.node_name = "", TOLERATIONS(EXISTS(""))},
     {"n1", false, hard, 1},
     PLACE_ELIGIBLE,
     false},
    {"NoSchedule, another effect tolerated",
     {.node_name = "",
      TOLERATIONS(
          {.key = "dedicated", .value = "", .exists = true, .effect = SPEC_TAINT_NO_EXECUTE})},
     {"n1", false, hard, 1},
     PLACE_TAINT,
     false},
    {"NoExecute, that effect tolerated",
     {.node_name = "",
      TOLERATIONS(
          {.key = "dedicated", .value = "", .exists = true, .effect = SPEC_TAINT_NO_EXECUTE})},
     {"n1", false, executing, 1},
     PLACE_ELIGIBLE,
     false},
    {"PreferNoSchedule, tolerated",
     {.node_name = "", TOLERATIONS(EXISTS("dedicated"))},
     {"n1", false, soft, 1},
     PLACE_ELIGIBLE,
     false},
    {"two taints, one tolerated",
     {.node_name = "", TOLERATIONS(EXISTS("dedicated"))},
     {"n1", false, two, 2},
     PLACE_TAINT,
     false},
    {"two taints, both tolerated",
     {.node_name = "", TOLERATIONS(EXISTS("gpu"), EQUAL("dedicated", "db"))},
     {"n1", false, two, 2},
     PLACE_ELIGIBLE,
     false},

    {"all of it",
     {.node_name = "",
      .requests = {.cpu_milli = 4000, .memory_bytes = 1000, .ephemeral_bytes = 2000}},
     {.name = "n1"},
     PLACE_ELIGIBLE,
     false},
    {"a milli more cpu",
     {.node_name = "", .requests = {.cpu_milli = 4001}},
     {.name = "n1"},
     PLACE_TOO_SMALL,
     false},
    {"a byte more memory",
     {.node_name = "", .requests = {.memory_bytes = 1001}},
     {.name = "n1"},
     PLACE_TOO_SMALL,
     false},
    {"a byte more disk",
     {.node_name = "", .requests = {.ephemeral_bytes = 2001}},
     {.name = "n1"},
     PLACE_TOO_SMALL,
     false},
    {"all its devices",
     {.node_name = "", EXTENDED({"example.com/fpga", 1}, {"nvidia.com/gpu", 2})},
     {.name = "n1"},
     PLACE_ELIGIBLE,
     false},
    {"a device more",
     {.node_name = "", EXTENDED({"nvidia.com/gpu", 3})},
     {.name = "n1"},
     PLACE_TOO_SMALL,
     false},
    {"a device it has not",
     {.node_name = "", EXTENDED({"amd.com/gpu", 1})},
     {.name = "n1"},
     PLACE_TOO_SMALL,
     false},
};

static struct wire_member member_of(const struct node *node)
{
    return (struct wire_member){
        .name = {(const uint8_t *)node->name, strlen(node->name)},
        .unschedulable = node->cordoned,
        .labels = labels,
        .labels_count = sizeof(labels) / sizeof(labels[0]),
        .taints = node->taints,
        .taints_count = node->taints_count,
        .capacity = {.cpu_milli = 4000,
                     .memory_bytes = 1000,
                     .ephemeral_bytes = 2000,
                     .pods = 10,
                     .devices = devices,
                     .devices_count = sizeof(devices) / sizeof(devices[0])},
    };
}

START_TEST(verdicts)
{
    struct wire_member member = member_of(&cases[_i].node);
    ck_assert_msg(place_eligible(&cases[_i].workload, &member) == cases[_i].verdict, "%s: %s",
                  cases[_i].name, place_verdict_text(place_eligible(&cases[_i].workload, &member)));
    ck_assert_msg(place_avoided(&cases[_i].workload, &member) == cases[_i].avoided, "%s",
                  cases[_i].name);
}
END_TEST

START_TEST(a_node_for_no_pods_takes_none)
{
    struct wire_member member = member_of(&(const struct node){.name = "n1"});
    struct spec_workload workload = {.node_name = ""};
    member.capacity.pods = 0;
    ck_assert_int_eq(place_eligible(&workload, &member), PLACE_TOO_SMALL);
}
END_TEST

START_TEST(every_verdict_has_its_own_words)
{
    for (int a = PLACE_ELIGIBLE; a <= PLACE_TOO_SMALL; a++)
        for (int b = a + 1; b <= PLACE_TOO_SMALL; b++)
            ck_assert_str_ne(place_verdict_text((enum place_verdict)a),
                             place_verdict_text((enum place_verdict)b));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place/eligible");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, verdicts, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tcase, a_node_for_no_pods_takes_none);
    tcase_add_test(tcase, every_verdict_has_its_own_words);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
