/* What Kubernetes says about containers beyond the shape of their fields. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "json.h"
#include "names.h"
#include "spec/nearest.h"
#include "spec/quantity.h"

/* --- environment --- */

void spec_check_env(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    if (json_object_get(object, "value") != NULL && json_object_get(object, "valueFrom") != NULL)
        spec_check_report(checker, SPEC_PATH_KEY(path, "valueFrom"), SPEC_REASON_INVALID,
                          "a variable has either value or valueFrom, not both");
}

void spec_check_env_source(struct spec_checker *checker, json_t *object,
                           const struct spec_path *path)
{
    if (json_object_size(object) == 0 && spec_check_clean(checker))
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "must say where from, for example fieldRef");
}

static const char *const field_paths[] = {
    "metadata.name", "metadata.namespace", "metadata.uid",
    "spec.nodeName", "status.podIP",       "status.hostIP",
    "status.podIPs", "status.hostIPs",     "spec.serviceAccountName"};

/* metadata.labels['key'] or metadata.annotations['key'] */
static bool is_subscripted(const char *text, const char *map, enum spec_format format)
{
    size_t map_count = strlen(map), count = strlen(text);
    if (strncmp(text, map, map_count) != 0 || strncmp(text + map_count, "['", 2) != 0 ||
        count < map_count + 5 || strcmp(text + count - 2, "']") != 0)
        return false;
    char *key = mem_strndup(text + map_count + 2, count - map_count - 4);
    bool fits = spec_format_fits(format, key);
    mem_free(key);
    return fits;
}

void spec_check_field_ref(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path)
{
    const char *version = spec_json_text(object, "apiVersion");
    if (version != NULL && strcmp(version, "v1") != 0)
        spec_check_report(checker, SPEC_PATH_KEY(path, "apiVersion"), SPEC_REASON_NOT_SUPPORTED,
                          "'%.*s' is not v1", SPEC_SHOWN_CHARS_MAX, version);
    const char *text = spec_json_text(object, "fieldPath");
    if (text == NULL || is_subscripted(text, "metadata.labels", SPEC_FORMAT_QUALIFIED) ||
        is_subscripted(text, "metadata.annotations", SPEC_FORMAT_ANNOTATION))
        return;
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, text);
    for (size_t i = 0; i < SPEC_COUNT(field_paths); i++) {
        if (strcmp(field_paths[i], text) == 0)
            return;
        spec_nearest_offer(&nearest, field_paths[i]);
    }
    const struct spec_path *at = SPEC_PATH_KEY(path, "fieldPath");
    if (nearest.best != NULL)
        spec_check_report(checker, at, SPEC_REASON_NOT_SUPPORTED,
                          "'%.*s' is not a fact that a pod can ask for; did you mean %s?",
                          SPEC_SHOWN_CHARS_MAX, text, nearest.best);
    else
        spec_check_report(checker, at, SPEC_REASON_NOT_SUPPORTED,
                          "'%.*s' is not a fact that a pod can ask for, as status.podIP is",
                          SPEC_SHOWN_CHARS_MAX, text);
}

/* --- resources --- */

static uint64_t amount_of(const char *name, const json_t *json)
{
    uint64_t amount = 0;
    if (spec_resource_kind(name) == SPEC_RESOURCE_CPU)
        (void)spec_quantity_parse_milli(json_string_value(json), &amount);
    else
        (void)spec_quantity_parse_whole(json_string_value(json), &amount);
    return amount;
}

static void check_device(struct spec_checker *checker, const struct spec_path *path,
                         const char *name, const json_t *limit, uint64_t requested)
{
    if (limit == NULL)
        spec_check_report(checker, path, SPEC_REASON_REQUIRED,
                          "devices are given under limits; a request alone is not enough");
    else if (amount_of(name, limit) != requested)
        spec_check_report(checker, path, SPEC_REASON_INVALID,
                          "must be the same as the limit of %s: devices are not shared",
                          json_string_value(limit));
}

