#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "control_internal.h"
#include "spec/load.h"

#define WALL_0   UINT64_C(1748736000000)
#define BOOT_0   UINT64_C(1000)
#define CPU_NODE 4000
#define WAIT_MS  2000

static const char workload_key[] = "deployments.apps/default/w";

static struct instant instant_of(const struct world *world)
{
    return (struct instant){.boot_ms = BOOT_0 + world->now_ms, .wall_ms = WALL_0 + world->now_ms};
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- its disk: a commit is there WORLD_DISK_MS later, unless the disk is stuck */

static uint64_t write_to_disk(const struct world *world, struct world_node *node)
{
    if (node->written == node->persisted) {
        node->disk_moved_ms = world->now_ms;
        node->disk_due_ms = world->now_ms + WORLD_DISK_MS;
    }
    return ++node->written;
}

static void run_disk(struct world *world, size_t index)
{
    struct world_node *node = &world->nodes[index];
    if (node->written == node->persisted || world->disk_stuck[index] ||
        node->disk_due_ms > world->now_ms)
        return;
    node->persisted = node->written;
    control_persisted(node->control, node->persisted, instant_of(world).boot_ms);
}

static boot_ms_t disk_late_boot_ms(const struct world_node *node)
{
    if (node->written == node->persisted)
        return BOOT_MS_NEVER;
    return BOOT_0 + node->disk_moved_ms + WORLD_DISK_LATE_MS;
}

/* ---- what a controller asks of its brain */

struct port {
    struct world *world;
    struct world_node *node;
};

static void spread(struct port *port, const struct store_change *change)
{
    struct buf payload = BUF_INIT;
    for (size_t i = 0; i < change->persists_count; i++)
        port->world->claims_erased += change->persists[i].table == EFFECT_TABLE_CLAIM &&
                                      change->persists[i].payload.size_bytes == 0;
    store_put_record(port->node->store, change, &payload);
    for (size_t i = 0; i < port->world->nodes_count && payload.size_bytes > 0; i++) {
        struct world *world = port->world;
        if (&world->nodes[i] == port->node)
            continue;
        MEM_GROW(world->packets, world->packets_count, world->packets_capacity);
        struct world_packet *packet = &world->packets[world->packets_count++];
        *packet = (struct world_packet){.due_ms = world->now_ms + 1, .to = i};
        buf_append(&packet->payload, payload.data, payload.size_bytes);
    }
    buf_fini(&payload);
}

static uint64_t publish_claim(void *context, struct wire_claim *claim, const uint64_t *tell_first,
                              size_t tell_first_count)
{
    struct port *port = context;
    struct store_change change;
    uint8_t uid[16];
    (void)tell_first;
    (void)tell_first_count;
    memcpy(uid, claim->slot.workload_uid, sizeof(uid));
    (void)store_write_claim(port->node->store, instant_of(port->world), claim, &change);
    spread(port, &change);
    control_claims_changed(port->node->control, uid, instant_of(port->world).boot_ms);
    return write_to_disk(port->world, port->node);
}

static void keep_past(void *context, const struct wire_slot *slot, const struct wire_claim *past)
{
    struct port *port = context;
    ck_assert_uint_lt(slot->ordinal, WORLD_PASTS_MAX);
    struct buf *kept = &port->node->pasts[slot->ordinal];
    buf_fini(kept);
    *kept = (struct buf)BUF_INIT;
    if (past != NULL)
        wire_claim_encode(past, kept);
}

static void publish_decline(void *context, struct wire_decline *decline)
{
    struct port *port = context;
    struct store_change change;
    (void)store_write_decline(port->node->store, instant_of(port->world), decline, &change);
    spread(port, &change);
}

static void publish_status(void *context, const struct wire_resources *allocated)
{
    struct port *port = context;
    struct store_change change;
    struct wire_node_status status = {.allocated = *allocated, .claims_complete = true};
    (void)store_write_node_status(port->node->store, instant_of(port->world), &status, &change);
    spread(port, &change);
}

static void send_offers(void *context, uint64_t node, const char *key,
                        const struct wire_offer *offers, size_t offers_count)
{
    struct port *port = context;
    struct world *world = port->world;
    MEM_GROW(world->packets, world->packets_count, world->packets_capacity);
    struct world_packet *packet = &world->packets[world->packets_count++];
    *packet = (struct world_packet){.due_ms = world->now_ms + 1, .to = (size_t)node - 1};
    store_put_current(port->node->store, key, &packet->payload);
    for (size_t i = 0; i < offers_count; i++)
        wire_put_offer(&packet->payload, &offers[i]);
}

static struct control_output output_of(struct port *port)
{
    return (struct control_output){
        .context = port,
        .effects = &port->node->effects,
        .publish_claim = publish_claim,
        .keep_past = keep_past,
        .publish_decline = publish_decline,
        .publish_status = publish_status,
        .send_offers = send_offers,
    };
}

static struct control_view view_of(const struct world *world, struct world_node *node)
{
    node->members_count = 0;
    for (size_t i = 0; i < world->nodes_count; i++) {
        const struct world_node *other = &world->nodes[i];
        if (!other->on)
            continue;
        struct control_member *member = &node->members[node->members_count++];
        *member = (struct control_member){.node = other->id, .record = &other->record};
        const struct wire_node_status *status = store_node_status(node->store, other->id);
        if (status != NULL)
            member->allocated = status->allocated;
        member->allocated.devices_count = 0;
    }
    struct instant now = instant_of(world);
    now.wall_ms -= node->behind_ms;
    return (struct control_view){.now = now,
                                 .store = node->store,
                                 .members = node->members,
                                 .members_count = node->members_count,
                                 .disk_late_boot_ms = disk_late_boot_ms(node),
                                 .may_heal = true};
}

/* ---- life */

static void node_start(struct world_node *node, const struct wire_resources *capacity)
{
    node->generation++;
    node->on = true;
    node->written = node->persisted = 0;
    node->record = (struct wire_member){.node = node->id,
                                        .generation = node->generation,
                                        .name = bytes_of("n"),
                                        .capacity = *capacity};
    const struct store_config store = {.node = node->id, .generation = node->generation};
    const struct control_config control = {
        .node = node->id, .generation = node->generation, .seed = node->id, .capacity = *capacity};
    node->store = store_new(&store);
    node->control = control_new(&control);
    effects_init(&node->effects);
}

static void node_stop(struct world_node *node)
{
    node->on = false;
    control_free(node->control);
    store_free(node->store);
    effects_fini(&node->effects);
    node->control = NULL;
    node->store = NULL;
}

void world_init(struct world *world, size_t count)
{
    const struct wire_resources capacity = {
        .cpu_milli = CPU_NODE, .memory_bytes = (uint64_t)8 << 30, .pods = 50};
    ck_assert_uint_le(count, WORLD_NODES_MAX);
    *world = (struct world){.nodes_count = count};
    for (size_t i = 0; i < count; i++) {
        world->nodes[i].id = i + 1;
        node_start(&world->nodes[i], &capacity);
    }
}

static void pod_clear(struct world_pod *pod)
{
    buf_fini(&pod->tag);
    *pod = (struct world_pod){.there = false};
}

void world_fini(struct world *world)
{
    for (size_t i = 0; i < world->nodes_count; i++) {
        if (world->nodes[i].on)
            node_stop(&world->nodes[i]);
        for (size_t j = 0; j < WORLD_PODS_MAX; j++)
            pod_clear(&world->nodes[i].pods[j]);
        for (size_t j = 0; j < WORLD_PASTS_MAX; j++)
            buf_fini(&world->nodes[i].pasts[j]);
    }
    for (size_t i = 0; i < world->packets_count; i++)
        buf_fini(&world->packets[i].payload);
    mem_free(world->packets);
}

void world_kill(struct world *world, size_t index)
{
    struct world_node *dead = &world->nodes[index];
    uint64_t generation = dead->generation;
    node_stop(dead);
    for (size_t i = 0; i < world->nodes_count; i++) {
        if (!world->nodes[i].on)
            continue;
        store_set_node_void(world->nodes[i].store, dead->id, generation);
        control_holder_changed(world->nodes[i].control, world->nodes[i].store, dead->id,
                               instant_of(world).boot_ms);
        control_members_changed(world->nodes[i].control, instant_of(world).boot_ms);
    }
}

struct disk {
    struct buf *claims;
    size_t count, capacity;
};

static bool keep_claim(void *context, const struct wire_claim *claim)
{
    struct disk *disk = context;
    MEM_GROW(disk->claims, disk->count, disk->capacity);
    disk->claims[disk->count] = (struct buf)BUF_INIT;
    wire_claim_encode(claim, &disk->claims[disk->count++]);
    return true;
}

static bool copy_version(void *context, const struct store_object *object)
{
    struct world_node *node = context;
    struct store_change change;
    struct wire_object copy = {.key = bytes_of(object->key),
                               .version = object->version,
                               .generation = object->generation,
                               .created_wall_ms = object->created_wall_ms,
                               .body = object->body};
    memcpy(copy.uid, object->uid, sizeof(copy.uid));
    (void)store_put_object(node->store, (struct instant){.boot_ms = BOOT_0, .wall_ms = WALL_0},
                           &copy, STORE_DISK, &change);
    return true;
}

static bool copy_claim(void *context, const struct wire_claim *claim)
{
    struct world_node *node = context;
    struct store_change change;
    if (claim->node != node->id)
        (void)store_put_claim(node->store, (struct instant){.boot_ms = BOOT_0, .wall_ms = WALL_0},
                              claim, STORE_REMOTE, &change);
    return true;
}

static void remember_pasts(struct world_node *node, const struct control_view *view,
                           const struct control_output *output)
{
    for (size_t i = 0; i < WORLD_PASTS_MAX; i++) {
        const struct bytes encoded = {node->pasts[i].data, node->pasts[i].size_bytes};
        struct wire_arena arena;
        struct wire_claim past;
        wire_arena_init(&arena, 1 << 20);
        if (encoded.size_bytes > 0) {
            ck_assert_int_eq(wire_claim_decode(encoded, &arena, &past), WIRE_OK);
            control_remember(node->control, view, &past, output);
        }
        wire_arena_fini(&arena);
    }
}

/* The disk of a node is what another knows of objects, plus its own claims as they were; it has
 * synchronised with that peer before it acts. */
void world_restart(struct world *world, size_t index, bool adopt,
                   const struct wire_resources *capacity)
{
    struct world_node *node = &world->nodes[index];
    struct world_node *peer = &world->nodes[index == 0 ? 1 : 0];
    struct disk disk = {.claims = NULL};
    struct wire_resources own = node->record.capacity;
    store_each_claim_of_node(peer->store, node->id, keep_claim, &disk);
    if (node->on)
        node_stop(node);
    node_start(node, capacity != NULL ? capacity : &own);
    store_each_object(peer->store, "", copy_version, node);
    store_each_version(peer->store, workload_key, copy_version, node);
    store_each_claim(peer->store, copy_claim, node);
    for (size_t i = 0; i < world->nodes_count; i++)
        if (world->nodes[i].on)
            store_set_node_void(world->nodes[i].store, node->id, 0);
    struct port port = {.world = world, .node = node};
    struct control_output output = output_of(&port);
    struct control_view view = view_of(world, node);
    control_object_changed(node->control, world->workload_uid, workload_key, view.now.boot_ms);
    remember_pasts(node, &view, &output);
    for (size_t i = 0; i < disk.count; i++) {
        struct wire_arena arena;
        struct wire_claim claim;
        wire_arena_init(&arena, 1 << 20);
        struct bytes encoded = {disk.claims[i].data, disk.claims[i].size_bytes};
        ck_assert_int_eq(wire_claim_decode(encoded, &arena, &claim), WIRE_OK);
        if (adopt)
            control_adopt(node->control, &view, &claim, &claim, &output);
        else
            control_resume(node->control, &view, &claim, WAIT_MS, &output);
        wire_arena_fini(&arena);
        buf_fini(&disk.claims[i]);
    }
    mem_free(disk.claims);
    for (size_t i = 0; i < WORLD_PODS_MAX && !adopt; i++)
        pod_clear(&node->pods[i]);
    for (size_t i = 0; i < world->nodes_count; i++)
        if (world->nodes[i].on)
            control_members_changed(world->nodes[i].control, view.now.boot_ms);
}

/* ---- users */

static void write_body(const char *name, const struct world_spec *spec, struct buf *text)
{
    buf_printf(
        text,
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},"
        "\"spec\":{\"replicas\":%u,\"paused\":%s,\"selector\":{\"matchLabels\":{\"app\":\"w\"}},",
        name, spec->replicas, spec->paused ? "true" : "false");
    if (spec->strategy != NULL)
        buf_printf(text, "\"strategy\":%s,", spec->strategy);
    buf_printf(text,
               "\"template\":{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{"
               "\"name\":\"c\",\"image\":\"i:%d\",\"resources\":{\"requests\":{\"cpu\":\"%s\"",
               spec->image, spec->cpu != NULL ? spec->cpu : "100m");
    if (spec->devices != NULL)
        buf_printf(text, ",\"%s\":1},\"limits\":{\"%s\":1", spec->devices, spec->devices);
    buf_append_text(text, "}}}]}}}}");
}

