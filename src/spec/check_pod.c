/* What Kubernetes says about pods beyond the shape of their fields. */
#include <string.h>

#include "check.h"
#include "json.h"
#include "names.h"
#include "spec/pod.h"

static const char *const container_lists[] = {"initContainers", "containers"};

/* --- tolerations, volumes --- */

void spec_check_toleration(struct spec_checker *checker, json_t *object,
                           const struct spec_path *path)
{
    const char *operator= spec_json_text(object, "operator");
    const char *effect = spec_json_text(object, "effect");
    bool exists = operator!= NULL && strcmp(operator, "Exists") == 0;
    if (json_object_get(object, "key") == NULL && !exists && spec_check_clean(checker))
        spec_check_report(checker, SPEC_PATH_KEY(path, "operator"), SPEC_REASON_INVALID,
                          "must be Exists when there is no key, which tolerates every taint");
    if (exists && json_object_get(object, "value") != NULL)
        spec_check_report(checker, SPEC_PATH_KEY(path, "value"), SPEC_REASON_INVALID,
                          "must be empty when operator is Exists");
    if (json_object_get(object, "tolerationSeconds") != NULL && spec_check_clean(checker) &&
        (effect == NULL || strcmp(effect, "NoExecute") != 0))
        spec_check_report(checker, SPEC_PATH_KEY(path, "effect"), SPEC_REASON_INVALID,
                          "must be NoExecute when tolerationSeconds is given");
}

void spec_check_empty_dir(struct spec_checker *checker, json_t *object,
                          const struct spec_path *path)
{
    const char *medium = spec_json_text(object, "medium");
    if (medium == NULL || strcmp(medium, "Memory") == 0)
        return;
    bool huge = strncmp(medium, "HugePages", 9) == 0;
    spec_check_report(checker, SPEC_PATH_KEY(path, "medium"), SPEC_REASON_NOT_SUPPORTED,
                      huge ? "not offered: huge pages are not handed out"
                           : "'%.*s' is neither empty (the node's disk) nor Memory",
                      SPEC_SHOWN_CHARS_MAX, medium);
}

void spec_check_volume(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    bool host = json_object_get(object, "hostPath") != NULL;
    if (host && json_object_get(object, "emptyDir") != NULL)
        spec_check_report(checker, path, SPEC_REASON_FORBIDDEN,
                          "has more than one source: hostPath and emptyDir");
    else if (!host && json_object_get(object, "emptyDir") == NULL)
        spec_json_put(object, "emptyDir", json_object()); /* as Kubernetes has it */
}

/* --- names within a pod --- */

/* Reports items whose name was seen before; adds the others to `seen`, a map from name to the list
 * it is in. */
static void check_names(struct spec_checker *checker, const json_t *spec, const char *list_name,
                        json_t *seen, const struct spec_path *path)
{
    const json_t *list = json_object_get(spec, list_name);
    const struct spec_path *at = SPEC_PATH_KEY(path, list_name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = spec_json_text(json_array_get(list, i), "name");
        if (name == NULL)
            continue;
        const json_t *earlier = json_object_get(seen, name);
        if (earlier != NULL)
            spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_INDEX(at, i), "name"),
                              SPEC_REASON_DUPLICATE, "the name '%s' is used in %s already", name,
                              json_string_value(earlier));
        else
            spec_json_put(seen, name, json_string(list_name));
    }
}

static void check_mount_names(struct spec_checker *checker, const json_t *container,
                              const json_t *volumes, const struct spec_path *path)
{
    const struct spec_path *at = SPEC_PATH_KEY(path, "volumeMounts");
    const json_t *mounts = json_object_get(container, "volumeMounts");
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const char *name = spec_json_text(json_array_get(mounts, i), "name");
        if (name != NULL && json_object_get(volumes, name) == NULL)
            spec_check_report(checker, SPEC_PATH_KEY(SPEC_PATH_INDEX(at, i), "name"),
                              SPEC_REASON_INVALID, "this pod has no volume named '%s'", name);
    }
}

/* --- host ports --- */

static void check_host_port(struct spec_checker *checker, const json_t *port, bool host_network,
                            json_t *taken, const struct spec_path *path)
{
    const json_t *host_port = json_object_get(port, "hostPort");
    const json_t *container_port = json_object_get(port, "containerPort");
    const struct spec_path *at = SPEC_PATH_KEY(path, "hostPort");
    if (host_port == NULL)
        return;
    if (host_network && container_port != NULL && !json_equal(host_port, container_port)) {
        spec_check_report(checker, at, SPEC_REASON_INVALID,
                          "must be %" JSON_INTEGER_FORMAT
                          " as containerPort is, since the pod uses the host's network",
                          json_integer_value(container_port));
        return;
    }
    const char *protocol = spec_json_text(port, "protocol");
    const char *ip = spec_json_text(port, "hostIP");
    struct buf key;
    buf_init(&key, 1024);
    buf_printf(&key, "%" JSON_INTEGER_FORMAT "/%s/%s", json_integer_value(host_port),
               protocol != NULL ? protocol : "", ip != NULL ? ip : "");
    if (json_object_get(taken, buf_text(&key)) != NULL)
        spec_check_report(checker, at, SPEC_REASON_DUPLICATE,
                          "port %" JSON_INTEGER_FORMAT " of the host is taken by this pod already",
                          json_integer_value(host_port));
    else
        spec_json_put(taken, buf_text(&key), json_true());
    buf_fini(&key);
}

