/* Users: they write to any live peer and remember what was acknowledged. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "spec/load.h"
#include "stats.h"

/* Together at most half of what one machine fewer can carry, so that everything is always feasible.
 */
#define REPLICAS_MAX 24

void users_init(struct sim *sim)
{
    sim->workloads_count = sim->options.nodes < 8 ? 3 : 6;
    for (uint32_t i = 0; i < sim->workloads_count; i++)
        (void)snprintf(sim->workloads[i].key, sizeof(sim->workloads[i].key),
                       "deployments.apps/default/w%u", i);
}

static char *body_of(uint32_t workload, uint32_t replicas, uint32_t template_number,
                     const char *strategy, size_t *ret_size_bytes)
{
    char text[1024];
    struct spec_objects objects;
    struct spec_issues issues;
    int size = snprintf(
        text, sizeof(text),
        "{\"apiVersion\":\"apps/"
        "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"w%u\"},\"spec\":{"
        "\"replicas\":%u,%s%s%s\"selector\":{\"matchLabels\":{\"app\":\"w%u\"}},\"template\":{"
        "\"metadata\":{"
        "\"labels\":{\"app\":\"w%u\"}},\"spec\":{%s\"containers\":[{\"name\":\"c\","
        "\"image\":\"i:%u\","
        "\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"128Mi\"}}}]}}}}",
        workload, replicas, strategy != NULL ? "\"strategy\":" : "",
        strategy != NULL ? strategy : "", strategy != NULL ? "," : "", workload, workload,
        sim_wants_fast(workload) ? "\"nodeSelector\":{\"disk\":\"fast\"}," : "", template_number);
    ASSERT(size > 0 && (size_t)size < sizeof(text));
    ASSERT(spec_load(text, (size_t)size, NULL, NULL, &objects, &issues) == 0 && objects.count == 1);
    char *canonical = mem_strndup(objects.items[0].canonical, objects.items[0].size_bytes);
    *ret_size_bytes = objects.items[0].size_bytes;
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    return canonical;
}

static struct sim_machine *pick_live(struct sim *sim)
{
    for (int tries = 0; tries < 100; tries++) {
        struct sim_machine *machine =
            &sim->machines[prng_below(&sim->write_prng, sim->options.nodes)];
        if (machine->brain != NULL && !machine->stalled)
            return machine;
    }
    return NULL;
}

static void send(struct sim *sim, struct sim_machine *machine, const struct brain_request *request,
                 const struct sim_pending *pending)
{
    struct event event = {.kind = EVENT_REQUEST, .request = *request};
    event.request.id = ++sim->requests;
    MEM_GROW(sim->pending, sim->pending_count, sim->pending_capacity);
    sim->pending[sim->pending_count] = *pending;
    sim->pending[sim->pending_count].request = sim->requests;
    sim->pending[sim->pending_count].machine = machine->index;
    sim->pending[sim->pending_count++].life = machine->life;
    machine_step(sim, machine, &event);
}

void users_write(struct sim *sim)
{
    struct sim_machine *machine = pick_live(sim);
    uint32_t number = (uint32_t)prng_below(&sim->write_prng, sim->workloads_count);
    struct sim_workload *workload = &sim->workloads[number];
    uint64_t choice = prng_below(&sim->write_prng, 10);
    if (machine == NULL || sim->writes_left == 0)
        return;
    sim->writes_left--;
    struct brain_request request = {
        .verb = BRAIN_APPLY, .key = workload->key, .ack = promises_level(sim)};
    struct sim_pending pending = {.workload = number};
    if (workload->exists && choice == 0) {
        request.verb = BRAIN_DELETE;
        pending.deletes = true;
        struct brain_object object;
        bool there = brain_object(machine->brain, workload->key, &object);
        uint8_t uid[16] = {0};
        if (there)
            memcpy(uid, object.uid, sizeof(uid));
        sim_trace(sim, "user deletes %s at m%u", workload->key, machine->index);
        if (there)
            promises_deleting(sim, number, uid);
        send(sim, machine, &request, &pending);
        if (there)
            promises_deletion_sent(sim, number, brain_hlc(machine->brain));
        return;
    }
    if (!workload->exists || choice < 5)
        workload->replicas =
            (uint32_t)prng_between(&sim->write_prng, 1, sim->options.nodes < 8 ? 8 : REPLICAS_MAX);
    else
        workload->template_number++;
    pending.replicas = workload->replicas;
    size_t size_bytes = 0;
    char *body = body_of(number, workload->replicas, workload->template_number, NULL, &size_bytes);
    request.body = (struct bytes){.data = (const uint8_t *)body, .size_bytes = size_bytes};
    sim_trace(sim, "user applies %s at m%u: %u replicas of i:%u", workload->key, machine->index,
              workload->replicas, workload->template_number);
    send(sim, machine, &request, &pending);
    mem_free(body);
}

