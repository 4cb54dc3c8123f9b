#include "spec/expand.h"

#include <string.h>

#include "base/memory.h"

void spec_expand(const char *text, spec_expand_lookup *lookup, void *context, struct buf *expanded)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "$");
        buf_append(expanded, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        const char *end = text[1] == '(' ? strchr(text + 2, ')') : NULL;
        if (text[1] == '$') {
            buf_append_byte(expanded, '$');
            text += 2;
        } else if (end != NULL) {
            char *name = mem_strndup(text + 2, (size_t)(end - text - 2));
            const char *value = lookup(name, context);
            if (value != NULL)
                buf_append_text(expanded, value);
            else
                buf_append(expanded, text, (size_t)(end - text + 1));
            mem_free(name);
            text = end + 1;
        } else {
            buf_append_byte(expanded, '$');
            text++;
        }
    }
}
