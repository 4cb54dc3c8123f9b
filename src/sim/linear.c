#include "linear.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#define STATES_MAX ((size_t)1 << 20)
/* The tag of a value that a LINEAR_MAYBE wrote and nobody has seen yet. */
#define TAG_UNSEEN 0

struct state {
    uint64_t done; /* bit i: operation i has happened */
    uint64_t sequence, tag;
};

struct search {
    const struct linear_operation *operations;
    size_t count;
    uint64_t wanted; /* those with an answer: all of them must happen */
    struct state *seen;
    size_t seen_count, seen_capacity;
};

static bool equal(const struct state *a, const struct state *b)
{
    return a->done == b->done && a->sequence == b->sequence && a->tag == b->tag;
}

static void insert(struct state *table, size_t capacity, const struct state *state)
{
    size_t at =
        (size_t)hash64_pair(hash64_pair(state->done, state->sequence), state->tag) & (capacity - 1);
    while (table[at].done != UINT64_MAX && !equal(&table[at], state))
        at = (at + 1) & (capacity - 1);
    table[at] = *state;
}

static struct state *new_table(size_t capacity)
{
    struct state *table = MEM_NEW_ARRAY(struct state, capacity);
    for (size_t i = 0; i < capacity; i++)
        table[i].done = UINT64_MAX; /* never searched on: it is the end */
    return table;
}

/* False: it was there before. */
static bool remember(struct search *search, const struct state *state)
{
    size_t mask = search->seen_capacity - 1;
    size_t at = (size_t)hash64_pair(hash64_pair(state->done, state->sequence), state->tag) & mask;
    for (; search->seen[at].done != UINT64_MAX; at = (at + 1) & mask)
        if (equal(&search->seen[at], state))
            return false;
    search->seen[at] = *state;
    if (++search->seen_count * 2 < search->seen_capacity)
        return true;
    struct state *larger = new_table(search->seen_capacity * 2);
    for (size_t i = 0; i < search->seen_capacity; i++)
        if (search->seen[i].done != UINT64_MAX)
            insert(larger, search->seen_capacity * 2, &search->seen[i]);
    mem_free(search->seen);
    search->seen = larger;
    search->seen_capacity *= 2;
    return true;
}

/* A value that nobody is known to have written was written by the LINEAR_MAYBE that stands there
 * now. */
static bool has_known_writer(const struct search *search, uint64_t tag)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->operations[i].kind == LINEAR_WRITE && search->operations[i].tag == tag)
            return true;
    return false;
}

/* The register's own rules: false when the operation cannot happen in this state. */
static bool apply(const struct search *search, const struct linear_operation *operation,
                  struct state *state)
{
    switch (operation->kind) {
    case LINEAR_READ:
        if (state->sequence != operation->sequence)
            return false;
        if (state->sequence == 0 || state->tag == operation->tag)
            return true;
        if (state->tag != TAG_UNSEEN || has_known_writer(search, operation->tag))
            return false;
        state->tag = operation->tag; /* from now on everybody sees the same */
        return true;
    case LINEAR_WRITE:
        if (state->sequence + 1 != operation->sequence)
            return false;
        state->sequence++;
        state->tag = operation->tag;
        return true;
    case LINEAR_MAYBE:
        if (operation->checks && state->sequence != operation->expected)
            return false;
        state->sequence++;
        state->tag = TAG_UNSEEN;
        return true;
    }
    UNREACHABLE();
}

/* What may happen next must have been called before the first answer that is still to come. */
static uint64_t first_return(const struct search *search, uint64_t done)
{
    uint64_t first_us = LINEAR_NO_ANSWER;
    for (size_t i = 0; i < search->count; i++)
        if ((done >> i & 1) == 0 && search->operations[i].return_us < first_us)
            first_us = search->operations[i].return_us;
    return first_us;
}

static enum linear_verdict run(struct search *search)
{
    struct state *stack = NULL;
    size_t stack_count = 0;
    size_t stack_capacity = 0;
    enum linear_verdict verdict = LINEAR_BROKEN;
    MEM_GROW(stack, stack_count, stack_capacity);
    stack[stack_count++] = (struct state){.done = 0};
    while (stack_count > 0 && verdict == LINEAR_BROKEN) {
        struct state state = stack[--stack_count];
        if ((state.done & search->wanted) == search->wanted) {
            verdict = LINEAR_HOLDS;
            break;
        }
        uint64_t first_us = first_return(search, state.done);
        for (size_t i = 0; i < search->count; i++) {
            struct state next = state;
            if ((state.done >> i & 1) != 0 || search->operations[i].call_us > first_us ||
                !apply(search, &search->operations[i], &next))
                continue;
            next.done |= UINT64_C(1) << i;
            if (!remember(search, &next))
                continue;
            MEM_GROW(stack, stack_count, stack_capacity);
            stack[stack_count++] = next;
        }
        if (search->seen_count > STATES_MAX)
            verdict = LINEAR_TOO_LARGE;
    }
    mem_free(stack);
    return verdict;
}

/* A value has one number and a number one value, whatever the order: cheap, and it needs no search.
 */
static bool numbers_agree(const struct linear_operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct linear_operation *a = &operations[i];
            const struct linear_operation *b = &operations[j];
            if (a->kind != LINEAR_MAYBE && b->kind != LINEAR_MAYBE && a->sequence != 0 &&
                b->sequence != 0 && (a->sequence == b->sequence) != (a->tag == b->tag))
                return false;
        }
    return true;
}

enum linear_verdict linear_check(const struct linear_operation *operations, size_t count)
{
    ASSERT(count <= LINEAR_OPERATIONS_MAX);
    struct search search = {.operations = operations, .count = count, .seen_capacity = 256};
    for (size_t i = 0; i < count; i++) {
        ASSERT(operations[i].kind == LINEAR_MAYBE || operations[i].return_us != LINEAR_NO_ANSWER);
        if (operations[i].kind != LINEAR_MAYBE)
            search.wanted |= UINT64_C(1) << i;
    }
    if (!numbers_agree(operations, count))
        return LINEAR_BROKEN;
    search.seen = new_table(search.seen_capacity);
    enum linear_verdict verdict = run(&search);
    mem_free(search.seen);
    return verdict;
}
