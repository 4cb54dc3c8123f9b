/* shoal status: one screen of the whole cluster, as one agent sees it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "base/memory.h"
#include "client.h"
#include "field.h"
#include "pod_state.h"
#include "resource.h"
#include "table.h"
#include "when.h"

#define TROUBLES_SHOWN_MAX 20
/* Of what a node has; from here on it is shown as nearly full. */
#define FULL_PERCENT 90

static const struct cli_option options[] = {
    {.name = "output", .letter = 'o', .value = "json", .help = "everything it is made from"},
    {.name = NULL},
};

struct status {
    struct cli *cli;
    wall_ms_t now_wall_ms;
    json_t *gossip, *nodes, *deployments, *pods;
    struct buf troubles; /* lines */
    size_t troubles_count;
};

static void trouble(struct status *status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void trouble(struct status *status, const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    if (status->troubles_count++ < TROUBLES_SHOWN_MAX) {
        buf_append_text(&status->troubles, "  ");
        output_plain(&status->troubles, buf_text(&text));
        buf_append_byte(&status->troubles, '\n');
    }
    buf_fini(&text);
}

/* ---- members */

static enum tone tone_of(const char *state)
{
    if (strcmp(state, "alive") == 0)
        return TONE_GOOD;
    if (strcmp(state, "left") == 0)
        return TONE_DIM;
    return strcmp(state, "dead") == 0 ? TONE_BAD : TONE_WARN;
}

static void add_amounts(const json_t *node, struct table *table)
{
    static const char *const resources[] = {"cpu", "memory", "pods"};
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        char text[2 * AMOUNT_TEXT_BYTES_MAX];
        uint64_t percent = 0;
        const char *used = field_text(field_at(node, "status.shoal.allocated"), resources[i]);
        const char *whole = field_text(field_at(node, "status.allocatable"), resources[i]);
        (void)amount_used(resources[i], used, whole, text, &percent);
        enum tone tone = percent >= FULL_PERCENT ? TONE_WARN : TONE_NONE;
        if (i < 2 && used[0] != '\0')
            table_cell(table, tone, "%s %llu%%", text, (unsigned long long)percent);
        else
            table_cell(table, tone, "%s", text);
    }
}

static void show_members(struct status *status)
{
    static const char *const headers[] = {"NODE", "STATE",  "FOR", "ADDRESS",
                                          "CPU",  "MEMORY", "PODS"};
    struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    for (size_t i = 0; i < json_array_size(status->nodes); i++) {
        const json_t *node = json_array_get(status->nodes, i);
        const char *state = field_text(node, "status.shoal.state");
        const char *name = field_text(node, "metadata.name");
        const json_t *member = field_find(field_at(status->gossip, "members"), "id",
                                          field_text(node, "status.shoal.id"));
        char duration[WHEN_TEXT_BYTES_MAX];
        int64_t for_ms = field_number(node, "status.shoal.forMs", 0);
        (void)when_format_duration(for_ms > 0 ? (uint64_t)for_ms : 0, duration);
        table_cell(&table, TONE_BOLD, "%s", name);
        table_cell(&table, tone_of(state), "%s", state);
        table_cell(&table, TONE_NONE, "%s", duration);
        table_cell(&table, TONE_NONE, "%s", field_text(member, "address"));
        add_amounts(node, &table);
        if (strcmp(state, "alive") != 0 && strcmp(state, "left") != 0)
            trouble(status, "node %s is %s for %s", name, state, duration);
    }
    table_print(&table, status->cli, true);
    table_fini(&table);
}

/* ---- workloads */

/* Whether the pod is one of this workload: of a deployment's uid, or (uid NULL) this pod alone. */
static bool is_of(const json_t *pod, const char *uid)
{
    return field_find(field_at(pod, "metadata.ownerReferences"), "uid", uid) != NULL;
}

