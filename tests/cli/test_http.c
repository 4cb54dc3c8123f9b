/* Responses in any pieces, and bytes that are none. */
#include "http.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct got {
    struct buf body;
};

static void on_body(void *context, struct bytes data)
{
    struct got *got = context;
    buf_append(&got->body, data.data, data.size_bytes);
}

struct response_case {
    const char *text;
    int status;
    const char *body;
    const char *result;
    size_t warnings_count;
    bool complete;   /* by its own length */
    bool keep_alive; /* when complete */
    bool eof_is_end;
};

static const struct response_case good[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", "", 0, true, true, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", "", 0, true, true, true},
    {"HTTP/1.1 204 None\r\n\r\n", 204, "", "", 0, true, true, true},
    {"HTTP/1.1 201 Created\r\nShoal-Result: created\r\nContent-Length: 2\r\n\r\n{}", 201, "{}",
     "created", 0, true, true, true},
    {"HTTP/1.1 200 OK\r\nWarning: 299 - \"one \"quoted\" word\"\r\nwarning: bare\r\n"
     "Content-Length: 0\r\n\r\n",
     200, "", "", 2, true, true, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", 200,
     "abcd", "", 0, true, true, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", 200, "",
     "", 0, true, false, true},
    /* without a length: until the end of the stream */
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", "", 0, false, false, true},
    {"HTTP/1.0 200 OK\r\n\r\nold", 200, "old", "", 0, false, false, true},
    /* interim answers are not the answer */
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", 404, "no", "",
     0, true, true, true},
    /* cut off */
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 200, "hel", "", 0, false, false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", 200, "ab", "", 0, false, false,
     false},
    {"HTTP/1.1 200 OK\r\nConte", 200, "", "", 0, false, false, false},
    {"", 0, "", "", 0, false, false, false},
};

/* Each whole, and byte by byte. */
START_TEST(test_good)
{
    const struct response_case *expected = &good[_i];
    for (size_t piece = 1; piece <= 4096; piece *= 64) {
        struct got got = {.body = BUF_INIT};
        struct error error = ERROR_INIT;
        struct http_response response;
        http_response_init(&response);
        response.on_body = on_body;
        response.context = &got;
        size_t length = strlen(expected->text);
        for (size_t at = 0; at < length; at += piece) {
            size_t size_bytes = length - at < piece ? length - at : piece;
            struct bytes data = {(const uint8_t *)expected->text + at, size_bytes};
            ck_assert_int_eq(http_response_feed(&response, data, &error), 0);
        }
        ck_assert_int_eq(response.complete, expected->complete);
        if (expected->complete)
            ck_assert_int_eq(response.keep_alive, expected->keep_alive);
        ck_assert_int_eq(http_response_eof(&response, &error), expected->eof_is_end ? 0 : -1);
        if (!expected->eof_is_end)
            ck_assert_int_eq(error.code, ERROR_UNAVAILABLE);
        if (expected->eof_is_end)
            ck_assert_int_eq(response.status, expected->status);
        ck_assert_str_eq(buf_text(&got.body), expected->body);
        ck_assert_str_eq(response.result, expected->result);
        ck_assert_uint_eq(response.warnings_count, expected->warnings_count);
        if (expected->warnings_count == 2) {
            ck_assert_str_eq(response.warnings[0], "one \"quoted\" word");
            ck_assert_str_eq(response.warnings[1], "bare");
        }
        http_response_fini(&response);
        buf_fini(&got.body);
    }
}
END_TEST

static const char *const garbage[] = {
    "SSH-2.0-OpenSSH_9.2p1\r\n",
    "\x16\x03\x01\x02",
    "GET / HTTP/1.1\r\n\r\n",
    "HTTP/9.9 200 OK\r\n\r\n",
    "HTTP/1.1 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    /* more than was asked */
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n",
};

START_TEST(test_garbage)
{
    struct got got = {.body = BUF_INIT};
    struct error error = ERROR_INIT;
    struct http_response response;
    http_response_init(&response);
    response.on_body = on_body;
    response.context = &got;
    struct bytes data = {(const uint8_t *)garbage[_i], strlen(garbage[_i])};
    ck_assert_int_eq(http_response_feed(&response, data, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CORRUPT);
    ck_assert_str_ne(error.message, "");
    http_response_fini(&response);
    buf_fini(&got.body);
}
END_TEST

START_TEST(test_head_without_end)
{
    struct error error = ERROR_INIT;
    struct http_response response;
    http_response_init(&response);
    response.on_body = on_body;
    static const char begin[] = "HTTP/1.1 200 OK\r\nX-Long: ";
    int result = http_response_feed(&response,
                                    (struct bytes){(const uint8_t *)begin, strlen(begin)}, &error);
    size_t fed_bytes = 0;
    for (; result == 0 && fed_bytes < 1 << 20; fed_bytes += 1024) {
        uint8_t piece[1024];
        memset(piece, 'x', sizeof(piece));
        result = http_response_feed(&response, (struct bytes){piece, sizeof(piece)}, &error);
    }
    ck_assert_int_eq(result, -1);
    ck_assert_uint_lt(fed_bytes, 200 << 10);
    http_response_fini(&response);
}
END_TEST

START_TEST(test_warnings_without_end)
{
    struct got got = {.body = BUF_INIT};
    struct error error = ERROR_INIT;
    struct http_response response;
    struct buf text = BUF_INIT;
    buf_append_text(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 1000; i++)
        buf_append_text(&text, "Warning: 299 - \"w\"\r\n");
    buf_append_text(&text, "Content-Length: 0\r\n\r\n");
    http_response_init(&response);
    response.on_body = on_body;
    response.context = &got;
    ck_assert_int_eq(
        http_response_feed(&response, (struct bytes){text.data, text.size_bytes}, &error), 0);
    ck_assert_uint_eq(response.warnings_count, HTTP_WARNINGS_MAX);
    http_response_fini(&response);
    buf_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli http");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_good, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tcase, test_garbage, 0, sizeof(garbage) / sizeof(garbage[0]));
    tcase_add_test(tcase, test_head_without_end);
    tcase_add_test(tcase, test_warnings_without_end);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
