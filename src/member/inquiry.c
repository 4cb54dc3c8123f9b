#include "base/assert.h"
#include "base/memory.h"
#include "table.h"

static int inquiry_compare(const struct inquiry *a, const struct inquiry *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

RB_GENERATE(member_inquiries, inquiry, by_due, inquiry_compare)

struct inquiry *inquiry_open(struct member_table *table, uint32_t slot, enum inquiry_kind kind)
{
    struct entry *entry = roster_at(&table->roster, slot);
    ASSERT(entry_inquiry(entry) == NULL && slot != table->roster.self);
    struct inquiry *inquiry = MEM_NEW(struct inquiry);
    inquiry->node = entry_node(entry);
    inquiry->slot = slot;
    inquiry->kind = kind;
    inquiry->timeout_ms = clock_timeout_ms(table, entry);
    inquiry->period_ms = clock_period_ms(table);
    inquiry->started_ms = table->now_ms;
    inquiry->due_ms = table->now_ms;
    entry_peer(entry)->inquiry = inquiry;
    table->contacts_count += kind == INQUIRY_CONTACT;
    RB_INSERT(member_inquiries, &table->inquiries, inquiry);
    return inquiry;
}

void inquiry_close(struct member_table *table, uint32_t slot)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct inquiry *inquiry = entry_inquiry(entry);
    if (inquiry == NULL)
        return;
    table->contacts_count -= inquiry->kind == INQUIRY_CONTACT;
    RB_REMOVE(member_inquiries, &table->inquiries, inquiry);
    entry->peer->inquiry = NULL;
    mem_free(inquiry);
}

void inquiry_due(struct member_table *table, struct inquiry *inquiry, protocol_ms_t due_ms)
{
    RB_REMOVE(member_inquiries, &table->inquiries, inquiry);
    inquiry->due_ms = due_ms;
    RB_INSERT(member_inquiries, &table->inquiries, inquiry);
}

void inquiry_become(struct member_table *table, struct inquiry *inquiry, enum inquiry_kind kind)
{
    table->contacts_count -= inquiry->kind == INQUIRY_CONTACT;
    table->contacts_count += kind == INQUIRY_CONTACT;
    inquiry->kind = kind;
    inquiry->step = 0;
}

bool inquiry_accuse(struct inquiry *inquiry, uint64_t accuser, bool refused)
{
    uint32_t i = 0;
    while (i < inquiry->accusers_count && inquiry->accusers[i] != accuser)
        i++;
    bool news = i == inquiry->accusers_count;
    if (i == MEMBER_ACCUSERS_MAX) {
        /* Full of confirmations, of which no more are needed; of refusals three are (4.6). */
        i = 0;
        while (i < MEMBER_ACCUSERS_MAX && (inquiry->refused_mask >> i & 1) != 0)
            i++;
        if (!refused || i == MEMBER_ACCUSERS_MAX)
            return false;
    } else if (news) {
        inquiry->accusers_count++;
    }
    uint32_t bit = refused ? (uint32_t)1 << i : 0;
    news = news || (inquiry->refused_mask | bit) != inquiry->refused_mask;
    inquiry->accusers[i] = accuser;
    inquiry->refused_mask |= bit;
    return news;
}

void inquiry_run(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    static void (*const steps[])(struct member_table *, struct inquiry *,
                                 struct member_output *) = {
        [INQUIRY_PROBE] = probe_step,   [INQUIRY_CONTACT] = contact_step,
        [INQUIRY_VERIFY] = verify_step, [INQUIRY_SUSPECT] = suspect_step,
        [INQUIRY_DEAD] = dead_step,
    };
    steps[inquiry->kind](table, inquiry, output);
}
