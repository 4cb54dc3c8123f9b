/* News leaves: in packets of its own to random members, and what they may lack is hinted at
 * (proto/gossip.md 8.3, proto/state.md 6.9). */
#include "brain_internal.h"

static void put_hints(struct brain *brain, struct buf *packet, size_t members_count)
{
    struct gossip_hint hints[STORE_HINTS_MAX];
    struct wire_summary items[STORE_HINTS_MAX];
    struct wire_summaries summaries;
    wire_summaries_init(&summaries);
    summaries.items = items;
    summaries.items_count = gossip_hints(brain->gossip, hints, STORE_HINTS_MAX, members_count);
    for (size_t i = 0; i < summaries.items_count; i++)
        items[i] = (struct wire_summary){
            .key_hash = hints[i].key, .high = hints[i].high, .low = hints[i].low};
    if (summaries.items_count > 0)
        wire_put_summaries(packet, &summaries);
}

static void flush_to(struct brain *brain, const struct member_view *target, size_t members_count)
{
    struct buf packet = BUF_INIT;
    struct address address = swim_address_of(&target->record->address);
    put_hints(brain, &packet, members_count);
    for (int i = 0; i < GOSSIP_PACKETS_MAX; i++) {
        (void)gossip_fill(brain->gossip, &packet, DATAGRAM_BYTES_MAX, members_count, false);
        if (packet.size_bytes == 0)
            break;
        effects_datagram(brain->effects, target->node, &address,
                         (struct bytes){packet.data, packet.size_bytes});
        buf_clear(&packet);
    }
    buf_fini(&packet);
}

void rumours_flush(struct brain *brain)
{
    struct member_view targets[MEMBER_PICK_MAX];
    if (!gossip_flush_due(brain->gossip, brain->now))
        return;
    size_t members_count = member_live_count(brain->members);
    size_t targets_count = member_pick(brain->members, GOSSIP_FANOUT, 0, NULL, NULL, targets);
    for (size_t i = 0; i < targets_count; i++)
        flush_to(brain, &targets[i], members_count);
    struct buf large = BUF_INIT;
    while (gossip_take_large(brain->gossip, &large)) {
        targets_count = member_pick(brain->members, GOSSIP_FANOUT, 0, NULL, NULL, targets);
        for (size_t i = 0; i < targets_count; i++) {
            struct address address = swim_address_of(&targets[i].record->address);
            effects_stream(brain->effects, targets[i].node, &address,
                           (struct bytes){large.data, large.size_bytes});
        }
        buf_clear(&large);
    }
    buf_fini(&large);
    gossip_flushed(brain->gossip, brain->now, members_count);
}
