/* Memory for one decoded thing: allocated piece by piece, freed at once. Zeroed. */
#ifndef SHOAL_RUNTIME_ARENA_H
#define SHOAL_RUNTIME_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes);
/* A C string of its own; NULL stays NULL. */
const char *arena_text(struct arena *arena, const char *text);
const char *arena_text_n(struct arena *arena, const char *text, size_t size_bytes);

#define ARENA_NEW_ARRAY(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))

#endif
