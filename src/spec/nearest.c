#include "spec/nearest.h"

#include <stdint.h>
#include <string.h>

#define ROW (SPEC_WORD_CHARS_MAX + 2)

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: three rows of the usual matrix suffice. */
size_t spec_edit_distance(const char *a, const char *b)
{
    size_t a_count = strlen(a), b_count = strlen(b);
    if (a_count > SPEC_WORD_CHARS_MAX || b_count > SPEC_WORD_CHARS_MAX)
        return SIZE_MAX;
    size_t rows[3][ROW] = {{0}};
    for (size_t j = 0; j <= b_count; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_count; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_count; j++) {
            size_t change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_count % 3][b_count];
}

void spec_nearest_init(struct spec_nearest *nearest, const char *typed)
{
    /* One slip in three letters is still the same word; in short words one slip. */
    size_t slips_max = strlen(typed) / 3;
    *nearest =
        (struct spec_nearest){.typed = typed, .best_distance = (slips_max > 1 ? slips_max : 1) + 1};
}

void spec_nearest_offer(struct spec_nearest *nearest, const char *candidate)
{
    size_t distance = spec_edit_distance(nearest->typed, candidate);
    if (distance < nearest->best_distance && distance < strlen(candidate)) {
        nearest->best = candidate;
        nearest->best_distance = distance;
    }
}
