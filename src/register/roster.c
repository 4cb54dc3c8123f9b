#include "register/roster.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

static bool ascends(const uint64_t *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == 0 || (i > 0 && nodes[i] <= nodes[i - 1]))
            return false;
    return true;
}

static bool holds(const uint64_t *nodes, size_t count, uint64_t node)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

bool register_roster_of_wire(const struct wire_roster *wire, struct register_roster *ret_roster)
{
    if (!ascends(wire->voters, wire->voters_count) || !ascends(wire->next, wire->next_count))
        return false;
    *ret_roster = (struct register_roster){.origin = wire->origin,
                                           .resets = wire->resets,
                                           .epoch = wire->epoch,
                                           .voters_count = wire->voters_count,
                                           .next_count = wire->next_count};
    for (size_t i = 0; i < wire->voters_count; i++)
        ret_roster->voters[i] = wire->voters[i];
    for (size_t i = 0; i < wire->next_count; i++)
        ret_roster->next[i] = wire->next[i];
    return true;
}

struct wire_roster register_roster_to_wire(const struct register_roster *roster)
{
    struct wire_roster wire = {.origin = roster->origin,
                               .resets = roster->resets,
                               .epoch = roster->epoch,
                               .voters_count = roster->voters_count,
                               .next_count = roster->next_count};
    const uint64_t *voters = roster->voters;
    const uint64_t *next = roster->next;
    memcpy(&wire.voters, &voters, sizeof(voters)); /* encoders only read */
    memcpy(&wire.next, &next, sizeof(next));
    return wire;
}

bool register_roster_is_voter(const struct register_roster *roster, uint64_t node)
{
    return holds(roster->voters, roster->voters_count, node);
}

bool register_roster_has(const struct register_roster *roster, uint64_t node)
{
    return register_roster_is_voter(roster, node) || holds(roster->next, roster->next_count, node);
}

bool register_roster_supersedes(const struct register_roster *a, const struct register_roster *b)
{
    if (a->epoch == 0 || b->epoch == 0)
        return a->epoch != 0;
    if (a->origin == b->origin)
        return a->resets != b->resets ? a->resets > b->resets : a->epoch > b->epoch;
    /* Two clusters that were founded apart have met: the smaller one follows. */
    if (a->voters_count != b->voters_count)
        return a->voters_count > b->voters_count;
    if (a->epoch != b->epoch)
        return a->epoch > b->epoch;
    return a->origin < b->origin;
}

bool register_roster_equal(const struct register_roster *a, const struct register_roster *b)
{
    return a->origin == b->origin && a->resets == b->resets && a->epoch == b->epoch &&
           a->voters_count == b->voters_count && a->next_count == b->next_count &&
           memcmp(a->voters, b->voters, a->voters_count * sizeof(a->voters[0])) == 0 &&
           memcmp(a->next, b->next, a->next_count * sizeof(a->next[0])) == 0;
}

void register_roster_validate(const struct register_roster *roster)
{
    ASSERT(roster->voters_count <= ROSTER_VOTERS_MAX && roster->next_count <= ROSTER_VOTERS_MAX);
    ASSERT((roster->epoch == 0) == (roster->voters_count == 0));
    ASSERT(roster->epoch == 0 || roster->origin != 0);
    ASSERT(ascends(roster->voters, roster->voters_count));
    ASSERT(ascends(roster->next, roster->next_count));
}

/* ---- counting */

void register_quorum_of(const struct register_roster *roster, bool of_old,
                        struct register_quorum *ret_quorum)
{
    struct register_quorum *quorum = ret_quorum;
    *quorum = (struct register_quorum){.voters_needed = roster->voters_count / 2 + 1};
    for (size_t i = 0; i < roster->voters_count; i++) {
        quorum->voters_mask |= 1U << quorum->targets_count;
        quorum->targets[quorum->targets_count++] = roster->voters[i];
    }
    if (of_old || roster->next_count == 0)
        return;
    quorum->next_needed = roster->next_count / 2 + 1;
    for (size_t i = 0; i < roster->next_count; i++) {
        uint32_t bit = register_quorum_bit(quorum, roster->next[i]);
        if (bit == 0) {
            bit = 1U << quorum->targets_count;
            quorum->targets[quorum->targets_count++] = roster->next[i];
        }
        quorum->next_mask |= bit;
    }
}

uint32_t register_quorum_bit(const struct register_quorum *quorum, uint64_t node)
{
    for (size_t i = 0; i < quorum->targets_count; i++)
        if (quorum->targets[i] == node)
            return 1U << i;
    return 0;
}

uint32_t register_quorum_count(uint32_t mask)
{
    uint32_t count = 0;
    for (; mask != 0; mask &= mask - 1)
        count++;
    return count;
}

