/*
 * Leases (coordination.k8s.io/v1), which are strong registers (proto/registers.md 5). Reading and
 * writing go to a majority of the voters. A client that elects leaders as Kubernetes' do creates,
 * reads and replaces; what it sends is checked against what time it is at the voters, so that a
 * client whose own clock is wrong cannot take what is held.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api_internal.h"
#include "base/memory.h"

#define API_VERSION   "coordination.k8s.io/v1"
#define TOKEN         "shoal.dev/fencing-token"
#define KEY_BYTES_MAX 512
/* Lists are at most this large: 16,384 registers of at most a KiB and their keys. */
#define ARENA_BYTES_MAX ((size_t)64 << 20)

enum step { STEP_LIST, STEP_GET, STEP_CREATE, STEP_REPLACE };

struct asked {
    struct api_connection *connection; /* NULL: the client is gone */
    enum step step;
    char key[KEY_BYTES_MAX];
    char name[256];
    /* Of a write. */
    char holder[256];
    uint32_t duration_ms;
    bool has_version;
    uint64_t version;
};

/* ---- presenting */

static json_t *micro_time(wall_ms_t wall_ms)
{
    char text[40];
    char day[24];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return json_null();
    (void)snprintf(text, sizeof(text), "%s.%03u000Z", day, (unsigned)(wall_ms % 1000));
    return json_string(text);
}

static json_t *present_lease(const char *key, const struct wire_register_value *value,
                             uint64_t age_ms)
{
    const struct wire_lease *lease = &value->lease;
    const char *namespace_name = key + strlen("leases/");
    const char *slash = strchr(namespace_name, '/');
    char version[24];
    char token[24];
    (void)snprintf(version, sizeof(version), "%" PRIu64, value->sequence);
    (void)snprintf(token, sizeof(token), "%" PRIu64, lease->token);
    json_t *spec = json_pack("{s:I, s:o, s:o, s:I}", "leaseDurationSeconds",
                             (json_int_t)((lease->duration_ms + 999) / 1000), "acquireTime",
                             micro_time(lease->acquired_wall_ms), "renewTime",
                             micro_time(lease->renewed_wall_ms), "leaseTransitions",
                             (json_int_t)lease->transitions);
    (void)json_object_set_new(spec, "holderIdentity",
                              lease->released ? json_string("") : present_text(lease->holder));
    json_t *own = json_pack("{s:I, s:I, s:b}", "ageMs", (json_int_t)age_ms, "durationMs",
                            (json_int_t)lease->duration_ms, "released", (int)lease->released);
    return json_pack("{s:s, s:s, s:{s:s, s:s#, s:s, s:{s:s}}, s:o, s:o}", "apiVersion", API_VERSION,
                     "kind", "Lease", "metadata", "name", slash + 1, "namespace", namespace_name,
                     (int)(slash - namespace_name), "resourceVersion", version, "annotations",
                     TOKEN, token, "spec", spec, "shoal", own);
}

static json_t *names_of(struct api *api, const uint64_t *nodes, size_t count)
{
    json_t *names = json_array();
    char text[256];
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(names, json_string(nodes_name(api, nodes[i], text)));
    return names;
}

/* A key as it came from voters: only what is a lease's is shown. */
static bool lease_key(struct bytes key, char text[static KEY_BYTES_MAX])
{
    if (key.size_bytes >= KEY_BYTES_MAX)
        return false;
    memcpy(text, key.data, key.size_bytes);
    text[key.size_bytes] = '\0';
    return strncmp(text, "leases/", 7) == 0 && strchr(text + 7, '/') != NULL;
}

static void respond_list(struct asked *asked, const struct wire_register_answer *answer)
{
    struct api *api = asked->connection->api;
    json_t *items = json_array();
    char version[24];
    for (size_t i = 0; i < answer->records_count; i++) {
        const struct wire_register_record *record = &answer->records[i];
        char key[KEY_BYTES_MAX];
        if (record->has_value && record->value.has_lease && lease_key(record->key, key))
            (void)json_array_append_new(items, present_lease(key, &record->value, record->age_ms));
    }
    (void)snprintf(version, sizeof(version), "%" PRIu64,
                   brain_hlc(api->host.brain(api->host.context)));
    json_t *roster =
        json_pack("{s:I, s:o, s:o}", "epoch", (json_int_t)answer->roster.epoch, "voters",
                  names_of(api, answer->roster.voters, answer->roster.voters_count), "next",
                  names_of(api, answer->roster.next, answer->roster.next_count));
    respond_json(asked->connection, 200,
                 json_pack("{s:s, s:s, s:{s:s}, s:o, s:o}", "apiVersion", API_VERSION, "kind",
                           "LeaseList", "metadata", "resourceVersion", version, "items", items,
                           "roster", roster));
}

/* ---- asking */

static void abandon(void *state)
{
    ((struct asked *)state)->connection = NULL;
}

static void on_answer(void *user, enum error_code code, const char *message, struct bytes encoded);

