/*
 * Pods without containers: takes the place of src/loop/pods.c in an agent that is otherwise the
 * shipped one, so that a few members can publish more claims than machines could run pods
 * (scripts/bench state). It "finds them running": as soon as it knows one of the Deployments
 * web-FIRST .. web-FIRST+COUNT-1 of namespace default, it adopts all its replicas, Ready, by the
 * way on which an agent adopts what outlived its predecessor. Environment: SHOAL_LOAD="FIRST
 * COUNT"; without it, it has no pods and is like any other agent.
 *
 * Many of these share one machine with those that are measured; so that they leave the processors
 * to them, each looks after its own Deployments only (__wrap_workload_evaluate, by the linker).
 * What the other members do is not touched by that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "control/control_internal.h"
#include "loop/agent_internal.h"
#include "spec/workload.h"

#define LOOK_MS    50
#define KEY_FORMAT "deployments.apps/default/web-%u"

static const struct wire_container_status container = {
    .name = {(const uint8_t *)"web", 3},
    .state = WIRE_CONTAINER_STATE_RUNNING,
    .ready = true,
    .started_wall_ms = UINT64_C(1748736000000),
    .image_id =
        {(const uint8_t *)"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
         71},
};

/* One process, one load. */
static struct {
    unsigned first, count;
    unsigned adopted_count;
    bool *adopted; /* of each Deployment */
} load;

/* ---- adopting */

static void parse_environment(void)
{
    const char *text = getenv("SHOAL_LOAD");
    if (text != NULL && sscanf(text, "%u %u", &load.first, &load.count) != 2)
        load.count = 0;
    load.adopted = MEM_NEW_ARRAY(bool, load.count + 1);
}

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* As control names and numbers them, but the same at each run. */
static void adopt_one(struct agent *agent, const struct wire_claim *of_all, const char *name,
                      uint32_t ordinal)
{
    struct event event = {.kind = EVENT_POD_ADOPTED};
    struct wire_claim claim = *of_all;
    struct buf tag = BUF_INIT;
    char pod_name[64];
    claim.slot.ordinal = ordinal;
    const uint64_t words[] = {agent->identity.id, ordinal,
                              hash64(claim.slot.workload_uid, sizeof(claim.slot.workload_uid), 0)};
    const uint64_t halves[] = {hash64(words, sizeof(words), 1), hash64(words, sizeof(words), 2)};
    memcpy(claim.pod_uid, halves, sizeof(claim.pod_uid));
    (void)snprintf(pod_name, sizeof(pod_name), "%s-%09llx-%05x", name,
                   (unsigned long long)claim.template_hash & 0xfffffffffULL,
                   (unsigned)(halves[0] & 0xfffff));
    claim.pod_name = bytes_of(pod_name);
    wire_claim_encode(&claim, &tag);
    memcpy(event.pod.pod_uid, claim.pod_uid, sizeof(claim.pod_uid));
    event.payload = (struct bytes){tag.data, tag.size_bytes};
    event.pod.state = WIRE_CLAIM_STATE_RUNNING;
    event.pod.ready = true;
    event.pod.ip[10] = event.pod.ip[11] = 0xff;
    event.pod.ip[12] = 10;
    memcpy(event.pod.ip + 13, halves, 3);
    event.pod.containers = &container;
    event.pod.containers_count = 1;
    agent_step(agent, &event);
    buf_fini(&tag);
}

