/* /shoal/v1/keys: the cluster's key ring, without the keys. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

/* ---- reading */

struct ring_view {
    struct api *api;
    struct brain_key keys[BRAIN_KEYS_MAX];
    size_t keys_count;
    json_t *confirmed[BRAIN_KEYS_MAX], *missing[BRAIN_KEYS_MAX], *sealing[BRAIN_KEYS_MAX];
    json_t *away;
    bool settled; /* every living member holds what we hold */
};

static bool add_key(void *context, const struct brain_key *key)
{
    struct ring_view *view = context;
    size_t at = view->keys_count++;
    view->keys[at] = *key;
    view->confirmed[at] = json_array();
    view->missing[at] = json_array();
    view->sealing[at] = json_array();
    return true;
}

static bool holds(const struct wire_member *record, uint64_t fingerprint)
{
    for (size_t i = 0; i < record->keys_count; i++)
        if (record->keys[i] == fingerprint)
            return true;
    return false;
}

static bool add_holder(void *context, const struct brain_member *member)
{
    struct ring_view *view = context;
    const struct wire_member *record = member->record;
    bool lives = member->status == BRAIN_MEMBER_ALIVE || member->status == BRAIN_MEMBER_SUSPECT;
    if (member->banned || record == NULL || member->status == BRAIN_MEMBER_LEFT)
        return true;
    if (!lives) {
        (void)json_array_append_new(view->away, present_text(record->name));
        return true;
    }
    view->settled = view->settled && record->keys_count == view->keys_count;
    for (size_t i = 0; i < view->keys_count; i++) {
        uint64_t fingerprint = view->keys[i].fingerprint;
        bool has = holds(record, fingerprint);
        (void)json_array_append_new(has ? view->confirmed[i] : view->missing[i],
                                    present_text(record->name));
        if (record->keys_count > 0 && record->keys[0] == fingerprint)
            (void)json_array_append_new(view->sealing[i], present_text(record->name));
        view->settled = view->settled && i < record->keys_count && record->keys[i] == fingerprint;
    }
    return true;
}

static json_t *present_ring(struct api *api)
{
    struct brain *brain = api->host.brain(api->host.context);
    struct ring_view view = {.api = api, .away = json_array(), .settled = true};
    json_t *keys = json_array();
    brain_each_key(brain, add_key, &view);
    brain_each_member(brain, add_holder, &view);
    for (size_t i = 0; i < view.keys_count; i++)
        (void)json_array_append_new(
            keys,
            json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "id", (json_int_t)view.keys[i].id, "state",
                      view.keys[i].seals  ? "sealing"
                      : view.keys[i].used ? "opening"
                                          : "installed",
                      "created", present_time(view.keys[i].created_wall_ms), "confirmed",
                      view.confirmed[i], "missing", view.missing[i], "sealing", view.sealing[i]));
    return json_pack("{s:s, s:o, s:o, s:b}", "kind", "KeyRing", "keys", keys, "away", view.away,
                     "settled", (int)view.settled);
}

void keys_list(struct api_connection *connection)
{
    respond_json(connection, 200, present_ring(connection->api));
}

/* ---- steps */

struct step {
    struct api_connection *connection; /* NULL: it is gone */
    uint8_t key_id;
};

static void step_abandon(void *state)
{
    ((struct step *)state)->connection = NULL;
}

static void on_reply(void *user, enum error_code code, const char *message, struct bytes object)
{
    struct step *step = user;
    (void)object;
    if (step->connection != NULL) {
        step->connection->ongoing = (struct ongoing){.state = NULL};
        if (code != ERROR_NONE) {
            respond_error(step->connection, code, message);
        } else {
            json_t *ring = present_ring(step->connection->api);
            (void)json_object_set_new(ring, "id", json_integer(step->key_id));
            respond_json(step->connection, 200, ring);
        }
    }
    mem_free(step);
}

static bool verb_of(const char *action, enum brain_verb *ret_verb)
{
    static const struct {
        const char *action;
        enum brain_verb verb;
    } table[] = {
        {"install", BRAIN_KEY_INSTALL}, {"use", BRAIN_KEY_USE}, {"remove", BRAIN_KEY_REMOVE}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(action, table[i].action) == 0) {
            *ret_verb = table[i].verb;
            return true;
        }
    return false;
}

void keys_step(struct api_connection *connection)
{
    struct api *api = connection->api;
    struct brain_request request = {.key_id = 0};
    struct wire_ring_key fresh;
    const char *action = "";
    json_int_t id = 0;
    int force = 0;
    json_t *json = json_loadb(buf_text(&connection->request.body),
                              connection->request.body.size_bytes, 0, NULL);
    bool good = json != NULL &&
                json_unpack(json, "{s:s, s?:I, s?:b}", "action", &action, "id", &id, "force",
                            &force) == 0 &&
                verb_of(action, &request.verb) && id >= 0 && id <= UINT8_MAX;
    json_decref(json);
    if (!good) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "expected {\"action\": \"install\", \"use\" or \"remove\", \"id\": 1 to "
                        "255, \"force\": true or false}");
        return;
    }
    if (request.verb == BRAIN_KEY_INSTALL) {
        api->host.key_make(api->host.context, &fresh);
        request.ring_key = &fresh;
        id = fresh.id;
    }
    request.key_id = (uint8_t)id;
    request.force = force != 0;
    struct step *step = MEM_NEW(struct step);
    *step = (struct step){.connection = connection, .key_id = request.key_id};
    connection->ongoing =
        (struct ongoing){.state = step, .abandon = step_abandon, .times_out = true};
    api->host.submit(api->host.context, &request, on_reply, step);
    memset(&fresh, 0, sizeof(fresh));
}