/* `new_uid` if there is none of the name; returns the one that it has. */
static void apply(struct world *world, size_t at, const char *key, uint32_t new_uid,
                  const struct world_spec *spec, uint8_t ret_uid[static 16])
{
    struct buf text = BUF_INIT;
    struct spec_objects objects;
    struct spec_issues issues;
    struct world_node *node = &world->nodes[at];
    write_body(strrchr(key, '/') + 1, spec, &text);
    ck_assert_int_eq(spec_load(buf_text(&text), text.size_bytes, NULL, NULL, &objects, &issues), 0);
    struct store_request request = {
        .verb = STORE_APPLY,
        .key = key,
        .body = {(const uint8_t *)objects.items[0].canonical, objects.items[0].size_bytes},
        .spec_changed = true,
        .new_uid = {7, (uint8_t)new_uid, (uint8_t)(new_uid >> 8)},
    };
    struct store_change change;
    struct error error = ERROR_INIT;
    struct port port = {.world = world, .node = node};
    ck_assert_msg(store_write(node->store, instant_of(world), &request, &change, &error) == 0, "%s",
                  error.message);
    memcpy(ret_uid, change.object->uid, 16);
    spread(&port, &change);
    control_object_changed(node->control, ret_uid, key, instant_of(world).boot_ms);
    control_submitted(node->control, ret_uid, instant_of(world).boot_ms);
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    buf_fini(&text);
}

