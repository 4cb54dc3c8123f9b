/*
 * Datagrams on one UDP socket. Not uv_udp: libuv 1.44 does not read the socket's error queue, and
 * with IP_RECVERR set an entry there would wake it for ever. What it gives is worth it: "connection
 * refused" from the host of a dead agent arrives within a round trip (ip(7), IP_RECVERR).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "base/assert.h"
#include "base/memory.h"
#include "net_internal.h"
#include "sockaddr.h"

#define BATCH_COUNT 32
/* What one wake-up may take before timers and streams have their turn. */
#define BATCHES_MAX 8
/* One byte more than any of ours, to tell a longer one. */
#define SLOT_BYTES (SEAL_DATAGRAM_BYTES_MAX + 1)
/* Bursts of some thousand datagrams while the loop is busy elsewhere. */
#define SOCKET_BUFFER_BYTES (4 << 20)
/* A failed send may be telling of an earlier one (sock_error() in the kernel), so it is tried
 * again. */
#define SEND_ATTEMPTS_MAX 4

struct udp {
    struct net *net;
    int fd;
    int family;
    uv_poll_t poll;
    struct mmsghdr headers[BATCH_COUNT];
    struct iovec pieces[BATCH_COUNT];
    union sockaddr_any from[BATCH_COUNT];
    uint8_t slots[BATCH_COUNT][SLOT_BYTES];
};

/* What two nodes share is made when they first have to do with each other. */
static void meet(struct net *net, uint64_t id)
{
    uint8_t public_key[SEAL_PUBLIC_KEY_BYTES];
    if (id != 0 && net->callbacks.find_key != NULL && seal_pairs_find(net->pairs, id) == NULL &&
        net->callbacks.find_key(net->callbacks.context, id, public_key))
        seal_pairs_meet(net->pairs, public_key);
}

/* --- receiving --- */

static void take_datagram(struct net *net, const struct address *from, struct bytes datagram)
{
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    struct seal_opened opened;
    net->stats.datagram_bytes_in += datagram.size_bytes;
    if (datagram.size_bytes >= SEAL_DATAGRAM_HEADER_BYTES)
        meet(net, seal_datagram_claimed_sender(datagram));
    enum seal_verdict verdict = seal_datagram_open(&net->cluster, &net->sender, net->pairs,
                                                   net->replay, datagram, plain, &opened);
    if (verdict == SEAL_OK && net->callbacks.admits != NULL &&
        !net->callbacks.admits(net->callbacks.context, opened.sender_id))
        verdict = SEAL_BANNED;
    if (verdict != SEAL_OK) {
        net->stats.datagrams_refused[verdict]++;
        if (verdict == SEAL_UNKNOWN_KEY && net->callbacks.on_unknown_key != NULL)
            net->callbacks.on_unknown_key(net->callbacks.context, from,
                                          seal_datagram_claimed_sender(datagram), datagram.data[1]);
        if (verdict == SEAL_TWIN && net->callbacks.on_twin != NULL)
            net->callbacks.on_twin(net->callbacks.context, from);
        return;
    }
    net->stats.datagrams_in++;
    const struct net_origin origin = {.id = opened.sender_id,
                                      .address = *from,
                                      .key_id = opened.key_id,
                                      .to_anyone = opened.to_anyone};
    if (net->callbacks.on_datagram != NULL)
        net->callbacks.on_datagram(net->callbacks.context, &origin, opened.payload);
}

/* Returns how many came, 0 when there are none (left). */
static int receive_batch(struct udp *udp)
{
    for (int i = 0; i < BATCH_COUNT; i++) {
        udp->pieces[i] = (struct iovec){udp->slots[i], SLOT_BYTES};
        udp->headers[i].msg_hdr = (struct msghdr){.msg_name = &udp->from[i],
                                                  .msg_namelen = sizeof(udp->from[i]),
                                                  .msg_iov = &udp->pieces[i],
                                                  .msg_iovlen = 1};
    }
    int count = recvmmsg(udp->fd, udp->headers, BATCH_COUNT, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct address from = sockaddr_to_address(&udp->from[i].sa);
        take_datagram(udp->net, &from, (struct bytes){udp->slots[i], udp->headers[i].msg_len});
    }
    return count < 0 ? 0 : count;
}

/* --- the error queue --- */

static const struct sock_extended_err *find_extended_error(struct msghdr *header)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        bool is_ipv4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
        bool is_ipv6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
        if (is_ipv4 || is_ipv6)
            return (const struct sock_extended_err *)(const void *)CMSG_DATA(control);
    }
    return NULL;
}

/* One entry: what came back is the beginning of the datagram, the address is where it was sent.
 * False: no more. */
