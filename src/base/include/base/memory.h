/*
 * Heap memory that does not fail: every allocation a peer or user can cause is bounded by a limit
 * elsewhere, so running out is a machine in ruins and we stop at once (docs/adr/0003). Freed with
 * mem_free.
 */
#ifndef SHOAL_BASE_MEMORY_H
#define SHOAL_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed. count * size_bytes must not overflow (asserted). */
void *mem_alloc(size_t count, size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *pointer, size_t count, size_t size_bytes) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies `size_bytes` and appends a NUL. */
char *mem_strndup(const char *text, size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_dup(const void *data, size_t size_bytes) __attribute__((malloc, returns_nonnull));
void mem_free(void *pointer); /* NULL is fine */

#define MEM_NEW(type)          ((type *)mem_alloc(1, sizeof(type)))
#define MEM_NEW_ARRAY(type, n) ((type *)mem_alloc((n), sizeof(type)))

/* Ensures room for one more element: `items` pointer, `count`, `capacity` are the caller's;
 * doubles. */
#define MEM_GROW(items, count, capacity)                                                           \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity)*2 : 8;                                            \
            (items) = mem_realloc((items), (capacity), sizeof(*(items)));                          \
        }                                                                                          \
    } while (0)

#endif
