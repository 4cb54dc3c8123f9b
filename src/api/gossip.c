/* /shoal/v1/gossip: the protocol's own health, as this peer sees it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"

static json_t *id_of(uint64_t node)
{
    char id[17];
    (void)snprintf(id, sizeof(id), "%016" PRIx64, node);
    return json_string(id);
}

struct members {
    struct api *api;
    json_t *items;
};

/* Nothing for what never was. */
static void add_ago(json_t *json, const char *name, boot_ms_t now_boot_ms, boot_ms_t at_boot_ms)
{
    if (at_boot_ms != 0)
        (void)json_object_set_new(json, name, json_integer((json_int_t)(now_boot_ms - at_boot_ms)));
}

static bool add_member(void *context, const struct brain_member *member)
{
    struct members *members = context;
    struct address address = {.port = 1};
    char text[ADDRESS_TEXT_BYTES_MAX] = "";
    boot_ms_t now_boot_ms = members->api->host.now(members->api->host.context).boot_ms;
    json_t *accusers = json_array();
    if (member->record == NULL) {
        json_decref(accusers);
        return true;
    }
    for (size_t i = 0; i < member->accusers_count; i++)
        (void)json_array_append_new(accusers, id_of(member->accusers[i]));
    address.port = member->record->address.port;
    memcpy(address.ip, member->record->address.ip, sizeof(address.ip));
    (void)address_format(&address, text);
    json_t *json = json_pack(
        "{s:o, s:o, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "id", id_of(member->node),
        "name", present_text(member->record->name), "address", text, "state",
        member->banned ? "banned" : brain_member_status_name(member->status), "self",
        (int)member->self, "generation", (json_int_t)member->record->generation, "incarnation",
        (json_int_t)member->record->incarnation, "rttUs", (json_int_t)member->rtt_us,
        "inStateForMs", (json_int_t)(now_boot_ms - member->since_boot_ms), "accusers", accusers,
        "software", present_text(member->record->software), "claimsComplete",
        (int)member->claims_complete);
    add_ago(json, "lastHeardMsAgo", now_boot_ms, member->last_heard_boot_ms);
    add_ago(json, "digestEqualMsAgo", now_boot_ms, member->digest_equal_boot_ms);
    add_ago(json, "digestDiffersMsAgo", now_boot_ms, member->digest_differs_boot_ms);
    (void)json_object_set_new(json, "recordsSeq", json_integer((json_int_t)member->records_seq));
    (void)json_object_set_new(json, "evictable", json_boolean(member->evictable));
    if (member->distance_us != 0)
        (void)json_object_set_new(json, "distanceUs",
                                  json_integer((json_int_t)member->distance_us));
    if (member->name_shared)
        (void)json_object_set_new(json, "nameShared", json_true());
    (void)json_array_append_new(members->items, json);
    return true;
}

static void add_counter(void *user, const struct api_counter *counter)
{
    (void)json_object_set_new(user, counter->name, json_integer((json_int_t)counter->value));
}

/* "datagrams_replayed", "streams_bad_version" */
static void add_reason(json_t *refused, const char *what, const char *reason, uint64_t count)
{
    char name[96];
    (void)snprintf(name, sizeof(name), "%s_%s", what, reason);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == ' ' || *c == '-' ? '_' : *c;
    (void)json_object_set_new(refused, name, json_integer((json_int_t)count));
}

static void add_refused(void *user, const struct api_refused *refused)
{
    add_reason(user, refused->what, refused->reason, refused->count);
}

static json_t *refused_of(const struct api_host *host, const struct brain_stats *stats)
{
    json_t *refused = json_object();
    uint64_t undecoded = 0;
    host->refused_each(host->context, add_refused, refused);
    for (int verdict = WIRE_OK + 1; verdict < WIRE_VERDICTS_COUNT; verdict++) {
        add_reason(refused, "messages", wire_verdict_name((enum wire_verdict)verdict),
                   stats->refused_by_verdict[verdict]);
        undecoded += stats->refused_by_verdict[verdict];
    }
    add_reason(refused, "messages", "nonsense", stats->messages_refused - undecoded);
    add_reason(refused, "records", "forged", stats->records_forged);
    add_reason(refused, "records", "implausible", stats->records_implausible);
    add_reason(refused, "messages", "banned", stats->banned_refused);
    return refused;
}

static void add_key(void *user, uint8_t key_id, bool primary)
{
    (void)json_array_append_new(
        user, json_pack("{s:I, s:b}", "id", (json_int_t)key_id, "primary", (int)primary));
}

static json_t *protocol_of(const struct brain_stats *stats)
{
    json_t *protocol = json_object();
    for (size_t i = 0; i < accounts_count(); i++)
        (void)json_object_set_new(protocol, accounts_at(i)->json,
                                  json_integer((json_int_t)account_value(accounts_at(i), stats)));
    return protocol;
}

static json_t *coordinate_json(const struct wire_coordinate *coordinate)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "xUs", (json_int_t)coordinate->x_us, "yUs",
                     (json_int_t)coordinate->y_us, "zUs", (json_int_t)coordinate->z_us, "heightUs",
                     (json_int_t)coordinate->height_us, "adjustmentUs",
                     (json_int_t)coordinate->adjustment_us, "errorPpm",
                     (json_int_t)coordinate->error_ppm);
}

static json_t *clock_of(const struct brain *brain)
{
    struct brain_clocks clocks;
    brain_clocks(brain, &clocks);
    json_t *json = json_pack("{s:I, s:i, s:b}", "aheadMs", (json_int_t)clocks.ahead_ms, "peers",
                             (int)clocks.peers_count, "writesRefused",
                             (int)(clocks.ahead_ms > BRAIN_CLOCK_AHEAD_MAX_MS));
    if (clocks.last_writer != 0)
        (void)json_object_set_new(json, "lastWriterAhead",
                                  json_pack("{s:o, s:I}", "node", id_of(clocks.last_writer),
                                            "aheadMs", (json_int_t)clocks.last_ahead_ms));
    return json;
}

void gossip_handle(struct api_connection *connection)
{
    struct api *api = connection->api;
    const struct api_host *host = &api->host;
    struct brain_stats stats;
    struct members members = {.api = api, .items = json_array()};
    json_t *net = json_object(), *keys = json_array();
    char digest[17], view[17];
    brain_stats(host->brain(host->context), &stats);
    brain_each_member(host->brain(host->context), add_member, &members);
    host->counter_each(host->context, add_counter, net);
    host->key_each(host->context, add_key, keys);
    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, stats.digest_root);
    (void)snprintf(view, sizeof(view), "%016" PRIx64, stats.members_hash);
    struct wire_coordinate coordinate = brain_coordinate(host->brain(host->context));
    respond_json(
        connection, 200,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                  "kind", "GossipStatus", "node", host->node_name, "clusterId", host->cluster_id,
                  "digest", digest, "view", view, "localHealth", (json_int_t)stats.local_health,
                  "holding", (int)stats.holding, "synced",
                  (int)brain_synced(host->brain(host->context)), "members", members.items,
                  "protocol", protocol_of(&stats), "net", net, "refused", refused_of(host, &stats),
                  "keys", keys, "coordinate", coordinate_json(&coordinate), "clock",
                  clock_of(host->brain(host->context))));
}
