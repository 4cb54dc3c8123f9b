#include "decode_container.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX 2147483647

static struct spec_texts decode_texts(struct spec_decoder *decoder, const json_t *object,
                                      const char *key)
{
    struct spec_texts texts;
    texts.items = spec_decode_texts(decoder, object, key, &texts.count);
    return texts;
}

/* --- environment --- */

static const struct {
    const char *path;
    enum spec_env_source source;
} field_paths[] = {
    {"metadata.name", SPEC_ENV_POD_NAME},
    {"metadata.namespace", SPEC_ENV_POD_NAMESPACE},
    {"metadata.uid", SPEC_ENV_POD_UID},
    {"spec.nodeName", SPEC_ENV_NODE_NAME},
    {"spec.serviceAccountName", SPEC_ENV_SERVICE_ACCOUNT},
    {"status.hostIP", SPEC_ENV_HOST_IP},
    {"status.hostIPs", SPEC_ENV_HOST_IP},
    {"status.podIP", SPEC_ENV_POD_IP},
    {"status.podIPs", SPEC_ENV_POD_IP},
};

/* metadata.labels['key'] */
static bool decode_subscript(struct spec_decoder *decoder, const char *path, const char *prefix,
                             const char **ret_key)
{
    size_t prefix_count = strlen(prefix), count = strlen(path);
    if (strncmp(path, prefix, prefix_count) != 0 || count < prefix_count + 2 ||
        strcmp(path + count - 2, "']") != 0)
        return false;
    *ret_key = spec_arena_text(&decoder->arena, path + prefix_count, count - prefix_count - 2);
    return true;
}

static void decode_field_ref(struct spec_decoder *decoder, const char *path, struct spec_env *env)
{
    for (size_t i = 0; i < sizeof(field_paths) / sizeof(field_paths[0]); i++) {
        if (strcmp(field_paths[i].path, path) == 0) {
            env->source = field_paths[i].source;
            return;
        }
    }
    if (decode_subscript(decoder, path, "metadata.labels['", &env->value))
        env->source = SPEC_ENV_POD_LABEL;
    else if (decode_subscript(decoder, path, "metadata.annotations['", &env->value))
        env->source = SPEC_ENV_POD_ANNOTATION;
    else
        spec_decode_fail(decoder, "fieldPath");
}

static void decode_env(struct spec_decoder *decoder, const json_t *json,
                       struct spec_container *container)
{
    const json_t *list = spec_decode_list(decoder, json, "env");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_env *env = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_env, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        env[i].name = spec_decode_text(decoder, item, "name");
        env[i].value = spec_decode_text(decoder, item, "value");
        const json_t *from = spec_decode_object(decoder, item, "valueFrom");
        if (from != NULL)
            decode_field_ref(decoder,
                             spec_decode_text(decoder,
                                              spec_decode_object(decoder, from, "fieldRef"),
                                              "fieldPath"),
                             &env[i]);
    }
    container->env = env;
    container->env_count = count;
}

/* --- ports, mounts, resources --- */

static void decode_ports(struct spec_decoder *decoder, const struct spec_container_context *context,
                         const json_t *json, struct spec_container *container)
{
    const json_t *list = spec_decode_list(decoder, json, "ports");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_port *ports = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_port, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        ports[i] = (struct spec_port){
            .name = spec_decode_text(decoder, item, "name"),
            .container_port =
                (uint16_t)spec_decode_integer(decoder, item, "containerPort", 0, 1, 65535),
            .host_port = (uint16_t)spec_decode_host_port(decoder, item, context->host_network),
            .host_ip = spec_decode_text(decoder, item, "hostIP"),
            .protocol = (enum spec_protocol)spec_decode_choice(
                decoder, item, "protocol", spec_protocol_names, SPEC_PROTOCOL_TCP)};
    }
    container->ports = ports;
    container->ports_count = count;
}

/* Paths are unique, and a path sorts before whatever lies below it. */
static int compare_mounts(const void *a, const void *b)
{
    return strcmp(((const struct spec_mount *)a)->path, ((const struct spec_mount *)b)->path);
}

