#include "amount.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "spec/quantity.h"

const char *amount_cores(uint64_t milli, char text[static AMOUNT_TEXT_BYTES_MAX])
{
    uint64_t hundredths = (milli + 9) / 10; /* what is there is never shown as nothing */
    uint64_t rest = hundredths % 100;
    if (rest == 0)
        (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64, hundredths / 100);
    else if (rest % 10 == 0)
        (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64 ".%" PRIu64, hundredths / 100,
                       rest / 10);
    else
        (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64 ".%02" PRIu64, hundredths / 100,
                       rest);
    return text;
}

const char *amount_bytes(uint64_t bytes, char text[static AMOUNT_TEXT_BYTES_MAX])
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    size_t unit = 0;
    uint64_t rest = 0;
    while (bytes >= 1024) {
        rest = bytes % 1024;
        bytes /= 1024;
        unit++;
    }
    uint64_t tenth = rest * 10 / 1024;
    if (bytes < 10 && tenth > 0)
        (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64 ".%" PRIu64 "%s", bytes, tenth,
                       units[unit]);
    else
        (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64 "%s", bytes, units[unit]);
    return text;
}

static const char *format(bool cpu, bool memory, uint64_t value,
                          char text[static AMOUNT_TEXT_BYTES_MAX])
{
    if (cpu)
        return amount_cores(value, text);
    if (memory)
        return amount_bytes(value, text);
    (void)snprintf(text, AMOUNT_TEXT_BYTES_MAX, "%" PRIu64, value);
    return text;
}

const char *amount_used(const char *resource, const char *used, const char *whole,
                        char text[static 2 * AMOUNT_TEXT_BYTES_MAX], uint64_t *ret_percent)
{
    char left[AMOUNT_TEXT_BYTES_MAX] = "?";
    char right[AMOUNT_TEXT_BYTES_MAX] = "?";
    uint64_t used_value = 0;
    uint64_t whole_value = 0;
    bool cpu = strcmp(resource, "cpu") == 0;
    bool memory = strcmp(resource, "memory") == 0 || strcmp(resource, "ephemeral-storage") == 0;
    enum spec_quantity_verdict (*parse)(const char *text, uint64_t *ret_value) =
        cpu ? spec_quantity_parse_milli : spec_quantity_parse_whole;
    bool used_known = used[0] != '\0' && parse(used, &used_value) == SPEC_QUANTITY_OK;
    bool whole_known = whole[0] != '\0' && parse(whole, &whole_value) == SPEC_QUANTITY_OK;
    if (used_known)
        (void)format(cpu, memory, used_value, left);
    if (whole_known)
        (void)format(cpu, memory, whole_value, right);
    (void)snprintf(text, 2 * AMOUNT_TEXT_BYTES_MAX, "%s/%s", left, right);
    if (ret_percent != NULL)
        *ret_percent = used_known && whole_known && whole_value >= 100
                           ? used_value / (whole_value / 100)
                       : used_known && whole_value > 0 ? used_value * 100 / whole_value
                                                       : 0;
    return text;
}
