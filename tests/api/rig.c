#include "rig.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* ---- the host */

static struct brain *host_brain(void *context)
{
    return ((struct rig *)context)->brain;
}

static struct instant host_now(void *context)
{
    return ((struct rig *)context)->now;
}

static void step(struct rig *rig, const struct event *event);

static void take_reply(struct rig *rig, const struct effect *effect)
{
    for (size_t i = 0; i < rig->submits_count; i++) {
        struct rig_submit *submit = &rig->submits[i];
        if (submit->id != effect->request)
            continue;
        submit->replied = true;
        submit->code = effect->code;
        buf_append_text(&submit->message, (const char *)effect->text.data);
        buf_append(&submit->object, effect->payload.data, effect->payload.size_bytes);
    }
}

static void start_pod(struct rig *rig, const struct effect *effect)
{
    struct wire_container_status container = {
        .name = {(const uint8_t *)"main", 4}, .state = WIRE_CONTAINER_STATE_RUNNING, .ready = true};
    struct event event = {.kind = EVENT_POD_STATUS,
                          .pod = {.state = WIRE_CLAIM_STATE_RUNNING,
                                  .ready = true,
                                  .containers = &container,
                                  .containers_count = 1}};
    memcpy(event.pod.pod_uid, effect->pod_uid, sizeof(event.pod.pod_uid));
    step(rig, &event);
}

static void stop_pod(struct rig *rig, const struct effect *effect)
{
    struct event event = {.kind = EVENT_POD_STATUS, .pod = {.state = WIRE_CLAIM_STATE_RELEASED}};
    memcpy(event.pod.pod_uid, effect->pod_uid, sizeof(event.pod.pod_uid));
    step(rig, &event);
}

static void trace(const struct rig *rig, const struct effect *effect)
{
    const struct api_event event = {effect->node, effect->direction,
                                    effect->key.size_bytes > 0 ? (const char *)effect->key.data
                                                               : "",
                                    (const char *)effect->text.data};
    if (rig->api != NULL)
        api_traced(rig->api, &event);
}

static void step(struct rig *rig, const struct event *event)
{
    struct effects effects = rig->effects;
    effects_init(&rig->effects);
    brain_step(rig->brain, rig->now, event, &effects);
    for (size_t i = 0; i < effects.count; i++) {
        const struct effect *effect = &effects.items[i];
        switch (effect->kind) {
        case EFFECT_PERSIST:
            if (effect->sequence > rig->sequence) /* steps nest */
                rig->sequence = effect->sequence;
            break;
        case EFFECT_REPLY:
            take_reply(rig, effect);
            break;
        case EFFECT_NOTIFY:
            if (rig->api != NULL)
                api_changed(rig->api, effect->table, effect->key);
            break;
        case EFFECT_POD_START:
            start_pod(rig, effect);
            break;
        case EFFECT_POD_STOP:
            stop_pod(rig, effect);
            break;
        case EFFECT_TRACE:
            trace(rig, effect);
            break;
        case EFFECT_DATAGRAM:
        case EFFECT_STREAM:
        case EFFECT_WATCH:
        case EFFECT_KEYS:
        case EFFECT_FATAL:
            break;
        }
    }
    effects_fini(&effects);
}

static void host_submit(void *context, const struct brain_request *request,
                        void (*reply)(void *user, enum error_code code, const char *message,
                                      struct bytes object),
                        void *user)
{
    struct rig *rig = context;
    struct event event = {.kind = EVENT_REQUEST, .request = *request};
    ASSERT(rig->submits_count < RIG_SUBMITS_MAX);
    rig->submits[rig->submits_count++] =
        (struct rig_submit){.id = ++rig->submits_made_count, .reply = reply, .user = user};
    event.request.id = rig->submits_made_count;
    step(rig, &event);
}

struct rig_log {
    size_t line;
    bool follow;
};

static int log_open(void *context, const uint8_t pod_uid[static 16],
                    const struct api_log_options *options, void (*on_more)(void *user), void *user,
                    void **ret_log, struct error *error)
{
    struct rig *rig = context;
    (void)pod_uid;
    if (options->container != NULL && strcmp(options->container, "main") != 0)
        return error_set(error, ERROR_NOT_FOUND, "no container %s in the pod", options->container);
    struct rig_log *log = MEM_NEW(struct rig_log);
    log->follow = options->follow;
    rig->on_more = on_more;
    rig->on_more_user = user;
    rig->logs_open_count++;
    *ret_log = log;
    return 0;
}

static int log_read(void *context, void *opened, struct buf *out, size_t size_bytes_max,
                    enum api_log_state *ret_state, struct error *error)
{
    const struct rig *rig = context;
    struct rig_log *log = opened;
    (void)size_bytes_max;
    (void)error;
    if (log->line < rig->log_stop_at)
        buf_printf(out, "line %zu\n", log->line++);
    *ret_state = log->line < rig->log_stop_at           ? API_LOG_MORE
                 : log->line < RIG_LINES || log->follow ? API_LOG_WAIT
                                                        : API_LOG_END;
    return 0;
}

