/* Names to addresses by c-ares, its sockets and its clock driven by the loop. */
#include "net/resolve.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/queue.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sockaddr.h"

#define TICK_MS        100
#define HOST_BYTES_MAX 254 /* RFC 1035 2.3.4, and NUL */

/* A socket of c-ares that the loop watches. */
struct watch {
    LIST_ENTRY(watch) entry;
    struct net_resolve *resolve;
    ares_socket_t fd;
    uv_poll_t poll;
};

LIST_HEAD(watch_list, watch);

/* Invariant: freed when handles_count, the timer and all watches not yet closed, is 0. */
struct net_resolve {
    uv_loop_t *loop;
    net_resolve_callback callback; /* NULL once called or cancelled */
    void *context;
    char host[HOST_BYTES_MAX];
    uint16_t port;
    ares_channel channel;
    bool has_channel;
    uint64_t deadline_ms;
    bool finished; /* the result stands in the following; told by the timer */
    struct address addresses[NET_RESOLVE_ADDRESSES_MAX];
    size_t addresses_count;
    struct error error;
    uv_timer_t timer;
    size_t handles_count;
    struct watch_list watches;
};

static void release(struct net_resolve *resolve)
{
    resolve->handles_count--;
    if (resolve->handles_count == 0)
        mem_free(resolve);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    release(watch->resolve);
    mem_free(watch);
}

static void end(struct net_resolve *resolve)
{
    if (resolve->has_channel) {
        resolve->has_channel = false;
        ares_destroy(resolve->channel); /* closes its sockets, which ends the watches */
    }
    uv_close((uv_handle_t *)&resolve->timer, on_timer_closed);
}

static void on_tell(uv_timer_t *timer)
{
    struct net_resolve *resolve = timer->data;
    net_resolve_callback callback = resolve->callback;
    resolve->callback = NULL;
    bool failed = resolve->error.code != ERROR_NONE;
    callback(resolve->context, failed ? NULL : resolve->addresses,
             failed ? 0 : resolve->addresses_count, failed ? &resolve->error : NULL);
    end(resolve);
}

static void finish(struct net_resolve *resolve)
{
    resolve->finished = true;
    (void)uv_timer_start(&resolve->timer, on_tell, 0, 0);
}

/* --- c-ares on the loop --- */

/* c-ares counts in the seconds that this says, at most a second ahead so that its retries come in
 * time. */
static void on_tick(uv_timer_t *timer)
{
    struct net_resolve *resolve = timer->data;
    ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct net_resolve *resolve = watch->resolve;
    bool readable = status < 0 || (events & UV_READABLE) != 0;
    bool writable = status < 0 || (events & UV_WRITABLE) != 0;
    ares_process_fd(resolve->channel, readable ? watch->fd : ARES_SOCKET_BAD,
                    writable ? watch->fd : ARES_SOCKET_BAD);
}

static struct watch *find_watch(struct net_resolve *resolve, ares_socket_t fd)
{
    struct watch *watch;
    LIST_FOREACH (watch, &resolve->watches, entry)
        if (watch->fd == fd)
            return watch;
    return NULL;
}

static void unwatch(struct watch *watch)
{
    LIST_REMOVE(watch, entry);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

/* c-ares opens, wants to read or write, or is about to close a socket. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
    struct net_resolve *resolve = context;
    struct watch *watch = find_watch(resolve, fd);
    if (!readable && !writable) {
        if (watch != NULL)
            unwatch(watch);
        return;
    }
    if (watch == NULL) {
        watch = MEM_NEW(struct watch);
        watch->resolve = resolve;
        watch->fd = fd;
        if (uv_poll_init(resolve->loop, &watch->poll, fd) < 0) {
            mem_free(watch); /* then the time-out ends it */
            return;
        }
        watch->poll.data = watch;
        resolve->handles_count++;
        LIST_INSERT_HEAD(&resolve->watches, watch, entry);
    }
    (void)uv_poll_start(&watch->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                        on_poll);
}

