/* shoal key list, rotate, revoke: the cluster's key ring. Keys are never shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "field.h"
#include "output.h"
#include "table.h"
#include "when.h"

#define KEYS_PATH "/shoal/v1/keys"
#define POLL_MS   200
/* Longer than a rumour, a look at who missed it, and a member that is just being found dead take.
 */
#define TIMEOUT_TEXT "60s"

/* ---- asking */

static int step(struct client *client, const char *action, int64_t id, bool force,
                json_t **ret_ring, struct error *error)
{
    struct client_response response = {.status = 0};
    char body[128];
    (void)snprintf(body, sizeof(body), "{\"action\":\"%s\",\"id\":%lld,\"force\":%s}", action,
                   (long long)id, force ? "true" : "false");
    const struct client_request request = {.method = "POST",
                                           .path = KEYS_PATH,
                                           .content_type = "application/json",
                                           .body = {(const uint8_t *)body, strlen(body)}};
    if (client_request(client, &request, &response, error) < 0)
        return -1;
    int result = client_response_check(&response, error);
    if (result == 0) {
        json_t *ring = json_loadb(buf_text(&response.body), response.body.size_bytes, 0, NULL);
        if (ret_ring != NULL)
            *ret_ring = ring;
        else
            json_decref(ring);
    }
    client_response_fini(&response);
    return result;
}

struct rotation {
    struct cli *cli;
    struct client *client;
    uint64_t until_ms;
    struct error *error;
};

static bool pause_a_moment(struct rotation *rotation)
{
    if (client_now_ms(rotation->client) + POLL_MS > rotation->until_ms)
        return false;
    client_sleep(rotation->client, POLL_MS);
    return true;
}

/* A step for which the members are not ready yet is asked for again; any other answer is final. */
static int insist(struct rotation *rotation, const char *action, int64_t id, bool force)
{
    for (;;) {
        *rotation->error = ERROR_INIT;
        if (step(rotation->client, action, id, force, NULL, rotation->error) == 0)
            break;
        if (rotation->error->code != ERROR_UNAVAILABLE)
            return -1;
        output_progress(rotation->cli, "waiting: %s", rotation->error->message);
        if (!pause_a_moment(rotation)) {
            output_progress_end(rotation->cli);
            return error_prefix(rotation->error,
                                "gave up waiting; `shoal key rotate` goes on where this ends");
        }
    }
    output_progress_end(rotation->cli);
    return 0;
}

/* Until every living member holds exactly what the ring says. */
static int wait_settled(struct rotation *rotation)
{
    for (;;) {
        json_t *ring = NULL;
        if (client_get(rotation->client, KEYS_PATH, &ring, rotation->error) < 0)
            return -1;
        bool settled = field_true(ring, "settled");
        json_decref(ring);
        if (settled)
            return 0;
        output_progress(rotation->cli, "waiting for all living members to confirm");
        if (!pause_a_moment(rotation))
            return error_set(rotation->error, ERROR_TIMEOUT,
                             "not all living members have confirmed in time: see `shoal key list`");
    }
}

static const json_t *find_state(const json_t *ring, const char *state)
{
    return field_find(field_at(ring, "keys"), "state", state);
}

static void say(struct cli *cli, const char *before, int64_t id, const char *after)
{
    char line[160];
    (void)snprintf(line, sizeof(line), "%s%lld%s", before, (long long)id, after);
    cli_print(cli, line);
}

/* ---- rotate */

/* A key that was brought in by a rotation that did not end is used, else a new one. */
static int bring_in(struct rotation *rotation, const json_t *ring, int64_t *ret_id)
{
    const json_t *pending = find_state(ring, "installed");
    json_t *answer = NULL;
    if (pending != NULL) {
        *ret_id = field_number(pending, "id", 0);
        say(rotation->cli, "key ", *ret_id, " was brought in before: going on with it");
        return 0;
    }
    if (step(rotation->client, "install", 0, false, &answer, rotation->error) < 0)
        return -1;
    *ret_id = field_number(answer, "id", 0);
    json_decref(answer);
    return 0;
}

