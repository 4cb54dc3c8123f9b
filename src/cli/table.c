#include "table.h"

#include <stdarg.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/memory.h"

#define GAP 3 /* between columns, as kubectl has it */

void table_init(struct table *table)
{
    *table = (struct table){.cells = NULL};
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        mem_free(table->cells[i].text);
    table->count = 0;
}

void table_fini(struct table *table)
{
    table_clear(table);
    mem_free(table->cells);
    table_init(table);
}

void table_column(struct table *table, const char *header)
{
    ASSERT(table->columns_count < TABLE_COLUMNS_MAX && table->count == 0);
    table->widths[table->columns_count] = output_width(header);
    table->headers[table->columns_count++] = header;
}

void table_cell(struct table *table, enum tone tone, const char *format, ...)
{
    struct buf text = BUF_INIT;
    struct buf plain = BUF_INIT;
    size_t size_bytes = 0;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    output_plain(&plain, buf_text(&text));
    buf_fini(&text);
    MEM_GROW(table->cells, table->count, table->capacity);
    table->cells[table->count++] =
        (struct table_cell){.text = (char *)buf_take(&plain, &size_bytes), .tone = tone};
}

bool table_is_empty(const struct table *table)
{
    return table->count == 0;
}

/* The last column ends where its text ends. */
static void put(const struct table *table, const struct cli *cli, size_t column, const char *text,
                enum tone tone)
{
    FILE *out = cli->io.out;
    bool last = column + 1 == table->columns_count;
    size_t fill = last ? 0 : table->widths[column] - output_width(text) + GAP;
    bool toned = tone != TONE_NONE && cli->io.colour;
    if (column == 0 && table->indent != NULL)
        (void)fputs(table->indent, out);
    (void)fprintf(out, "%s%s%s%*s%s", toned ? output_tone(cli, tone) : "", text,
                  toned ? output_tone(cli, TONE_NONE) : "", (int)fill, "", last ? "\n" : "");
}

void table_print(struct table *table, const struct cli *cli, bool headers)
{
    ASSERT(table->columns_count > 0 && table->count % table->columns_count == 0);
    for (size_t i = 0; i < table->count; i++) {
        size_t *width = &table->widths[i % table->columns_count];
        size_t needed = output_width(table->cells[i].text);
        *width = needed > *width ? needed : *width;
    }
    for (size_t i = 0; headers && i < table->columns_count; i++)
        put(table, cli, i, table->headers[i], TONE_BOLD);
    for (size_t i = 0; i < table->count; i++)
        put(table, cli, i % table->columns_count, table->cells[i].text, table->cells[i].tone);
}
