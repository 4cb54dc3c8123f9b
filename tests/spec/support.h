/* What the tests of this module share. */
#ifndef SHOAL_TESTS_SPEC_SUPPORT_H
#define SHOAL_TESTS_SPEC_SUPPORT_H

#include "base/buf.h"
#include "spec/load.h"

/* The whole file, NUL-terminated; the test fails when it cannot be read. Freed with mem_free. */
char *read_file(const char *path, size_t *ret_size_bytes);
/* The names in `directory` that end in `suffix`, sorted; freed with free_names. */
char **list_files(const char *directory, const char *suffix, size_t *ret_count);
void free_names(char **names, size_t count);

/* What loading says, as the .expect files have it. */
void describe_load(const char *text, size_t size_bytes, struct buf *description);
/* The one object in `text`, which must be good. */
struct spec_object load_one(const char *text);

static inline struct bytes canonical_bytes(const struct spec_object *object)
{
    return (struct bytes){.data = (const uint8_t *)object->canonical,
                          .size_bytes = object->size_bytes};
}

#endif