void spec_check_resources(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path)
{
    json_t *limits = json_object_get(object, "limits");
    json_t *requests = json_object_get(object, "requests");
    const char *name;
    json_t *request;
    json_object_foreach(requests, name, request)
    {
        const struct spec_path *at = SPEC_PATH_MAP_KEY(SPEC_PATH_KEY(path, "requests"), name);
        const json_t *limit = json_object_get(limits, name);
        uint64_t requested = amount_of(name, request);
        if (spec_resource_kind(name) == SPEC_RESOURCE_COUNT)
            check_device(checker, at, name, limit, requested);
        else if (limit != NULL && requested > amount_of(name, limit))
            spec_check_report(checker, at, SPEC_REASON_INVALID, "%s is more than the limit of %s",
                              json_string_value(request), json_string_value(limit));
    }
    static const char *const maps[] = {"limits", "requests"};
    for (size_t i = 0; i < 2; i++)
        if (json_object_size(json_object_get(object, maps[i])) == 0)
            json_object_del(object, maps[i]);
}

/* --- probes --- */

static void check_handler(struct spec_checker *checker, const json_t *object,
                          const struct spec_path *path)
{
    static const char *const handlers[] = {"exec", "httpGet", "tcpSocket"};
    size_t count = 0;
    for (size_t i = 0; i < SPEC_COUNT(handlers); i++)
        count += json_object_get(object, handlers[i]) != NULL;
    if (count > 1)
        spec_check_report(checker, path, SPEC_REASON_FORBIDDEN,
                          "has more than one of exec, httpGet and tcpSocket");
    else if (count == 0 && spec_check_clean(checker))
        spec_check_report(checker, path, SPEC_REASON_REQUIRED,
                          "must have one of exec, httpGet or tcpSocket");
}

void spec_check_probe(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    check_handler(checker, object, path);
    if (json_object_get(object, "terminationGracePeriodSeconds") != NULL)
        spec_check_report(checker, SPEC_PATH_KEY(path, "terminationGracePeriodSeconds"),
                          SPEC_REASON_INVALID,
                          "only for livenessProbe and startupProbe: readiness stops nothing");
}

void spec_check_liveness_probe(struct spec_checker *checker, json_t *object,
                               const struct spec_path *path)
{
    check_handler(checker, object, path);
    if (json_integer_value(json_object_get(object, "successThreshold")) > 1)
        spec_check_report(checker, SPEC_PATH_KEY(path, "successThreshold"), SPEC_REASON_INVALID,
                          "must be 1");
}

/* --- security --- */

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        if (item != NULL && strcmp(item, text) == 0)
            return true;
    }
    return false;
}

void spec_check_security(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    if (!json_is_false(json_object_get(object, "allowPrivilegeEscalation")))
        return;
    const struct spec_path *at = SPEC_PATH_KEY(path, "allowPrivilegeEscalation");
    const json_t *added = json_object_get(json_object_get(object, "capabilities"), "add");
    if (json_is_true(json_object_get(object, "privileged")))
        spec_check_report(checker, at, SPEC_REASON_INVALID,
                          "cannot be false when privileged is true");
    else if (has_text(added, "SYS_ADMIN"))
        spec_check_report(checker, at, SPEC_REASON_INVALID,
                          "cannot be false when the capability SYS_ADMIN is added");
}

/* --- the container --- */

/* The index of the item that first had this key; its own when it is the first. `seen` is a map from
 * key to index. */
static size_t first_with(json_t *seen, const char *key, size_t index)
{
    const json_t *earlier = json_object_get(seen, key);
    if (earlier != NULL)
        return (size_t)json_integer_value(earlier);
    spec_json_put(seen, key, json_integer((json_int_t)index));
    return index;
}

static void check_port(struct spec_checker *checker, const json_t *port, size_t index,
                       json_t *names, json_t *numbers, const struct spec_path *path)
{
    const char *name = spec_json_text(port, "name");
    const char *protocol = spec_json_text(port, "protocol");
    char number[32];
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT "/%.4s",
             json_integer_value(json_object_get(port, "containerPort")),
             protocol != NULL ? protocol : "");
    size_t same_name = name != NULL ? first_with(names, name, index) : index;
    bool numbered = json_object_get(port, "containerPort") != NULL;
    size_t same_number = numbered ? first_with(numbers, number, index) : index;
    if (same_name != index)
        spec_check_report(checker, SPEC_PATH_KEY(path, "name"), SPEC_REASON_DUPLICATE,
                          "the name '%s' is used by ports[%zu] too", name, same_name);
    else if (same_number != index)
        spec_check_warn(checker, path, "the same port as ports[%zu]", same_number);
}

