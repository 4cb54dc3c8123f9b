/*
 * One member, the next in the circle of ids, is watched by a connection that carries nothing
 * (proto/gossip.md 4.11). A process that ends takes its connections along, and its host says so at
 * once; a probe finds out when its turn comes. What is lost proves nothing: the host, a firewall or
 * a restart may have broken it, so it only makes us look.
 */
#include "table.h"

#define WATCH_AGAIN_MS     ((protocol_ms_t)5000)
#define WATCH_AGAIN_MAX_MS ((protocol_ms_t)320000)

static bool is_watched(const struct watch *watch, const struct wire_member *value)
{
    return watch->node == value->node && watch->generation == value->generation;
}

void watch_run(struct member_table *table, struct member_output *output)
{
    struct watch *watch = &table->watch;
    uint32_t slot = roster_target(&table->roster, 0);
    if (slot == SLOT_NONE) {
        if (watch->node != 0)
            (void)output_add(output, MEMBER_WATCH, 0);
        *watch = (struct watch){.node = 0};
        return;
    }
    const struct record *record = roster_at(&table->roster, slot)->record;
    if (is_watched(watch, &record->value) && (!watch->lost || table->now_ms < watch->again_ms))
        return;
    if (!is_watched(watch, &record->value))
        *watch = (struct watch){.node = record->value.node, .generation = record->value.generation};
    watch->lost = false;
    watch->since_ms = table->now_ms;
    output_add(output, MEMBER_WATCH, watch->node)->address = record_address(record);
}

/* One that lasts no longer than the pause before it, as where a firewall lets no connection
 * through, is tried less and less often. */
static protocol_ms_t next_pause_ms(const struct member_table *table)
{
    const struct watch *watch = &table->watch;
    bool lasted = table->now_ms - watch->since_ms > watch->pause_ms;
    bool first = watch->pause_ms == 0;
    protocol_ms_t pause_ms = first || lasted ? WATCH_AGAIN_MS : 2 * watch->pause_ms;
    return pause_ms < WATCH_AGAIN_MAX_MS ? pause_ms : WATCH_AGAIN_MAX_MS;
}

void member_watch_lost(struct member_table *table, struct instant now, uint64_t node,
                       struct member_output *output)
{
    clock_enter(table, now);
    struct watch *watch = &table->watch;
    if (!table->started || table->left || node != watch->node || node == 0 || watch->lost)
        return;
    watch->lost = true;
    watch->pause_ms = next_pause_ms(table);
    watch->again_ms = table->now_ms + watch->pause_ms;
    uint32_t slot = roster_find(&table->roster, node);
    if (slot != SLOT_NONE && roster_at(&table->roster, slot)->status == MEMBER_ALIVE)
        verify_open(table, slot, output);
}
