/* The agent's connection: frames in, calls answered, frames out. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "keeper_internal.h"
#include "proto.h"

#define READ_BYTES ((size_t)64 << 10)

void frame_begin(struct frame *frame, uint64_t type, uint64_t id)
{
    buf_init(&frame->bytes, KEEPER_FRAME_BYTES_MAX);
    buf_append(&frame->bytes, (const uint8_t[KEEPER_HEADER_BYTES]){0}, KEEPER_HEADER_BYTES);
    encoder_init(&frame->encoder, &frame->bytes);
    encode_map_begin(&frame->encoder);
    encode_u64(&frame->encoder, KEEPER_TYPE, type);
    encode_u64(&frame->encoder, KEEPER_ID, id);
}

void frame_send(struct keeper *keeper, struct frame *frame)
{
    encode_end(&frame->encoder);
    ASSERT(!frame->bytes.overflowed);
    if (keeper->connection.fd >= 0) {
        size_t body_bytes = frame->bytes.size_bytes - KEEPER_HEADER_BYTES;
        for (int i = 0; i < KEEPER_HEADER_BYTES; i++)
            frame->bytes.data[i] = (uint8_t)(body_bytes >> (24 - 8 * i));
        /* Overflow is sticky; serve_flush cuts the agent off once nobody is in the middle of
         * something. */
        buf_append(&keeper->output, frame->bytes.data, frame->bytes.size_bytes);
    }
    buf_fini(&frame->bytes);
}

void reply_failure(struct keeper *keeper, uint64_t id, uint64_t error_code,
                   const struct step_failure *failure)
{
    struct frame frame;
    frame_begin(&frame, KEEPER_REPLY, id);
    encode_u64(&frame.encoder, KEEPER_ERROR, error_code);
    encode_u64(&frame.encoder, KEEPER_ERRNO, (uint64_t)failure->errnum);
    encode_u64(&frame.encoder, KEEPER_STEP, failure->step);
    encode_text(&frame.encoder, KEEPER_TEXT, failure->text);
    frame_send(keeper, &frame);
}

void reply_error(struct keeper *keeper, uint64_t id, uint64_t error_code, const char *text)
{
    struct step_failure failure;
    step_fail(&failure, STEP_NONE, 0, "%s", text);
    reply_failure(keeper, id, error_code, &failure);
}

static void reply_done(struct keeper *keeper, uint64_t id)
{
    struct frame frame;
    frame_begin(&frame, KEEPER_REPLY, id);
    frame_send(keeper, &frame);
}

static void call_hello(struct keeper *keeper, uint64_t id)
{
    struct frame frame;
    frame_begin(&frame, KEEPER_REPLY, id);
    encode_u64(&frame.encoder, KEEPER_PROTOCOL_NUMBER, KEEPER_PROTOCOL);
    encode_text(&frame.encoder, KEEPER_BUILD, keeper->build);
    encode_u64(&frame.encoder, KEEPER_PID, (uint64_t)getpid());
    encode_u64(&frame.encoder, KEEPER_COUNT, keeper->pods_count);
    frame_send(keeper, &frame);
}

static void list_instance(struct encoder *encoder, const struct instance *instance)
{
    const struct process *process = &instance->process;
    encode_map_begin(encoder);
    encode_text(encoder, KEEPER_NAME, instance->name);
    encode_u64(encoder, KEEPER_ATTEMPT, instance->attempt);
    encode_u64(encoder, KEEPER_PID, (uint64_t)process->pid);
    encode_u64(encoder, KEEPER_WALL, process->started_wall_ms);
    encode_bool(encoder, KEEPER_READY, process->ready);
    if (process->pid == 0) {
        encode_bool(encoder, KEEPER_ENDED, true);
        encode_u64(encoder, KEEPER_STATUS, (uint64_t)process->wait_status);
        encode_u64(encoder, KEEPER_END_WALL, process->ended_wall_ms);
        keeper_explain_start(process, encoder);
    }
    encode_end(encoder);
}

