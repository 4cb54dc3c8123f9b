/* describe deployment, node, namespace */
#include <string.h>

#include "amount.h"
#include "describe.h"
#include "field.h"
#include "resource.h"
#include "table.h"

/* ---- deployments */

static void replicas(const struct describe *describe, const json_t *deployment)
{
    static const struct {
        const char *path;
        const char *name;
    } counts[] = {
        {"status.replicas", "there"},
        {"status.updatedReplicas", "up to date"},
        {"status.readyReplicas", "ready"},
        {"status.availableReplicas", "available"},
    };
    struct buf text = BUF_INIT;
    buf_printf(&text, "%lld wanted", (long long)field_number(deployment, "spec.replicas", 1));
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        buf_printf(&text, ", %lld %s", (long long)field_number(deployment, counts[i].path, 0),
                   counts[i].name);
    describe_line(describe, "Replicas", buf_text(&text));
    buf_fini(&text);
}

/* "25%" or 1. */
static void bound(const json_t *json, struct buf *text)
{
    if (json_is_string(json))
        buf_append_text(text, json_string_value(json));
    else
        buf_printf(text, "%lld", (long long)json_integer_value(json));
}

static void strategy(const struct describe *describe, const json_t *deployment)
{
    struct buf text = BUF_INIT;
    const json_t *surge = field_at(deployment, "spec.strategy.rollingUpdate.maxSurge");
    const json_t *unavailable = field_at(deployment, "spec.strategy.rollingUpdate.maxUnavailable");
    buf_append_text(&text, field_text(deployment, "spec.strategy.type"));
    if (surge != NULL && unavailable != NULL) {
        buf_append_text(&text, ", at most ");
        bound(surge, &text);
        buf_append_text(&text, " more and ");
        bound(unavailable, &text);
        buf_append_text(&text, " fewer than wanted");
    }
    describe_line(describe, "Strategy", buf_text(&text));
    buf_fini(&text);
}

static void template(const struct describe *describe, const json_t *deployment)
{
    const json_t *containers = field_at(deployment, "spec.template.spec.containers");
    struct describe inner = *describe;
    struct describe deeper = *describe;
    inner.depth++;
    deeper.depth += 2;
    describe_heading(describe, "Template");
    describe_pairs(&inner, "Labels", field_at(deployment, "spec.template.metadata.labels"), NULL);
    for (size_t i = 0; i < json_array_size(containers); i++) {
        describe_heading(&inner, field_text(json_array_get(containers, i), "name"));
        describe_container(&deeper, json_array_get(containers, i));
    }
}

static void conditions(const struct describe *describe, const json_t *deployment)
{
    const json_t *list = field_at(deployment, "status.conditions");
    struct describe deeper = *describe;
    deeper.depth++;
    if (json_array_size(list) > 0)
        describe_heading(describe, "Conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        describe_format(&deeper, field_text(item, "type"), "%s, %s: %s", field_text(item, "status"),
                        field_text(item, "reason"), field_text(item, "message"));
    }
}

static void pending(const struct describe *describe, const json_t *deployment)
{
    const json_t *list = field_at(deployment, "status.pendingSlots");
    struct table table;
    if (json_array_size(list) == 0)
        return;
    table_init(&table);
    table.indent = "  ";
    table_column(&table, "SLOT");
    table_column(&table, "WHY IT IS NOT READY");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        table_cell(&table, TONE_NONE, "%lld", (long long)field_number(item, "ordinal", 0));
        table_cell(&table, TONE_NONE, "%s", field_text(item, "reason"));
    }
    describe_heading(describe, "Pending slots");
    table_print(&table, describe->cli, true);
    table_fini(&table);
}

static void conflicts(const struct describe *describe, const json_t *object)
{
    const json_t *lost = field_at(object, "shoal.conflictsLost");
    for (size_t i = 0; i < json_array_size(lost); i++) {
        const json_t *version = json_array_get(lost, i);
        describe_format(describe, i == 0 ? "ConflictLost" : "",
                        "version %s, written on %s at %s: a concurrent write won (shoal history)",
                        field_text(version, "resourceVersion"), field_text(version, "writer"),
                        field_text(version, "writtenAt"));
    }
}

