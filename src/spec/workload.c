#include "spec/workload.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "decode.h"
#include "json.h"

#define TEMPLATE_HASH_SEED 0

/* Percentages of large counts must not wrap. */
static uint64_t share_of(struct spec_share share, uint32_t replicas, bool up)
{
    if (!share.percent)
        return share.amount;
    uint64_t hundredths = (uint64_t)share.amount * replicas;
    return (hundredths + (up ? 99 : 0)) / 100;
}

void spec_strategy_resolve(const struct spec_strategy *strategy, uint32_t replicas,
                           uint32_t *ret_surge, uint32_t *ret_unavailable)
{
    if (strategy->recreate) {
        *ret_surge = 0;
        *ret_unavailable = replicas;
        return;
    }
    uint64_t surge = share_of(strategy->surge, replicas, true);
    uint64_t unavailable = share_of(strategy->unavailable, replicas, false);
    if (surge == 0 && unavailable == 0)
        unavailable = 1;
    *ret_surge = (uint32_t)(surge > SPEC_REPLICAS_MAX ? SPEC_REPLICAS_MAX : surge);
    *ret_unavailable = (uint32_t)(unavailable > replicas ? replicas : unavailable);
}

static struct spec_share decode_share(struct spec_decoder *decoder, const json_t *object,
                                      const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (struct spec_share){
            .amount = (uint32_t)spec_decode_integer(decoder, object, key, 0, 0, INT32_MAX)};
    const char *text = json_string_value(value);
    size_t digits = strspn(text, "0123456789");
    struct spec_share share = {.percent = true};
    if (digits == 0 || digits > 4 || strcmp(text + digits, "%") != 0)
        spec_decode_fail(decoder, key);
    for (size_t i = 0; i < digits && i < 4; i++)
        share.amount = share.amount * 10 + (uint32_t)(text[i] - '0');
    return share;
}

/* --- effective requests --- */

/* One container's: a request, else its limit. */
static uint64_t effective(uint64_t request, uint64_t limit, const json_t *requests,
                          const char *name)
{
    return json_object_get(requests, name) != NULL ? request : limit;
}

static void container_requests(struct spec_decoder *decoder, json_t *container,
                               struct spec_requests *requests)
{
    json_t *resources = spec_decode_object(decoder, container, "resources");
    json_t *wanted = spec_decode_object(decoder, resources, "requests");
    json_t *limits = spec_decode_object(decoder, resources, "limits");
    requests->cpu_milli = effective(spec_decode_cpu(decoder, wanted, "cpu"),
                                    spec_decode_cpu(decoder, limits, "cpu"), wanted, "cpu");
    requests->memory_bytes =
        effective(spec_decode_whole(decoder, wanted, "memory"),
                  spec_decode_whole(decoder, limits, "memory"), wanted, "memory");
    requests->ephemeral_bytes = effective(spec_decode_whole(decoder, wanted, "ephemeral-storage"),
                                          spec_decode_whole(decoder, limits, "ephemeral-storage"),
                                          wanted, "ephemeral-storage");
    /* Devices: requests and limits are the same (checked when the document came in). */
    requests->extended = spec_decode_extended(decoder, limits, &requests->extended_count);
}

static uint64_t add_bounded(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static uint64_t combine(uint64_t total, uint64_t more, bool sum)
{
    return sum ? add_bounded(total, more) : total > more ? total : more;
}

/* Merges two sorted lists of devices into a new one. */
static void combine_extended(struct spec_decoder *decoder, struct spec_requests *total,
                             const struct spec_requests *more, bool sum)
{
    if (more->extended_count == 0)
        return;
    struct spec_resource *merged = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_resource,
                                                    total->extended_count + more->extended_count);
    size_t count = 0, i = 0, j = 0;
    while (i < total->extended_count || j < more->extended_count) {
        int order = i == total->extended_count ? 1
                    : j == more->extended_count
                        ? -1
                        : strcmp(total->extended[i].name, more->extended[j].name);
        if (order < 0) {
            merged[count++] = total->extended[i++];
        } else if (order > 0) {
            merged[count++] = more->extended[j++];
        } else {
            merged[count] = total->extended[i];
            merged[count++].count =
                combine(total->extended[i++].count, more->extended[j++].count, sum);
        }
    }
    total->extended = merged;
    total->extended_count = count;
}

