#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../common/codec.h"
#include "../common/fs.h"
#include "../keeper/proto.h"
#include "base/memory.h"
#include "keeper_start.h"

#define ANSWER_MS_MAX 5000
#define CONNECT_TRIES 2

/* What a keeper says of itself. */
struct hello {
    uint64_t protocol;
    uint64_t pods_count;
    pid_t pid;
    char build[LINK_BUILD_CHARS + 1];
};

/* The socket by a short name, whatever the length of run_dir (sun_path holds 107 bytes). */
static void socket_address(int dir_fd, struct sockaddr_un *ret_address)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/socket",
             dir_fd);
}

static int open_dir(const char *run_dir, struct error *error)
{
    char path[FS_PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/keeper", run_dir);
    if (fs_make_dirs(path, 0755) < 0 || chmod(path, 0700) < 0)
        return error_set_errno(error, errno, "%s", path);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? error_set_errno(error, errno, "%s", path) : fd;
}

/* A connected socket, or -1: nobody listens. */
static int connect_keeper(int dir_fd)
{
    struct sockaddr_un address;
    socket_address(dir_fd, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int listen_keeper(int dir_fd, struct error *error)
{
    struct sockaddr_un address;
    socket_address(dir_fd, &address);
    (void)unlinkat(dir_fd, "socket", 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0) {
        error_set_errno(error, errno, "keeper socket");
        close(fd);
        return -1;
    }
    return fd;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads exactly that much until the deadline. */
static int read_exactly(int fd, void *data, size_t size_bytes, int64_t deadline_ms,
                        struct error *error)
{
    size_t at = 0;
    while (at < size_bytes) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - now_ms();
        int ready = left_ms > 0 ? poll(&wait, 1, (int)left_ms) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return error_set(error, ERROR_UNAVAILABLE,
                             "the keeper does not answer; is another agent using this run dir?");
        ssize_t count = read(fd, (char *)data + at, size_bytes - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return error_set_errno(error, ECONNRESET, "the keeper hung up");
        at += (size_t)count;
    }
    return 0;
}

/* One frame's body. */
static int read_frame(int fd, int64_t deadline_ms, struct buf *ret_body, struct error *error)
{
    uint8_t header[KEEPER_HEADER_BYTES];
    if (read_exactly(fd, header, sizeof(header), deadline_ms, error) < 0)
        return -1;
    size_t size_bytes = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 |
                        (size_t)header[3];
    if (size_bytes > KEEPER_FRAME_BYTES_MAX)
        return error_set(error, ERROR_CORRUPT, "the keeper talks nonsense");
    buf_clear(ret_body);
    uint8_t *data = mem_alloc(1, size_bytes);
    int result = read_exactly(fd, data, size_bytes, deadline_ms, error);
    if (result == 0)
        buf_append(ret_body, data, size_bytes);
    mem_free(data);
    return result;
}

static bool is_reply(const struct buf *body)
{
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error ignored;
    uint64_t type = KEEPER_REPLY; /* also of what nobody can read: whoever wants it says so */
    arena_init(&arena, 0);
    if (decoder_init(&decoder, &arena, body->data, body->size_bytes, &root, &ignored) == 0) {
        type = decode_u64(&root, KEEPER_TYPE, UINT32_MAX);
        decoder_fini(&decoder);
    }
    arena_fini(&arena);
    return type == KEEPER_REPLY;
}

static int send_call(int fd, uint64_t type, struct error *error)
{
    struct buf frame = BUF_INIT;
    struct encoder encoder;
    buf_append(&frame, (const uint8_t[KEEPER_HEADER_BYTES]){0}, KEEPER_HEADER_BYTES);
    encoder_init(&encoder, &frame);
    encode_map_begin(&encoder);
    encode_u64(&encoder, KEEPER_TYPE, type);
    encode_end(&encoder);
    frame.data[3] = (uint8_t)(frame.size_bytes - KEEPER_HEADER_BYTES);
    ssize_t sent = send(fd, frame.data, frame.size_bytes, MSG_NOSIGNAL);
    bool whole = sent == (ssize_t)frame.size_bytes;
    buf_fini(&frame);
    return whole ? 0 : error_set_errno(error, ECONNRESET, "the keeper hung up");
}

/* One call without arguments; the reply's body. A start that an agent before us asked for may have
 * ended just now, of which the keeper tells whoever is there: it is in the list, too. */
static int call(int fd, uint64_t type, struct buf *ret_body, struct error *error)
{
    int64_t deadline_ms = now_ms() + ANSWER_MS_MAX;
    int result = send_call(fd, type, error);
    do {
        if (result == 0)
            result = read_frame(fd, deadline_ms, ret_body, error);
    } while (result == 0 && !is_reply(ret_body));
    return result;
}

static int say_hello(int fd, struct hello *ret_hello, struct error *error)
{
    struct buf body = BUF_INIT;
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    arena_init(&arena, 0);
    int result = call(fd, KEEPER_HELLO, &body, error);
    if (result == 0)
        result = decoder_init(&decoder, &arena, body.data, body.size_bytes, &root, error);
    if (result == 0) {
        ret_hello->protocol = decode_u64(&root, KEEPER_PROTOCOL_NUMBER, UINT32_MAX);
        ret_hello->pods_count = decode_u64(&root, KEEPER_COUNT, UINT32_MAX);
        ret_hello->pid = (pid_t)decode_u64(&root, KEEPER_PID, INT32_MAX);
        decode_text_into(&root, KEEPER_BUILD, ret_hello->build, sizeof(ret_hello->build));
        if (decoder.bad || ret_hello->protocol == 0)
            result = error_set(error, ERROR_CORRUPT, "the keeper talks nonsense");
        decoder_fini(&decoder);
    }
    arena_fini(&arena);
    buf_fini(&body);
    return result;
}

int keeper_link_quit(int fd, struct error *error)
{
    struct buf body = BUF_INIT;
    char byte;
    int result = call(fd, KEEPER_QUIT, &body, error);
    /* Its end of the connection closes when it ends. */
    if (result == 0) {
        struct error ignored;
        (void)read_exactly(fd, &byte, 1, now_ms() + ANSWER_MS_MAX, &ignored);
    }
    buf_fini(&body);
    close(fd);
    return result;
}

static int start_keeper(const struct link_config *config, int dir_fd,
                        const struct keeper_image *image, struct error *error)
{
    int listen_fd = listen_keeper(dir_fd, error);
    if (listen_fd < 0)
        return -1;
    int result = keeper_start(image, listen_fd, dir_fd, &config->cgroups, config->idle_ms, error);
    close(listen_fd);
    if (result < 0)
        return -1;
    int fd = connect_keeper(dir_fd);
    return fd < 0 ? error_set_errno(error, errno, "connect to the keeper") : fd;
}

/* `fd`: to the keeper that is there; -1: there is none, and ours is started. One that hangs up was
 * about to end: it is no longer there. */
static int greet(const struct link_config *config, int dir_fd, int fd,
                 const struct keeper_image *image, struct link *link, struct error *error)
{
    for (int attempt = 0; attempt < CONNECT_TRIES; attempt++) {
        struct hello hello = {.pid = 0};
        if (fd < 0 && config->only_if_there)
            return 0;
        if (fd < 0)
            fd = start_keeper(config, dir_fd, image, error);
        if (fd < 0)
            return -1;
        if (say_hello(fd, &hello, error) < 0) {
            close(fd);
            if (error->errnum != ECONNRESET || attempt + 1 == CONNECT_TRIES)
                return -1;
            fd = connect_keeper(dir_fd);
            continue;
        }
        bool stale = strcmp(hello.build, image->build) != 0 && hello.pods_count == 0;
        if (stale && attempt + 1 < CONNECT_TRIES) {
            if (keeper_link_quit(fd, error) < 0)
                return -1;
            fd = connect_keeper(dir_fd);
            continue;
        }
        link->fd = fd;
        link->keeper_pid = hello.pid;
        snprintf(link->build, sizeof(link->build), "%s", hello.build);
        return 0;
    }
    return error_set(error, ERROR_INTERNAL,
                     "the keeper was replaced and is of another build again");
}

bool keeper_link_was_used(const char *run_dir)
{
    char path[FS_PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/keeper", run_dir);
    return access(path, F_OK) == 0;
}

int keeper_link_open(const struct link_config *config, struct link *ret_link, struct error *error)
{
    struct keeper_image image;
    struct link link = {.fd = -1};
    int dir_fd = open_dir(config->run_dir, error);
    if (dir_fd < 0)
        return -1;
    int fd = connect_keeper(dir_fd);
    if (fd < 0 && config->only_if_there) {
        close(dir_fd);
        *ret_link = link;
        return 0;
    }
    if (keeper_image_open(config->keeper_exe, &image, error) < 0) {
        if (fd >= 0)
            close(fd);
        close(dir_fd);
        return -1;
    }
    int result = greet(config, dir_fd, fd, &image, &link, error);
    keeper_image_close(&image);
    close(dir_fd);
    if (result < 0)
        return -1;
    if (link.fd < 0) {
        *ret_link = link;
        return 0;
    }
    buf_init(&link.list, KEEPER_FRAME_BYTES_MAX);
    if (call(link.fd, KEEPER_LIST, &link.list, error) < 0) {
        close(link.fd);
        buf_fini(&link.list);
        return -1;
    }
    *ret_link = link;
    return 0;
}
