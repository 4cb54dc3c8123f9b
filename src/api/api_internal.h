/* What the rooms of this module share. */
#ifndef SHOAL_API_INTERNAL_H
#define SHOAL_API_INTERNAL_H

#include <http_parser.h>
#include <jansson.h>

#include "api/api.h"
#include "spec/kind.h"
#include "spec/load.h"

#define PATH_PARTS_MAX 12
#define QUERY_MAX      32
/* A slow reader of a long answer: no more is produced above this. */
#define WRITE_AHEAD_BYTES ((size_t)256 << 10)
/* Bytes that arrive while a request is being answered wait here (pipelining); beyond, the client is
 * cut off. */
#define PIPELINE_BYTES_MAX ((size_t)4 << 20)
/* An answer of the disk or of a peer that takes longer is a failure to report. */
#define REQUEST_TIMEOUT_MS 30000
/* ackTimeout, in seconds: within that. */
#define ACK_TIMEOUT_S_MAX 25

/* Of more objects than these, written between two looks, a list is cheaper than each by itself. */
#define CHANGED_KEYS_MAX 256
/* Since the watches were looked at. */
struct changes {
    char *keys[CHANGED_KEYS_MAX]; /* of objects */
    size_t keys_count;
    bool too_many; /* objects */
    bool others;   /* claims, members */
    bool any;      /* or a watch is behind */
};

struct api {
    struct api_host host;
    struct api_connection *connections;
    size_t connections_count;
    struct watch *watches;
    struct trace *traces;
    size_t traces_count;
    struct changes changes;
    boot_ms_t watches_boot_ms; /* they are looked at again not before */
};

struct query {
    char *name;
    char *value;
};

/* The request that a connection is busy with. */
struct request {
    enum http_method method;
    char *path;    /* decoded */
    char *raw_url; /* as it came, for passing on */
    char *parts[PATH_PARTS_MAX];
    size_t parts_count;
    struct query queries[QUERY_MAX];
    size_t queries_count;
    struct buf content_type;
    struct buf body;
    bool too_large;
    bool not_text; /* its URL, decoded, is not UTF-8, or holds a NUL */
    bool keep_alive;
};

/* What goes on after the handler returned; called when the connection dies before it ended. */
struct ongoing {
    void *state;
    void (*abandon)(void *state);
    void (*writable)(void *state);                /* may be NULL */
    void (*body)(void *state, struct bytes data); /* takes the body as it comes, when set in time */
    void (*body_end)(void *state);
    bool times_out; /* after REQUEST_TIMEOUT_MS the client is told so */
};

struct api_connection {
    struct api *api;
    struct api_connection *next, **link;
    struct api_transport transport;
    bool from_peer;
    bool closing;
    bool busy;      /* between a complete request and the end of its response */
    bool chunked;   /* the response under way */
    bool in_parser; /* a callback of the parser is on the stack */
    http_parser parser;
    struct request request;
    struct buf url, header_name, header_value;
    bool header_value_seen;
    struct buf waiting;  /* input that arrived while busy */
    struct buf warnings; /* Warning headers of the response */
    struct ongoing ongoing;
    boot_ms_t busy_since_boot_ms;
};

/* ---- http.c */
/* The next request in what waits, if none is being answered. */
void connection_feed(struct api_connection *connection);
/* After what was written is out. */
void connection_close(struct api_connection *connection);

/* ---- request.c */
void request_clear(struct request *request);
void request_take_path(struct request *request, const char *path, size_t size_bytes);
void request_take_query(struct request *request, const char *query, size_t size_bytes);
const char *request_query(const struct request *request, const char *name); /* NULL: not given */
bool request_flag(const struct request *request, const char *name);         /* true, True, 1 */

/* ---- respond.c */
void respond(struct api_connection *connection, int status, const char *content_type,
             struct bytes body);
void respond_header(struct api_connection *connection, const char *name,
                    const char *value); /* before respond */
/* Takes `json`. */
void respond_json(struct api_connection *connection, int status, json_t *json);
/* A Kubernetes Status object. `causes` (may be NULL) is taken. */
void respond_failure(struct api_connection *connection, int status, const char *reason,
                     json_t *causes, const char *format, ...) __attribute__((format(printf, 5, 6)));
