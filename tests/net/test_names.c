/* Names by a name server and by /etc/hosts, both the test's own: in namespaces of its process.
 * Needs root. */
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "net/resolve.h"
#include "net_fixture.h"

#define NO_ANSWER 0xff

static uv_udp_t server;
static uint8_t server_rcode;
static unsigned questions_count;

static void put_file(const char *path, const char *text)
{
    char name[] = "/tmp/shoal-test-names-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    (void)close(fd);
    ck_assert_int_eq(mount(name, path, NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(unlink(name), 0);
}

static void enter_own_world(void)
{
    ck_assert_int_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    put_file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    put_file("/etc/hosts", "10.77.0.1 host1 host1.example\n");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    (void)close(fd);
}

static void on_alloc(uv_handle_t *handle, size_t size_bytes, uv_buf_t *ret_buffer)
{
    static char data[512];
    (void)handle;
    (void)size_bytes;
    *ret_buffer = uv_buf_init(data, sizeof(data));
}

/* RFC 1035 4.1: the question comes back with one answer, 10.77.0.2 or fd00::2, or with an error. */
static void on_question(uv_udp_t *udp, ssize_t size_bytes, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
    static const uint8_t four[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 77, 0, 2};
    static const uint8_t six[] = {0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0xfd, 0,
                                  0,    0,  0, 0,  0, 0, 0, 0, 0, 0,  0, 0,  0,    2};
    (void)flags;
    if (size_bytes < 17 || from == NULL)
        return;
    questions_count++;
    if (server_rcode == NO_ANSWER)
        return;
    uint8_t reply[600];
    size_t reply_bytes = (size_t)size_bytes;
    memcpy(reply, buffer->base, reply_bytes);
    /* Without the additional record that the question may carry. */
    size_t end = 12;
    while (reply[end] != 0)
        end += reply[end] + 1u;
    reply_bytes = end + 5;
    bool is_six = reply[end + 2] == 28;
    reply[2] = 0x81;
    reply[3] = (uint8_t)(0x80 | server_rcode);
    reply[7] = server_rcode == 0 ? 1 : 0;
    reply[11] = 0;
    if (server_rcode == 0) {
        memcpy(reply + reply_bytes, is_six ? six : four, is_six ? sizeof(six) : sizeof(four));
        reply_bytes += is_six ? sizeof(six) : sizeof(four);
    }
    uv_buf_t out = uv_buf_init((char *)reply, (unsigned)reply_bytes);
    ck_assert_int_ge(uv_udp_try_send(udp, &out, 1, from), 0);
}

static void open_server(uint8_t rcode)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server_rcode = rcode;
    ck_assert_int_eq(uv_udp_init(&fixture_loop, &server), 0);
    ck_assert_int_eq(uv_udp_bind(&server, (struct sockaddr *)&name, 0), 0);
    ck_assert_int_eq(uv_udp_recv_start(&server, on_alloc, on_question), 0);
}

static unsigned calls_count;
static size_t found_count;
static struct address found[NET_RESOLVE_ADDRESSES_MAX];
static struct error found_error;

static void on_answer(void *context, const struct address *addresses, size_t addresses_count,
                      const struct error *error)
{
    (void)context;
    calls_count++;
    found_count = addresses_count;
    found_error = error == NULL ? ERROR_INIT : *error;
    for (size_t i = 0; i < addresses_count; i++)
        found[i] = addresses[i];
}

static void ask(const char *text)
{
    calls_count = 0;
    (void)net_resolve(&fixture_loop, text, 7600, on_answer, NULL);
    run_until(calls_count == 1);
}

START_TEST(hosts_first_then_the_name_server)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    enter_own_world();
    open_server(0);
    ask("host1");
    ck_assert_msg(found_count == 1, "%s", found_error.message);
    ck_assert_str_eq(address_format(&found[0], text), "10.77.0.1:7600");
    ck_assert_uint_eq(questions_count, 0);
    ask("host2.example:81");
    ck_assert_msg(found_count == 2, "%s", found_error.message);
    ck_assert_str_eq(address_format(&found[0], text), "10.77.0.2:81");
    ck_assert_str_eq(address_format(&found[1], text), "[fd00::2]:81");
    uv_close((uv_handle_t *)&server, NULL);
}
END_TEST

START_TEST(a_name_that_does_not_exist)
{
    enter_own_world();
    open_server(3);
    ask("nobody.example");
    ck_assert_int_eq(found_error.code, ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(found_error.message, "nobody.example"));
    uv_close((uv_handle_t *)&server, NULL);
}
END_TEST

START_TEST(a_name_server_that_is_not_there_or_silent)
{
    enter_own_world();
    ask("any.example");
    ck_assert_int_ne(found_error.code, ERROR_NONE);
    ck_assert_ptr_nonnull(strstr(found_error.message, "any.example"));
    open_server(NO_ANSWER);
    ask("any.example");
    ck_assert_int_eq(found_error.code, ERROR_TIMEOUT);
    ck_assert_uint_gt(questions_count, 1);
    /* In the middle of asking. */
    unsigned before_count = questions_count;
    struct net_resolve *resolve = net_resolve(&fixture_loop, "any.example", 7600, on_answer, NULL);
    run_until(questions_count > before_count);
    net_resolve_cancel(resolve);
    uv_close((uv_handle_t *)&server, NULL);
    (void)uv_run(&fixture_loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(calls_count, 1);
}
END_TEST

int main(void)
{
    if (geteuid() != 0) {
        (void)fprintf(stderr, "needs root\n");
        return 77; /* meson: skipped */
    }
    TCase *cases = tcase_create("names");
    tcase_add_test(cases, hosts_first_then_the_name_server);
    tcase_add_test(cases, a_name_that_does_not_exist);
    tcase_add_test(cases, a_name_server_that_is_not_there_or_silent);
    return fixture_run(cases, "net-names");
}