void users_apply(struct sim *sim, uint32_t replicas)
{
    struct sim_machine *machine = pick_live(sim);
    struct sim_workload *workload = &sim->workloads[0];
    size_t size_bytes = 0;
    if (machine == NULL)
        return;
    workload->replicas = replicas;
    char *body = body_of(0, replicas, 0, NULL, &size_bytes);
    const struct brain_request request = {
        .verb = BRAIN_APPLY, .key = workload->key, .body = {(const uint8_t *)body, size_bytes}};
    send(sim, machine, &request, &(struct sim_pending){.replicas = replicas});
    mem_free(body);
}

char *users_body(struct sim *sim, uint32_t number, uint32_t replicas, const char *strategy)
{
    size_t size_bytes = 0;
    return body_of(number, replicas, ++sim->workloads[number].template_number, strategy,
                   &size_bytes);
}

void users_put(struct sim *sim, uint32_t number, const char *body, uint32_t replicas)
{
    struct sim_machine *machine = pick_live(sim);
    struct sim_workload *workload = &sim->workloads[number];
    const struct brain_request request = {
        .verb = BRAIN_APPLY, .key = workload->key, .body = {(const uint8_t *)body, strlen(body)}};
    if (machine == NULL)
        return;
    workload->replicas = replicas;
    sim_trace(sim, "user applies %s at m%u: %u replicas of i:%u", workload->key, machine->index,
              replicas, workload->template_number);
    send(sim, machine, &request, &(struct sim_pending){.workload = number, .replicas = replicas});
}

void users_update(struct sim *sim, size_t size_bytes)
{
    struct sim_machine *machine = pick_live(sim);
    char key[64];
    sim->updates_left--;
    if (machine == NULL)
        return;
    (void)stats_update(sim, key);
    sim->updated_ms = sim->now_ms;
    struct buf body = BUF_INIT;
    buf_printf(&body, "{\"data\":{\"text\":\"");
    while (body.size_bytes + 3 < size_bytes)
        buf_append_byte(&body, 'x');
    buf_printf(&body, "\"}}");
    struct event event = {.kind = EVENT_REQUEST,
                          .request = {.id = ++sim->requests,
                                      .verb = BRAIN_APPLY,
                                      .key = key,
                                      .body = {body.data, body.size_bytes}}};
    machine_step(sim, machine, &event);
    buf_fini(&body);
}

static int compare_versions(const struct wire_version *a, const struct wire_version *b)
{
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

void users_reply(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    size_t at = 0;
    while (at < sim->pending_count && sim->pending[at].request != effect->request)
        at++;
    if (at == sim->pending_count)
        return;
    struct sim_pending pending = sim->pending[at];
    sim->pending[at] = sim->pending[--sim->pending_count];
    ASSERT(pending.machine == machine->index && pending.life == machine->life);
    struct sim_workload *workload = &sim->workloads[pending.workload];
    struct wire_arena arena;
    struct wire_object object;
    if (effect->code != ERROR_NONE || effect->payload.size_bytes == 0)
        return;
    sim->result->writes_acknowledged++;
    wire_arena_init(&arena, (size_t)1 << 20);
    ASSERT(wire_object_decode(effect->payload, &arena, &object) == WIRE_OK);
    if (pending.deletes) {
        if (memcmp(workload->uid, object.uid, sizeof(object.uid)) == 0)
            workload->exists = false;
        memcpy(workload->deleted_uid, object.uid, sizeof(object.uid));
    } else {
        promises_acknowledged(sim, pending.workload, &object);
    }
    if (!pending.deletes && compare_versions(&object.version, &workload->acked) > 0) {
        workload->exists = true;
        workload->acked = object.version;
        memcpy(workload->uid, object.uid, sizeof(object.uid));
    }
    wire_arena_fini(&arena);
}