/* "m1:2 m2:3"; pods come in the order of names, nodes are few. */
static void describe_where(const struct status *status, const char *uid, struct buf *text)
{
    size_t nodes_count = json_array_size(status->nodes);
    for (size_t i = 0; i < nodes_count; i++) {
        size_t count = 0;
        const char *node = field_text(json_array_get(status->nodes, i), "metadata.name");
        /* Two members of one name are one place. */
        if (i > 0 &&
            strcmp(node, field_text(json_array_get(status->nodes, i - 1), "metadata.name")) == 0)
            continue;
        for (size_t j = 0; j < json_array_size(status->pods); j++) {
            const json_t *pod = json_array_get(status->pods, j);
            count += is_of(pod, uid) && strcmp(field_text(pod, "spec.nodeName"), node) == 0 &&
                     field_at(pod, "metadata.deletionTimestamp") == NULL;
        }
        if (count > 0)
            buf_printf(text, "%s%s:%zu", text->size_bytes > 0 ? " " : "", node, count);
    }
}

/* Slots that wait for the same reason are told together. */
static void slot_troubles(struct status *status, const char *title, const json_t *pending)
{
    for (size_t i = 0; i < json_array_size(pending); i++) {
        const char *reason = field_text(json_array_get(pending, i), "reason");
        struct buf slots = BUF_INIT;
        bool said = false;
        for (size_t j = 0; j < json_array_size(pending); j++) {
            const json_t *other = json_array_get(pending, j);
            if (strcmp(field_text(other, "reason"), reason) != 0)
                continue;
            said = said || j < i;
            buf_printf(&slots, "%s%lld", slots.size_bytes > 0 ? "," : "",
                       (long long)field_number(other, "ordinal", 0));
        }
        if (!said)
            trouble(status, "%s slot %s: %s", title, buf_text(&slots), reason);
        buf_fini(&slots);
    }
}

static void add_deployment(struct status *status, const json_t *deployment, struct table *table)
{
    struct buf where = BUF_INIT;
    struct buf title = BUF_INIT;
    const char *name = field_text(deployment, "metadata.name");
    long long desired = (long long)field_number(deployment, "spec.replicas", 1);
    long long ready = (long long)field_number(deployment, "status.readyReplicas", 0);
    describe_where(status, field_text(deployment, "metadata.uid"), &where);
    resource_title(spec_kind_info(SPEC_KIND_DEPLOYMENT), name, &title);
    table_cell(table, TONE_NONE, "%s", field_text(deployment, "metadata.namespace"));
    table_cell(table, TONE_BOLD, "%s", buf_text(&title));
    table_cell(table, ready >= desired ? TONE_GOOD : TONE_WARN, "%lld/%lld", ready, desired);
    table_cell(table, TONE_NONE, "%s", buf_text(&where));
    slot_troubles(status, buf_text(&title), field_at(deployment, "status.pendingSlots"));
    buf_fini(&where);
    buf_fini(&title);
}

static void add_pod(const struct status *status, const json_t *pod, struct table *table)
{
    struct pod_state state;
    struct buf title = BUF_INIT;
    pod_state_of(pod, status->now_wall_ms, &state);
    resource_title(spec_kind_info(SPEC_KIND_POD), field_text(pod, "metadata.name"), &title);
    table_cell(table, TONE_NONE, "%s", field_text(pod, "metadata.namespace"));
    table_cell(table, TONE_BOLD, "%s", buf_text(&title));
    if (state.done)
        table_cell(table, state.tone, "%s", state.status);
    else
        table_cell(table, state.tone, "%zu/%zu", state.ready_count, state.containers_count);
    table_cell(table, TONE_NONE, "%s", field_text(pod, "spec.nodeName"));
    buf_fini(&title);
}

static void pod_trouble(struct status *status, const json_t *pod)
{
    struct pod_state state;
    const char *node = field_text(pod, "spec.nodeName");
    const char *message = pod_state_message(pod);
    pod_state_of(pod, status->now_wall_ms, &state);
    if (state.well || field_at(pod, "metadata.deletionTimestamp") != NULL)
        return;
    trouble(status, "pod/%s%s%s: %s%s%s", field_text(pod, "metadata.name"),
            node[0] != '\0' ? " on " : "", node, state.status, message[0] != '\0' ? ": " : "",
            message);
}

