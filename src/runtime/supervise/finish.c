/* Jobs after something has ended: what the cgroup knows, then everything is undone. */
#include <errno.h>
#include <stdio.h>

#include "../common/ip.h"
#include "../pod/shelf.h"
#include "base/memory.h"
#include "runtime_internal.h"
#include "volumes.h"

struct finish_job {
    struct worker_job job;
    struct container_life *container;
    uint32_t epoch;
    uint32_t attempt;
    bool oom_killed;
};

static void run_finish(struct worker_job *worker_job)
{
    struct finish_job *job = WORKER_JOB_OWNER(worker_job, struct finish_job);
    const struct pod_life *pod = job->container->pod;
    const struct groups *groups = &pod->runtime->groups;
    char leaf[RUNTIME_NAME_CHARS_MAX + 16];
    groups_leaf_name(leaf, sizeof(leaf), container_spec(job->container)->name, job->attempt);
    job->oom_killed = groups_oom_kills(groups, pod->spec.id, leaf) > 0;
    /* Processes left behind in a shared pid namespace are killed by this; what cannot be removed
     * yet goes with the pod, because the next attempt has a group of its own. */
    (void)groups_destroy(groups, pod->spec.id, leaf);
    volumes_discard_layer(pod, container_spec(job->container)->name);
}

static void done_finish(struct worker_job *worker_job, bool closing)
{
    struct finish_job *job = WORKER_JOB_OWNER(worker_job, struct finish_job);
    if (!closing) {
        runtime_empty_trash(job->container->pod->runtime);
        container_finished(job->container, job->epoch, job->oom_killed);
    }
    mem_free(job);
}

void job_finish_container(struct container_life *container)
{
    struct finish_job *job = MEM_NEW(struct finish_job);
    *job = (struct finish_job){.job = {.run = run_finish, .done = done_finish},
                               .container = container,
                               .epoch = container->epoch,
                               .attempt = container_record(container)->attempt};
    worker_post(&container->pod->runtime->worker, &job->job);
}

struct clear_job {
    struct worker_job job;
    struct pod_life *pod;
    bool discard;
    bool busy;
    bool failed;
    struct error error;
};

static void run_clear(struct worker_job *worker_job)
{
    struct clear_job *job = WORKER_JOB_OWNER(worker_job, struct clear_job);
    const struct runtime *runtime = job->pod->runtime;
    job->busy = groups_destroy(&runtime->groups, job->pod->spec.id, NULL) != 0;
    if (job->busy)
        return;
    struct address *address = &job->pod->worker_address;
    if (ip_is_set(address) && runtime->network.release != NULL)
        runtime->network.release(runtime->network.user, address);
    *address = (struct address){.port = 0};
    volumes_discard_layers(job->pod);
    if (job->discard)
        job->failed = shelf_discard(runtime->data_dir, job->pod->spec.id, &job->error) < 0;
}

static void done_clear(struct worker_job *worker_job, bool closing)
{
    struct clear_job *job = WORKER_JOB_OWNER(worker_job, struct clear_job);
    if (!closing)
        pod_life_cleared(job->pod, job->busy, job->discard, job->failed ? &job->error : NULL);
    mem_free(job);
}

void job_clear_pod(struct pod_life *pod, bool discard)
{
    struct clear_job *job = MEM_NEW(struct clear_job);
    *job = (struct clear_job){
        .job = {.run = run_clear, .done = done_clear}, .pod = pod, .discard = discard};
    worker_post(&pod->runtime->worker, &job->job);
}
