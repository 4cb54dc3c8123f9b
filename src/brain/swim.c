#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "brain_internal.h"

/* A digest without buckets: a message of two fields. */
#define DIGEST_BYTES_MAX 32

struct member_table *swim_new_table(const struct brain_config *config, struct instant now)
{
    struct member_config *member = MEM_NEW(struct member_config);
    member->self = config->self;
    member->signer = config->signer;
    member->shared = config->shared;
    member->seed = hash64_pair(config->seed, 1);
    member->seeds_count = config->seeds_count;
    memcpy(member->seeds, config->seeds, sizeof(config->seeds[0]) * config->seeds_count);
    switch (config->profile) {
    case BRAIN_PROFILE_LAN:
        member->timing = member_timing_lan();
        break;
    case BRAIN_PROFILE_WAN:
        member->timing = member_timing_wan();
        break;
    case BRAIN_PROFILE_LOCAL:
        member->timing = member_timing_local();
        break;
    case BRAIN_PROFILE_FAST:
        member->timing = member_timing_fast();
        break;
    }
    struct member_table *table = member_table_new(member, now);
    mem_free(member);
    return table;
}

void swim_start(struct brain *brain)
{
    brain->alone_at_start = !brain->config.joining && brain->config.seeds_count == 0 &&
                            member_count(brain->members) == 1;
    brain->stranger = !brain->alone_at_start && member_count(brain->members) == 1;
    brain->synced = brain->alone_at_start;
    brain->start_boot_ms = brain->now.boot_ms;
    brain->sync_boot_ms = brain->now.boot_ms + SYNC_FAST_PERIOD_MS;
    member_start(brain->members, brain->now, &brain->member_output);
    swim_carry_out(brain);
}

struct address swim_address_of(const struct wire_address *address)
{
    struct address result = {.port = address->port};
    memcpy(result.ip, address->ip, sizeof(result.ip));
    return result;
}

bool swim_address(const struct brain *brain, uint64_t node, struct address *ret_address)
{
    struct member_view view;
    if (!member_find(brain->members, node, &view) || view.record == NULL)
        return false;
    *ret_address = swim_address_of(&view.record->address);
    return address_is_set(ret_address);
}

/* ---- candidates and healing */

static void set_allocated(struct control_member *candidate, const struct wire_node_status *status)
{
    candidate->allocated = (struct wire_resources){.pods = 0};
    if (status == NULL)
        return;
    candidate->allocated = status->allocated;
    candidate->allocated.devices = NULL;
    candidate->allocated.devices_count = 0;
    candidate->allocated.unknown = (struct bytes){.data = NULL};
}

void swim_refresh_candidates(struct brain *brain)
{
    if (!brain->candidates_stale)
        return;
    brain->candidates_stale = false;
    brain->candidates_count = 0;
    brain->unknown_count = 0;
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        struct wire_node_status space;
        member_at(brain->members, i, &view);
        brain->unknown_count += view.status == MEMBER_UNKNOWN;
        if (view.status != MEMBER_ALIVE && view.status != MEMBER_SUSPECT)
            continue;
        MEM_GROW(brain->candidates, brain->candidates_count, brain->candidates_capacity);
        struct control_member *candidate = &brain->candidates[brain->candidates_count++];
        *candidate = (struct control_member){.node = view.node, .record = view.record};
        set_allocated(candidate, store_node_status_passing(brain->store, view.node, &space));
    }
}

void swim_refresh_candidate(struct brain *brain, const struct wire_node_status *status)
{
    size_t low = 0;
    size_t high = brain->candidates_count;
    if (brain->candidates_stale)
        return; /* all will be made anew */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (brain->candidates[middle].node < status->node)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < brain->candidates_count && brain->candidates[low].node == status->node)
        set_allocated(&brain->candidates[low], status);
}

bool swim_start_hold_over(const struct brain *brain)
{
    return brain->now.boot_ms >= brain->start_boot_ms + START_HOLD_MS;
}

bool swim_may_heal(const struct brain *brain)
{
    return brain->adoption_done && brain->synced && !brain->leaving && !brain->expelled &&
           !member_is_holding(brain->members) &&
           (brain->unknown_count == 0 || swim_start_hold_over(brain));
}

boot_ms_t swim_hold_deadline(const struct brain *brain)
{
    if (swim_start_hold_over(brain) || (brain->synced && brain->unknown_count == 0))
        return BOOT_MS_NEVER;
    return brain->start_boot_ms + START_HOLD_MS;
}

