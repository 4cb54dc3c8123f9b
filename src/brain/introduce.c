/* How a simulation of many members begins in the middle: what a start of all of them would end in,
 * without its N x N packets. */
#include "base/assert.h"
#include "brain_internal.h"

void brain_introduction(const struct brain *brain, struct buf *ret_introduction)
{
    struct member_view view;
    struct wire_node_status space;
    bool known = member_find(brain->members, brain->node, &view);
    ASSERT(known && brain->started);
    wire_put_member(ret_introduction, view.record);
    const struct wire_node_status *status =
        store_node_status_passing(brain->store, brain->node, &space);
    if (status != NULL)
        wire_put_node_status(ret_introduction, status);
}

void brain_introduce(struct brain *brain, struct instant now, struct bytes introduction)
{
    ASSERT(brain->started);
    brain->now = now;
    wire_arena_reset(&brain->arena);
    while (introduction.size_bytes > 0) {
        struct wire_message message;
        struct store_change change;
        size_t consumed_bytes = 0;
        enum wire_verdict verdict =
            wire_message_decode(introduction, &brain->arena, &message, &consumed_bytes);
        ASSERT(verdict == WIRE_OK);
        if (message.type == WIRE_MESSAGE_MEMBER)
            member_introduce(brain->members, now, &message.as.member, &brain->member_output);
        else
            (void)store_apply(brain->store, now, STORE_REMOTE, &message, &change);
        introduction.data += consumed_bytes;
        introduction.size_bytes -= consumed_bytes;
    }
    member_output_clear(&brain->member_output);
    brain->members_changed = brain->candidates_stale = brain->strangers_stale = true;
}
