/* shoal delete */
#include <string.h>

#include "ack.h"
#include "base/memory.h"
#include "client.h"
#include "field.h"
#include "manifests.h"
#include "output.h"
#include "resource.h"
#include "when.h"

#define POLL_MS      200
#define TIMEOUT_TEXT "2m"
/* The pods that keep a delete waiting are named up to this many. */
#define WAITING_SHOWN_MAX 5

static const struct cli_option options[] = {
    {.name = "filename",
     .letter = 'f',
     .value = "FILE",
     .help = "what this file, folder or - (stdin) names",
     .many = true},
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "wait", .help = "until the pods have ended, too [true]"},
    {.name = "timeout", .value = "DURATION", .help = "of the wait [" TIMEOUT_TEXT "]"},
    ACK_OPTIONS,
    {.name = "ignore-not-found", .help = "what is not there is no failure"},
    {.name = NULL},
};

/* What was deleted and whose pods still may run. */
struct gone {
    enum spec_kind kind;
    char *namespace_name; /* of its pods */
    char *uid;
};

struct deletion {
    struct cli *cli;
    struct client *client;
    bool ignore_not_found;
    struct buf query; /* of every request; may be empty */
    struct gone *gone;
    size_t gone_count, gone_capacity;
    int code;
};

static void note_gone(struct deletion *deletion, enum spec_kind kind, const char *namespace_name,
                      const char *uid)
{
    MEM_GROW(deletion->gone, deletion->gone_count, deletion->gone_capacity);
    deletion->gone[deletion->gone_count++] = (struct gone){
        .kind = kind, .namespace_name = mem_strdup(namespace_name), .uid = mem_strdup(uid)};
}

static void note_answer(struct deletion *deletion, enum spec_kind kind, const char *namespace_name,
                        const char *name, const struct client_response *response)
{
    json_t *json = json_loadb(buf_text(&response->body), response->body.size_bytes, 0, NULL);
    if (kind == SPEC_KIND_NAMESPACE)
        note_gone(deletion, kind, name, "");
    else if (kind == SPEC_KIND_DEPLOYMENT)
        note_gone(deletion, kind, namespace_name, field_text(json, "metadata.uid"));
    json_decref(json);
}

/* A pod is known by the uid it has before: one that is made again under the same name is another.
 */
static void note_pod(struct deletion *deletion, const char *namespace_name, const char *name)
{
    struct error error = ERROR_INIT;
    json_t *pod = NULL;
    if (resource_get(deletion->client, spec_kind_info(SPEC_KIND_POD), namespace_name, name, &pod,
                     &error) == 0)
        note_gone(deletion, SPEC_KIND_POD, namespace_name, field_text(pod, "metadata.uid"));
    json_decref(pod);
}

static void delete_one(struct deletion *deletion, const struct spec_kind_info *kind,
                       const char *namespace_name, const char *name)
{
    struct error error = ERROR_INIT;
    struct client_response response;
    struct buf path = BUF_INIT;
    if (kind->kind == SPEC_KIND_POD)
        note_pod(deletion, namespace_name, name);
    resource_path(kind, namespace_name, name, &path);
    buf_append_text(&path, buf_text(&deletion->query));
    const struct client_request request = {.method = "DELETE", .path = buf_text(&path)};
    int result = client_request(deletion->client, &request, &response, &error);
    buf_fini(&path);
    if (result == 0) {
        result = client_response_check(&response, &error);
        if (result == 0)
            note_answer(deletion, kind->kind, namespace_name, name, &response);
        client_response_fini(&response);
    }
    if (result == 0)
        (void)fprintf(deletion->cli->io.out, "%s%s%s \"%s\" deleted\n", kind->singular,
                      kind->group[0] != '\0' ? "." : "", kind->group, name);
    else if (error.code != ERROR_NOT_FOUND || !deletion->ignore_not_found)
        deletion->code = cli_fail(deletion->cli, &error);
}

/* ---- waiting for the pods */

static bool belongs(const struct gone *gone, const json_t *pod)
{
    if (strcmp(field_text(pod, "metadata.namespace"), gone->namespace_name) != 0)
        return false;
    if (gone->kind == SPEC_KIND_NAMESPACE)
        return true;
    if (gone->kind == SPEC_KIND_POD)
        return strcmp(field_text(pod, "metadata.uid"), gone->uid) == 0;
    return field_find(field_at(pod, "metadata.ownerReferences"), "uid", gone->uid) != NULL;
}

/* How many are left; their names are appended. */
static size_t count_left(const struct deletion *deletion, const json_t *pods, struct buf *names)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(pods); i++) {
        const json_t *pod = json_array_get(pods, i);
        bool left = false;
        for (size_t j = 0; j < deletion->gone_count && !left; j++)
            left = belongs(&deletion->gone[j], pod);
        if (left && count < WAITING_SHOWN_MAX) {
            buf_append_byte(names, ' ');
            output_plain(names, field_text(pod, "metadata.name"));
        } else if (left && count == WAITING_SHOWN_MAX) {
            buf_append_text(names, " ...");
        }
        count += left;
    }
    return count;
}

