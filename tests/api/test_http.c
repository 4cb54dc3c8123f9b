/* Connections: what is a request, in whatever pieces, and what is not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client.h"

static struct rig rig;
static struct rig_connection connection;
static struct answer answer;

static void setup(void)
{
    rig_init(&rig);
    rig_connect(&rig, &connection);
}
static void teardown(void)
{
    answer_free(&answer);
    rig_hang_up(&connection);
    rig_fini(&rig);
    ck_assert_uint_eq(rig.loads_open_count, 0);
    ck_assert_uint_eq(rig.logs_open_count, 0);
}

static void put(const char *text)
{
    rig_put(&connection, text, strlen(text));
}

START_TEST(a_request_may_come_in_any_two_pieces)
{
    static const char request[] = "GET /version?a=%41+b HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t i = 0; i <= strlen(request); i++) {
        rig_put(&connection, request, i);
        rig_put(&connection, request + i, strlen(request) - i);
        take_answer(&connection, &answer);
        ck_assert_int_eq(answer.status, 200);
        ck_assert_str_eq(at(&answer, "gitVersion"), "v1.31.0+shoal1.2\"3\\");
        answer_free(&answer);
    }
    ck_assert(!connection.close_asked);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    put("GET /healthz HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n");
    take_answer(&connection, &answer);
    ck_assert_str_eq(answer.text, "ok");
    answer_free(&answer);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 200);
    answer_free(&answer);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 404);
}
END_TEST

START_TEST(a_write_holds_back_what_is_behind_it)
{
    static const char body[] = DEPLOYMENT("a", 0);
    struct buf text = BUF_INIT;
    rig.disk_is_slow = true;
    buf_printf(&text, "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", DEPLOYMENTS,
               strlen(body), body);
    buf_append_text(&text, "GET /healthz HTTP/1.1\r\n\r\n");
    rig_put(&connection, text.data, text.size_bytes);
    rig_turn(&rig, 50);
    ck_assert_uint_eq(connection.output.size_bytes, 0);
    rig.disk_is_slow = false;
    rig_turn(&rig, 1);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 201);
    answer_free(&answer);
    take_answer(&connection, &answer);
    ck_assert_str_eq(answer.text, "ok");
    buf_fini(&text);
}
END_TEST

START_TEST(a_disk_that_takes_too_long_is_told)
{
    static const char body[] = DEPLOYMENT("a", 0);
    struct buf text = BUF_INIT;
    rig.disk_is_slow = true;
    buf_printf(&text, "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", DEPLOYMENTS,
               strlen(body), body);
    rig_put(&connection, text.data, text.size_bytes);
    rig_turn(&rig, 31000);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 504);
    buf_fini(&text);
}
END_TEST

START_TEST(a_client_may_go_while_its_write_is_under_way)
{
    static const char body[] = DEPLOYMENT("a", 0);
    struct buf text = BUF_INIT;
    rig.disk_is_slow = true;
    buf_printf(&text, "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", DEPLOYMENTS,
               strlen(body), body);
    rig_put(&connection, text.data, text.size_bytes);
    rig_hang_up(&connection);
    rig.disk_is_slow = false;
    rig_turn(&rig, 5);
    EXPECT(&rig, "GET", DEPLOYMENTS "/a", NULL, 200, &answer);
    buf_fini(&text);
}
END_TEST

START_TEST(keep_alive_and_close)
{
    put("GET /healthz HTTP/1.1\r\n\r\n");
    ck_assert(!connection.close_asked);
    take_answer(&connection, &answer);
    answer_free(&answer);
    put("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    take_answer(&connection, &answer);
    ck_assert_ptr_nonnull(strstr(answer.head, "Connection: close"));
    ck_assert(connection.close_asked);
}
END_TEST

START_TEST(chunked_bodies_are_joined)
{
    static const char body[] = DEPLOYMENT("a", 0);
    struct buf text = BUF_INIT;
    buf_printf(&text, "POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", DEPLOYMENTS);
    for (size_t i = 0; i < strlen(body); i += 7)
        buf_printf(&text, "%zx\r\n%.7s\r\n", strlen(body + i) < 7 ? strlen(body + i) : (size_t)7,
                   body + i);
    buf_append_text(&text, "0\r\n\r\n");
    rig_put(&connection, text.data, text.size_bytes);
    rig_turn(&rig, 5);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 201);
    buf_fini(&text);
}
END_TEST

static const char *const noise[] = {
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* TLS */
    "hello\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "GET /a\x01 HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "CONNECT x:1 HTTP/1.1\r\n\r\n",
};

START_TEST(noise_is_refused_and_the_connection_ends)
{
    put(noise[_i]);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 400);
    ck_assert_str_eq(at(&answer, "kind"), "Status");
    ck_assert(connection.close_asked);
    put("GET /healthz HTTP/1.1\r\n\r\n"); /* nobody listens any more */
    ck_assert_uint_eq(connection.output.size_bytes, 0);
}
END_TEST