bool register_quorum_is_met(const struct register_quorum *quorum, uint32_t answered)
{
    return register_quorum_count(answered & quorum->voters_mask) >= quorum->voters_needed &&
           register_quorum_count(answered & quorum->next_mask) >= quorum->next_needed;
}

bool register_quorum_is_lost(const struct register_quorum *quorum, uint32_t refused)
{
    return !register_quorum_is_met(quorum, (quorum->voters_mask | quorum->next_mask) & ~refused);
}

/* ---- who should vote */

static const struct register_member *find(const struct register_member *members, size_t count,
                                          uint64_t node)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (members[middle].node == node)
            return &members[middle];
        if (members[middle].node < node)
            low = middle + 1;
        else
            count = middle;
    }
    return NULL;
}

static size_t zone_votes(const struct register_member *members, size_t members_count,
                         const uint64_t *voters, size_t voters_count, uint64_t zone_hash)
{
    size_t votes = 0;
    for (size_t i = 0; i < voters_count && zone_hash != 0; i++) {
        const struct register_member *member = find(members, members_count, voters[i]);
        votes += member != NULL && member->zone_hash == zone_hash;
    }
    return votes;
}

/* Of those that may get a vote: from the zone with the fewest, then by hash. Late comers do not
 * push others out. */
static const struct register_member *best_newcomer(const struct register_roster *roster,
                                                   const struct register_member *members,
                                                   size_t members_count, const uint64_t *voters,
                                                   size_t voters_count)
{
    const struct register_member *best = NULL;
    size_t best_votes = 0;
    uint64_t best_hash = 0;
    for (size_t i = 0; i < members_count; i++) {
        if (!members[i].stable || members[i].gone || holds(voters, voters_count, members[i].node))
            continue;
        size_t votes =
            zone_votes(members, members_count, voters, voters_count, members[i].zone_hash);
        uint64_t hash = hash64_pair(roster->origin, members[i].node);
        if (best == NULL || votes < best_votes || (votes == best_votes && hash < best_hash)) {
            best = &members[i];
            best_votes = votes;
            best_hash = hash;
        }
    }
    return best;
}

static size_t odd_size(size_t members_count)
{
    return members_count >= 7 ? 7 : members_count >= 5 ? 5 : members_count >= 3 ? 3 : 1;
}

static void sort(uint64_t *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && nodes[j] < nodes[j - 1]; j--) {
            uint64_t node = nodes[j];
            nodes[j] = nodes[j - 1];
            nodes[j - 1] = node;
        }
}

/* A voter to do without: one that is not stable before one that is, then the last by hash. */
static size_t weakest(const struct register_roster *roster, const struct register_member *members,
                      size_t members_count, const uint64_t *voters, size_t voters_count)
{
    size_t worst = 0;
    bool worst_stable = true;
    uint64_t worst_hash = 0;
    for (size_t i = 0; i < voters_count; i++) {
        const struct register_member *member = find(members, members_count, voters[i]);
        bool stable = member != NULL && member->stable;
        uint64_t hash = hash64_pair(roster->origin, voters[i]);
        if (i == 0 || (worst_stable && !stable) || (worst_stable == stable && hash > worst_hash)) {
            worst = i;
            worst_stable = stable;
            worst_hash = hash;
        }
    }
    return worst;
}

size_t register_roster_plan(const struct register_roster *roster,
                            const struct register_member *members, size_t members_count,
                            uint64_t ret_voters[static ROSTER_VOTERS_MAX])
{
    uint64_t voters[ROSTER_VOTERS_MAX];
    size_t voters_count = 0;
    size_t candidates_count = 0;
    for (size_t i = 0; i < roster->voters_count; i++) {
        const struct register_member *member = find(members, members_count, roster->voters[i]);
        if (member == NULL || !member->gone)
            voters[voters_count++] = roster->voters[i];
    }
    for (size_t i = 0; i < members_count; i++)
        candidates_count +=
            members[i].stable && !members[i].gone && !holds(voters, voters_count, members[i].node);
    size_t size = odd_size(voters_count + candidates_count);
    while (voters_count < size) {
        const struct register_member *member =
            best_newcomer(roster, members, members_count, voters, voters_count);
        if (member == NULL)
            break;
        voters[voters_count++] = member->node;
    }
    while (voters_count > size) {
        size_t at = weakest(roster, members, members_count, voters, voters_count);
        voters[at] = voters[--voters_count];
    }
    if (voters_count == 0) { /* all are gone and nobody is stable: nothing that a plan could do */
        memcpy(ret_voters, roster->voters, sizeof(roster->voters));
        return roster->voters_count;
    }
    sort(voters, voters_count);
    memcpy(ret_voters, voters, voters_count * sizeof(voters[0]));
    return voters_count;
}
