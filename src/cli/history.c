/* shoal history */
#include <stdlib.h>

#include "field.h"
#include "resource.h"
#include "table.h"
#include "when.h"

static const struct cli_option options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "output", .letter = 'o', .value = "json", .help = "with the whole objects"},
    {.name = NULL},
};

static void show(struct cli *cli, const json_t *versions)
{
    static const char *const headers[] = {"VERSION", "WRITTEN",    "AGE",
                                          "BY",      "GENERATION", "OUTCOME"};
    struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *version = json_array_get(versions, i);
        const char *outcome = field_text(version, "outcome");
        const char *written = field_text(version, "writtenAt");
        char age[WHEN_TEXT_BYTES_MAX];
        table_cell(&table, TONE_NONE, "%s", field_text(version, "resourceVersion"));
        table_cell(&table, TONE_NONE, "%s", written);
        table_cell(&table, TONE_NONE, "%s", when_format_age(written, cli->io.now_wall_ms(), age));
        table_cell(&table, TONE_NONE, "%s", field_text(version, "writer"));
        table_cell(&table, TONE_NONE, "%lld", (long long)field_number(version, "generation", 0));
        table_cell(&table, outcome[0] == 'C' && outcome[1] == 'o' ? TONE_WARN : TONE_NONE, "%s",
                   outcome);
    }
    table_print(&table, cli, true);
    table_fini(&table);
}

static int run_history(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct resources resources;
    struct client *client = NULL;
    json_t *history = NULL;
    struct buf path = BUF_INIT;
    int result = resources_parse(arguments, &resources, &error);
    if (result == 0 && (resources.count != 1 || resources.items[0].name == NULL)) {
        resources_fini(&resources);
        return cli_misused(cli, arguments, "say of what: shoal history KIND NAME");
    }
    if (result == 0)
        result = cli_connect(cli, arguments, &client, &error);
    if (result == 0) {
        resource_path(resources.items[0].kind, resource_namespace(arguments),
                      resources.items[0].name, &path);
        buf_append_text(&path, "/history");
        result = client_get(client, buf_text(&path), &history, &error);
    }
    char *text = result == 0 && cli_value(arguments, "output") != NULL
                     ? json_dumps(history, JSON_INDENT(2) | JSON_SORT_KEYS)
                     : NULL;
    if (text != NULL)
        (void)fprintf(cli->io.out, "%s\n", text);
    else if (result == 0)
        show(cli, field_at(history, "items"));
    free(text);
    json_decref(history);
    buf_fini(&path);
    resources_fini(&resources);
    return result < 0 ? cli_fail(cli, &error) : CLI_OK;
}

const struct cli_command command_history = {
    .name = "history",
    .synopsis = "KIND NAME | KIND/NAME",
    .summary = "show the versions of an object: who wrote each, when, and what became of it",
    .description =
        "As far as the agent asked remembers them: at most ten earlier ones. Replaced: whoever "
        "wrote\n"
        "the next had seen it. ConflictLost: it was written at the same time as another one, on\n"
        "another machine, and the other one won; with -o json it can be taken up again.",
    .examples = "shoal history deployment web\n"
                "shoal history deploy/web -o json",
    .options = options,
    .operands = CLI_OPERANDS_KINDS,
    .remote = true,
    .run = run_history,
};
