/*
 * Writes that are answered only when other members have them on disk (proto/state.md 9). The asker
 * sends the record and a question to members that have not confirmed it, again and again; a member
 * answers once it holds the version, or what took its place, and its own disk has said so. Nothing
 * is ever concluded from silence, and no majority is taken of the living alone.
 */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "brain_internal.h"

/* Writes that wait at once; further ones are refused before anything is written. */
#define ACKS_MAX 1024
/* Questions of others that wait for our disk; those beyond are asked again. */
#define CONFIRMATIONS_MAX 4096
/* Members asked in one breath, of records that fit a datagram and of those that do not, and the
 * pause before the next ones. */
#define ASK_SMALL_MAX 128
#define ASK_LARGE_MAX 16
#define ASK_PAUSE_MS  20
/* Who has not confirmed is asked again: a commit takes milliseconds, a busy disk a second. */
#define ASK_AGAIN_MIN_MS 250
#define ASK_AGAIN_MAX_MS 1000
/* A member that has been dead for longer does not count any more: membership forgets it. */
#define DEAD_COUNTS_MS UINT64_C(86400000)

/* A member that has it on disk, and how many members it said that it counts. */
struct holder {
    uint64_t node;
    uint32_t known;
};

/* Invariant: `holders` ascend strictly by node and do not name ourselves. */
struct ack {
    uint64_t request;
    uint64_t sequence; /* of our own disk */
    enum brain_ack level;
    uint32_t timeout_ms;
    boot_ms_t deadline_boot_ms, ask_boot_ms;
    uint64_t ask_again_ms;
    uint64_t asked_up_to; /* node: who comes after it is asked next */
    bool own_stored;      /* our own disk has it */
    bool changed;         /* somebody's has, since it was looked at */
    struct wire_version version;
    uint8_t uid[16];
    struct buf payload;     /* the answer */
    struct buf question;    /* record and stored_query */
    struct holder *holders; /* that said so */
    size_t holders_count, holders_capacity;
};

struct confirmation {
    uint64_t node;
    uint64_t sequence;
    struct wire_version version;
    uint8_t uid[16];
};

struct tally {
    uint32_t known, stored;
    uint32_t sure;   /* of `stored`: to whom those are more than half, as many as they know */
    bool all_living; /* have it */
};

static void ack_fini(struct ack *ack)
{
    buf_fini(&ack->payload);
    buf_fini(&ack->question);
    mem_free(ack->holders);
}

void acks_fini(struct brain *brain)
{
    for (size_t i = 0; i < brain->acks_count; i++)
        ack_fini(&brain->acks[i]);
    mem_free(brain->acks);
    mem_free(brain->confirmations);
}

bool acks_full(const struct brain *brain)
{
    return brain->acks_count >= ACKS_MAX;
}

void acks_add(struct brain *brain, const struct brain_request *request, struct buf *payload,
              const struct buf *record)
{
    struct wire_message message;
    size_t consumed_bytes = 0;
    wire_arena_reset(&brain->arena);
    ASSERT(wire_message_decode((struct bytes){record->data, record->size_bytes}, &brain->arena,
                               &message, &consumed_bytes) == WIRE_OK);
    ASSERT(message.type == WIRE_MESSAGE_OBJECT);
    const struct wire_object *object = &message.as.object;
    MEM_GROW(brain->acks, brain->acks_count, brain->acks_capacity);
    struct ack *ack = &brain->acks[brain->acks_count++];
    uint32_t timeout_ms =
        request->ack_timeout_ms != 0 ? request->ack_timeout_ms : BRAIN_ACK_TIMEOUT_MS;
    *ack = (struct ack){
        .request = request->id,
        .sequence = brain->persist_sequence,
        .level = request->ack,
        .timeout_ms = timeout_ms,
        .deadline_boot_ms = brain->now.boot_ms + timeout_ms,
        .ask_boot_ms = brain->now.boot_ms,
        .ask_again_ms = ASK_AGAIN_MIN_MS,
        .version = {.hlc = object->version.hlc, .node = object->version.node},
        .payload = BUF_INIT,
        .question = BUF_INIT,
    };
    memcpy(ack->uid, object->uid, sizeof(ack->uid));
    buf_append(&ack->payload, payload->data, payload->size_bytes);
    buf_fini(payload);
    struct wire_stored_query query = {
        .key = object->key, .version = ack->version, .deleted = object->deleted};
    memcpy(query.uid, object->uid, sizeof(query.uid));
    buf_append(&ack->question, record->data, record->size_bytes);
    wire_put_stored_query(&ack->question, &query);
}

/* ---- who has it */

/* NULL: has not said so; *ret_at is where it would stand. */
static struct holder *find_holder(const struct ack *ack, uint64_t node, size_t *ret_at)
{
    size_t low = 0, high = ack->holders_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ack->holders[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_at = low;
    return low < ack->holders_count && ack->holders[low].node == node ? &ack->holders[low] : NULL;
}

static bool counts(const struct brain *brain, const struct member_view *view)
{
    if (view->status == MEMBER_LEFT)
        return false;
    return view->status != MEMBER_DEAD || brain->now.boot_ms - view->since_boot_ms < DEAD_COUNTS_MS;
}

static uint32_t known_count(const struct brain *brain)
{
    uint32_t known = 0;
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        known += counts(brain, &view);
    }
    return known;
}