void world_apply(struct world *world, size_t at, const struct world_spec *spec)
{
    apply(world, at, workload_key, 0, spec, world->workload_uid);
}

void world_crowd(struct world *world, size_t at, uint32_t count, uint32_t replicas)
{
    const struct world_spec spec = {
        .image = (int)world->now_ms, .cpu = "100", .replicas = replicas};
    for (uint32_t i = 1; i <= count; i++) {
        char key[64];
        uint8_t uid[16];
        snprintf(key, sizeof(key), "deployments.apps/default/crowd-%u", i);
        apply(world, at, key, i, &spec, uid);
    }
}

const struct control_workload *world_crowd_workload(const struct world *world, size_t at,
                                                    uint32_t number)
{
    const uint8_t uid[16] = {7, (uint8_t)number, (uint8_t)(number >> 8)};
    return workload_find(world->nodes[at].control, uid);
}

void world_delete(struct world *world, size_t at)
{
    struct world_node *node = &world->nodes[at];
    struct store_request request = {.verb = STORE_DELETE, .key = workload_key};
    struct store_change change;
    struct error error = ERROR_INIT;
    struct port port = {.world = world, .node = node};
    ck_assert_msg(store_write(node->store, instant_of(world), &request, &change, &error) == 0, "%s",
                  error.message);
    spread(&port, &change);
    control_name_changed(node->control, workload_key, instant_of(world).boot_ms);
}

