#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"

struct bytes sim_copy(struct bytes bytes)
{
    return (struct bytes){.data = mem_dup(bytes.data, bytes.size_bytes),
                          .size_bytes = bytes.size_bytes};
}

void sim_release(struct bytes bytes)
{
    void *data = NULL;
    memcpy(&data, &bytes.data, sizeof(data));
    mem_free(data);
}

/* ---- the future: a binary heap by (time, order) */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct sim *sim, size_t i, size_t j)
{
    struct sim_event *event = sim->heap[i];
    sim->heap[i] = sim->heap[j];
    sim->heap[j] = event;
}

void sim_schedule(struct sim *sim, const struct sim_event *event)
{
    ASSERT(event->at_ms >= sim->now_ms);
    MEM_GROW(sim->heap, sim->heap_count, sim->heap_capacity);
    struct sim_event *copy = mem_dup(event, sizeof(*event));
    copy->order = sim->orders++;
    size_t at = sim->heap_count++;
    sim->heap[at] = copy;
    while (at > 0 && earlier(sim->heap[at], sim->heap[(at - 1) / 2])) {
        swap(sim, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

bool sim_next(struct sim *sim, uint64_t until_ms, struct sim_event *ret_event)
{
    if (sim->heap_count == 0 || sim->heap[0]->at_ms > until_ms)
        return false;
    struct sim_event *first = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->heap_count];
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < sim->heap_count && earlier(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (child >= sim->heap_count || !earlier(sim->heap[child], sim->heap[at]))
            break;
        swap(sim, at, child);
        at = child;
    }
    sim->now_ms = first->at_ms;
    *ret_event = *first;
    mem_free(first);
    return true;
}

void sim_events_free(struct sim *sim)
{
    for (size_t i = 0; i < sim->heap_count; i++) {
        sim_release(sim->heap[i]->payload);
        mem_free(sim->heap[i]);
    }
    mem_free(sim->heap);
}

/* ---- verdicts */

void sim_break(struct sim *sim, const char *format, ...)
{
    va_list arguments;
    if (sim->result->broken)
        return; /* the first one is the one to look at */
    sim->result->broken = true;
    sim->result->at_ms = sim->now_ms;
    va_start(arguments, format);
    (void)vsnprintf(sim->result->invariant, sizeof(sim->result->invariant), format, arguments);
    va_end(arguments);
}

void sim_trace(const struct sim *sim, const char *format, ...)
{
    char text[600];
    va_list arguments;
    if (!sim->options.trace)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)printf("%7" PRIu64 ".%03" PRIu64 " %s\n", sim->now_ms / 1000, sim->now_ms % 1000, text);
}
