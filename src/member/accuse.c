/* Accusations that arrive: proto/gossip.md 4.4, 4.5. They say nothing against a newer (generation,
 * incarnation). */
#include "base/assert.h"
#include "table.h"

/* Only who lives can accuse; whoever just sent the message evidently does. */
static bool may_accuse(struct member_table *table, uint64_t from_node, uint64_t accuser,
                       uint64_t subject)
{
    if (accuser == 0 || accuser == subject || accuser == member_self(table))
        return false;
    return accuser == from_node || member_is_live(table, accuser);
}

/* Adds the accuser and those it names; says how many of them are new. */
static uint32_t add_accusers(struct member_table *table, struct inquiry *inquiry,
                             uint64_t from_node, const struct wire_accuse *accuse,
                             struct member_output *output)
{
    uint32_t news_count = 0;
    for (size_t i = 0; i <= accuse->accusers_count; i++) {
        uint64_t accuser = i == 0 ? accuse->accuser : accuse->accusers[i - 1];
        uint32_t index = inquiry->accusers_count;
        if (!may_accuse(table, from_node, accuser, accuse->subject) ||
            !inquiry_accuse(inquiry, accuser, i == 0 && accuse->refused))
            continue;
        news_count++;
        bool spread = index < inquiry->accusers_count && index <= inquiry->confirmations_wanted;
        if (inquiry->kind == INQUIRY_SUSPECT && spread)
            suspect_spread(table, inquiry, index, output);
    }
    return news_count;
}

static enum member_verdict against_alive(struct member_table *table, uint32_t slot,
                                         uint64_t from_node, const struct wire_accuse *accuse,
                                         struct member_output *output)
{
    if (!may_accuse(table, from_node, accuse->accuser, accuse->subject))
        return MEMBER_STALE;
    verify_open(table, slot, output);
    struct inquiry *inquiry = entry_inquiry(roster_at(&table->roster, slot));
    uint32_t news_count = add_accusers(table, inquiry, from_node, accuse, output);
    return news_count > 0 ? MEMBER_OK : MEMBER_DUPLICATE;
}

static enum member_verdict against_suspect(struct member_table *table, uint32_t slot,
                                           uint64_t from_node, const struct wire_accuse *accuse,
                                           struct member_output *output)
{
    struct inquiry *inquiry = entry_inquiry(roster_at(&table->roster, slot));
    if (add_accusers(table, inquiry, from_node, accuse, output) == 0)
        return MEMBER_DUPLICATE;
    suspect_reckon(table, inquiry, output);
    return MEMBER_OK;
}

static void set_age(struct member_table *table, struct entry *entry, uint32_t age_s)
{
    uint64_t age_ms = (uint64_t)age_s * 1000;
    entry->settled_ms = age_ms < table->now_ms ? table->now_ms - age_ms : 0;
}

static enum member_verdict against_unknown(struct member_table *table, uint32_t slot,
                                           uint64_t from_node, const struct wire_accuse *accuse,
                                           struct member_output *output)
{
    if (accuse->status != WIRE_MEMBER_STATUS_DEAD)
        return MEMBER_DUPLICATE; /* we are asking it already */
    struct entry *entry = roster_at(&table->roster, slot);
    (void)add_accusers(table, entry_inquiry(entry), from_node, accuse, output);
    change_dead(table, slot, MEMBER_CHANGE_TOLD, output);
    set_age(table, entry, accuse->age_s);
    return MEMBER_OK;
}

static int compare_age(const struct wire_accuse *accuse, const struct wire_member *value)
{
    struct wire_member cited = {.generation = accuse->generation,
                                .incarnation = accuse->incarnation};
    return record_compare_age(&cited, value);
}

/* The accuser itself says it: then it is behind, and is told so. From others it is an old rumour,
 * which dies here. */
static enum member_verdict stale(struct member_table *table, uint32_t slot, uint64_t from_node,
                                 const struct address *from_address,
                                 const struct wire_accuse *accuse, struct member_output *output)
{
    table->stats.stale_messages++;
    if (from_node == accuse->accuser)
        send_record(table, slot, from_node, from_address, MEMBER_VIA_DATAGRAM, output);
    return MEMBER_STALE;
}

