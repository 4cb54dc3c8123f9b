/* /shoal/v1/bans and /shoal/v1/nodes/NAME/ban: which nodes' keys do not count any more. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

/* ---- reading */

static bool add_ban(void *context, const struct brain_object *object)
{
    json_t *items = context;
    json_t *item = json_loadb((const char *)object->body.data, object->body.size_bytes, 0, NULL);
    if (item == NULL)
        return true;
    (void)json_object_set_new(item, "since", present_time(object->version.hlc >> 16));
    (void)json_array_append_new(items, item);
    return true;
}

static json_t *present_bans(struct api *api)
{
    json_t *items = json_array();
    brain_each_object(api->host.brain(api->host.context), BRAIN_BAN_PREFIX, add_ban, items);
    return json_pack("{s:s, s:o}", "kind", "BanList", "items", items);
}

void bans_list(struct api_connection *connection)
{
    respond_json(connection, 200, present_bans(connection->api));
}

/* ---- which node is meant: a member's name or id, or a banned node's */

struct search {
    const char *text;
    uint64_t id; /* that the text is, if it is one */
    uint64_t node;
    char name[256];
    size_t count;
};

static bool match_member(void *context, const struct brain_member *member)
{
    struct search *search = context;
    const struct wire_member *record = member->record;
    if (record == NULL)
        return true;
    bool named = record->name.size_bytes == strlen(search->text) &&
                 memcmp(record->name.data, search->text, record->name.size_bytes) == 0;
    if (!named && member->node != search->id)
        return true;
    search->node = member->node;
    search->count++;
    (void)snprintf(search->name, sizeof(search->name), "%.*s", (int)record->name.size_bytes,
                   (const char *)record->name.data);
    return true;
}

static bool match_ban(void *context, const struct brain_object *object)
{
    struct search *search = context;
    json_t *item = json_loadb((const char *)object->body.data, object->body.size_bytes, 0, NULL);
    const char *name = json_string_value(json_object_get(item, "name"));
    uint64_t node = brain_ban_node(object->key);
    if (node == search->id || (name != NULL && strcmp(name, search->text) == 0)) {
        search->count += node != search->node;
        search->node = node;
        (void)snprintf(search->name, sizeof(search->name), "%s", name != NULL ? name : "");
    }
    json_decref(item);
    return true;
}

/* False: answered. */
static bool find(struct api_connection *connection, const char *text, struct search *ret_search)
{
    struct brain *brain = connection->api->host.brain(connection->api->host.context);
    char *end = NULL;
    *ret_search = (struct search){.text = text};
    if (strlen(text) == 16)
        ret_search->id = strtoull(text, &end, 16);
    if (end != NULL && *end != '\0')
        ret_search->id = 0;
    brain_each_member(brain, match_member, ret_search);
    brain_each_object(brain, BRAIN_BAN_PREFIX, match_ban, ret_search);
    if (ret_search->count == 1)
        return true;
    if (ret_search->count == 0)
        respond_failure(connection, 404, "NotFound", NULL,
                        "no node is called '%s' or has that id (16 hex digits)", text);
    else
        respond_failure(connection, 409, "Conflict", NULL,
                        "%zu nodes are called '%s': say which by its id (shoal gossip status)",
                        ret_search->count, text);
    return false;
}

/* ---- writing */

struct change {
    struct api_connection *connection; /* NULL: it is gone */
};

static void change_abandon(void *state)
{
    ((struct change *)state)->connection = NULL;
}

static void on_reply(void *user, enum error_code code, const char *message, struct bytes object)
{
    struct change *change = user;
    (void)object;
    if (change->connection != NULL) {
        change->connection->ongoing = (struct ongoing){.state = NULL};
        if (code != ERROR_NONE)
            respond_error(change->connection, code, message);
        else
            respond_json(change->connection, 200, present_bans(change->connection->api));
    }
    mem_free(change);
}

static void submit(struct api_connection *connection, enum brain_verb verb, uint64_t node,
                   struct bytes body)
{
    struct api *api = connection->api;
    char key[64];
    struct change *change = MEM_NEW(struct change);
    change->connection = connection;
    (void)snprintf(key, sizeof(key), BRAIN_BAN_PREFIX "%016" PRIx64, node);
    const struct brain_request request = {.verb = verb, .key = key, .body = body};
    connection->ongoing =
        (struct ongoing){.state = change, .abandon = change_abandon, .times_out = true};
    api->host.submit(api->host.context, &request, on_reply, change);
}

void bans_put(struct api_connection *connection, const char *name)
{
    struct api *api = connection->api;
    struct search search;
    struct brain_member member;
    char id[17];
    const char *reason = request_query(&connection->request, "reason");
    if (!find(connection, name, &search))
        return;
    if (brain_member(api->host.brain(api->host.context), search.node, &member) && member.self) {
        respond_failure(connection, 409, "Conflict", NULL,
                        "this is the node that answers: ban it from another one");
        return;
    }
    (void)snprintf(id, sizeof(id), "%016" PRIx64, search.node);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "by", api->host.node_name, "name", search.name,
                             "node", id, "reason", reason != NULL ? reason : "");
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text == NULL || strlen(text) > 4096)
        respond_failure(connection, 422, "Invalid", NULL, "the reason is no text, or too long");
    else
        submit(connection, BRAIN_APPLY, search.node,
               (struct bytes){(const uint8_t *)text, strlen(text)});
    free(text);
    json_decref(json);
}

void bans_delete(struct api_connection *connection, const char *name)
{
    struct search search;
    if (!find(connection, name, &search))
        return;
    if (!brain_is_banned(connection->api->host.brain(connection->api->host.context), search.node))
        respond_failure(connection, 404, "NotFound", NULL, "%s is not banned", name);
    else
        submit(connection, BRAIN_DELETE, search.node, (struct bytes){.data = NULL});
}
