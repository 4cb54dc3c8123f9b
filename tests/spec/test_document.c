/* Text to JSON: what scalars mean, where fields stand, what is written reads back. */
#include <check.h>
#include <string.h>

#include "base/memory.h"
#include "spec/document.h"
#include "spec/yaml_out.h"

static struct spec_documents parse(const char *text)
{
    struct spec_limits limits = SPEC_LIMITS_DEFAULT;
    struct spec_documents documents;
    struct error error = ERROR_INIT;
    int parsed = spec_documents_parse(text, strlen(text), &limits, &documents, &error);
    ck_assert_msg(parsed == 0, "%s: %s", text, error.message);
    return documents;
}

static char *compact(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(plain_scalars_mean_what_kubernetes_tools_read)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"text", "\"text\""},
        {"true", "true"},
        {"True", "true"},
        {"tRUE", "\"tRUE\""},
        {"yes", "true"},
        {"on", "true"},
        {"y", "true"},
        {"N", "false"},
        {"off", "false"},
        {"no", "false"},
        {"\"no\"", "\"no\""},
        {"'no'", "\"no\""},
        {"!!str no", "\"no\""},
        {"! no", "\"no\""},
        {"!!bool no", "false"},
        {"!!int 5", "5"},
        {"!!float 5", "5"},
        {"!!null ~", "[~]"}, /* a document of nothing is left out */
        {"[null, ~, Null, ]", "[null,null,null]"},
        {"nUll", "\"nUll\""},
        {"0", "0"},
        {"-0", "0"},
        {"007", "7"},
        {"010", "8"},
        {"0o10", "8"},
        {"08", "8"},
        {"0x1F", "31"},
        {"0X1f", "31"},
        {"0b101", "5"},
        {"-0x10", "-16"},
        {"+12", "12"},
        {"1_000", "1000"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1.5", "1.5"},
        {"1.0", "1"},
        {"1e3", "1000"},
        {"-.5", "-0.5"},
        {".5e1", "5"},
        {"1.", "1"},
        {".", "\".\""},
        {"-", "[-]"}, /* an empty list item, not a scalar */
        {"1e", "\"1e\""},
        {"1.2.3", "\"1.2.3\""},
        {"0x", "\"0x\""},
        {"0xg", "\"0xg\""},
        {"1h", "\"1h\""},
        {"2024-01-01", "\"2024-01-01\""},
        {"12:30:45", "\"12:30:45\""},
        {"=", "\"=\""},
        {"1e999", "\"1e999\""},
        {"_1", "\"_1\""},
        {"{a: 1, 2: b, true: c, 1.5: d}", "{\"a\":1,\"2\":\"b\",\"true\":\"c\",\"1.5\":\"d\"}"},
        {"{\"<<\": 1}", "{\"<<\":1}"},
        {"{<<: {a: 1}, b: 2}", "{\"b\":2,\"a\":1}"},
        {"{<<: [{a: 1}, {a: 2, c: 3}], c: 4}", "{\"c\":4,\"a\":1}"},
        {"[&x {a: &y [1]}, *x, *y]", "[{\"a\":[1]},{\"a\":[1]},[1]]"},
        {"[&x 1, &x 2, *x]", "[1,2,2]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_documents documents = parse(cases[i].yaml);
        if (strcmp(cases[i].json, "[~]") == 0) {
            ck_assert_uint_eq(documents.count, 0);
        } else if (strcmp(cases[i].json, "[-]") == 0) {
            ck_assert(json_is_null(json_array_get(documents.items[0].json, 0)));
        } else {
            ck_assert_uint_eq(documents.count, 1);
            char *json = compact(documents.items[0].json);
            ck_assert_msg(strcmp(json, cases[i].json) == 0, "%s gives %s", cases[i].yaml, json);
            mem_free(json);
        }
        spec_documents_fini(&documents);
    }
}
END_TEST