static int look(struct deletion *deletion, size_t *ret_left, struct buf *names, struct error *error)
{
    json_t *pods = NULL;
    if (resource_list(deletion->client, spec_kind_info(SPEC_KIND_POD), NULL, &pods, error) < 0)
        return -1;
    buf_clear(names);
    *ret_left = count_left(deletion, pods, names);
    json_decref(pods);
    return 0;
}

static int await_end(struct deletion *deletion, uint64_t timeout_ms, const char *timeout)
{
    struct error error = ERROR_INIT;
    struct buf names = BUF_INIT;
    size_t left = 1;
    uint64_t until_ms = client_now_ms(deletion->client) + timeout_ms;
    int result = 0;
    (void)fflush(deletion->cli->io.out);
    while (result == 0 && left > 0) {
        result = look(deletion, &left, &names, &error);
        if (result < 0 || left == 0)
            break;
        output_progress(deletion->cli, "waiting for %zu pod%s to end:%s", left, left > 1 ? "s" : "",
                        buf_text(&names));
        if (client_now_ms(deletion->client) >= until_ms) {
            result =
                error_set(&error, ERROR_TIMEOUT, "deleted, but after %s %zu pod%s still there:%s",
                          timeout, left, left > 1 ? "s are" : " is", buf_text(&names));
            break;
        }
        client_sleep(deletion->client, POLL_MS);
    }
    output_progress_end(deletion->cli);
    buf_fini(&names);
    return result < 0 ? cli_fail(deletion->cli, &error) : CLI_OK;
}

/* ---- the command */

static int delete_files(struct deletion *deletion, const struct cli_arguments *arguments)
{
    struct manifests manifests;
    int code = manifests_load(deletion->cli, arguments, &manifests);
    for (size_t i = manifests.count; code == CLI_OK && i-- > 0;) {
        const struct spec_key *key = &manifests.items[i].object.key;
        delete_one(deletion, spec_kind_info(key->kind), key->namespace_name, key->name);
    }
    manifests_fini(&manifests);
    return code;
}

static int delete_named(struct deletion *deletion, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct resources resources;
    int code = CLI_OK;
    if (resources_parse(arguments, &resources, &error) < 0)
        code = error.code == ERROR_INVALID
                   ? cli_misused(deletion->cli, arguments, "%s", error.message)
                   : cli_fail(deletion->cli, &error);
    else if (resources.items[0].name == NULL)
        code = cli_misused(deletion->cli, arguments, "name what to delete: KIND NAME, or -f FILE");
    for (size_t i = 0; code == CLI_OK && i < resources.count; i++)
        delete_one(deletion, resources.items[i].kind, resource_namespace(arguments),
                   resources.items[i].name);
    resources_fini(&resources);
    return code;
}

static int run(struct deletion *deletion, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    uint64_t timeout_ms = 0;
    const char *timeout = cli_value(arguments, "timeout");
    bool files = cli_values_count(arguments, "filename") > 0;
    if (timeout == NULL)
        timeout = TIMEOUT_TEXT;
    if (when_parse_duration(timeout, &timeout_ms, &error) < 0)
        return cli_misused(deletion->cli, arguments, "--timeout: %s", error.message);
    if (files == (cli_operands_count(arguments) > 0))
        return cli_misused(deletion->cli, arguments, "name what to delete: KIND NAME, or -f FILE");
    if (cli_connect(deletion->cli, arguments, &deletion->client, &error) < 0)
        return cli_fail(deletion->cli, &error);
    int code = files ? delete_files(deletion, arguments) : delete_named(deletion, arguments);
    if (code != CLI_OK)
        return code;
    if (deletion->gone_count > 0 && cli_flag(arguments, "wait", true))
        code = await_end(deletion, timeout_ms, timeout);
    return deletion->code != CLI_OK ? deletion->code : code;
}

static int run_delete(struct cli *cli, const struct cli_arguments *arguments)
{
    struct deletion deletion = {
        .cli = cli,
        .ignore_not_found = cli_flag(arguments, "ignore-not-found", false),
        .query = BUF_INIT,
    };
    struct error error = ERROR_INIT;
    if (ack_put_query(arguments, '?', &deletion.query, &error) < 0)
        return cli_misused(cli, arguments, "%s", error.message);
    int code = run(&deletion, arguments);
    buf_fini(&deletion.query);
    for (size_t i = 0; i < deletion.gone_count; i++) {
        mem_free(deletion.gone[i].namespace_name);
        mem_free(deletion.gone[i].uid);
    }
    mem_free(deletion.gone);
    return code;
}

const struct cli_command command_delete = {
    .name = "delete",
    .synopsis = "-f FILE | KIND NAME... | KIND/NAME...",
    .summary = "remove objects, and end their pods",
    .description =
        "Waits until the pods have ended (see --wait). A pod of a deployment is replaced by a new\n"
        "one: delete the deployment to end it for good. A namespace takes everything in it along.",
    .examples = "shoal delete deployment web\n"
                "shoal delete -f web.yaml\n"
                "shoal delete pod/web-0 --wait=false\n"
                "shoal delete pod x --ignore-not-found",
    .options = options,
    .operands = CLI_OPERANDS_KINDS,
    .remote = true,
    .run = run_delete,
};
