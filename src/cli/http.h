/*
 * Responses of HTTP/1.1, from bytes in any pieces: status, the headers that matter here, and the
 * body as it comes. No I/O.
 */
#ifndef SHOAL_CLI_HTTP_H
#define SHOAL_CLI_HTTP_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define HTTP_HEADER_BYTES_MAX ((size_t)64 << 10) /* one of them */
#define HTTP_WARNINGS_MAX     64

struct http_response {
    http_parser parser;
    struct buf name, value; /* of the header being read */
    bool value_seen;
    /* Filled in as it comes. */
    int status;
    char result[32];                   /* the header Shoal-Result; "" without */
    char *warnings[HTTP_WARNINGS_MAX]; /* texts of Warning headers; more are left out */
    size_t warnings_count;
    bool head_complete;
    bool complete;
    bool keep_alive; /* when complete */
    /* The body: may be called with what belongs to a failure, too: see `status`. */
    void (*on_body)(void *context, struct bytes data);
    void *context;
};

void http_response_init(struct http_response *response);
void http_response_fini(struct http_response *response);
/* Forgets everything but on_body and context; ready for the next. */
void http_response_clear(struct http_response *response);
/* Bytes behind a complete response are an error: nothing was asked. ERROR_CORRUPT. */
int http_response_feed(struct http_response *response, struct bytes data, struct error *error);
/* The stream has ended: fine for a response without length, else ERROR_UNAVAILABLE. */
int http_response_eof(struct http_response *response, struct error *error);

#endif
