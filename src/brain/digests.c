/* Whether the peers were seen to hold the same state, and when: for people who ask how far behind
 * this one is. Nothing is decided by it. */
#include <string.h>

#include "base/memory.h"
#include "brain_internal.h"

/* The first that is not before `node`. */
static size_t place_of(const struct brain *brain, uint64_t node)
{
    size_t low = 0, high = brain->digests_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (brain->digests[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct brain *brain, size_t place, uint64_t node)
{
    return place < brain->digests_count && brain->digests[place].node == node;
}

void digests_note(struct brain *brain, uint64_t node, bool equal)
{
    struct member_view view;
    size_t place = place_of(brain, node);
    if (!is_at(brain, place, node)) {
        if (!member_find(brain->members, node, &view)) /* as many as there are members */
            return;
        MEM_GROW(brain->digests, brain->digests_count, brain->digests_capacity);
        memmove(&brain->digests[place + 1], &brain->digests[place],
                (brain->digests_count - place) * sizeof(brain->digests[0]));
        brain->digests[place] = (struct digest_seen){.node = node};
        brain->digests_count++;
    }
    if (equal)
        brain->digests[place].equal_boot_ms = brain->now.boot_ms;
    else
        brain->digests[place].differs_boot_ms = brain->now.boot_ms;
}

void digests_forget(struct brain *brain, uint64_t node)
{
    size_t place = place_of(brain, node);
    if (!is_at(brain, place, node))
        return;
    brain->digests_count--;
    memmove(&brain->digests[place], &brain->digests[place + 1],
            (brain->digests_count - place) * sizeof(brain->digests[0]));
}

void digests_seen(const struct brain *brain, uint64_t node, boot_ms_t *ret_equal_boot_ms,
                  boot_ms_t *ret_differs_boot_ms)
{
    size_t place = place_of(brain, node);
    bool known = is_at(brain, place, node);
    *ret_equal_boot_ms = known ? brain->digests[place].equal_boot_ms : 0;
    *ret_differs_boot_ms = known ? brain->digests[place].differs_boot_ms : 0;
}
