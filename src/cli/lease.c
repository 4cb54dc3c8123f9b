/* shoal lease list, shoal lease show, shoal lease reset: strong leases (proto/registers.md 5). */
#include <string.h>

#include "field.h"
#include "resource.h"
#include "table.h"
#include "when.h"

#define LEASES "/apis/coordination.k8s.io/v1"

static const struct cli_option list_options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "all-namespaces", .letter = 'A', .help = "look everywhere"},
    {.name = "output", .letter = 'o', .value = "json|yaml", .help = "whole objects"},
    {.name = NULL},
};

static const struct cli_option show_options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "of the lease [default]"},
    {.name = "output", .letter = 'o', .value = "json|yaml", .help = "the whole object"},
    {.name = NULL},
};

static const struct cli_option reset_options[] = {
    {.name = "voters-are-lost",
     .help = "the other voters are dead, not cut off, and do not come back"},
    {.name = NULL},
};

/* ---- what a lease is now */

static bool is_held(const json_t *lease)
{
    return field_text(lease, "spec.holderIdentity")[0] != '\0';
}

/* Others may take it from then on; below zero: since then. */
static int64_t left_ms(const json_t *lease)
{
    int64_t duration_ms = field_number(lease, "shoal.durationMs", 0);
    return duration_ms + duration_ms / 100 + 2 - field_number(lease, "shoal.ageMs", 0);
}

static const char *state_of(const json_t *lease)
{
    return !is_held(lease) ? "released" : left_ms(lease) > 0 ? "held" : "expired";
}

static enum tone tone_of(const json_t *lease)
{
    return is_held(lease) && left_ms(lease) > 0 ? TONE_GOOD : TONE_NONE;
}

static const char *left_text(const json_t *lease, char text[static WHEN_TEXT_BYTES_MAX])
{
    int64_t ms = left_ms(lease);
    return is_held(lease) && ms > 0 ? when_format_duration((uint64_t)ms, text) : "-";
}

static const char *token_of(const json_t *lease)
{
    const json_t *annotations = field_at(lease, "metadata.annotations");
    const char *token = json_string_value(json_object_get(annotations, "shoal.dev/fencing-token"));
    return token == NULL ? "" : token;
}

/* ---- list */

static void add_row(const json_t *lease, bool namespaces, struct table *table)
{
    char left[WHEN_TEXT_BYTES_MAX];
    char duration[WHEN_TEXT_BYTES_MAX];
    if (namespaces)
        table_cell(table, TONE_NONE, "%s", field_text(lease, "metadata.namespace"));
    table_cell(table, TONE_NONE, "%s", field_text(lease, "metadata.name"));
    table_cell(table, tone_of(lease), "%s", state_of(lease));
    table_cell(table, TONE_NONE, "%s",
               is_held(lease) ? field_text(lease, "spec.holderIdentity") : "-");
    table_cell(table, TONE_NONE, "%s", left_text(lease, left));
    table_cell(
        table, TONE_NONE, "%s",
        when_format_duration((uint64_t)field_number(lease, "shoal.durationMs", 0), duration));
    table_cell(table, TONE_NONE, "%s", token_of(lease));
}

static void show_voters(struct cli *cli, const json_t *roster)
{
    struct buf text = BUF_INIT;
    const json_t *voters = field_at(roster, "voters");
    size_t count = json_array_size(voters);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        buf_append_text(&text, i > 0 ? ", " : "");
        output_plain(&text, json_string_value(json_array_get(voters, i)));
    }
    (void)fprintf(cli->io.out, "\nVoters: %s (%zu of %zu must answer; epoch %lld%s)\n",
                  buf_text(&text), count / 2 + 1, count,
                  (long long)field_number(roster, "epoch", 0),
                  json_array_size(field_at(roster, "next")) > 0 ? ", being changed" : "");
    buf_fini(&text);
}

static void show_list(struct cli *cli, const json_t *list, bool namespaces)
{
    static const char *const headers[] = {"NAME", "STATE", "HOLDER", "LEFT", "DURATION", "TOKEN"};
    struct table table;
    const json_t *items = field_at(list, "items");
    table_init(&table);
    if (namespaces)
        table_column(&table, "NAMESPACE");
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    for (size_t i = 0; i < json_array_size(items); i++)
        add_row(json_array_get(items, i), namespaces, &table);
    if (table_is_empty(&table))
        (void)fprintf(cli->io.out, "No leases%s.\n", namespaces ? "" : " in this namespace");
    else
        table_print(&table, cli, true);
    show_voters(cli, field_at(list, "roster"));
    table_fini(&table);
}

static int run_list(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct buf path = BUF_INIT;
    json_t *list = NULL;
    const char *output = cli_value(arguments, "output");
    bool everywhere = cli_flag(arguments, "all-namespaces", false);
    buf_append_text(&path, LEASES);
    if (!everywhere) {
        buf_append_text(&path, "/namespaces/");
        resource_escape(&path, resource_namespace(arguments));
    }
    buf_append_text(&path, "/leases");
    int result = cli_connect(cli, arguments, &client, &error);
    if (result == 0)
        result = client_get(client, buf_text(&path), &list, &error);
    if (result == 0 && output != NULL)
        result = output_document(cli, list, output[0] == 'y', &error);
    else if (result == 0)
        show_list(cli, list, everywhere);
    json_decref(list);
    buf_fini(&path);
    return result < 0 ? cli_fail(cli, &error) : CLI_OK;
}