static void submit(struct asked *asked, const struct brain_register_request *strong)
{
    struct api *api = asked->connection->api;
    const struct brain_request request = {
        .verb = BRAIN_REGISTER, .key = asked->key, .strong = strong};
    asked->connection->ongoing =
        (struct ongoing){.state = asked, .abandon = abandon, .times_out = true};
    api->host.submit(api->host.context, &request, on_answer, asked);
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

static void respond_lease(struct asked *asked, const struct wire_register_answer *answer)
{
    bool found = answer->records_count == 1 && answer->records[0].has_value &&
                 answer->records[0].value.has_lease;
    char holds[24];
    if (!found) {
        respond_failure(asked->connection, 404, "NotFound", NULL,
                        "leases.coordination.k8s.io \"%s\" not found", asked->name);
        return;
    }
    (void)snprintf(holds, sizeof(holds), "%" PRIu64, answer->holds_ms);
    if (answer->holds_ms > 0)
        respond_header(asked->connection, "Shoal-Lease-Holds-Ms", holds);
    respond_json(asked->connection, asked->step == STEP_CREATE ? 201 : 200,
                 present_lease(asked->key, &answer->records[0].value, answer->records[0].age_ms));
}

static void respond_answer(struct asked *asked, enum error_code code, const char *message,
                           const struct wire_register_answer *answer)
{
    bool missing = answer->records_count == 0;
    if (code == ERROR_CONFLICT && asked->step == STEP_CREATE)
        respond_failure(asked->connection, 409, "AlreadyExists", NULL,
                        "leases.coordination.k8s.io \"%s\" already exists", asked->name);
    else if (code != ERROR_NONE && !(code == ERROR_CONFLICT && missing))
        respond_error(asked->connection, code, message);
    else if (asked->step == STEP_LIST)
        respond_list(asked, answer);
    else
        respond_lease(asked, answer);
}

static void on_answer(void *user, enum error_code code, const char *message, struct bytes encoded)
{
    struct asked *asked = user;
    struct wire_arena arena;
    struct wire_register_answer answer = {.records_count = 0};
    wire_arena_init(&arena, ARENA_BYTES_MAX);
    if (asked->connection != NULL) {
        asked->connection->ongoing = (struct ongoing){.state = NULL};
        if (encoded.size_bytes > 0 &&
            wire_register_answer_decode(encoded, &arena, &answer) != WIRE_OK)
            respond_error(asked->connection, ERROR_INTERNAL, "the answer does not decode");
        else
            respond_answer(asked, code, message, &answer);
    }
    wire_arena_fini(&arena);
    mem_free(asked);
}

/* ---- what came */

static bool parse_version(const json_t *metadata, struct asked *asked)
{
    const char *text = json_string_value(json_object_get(metadata, "resourceVersion"));
    char *end = NULL;
    if (text == NULL || text[0] == '\0')
        return true;
    asked->has_version = true;
    asked->version = strtoull(text, &end, 10);
    return *end == '\0';
}

/* NULL, or what is wrong with it. */
static const char *parse_lease(const json_t *lease, struct asked *asked)
{
    const json_t *metadata = json_object_get(lease, "metadata");
    const json_t *spec = json_object_get(lease, "spec");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    const json_t *holder = json_object_get(spec, "holderIdentity");
    const json_t *seconds = json_object_get(spec, "leaseDurationSeconds");
    if (!json_is_object(metadata) || name == NULL || name[0] == '\0' || strchr(name, '/') != NULL)
        return "metadata.name: required";
    if (asked->name[0] != '\0' && strcmp(asked->name, name) != 0)
        return "metadata.name: must be the one in the path";
    if (!parse_version(metadata, asked))
        return "metadata.resourceVersion: not one that was given out";
    if (holder != NULL && !json_is_null(holder) && !json_is_string(holder))
        return "spec.holderIdentity: text";
    if (holder != NULL && json_string_length(holder) > WIRE_LEASE_HOLDER_BYTES_MAX)
        return "spec.holderIdentity: at most 128 bytes";
    bool holds = json_string_length(holder) > 0;
    if (holds && (!json_is_integer(seconds) || json_integer_value(seconds) < 1 ||
                  json_integer_value(seconds) > 600))
        return "spec.leaseDurationSeconds: 1 to 600";
    (void)snprintf(asked->name, sizeof(asked->name), "%s", name);
    (void)snprintf(asked->holder, sizeof(asked->holder), "%s",
                   holds ? json_string_value(holder) : "");
    asked->duration_ms = holds ? (uint32_t)json_integer_value(seconds) * 1000 : 0;
    return NULL;
}

static void write_lease(struct asked *asked, const char *namespace_name, bool creates)
{
    struct api_connection *connection = asked->connection;
    json_error_t where;
    json_t *lease = json_loadb(buf_text(&connection->request.body),
                               connection->request.body.size_bytes, 0, &where);
    const char *wrong =
        !json_is_object(lease) ? "the body is not a JSON object" : parse_lease(lease, asked);
    if (wrong == NULL && creates && asked->holder[0] == '\0')
        wrong = "spec.holderIdentity: a lease is made by who takes it";
    if (wrong == NULL && !asked->has_version && asked->holder[0] == '\0')
        wrong = "metadata.resourceVersion: required of one who lets go";
    if (creates) {
        asked->has_version = false;
        asked->version = 0;
    }
    json_decref(lease);
    if (wrong != NULL) {
        respond_failure(connection, 422, "Invalid", NULL, "Lease: %s", wrong);
        mem_free(asked);
        return;
    }
    (void)snprintf(asked->key, sizeof(asked->key), "leases/%s/%s", namespace_name, asked->name);
    asked->step = creates ? STEP_CREATE : STEP_REPLACE;
    const struct brain_register_request strong = {.verb = creates ? BRAIN_LEASE_ACQUIRE
                                                                  : BRAIN_LEASE_REPLACE,
                                                  .holder = text_bytes(asked->holder),
                                                  .duration_ms = asked->duration_ms,
                                                  .check_sequence = creates || asked->has_version,
                                                  .sequence = asked->version};
    submit(asked, &strong);
}

static void read_leases(struct asked *asked, const char *namespace_name)
{
    const struct brain_register_request list = {.verb = BRAIN_REGISTER_LIST};
    const struct brain_register_request read = {.verb = BRAIN_REGISTER_READ};
    bool one = asked->name[0] != '\0';
    asked->step = one ? STEP_GET : STEP_LIST;
    (void)snprintf(asked->key, sizeof(asked->key), "leases/%s%s%s", namespace_name,
                   namespace_name[0] == '\0' ? "" : "/", asked->name);
    submit(asked, one ? &read : &list);
}

void leases_handle(struct api_connection *connection)
{
    const struct request *request = &connection->request;
    size_t at = 3; /* behind apis, coordination.k8s.io, v1 */
    const char *namespace_name = "";
    if (request->parts_count > at + 2 && strcmp(request->parts[at], "namespaces") == 0) {
        namespace_name = request->parts[at + 1];
        at += 2;
    }
    const char *name = request->parts_count > at + 1 ? request->parts[at + 1] : "";
    bool reads = request->method == HTTP_GET || request->method == HTTP_HEAD;
    if (request->parts_count <= at || strcmp(request->parts[at], "leases") != 0 ||
        request->parts_count > at + 2 || (name[0] != '\0' && namespace_name[0] == '\0')) {
        respond_failure(connection, 404, "NotFound", NULL, "%s is not served", request->path);
    } else if (request_flag(request, "watch")) {
        respond_failure(connection, 405, "MethodNotAllowed", NULL,
                        "leases cannot be watched; read them again");
    } else if (strlen(namespace_name) > SPEC_NAMESPACE_CHARS_MAX ||
               strlen(name) >= sizeof(((struct asked *)0)->name)) {
        respond_failure(connection, 422, "Invalid", NULL, "the name is too long");
    } else if (reads || (request->method == HTTP_POST && name[0] == '\0') ||
               (request->method == HTTP_PUT && name[0] != '\0')) {
        struct asked *asked = MEM_NEW(struct asked);
        asked->connection = connection;
        memcpy(asked->name, name, strlen(name) + 1);
        if (reads)
            read_leases(asked, namespace_name);
        else
            write_lease(asked, namespace_name, request->method == HTTP_POST);
    } else if (request->method == HTTP_DELETE) {
        respond_failure(connection, 405, "MethodNotAllowed", NULL,
                        "a lease is not deleted, so that its tokens go on rising; release it: "
                        "empty holderIdentity");
    } else {
        respond_failure(connection, 405, "MethodNotAllowed", NULL, "%s is not allowed here",
                        http_method_str(request->method));
    }
}

/* ---- POST /shoal/v1/roster/reset?voters-are-lost=true */

static void on_reset(void *user, enum error_code code, const char *message, struct bytes encoded)
{
    struct asked *asked = user;
    (void)encoded;
    if (asked->connection != NULL) {
        asked->connection->ongoing = (struct ongoing){.state = NULL};
        if (code != ERROR_NONE)
            respond_error(asked->connection, code, message);
        else
            respond_failure(asked->connection, 200, "Success", NULL,
                            "this node is the only voter now");
    }
    mem_free(asked);
}

void roster_reset_handle(struct api_connection *connection)
{
    struct api *api = connection->api;
    const struct brain_register_request strong = {.verb = BRAIN_ROSTER_RESET};
    const struct brain_request request = {.verb = BRAIN_REGISTER, .key = "", .strong = &strong};
    if (!request_flag(&connection->request, "voters-are-lost")) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "say voters-are-lost=true, if they are");
        return;
    }
    struct asked *asked = MEM_NEW(struct asked);
    asked->connection = connection;
    connection->ongoing = (struct ongoing){.state = asked, .abandon = abandon, .times_out = true};
    api->host.submit(api->host.context, &request, on_reset, asked);
}
