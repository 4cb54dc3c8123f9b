/* What the API may ask of this agent. */
#include <stdio.h>
#include <string.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

static struct brain *host_brain(void *context)
{
    struct agent *agent = context;
    return agent->brain;
}

static struct instant host_now(void *context)
{
    (void)context;
    return agent_now();
}

/* ---- writes */

static void host_submit(void *context, const struct brain_request *request,
                        void (*reply)(void *user, enum error_code code, const char *message,
                                      struct bytes object),
                        void *user)
{
    struct agent *agent = context;
    struct pending_submit *submit = MEM_NEW(struct pending_submit);
    *submit = (struct pending_submit){
        .id = ++agent->submits_made_count, .reply = reply, .user = user, .next = agent->submits};
    submit->waits_for_disk = request->ack == BRAIN_ACK_LOCAL && request->strong == NULL;
    agent->submits = submit;
    struct event event = {.kind = EVENT_REQUEST, .request = *request};
    event.request.id = submit->id;
    if (agent->disk_error.code != ERROR_NONE) {
        char message[ERROR_MESSAGE_BYTES_MAX];
        (void)snprintf(message, sizeof(message),
                       "this node cannot store anything now: %.900s; ask another",
                       agent->disk_error.message);
        agent->submits = submit->next;
        reply(user, agent->disk_error.code, message, (struct bytes){.data = NULL});
        mem_free(submit);
        return;
    }
    agent_step(agent, &event);
}

/* Takes it off the list and keeps its answer. */
static void answer(struct agent *agent, struct pending_submit **link, enum error_code code,
                   const char *message, struct bytes object)
{
    struct pending_submit *submit = *link;
    struct pending_submit **end = &agent->answered;
    *link = submit->next;
    submit->next = NULL;
    submit->code = code;
    buf_append_text(&submit->message, message);
    buf_append(&submit->object, object.data, object.size_bytes);
    while (*end != NULL)
        end = &(*end)->next;
    *end = submit;
}

static void free_submit(struct pending_submit *submit)
{
    buf_fini(&submit->message);
    buf_fini(&submit->object);
    mem_free(submit);
}

/* Whoever is answered may ask the next thing at once (a connection whose requests are pipelined
 * does), which steps the brain: so never inside a step, and one after the other. */
void host_deliver(struct agent *agent)
{
    if (agent->stepping || agent->delivering)
        return;
    agent->delivering = true;
    while (agent->answered != NULL) {
        struct pending_submit *submit = agent->answered;
        agent->answered = submit->next;
        submit->reply(submit->user, submit->code, buf_text(&submit->message),
                      (struct bytes){submit->object.data, submit->object.size_bytes});
        free_submit(submit);
    }
    agent->delivering = false;
}

void host_forget_submits(struct agent *agent)
{
    struct pending_submit **const lists[] = {&agent->submits, &agent->answered};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        while (*lists[i] != NULL) {
            struct pending_submit *next = (*lists[i])->next;
            free_submit(*lists[i]);
            *lists[i] = next;
        }
    }
}

void host_disk_failed(struct agent *agent)
{
    char message[ERROR_MESSAGE_BYTES_MAX];
    (void)snprintf(message, sizeof(message),
                   "this node could not store the write, though others may have it: %.900s",
                   agent->disk_error.message);
    for (struct pending_submit **link = &agent->submits; *link != NULL;) {
        if ((*link)->waits_for_disk)
            answer(agent, link, agent->disk_error.code, message, (struct bytes){.data = NULL});
        else
            link = &(*link)->next;
    }
    host_deliver(agent);
}

void host_reply(struct agent *agent, const struct effect *effect)
{
    struct pending_submit **link = &agent->submits;
    while (*link != NULL && (*link)->id != effect->request)
        link = &(*link)->next;
    if (*link != NULL)
        answer(agent, link, effect->code, (const char *)effect->text.data, effect->payload);
}

/* ---- logs */

