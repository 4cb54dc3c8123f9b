/* shoal get */
#include <string.h>

#include "columns.h"
#include "field.h"
#include "resource.h"

static const struct cli_option options[] = {
    {.name = "namespace", .letter = 'n', .value = "NAME", .help = "look there [default]"},
    {.name = "all-namespaces", .letter = 'A', .help = "look everywhere"},
    {.name = "output",
     .letter = 'o',
     .value = "wide|json|yaml|name",
     .help = "more columns, whole objects, or names alone"},
    {.name = "watch", .letter = 'w', .help = "then go on and show what changes"},
    {.name = "no-headers", .help = "rows alone"},
    {.name = NULL},
};

struct get {
    struct cli *cli;
    struct client *client;
    const char *output;
    const char *namespace_name; /* NULL: all */
    bool all_namespaces, headers, many_kinds;
    struct table table;
    json_t *found;   /* for json and yaml */
    json_t *known;   /* while watching: "namespace/name" -> object */
    struct buf line; /* of the watch, not yet complete */
    size_t shown_count;
    bool gap; /* an empty line before the next table */
    int code;
};

static bool is_output(const struct get *get, const char *name)
{
    return strcmp(get->output, name) == 0;
}

static struct columns columns_of(const struct get *get, const struct spec_kind_info *kind)
{
    return (struct columns){
        .kind = kind,
        .namespaces = get->all_namespaces,
        .wide = is_output(get, "wide"),
        .kinds = get->many_kinds,
        .now_wall_ms = get->cli->io.now_wall_ms(),
    };
}

/* ---- finding */

static void complain(struct get *get, const struct error *error)
{
    get->code = cli_fail(get->cli, error);
}

/* Appends what the resource means to `objects`. */
static void collect(struct get *get, const struct resource *resource, json_t *objects)
{
    struct error error = ERROR_INIT;
    json_t *json = NULL;
    if (resource->name != NULL) {
        const char *namespace_name =
            get->namespace_name != NULL ? get->namespace_name : SPEC_NAMESPACE_DEFAULT;
        if (resource_get(get->client, resource->kind, namespace_name, resource->name, &json,
                         &error) < 0)
            complain(get, &error);
        else
            (void)json_array_append_new(objects, json);
    } else if (resource_list(get->client, resource->kind, get->namespace_name, &json, &error) < 0) {
        complain(get, &error);
    } else {
        (void)json_array_extend(objects, json);
        json_decref(json);
    }
}

/* ---- showing */

static void show_table(struct get *get, const struct spec_kind_info *kind, const json_t *objects)
{
    struct columns columns = columns_of(get, kind);
    if (json_array_size(objects) == 0)
        return;
    table_fini(&get->table);
    columns_begin(&columns, &get->table);
    for (size_t i = 0; i < json_array_size(objects); i++)
        columns_row(&columns, json_array_get(objects, i), &get->table);
    if (get->gap)
        (void)fputc('\n', get->cli->io.out);
    table_print(&get->table, get->cli, get->headers);
    get->gap = get->headers;
}

static void show_names(struct get *get, const struct spec_kind_info *kind, const json_t *objects)
{
    for (size_t i = 0; i < json_array_size(objects); i++) {
        struct buf title = BUF_INIT;
        resource_title(kind, field_text(json_array_get(objects, i), "metadata.name"), &title);
        (void)fprintf(get->cli->io.out, "%s\n", buf_text(&title));
        buf_fini(&title);
    }
}

static void show(struct get *get, const struct spec_kind_info *kind, json_t *objects)
{
    get->shown_count += json_array_size(objects);
    if (is_output(get, "name"))
        show_names(get, kind, objects);
    else if (get->found != NULL)
        (void)json_array_extend(get->found, objects);
    else
        show_table(get, kind, objects);
}

static int write_document(struct get *get, const json_t *json)
{
    struct error error = ERROR_INIT;
    return output_document(get->cli, json, is_output(get, "yaml"), &error) < 0
               ? cli_fail(get->cli, &error)
               : CLI_OK;
}

/* ---- watching */