static void decode_mounts(struct spec_decoder *decoder,
                          const struct spec_container_context *context, const json_t *json,
                          struct spec_container *container)
{
    const json_t *list = spec_decode_list(decoder, json, "volumeMounts");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_mount *mounts = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_mount, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        const char *name = spec_decode_text(decoder, item, "name");
        size_t volume = 0;
        while (volume < context->volumes_count && strcmp(context->volumes[volume].name, name) != 0)
            volume++;
        if (volume == context->volumes_count)
            spec_decode_fail(decoder, "volumeMounts");
        mounts[i] =
            (struct spec_mount){.volume = volume,
                                .path = spec_decode_text(decoder, item, "mountPath"),
                                .read_only = spec_decode_boolean(decoder, item, "readOnly", false)};
    }
    qsort(mounts, count, sizeof(mounts[0]), compare_mounts);
    container->mounts = mounts;
    container->mounts_count = count;
}

static void decode_resources(struct spec_decoder *decoder, json_t *json,
                             struct spec_container_resources *resources)
{
    json_t *both = spec_decode_object(decoder, json, "resources");
    json_t *requests = spec_decode_object(decoder, both, "requests");
    json_t *limits = spec_decode_object(decoder, both, "limits");
    resources->cpu_limit_milli = spec_decode_cpu(decoder, limits, "cpu");
    resources->memory_limit_bytes = spec_decode_whole(decoder, limits, "memory");
    resources->ephemeral_limit_bytes = spec_decode_whole(decoder, limits, "ephemeral-storage");
    resources->cpu_request_milli = json_object_get(requests, "cpu") != NULL
                                       ? spec_decode_cpu(decoder, requests, "cpu")
                                       : resources->cpu_limit_milli;
    resources->memory_request_bytes = json_object_get(requests, "memory") != NULL
                                          ? spec_decode_whole(decoder, requests, "memory")
                                          : resources->memory_limit_bytes;
    resources->ephemeral_request_bytes =
        json_object_get(requests, "ephemeral-storage") != NULL
            ? spec_decode_whole(decoder, requests, "ephemeral-storage")
            : resources->ephemeral_limit_bytes;
    resources->extended = spec_decode_extended(decoder, limits, &resources->extended_count);
}

/* --- security --- */

/* The container's own setting, else the pod's. */
static const json_t *nearer(const json_t *own, const json_t *pod, const char *key)
{
    return json_object_get(own, key) != NULL ? own : pod;
}

static int64_t decode_id(struct spec_decoder *decoder, const json_t *own, const json_t *pod,
                         const char *key)
{
    return spec_decode_integer(decoder, nearer(own, pod, key), key, SPEC_ID_NONE, 0, ID_MAX);
}

static void decode_security(struct spec_decoder *decoder, const json_t *pod, const json_t *json,
                            struct spec_security *security)
{
    const json_t *own = spec_decode_object(decoder, json, "securityContext");
    const json_t *capabilities = spec_decode_object(decoder, own, "capabilities");
    const json_t *seccomp =
        spec_decode_object(decoder, nearer(own, pod, "seccompProfile"), "seccompProfile");
    bool privileged = spec_decode_boolean(decoder, own, "privileged", false);
    *security = (struct spec_security){
        .run_as_user = decode_id(decoder, own, pod, "runAsUser"),
        .run_as_group = decode_id(decoder, own, pod, "runAsGroup"),
        .run_as_non_root =
            spec_decode_boolean(decoder, nearer(own, pod, "runAsNonRoot"), "runAsNonRoot", false),
        .read_only_root = spec_decode_boolean(decoder, own, "readOnlyRootFilesystem", false),
        /* Off unless asked for, other than in Kubernetes (docs/adr/0008). */
        .no_new_privileges =
            !spec_decode_boolean(decoder, own, "allowPrivilegeEscalation", privileged),
        .privileged = privileged,
        .seccomp_unconfined = strcmp(spec_decode_text(decoder, seccomp, "type"), "Unconfined") == 0,
        .capabilities_add = decode_texts(decoder, capabilities, "add"),
        .capabilities_drop = decode_texts(decoder, capabilities, "drop")};
}

/* --- probes --- */

static uint16_t decode_probe_port(struct spec_decoder *decoder, const json_t *action,
                                  const struct spec_container *container)
{
    const json_t *port = json_object_get(action, "port");
    if (!json_is_string(port))
        return (uint16_t)spec_decode_integer(decoder, action, "port", 0, 1, 65535);
    for (size_t i = 0; i < container->ports_count; i++)
        if (strcmp(container->ports[i].name, json_string_value(port)) == 0)
            return container->ports[i].container_port;
    spec_decode_fail(decoder, "port");
    return 0;
}