void respond_error(struct api_connection *connection, enum error_code code, const char *message);
void respond_begin(struct api_connection *connection, int status,
                   const char *content_type); /* chunked */
void respond_chunk(struct api_connection *connection, struct bytes data);
void respond_end(struct api_connection *connection);
/* Raw bytes of a response that somebody else made; the connection ends with it. */
void respond_raw(struct api_connection *connection, struct bytes data);
void respond_raw_end(struct api_connection *connection);

/* ---- route.c */
/* The headers are complete; may set connection->ongoing.body to take the body as a stream. */
void route_headers(struct api_connection *connection);
void route(struct api_connection *connection);

/* ---- ack.c: what the request says of it; false: it is wrong and answered. 0 ms: the default. */
bool ack_take(struct api_connection *connection, enum brain_ack *ret_ack, uint32_t *ret_timeout_ms);

/* ---- the rooms */
struct resource_path {
    const struct spec_kind_info *kind;
    const char *namespace_name; /* "" : all, or a cluster-wide kind */
    const char *name;           /* NULL: the collection */
    const char *subresource;    /* NULL: none */
};
void objects_handle(struct api_connection *connection, const struct resource_path *path);
json_t *object_find(struct api *api, const struct resource_path *path); /* NULL: there is none */
/* ---- list.c: what stands under a path, one item after the other. */
typedef void (*list_item)(void *context, json_t *item); /* takes `item` */
void list_each(struct api *api, const struct resource_path *path, list_item add, void *context);
json_t *list_collect(struct api *api, const struct resource_path *path); /* array; new reference */
/* The whole of it as the answer. */
void list_handle(struct api_connection *connection, const struct resource_path *path);
void watch_handle(struct api_connection *connection, const struct resource_path *path);
void watches_tick(struct api *api);
void changes_clear(struct changes *changes);
boot_ms_t watches_deadline(const struct api *api);
void leases_handle(struct api_connection *connection);
void roster_reset_handle(struct api_connection *connection);
void logs_handle(struct api_connection *connection, const struct resource_path *path);
void images_list(struct api_connection *connection);
void images_load_begin(struct api_connection *connection);
void gossip_handle(struct api_connection *connection);
void trace_handle(struct api_connection *connection);
void traces_tick(struct api *api);
boot_ms_t traces_deadline(const struct api *api);
/* Passes the GET on to another node and its answer back. `who` ("the node of this pod") lives on.
 */
void relay(struct api_connection *connection, uint64_t node, const char *who);
uint64_t relay_self(struct api *api);
void keys_list(struct api_connection *connection);
void keys_step(struct api_connection *connection);
void bans_list(struct api_connection *connection);
void bans_put(struct api_connection *connection, const char *name);
void bans_delete(struct api_connection *connection, const char *name);
void metrics_handle(struct api_connection *connection);
void history_handle(struct api_connection *connection, const struct resource_path *path);
void backup_handle(struct api_connection *connection);
bool discovery_handle(struct api_connection *connection);

/* ---- present.c, pods.c, nodes.c: new references */
json_t *present_object(struct api *api, const struct brain_object *object,
                       const struct spec_kind_info *kind);
json_t *present_default_namespace(void); /* there without having been made */
json_t *present_time(wall_ms_t wall_ms);
/* Text from the cluster. Never NULL: bytes that are no UTF-8 (a program's last words) become '?'.
 */
json_t *present_text(struct bytes text);
void present_uid(const uint8_t uid[static 16], char text[static 37]);
void pods_each(struct api *api, const char *namespace_name, list_item add, void *context);
json_t *pods_find(struct api *api, const char *namespace_name, const char *name);
bool pods_claim(struct api *api, const char *namespace_name, const char *name,
                struct wire_claim *ret_claim);
json_t *nodes_list(struct api *api);
json_t *nodes_find(struct api *api, const char *name);
const char *nodes_name(struct api *api, uint64_t node, char text[static 256]);

#endif