START_TEST(documents_are_counted_and_lists_flattened)
{
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
        {"", 0},
        {"# nothing\n", 0},
        {"---\n---\n", 0},
        {"a: 1", 1},
        {"a: 1\n---\nb: 2\n...\n---\nc: 3", 3},
        {"{kind: List, items: [{a: 1}, {b: 2}]}", 2},
        {"{kind: PodList, items: []}", 0},
        {"{kind: List, items: {a: 1}}", 1},
        {"{kind: Listing, items: [1, 2]}", 1},
        {"{kind: List, items: [{kind: List, items: [1, 2]}]}", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_documents documents = parse(cases[i].text);
        ck_assert_msg(documents.count == cases[i].count, "%s: %zu", cases[i].text, documents.count);
        spec_documents_fini(&documents);
    }
}
END_TEST

static void check_position(const struct spec_documents *documents, size_t document,
                           const struct spec_path *path, uint32_t line, uint32_t column)
{
    struct spec_position at = spec_documents_locate(documents, &documents->items[document], path);
    struct buf text = BUF_INIT;
    spec_path_format(path, &text);
    ck_assert_msg(at.line == line && at.column == column, "%s is at %u:%u", buf_text(&text),
                  at.line, at.column);
    buf_fini(&text);
}

START_TEST(every_field_has_a_position)
{
    struct spec_documents documents = parse("# first\n"
                                            "a: 1\n"
                                            "list:\n"
                                            "- x: &x {deep: 1}\n"
                                            "  z: *x\n"
                                            "  <<: {merged: 1}\n"
                                            "---\n"
                                            "kind: List\n"
                                            "items:\n"
                                            "- z: {ü: 1, v: 2}\n");
    struct spec_path root = {.parent = NULL};
    struct spec_path a = {.parent = &root, .key = "a"};
    struct spec_path list = {.parent = &root, .key = "list"};
    struct spec_path item = {.parent = &list, .index = 0};
    struct spec_path x = {.parent = &item, .key = "x"};
    struct spec_path deep = {.parent = &x, .key = "deep"};
    struct spec_path y = {.parent = &item, .key = "z"};
    struct spec_path y_deep = {.parent = &y, .key = "deep"};
    struct spec_path merged = {.parent = &item, .key = "merged"};
    struct spec_path missing = {.parent = &item, .key = "missing"};
    struct spec_path below = {.parent = &missing, .index = 5};
    struct spec_path z = {.parent = &root, .key = "z"};
    struct spec_path v = {.parent = &z, .key = "v", .map_key = true};
    check_position(&documents, 0, &root, 2, 1);
    check_position(&documents, 0, &a, 2, 1);
    check_position(&documents, 0, &list, 3, 1);
    check_position(&documents, 0, &item, 4, 3);
    check_position(&documents, 0, &x, 4, 3);
    check_position(&documents, 0, &deep, 4, 10);
    check_position(&documents, 0, &y, 5, 3);
    check_position(&documents, 0, &y_deep, 4, 10);
    check_position(&documents, 0, &merged, 6, 8);
    check_position(&documents, 0, &missing, 4, 3);
    check_position(&documents, 0, &below, 4, 3);
    check_position(&documents, 1, &root, 10, 3);
    check_position(&documents, 1, &v, 10, 13);
    struct buf text = BUF_INIT;
    spec_path_format(&v, &text);
    ck_assert_str_eq(buf_text(&text), "z[v]");
    buf_clear(&text);
    spec_path_format(&y_deep, &text);
    ck_assert_str_eq(buf_text(&text), "list[0].z.deep");
    buf_fini(&text);
    spec_documents_fini(&documents);
}
END_TEST

START_TEST(errors_carry_line_and_column)
{
    struct spec_limits limits = SPEC_LIMITS_DEFAULT;
    struct spec_documents documents;
    struct error error = ERROR_INIT;
    static const char text[] = "a: 1\nb: 2\na: 3\n";
    ck_assert_int_eq(spec_documents_parse(text, strlen(text), &limits, &documents, &error), -1);
    ck_assert_str_eq(error.message, "3:1: the key \"a\" is given twice, first in line 1");
}
END_TEST