/* False: it is not known here yet. */
static bool adopt_all_of(struct agent *agent, unsigned number)
{
    struct brain_object object;
    struct spec_workload spec;
    struct error error = ERROR_INIT;
    char key[64];
    (void)snprintf(key, sizeof(key), KEY_FORMAT, number);
    if (!brain_object(agent->brain, key, &object) ||
        spec_workload_decode(object.body, &spec, &error) < 0)
        return false;
    struct wire_claim claim = {
        .node = agent->identity.id,
        .node_generation = agent->generation,
        .seq = 1, /* the store gives each its own */
        .object_generation = object.version.hlc,
        .template_hash = spec.template_hash,
        .created_wall_ms = agent_now().wall_ms,
        .workload_key = bytes_of(key),
        .state = WIRE_CLAIM_STATE_RUNNING,
        .has_requests = true,
        .requests = {.cpu_milli = spec.requests.cpu_milli,
                     .memory_bytes = spec.requests.memory_bytes,
                     .pods = 1},
    };
    memcpy(claim.slot.workload_uid, object.uid, sizeof(claim.slot.workload_uid));
    for (uint32_t ordinal = 0; ordinal < spec.replicas; ordinal++)
        adopt_one(agent, &claim, spec.name, ordinal);
    spec_workload_fini(&spec);
    return true;
}

static void look(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    for (unsigned i = 0; i < load.count; i++)
        if (!load.adopted[i] && adopt_all_of(agent, load.first + i)) {
            load.adopted[i] = true;
            load.adopted_count++;
        }
    if (load.adopted_count < load.count)
        return;
    (void)uv_timer_stop(timer);
    agent_step(agent, &(struct event){.kind = EVENT_ADOPTION_DONE});
}

/* ---- looking after its own only */

void __real_workload_evaluate(const struct scene *scene, struct control_workload *workload);
void __wrap_workload_evaluate(const struct scene *scene, struct control_workload *workload);

void __wrap_workload_evaluate(const struct scene *scene, struct control_workload *workload)
{
    unsigned number = 0;
    if (load.count == 0 ||
        (sscanf(workload->key, KEY_FORMAT, &number) == 1 && number - load.first < load.count))
        __real_workload_evaluate(scene, workload);
}

/* Many on one machine, and no pod has an address. */
int __wrap_podnet_open(const struct podnet_config *config, struct podnet **ret_podnet,
                       struct error *error);

int __wrap_podnet_open(const struct podnet_config *config, struct podnet **ret_podnet,
                       struct error *error)
{
    (void)config;
    (void)error;
    *ret_podnet = NULL;
    return 0;
}

/* ---- what the loop asks of pods */

void pod_id_format(const uint8_t uid[static 16], char id[static RUNTIME_POD_ID_CHARS + 1])
{
    for (int i = 0; i < 16; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", uid[i]);
}

void pin_name(const uint8_t uid[static 16], size_t index, char name[static PIN_NAME_BYTES])
{
    char id[RUNTIME_POD_ID_CHARS + 1];
    pod_id_format(uid, id);
    (void)snprintf(name, PIN_NAME_BYTES, "%s-%zu", id, index);
}

void pods_start(struct agent *agent, const struct effect *effect)
{
    agent_log(agent, "load: asked to start %.*s, which nothing here should",
              (int)effect->key.size_bytes, (const char *)effect->key.data);
    struct brain_pod *pod = &agent_defer(agent, EVENT_POD_STATUS)->pod;
    memcpy(pod->pod_uid, effect->pod_uid, sizeof(pod->pod_uid));
    pod->state = WIRE_CLAIM_STATE_RUNNING;
    pod->ready = true;
}

void pods_stop(struct agent *agent, const struct effect *effect)
{
    struct brain_pod *pod = &agent_defer(agent, EVENT_POD_STATUS)->pod;
    agent_log(agent, "load: asked to stop a pod: %s", (const char *)effect->text.data);
    memcpy(pod->pod_uid, effect->pod_uid, sizeof(pod->pod_uid));
    pod->state = WIRE_CLAIM_STATE_RELEASED;
}

void pods_try_waiting(struct agent *agent)
{
    (void)agent;
}

/* Closed with the agent: the image timer of the real one, which has no images to wait for. */
int pods_open(struct agent *agent, struct error *error)
{
    (void)error;
    parse_environment();
    (void)uv_timer_start(&agent->image_timer, look, LOOK_MS, LOOK_MS);
    return 0;
}

void pods_close(struct agent *agent)
{
    (void)agent;
    mem_free(load.adopted);
}
