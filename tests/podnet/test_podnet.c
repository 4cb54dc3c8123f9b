/* Bridges, pods and routes in network namespaces of the test's own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "podnet/podnet.h"

static int enter_new(void)
{
    ck_assert_msg(unshare(CLONE_NEWNET) == 0, "needs root: %s", strerror(errno));
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A fresh namespace, without staying in it. */
static int make_namespace(void)
{
    int own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int fd = enter_new();
    ck_assert_int_eq(setns(own_fd, CLONE_NEWNET), 0);
    close(own_fd);
    return fd;
}

static struct podnet *open_network(const char *cidr)
{
    struct podnet_config config = {.bridge = NULL};
    struct podnet *podnet;
    struct error error = ERROR_INIT;
    ck_assert_int_eq(podnet_parse_cidr(cidr, &config.subnet, &config.prefix_bits, &error), 0);
    ck_assert_msg(podnet_open(&config, &podnet, &error) == 0, "%s", error.message);
    return podnet;
}

static void attach(struct podnet *podnet, int netns_fd, unsigned number,
                   struct address *ret_address)
{
    char id[33];
    struct address any = {.port = 0};
    struct error error = ERROR_INIT;
    snprintf(id, sizeof(id), "%032x", number);
    ck_assert_msg(podnet_attach(podnet, netns_fd, id, &any, ret_address, &error) == 0, "%s",
                  error.message);
}

static struct sockaddr_in socket_address(const struct address *address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&to.sin_addr, address->ip + 12, 4);
    return to;
}

/* Listens in a namespace; the descriptor belongs there wherever it is used. */
static int listen_in(int netns_fd, const struct address *address, uint16_t port)
{
    int own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(setns(netns_fd, CLONE_NEWNET), 0);
    struct sockaddr_in at = socket_address(address, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "%s", strerror(errno));
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(setns(own_fd, CLONE_NEWNET), 0);
    close(own_fd);
    return fd;
}

static int connect_from(int netns_fd, const struct address *address, uint16_t port)
{
    int own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns_fd >= 0)
        ck_assert_int_eq(setns(netns_fd, CLONE_NEWNET), 0);
    struct sockaddr_in to = socket_address(address, port);
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    int result = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
    close(fd);
    ck_assert_int_eq(setns(own_fd, CLONE_NEWNET), 0);
    close(own_fd);
    return result;
}

START_TEST(pods_reach_node_and_each_other)
{
    struct address a;
    struct address b;
    struct address gateway;
    int node = enter_new();
    struct podnet *podnet = open_network("10.77.3.0/24");
    int pod_a = make_namespace();
    int pod_b = make_namespace();
    attach(podnet, pod_a, 1, &a);
    attach(podnet, pod_b, 2, &b);
    ck_assert(!address_equal(&a, &b));
    podnet_gateway(podnet, &gateway);
    listen_in(pod_a, &a, 80);
    listen_in(node, &gateway, 81);
    ck_assert_int_eq(connect_from(-1, &a, 80), 0);
    ck_assert_int_eq(connect_from(pod_b, &a, 80), 0);
    ck_assert_int_eq(connect_from(pod_b, &gateway, 81), 0);
    ck_assert_int_eq(connect_from(-1, &b, 80), ECONNREFUSED);
    podnet_close(podnet);
}
END_TEST

START_TEST(a_dropped_namespace_is_a_detached_pod)
{
    struct address first;
    struct address again;
    struct error error = ERROR_INIT;
    enter_new();
    struct podnet *podnet = open_network("10.77.3.0/24");
    for (int i = 0; i < 20; i++) {
        int pod = make_namespace();
        attach(podnet, pod, 7, &first);
        close(pod);
        podnet_release(podnet, &first);
    }
    int pod = make_namespace();
    ck_assert_int_eq(
        podnet_attach(podnet, pod, "00000000000000000000000000000007", &first, &again, &error), 0);
    ck_assert(address_equal(&first, &again));
    podnet_close(podnet);
}
END_TEST

START_TEST(taken_addresses_are_not_given)
{
    struct address a;
    struct address other;
    struct error error;
    enter_new();
    struct podnet *podnet = open_network("10.77.3.0/30");
    int pod = make_namespace();
    attach(podnet, pod, 1, &a);
    ck_assert_int_eq(podnet_attach(podnet, make_namespace(), "b", &a, &other, &error), -1);
    ck_assert_int_eq(error.code, ERROR_EXISTS);
    struct address any = {.port = 0};
    ck_assert_int_eq(podnet_attach(podnet, make_namespace(), "b", &any, &other, &error), -1);
    ck_assert_int_eq(error.code, ERROR_LIMIT);
    podnet_release(podnet, &a);
    podnet_reserve(podnet, &a);
    ck_assert_int_eq(podnet_attach(podnet, make_namespace(), "b", &any, &other, &error), -1);
    podnet_close(podnet);
}
END_TEST