/* Kubernetes, "resource sharing within containers": init containers run alone, so only the largest
 * counts. */
static struct spec_requests pod_requests(struct spec_decoder *decoder, const json_t *pod_spec)
{
    struct spec_requests total = {.extended = NULL};
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t l = 0; l < 2; l++) {
        const json_t *list = spec_decode_list(decoder, pod_spec, lists[l]);
        bool sum = l == 0;
        for (size_t i = 0; i < json_array_size(list); i++) {
            struct spec_requests one = {.extended = NULL};
            container_requests(decoder, spec_decode_item(decoder, list, i), &one);
            total.cpu_milli = combine(total.cpu_milli, one.cpu_milli, sum);
            total.memory_bytes = combine(total.memory_bytes, one.memory_bytes, sum);
            total.ephemeral_bytes = combine(total.ephemeral_bytes, one.ephemeral_bytes, sum);
            combine_extended(decoder, &total, &one, sum);
        }
    }
    return total;
}

/* --- placement --- */

static size_t ports_total(const json_t *containers)
{
    size_t total = 0;
    for (size_t i = 0; i < json_array_size(containers); i++)
        total += json_array_size(json_object_get(json_array_get(containers, i), "ports"));
    return total;
}

static void decode_host_ports(struct spec_decoder *decoder, const json_t *pod_spec,
                              struct spec_workload *workload)
{
    const json_t *containers = spec_decode_list(decoder, pod_spec, "containers");
    size_t total = ports_total(containers);
    if (total == 0)
        return;
    struct spec_host_port *ports = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_host_port, total);
    for (size_t i = 0; i < json_array_size(containers); i++) {
        const json_t *list = spec_decode_list(decoder, json_array_get(containers, i), "ports");
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *port = spec_decode_item(decoder, list, j);
            int64_t number = spec_decode_host_port(decoder, port, workload->host_network);
            if (number == 0)
                continue;
            ports[workload->host_ports_count++] = (struct spec_host_port){
                .port = (uint16_t)number,
                .protocol = (enum spec_protocol)spec_decode_choice(
                    decoder, port, "protocol", spec_protocol_names, SPEC_PROTOCOL_TCP),
                .host_ip = spec_decode_text(decoder, port, "hostIP")};
        }
    }
    workload->host_ports = ports;
}