/* ---- the pretended runtime */

static struct world_pod *pod_of(struct world_node *node, const uint8_t uid[static 16])
{
    for (size_t i = 0; i < WORLD_PODS_MAX; i++)
        if (node->pods[i].there && memcmp(node->pods[i].uid, uid, 16) == 0)
            return &node->pods[i];
    return NULL;
}

static void pod_started(struct world *world, struct world_node *node, const struct effect *effect)
{
    for (size_t i = 0; i < WORLD_PODS_MAX; i++) {
        struct world_pod *pod = &node->pods[i];
        if (pod->there)
            continue;
        char *body = mem_strndup((const char *)effect->body.data, effect->body.size_bytes);
        const char *image = strstr(body, "\"image\":\"i:");
        ck_assert_ptr_nonnull(image);
        *pod = (struct world_pod){.there = true, .due_ms = world->now_ms + WORLD_READY_MS};
        pod->image = (int)strtol(image + strlen("\"image\":\"i:"), NULL, 10);
        memcpy(pod->uid, effect->pod_uid, sizeof(pod->uid));
        world->pods_started++;
        mem_free(body);
        return;
    }
    ck_abort_msg("more than %d pods on a node", WORLD_PODS_MAX);
}

static void take_effects(struct world *world, struct world_node *node)
{
    for (size_t i = 0; i < node->effects.count; i++) {
        const struct effect *effect = &node->effects.items[i];
        if (effect->kind == EFFECT_POD_START) {
            pod_started(world, node, effect);
        } else if (effect->kind == EFFECT_POD_STOP) {
            struct world_pod *pod = pod_of(node, effect->pod_uid);
            if (pod == NULL)
                continue;
            pod->stopping = true;
            pod->ready = false;
            pod->due_ms = world->now_ms + 10;
        }
    }
    effects_clear(&node->effects);
}

