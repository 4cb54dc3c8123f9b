/* /shoal/v1/gossip: the protocol's own health, as this peer sees it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api_internal.h"

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
    json_t *json =
        json_pack("{s:o, s:o, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "id",
                  id_of(member->node), "name", present_text(member->record->name), "address", text,
                  "state", brain_member_status_name(member->status), "self", (int)member->self,
                  "generation", (json_int_t)member->record->generation, "incarnation",
                  (json_int_t)member->record->incarnation, "rttUs", (json_int_t)member->rtt_us,
                  "inStateForMs", (json_int_t)(now_boot_ms - member->since_boot_ms), "accusers",
                  accusers, "software", present_text(member->record->software), "claimsComplete",
                  (int)member->claims_complete);
    if (member->last_heard_boot_ms != 0)
        (void)json_object_set_new(
            json, "lastHeardMsAgo",
            json_integer((json_int_t)(now_boot_ms - member->last_heard_boot_ms)));
    (void)json_array_append_new(members->items, json);
    return true;
}

/* What was refused, by reason, stands apart: "datagrams_replayed", "streams_bad_tag". */
struct counters {
    json_t *net, *refused;
};

static void add_counter(void *user, const struct api_counter *counter)
{
    static const char *const prefixes[] = {"datagrams_", "streams_"};
    const struct counters *counters = user;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        char name[96];
        size_t length = strlen(prefixes[i]);
        if (strncmp(counter->name, prefixes[i], length) != 0 ||
            strncmp(counter->name + length, "refused_", 8) != 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s%s", prefixes[i], counter->name + length + 8);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == ' ' ? '_' : *c;
        (void)json_object_set_new(counters->refused, name,
                                  json_integer((json_int_t)counter->value));
        return;
    }
    (void)json_object_set_new(counters->net, counter->name,
                              json_integer((json_int_t)counter->value));
}

static json_t *brain_counters(const struct brain_stats *stats)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "datagramsReceived",
        (json_int_t)stats->datagrams_received, "streamsReceived",
        (json_int_t)stats->streams_received, "messagesRefused", (json_int_t)stats->messages_refused,
        "probesSent", (json_int_t)stats->probes_sent, "probesFailed",
        (json_int_t)stats->probes_failed, "suspicionsRaised", (json_int_t)stats->suspicions_raised,
        "refutations", (json_int_t)stats->refutations, "deathsDeclared",
        (json_int_t)stats->deaths_declared, "broadcastsQueued",
        (json_int_t)stats->broadcasts_queued, "antiEntropyRounds",
        (json_int_t)stats->anti_entropy_rounds, "objects", (json_int_t)stats->objects, "claims",
        (json_int_t)stats->claims, "conflictsLost", (json_int_t)stats->conflicts_lost);
}

void gossip_handle(struct api_connection *connection)
{
    struct api *api = connection->api;
    struct brain_stats stats;
    struct members members = {.api = api, .items = json_array()};
    char digest[17];
    struct counters counters = {.net = json_object(), .refused = json_object()};
    brain_stats(api->host.brain(api->host.context), &stats);
    brain_each_member(api->host.brain(api->host.context), add_member, &members);
    api->host.counter_each(api->host.context, add_counter, &counters);
    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, stats.digest_root);
    (void)json_object_set_new(counters.refused, "messages_malformed",
                              json_integer((json_int_t)stats.messages_refused));
    respond_json(connection, 200,
                 json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o}", "kind",
                           "GossipStatus", "node", api->host.node_name, "clusterId",
                           api->host.cluster_id, "digest", digest, "localHealth",
                           (json_int_t)stats.local_health, "holding", (int)stats.holding, "members",
                           members.items, "protocol", brain_counters(&stats), "net", counters.net,
                           "refused", counters.refused));
}
