/* The rooms that make what the runtime runs. */
#ifndef SHOAL_LOOP_PODSPEC_H
#define SHOAL_LOOP_PODSPEC_H

#include <string.h>

#include "agent_internal.h"
#include "base/arena.h"

#define ENVIRONMENT_BYTES_MAX ((size_t)4 << 20)

struct podspec {
    struct spec_pod spec;
    struct image *images[RUNTIME_CONTAINERS_MAX];
    size_t images_count;
    struct arena arena;
    char id[RUNTIME_POD_ID_CHARS + 1];
    char uid[37];
    struct runtime_pod pod;
};

/* A copy that lives as long as the podspec. */
static inline const char *podspec_keep(struct podspec *podspec, const char *text)
{
    return (const char *)arena_copy(&podspec->arena, text, strlen(text)).data;
}

/* ---- podenv.c */

struct podenv {
    struct podspec *podspec;
    struct runtime_env *items;
    size_t count;
    bool too_large;
};

/* Of the image, then of the pod, which may name what stands before it. */
void podenv_build(struct agent *agent, struct podspec *podspec, const struct spec_container *spec,
                  const struct image *image, struct runtime_container *container,
                  struct podenv *environment);
/* After podenv_build. ERROR_INVALID: nothing says what to run. */
int podenv_argv(struct podspec *podspec, const struct spec_container *spec,
                const struct image *image, struct runtime_container *container,
                struct podenv *environment, struct error *error);

#endif