static void take_family(struct net_resolve *resolve, const struct ares_addrinfo *result, int family)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node != NULL;
         node = node->ai_next) {
        if (node->ai_family != family || resolve->addresses_count == NET_RESOLVE_ADDRESSES_MAX)
            continue;
        struct address address = sockaddr_to_address(node->ai_addr);
        address.port = resolve->port;
        resolve->addresses[resolve->addresses_count++] = address;
    }
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *result)
{
    struct net_resolve *resolve = context;
    (void)timeouts;
    if (resolve->finished || status == ARES_EDESTRUCTION || status == ARES_ECANCELLED) {
        if (result != NULL)
            ares_freeaddrinfo(result);
        return;
    }
    if (status == ARES_SUCCESS) {
        take_family(resolve, result, AF_INET);
        take_family(resolve, result, AF_INET6);
    }
    if (result != NULL)
        ares_freeaddrinfo(result);
    if (resolve->addresses_count == 0 &&
        (status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_SUCCESS))
        (void)error_set(&resolve->error, ERROR_NOT_FOUND, "there is no host '%s'", resolve->host);
    else if (resolve->addresses_count == 0)
        (void)error_set(&resolve->error,
                        status == ARES_ETIMEOUT ? ERROR_TIMEOUT : ERROR_UNAVAILABLE,
                        "cannot look up '%s': %s", resolve->host, ares_strerror(status));
    finish(resolve);
}

static void ask(struct net_resolve *resolve)
{
    struct ares_options options = {.sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = resolve,
                                   .timeout = NET_RESOLVE_TIMEOUT_MS / 5,
                                   .tries = 3};
    char lookups[] = "fb"; /* /etc/hosts, then DNS */
    options.lookups = lookups;
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status = ares_init_options(&resolve->channel, &options,
                                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                       ARES_OPT_LOOKUPS);
    if (status != ARES_SUCCESS) {
        (void)error_set(&resolve->error, ERROR_UNAVAILABLE, "cannot look up '%s': %s",
                        resolve->host, ares_strerror(status));
        finish(resolve);
        return;
    }
    resolve->has_channel = true;
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    resolve->deadline_ms = uv_now(resolve->loop) + NET_RESOLVE_TIMEOUT_MS;
    (void)uv_timer_start(&resolve->timer, on_tick, TICK_MS, TICK_MS);
    ares_getaddrinfo(resolve->channel, resolve->host, NULL, &hints, on_answer, resolve);
}

/* --- the text --- */

/* "host" or "host:port" into the two; what is numeric has been tried before. */
static int parse_host(struct net_resolve *resolve, const char *text, uint16_t port_default,
                      struct error *error)
{
    const char *colon = strrchr(text, ':');
    size_t host_bytes = colon == NULL ? strlen(text) : (size_t)(colon - text);
    resolve->port = port_default;
    if (colon != NULL) {
        struct address probe;
        char numeric[32];
        /* The port by the rules of address_parse(). */
        (void)snprintf(numeric, sizeof(numeric), "0.0.0.0:%.8s", colon + 1);
        if (strlen(colon + 1) > 5 || address_parse(numeric, 0, &probe, error) != 0)
            return error_set(error, ERROR_INVALID,
                             "'%.100s' is not an address; expected HOST or HOST:PORT", text);
        resolve->port = probe.port;
    }
    bool plausible = host_bytes > 0 && host_bytes < sizeof(resolve->host);
    for (size_t i = 0; i < host_bytes && plausible; i++) {
        char c = text[i];
        plausible = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
    }
    if (!plausible)
        return error_set(error, ERROR_INVALID,
                         "'%.100s' is not an address; expected HOST or HOST:PORT", text);
    memcpy(resolve->host, text, host_bytes);
    return 0;
}

struct net_resolve *net_resolve(uv_loop_t *loop, const char *text, uint16_t port_default,
                                net_resolve_callback callback, void *context)
{
    struct net_resolve *resolve = MEM_NEW(struct net_resolve);
    struct error ignored = ERROR_INIT;
    resolve->loop = loop;
    resolve->callback = callback;
    resolve->context = context;
    LIST_INIT(&resolve->watches);
    int failed = uv_timer_init(loop, &resolve->timer);
    ASSERT(failed == 0);
    resolve->timer.data = resolve;
    resolve->handles_count = 1;
    if (address_parse(text, port_default, &resolve->addresses[0], &ignored) == 0) {
        resolve->addresses_count = 1;
        finish(resolve);
    } else if (parse_host(resolve, text, port_default, &resolve->error) != 0) {
        finish(resolve);
    } else {
        ask(resolve);
    }
    return resolve;
}

void net_resolve_cancel(struct net_resolve *resolve)
{
    if (resolve->callback == NULL)
        return; /* inside its callback */
    resolve->callback = NULL;
    end(resolve);
}
