/* shoal version */
#include "client.h"
#include "output.h"

static const struct cli_option options[] = {
    {.name = "client", .help = "only this program's, without asking an agent"},
    {.name = NULL},
};

static int run_version(struct cli *cli, const struct cli_arguments *arguments)
{
    struct client *client = NULL;
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    (void)fprintf(cli->io.out, "shoal %s\n", cli->program->version);
    if (cli_flag(arguments, "client", false))
        return CLI_OK;
    if (cli_connect(cli, arguments, &client, &error) < 0 ||
        client_get(client, "/version", &json, &error) < 0) {
        (void)fprintf(cli->io.out, "agent: none (%s)\n", error.message);
        return CLI_OK;
    }
    struct buf version = BUF_INIT;
    output_plain(&version, json_string_value(json_object_get(json, "shoalVersion")));
    (void)fprintf(cli->io.out, "agent: shoal %s\n", buf_text(&version));
    buf_fini(&version);
    json_decref(json);
    return CLI_OK;
}

const struct cli_command command_version = {
    .name = "version",
    .synopsis = "",
    .summary = "print the versions of this program and of the agent",
    .description = "That no agent answers is said, but no failure.",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_version,
};