static void log_close(void *context, void *log)
{
    struct rig *rig = context;
    rig->logs_open_count--;
    rig->on_more = NULL;
    mem_free(log);
}

static int image_begin(void *context, void **ret_load, struct error *error)
{
    struct rig *rig = context;
    if (rig->loads_open_count > 0)
        return error_set(error, ERROR_UNAVAILABLE, "another image is being loaded");
    rig->loads_open_count++;
    *ret_load = MEM_NEW(struct rig_load);
    return 0;
}

static int image_write(void *context, void *load, struct bytes data, struct error *error)
{
    (void)context;
    buf_append(&((struct rig_load *)load)->data, data.data, data.size_bytes);
    if (data.size_bytes > 0 && data.data[0] == '!')
        return error_set(error, ERROR_INVALID, "this is no image archive");
    return 0;
}

static void image_abort(void *context, void *load)
{
    struct rig *rig = context;
    rig->loads_open_count--;
    buf_fini(&((struct rig_load *)load)->data);
    mem_free(load);
}

static void image_finish(void *context, void *finished,
                         void (*done)(void *user, const char *references,
                                      const struct error *error),
                         void *user)
{
    struct rig *rig = context;
    struct rig_load *load = finished;
    load->done = done;
    load->user = user;
    ASSERT(rig->load == NULL);
    rig->load = load;
}

static void image_each(void *context, void (*each)(void *user, const struct api_image *image),
                       void *user)
{
    (void)context;
    each(user, &(struct api_image){.id = "sha256:aa", .references = "web:1", .size_bytes = 10});
}

static void counter_each(void *context, void (*each)(void *user, const struct api_counter *counter),
                         void *user)
{
    (void)context;
    each(user, &(struct api_counter){"datagrams_in", "Datagrams received.", 5, false});
    each(user, &(struct api_counter){"connections", "Connections now.", 2, true});
}

static void refused_each(void *context, void (*each)(void *user, const struct api_refused *refused),
                         void *user)
{
    (void)context;
    each(user, &(struct api_refused){"datagrams", "unknown key", 3});
    each(user, &(struct api_refused){"streams", "forged", 1});
}

/* Secrets of which every byte is the id. */
static void key_make(void *context, struct wire_ring_key *ret_key)
{
    struct rig *rig = context;
    uint8_t id = ++rig->keys_made_count;
    *ret_key = (struct wire_ring_key){.fingerprint = UINT64_C(0x100) + id,
                                      .id = id,
                                      .changed = 1,
                                      .created_wall_ms = rig->now.wall_ms};
    memset(ret_key->secret, id, sizeof(ret_key->secret));
}

static void give_key(struct rig *rig)
{
    struct wire_ring_key key;
    struct wire_key_ring ring = {.keys = &key, .keys_count = 1};
    struct buf encoded = BUF_INIT;
    struct error error = ERROR_INIT;
    key_make(rig, &key);
    key.phase = WIRE_KEY_PHASE_USED;
    wire_key_ring_encode(&ring, &encoded);
    ASSERT(brain_restore(rig->brain, EFFECT_TABLE_KEYS, (struct bytes){(const uint8_t *)"ring", 4},
                         (struct bytes){encoded.data, encoded.size_bytes}, &error) == 0);
    buf_fini(&encoded);
}

static void key_each(void *context, void (*each)(void *user, uint8_t key_id, bool primary),
                     void *user)
{
    (void)context;
    each(user, 1, false);
    each(user, 2, true);
}

static void process(void *context, struct api_process *ret_process)
{
    (void)context;
    *ret_process = (struct api_process){
        .cpu_us = 1000002, .resident_bytes = 4096, .files_count = 7, .started_boot_ms = RIG_BOOT_0};
}

static int peer_open(void *context, uint64_t node, const struct api_peer_callbacks *callbacks,
                     void **ret_peer, struct error *error)
{
    (void)context;
    (void)callbacks;
    (void)ret_peer;
    return error_set(error, ERROR_UNAVAILABLE, "node %llx cannot be reached",
                     (unsigned long long)node);
}

static int peer_write(void *context, void *peer, struct bytes data, struct error *error)
{
    (void)context;
    (void)peer;
    (void)data;
    return error_set(error, ERROR_UNAVAILABLE, "no such peer");
}

static void peer_close(void *context, void *peer)
{
    (void)context;
    (void)peer;
}

/* ---- life */

static struct brain *new_brain(const struct rig *rig)
{
    const struct brain_config config = {
        .self = {.node = RIG_NODE,
                 .generation = 1,
                 .name = {(const uint8_t *)"n1", 2},
                 .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, .port = 7600},
                 .capacity = {.cpu_milli = 8000,
                              .memory_bytes = (uint64_t)8 << 30,
                              .ephemeral_bytes = (uint64_t)8 << 30,
                              .pods = 100}},
        .seed = 7,
    };
    return brain_new(&config, rig->now);
}

