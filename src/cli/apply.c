/* shoal apply */
#include <string.h>

#include "ack.h"
#include "client.h"
#include "manifests.h"
#include "output.h"
#include "resource.h"

#define LEFT_SHOWN_MAX 20 /* of what was not applied after a refusal */

static const struct cli_option options[] = {
    {.name = "filename",
     .letter = 'f',
     .value = "FILE",
     .help = "a file, a folder (its *.yaml, *.yml and *.json), or - for stdin",
     .many = true},
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "for objects that name none"},
    ACK_OPTIONS,
    {.name = "dry-run", .help = "let the agent check everything and change nothing"},
    {.name = NULL},
};

struct apply {
    struct cli *cli;
    struct client *client;
    const struct manifests *manifests;
    bool dry_run;
    struct buf query; /* of every request */
};

/* A namespace of this very command is not there yet when nothing is really changed. */
static bool waits_for_namespace(const struct apply *apply, const struct spec_key *key)
{
    for (size_t i = 0; i < apply->manifests->count; i++) {
        const struct spec_key *other = &apply->manifests->items[i].object.key;
        if (other->kind == SPEC_KIND_NAMESPACE && strcmp(other->name, key->namespace_name) == 0)
            return apply->dry_run;
    }
    return false;
}

static void say_warnings(const struct apply *apply, const struct client_response *response)
{
    for (size_t i = 0; i < response->warnings_count; i++)
        if (!manifests_said(apply->manifests, response->warnings[i]))
            output_warning(apply->cli, response->warnings[i]);
}

static void say_result(const struct apply *apply, const struct spec_key *key, const char *result)
{
    struct buf title = BUF_INIT;
    resource_title(spec_kind_info(key->kind), key->name, &title);
    (void)fprintf(apply->cli->io.out, "%s %s%s\n", buf_text(&title), result,
                  apply->dry_run ? " (dry run)" : "");
    buf_fini(&title);
}

static int apply_one(const struct apply *apply, const struct manifest_object *item,
                     struct error *error)
{
    struct client_response response;
    const struct spec_key *key = &item->object.key;
    struct buf path = BUF_INIT;
    resource_path(spec_kind_info(key->kind), key->namespace_name, key->name, &path);
    buf_append_text(&path, buf_text(&apply->query));
    const struct client_request request = {
        .method = "PATCH",
        .path = buf_text(&path),
        .content_type = "application/apply-patch+yaml",
        .body = {(const uint8_t *)item->object.canonical, item->object.size_bytes},
    };
    int result = client_request(apply->client, &request, &response, error);
    buf_fini(&path);
    if (result < 0)
        return -1;
    say_warnings(apply, &response);
    result = client_response_check(&response, error);
    if (result == 0)
        say_result(apply, key, response.result[0] != '\0' ? response.result : "configured");
    else if (error->code == ERROR_NOT_FOUND && waits_for_namespace(apply, key)) {
        say_result(apply, key, "created");
        result = 0;
    }
    client_response_fini(&response);
    return result;
}

/* The agent did not take the object `index`: what is applied was said; what is not is said here. */
static void say_refusal(const struct apply *apply, size_t index, struct error *error)
{
    const struct manifests *manifests = apply->manifests;
    const struct manifest_object *item = &manifests->items[index];
    FILE *err = apply->cli->io.err;
    struct buf title = BUF_INIT;
    resource_title(spec_kind_info(item->object.key.kind), item->object.key.name, &title);
    (void)error_prefix(error, "%s:%u:%u: %s", item->file, item->object.position.line,
                       item->object.position.column, buf_text(&title));
    (void)cli_fail(apply->cli, error);
    for (size_t i = index + 1; i < manifests->count && i <= index + LEFT_SHOWN_MAX; i++) {
        const struct spec_key *key = &manifests->items[i].object.key;
        buf_clear(&title);
        resource_title(spec_kind_info(key->kind), key->name, &title);
        (void)fprintf(err, "not applied: %s\n", buf_text(&title));
    }
    if (manifests->count > index + 1 + LEFT_SHOWN_MAX)
        (void)fprintf(err, "not applied: %zu more\n",
                      manifests->count - index - 1 - LEFT_SHOWN_MAX);
    buf_fini(&title);
}

static int apply_all(const struct apply *apply)
{
    for (size_t i = 0; i < apply->manifests->count; i++) {
        struct error error = ERROR_INIT;
        if (apply_one(apply, &apply->manifests->items[i], &error) < 0) {
            say_refusal(apply, i, &error);
            return CLI_FAILURE;
        }
    }
    return CLI_OK;
}

static int run_apply(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct manifests manifests;
    struct apply apply = {
        .cli = cli,
        .manifests = &manifests,
        .dry_run = cli_flag(arguments, "dry-run", false),
        .query = BUF_INIT,
    };
    if (cli_values_count(arguments, "filename") == 0)
        return cli_misused(cli, arguments, "say what to apply: -f FILE, a folder, or -");
    buf_printf(&apply.query, "?fieldManager=shoal&force=true%s",
               apply.dry_run ? "&dryRun=All" : "");
    if (ack_put_query(arguments, '&', &apply.query, &error) < 0)
        return cli_misused(cli, arguments, "%s", error.message);
    int code = manifests_load(cli, arguments, &manifests);
    if (code == CLI_OK && cli_connect(cli, arguments, &apply.client, &error) < 0)
        code = cli_fail(cli, &error);
    if (code == CLI_OK)
        code = apply_all(&apply);
    manifests_fini(&manifests);
    buf_fini(&apply.query);
    return code;
}

const struct cli_command command_apply = {
    .name = "apply",
    .synopsis = "-f FILE",
    .summary = "make the cluster what manifests say",
    .description =
        "Takes Kubernetes YAML or JSON. Everything is checked first: if anything is wrong, it is\n"
        "said with file, line, column and field, and nothing is applied. Applying the same again\n"
        "changes nothing. Namespaces are made before what is in them. The answer comes when the\n"
        "agent has it on disk, or with --ack when others have it, too.",
    .examples = "shoal apply -f web.yaml\n"
                "shoal apply -f web.yaml --ack majority    # survives the loss of this machine\n"
                "shoal apply -f manifests/ -f extra.json\n"
                "sed 's/web:1/web:2/' web.yaml | shoal apply -f -\n"
                "shoal apply -f web.yaml --dry-run",
    .options = options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_apply,
};
