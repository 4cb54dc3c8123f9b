/* coordination.k8s.io/v1 as leader election uses it: create, get, replace; and what Shoal adds. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/default/leases"
#define LEASE(name, holder, seconds, version)                                                      \
    "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"" name \
    "\",\"resourceVersion\":\"" version "\"},\"spec\":{\"holderIdentity\":\"" holder               \
    "\",\"leaseDurationSeconds\":" #seconds "}}"

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
}

static json_int_t number(const char *object, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(answer.json, object), name));
}

static const char *token(void)
{
    const json_t *metadata = json_object_get(answer.json, "metadata");
    return json_string_value(
        json_object_get(json_object_get(metadata, "annotations"), "shoal.dev/fencing-token"));
}

START_TEST(a_lease_is_made_read_renewed_and_released)
{
    again("GET", LEASES "/a", NULL, 404);
    again("POST", LEASES, LEASE("a", "me", 15, ""), 201);
    ck_assert_str_eq(at(&answer, "spec.holderIdentity"), "me");
    ck_assert_ptr_nonnull(strstr(answer.head, "Shoal-Lease-Holds-Ms: 148"));
    ck_assert_uint_eq(strlen(at(&answer, "spec.renewTime")), strlen("2026-01-01T00:00:00.000000Z"));
    again("POST", LEASES, LEASE("a", "me", 15, ""), 409);
    ck_assert_str_eq(at(&answer, "reason"), "AlreadyExists");
    again("GET", LEASES "/a", NULL, 200);
    ck_assert_str_eq(at(&answer, "metadata.resourceVersion"), "1");
    again("PUT", LEASES "/a", LEASE("a", "me", 15, "1"), 200);
    ck_assert_str_eq(at(&answer, "metadata.resourceVersion"), "2");
    again("PUT", LEASES "/a", LEASE("a", "me", 15, "1"), 409); /* what it saw is no more */
    again("PUT", LEASES "/a", LEASE("a", "", 15, "2"), 200);
    ck_assert_str_eq(at(&answer, "spec.holderIdentity"), "");
    ck_assert_ptr_null(strstr(answer.head, "Shoal-Lease-Holds-Ms"));
    again("PUT", LEASES "/a", LEASE("a", "you", 15, "3"), 200);
    ck_assert_int_eq(number("spec", "leaseTransitions"), 1);
}
END_TEST

START_TEST(nobody_takes_what_is_held)
{
    char first[32];
    again("POST", LEASES, LEASE("a", "me", 2, ""), 201);
    (void)snprintf(first, sizeof(first), "%s", token());
    again("PUT", LEASES "/a", LEASE("a", "you", 2, "1"), 409);
    ck_assert_ptr_nonnull(strstr(at(&answer, "message"), "me holds it, for another"));
    rig_turn(&rig, 2100);
    again("PUT", LEASES "/a", LEASE("a", "you", 2, "1"), 200);
    ck_assert(strtoull(token(), NULL, 10) > strtoull(first, NULL, 10));
}
END_TEST

START_TEST(lists_say_who_votes)
{
    again("POST", LEASES, LEASE("a", "me", 15, ""), 201);
    again("POST", "/apis/coordination.k8s.io/v1/namespaces/other/leases", LEASE("b", "me", 15, ""),
          201);
    again("GET", LEASES, NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "items")), 1);
    ck_assert_int_eq(number("roster", "epoch"), 1);
    again("GET", "/apis/coordination.k8s.io/v1/leases", NULL, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "items")), 2);
    ck_assert_str_eq(at(&answer, "kind"), "LeaseList");
    again("GET", "/apis/coordination.k8s.io/v1", NULL, 200);
    ck_assert_ptr_nonnull(strstr(answer.text, "\"leases\""));
}
END_TEST

static const struct {
    const char *method, *url, *body;
    int status;
} refused[] = {
    {"POST", LEASES, "nonsense", 422},
    {"POST", LEASES, "{}", 422},
    {"POST", LEASES, LEASE("a", "", 15, ""), 422},
    {"POST", LEASES, LEASE("a", "me", 0, ""), 422},
    {"POST", LEASES, LEASE("a", "me", 601, ""), 422},
    {"POST", LEASES, LEASE("a/b", "me", 15, ""), 422},
    {"PUT", LEASES "/a", LEASE("b", "me", 15, ""), 422},
    {"PUT", LEASES "/a", LEASE("a", "me", 15, "x"), 422},
    {"PUT", LEASES "/a", LEASE("a", "", 15, ""), 422}, /* letting go of what one has not seen */
    {"PUT", LEASES "/a", LEASE("a", "me", 15, ""), 404},
    {"DELETE", LEASES "/a", NULL, 405},
    {"GET", LEASES "?watch=true", NULL, 405},
    {"GET", "/apis/coordination.k8s.io/v1/leases/a", NULL, 404},
    {"GET", LEASES "/%ec", NULL, 400}, /* found by fuzzing: it ended the agent */
    {"GET", LEASES "/a%00", NULL, 400},
    {"GET", "/apis/coordination.k8s.io/v1/namespaces/default/others", NULL, 404},
    {"POST", "/shoal/v1/roster/reset", NULL, 400},
};

START_TEST(what_makes_no_sense_is_refused)
{
    again(refused[_i].method, refused[_i].url, refused[_i].body, refused[_i].status);
}
END_TEST

START_TEST(without_the_disk_there_is_no_answer_but_in_time_a_refusal)
{
    struct rig_connection connection;
    static const char request[] =
        "POST " LEASES " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ";
    static const char body[] = LEASE("a", "me", 15, "");
    char length[32];
    rig.disk_is_slow = true;
    rig_connect(&rig, &connection);
    (void)snprintf(length, sizeof(length), "%zu\r\n\r\n", sizeof(body) - 1);
    rig_put(&connection, request, sizeof(request) - 1);
    rig_put(&connection, length, strlen(length));
    rig_put(&connection, body, sizeof(body) - 1);
    rig_turn(&rig, 4000);
    ck_assert_uint_eq(connection.output.size_bytes, 0);
    rig_turn(&rig, 2000);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(
        strstr(answer.text, "which alone votes on leases, does not answer; nothing was changed"));
    ck_assert_ptr_nonnull(strstr(answer.text, "with a third agent as witness any one may fail"));
    rig_hang_up(&connection);
    rig.disk_is_slow = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api leases");
    TCase *tcase = tcase_create("leases");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_lease_is_made_read_renewed_and_released);
    tcase_add_test(tcase, nobody_takes_what_is_held);
    tcase_add_test(tcase, lists_say_who_votes);
    tcase_add_loop_test(tcase, what_makes_no_sense_is_refused, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tcase, without_the_disk_there_is_no_answer_but_in_time_a_refusal);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
