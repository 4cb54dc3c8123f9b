/* ?ack=local|majority|all&ackTimeout=SECONDS of every write: whose disks must have it. */
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"

bool ack_take(struct api_connection *connection, enum brain_ack *ret_ack, uint32_t *ret_timeout_ms)
{
    static const char *const levels[] = {
        [BRAIN_ACK_LOCAL] = "local", [BRAIN_ACK_MAJORITY] = "majority", [BRAIN_ACK_ALL] = "all"};
    const char *level = request_query(&connection->request, "ack");
    const char *timeout = request_query(&connection->request, "ackTimeout");
    char *end = NULL;
    unsigned long timeout_s = timeout != NULL ? strtoul(timeout, &end, 10) : 0;
    if (timeout != NULL &&
        (timeout[0] < '1' || timeout[0] > '9' || *end != '\0' || timeout_s > ACK_TIMEOUT_S_MAX)) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "ackTimeout is a number of seconds from 1 to %d", ACK_TIMEOUT_S_MAX);
        return false;
    }
    *ret_timeout_ms = (uint32_t)timeout_s * 1000;
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(level != NULL ? level : "local", levels[i]) == 0) {
            *ret_ack = (enum brain_ack)i;
            return true;
        }
    respond_failure(connection, 400, "BadRequest", NULL,
                    "ack is local, majority or all, not '%.40s'", level);
    return false;
}
