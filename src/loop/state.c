/* What the node keeps: identity, generation, and the brain's tables, in LMDB. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "seal/random.h"

static const enum disk_table disk_tables[] = {
    [EFFECT_TABLE_MEMBER] = DISK_MEMBERS,     [EFFECT_TABLE_OBJECT] = DISK_OBJECTS,
    [EFFECT_TABLE_HISTORY] = DISK_HISTORY,    [EFFECT_TABLE_CLAIM] = DISK_CLAIMS,
    [EFFECT_TABLE_REGISTER] = DISK_REGISTERS, [EFFECT_TABLE_KEYS] = DISK_META,
};

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

/* ---- who we are */

static int load_identity(struct agent *agent, struct disk_batch *batch, struct error *error)
{
    struct buf value = BUF_INIT;
    uint8_t seed[SEAL_SEED_BYTES];
    int result = disk_get(agent->disk, DISK_META, text_bytes("node-seed"), &value, error);
    if (result == 0 && value.size_bytes != sizeof(seed))
        result = error_set(error, ERROR_CORRUPT, "the node key in %s has a wrong size",
                           agent->options->data_dir);
    else if (result == 0 && !seal_identity_from_seed(value.data, &agent->identity))
        result = error_set(error, ERROR_CORRUPT, "the node key in %s is not usable",
                           agent->options->data_dir);
    else if (result < 0 && error->code == ERROR_NOT_FOUND) {
        seal_random_identity(&agent->identity);
        seal_identity_seed(&agent->identity, seed);
        disk_batch_put(batch, DISK_META, text_bytes("node-seed"),
                       (struct bytes){seed, sizeof(seed)});
        result = 0;
    }
    buf_fini(&value);
    return result;
}

static int load_generation(struct agent *agent, struct disk_batch *batch, struct error *error)
{
    struct buf value = BUF_INIT;
    char text[32];
    uint64_t last = 0;
    if (disk_get(agent->disk, DISK_META, text_bytes("generation"), &value, error) == 0)
        last = strtoull(buf_text(&value), NULL, 10);
    else if (error->code != ERROR_NOT_FOUND)
        return -1;
    buf_fini(&value);
    uint64_t now_s = agent_now().wall_ms / 1000;
    agent->generation = last + 1 > now_s ? last + 1 : now_s;
    (void)snprintf(text, sizeof(text), "%" PRIu64, agent->generation);
    disk_batch_put(batch, DISK_META, text_bytes("generation"), text_bytes(text));
    return 0;
}

int state_open(struct agent *agent, struct error *error)
{
    const struct disk_config config = {.path = agent->options->data_dir};
    if (disk_open(&config, &agent->disk, error) < 0)
        return -1;
    struct disk_batch *batch = disk_batch_new();
    int result = load_identity(agent, batch, error);
    if (result == 0)
        result = load_generation(agent, batch, error);
    if (result == 0)
        result = keys_load(agent, batch, error);
    /* Durable before the first packet: a generation is never used twice. */
    if (result == 0)
        result = disk_commit(agent->disk, batch, error);
    disk_batch_free(batch);
    agent->filling = disk_batch_new();
    agent->writing = disk_batch_new();
    return result;
}

/* ---- the brain's tables */

struct restoring {
    struct agent *agent;
    enum effect_table table;
    struct error *error;
    int result;
};

static bool restore_one(void *context, struct bytes key, struct bytes value)
{
    struct restoring *restoring = context;
    restoring->result =
        brain_restore(restoring->agent->brain, restoring->table, key, value, restoring->error);
    return restoring->result == 0;
}

int state_restore(struct agent *agent, struct error *error)
{
    static const enum effect_table order[] = {EFFECT_TABLE_HISTORY, EFFECT_TABLE_OBJECT,
                                              EFFECT_TABLE_MEMBER, EFFECT_TABLE_CLAIM,
                                              EFFECT_TABLE_REGISTER};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct restoring restoring = {.agent = agent, .table = order[i], .error = error};
        if (disk_each(agent->disk, disk_tables[order[i]], restore_one, &restoring, error) < 0)
            return -1;
        if (restoring.result < 0)
            return error_prefix(error,
                                "%s (restore a backup, or remove the directory: a node of a "
                                "cluster gets everything back "
                                "from its peers)",
                                agent->options->data_dir);
    }
    return 0;
}

