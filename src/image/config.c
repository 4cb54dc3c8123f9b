#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/reference.h"
#include "json.h"
#include "text.h"

void config_fini(struct image_config *config)
{
    image_texts_fini(&config->entrypoint);
    image_texts_fini(&config->command);
    image_texts_fini(&config->env);
    image_texts_fini(&config->volumes);
    mem_free(config->working_dir);
    mem_free(config->user);
    mem_free(config->stop_signal);
    mem_free(config->ports);
    for (size_t i = 0; i < config->labels_count; i++) {
        mem_free(config->labels[i].key);
        mem_free(config->labels[i].value);
    }
    mem_free(config->labels);
    mem_free(config->architecture);
    mem_free(config->os);
    mem_free(config->created);
    *config = (struct image_config){.user = NULL};
}

static int copy_text(const json_t *object, const char *key, char **ret_text, struct error *error)
{
    const char *text = NULL;
    if (json_get_text(object, key, &text, error) < 0)
        return -1;
    *ret_text = mem_strdup(text);
    return 0;
}

/* "8080", "8080/tcp"; false for ranges and nonsense, which docker does not write into images. */
static bool parse_port(const char *text, struct image_port *ret_port)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    if (port == 0 || port > 65535 || (*end != '\0' && *end != '/'))
        return false;
    const char *protocol = *end == '/' ? end + 1 : "tcp";
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocol, protocols[i]) != 0)
            continue;
        *ret_port = (struct image_port){.port = (uint16_t)port};
        memcpy(ret_port->protocol, protocols[i], strlen(protocols[i]) + 1);
        return true;
    }
    return false;
}

static int compare_ports(const void *a, const void *b)
{
    const struct image_port *left = a;
    const struct image_port *right = b;
    if (left->port != right->port)
        return left->port < right->port ? -1 : 1;
    return strcmp(left->protocol, right->protocol);
}

static int parse_ports(const json_t *settings, struct image_config *config, struct error *error)
{
    json_t *ports = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    size_t capacity = 0;
    if (json_get_object(settings, "ExposedPorts", &ports, error) < 0)
        return -1;
    json_object_foreach(ports, key, value)
    {
        struct image_port port;
        if (!parse_port(key, &port))
            continue; /* only informative: not worth refusing an image */
        MEM_GROW(config->ports, config->ports_count, capacity);
        config->ports[config->ports_count++] = port;
    }
    if (config->ports_count > 1)
        qsort(config->ports, config->ports_count, sizeof(config->ports[0]), compare_ports);
    return 0;
}

static int parse_volumes(const json_t *settings, struct image_config *config, struct error *error)
{
    json_t *volumes = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    if (json_get_object(settings, "Volumes", &volumes, error) < 0)
        return -1;
    json_object_foreach(volumes, key, value) image_texts_add(&config->volumes, key);
    image_texts_sort(&config->volumes);
    return 0;
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct image_label *)a)->key, ((const struct image_label *)b)->key);
}

static int parse_labels(const json_t *settings, struct image_config *config, struct error *error)
{
    json_t *labels = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    size_t capacity = 0;
    if (json_get_object(settings, "Labels", &labels, error) < 0)
        return -1;
    json_object_foreach(labels, key, value)
    {
        if (!json_is_string(value))
            return error_set(error, ERROR_CORRUPT, "a label is not a string");
        MEM_GROW(config->labels, config->labels_count, capacity);
        config->labels[config->labels_count++] = (struct image_label){
            .key = mem_strdup(key), .value = mem_strdup(json_string_value(value))};
    }
    if (config->labels_count > 1)
        qsort(config->labels, config->labels_count, sizeof(config->labels[0]), compare_labels);
    return 0;
}

static int parse_settings(const json_t *root, struct image_config *config, struct error *error)
{
    json_t *settings = NULL;
    if (json_get_object(root, "config", &settings, error) < 0 ||
        json_get_texts(settings, "Entrypoint", &config->entrypoint, error) < 0 ||
        json_get_texts(settings, "Cmd", &config->command, error) < 0 ||
        json_get_texts(settings, "Env", &config->env, error) < 0 ||
        copy_text(settings, "WorkingDir", &config->working_dir, error) < 0 ||
        copy_text(settings, "User", &config->user, error) < 0 ||
        copy_text(settings, "StopSignal", &config->stop_signal, error) < 0 ||
        parse_ports(settings, config, error) < 0 || parse_volumes(settings, config, error) < 0)
        return -1;
    return parse_labels(settings, config, error);
}

static int parse_diff_ids(const json_t *root, struct image_texts *diff_ids, struct error *error)
{
    json_t *rootfs = NULL;
    const char *type = NULL;
    char quoted[QUOTED_BYTES_MAX];
    if (json_get_object(root, "rootfs", &rootfs, error) < 0)
        return -1;
    if (rootfs == NULL)
        return error_set(error, ERROR_CORRUPT, "it has no \"rootfs\": not a container image");
    if (json_get_text(rootfs, "type", &type, error) < 0)
        return -1;
    if (strcmp(type, "layers") != 0)
        return error_set(error, ERROR_UNSUPPORTED, "rootfs type \"%s\" is not \"layers\"",
                         text_quote(type, quoted));
    if (json_get_texts(rootfs, "diff_ids", diff_ids, error) < 0)
        return -1;
    for (size_t i = 0; i < diff_ids->count; i++)
        if (!image_digest_is_valid(diff_ids->items[i]))
            return error_set(error, ERROR_UNSUPPORTED, "diff id \"%s\" is not a sha256 digest",
                             text_quote(diff_ids->items[i], quoted));
    return 0;
}

int config_parse(const char *text, size_t size_bytes, struct image_config *ret_config,
                 struct image_texts *ret_diff_ids, struct error *error)
{
    struct image_config config = {.user = NULL};
    struct image_texts diff_ids = {.items = NULL};
    json_t *root = NULL;
    if (json_object_parse(text, size_bytes, "the image configuration", &root, error) < 0)
        return -1;
    int result = copy_text(root, "architecture", &config.architecture, error);
    if (result == 0)
        result = copy_text(root, "os", &config.os, error);
    if (result == 0)
        result = copy_text(root, "created", &config.created, error);
    if (result == 0)
        result = parse_settings(root, &config, error);
    if (result == 0)
        result = parse_diff_ids(root, &diff_ids, error);
    json_decref(root);
    if (result < 0) {
        config_fini(&config);
        image_texts_fini(&diff_ids);
        return error_prefix(error, "image configuration");
    }
    *ret_config = config;
    *ret_diff_ids = diff_ids;
    return 0;
}
