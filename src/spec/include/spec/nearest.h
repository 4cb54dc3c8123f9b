/* "Did you mean": the known word nearest to what somebody typed. */
#ifndef SHOAL_SPEC_NEAREST_H
#define SHOAL_SPEC_NEAREST_H

#include <stddef.h>

#define SPEC_WORD_CHARS_MAX 63

/* Feed candidates one by one; `best` is then the nearest, or NULL when none is near enough to be
 * meant. */
struct spec_nearest {
    const char *typed;
    const char *best;
    size_t best_distance;
};

void spec_nearest_init(struct spec_nearest *nearest, const char *typed);
void spec_nearest_offer(struct spec_nearest *nearest, const char *candidate);

/* Insertions, deletions, changes and swaps of neighbours, letter case aside. Both at most
 * SPEC_WORD_CHARS_MAX long, else the result is larger than any real distance. */
size_t spec_edit_distance(const char *a, const char *b);

#endif
