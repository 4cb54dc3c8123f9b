/* shoal image load, shoal image list */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "amount.h"
#include "client.h"
#include "field.h"
#include "table.h"
#include "when.h"

#define PIECE_BYTES ((size_t)128 << 10)
/* Unpacking a large image keeps an agent silent for a while. */
#define UNPACK_MS_MAX (10 * 60 * 1000)
#define PROGRESS_MS   100

/* ---- load */

struct upload {
    struct cli *cli;
    const char *name;
    FILE *file;
    uint64_t size_bytes; /* CLIENT_BODY_UNKNOWN: a pipe */
    uint64_t sent_bytes;
    wall_ms_t shown_wall_ms;
};

static void show_progress(struct upload *upload)
{
    char sent[AMOUNT_TEXT_BYTES_MAX];
    char size[AMOUNT_TEXT_BYTES_MAX];
    wall_ms_t now_wall_ms = upload->cli->io.now_wall_ms();
    if (now_wall_ms - upload->shown_wall_ms < PROGRESS_MS &&
        upload->sent_bytes < upload->size_bytes)
        return;
    upload->shown_wall_ms = now_wall_ms;
    (void)amount_bytes(upload->sent_bytes, sent);
    if (upload->size_bytes == CLIENT_BODY_UNKNOWN)
        output_progress(upload->cli, "%s: %s", upload->name, sent);
    else if (upload->sent_bytes < upload->size_bytes)
        output_progress(upload->cli, "%s: %s of %s, %llu%%", upload->name, sent,
                        amount_bytes(upload->size_bytes, size),
                        (unsigned long long)(upload->sent_bytes / (upload->size_bytes / 100 + 1)));
    else
        output_progress(upload->cli, "%s: unpacking", upload->name);
}

static int next_piece(void *context, struct buf *piece, struct error *error)
{
    struct upload *upload = context;
    uint8_t data[PIECE_BYTES];
    size_t wanted = sizeof(data);
    if (upload->size_bytes - upload->sent_bytes < wanted)
        wanted =
            (size_t)(upload->size_bytes - upload->sent_bytes); /* it may have grown meanwhile */
    size_t size_bytes = wanted > 0 ? fread(data, 1, wanted, upload->file) : 0;
    if (ferror(upload->file) != 0)
        return error_set_errno(error, errno, "cannot read");
    if (size_bytes == 0 && upload->size_bytes != CLIENT_BODY_UNKNOWN &&
        upload->sent_bytes < upload->size_bytes)
        return error_set(error, ERROR_IO, "the file became shorter while it was read");
    buf_append(piece, data, size_bytes);
    upload->sent_bytes += size_bytes;
    show_progress(upload);
    return 0;
}

static void say_loaded(struct upload *upload, const struct client_response *response)
{
    json_t *json = json_loadb(buf_text(&response->body), response->body.size_bytes, 0, NULL);
    const json_t *references = field_at(json, "references");
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < json_array_size(references); i++) {
        buf_append_text(&text, i > 0 ? ", " : "");
        output_plain(&text, json_string_value(json_array_get(references, i)));
    }
    (void)fprintf(upload->cli->io.out, "%s: loaded %s on ", upload->name,
                  text.size_bytes > 0 ? buf_text(&text) : "an image without a name");
    buf_clear(&text);
    output_plain(&text, field_text(json, "node"));
    (void)fprintf(upload->cli->io.out, "%s\n", buf_text(&text));
    buf_fini(&text);
    json_decref(json);
}

static int send_archive(struct upload *upload, struct client *client, struct error *error)
{
    struct client_response response;
    const struct client_request request = {
        .method = "POST",
        .path = "/shoal/v1/images",
        .content_type = "application/x-tar",
        .body_next = next_piece,
        .body_size_bytes = upload->size_bytes,
        .context = upload,
        .silence_ms_max = UNPACK_MS_MAX,
    };
    int result = client_request(client, &request, &response, error);
    output_progress_end(upload->cli);
    if (result < 0)
        return -1;
    result = client_response_check(&response, error);
    if (result == 0)
        say_loaded(upload, &response);
    client_response_fini(&response);
    return result;
}

