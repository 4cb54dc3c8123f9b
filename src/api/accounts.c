/* The brain's accounts by name: one table for `gossip status` and for /metrics. */
#include <string.h>

#include "accounts.h"

#define ACCOUNT(field, json, gauge, help)                                                          \
    {                                                                                              \
#field, json, help, gauge, offsetof(struct brain_stats, field),                            \
            sizeof(((struct brain_stats *)0)->field)                                               \
    }
#define COUNTER(field, json, help) ACCOUNT(field, json, false, help)
#define GAUGE(field, json, help)   ACCOUNT(field, json, true, help)

static const struct account accounts[] = {
    COUNTER(datagrams_received, "datagramsReceived", "Datagrams that the brain took."),
    COUNTER(streams_received, "streamsReceived", "Stream messages that the brain took."),
    COUNTER(messages_refused, "messagesRefused", "Messages that did not decode or made no sense."),
    COUNTER(records_forged, "recordsForged", "Member records that their subject did not sign."),
    COUNTER(records_implausible, "recordsImplausible",
            "Claims that their node cannot have written."),
    COUNTER(versions_ahead, "versionsAhead", "Versions written by a clock ahead of this one."),
    COUNTER(versions_ahead_refused, "versionsAheadRefused",
            "Versions refused: their writer's clock is a day ahead."),
    COUNTER(banned_refused, "bannedRefused", "Messages of banned nodes, and records about them."),
    COUNTER(probes_sent, "probesSent", "Members probed."),
    COUNTER(probes_failed, "probesFailed", "Probes that nobody answered."),
    COUNTER(verifications, "verifications", "Accusations by others that were looked into."),
    COUNTER(suspicions_raised, "suspicionsRaised", "Members that this node suspected."),
    COUNTER(refutations, "refutations", "Accusations of this node that it refuted."),
    COUNTER(deaths_declared, "deathsDeclared", "Members that this node held dead."),
    COUNTER(restarts, "restarts", "Members seen to come back in a new life."),
    COUNTER(push_pulls, "pushPulls", "Exchanges of whole member lists."),
    COUNTER(stale_messages, "staleMessages", "Membership messages older than what was known."),
    COUNTER(name_conflicts, "nameConflicts", "Members met under a name that another one has."),
    COUNTER(gaps, "gaps", "Times that this process did not run when it wanted to."),
    GAUGE(rumours_system_queued, "rumoursSystemQueued", "News of members still to be told."),
    GAUGE(rumours_state_queued, "rumoursStateQueued", "News of objects and pods still to be told."),
    GAUGE(rumours_bytes, "rumoursBytes", "Bytes of news still to be told."),
    COUNTER(rumours_taken, "rumoursTaken", "News that was queued."),
    COUNTER(rumours_told, "rumoursTold", "Times that news was put into a packet."),
    COUNTER(rumours_hinted, "rumoursHinted", "Times that only its key and version were told."),
    COUNTER(rumours_superseded, "rumoursSuperseded", "News replaced by newer before it was told."),
    COUNTER(rumours_dropped, "rumoursDropped", "News dropped at the limit of the queue."),
    COUNTER(anti_entropy_rounds, "antiEntropyRounds", "Digests of peers compared with ours."),
    COUNTER(anti_entropy_equal, "antiEntropyEqual", "Digests of peers that were equal to ours."),
    COUNTER(anti_entropy_repairs, "antiEntropyRepairs", "Records sent to peers that lacked them."),
    GAUGE(objects, "objects", "Objects held."),
    GAUGE(versions, "versions", "Versions of objects held, history included."),
    GAUGE(tombstones, "tombstones", "Deleted objects remembered."),
    GAUGE(claims, "claims", "Claims of pods held."),
    GAUGE(declines, "declines", "Refusals of slots held."),
    GAUGE(records_bytes, "recordsBytes", "Bytes of all that is replicated."),
    COUNTER(conflicts_lost, "conflictsLost", "Concurrent writes that lost."),
    COUNTER(workload_looks, "workloadLooks", "Times that a workload was looked at anew."),
    GAUGE(writes_unpersisted, "writesUnpersisted", "Writes that are not on disk yet."),
    GAUGE(replies_queued, "repliesQueued", "Clients that wait for the disk."),
};

size_t accounts_count(void)
{
    return sizeof(accounts) / sizeof(accounts[0]);
}

const struct account *accounts_at(size_t index)
{
    return &accounts[index];
}

uint64_t account_value(const struct account *account, const struct brain_stats *stats)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    const uint8_t *at = (const uint8_t *)stats + account->offset_bytes;
    if (account->size_bytes == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}