enum member_verdict accuse_receive(struct member_table *table, uint64_t from_node,
                                   const struct address *from_address,
                                   const struct wire_accuse *accuse, struct member_output *output)
{
    if (accuse->status == WIRE_MEMBER_STATUS_ALIVE || accuse->accuser == accuse->subject)
        return MEMBER_REFUSED;
    if (accuse->subject == member_self(table))
        return self_accused(table, from_node, from_address, accuse, output);
    uint32_t slot = roster_find(&table->roster, accuse->subject);
    if (slot == SLOT_NONE ||
        compare_age(accuse, &roster_at(&table->roster, slot)->record->value) > 0) {
        stranger_note(table, accuse->subject, from_node, from_address, accuse, 0);
        return MEMBER_UNKNOWN_NODE;
    }
    struct entry *entry = roster_at(&table->roster, slot);
    if (compare_age(accuse, &entry->record->value) < 0)
        return stale(table, slot, from_node, from_address, accuse, output);
    if (accuse->status == WIRE_MEMBER_STATUS_LEFT) {
        if (entry->status == MEMBER_LEFT)
            set_age(table, entry, accuse->age_s);
        return MEMBER_DUPLICATE;
    }
    switch ((enum member_status)entry->status) {
    case MEMBER_UNKNOWN:
        return against_unknown(table, slot, from_node, accuse, output);
    case MEMBER_ALIVE:
        return against_alive(table, slot, from_node, accuse, output);
    case MEMBER_SUSPECT:
        return against_suspect(table, slot, from_node, accuse, output);
    case MEMBER_DEAD:
        entry->renewed = entry->renewed && accuse->status != WIRE_MEMBER_STATUS_DEAD;
        if (entry_inquiry(entry) != NULL)
            (void)add_accusers(table, entry_inquiry(entry), from_node, accuse, output);
        return MEMBER_DUPLICATE;
    case MEMBER_LEFT:
        return MEMBER_DUPLICATE;
    }
    UNREACHABLE();
}

/* ---- what we say */

static bool is_accused(const struct entry *entry)
{
    const struct inquiry *inquiry = entry_inquiry(entry);
    if (entry->status == MEMBER_ALIVE)
        return inquiry != NULL && inquiry->kind == INQUIRY_VERIFY && inquiry->accusers_count > 0;
    return entry->status != MEMBER_UNKNOWN && !entry->renewed;
}

bool accuse_put(struct member_table *table, uint32_t slot, struct buf *buf)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    const struct inquiry *inquiry = entry_inquiry(entry);
    if (!is_accused(entry))
        return false;
    uint64_t accusers[MEMBER_ACCUSERS_MAX];
    struct wire_accuse accuse = {
        .subject = entry_node(entry),
        .generation = entry->record->value.generation,
        .incarnation = entry->record->value.incarnation,
        .status = WIRE_MEMBER_STATUS_SUSPECT,
        .accuser = member_self(table),
        .accusers = accusers,
    };
    uint64_t age_s = (table->now_ms - entry->settled_ms) / 1000;
    if (entry->status == MEMBER_ALIVE) {
        accuse.accuser = inquiry->accusers[0]; /* we only pass it on to the subject */
    } else if (entry->status != MEMBER_SUSPECT) {
        bool dead = entry->status == MEMBER_DEAD;
        accuse.status = dead ? WIRE_MEMBER_STATUS_DEAD : WIRE_MEMBER_STATUS_LEFT;
        accuse.age_s = age_s < UINT32_MAX ? (uint32_t)age_s : UINT32_MAX;
    }
    for (uint32_t i = 0; inquiry != NULL && i < inquiry->accusers_count; i++) {
        if (inquiry->accusers[i] != accuse.accuser)
            accusers[accuse.accusers_count++] = inquiry->accusers[i];
        else
            accuse.refused = (inquiry->refused_mask >> i & 1) != 0;
    }
    wire_put_accuse(buf, &accuse);
    return true;
}
