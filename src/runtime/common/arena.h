/* Shorthands over base/arena.h. */
#ifndef SHOAL_RUNTIME_ARENA_H
#define SHOAL_RUNTIME_ARENA_H

#include <string.h>

#include "base/arena.h"

#define ARENA_NEW_ARRAY(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))

/* A C string of its own; NULL stays NULL. */
static inline const char *arena_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : (const char *)arena_copy(arena, text, strlen(text)).data;
}

static inline const char *arena_text_n(struct arena *arena, const char *text, size_t size_bytes)
{
    return (const char *)arena_copy(arena, text, size_bytes).data;
}

#endif
