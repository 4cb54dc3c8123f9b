/* What the three rooms of a connection share: connection.c its life, connection_read.c and
 * connection_write.c its bytes. */
#ifndef SHOAL_NET_CONNECTION_INTERNAL_H
#define SHOAL_NET_CONNECTION_INTERNAL_H

#include "connection.h"

/* connection.c. Ends it: "WHAT ADDRESS: text of errnum". */
void connection_fail_errno(struct connection *connection, int errnum, const char *what);
void connection_drop_handshake(struct connection *connection);

/* connection_write.c. One uv_write: the bytes stand behind the request. */
struct write {
    uv_write_t request;
    size_t size_bytes;
    uint8_t data[];
};
struct write *connection_write_new(size_t size_bytes); /* contents are not set */
void connection_submit(struct connection *connection, struct write *write); /* takes over `write` */

/* connection_read.c */
void connection_start_reading(struct connection *connection);

#endif
