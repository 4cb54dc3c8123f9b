/* One request after the other over a connection that may end at any time. */
#include "client.h"

#include <string.h>

#include "fake.h"

static struct client *make(const struct fake_exchange *script, size_t count)
{
    struct error error = ERROR_INIT;
    fake_script(script, count);
    struct client *client =
        client_new(fake_transport_make, &(struct cli_server){.address = "unix:/x"}, &error);
    ck_assert_ptr_nonnull(client);
    return client;
}

#define MAKE(script) make((script), sizeof(script) / sizeof((script)[0]))

static void end(struct client *client)
{
    client_free(client);
    fake_script_end();
}

START_TEST(test_the_connection_stays_open)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /a", .status = 200, .body = "{\"n\":1}"},
        {.request = "GET /b", .status = 200, .body = "{\"n\":2}", .chunked = true},
        {.request = "GET /c",
         .status = 200,
         .body = "{\"n\":3}",
         .headers = "Connection: close\r\n",
         .hang_up = true},
        {.request = "GET /d", .status = 200, .body = "{\"n\":4}"},
    };
    static const char *const paths[] = {"/a", "/b", "/c", "/d"};
    for (fake_pieces = 0; fake_pieces <= 7; fake_pieces += 1) {
        struct client *client = MAKE(script);
        for (int i = 0; i < 4; i++) {
            struct error error = ERROR_INIT;
            json_t *json = NULL;
            ck_assert_int_eq(client_get(client, paths[i], &json, &error), 0);
            ck_assert_int_eq(json_integer_value(json_object_get(json, "n")), i + 1);
            json_decref(json);
        }
        ck_assert_uint_eq(fake_opened_count(), 2);
        end(client);
    }
    fake_pieces = 0;
}
END_TEST

/* The agent was restarted between two commands of one client: a GET is asked again. */
START_TEST(test_a_get_is_repeated_once_on_a_stale_connection)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /a", .status = 200, .body = "{}"},
        {.request = "GET /b", .status = 0, .hang_up = true},
        {.request = "GET /b", .status = 200, .body = "{}"},
        {.request = "DELETE /c", .status = 0, .hang_up = true},
    };
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    struct client_response response;
    struct client *client = MAKE(script);
    ck_assert_int_eq(client_get(client, "/a", &json, &error), 0);
    json_decref(json);
    ck_assert_int_eq(client_get(client, "/b", &json, &error), 0);
    json_decref(json);
    const struct client_request request = {.method = "DELETE", .path = "/c"};
    ck_assert_int_eq(client_request(client, &request, &response, &error), -1);
    ck_assert_int_eq(error.code, ERROR_UNAVAILABLE);
    EXPECT_HAS(error.message, "closed the connection without an answer");
    end(client);
}
END_TEST

START_TEST(test_a_first_get_is_not_repeated)
{
    static const struct fake_exchange script[] = {{.request = "GET /a", .hang_up = true}};
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    struct client *client = MAKE(script);
    ck_assert_int_eq(client_get(client, "/a", &json, &error), -1);
    EXPECT_HAS(error.message, "the agent at unix:/x");
    end(client);
}
END_TEST

static const struct {
    struct fake_exchange exchange;
    enum error_code code;
    const char *says;
} failures[] = {
    {{.status = 404, .body = "{\"message\":\"pods \\\"x\\\" not found\"}"},
     ERROR_NOT_FOUND,
     "pods \"x\" not found"},
    {{.status = 409, .body = "{\"message\":\"m\",\"reason\":\"AlreadyExists\"}"},
     ERROR_EXISTS,
     "m"},
    {{.status = 409, .body = "{\"message\":\"m\",\"reason\":\"Conflict\"}"}, ERROR_CONFLICT, "m"},
    {{.status = 422, .body = "{\"message\":\"m\"}"}, ERROR_INVALID, "m"},
    {{.status = 403, .body = "{\"message\":\"m\"}"}, ERROR_DENIED, "m"},
    {{.status = 503, .body = "{\"message\":\"m\"}"}, ERROR_UNAVAILABLE, "m"},
    {{.status = 507, .body = "{\"message\":\"m\"}"}, ERROR_NO_SPACE, "m"},
    {{.status = 500, .body = "<html>"}, ERROR_INTERNAL, "HTTP status 500"},
    {{.status = 418, .body = ""}, ERROR_INTERNAL, "HTTP status 418"},
    {{.status = 302, .body = "[]"}, ERROR_INTERNAL, "HTTP status 302"},
    {{.status = 200, .body = "not json"}, ERROR_CORRUPT, "makes no sense"},
    {{.status = 200, .body = "[1]"}, ERROR_CORRUPT, "makes no sense"},
    {{.status = 200, .body = ""}, ERROR_CORRUPT, "makes no sense"},
    {{.status = 0, .body = "SSH-2.0-OpenSSH\r\n"}, ERROR_CORRUPT, "makes no sense"},
    {{.status = 0, .body = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}"},
     ERROR_CORRUPT,
     "more than it was asked"},
    {{.status = 0, .body = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", .hang_up = true},
     ERROR_UNAVAILABLE,
     "in the middle of its answer"},
};

START_TEST(test_failures)
{
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    struct client *client = make(&failures[_i].exchange, 1);
    ck_assert_int_eq(client_get(client, "/a", &json, &error), -1);
    ck_assert_int_eq(error.code, failures[_i].code);
    EXPECT_HAS(error.message, failures[_i].says);
    end(client);
}
END_TEST

static bool take_two(void *context, struct bytes data)
{
    size_t *count = context;
    *count += data.size_bytes;
    return *count < 2;
}

START_TEST(test_enough_is_no_failure_and_the_next_connection_is_new)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /a", .status = 200, .body = "abcdefgh", .chunked = true},
        {.request = "GET /b", .status = 200, .body = "{}"},
    };
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    struct client_response response;
    size_t count = 0;
    fake_pieces = 1;
    struct client *client = MAKE(script);
    const struct client_request request = {
        .method = "GET", .path = "/a", .on_body = take_two, .context = &count};
    ck_assert_int_eq(client_request(client, &request, &response, &error), 0);
    client_response_fini(&response);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(client_get(client, "/b", &json, &error), 0);
    json_decref(json);
    ck_assert_uint_eq(fake_opened_count(), 2);
    end(client);
    fake_pieces = 0;
}
END_TEST

