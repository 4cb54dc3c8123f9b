#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

void image_texts_add(struct image_texts *texts, const char *text)
{
    ASSERT(text != NULL);
    texts->items = mem_realloc(texts->items, texts->count + 2, sizeof(*texts->items));
    texts->items[texts->count++] = mem_strdup(text);
    texts->items[texts->count] = NULL;
}

void image_texts_fini(struct image_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        mem_free(texts->items[i]);
    mem_free(texts->items);
    *texts = (struct image_texts){.items = NULL};
}

bool image_texts_contain(const struct image_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->items[i], text) == 0)
            return true;
    return false;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void image_texts_sort(struct image_texts *texts)
{
    if (texts->count > 1)
        qsort(texts->items, texts->count, sizeof(*texts->items), compare_texts);
}

bool image_texts_drop(struct image_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->items[i], text) != 0)
            continue;
        mem_free(texts->items[i]);
        memmove(&texts->items[i], &texts->items[i + 1],
                (texts->count - i) * sizeof(*texts->items)); /* the closing NULL too */
        texts->count--;
        return true;
    }
    return false;
}

const char *text_quote(const char *text, char quoted[static QUOTED_BYTES_MAX])
{
    size_t used_bytes = 0;
    const size_t room_bytes = QUOTED_BYTES_MAX - sizeof("\\xff...");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (used_bytes >= room_bytes) {
            (void)snprintf(quoted + used_bytes, QUOTED_BYTES_MAX - used_bytes, "...");
            return quoted;
        }
        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && byte < 0xa0) || byte == '"' ||
            byte == '\\')
            used_bytes += (size_t)snprintf(quoted + used_bytes, QUOTED_BYTES_MAX - used_bytes,
                                           "\\x%02x", byte);
        else
            quoted[used_bytes++] = (char)byte;
    }
    quoted[used_bytes] = '\0';
    return quoted;
}

void warning_add(struct image_texts *warnings, const char *format, ...)
{
    if (warnings->count >= WARNINGS_MAX)
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!image_texts_contain(warnings, text))
        image_texts_add(warnings, text);
}