static void check_host_ports(struct spec_checker *checker, const json_t *spec,
                             const struct spec_path *path)
{
    bool host_network = json_is_true(json_object_get(spec, "hostNetwork"));
    json_t *taken = spec_json_made(json_object());
    const json_t *containers = json_object_get(spec, "containers");
    const struct spec_path *list = SPEC_PATH_KEY(path, "containers");
    for (size_t i = 0; i < json_array_size(containers); i++) {
        const json_t *ports = json_object_get(json_array_get(containers, i), "ports");
        const struct spec_path *at = SPEC_PATH_KEY(SPEC_PATH_INDEX(list, i), "ports");
        for (size_t j = 0; j < json_array_size(ports); j++)
            check_host_port(checker, json_array_get(ports, j), host_network, taken,
                            SPEC_PATH_INDEX(at, j));
    }
    json_decref(taken);
}

/* --- the pod --- */

static const json_t *nearer(const json_t *own, const json_t *pod, const char *key)
{
    const json_t *value = json_object_get(own, key);
    return value != NULL ? value : json_object_get(pod, key);
}

static void check_user(struct spec_checker *checker, const json_t *container,
                       const json_t *pod_security, const struct spec_path *path)
{
    const json_t *own = json_object_get(container, "securityContext");
    const json_t *user = nearer(own, pod_security, "runAsUser");
    if (json_is_integer(user) && json_integer_value(user) == 0 &&
        json_is_true(nearer(own, pod_security, "runAsNonRoot")))
        spec_check_report(checker, SPEC_PATH_KEY(path, "securityContext"), SPEC_REASON_INVALID,
                          "runAsNonRoot forbids the user 0 that runAsUser asks for");
}

static void check_init_container(struct spec_checker *checker, const json_t *container,
                                 const struct spec_path *path)
{
    static const char *const probes[] = {"startupProbe", "readinessProbe", "livenessProbe"};
    for (size_t i = 0; i < SPEC_COUNT(probes); i++)
        if (json_object_get(container, probes[i]) != NULL)
            spec_check_report(checker, SPEC_PATH_KEY(path, probes[i]), SPEC_REASON_FORBIDDEN,
                              "not for init containers, which run to their end");
}

void spec_check_pod_spec(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    json_t *volumes = spec_json_made(json_object()), *containers = spec_json_made(json_object());
    const json_t *security = json_object_get(object, "securityContext");
    check_names(checker, object, "volumes", volumes, path);
    for (size_t l = 0; l < SPEC_COUNT(container_lists); l++) {
        const json_t *list = json_object_get(object, container_lists[l]);
        const struct spec_path *at = SPEC_PATH_KEY(path, container_lists[l]);
        check_names(checker, object, container_lists[l], containers, path);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *container = json_array_get(list, i);
            const struct spec_path *item = SPEC_PATH_INDEX(at, i);
            check_mount_names(checker, container, volumes, item);
            check_user(checker, container, security, item);
            if (l == 0)
                check_init_container(checker, container, item);
        }
    }
    size_t total = json_array_size(json_object_get(object, "containers")) +
                   json_array_size(json_object_get(object, "initContainers"));
    if (total > SPEC_CONTAINERS_MAX)
        spec_check_report(checker, SPEC_PATH_KEY(path, "containers"), SPEC_REASON_TOO_MANY,
                          "a pod has at most %d containers, init containers included",
                          SPEC_CONTAINERS_MAX);
    check_host_ports(checker, object, path);
    json_decref(volumes);
    json_decref(containers);
}

/* --- defaults that hold for a Pod but not for a template --- */

static void request_limits(json_t *container)
{
    json_t *resources = json_object_get(container, "resources");
    json_t *limits = json_object_get(resources, "limits");
    json_t *requests = json_object_get(resources, "requests");
    if (json_object_size(limits) == 0)
        return;
    if (requests == NULL) {
        requests = spec_json_made(json_object());
        spec_json_put(resources, "requests", requests);
    }
    const char *name;
    json_t *limit;
    json_object_foreach(limits, name, limit) if (json_object_get(requests, name) == NULL)
        spec_json_put(requests, name, json_incref(limit));
}

static void open_host_ports(json_t *container)
{
    json_t *ports = json_object_get(container, "ports");
    for (size_t i = 0; i < json_array_size(ports); i++) {
        json_t *port = json_array_get(ports, i);
        json_t *number = json_object_get(port, "containerPort");
        if (number != NULL && json_object_get(port, "hostPort") == NULL)
            spec_json_put(port, "hostPort", json_incref(number));
    }
}

/* Kubernetes writes these into Pods only. Written into a template they would stay behind when its
 * owner changes the limit from which they came. */
void spec_check_pod(struct spec_checker *checker, json_t *object, const struct spec_path *path)
{
    (void)checker, (void)path;
    json_t *spec = json_object_get(object, "spec");
    bool host_network = json_is_true(json_object_get(spec, "hostNetwork"));
    for (size_t l = 0; l < SPEC_COUNT(container_lists); l++) {
        json_t *list = json_object_get(spec, container_lists[l]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            request_limits(json_array_get(list, i));
            if (host_network)
                open_host_ports(json_array_get(list, i));
        }
    }
}
