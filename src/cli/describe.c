/* shoal describe */
#include "describe.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "pod_state.h"
#include "resource.h"
#include "table.h"
#include "when.h"

#define NAME_COLUMN 18

static const struct cli_option options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "all-namespaces", .letter = 'A', .help = "look everywhere"},
    {.name = NULL},
};

/* ---- lines */

void describe_line(const struct describe *describe, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        describe_format(describe, name, "%s", text);
}

void describe_format(const struct describe *describe, const char *name, const char *format, ...)
{
    struct buf text = BUF_INIT;
    struct buf plain = BUF_INIT;
    va_list arguments;
    size_t used = 2 * describe->depth + strlen(name) + 1;
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    output_plain(&plain, buf_text(&text));
    (void)fprintf(describe->cli->io.out, "%*s%s%s%*s %s\n", (int)(2 * describe->depth), "", name,
                  name[0] != '\0' ? ":" : " ", (int)(used < NAME_COLUMN ? NAME_COLUMN - used : 0),
                  "", buf_text(&plain));
    buf_fini(&text);
    buf_fini(&plain);
}

void describe_heading(const struct describe *describe, const char *name)
{
    struct buf plain = BUF_INIT;
    output_plain(&plain, name);
    (void)fprintf(describe->cli->io.out, "%*s%s:\n", (int)(2 * describe->depth), "",
                  buf_text(&plain));
    buf_fini(&plain);
}

void describe_pairs(const struct describe *describe, const char *name, json_t *pairs,
                    const char *without)
{
    const char *key = NULL;
    json_t *value = NULL;
    bool first = true;
    json_object_foreach(pairs, key, value)
    {
        const char *text = json_string_value(value);
        if (without != NULL && strncmp(key, without, strlen(without)) == 0)
            continue;
        describe_format(describe, first ? name : "", "%s=%s", key, text != NULL ? text : "");
        first = false;
    }
    if (first)
        describe_line(describe, name, "<none>");
}

void describe_time(const struct describe *describe, const char *name, const char *time)
{
    char age[WHEN_TEXT_BYTES_MAX];
    if (time[0] != '\0')
        describe_format(describe, name, "%s (%s ago)", time,
                        when_format_age(time, describe->cli->io.now_wall_ms(), age));
}

/* ---- containers */

static void list_of_texts(const struct describe *describe, const char *name, const json_t *list)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        buf_printf(&text, "%s%s", i > 0 ? " " : "", item != NULL ? item : "");
    }
    describe_line(describe, name, buf_text(&text));
    buf_fini(&text);
}

static void amounts(const struct describe *describe, const char *name, json_t *pairs)
{
    struct buf text = BUF_INIT;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(pairs, key, value)
    {
        const char *amount = json_string_value(value);
        buf_printf(&text, "%s%s %s", text.size_bytes > 0 ? ", " : "", key,
                   amount != NULL ? amount : "?");
    }
    describe_line(describe, name, buf_text(&text));
    buf_fini(&text);
}

static void environment(const struct describe *describe, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *field = field_text(item, "valueFrom.fieldRef.fieldPath");
        describe_format(describe, i == 0 ? "Environment" : "", "%s=%s%s%s",
                        field_text(item, "name"), field_text(item, "value"),
                        field[0] != '\0' ? "the pod's " : "", field);
    }
}

static void mounts(const struct describe *describe, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        describe_format(describe, i == 0 ? "Mounts" : "", "%s from %s%s",
                        field_text(item, "mountPath"), field_text(item, "name"),
                        field_true(item, "readOnly") ? " (read only)" : "");
    }
}

void describe_container(const struct describe *describe, const json_t *container)
{
    struct buf ports = BUF_INIT;
    const json_t *list = field_at(container, "ports");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *port = json_array_get(list, i);
        const char *protocol = field_text(port, "protocol");
        buf_printf(&ports, "%s%lld/%s", i > 0 ? ", " : "",
                   (long long)field_number(port, "containerPort", 0),
                   protocol[0] != '\0' ? protocol : "TCP");
    }
    describe_line(describe, "Image", field_text(container, "image"));
    describe_line(describe, "Pull policy", field_text(container, "imagePullPolicy"));
    describe_line(describe, "Ports", buf_text(&ports));
    list_of_texts(describe, "Command", field_at(container, "command"));
    list_of_texts(describe, "Arguments", field_at(container, "args"));
    amounts(describe, "Requests", field_at(container, "resources.requests"));
    amounts(describe, "Limits", field_at(container, "resources.limits"));
    environment(describe, field_at(container, "env"));
    mounts(describe, field_at(container, "volumeMounts"));
    buf_fini(&ports);
}

/* ---- pods in a table */

static bool is_wanted(const json_t *pod, const char *node, const char *owner_uid)
{
    return (node == NULL || strcmp(field_text(pod, "spec.nodeName"), node) == 0) &&
           (owner_uid == NULL ||
            field_find(field_at(pod, "metadata.ownerReferences"), "uid", owner_uid) != NULL);
}