/* ---- show */

static void line(struct cli *cli, const char *name, const char *value)
{
    struct buf text = BUF_INIT;
    output_plain(&text, value);
    (void)fprintf(cli->io.out, "%-14s %s\n", name, buf_text(&text));
    buf_fini(&text);
}

static void show_one(struct cli *cli, const json_t *lease)
{
    char left[WHEN_TEXT_BYTES_MAX];
    char text[64];
    line(cli, "Name:", field_text(lease, "metadata.name"));
    line(cli, "Namespace:", field_text(lease, "metadata.namespace"));
    line(cli, "State:", state_of(lease));
    line(cli, "Holder:", is_held(lease) ? field_text(lease, "spec.holderIdentity") : "-");
    line(cli, "Left:", left_text(lease, left));
    line(cli, "Duration:",
         when_format_duration((uint64_t)field_number(lease, "shoal.durationMs", 0), text));
    line(cli, "Token:", token_of(lease));
    line(cli, "Acquired:", field_text(lease, "spec.acquireTime"));
    line(cli, "Renewed:", field_text(lease, "spec.renewTime"));
    (void)snprintf(text, sizeof(text), "%lld",
                   (long long)field_number(lease, "spec.leaseTransitions", 0));
    line(cli, "Transitions:", text);
    line(cli, "Version:", field_text(lease, "metadata.resourceVersion"));
}

static int run_show(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct buf path = BUF_INIT;
    json_t *lease = NULL;
    const char *output = cli_value(arguments, "output");
    if (cli_operands_count(arguments) != 1)
        return cli_misused(cli, arguments, "one lease is shown at a time: shoal lease show NAME");
    buf_append_text(&path, LEASES "/namespaces/");
    resource_escape(&path, resource_namespace(arguments));
    buf_append_text(&path, "/leases/");
    resource_escape(&path, cli_operand(arguments, 0));
    int result = cli_connect(cli, arguments, &client, &error);
    if (result == 0)
        result = client_get(client, buf_text(&path), &lease, &error);
    if (result == 0 && output != NULL)
        result = output_document(cli, lease, output[0] == 'y', &error);
    else if (result == 0)
        show_one(cli, lease);
    json_decref(lease);
    buf_fini(&path);
    return result < 0 ? cli_fail(cli, &error) : CLI_OK;
}

/* ---- reset */

static int run_reset(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct client_response response;
    const struct client_request request = {.method = "POST",
                                           .path = "/shoal/v1/roster/reset?voters-are-lost=true"};
    int result = 0;
    if (!cli_flag(arguments, "voters-are-lost", false)) {
        result = error_set(&error, ERROR_INVALID,
                           "this makes the agent's node the only voter on leases. What only the "
                           "other voters knew is lost, and a "
                           "holder they granted a lease to may still believe in it: be sure that "
                           "they are dead and stay so, wait "
                           "for the longest lease, then say --voters-are-lost");
        return cli_fail(cli, &error);
    }
    result = cli_connect(cli, arguments, &client, &error);
    if (result == 0 && (result = client_request(client, &request, &response, &error)) == 0) {
        result = client_response_check(&response, &error);
        client_response_fini(&response);
    }
    if (result < 0)
        return cli_fail(cli, &error);
    (void)fprintf(cli->io.out,
                  "This node alone votes on leases now; others get votes as they prove stable.\n");
    return CLI_OK;
}

const struct cli_command command_lease_list = {
    .name = "lease list",
    .synopsis = "",
    .summary = "list leases: who holds what, for how long, and who votes on them",
    .description =
        "A lease has at most one holder at a time, in partitions too, because a majority of a few\n"
        "voters decides on it. Asking needs that majority as well. LEFT is the time until others\n"
        "may take it; the token rises with every grant.",
    .examples = "shoal lease list\n"
                "shoal lease list -A -o json",
    .options = list_options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_list,
};

const struct cli_command command_lease_show = {
    .name = "lease show",
    .synopsis = "NAME",
    .summary = "show one lease",
    .description =
        "Holder, token and times of one lease, as a majority of the voters has them now.",
    .examples = "shoal lease show controller -n kube-system",
    .options = show_options,
    .operands = CLI_OPERANDS_OTHER,
    .remote = true,
    .run = run_show,
};

const struct cli_command command_lease_reset = {
    .name = "lease reset",
    .synopsis = "",
    .summary = "give lost voters up and let this agent's node decide on leases",
    .description =
        "Only when a majority of the voters is lost for good: nothing else can go on then. What "
        "only\n"
        "the lost ones knew is gone, and who got a lease from them may still believe in it, so "
        "wait\n"
        "for the longest lease first. Voters that are only cut off must not be given up.",
    .examples = "shoal lease reset --voters-are-lost",
    .options = reset_options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_reset,
};