static void decode_tolerations(struct spec_decoder *decoder, const json_t *pod_spec,
                               struct spec_workload *workload)
{
    static const char *const effects[] = {"", "NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
    static const char *const operators[] = {"Equal", "Exists", NULL};
    const json_t *list = spec_decode_list(decoder, pod_spec, "tolerations");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_toleration *tolerations =
        SPEC_ARENA_ARRAY(&decoder->arena, struct spec_toleration, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        tolerations[i] = (struct spec_toleration){
            .key = spec_decode_text(decoder, item, "key"),
            .value = spec_decode_text(decoder, item, "value"),
            .exists = spec_decode_choice(decoder, item, "operator", operators, 0) == 1,
            .effect = (enum spec_taint_effect)spec_decode_choice(decoder, item, "effect", effects,
                                                                 SPEC_TAINT_ANY),
            .seconds = spec_decode_integer(decoder, item, "tolerationSeconds",
                                           SPEC_TOLERATE_FOREVER, INT64_MIN, INT64_MAX)};
    }
    workload->tolerations = tolerations;
    workload->tolerations_count = count;
}

static void decode_pod(struct spec_decoder *decoder, const json_t *template,
                       struct spec_workload *workload)
{
    const json_t *spec = json_object_get(template, "spec");
    workload->template_labels =
        spec_decode_pairs(decoder, spec_decode_object(decoder, template, "metadata"), "labels");
    workload->host_network = spec_decode_boolean(decoder, spec, "hostNetwork", false);
    workload->requests = pod_requests(decoder, spec);
    decode_host_ports(decoder, spec, workload);
    decode_tolerations(decoder, spec, workload);
    workload->node_selector = spec_decode_pairs(decoder, spec, "nodeSelector");
    workload->node_name = spec_decode_text(decoder, spec, "nodeName");
    workload->grace_seconds = (uint32_t)spec_decode_integer(
        decoder, spec, "terminationGracePeriodSeconds", 30, 0, INT32_MAX);
    workload->restart_policy = (enum spec_restart_policy)spec_decode_choice(
        decoder, spec, "restartPolicy", spec_restart_names, SPEC_RESTART_ALWAYS);
}

static void decode_deployment(struct spec_decoder *decoder, const json_t *spec,
                              struct spec_workload *workload)
{
    static const char *const types[] = {"RollingUpdate", "Recreate", NULL};
    const json_t *strategy = spec_decode_object(decoder, spec, "strategy");
    const json_t *rolling = spec_decode_object(decoder, strategy, "rollingUpdate");
    workload->replicas =
        (uint32_t)spec_decode_integer(decoder, spec, "replicas", 1, 0, SPEC_REPLICAS_MAX);
    workload->paused = spec_decode_boolean(decoder, spec, "paused", false);
    workload->strategy = (struct spec_strategy){
        .recreate = spec_decode_choice(decoder, strategy, "type", types, 0) == 1,
        .surge = decode_share(decoder, rolling, "maxSurge"),
        .unavailable = decode_share(decoder, rolling, "maxUnavailable")};
    workload->min_ready_seconds =
        (uint32_t)spec_decode_integer(decoder, spec, "minReadySeconds", 0, 0, INT32_MAX);
    workload->progress_deadline_seconds =
        (uint32_t)spec_decode_integer(decoder, spec, "progressDeadlineSeconds", 600, 0, INT32_MAX);
    workload->revision_history_limit =
        (uint32_t)spec_decode_integer(decoder, spec, "revisionHistoryLimit", 10, 0, INT32_MAX);
    workload->selector = spec_decode_selector(decoder, spec, "selector");
}

/* A Pod's own labels and annotations may change without a restart; a template's are part of what it
 * makes. */
static uint64_t template_hash(enum spec_kind kind, const json_t *template)
{
    static const char *const meta_keys[] = {"labels", "annotations"};
    json_t *content = spec_json_made(json_object());
    for (size_t i = 0; i < 2 && kind != SPEC_KIND_POD; i++) {
        json_t *value = json_object_get(json_object_get(template, "metadata"), meta_keys[i]);
        if (value != NULL)
            spec_json_put(content, meta_keys[i], json_incref(value));
    }
    spec_json_put(content, "spec", json_incref(json_object_get(template, "spec")));
    size_t size_bytes;
    char *text = spec_json_dump(content, &size_bytes);
    uint64_t hash = hash64(text, size_bytes, TEMPLATE_HASH_SEED);
    mem_free(text);
    json_decref(content);
    return hash;
}

int spec_workload_decode(struct bytes canonical, struct spec_workload *ret_workload,
                         struct error *error)
{
    struct spec_decoder decoder;
    json_t *root, *template;
    enum spec_kind kind;
    if (spec_decode_begin(canonical, &decoder, &root, &kind, &template, error) != 0)
        return -1;
    const json_t *meta = spec_decode_object(&decoder, root, "metadata");
    struct spec_workload workload = {
        .kind = kind,
        .namespace_name = spec_decode_text(&decoder, meta, "namespace"),
        .name = spec_decode_text(&decoder, meta, "name"),
        .labels = spec_decode_pairs(&decoder, meta, "labels"),
        .replicas = 1,
        .template_hash = template_hash(kind, template),
    };
    decode_pod(&decoder, template, &workload);
    if (kind == SPEC_KIND_DEPLOYMENT)
        decode_deployment(&decoder, json_object_get(root, "spec"), &workload);
    json_decref(root);
    if (spec_decode_end(&decoder, error) != 0)
        return -1;
    workload.memory = decoder.arena.chunks;
    *ret_workload = workload;
    return 0;
}

void spec_workload_fini(struct spec_workload *workload)
{
    spec_arena_free(workload->memory);
    *workload = (struct spec_workload){.memory = NULL};
}