static int load(struct cli *cli, struct client *client, const char *path, struct error *error)
{
    struct stat about;
    bool standard = strcmp(path, "-") == 0;
    struct upload upload = {.cli = cli,
                            .name = standard ? "stdin" : path,
                            .file = standard ? cli->io.in : fopen(path, "rbe"),
                            .size_bytes = CLIENT_BODY_UNKNOWN};
    if (upload.file == NULL)
        return error_set_errno(error, errno, "%s", path);
    int result = 0;
    if (fstat(fileno(upload.file), &about) < 0)
        result = error_set_errno(error, errno, "%s", upload.name);
    else if (S_ISDIR(about.st_mode))
        result = error_set(error, ERROR_INVALID,
                           "%s is a folder; send it as an archive: tar -C %s -cf - . | shoal image "
                           "load -",
                           path, path);
    else if (S_ISREG(about.st_mode) && !standard)
        upload.size_bytes = (uint64_t)about.st_size;
    if (result == 0 && send_archive(&upload, client, error) < 0)
        result = error_prefix(error, "%s", upload.name);
    if (!standard)
        (void)fclose(upload.file);
    return result;
}

static int run_load(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    if (cli_operands_count(arguments) == 0)
        return cli_misused(cli, arguments, "name an archive, or - for stdin");
    if (cli_connect(cli, arguments, &client, &error) < 0)
        return cli_fail(cli, &error);
    for (size_t i = 0; i < cli_operands_count(arguments); i++)
        if (load(cli, client, cli_operand(arguments, i), &error) < 0)
            return cli_fail(cli, &error);
    return CLI_OK;
}

const struct cli_command command_image_load = {
    .name = "image load",
    .synopsis = "FILE...",
    .summary = "give an archive of images to an agent",
    .description =
        "Takes archives of OCI layouts and of 'docker save', compressed or not; - is stdin.\n"
        "The images are then on the node of the agent that is asked.",
    .examples = "shoal image load web.tar\n"
                "docker save web:1 | shoal image load -\n"
                "shoal image load web.tar --server host2 --token-file token",
    .operands = CLI_OPERANDS_FILES,
    .remote = true,
    .run = run_load,
};

/* ---- list */

static const struct cli_option list_options[] = {
    {.name = "output", .letter = 'o', .value = "json", .help = "as the agent tells it"},
    {.name = "no-headers", .help = "rows alone"},
    {.name = NULL},
};

static void add_image(struct cli *cli, const json_t *image, struct table *table)
{
    char age[WHEN_TEXT_BYTES_MAX];
    char size[AMOUNT_TEXT_BYTES_MAX];
    const char *references = field_text(image, "references");
    const char *id = field_text(image, "id");
    int64_t size_bytes = field_number(image, "sizeBytes", 0);
    if (strncmp(id, "sha256:", 7) == 0)
        id += 7;
    do { /* a row for each of its names */
        size_t length = strcspn(references, " ");
        table_cell(table, TONE_NONE, "%.*s", length > 0 ? (int)length : 6,
                   length > 0 ? references : "<none>");
        table_cell(table, TONE_NONE, "%.12s", id);
        table_cell(table, TONE_NONE, "%s",
                   amount_bytes(size_bytes > 0 ? (uint64_t)size_bytes : 0, size));
        table_cell(table, TONE_NONE, "%s",
                   when_format_age(field_text(image, "loadedAt"), cli->io.now_wall_ms(), age));
        references += length;
        references += strspn(references, " ");
    } while (*references != '\0');
}

static void show_list(struct cli *cli, const json_t *list, bool headers)
{
    static const char *const names[] = {"REFERENCE", "ID", "SIZE", "LOADED"};
    const json_t *items = field_at(list, "items");
    struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        table_column(&table, names[i]);
    for (size_t i = 0; i < json_array_size(items); i++)
        add_image(cli, json_array_get(items, i), &table);
    if (table_is_empty(&table))
        (void)fprintf(cli->io.err, "No images on this node: shoal image load FILE\n");
    else
        table_print(&table, cli, headers);
    table_fini(&table);
}

static int run_list(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct client *client = NULL;
    json_t *list = NULL;
    if (cli_connect(cli, arguments, &client, &error) < 0 ||
        client_get(client, "/shoal/v1/images", &list, &error) < 0)
        return cli_fail(cli, &error);
    char *text = cli_value(arguments, "output") != NULL
                     ? json_dumps(list, JSON_INDENT(2) | JSON_SORT_KEYS)
                     : NULL;
    if (text != NULL)
        (void)fprintf(cli->io.out, "%s\n", text);
    else
        show_list(cli, list, !cli_flag(arguments, "no-headers", false));
    free(text);
    json_decref(list);
    return CLI_OK;
}

const struct cli_command command_image_list = {
    .name = "image list",
    .synopsis = "",
    .summary = "show the images on the node of an agent",
    .description = "A row for each name of each image.",
    .examples = "shoal image list\n"
                "shoal image list --server host2 --token-file token",
    .options = list_options,
    .operands = CLI_OPERANDS_NONE,
    .remote = true,
    .run = run_list,
};
