/* shoal node ban, shoal node unban */
#include <string.h>

#include "client.h"
#include "field.h"
#include "resource.h"
#include "table.h"
#include "when.h"

static int change(struct cli *cli, const struct cli_arguments *arguments, const char *method,
                  const char *reason, struct error *error)
{
    struct client *client = NULL;
    struct client_response response = {.status = 0};
    struct buf path = BUF_INIT;
    buf_append_text(&path, "/shoal/v1/nodes/");
    resource_escape(&path, cli_operand(arguments, 0));
    buf_append_text(&path, "/ban");
    if (reason != NULL) {
        buf_append_text(&path, "?reason=");
        resource_escape(&path, reason);
    }
    const struct client_request request = {.method = method, .path = buf_text(&path)};
    int result = cli_connect(cli, arguments, &client, error);
    if (result == 0)
        result = client_request(client, &request, &response, error);
    if (result == 0) {
        result = client_response_check(&response, error);
        client_response_fini(&response);
    }
    buf_fini(&path);
    return result;
}

static void show_bans(struct cli *cli, const json_t *list)
{
    static const char *const headers[] = {"NAME", "ID", "SINCE", "BY", "REASON"};
    struct table table;
    size_t index = 0;
    json_t *ban = NULL;
    table_init(&table);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    json_array_foreach(field_at(list, "items"), index, ban)
    {
        char age[WHEN_TEXT_BYTES_MAX];
        table_cell(&table, TONE_BOLD, "%s", field_text(ban, "name"));
        table_cell(&table, TONE_NONE, "%s", field_text(ban, "node"));
        table_cell(&table, TONE_NONE, "%s",
                   when_format_age(field_text(ban, "since"), cli->io.now_wall_ms(), age));
        table_cell(&table, TONE_NONE, "%s", field_text(ban, "by"));
        table_cell(&table, TONE_NONE, "%s", field_text(ban, "reason"));
    }
    table_print(&table, cli, true);
    table_fini(&table);
}

static int run_ban(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    json_t *list = NULL;
    if (cli_operands_count(arguments) > 1)
        return cli_misused(cli, arguments, "name one node");
    if (cli_operands_count(arguments) == 1) {
        const char *reason = cli_value(arguments, "reason");
        if (change(cli, arguments, "PUT", reason != NULL ? reason : "", &error) < 0)
            return cli_fail(cli, &error);
        cli_print(cli, "banned; it still holds the cluster's key and can read what is sent: run "
                       "`shoal key rotate`");
        return CLI_OK;
    }
    if (cli_connect(cli, arguments, &client, &error) < 0 ||
        client_get(client, "/shoal/v1/bans", &list, &error) < 0)
        return cli_fail(cli, &error);
    show_bans(cli, list);
    json_decref(list);
    return CLI_OK;
}

static int run_unban(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    if (cli_operands_count(arguments) != 1)
        return cli_misused(cli, arguments, "name one node");
    if (change(cli, arguments, "DELETE", NULL, &error) < 0)
        return cli_fail(cli, &error);
    cli_print(cli, "no longer banned; if the key was changed meanwhile, it needs a new token");
    return CLI_OK;
}

static const struct cli_option ban_options[] = {
    {.name = "reason", .value = "TEXT", .help = "shown to whoever asks"},
    {.name = NULL},
};

static const struct cli_option unban_options[] = {{.name = NULL}};

const struct cli_command command_node_ban = {
    .name = "node ban",
    .synopsis = "[NAME|ID]",
    .summary = "shut a node out by its key; without a name: list who is",
    .description =
        "All members drop what it sends and refuse its streams; its record and its pods'\n"
        "claims do not count, so that others take its pods over at once. It is kept on\n"
        "every member and survives restarts. The node still holds the cluster's key:\n"
        "rotate it, too.",
    .examples = "shoal node ban worker-7 --reason 'found rooted' && shoal key rotate",
    .options = ban_options,
    .operands = CLI_OPERANDS_OTHER,
    .remote = true,
    .run = run_ban,
};

const struct cli_command command_node_unban = {
    .name = "node unban",
    .synopsis = "NAME|ID",
    .summary = "let a banned node in again",
    .description = "Members contact it again by themselves, if it still has the cluster's key.",
    .options = unban_options,
    .operands = CLI_OPERANDS_OTHER,
    .remote = true,
    .run = run_unban,
};