static void identify(const json_t *object, struct buf *id)
{
    buf_clear(id);
    buf_printf(id, "%s/%s/%s", field_text(object, "metadata.namespace"),
               field_text(object, "metadata.name"), field_text(object, "metadata.uid"));
}

static void show_change(struct get *get, const struct resource *resource, const json_t *object)
{
    struct columns columns = columns_of(get, resource->kind);
    if (get->found != NULL) {
        (void)write_document(get, object);
    } else if (is_output(get, "name")) {
        json_t *one = json_pack("[O]", object);
        show_names(get, resource->kind, one);
        json_decref(one);
    } else {
        bool first = get->table.columns_count == 0;
        if (first)
            columns_begin(&columns, &get->table);
        table_clear(&get->table);
        columns_row(&columns, object, &get->table);
        table_print(&get->table, get->cli, first && get->headers);
    }
}

struct watching {
    struct get *get;
    const struct resource *resource;
};

static void take_event(const struct watching *watching, const json_t *event)
{
    struct get *get = watching->get;
    json_t *object = field_at(event, "object");
    struct buf id = BUF_INIT;
    if (strcmp(field_text(event, "type"), "BOOKMARK") == 0 ||
        (watching->resource->name != NULL &&
         strcmp(field_text(object, "metadata.name"), watching->resource->name) != 0))
        return;
    identify(object, &id);
    bool deleted = strcmp(field_text(event, "type"), "DELETED") == 0;
    bool same = json_equal(json_object_get(get->known, buf_text(&id)), object) == 1;
    if (deleted)
        (void)json_object_del(get->known, buf_text(&id));
    else
        (void)json_object_set(get->known, buf_text(&id), object);
    if (deleted || !same)
        show_change(get, watching->resource, object);
    buf_fini(&id);
}

/* One JSON document a line. */
static bool on_watch(void *context, struct bytes data)
{
    const struct watching *watching = context;
    struct get *get = watching->get;
    buf_append(&get->line, data.data, data.size_bytes);
    const uint8_t *end = NULL;
    while (get->line.size_bytes > 0 &&
           (end = memchr(get->line.data, '\n', get->line.size_bytes)) != NULL) {
        size_t size_bytes = (size_t)(end - get->line.data);
        json_t *event = json_loadb((const char *)get->line.data, size_bytes, 0, NULL);
        if (event != NULL)
            take_event(watching, event);
        json_decref(event);
        buf_consume(&get->line, size_bytes + 1);
    }
    return !get->line.overflowed && fflush(get->cli->io.out) == 0;
}

static int watch(struct get *get, const struct resource *resource, const json_t *objects)
{
    struct error error = ERROR_INIT;
    struct client_response response;
    struct watching watching = {.get = get, .resource = resource};
    struct buf path = BUF_INIT;
    struct buf id = BUF_INIT;
    get->known = json_object();
    for (size_t i = 0; i < json_array_size(objects); i++) {
        json_t *object = json_array_get(objects, i);
        identify(object, &id);
        (void)json_object_set(get->known, buf_text(&id), object);
    }
    buf_fini(&id);
    (void)fflush(get->cli->io.out);
    resource_path(resource->kind, get->namespace_name, NULL, &path);
    buf_append_text(&path, "?watch=true");
    const struct client_request request = {
        .method = "GET",
        .path = buf_text(&path),
        .on_body = on_watch,
        .context = &watching,
        .silence_ms_max = CLIENT_SILENCE_NEVER,
    };
    int result = client_request(get->client, &request, &response, &error);
    if (result == 0) {
        result = client_response_check(&response, &error);
        client_response_fini(&response);
    }
    buf_fini(&path);
    return result < 0 ? cli_fail(get->cli, &error) : CLI_OK;
}

/* ---- the command */

/* Names of one kind go into one table, although each is asked for by itself. */
static void get_all(struct get *get, const struct resources *resources)
{
    for (size_t i = 0; i < resources->count;) {
        const struct spec_kind_info *kind = resources->items[i].kind;
        json_t *objects = json_array();
        for (; i < resources->count && resources->items[i].kind == kind; i++)
            collect(get, &resources->items[i], objects);
        show(get, kind, objects);
        json_decref(objects);
    }
}