static void decode_headers(struct spec_decoder *decoder, const json_t *http,
                           struct spec_probe *probe)
{
    const json_t *list = spec_decode_list(decoder, http, "httpHeaders");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_pair *headers = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_pair, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        headers[i].key = spec_decode_text(decoder, item, "name");
        headers[i].value = spec_decode_text(decoder, item, "value");
    }
    probe->headers = headers;
    probe->headers_count = count;
}

static void decode_action(struct spec_decoder *decoder, const json_t *json,
                          const struct spec_container *container, struct spec_probe *probe)
{
    const json_t *exec = spec_decode_object(decoder, json, "exec");
    const json_t *http = spec_decode_object(decoder, json, "httpGet");
    const json_t *tcp = spec_decode_object(decoder, json, "tcpSocket");
    if (exec != NULL) {
        probe->kind = SPEC_PROBE_EXEC;
        probe->command = decode_texts(decoder, exec, "command");
        if (probe->command.count == 0)
            spec_decode_fail(decoder, "command");
        return;
    }
    const json_t *action = http != NULL ? http : tcp;
    if (action == NULL) {
        spec_decode_fail(decoder, "a probe");
        return;
    }
    probe->kind = http != NULL ? SPEC_PROBE_HTTP : SPEC_PROBE_TCP;
    probe->port = decode_probe_port(decoder, action, container);
    probe->host = spec_decode_text(decoder, action, "host");
    if (http != NULL) {
        probe->path = spec_decode_text(decoder, http, "path");
        probe->https = strcmp(spec_decode_text(decoder, http, "scheme"), "HTTPS") == 0;
        decode_headers(decoder, http, probe);
    }
}

static void decode_probe(struct spec_decoder *decoder, const json_t *container_json,
                         const char *key, const struct spec_container *container,
                         struct spec_probe *probe)
{
    const json_t *json = spec_decode_object(decoder, container_json, key);
    *probe = (struct spec_probe){.host = "", .path = "", .grace_seconds = -1};
    if (json == NULL)
        return;
    decode_action(decoder, json, container, probe);
    probe->initial_delay_seconds =
        (uint32_t)spec_decode_integer(decoder, json, "initialDelaySeconds", 0, 0, INT32_MAX);
    probe->period_seconds =
        (uint32_t)spec_decode_integer(decoder, json, "periodSeconds", 10, 1, INT32_MAX);
    probe->timeout_seconds =
        (uint32_t)spec_decode_integer(decoder, json, "timeoutSeconds", 1, 1, INT32_MAX);
    probe->success_threshold =
        (uint32_t)spec_decode_integer(decoder, json, "successThreshold", 1, 1, INT32_MAX);
    probe->failure_threshold =
        (uint32_t)spec_decode_integer(decoder, json, "failureThreshold", 3, 1, INT32_MAX);
    probe->grace_seconds =
        spec_decode_integer(decoder, json, "terminationGracePeriodSeconds", -1, 1, INT32_MAX);
}

void spec_decode_container(struct spec_decoder *decoder,
                           const struct spec_container_context *context, json_t *json,
                           struct spec_container *ret_container)
{
    static const char *const policies[] = {"IfNotPresent", "Always", "Never", NULL};
    struct spec_container container = {
        .name = spec_decode_text(decoder, json, "name"),
        .image = spec_decode_text(decoder, json, "image"),
        .pull_policy = (enum spec_pull_policy)spec_decode_choice(decoder, json, "imagePullPolicy",
                                                                 policies, 0),
        .command = decode_texts(decoder, json, "command"),
        .args = decode_texts(decoder, json, "args"),
        .working_directory = spec_decode_text(decoder, json, "workingDir")};
    decode_env(decoder, json, &container);
    decode_ports(decoder, context, json, &container);
    decode_mounts(decoder, context, json, &container);
    decode_resources(decoder, json, &container.resources);
    decode_security(decoder, context->pod_security, json, &container.security);
    decode_probe(decoder, json, "startupProbe", &container, &container.startup);
    decode_probe(decoder, json, "readinessProbe", &container, &container.readiness);
    decode_probe(decoder, json, "livenessProbe", &container, &container.liveness);
    if (container.name[0] == '\0' || container.image[0] == '\0')
        spec_decode_fail(decoder, "a container");
    *ret_container = container;
}