static void say_status(struct world *world, struct world_node *node, const uint8_t uid[static 16],
                       enum wire_claim_state state, bool ready)
{
    struct port port = {.world = world, .node = node};
    struct control_output output = output_of(&port);
    struct control_view view = view_of(world, node);
    struct wire_claim status = {.state = state, .ready = ready};
    memcpy(status.pod_uid, uid, sizeof(status.pod_uid));
    control_pod_status(node->control, &view, &status, false, &output);
}

void world_pod_lost(struct world *world, size_t index, const uint8_t pod_uid[static 16])
{
    struct world_pod *pod = pod_of(&world->nodes[index], pod_uid);
    uint8_t uid[16];
    memcpy(uid, pod_uid, sizeof(uid));
    ck_assert_ptr_nonnull(pod);
    pod_clear(pod);
    say_status(world, &world->nodes[index], uid, WIRE_CLAIM_STATE_RELEASED, false);
    take_effects(world, &world->nodes[index]);
}

static void run_pods(struct world *world, struct world_node *node)
{
    for (size_t i = 0; i < WORLD_PODS_MAX; i++) {
        struct world_pod *pod = &node->pods[i];
        if (!pod->there || pod->ready || pod->due_ms > world->now_ms ||
            (!pod->stopping && world->broken[pod->image]))
            continue;
        uint8_t uid[16];
        memcpy(uid, pod->uid, sizeof(uid));
        pod->ready = !pod->stopping;
        enum wire_claim_state state =
            pod->ready ? WIRE_CLAIM_STATE_RUNNING : WIRE_CLAIM_STATE_RELEASED;
        if (pod->stopping)
            pod_clear(pod);
        say_status(world, node, uid, state, state == WIRE_CLAIM_STATE_RUNNING);
        take_effects(world, node);
    }
}

static void object_changed(struct world_node *node, const struct wire_object *object,
                           boot_ms_t now_boot_ms)
{
    struct buf key = BUF_INIT;
    buf_append(&key, object->key.data, object->key.size_bytes);
    control_object_changed(node->control, object->uid, buf_text(&key), now_boot_ms);
    buf_fini(&key);
}

/* ---- time */

static void deliver(struct world *world, struct world_node *node, struct bytes payload)
{
    struct wire_arena arena;
    struct port port = {.world = world, .node = node};
    wire_arena_init(&arena, 1 << 20);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        struct store_change change;
        size_t consumed_bytes = 0;
        boot_ms_t now_boot_ms = instant_of(world).boot_ms;
        ck_assert_int_eq(wire_message_decode(payload, &arena, &message, &consumed_bytes), WIRE_OK);
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
        if (world->is_lost != NULL &&
            world->is_lost(world, (size_t)(node - world->nodes), &message))
            continue;
        if (message.type == WIRE_MESSAGE_OFFER) {
            struct control_output output = output_of(&port);
            struct control_view view = view_of(world, node);
            control_offered(node->control, &view, &message.as.offer, &output);
            take_effects(world, node);
            continue;
        }
        (void)store_apply(node->store, instant_of(world), STORE_REMOTE, &message, &change);
        if (message.type == WIRE_MESSAGE_OBJECT && change.visible)
            object_changed(node, &message.as.object, now_boot_ms);
        else if (message.type == WIRE_MESSAGE_CLAIM)
            control_claims_changed(node->control, message.as.claim.slot.workload_uid, now_boot_ms);
        else if (message.type == WIRE_MESSAGE_DECLINE)
            control_claims_changed(node->control, message.as.decline.slot.workload_uid,
                                   now_boot_ms);
    }
    wire_arena_fini(&arena);
}