static int finish(struct get *get, const struct resources *resources)
{
    bool single = resources->count == 1 && resources->items[0].name != NULL;
    if (get->found == NULL) {
        if (get->shown_count == 0 && get->code == CLI_OK && get->namespace_name != NULL &&
            resources->items[0].kind->namespaced)
            (void)fprintf(get->cli->io.err, "No resources found in %s namespace.\n",
                          get->namespace_name);
        else if (get->shown_count == 0 && get->code == CLI_OK)
            (void)fprintf(get->cli->io.err, "No resources found.\n");
        return get->code;
    }
    if (single && json_array_size(get->found) == 1)
        return write_document(get, json_array_get(get->found, 0));
    if (single) /* it was said that it is not there */
        return get->code;
    json_t *list = json_pack("{s:s, s:s, s:{s:s}, s:O}", "apiVersion", "v1", "kind", "List",
                             "metadata", "resourceVersion", "", "items", get->found);
    int code = write_document(get, list);
    json_decref(list);
    return get->code != CLI_OK ? get->code : code;
}

static int get_and_watch(struct get *get, const struct resources *resources)
{
    json_t *objects = json_array();
    collect(get, &resources->items[0], objects);
    if (get->code == CLI_OK && get->found != NULL)
        for (size_t i = 0; i < json_array_size(objects); i++)
            (void)write_document(get, json_array_get(objects, i));
    else if (get->code == CLI_OK)
        show(get, resources->items[0].kind, objects);
    int code = get->code == CLI_OK ? watch(get, &resources->items[0], objects) : get->code;
    json_decref(objects);
    return code;
}

static int run(struct get *get, const struct cli_arguments *arguments,
               const struct resources *resources)
{
    struct error error = ERROR_INIT;
    bool watching = cli_flag(arguments, "watch", false);
    if (watching && resources->count != 1)
        return cli_misused(get->cli, arguments, "--watch follows one kind or one object");
    if (get->all_namespaces && resources->items[0].name != NULL)
        return cli_misused(get->cli, arguments, "a name and --all-namespaces do not go together");
    if (cli_connect(get->cli, arguments, &get->client, &error) < 0)
        return cli_fail(get->cli, &error);
    if (is_output(get, "json") || is_output(get, "yaml"))
        get->found = json_array();
    if (watching)
        return get_and_watch(get, resources);
    get_all(get, resources);
    return finish(get, resources);
}

static int run_get(struct cli *cli, const struct cli_arguments *arguments)
{
    struct error error = ERROR_INIT;
    struct resources resources;
    const char *output = cli_value(arguments, "output");
    struct get get = {
        .cli = cli,
        .output = output != NULL ? output : "",
        .all_namespaces = cli_flag(arguments, "all-namespaces", false),
        .headers = !cli_flag(arguments, "no-headers", false),
    };
    get.namespace_name = get.all_namespaces ? NULL : resource_namespace(arguments);
    table_init(&get.table);
    int code = CLI_OK;
    if (resources_parse(arguments, &resources, &error) < 0) {
        code = error.code == ERROR_INVALID ? cli_misused(cli, arguments, "%s", error.message)
                                           : cli_fail(cli, &error);
    } else {
        get.many_kinds = resources.many_kinds;
        code = run(&get, arguments, &resources);
    }
    json_decref(get.found);
    json_decref(get.known);
    buf_fini(&get.line);
    table_fini(&get.table);
    resources_fini(&resources);
    return code;
}

const struct cli_command command_get = {
    .name = "get",
    .synopsis = "KIND[,KIND...] [NAME...] | KIND/NAME...",
    .summary = "list objects",
    .description = "Kinds: pods (po), deployments (deploy), namespaces (ns), nodes (no), and\n"
                   "all (pods and deployments). Any agent shows the whole cluster.",
    .examples = "shoal get pods                        # of the namespace default\n"
                "shoal get pods -A -o wide             # everywhere, with address and node\n"
                "shoal get deployment web -o yaml\n"
                "shoal get pods -w                     # and follow what changes\n"
                "shoal get nodes -o wide               # with what is taken of each",
    .options = options,
    .operands = CLI_OPERANDS_KINDS,
    .remote = true,
    .run = run_get,
};
