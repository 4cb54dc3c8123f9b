#include "resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "field.h"
#include "output.h"

/* ---- what was typed */

static int add(struct resources *resources, const struct spec_kind_info *kind, const char *name,
               struct error *error)
{
    if (resources->count == RESOURCES_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d objects at once", RESOURCES_MAX);
    resources->items[resources->count++] = (struct resource){.kind = kind, .name = name};
    return 0;
}

static int find_kind(const char *typed, const struct spec_kind_info **ret_kind, struct error *error)
{
    const struct spec_kind_info *kind = spec_kind_find(typed);
    const char *nearest = spec_kind_suggest(typed);
    *ret_kind = kind;
    if (kind != NULL && kind->kind != SPEC_KIND_EVENT)
        return 0;
    if (nearest != NULL)
        return error_set(error, ERROR_NOT_FOUND,
                         "there is no kind of object called '%.100s'; did you mean %s?", typed,
                         nearest);
    return error_set(error, ERROR_NOT_FOUND,
                     "there is no kind of object called '%.100s': pods, deployments, namespaces, "
                     "nodes",
                     typed);
}

static char *copy(struct resources *resources, const char *text)
{
    return resources->copies[resources->copies_count++] = mem_strdup(text);
}

/* "pods,deployments" or "all"; with names, only one kind. */
static int parse_kinds(const struct cli_arguments *arguments, struct resources *resources,
                       struct error *error)
{
    const struct spec_kind_info *kinds[SPEC_KINDS_COUNT];
    size_t count = 0;
    char *rest = NULL;
    const char *typed = cli_operand(arguments, 0);
    char *list = copy(resources, strcmp(typed, "all") == 0 ? "pods,deployments" : typed);
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        if (count == SPEC_KINDS_COUNT)
            return error_set(error, ERROR_INVALID, "too many kinds in '%.100s'", typed);
        if (find_kind(word, &kinds[count++], error) < 0)
            return -1;
    }
    if (count == 0)
        return error_set(error, ERROR_INVALID, "'%.100s' names no kind", typed);
    if (cli_operands_count(arguments) == 1)
        for (size_t i = 0; i < count; i++)
            if (add(resources, kinds[i], NULL, error) < 0)
                return -1;
    if (cli_operands_count(arguments) > 1 && count > 1)
        return error_set(error, ERROR_INVALID, "names need one kind, '%.100s' are several", typed);
    for (size_t i = 1; i < cli_operands_count(arguments); i++) {
        if (strchr(cli_operand(arguments, i), '/') != NULL)
            return error_set(error, ERROR_INVALID,
                             "say either KIND NAME... or KIND/NAME..., not both: '%.100s'",
                             cli_operand(arguments, i));
        if (add(resources, kinds[0], cli_operand(arguments, i), error) < 0)
            return -1;
    }
    resources->many_kinds = count > 1;
    return 0;
}

static int parse_pairs(const struct cli_arguments *arguments, struct resources *resources,
                       struct error *error)
{
    for (size_t i = 0; i < cli_operands_count(arguments); i++) {
        const struct spec_kind_info *kind = NULL;
        const char *typed = cli_operand(arguments, i);
        if (resources->copies_count == RESOURCES_MAX)
            return error_set(error, ERROR_LIMIT, "more than %d objects at once", RESOURCES_MAX);
        char *text = copy(resources, typed);
        char *slash = strchr(text, '/');
        if (slash == NULL || slash == text || slash[1] == '\0' || strchr(slash + 1, '/') != NULL)
            return error_set(error, ERROR_INVALID, "'%.100s' is not KIND/NAME", typed);
        *slash = '\0';
        if (find_kind(text, &kind, error) < 0 || add(resources, kind, slash + 1, error) < 0)
            return -1;
        resources->many_kinds = resources->many_kinds || kind != resources->items[0].kind;
    }
    return 0;
}