static void deliver_due(struct world *world)
{
    size_t kept_count = 0;
    size_t count = world->packets_count;
    for (size_t i = 0; i < count; i++) {
        struct world_packet packet = world->packets[i];
        if (packet.due_ms > world->now_ms || world->lost_news[packet.to]) {
            world->packets[kept_count++] = packet;
            continue;
        }
        world->packets[i].payload = (struct buf)BUF_INIT;
        if (world->nodes[packet.to].on)
            deliver(world, &world->nodes[packet.to],
                    (struct bytes){packet.payload.data, packet.payload.size_bytes});
        buf_fini(&packet.payload);
    }
    /* What was sent meanwhile stands behind. */
    for (size_t i = count; i < world->packets_count; i++)
        world->packets[kept_count++] = world->packets[i];
    world->packets_count = kept_count;
}

static void run_node(struct world *world, struct world_node *node)
{
    struct port port = {.world = world, .node = node};
    struct control_output output = output_of(&port);
    run_disk(world, (size_t)(node - world->nodes));
    run_pods(world, node);
    struct control_view view = view_of(world, node);
    store_tick(node->store, view.now);
    if (!control_has_work(node->control, view.now.boot_ms))
        return;
    control_run(node->control, &view, &output);
    take_effects(world, node);
    view = view_of(world, node);
    control_validate(node->control, &view);
}

void world_watch(struct world *world)
{
    struct world_count count = world_count(world, -1, SIZE_MAX);
    world->ready_min = count.ready;
    world->pods_max = count.pods;
}

void world_run(struct world *world, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        world->now_ms++;
        deliver_due(world);
        for (size_t j = 0; j < world->nodes_count; j++)
            if (world->nodes[j].on)
                run_node(world, &world->nodes[j]);
        struct world_count count = world_count(world, -1, SIZE_MAX);
        if (count.ready < world->ready_min)
            world->ready_min = count.ready;
        if (count.pods > world->pods_max)
            world->pods_max = count.pods;
    }
}

/* ---- looking */

struct world_count world_count(const struct world *world, int image, size_t index)
{
    struct world_count count = {.pods = 0};
    for (size_t i = 0; i < world->nodes_count; i++)
        for (size_t j = 0; j < WORLD_PODS_MAX && world->nodes[i].on; j++) {
            const struct world_pod *pod = &world->nodes[i].pods[j];
            if (!pod->there || pod->stopping || (index != SIZE_MAX && i != index) ||
                (image >= 0 && pod->image != image))
                continue;
            count.pods++;
            count.ready += pod->ready;
        }
    return count;
}

struct slot_search {
    uint64_t node; /* 0: not found */
    uint8_t pod_uid[16];
};

static bool note_holder(void *context, const struct store_claim_brief *claim)
{
    struct slot_search *search = context;
    search->node = claim->node;
    memcpy(search->pod_uid, claim->pod_uid, sizeof(search->pod_uid));
    return false;
}

const struct wire_claim *world_claim_of_slot(const struct world *world, size_t at, uint32_t ordinal,
                                             size_t *ret_index)
{
    const struct store *store = world->nodes[at].store;
    struct slot_search search = {.node = 0};
    struct wire_slot slot = {.ordinal = ordinal};
    memcpy(slot.workload_uid, world->workload_uid, sizeof(slot.workload_uid));
    store_each_claim_brief_of_slot(store, &slot, note_holder, &search);
    if (search.node == 0)
        return NULL;
    *ret_index = (size_t)search.node - 1;
    return store_claim(store, search.node, search.pod_uid);
}

struct wire_resources world_allocated(const struct world *world, size_t index)
{
    struct wire_resources allocated;
    struct wire_device_count devices[PLACE_DEVICES_MAX];
    place_ledger_allocated(control_ledger(world->nodes[index].control), &allocated, devices);
    allocated.devices = NULL;
    return allocated;
}