void state_persist(struct agent *agent, const struct effect *effect)
{
    enum disk_table table = disk_tables[effect->table];
    if (effect->payload.size_bytes > 0)
        disk_batch_put(agent->filling, table, effect->key, effect->payload);
    else
        disk_batch_delete(agent->filling, table, effect->key);
    agent->filling_sequence = effect->sequence;
    agent->filling_urgent = agent->filling_urgent || effect->table != EFFECT_TABLE_MEMBER;
}

static void commit_in_worker(uv_work_t *work)
{
    struct agent *agent = work->data;
    agent->commit_error = ERROR_INIT;
    (void)disk_commit(agent->disk, agent->writing, &agent->commit_error);
}

static void start_commit(struct agent *agent);

static void on_commit_retry(uv_timer_t *timer)
{
    start_commit(timer->data);
}

static void commit_done(uv_work_t *work, int status)
{
    struct agent *agent = work->data;
    (void)status;
    if (agent->commit_error.code != ERROR_NONE) {
        if (agent->disk_error.code == ERROR_NONE)
            agent_log(agent, "state cannot be written: %s; writes are refused until it can",
                      agent->commit_error.message);
        agent->disk_error = agent->commit_error;
        host_disk_failed(agent);
        if (!agent->closing)
            (void)uv_timer_start(&agent->commit_retry, on_commit_retry, COMMIT_RETRY_MS, 0);
        return;
    }
    if (agent->disk_error.code != ERROR_NONE)
        agent_log(agent, "state can be written again");
    agent->disk_error = ERROR_INIT;
    agent->committing = false;
    disk_batch_clear(agent->writing);
    if (!agent->closing)
        agent_step(agent,
                   &(struct event){.kind = EVENT_PERSISTED, .sequence = agent->writing_sequence});
}

static void start_commit(struct agent *agent)
{
    agent->commit_work.data = agent;
    ASSERT(uv_queue_work(agent->loop, &agent->commit_work, commit_in_worker, commit_done) == 0);
}

static void on_gathered(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent->filling_urgent = true;
    state_commit(agent);
}

/* What is known of other members is nobody's promise, and comes in swarms: it waits for company. */
void state_commit(struct agent *agent)
{
    if (agent->committing || disk_batch_count(agent->filling) == 0)
        return;
    if (!agent->filling_urgent && !agent->closing) {
        if (!uv_is_active((uv_handle_t *)&agent->commit_gather))
            (void)uv_timer_start(&agent->commit_gather, on_gathered, COMMIT_GATHER_MS, 0);
        return;
    }
    agent->filling_urgent = false;
    (void)uv_timer_stop(&agent->commit_gather);
    struct disk_batch *batch = agent->filling;
    agent->filling = agent->writing;
    agent->writing = batch;
    agent->writing_sequence = agent->filling_sequence;
    agent->committing = true;
    start_commit(agent);
}

/* The loop has ended: nothing is under way. What was not yet written is written now. */
void state_close(struct agent *agent)
{
    struct error error = ERROR_INIT;
    if (agent->disk != NULL && agent->writing != NULL) {
        if (disk_batch_count(agent->writing) > 0 &&
            disk_commit(agent->disk, agent->writing, &error) < 0)
            agent_log(agent, "the last changes could not be written: %s", error.message);
        if (disk_batch_count(agent->filling) > 0 &&
            disk_commit(agent->disk, agent->filling, &error) < 0)
            agent_log(agent, "the last changes could not be written: %s", error.message);
    }
    disk_batch_free(agent->filling);
    disk_batch_free(agent->writing);
    disk_close(agent->disk);
}
