/* Less that breaks the same: delta debugging (Zeller, Hildebrandt 2002) over the options of a run,
 * since everything else follows from them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "sim/sim.h"

#define RUNS_MAX 200
/* Any change moves all chances after it, so each attempt is made with a few seeds. */
#define SEEDS_EACH 3

/* ---- a run apart */

static void died(struct sim_result *result, int status)
{
    *result = (struct sim_result){.broken = true};
    (void)snprintf(result->invariant, sizeof(result->invariant),
                   "an assertion of the brain (%s %d; its text stands above)",
                   WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static bool read_whole(int fd, void *data, size_t size_bytes)
{
    uint8_t *at = data;
    while (size_bytes > 0) {
        ssize_t count = read(fd, at, size_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        size_bytes -= (size_t)count;
    }
    return true;
}

void sim_run_apart(const struct sim_options *options, struct sim_result *ret_result)
{
    int ends[2];
    int status = 0;
    (void)fflush(NULL);
    pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) { /* no room for a process: then here */
        sim_run(options, ret_result);
        return;
    }
    if (child == 0) {
        (void)close(ends[0]);
        sim_run(options, ret_result);
        (void)fflush(NULL);
        ssize_t written = write(ends[1], ret_result, sizeof(*ret_result)); /* less than a page */
        _exit(written == (ssize_t)sizeof(*ret_result) ? 0 : 1);
    }
    (void)close(ends[1]);
    bool whole = read_whole(ends[0], ret_result, sizeof(*ret_result));
    (void)close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!whole || status != 0)
        died(ret_result, status);
}

/* ---- shrinking */

struct search {
    struct sim_options best;
    struct sim_result result;
    uint32_t runs;
};

/* "invariant 7", "machine 3 says": what stands before the details. */
static bool same_kind(const char *a, const char *b)
{
    return strncmp(a, b, strcspn(a, ":0123456789")) == 0 &&
           strcspn(a, ":0123456789") == strcspn(b, ":0123456789");
}

static bool attempt(struct search *search, struct sim_options options)
{
    for (uint64_t i = 0; i < SEEDS_EACH && search->runs < RUNS_MAX; i++, search->runs++) {
        struct sim_result result;
        sim_run_apart(&options, &result);
        if (result.broken && same_kind(result.invariant, search->result.invariant)) {
            search->best = options;
            search->result = result;
            search->runs++;
            return true;
        }
        options.seed++;
    }
    return false;
}

static bool drop_faults(struct search *search)
{
    bool any = false;
    for (int i = 0; i < SIM_FAULTS_COUNT; i++) {
        struct sim_options options = search->best;
        options.faults &= ~(UINT32_C(1) << i);
        if (options.faults != search->best.faults)
            any = attempt(search, options) || any;
    }
    return any;
}

static bool halve(struct search *search, size_t offset, uint32_t least, uint32_t step)
{
    struct sim_options options = search->best;
    uint32_t number;
    memcpy(&number, (uint8_t *)&options + offset, sizeof(number));
    uint32_t half = number / 2 / step * step;
    if (half < least)
        half = least;
    if (half >= number)
        return false;
    memcpy((uint8_t *)&options + offset, &half, sizeof(half));
    return attempt(search, options);
}

void sim_shrink(struct sim_options *options, struct sim_result *result)
{
    struct search search = {.best = *options, .result = *result};
    ASSERT(result->broken);
    search.best.trace = false;
    bool progress = true;
    while (progress && search.runs < RUNS_MAX) {
        progress = halve(&search, offsetof(struct sim_options, nodes), 1, 1);
        progress =
            halve(&search, offsetof(struct sim_options, duration_ms), 5000, 1000) || progress;
        progress = halve(&search, offsetof(struct sim_options, writes_max), 0, 1) || progress;
        progress = drop_faults(&search) || progress;
    }
    search.best.trace = options->trace;
    *options = search.best;
    *result = search.result;
}
