/* A container's environment, and what it runs. */
#include <string.h>

#include "agent_internal.h"
#include "base/memory.h"
#include "podspec.h"
#include "spec/expand.h"

/* $(NAME) may stand for a value that was expanded itself: a few lines could ask for terabytes. */
#define EXPANDED_BYTES_MAX ((size_t)128 << 10)

static const char *environment_get(const char *name, void *context)
{
    const struct podenv *environment = context;
    for (size_t i = environment->count; i > 0; i--)
        if (strcmp(environment->items[i - 1].name, name) == 0)
            return environment->items[i - 1].value;
    return NULL;
}

static void environment_set(struct podenv *environment, const char *name, const char *value)
{
    for (size_t i = 0; i < environment->count; i++)
        if (strcmp(environment->items[i].name, name) == 0) {
            environment->items[i].value = podspec_keep(environment->podspec, value);
            return;
        }
    environment->items[environment->count].name = podspec_keep(environment->podspec, name);
    environment->items[environment->count++].value = podspec_keep(environment->podspec, value);
}

static const char *expand(struct podenv *environment, const char *text)
{
    struct buf expanded;
    buf_init(&expanded, EXPANDED_BYTES_MAX);
    spec_expand(text, environment_get, environment, &expanded);
    environment->too_large = environment->too_large || expanded.overflowed ||
                             environment->podspec->arena.used_bytes > ENVIRONMENT_BYTES_MAX;
    const char *kept =
        environment->too_large ? "" : podspec_keep(environment->podspec, buf_text(&expanded));
    buf_fini(&expanded);
    return kept;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static const char *env_value(struct agent *agent, struct podenv *environment,
                             const struct spec_env *env)
{
    struct podspec *podspec = environment->podspec;
    char address[ADDRESS_TEXT_BYTES_MAX];
    switch (env->source) {
    case SPEC_ENV_VALUE:
        return expand(environment, env->value);
    case SPEC_ENV_POD_NAME:
        return podspec->pod.name;
    case SPEC_ENV_POD_NAMESPACE:
        return podspec->spec.namespace_name;
    case SPEC_ENV_POD_UID:
        return podspec->uid;
    case SPEC_ENV_POD_LABEL:
        return or_empty(spec_pairs_get(&podspec->spec.labels, env->value));
    case SPEC_ENV_POD_ANNOTATION:
        return or_empty(spec_pairs_get(&podspec->spec.annotations, env->value));
    case SPEC_ENV_NODE_NAME:
        return agent->name;
    case SPEC_ENV_SERVICE_ACCOUNT:
        return podspec->spec.service_account;
    case SPEC_ENV_POD_IP:
        if (!podspec->spec.host_network)
            return RUNTIME_ENV_POD_IP;
        break;
    case SPEC_ENV_HOST_IP:
        break;
    }
    (void)address_format(&agent->advertise, address);
    *strrchr(address, ':') = '\0';
    return podspec_keep(podspec, address);
}

void podenv_build(struct agent *agent, struct podspec *podspec, const struct spec_container *spec,
                  const struct image *image, struct runtime_container *container,
                  struct podenv *environment)
{
    *environment = (struct podenv){
        .podspec = podspec,
        .items = arena_alloc(&podspec->arena, image->config.env.count + spec->env_count + 1,
                             sizeof(struct runtime_env)),
    };
    for (size_t i = 0; i < image->config.env.count; i++) {
        const char *equals = strchr(image->config.env.items[i], '=');
        if (equals == NULL)
            continue;
        char *name =
            mem_strndup(image->config.env.items[i], (size_t)(equals - image->config.env.items[i]));
        environment_set(environment, name, equals + 1);
        mem_free(name);
    }
    for (size_t i = 0; i < spec->env_count; i++)
        environment_set(environment, spec->env[i].name,
                        env_value(agent, environment, &spec->env[i]));
    container->env = environment->items;
    container->env_count = environment->count;
}

/* ---- command: as Kubernetes reads command and args beside the image's entrypoint and cmd */

int podenv_argv(struct podspec *podspec, const struct spec_container *spec,
                const struct image *image, struct runtime_container *container,
                struct podenv *environment, struct error *error)
{
    const struct image_texts *entrypoint = &image->config.entrypoint;
    const struct image_texts *command = &image->config.command;
    size_t count_max =
        spec->command.count + spec->args.count + entrypoint->count + command->count + 1;
    const char **argv = arena_alloc(&podspec->arena, count_max, sizeof(*argv));
    size_t count = 0;
    for (size_t i = 0; i < spec->command.count; i++)
        argv[count++] = expand(environment, spec->command.items[i]);
    for (size_t i = 0; i < entrypoint->count && spec->command.count == 0; i++)
        argv[count++] = entrypoint->items[i];
    for (size_t i = 0; i < spec->args.count; i++)
        argv[count++] = expand(environment, spec->args.items[i]);
    for (size_t i = 0; i < command->count && spec->command.count == 0 && spec->args.count == 0; i++)
        argv[count++] = command->items[i];
    if (count == 0)
        return error_set(
            error, ERROR_INVALID,
            "container %s: neither the image %s nor the pod says what to run; set command",
            spec->name, spec->image);
    container->argv = argv;
    container->argv_count = count;
    return 0;
}