static int host_log_open(void *context, const uint8_t pod_uid[static 16],
                         const struct api_log_options *options, void (*on_more)(void *user),
                         void *user, void **ret_log, struct error *error)
{
    struct agent *agent = context;
    char id[RUNTIME_POD_ID_CHARS + 1];
    struct runtime_log *log = NULL;
    const struct runtime_log_options converted = {
        .container = options->container,
        .previous = options->previous,
        .follow = options->follow,
        .timestamps = options->timestamps,
        .tail_lines = options->tail_lines,
        .since_wall_ms = options->since_wall_ms,
        .limit_bytes = options->limit_bytes,
    };
    pod_id_format(pod_uid, id);
    if (runtime_log_open(agent->runtime, id, &converted, on_more, user, &log, error) < 0)
        return -1;
    *ret_log = log;
    return 0;
}

static int host_log_read(void *context, void *log, struct buf *out, size_t size_bytes_max,
                         enum api_log_state *ret_state, struct error *error)
{
    static const enum api_log_state states[] = {
        [RUNTIME_LOG_MORE] = API_LOG_MORE,
        [RUNTIME_LOG_WAIT] = API_LOG_WAIT,
        [RUNTIME_LOG_END] = API_LOG_END,
    };
    enum runtime_log_state state = RUNTIME_LOG_END;
    (void)context;
    if (runtime_log_read(log, out, size_bytes_max, &state, error) < 0)
        return -1;
    *ret_state = states[state];
    return 0;
}

static void host_log_close(void *context, void *log)
{
    (void)context;
    runtime_log_close(log);
}

/* ---- images: the slow end of a load runs in a worker */

struct upload {
    uv_work_t work;
    struct agent *agent;
    struct image_load *load;
    struct image_load_result result;
    struct error error;
    bool failed;
    void (*done)(void *user, const char *references, const struct error *error);
    void *user;
};

static int host_image_begin(void *context, void **ret_load, struct error *error)
{
    struct agent *agent = context;
    struct upload *upload = MEM_NEW(struct upload);
    upload->agent = agent;
    if (image_load_begin(agent->images, NULL, &upload->load, error) < 0) {
        mem_free(upload);
        return -1;
    }
    *ret_load = upload;
    return 0;
}

static int host_image_write(void *context, void *load, struct bytes data, struct error *error)
{
    struct upload *upload = load;
    (void)context;
    return image_load_write(upload->load, data.data, data.size_bytes, error);
}

static void finish_in_worker(uv_work_t *work)
{
    struct upload *upload = work->data;
    upload->failed = image_load_finish(upload->load, &upload->result, &upload->error) < 0;
}

static void finish_done(uv_work_t *work, int status)
{
    struct upload *upload = work->data;
    struct agent *agent = upload->agent;
    struct buf references = BUF_INIT;
    (void)status;
    if (!upload->failed)
        for (size_t i = 0; i < upload->result.references.count; i++)
            buf_printf(&references, "%s\n", upload->result.references.items[i]);
    upload->done(upload->user, buf_text(&references), upload->failed ? &upload->error : NULL);
    buf_fini(&references);
    if (!upload->failed)
        image_load_result_fini(&upload->result);
    mem_free(upload);
    if (!agent->closing)
        pods_try_waiting(agent);
}

static void host_image_finish(void *context, void *load,
                              void (*done)(void *user, const char *references,
                                           const struct error *error),
                              void *user)
{
    struct agent *agent = context;
    struct upload *upload = load;
    upload->done = done;
    upload->user = user;
    upload->work.data = upload;
    ASSERT(uv_queue_work(agent->loop, &upload->work, finish_in_worker, finish_done) == 0);
}

static void host_image_abort(void *context, void *load)
{
    struct upload *upload = load;
    (void)context;
    image_load_abort(upload->load);
    mem_free(upload);
}