static void add_pod(const struct describe *describe, const json_t *pod, bool namespaces,
                    struct table *table)
{
    struct pod_state state;
    char age[WHEN_TEXT_BYTES_MAX];
    wall_ms_t now_wall_ms = describe->cli->io.now_wall_ms();
    const char *node = field_text(pod, "spec.nodeName");
    pod_state_of(pod, now_wall_ms, &state);
    if (namespaces)
        table_cell(table, TONE_NONE, "%s", field_text(pod, "metadata.namespace"));
    table_cell(table, TONE_NONE, "%s", field_text(pod, "metadata.name"));
    table_cell(table, TONE_NONE, "%s", node[0] != '\0' ? node : "<none>");
    table_cell(table, TONE_NONE, "%zu/%zu", state.ready_count, state.containers_count);
    table_cell(table, state.tone, "%s", state.status);
    table_cell(table, TONE_NONE, "%lld", (long long)state.restarts);
    table_cell(table, TONE_NONE, "%s",
               when_format_age(field_text(pod, "metadata.creationTimestamp"), now_wall_ms, age));
    table_cell(table, TONE_NONE, "%s", state.well ? "" : pod_state_message(pod));
}

int describe_pods(const struct describe *describe, const char *namespace_name, const char *node,
                  const char *owner_uid, struct error *error)
{
    static const char *const headers[] = {"NAME",     "NODE", "READY",  "STATUS",
                                          "RESTARTS", "AGE",  "MESSAGE"};
    struct table table;
    json_t *pods = NULL;
    if (resource_list(describe->client, spec_kind_info(SPEC_KIND_POD), namespace_name, &pods,
                      error) < 0)
        return -1;
    table_init(&table);
    table.indent = "  ";
    if (namespace_name == NULL)
        table_column(&table, "NAMESPACE");
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    for (size_t i = 0; i < json_array_size(pods); i++)
        if (is_wanted(json_array_get(pods, i), node, owner_uid))
            add_pod(describe, json_array_get(pods, i), namespace_name == NULL, &table);
    if (table_is_empty(&table)) {
        describe_line(describe, "Pods", "<none>");
    } else {
        describe_heading(describe, "Pods");
        table_print(&table, describe->cli, true);
    }
    table_fini(&table);
    json_decref(pods);
    return 0;
}

/* ---- the command */

static int describe_one(const struct describe *describe, const struct spec_kind_info *kind,
                        const json_t *object, struct error *error)
{
    switch (kind->kind) {
    case SPEC_KIND_POD:
        return describe_pod(describe, object, error);
    case SPEC_KIND_DEPLOYMENT:
        return describe_deployment(describe, object, error);
    case SPEC_KIND_NODE:
        return describe_node(describe, object, error);
    case SPEC_KIND_NAMESPACE:
        return describe_namespace(describe, object, error);
    case SPEC_KIND_EVENT:
    case SPEC_KINDS_COUNT:
        break;
    }
    return 0;
}

static int describe_resource(const struct describe *describe, const struct resource *resource,
                             const char *namespace_name, size_t *shown_count, struct error *error)
{
    json_t *objects = NULL;
    json_t *object = NULL;
    int result = 0;
    if (resource->name == NULL) {
        result = resource_list(describe->client, resource->kind, namespace_name, &objects, error);
    } else {
        result = resource_get(describe->client, resource->kind,
                              namespace_name != NULL ? namespace_name : SPEC_NAMESPACE_DEFAULT,
                              resource->name, &object, error);
        objects = json_array();
        if (result == 0)
            (void)json_array_append_new(objects, object);
    }
    for (size_t i = 0; result == 0 && i < json_array_size(objects); i++) {
        if ((*shown_count)++ > 0)
            (void)fputs("\n\n", describe->cli->io.out);
        result = describe_one(describe, resource->kind, json_array_get(objects, i), error);
    }
    json_decref(objects);
    return result;
}

static int run_describe(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct resources resources;
    struct describe describe = {.cli = cli};
    size_t shown_count = 0;
    int code = CLI_OK;
    const char *namespace_name =
        cli_flag(arguments, "all-namespaces", false) ? NULL : resource_namespace(arguments);
    if (resources_parse(arguments, &resources, &error) < 0)
        code = error.code == ERROR_INVALID ? cli_misused(cli, arguments, "%s", error.message)
                                           : cli_fail(cli, &error);
    else if (cli_connect(cli, arguments, &describe.client, &error) < 0)
        code = cli_fail(cli, &error);
    for (size_t i = 0; code != CLI_USAGE && describe.client != NULL && i < resources.count; i++)
        if (describe_resource(&describe, &resources.items[i], namespace_name, &shown_count,
                              &error) < 0)
            code = cli_fail(cli, &error);
    if (code == CLI_OK && shown_count == 0)
        (void)fprintf(cli->io.err, "No resources found.\n");
    resources_fini(&resources);
    return code;
}

const struct cli_command command_describe = {
    .name = "describe",
    .synopsis = "KIND [NAME...] | KIND/NAME...",
    .summary = "tell all about objects, and why they are not well",
    .description =
        "For pods: where, the state of each container and how it ended before. For deployments:\n"
        "its pods, and for what has no pod yet the reason. For nodes: what is taken of them, and\n"
        "by which pods.",
    .examples = "shoal describe pod web-0\n"
                "shoal describe deployment web\n"
                "shoal describe node host1",
    .options = options,
    .operands = CLI_OPERANDS_KINDS,
    .remote = true,
    .run = run_describe,
};
