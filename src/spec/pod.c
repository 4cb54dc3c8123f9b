#include "spec/pod.h"

#include "decode.h"
#include "decode_container.h"

#define ID_MAX 2147483647

static void decode_volumes(struct spec_decoder *decoder, const json_t *spec, struct spec_pod *pod)
{
    static const char *const types[] = {
        "",           "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket",
        "CharDevice", "BlockDevice",       NULL};
    static const char *const media[] = {"", "Memory", NULL};
    const json_t *list = spec_decode_list(decoder, spec, "volumes");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    struct spec_volume *volumes = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_volume, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        const json_t *host = spec_decode_object(decoder, item, "hostPath");
        const json_t *empty = spec_decode_object(decoder, item, "emptyDir");
        if (host == NULL && empty == NULL)
            spec_decode_fail(decoder, "volumes");
        volumes[i] = (struct spec_volume){
            .name = spec_decode_text(decoder, item, "name"),
            .kind = host != NULL ? SPEC_VOLUME_HOST_PATH : SPEC_VOLUME_EMPTY_DIR,
            .memory = spec_decode_choice(decoder, empty, "medium", media, 0) == 1,
            .size_limit_bytes = spec_decode_whole(decoder, empty, "sizeLimit"),
            .host_path = spec_decode_text(decoder, host, "path"),
            .host_path_type =
                (enum spec_host_path_type)spec_decode_choice(decoder, host, "type", types, 0)};
    }
    pod->volumes = volumes;
    pod->volumes_count = count;
}

static const struct spec_container *decode_containers(struct spec_decoder *decoder,
                                                      const json_t *spec, const char *key,
                                                      const struct spec_container_context *context,
                                                      size_t *ret_count)
{
    const json_t *list = spec_decode_list(decoder, spec, key);
    *ret_count = json_array_size(list);
    if (*ret_count == 0)
        return NULL;
    struct spec_container *containers =
        SPEC_ARENA_ARRAY(&decoder->arena, struct spec_container, *ret_count);
    for (size_t i = 0; i < *ret_count; i++)
        spec_decode_container(decoder, context, spec_decode_item(decoder, list, i), &containers[i]);
    return containers;
}

static void decode_groups(struct spec_decoder *decoder, const json_t *security,
                          struct spec_pod *pod)
{
    const json_t *list = spec_decode_list(decoder, security, "supplementalGroups");
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    int64_t *groups = SPEC_ARENA_ARRAY(&decoder->arena, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        groups[i] = json_integer_value(item);
        if (!json_is_integer(item) || groups[i] < 0 || groups[i] > ID_MAX)
            spec_decode_fail(decoder, "supplementalGroups");
    }
    pod->supplemental_groups = groups;
    pod->supplemental_groups_count = count;
}

static void decode_spec(struct spec_decoder *decoder, const json_t *spec, struct spec_pod *pod)
{
    const json_t *security = spec_decode_object(decoder, spec, "securityContext");
    decode_volumes(decoder, spec, pod);
    decode_groups(decoder, security, pod);
    pod->host_network = spec_decode_boolean(decoder, spec, "hostNetwork", false);
    struct spec_container_context context = {.pod_security = security,
                                             .volumes = pod->volumes,
                                             .volumes_count = pod->volumes_count,
                                             .host_network = pod->host_network};
    pod->init_containers =
        decode_containers(decoder, spec, "initContainers", &context, &pod->init_containers_count);
    pod->containers =
        decode_containers(decoder, spec, "containers", &context, &pod->containers_count);
    if (pod->containers_count == 0)
        spec_decode_fail(decoder, "containers");
    pod->restart_policy = (enum spec_restart_policy)spec_decode_choice(
        decoder, spec, "restartPolicy", spec_restart_names, SPEC_RESTART_ALWAYS);
    pod->grace_seconds = (uint32_t)spec_decode_integer(
        decoder, spec, "terminationGracePeriodSeconds", 30, 0, INT32_MAX);
    pod->hostname = spec_decode_text(decoder, spec, "hostname");
    pod->service_account = spec_decode_text(decoder, spec, "serviceAccountName");
    if (pod->service_account[0] == '\0')
        pod->service_account = "default";
}

int spec_pod_decode(struct bytes canonical, struct spec_pod *ret_pod, struct error *error)
{
    struct spec_decoder decoder;
    json_t *root, *template;
    enum spec_kind kind;
    if (spec_decode_begin(canonical, &decoder, &root, &kind, &template, error) != 0)
        return -1;
    const json_t *meta = spec_decode_object(&decoder, template, "metadata");
    struct spec_pod pod = {
        .namespace_name =
            spec_decode_text(&decoder, spec_decode_object(&decoder, root, "metadata"), "namespace"),
        .labels = spec_decode_pairs(&decoder, meta, "labels"),
        .annotations = spec_decode_pairs(&decoder, meta, "annotations")};
    decode_spec(&decoder, json_object_get(template, "spec"), &pod);
    json_decref(root);
    if (spec_decode_end(&decoder, error) != 0)
        return -1;
    pod.memory = decoder.arena.chunks;
    *ret_pod = pod;
    return 0;
}

void spec_pod_fini(struct spec_pod *pod)
{
    spec_arena_free(pod->memory);
    *pod = (struct spec_pod){.memory = NULL};
}