START_TEST(headers_have_a_limit)
{
    char *long_header = mem_alloc(API_HEADERS_BYTES_MAX + 100, 1);
    memset(long_header, 'a', API_HEADERS_BYTES_MAX + 99);
    put("GET /healthz HTTP/1.1\r\nX: ");
    put(long_header);
    put("\r\n\r\n");
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 400);
    ck_assert(connection.close_asked);
    mem_free(long_header);
}
END_TEST

START_TEST(bodies_have_a_limit)
{
    char *chunk = mem_alloc((1 << 20) + 1, 1);
    memset(chunk, ' ', 1 << 20);
    put("POST " DEPLOYMENTS " HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n");
    for (int i = 0; i < 4; i++)
        put(chunk);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 413);
    mem_free(chunk);
}
END_TEST

START_TEST(what_is_not_served_says_so)
{
    static const struct {
        const char *method, *url;
        int status;
    } table[] = {
        {"GET", "/nowhere", 404},
        {"GET", "/apis/apps/v1/unicorns", 404},
        {"GET", DEPLOYMENTS "/a/log", 404},
        {"DELETE", DEPLOYMENTS, 405},
        {"POST", DEPLOYMENTS "/a", 405},
        {"PATCH", DEPLOYMENTS "/a", 415},
        {"POST", "/api/v1/nodes", 405},
        {"DELETE", "/api/v1/nodes/n1", 405},
        {"DELETE", "/api/v1/namespaces/default", 403},
        {"DELETE", DEPLOYMENTS "/No%20Name", 404},
        {"GET", DEPLOYMENTS "?labelSelector=a%3Db", 400},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        EXPECT(&rig, table[i].method, table[i].url, NULL, table[i].status, &answer);
        ck_assert_str_eq(at(&answer, "kind"), "Status");
        ck_assert_uint_gt(strlen(at(&answer, "message")), 10);
        answer_free(&answer);
    }
}
END_TEST

START_TEST(connections_have_a_limit)
{
    static struct rig_connection many[API_CONNECTIONS_MAX];
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++) {
        rig_connect(&rig, &many[i]);
        ck_assert_int_eq(many[i].connection != NULL, i < API_CONNECTIONS_MAX - 1);
    }
    for (size_t i = 0; i < API_CONNECTIONS_MAX; i++)
        rig_hang_up(&many[i]);
}
END_TEST

/* ---- images come in the body of one request */

START_TEST(an_image_is_taken_as_it_comes)
{
    put("POST /shoal/v1/images HTTP/1.1\r\nContent-Length: 10\r\n\r\nabcde");
    rig_turn(&rig, 1);
    put("fghij");
    rig_turn(&rig, 1);
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 201);
    ck_assert_ptr_nonnull(strstr(answer.text, "[\"web:1\",\"web:latest\"]"));
}
END_TEST

START_TEST(a_refused_image_is_told_at_its_end)
{
    put("POST /shoal/v1/images HTTP/1.1\r\nContent-Length: 4\r\n\r\n!abc");
    take_answer(&connection, &answer);
    ck_assert_int_eq(answer.status, 422);
    ck_assert_str_eq(at(&answer, "message"), "this is no image archive");
}
END_TEST

/* However the upload ends, nothing of it stays open (looked at by teardown). */
START_TEST(an_upload_that_breaks_is_given_up)
{
    switch (_i) {
    case 0: /* the client goes in the middle */
        put("POST /shoal/v1/images HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
        break;
    case 1: /* it goes while the store works */
        put("POST /shoal/v1/images HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        break;
    case 2: /* what comes is no chunk */
        put("POST /shoal/v1/images HTTP/1.1\r\nTransfer-Encoding: "
            "chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
        take_answer(&connection, &answer);
        ck_assert_int_eq(answer.status, 400);
        ck_assert(connection.close_asked);
        break;
    default: /* a second one meanwhile is refused, and the first goes on */
        put("POST /shoal/v1/images HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
        EXPECT(&rig, "POST", "/shoal/v1/images", "abc", 503, &answer);
        put("defghij");
        rig_turn(&rig, 1);
        answer_free(&answer);
        take_answer(&connection, &answer);
        ck_assert_int_eq(answer.status, 201);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api: http");
    TCase *tcase = tcase_create("http");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_request_may_come_in_any_two_pieces);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, a_write_holds_back_what_is_behind_it);
    tcase_add_test(tcase, a_disk_that_takes_too_long_is_told);
    tcase_add_test(tcase, a_client_may_go_while_its_write_is_under_way);
    tcase_add_test(tcase, keep_alive_and_close);
    tcase_add_test(tcase, chunked_bodies_are_joined);
    tcase_add_loop_test(tcase, noise_is_refused_and_the_connection_ends, 0,
                        (int)(sizeof(noise) / sizeof(noise[0])));
    tcase_add_test(tcase, headers_have_a_limit);
    tcase_add_test(tcase, bodies_have_a_limit);
    tcase_add_test(tcase, what_is_not_served_says_so);
    tcase_add_test(tcase, connections_have_a_limit);
    tcase_add_test(tcase, an_image_is_taken_as_it_comes);
    tcase_add_test(tcase, a_refused_image_is_told_at_its_end);
    tcase_add_loop_test(tcase, an_upload_that_breaks_is_given_up, 0, 4);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
