/* How a simulation of many members begins in the middle: what a start of all of them would end in,
 * without its N x N packets. Nothing is encoded: who shares a process shares the blocks. */
#include "base/assert.h"
#include "brain_internal.h"

struct brain_introduction brain_introduction(const struct brain *brain)
{
    ASSERT(brain->started);
    return (struct brain_introduction){.record = member_own_record(brain->members),
                                       .status = store_own_status(brain->store)};
}

void brain_introduce(struct brain *brain, struct instant now,
                     const struct brain_introduction *introduction)
{
    ASSERT(brain->started);
    brain->now = now;
    member_introduce(brain->members, now, introduction->record);
    if (introduction->status != NULL)
        store_introduce(brain->store, introduction->status);
    brain->members_changed = brain->candidates_stale = brain->strangers_stale = true;
}
