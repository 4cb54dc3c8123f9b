#include "linear.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#define STATES_MAX ((size_t)1 << 20)

struct state {
    uint64_t done;     /* bit i: operation i has happened */
    uint64_t sequence; /* of the value; its tag follows from it, see numbers_agree */
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
    return a->done == b->done && a->sequence == b->sequence;
}

static void insert(struct state *table, size_t capacity, const struct state *state)
{
    size_t at = (size_t)hash64_pair(state->done, state->sequence) & (capacity - 1);
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
    size_t at = (size_t)hash64_pair(state->done, state->sequence) & mask;
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

/* The register's own rules: false when the operation cannot happen in this state. */
static bool apply(const struct linear_operation *operation, struct state *state)
{
    switch (operation->kind) {
    case LINEAR_READ:
        return state->sequence == operation->sequence;
    case LINEAR_WRITE:
        return ++state->sequence == operation->sequence;
    case LINEAR_MAYBE:
        return state->sequence++ == operation->expected || !operation->checks;
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

/* Of writes that are alike but for the time of their call, and have no end, the one that was called
 * first can stand for any other: trying them all would double the states with each of them. */
static bool has_elder(const struct search *search, uint64_t done, size_t index)
{
    const struct linear_operation *operation = &search->operations[index];
    for (size_t i = 0; i < search->count; i++) {
        const struct linear_operation *other = &search->operations[i];
        if (i == index || (done >> i & 1) != 0 || other->kind != LINEAR_MAYBE ||
            other->checks != operation->checks ||
            (other->checks && other->expected != operation->expected))
            continue;
        if (other->call_us < operation->call_us ||
            (other->call_us == operation->call_us && i < index))
            return true;
    }
    return false;
}

struct stack {
    struct state *items;
    size_t count, capacity;
};

/* What can happen next: of the kinds asked for. */
static void push_next(struct search *search, struct stack *stack, const struct state *state,
                      bool maybes)
{
    uint64_t first_us = first_return(search, state->done);
    for (size_t i = 0; i < search->count; i++) {
        const struct linear_operation *operation = &search->operations[i];
        struct state next = *state;
        if ((state->done >> i & 1) != 0 || (operation->kind == LINEAR_MAYBE) != maybes ||
            operation->call_us > first_us || !apply(operation, &next) ||
            (maybes && has_elder(search, state->done, i)))
            continue;
        next.done |= UINT64_C(1) << i;
        if (!remember(search, &next))
            continue;
        MEM_GROW(stack->items, stack->count, stack->capacity);
        stack->items[stack->count++] = next;
    }
}

static enum linear_verdict run(struct search *search)
{
    struct stack stack = {.items = NULL};
    enum linear_verdict verdict = LINEAR_BROKEN;
    MEM_GROW(stack.items, stack.count, stack.capacity);
    stack.items[stack.count++] = (struct state){.done = 0};
    while (stack.count > 0 && verdict == LINEAR_BROKEN) {
        struct state state = stack.items[--stack.count];
        if ((state.done & search->wanted) == search->wanted)
            verdict = LINEAR_HOLDS;
        else if (search->seen_count > STATES_MAX)
            verdict = LINEAR_TOO_LARGE;
        /* What is known to have happened is tried first: the others are only needed to explain it.
         */
        push_next(search, &stack, &state, true);
        push_next(search, &stack, &state, false);
    }
    mem_free(stack.items);
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