static uint32_t sure_count(const struct brain *brain, const struct ack *ack,
                           const struct tally *tally)
{
    uint32_t sure = ack->own_stored && tally->stored > tally->known / 2;
    for (size_t i = 0; i < ack->holders_count; i++) {
        const struct holder *holder = &ack->holders[i];
        struct member_view view;
        sure += tally->stored > holder->known / 2 &&
                member_find(brain->members, holder->node, &view) && counts(brain, &view);
    }
    return sure;
}

static struct tally tally_of(const struct brain *brain, const struct ack *ack)
{
    struct tally tally = {.all_living = true};
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        size_t at = 0;
        member_at(brain->members, i, &view);
        if (!counts(brain, &view))
            continue;
        bool stored = view.self ? ack->own_stored : find_holder(ack, view.node, &at) != NULL;
        bool lives = view.status == MEMBER_ALIVE || view.status == MEMBER_SUSPECT;
        tally.known++;
        tally.stored += stored;
        tally.all_living = tally.all_living && (stored || !lives);
    }
    tally.sure = sure_count(brain, ack, &tally);
    return tally;
}

static bool is_enough(const struct brain *brain, const struct ack *ack)
{
    /* Who has met nobody cannot say of how many it is one. */
    if (brain->stranger)
        return false;
    /* The living are known: fewer than half of them are no majority of all. */
    if (ack->holders_count + 1 < member_live_count(brain->members) / 2 + 1)
        return false;
    struct tally tally = tally_of(brain, ack);
    return tally.sure > tally.known / 2 && (ack->level == BRAIN_ACK_MAJORITY || tally.all_living);
}

static const char *what_lacks(const struct brain *brain, const struct tally *tally)
{
    if (brain->stranger)
        return "this node has not met those that it is to join";
    if (tally->stored <= tally->known / 2)
        return "a majority counts members that are dead, too";
    if (tally->sure <= tally->known / 2)
        return "those know of more members than this node does";
    return "a living member has not confirmed it";
}

static void give_up(struct brain *brain, const struct ack *ack)
{
    struct tally tally = tally_of(brain, ack);
    effects_reply(brain->effects, ack->request, ERROR_TIMEOUT,
                  (struct bytes){ack->payload.data, ack->payload.size_bytes},
                  "stored on %u of %u known members after %u.%u s, which is not enough for --ack "
                  "%s (%s); the write stands and will reach the others",
                  tally.stored, tally.known, ack->timeout_ms / 1000, ack->timeout_ms % 1000 / 100,
                  ack->level == BRAIN_ACK_ALL ? "all" : "majority", what_lacks(brain, &tally));
}

/* ---- asking */

/* One pass over the living that have not confirmed, or that counted more members than have it
 * (some may have left since), a part at a time. */
static void ask(struct brain *brain, struct ack *ack)
{
    struct bytes question = {ack->question.data, ack->question.size_bytes};
    bool small = question.size_bytes <= DATAGRAM_BYTES_MAX;
    size_t room = small ? ASK_SMALL_MAX : ASK_LARGE_MAX;
    size_t members_count = member_count(brain->members);
    for (size_t i = 0; i < members_count && room > 0; i++) {
        struct member_view view;
        struct address address;
        size_t at = 0;
        member_at(brain->members, i, &view);
        const struct holder *holder = find_holder(ack, view.node, &at);
        if (view.node <= ack->asked_up_to || view.self ||
            (holder != NULL && ack->holders_count > holder->known / 2) ||
            (view.status != MEMBER_ALIVE && view.status != MEMBER_SUSPECT) ||
            !swim_address(brain, view.node, &address))
            continue;
        if (small)
            effects_datagram(brain->effects, view.node, &address, question);
        else
            effects_stream(brain->effects, view.node, &address, question);
        ack->asked_up_to = view.node;
        room--;
    }
    if (room == 0) {
        ack->ask_boot_ms = brain->now.boot_ms + ASK_PAUSE_MS;
        return;
    }
    ack->asked_up_to = 0;
    ack->ask_boot_ms = brain->now.boot_ms + ack->ask_again_ms;
    if (ack->ask_again_ms < ASK_AGAIN_MAX_MS)
        ack->ask_again_ms *= 2;
}

static void add_holder(struct ack *ack, size_t at, struct holder holder)
{
    MEM_GROW(ack->holders, ack->holders_count, ack->holders_capacity);
    memmove(&ack->holders[at + 1], &ack->holders[at],
            (ack->holders_count - at) * sizeof(ack->holders[0]));
    ack->holders[at] = holder;
    ack->holders_count++;
}