static void check_ports(struct spec_checker *checker, const json_t *container,
                        const struct spec_path *path)
{
    const struct spec_path *at = SPEC_PATH_KEY(path, "ports");
    const json_t *ports = json_object_get(container, "ports");
    json_t *names = spec_json_made(json_object()), *numbers = spec_json_made(json_object());
    for (size_t i = 0; i < json_array_size(ports); i++)
        check_port(checker, json_array_get(ports, i), i, names, numbers, SPEC_PATH_INDEX(at, i));
    json_decref(names);
    json_decref(numbers);
}

static void check_mounts(struct spec_checker *checker, json_t *container,
                         const struct spec_path *path)
{
    const struct spec_path *at = SPEC_PATH_KEY(path, "volumeMounts");
    json_t *mounts = json_object_get(container, "volumeMounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        json_t *mount = json_array_get(mounts, i);
        const char *mount_path = spec_json_text(mount, "mountPath");
        if (mount_path == NULL)
            continue;
        char *clean = spec_path_clean(mount_path);
        spec_json_put(mount, "mountPath", json_string(clean));
        for (size_t j = 0; j < i; j++) {
            const char *earlier = spec_json_text(json_array_get(mounts, j), "mountPath");
            if (earlier != NULL && strcmp(earlier, clean) == 0) {
                spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_INDEX(at, i), "mountPath"),
                                  SPEC_REASON_INVALID,
                                  "'%.*s' is the path of volumeMounts[%zu] too",
                                  SPEC_SHOWN_CHARS_MAX, clean, j);
                break;
            }
        }
        mem_free(clean);
    }
}

/* The last one counts, as in Kubernetes, which only warns. A set keeps thousands of variables
 * linear. */
static void check_env_names(struct spec_checker *checker, const json_t *container,
                            const struct spec_path *path)
{
    const struct spec_path *at = SPEC_PATH_KEY(path, "env");
    const json_t *env = json_object_get(container, "env");
    json_t *seen = spec_json_made(json_object());
    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *name = spec_json_text(json_array_get(env, i), "name");
        if (name == NULL)
            continue;
        const json_t *earlier = json_object_get(seen, name);
        if (earlier != NULL)
            spec_check_warn(checker, SPEC_PATH_KEY(SPEC_PATH_INDEX(at, i), "name"),
                            "'%.*s' hides env[%" JSON_INTEGER_FORMAT "] of the same name",
                            SPEC_SHOWN_CHARS_MAX, name, json_integer_value(earlier));
        spec_json_put(seen, name, json_integer((json_int_t)i));
    }
    json_decref(seen);
}

static bool port_named(const json_t *container, const char *name)
{
    const json_t *ports = json_object_get(container, "ports");
    for (size_t i = 0; i < json_array_size(ports); i++) {
        const char *port_name = spec_json_text(json_array_get(ports, i), "name");
        if (port_name != NULL && strcmp(port_name, name) == 0)
            return true;
    }
    return false;
}

static void check_probe_ports(struct spec_checker *checker, const json_t *container,
                              const struct spec_path *path)
{
    static const char *const probes[] = {"startupProbe", "readinessProbe", "livenessProbe"};
    static const char *const actions[] = {"httpGet", "tcpSocket"};
    for (size_t i = 0; i < SPEC_COUNT(probes) * SPEC_COUNT(actions); i++) {
        const char *probe = probes[i / 2], *action = actions[i % 2];
        const char *name =
            spec_json_text(json_object_get(json_object_get(container, probe), action), "port");
        if (name != NULL && !port_named(container, name))
            spec_check_report(
                checker, SPEC_PATH_KEY(SPEC_PATH_KEY(SPEC_PATH_KEY(path, probe), action), "port"),
                SPEC_REASON_INVALID, "no port of this container is named '%s'", name);
    }
}

void spec_check_container(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path)
{
    const char *image = spec_json_text(object, "image");
    if (image != NULL && json_object_get(object, "imagePullPolicy") == NULL)
        spec_json_put(object, "imagePullPolicy",
                      json_string(spec_image_moves(image) ? "Always" : "IfNotPresent"));
    check_ports(checker, object, path);
    check_mounts(checker, object, path);
    check_env_names(checker, object, path);
    check_probe_ports(checker, object, path);
}
