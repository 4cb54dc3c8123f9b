/* describe pod */
#include <string.h>

#include "describe.h"
#include "field.h"
#include "pod_state.h"

static void container_state(const struct describe *describe, const char *name, const json_t *state)
{
    static const struct {
        const char *key;
        const char *name;
    } kinds[] = {{"running", "Running"}, {"waiting", "Waiting"}, {"terminated", "Terminated"}};
    struct describe deeper = *describe;
    deeper.depth++;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const json_t *details = field_at(state, kinds[i].key);
        if (details == NULL)
            continue;
        describe_line(describe, name, kinds[i].name);
        describe_line(&deeper, "Reason", field_text(details, "reason"));
        describe_line(&deeper, "Message", field_text(details, "message"));
        if (strcmp(kinds[i].key, "terminated") == 0)
            describe_format(&deeper, "Exit code", "%lld",
                            (long long)field_number(details, "exitCode", 0));
        describe_time(&deeper, "Started", field_text(details, "startedAt"));
        describe_time(&deeper, "Finished", field_text(details, "finishedAt"));
    }
}

static void container(const struct describe *describe, const json_t *spec, const json_t *status)
{
    struct describe deeper = *describe;
    deeper.depth++;
    describe_heading(describe,
                     spec != NULL ? field_text(spec, "name") : field_text(status, "name"));
    if (spec != NULL)
        describe_container(&deeper, spec);
    else
        describe_line(&deeper, "Image", field_text(status, "image"));
    if (status == NULL)
        return;
    describe_line(&deeper, "Image ID", field_text(status, "imageID"));
    container_state(&deeper, "State", field_at(status, "state"));
    container_state(&deeper, "Last state", field_at(status, "lastState"));
    describe_line(&deeper, "Ready", field_true(status, "ready") ? "True" : "False");
    describe_format(&deeper, "Restarts", "%lld",
                    (long long)field_number(status, "restartCount", 0));
}

/* By the spec, with their status; those of a workload that is gone have only that. */
static void containers(const struct describe *describe, const json_t *pod, const char *title,
                       const char *specs_at, const char *statuses_at)
{
    const json_t *specs = field_at(pod, specs_at);
    const json_t *statuses = field_at(pod, statuses_at);
    struct describe deeper = *describe;
    deeper.depth++;
    if (json_array_size(specs) == 0 && json_array_size(statuses) == 0)
        return;
    describe_heading(describe, title);
    for (size_t i = 0; i < json_array_size(specs); i++) {
        const json_t *spec = json_array_get(specs, i);
        container(&deeper, spec, field_find(statuses, "name", field_text(spec, "name")));
    }
    for (size_t i = 0; json_array_size(specs) == 0 && i < json_array_size(statuses); i++)
        container(&deeper, NULL, json_array_get(statuses, i));
}

static void conditions(const struct describe *describe, const json_t *pod)
{
    const json_t *list = field_at(pod, "status.conditions");
    struct describe deeper = *describe;
    deeper.depth++;
    if (json_array_size(list) > 0)
        describe_heading(describe, "Conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *reason = field_text(item, "reason");
        describe_format(&deeper, field_text(item, "type"), "%s%s%s", field_text(item, "status"),
                        reason[0] != '\0' ? " " : "", reason);
    }
}

static void owner(const struct describe *describe, const json_t *pod)
{
    const json_t *list = field_at(pod, "metadata.ownerReferences");
    const json_t *annotations = field_at(pod, "metadata.annotations");
    const char *slot = json_string_value(json_object_get(annotations, "shoal.dev/slot"));
    const char *adopted = json_string_value(json_object_get(annotations, "shoal.dev/adopted"));
    if (json_array_size(list) > 0)
        describe_format(describe, "Controlled by", "%s/%s%s%s",
                        field_text(json_array_get(list, 0), "kind"),
                        field_text(json_array_get(list, 0), "name"), slot != NULL ? ", slot " : "",
                        slot != NULL ? slot : "");
    if (adopted != NULL && strcmp(adopted, "true") == 0)
        describe_line(describe, "Adopted", "yes: it was running when its agent started again");
}

int describe_pod(const struct describe *describe, const json_t *pod, struct error *error)
{
    struct pod_state state;
    const char *node = field_text(pod, "spec.nodeName");
    const char *message = pod_state_message(pod);
    (void)error;
    pod_state_of(pod, describe->cli->io.now_wall_ms(), &state);
    describe_line(describe, "Name", field_text(pod, "metadata.name"));
    describe_line(describe, "Namespace", field_text(pod, "metadata.namespace"));
    describe_line(describe, "Node", node[0] != '\0' ? node : "<none yet>");
    describe_line(describe, "Status", state.status);
    describe_line(describe, "Reason", field_text(pod, "status.reason"));
    describe_line(describe, "Message", message);
    describe_line(describe, "IP", field_text(pod, "status.podIP"));
    describe_time(describe, "Created", field_text(pod, "metadata.creationTimestamp"));
    owner(describe, pod);
    describe_line(describe, "Restart policy", field_text(pod, "spec.restartPolicy"));
    describe_pairs(describe, "Labels", field_at(pod, "metadata.labels"), NULL);
    describe_pairs(describe, "Annotations", field_at(pod, "metadata.annotations"), "shoal.dev/");
    containers(describe, pod, "Init containers", "spec.initContainers",
               "status.initContainerStatuses");
    containers(describe, pod, "Containers", "spec.containers", "status.containerStatuses");
    conditions(describe, pod);
    return 0;
}