static void call_list(struct keeper *keeper, uint64_t id)
{
    struct frame frame;
    struct pod *pod;
    frame_begin(&frame, KEEPER_REPLY, id);
    encode_array_begin(&frame.encoder, KEEPER_PODS);
    RB_FOREACH (pod, keeper_pods, &keeper->pods) {
        encode_map_begin(&frame.encoder);
        encode_text(&frame.encoder, KEEPER_POD, pod->id);
        encode_u64(&frame.encoder, KEEPER_PID, (uint64_t)pod->process.pid);
        encode_u64(&frame.encoder, KEEPER_WALL, pod->process.started_wall_ms);
        encode_bool(&frame.encoder, KEEPER_READY, pod->process.ready);
        encode_array_begin(&frame.encoder, KEEPER_CONTAINERS);
        struct instance *instance;
        LIST_FOREACH (instance, &pod->instances, in_pod)
            list_instance(&frame.encoder, instance);
        encode_end(&frame.encoder);
        encode_end(&frame.encoder);
    }
    encode_end(&frame.encoder);
    frame_send(keeper, &frame);
}

static void call_signal(struct keeper *keeper, uint64_t id, const struct decoded *call)
{
    struct pod *pod = keeper_find_pod(keeper, decode_text(call, KEEPER_POD));
    struct instance *instance =
        pod ? keeper_find_instance(pod, decode_text(call, KEEPER_NAME)) : NULL;
    uint64_t number = decode_u64(call, KEEPER_SIGNAL_NUMBER, 64);
    if (instance == NULL || instance->process.pid == 0 || number == 0) {
        reply_error(keeper, id, ERROR_NOT_FOUND, "the container is not running");
        return;
    }
    process_kill(&instance->process, (int)number);
    reply_done(keeper, id);
}

static void call_stop_pod(struct keeper *keeper, uint64_t id, const struct decoded *call)
{
    struct pod *pod = keeper_find_pod(keeper, decode_text(call, KEEPER_POD));
    if (pod != NULL)
        held_pod_free(keeper, pod);
    reply_done(keeper, id);
}

static void call_forget(struct keeper *keeper, uint64_t id, const struct decoded *call)
{
    struct pod *pod = keeper_find_pod(keeper, decode_text(call, KEEPER_POD));
    struct instance *instance =
        pod ? keeper_find_instance(pod, decode_text(call, KEEPER_NAME)) : NULL;
    if (instance != NULL && instance->process.pid == 0 &&
        instance->attempt == decode_u64(call, KEEPER_ATTEMPT, UINT32_MAX))
        held_instance_free(keeper, instance);
    reply_done(keeper, id);
}

static void call_quit(struct keeper *keeper, uint64_t id)
{
    if (keeper->pods_count > 0) {
        reply_error(keeper, id, ERROR_CONFLICT, "pods are running");
        return;
    }
    keeper->quit = true;
    reply_done(keeper, id);
}

static void dispatch(struct keeper *keeper, const struct decoded *call)
{
    uint64_t type = decode_u64(call, KEEPER_TYPE, UINT32_MAX);
    uint64_t id = decode_u64(call, KEEPER_ID, UINT64_MAX);
    struct decoded body = decode_map(call, KEEPER_BODY);
    switch (type) {
    case KEEPER_HELLO:
        call_hello(keeper, id);
        return;
    case KEEPER_LIST:
        call_list(keeper, id);
        return;
    case KEEPER_START_POD:
        keeper_start_pod(keeper, id, &body);
        return;
    case KEEPER_START_CONTAINER:
        keeper_start_container(keeper, id, &body);
        return;
    case KEEPER_EXEC:
        keeper_start_exec(keeper, id, &body);
        return;
    case KEEPER_SIGNAL:
        call_signal(keeper, id, call);
        return;
    case KEEPER_STOP_POD:
        call_stop_pod(keeper, id, call);
        return;
    case KEEPER_FORGET:
        call_forget(keeper, id, call);
        return;
    case KEEPER_QUIT:
        call_quit(keeper, id);
        return;
    default:
        reply_error(keeper, id, ERROR_UNSUPPORTED, "this keeper is older than that call");
    }
}

