/* Durations, ages, amounts, JSON fields, tables. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "field.h"
#include "table.h"
#include "when.h"

#define S ((uint64_t)1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)
#define Y (365 * D)

static const struct {
    uint64_t ms;
    const char *text;
} durations[] = {
    {0, "0s"},
    {999, "0s"},
    {S, "1s"},
    {119 * S, "119s"},
    {2 * M, "2m"},
    {2 * M + S, "2m1s"},
    {9 * M + 59 * S, "9m59s"},
    {10 * M, "10m"},
    {179 * M, "179m"},
    {3 * H, "3h"},
    {3 * H + M, "3h1m"},
    {8 * H + M, "8h"},
    {47 * H, "47h"},
    {2 * D, "2d"},
    {2 * D + 5 * H, "2d5h"},
    {8 * D + 5 * H, "8d"},
    {729 * D, "729d"},
    {2 * Y, "2y"},
    {2 * Y + 3 * D, "2y3d"},
    {8 * Y + 3 * D, "8y"},
    {UINT64_MAX, "584942417y"},
};

START_TEST(test_durations)
{
    char text[WHEN_TEXT_BYTES_MAX];
    ck_assert_str_eq(when_format_duration(durations[_i].ms, text), durations[_i].text);
}
END_TEST

static const struct {
    const char *text;
    uint64_t ms; /* UINT64_MAX: refused */
} typed[] = {
    {"30s", 30 * S},
    {"5m", 5 * M},
    {"1h30m", 90 * M},
    {"250ms", 250},
    {"2d", 2 * D},
    {"0s", 0},
    {"36500d", 36500 * D},
    {"", UINT64_MAX},
    {"5", UINT64_MAX},
    {"m", UINT64_MAX},
    {"5x", UINT64_MAX},
    {"-5s", UINT64_MAX},
    {"5s ", UINT64_MAX},
    {"1.5h", UINT64_MAX},
    {"99999999999999d", UINT64_MAX},
    {"36501d", UINT64_MAX},
    {"36500d1s", UINT64_MAX},
};

START_TEST(test_typed_durations)
{
    struct error error = ERROR_INIT;
    uint64_t ms = 77;
    int result = when_parse_duration(typed[_i].text, &ms, &error);
    ck_assert_int_eq(result, typed[_i].ms == UINT64_MAX ? -1 : 0);
    ck_assert_uint_eq(ms, typed[_i].ms == UINT64_MAX ? 77 : typed[_i].ms);
}
END_TEST

static const struct {
    const char *text;
    wall_ms_t wall_ms; /* 0: refused */
} times[] = {
    {"2026-01-31T12:00:00Z", 1769860800000},
    {"1970-01-01T00:00:01Z", 1000},
    {"2026-01-31T12:00:00.123456Z", 1769860800000},
    {"2026-01-31T12:00:00", 0},
    {"2026-01-31T12:00:00+01:00", 0},
    {"2026-01-31", 0},
    {"", 0},
    {"soon", 0},
    {"1960-01-01T00:00:00Z", 0},
};

START_TEST(test_times)
{
    wall_ms_t wall_ms = 0;
    ck_assert_int_eq(when_parse(times[_i].text, &wall_ms), times[_i].wall_ms != 0);
    ck_assert_uint_eq(wall_ms, times[_i].wall_ms);
}
END_TEST

START_TEST(test_ages)
{
    char text[WHEN_TEXT_BYTES_MAX];
    ck_assert_str_eq(when_format_age("1970-01-01T00:00:10Z", 15000, text), "5s");
    ck_assert_str_eq(when_format_age("1970-01-01T00:00:10Z", 9000, text), "0s"); /* clocks differ */
    ck_assert_str_eq(when_format_age("", 9000, text), "<unknown>");
}
END_TEST

static const struct {
    uint64_t milli;
    const char *text;
} cores[] = {{0, "0"},    {1, "0.01"},   {10, "0.01"},  {100, "0.1"}, {250, "0.25"},
             {1000, "1"}, {1500, "1.5"}, {64000, "64"}, {991, "1"}};

START_TEST(test_cores)
{
    char text[AMOUNT_TEXT_BYTES_MAX];
    ck_assert_str_eq(amount_cores(cores[_i].milli, text), cores[_i].text);
}
END_TEST

static const struct {
    uint64_t bytes;
    const char *text;
} sizes[] = {{0, "0"},
             {1023, "1023"},
             {1024, "1Ki"},
             {1536, "1.5Ki"},
             {(uint64_t)50 << 20, "50Mi"},
             {((uint64_t)3 << 30) + ((uint64_t)800 << 20), "3.7Gi"},
             {UINT64_MAX, "15Ei"}};

