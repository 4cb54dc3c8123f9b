/* shoal logs */
#include <string.h>

#include "client.h"
#include "field.h"
#include "output.h"
#include "pod_state.h"
#include "resource.h"
#include "when.h"

#define LINES_MAX 1000000000L

static const struct cli_option options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "container", .letter = 'c', .value = "NAME", .help = "which one, if it has several"},
    {.name = "follow", .letter = 'f', .help = "go on as more is written"},
    {.name = "previous", .letter = 'p', .help = "of the container before its last restart"},
    {.name = "tail", .value = "LINES", .help = "only the last lines"},
    {.name = "since", .value = "DURATION", .help = "only what is younger, such as 30s, 5m, 2h"},
    {.name = "timestamps", .help = "begin each line with its time"},
    {.name = NULL},
};

/* ---- which pod */

/* Of a deployment: the first that is ready, else the first. Its name goes into `name`. */
static int choose_pod(struct cli *cli, struct client *client, const char *namespace_name,
                      const char *deployment_name, struct buf *name, struct error *error)
{
    json_t *deployment = NULL;
    json_t *pods = NULL;
    size_t count = 0;
    bool ready = false;
    if (resource_get(client, spec_kind_info(SPEC_KIND_DEPLOYMENT), namespace_name, deployment_name,
                     &deployment, error) < 0)
        return -1;
    const char *uid = field_text(deployment, "metadata.uid");
    int result = resource_list(client, spec_kind_info(SPEC_KIND_POD), namespace_name, &pods, error);
    for (size_t i = 0; i < json_array_size(pods); i++) {
        struct pod_state state;
        const json_t *pod = json_array_get(pods, i);
        if (field_find(field_at(pod, "metadata.ownerReferences"), "uid", uid) == NULL)
            continue;
        pod_state_of(pod, cli->io.now_wall_ms(), &state);
        if (count++ == 0 || (state.well && !ready)) {
            buf_clear(name);
            buf_append_text(name, field_text(pod, "metadata.name"));
            ready = state.well;
        }
    }
    json_decref(deployment);
    json_decref(pods);
    if (result == 0 && count == 0)
        return error_set(error, ERROR_NOT_FOUND,
                         "the deployment %s has no pods ('shoal describe deployment %s' says why)",
                         deployment_name, deployment_name);
    if (result == 0 && count > 1)
        (void)fprintf(cli->io.err, "shoal: %s has %zu pods; this is %s\n", deployment_name, count,
                      buf_text(name));
    return result;
}

static int find_pod(struct cli *cli, struct client *client, const struct cli_arguments *arguments,
                    struct buf *name, struct error *error)
{
    struct resources resources;
    const char *operand = cli_operand(arguments, 0);
    if (strchr(operand, '/') == NULL) {
        buf_append_text(name, operand);
        return 0;
    }
    int result = resources_parse(arguments, &resources, error);
    const struct resource *resource = &resources.items[0];
    if (result == 0 && resource->kind->kind == SPEC_KIND_POD)
        buf_append_text(name, resource->name);
    else if (result == 0 && resource->kind->kind == SPEC_KIND_DEPLOYMENT)
        result =
            choose_pod(cli, client, resource_namespace(arguments), resource->name, name, error);
    else if (result == 0)
        result = error_set(error, ERROR_INVALID, "%s have no logs", resource->kind->plural);
    resources_fini(&resources);
    return result;
}

/* ---- the request */

static int make_path(const struct cli_arguments *arguments, const char *pod, struct buf *path,
                     struct error *error)
{
    long tail = -1;
    uint64_t since_ms = 0;
    const char *since = cli_value(arguments, "since");
    const char *container = cli_value(arguments, "container");
    if (arguments_number(arguments, "tail", 0, LINES_MAX, &tail, error) < 0)
        return -1;
    if (since != NULL && when_parse_duration(since, &since_ms, error) < 0)
        return error_prefix(error, "--since");
    resource_path(spec_kind_info(SPEC_KIND_POD), resource_namespace(arguments), pod, path);
    buf_append_text(path, "/log?");
    if (container != NULL) {
        buf_append_text(path, "container=");
        resource_escape(path, container);
        buf_append_byte(path, '&');
    }
    if (tail >= 0)
        buf_printf(path, "tailLines=%ld&", tail);
    if (since_ms > 0) /* in whole seconds, none of it left out */
        buf_printf(path, "sinceSeconds=%llu&", (unsigned long long)((since_ms + 999) / 1000));
    buf_printf(path, "follow=%s&previous=%s&timestamps=%s",
               cli_flag(arguments, "follow", false) ? "true" : "false",
               cli_flag(arguments, "previous", false) ? "true" : "false",
               cli_flag(arguments, "timestamps", false) ? "true" : "false");
    return 0;
}

/* As it was written, byte by byte. */
static bool on_text(void *context, struct bytes data)
{
    struct cli *cli = context;
    return fwrite(data.data, 1, data.size_bytes, cli->io.out) == data.size_bytes &&
           fflush(cli->io.out) == 0;
}

static int stream(struct cli *cli, struct client *client, const struct cli_arguments *arguments,
                  const char *path, struct error *error)
{
    struct client_response response;
    const struct client_request request = {
        .method = "GET",
        .path = path,
        .on_body = on_text,
        .context = cli,
        .silence_ms_max = cli_flag(arguments, "follow", false) ? CLIENT_SILENCE_NEVER : 0,
    };
    if (client_request(client, &request, &response, error) < 0)
        return -1;
    int result = client_response_check(&response, error);
    client_response_fini(&response);
    return result;
}

static int run_logs(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct buf pod = BUF_INIT;
    struct buf path = BUF_INIT;
    int code = CLI_OK;
    if (cli_operands_count(arguments) != 1 || cli_operand(arguments, 0)[0] == '\0')
        return cli_misused(cli, arguments, "name one pod, or deployment/NAME");
    if (make_path(arguments, "", &path, &error) < 0) /* before anything is asked */
        code = cli_misused(cli, arguments, "%s", error.message);
    buf_clear(&path);
    if (code == CLI_OK && (cli_connect(cli, arguments, &client, &error) < 0 ||
                           find_pod(cli, client, arguments, &pod, &error) < 0 ||
                           make_path(arguments, buf_text(&pod), &path, &error) < 0 ||
                           stream(cli, client, arguments, buf_text(&path), &error) < 0))
        code = cli_fail(cli, &error);
    buf_fini(&pod);
    buf_fini(&path);
    return code;
}

const struct cli_command command_logs = {
    .name = "logs",
    .synopsis = "POD | pod/NAME | deployment/NAME",
    .summary = "print what a container writes to stdout and stderr",
    .description =
        "Any agent has the logs of every pod: it fetches them from the pod's node. For a\n"
        "deployment one of its pods is taken.",
    .examples = "shoal logs web-0\n"
                "shoal logs -f deployment/web\n"
                "shoal logs web-0 --previous --tail 20     # how it ended before its restart\n"
                "shoal logs web-0 --since 5m --timestamps",
    .options = options,
    .operands = CLI_OPERANDS_OTHER,
    .remote = true,
    .run = run_logs,
};