/* Removes all keys but the one that seals; `forced` is removed whoever it locks out. */
static int remove_others(struct rotation *rotation, int64_t forced)
{
    json_t *ring = NULL;
    size_t index = 0;
    json_t *key = NULL;
    int result = 0;
    if (client_get(rotation->client, KEYS_PATH, &ring, rotation->error) < 0)
        return -1;
    json_array_foreach(field_at(ring, "keys"), index, key)
    {
        int64_t id = field_number(key, "id", 0);
        if (strcmp(field_text(key, "state"), "opening") != 0)
            continue;
        struct error *error = rotation->error;
        if (insist(rotation, "remove", id, id == forced) == 0) {
            say(rotation->cli, "key ", id, " is removed");
        } else {
            result = error_prefix(error, "key %lld still opens", (long long)id);
            break;
        }
    }
    json_decref(ring);
    return result;
}

static int rotate(struct rotation *rotation, int64_t forced)
{
    json_t *ring = NULL;
    int64_t id = 0;
    if (client_get(rotation->client, KEYS_PATH, &ring, rotation->error) < 0)
        return -1;
    int result = bring_in(rotation, ring, &id);
    json_decref(ring);
    if (result == 0)
        result = insist(rotation, "use", id, false);
    if (result < 0)
        return -1;
    say(rotation->cli, "key ", id, " is on all living members, and seals");
    if (remove_others(rotation, forced) < 0)
        return -1;
    return wait_settled(rotation);
}

static int begin(struct cli *cli, const struct cli_arguments *arguments,
                 struct rotation *ret_rotation, struct error *error)
{
    const char *timeout = cli_value(arguments, "timeout");
    uint64_t timeout_ms = 0;
    *ret_rotation = (struct rotation){.cli = cli, .error = error};
    if (when_parse_duration(timeout != NULL ? timeout : TIMEOUT_TEXT, &timeout_ms, error) < 0)
        return error_prefix(error, "--timeout");
    if (cli_connect(cli, arguments, &ret_rotation->client, error) < 0)
        return -1;
    ret_rotation->until_ms = client_now_ms(ret_rotation->client) + timeout_ms;
    return 0;
}

static int run_rotate(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct rotation rotation;
    if (begin(cli, arguments, &rotation, &error) < 0 || rotate(&rotation, 0) < 0) {
        output_progress_end(cli);
        return cli_fail(cli, &error);
    }
    output_progress_end(cli);
    cli_print(cli, "all living members have confirmed; tokens made before are void");
    return CLI_OK;
}

static const struct cli_option rotate_options[] = {
    {.name = "timeout", .value = "DURATION", .help = "of the wait for members [" TIMEOUT_TEXT "]"},
    {.name = NULL},
};

const struct cli_command command_key_rotate = {
    .name = "key rotate",
    .synopsis = "",
    .summary = "change the cluster's key, live",
    .description =
        "Brings in a new key, waits until all living members have it on disk, seals with\n"
        "it, waits until all do, and removes the old one. Nothing is interrupted. A key\n"
        "that a member which is away still needs is not removed: that member gets the new\n"
        "one when it comes back. Tokens made before are void.",
    .options = rotate_options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_rotate,
};

/* ---- revoke */

static int revoke_key(struct rotation *rotation, int64_t id)
{
    json_t *ring = NULL;
    size_t index = 0;
    json_t *key = NULL;
    const char *state = NULL;
    if (client_get(rotation->client, KEYS_PATH, &ring, rotation->error) < 0)
        return -1;
    json_array_foreach(field_at(ring, "keys"), index, key)
    {
        if (field_number(key, "id", 0) == id)
            state = field_text(key, "state");
    }
    bool found = state != NULL, seals = found && strcmp(state, "sealing") == 0;
    json_decref(ring);
    if (!found)
        return error_set(rotation->error, ERROR_NOT_FOUND,
                         "there is no key %lld: see `shoal key list`", (long long)id);
    if (seals)
        return rotate(rotation, id);
    if (insist(rotation, "remove", id, true) < 0)
        return -1;
    say(rotation->cli, "key ", id, " is removed");
    return wait_settled(rotation);
}

