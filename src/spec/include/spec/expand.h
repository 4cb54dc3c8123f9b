/* $(NAME) in command, args and env values, as Kubernetes expands it. */
#ifndef SHOAL_SPEC_EXPAND_H
#define SHOAL_SPEC_EXPAND_H

#include "base/buf.h"

/* The value of a variable, or NULL when there is none; valid until the next call. */
typedef const char *spec_expand_lookup(const char *name, void *context);

/* Appends `text` with every $(NAME) that `lookup` knows replaced; an unknown one stays as written,
 * "$$" is "$", and so
 * "$$(NAME)" is the text $(NAME). Values are not expanded again. */
void spec_expand(const char *text, spec_expand_lookup *lookup, void *context, struct buf *expanded);

#endif