int resources_parse(const struct cli_arguments *arguments, struct resources *ret_resources,
                    struct error *error)
{
    *ret_resources = (struct resources){.count = 0};
    if (cli_operands_count(arguments) == 0)
        return error_set(error, ERROR_INVALID,
                         "name a kind: pods, deployments, namespaces, nodes or all");
    for (size_t i = 0; i < cli_operands_count(arguments); i++)
        if (cli_operand(arguments, i)[0] == '\0')
            return error_set(error, ERROR_INVALID, "a name is empty");
    if (strchr(cli_operand(arguments, 0), '/') != NULL)
        return parse_pairs(arguments, ret_resources, error);
    return parse_kinds(arguments, ret_resources, error);
}

void resources_fini(struct resources *resources)
{
    for (size_t i = 0; i < resources->copies_count; i++)
        mem_free(resources->copies[i]);
    resources->copies_count = 0;
}

const char *resource_namespace(const struct cli_arguments *arguments)
{
    const char *name = cli_value(arguments, "namespace");
    return name != NULL ? name : SPEC_NAMESPACE_DEFAULT;
}

/* ---- where it is */

void resource_escape(struct buf *path, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            strchr("-._~", *c) != NULL)
            buf_append_byte(path, *c);
        else
            buf_printf(path, "%%%02X", *c);
    }
}

void resource_path(const struct spec_kind_info *kind, const char *namespace_name, const char *name,
                   struct buf *path)
{
    if (kind->group[0] == '\0')
        buf_printf(path, "/api/%s", kind->version);
    else
        buf_printf(path, "/apis/%s/%s", kind->group, kind->version);
    if (kind->namespaced && namespace_name != NULL) {
        buf_append_text(path, "/namespaces/");
        resource_escape(path, namespace_name);
    }
    buf_printf(path, "/%s", kind->plural);
    if (name != NULL) {
        buf_append_byte(path, '/');
        resource_escape(path, name);
    }
}

void resource_title(const struct spec_kind_info *kind, const char *name, struct buf *title)
{
    buf_printf(title, "%s%s%s/", kind->singular, kind->group[0] != '\0' ? "." : "", kind->group);
    output_plain(title, name);
}

/* ---- asking */

static int by_name(const void *left, const void *right)
{
    const json_t *const *a = left;
    const json_t *const *b = right;
    int order = strcmp(field_text(*a, "metadata.namespace"), field_text(*b, "metadata.namespace"));
    if (order == 0) /* web-2 before web-10 */
        order = strverscmp(field_text(*a, "metadata.name"), field_text(*b, "metadata.name"));
    if (order == 0)
        order = strcmp(field_text(*a, "metadata.uid"), field_text(*b, "metadata.uid"));
    return order;
}

static json_t *sorted(const json_t *items)
{
    size_t count = json_array_size(items);
    json_t **order = MEM_NEW_ARRAY(json_t *, count + 1);
    json_t *result = json_array();
    for (size_t i = 0; i < count; i++)
        order[i] = json_array_get(items, i);
    qsort(order, count, sizeof(json_t *), by_name);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append(result, order[i]);
    mem_free(order);
    return result;
}

int resource_list(struct client *client, const struct spec_kind_info *kind,
                  const char *namespace_name, json_t **ret_items, struct error *error)
{
    struct buf path = BUF_INIT;
    json_t *list = NULL;
    resource_path(kind, namespace_name, NULL, &path);
    int result = client_get(client, buf_text(&path), &list, error);
    buf_fini(&path);
    if (result == 0)
        *ret_items = sorted(field_at(list, "items"));
    json_decref(list);
    return result;
}

int resource_get(struct client *client, const struct spec_kind_info *kind,
                 const char *namespace_name, const char *name, json_t **ret_object,
                 struct error *error)
{
    struct buf path = BUF_INIT;
    resource_path(kind, namespace_name, name, &path);
    int result = client_get(client, buf_text(&path), ret_object, error);
    buf_fini(&path);
    return result;
}
