/*
 * The replay table: proto/envelope.md 3.5. The window is the ring of words of RFC 6479: advancing
 * clears whole words, and nothing is ever shifted.
 */
#include <string.h>
#include <sys/queue.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/tree.h"
#include "seal/datagram.h"

#define WORD_BITS 64
/* One word more than the window: the newest may be filled partly. */
#define WORDS_COUNT (SEAL_REPLAY_WINDOW_BITS / WORD_BITS + 1)

/* Invariant: bits of counters above `newest` are clear in the words that hold them. */
struct sender {
    RB_ENTRY(sender) by_id;
    TAILQ_ENTRY(sender) by_age;
    uint64_t id;
    uint64_t boot_nonce;
    uint64_t newest;
    uint64_t seen[WORDS_COUNT];
};

RB_HEAD(sender_tree, sender);
TAILQ_HEAD(sender_list, sender);

struct seal_replay {
    struct sender_tree senders;
    struct sender_list oldest_first; /* the same records, by when last heard */
    size_t senders_count;
    size_t senders_max;
};

static int sender_compare(const struct sender *a, const struct sender *b)
{
    return (a->id > b->id) - (a->id < b->id);
}

TREE_GENERATE(sender_tree, sender, by_id, sender_compare)

struct seal_replay *seal_replay_new(size_t senders_max)
{
    ASSERT(senders_max > 0);
    struct seal_replay *replay = MEM_NEW(struct seal_replay);
    RB_INIT(&replay->senders);
    TAILQ_INIT(&replay->oldest_first);
    replay->senders_max = senders_max;
    return replay;
}

static void remove_sender(struct seal_replay *replay, struct sender *sender)
{
    RB_REMOVE(sender_tree, &replay->senders, sender);
    TAILQ_REMOVE(&replay->oldest_first, sender, by_age);
    replay->senders_count--;
    mem_free(sender);
}

void seal_replay_free(struct seal_replay *replay)
{
    if (replay == NULL)
        return;
    while (!TAILQ_EMPTY(&replay->oldest_first))
        remove_sender(replay, TAILQ_FIRST(&replay->oldest_first));
    mem_free(replay);
}

size_t seal_replay_senders_count(const struct seal_replay *replay)
{
    return replay->senders_count;
}

void seal_replay_validate(const struct seal_replay *replay)
{
    size_t count = 0;
    const struct sender *sender;
    TAILQ_FOREACH (sender, &replay->oldest_first, by_age)
        count++;
    ASSERT(count == replay->senders_count);
    ASSERT(count <= replay->senders_max);
}

static struct sender *find_or_add(struct seal_replay *replay, uint64_t id)
{
    struct sender *sender = RB_FIND(sender_tree, &replay->senders, &(struct sender){.id = id});
    if (sender != NULL)
        return sender;
    if (replay->senders_count == replay->senders_max)
        remove_sender(replay, TAILQ_FIRST(&replay->oldest_first));
    sender = MEM_NEW(struct sender);
    sender->id = id;
    RB_INSERT(sender_tree, &replay->senders, sender);
    TAILQ_INSERT_TAIL(&replay->oldest_first, sender, by_age);
    replay->senders_count++;
    return sender;
}

/* Moves the window up to `counter`, clearing the words that come in. O(WORDS_COUNT) at most. */
static void advance(struct sender *sender, uint64_t counter)
{
    uint64_t word = sender->newest / WORD_BITS;
    uint64_t new_words = counter / WORD_BITS - word;
    for (uint64_t i = 1; i <= new_words && i <= WORDS_COUNT; i++)
        sender->seen[(word + i) % WORDS_COUNT] = 0;
    sender->newest = counter;
}

enum seal_verdict seal_replay_check(struct seal_replay *replay, uint64_t sender_id,
                                    uint64_t boot_nonce, uint64_t counter)
{
    struct sender *sender = find_or_add(replay, sender_id);
    if (boot_nonce < sender->boot_nonce)
        return SEAL_STALE_BOOT;
    if (boot_nonce > sender->boot_nonce) {
        sender->boot_nonce = boot_nonce;
        sender->newest = 0;
        memset(sender->seen, 0, sizeof(sender->seen));
    }
    if (counter > sender->newest)
        advance(sender, counter);
    else if (sender->newest - counter >= SEAL_REPLAY_WINDOW_BITS)
        return SEAL_REPLAYED;

    uint64_t *word = &sender->seen[counter / WORD_BITS % WORDS_COUNT];
    uint64_t bit = (uint64_t)1 << counter % WORD_BITS;
    if ((*word & bit) != 0)
        return SEAL_REPLAYED;
    *word |= bit;
    TAILQ_REMOVE(&replay->oldest_first, sender, by_age);
    TAILQ_INSERT_TAIL(&replay->oldest_first, sender, by_age);
    return SEAL_OK;
}