static bool take_error(struct udp *udp)
{
    struct net *net = udp->net;
    uint8_t quoted[SEAL_DATAGRAM_HEADER_BYTES];
    union sockaddr_any to;
    _Alignas(struct cmsghdr) uint8_t control[256];
    struct iovec piece = {quoted, sizeof(quoted)};
    struct msghdr header = {.msg_name = &to,
                            .msg_namelen = sizeof(to),
                            .msg_iov = &piece,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    memset(&to, 0, sizeof(to));
    ssize_t size_bytes = recvmsg(udp->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (size_bytes < 0)
        return errno == EINTR;
    const struct sock_extended_err *extended = find_extended_error(&header);
    if (extended == NULL)
        return true;
    if (!seal_datagram_is_own_recent(&net->sender, (struct bytes){quoted, (size_t)size_bytes})) {
        net->stats.unreachable_unverified++;
        return true;
    }
    net->stats.unreachable++;
    struct address address = sockaddr_to_address(&to.sa);
    if (net->callbacks.on_unreachable != NULL)
        net->callbacks.on_unreachable(net->callbacks.context, &address, (int)extended->ee_errno);
    return true;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void listen_for_datagrams(struct udp *udp)
{
    int failed = uv_poll_start(&udp->poll, UV_READABLE, on_poll);
    ASSERT(failed == 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct udp *udp = poll->data;
    (void)events;
    if (status < 0) {
        /* libuv's way to say POLLERR: there is something in the error queue, and it has stopped
         * watching. */
        for (int i = 0; i < BATCH_COUNT * BATCHES_MAX && take_error(udp); i++)
            continue;
        listen_for_datagrams(udp);
    }
    for (int i = 0; i < BATCHES_MAX; i++)
        if (receive_batch(udp) < BATCH_COUNT)
            return;
}

/* --- sending --- */

int net_send_datagram(struct net *net, uint64_t to_id, const struct address *address,
                      struct bytes payload)
{
    ASSERT(net->udp != NULL);
    uint8_t datagram[SEAL_DATAGRAM_BYTES_MAX];
    union sockaddr_any to;
    socklen_t to_bytes = sockaddr_from(address, net->udp->family, &to);
    if (to_bytes == 0) {
        net->stats.datagrams_send_failed++;
        return EAFNOSUPPORT;
    }
    meet(net, to_id);
    size_t size_bytes =
        seal_datagram_seal(&net->cluster, &net->sender, net->pairs, to_id, payload, datagram);
    int errnum = ENOKEY;
    for (int attempt = 0; attempt < SEND_ATTEMPTS_MAX && size_bytes > 0; attempt++) {
        ssize_t sent = sendto(net->udp->fd, datagram, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                              &to.sa, to_bytes);
        if (sent >= 0) {
            net->stats.datagrams_out++;
            net->stats.datagram_bytes_out += size_bytes;
            return 0;
        }
        errnum = errno == EAGAIN ? ENOBUFS : errno;
        if (errnum == ENOBUFS)
            break;
    }
    net->stats.datagrams_send_failed++;
    return errnum;
}

/* --- opening --- */

static void set_options(int fd, int family)
{
    int on = 1;
    int off = 0;
    int buffer_bytes = SOCKET_BUFFER_BYTES;
    /* Without the privilege the system's limit applies. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
    /* Rather fragmented than lost where the path is narrower than announced. */
    int discover = IP_PMTUDISC_DONT;
    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    }
}

/* Binds, and writes the port that the kernel chose into `listen`. */
static int open_socket(struct address *listen, int *ret_fd, struct error *error)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    union sockaddr_any sockaddr;
    int family = sockaddr_family(listen);
    socklen_t size_bytes = sockaddr_from(listen, family, &sockaddr);
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot open a UDP socket for %s",
                               address_format(listen, text));
    set_options(fd, family);
    if (bind(fd, &sockaddr.sa, size_bytes) != 0 ||
        getsockname(fd, &sockaddr.sa, &size_bytes) != 0) {
        int errnum = errno;
        (void)close(fd);
        (void)error_set_errno(error, errnum, "cannot listen on %s (UDP)",
                              address_format(listen, text));
        if (errnum == EADDRINUSE)
            error->code = ERROR_EXISTS;
        return -1;
    }
    listen->port = sockaddr_to_address(&sockaddr.sa).port;
    *ret_fd = fd;
    return 0;
}

int udp_open(struct net *net, struct address *listen, struct error *error)
{
    int fd = -1;
    if (open_socket(listen, &fd, error) != 0)
        return -1;
    struct udp *udp = MEM_NEW(struct udp);
    udp->net = net;
    udp->fd = fd;
    udp->family = sockaddr_family(listen);
    int status = uv_poll_init(net->loop, &udp->poll, fd);
    if (status < 0) {
        (void)close(fd);
        mem_free(udp);
        return error_set_errno(error, -status, "cannot watch the UDP socket");
    }
    udp->poll.data = udp;
    net->udp = udp;
    net->handles_count++;
    listen_for_datagrams(udp);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct udp *udp = handle->data;
    struct net *net = udp->net;
    (void)close(udp->fd);
    mem_free(udp);
    net_handle_closed(net);
}

void udp_close(struct net *net)
{
    if (net->udp == NULL)
        return;
    uv_close((uv_handle_t *)&net->udp->poll, on_poll_closed);
    net->udp = NULL;
}
