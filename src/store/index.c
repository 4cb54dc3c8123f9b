#include "index.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* 128 numbers are 512 bytes: a search inside costs seven comparisons, a move eight cache lines. */
#define RUN_MAX 128
/* Runs grow by this: half of what they would have to spare on average if they doubled. */
#define RUN_STEP 16
/* Of 128 hashes the one at an expected place is off by four on average. */
#define STRIDE_MIN 4u

struct index_run {
    uint16_t count, capacity;
    uint32_t ids[];
};

void index_init(struct index *index, index_compare compare, const void *context)
{
    *index = (struct index){.compare = compare, .context = context};
}

void index_init_hashed(struct index *index, index_compare compare, const struct index_hash *hash,
                       const void *context)
{
    index_init(index, compare, context);
    index->hash = hash;
}

void index_fini(struct index *index)
{
    for (size_t i = 0; i < index->runs_count; i++)
        mem_free(index->runs[i]);
    mem_free(index->runs);
    mem_free(index->heads);
    index_init_hashed(index, index->compare, index->hash, index->context);
}

static int compare(const struct index *index, const void *probe, uint32_t id)
{
    return index->compare(index->context, probe, id);
}

/* Narrows the runs to those that may begin before or with a probe of this hash and those that
 * certainly do. */
static void narrow_runs(const struct index *index, uint64_t hash, size_t *low, size_t *high)
{
    while (*high - *low > 1) {
        size_t middle = *low + (*high - *low) / 2;
        if (index->heads[middle] == hash)
            return; /* as many hashes as that are hardly ever equal: the items decide */
        if (index->heads[middle] < hash)
            *low = middle;
        else
            *high = middle;
    }
}

