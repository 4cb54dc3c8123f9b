/* What `get` shows of each kind: kubectl's columns. */
#ifndef SHOAL_CLI_COLUMNS_H
#define SHOAL_CLI_COLUMNS_H

#include <jansson.h>

#include "base/time.h"
#include "spec/kind.h"
#include "table.h"

struct columns {
    const struct spec_kind_info *kind;
    bool namespaces; /* -A: a column with them */
    bool wide;
    bool kinds; /* names as "pod/x", for several kinds at once */
    wall_ms_t now_wall_ms;
};

void columns_begin(const struct columns *columns, struct table *table);
void columns_row(const struct columns *columns, const json_t *object, struct table *table);

#endif
