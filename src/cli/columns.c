#include "columns.h"

#include <string.h>

#include "amount.h"
#include "field.h"
#include "pod_state.h"
#include "resource.h"
#include "when.h"

static const char *or_none(const char *text)
{
    return text[0] != '\0' ? text : "<none>";
}

static void age(const struct columns *columns, const json_t *object, struct table *table)
{
    char text[WHEN_TEXT_BYTES_MAX];
    table_cell(table, TONE_NONE, "%s",
               when_format_age(field_text(object, "metadata.creationTimestamp"),
                               columns->now_wall_ms, text));
}

/* ---- pods */

static void pod_begin(const struct columns *columns, struct table *table)
{
    table_column(table, "READY");
    table_column(table, "STATUS");
    table_column(table, "RESTARTS");
    table_column(table, "AGE");
    if (columns->wide) {
        table_column(table, "IP");
        table_column(table, "NODE");
    }
}

static void pod_row(const struct columns *columns, const json_t *pod, struct table *table)
{
    struct pod_state state;
    pod_state_of(pod, columns->now_wall_ms, &state);
    table_cell(table, TONE_NONE, "%zu/%zu", state.ready_count, state.containers_count);
    table_cell(table, state.tone, "%s", state.status);
    if (state.restarted[0] != '\0')
        table_cell(table, TONE_NONE, "%lld (%s ago)", (long long)state.restarts, state.restarted);
    else
        table_cell(table, TONE_NONE, "%lld", (long long)state.restarts);
    age(columns, pod, table);
    if (columns->wide) {
        table_cell(table, TONE_NONE, "%s", or_none(field_text(pod, "status.podIP")));
        table_cell(table, TONE_NONE, "%s", or_none(field_text(pod, "spec.nodeName")));
    }
}

/* ---- deployments */

static void deployment_begin(const struct columns *columns, struct table *table)
{
    table_column(table, "READY");
    table_column(table, "UP-TO-DATE");
    table_column(table, "AVAILABLE");
    table_column(table, "AGE");
    if (columns->wide) {
        table_column(table, "CONTAINERS");
        table_column(table, "IMAGES");
        table_column(table, "SELECTOR");
    }
}

static void joined(const json_t *list, const char *key, struct table *table)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_printf(&text, "%s%s", i > 0 ? "," : "", field_text(json_array_get(list, i), key));
    table_cell(table, TONE_NONE, "%s", or_none(buf_text(&text)));
    buf_fini(&text);
}

static void deployment_wide(const json_t *deployment, struct table *table)
{
    const json_t *containers = field_at(deployment, "spec.template.spec.containers");
    json_t *labels = field_at(deployment, "spec.selector.matchLabels");
    struct buf selector = BUF_INIT;
    const char *name = NULL;
    json_t *value = NULL;
    joined(containers, "name", table);
    joined(containers, "image", table);
    json_object_foreach(labels, name, value)
    {
        buf_printf(&selector, "%s%s=%s", selector.size_bytes > 0 ? "," : "", name,
                   json_string_value(value) != NULL ? json_string_value(value) : "");
    }
    table_cell(table, TONE_NONE, "%s", or_none(buf_text(&selector)));
    buf_fini(&selector);
}

static void deployment_row(const struct columns *columns, const json_t *deployment,
                           struct table *table)
{
    long long desired = (long long)field_number(deployment, "spec.replicas", 1);
    long long ready = (long long)field_number(deployment, "status.readyReplicas", 0);
    table_cell(table, ready >= desired ? TONE_GOOD : TONE_WARN, "%lld/%lld", ready, desired);
    table_cell(table, TONE_NONE, "%lld",
               (long long)field_number(deployment, "status.updatedReplicas", 0));
    table_cell(table, TONE_NONE, "%lld",
               (long long)field_number(deployment, "status.availableReplicas", 0));
    age(columns, deployment, table);
    if (columns->wide)
        deployment_wide(deployment, table);
}

/* ---- nodes */

static void node_begin(const struct columns *columns, struct table *table)
{
    table_column(table, "STATUS");
    table_column(table, "AGE");
    table_column(table, "VERSION");
    if (columns->wide) {
        table_column(table, "ADDRESS");
        table_column(table, "STATE");
        table_column(table, "CPU");
        table_column(table, "MEMORY");
        table_column(table, "PODS");
    }
}

static void node_wide(const json_t *node, struct table *table)
{
    static const char *const resources[] = {"cpu", "memory", "pods"};
    const json_t *address = field_find(field_at(node, "status.addresses"), "type", "InternalIP");
    table_cell(table, TONE_NONE, "%s", or_none(field_text(address, "address")));
    table_cell(table, TONE_NONE, "%s", or_none(field_text(node, "status.shoal.state")));
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        char text[2 * AMOUNT_TEXT_BYTES_MAX];
        table_cell(table, TONE_NONE, "%s",
                   amount_used(resources[i],
                               field_text(field_at(node, "status.shoal.allocated"), resources[i]),
                               field_text(field_at(node, "status.allocatable"), resources[i]), text,
                               NULL));
    }
}

static void node_row(const struct columns *columns, const json_t *node, struct table *table)
{
    const char *ready = field_condition(node, "Ready");
    bool is_ready = strcmp(ready, "True") == 0;
    table_cell(table, is_ready ? TONE_GOOD : TONE_BAD, "%s%s",
               is_ready           ? "Ready"
               : ready[0] != '\0' ? "NotReady"
                                  : "Unknown",
               field_true(node, "spec.unschedulable") ? ",SchedulingDisabled" : "");
    age(columns, node, table);
    table_cell(table, TONE_NONE, "%s", or_none(field_text(node, "status.nodeInfo.kubeletVersion")));
    if (columns->wide)
        node_wide(node, table);
}

/* ---- namespaces */

static void namespace_begin(const struct columns *columns, struct table *table)
{
    (void)columns;
    table_column(table, "STATUS");
    table_column(table, "AGE");
}

static void namespace_row(const struct columns *columns, const json_t *object, struct table *table)
{
    table_cell(table, TONE_NONE, "%s", or_none(field_text(object, "status.phase")));
    age(columns, object, table);
}

/* ---- all */

static const struct {
    void (*begin)(const struct columns *columns, struct table *table);
    void (*row)(const struct columns *columns, const json_t *object, struct table *table);
} kinds[] = {
    [SPEC_KIND_POD] = {pod_begin, pod_row},
    [SPEC_KIND_DEPLOYMENT] = {deployment_begin, deployment_row},
    [SPEC_KIND_NAMESPACE] = {namespace_begin, namespace_row},
    [SPEC_KIND_NODE] = {node_begin, node_row},
};

void columns_begin(const struct columns *columns, struct table *table)
{
    if (columns->namespaces && columns->kind->namespaced)
        table_column(table, "NAMESPACE");
    table_column(table, "NAME");
    kinds[columns->kind->kind].begin(columns, table);
}

void columns_row(const struct columns *columns, const json_t *object, struct table *table)
{
    struct buf name = BUF_INIT;
    if (columns->namespaces && columns->kind->namespaced)
        table_cell(table, TONE_NONE, "%s", field_text(object, "metadata.namespace"));
    if (columns->kinds)
        resource_title(columns->kind, field_text(object, "metadata.name"), &name);
    else
        buf_append_text(&name, field_text(object, "metadata.name"));
    table_cell(table, TONE_NONE, "%s", buf_text(&name));
    buf_fini(&name);
    kinds[columns->kind->kind].row(columns, object, table);
}