START_TEST(yaml_that_is_written_reads_back)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"a\":{},\"b\":[],\"c\":[[],[1]],\"d\":[{\"e\":1,\"f\":[2]}]}",
        "{\"t\":true,\"f\":false,\"i\":-5,\"n\":null,\"big\":9223372036854775807}",
        "[\"\",\"yes\",\"1\",\"0x1\",\"1.5\",\"null\",\"~\",\" a\",\"a \",\"a: b\",\"#a\",\"a "
        "#b\"]",
        "[\"- "
        "a\",\"-\",\"[a\",\"{a\",\"*a\",\"&a\",\"!a\",\"%a\",\"@a\",\"`a\",\"'a\",\"\\\"a\",\"|\","
        "\">\"]",
        "[\"two\\nlines\",\"two\\nlines\\n\",\"end\\n\\n\",\"\\nfirst\",\" x\\ny\",\"a\\n "
        "b\\n\",\"\\n\"]",
        "[\"tab\\there\",\"\\r\",\"a\\r\\nb\",\"\\u0001\",\"\\u007f\",\"ünï\",\"\\ud83d\\ude00\","
        "\"\\u2028\"]",
        "[\"2024-01-01\",\"1:30\",\"<<\",\"=\",\"1_000\",\"010\",\".inf\",\"---\",\"...\","
        "\"a\\u0085b\"]",
        "{\"yes\":1,\"1\":2,\"\":3,\"a b\":4,\"<<\":5,\"a: b\":6,\"null\":7}",
        "[\"\\ufeffbom\",\"trailing \\n\",\"x\\n  \\ny\",\"line\\n \",\"\\u00a0\"]",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *json = json_loads(texts[i], 0, NULL);
        ck_assert_msg(json != NULL, "%s", texts[i]);
        struct buf yaml = BUF_INIT;
        struct error error = ERROR_INIT;
        ck_assert_int_eq(spec_yaml_write(json, &yaml, &error), 0);
        struct spec_documents documents = parse(buf_text(&yaml));
        ck_assert_uint_eq(documents.count, 1);
        ck_assert_msg(json_equal(documents.items[0].json, json), "%s became\n%s", texts[i],
                      buf_text(&yaml));
        spec_documents_fini(&documents);
        buf_fini(&yaml);
        json_decref(json);
    }
}
END_TEST

START_TEST(yaml_is_written_as_people_write_it)
{
    json_t *json = json_loads("{\"a\":[{\"b\":\"x\",\"c\":\"80\"}],\"l\":\"1\\n2\\n\"}", 0, NULL);
    struct buf yaml = BUF_INIT;
    struct error error = ERROR_INIT;
    ck_assert_int_eq(spec_yaml_write(json, &yaml, &error), 0);
    ck_assert_int_eq(spec_yaml_write(json, &yaml, &error), 0);
    ck_assert_str_eq(buf_text(&yaml), "a:\n- b: x\n  c: \"80\"\nl: |\n  1\n  2\n"
                                      "---\na:\n- b: x\n  c: \"80\"\nl: |\n  1\n  2\n");
    buf_fini(&yaml);
    buf_init(&yaml, 10);
    ck_assert_int_eq(spec_yaml_write(json, &yaml, &error), -1);
    ck_assert_int_eq(error.code, ERROR_LIMIT);
    buf_fini(&yaml);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/document");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, plain_scalars_mean_what_kubernetes_tools_read);
    tcase_add_test(tcase, documents_are_counted_and_lists_flattened);
    tcase_add_test(tcase, every_field_has_a_position);
    tcase_add_test(tcase, errors_carry_line_and_column);
    tcase_add_test(tcase, yaml_that_is_written_reads_back);
    tcase_add_test(tcase, yaml_is_written_as_people_write_it);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