START_TEST(test_the_body_of_a_failure_does_not_go_to_on_body)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /a", .status = 404, .body = "{\"message\":\"no\"}"}};
    struct error error = ERROR_INIT;
    struct client_response response;
    size_t count = 0;
    struct client *client = MAKE(script);
    const struct client_request request = {
        .method = "GET", .path = "/a", .on_body = take_two, .context = &count};
    ck_assert_int_eq(client_request(client, &request, &response, &error), 0);
    ck_assert_int_eq(client_response_check(&response, &error), -1);
    ck_assert_str_eq(error.message, "no");
    ck_assert_uint_eq(count, 0);
    client_response_fini(&response);
    end(client);
}
END_TEST

struct source {
    size_t left_bytes;
    int fail_at;
};

static int next_piece(void *context, struct buf *chunk, struct error *error)
{
    struct source *source = context;
    if (source->fail_at > 0 && --source->fail_at == 0)
        return error_set(error, ERROR_IO, "the source failed");
    size_t size_bytes = source->left_bytes < 100000 ? source->left_bytes : 100000;
    for (size_t i = 0; i < size_bytes; i++)
        buf_append_byte(chunk, 'x');
    source->left_bytes -= size_bytes;
    return 0;
}

static int upload(const struct fake_exchange *exchange, struct source *source, uint64_t size_bytes,
                  struct client_response *response, struct error *error)
{
    struct client *client = make(exchange, 1);
    const struct client_request request = {.method = "POST",
                                           .path = "/up",
                                           .content_type = "application/x-tar",
                                           .body_next = next_piece,
                                           .body_size_bytes = size_bytes,
                                           .context = source};
    int result = client_request(client, &request, response, error);
    client_free(client);
    return result;
}

START_TEST(test_uploads)
{
    static const struct fake_exchange good = {.request = "POST /up", .status = 201, .body = "{}"};
    static const uint64_t sizes[] = {0, 1, 100000, 1000001};
    for (size_t i = 0; i < 4; i++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            struct error error = ERROR_INIT;
            struct client_response response;
            struct source source = {.left_bytes = sizes[i]};
            ck_assert_int_eq(
                upload(&good, &source, chunked ? CLIENT_BODY_UNKNOWN : sizes[i], &response, &error),
                0);
            ck_assert_int_eq(response.status, 201);
            client_response_fini(&response);
            fake_script_end();
        }
    }
}
END_TEST

START_TEST(test_an_upload_that_is_refused_early_stops)
{
    static const struct fake_exchange refusal = {
        .request = "POST /up", .status = 507, .body = "{\"message\":\"disk full\"}", .early = true};
    struct error error = ERROR_INIT;
    struct client_response response;
    struct source source = {.left_bytes = (size_t)1 << 30};
    ck_assert_int_eq(upload(&refusal, &source, (uint64_t)1 << 30, &response, &error), 0);
    ck_assert_int_eq(client_response_check(&response, &error), -1);
    ck_assert_str_eq(error.message, "disk full");
    ck_assert_uint_gt(source.left_bytes, (size_t)1 << 29);
    client_response_fini(&response);
    fake_script_end();
}
END_TEST

START_TEST(test_an_upload_whose_source_fails)
{
    static const struct fake_exchange never = {.request = "POST /up", .status = 201};
    struct error error = ERROR_INIT;
    struct client_response response;
    struct source source = {.left_bytes = 1000000, .fail_at = 3};
    ck_assert_int_eq(upload(&never, &source, 1000000, &response, &error), -1);
    ck_assert_str_eq(error.message, "the source failed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli client");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, test_the_connection_stays_open);
    tcase_add_test(tcase, test_a_get_is_repeated_once_on_a_stale_connection);
    tcase_add_test(tcase, test_a_first_get_is_not_repeated);
    tcase_add_loop_test(tcase, test_failures, 0, sizeof(failures) / sizeof(failures[0]));
    tcase_add_test(tcase, test_enough_is_no_failure_and_the_next_connection_is_new);
    tcase_add_test(tcase, test_the_body_of_a_failure_does_not_go_to_on_body);
    tcase_add_test(tcase, test_uploads);
    tcase_add_test(tcase, test_an_upload_that_is_refused_early_stops);
    tcase_add_test(tcase, test_an_upload_whose_source_fails);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
