#include "wire/codec.h"

const char *wire_verdict_name(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_OK:
        return "ok";
    case WIRE_UNKNOWN_TYPE:
        return "unknown-type";
    case WIRE_TRUNCATED:
        return "truncated";
    case WIRE_BAD_TYPE:
        return "bad-type";
    case WIRE_OUT_OF_RANGE:
        return "out-of-range";
    case WIRE_TOO_LARGE:
        return "too-large";
    case WIRE_MISSING_FIELD:
        return "missing-field";
    case WIRE_BAD_UTF8:
        return "bad-utf8";
    case WIRE_DUPLICATE_KEY:
        return "duplicate-key";
    case WIRE_TOO_DEEP:
        return "too-deep";
    case WIRE_NOT_CANONICAL:
        return "not-canonical";
    case WIRE_TRAILING_BYTES:
        return "trailing-bytes";
    case WIRE_ARENA_FULL:
        return "arena-full";
    }
    return "?";
}

void wire_arena_init(struct wire_arena *arena, size_t limit_bytes)
{
    arena_init(&arena->arena, limit_bytes);
}

void wire_arena_fini(struct wire_arena *arena)
{
    arena_fini(&arena->arena);
}

void wire_arena_reset(struct wire_arena *arena)
{
    arena_clear(&arena->arena);
}

void *wire_arena_alloc(struct wire_arena *arena, size_t count, size_t size_bytes)
{
    size_t limit_bytes = arena->arena.limit_bytes;
    if (limit_bytes == 0)
        limit_bytes = BUF_LIMIT_BYTES_DEFAULT;
    size_t left_bytes =
        arena->arena.used_bytes < limit_bytes ? limit_bytes - arena->arena.used_bytes : 0;
    if (size_bytes != 0 && count > left_bytes / size_bytes)
        return NULL;
    return arena_alloc(&arena->arena, count, size_bytes);
}