START_TEST(test_sizes)
{
    char text[AMOUNT_TEXT_BYTES_MAX];
    ck_assert_str_eq(amount_bytes(sizes[_i].bytes, text), sizes[_i].text);
}
END_TEST

static const struct {
    const char *resource, *used, *whole, *text;
    uint64_t percent;
} used[] = {
    {"cpu", "250m", "2", "0.25/2", 12},       {"cpu", "0", "2", "0/2", 0},
    {"memory", "80Mi", "8Gi", "80Mi/8Gi", 0}, {"memory", "4Gi", "8Gi", "4Gi/8Gi", 50},
    {"pods", "3", "110", "3/110", 3},         {"pods", "3", "3", "3/3", 100},
    {"pods", "", "110", "?/110", 0},          {"cpu", "", "", "?/?", 0},
    {"cpu", "a lot", "2", "?/2", 0},          {"memory", "1", "0", "1/0", 0},
};

START_TEST(test_used)
{
    char text[2 * AMOUNT_TEXT_BYTES_MAX];
    uint64_t percent = 7;
    (void)amount_used(used[_i].resource, used[_i].used, used[_i].whole, text, &percent);
    ck_assert_str_eq(text, used[_i].text);
    ck_assert_uint_eq(percent, used[_i].percent);
}
END_TEST

START_TEST(test_fields)
{
    json_t *json = json_loads("{\"a\":{\"b\":\"text\",\"n\":7,\"t\":true,\"x\":null},\"status\":"
                              "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
                              0, NULL);
    ck_assert_str_eq(field_text(json, "a.b"), "text");
    ck_assert_str_eq(field_text(json, "a.n"), "");
    ck_assert_str_eq(field_text(json, "a.b.c"), "");
    ck_assert_str_eq(field_text(json, "no.such.thing"), "");
    ck_assert_str_eq(field_text(NULL, "a"), "");
    ck_assert_int_eq(field_number(json, "a.n", 1), 7);
    ck_assert_int_eq(field_number(json, "a.b", 1), 1);
    ck_assert(field_true(json, "a.t"));
    ck_assert(!field_true(json, "a.x"));
    ck_assert_str_eq(field_condition(json, "Ready"), "True");
    ck_assert_str_eq(field_condition(json, "Other"), "");
    json_decref(json);
}
END_TEST

static char *print_table(struct table *table, bool colour, bool headers)
{
    char *text = NULL;
    size_t size_bytes = 0;
    struct cli cli = {.io = {.out = open_memstream(&text, &size_bytes), .colour = colour}};
    table_print(table, &cli, headers);
    (void)fclose(cli.io.out);
    return text;
}

START_TEST(test_tables)
{
    struct table table;
    table_init(&table);
    table_column(&table, "NAME");
    table_column(&table, "STATUS");
    table_column(&table, "AGE");
    char *text = print_table(&table, false, true);
    ck_assert_str_eq(text, "NAME   STATUS   AGE\n");
    free(text);
    table_cell(&table, TONE_NONE, "%s", "web-0");
    table_cell(&table, TONE_GOOD, "%s", "Running");
    table_cell(&table, TONE_NONE, "%s", "5m");
    table_cell(&table, TONE_NONE, "%s", "gr\xc3\xbc\xc3\x9f"); /* four columns, six bytes */
    table_cell(&table, TONE_NONE, "%s", "");
    table_cell(&table, TONE_NONE, "%s",
               "a\033[2J\nb\x7f\xc2\x9b"
               "c");
    text = print_table(&table, false, true);
    ck_assert_str_eq(text, "NAME    STATUS    AGE\n"
                           "web-0   Running   5m\n"
                           "gr\xc3\xbc\xc3\x9f              a?[2J b??c\n");
    free(text);
    table_clear(&table); /* the widths stay */
    table_cell(&table, TONE_NONE, "%s", "x");
    table_cell(&table, TONE_NONE, "%s", "y");
    table_cell(&table, TONE_BAD, "%s", "z");
    text = print_table(&table, false, false);
    ck_assert_str_eq(text, "x       y         z\n");
    free(text);
    text = print_table(&table, true, false);
    ck_assert_str_eq(text, "x       y         \033[31mz\033[0m\n");
    free(text);
    table_fini(&table);
}
END_TEST

#define ADD(name, table)                                                                           \
    tcase_add_loop_test(tcase, name, 0, (int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("cli values");
    TCase *tcase = tcase_create("all");
    ADD(test_durations, durations);
    ADD(test_typed_durations, typed);
    ADD(test_times, times);
    ADD(test_cores, cores);
    ADD(test_sizes, sizes);
    ADD(test_used, used);
    tcase_add_test(tcase, test_ages);
    tcase_add_test(tcase, test_fields);
    tcase_add_test(tcase, test_tables);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