/* ---- carrying out */

static struct bytes key_of(uint64_t node, uint8_t key[static 8])
{
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(node >> (56 - 8 * i));
    return (struct bytes){.data = key, .size_bytes = 8};
}

/* The digest of a quiet round rides on what is sent anyway: a packet of its own is ten times as
 * large. */
static void put_digest(struct brain *brain, uint64_t node, struct buf *packet)
{
    if (!brain->digest_waits || packet->size_bytes > DATAGRAM_BYTES_MAX - DIGEST_BYTES_MAX ||
        !member_is_live(brain->members, node))
        return;
    store_put_digest(brain->store, false, packet);
    brain->digest_waits = false;
}

static void send_datagram(struct brain *brain, const struct member_output_item *item)
{
    struct buf packet = BUF_INIT;
    buf_append(&packet, item->payload.data, item->payload.size_bytes);
    if (item->may_piggyback)
        put_digest(brain, item->node, &packet);
    if (item->may_piggyback)
        (void)gossip_fill(brain->gossip, &packet, DATAGRAM_BYTES_MAX,
                          member_live_count(brain->members), true);
    effects_datagram(brain->effects, item->node, &item->address,
                     (struct bytes){packet.data, packet.size_bytes});
    buf_fini(&packet);
}

/* Its claims count no more, or again. */
static void set_void(struct brain *brain, uint64_t node, uint64_t generation)
{
    store_set_node_void(brain->store, node, generation);
    records_mark_holder(brain, node);
}

static bool lives(enum member_status status)
{
    return status == MEMBER_ALIVE || status == MEMBER_SUSPECT;
}

/* Whether somebody is in doubt matters to nobody but the doubters: pods go to both. */
static bool is_doubt(const struct member_output_item *item)
{
    bool told = item->change == MEMBER_CHANGE_JOINED || item->change == MEMBER_CHANGE_RESTARTED ||
                item->change == MEMBER_CHANGE_UPDATED;
    return lives(item->status_old) && lives(item->status_new) && !told;
}

static void member_changed(struct brain *brain, const struct member_output_item *item)
{
    struct member_view view;
    uint8_t key[8];
    brain->members_changed = brain->members_changed || !is_doubt(item);
    brain->candidates_stale = true;
    if (!member_find(brain->members, item->node, &view))
        return;
    if (item->status_new == MEMBER_LEFT)
        set_void(brain, item->node, view.record->generation);
    else if (item->status_new == MEMBER_ALIVE &&
             store_claim_is_void(brain->store, item->node, view.record->generation))
        /* This life goes on, and with it its claims. Those of earlier ones stay void: the node says
         * anew what it holds, also when a restart was taken for dead before it was heard. */
        set_void(brain, item->node, view.record->generation - 1);
    effects_notify(brain->effects, EFFECT_TABLE_MEMBER, key_of(item->node, key),
                   (struct bytes){.data = NULL});
    effects_trace_member(brain->effects, item->node, member_status_name(item->status_new),
                         "member %016llx %s -> %s: %s", (unsigned long long)item->node,
                         member_status_name(item->status_old), member_status_name(item->status_new),
                         member_change_name(item->change));
}

static void member_evictable(struct brain *brain, uint64_t node)
{
    struct member_view view;
    if (!member_find(brain->members, node, &view) ||
        store_claim_is_void(brain->store, node, view.record->generation))
        return;
    set_void(brain, node, view.record->generation);
    brain->members_changed = true;
    brain->candidates_stale = true;
    effects_trace_member(brain->effects, node, "evictable", "member %016llx may be replaced",
                         (unsigned long long)node);
}

static void member_forgotten(struct brain *brain, uint64_t node)
{
    uint8_t key[8];
    records_mark_holder(brain, node);
    store_forget_node(brain->store, brain->now, node);
    digests_forget(brain, node);
    brain->strangers_stale = true;
    effects_persist(brain->effects, ++brain->persist_sequence, EFFECT_TABLE_MEMBER,
                    key_of(node, key), (struct bytes){.data = NULL});
    brain->members_changed = true;
    brain->candidates_stale = true;
}

