/* The key ring and banned nodes over HTTP: steps in order, reasons when not, never a key. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define KEYS "/shoal/v1/keys"
#define BANS "/shoal/v1/bans"

static struct rig rig;
static struct answer answer;

static void setup(void)
{
    rig_init(&rig);
}
static void teardown(void)
{
    answer_free(&answer);
    rig_fini(&rig);
}

static void again(const char *method, const char *url, const char *body, int status)
{
    answer_free(&answer);
    EXPECT(&rig, method, url, body, status, &answer);
    rig_turn(&rig, 10);
}

static const char *state_of(long long id)
{
    size_t index = 0;
    json_t *key = NULL;
    json_array_foreach(json_object_get(answer.json, "keys"), index, key)
    {
        if (json_integer_value(json_object_get(key, "id")) == id)
            return json_string_value(json_object_get(key, "state"));
    }
    return "";
}

/* Nothing in it looks like a secret of the rig (32 times the id). */
static void assert_no_secret(void)
{
    static const char *const traces[] = {"secret", "0101010101", "0202020202", "AQEBAQ", "AgICAg"};
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
        ck_assert_ptr_null(strstr(answer.text, traces[i]));
}

START_TEST(a_rotation_goes_step_by_step)
{
    again("GET", KEYS, NULL, 200);
    ck_assert_str_eq(state_of(1), "sealing");
    assert_no_secret();
    again("POST", KEYS, "{\"action\":\"install\"}", 200);
    ck_assert_int_eq(json_integer_value(json_object_get(answer.json, "id")), 2);
    ck_assert_str_eq(state_of(2), "installed");
    assert_no_secret();
    again("POST", KEYS, "{\"action\":\"install\"}", 409);
    again("POST", KEYS, "{\"action\":\"remove\",\"id\":1}", 409); /* it seals */
    again("POST", KEYS, "{\"action\":\"use\",\"id\":2}", 200);
    ck_assert_str_eq(state_of(2), "sealing");
    ck_assert_str_eq(state_of(1), "opening");
    again("POST", KEYS, "{\"action\":\"remove\",\"id\":1,\"force\":false}", 200);
    again("GET", KEYS, NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "keys")), 1);
    ck_assert(json_is_true(json_object_get(answer.json, "settled")));
    again("POST", KEYS, "{\"action\":\"remove\",\"id\":1}", 404);
}
END_TEST

static const char *const nonsense[] = {
    "",
    "{}",
    "[]",
    "{\"action\":\"print\"}",
    "{\"action\":7}",
    "{\"action\":\"use\",\"id\":256}",
    "{\"action\":\"use\",\"id\":-1}",
    "{\"action\":\"use\",\"id\":\"1\"}",
    "{\"action\":\"remove\",\"id\":1,\"force\":1}",
};

START_TEST(nonsense_is_refused)
{
    again("POST", KEYS, nonsense[_i], 400);
    again("GET", KEYS, NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "keys")), 1);
}
END_TEST

START_TEST(bans_name_nodes_that_are_known)
{
    again("GET", BANS, NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "items")), 0);
    again("PUT", "/shoal/v1/nodes/nobody/ban", NULL, 404);
    again("PUT", "/shoal/v1/nodes/0123456789abcdef/ban", NULL, 404);
    again("PUT", "/shoal/v1/nodes/000000000000005a/ban?reason=x", NULL, 409); /* itself */
    again("DELETE", "/shoal/v1/nodes/000000000000005a/ban", NULL, 404);
    again("GET", "/shoal/v1/nodes/000000000000005a/ban", NULL, 404);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api: keys");
    TCase *tcase = tcase_create("keys");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_rotation_goes_step_by_step);
    tcase_add_loop_test(tcase, nonsense_is_refused, 0, sizeof(nonsense) / sizeof(nonsense[0]));
    tcase_add_test(tcase, bans_name_nodes_that_are_known);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