static int run_revoke(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct rotation rotation;
    char *end = NULL;
    if (cli_operands_count(arguments) != 1)
        return cli_misused(cli, arguments, "name one key by its id: see `shoal key list`");
    long long id = strtoll(cli_operand(arguments, 0), &end, 10);
    if (*end != '\0' || id < 1 || id > UINT8_MAX)
        return cli_misused(cli, arguments, "'%s' is not the id of a key (1 to 255)",
                           cli_operand(arguments, 0));
    if (begin(cli, arguments, &rotation, &error) < 0 || revoke_key(&rotation, id) < 0) {
        output_progress_end(cli);
        return cli_fail(cli, &error);
    }
    output_progress_end(cli);
    cli_print(cli, "all living members have confirmed; who was away and has no other key needs a "
                   "new token");
    return CLI_OK;
}

const struct cli_command command_key_revoke = {
    .name = "key revoke",
    .synopsis = "ID",
    .summary = "remove a key at once, whoever it locks out",
    .description =
        "As rotate, if it is the key that seals; but members that are away and hold no\n"
        "other key are locked out: they need a new token. For a key that others may have.",
    .examples = "shoal key revoke 17",
    .options = rotate_options,
    .operands = CLI_OPERANDS_OTHER,
    .remote = true,
    .run = run_revoke,
};

/* ---- list */

static void add_names(struct table *table, enum tone tone, const json_t *names)
{
    struct buf text = BUF_INIT;
    size_t count = json_array_size(names);
    for (size_t i = 0; i < count && i < 5; i++)
        buf_printf(&text, "%s%s", i > 0 ? "," : "", json_string_value(json_array_get(names, i)));
    if (count > 5)
        buf_printf(&text, ",+%zu", count - 5);
    table_cell(table, tone, "%s", count > 0 ? buf_text(&text) : "-");
    buf_fini(&text);
}

static void show_list(struct cli *cli, const json_t *ring)
{
    static const char *const headers[] = {"ID", "STATE", "AGE", "CONFIRMED", "SEALING", "MISSING"};
    struct table table;
    size_t index = 0;
    json_t *key = NULL;
    table_init(&table);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        table_column(&table, headers[i]);
    json_array_foreach(field_at(ring, "keys"), index, key)
    {
        char age[WHEN_TEXT_BYTES_MAX];
        size_t confirmed = json_array_size(field_at(key, "confirmed"));
        size_t missing = json_array_size(field_at(key, "missing"));
        bool seals = strcmp(field_text(key, "state"), "sealing") == 0;
        table_cell(&table, TONE_BOLD, "%lld", (long long)field_number(key, "id", 0));
        table_cell(&table, seals ? TONE_GOOD : TONE_NONE, "%s", field_text(key, "state"));
        table_cell(&table, TONE_NONE, "%s",
                   when_format_age(field_text(key, "created"), cli->io.now_wall_ms(), age));
        table_cell(&table, missing > 0 ? TONE_WARN : TONE_NONE, "%zu/%zu", confirmed,
                   confirmed + missing);
        table_cell(&table, TONE_NONE, "%zu", json_array_size(field_at(key, "sealing")));
        add_names(&table, TONE_WARN, field_at(key, "missing"));
    }
    table_print(&table, cli, true);
    table_fini(&table);
}

static const struct cli_option list_options[] = {
    {.name = "output", .letter = 'o', .value = "json|yaml", .help = "as the agent tells it"},
    {.name = NULL},
};

static int run_list(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    json_t *ring = NULL;
    const char *output = cli_value(arguments, "output");
    if (cli_connect(cli, arguments, &client, &error) < 0 ||
        client_get(client, KEYS_PATH, &ring, &error) < 0)
        return cli_fail(cli, &error);
    int result = 0;
    if (output != NULL)
        result = output_document(cli, ring, strcmp(output, "yaml") == 0, &error);
    else
        show_list(cli, ring);
    json_decref(ring);
    return result == 0 ? CLI_OK : cli_fail(cli, &error);
}

const struct cli_command command_key_list = {
    .name = "key list",
    .synopsis = "",
    .summary = "the cluster's keys by id, and who has confirmed them",
    .description =
        "A key is installed (brought in, not used yet), sealing (what is sent is sealed\n"
        "with it) or opening (only what others still seal with it is opened). A member\n"
        "confirms a key when it has it on disk.",
    .options = list_options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_list,
};