/* One whole frame's body. False: not ours; the connection is of no use. */
static bool handle_frame(struct keeper *keeper, const uint8_t *data, size_t size_bytes)
{
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error error;
    arena_init(&arena, 0);
    bool decoded = decoder_init(&decoder, &arena, data, size_bytes, &root, &error) == 0;
    if (decoded) {
        dispatch(keeper, &root);
        decoder_fini(&decoder);
    }
    arena_fini(&arena);
    return decoded;
}

static void handle_input(struct keeper *keeper)
{
    while (keeper->connection.fd >= 0 && keeper->input.size_bytes >= KEEPER_HEADER_BYTES) {
        const uint8_t *data = keeper->input.data;
        size_t body_bytes =
            (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | (size_t)data[3];
        if (body_bytes > KEEPER_FRAME_BYTES_MAX) {
            serve_disconnect(keeper);
            return;
        }
        if (keeper->input.size_bytes - KEEPER_HEADER_BYTES < body_bytes)
            return;
        if (!handle_frame(keeper, data + KEEPER_HEADER_BYTES, body_bytes)) {
            serve_disconnect(keeper);
            return;
        }
        buf_consume(&keeper->input, KEEPER_HEADER_BYTES + body_bytes);
    }
    /* A start with a large environment shall not stay in memory. */
    if (keeper->input.size_bytes == 0)
        buf_fini(&keeper->input);
}

static void connection_ready(struct keeper *keeper, struct watch *watch)
{
    uint8_t bytes[READ_BYTES];
    ssize_t count = read(watch->fd, bytes, sizeof(bytes));
    if (count > 0) {
        buf_append(&keeper->input, bytes, (size_t)count);
        handle_input(keeper);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        serve_disconnect(keeper);
    }
}

/* Only this user may command (SO_PEERCRED), and one at a time: others wait in the backlog. */
void serve_accept(struct keeper *keeper, struct watch *watch)
{
    struct ucred peer;
    socklen_t size_bytes = sizeof(peer);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size_bytes) < 0 || peer.uid != geteuid()) {
        close(fd);
        return;
    }
    if (watch_add(keeper, &keeper->connection, fd, connection_ready) < 0)
        return;
    struct epoll_event event = {.events = 0, .data.ptr = watch};
    (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void serve_disconnect(struct keeper *keeper)
{
    watch_close(keeper, &keeper->connection);
    buf_fini(&keeper->input);
    buf_fini(&keeper->output);
    keeper->output.overflowed = false;
    keeper->output_blocked = false;
    keeper->idle_since_ms = keeper_boot_ms();
    /* What an agent that is gone has asked for is of no interest to the next one. */
    struct exec *exec;
    while ((exec = LIST_FIRST(&keeper->execs)) != NULL)
        held_exec_free(keeper, exec);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &keeper->listener};
    (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_MOD, keeper->listener.fd, &event);
}

void serve_flush(struct keeper *keeper)
{
    if (keeper->connection.fd >= 0 && keeper->output.overflowed)
        serve_disconnect(keeper);
    while (keeper->connection.fd >= 0 && keeper->output.size_bytes > 0) {
        ssize_t count = send(keeper->connection.fd, keeper->output.data, keeper->output.size_bytes,
                             MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN) {
            serve_disconnect(keeper);
            return;
        }
        if (count < 0)
            break;
        buf_consume(&keeper->output, (size_t)count);
    }
    if (keeper->connection.fd < 0)
        return;
    bool blocked = keeper->output.size_bytes > 0;
    if (!blocked)
        buf_fini(&keeper->output);
    if (blocked != keeper->output_blocked) {
        struct epoll_event event = {.events = EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0u),
                                    .data.ptr = &keeper->connection};
        (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_MOD, keeper->connection.fd, &event);
        keeper->output_blocked = blocked;
    }
}