void acks_take_stored(struct brain *brain, uint64_t node, const struct wire_stored *stored)
{
    for (size_t i = 0; i < brain->acks_count; i++) {
        struct ack *ack = &brain->acks[i];
        size_t at = 0;
        if (ack->version.hlc != stored->version.hlc || ack->version.node != stored->version.node ||
            memcmp(ack->uid, stored->uid, sizeof(ack->uid)) != 0 || node == brain->node)
            continue;
        struct holder *holder = find_holder(ack, node, &at);
        if (holder != NULL)
            holder->known = stored->known;
        else if (ack->holders_count < member_count(brain->members))
            add_holder(ack, at, (struct holder){.node = node, .known = stored->known});
        ack->changed = true;
    }
}

/* ---- being asked */

static void confirm(struct brain *brain, const struct confirmation *confirmation, uint32_t known)
{
    struct address address;
    struct buf packet = BUF_INIT;
    struct wire_stored stored = {.version = confirmation->version, .known = known};
    memcpy(stored.uid, confirmation->uid, sizeof(stored.uid));
    if (!swim_address(brain, confirmation->node, &address))
        return;
    wire_put_stored(&packet, &stored);
    effects_datagram(brain->effects, confirmation->node, &address,
                     (struct bytes){packet.data, packet.size_bytes});
    buf_fini(&packet);
}

void acks_take_query(struct brain *brain, uint64_t node, const struct wire_stored_query *query)
{
    char key[WIRE_STORED_QUERY_KEY_BYTES_MAX + 1];
    memcpy(key, query->key.data, query->key.size_bytes);
    key[query->key.size_bytes] = '\0';
    if (node == brain->node || brain->confirmations_count >= CONFIRMATIONS_MAX ||
        !store_covers(brain->store, key, query->uid, &query->version, query->deleted))
        return;
    struct confirmation confirmation = {
        .node = node,
        .sequence = brain->persist_sequence,
        .version = {.hlc = query->version.hlc, .node = query->version.node},
    };
    memcpy(confirmation.uid, query->uid, sizeof(confirmation.uid));
    MEM_GROW(brain->confirmations, brain->confirmations_count, brain->confirmations_capacity);
    brain->confirmations[brain->confirmations_count++] = confirmation;
}

static void confirm_stored(struct brain *brain)
{
    size_t kept_count = 0;
    uint32_t known = 0; /* not counted yet */
    for (size_t i = 0; i < brain->confirmations_count; i++) {
        struct confirmation *confirmation = &brain->confirmations[i];
        if (confirmation->sequence > brain->persisted_sequence) {
            brain->confirmations[kept_count++] = *confirmation;
            continue;
        }
        if (known == 0)
            known = known_count(brain);
        confirm(brain, confirmation, known);
    }
    brain->confirmations_count = kept_count;
}

/* False: answered. Members that come and go are noticed when the others are asked again. */
static bool ack_settle(struct brain *brain, struct ack *ack)
{
    if (!ack->own_stored && ack->sequence <= brain->persisted_sequence)
        ack->own_stored = ack->changed = true;
    bool late = ack->deadline_boot_ms <= brain->now.boot_ms;
    bool due = ack->ask_boot_ms <= brain->now.boot_ms;
    if ((ack->changed || late || due) && is_enough(brain, ack)) {
        effects_reply(brain->effects, ack->request, ERROR_NONE,
                      (struct bytes){ack->payload.data, ack->payload.size_bytes}, "%s", "");
        return false;
    }
    ack->changed = false;
    if (late)
        give_up(brain, ack);
    else if (due)
        ask(brain, ack);
    return !late;
}

void acks_settle(struct brain *brain)
{
    size_t kept_count = 0;
    confirm_stored(brain);
    for (size_t i = 0; i < brain->acks_count; i++) {
        if (ack_settle(brain, &brain->acks[i]))
            brain->acks[kept_count++] = brain->acks[i];
        else
            ack_fini(&brain->acks[i]);
    }
    brain->acks_count = kept_count;
}

boot_ms_t acks_deadline(const struct brain *brain)
{
    boot_ms_t deadline = BOOT_MS_NEVER;
    for (size_t i = 0; i < brain->acks_count; i++) {
        const struct ack *ack = &brain->acks[i];
        if (ack->deadline_boot_ms < deadline)
            deadline = ack->deadline_boot_ms;
        if (ack->ask_boot_ms < deadline)
            deadline = ack->ask_boot_ms;
    }
    return deadline;
}

void acks_validate(const struct brain *brain)
{
    ASSERT(brain->acks_count <= ACKS_MAX);
    ASSERT(brain->confirmations_count <= CONFIRMATIONS_MAX);
    for (size_t i = 0; i < brain->acks_count; i++) {
        const struct ack *ack = &brain->acks[i];
        ASSERT(ack->level != BRAIN_ACK_LOCAL && ack->request != 0);
        ASSERT(ack->sequence <= brain->persist_sequence);
        for (size_t k = 0; k < ack->holders_count; k++)
            ASSERT(ack->holders[k].node != brain->node &&
                   (k == 0 || ack->holders[k - 1].node < ack->holders[k].node));
    }
}
