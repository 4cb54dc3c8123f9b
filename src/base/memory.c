#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static size_t product(size_t count, size_t size_bytes)
{
    size_t total_bytes = 0;
    ASSERT(!__builtin_mul_overflow(count, size_bytes, &total_bytes));
    return total_bytes;
}

void *mem_alloc(size_t count, size_t size_bytes)
{
    void *pointer = calloc(1, product(count, size_bytes) | (size_t)(count == 0 || size_bytes == 0));
    if (pointer == NULL)
        panic(__FILE__, __LINE__, "out of memory");
    return pointer;
}

void *mem_realloc(void *pointer, size_t count, size_t size_bytes)
{
    size_t total_bytes = product(count, size_bytes);
    pointer = realloc(pointer, total_bytes ? total_bytes : 1);
    if (pointer == NULL)
        panic(__FILE__, __LINE__, "out of memory");
    return pointer;
}

char *mem_strndup(const char *text, size_t size_bytes)
{
    char *copy = mem_alloc(size_bytes + 1, 1);
    if (size_bytes > 0)
        memcpy(copy, text, size_bytes);
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void *mem_dup(const void *data, size_t size_bytes)
{
    void *copy = mem_alloc(size_bytes, 1);
    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    return copy;
}

void mem_free(void *pointer)
{
    free(pointer);
}
