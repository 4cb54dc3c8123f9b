/* Memory that is freed all at once with the typed struct it belongs to. */
#ifndef SHOAL_SPEC_ARENA_H
#define SHOAL_SPEC_ARENA_H

#include <stddef.h>

struct spec_arena_chunk;

/* Invariant: every pointer handed out lies in one chunk of the list and is aligned for any type. */
struct spec_arena {
    struct spec_arena_chunk *chunks; /* newest first; move this pointer to move the memory */
};

/* Zeroed; never NULL. */
void *spec_arena_alloc(struct spec_arena *arena, size_t count, size_t size_bytes);
char *spec_arena_text(struct spec_arena *arena, const char *text, size_t size_bytes);
void spec_arena_free(struct spec_arena_chunk *chunks);

#define SPEC_ARENA_ARRAY(arena, type, n) ((type *)spec_arena_alloc((arena), (n), sizeof(type)))

#endif
