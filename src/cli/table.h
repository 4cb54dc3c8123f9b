/*
 * Aligned columns, as kubectl prints them. Cells are copied and made harmless for terminals. The
 * widths found by one table_print() are kept as the least widths of the next, so that rows that
 * come later (get -w) stand below the first ones.
 */
#ifndef SHOAL_CLI_TABLE_H
#define SHOAL_CLI_TABLE_H

#include "output.h"

#define TABLE_COLUMNS_MAX 16

struct table_cell {
    char *text;
    enum tone tone;
};

struct table {
    const char *headers[TABLE_COLUMNS_MAX];
    size_t widths[TABLE_COLUMNS_MAX];
    size_t columns_count;
    struct table_cell *cells; /* row after row; a whole number of rows when printed (asserted) */
    size_t count, capacity;
    const char *indent; /* before each line; NULL: nothing */
};

void table_init(struct table *table);
void table_fini(struct table *table);
/* All columns before the first cell. `header` must live on. */
void table_column(struct table *table, const char *header);
void table_cell(struct table *table, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool table_is_empty(const struct table *table);
void table_print(struct table *table, const struct cli *cli, bool headers);
/* Forgets the rows. */
void table_clear(struct table *table);

#endif
