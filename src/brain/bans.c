/*
 * Banned nodes (proto/keys.md 5): replicated objects under BRAIN_BAN_PREFIX, one a node, named by
 * its id. What a banned node says is dropped, what is said of it does not count, and what it runs
 * is void. The list here is made of the objects, and of nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "brain_internal.h"

static int compare_nodes(const void *a, const void *b)
{
    uint64_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

bool brain_is_banned(const struct brain *brain, uint64_t node)
{
    const struct bans *bans = &brain->bans;
    size_t low = 0, high = bans->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bans->nodes[middle] == node)
            return true;
        if (bans->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* 16 hex digits, as node ids are shown everywhere; 0: it is none. */
uint64_t brain_ban_node(const char *key)
{
    uint64_t node = 0;
    size_t digits_count = 0;
    if (strncmp(key, BRAIN_BAN_PREFIX, strlen(BRAIN_BAN_PREFIX)) != 0)
        return 0;
    for (const char *c = key + strlen(BRAIN_BAN_PREFIX); *c != '\0'; c++, digits_count++) {
        bool digit = *c >= '0' && *c <= '9';
        if (!digit && !(*c >= 'a' && *c <= 'f'))
            return 0;
        node = node << 4 | (uint64_t)(digit ? *c - '0' : *c - 'a' + 10);
    }
    return digits_count == 16 ? node : 0;
}

static bool collect(void *context, const struct store_object *object)
{
    struct bans *bans = context;
    uint64_t node = brain_ban_node(object->key);
    if (node == 0)
        return true;
    if (bans->count == BANS_MAX) {
        bans->overflowed = true;
        return false;
    }
    MEM_GROW(bans->nodes, bans->count, bans->capacity);
    bans->nodes[bans->count++] = node;
    return true;
}

/* This node itself: others do what it did, so it stops doing it. */
static void judge_self(struct brain *brain)
{
    bool banned = brain_is_banned(brain, brain->node);
    if (banned == brain->expelled)
        return;
    brain->expelled = banned;
    brain->members_changed = true;
    if (!banned) {
        effects_trace(brain->effects, "this node is no longer banned");
        return;
    }
    effects_trace(brain->effects, "this node has been banned from the cluster: it stops its pods; "
                                  "`shoal node unban` on another node takes it back");
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    control_stop_all(brain->control, &view, &output);
}

void bans_apply(struct brain *brain)
{
    struct bans before = brain->bans;
    brain->bans = (struct bans){.count = 0};
    store_each_object(brain->store, BRAIN_BAN_PREFIX, collect, &brain->bans);
    if (brain->bans.count > 0)
        qsort(brain->bans.nodes, brain->bans.count, sizeof(uint64_t), compare_nodes);
    if (brain->bans.overflowed && !before.overflowed)
        effects_trace(brain->effects, "more than %d nodes are banned: the rest is not", BANS_MAX);
    for (size_t i = 0; i < brain->bans.count; i++)
        member_expel(brain->members, brain->now, brain->bans.nodes[i], &brain->member_output);
    for (size_t i = 0; i < before.count; i++)
        if (!brain_is_banned(brain, before.nodes[i]))
            member_readmit(brain->members, brain->now, before.nodes[i], &brain->member_output);
    mem_free(before.nodes);
    swim_carry_out(brain);
    judge_self(brain);
}

/* Whom the message is about, if that one alone may write it; 0: nobody. */
static uint64_t subject_of(const struct wire_message *message)
{
    switch (message->type) {
    case WIRE_MESSAGE_MEMBER:
        return message->as.member.node;
    case WIRE_MESSAGE_CLAIM:
        return message->as.claim.node;
    case WIRE_MESSAGE_DECLINE:
        return message->as.decline.node;
    case WIRE_MESSAGE_NODE_STATUS:
        return message->as.node_status.node;
    default:
        return 0;
    }
}

bool bans_void(struct brain *brain, const struct wire_message *message)
{
    uint64_t subject = brain->bans.count > 0 ? subject_of(message) : 0;
    if (subject == 0 || subject == brain->node || !brain_is_banned(brain, subject))
        return false;
    brain->stats.banned_refused++;
    return true;
}
