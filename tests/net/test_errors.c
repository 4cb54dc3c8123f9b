/* What only a network of one's own can show: no route, a firewall, forged ICMP. Needs root;
 * everything lives in a network namespace of the test's own process. */
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "net_fixture.h"

static struct node alice;

static void enter_empty_network(void)
{
    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    (void)close(fd);
}

START_TEST(no_route_is_told_at_once)
{
    struct address far;
    enter_empty_network();
    ck_assert_int_eq(address_parse("0.0.0.0", 0, &alice.address, &fixture_error), 0);
    alice.address.port = 7600;
    node_open(&alice, 1, NULL);
    ck_assert_int_eq(address_parse("10.9.9.9:7600", 0, &far, &fixture_error), 0);
    ck_assert_int_eq(net_send_datagram(alice.net, 0, &far, text_bytes("x")), ENETUNREACH);
    ck_assert_uint_eq(stats_of(&alice)->datagrams_send_failed, 1);
    ck_assert_int_eq(net_send_stream_message(alice.net, 1, &far, text_bytes("x"), &fixture_error),
                     0);
    run_until(alice.failures_count == 1);
    ck_assert_int_eq(alice.failed_error.errnum, ENETUNREACH);
    node_close(&alice);
}
END_TEST

START_TEST(a_firewall_is_told_at_once)
{
    struct address blocked;
    enter_empty_network();
    if (system("nft 'add table ip t; add chain ip t o { type filter hook output priority 0; }; "
               "add rule ip t o udp dport 7999 drop' 2>/dev/null") != 0)
        return; /* no nft on this machine */
    node_open(&alice, 1, NULL);
    ck_assert_int_eq(address_parse("127.0.0.1:7999", 0, &blocked, &fixture_error), 0);
    ck_assert_int_eq(net_send_datagram(alice.net, 0, &blocked, text_bytes("x")), EPERM);
    node_close(&alice);
}
END_TEST

static uint16_t checksum(const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    uint32_t sum = 0;
    for (size_t i = 0; i < size_bytes; i += 2)
        sum += (uint32_t)bytes[i] << 8 | (i + 1 < size_bytes ? bytes[i + 1] : 0);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* "Port unreachable", quoting a UDP packet of the node with `quoted` as its contents. */
static void forge_icmp(int raw, const struct address *node, const void *quoted, size_t quoted_bytes)
{
    struct {
        struct icmphdr icmp;
        struct iphdr ip;
        struct udphdr udp;
        uint8_t data[64];
    } packet = {
        .icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH},
        .ip = {.version = 4,
               .ihl = 5,
               .tot_len = htons((uint16_t)(28 + quoted_bytes)),
               .ttl = 64,
               .protocol = IPPROTO_UDP,
               .saddr = htonl(INADDR_LOOPBACK),
               .daddr = htonl(INADDR_LOOPBACK)},
        .udp = {.source = htons(node->port),
                .dest = htons(7601),
                .len = htons((uint16_t)(8 + quoted_bytes))},
    };
    memcpy(packet.data, quoted, quoted_bytes);
    size_t size_bytes = offsetof(__typeof__(packet), data) + quoted_bytes;
    packet.icmp.checksum = checksum(&packet, size_bytes);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(sendto(raw, &packet, size_bytes, 0, (struct sockaddr *)&to, sizeof(to)),
                     (ssize_t)size_bytes);
}

START_TEST(only_who_saw_our_packet_can_say_unreachable)
{
    enter_empty_network();
    node_open(&alice, 1, NULL);
    struct address middle_address;
    int middle = raw_socket(SOCK_DGRAM, &middle_address);
    int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    ck_assert_int_ge(raw, 0);
    ck_assert_int_eq(net_send_datagram(alice.net, 0, &middle_address, text_bytes("x")), 0);
    uint8_t seen[64] = {0};
    ck_assert_int_gt(recv(middle, seen, sizeof(seen), 0), SEAL_DATAGRAM_HEADER_BYTES);

    uint8_t guessed[SEAL_DATAGRAM_HEADER_BYTES];
    memcpy(guessed, seen, sizeof(guessed));
    memset(guessed + 11, 0x41, 8); /* the boot nonce */
    forge_icmp(raw, &alice.address, guessed, sizeof(guessed));
    run_until(stats_of(&alice)->unreachable_unverified == 1);
    forge_icmp(raw, &alice.address, seen, 8);
    run_until(stats_of(&alice)->unreachable_unverified == 2);
    ck_assert_uint_eq(alice.unreachable_count, 0);
    forge_icmp(raw, &alice.address, seen, SEAL_DATAGRAM_HEADER_BYTES);
    run_until(alice.unreachable_count == 1);
    ck_assert_int_eq(alice.unreachable_errnum, ECONNREFUSED);
    ck_assert_uint_eq(alice.failed_address.port, 7601);
    (void)close(raw);
    (void)close(middle);
    node_close(&alice);
}
END_TEST

int main(void)
{
    if (geteuid() != 0) {
        (void)fprintf(stderr, "needs root\n");
        return 77; /* meson: skipped */
    }
    TCase *cases = tcase_create("errors");
    tcase_add_test(cases, no_route_is_told_at_once);
    tcase_add_test(cases, a_firewall_is_told_at_once);
    tcase_add_test(cases, only_who_saw_our_packet_can_say_unreachable);
    return fixture_run(cases, "net-errors");
}