int describe_deployment(const struct describe *describe, const json_t *deployment,
                        struct error *error)
{
    describe_line(describe, "Name", field_text(deployment, "metadata.name"));
    describe_line(describe, "Namespace", field_text(deployment, "metadata.namespace"));
    describe_time(describe, "Created", field_text(deployment, "metadata.creationTimestamp"));
    describe_format(describe, "Generation", "%lld",
                    (long long)field_number(deployment, "metadata.generation", 0));
    describe_pairs(describe, "Labels", field_at(deployment, "metadata.labels"), NULL);
    describe_pairs(describe, "Annotations", field_at(deployment, "metadata.annotations"), NULL);
    describe_pairs(describe, "Selector", field_at(deployment, "spec.selector.matchLabels"), NULL);
    replicas(describe, deployment);
    strategy(describe, deployment);
    template(describe, deployment);
    conditions(describe, deployment);
    pending(describe, deployment);
    conflicts(describe, deployment);
    return describe_pods(describe, field_text(deployment, "metadata.namespace"), NULL,
                         field_text(deployment, "metadata.uid"), error);
}

/* ---- nodes */

static void capacity(const struct describe *describe, json_t *allocatable, const json_t *allocated)
{
    struct table table;
    const char *name = NULL;
    json_t *value = NULL;
    table_init(&table);
    table.indent = "  ";
    table_column(&table, "RESOURCE");
    table_column(&table, "TAKEN/OF");
    table_column(&table, "");
    json_object_foreach(allocatable, name, value)
    {
        char text[2 * AMOUNT_TEXT_BYTES_MAX];
        uint64_t percent = 0;
        const char *whole = json_string_value(value);
        const char *taken = json_string_value(json_object_get(allocated, name));
        (void)amount_used(name, taken != NULL ? taken : "", whole != NULL ? whole : "", text,
                          &percent);
        table_cell(&table, TONE_NONE, "%s", name);
        table_cell(&table, TONE_NONE, "%s", text);
        table_cell(&table, TONE_NONE, "%llu%%", (unsigned long long)percent);
    }
    describe_heading(describe, "Capacity");
    table_print(&table, describe->cli, true);
    table_fini(&table);
}

static void taints(const struct describe *describe, const json_t *node)
{
    const json_t *list = field_at(node, "spec.taints");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *taint = json_array_get(list, i);
        describe_format(describe, i == 0 ? "Taints" : "", "%s=%s:%s", field_text(taint, "key"),
                        field_text(taint, "value"), field_text(taint, "effect"));
    }
    if (json_array_size(list) == 0)
        describe_line(describe, "Taints", "<none>");
}

int describe_node(const struct describe *describe, const json_t *node, struct error *error)
{
    const char *ready = field_condition(node, "Ready");
    describe_line(describe, "Name", field_text(node, "metadata.name"));
    describe_line(describe, "ID", field_text(node, "status.shoal.id"));
    describe_line(describe, "State", field_text(node, "status.shoal.state"));
    describe_line(describe, "Ready", ready);
    describe_line(describe, "Address",
                  field_text(field_find(field_at(node, "status.addresses"), "type", "InternalIP"),
                             "address"));
    describe_line(describe, "Version", field_text(node, "status.nodeInfo.kubeletVersion"));
    describe_time(describe, "Started", field_text(node, "metadata.creationTimestamp"));
    describe_line(describe, "Schedulable", field_true(node, "spec.unschedulable") ? "no" : "yes");
    describe_pairs(describe, "Labels", field_at(node, "metadata.labels"), NULL);
    taints(describe, node);
    capacity(describe, field_at(node, "status.allocatable"),
             field_at(node, "status.shoal.allocated"));
    return describe_pods(describe, NULL, field_text(node, "metadata.name"), NULL, error);
}

/* ---- namespaces */

int describe_namespace(const struct describe *describe, const json_t *object, struct error *error)
{
    describe_line(describe, "Name", field_text(object, "metadata.name"));
    describe_line(describe, "Status", field_text(object, "status.phase"));
    describe_time(describe, "Created", field_text(object, "metadata.creationTimestamp"));
    describe_pairs(describe, "Labels", field_at(object, "metadata.labels"), NULL);
    return describe_pods(describe, field_text(object, "metadata.name"), NULL, NULL, error);
}