/* A second agent finds the bridge and goes on; with another subnet the old address goes. */
START_TEST(the_bridge_is_adopted)
{
    struct address a;
    enter_new();
    struct podnet *podnet = open_network("10.77.3.0/24");
    int pod = make_namespace();
    attach(podnet, pod, 1, &a);
    podnet_close(podnet);
    podnet = open_network("10.77.3.0/24");
    podnet_reserve(podnet, &a);
    listen_in(pod, &a, 80);
    ck_assert_int_eq(connect_from(-1, &a, 80), 0);
    podnet_close(podnet);
    podnet = open_network("10.78.0.0/16");
    ck_assert_int_ne(connect_from(-1, &a, 80), 0);
    podnet_close(podnet);
}
END_TEST

START_TEST(what_is_no_bridge_is_left_alone)
{
    struct podnet_config config = {.bridge = "lo"};
    struct podnet *podnet;
    struct error error;
    enter_new();
    ck_assert_int_eq(podnet_parse_cidr("10.77.3.0/24", &config.subnet, &config.prefix_bits, &error),
                     0);
    ck_assert_int_eq(podnet_open(&config, &podnet, &error), -1);
    ck_assert_ptr_nonnull(strstr(error.message, "is no bridge"));
    config.bridge = "a-name-that-is-too-long";
    ck_assert_int_eq(podnet_open(&config, &podnet, &error), -1);
    ck_assert_int_eq(error.code, ERROR_INVALID);
}
END_TEST

START_TEST(routes_are_set_replaced_and_removed)
{
    struct address subnet;
    struct address via;
    struct error error = ERROR_INIT;
    uint8_t bits;
    enter_new();
    struct podnet *podnet = open_network("10.77.3.0/24");
    ck_assert_int_eq(podnet_parse_cidr("10.77.4.0/24", &subnet, &bits, &error), 0);
    ck_assert_int_eq(address_parse("10.77.3.50", 0, &via, &error), 0);
    ck_assert_msg(podnet_route_set(podnet, &subnet, bits, &via, &error) == 0, "%s", error.message);
    ck_assert_int_eq(address_parse("10.77.3.51", 0, &via, &error), 0);
    ck_assert_msg(podnet_route_set(podnet, &subnet, bits, &via, &error) == 0, "%s", error.message);
    FILE *routes = fopen("/proc/thread-self/net/route", "re");
    char line[256];
    unsigned found = 0;
    while (fgets(line, sizeof(line), routes) != NULL)
        found += strstr(line, "00044D0A\t33034D0A") != NULL; /* 10.77.4.0 via 10.77.3.51 */
    fclose(routes);
    ck_assert_uint_eq(found, 1);
    ck_assert_int_eq(podnet_route_remove(podnet, &subnet, bits, &error), 0);
    ck_assert_int_eq(podnet_route_remove(podnet, &subnet, bits, &error), 0);
    ck_assert_int_eq(podnet_route_set(podnet, &subnet, bits, &via, &error), 0);
    ck_assert_int_eq(podnet_destroy(podnet, &error), 0);
    podnet_close(podnet);
    ck_assert_uint_eq(if_nametoindex("shoal0"), 0);
}
END_TEST

/* Two nodes of one machine, a cable between them, each other's subnet as a route. */
START_TEST(nodes_reach_each_others_pods)
{
    struct address pod_address;
    struct address subnet;
    struct address via;
    struct error error = ERROR_INIT;
    uint8_t bits;
    int one = enter_new();
    struct podnet *podnet_one = open_network("10.77.1.0/24");
    int two = enter_new();
    struct podnet *podnet_two = open_network("10.77.2.0/24");
    /* Node two hangs on node one's bridge like a pod, which is a cable good enough. */
    ck_assert_int_eq(setns(one, CLONE_NEWNET), 0);
    struct address cable;
    attach(podnet_one, two, 99, &cable);
    int pod = make_namespace();
    attach(podnet_two, pod, 1, &pod_address);
    listen_in(pod, &pod_address, 80);
    ck_assert_int_eq(podnet_parse_cidr("10.77.2.0/24", &subnet, &bits, &error), 0);
    via = cable;
    ck_assert_int_ne(connect_from(-1, &pod_address, 80), 0);
    ck_assert_int_eq(podnet_route_set(podnet_one, &subnet, bits, &via, &error), 0);
    ck_assert_int_eq(connect_from(-1, &pod_address, 80), 0);
    podnet_close(podnet_one);
    podnet_close(podnet_two);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("podnet");
    TCase *tcase = tcase_create("podnet");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, pods_reach_node_and_each_other);
    tcase_add_test(tcase, a_dropped_namespace_is_a_detached_pod);
    tcase_add_test(tcase, taken_addresses_are_not_given);
    tcase_add_test(tcase, the_bridge_is_adopted);
    tcase_add_test(tcase, what_is_no_bridge_is_left_alone);
    tcase_add_test(tcase, routes_are_set_replaced_and_removed);
    tcase_add_test(tcase, nodes_reach_each_others_pods);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
