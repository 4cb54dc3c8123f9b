/* The numbers in struct brain_stats that people are shown, by name. */
#ifndef SHOAL_API_ACCOUNTS_H
#define SHOAL_API_ACCOUNTS_H

#include "api_internal.h"

struct account {
    const char
        *field;       /* of struct brain_stats: "probes_sent", from which the metric has its name */
    const char *json; /* "probesSent" */
    const char *help; /* a sentence */
    bool gauge;       /* it may fall */
    size_t offset_bytes, size_bytes;
};

size_t accounts_count(void);
const struct account *accounts_at(size_t index);
uint64_t account_value(const struct account *account, const struct brain_stats *stats);

#endif
