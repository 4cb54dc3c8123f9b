/* Small values: kinds and keys, quantities, label selectors, expansion. */
#include <check.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"
#include "spec/expand.h"
#include "spec/kind.h"
#include "spec/quantity.h"
#include "spec/types.h"

/* --- kinds --- */

START_TEST(kinds_are_found_as_people_type_them)
{
    static const struct {
        const char *typed;
        int kind; /* -1: unknown */
        const char *suggestion;
    } cases[] = {
        {"po", SPEC_KIND_POD, NULL},
        {"pod", SPEC_KIND_POD, NULL},
        {"Pods", SPEC_KIND_POD, NULL},
        {"pods.v1", SPEC_KIND_POD, NULL},
        {"deploy", SPEC_KIND_DEPLOYMENT, NULL},
        {"Deployment", SPEC_KIND_DEPLOYMENT, NULL},
        {"deployments.apps", SPEC_KIND_DEPLOYMENT, NULL},
        {"deployment.v1.apps", SPEC_KIND_DEPLOYMENT, NULL},
        {"ns", SPEC_KIND_NAMESPACE, NULL},
        {"no", SPEC_KIND_NODE, NULL},
        {"ev", SPEC_KIND_EVENT, NULL},
        {"deployments.batch", -1, NULL},
        {"pods.v2", -1, NULL},
        {"pod.v1.apps", -1, NULL},
        {"deployemnt", -1, "deployment"},
        {"pds", -1, "pods"},
        {"namespcae", -1, "namespace"},
        {"service", -1, NULL},
        {"", -1, NULL},
        {"x", -1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct spec_kind_info *info = spec_kind_find(cases[i].typed);
        ck_assert_msg((info == NULL ? -1 : (int)info->kind) == cases[i].kind, "%s", cases[i].typed);
        if (cases[i].suggestion != NULL)
            ck_assert_str_eq(spec_kind_suggest(cases[i].typed), cases[i].suggestion);
    }
    ck_assert_ptr_null(spec_kind_suggest("service"));
    ck_assert_ptr_nonnull(spec_kind_find_api("apps/v1", "Deployment"));
    ck_assert_ptr_null(spec_kind_find_api("v1", "Deployment"));
    ck_assert_ptr_nonnull(spec_kind_find_resource("", "v1", "pods"));
    ck_assert_ptr_null(spec_kind_find_resource("apps", "v1", "pods"));
}
END_TEST

START_TEST(keys_are_written_and_read_in_one_form)
{
    static const struct {
        enum spec_kind kind;
        const char *namespace_name, *name, *text; /* text NULL: not a key */
    } cases[] = {
        {SPEC_KIND_DEPLOYMENT, "default", "web", "deployments.apps/default/web"},
        {SPEC_KIND_POD, "default", "x", "pods/default/x"},
        {SPEC_KIND_NAMESPACE, "", "prod", "namespaces//prod"},
        {SPEC_KIND_NAMESPACE, NULL, "prod", "namespaces//prod"},
        {SPEC_KIND_NAMESPACE, "a", "prod", NULL},
        {SPEC_KIND_POD, "", "x", NULL},
        {SPEC_KIND_POD, "a", "", NULL},
        {SPEC_KIND_POD, "a/b", "x", NULL},
        {SPEC_KIND_POD, "a", "x/y", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_key key, again;
        bool set = spec_key_set(&key, cases[i].kind, cases[i].namespace_name, cases[i].name);
        ck_assert_int_eq(set, cases[i].text != NULL);
        if (!set)
            continue;
        char text[SPEC_KEY_TEXT_BYTES_MAX];
        ck_assert_str_eq(spec_key_format(&key, text), cases[i].text);
        ck_assert(spec_key_parse(text, &again));
        ck_assert_mem_eq(&key, &again, sizeof(key));
    }
    static const char *const wrong[] = {
        "",           "pods",           "pods/a",          "pods//a",       "pods/a/", "pod/a/b",
        "pods/a/b/c", "namespaces/a/b", "deployments/a/b", "pods.apps/a/b", "Pods/a/b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!spec_key_parse(wrong[i], &(struct spec_key){0}), "%s", wrong[i]);
    struct spec_key key;
    char name[300];
    memset(name, 'a', sizeof(name));
    name[SPEC_NAME_CHARS_MAX] = '\0';
    ck_assert(spec_key_set(&key, SPEC_KIND_POD, "a", name));
    name[SPEC_NAME_CHARS_MAX] = 'a';
    name[SPEC_NAME_CHARS_MAX + 1] = '\0';
    ck_assert(!spec_key_set(&key, SPEC_KIND_POD, "a", name));
}
END_TEST

/* --- quantities --- */

#define WRONG(verdict) SPEC_QUANTITY_##verdict, 0

START_TEST(quantities_are_read_exactly)
{
    static const struct {
        const char *text;
        enum spec_quantity_verdict milli_verdict;
        uint64_t milli;
        enum spec_quantity_verdict whole_verdict;
        uint64_t whole;
    } cases[] = {
        {"0", SPEC_QUANTITY_OK, 0, SPEC_QUANTITY_OK, 0},
        {"-0", SPEC_QUANTITY_OK, 0, SPEC_QUANTITY_OK, 0},
        {"2", SPEC_QUANTITY_OK, 2000, SPEC_QUANTITY_OK, 2},
        {"+2", SPEC_QUANTITY_OK, 2000, SPEC_QUANTITY_OK, 2},
        {"2.", SPEC_QUANTITY_OK, 2000, SPEC_QUANTITY_OK, 2},
        {"0.5", SPEC_QUANTITY_OK, 500, WRONG(FRACTION)},
        {".5", SPEC_QUANTITY_OK, 500, WRONG(FRACTION)},
        {"500m", SPEC_QUANTITY_OK, 500, WRONG(FRACTION)},
        {"1000m", SPEC_QUANTITY_OK, 1000, SPEC_QUANTITY_OK, 1},
        {"1500m", SPEC_QUANTITY_OK, 1500, WRONG(FRACTION)},
        {"1n", SPEC_QUANTITY_OK, 1, WRONG(FRACTION)},
        {"1u", SPEC_QUANTITY_OK, 1, WRONG(FRACTION)},
        {"1001u", SPEC_QUANTITY_OK, 2, WRONG(FRACTION)},
        {"1k", SPEC_QUANTITY_OK, 1000000, SPEC_QUANTITY_OK, 1000},
        {"1Ki", SPEC_QUANTITY_OK, 1024000, SPEC_QUANTITY_OK, 1024},
        {"1.5Gi", SPEC_QUANTITY_OK, 1610612736000, SPEC_QUANTITY_OK, 1610612736},
        {"1.1Gi", SPEC_QUANTITY_OK, 1181116006400, SPEC_QUANTITY_OK, 1181116007},
        {"128M", SPEC_QUANTITY_OK, 128000000000, SPEC_QUANTITY_OK, 128000000},
        {"1e3", SPEC_QUANTITY_OK, 1000000, SPEC_QUANTITY_OK, 1000},
        {"1E3", SPEC_QUANTITY_OK, 1000000, SPEC_QUANTITY_OK, 1000},
        {"1e+3", SPEC_QUANTITY_OK, 1000000, SPEC_QUANTITY_OK, 1000},
        {"1500e-3", SPEC_QUANTITY_OK, 1500, SPEC_QUANTITY_OK, 2},
        {"123456789012345678901234e-21", SPEC_QUANTITY_OK, 123457, SPEC_QUANTITY_OK, 124},
        {"0.000000000000000000000000001", SPEC_QUANTITY_OK, 1, WRONG(FRACTION)},
        {"0e999999999999", SPEC_QUANTITY_OK, 0, SPEC_QUANTITY_OK, 0},
        {"1e-999999999999", SPEC_QUANTITY_OK, 1, WRONG(FRACTION)},
        {"1E", WRONG(TOO_LARGE), SPEC_QUANTITY_OK, 1000000000000000000},
        {"7Ei", WRONG(TOO_LARGE), SPEC_QUANTITY_OK, 8070450532247928832},
        {"8Ei", WRONG(TOO_LARGE), WRONG(TOO_LARGE)},
        {"9223372036854775807", WRONG(TOO_LARGE), SPEC_QUANTITY_OK, INT64_MAX},
        {"9223372036854775808", WRONG(TOO_LARGE), WRONG(TOO_LARGE)},
        {"1e999999999999", WRONG(TOO_LARGE), WRONG(TOO_LARGE)},
        {"-1", WRONG(NEGATIVE), WRONG(NEGATIVE)},
        {"-0.1m", WRONG(NEGATIVE), WRONG(NEGATIVE)},
        {"", WRONG(SYNTAX), WRONG(SYNTAX)},
        {".", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"m", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1 ", WRONG(SYNTAX), WRONG(SYNTAX)},
        {" 1", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"2 cores", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1K", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1ki", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1MB", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1mi", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1.2.3", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1e", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1e+", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1e3Mi", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1e3.5", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"--1", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"0x10", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"1,5", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"nan", WRONG(SYNTAX), WRONG(SYNTAX)},
        {"11111111111111111111111111111111111111111111111111111111111111111", WRONG(SYNTAX),
         WRONG(SYNTAX)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t milli = 0, whole = 0;
        int milli_verdict = (int)spec_quantity_parse_milli(cases[i].text, &milli);
        int whole_verdict = (int)spec_quantity_parse_whole(cases[i].text, &whole);
        ck_assert_msg(milli_verdict == (int)cases[i].milli_verdict && milli == cases[i].milli,
                      "'%s' in thousandths: %d, %" PRIu64, cases[i].text, milli_verdict, milli);
        ck_assert_msg(whole_verdict == (int)cases[i].whole_verdict && whole == cases[i].whole,
                      "'%s' whole: %d, %" PRIu64, cases[i].text, whole_verdict, whole);
    }
}
END_TEST

START_TEST(devices_are_whole)
{
    uint64_t count = 7;
    ck_assert_int_eq(spec_quantity_parse_count("2", &count), SPEC_QUANTITY_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(spec_quantity_parse_count("2000m", &count), SPEC_QUANTITY_OK);
    ck_assert_int_eq(spec_quantity_parse_count("1.5", &count), SPEC_QUANTITY_FRACTION);
    ck_assert_int_eq(spec_quantity_parse_count("1500m", &count), SPEC_QUANTITY_FRACTION);
    ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(quantities_are_written_in_one_way)
{
    static const struct {
        uint64_t value;
        const char *milli, *whole;
    } cases[] = {
        {0, "0", "0"},
        {1, "1m", "1"},
        {500, "500m", "500"},
        {1000, "1", "1k"},
        {1024, "1024m", "1Ki"},
        {1500, "1500m", "1500"},
        {1000000, "1k", "1M"},
        {1048576, "1048576m", "1Mi"},
        {1610612736, "1610612736m", "1536Mi"},
        {128000000, "128k", "128M"},
        {1000000000000000000, "1P", "1E"},
        {INT64_MAX, "9223372036854775807m", "9223372036854775807"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SPEC_QUANTITY_TEXT_BYTES_MAX];
        ck_assert_str_eq(spec_quantity_format_milli(cases[i].value, text), cases[i].milli);
        ck_assert_str_eq(spec_quantity_format_whole(cases[i].value, text), cases[i].whole);
    }
}
END_TEST

START_TEST(what_is_written_reads_back_the_same)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t value = prng_next(&prng) >> (1 + prng_below(&prng, 63));
        uint64_t factor = prng_chance_ppm(&prng, 500000) ? 1024 : 1000;
        while (value < INT64_MAX / factor && prng_chance_ppm(&prng, 400000))
            value *= factor;
        char text[SPEC_QUANTITY_TEXT_BYTES_MAX];
        uint64_t again = value + 1;
        ck_assert_int_eq(spec_quantity_parse_milli(spec_quantity_format_milli(value, text), &again),
                         SPEC_QUANTITY_OK);
        ck_assert_uint_eq(again, value);
        ck_assert_int_eq(spec_quantity_parse_whole(spec_quantity_format_whole(value, text), &again),
                         SPEC_QUANTITY_OK);
        ck_assert_uint_eq(again, value);
    }
}
END_TEST

/* --- selectors, tolerations, ports --- */

static const struct spec_pair label_items[] = {{"app", "web"}, {"tier", "front"}, {"zone", ""}};
static const struct spec_pairs labels = {label_items, 3};

START_TEST(selectors_match_as_kubernetes_has_it)
{
    static const char *const front_back[] = {"front", "back"};
    static const char *const back[] = {"back"};
    static const struct {
        const char *key;
        enum spec_selector_operator operator;
        const char *const *values;
        size_t values_count;
        bool matches;
    } cases[] = {
        {"tier", SPEC_SELECTOR_IN, front_back, 2, true},
        {"tier", SPEC_SELECTOR_IN, back, 1, false},
        {"none", SPEC_SELECTOR_IN, back, 1, false},
        {"tier", SPEC_SELECTOR_NOT_IN, front_back, 2, false},
        {"tier", SPEC_SELECTOR_NOT_IN, back, 1, true},
        {"none", SPEC_SELECTOR_NOT_IN, back, 1, true},
        {"zone", SPEC_SELECTOR_EXISTS, NULL, 0, true},
        {"none", SPEC_SELECTOR_EXISTS, NULL, 0, false},
        {"zone", SPEC_SELECTOR_DOES_NOT_EXIST, NULL, 0, false},
        {"none", SPEC_SELECTOR_DOES_NOT_EXIST, NULL, 0, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_selector_expression expression = {cases[i].key, cases[i].operator,
                                                      cases[i].values, cases[i].values_count};
        struct spec_selector selector = {.expressions = &expression, .expressions_count = 1};
        ck_assert_msg(spec_selector_matches(&selector, &labels) == cases[i].matches, "case %zu", i);
    }
    struct spec_selector none = {.expressions = NULL};
    ck_assert(spec_selector_matches(&none, &labels));
    struct spec_pair wanted[] = {{"app", "web"}, {"tier", "back"}};
    struct spec_selector both = {.match_labels = {wanted, 2}};
    ck_assert(!spec_selector_matches(&both, &labels));
    both.match_labels.count = 1;
    ck_assert(spec_selector_matches(&both, &labels));
    ck_assert_ptr_null(spec_pairs_get(&labels, "b"));
    ck_assert_str_eq(spec_pairs_get(&labels, "zone"), "");
}
END_TEST

START_TEST(tolerations_match_as_kubernetes_has_it)
{
    static const struct {
        struct spec_toleration toleration;
        bool matches; /* the taint a=b:NoSchedule */
    } cases[] = {
        {{"a", "b", false, SPEC_TAINT_NO_SCHEDULE, 0}, true},
        {{"a", "b", false, SPEC_TAINT_ANY, 0}, true},
        {{"a", "c", false, SPEC_TAINT_ANY, 0}, false},
        {{"a", "b", false, SPEC_TAINT_NO_EXECUTE, 0}, false},
        {{"a", "", true, SPEC_TAINT_ANY, 0}, true},
        {{"", "", true, SPEC_TAINT_ANY, 0}, true},
        {{"", "", true, SPEC_TAINT_NO_EXECUTE, 0}, false},
        {{"b", "", true, SPEC_TAINT_ANY, 0}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(spec_toleration_matches(&cases[i].toleration, "a", "b",
                                              SPEC_TAINT_NO_SCHEDULE) == cases[i].matches,
                      "case %zu", i);
}
END_TEST

START_TEST(host_ports_conflict_on_one_address)
{
    struct spec_host_port any = {80, SPEC_PROTOCOL_TCP, ""};
    struct spec_host_port zero = {80, SPEC_PROTOCOL_TCP, "0.0.0.0"};
    struct spec_host_port one = {80, SPEC_PROTOCOL_TCP, "192.0.2.1"};
    struct spec_host_port two = {80, SPEC_PROTOCOL_TCP, "192.0.2.2"};
    struct spec_host_port udp = {80, SPEC_PROTOCOL_UDP, ""};
    struct spec_host_port other = {81, SPEC_PROTOCOL_TCP, ""};
    ck_assert(spec_host_port_conflicts(&any, &one));
    ck_assert(spec_host_port_conflicts(&one, &zero));
    ck_assert(spec_host_port_conflicts(&one, &one));
    ck_assert(!spec_host_port_conflicts(&one, &two));
    ck_assert(!spec_host_port_conflicts(&any, &udp));
    ck_assert(!spec_host_port_conflicts(&any, &other));
}
END_TEST

/* --- expansion --- */

static const char *lookup(const char *name, void *context)
{
    (void)context;
    return strcmp(name, "A") == 0 ? "value" : strcmp(name, "B") == 0 ? "$(A)" : NULL;
}

START_TEST(variables_are_expanded_once)
{
    static const struct {
        const char *text, *expanded;
    } cases[] = {
        {"", ""},         {"plain", "plain"},     {"$(A)", "value"}, {"-$(A)-$(A)", "-value-value"},
        {"$(B)", "$(A)"}, {"$(C)", "$(C)"},       {"$$(A)", "$(A)"}, {"$$$(A)", "$value"},
        {"$", "$"},       {"$A", "$A"},           {"$(A", "$(A"},    {"$()", "$()"},
        {"a$$b", "a$b"},  {"$($(A))", "$($(A))"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf expanded = BUF_INIT;
        spec_expand(cases[i].text, lookup, NULL, &expanded);
        ck_assert_str_eq(buf_text(&expanded), cases[i].expanded);
        buf_fini(&expanded);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/values");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, kinds_are_found_as_people_type_them);
    tcase_add_test(tcase, keys_are_written_and_read_in_one_form);
    tcase_add_test(tcase, quantities_are_read_exactly);
    tcase_add_test(tcase, devices_are_whole);
    tcase_add_test(tcase, quantities_are_written_in_one_way);
    tcase_add_test(tcase, what_is_written_reads_back_the_same);
    tcase_add_test(tcase, selectors_match_as_kubernetes_has_it);
    tcase_add_test(tcase, tolerations_match_as_kubernetes_has_it);
    tcase_add_test(tcase, host_ports_conflict_on_one_address);
    tcase_add_test(tcase, variables_are_expanded_once);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
