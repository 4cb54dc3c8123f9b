#include "net/resolve.h"

#include "net_fixture.h"

struct answer {
    unsigned calls_count;
    struct address addresses[NET_RESOLVE_ADDRESSES_MAX];
    size_t addresses_count;
    struct error error;
};

static void on_answer(void *context, const struct address *addresses, size_t addresses_count,
                      const struct error *error)
{
    struct answer *answer = context;
    answer->calls_count++;
    answer->addresses_count = addresses_count;
    if (error != NULL)
        answer->error = *error;
    for (size_t i = 0; i < addresses_count; i++)
        answer->addresses[i] = addresses[i];
}

static struct answer ask(const char *text)
{
    struct answer answer = {.calls_count = 0};
    (void)net_resolve(&fixture_loop, text, NET_PORT_DEFAULT, on_answer, &answer);
    ck_assert_uint_eq(answer.calls_count, 0);
    run_until(answer.calls_count == 1);
    return answer;
}

START_TEST(numeric_addresses_need_no_asking)
{
    static const struct {
        const char *text;
        const char *formatted;
    } cases[] = {
        {"10.1.2.3", "10.1.2.3:7600"},
        {"10.1.2.3:99", "10.1.2.3:99"},
        {"fd00::1", "[fd00::1]:7600"},
        {"[fd00::1]:99", "[fd00::1]:99"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[ADDRESS_TEXT_BYTES_MAX];
        struct answer answer = ask(cases[i].text);
        ck_assert_int_eq(answer.error.code, ERROR_NONE);
        ck_assert_uint_eq(answer.addresses_count, 1);
        ck_assert_str_eq(address_format(&answer.addresses[0], text), cases[i].formatted);
    }
}
END_TEST

START_TEST(localhost_stands_in_a_file)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct answer answer = ask("localhost:81");
    ck_assert_msg(answer.addresses_count >= 1, "%s", answer.error.message);
    ck_assert_str_eq(address_format(&answer.addresses[0], text), "127.0.0.1:81");
}
END_TEST

START_TEST(bad_text_is_explained)
{
    static const char *const cases[] = {"",           ":80",    "host:", "host:0",
                                        "host:99999", "host:x", "a b",   "[fd00::1",
                                        "host:80:80", "-/etc",  "host\n"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer answer = ask(cases[i]);
        ck_assert_msg(answer.error.code == ERROR_INVALID, "%s: %s", cases[i], answer.error.message);
        ck_assert_uint_eq(answer.addresses_count, 0);
        ck_assert_ptr_nonnull(strstr(answer.error.message, "HOST:PORT"));
    }
}
END_TEST

START_TEST(a_cancelled_request_is_silent)
{
    struct answer answer = {.calls_count = 0};
    static const char *const cases[] = {"10.0.0.1", "localhost", "a-name.invalid"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        net_resolve_cancel(net_resolve(&fixture_loop, cases[i], 1, on_answer, &answer));
    (void)uv_run(&fixture_loop, UV_RUN_NOWAIT);
    (void)uv_run(&fixture_loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(answer.calls_count, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("resolve");
    tcase_add_test(cases, numeric_addresses_need_no_asking);
    tcase_add_test(cases, localhost_stands_in_a_file);
    tcase_add_test(cases, bad_text_is_explained);
    tcase_add_test(cases, a_cancelled_request_is_silent);
    return fixture_run(cases, "net-resolve");
}