static void show_workloads(struct status *status)
{
    struct table table;
    table_init(&table);
    table_column(&table, "NAMESPACE");
    table_column(&table, "WORKLOAD");
    table_column(&table, "READY");
    table_column(&table, "WHERE");
    for (size_t i = 0; i < json_array_size(status->deployments); i++)
        add_deployment(status, json_array_get(status->deployments, i), &table);
    for (size_t i = 0; i < json_array_size(status->pods); i++) {
        const json_t *pod = json_array_get(status->pods, i);
        if (json_array_size(field_at(pod, "metadata.ownerReferences")) == 0)
            add_pod(status, pod, &table);
        pod_trouble(status, pod);
    }
    (void)fputc('\n', status->cli->io.out);
    if (table_is_empty(&table))
        (void)fputs("No workloads: shoal apply -f FILE\n", status->cli->io.out);
    else
        table_print(&table, status->cli, true);
    table_fini(&table);
}

/* ---- the whole */

static void show_headline(struct status *status)
{
    FILE *out = status->cli->io.out;
    struct buf cluster = BUF_INIT;
    size_t alive = 0;
    size_t count = json_array_size(status->nodes);
    for (size_t i = 0; i < count; i++)
        alive += strcmp(field_text(json_array_get(status->nodes, i), "status.shoal.state"),
                        "alive") == 0;
    output_plain(&cluster, field_text(status->gossip, "clusterId"));
    (void)fprintf(out, "%sCluster %.8s%s: %zu member%s, %zu alive, as seen by ",
                  output_tone(status->cli, TONE_BOLD), buf_text(&cluster),
                  output_tone(status->cli, TONE_NONE), count, count == 1 ? "" : "s", alive);
    buf_clear(&cluster);
    output_plain(&cluster, field_text(status->gossip, "node"));
    (void)fprintf(out, "%s\n\n", buf_text(&cluster));
    buf_fini(&cluster);
}

static void show(struct status *status)
{
    FILE *out = status->cli->io.out;
    show_headline(status);
    show_members(status);
    show_workloads(status);
    if (field_true(status->gossip, "holding"))
        trouble(status,
                "healing is held: many members vanished at once, this may be a cut network");
    if (status->troubles_count == 0)
        (void)fprintf(out, "\n%sAll is well.%s\n", output_tone(status->cli, TONE_GOOD),
                      output_tone(status->cli, TONE_NONE));
    else
        (void)fprintf(out, "\n%sNot well%s\n%s", output_tone(status->cli, TONE_BAD),
                      output_tone(status->cli, TONE_NONE), buf_text(&status->troubles));
    if (status->troubles_count > TROUBLES_SHOWN_MAX)
        (void)fprintf(out, "  and %zu more\n", status->troubles_count - TROUBLES_SHOWN_MAX);
}

static int show_json(const struct status *status)
{
    json_t *json =
        json_pack("{s:O, s:O, s:O, s:O}", "gossip", status->gossip, "nodes", status->nodes,
                  "deployments", status->deployments, "pods", status->pods);
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (text != NULL)
        (void)fprintf(status->cli->io.out, "%s\n", text);
    free(text);
    json_decref(json);
    return text != NULL ? CLI_OK : CLI_FAILURE;
}

static int run_status(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct status status = {.cli = cli, .now_wall_ms = cli->io.now_wall_ms()};
    int code = CLI_OK;
    if (cli_connect(cli, arguments, &client, &error) < 0 ||
        client_get(client, "/shoal/v1/gossip", &status.gossip, &error) < 0 ||
        resource_list(client, spec_kind_info(SPEC_KIND_NODE), NULL, &status.nodes, &error) < 0 ||
        resource_list(client, spec_kind_info(SPEC_KIND_DEPLOYMENT), NULL, &status.deployments,
                      &error) < 0 ||
        resource_list(client, spec_kind_info(SPEC_KIND_POD), NULL, &status.pods, &error) < 0)
        code = cli_fail(cli, &error);
    else if (cli_value(arguments, "output") != NULL)
        code = show_json(&status);
    else
        show(&status);
    json_decref(status.gossip);
    json_decref(status.nodes);
    json_decref(status.deployments);
    json_decref(status.pods);
    buf_fini(&status.troubles);
    return code;
}

const struct cli_command command_status = {
    .name = "status",
    .synopsis = "",
    .summary = "show the cluster on one screen: members, capacity, workloads, troubles",
    .description =
        "Of each node: what its pods have taken of what it has. Of each workload: how much of\n"
        "it is ready, and where. Below: what is not well, and why.",
    .examples = "shoal status\n"
                "shoal status --server host2 --token-file token     # as another member sees it",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_status,
};