static void carry_out(struct brain *brain, const struct member_output_item *item)
{
    uint8_t key[8];
    switch (item->kind) {
    case MEMBER_SEND_DATAGRAM:
        send_datagram(brain, item);
        return;
    case MEMBER_SEND_STREAM:
        effects_stream(brain->effects, item->node, &item->address, item->payload);
        return;
    case MEMBER_WATCH:
        effects_watch(brain->effects, item->node, &item->address);
        return;
    case MEMBER_BROADCAST:
        (void)gossip_enqueue(brain->gossip, brain->now,
                             &(struct gossip_news){.class = GOSSIP_SYSTEM,
                                                   .key = item->key,
                                                   .variant = item->variant,
                                                   .origin = item->node,
                                                   .message = item->payload});
        return;
    case MEMBER_CHANGED:
        member_changed(brain, item);
        return;
    case MEMBER_EVICTABLE:
        member_evictable(brain, item->node);
        return;
    case MEMBER_HOLDING:
        brain->members_changed = true;
        effects_trace(brain->effects, "isolation guard: healing %s",
                      item->holding ? "is on hold" : "goes on");
        return;
    case MEMBER_SYNC_WITH:
        rounds_sync_with(brain, item->node);
        return;
    case MEMBER_PERSIST:
        effects_persist(brain->effects, ++brain->persist_sequence, EFFECT_TABLE_MEMBER,
                        key_of(item->node, key), item->payload);
        return;
    case MEMBER_FORGET:
        member_forgotten(brain, item->node);
        return;
    case MEMBER_LEAVE_DONE:
        if (brain->leave_request != 0)
            effects_reply(brain->effects, brain->leave_request, ERROR_NONE,
                          (struct bytes){.data = NULL}, "%s", "");
        brain->leave_request = 0;
        return;
    case MEMBER_FATAL:
        effects_fatal(brain->effects, (const char *)item->text.data);
        return;
    case MEMBER_TRACE:
        effects_trace(brain->effects, "%s", (const char *)item->text.data);
        return;
    }
    UNREACHABLE();
}

void swim_carry_out(struct brain *brain)
{
    /* Rumours first, so that the packets of the same breath carry them. */
    for (size_t i = 0; i < brain->member_output.count; i++)
        if (brain->member_output.items[i].kind == MEMBER_BROADCAST)
            carry_out(brain, &brain->member_output.items[i]);
    /* Whatever is more than sending may have replaced a record that a candidate points to. */
    for (size_t i = 0; i < brain->member_output.count; i++)
        if (brain->member_output.items[i].kind != MEMBER_SEND_DATAGRAM &&
            brain->member_output.items[i].kind != MEMBER_SEND_STREAM)
            brain->candidates_stale = true;
    for (size_t i = 0; i < brain->member_output.count; i++)
        if (brain->member_output.items[i].kind != MEMBER_BROADCAST)
            carry_out(brain, &brain->member_output.items[i]);
    member_output_clear(&brain->member_output);
}

/* ---- accounts */

void swim_stats(const struct brain *brain, struct brain_stats *stats)
{
    struct member_stats member;
    struct gossip_stats gossip;
    member_stats(brain->members, &member);
    gossip_stats(brain->gossip, &gossip);
    stats->probes_sent = member.probes_sent;
    stats->probes_failed = member.probes_failed;
    stats->suspicions_raised = member.suspicions;
    stats->refutations = member.refutations;
    stats->deaths_declared = member.deaths;
    stats->records_forged = member.forgeries;
    stats->local_health = member.local_health;
    stats->members_unknown = (uint32_t)member.unknown_count;
    stats->members_alive = (uint32_t)member.alive_count;
    stats->members_suspect = (uint32_t)member.suspect_count;
    stats->members_dead = (uint32_t)member.dead_count;
    stats->members_left = (uint32_t)member.left_count;
    stats->members_hash = member.view_hash;
    stats->verifications = member.verifications;
    stats->restarts = member.restarts;
    stats->push_pulls = member.push_pulls;
    stats->stale_messages = member.stale_messages;
    stats->name_conflicts = member.conflicts;
    stats->gaps = member.gaps;
    stats->rumours_system_queued = (uint32_t)gossip.rumours_count[GOSSIP_SYSTEM];
    stats->rumours_state_queued = (uint32_t)gossip.rumours_count[GOSSIP_STATE];
    stats->rumours_bytes = gossip.bytes[GOSSIP_SYSTEM] + gossip.bytes[GOSSIP_STATE];
    stats->rumours_taken = gossip.queued;
    stats->rumours_told = gossip.told;
    stats->rumours_hinted = gossip.hinted;
    stats->rumours_superseded = gossip.superseded;
    stats->rumours_dropped = gossip.dropped;
    stats->holding = member_is_holding(brain->members);
}
