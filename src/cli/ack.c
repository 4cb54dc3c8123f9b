#include "ack.h"

#include "arguments.h"

#define TIMEOUT_S_MAX 25 /* the agent's own limit: it answers every request within 30 s */

int ack_put_query(const struct cli_arguments *arguments, char first, struct buf *path,
                  struct error *error)
{
    long timeout_s = 0;
    const char *level = cli_value(arguments, "ack");
    if (arguments_number(arguments, "ack-timeout", 1, TIMEOUT_S_MAX, &timeout_s, error) < 0)
        return -1;
    if (level != NULL) {
        buf_printf(path, "%cack=%s", first, level);
        first = '&';
    }
    if (timeout_s > 0)
        buf_printf(path, "%cackTimeout=%ld", first, timeout_s);
    return 0;
}