/* The last run whose first item is not greater than `probe`; 0 when there is none such. */
static size_t find_run(const struct index *index, const void *probe)
{
    size_t low = 0, high = index->runs_count;
    if (index->hash != NULL)
        narrow_runs(index, index->hash->of_probe(probe), &low, &high);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (compare(index, probe, index->runs[middle]->ids[0]) >= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Where in its run a probe should be, if hashes are spread evenly. */
static uint32_t expected_offset(const struct index *index, size_t at, const void *probe)
{
    uint64_t hash = index->hash->of_probe(probe);
    uint64_t first = index->heads[at];
    uint64_t last = at + 1 < index->runs_count ? index->heads[at + 1] : UINT64_MAX;
    uint32_t count = index->runs[at]->count;
    uint64_t step = (last - first) / count;
    if (hash <= first || step == 0)
        return 0;
    uint64_t offset = (hash - first) / step;
    return offset < count ? (uint32_t)offset : count - 1;
}

struct index_at index_lower(const struct index *index, const void *probe)
{
    struct index_at at = {.run = find_run(index, probe)};
    if (at.run == index->runs_count)
        return at;
    const struct index_run *run = index->runs[at.run];
    uint32_t low = 0, high = run->count;
    uint32_t middle = index->hash != NULL ? expected_offset(index, at.run, probe) : high / 2;
    uint32_t stride = index->hash != NULL ? STRIDE_MIN : RUN_MAX;
    while (low < high) {
        bool after = compare(index, probe, run->ids[middle]) > 0;
        if (after)
            low = middle + 1;
        else
            high = middle;
        /* From where it should be in strides that double, then by halves. */
        if (high - low <= stride)
            middle = low + (high - low) / 2;
        else
            middle = after ? low + stride : high - 1 - stride;
        stride = stride < RUN_MAX ? 2 * stride : stride;
    }
    at.offset = low;
    if (low == run->count)
        at = (struct index_at){.run = at.run + 1};
    return at;
}

uint32_t index_get(const struct index *index, struct index_at at)
{
    if (at.run >= index->runs_count || at.offset >= index->runs[at.run]->count)
        return INDEX_NONE;
    return index->runs[at.run]->ids[at.offset];
}

struct index_at index_first(void)
{
    return (struct index_at){.run = 0};
}

struct index_at index_next(const struct index *index, struct index_at at)
{
    ASSERT(at.run < index->runs_count);
    if (++at.offset == index->runs[at.run]->count)
        at = (struct index_at){.run = at.run + 1};
    return at;
}

uint32_t index_last(const struct index *index)
{
    if (index->runs_count == 0)
        return INDEX_NONE;
    const struct index_run *run = index->runs[index->runs_count - 1];
    return run->ids[run->count - 1];
}

uint32_t index_find(const struct index *index, const void *probe)
{
    uint32_t id = index_get(index, index_lower(index, probe));
    return id != INDEX_NONE && compare(index, probe, id) == 0 ? id : INDEX_NONE;
}

static struct index_run *run_resize(struct index_run *run, uint16_t capacity)
{
    run = mem_realloc(run, 1, sizeof(*run) + capacity * sizeof(run->ids[0]));
    run->capacity = capacity;
    return run;
}

static struct index_run *run_new(const uint32_t *ids, uint16_t count)
{
    struct index_run *run = run_resize(NULL, count < 8 ? 8 : count);
    run->count = count;
    if (count > 0)
        memcpy(run->ids, ids, count * sizeof(*ids));
    return run;
}

/* The first item of the run may be another. */
static void set_head(struct index *index, size_t position)
{
    if (index->hash != NULL)
        index->heads[position] =
            index->hash->of_item(index->context, index->runs[position]->ids[0]);
}

static void runs_add(struct index *index, size_t position, struct index_run *run)
{
    if (index->hash != NULL)
        MEM_GROW(index->heads, index->runs_count, index->heads_capacity);
    MEM_GROW(index->runs, index->runs_count, index->runs_capacity); /* NOLINT: of pointers */
    size_t moved = index->runs_count++ - position;
    memmove(index->runs + position + 1, index->runs + position, moved * sizeof(index->runs[0]));
    index->runs[position] = run;
    if (index->hash != NULL)
        memmove(index->heads + position + 1, index->heads + position,
                moved * sizeof(index->heads[0]));
    if (run->count > 0)
        set_head(index, position);
}

static void runs_remove(struct index *index, size_t position)
{
    mem_free(index->runs[position]);
    size_t moved = --index->runs_count - position;
    memmove(index->runs + position, index->runs + position + 1, moved * sizeof(index->runs[0]));
    if (index->hash != NULL)
        memmove(index->heads + position, index->heads + position + 1,
                moved * sizeof(index->heads[0]));
}

/* Cuts the full run at `at` in two and returns where the place is now. Items that arrive in order
 * leave full runs. */
static struct index_at split(struct index *index, struct index_at at)
{
    struct index_run *run = index->runs[at.run];
    bool at_end = at.run + 1 == index->runs_count && at.offset == run->count;
    uint16_t keep = at_end ? RUN_MAX : RUN_MAX / 2;
    runs_add(index, at.run + 1, run_new(run->ids + keep, (uint16_t)(run->count - keep)));
    run->count = keep;
    index->runs[at.run] = run_resize(run, keep);
    if (at.offset >= keep)
        at = (struct index_at){.run = at.run + 1, .offset = at.offset - keep};
    return at;
}

void index_insert(struct index *index, const void *item, uint32_t id)
{
    struct index_at at = index_lower(index, item);
    uint32_t next = index_get(index, at);
    ASSERT(next == INDEX_NONE || compare(index, item, next) < 0);
    if (index->runs_count == 0)
        runs_add(index, 0, run_new(NULL, 0));
    if (at.offset == 0 && at.run > 0)
        /* The end of the run before is the same place, and there may be room. */
        at = (struct index_at){.run = at.run - 1, .offset = index->runs[at.run - 1]->count};
    if (index->runs[at.run]->count == RUN_MAX)
        at = split(index, at);
    struct index_run *run = index->runs[at.run];
    if (run->count == run->capacity) {
        unsigned capacity = run->capacity < RUN_STEP ? RUN_STEP : run->capacity + RUN_STEP;
        run = index->runs[at.run] =
            run_resize(run, (uint16_t)(capacity < RUN_MAX ? capacity : RUN_MAX));
    }
    memmove(run->ids + at.offset + 1, run->ids + at.offset,
            (run->count - at.offset) * sizeof(run->ids[0]));
    run->ids[at.offset] = id;
    run->count++;
    index->count++;
    if (at.offset == 0)
        set_head(index, at.run);
}

/* Joins the run at `position` with the next when both together are half full at most. */
static void join(struct index *index, size_t position)
{
    if (position + 1 >= index->runs_count)
        return;
    struct index_run *run = index->runs[position], *next = index->runs[position + 1];
    uint32_t count = (uint32_t)run->count + next->count;
    if (count > RUN_MAX / 2)
        return;
    if (count > run->capacity)
        run = index->runs[position] = run_resize(run, RUN_MAX / 2);
    memcpy(run->ids + run->count, next->ids, next->count * sizeof(run->ids[0]));
    run->count = (uint16_t)count;
    runs_remove(index, position + 1);
}

void index_remove(struct index *index, const void *item, uint32_t id)
{
    struct index_at at = index_lower(index, item);
    ASSERT(index_get(index, at) == id);
    struct index_run *run = index->runs[at.run];
    run->count--;
    memmove(run->ids + at.offset, run->ids + at.offset + 1,
            (run->count - at.offset) * sizeof(run->ids[0]));
    index->count--;
    if (run->count == 0) {
        runs_remove(index, at.run);
        return;
    }
    if (at.offset == 0)
        set_head(index, at.run);
    join(index, at.run);
    if (at.run > 0)
        join(index, at.run - 1);
}

void index_validate(const struct index *index, index_probe probe)
{
    union index_space space;
    uint32_t count = 0, before = INDEX_NONE;
    for (size_t r = 0; r < index->runs_count; r++) {
        const struct index_run *run = index->runs[r];
        ASSERT(run->count > 0 && run->count <= run->capacity && run->capacity <= RUN_MAX);
        ASSERT(index->hash == NULL ||
               index->heads[r] == index->hash->of_item(index->context, run->ids[0]));
        for (uint32_t i = 0; i < run->count; i++) {
            if (before != INDEX_NONE)
                ASSERT(compare(index, probe(index->context, before, &space), run->ids[i]) < 0);
            before = run->ids[i];
            count++;
        }
    }
    ASSERT(count == index->count);
}