void rig_init(struct rig *rig)
{
    *rig = (struct rig){.now = {.boot_ms = RIG_BOOT_0, .wall_ms = RIG_WALL_0},
                        .log_stop_at = RIG_LINES};
    effects_init(&rig->effects);
    rig->brain = new_brain(rig);
    give_key(rig);
    step(rig, &(struct event){.kind = EVENT_START});
    step(rig, &(struct event){.kind = EVENT_ADOPTION_DONE});
    const struct api_host host = {
        .context = rig,
        .brain = host_brain,
        .now = host_now,
        .node_name = "n1",
        .version = "1.2\"3\\", /* what a label must escape */
        .cluster_id = "0123456789abcdef0123456789abcdef",
        .data_dir = "/nowhere",
        .submit = host_submit,
        .log_open = log_open,
        .log_read = log_read,
        .log_close = log_close,
        .image_begin = image_begin,
        .image_write = image_write,
        .image_finish = image_finish,
        .image_abort = image_abort,
        .image_each = image_each,
        .counter_each = counter_each,
        .refused_each = refused_each,
        .key_make = key_make,
        .key_each = key_each,
        .process = process,
        .peer_open = peer_open,
        .peer_write = peer_write,
        .peer_close = peer_close,
    };
    rig->api = api_new(&host);
    rig_turn(rig, 20);
}

static void tell_load(struct rig *rig)
{
    struct rig_load *load = rig->load;
    if (load == NULL)
        return;
    rig->load = NULL;
    load->done(load->user, "web:1\nweb:latest", NULL);
    image_abort(rig, load);
}

static void tell_replies(struct rig *rig)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < rig->submits_count; i++) {
        struct rig_submit submit = rig->submits[i];
        if (!submit.replied) {
            rig->submits[kept_count++] = submit;
            continue;
        }
        submit.reply(submit.user, submit.code, buf_text(&submit.message),
                     (struct bytes){submit.object.data, submit.object.size_bytes});
        buf_fini(&submit.message);
        buf_fini(&submit.object);
    }
    rig->submits_count = kept_count;
}

void rig_turn(struct rig *rig, uint64_t ms)
{
    for (uint64_t i = 0; i <= ms; i++) {
        if (!rig->disk_is_slow)
            step(rig, &(struct event){.kind = EVENT_PERSISTED, .sequence = rig->sequence});
        if (brain_deadline(rig->brain) <= rig->now.boot_ms)
            step(rig, &(struct event){.kind = EVENT_TIMER});
        tell_replies(rig);
        tell_load(rig);
        if (api_deadline(rig->api) <= rig->now.boot_ms)
            api_tick(rig->api);
        if (i < ms) {
            rig->now.boot_ms++;
            rig->now.wall_ms++;
        }
    }
}

void rig_fini(struct rig *rig)
{
    rig->disk_is_slow = false;
    rig_turn(rig, 0);
    for (size_t i = 0; i < rig->submits_count; i++) {
        struct rig_submit *submit = &rig->submits[i];
        submit->reply(submit->user, ERROR_UNAVAILABLE, "the agent stops", (struct bytes){NULL, 0});
        buf_fini(&submit->message);
        buf_fini(&submit->object);
    }
    api_free(rig->api);
    brain_free(rig->brain);
    effects_fini(&rig->effects);
}

void rig_datagram(struct rig *rig, uint64_t from_node, struct bytes payload)
{
    const struct event event = {.kind = EVENT_DATAGRAM,
                                .node = from_node,
                                .address = {.ip = {[15] = 1}, .port = 7601},
                                .payload = payload};
    step(rig, &event);
}

/* ---- connections */

static void transport_write(void *context, struct bytes data)
{
    buf_append(&((struct rig_connection *)context)->output, data.data, data.size_bytes);
}

static size_t transport_queued(void *context)
{
    return ((struct rig_connection *)context)->queued_bytes;
}

static void transport_close(void *context)
{
    ((struct rig_connection *)context)->close_asked = true;
}

void rig_connect(struct rig *rig, struct rig_connection *connection)
{
    *connection = (struct rig_connection){.rig = rig};
    const struct api_transport transport = {.context = connection,
                                            .write = transport_write,
                                            .queued_bytes = transport_queued,
                                            .close = transport_close};
    connection->connection = api_connection_new(rig->api, &transport, false);
}

void rig_put(struct rig_connection *connection, const void *data, size_t size_bytes)
{
    api_connection_data(connection->connection, (struct bytes){data, size_bytes});
}

void rig_hang_up(struct rig_connection *connection)
{
    if (connection->connection != NULL)
        api_connection_closed(connection->connection);
    connection->connection = NULL;
    buf_fini(&connection->output);
}