static void host_image_each(void *context, void (*each)(void *user, const struct api_image *image),
                            void *user)
{
    struct agent *agent = context;
    struct image_list list = {.items = NULL};
    image_store_list(agent->images, &list);
    for (size_t i = 0; i < list.count; i++) {
        struct buf references = BUF_INIT;
        for (size_t j = 0; j < list.items[i].references.count; j++)
            buf_printf(&references, "%s%s", j ? " " : "", list.items[i].references.items[j]);
        const struct api_image image = {
            .id = list.items[i].id,
            .references = buf_text(&references),
            .size_bytes = list.items[i].size_bytes,
            .loaded_wall_ms = list.items[i].loaded_wall_s * 1000,
        };
        each(user, &image);
        buf_fini(&references);
    }
    image_list_fini(&list);
}

static void host_key_make(void *context, struct wire_ring_key *ret_key)
{
    keys_make(context, ret_key);
}

/* ---- the API of another node */

struct peer {
    struct net_tunnel *tunnel;
    struct api_peer_callbacks callbacks;
};

static void peer_on_data(void *context, struct net_tunnel *tunnel, struct bytes data)
{
    struct peer *peer = context;
    (void)tunnel;
    peer->callbacks.on_data(peer->callbacks.context, data);
}

static void peer_on_writable(void *context, struct net_tunnel *tunnel)
{
    struct peer *peer = context;
    (void)tunnel;
    if (peer->callbacks.on_writable != NULL)
        peer->callbacks.on_writable(peer->callbacks.context);
}

static void peer_on_eof(void *context, struct net_tunnel *tunnel)
{
    (void)context;
    net_tunnel_shutdown(tunnel);
}

static void peer_on_closed(void *context, struct net_tunnel *tunnel, const struct error *error)
{
    struct peer *peer = context;
    (void)tunnel;
    struct api_peer_callbacks callbacks = peer->callbacks;
    mem_free(peer);
    callbacks.on_closed(callbacks.context, error);
}

static int host_peer_open(void *context, uint64_t node, const struct api_peer_callbacks *callbacks,
                          void **ret_peer, struct error *error)
{
    struct agent *agent = context;
    struct brain_member member;
    if (!brain_member(agent->brain, node, &member) || member.record == NULL)
        return error_set(error, ERROR_NOT_FOUND, "node %016llx is not known here",
                         (unsigned long long)node);
    struct address address = {.port = member.record->address.port};
    memcpy(address.ip, member.record->address.ip, sizeof(address.ip));
    struct peer *peer = MEM_NEW(struct peer);
    peer->callbacks = *callbacks;
    const struct net_tunnel_callbacks tunnel = {
        .context = peer,
        .on_data = peer_on_data,
        .on_eof = peer_on_eof,
        .on_writable = peer_on_writable,
        .on_closed = peer_on_closed,
    };
    if (net_tunnel_open(agent->net, node, &address, &tunnel, &peer->tunnel, error) < 0) {
        mem_free(peer);
        return -1;
    }
    *ret_peer = peer;
    return 0;
}

static int host_peer_write(void *context, void *peer, struct bytes data, struct error *error)
{
    (void)context;
    return net_tunnel_write(((struct peer *)peer)->tunnel, data, error);
}

static void host_peer_close(void *context, void *peer)
{
    (void)context;
    net_tunnel_close(((struct peer *)peer)->tunnel);
    mem_free(peer);
}

void host_init(struct agent *agent, struct api_host *ret_host)
{
    *ret_host = (struct api_host){
        .context = agent,
        .brain = host_brain,
        .now = host_now,
        .node_name = agent->name,
        .version = SHOAL_VERSION,
        .cluster_id = agent->cluster_id,
        .data_dir = agent->options->data_dir,
        .submit = host_submit,
        .log_open = host_log_open,
        .log_read = host_log_read,
        .log_close = host_log_close,
        .image_begin = host_image_begin,
        .image_write = host_image_write,
        .image_finish = host_image_finish,
        .image_abort = host_image_abort,
        .image_each = host_image_each,
        .counter_each = accounts_counter_each,
        .refused_each = accounts_refused_each,
        .key_make = host_key_make,
        .key_each = accounts_key_each,
        .process = accounts_process,
        .backup_begin = backup_begin,
        .backup_read = backup_read,
        .backup_close = backup_close,
        .peer_open = host_peer_open,
        .peer_write = host_peer_write,
        .peer_close = host_peer_close,
    };
}
