#include "base/memory.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX 512

void member_output_init(struct member_output *output)
{
    *output = (struct member_output){.items = NULL};
    arena_init(&output->arena, 0);
}

void member_output_fini(struct member_output *output)
{
    arena_fini(&output->arena);
    mem_free(output->items);
    *output = (struct member_output){.items = NULL};
}

void member_output_clear(struct member_output *output)
{
    output->count = 0;
    arena_clear(&output->arena);
}

struct member_output_item *output_add(struct member_output *output, enum member_output_kind kind,
                                      uint64_t node)
{
    MEM_GROW(output->items, output->count, output->capacity);
    struct member_output_item *item = &output->items[output->count++];
    *item = (struct member_output_item){.kind = kind, .node = node};
    return item;
}

void output_payload(struct member_output *output, struct member_output_item *item,
                    struct bytes payload)
{
    item->payload = arena_copy(&output->arena, payload.data, payload.size_bytes);
}

void output_trace(struct member_output *output, enum member_output_kind kind, uint64_t node,
                  const char *format, ...)
{
    char text[TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct member_output_item *item = output_add(output, kind, node);
    item->text = arena_copy(&output->arena, text, strlen(text));
}
