/* shoal gossip trace: the protocol's events as they happen, from any node through any agent. */
#include <string.h>
#include <time.h>

#include "client.h"
#include "field.h"
#include "output.h"
#include "resource.h"
#include "when.h"

#define LINE_BYTES_MAX ((size_t)1 << 20)

static const struct cli_option options[] = {
    {.name = "for", .value = "DURATION", .help = "end after this, such as 10s [never]"},
    {.name = "node",
     .value = "NAME",
     .help = "follow this node's protocol [that of the agent asked]"},
    {.name = "output",
     .letter = 'o',
     .value = "json",
     .help = "an object a line, as the agent tells it"},
    {.name = NULL},
};

struct follow {
    struct cli *cli;
    bool raw;
    struct buf rest; /* of a line that has not ended */
};

static void put_time(struct buf *text, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    buf_printf(text, "%02d:%02d:%02d.%03d  ", utc.tm_hour, utc.tm_min, utc.tm_sec,
               (int)(wall_ms % 1000));
}

/* "12:00:00.123  m2 <- ping  seq=3", with an arrow the way the message goes. */
static void show_event(const struct follow *follow, const json_t *event)
{
    const char *direction = field_text(event, "direction");
    struct buf text = BUF_INIT, plain = BUF_INIT;
    if (strcmp(field_text(event, "event"), "lost") == 0) {
        (void)fprintf(follow->cli->io.out, "(%lld events were too many to be told)\n",
                      (long long)field_number(event, "count", 0));
        return;
    }
    put_time(&text, field_number(event, "wallMs", 0));
    buf_printf(&text, "%-12s %s %-12s %s", field_text(event, "peer"),
               strcmp(direction, "in") == 0    ? "->"
               : strcmp(direction, "out") == 0 ? "<-"
                                               : "  ",
               field_text(event, "event"), field_text(event, "detail"));
    output_plain(&plain, buf_text(&text));
    (void)fprintf(follow->cli->io.out, "%s\n", buf_text(&plain));
    buf_fini(&text);
    buf_fini(&plain);
}

static void show_line(const struct follow *follow, const char *line, size_t size_bytes)
{
    json_t *event = json_loadb(line, size_bytes, 0, NULL);
    if (event == NULL)
        return;
    if (follow->raw)
        (void)fprintf(follow->cli->io.out, "%.*s\n", (int)size_bytes, line);
    else
        show_event(follow, event);
    json_decref(event);
}

static bool on_events(void *context, struct bytes data)
{
    struct follow *follow = context;
    size_t used_bytes = 0;
    buf_append(&follow->rest, data.data, data.size_bytes);
    const char *text = buf_text(&follow->rest);
    for (const char *end; (end = strchr(text + used_bytes, '\n')) != NULL;
         used_bytes = (size_t)(end - text) + 1)
        show_line(follow, text + used_bytes, (size_t)(end - text) - used_bytes);
    buf_consume(&follow->rest, used_bytes);
    return !follow->rest.overflowed && fflush(follow->cli->io.out) == 0;
}

static int make_path(const struct cli_arguments *arguments, struct buf *path, struct error *error)
{
    const char *duration = cli_value(arguments, "for");
    const char *node = cli_value(arguments, "node");
    uint64_t duration_ms = 0;
    if (duration != NULL && when_parse_duration(duration, &duration_ms, error) < 0)
        return error_prefix(error, "--for");
    buf_printf(path,
               "/shoal/v1/gossip/trace?durationMs=%llu&node=", (unsigned long long)duration_ms);
    resource_escape(path, node != NULL ? node : "");
    return 0;
}

static int follow_events(struct client *client, const char *path, struct follow *follow,
                         struct error *error)
{
    struct client_response response;
    const struct client_request request = {
        .method = "GET",
        .path = path,
        .on_body = on_events,
        .context = follow,
        .silence_ms_max = CLIENT_SILENCE_NEVER,
    };
    if (client_request(client, &request, &response, error) < 0)
        return -1;
    int result = client_response_check(&response, error);
    client_response_fini(&response);
    return result;
}

static int run_gossip_trace(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    struct buf path = BUF_INIT;
    struct follow follow = {.cli = cli, .raw = cli_value(arguments, "output") != NULL};
    int code = CLI_OK;
    buf_init(&follow.rest, LINE_BYTES_MAX);
    if (make_path(arguments, &path, &error) < 0)
        code = cli_misused(cli, arguments, "%s", error.message);
    else if (cli_connect(cli, arguments, &client, &error) < 0 ||
             follow_events(client, buf_text(&path), &follow, &error) < 0)
        code = cli_fail(cli, &error);
    buf_fini(&follow.rest);
    buf_fini(&path);
    return code;
}

const struct cli_command command_gossip_trace = {
    .name = "gossip trace",
    .synopsis = "",
    .summary = "follow the protocol of a node, message by message",
    .description =
        "Every message that the node receives (->) and sends (<-), with its fields, and what\n"
        "it concludes: suspicions, deaths, refutations. Records that travel along (members,\n"
        "objects, claims) are counted. Who reads too slowly loses events and is told how many;\n"
        "the protocol never waits. Ends with --for, or with Ctrl-C.",
    .examples = "shoal gossip trace --for 10s\n"
                "shoal gossip trace --node m3          # asked of any agent\n"
                "shoal gossip trace -o json --for 1m > trace.jsonl",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_gossip_trace,
};
