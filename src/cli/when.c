#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_MS ((uint64_t)1000)
#define MINUTE_S  ((uint64_t)60)
#define HOUR_S    (60 * MINUTE_S)
#define DAY_S     (24 * HOUR_S)
#define YEAR_S    (365 * DAY_S)
/* Longer than anything that anybody waits for, short enough to calculate with. */
#define DURATION_MS_MAX (100 * YEAR_S * SECOND_MS)

bool when_parse(const char *text, wall_ms_t *ret_wall_ms)
{
    struct tm utc = {.tm_year = 0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (end == NULL)
        return false;
    if (*end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    time_t seconds = timegm(&utc);
    if (strcmp(end, "Z") != 0 || seconds < 0)
        return false;
    *ret_wall_ms = (wall_ms_t)seconds * SECOND_MS;
    return true;
}

const char *when_format_duration(uint64_t duration_ms, char text[static WHEN_TEXT_BYTES_MAX])
{
    /* Below `until_s`: the larger unit and, unless it is 0, the smaller (apimachinery's
     * HumanDuration). */
    static const struct {
        uint64_t until_s;
        uint64_t unit_s;
        uint64_t rest_s;
        char unit, rest;
    } table[] = {
        {2 * MINUTE_S, 1, 0, 's', ' '},      {10 * MINUTE_S, MINUTE_S, 1, 'm', 's'},
        {3 * HOUR_S, MINUTE_S, 0, 'm', ' '}, {8 * HOUR_S, HOUR_S, MINUTE_S, 'h', 'm'},
        {2 * DAY_S, HOUR_S, 0, 'h', ' '},    {8 * DAY_S, DAY_S, HOUR_S, 'd', 'h'},
        {2 * YEAR_S, DAY_S, 0, 'd', ' '},    {8 * YEAR_S, YEAR_S, DAY_S, 'y', 'd'},
        {UINT64_MAX, YEAR_S, 0, 'y', ' '},
    };
    uint64_t seconds = duration_ms / SECOND_MS;
    size_t i = 0;
    while (seconds >= table[i].until_s)
        i++;
    uint64_t rest = table[i].rest_s > 0 ? seconds % table[i].unit_s / table[i].rest_s : 0;
    int length = snprintf(text, WHEN_TEXT_BYTES_MAX, "%" PRIu64 "%c", seconds / table[i].unit_s,
                          table[i].unit);
    if (rest > 0)
        (void)snprintf(text + length, WHEN_TEXT_BYTES_MAX - (size_t)length, "%" PRIu64 "%c", rest,
                       table[i].rest);
    return text;
}

const char *when_format_age(const char *since, wall_ms_t now_wall_ms,
                            char text[static WHEN_TEXT_BYTES_MAX])
{
    wall_ms_t since_wall_ms = 0;
    if (!when_parse(since, &since_wall_ms)) {
        (void)snprintf(text, WHEN_TEXT_BYTES_MAX, "<unknown>");
        return text;
    }
    /* The clocks of two machines may differ. */
    return when_format_duration(now_wall_ms > since_wall_ms ? now_wall_ms - since_wall_ms : 0,
                                text);
}

static uint64_t unit_ms(const char *text, size_t *ret_length)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } table[] = {
        {"ms", 1},
        {"s", SECOND_MS},
        {"m", MINUTE_S * SECOND_MS},
        {"h", HOUR_S * SECOND_MS},
        {"d", DAY_S * SECOND_MS},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        *ret_length = strlen(table[i].name);
        if (strncmp(text, table[i].name, *ret_length) == 0)
            return table[i].ms;
    }
    return 0;
}

int when_parse_duration(const char *text, uint64_t *ret_duration_ms, struct error *error)
{
    uint64_t duration_ms = 0;
    const char *at = text;
    bool good = *at != '\0';
    while (good && *at != '\0') {
        uint64_t number = 0;
        size_t digits = strspn(at, "0123456789");
        size_t length = 0;
        good = digits > 0 && digits <= 12;
        for (size_t i = 0; good && i < digits; i++)
            number = number * 10 + (uint64_t)(at[i] - '0');
        at += digits;
        uint64_t unit = good ? unit_ms(at, &length) : 0;
        good = good && unit > 0 && number <= DURATION_MS_MAX / unit;
        if (good)
            duration_ms += number * unit;
        good = good && duration_ms <= DURATION_MS_MAX;
        at += good ? length : 0;
    }
    if (!good)
        return error_set(error, ERROR_INVALID,
                         "a duration is written as 30s, 5m or 1h30m, not as '%.100s'", text);
    *ret_duration_ms = duration_ms;
    return 0;
}
